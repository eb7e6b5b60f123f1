//! `wt report`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use models::Drift;
use reports::{Models, Report};
use serde_json::Value;

use crate::files;
use crate::outcome::Outcome;
use crate::output::{Format, Output};
use crate::project::{Project, Twin};
use crate::reporting;

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
        value_parser = Format::parser(&reports::FORMS))]
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
    let twin = project.twin(&args.name)?;
    let (number, drift) = twin.report(args.number)?;
    let report = match (args.format, &args.output) {
        (Format::Text, None) => reports::text(&drift, &out.text_options()),
        (Format::Text, Some(_)) => reports::text(&drift, &reports::TextOptions::default()),
        (Format::Md, _) => reports::markdown(&drift),
        (Format::Json, _) => document(&reports::json(&drift))?,
        (Format::Html, _) => reports::html(&reporting::whole(&project, &twin, number, drift)?),
        (Format::Sarif, _) => document(&reports::sarif(&Report::new(number, drift)))?,
        (Format::Overlay, _) => {
            let models = models(&twin, number, &drift)?;
            let overlay = reports::overlay(&Report::new(number, drift), &models);
            document(&overlay.with_context(|| {
                format!("run {number} changes nothing that OpenAPI has a word for, and an overlay has one change at least")
            })?)?
        }
        (Format::OpenapiDiff, _) => reports::openapi_diff(&models(&twin, number, &drift)?),
        (Format::AsyncapiDiff, _) => reports::asyncapi_diff(&models(&twin, number, &drift)?),
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

fn document(value: &Value) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// The models that a run's calibrations lead between.
fn models(twin: &Twin<'_>, number: u64, drift: &Drift) -> anyhow::Result<Models> {
    let models = reporting::models(twin, drift)?;
    models.with_context(|| {
        let name = twin.name();
        format!("run {number} of {name} proposed no calibration that its ledger leads to, so nothing is before or after it")
    })
}
