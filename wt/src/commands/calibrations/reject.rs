//! `wt calibrations reject`.

use std::path::Path;

use calibrator::review::Review;
use models::Choice;
use serde_json::json;

use super::{FindingArgs, NoteArgs, reviewed, to_decide};
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
    only: FindingArgs,
    #[command(flatten)]
    note: NoteArgs,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let twin = project.twin(&args.name)?;
    let mut ledger = twin.ledger()?;
    let number = to_decide(&ledger, args.number, &args.name)?;
    if !args.only.finding.is_empty() {
        let (base, key) = (twin.base_model()?, project.signing_key()?);
        let note = args.note.note();
        let review = Review { ledger: &mut ledger, base: &base, key: &key, note };
        let done = review.reject(number, &args.only.finding)?;
        let (text, document) = reviewed(&args.name, number, "rejected", &done);
        out.result(|| text, &document)?;
        return Ok(Outcome::Done);
    }
    ledger.decide(number, Choice::Reject, args.note.note(), &project.signing_key()?)?;
    out.result(
        || format!("✓ calibration {number} of {} is rejected: no twin will load it", args.name),
        &json!({"twin": args.name, "number": number, "state": "rejected"}),
    )?;
    Ok(Outcome::Done)
}
