//! Import of recorded traffic into the lake: whole or not at all, and each exchange once.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use crate::exchange::RawExchange;
use crate::intake::{Batches, Intake, Skip};
use crate::lake::known::Known;
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
    /// What the file itself had to date.
    pub undated: Undated,
}

/// Exchanges that say nowhere when they were, and so were dated by their file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Undated {
    /// How many.
    pub exchanges: u64,
    /// When the file was last changed, microseconds since the Unix epoch.
    pub file_us: i64,
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
/// `limits` hold the clock that tells which dates can be; `progress` is told the exchanges read so far,
/// about every 65 thousand.
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
    limits: &Limits,
    progress: &mut dyn FnMut(&sources::Progress),
) -> Result<Imported, ImportError> {
    let mut source = sources::open(file)?;
    let progress_of = source.progress();
    let mut run = Run::begin(lake, twin, intake)?;
    let mut failed = None;
    let read = source.for_each(limits, &mut |item| match item {
        Item::Exchange { raw, .. } => match run.exchange(&raw) {
            Ok(false) => ControlFlow::Continue(()),
            Ok(true) => {
                progress(&progress_of);
                ControlFlow::Continue(())
            }
            Err(fault) => {
                failed = Some(fault);
                ControlFlow::Break(())
            }
        },
        Item::Fault(fault) => {
            run.faults.push(fault);
            match strictness {
                Strictness::Strict => ControlFlow::Break(()),
                Strictness::Lenient => ControlFlow::Continue(()),
            }
        }
    });
    // The intake's segment ends here whether it is kept or not, so that the next starts clean.
    let rest = run.intake.flush_segment();
    run.intake.forget();
    let undated = Undated { exchanges: read?.undated, file_us: source.modified_us() };
    if let Some(fault) = failed {
        return Err(fault.into());
    }
    run.check(file, strictness)?;
    let faults = std::mem::take(&mut run.faults);
    let (segment, was_there) = run.end(lake, twin, &rest)?;
    let (faults_count, faults) = (faults.count, faults.first);
    Ok(Imported { segment, was_there, faults, faults_count, undated })
}

/// The import of one file under way.
struct Run<'i> {
    intake: &'i mut Intake,
    writer: SegmentWriter,
    known: Known,
    /// A sum over exchanges, so that the same ones in another order are the same content.
    content: u128,
    buffer: Vec<u8>,
    has_exchanges: bool,
    faults: Faults,
    skipped_before: BTreeMap<Skip, u64>,
}

/// The first faults, and how many there are.
#[derive(Default)]
struct Faults {
    first: Vec<Fault>,
    count: u64,
}

impl Faults {
    fn push(&mut self, fault: Fault) {
        self.count += 1;
        if self.first.len() < FAULTS_KEPT_MAX {
            self.first.push(fault);
        }
    }
}

impl<'i> Run<'i> {
    fn begin(lake: &Lake, twin: &str, intake: &'i mut Intake) -> Result<Self, LakeError> {
        Ok(Self {
            writer: SegmentWriter::new(lake.clone(), twin, stamp(), "import"),
            known: Known::open(lake, twin)?,
            content: 0,
            buffer: Vec::new(),
            has_exchanges: false,
            faults: Faults::default(),
            skipped_before: intake.skipped().clone(),
            intake,
        })
    }

    /// Takes an exchange; whether a batch of rows was full and is written.
    fn exchange(&mut self, raw: &RawExchange<'_>) -> Result<bool, LakeError> {
        self.has_exchanges = true;
        self.content = self.content.wrapping_add(sources::digest_with(&mut self.buffer, raw));
        self.intake.know(self.known.come_to(raw.seen_at_us)?);
        let _counted = self.intake.take(raw);
        let is_full = self.intake.pending() >= ROWS_PER_BATCH;
        if is_full {
            write(&mut self.writer, &self.intake.flush_rows())?;
        }
        Ok(is_full)
    }

    /// Whether what was read is to be kept.
    fn check(&mut self, file: &Path, strictness: Strictness) -> Result<(), ImportError> {
        let count = self.faults.count;
        if strictness == Strictness::Strict && count > 0 {
            return Err(ImportError::Strict { fault: self.faults.first.swap_remove(0), count });
        }
        if !self.has_exchanges {
            // All such files would be the same content.
            let first = (count > 0).then(|| self.faults.first.swap_remove(0));
            return Err(sources::NothingRead { file: file.to_owned(), first, count }.into());
        }
        Ok(())
    }

    /// The segment, and whether the lake held all of it before.
    fn end(
        mut self,
        lake: &Lake,
        twin: &str,
        rest: &Batches,
    ) -> Result<(Segment, bool), LakeError> {
        let id = format!("import-{:032x}", self.content);
        if let Some(segment) = lake.find(twin, &id)? {
            return Ok((segment, true));
        }
        let skipped = self.skipped();
        if skipped.contains_key(Skip::Known.name()) && self.writer.is_empty() && !rest.has_times() {
            return Ok((self.writer.discard(id), true));
        }
        write(&mut self.writer, rest)?;
        Ok((self.writer.commit(id, skipped, 0)?, false))
    }

    fn skipped(&self) -> BTreeMap<String, u64> {
        let before = |reason| self.skipped_before.get(reason).copied().unwrap_or(0);
        let all = self.intake.skipped().iter();
        all.map(|(reason, count)| (reason.name().to_owned(), count - before(reason)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

/// Tells the files of one attempt from those of another; not kept anywhere else.
pub(crate) fn stamp() -> String {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", now.as_micros(), std::process::id())
}

fn write(writer: &mut SegmentWriter, batches: &Batches) -> Result<(), LakeError> {
    for (table, batch) in &batches.tables {
        writer.write(*table, batch)?;
    }
    Ok(())
}
