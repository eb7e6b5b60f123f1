//! `wt calibrations list`.

use std::path::Path;

use models::{Calibration, Ledger, State, in_force};
use serde_json::{Value, json};

use super::{check, opened, state_document, time};
use crate::commands::count;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;

/// List calibrations and what became of each.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin
    name: String,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let ledger = opened(&project.twin(&args.name)?, out)?;
    let all = entries(&ledger)?;
    let published = ledger.published().collect::<Result<Vec<_>, _>>()?;
    let standing: Vec<_> = in_force(&published).iter().map(|one| one.number).collect();
    let is_undone = |one: &Calibration, state: &State| {
        let counts = one.rolls_back.is_none() && matches!(state, State::Published(_));
        counts && !standing.contains(&one.number)
    };
    let documents: Vec<_> =
        all.iter().map(|(one, state)| document(one, state, is_undone(one, state))).collect();
    let is_broken = ledger.broken().is_some();
    let text = || {
        if all.is_empty() && is_broken {
            return String::new();
        }
        if all.is_empty() {
            return format!("no calibrations of {} yet: run `wt calibrate {0}`", args.name);
        }
        let lines = all.iter().map(|(one, state)| line(one, state, is_undone(one, state)));
        lines.collect::<Vec<_>>().join("\n")
    };
    out.result(text, &json!({"twin": args.name, "calibrations": documents}))?;
    // What stands from a part on that does not verify is not listed, so the list is no answer.
    check(&ledger, &args.name)?;
    Ok(Outcome::Done)
}

fn entries(ledger: &Ledger) -> anyhow::Result<Vec<(Calibration, State)>> {
    let entries = ledger.states().map(|(number, state)| Ok((ledger.get(number)?, state)));
    entries.collect()
}

fn line(calibration: &Calibration, state: &State, is_undone: bool) -> String {
    let what = match calibration.rolls_back {
        Some(number) => format!("rolls back {number}"),
        None => count(calibration.findings.len(), "finding"),
    };
    let breaking = calibration.findings.iter().filter(|finding| finding.breaking).count();
    let breaking = if breaking > 0 { format!(", {breaking} breaking") } else { String::new() };
    let (number, at) = (calibration.number, time(calibration.created_at));
    let undone = if is_undone { "rolled back, " } else { "" };
    format!("{number:>4}  {at}  {what}{breaking}  {undone}{}", reports::state_words(state))
}

fn document(calibration: &Calibration, state: &State, is_undone: bool) -> Value {
    let mut document = json!({
        "number": calibration.number,
        "created_at": calibration.created_at,
        "findings": calibration.findings.len(),
        "breaking": calibration.findings.iter().filter(|finding| finding.breaking).count(),
        "changes": calibration.patch.changes().count(),
        "base": calibration.base.number,
        "result": calibration.result.sha256,
        "rolls_back": calibration.rolls_back,
        "rolled_back": is_undone,
    });
    if let (Value::Object(all), Value::Object(state)) = (&mut document, state_document(state)) {
        all.extend(state);
    }
    document
}
