//! The manifest of a session, and the sessions of a recording.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{EXCHANGES, MANIFEST};

/// The format this version writes.
pub const FORMAT: &str = "wrec/1";

/// `session.json`: what a finished session holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// `wrec/1`.
    pub format: String,
    /// The twin recorded, as in the folder's name.
    pub twin: String,
    /// What `wt record --tag` gave; `null` where nothing was.
    pub tag: Option<String>,
    /// When the session was opened, UTC.
    pub started_at: DateTime<Utc>,
    /// When it was closed, UTC; `null` for one that is being written or was cut short.
    pub finished_at: Option<DateTime<Utc>>,
    /// Lines of `exchanges.ndjson`; 0 until the session is finished.
    pub exchanges: u64,
    /// SHA-256 of `exchanges.ndjson`, lower-case hexadecimal; empty until the session is finished.
    pub sha256: String,
}

/// One session found on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The folder's name; sorts by time for recorded sessions.
    pub name: String,
    /// The folder.
    pub path: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
}

/// Why a manifest could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The folder or file could not be read or written.
    #[error("cannot access {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is no manifest.
    #[error("{path} is not a session manifest")]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// Written by a version this one does not know.
    #[error("{path} has format {found:?}, this version reads {FORMAT:?}")]
    Format {
        /// The file.
        path: PathBuf,
        /// Its `format`.
        found: String,
    },
}

/// The sessions of a recording (`recordings/NAME`), sorted by start and name.
///
/// With a `tag` only those that carry it. A session that was cut short is listed too; a folder that
/// is being imported is not. Empty where the folder does not exist.
///
/// # Errors
///
/// A folder that cannot be read, or a manifest that is none.
pub fn sessions(recording: &Path, tag: Option<&str>) -> Result<Vec<Session>, ManifestError> {
    let at = |source| ManifestError::Io { path: recording.to_owned(), source };
    let entries = match fs::read_dir(recording) {
        Ok(entries) => entries,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(fault) => return Err(at(fault)),
    };
    let mut sessions = Vec::new();
    for entry in entries {
        let path = entry.map_err(at)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || !path.join(EXCHANGES).is_file() {
            continue;
        }
        let manifest = Manifest::read(&path)?;
        if tag.is_none() || tag == manifest.tag.as_deref() {
            sessions.push(Session { name, path, manifest });
        }
    }
    sessions
        .sort_by(|a, b| (a.manifest.started_at, &a.name).cmp(&(b.manifest.started_at, &b.name)));
    Ok(sessions)
}

impl Manifest {
    /// The manifest in a session's folder.
    ///
    /// # Errors
    ///
    /// It cannot be read, is none, or is of another format.
    pub fn read(session: &Path) -> Result<Manifest, ManifestError> {
        let path = session.join(MANIFEST);
        let text =
            fs::read(&path).map_err(|source| ManifestError::Io { path: path.clone(), source })?;
        let manifest: Manifest = serde_json::from_slice(&text)
            .map_err(|source| ManifestError::Json { path: path.clone(), source })?;
        if manifest.format != FORMAT {
            return Err(ManifestError::Format { path, found: manifest.format });
        }
        Ok(manifest)
    }

    /// Writes it beside its place, then moves it there: it is whole or it is the former one.
    pub(super) fn write(&self, session: &Path) -> Result<(), ManifestError> {
        let path = session.join(MANIFEST);
        let beside = session.join(".session.json.new");
        let mut text = serde_json::to_vec_pretty(self).expect("strings, numbers and times");
        text.push(b'\n');
        let written = fs::File::create(&beside).and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            sync_folder(session)
        });
        written.map_err(|source| ManifestError::Io { path, source })
    }
}

/// Makes a rename or a new file outlive a crash of the machine.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}
