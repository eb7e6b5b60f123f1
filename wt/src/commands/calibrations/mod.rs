//! `wt calibrations`.

mod approve;
mod list;
mod reject;
mod rollback;
mod show;

use std::path::Path;

use anyhow::{Context as _, bail};
use calibrator::review::Reviewed;
use chrono::{DateTime, Utc};
use models::{Ledger, Note, State};
use serde_json::{Value, json};

use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Twin;

/// List, show and decide on calibrations.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List calibrations and what became of each
    List(list::Args),
    /// Show one calibration: what was found, what it changes
    Show(show::Args),
    /// Publish a proposed calibration, which twins then load
    Approve(approve::Args),
    /// Turn a proposed calibration down
    Reject(reject::Args),
    /// Undo a published calibration and all published since
    Rollback(rollback::Args),
}

pub(crate) fn run(
    command: &Command,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    match command {
        Command::List(args) => list::run(args, project, out),
        Command::Show(args) => show::run(args, project, out),
        Command::Approve(args) => approve::run(args, project, out),
        Command::Reject(args) => reject::run(args, project, out),
        Command::Rollback(args) => rollback::run(args, project, out),
    }
}

/// Who decides, and what they have to say.
#[derive(Debug, clap::Args)]
struct NoteArgs {
    /// Why, for those who read the ledger later
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Who decides [default: the user's name on this machine]
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
}

impl NoteArgs {
    fn note(&self) -> Note {
        let by = self.by.clone().unwrap_or_else(super::user);
        Note { by, at: Utc::now(), comment: self.comment.clone() }
    }
}

/// Findings to decide on where it is not all of them.
#[derive(Debug, clap::Args)]
struct FindingArgs {
    /// Only this finding, by its fingerprint; may be given several times
    #[arg(long, value_name = "FINGERPRINT")]
    finding: Vec<String>,
}

/// What became of a part and of the rest, as text and as a document.
fn reviewed(twin: &str, number: u64, state: &str, done: &Reviewed) -> (String, Value) {
    let rest = match done.rest {
        Some(rest) => format!("; what is left is proposed as {rest}"),
        None => String::new(),
    };
    let live = if state == "published" { ": running twins load it now" } else { "" };
    let findings = super::count(done.findings.len(), "finding");
    let text = if done.decided == number {
        format!("✓ calibration {number} of {twin} is {state}{live}")
    } else {
        let decided = done.decided;
        format!(
            "✓ {findings} of calibration {number} of {twin} {state} as calibration {decided}{live}{rest}"
        )
    };
    let document = json!({
        "twin": twin, "number": done.decided, "state": state, "of": number,
        "findings": done.findings, "rest": done.rest,
    });
    (text, document)
}

/// The twin's ledger; what is cut off of it is told.
fn opened(twin: &Twin<'_>, out: &mut Output) -> anyhow::Result<Ledger> {
    let ledger = twin.ledger()?;
    if let Some(torn) = ledger.torn() {
        out.warn(&torn.to_string());
    }
    Ok(ledger)
}

/// As [`opened`], to decide by: of what does not verify nobody knows what awaits a decision.
fn sound(twin: &Twin<'_>, out: &mut Output) -> anyhow::Result<Ledger> {
    let ledger = opened(twin, out)?;
    check(&ledger, twin.name())?;
    Ok(ledger)
}

/// # Errors
///
/// Where a part of the ledger does not verify.
fn check(ledger: &Ledger, twin: &str) -> anyhow::Result<()> {
    let verified = ledger.broken().map_or(Ok(()), Err);
    verified.with_context(|| format!("the ledger of {twin} does not verify"))
}

/// The calibration to decide on: the one named, else the one that waits.
fn to_decide(ledger: &Ledger, number: Option<u64>, twin: &str) -> anyhow::Result<u64> {
    if let Some(number) = number {
        return Ok(number);
    }
    let waits = |state: &State| matches!(state, State::Proposed | State::Canary { .. });
    let waiting = ledger.states().filter(|(_, state)| waits(state));
    let proposed: Vec<u64> = waiting.map(|(number, _)| number).collect();
    match proposed.as_slice() {
        [one] => Ok(*one),
        [] => bail!("no calibration of {twin} awaits a decision"),
        several => {
            let numbers: Vec<_> = several.iter().map(ToString::to_string).collect();
            bail!("{} await a decision: name one of them", numbers.join(" and "))
        }
    }
}

/// What became of a calibration, as a document.
fn state_document(state: &State) -> Value {
    match state {
        State::Proposed => json!({"state": "proposed"}),
        State::Published(note) | State::Rejected(note) => json!({
            "state": reports::state_name(state), "by": note.by, "at": note.at, "comment": note.comment,
        }),
        State::Canary { share_bp, note } => json!({
            "state": "canary", "share_bp": share_bp, "by": note.by, "at": note.at, "comment": note.comment,
        }),
        State::Superseded { by } => json!({"state": "superseded", "superseded_by": by}),
    }
}

fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}
