//! Import of recorded traffic into the lake: whole or not at all, and once.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use crate::intake::Intake;
use crate::lake::{Lake, LakeError, Segment, SegmentWriter};
use crate::sources::{self, Fault, Item, Limits};

/// Rows gathered before they are handed to the Parquet writer.
const ROWS_PER_BATCH: usize = 65_536;

/// What importing one file did.
#[derive(Debug)]
pub struct Imported {
    /// The segment, new or found.
    pub segment: Segment,
    /// The lake held this content already; nothing was added.
    pub was_there: bool,
    /// Lines and entries that could not be read.
    pub faults: Vec<Fault>,
    /// Their number, of which `faults` holds the first [`FAULTS_KEPT_MAX`].
    pub faults_count: u64,
}

/// Faults kept for the message; a file of another format has as many as lines.
pub const FAULTS_KEPT_MAX: usize = 100;

/// Why a file was not imported; the lake is then as it was.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read or is no source.
    #[error(transparent)]
    Open(#[from] sources::OpenError),
    /// Reading broke off.
    #[error(transparent)]
    Read(#[from] sources::ReadError),
    /// The file has no entry that could be read.
    #[error(transparent)]
    Nothing(#[from] sources::NothingRead),
    /// The lake cannot be read or written.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// Strict: the file has faults.
    #[error(
        "{fault}; nothing of the file was added (--strict), without it the rest is imported ({count} faults in all)"
    )]
    Strict {
        /// The first.
        fault: Fault,
        /// All.
        count: u64,
    },
}

/// What an import does with entries it cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// Imports the rest and reports them.
    Lenient,
    /// Adds nothing of the file.
    Strict,
}

/// Imports one file into the twin's part of the lake.
///
/// `progress` is told the exchanges read so far, about every 65 thousand.
///
/// # Errors
///
/// Where the file is no source or has no entry that can be read, the lake cannot be written, or the import is strict and the file
/// has faults. The lake is then as it was.
pub fn import(
    lake: &Lake,
    twin: &str,
    intake: &mut Intake,
    file: &Path,
    strictness: Strictness,
    progress: &mut dyn FnMut(&sources::Progress),
) -> Result<Imported, ImportError> {
    let mut source = sources::open(file)?;
    let mut writer = SegmentWriter::new(lake.clone(), twin, stamp(), "import");
    // A sum, so that the same exchanges in another order are the same content.
    let (mut content, mut buffer) = (0_u128, Vec::new());
    let mut has_exchanges = false;
    let (mut faults, mut faults_count) = (Vec::new(), 0_u64);
    let mut failed = None;
    let reading = source.progress();
    let skipped_before = intake.skipped().clone();
    let read = source.for_each(&Limits::default(), &mut |item| {
        match item {
            Item::Exchange { raw, .. } => {
                has_exchanges = true;
                content = content.wrapping_add(sources::digest_with(&mut buffer, &raw));
                let _counted = intake.take(&raw);
                if intake.pending() >= ROWS_PER_BATCH {
                    progress(&reading);
                    if let Err(fault) = write(&mut writer, &intake.flush_rows()) {
                        failed = Some(fault);
                        return ControlFlow::Break(());
                    }
                }
            }
            Item::Fault(fault) => {
                faults_count += 1;
                if faults.len() < FAULTS_KEPT_MAX {
                    faults.push(fault);
                }
                if strictness == Strictness::Strict {
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    });
    // The intake's segment ends here whether it is kept or not, so that the next starts clean.
    let rest = intake.flush_segment();
    read?;
    if let Some(fault) = failed {
        return Err(fault.into());
    }
    if strictness == Strictness::Strict && !faults.is_empty() {
        return Err(ImportError::Strict { fault: faults.swap_remove(0), count: faults_count });
    }
    if !has_exchanges {
        // All such files would be the same content.
        let first = (!faults.is_empty()).then(|| faults.swap_remove(0));
        return Err(
            sources::NothingRead { file: file.to_owned(), first, count: faults_count }.into()
        );
    }
    let id = format!("import-{content:032x}");
    if let Some(segment) = lake.find(twin, &id)? {
        return Ok(Imported { segment, was_there: true, faults, faults_count });
    }
    write(&mut writer, &rest)?;
    let mut skipped = BTreeMap::new();
    for (reason, count) in intake.skipped() {
        let new = count - skipped_before.get(reason).copied().unwrap_or(0);
        if new > 0 {
            skipped.insert(reason.name().to_owned(), new);
        }
    }
    let segment = writer.commit(id, skipped, 0)?;
    Ok(Imported { segment, was_there: false, faults, faults_count })
}

/// Tells the files of one attempt from those of another; not kept anywhere else.
pub(crate) fn stamp() -> String {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", now.as_micros(), std::process::id())
}

fn write(writer: &mut SegmentWriter, batches: &crate::intake::Batches) -> Result<(), LakeError> {
    for (table, batch) in &batches.tables {
        writer.write(*table, batch)?;
    }
    Ok(())
}
