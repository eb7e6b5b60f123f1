//! `wt observe import`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use observer::import::{Imported, Strictness, import};
use observer::intake::{Disclosure, Intake};
use serde::Serialize;
use serde_json::json;

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
    let model = project.twin(&args.name)?.current(out)?.model;
    let lake = project.lake()?;
    let mut intake = Intake::new(Arc::new(model), project.lake_key()?, Disclosure::PRODUCTION);
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
