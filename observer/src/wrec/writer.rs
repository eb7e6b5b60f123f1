//! Writing a session: appended line by line, synced in groups, finished atomically.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use super::manifest::{FORMAT, Manifest, ManifestError, Session, sync_folder};
use super::{EXCHANGES, line};
use crate::exchange::RawExchange;

/// How many exchanges may be lost by a crash of the machine (none by a crash of the process).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Synced after so many.
    pub exchanges_max: u32,
    /// Or with the first exchange after so long.
    pub age_max: Duration,
}

/// 64 exchanges or a second.
const GROUP: Group = Group { exchanges_max: 64, age_max: Duration::from_secs(1) };

/// Appends exchanges to a session that this process alone writes.
///
/// Every exchange reaches the file as one write of whole lines. Dropped without
/// [`finish`](Self::finish), the session stays readable and its manifest says it is unfinished.
#[derive(Debug)]
pub struct RecordingWriter {
    folder: PathBuf,
    manifest: Manifest,
    file: File,
    hash: Sha256,
    buffer: Vec<u8>,
    group: Group,
    unsynced: u32,
    synced_at: Instant,
}

/// Why a session could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The folder or the file of exchanges could not be made or written.
    #[error("cannot write {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The manifest could not be written.
    #[error("the session's manifest cannot be written")]
    Manifest(#[from] ManifestError),
}

impl RecordingWriter {
    /// Opens a new session below `recording` (`recordings/NAME`), named by the time.
    ///
    /// The name is `YYYYMMDDTHHMMSS.mmmZ`, with `-2`, `-3`, … where that is taken.
    ///
    /// # Errors
    ///
    /// The folder cannot be made or written.
    pub fn create(recording: &Path, twin: &str, tag: Option<&str>) -> Result<Self, WriteError> {
        let started_at = Utc::now();
        fs::create_dir_all(recording).map_err(at(recording))?;
        let base = started_at.format("%Y%m%dT%H%M%S%.3fZ").to_string();
        let mut folder = recording.join(&base);
        let mut number = 1;
        while let Err(fault) = fs::create_dir(&folder) {
            if fault.kind() != io::ErrorKind::AlreadyExists {
                return Err(at(&folder)(fault));
            }
            number += 1;
            folder = recording.join(format!("{base}-{number}"));
        }
        let writer = RecordingWriter::open(folder, twin, tag, started_at)?;
        sync_folder(recording).map_err(at(recording))?;
        Ok(writer)
    }

    /// The same writer, synced as `group` says.
    #[must_use]
    pub fn synced_by(mut self, group: Group) -> RecordingWriter {
        self.group = group;
        self
    }

    fn open(
        folder: PathBuf,
        twin: &str,
        tag: Option<&str>,
        started_at: DateTime<Utc>,
    ) -> Result<RecordingWriter, WriteError> {
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            twin: twin.to_owned(),
            tag: tag.map(str::to_owned),
            started_at,
            finished_at: None,
            exchanges: 0,
            sha256: String::new(),
        };
        // The manifest first: a folder is a session once it holds the file of exchanges.
        manifest.write(&folder)?;
        let path = folder.join(EXCHANGES);
        let file =
            OpenOptions::new().append(true).create_new(true).open(&path).map_err(at(&path))?;
        Ok(RecordingWriter {
            folder,
            manifest,
            file,
            hash: Sha256::new(),
            buffer: Vec::new(),
            group: GROUP,
            unsynced: 0,
            synced_at: Instant::now(),
        })
    }

    /// The session's name, which is its folder's.
    pub fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Exchanges appended so far.
    pub fn exchanges(&self) -> u64 {
        self.manifest.exchanges
    }

    /// Appends one exchange, which must have been scrubbed.
    ///
    /// # Errors
    ///
    /// The file cannot be written; what was appended before stays.
    pub fn append(&mut self, exchange: &RawExchange<'_>) -> Result<(), WriteError> {
        self.buffer.clear();
        line::write(exchange, &mut self.buffer);
        let length = self.file.metadata().map_err(|fault| self.fault(fault))?.len();
        if let Err(fault) = self.file.write_all(&self.buffer) {
            // Half a line would make one of the next; cut it off. If that fails too, the reader
            // names the line.
            self.file.set_len(length).map_err(|fault| self.fault(fault))?;
            return Err(self.fault(fault));
        }
        self.hash.update(&self.buffer);
        self.manifest.exchanges += 1;
        self.unsynced += 1;
        if self.group.exchanges_max <= self.unsynced
            || self.group.age_max <= self.synced_at.elapsed()
        {
            self.sync()?;
        }
        Ok(())
    }

    /// Makes everything appended so far outlive a crash of the machine.
    ///
    /// # Errors
    ///
    /// The system could not.
    pub fn sync(&mut self) -> Result<(), WriteError> {
        if self.unsynced == 0 {
            return Ok(());
        }
        self.file.sync_data().map_err(|fault| self.fault(fault))?;
        self.unsynced = 0;
        self.synced_at = Instant::now();
        Ok(())
    }

    /// Closes the session: syncs it, then replaces its manifest by the final one.
    ///
    /// # Errors
    ///
    /// As [`sync`](Self::sync), or the manifest could not be written; the session then stays
    /// readable and unfinished.
    pub fn finish(mut self) -> Result<Session, WriteError> {
        self.sync()?;
        self.manifest.finished_at = Some(Utc::now());
        self.manifest.sha256 = hexadecimal(&self.hash.clone().finalize());
        self.manifest.write(&self.folder)?;
        Ok(Session { name: self.name(), path: self.folder, manifest: self.manifest })
    }

    fn fault(&self, source: io::Error) -> WriteError {
        WriteError::Io { path: self.folder.join(EXCHANGES), source }
    }
}

/// What became of a file handed to [`import`].
#[derive(Debug)]
pub enum Import {
    /// The same content is in the recording already, as this session.
    Known(Session),
    /// A session to append to and then [`Import::publish`].
    New {
        /// Writes into a hidden folder beside the session's place.
        writer: RecordingWriter,
        /// The session's place.
        session: PathBuf,
    },
}

/// Begins the import of a file with this content into a recording.
///
/// The session is named `import-` and the first 12 hexadecimal digits of the content's SHA-256, so
/// that the same content twice adds nothing. It appears with [`Import::publish`] and not before;
/// what an interrupted import left behind is removed by the next of the same content.
///
/// # Errors
///
/// The folders cannot be made or written, or the known session's manifest cannot be read.
pub fn import(
    recording: &Path,
    twin: &str,
    tag: Option<&str>,
    content_sha256: &[u8; 32],
) -> Result<Import, WriteError> {
    let name = format!("import-{}", &hexadecimal(content_sha256)[..12]);
    let session = recording.join(&name);
    if session.is_dir() {
        let manifest = Manifest::read(&session)?;
        return Ok(Import::Known(Session { name, path: session, manifest }));
    }
    fs::create_dir_all(recording).map_err(at(recording))?;
    let hidden = recording.join(format!(".{name}.{}", std::process::id()));
    if hidden.exists() {
        fs::remove_dir_all(&hidden).map_err(at(&hidden))?;
    }
    fs::create_dir(&hidden).map_err(at(&hidden))?;
    let writer = RecordingWriter::open(hidden, twin, tag, Utc::now())?;
    // Synced once, by `publish`: until then the folder is nobody's.
    let writer = writer.synced_by(Group { exchanges_max: u32::MAX, age_max: Duration::MAX });
    Ok(Import::New { writer, session })
}

impl Import {
    /// Finishes the session and moves it to its place, in one step; a known one is returned as is.
    ///
    /// # Errors
    ///
    /// The session could not be written or moved; then nothing of it is to be seen.
    pub fn publish(self) -> Result<Session, WriteError> {
        let (writer, place) = match self {
            Import::Known(session) => return Ok(session),
            Import::New { writer, session } => (writer, session),
        };
        let finished = writer.finish()?;
        match fs::rename(&finished.path, &place) {
            Ok(()) => {}
            // Another import of the same content came first.
            Err(_) if place.is_dir() => {
                fs::remove_dir_all(&finished.path).map_err(at(&finished.path))?;
            }
            Err(fault) => return Err(at(&place)(fault)),
        }
        if let Some(recording) = place.parent() {
            sync_folder(recording).map_err(at(recording))?;
        }
        let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let manifest = Manifest::read(&place)?;
        Ok(Session { name, path: place, manifest })
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> WriteError {
    let path = path.to_owned();
    move |source| WriteError::Io { path: path.clone(), source }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        for digit in [byte >> 4, byte & 15] {
            out.extend(char::from_digit(u32::from(digit), 16));
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::exchange::{Direction, RawBody};
    use crate::wrec::{ReadError, WrecReader, example, sessions};

    fn read(session: &Path) -> Vec<RawExchange<'static>> {
        WrecReader::open(session).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn a_session_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = RecordingWriter::create(folder.path(), "stripe", Some("a")).unwrap();
        let binary = RawExchange {
            direction: Direction::Delivery,
            request_body: Some(RawBody {
                media_type: "image/png".into(),
                bytes: vec![0x89, 0xff, 0].into(),
                truncated: true,
            }),
            status: 0,
            ..example()
        };
        writer.append(&example()).unwrap();
        writer.append(&binary).unwrap();
        let session = writer.finish().unwrap();
        assert_eq!(read(&session.path), [example(), binary]);
        assert_eq!(session.manifest.exchanges, 2);
        let content = fs::read(session.path.join(EXCHANGES)).unwrap();
        assert_eq!(session.manifest.sha256, hexadecimal(&Sha256::digest(content)));
        assert_eq!(sessions(folder.path(), None).unwrap(), [session]);
    }

    #[test]
    fn a_torn_last_line_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = RecordingWriter::create(folder.path(), "stripe", None).unwrap();
        for _ in 0..3 {
            writer.append(&example()).unwrap();
        }
        let session = folder.path().join(writer.name());
        drop(writer); // as kill -9 would: no final manifest
        let path = session.join(EXCHANGES);
        let whole = fs::metadata(&path).unwrap().len();
        for cut in 1..whole / 3 {
            OpenOptions::new().write(true).open(&path).unwrap().set_len(whole - cut).unwrap();
            let mut reader = WrecReader::open(&session).unwrap();
            assert_eq!(reader.by_ref().map(Result::unwrap).count(), 2, "cut by {cut}");
            assert_eq!(reader.torn(), cut < whole / 3);
            assert_eq!(reader.manifest().finished_at, None);
        }
    }

    #[test]
    fn a_bad_line_is_named_and_the_next_one_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = RecordingWriter::create(folder.path(), "stripe", None).unwrap();
        writer.append(&example()).unwrap();
        let session = writer.finish().unwrap();
        let path = session.path.join(EXCHANGES);
        let good = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{good}{{\"direction\":\"sideways\"}}\n{good}")).unwrap();
        let read: Vec<_> = WrecReader::open(&session.path).unwrap().collect();
        assert!(read[0].is_ok() && read[2].is_ok() && read.len() == 3);
        let Err(fault @ ReadError::Line { line: 2, .. }) = &read[1] else { panic!("{read:?}") };
        assert!(fault.to_string().ends_with("exchanges.ndjson, line 2"), "{fault}");
    }

    #[test]
    fn sessions_are_sorted_and_chosen_by_tag() {
        let folder = tempfile::tempdir().unwrap();
        let names: Vec<String> = [Some("a"), None, Some("b"), Some("a")]
            .into_iter()
            .map(|tag| {
                let writer = RecordingWriter::create(folder.path(), "stripe", tag).unwrap();
                writer.finish().unwrap().name
            })
            .collect();
        let found = |tag| -> Vec<String> {
            sessions(folder.path(), tag).unwrap().into_iter().map(|s| s.name).collect()
        };
        assert_eq!(found(None), names);
        assert_eq!(found(Some("a")), [names[0].clone(), names[3].clone()]);
        assert_eq!(found(Some("c")), Vec::<String>::new());
        assert_eq!(sessions(&folder.path().join("absent"), None).unwrap(), []);
    }

    #[test]
    fn the_same_content_twice_adds_nothing_and_half_an_import_is_not_seen() {
        let folder = tempfile::tempdir().unwrap();
        let digest = [0xab; 32];
        let begin = || import(folder.path(), "stripe", None, &digest).unwrap();
        let Import::New { writer, .. } = begin() else { panic!("new content") };
        drop(writer);
        assert_eq!(sessions(folder.path(), None).unwrap(), []);

        let mut started = begin();
        if let Import::New { writer, .. } = &mut started {
            writer.append(&example()).unwrap();
        }
        let session = started.publish().unwrap();
        assert_eq!(session.name, "import-abababababab");
        assert_eq!(read(&session.path), [example()]);

        assert!(matches!(begin(), Import::Known(known) if known == session));
        assert_eq!(sessions(folder.path(), None).unwrap(), [session]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    proptest! {
        #[test]
        fn any_exchange_survives_the_file(
            url in "\\PC{0,40}",
            headers in prop::collection::vec(("[A-Za-z-]{1,12}", "\\PC{0,20}"), 0..5),
            bytes in prop::collection::vec(any::<u8>(), 0..64),
            seen_at_us: i64, latency_us: u32, status: u16, truncated: bool,
        ) {
            let exchange = RawExchange {
                url: url.into(),
                seen_at_us, latency_us, status,
                request_headers: headers.into_iter().map(|(n, v)| (n.into(), v.into())).collect(),
                response_body: Some(RawBody { media_type: "".into(), bytes: bytes.into(), truncated }),
                ..example()
            };
            let mut text = Vec::new();
            line::write(&exchange, &mut text);
            prop_assert_eq!(text.iter().position(|b| *b == b'\n'), Some(text.len() - 1));
            prop_assert_eq!(line::read(&text).unwrap(), exchange);
        }
    }
}
