//! `wt calibrations approve`.

use std::path::Path;

use anyhow::bail;
use models::Choice;
use serde_json::json;

use super::{NoteArgs, to_decide};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;

/// Publish a proposed calibration, which twins then load.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin
    name: String,
    /// The calibration [default: the one that awaits a decision]
    number: Option<u64>,
    /// Only this finding, by its fingerprint; may be given several times
    #[arg(long, value_name = "FINGERPRINT")]
    finding: Vec<String>,
    #[command(flatten)]
    note: NoteArgs,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let mut ledger = project.twin(&args.name)?.ledger()?;
    let number = to_decide(&ledger, args.number, &args.name)?;
    if !args.finding.is_empty() {
        bail!(
            "--finding: a calibration cannot be approved in part yet: approve or reject {number} as a whole"
        );
    }
    ledger.decide(number, Choice::Publish, args.note.note(), &project.signing_key()?)?;
    out.result(
        || {
            format!(
                "✓ calibration {number} of {} is published: running twins load it now",
                args.name
            )
        },
        &json!({"twin": args.name, "number": number, "state": "published"}),
    )?;
    Ok(Outcome::Done)
}
