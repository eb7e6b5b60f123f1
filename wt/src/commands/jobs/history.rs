//! `wt jobs history`.

use std::fmt::Write as _;
use std::path::Path;

use jobs::ledger::{Attempt, Ledger, Run, Unsent};
use serde_json::{Value, json};

use super::{length, setup};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;

/// Show what ran, and how it ended.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The job [default: all]
    name: Option<String>,
    /// How many runs, the newest first
    #[arg(short = 'n', long, default_value_t = 20, value_name = "N")]
    limit: u32,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let setup = setup(&project)?;
    let Some(ledger) = Ledger::open_to_read(&setup.ledger())? else {
        out.say("no job ran yet: `wt jobs run` runs them");
        out.result(String::new, &json!({"runs": []}))?;
        return Ok(Outcome::Done);
    };
    let runs = ledger.history(args.name.as_deref(), args.limit)?;
    if let (Some(name), true) = (&args.name, runs.is_empty()) {
        out.warn(&format!("no job `{name}` ran yet: `wt jobs list` names the jobs there are"));
    }
    let (mut documents, mut lines) = (Vec::new(), Vec::new());
    for run in &runs {
        let mut document = document(run);
        let attempts = ledger.attempts(run.id)?;
        document["attempts"] = attempts
            .iter()
            .map(|one| json!({"attempt": one.number, "state": one.state, "ended_at": one.ended_at, "reason": one.reason}))
            .collect();
        documents.push(document);
        lines.push(line(run));
        lines.extend(attempts.iter().map(attempt_line));
    }
    if let Some(fault) = super::ledger_fault(&setup) {
        out.warn(&fault);
    }
    for trouble in ledger.troubles()? {
        out.warn(&format!("{}: {}", trouble.subject, trouble.text));
    }
    for Unsent { channel, state, count, reason } in ledger.unsent_notices()? {
        let reason = reason.map(|why| format!(": {why}")).unwrap_or_default();
        let notices = crate::commands::count(usize::try_from(count).unwrap_or(0), "notice");
        out.warn(&format!("{notices} to {channel} {state}{reason}"));
    }
    out.result(|| lines.join("\n"), &json!({"runs": documents}))?;
    Ok(Outcome::Done)
}

/// An attempt that another followed, below its run.
fn attempt_line(attempt: &Attempt) -> String {
    let ended = attempt.ended_at.format("%F %H:%M:%S");
    let reason = attempt.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("      {ended} attempt {} {}{reason}", attempt.number, attempt.state)
}

/// A run as one line.
pub(super) fn line(run: &Run) -> String {
    let due = run.scheduled_at.format("%F %H:%M:%S");
    let mut line = format!("{:>5} {due} {:20} {}", run.id.0, run.job, run.state.name());
    if let Some(took) = run.state.took() {
        let _ = write!(line, " after {}", length(took));
    }
    if run.attempt > 1 {
        let _ = write!(line, ", attempt {}", run.attempt);
    }
    if let Some(reason) = run.state.reason() {
        let _ = write!(line, ": {reason}");
    }
    line
}

/// A run as a document.
pub(super) fn document(run: &Run) -> Value {
    json!({
        "id": run.id,
        "job": run.job,
        "kind": run.kind,
        "cause": run.cause.name(),
        "scheduled_at": run.scheduled_at,
        "attempt": run.attempt,
        "state": run.state.name(),
        "reason": run.state.reason(),
        "ended_at": run.state.ended_at(),
        "took_ms": run.state.took().map(|took| took.num_milliseconds()),
    })
}
