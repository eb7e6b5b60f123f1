//! Where the lake is, and what it holds.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::{
    ObjectStore, ObjectStoreExt as _, PutPayload, local::LocalFileSystem, path::Path,
};

use super::segment::Segment;
use super::table::Table;

/// A lake at its URL.
#[derive(Debug, Clone)]
pub struct Lake {
    store: Arc<dyn ObjectStore>,
    /// The folder of a local lake, for messages and for forcing writes to the disk.
    folder: Option<PathBuf>,
}

/// Why the lake could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The folder is missing and cannot be made, or is no folder.
    #[error("the lake's folder {folder} cannot be opened or made")]
    Folder {
        /// The folder.
        folder: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// An object could not be read, written or listed.
    #[error("the lake cannot {doing} {path}")]
    Store {
        /// `read`, `write`, `list` or `remove`.
        doing: &'static str,
        /// From the lake's root.
        path: String,
        /// What the store said.
        source: Box<object_store::Error>,
    },
    /// A segment's manifest is not one.
    #[error(
        "the lake's segment {path} is not a manifest this version reads; move the file away to go on without its exchanges"
    )]
    Manifest {
        /// From the lake's root.
        path: String,
        /// Where it breaks off.
        source: serde_json::Error,
    },
    /// Rows could not be turned into Parquet.
    #[error("the lake's table {table} cannot be written")]
    Parquet {
        /// The table.
        table: &'static str,
        /// What the writer said.
        source: parquet::errors::ParquetError,
    },
}

/// Size of one table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TableStats {
    /// Parquet files.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Their size.
    pub bytes: u64,
}

impl Lake {
    /// The lake in a local folder, made where it is missing.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be made or entered.
    pub fn open(folder: &std::path::Path) -> Result<Self, LakeError> {
        let fault = |source| LakeError::Folder { folder: folder.display().to_string(), source };
        std::fs::create_dir_all(folder).map_err(fault)?;
        let folder = folder.canonicalize().map_err(fault)?;
        let store = LocalFileSystem::new_with_prefix(&folder).map_err(|source| {
            LakeError::Store { doing: "list", path: String::new(), source: Box::new(source) }
        })?;
        Ok(Self { store: Arc::new(store), folder: Some(folder) })
    }

    /// The lake in an object store of the caller's.
    pub fn with_store(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, folder: None }
    }

    /// The store, for engines that read Parquet themselves.
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    /// The twin's segments, oldest data first.
    ///
    /// # Errors
    ///
    /// Where the store fails or a manifest is unreadable.
    pub async fn segments(&self, twin: &str) -> Result<Vec<Segment>, LakeError> {
        let prefix = Path::from(format!("segments/twin={twin}"));
        let fault = |source| LakeError::Store {
            doing: "list",
            path: prefix.to_string(),
            source: Box::new(source),
        };
        let found: Vec<_> = self.store.list(Some(&prefix)).try_collect().await.map_err(fault)?;
        let mut segments = Vec::with_capacity(found.len());
        for meta in found {
            segments.push(self.manifest(&meta.location).await?);
        }
        segments.sort_by(|one, other| (one.from_us, &one.id).cmp(&(other.from_us, &other.id)));
        Ok(segments)
    }

    /// The twins that have segments, by name.
    ///
    /// # Errors
    ///
    /// Where the store fails.
    pub async fn twins(&self) -> Result<Vec<String>, LakeError> {
        let prefix = Path::from("segments");
        let fault = |source| LakeError::Store {
            doing: "list",
            path: prefix.to_string(),
            source: Box::new(source),
        };
        let listed = self.store.list_with_delimiter(Some(&prefix)).await.map_err(fault)?;
        let names = listed.common_prefixes.iter().filter_map(|folder| folder.filename());
        let mut twins: Vec<_> =
            names.filter_map(|name| name.strip_prefix("twin=")).map(str::to_owned).collect();
        twins.sort();
        Ok(twins)
    }

    /// Whether the segment is committed.
    ///
    /// # Errors
    ///
    /// Where the store fails.
    pub async fn has_segment(&self, twin: &str, id: &str) -> Result<bool, LakeError> {
        let path = manifest_path(twin, id);
        match self.store.head(&path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(LakeError::Store {
                doing: "read",
                path: path.to_string(),
                source: Box::new(source),
            }),
        }
    }

    /// Names the segment's files as part of the lake; they must have been written before.
    ///
    /// # Errors
    ///
    /// Where the store fails; the lake is then as it was.
    ///
    /// # Panics
    ///
    /// Never: a manifest is representable in JSON.
    pub async fn commit(&self, segment: &Segment) -> Result<(), LakeError> {
        let json = serde_json::to_vec_pretty(segment).expect("a manifest's keys are strings");
        self.put(&manifest_path(&segment.twin, &segment.id), json.into()).await
    }

    /// Writes one object, on the disk when this returns.
    ///
    /// # Errors
    ///
    /// Where the store fails (a full disk, say).
    pub async fn put(&self, path: &Path, bytes: Bytes) -> Result<(), LakeError> {
        let fault = |source| LakeError::Store {
            doing: "write",
            path: path.to_string(),
            source: Box::new(source),
        };
        self.store.put(path, PutPayload::from_bytes(bytes)).await.map_err(fault)?;
        if let Some(folder) = &self.folder {
            let file = folder.join(path.as_ref());
            let force =
                |path: &std::path::Path| std::fs::File::open(path).and_then(|file| file.sync_all());
            // The name has to survive as well as the bytes.
            let forced = force(&file).and_then(|()| file.parent().map_or(Ok(()), force));
            forced.map_err(|source| {
                fault(object_store::Error::Generic { store: "local", source: Box::new(source) })
            })?;
        }
        Ok(())
    }

    /// Sizes by table, of one twin's segments or of all.
    ///
    /// # Errors
    ///
    /// As [`Lake::segments`].
    pub async fn stats(&self, twin: &str) -> Result<BTreeMap<String, TableStats>, LakeError> {
        let mut stats: BTreeMap<_, TableStats> = Table::ALL
            .iter()
            .map(|table| (table.name().to_owned(), TableStats::default()))
            .collect();
        for file in self.segments(twin).await?.into_iter().flat_map(|segment| segment.files) {
            let table = stats.entry(file.table).or_default();
            table.files += 1;
            table.rows += file.rows;
            table.bytes += file.bytes;
        }
        Ok(stats)
    }

    async fn manifest(&self, path: &Path) -> Result<Segment, LakeError> {
        let fault = |source| LakeError::Store {
            doing: "read",
            path: path.to_string(),
            source: Box::new(source),
        };
        let bytes = self.store.get(path).await.map_err(fault)?.bytes().await.map_err(fault)?;
        serde_json::from_slice(&bytes)
            .map_err(|source| LakeError::Manifest { path: path.to_string(), source })
    }
}

fn manifest_path(twin: &str, id: &str) -> Path {
    Path::from(format!("segments/twin={twin}/{id}.json"))
}
