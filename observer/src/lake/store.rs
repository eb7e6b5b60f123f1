//! Where the lake is, and what it holds.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::{
    ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload, local::LocalFileSystem,
    path::Path,
};

use super::remote;
use super::segment::{Segment, SegmentFile};
use super::table::Table;
use super::visible::{Settled, settle};

/// Manifests read, or files asked after, at a time: a store far away answers many as fast as one.
const OBJECTS_AT_ONCE: usize = 16;

/// A lake at its URL.
#[derive(Debug, Clone)]
pub struct Lake {
    store: Arc<dyn ObjectStore>,
    /// The store of which the lake is a part, and the path to it.
    whole: (Arc<dyn ObjectStore>, Path),
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
    /// The URL, or what the environment adds to it, names no store.
    #[error(
        "the lake {url} cannot be opened: expected a folder or s3://BUCKET/PREFIX, with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and (for another store than Amazon's) AWS_ENDPOINT in the environment"
    )]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong.
        source: Box<object_store::Error>,
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
    /// A file that a manifest names was lost or cut.
    #[error(
        "the lake's file {path} is not as {manifest} says; restore it from a backup, or go on without its exchanges: `wt lake expire` lets old ones go, moving {manifest} away all of the segment"
    )]
    File {
        /// From the lake's root.
        path: String,
        /// The segment's manifest, from the lake's root.
        manifest: String,
        /// What is wrong with it.
        source: Damage,
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

/// What became of a file that a manifest names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It was removed.
    #[error("it is not there")]
    Missing,
    /// It was cut or written over.
    #[error("it has {found} bytes and was written with {written}")]
    Size {
        /// Bytes it has.
        found: u64,
        /// Bytes of it by the manifest.
        written: u64,
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
        Ok(Self { folder: Some(folder), ..Self::with_store(Arc::new(store)) })
    }

    /// The lake at a place: a folder, relative to `base` unless it is absolute, or `s3://BUCKET/PREFIX`.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be made or entered, or the URL is none of a store.
    pub fn open_at(place: &str, base: &std::path::Path) -> Result<Self, LakeError> {
        match place.split_once("://") {
            Some(("s3", _)) => {
                let bucket = remote::s3(place)?;
                let store = bucket.within();
                Ok(Self { store, whole: (bucket.store, bucket.prefix), folder: None })
            }
            Some(_) => Err(LakeError::Url {
                url: place.to_owned(),
                source: Box::new(object_store::Error::NotImplemented {
                    operation: "stores but S3".into(),
                    implementer: "the lake".into(),
                }),
            }),
            None => Self::open(&base.join(place)),
        }
    }

    /// Runs work on the store to its end, on a thread that may wait.
    ///
    /// # Panics
    ///
    /// Where the work does.
    pub fn wait<W>(&self, work: impl FnOnce(Self) -> W) -> W::Output
    where
        W: Future + Send + 'static,
        W::Output: Send + 'static,
    {
        let work = work(self.clone());
        if self.folder.is_some() {
            // Within a task of tokio's its work would be rationed, and who is told to come again later would wait for
            // a scheduler that stands behind this very call.
            return futures::executor::block_on(tokio::task::unconstrained(work));
        }
        let done = futures::executor::block_on(remote::runtime().spawn(work));
        done.expect("work on the store ends by itself")
    }

    /// The lake in an object store of the caller's.
    pub fn with_store(store: Arc<dyn ObjectStore>) -> Self {
        Self { whole: (Arc::clone(&store), Path::default()), store, folder: None }
    }

    /// The store that holds the lake, for engines that read Parquet themselves; files are at
    /// [`Lake::path_in_store`]. A view of the lake's part of it would not do: object metadata of
    /// `object_store`'s (0.13) names the whole path.
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.whole.0)
    }

    /// Where a file that a manifest names is in [`Lake::store`].
    pub fn path_in_store(&self, path: &str) -> Path {
        self.whole.1.parts().chain(Path::from(path).parts()).collect()
    }

    /// The twin's segments that are to be read, oldest data first.
    ///
    /// # Errors
    ///
    /// Where the store fails or a manifest is unreadable.
    pub async fn segments(&self, twin: &str) -> Result<Vec<Segment>, LakeError> {
        let mut visible = self.settled(twin).await?.visible;
        // Nothing is left of what these stand for.
        visible.retain(|segment| !segment.is_gone());
        Ok(visible)
    }

    /// All that manifests name, told apart.
    pub(super) async fn settled(&self, twin: &str) -> Result<Settled, LakeError> {
        let found = self.list(&Path::from(format!("segments/twin={twin}"))).await?;
        let read = found.into_iter().map(|meta| {
            let lake = self.clone();
            async move { lake.manifest(&meta.location).await }
        });
        let segments = futures::stream::iter(read).buffer_unordered(OBJECTS_AT_ONCE);
        // A manifest removed since the listing was replaced before it.
        let segments: Vec<Option<Segment>> = segments.try_collect().await?;
        Ok(settle(segments.into_iter().flatten().collect()))
    }

    /// Makes sure that the segments' files are there and of the size written. Engines take a file that
    /// is not there for one without rows.
    ///
    /// # Errors
    ///
    /// Where one is not, or the store fails.
    pub async fn check_files(&self, segments: &[Segment]) -> Result<(), LakeError> {
        let checks: Vec<_> = segments
            .iter()
            .flat_map(|segment| segment.files.iter().map(move |file| (segment, file)))
            .map(|(segment, file)| {
                self.clone().check_file(manifest_path(&segment.twin, &segment.id), file.clone())
            })
            .collect();
        futures::stream::iter(checks).buffer_unordered(OBJECTS_AT_ONCE).try_collect().await
    }

    async fn check_file(self, manifest: Path, file: SegmentFile) -> Result<(), LakeError> {
        let damage = match self.store.head(&Path::from(file.path.as_str())).await {
            Ok(meta) if meta.size == file.bytes => return Ok(()),
            Ok(meta) => Damage::Size { found: meta.size, written: file.bytes },
            Err(object_store::Error::NotFound { .. }) => Damage::Missing,
            Err(source) => {
                return Err(LakeError::Store {
                    doing: "read",
                    path: file.path,
                    source: Box::new(source),
                });
            }
        };
        Err(LakeError::File { path: file.path, manifest: manifest.to_string(), source: damage })
    }

    /// Every object below a folder of the lake.
    pub(super) async fn list(&self, folder: &Path) -> Result<Vec<ObjectMeta>, LakeError> {
        let fault = |source| LakeError::Store {
            doing: "list",
            path: folder.to_string(),
            source: Box::new(source),
        };
        self.store.list(Some(folder)).try_collect().await.map_err(fault)
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

    /// The segment of this id, committed once; where another stands in its place by now, what that
    /// one says of it.
    ///
    /// # Errors
    ///
    /// Where the store fails or a manifest is unreadable.
    pub fn find(&self, twin: &str, id: &str) -> Result<Option<Segment>, LakeError> {
        let (twin, id) = (twin.to_owned(), id.to_owned());
        self.wait(|lake| async move {
            if let Some(segment) = lake.manifest(&manifest_path(&twin, &id)).await? {
                return Ok(Some(segment));
            }
            Ok(lake.settled(&twin).await?.visible.iter().find_map(|segment| {
                let replaced = segment.replaces.iter().find(|replaced| replaced.id == id)?;
                Some(Segment {
                    id: id.clone(),
                    exchanges: replaced.exchanges,
                    from_us: replaced.from_us,
                    to_us: replaced.to_us,
                    skipped: BTreeMap::new(),
                    dropped: 0,
                    files: Vec::new(),
                    replaces: Vec::new(),
                    ..segment.clone()
                })
            }))
        })
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

    /// Writes one object where there is none. Of two who do so at once one does, where the store can
    /// tell; where it cannot, the last.
    pub(super) async fn put_if_none(&self, path: &Path, bytes: Bytes) -> Result<(), LakeError> {
        let payload = PutPayload::from_bytes(bytes.clone());
        match self.store.put_opts(path, payload, PutMode::Create.into()).await {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            Err(_) => self.put(path, bytes).await,
        }
    }

    /// Writes an object that is none of the lake's and removes it again: whether it can be written to.
    ///
    /// # Errors
    ///
    /// Where the store fails (a full disk, say).
    pub async fn exercise(&self) -> Result<(), LakeError> {
        // Named by the process: daemons of several projects may share a lake.
        let path = Path::from(format!(".health-{}", std::process::id()));
        self.put(&path, Bytes::from_static(&[0; 4096])).await?;
        self.remove(&path).await?;
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

    /// One object's bytes.
    pub(super) async fn read(&self, path: &Path) -> Result<Bytes, LakeError> {
        let fault = |source| LakeError::Store {
            doing: "read",
            path: path.to_string(),
            source: Box::new(source),
        };
        self.store.get(path).await.map_err(fault)?.bytes().await.map_err(fault)
    }

    /// One object's bytes; `None` where there is none.
    pub(super) async fn read_if_there(&self, path: &Path) -> Result<Option<Bytes>, LakeError> {
        match self.read(path).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(LakeError::Store { source, .. })
                if matches!(*source, object_store::Error::NotFound { .. }) =>
            {
                Ok(None)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Removes one object; one that is not there is no fault.
    pub(super) async fn remove(&self, path: &Path) -> Result<(), LakeError> {
        match self.store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(LakeError::Store {
                doing: "remove",
                path: path.to_string(),
                source: Box::new(source),
            }),
        }
    }

    /// A manifest; `None` where there is none.
    async fn manifest(&self, path: &Path) -> Result<Option<Segment>, LakeError> {
        let refuse = |source| LakeError::Manifest { path: path.to_string(), source };
        let Some(bytes) = self.read_if_there(path).await? else { return Ok(None) };
        let segment: Segment = serde_json::from_slice(&bytes).map_err(refuse)?;
        match segment.problem() {
            Some(problem) => Err(refuse(serde::de::Error::custom(problem))),
            None => Ok(Some(segment)),
        }
    }
}

pub(super) fn manifest_path(twin: &str, id: &str) -> Path {
    Path::from(format!("segments/twin={twin}/{id}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_on_a_folder_ends_within_a_task_however_much_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path()).unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            // More than a task is let do at a time.
            runtime.block_on(async {
                lake.wait(|lake| async move {
                    for _ in 0..1000 {
                        lake.segments("none").await.unwrap();
                    }
                });
            });
            tell.send(()).unwrap();
        });
        told.recv_timeout(std::time::Duration::from_mins(1)).expect("it ends");
    }
}
