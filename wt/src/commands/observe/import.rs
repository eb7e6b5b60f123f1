//! `wt observe import`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::Utc;
use observer::import::{Imported, Strictness, import};
use serde::Serialize;
use serde_json::json;

use crate::commands::calibrate::after_published;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;

/// Faults named; a file of another format has one a line.
pub(crate) const FAULTS_NAMED_MAX: usize = 10;

/// How far clocks of two machines may differ, microseconds: a day, so that local times taken for UTC
/// are no warning.
const AHEAD_MAX_US: i64 = 86_400_000_000;

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
    let mut files = Vec::new();
    let read = args.files.iter().try_for_each(|file| {
        let bar = out.progress_of_bytes(&file.display().to_string());
        let imported = import(&lake, &args.name, &mut intake, file, strictness, &mut |progress| {
            bar.set_length(progress.total());
            bar.set_position(progress.read());
        });
        bar.finish_and_clear();
        let imported = imported?;
        name_faults(&imported, out);
        warn_of_times(file, &imported, published_us, out);
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

/// Says where exchanges lie outside of what the next run looks at, or end every window to come.
fn warn_of_times(file: &Path, imported: &Imported, published_us: i64, out: &mut Output) {
    let segment = &imported.segment;
    if imported.was_there || segment.exchanges == 0 {
        return;
    }
    let (file, date) = (file.display(), |us| {
        chrono::DateTime::from_timestamp_micros(us).unwrap_or_default().format("%Y-%m-%d %H:%M")
    });
    if segment.from_us < published_us {
        out.warn(&format!(
            "{file}: what is older than {} UTC is not looked at again, a published calibration ends there; \
             `wt calibrate {} --since DUR` looks further back",
            date(published_us), segment.twin
        ));
    }
    if segment.to_us > Utc::now().timestamp_micros() + AHEAD_MAX_US {
        out.warn(&format!(
            "{file}: its last exchange is dated {} UTC, ahead of this machine's clock; once a calibration \
             rests on it, nothing older is looked at",
            date(segment.to_us)
        ));
    }
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
