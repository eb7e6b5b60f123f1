//! `releases.json`: what was released of a twin, so that the next release can say what is new.

use models::Digest;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::package::Package;

/// The releases of a twin, by version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Releases {
    releases: Vec<Release>,
}

/// One release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Its version.
    pub version: Version,
    /// The package's.
    pub digest: Digest,
    /// The last calibration in it; 0 where there is none.
    pub calibration: u64,
}

/// A version is released once.
#[derive(Debug, thiserror::Error)]
#[error(
    "version {version} was released with the digest {}, and would now be {}: a release stays what it is, so choose another version",
    &released.as_str()[..16],
    &found.as_str()[..16]
)]
pub struct ReleasedError {
    /// The version.
    version: Version,
    /// The digest it has.
    released: Digest,
    /// The one it would have.
    found: Digest,
}

impl Releases {
    /// The newest release before a version.
    pub fn before(&self, version: &Version) -> Option<&Release> {
        let earlier = self.releases.iter().filter(|release| release.version < *version);
        earlier.max_by_key(|release| &release.version)
    }

    /// Takes a release down; the same one once more changes nothing.
    ///
    /// # Errors
    ///
    /// Where the version was released with another content.
    pub fn add(&mut self, package: &Package) -> Result<(), ReleasedError> {
        let (version, digest) = (&package.manifest.version, &package.digest);
        let same = self.releases.iter().find(|release| release.version == *version);
        if let Some(Release { digest: released, .. }) = same {
            if released == digest {
                return Ok(());
            }
            let (version, released) = (version.clone(), released.clone());
            return Err(ReleasedError { version, released, found: digest.clone() });
        }
        let calibration = package.manifest.calibrations.last().map_or(0, |last| last.number);
        let (version, digest) = (version.clone(), digest.clone());
        self.releases.push(Release { version, digest, calibration });
        self.releases.sort_by(|one, other| one.version.cmp(&other.version));
        Ok(())
    }
}
