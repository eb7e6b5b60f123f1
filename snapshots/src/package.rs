//! A package: a twin that stays as it is.

use std::fmt::Write as _;

use models::behaviour::Behaviour;
use models::{Digest, Model, Signature, SigningKey, canonical_json};
use serde_json::Value;

use crate::archive::{self, Files};
use crate::contents::Contents;
use crate::manifest::{Format, Maker, Manifest, Sum};

/// The manifest's path in a package.
pub(crate) const MANIFEST: &str = "snapshot.json";
/// SHA-256 and path of every other file but itself, a line each, as `sha256sum -c` reads them.
pub(crate) const CHECKSUMS: &str = "checksums.txt";
/// Digits of the digest in a file's name.
const NAMED_DIGITS: usize = 16;

/// A frozen twin: signed, verified, and never another.
#[derive(Debug, Clone)]
pub struct Package {
    pub(crate) manifest: Manifest,
    pub(crate) digest: Digest,
    pub(crate) model: Model,
    pub(crate) behaviour: Behaviour,
    /// Every file, the manifest included.
    pub(crate) files: Files,
}

impl Package {
    /// Freezes a twin. The same contents, `wt` and key make the same bytes.
    ///
    /// # Panics
    ///
    /// Never: a manifest's members are texts and numbers.
    pub fn sign(contents: Contents, key: &SigningKey) -> Self {
        let Contents { twin, version, model, behaviour, origin, mut files } = contents;
        let checksums = checksums(&files);
        let mut manifest = Manifest {
            format: Format::V1,
            twin,
            version,
            model: Sum { sha256: Digest::of(&model) },
            from: origin.base,
            calibrations: origin.calibrations,
            made_by: Maker::this(),
            checksums: Sum { sha256: Digest::of_bytes(checksums.as_bytes()) },
            // A signature does not cover itself, so any stands in for it until it is made.
            signature: key.sign(&Value::Null),
        };
        let value = |manifest: &Manifest| {
            serde_json::to_value(manifest).expect("a manifest's members are texts and numbers")
        };
        manifest.signature = key.sign(&value(&manifest));
        let document = value(&manifest);
        files.insert(CHECKSUMS.to_owned(), checksums.into_bytes());
        files.insert(MANIFEST.to_owned(), (canonical_json(&document) + "\n").into_bytes());
        Self { manifest, digest: digest_of(document), model, behaviour, files }
    }

    /// The archive: a `.tar.gz` that common tools unpack.
    pub fn to_bytes(&self) -> Vec<u8> {
        archive::pack(&self.files)
    }

    /// What it is called: of its manifest without the signature, and so of all in it, whoever
    /// signed it.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// `twin-NAME_VERSION_DIGEST.tar.gz`, with the first 16 digits of the digest.
    ///
    /// # Source
    ///
    /// The published archives' names (`twin-{name}_{Version}_{Os}_{Arch}`): a package of data is
    /// the same on every system.
    pub fn file_name(&self) -> String {
        let Manifest { twin, version, .. } = &self.manifest;
        format!("twin-{twin}_{version}_{}{ENDING}", &self.digest.as_str()[..NAMED_DIGITS])
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Who signed it.
    pub fn signature(&self) -> &Signature {
        &self.manifest.signature
    }

    /// The model it serves.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What stands beside the model.
    pub fn behaviour(&self) -> &Behaviour {
        &self.behaviour
    }

    /// Every file by path, in the paths' order, the manifest included.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }
}

/// How a package's file ends.
const ENDING: &str = ".tar.gz";

/// The digits of a digest that a file's name claims; none where it has another form.
pub(crate) fn digits_of_name(name: &str) -> Option<&str> {
    let stem = name.strip_prefix("twin-")?.strip_suffix(ENDING)?;
    let (_, digits) = stem.rsplit_once('_')?;
    let is_digest = digits.len() == NAMED_DIGITS
        && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_digest.then_some(digits)
}

/// The digest of a manifest's document.
pub(crate) fn digest_of(mut document: Value) -> Digest {
    if let Some(members) = document.as_object_mut() {
        members.remove("signature");
    }
    Digest::of_value(&document)
}

/// `checksums.txt` of files.
pub(crate) fn checksums(files: &Files) -> String {
    let mut text = String::new();
    for (path, bytes) in files {
        let _ = writeln!(text, "{}  {path}", Digest::of_bytes(bytes));
    }
    text
}
