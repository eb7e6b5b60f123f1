//! `wt calibrations reject`.

use std::path::Path;

use serde_json::json;

use super::{FindingArgs, NoteArgs, reviewed, sound, to_decide};
use crate::deciding::Deciding;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;
use crate::turn::Turn;

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
    let turn = Turn::take(&project, &args.name, "calibrations reject", out)?;
    let number = to_decide(&sound(&twin, out)?, args.number, &args.name)?;
    let note = args.note.note();
    let deciding = Deciding { project: &project, twin: &twin, number, note };
    let done = deciding.reject(&turn, &args.only.finding)?;
    if !args.only.finding.is_empty() {
        let (text, document) = reviewed(&args.name, number, "rejected", &done);
        out.result(|| text, &document)?;
        return Ok(Outcome::Done);
    }
    out.result(
        || format!("✓ calibration {number} of {} is rejected: no twin will load it", args.name),
        &json!({"twin": args.name, "number": number, "state": "rejected"}),
    )?;
    Ok(Outcome::Done)
}
