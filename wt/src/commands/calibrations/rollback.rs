//! `wt calibrations rollback`.

use std::path::Path;

use anyhow::ensure;
use serde_json::json;

use super::{NoteArgs, sound};
use crate::deciding::Deciding;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;
use crate::turn::Turn;

/// Undo a published calibration and all published since.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin
    name: String,
    /// The calibration [default: the one published last]
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
    let twin = project.twin(&args.name)?;
    let turn = Turn::take(&project, &args.name, "calibrations rollback", out)?;
    let ledger = sound(&twin, out)?;
    let number = args.number.unwrap_or_else(|| ledger.last_published());
    ensure!(
        number > 0,
        "no calibration of {} is published, so there is nothing to roll back",
        args.name
    );
    let note = args.note.note();
    let done = Deciding { project: &project, twin: &twin, number, note }.roll_back(&turn)?;
    out.result(
        || {
            let (name, new) = (&args.name, done.decided);
            format!("✓ calibration {new} of {name} undoes {number}: running twins load it now, and `wt calibrate {name}` proposes no more what it had found")
        },
        &json!({"twin": args.name, "number": done.decided, "state": "published", "rolls_back": number}),
    )?;
    Ok(Outcome::Done)
}
