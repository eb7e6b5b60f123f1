//! `snapshot.json`: what a package is, and where it comes from.

use models::{Applied, Digest, Signature};
use semver::Version;
use serde::{Deserialize, Serialize};

/// The format's name and version, the first thing a reader checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Format {
    /// The present format.
    #[serde(rename = "wondertwin.snapshot/1")]
    V1,
}

/// `snapshot.json`, the one file of a package that `checksums.txt` does not list.
///
/// The package's digest is that of this document without `signature`, in canonical form: it covers
/// `checksums.txt`, which covers every other file. So it depends neither on who signs nor on how
/// the archive is compressed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub(crate) format: Format,
    /// The twin's name.
    pub twin: String,
    /// The release.
    pub version: Version,
    /// Of `model/symbols.json`, which carries the release's version.
    pub model: Sum,
    /// The model before the first calibration.
    pub from: Base,
    /// The calibrations in it, in order of publication.
    pub calibrations: Vec<Contained>,
    /// What made the package.
    pub made_by: Maker,
    /// Of `checksums.txt`.
    pub checksums: Sum,
    /// Over the rest of this document.
    pub signature: Signature,
}

/// A digest of a file, or of a canonical document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// SHA-256.
    pub sha256: Digest,
}

/// The model a package's calibrations begin with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The twin's own version.
    pub version: String,
    /// Of the canonical model.
    pub sha256: Digest,
}

/// A calibration that a package contains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contained {
    /// Its place in the ledger.
    pub number: u64,
    /// Of its document.
    pub sha256: Digest,
    /// Of the model after it.
    pub model: Digest,
}

/// The program that made a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maker {
    /// The version of `wt`.
    pub wt: String,
}

impl Maker {
    /// This build; the workspace has one version.
    pub(crate) fn this() -> Self {
        Self { wt: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

impl From<&Applied> for Contained {
    fn from(applied: &Applied) -> Self {
        let Applied { number, sha256, model } = applied.clone();
        Self { number, sha256, model }
    }
}
