//! `wt calibrations reject`.

use std::path::Path;

use models::Choice;
use serde_json::json;

use super::{NoteArgs, to_decide};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;

/// Turn a proposed calibration down.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin
    name: String,
    /// The calibration [default: the one that awaits a decision]
    number: Option<u64>,
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
    ledger.decide(number, Choice::Reject, args.note.note(), &project.signing_key()?)?;
    out.result(
        || format!("✓ calibration {number} of {} is rejected: no twin will load it", args.name),
        &json!({"twin": args.name, "number": number, "state": "rejected"}),
    )?;
    Ok(Outcome::Done)
}
