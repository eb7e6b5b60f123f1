//! From a write-ahead segment to a segment of the lake.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{AsArray as _, RecordBatch, StringArray};
use arrow::datatypes::Int32Type;

use super::segment::Segment;
use super::store::{Lake, LakeError};
use super::table::Table;
use super::wal::{Damage, EXTENSION, Wal, WalError, WalFault};
use super::writer::SegmentWriter;
use crate::intake::Withholding;

/// What became of one write-ahead file.
#[derive(Debug)]
pub struct Sealed {
    /// What was committed; none where the file held nothing, or was committed before already.
    pub segment: Option<Segment>,
    /// Where the file stopped being readable; what stands before it is in the segment.
    pub fault: Option<WalFault>,
    /// Where a damaged file went, whose rest this version cannot read.
    pub set_aside: Option<PathBuf>,
}

/// Why a write-ahead file was not sealed; it stays where it is, and nothing of it is lost.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The file.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// The lake.
    #[error("the write-ahead segment {path} is kept: it cannot be sealed")]
    Lake {
        /// The file.
        path: PathBuf,
        /// What the lake said.
        source: LakeError,
    },
}

/// Commits what a write-ahead file holds as the segment named by the file, then removes the file.
///
/// `withhold` takes from paths what turned out to be names after their rows were written. A segment that is committed already, a crash
/// having come before the removal, is not committed again.
///
/// # Errors
///
/// Where the file cannot be read or removed, or the lake not written.
pub(crate) fn seal(
    lake: &Lake,
    twin: &str,
    path: &Path,
    withhold: Option<&Withholding>,
) -> Result<Sealed, SealError> {
    let stamp = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let id = format!("live-{stamp}");
    let lake_fault = |source| SealError::Lake { path: path.to_owned(), source };
    if lake.find(twin, &id).map_err(lake_fault)?.is_some() {
        remove(path)?;
        return Ok(Sealed { segment: None, fault: None, set_aside: None });
    }
    let wal = Wal::read(path)?;
    let segment = if wal.is_empty() {
        None
    } else {
        Some(commit(lake, twin, &stamp, id, &wal, withhold).map_err(lake_fault)?)
    };
    let is_damaged = wal.fault.as_ref().is_some_and(|fault| fault.damage == Damage::Damaged);
    let set_aside = if is_damaged { Some(set_aside(path)?) } else { None };
    if set_aside.is_none() {
        remove(path)?;
    }
    Ok(Sealed { segment, fault: wal.fault, set_aside })
}

fn commit(
    lake: &Lake,
    twin: &str,
    stamp: &str,
    id: String,
    wal: &Wal,
    withhold: Option<&Withholding>,
) -> Result<Segment, LakeError> {
    let mut writer = SegmentWriter::new(lake.clone(), twin, stamp.to_owned(), &wal.notes.source);
    let of = |table| wal.rows.iter().filter(move |(of, _)| *of == table).map(|(_, batch)| batch);
    // Exchanges and deliveries first: the other tables' files take their day from them.
    for batch in of(Table::Exchanges) {
        match withhold {
            Some(withhold) => writer.write(Table::Exchanges, &with_paths(batch, withhold))?,
            None => writer.write(Table::Exchanges, batch)?,
        }
    }
    for table in [Table::Deliveries, Table::Shapes] {
        for batch in of(table) {
            writer.write(table, batch)?;
        }
    }
    for (table, batch) in &wal.snapshot {
        writer.write(*table, batch)?;
    }
    writer.commit(id, wal.notes.skipped.clone(), wal.notes.dropped)
}

/// The batch with the names in its column `path` withheld.
fn with_paths(batch: &RecordBatch, withhold: &Withholding) -> RecordBatch {
    let Ok(index) = batch.schema_ref().index_of("path") else { return batch.clone() };
    let Some(paths) = batch.column(index).as_dictionary_opt::<Int32Type>() else {
        return batch.clone();
    };
    let texts = paths.values().as_string::<i32>();
    let texts: StringArray =
        texts.iter().map(|text| text.map(|path| withhold.path(path))).collect();
    let mut columns = batch.columns().to_vec();
    columns[index] = Arc::new(paths.with_values(Arc::new(texts)));
    RecordBatch::try_new(batch.schema(), columns).expect("the texts alone are others")
}

fn remove(path: &Path) -> Result<(), WalError> {
    std::fs::remove_file(path).map_err(|source| WalError::Io {
        doing: "remove",
        path: path.to_owned(),
        source,
    })
}

fn set_aside(path: &Path) -> Result<PathBuf, WalError> {
    let aside = path.with_extension(format!("{EXTENSION}.damaged"));
    std::fs::rename(path, &aside).map_err(|source| WalError::Io {
        doing: "set aside",
        path: path.to_owned(),
        source,
    })?;
    Ok(aside)
}

/// Seals every write-ahead file of the folder that no running observer holds, oldest first.
///
/// Returns what became of those files. Recovering again adds nothing.
///
/// # Errors
///
/// As [`seal`]; the files that remain are recovered the next time.
pub(crate) fn recover(lake: &Lake, twin: &str, folder: &Path) -> Result<Vec<Sealed>, SealError> {
    let io = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| WalError::Io { doing, path, source }
    };
    let listed = match std::fs::read_dir(folder) {
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(io("list", folder))?,
    };
    let mut files = Vec::new();
    for entry in listed {
        let path = entry.map_err(io("list", folder))?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            files.push(path);
        }
    }
    files.sort();
    let mut sealed = Vec::new();
    for path in files {
        let file = match File::open(&path) {
            // Another observer recovered it just now.
            Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => continue,
            file => file.map_err(io("read", &path))?,
        };
        match file.try_lock() {
            Ok(()) if path.exists() => sealed.push(seal(lake, twin, &path, None)?),
            Ok(()) | Err(std::fs::TryLockError::WouldBlock) => {}
            Err(std::fs::TryLockError::Error(source)) => {
                return Err(io("read", &path)(source).into());
            }
        }
    }
    Ok(sealed)
}
