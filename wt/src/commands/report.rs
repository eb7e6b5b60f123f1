//! `wt report`.

use std::path::{Path, PathBuf};

use crate::files;
use crate::outcome::Outcome;
use crate::output::{Format, Output};
use crate::project::Project;

/// Show what a calibration run found.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin
    name: String,
    /// The run, as `reports/NAME` numbers them [default: the newest]
    number: Option<u64>,
    /// What the report is written as
    // Of the same name and type as the global one, which it stands in for.
    #[arg(long, default_value = "text", value_name = "FORMAT",
        value_parser = Format::parser(&["text", "md", "json"]))]
    format: Format,
    /// A file to write instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let (_, drift) = project.twin(&args.name)?.report(args.number)?;
    let report = match (args.format, &args.output) {
        (Format::Text, None) => reports::text(&drift, &out.text_options()),
        (Format::Text, Some(_)) => reports::text(&drift, &reports::TextOptions::default()),
        (Format::Md, _) => reports::markdown(&drift),
        (Format::Json, _) => serde_json::to_string_pretty(&reports::json(&drift))? + "\n",
    };
    match &args.output {
        None => out.print(&report)?,
        Some(file) => {
            files::write(file, report.as_bytes())?;
            out.say(&format!("✓ report in {}", file.display()));
        }
    }
    Ok(Outcome::Done)
}
