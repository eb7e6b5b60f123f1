//! `wt observe import`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use observer::import::{Imported, Strictness, Undated, import};
use observer::sources::{Limits, Progress};
use serde::Serialize;
use serde_json::json;

use crate::clock;
use crate::commands::calibrate::after_published;
use crate::commands::count;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;

/// Faults named; a file of another format has one a line.
pub(crate) const FAULTS_NAMED_MAX: usize = 10;

/// Import recorded traffic: HAR 1.2, NDJSON of HAR entries, VCR; plain or gzip.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin
    name: String,
    /// The files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Add nothing of a file that has an entry that cannot be read
    #[arg(long)]
    strict: bool,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let twin = project.twin(&args.name)?;
    let model = twin.current(out)?.model;
    let published_us = after_published(&twin.ledger()?)?;
    let lake = project.lake()?;
    let mut intake = twin.intake(model)?;
    let strictness = if args.strict { Strictness::Strict } else { Strictness::Lenient };
    let limits = Limits::by_clock(clock::now());
    let mut files = Vec::new();
    let read = args.files.iter().try_for_each(|file| {
        let bar = out.progress_of_bytes(&file.display().to_string());
        let mut tell = |progress: &Progress| {
            bar.set_length(progress.total());
            bar.set_position(progress.read());
        };
        let imported = import(&lake, &args.name, &mut intake, file, strictness, &limits, &mut tell);
        bar.finish_and_clear();
        let imported = imported?;
        name_faults(&imported, out);
        warn_of_times(file, &imported, published_us, out);
        if !imported.was_there {
            warn_of_undated(file, imported.undated, out);
        }
        files.push(FileImport::of(file, &imported));
        anyhow::Ok(())
    });
    // What the files before a bad one added stays in the lake.
    if !files.is_empty() {
        let text = || files.iter().map(FileImport::text).collect::<Vec<_>>().join("\n");
        out.result(text, &json!({"twin": args.name, "files": files}))?;
    }
    read?;
    Ok(Outcome::Done)
}

fn name_faults(imported: &Imported, out: &mut Output) {
    for fault in imported.faults.iter().take(FAULTS_NAMED_MAX) {
        out.warn(&fault.to_string());
    }
    let named = imported.faults.len().min(FAULTS_NAMED_MAX) as u64;
    if imported.faults_count > named {
        out.warn(&format!("and {} more that could not be read", imported.faults_count - named));
    }
}

/// Says where exchanges lie outside of what the next run looks at.
fn warn_of_times(file: &Path, imported: &Imported, published_us: i64, out: &mut Output) {
    let segment = &imported.segment;
    if imported.was_there || segment.exchanges == 0 {
        return;
    }
    if segment.from_us < published_us {
        out.warn(&format!(
            "{}: what is older than {} UTC is not looked at again, a published calibration ends there; \
             `wt calibrate {} --since DUR` looks further back",
            file.display(), date(published_us), segment.twin
        ));
    }
}

/// Says of how many exchanges nothing tells when they were.
pub(crate) fn warn_of_undated(file: &Path, undated: Undated, out: &mut Output) {
    let Undated { exchanges, file_us } = undated;
    if exchanges > 0 {
        let (have, date) = (have(exchanges), date(file_us));
        out.warn(&format!(
            "{}: {have} no date, and none in the answer's headers; they count as of {date} UTC, when the \
             file was last changed",
            file.display()
        ));
    }
}

fn date(us: i64) -> impl std::fmt::Display {
    chrono::DateTime::from_timestamp_micros(us).unwrap_or_default().format("%Y-%m-%d %H:%M")
}

/// `1 exchange has`, `2 exchanges have`.
fn have(exchanges: u64) -> String {
    let number = usize::try_from(exchanges).unwrap_or(usize::MAX);
    format!("{} {}", count(number, "exchange"), if exchanges == 1 { "has" } else { "have" })
}

/// What became of one file.
#[derive(Debug, Serialize)]
struct FileImport {
    file: PathBuf,
    /// Rows added.
    added: u64,
    /// The lake held this content already.
    known: bool,
    /// Exchanges without a row, by reason.
    skipped: BTreeMap<String, u64>,
    /// Entries that could not be read.
    faults: u64,
}

impl FileImport {
    fn of(file: &Path, imported: &Imported) -> Self {
        let segment = &imported.segment;
        Self {
            file: file.to_owned(),
            added: if imported.was_there { 0 } else { segment.exchanges },
            known: imported.was_there,
            skipped: segment.skipped.clone(),
            faults: imported.faults_count,
        }
    }

    fn text(&self) -> String {
        let file = self.file.display();
        if self.known {
            return format!("{file}: nothing new, the lake holds it already");
        }
        let mut parts = vec![format!("{} added", self.added)];
        let skipped = self.skipped.iter();
        parts.extend(skipped.map(|(reason, count)| format!("{count} skipped ({reason})")));
        if self.faults > 0 {
            parts.push(format!("{} could not be read", self.faults));
        }
        format!("{file}: {}", parts.join(", "))
    }
}
