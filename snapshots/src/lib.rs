//! Frozen, reproducible packages, named by their digest.
//!
//! In: a model and the documents beside it ([`Documents`]), gathered as [`Contents`]. Out: a
//! [`Package`], signed, whose [bytes](Package::to_bytes) are the same wherever and whenever it is
//! made; and back, where [`Package::read`] refuses whatever is not exactly that.
//!
//! ```
//! use models::SigningKey;
//! use snapshots::{Contents, Documents, Package};
//!
//! let model = serde_json::from_str(r#"{
//!   "format": "wondertwin.model/1", "name": "notes", "version": "1.0.0", "routes": {}
//! }"#)?;
//! let documents = Documents::of_files(&[("twin.json", r#"{"name": "notes"}"#)])?;
//! let key = SigningKey::generate()?;
//! let contents = Contents::new("notes", &"1.2.0".parse()?, model, &documents)?;
//! let package = Package::sign(contents, &key);
//! let read = Package::read(&package.to_bytes(), &[key.public()])?;
//! assert_eq!(read.digest(), package.digest());
//! assert_eq!(read.model().version, "1.2.0");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Never takes a calibration: what is in a package is what is served. Never holds a recording, the
//! lake, evidence, a key or a setting of the maintainer's: a package is made of listed files alone,
//! and one that holds what looks like a credential is not made.
//!
//! The archive is ustar (POSIX.1-1988) in gzip (RFC 1952); digests are SHA-256, signatures Ed25519.

mod archive;
mod contents;
mod documents;
mod manifest;
mod package;
mod read;
mod releases;
mod secrets;
mod unpack;

pub use archive::Fault;
pub use contents::{Contents, ContentsError, Origin};
pub use documents::{DocumentError, Documents};
pub use manifest::{Base, Contained, Maker, Manifest, Sum};
pub use package::Package;
pub use read::ReadError;
pub use releases::{Release, ReleasedError, Releases};
pub use semver::Version;
pub use unpack::UnpackError;
