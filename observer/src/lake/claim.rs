//! Whose pseudonyms a lake holds.
//!
//! `key.json` at the lake's root names the key, which itself stands on the machines that observe. With
//! another key the same objects would look like new ones, and nothing would ever tell.

use bytes::Bytes;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::store::{Lake, LakeError};
use crate::key::LakeKey;

/// Where the lake names its key.
const PATH: &str = "key.json";

/// The document there.
#[derive(Debug, Serialize, Deserialize)]
struct Named {
    format: NamedFormat,
    /// [`LakeKey::id`].
    key: String,
}

#[derive(Debug, Serialize, Deserialize)]
enum NamedFormat {
    #[serde(rename = "wondertwin.lake-key/1")]
    V1,
}

/// Why a key may not be used for a lake.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// What is there was made with another.
    #[error(
        "the lake's pseudonyms were made with the key {lakes} and this machine's is {own}: with two, what is new would not match what is old; put the lake's key in its place, or observe into a lake of its own"
    )]
    AnotherKey {
        /// Names the key that the lake was made with.
        lakes: String,
        /// Names the key at hand.
        own: String,
    },
    /// The lake names its key in a way that this version does not know.
    #[error("the lake's {PATH} does not name a key as this version does")]
    Unreadable {
        /// Where it breaks off.
        source: serde_json::Error,
    },
    /// The lake cannot be read or written.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

impl Lake {
    /// Makes sure that all pseudonyms of the lake are of this key. The first to ask gives it its name;
    /// a lake of an earlier version, which has none, is taken to be this key's.
    ///
    /// # Errors
    ///
    /// Where the lake holds what another key made, or cannot be read or written.
    pub fn claim(&self, key: &LakeKey) -> Result<(), ClaimError> {
        let own = key.id();
        self.wait(|lake| async move {
            if lake.key_id().await?.is_none() {
                lake.put_if_none(&path(), named(&own)).await?;
            }
            // Read again: another machine may have been first.
            match lake.key_id().await? {
                Some(lakes) if lakes != own => lake.claim_of(lakes, own).await,
                _ => Ok(()),
            }
        })
    }

    /// A lake that names another key and holds nothing yet has nothing that would not match.
    async fn claim_of(&self, lakes: String, own: String) -> Result<(), ClaimError> {
        if self.twins().await?.is_empty() {
            return Ok(self.put(&path(), named(&own)).await?);
        }
        Err(ClaimError::AnotherKey { lakes, own })
    }

    /// Names the key that the lake's pseudonyms were made with, where the lake does.
    ///
    /// # Errors
    ///
    /// Where the store fails or the document is unreadable.
    pub async fn key_id(&self) -> Result<Option<String>, ClaimError> {
        let Some(bytes) = self.read_if_there(&path()).await? else { return Ok(None) };
        let named: Named =
            serde_json::from_slice(&bytes).map_err(|source| ClaimError::Unreadable { source })?;
        Ok(Some(named.key))
    }
}

fn path() -> Path {
    Path::from(PATH)
}

fn named(key: &str) -> Bytes {
    let named = Named { format: NamedFormat::V1, key: key.to_owned() };
    serde_json::to_vec(&named).expect("two texts are JSON").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lake_that_holds_anything_takes_no_second_key() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path()).unwrap();
        let (one, other) = (LakeKey::new([1; 16]), LakeKey::new([2; 16]));
        lake.claim(&one).unwrap();
        lake.claim(&one).unwrap();
        // As long as nothing was observed.
        lake.claim(&other).unwrap();
        std::fs::create_dir_all(folder.path().join("segments/twin=shop")).unwrap();
        std::fs::write(folder.path().join("segments/twin=shop/a.json"), "{}").unwrap();
        lake.claim(&other).unwrap();
        let told = lake.claim(&one).unwrap_err().to_string();
        assert!(told.contains(&one.id()) && told.contains(&other.id()), "{told}");
    }

    #[test]
    fn a_lake_of_an_earlier_version_is_claimed_with_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("segments/twin=shop")).unwrap();
        std::fs::write(folder.path().join("segments/twin=shop/a.json"), "{}").unwrap();
        let lake = Lake::open(folder.path()).unwrap();
        lake.claim(&LakeKey::new([1; 16])).unwrap();
        assert!(lake.claim(&LakeKey::new([2; 16])).is_err());
        std::fs::write(folder.path().join("key.json"), "{").unwrap();
        let told = lake.claim(&LakeKey::new([1; 16])).unwrap_err().to_string();
        assert!(told.contains("key.json"), "{told}");
    }
}
