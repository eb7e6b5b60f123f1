//! `wt calibrations show`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use models::{Calibration, State};
use serde_json::json;

use super::{opened, state_document, time};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;

/// Show one calibration: what was found, what it changes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin
    name: String,
    /// The calibration [default: the newest]
    number: Option<u64>,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let ledger = opened(&project.twin(&args.name)?, out)?;
    let number = match args.number {
        Some(number) => number,
        None if ledger.is_empty() => {
            anyhow::bail!("no calibrations of {} yet: run `wt calibrate {0}`", args.name)
        }
        None => ledger.len(),
    };
    let calibration = ledger.get(number)?;
    let state = ledger.state(number).context("a calibration that was read has a state")?;
    let options = out.text_options();
    let document = json!({"decision": state_document(&state), "calibration": calibration});
    out.result(|| text(&calibration, &state, &options), &document)?;
    Ok(Outcome::Done)
}

fn text(calibration: &Calibration, state: &State, options: &reports::TextOptions) -> String {
    let Calibration { twin, number, base, result, .. } = calibration;
    let short = |digest: &models::Digest| digest.as_str().chars().take(12).collect::<String>();
    let mut text = format!("Calibration {number} of {twin}: {}\n", reports::state_words(state));
    let _ = writeln!(text, "made {}", time(calibration.created_at));
    let (from, to) = (short(&base.sha256), short(&result.sha256));
    let _ = writeln!(text, "from model {from} (after {}) to {to}", base.number);
    if let Some(number) = calibration.rolls_back {
        let _ = writeln!(text, "rolls back {number}");
    }
    if let Some(fidelity) = calibration.fidelity {
        let percent = |bp: u32| f64::from(bp) / 100.0;
        let (before, after) = (percent(fidelity.before_bp), percent(fidelity.after_bp));
        let _ =
            writeln!(text, "accepts {before} % → {after} % of {} held back", fidelity.held_back);
    }
    text += "\nChanges\n";
    for pointer in calibration.patch.changes() {
        let _ = writeln!(text, "  {pointer}");
    }
    if !calibration.findings.is_empty() {
        text.push('\n');
        text += &reports::findings(&calibration.findings, options);
        text += "\nFingerprints, for --finding\n";
        for finding in &calibration.findings {
            let place = finding.route.as_deref().or(finding.event.as_deref()).unwrap_or("the API");
            let line =
                format!("  {} {} {place} {}", finding.fingerprint, finding.kind, finding.path);
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    text
}
