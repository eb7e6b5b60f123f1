//! Ed25519 signatures over the canonical form of JSON documents.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::disk::{self, Access};
use crate::{Digest, canonical_json};

/// The one algorithm (RFC 8032), as a signature names it.
const ALGORITHM: &str = "ed25519";
/// First line of a private key's file.
const KEY_HEADER: &str = "wondertwin ed25519 private key/1";
/// The member of a document its signature stands in, and does not cover.
const SIGNATURE: &str = "signature";

/// A private key; it signs calibrations and decisions, and stands in `.wt/keys/`.
///
/// On disk: a header line and a line of 32 bytes in base64, readable by its owner alone.
pub struct SigningKey(ed25519_dalek::SigningKey);

/// What verifies a private key's signatures: base64 of 32 bytes, in `trusted_keys` of
/// `wondertwin.json`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

/// A signature as it stands in a document.
///
/// The algorithm and the key are text, so that one this version does not know is an answer
/// ([`VerifyError`]) and not a document that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// `ed25519`.
    pub alg: String,
    /// Which key: [`PublicKey::id`].
    pub key: String,
    /// 64 bytes in base64.
    pub value: String,
}

/// Why there is no private key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file could not be read or written.
    #[error("the private key {path} cannot be read or written")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is a key already, and it is not overwritten.
    #[error("there is a private key in {path} already")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Others than its owner can read it.
    #[error(
        "the private key {path} can be read by others (mode {mode:03o}): run `chmod 600` on it"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is not two lines, a header and 32 bytes of base64.
    #[error("{path} is not a private key: expected a line `{KEY_HEADER}`, then 32 bytes in base64")]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// The system gave no random bytes.
    #[error("no random bytes for a new private key")]
    Random(#[source] getrandom::Error),
}

/// Why a text is no public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a public key: expected 32 bytes in base64, as `trusted_keys` holds them")]
pub struct PublicKeyError(String);

/// Why a signature is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The document has no signature, or not one of three texts.
    #[error("it has no `signature` with `alg`, `key` and `value`")]
    Unsigned,
    /// Made by an algorithm this version does not know.
    #[error("it is signed with the algorithm `{alg}`, expected `{ALGORITHM}`")]
    UnknownAlgorithm {
        /// What the signature names.
        alg: String,
    },
    /// Made with a key that is not trusted.
    #[error(
        "it is signed with the key {key}, which is not trusted: add its public key to `trusted_keys` in wondertwin.json if it should be"
    )]
    UnknownKey {
        /// What the signature names.
        key: String,
    },
    /// The value is not 64 bytes in base64.
    #[error("its signature by the key {key} is not 64 bytes in base64")]
    NotASignature {
        /// The key named.
        key: String,
    },
    /// The document is not the one that was signed.
    #[error("its signature by the key {key} does not match: it was changed after it was signed")]
    DoesNotMatch {
        /// The key named.
        key: String,
    },
}

impl SigningKey {
    /// A new key, from the system's random bytes.
    ///
    /// # Errors
    ///
    /// Where the system has none.
    pub fn generate() -> Result<Self, KeyError> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(KeyError::Random)?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&secret)))
    }

    /// The project's key: the file's, or a new one put there where there is none.
    ///
    /// Of two processes that start at once, both have the same key in the end.
    ///
    /// # Errors
    ///
    /// As [`SigningKey::load`] and [`SigningKey::save`].
    pub fn load_or_generate(path: &Path) -> Result<Self, KeyError> {
        match Self::load(path) {
            Err(KeyError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            loaded => return loaded,
        }
        let key = Self::generate()?;
        match key.save(path) {
            Err(KeyError::Exists { .. }) => Self::load(path),
            saved => saved.map(|()| key),
        }
    }

    /// Reads a key's file.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, can be read by others than its owner, or holds no key.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let io = |source| KeyError::Io { path: path.to_owned(), source };
        let text = fs::read(path).map_err(io)?;
        check_private(path, &fs::metadata(path).map_err(io)?)?;
        parse_key(&text).ok_or_else(|| KeyError::NotAKey { path: path.to_owned() })
    }

    /// Writes the key's file, mode 0600 from its first moment, and its folder where there is none.
    ///
    /// # Errors
    ///
    /// Where it cannot be written, and where there is one already.
    pub fn save(&self, path: &Path) -> Result<(), KeyError> {
        let io = |source| KeyError::Io { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(io)?;
        }
        let text = format!("{KEY_HEADER}\n{}\n", STANDARD.encode(self.0.as_bytes()));
        disk::write_new(path, text.as_bytes(), Access::Private).map_err(|source| {
            match source.kind() {
                ErrorKind::AlreadyExists => KeyError::Exists { path: path.to_owned() },
                _ => io(source),
            }
        })
    }

    /// What verifies its signatures.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a document's canonical form, without the member `signature` where it has one.
    pub fn sign(&self, document: &Value) -> Signature {
        let signature = self.0.sign(signed_text(document).as_bytes());
        Signature {
            alg: ALGORITHM.to_owned(),
            key: self.public().id(),
            value: STANDARD.encode(signature.to_bytes()),
        }
    }
}

/// Names the key and does not show it.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public().id())
    }
}

impl PublicKey {
    /// The key's short name: the first 16 hex digits of its SHA-256.
    pub fn id(&self) -> String {
        Digest::of_bytes(self.0.as_bytes()).as_str()[..16].to_owned()
    }

    /// Whether the key made the signature, over this document's canonical form without its member
    /// `signature`.
    ///
    /// # Errors
    ///
    /// Where it did not.
    pub fn verify(&self, document: &Value, signature: &Signature) -> Result<(), VerifyError> {
        verify_by(std::slice::from_ref(self), document, signature)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        let bytes = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes
            .and_then(|bytes| ed25519_dalek::VerifyingKey::from_bytes(&bytes).ok())
            // Under a key of small order a signature holds for any text.
            .filter(|key| !key.is_weak())
            .map(Self)
            .ok_or_else(|| PublicKeyError(text.to_owned()))
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Whether a document's own `signature` is one of the trusted keys' over the rest of it.
///
/// The document is taken as it was read and not as a type holds it, so that members a later
/// version added are covered too.
///
/// # Errors
///
/// Where it is not.
pub fn verify_signed(document: &Value, trusted: &[PublicKey]) -> Result<(), VerifyError> {
    let signature = document.get(SIGNATURE).ok_or(VerifyError::Unsigned)?;
    let signature = Signature::deserialize(signature).map_err(|_| VerifyError::Unsigned)?;
    verify_by(trusted, document, &signature)
}

fn verify_by(
    trusted: &[PublicKey],
    document: &Value,
    signature: &Signature,
) -> Result<(), VerifyError> {
    let Signature { alg, key, value } = signature;
    if alg != ALGORITHM {
        return Err(VerifyError::UnknownAlgorithm { alg: alg.clone() });
    }
    let public = trusted
        .iter()
        .find(|one| one.id() == *key)
        .ok_or_else(|| VerifyError::UnknownKey { key: key.clone() })?;
    let bytes: [u8; 64] = STANDARD
        .decode(value)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| VerifyError::NotASignature { key: key.clone() })?;
    // The strict check admits one signature a text and key, so a signed document has one digest.
    public
        .0
        .verify_strict(
            signed_text(document).as_bytes(),
            &ed25519_dalek::Signature::from_bytes(&bytes),
        )
        .map_err(|_| VerifyError::DoesNotMatch { key: key.clone() })
}

/// What a signature covers.
fn signed_text(document: &Value) -> String {
    match document {
        Value::Object(members) if members.contains_key(SIGNATURE) => {
            let mut unsigned = members.clone();
            unsigned.remove(SIGNATURE);
            canonical_json(&Value::Object(unsigned))
        }
        other => canonical_json(other),
    }
}

fn parse_key(text: &[u8]) -> Option<SigningKey> {
    let mut lines = std::str::from_utf8(text).ok()?.lines();
    let (header, key) = (lines.next()?, lines.next()?);
    let secret = STANDARD.decode(key).ok()?.try_into().ok()?;
    (header == KEY_HEADER && lines.next().is_none())
        .then(|| SigningKey(ed25519_dalek::SigningKey::from_bytes(&secret)))
}

#[cfg(unix)]
fn check_private(path: &Path, metadata: &fs::Metadata) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt;
    match metadata.permissions().mode() & 0o777 {
        mode if mode & 0o077 != 0 => Err(KeyError::Exposed { path: path.to_owned(), mode }),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn check_private(_: &Path, _: &fs::Metadata) -> Result<(), KeyError> {
    Ok(())
}

#[cfg(test)]
impl SigningKey {
    /// A key that is the same in every run.
    pub(crate) fn from_secret(secret: [u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(&secret))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn signed(document: &Value, key: &SigningKey) -> Value {
        let mut signed = document.clone();
        signed["signature"] = serde_json::to_value(key.sign(document)).unwrap();
        signed
    }

    #[test]
    fn a_signature_holds_for_its_document_however_it_is_spelled() {
        let key = SigningKey::generate().unwrap();
        let text = signed(&json!({"a": 1.0, "b": [null]}), &key).to_string();
        let respelled: Value = serde_json::from_str(&text.replace("1.0", "1")).unwrap();
        assert_eq!(verify_signed(&respelled, &[key.public()]), Ok(()));
    }

    #[test]
    fn each_way_a_signature_can_be_wrong_is_told_apart() {
        let key = SigningKey::generate().unwrap();
        let (trusted, id) = ([key.public()], key.public().id());
        let good = signed(&json!({"a": 1}), &key);
        let wrong = |change: fn(&mut Value)| {
            let mut document = good.clone();
            change(&mut document);
            verify_signed(&document, &trusted).unwrap_err()
        };

        assert_eq!(wrong(|d| d["a"] = json!(2)), VerifyError::DoesNotMatch { key: id.clone() });
        assert_eq!(
            wrong(|d| d["signature"]["value"] = json!("AAAA")),
            VerifyError::NotASignature { key: id }
        );
        assert_eq!(
            wrong(|d| d["signature"]["alg"] = json!("rsa")),
            VerifyError::UnknownAlgorithm { alg: "rsa".into() }
        );
        assert_eq!(wrong(|d| d["signature"] = json!(7)), VerifyError::Unsigned);

        let other = SigningKey::generate().unwrap().public();
        let error = verify_signed(&good, &[other]).unwrap_err();
        assert_eq!(error, VerifyError::UnknownKey { key: key.public().id() });
    }

    #[test]
    fn no_flipped_bit_of_a_signature_is_accepted() {
        let key = SigningKey::from_secret([7; 32]);
        let document = json!({"a": 1});
        let signature = key.sign(&document);
        let bytes = STANDARD.decode(&signature.value).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let value = STANDARD.encode(flipped);
            let changed = Signature { value, ..signature.clone() };
            assert!(key.public().verify(&document, &changed).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_public_key_reads_back_from_its_text_and_a_weak_one_is_none() {
        // RFC 8032, section 7.1, test 1.
        let secret = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
        let public = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
        let secret = STANDARD.decode(secret).unwrap().try_into().unwrap();
        let key = SigningKey::from_secret(secret).public();
        assert_eq!(key.to_string(), public);
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!(key.id(), "21fe31dfa154a261");

        let of_order_one = STANDARD.encode([&[1][..], &[0; 31]].concat());
        for text in ["", "abc", "AAAA", of_order_one.as_str()] {
            assert_eq!(text.parse::<PublicKey>(), Err(PublicKeyError(text.to_owned())));
        }
    }

    #[test]
    fn a_private_key_is_kept_in_a_file_of_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".wt/keys/ledger.key");
        let key = SigningKey::load_or_generate(&path).unwrap();
        let again = SigningKey::load_or_generate(&path).unwrap();
        assert_eq!(again.public(), key.public());
        assert!(matches!(key.save(&path), Err(KeyError::Exists { .. })));

        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            let error = SigningKey::load(&path).unwrap_err();
            assert!(matches!(error, KeyError::Exposed { mode: 0o644, .. }));
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        fs::write(&path, "ssh-ed25519 AAAA").unwrap();
        assert!(matches!(SigningKey::load(&path), Err(KeyError::NotAKey { .. })));
    }
}
