//! Packages: the same bytes anywhere, and nothing else is taken for one.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fs;
use std::io::Read as _;

use flate2::read::GzDecoder;
use models::{Model, SigningKey};
use proptest::prelude::*;
use snapshots::{Contents, Documents, Package, ReadError, Releases, UnpackError};

const MODEL: &str = r#"{"format": "wondertwin.model/1", "name": "notes", "version": "0.3.4",
    "routes": {"GET /notes/{id}": {"variants": {"200": {"body": {"types": {"object": true}}}}}}}"#;

fn contents(version: &str) -> Contents {
    let model: Model = serde_json::from_str(MODEL).unwrap();
    let documents = Documents::of_files(&[
        (
            "twin.json",
            r#"{"name": "notes", "webhooks": {"signature": {"secret": "whsec_test_secret"}}}"#,
        ),
        ("lua/handlers/pay.lua", "emit.status(204)\n"),
    ]);
    Contents::new("notes", &version.parse().unwrap(), model, &documents.unwrap()).unwrap()
}

fn key(file: &str) -> SigningKey {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    // As `SigningKey::save` writes it, with a secret that is the same in every run.
    fs::write(&path, format!("wondertwin ed25519 private key/1\n{file}\n")).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    SigningKey::load(&path).unwrap()
}

fn first_key() -> SigningKey {
    key("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=")
}

fn refusal(bytes: &[u8]) -> String {
    let error = Package::read(bytes, &[first_key().public()]).unwrap_err();
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[test]
fn a_package_reads_back_as_it_was_frozen() {
    let package = Package::sign(contents("1.2.0"), &first_key());
    let read = Package::read(&package.to_bytes(), &[first_key().public()]).unwrap();
    assert_eq!(read.manifest(), package.manifest());
    assert_eq!(read.model(), package.model());
    assert_eq!(read.behaviour(), package.behaviour());
    assert_eq!(read.model().version, "1.2.0");
    assert_eq!(read.behaviour().scripts.handlers["pay"], "emit.status(204)\n");
    let paths: Vec<_> = read.files().map(|(path, _)| path.to_owned()).collect();
    assert_eq!(
        paths,
        [
            "checksums.txt",
            "lua/handlers/pay.lua",
            "model/symbols.json",
            "snapshot.json",
            "twin.json"
        ]
    );
}

#[test]
fn the_digest_is_of_the_content_and_the_bytes_are_the_keys_too() {
    let one = Package::sign(contents("1.2.0"), &first_key());
    assert_eq!(one.to_bytes(), Package::sign(contents("1.2.0"), &first_key()).to_bytes());
    let other = Package::sign(contents("1.2.0"), &SigningKey::generate().unwrap());
    assert_eq!(one.digest(), other.digest());
    assert_ne!(one.to_bytes(), other.to_bytes());
    assert_ne!(one.digest(), Package::sign(contents("1.2.1"), &first_key()).digest());
    let name = one.file_name();
    assert_eq!(name, format!("twin-notes_1.2.0_{}.tar.gz", &one.digest().as_str()[..16]));
}

#[test]
fn a_changed_byte_anywhere_is_refused() {
    let sound = Package::sign(contents("1.2.0"), &first_key()).to_bytes();
    let trusted = [first_key().public()];
    for at in 0..sound.len() {
        let mut changed = sound.clone();
        changed[at] ^= 0x10;
        assert!(Package::read(&changed, &trusted).is_err(), "byte {at} of {}", sound.len());
    }
    for end in 0..sound.len() {
        assert!(Package::read(&sound[..end], &trusted).is_err(), "cut at {end}");
    }
}

#[test]
fn only_a_trusted_keys_package_is_taken() {
    let stranger = SigningKey::generate().unwrap();
    let told = refusal(&Package::sign(contents("1.2.0"), &stranger).to_bytes());
    assert!(told.contains(&stranger.public().id()) && told.contains("not trusted"), "{told}");
    let none = Package::read(&Package::sign(contents("1.2.0"), &first_key()).to_bytes(), &[]);
    assert!(matches!(none, Err(ReadError::Signature(_))));
}

#[test]
fn what_is_no_package_is_told_so() {
    assert_eq!(refusal(b""), "it is no package of a twin, which `wt freeze` makes");
    assert_eq!(refusal(b"PK\x03\x04"), "it is no package of a twin, which `wt freeze` makes");
}

#[test]
fn a_name_that_claims_another_digest_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let package = Package::sign(contents("1.2.0"), &first_key());
    let open = |name: &str| {
        let path = folder.path().join(name);
        fs::write(&path, package.to_bytes()).unwrap();
        Package::open(&path, &[first_key().public()])
    };
    assert!(open(&package.file_name()).is_ok());
    assert!(open("renamed.tar.gz").is_ok(), "a name without a digest claims none");
    let error = open("twin-notes_1.2.0_0123456789abcdef.tar.gz").unwrap_err();
    let ReadError::InFile { source, .. } = &error else { panic!("{error}") };
    assert!(matches!(**source, ReadError::Named { .. }), "{source}");
}

#[test]
fn unpacking_writes_a_new_folder_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("notes");
    let package = Package::sign(contents("1.2.0"), &first_key());
    package.unpack(&folder).unwrap();
    for (path, bytes) in package.files() {
        assert_eq!(fs::read(folder.join(path)).unwrap(), bytes, "{path}");
    }
    assert!(matches!(package.unpack(&folder), Err(UnpackError::Exists { .. })));
    let names: Vec<_> =
        fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["notes"], "no temporary folder stays");
    #[cfg(unix)]
    {
        let link = root.path().join("link");
        std::os::unix::fs::symlink("/nowhere", &link).unwrap();
        assert!(
            matches!(package.unpack(&link), Err(UnpackError::Exists { .. })),
            "a dangling link"
        );
    }
}

#[test]
fn a_credential_keeps_a_twin_from_being_frozen() {
    let model: Model = serde_json::from_str(MODEL).unwrap();
    let of = |path: &str, text: &str| {
        let documents = Documents::of_files(&[(path, text)]).unwrap();
        let made = Contents::new("notes", &"1.0.0".parse().unwrap(), model.clone(), &documents);
        made.map(|_| ()).unwrap_err().to_string()
    };
    let secret = "{\n \"webhooks\": {\"signature\": {\"secret\": \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"}}}";
    let told = of("twin.json", secret);
    assert!(told.starts_with("twin.json, line 2: `whsec_MfKQ…` looks like a credential"), "{told}");
    let told = of("lua/lib/keys.lua", "return 'sk_live_4eC39HqLyjWDarjtT1zdp7dc'");
    assert!(told.starts_with("lua/lib/keys.lua, line 1"), "{told}");
}

#[test]
fn every_twin_of_the_catalog_can_be_frozen() {
    // What stands in the catalog is public, and the look for credentials has to know it.
    let catalog = concat!(env!("CARGO_MANIFEST_DIR"), "/../twins/catalog");
    let mut twins = 0;
    for entry in fs::read_dir(catalog).unwrap() {
        let folder = entry.unwrap().path();
        let Ok(packed) = fs::File::open(folder.join("model/symbols.json.gz")) else { continue };
        twins += 1;
        let documents = Documents::load(&folder).unwrap();
        let mut text = Vec::new();
        GzDecoder::new(packed).read_to_end(&mut text).unwrap();
        let model = Model::from_bytes(&text, "symbols.json").unwrap();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        if let Err(error) = Contents::new(&name, &"1.0.0".parse().unwrap(), model, &documents) {
            panic!("{name}: {error}");
        }
    }
    assert_eq!(twins, 6);
}

#[test]
fn a_version_is_released_once_and_the_one_before_it_is_known() {
    let mut releases = Releases::default();
    for version in ["1.10.0", "1.2.0", "1.9.0"] {
        releases.add(&Package::sign(contents(version), &first_key())).unwrap();
    }
    let before = |version: &str| {
        let found = releases.before(&version.parse().unwrap());
        found.map(|release| release.version.to_string())
    };
    assert_eq!(before("1.11.0").as_deref(), Some("1.10.0"));
    assert_eq!(before("1.10.0").as_deref(), Some("1.9.0"));
    assert_eq!(before("1.2.0"), None);
    let again = Package::sign(contents("1.2.0"), &first_key());
    assert!(releases.add(&again).is_ok(), "the same once more");
    let model: Model = serde_json::from_str(&MODEL.replace("200", "201")).unwrap();
    let other =
        Contents::new("notes", &"1.2.0".parse().unwrap(), model, &Documents::default()).unwrap();
    let error = releases.add(&Package::sign(other, &first_key())).unwrap_err().to_string();
    assert!(error.starts_with("version 1.2.0 was released with the digest"), "{error}");
}

proptest! {
    #[test]
    fn nothing_but_the_package_itself_is_read(
        at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 1..16)
    ) {
        let sound = Package::sign(contents("1.2.0"), &first_key()).to_bytes();
        let mut changed = sound.clone();
        let at = at.index(changed.len());
        changed.splice(at..(at + bytes.len()).min(sound.len()), bytes);
        let read = Package::read(&changed, &[first_key().public()]);
        prop_assert_eq!(read.is_ok(), changed == sound);
    }
}
