//! Write-ahead segments: rows of an open segment on the local disk until they are sealed.
//!
//! A file `STAMP.wal` is a run of frames, nothing before or between them:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | length of the payload, little endian |
//! | 4 | CRC-32 (IEEE) of kind and payload, little endian |
//! | 1 | kind: 0 `exchanges`, 1 `shapes`, 2 `values`, 3 `links`, 4 `deliveries`, 255 notes |
//! | … | payload: an Arrow IPC stream, or [`Notes`] as JSON |
//!
//! `exchanges`, `shapes` and `deliveries` add rows; `values`, `links` and notes replace what was before them. The
//! shapes of an exchange stand before it, so that every prefix of whole frames is a segment. A file
//! that is being written is locked, so that nobody recovers it under the writer's hands.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use serde::{Deserialize, Serialize};

use super::table::Table;

/// Extension of a segment's file.
pub const EXTENSION: &str = "wal";
/// Length, checksum and kind.
const HEAD_BYTES: usize = 9;
const NOTES: u8 = 255;

/// Why a write-ahead segment could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// The system refused; what was written before is as it was.
    #[error("cannot {doing} the write-ahead segment {path}")]
    Io {
        /// `make`, `write`, `read`, `list`, `set aside` or `remove`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said: a full disk, no permission.
        source: io::Error,
    },
}

/// What is counted besides the rows; the last of a file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notes {
    /// `proxy`, `sample` or `webhooks`.
    pub source: String,
    /// Exchanges that left no row, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Exchanges lost because the capture could not keep up.
    pub dropped: u64,
}

/// Frames made and not written yet.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
}

impl Frames {
    /// Adds rows; none where the batch is empty.
    ///
    /// # Errors
    ///
    /// Where Arrow refuses the batch.
    pub(crate) fn rows(&mut self, table: Table, batch: &RecordBatch) -> Result<(), ArrowError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let mut payload = Vec::new();
        let mut stream = StreamWriter::try_new(&mut payload, &batch.schema())?;
        stream.write(batch)?;
        stream.finish()?;
        self.frame(kind_of(table), &payload)
    }

    pub(crate) fn notes(&mut self, notes: &Notes) -> Result<(), ArrowError> {
        let json = serde_json::to_vec(notes).expect("notes have texts for keys");
        self.frame(NOTES, &json)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Keeps the first `bytes` alone.
    pub(crate) fn truncate(&mut self, bytes: usize) {
        self.bytes.truncate(bytes);
    }

    fn frame(&mut self, kind: u8, payload: &[u8]) -> Result<(), ArrowError> {
        let length = u32::try_from(payload.len())
            .map_err(|_| ArrowError::InvalidArgumentError("a group beyond 4 GiB".to_owned()))?;
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(&checksum(kind, payload).to_le_bytes());
        self.bytes.push(kind);
        self.bytes.extend_from_slice(payload);
        Ok(())
    }
}

/// A file being written; locked until dropped.
#[derive(Debug)]
pub(crate) struct WalFile {
    path: PathBuf,
    file: File,
    /// What is whole and on the disk.
    good: u64,
    /// Bytes beyond `good` may be there.
    dirty: bool,
}

impl WalFile {
    /// Makes `STAMP.wal` in the folder, which is made too.
    pub(crate) fn create(folder: &Path, stamp: &str) -> Result<Self, WalError> {
        let path = folder.join(format!("{stamp}.{EXTENSION}"));
        let make = || -> io::Result<File> {
            std::fs::create_dir_all(folder)?;
            let mut options = File::options();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            // Under another name until it is locked: nobody may recover it in between.
            let unlocked = path.with_extension("new");
            let file = options.open(&unlocked)?;
            file.lock()?;
            std::fs::rename(&unlocked, &path)?;
            // The name has to survive as well as the bytes.
            File::open(folder)?.sync_all()?;
            Ok(file)
        };
        match make() {
            Ok(file) => Ok(Self { path, file, good: 0, dirty: false }),
            Err(source) => Err(WalError::Io { doing: "make", path, source }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn len(&self) -> u64 {
        self.good
    }

    /// Appends frames and waits for the disk. On an error nothing of them counts as written, and
    /// the same frames may be appended again.
    pub(crate) fn append(&mut self, frames: &Frames) -> Result<(), WalError> {
        let write = |this: &mut Self| -> io::Result<()> {
            if this.dirty {
                this.file.set_len(this.good)?;
            }
            this.dirty = true;
            this.file.seek(SeekFrom::Start(this.good))?;
            this.file.write_all(&frames.bytes)?;
            this.file.sync_data()?;
            this.good += frames.bytes.len() as u64;
            this.dirty = false;
            Ok(())
        };
        write(self).map_err(|source| WalError::Io {
            doing: "write",
            path: self.path.clone(),
            source,
        })
    }
}

/// What a file held up to its first fault.
#[derive(Debug, Default)]
pub(crate) struct Wal {
    /// `exchanges` and `shapes`, in order.
    pub(crate) rows: Vec<(Table, RecordBatch)>,
    /// The last `values` and `links`.
    pub(crate) snapshot: BTreeMap<Table, RecordBatch>,
    pub(crate) notes: Notes,
    pub(crate) fault: Option<WalFault>,
}

/// Where a write-ahead segment stops being readable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {damage} at byte {at}, {lost} bytes from there on are not read", .path.display())]
pub struct WalFault {
    /// The file.
    pub path: PathBuf,
    /// Start of the first frame that is not whole, bytes from the file's start.
    pub at: u64,
    /// From there to the file's end.
    pub lost: u64,
    /// What is wrong.
    pub damage: Damage,
}

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The file ends inside it, as after a crash.
    #[error("a torn frame")]
    Torn,
    /// Its bytes are not those written.
    #[error("a damaged frame")]
    Damaged,
}

impl Wal {
    /// Reads whole frames up to the first that is not.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read at all.
    pub(crate) fn read(path: &Path) -> Result<Self, WalError> {
        let bytes = std::fs::read(path).map_err(|source| WalError::Io {
            doing: "read",
            path: path.to_owned(),
            source,
        })?;
        let mut wal = Self::default();
        let mut at = 0;
        while at < bytes.len() {
            match wal.frame(&bytes[at..]) {
                Ok(length) => at += length,
                Err(damage) => {
                    let (at, lost) = (at as u64, (bytes.len() - at) as u64);
                    wal.fault = Some(WalFault { path: path.to_owned(), at, lost, damage });
                    break;
                }
            }
        }
        Ok(wal)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.notes.dropped == 0
    }

    /// Takes the frame at the start of `bytes`; its length.
    fn frame(&mut self, bytes: &[u8]) -> Result<usize, Damage> {
        let head: &[u8; HEAD_BYTES] = bytes.first_chunk().ok_or(Damage::Torn)?;
        let word =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let end = HEAD_BYTES + word(0) as usize;
        let payload = bytes.get(HEAD_BYTES..end).ok_or(Damage::Torn)?;
        if checksum(head[8], payload) != word(4) {
            return Err(Damage::Damaged);
        }
        if head[8] == NOTES {
            self.notes = serde_json::from_slice(payload).map_err(|_| Damage::Damaged)?;
            return Ok(end);
        }
        let table = *Table::ALL.get(usize::from(head[8])).ok_or(Damage::Damaged)?;
        for batch in StreamReader::try_new(payload, None).map_err(|_| Damage::Damaged)? {
            let batch = batch.and_then(|batch| table.in_present_form(&batch));
            let batch = batch.map_err(|_| Damage::Damaged)?;
            match table {
                Table::Exchanges | Table::Shapes | Table::Deliveries => {
                    self.rows.push((table, batch));
                }
                Table::Values | Table::Links => {
                    self.snapshot.insert(table, batch);
                }
            }
        }
        Ok(end)
    }
}

fn kind_of(table: Table) -> u8 {
    match table {
        Table::Exchanges => 0,
        Table::Shapes => 1,
        Table::Values => 2,
        Table::Links => 3,
        Table::Deliveries => 4,
    }
}

fn checksum(kind: u8, payload: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(&[kind]);
    crc.update(payload);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{StringArray, UInt64Array};

    use super::*;

    fn links(pseudonym: u64) -> RecordBatch {
        let field = Arc::new(StringArray::from(vec!["/id"]));
        RecordBatch::try_new(
            Table::Links.schema(),
            vec![field, Arc::new(UInt64Array::from(vec![pseudonym]))],
        )
        .unwrap()
    }

    /// Three frames, and where each ends.
    fn three_frames() -> (Frames, [usize; 3]) {
        let mut frames = Frames::default();
        frames.rows(Table::Links, &links(1)).unwrap();
        let first = frames.len();
        frames.rows(Table::Links, &links(2)).unwrap();
        let second = frames.len();
        frames
            .notes(&Notes { source: "proxy".to_owned(), dropped: 3, ..Notes::default() })
            .unwrap();
        let ends = [first, second, frames.len()];
        (frames, ends)
    }

    fn read(bytes: &[u8]) -> Wal {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        Wal::read(file.path()).unwrap()
    }

    #[test]
    fn a_file_cut_at_any_byte_keeps_all_whole_frames() {
        let (frames, ends) = three_frames();
        for length in 0..=frames.len() {
            let wal = read(&frames.bytes[..length]);
            let whole = ends.iter().filter(|end| **end <= length).count();
            assert_eq!(
                wal.snapshot.get(&Table::Links),
                [links(1), links(2), links(2)].get(whole.wrapping_sub(1))
            );
            assert_eq!(wal.notes.dropped, if whole == 3 { 3 } else { 0 });
            let end = if whole == 0 { 0 } else { ends[whole - 1] };
            let torn = wal.fault.map(|fault| (fault.damage, fault.at, fault.lost));
            let expected = (Damage::Torn, end as u64, (length - end) as u64);
            assert_eq!(torn, (end < length).then_some(expected));
        }
    }

    #[test]
    fn a_changed_byte_is_found_wherever_it_stands() {
        let (frames, ends) = three_frames();
        for at in 0..frames.len() {
            let mut bytes = frames.bytes.clone();
            bytes[at] ^= 0x10;
            let wal = read(&bytes);
            let whole = ends.iter().filter(|end| **end <= at).count();
            let start = if whole == 0 { 0 } else { ends[whole - 1] };
            assert_eq!(wal.fault.map(|fault| fault.at), Some(start as u64), "byte {at}");
        }
    }

    #[test]
    fn rows_that_are_not_of_their_table_are_damage_and_no_end_of_recovery() {
        let mut frames = Frames::default();
        frames.rows(Table::Links, &links(1)).unwrap();
        let first = frames.len();
        // As a version writes it that has other columns.
        frames.rows(Table::Exchanges, &links(2)).unwrap();
        let wal = read(&frames.bytes);
        let fault = wal.fault.clone().unwrap();
        assert_eq!((fault.damage, fault.at), (Damage::Damaged, first as u64));
        assert!(wal.rows.is_empty() && wal.snapshot.contains_key(&Table::Links));
    }

    #[test]
    fn frames_refused_once_are_written_by_the_next_attempt() {
        let folder = tempfile::tempdir().unwrap();
        let (frames, _) = three_frames();
        let mut file = WalFile::create(folder.path(), "1").unwrap();
        file.append(&frames).unwrap();
        // As a write leaves it that a full disk cut short.
        file.dirty = true;
        (&file.file).write_all(b"part of a group").unwrap();
        file.append(&frames).unwrap();
        let wal = Wal::read(file.path()).unwrap();
        assert_eq!((wal.fault, file.len()), (None, 2 * frames.len() as u64));
    }
}
