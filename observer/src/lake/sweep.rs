//! Files that are no part of the lake any more are removed.
//!
//! An import that crashed leaves files that no manifest names, and a compaction leaves the segments
//! it replaced. Both stay for a grace: a file may belong to an import that has not come to its end,
//! and somebody may be reading a segment that was replaced a moment ago.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use object_store::path::Path;

use super::store::{Lake, LakeError, manifest_path};
use super::table::Table;

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Manifests of segments in whose place others stand.
    pub segments: u64,
    /// Parquet files.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
}

/// Removes what has been no part of the twin's lake since a time, by the store's clock.
///
/// A crash in between leaves less to remove, and nothing that is read.
///
/// # Errors
///
/// Where the store fails.
pub async fn sweep(lake: &Lake, twin: &str, since: DateTime<Utc>) -> Result<Swept, LakeError> {
    // Files first: what is committed after this listing is named by the manifests read next.
    let mut files = Vec::new();
    for table in Table::ALL {
        files.extend(lake.list(&Path::from(format!("{}/twin={twin}", table.name()))).await?);
    }
    let manifests = lake.list(&Path::from(format!("segments/twin={twin}"))).await?;
    let written: HashMap<Path, DateTime<Utc>> =
        manifests.into_iter().map(|meta| (meta.location, meta.last_modified)).collect();
    let is_old =
        |id: &str| written.get(&manifest_path(twin, id)).is_some_and(|written| *written < since);
    let settled = lake.settled(twin).await?;
    let mut swept = Swept::default();
    let mut named: HashSet<&str> = HashSet::new();
    named.extend(settled.visible.iter().flat_map(|one| &one.files).map(|file| file.path.as_str()));
    for (segment, by) in &settled.hidden {
        // Hidden since what stands in its place was written.
        if is_old(by.as_deref().unwrap_or(&segment.id)) {
            lake.remove(&manifest_path(twin, &segment.id)).await?;
            swept.segments += 1;
        } else {
            named.extend(segment.files.iter().map(|file| file.path.as_str()));
        }
    }
    for file in files {
        if file.last_modified < since && !named.contains(file.location.as_ref()) {
            lake.remove(&file.location).await?;
            swept.files += 1;
            swept.bytes += file.size;
        }
    }
    Ok(swept)
}
