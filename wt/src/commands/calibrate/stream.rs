//! `wt calibrate --stream`: a run whenever segments were sealed, until told to stop.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context as _;
use calibrator::publish::Approval;
use models::{Drift, Ledger, State};

use super::{Mode, Run, calibrate_after};
use crate::commands::{count, stop_signal};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;

/// The longest a segment goes unseen.
const POLL: Duration = Duration::from_millis(500);

/// Runs until SIGTERM or Ctrl-C; a run under way is ended first.
pub(super) fn run(project: &Project, name: &str, out: &mut Output) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the system gave no threads")?;
    let mut stop = runtime.block_on(async { stop_signal() })?;
    project.twin(name)?.ledger()?;
    out.say(&format!("✓ streaming {name}: a run for every segment sealed; Ctrl-C ends it"));
    let mut known = BTreeSet::new();
    let (mut last, mut runs): (Option<Drift>, usize) = (None, 0);
    while !*stop.borrow() {
        let present = segments(project, name, &runtime)?;
        if present != known {
            let ledger = project.twin(name)?.ledger()?;
            let mode = Mode::Publish(Approval::Policy);
            let Run { drift, .. } = calibrate_after(project, name, None, mode, last.as_ref(), out)?;
            tell(&ledger, &project.twin(name)?.ledger()?, name, out);
            (known, last, runs) = (present, Some(drift), runs + 1);
        }
        runtime.block_on(async {
            let _ = tokio::time::timeout(POLL, stop.wait_for(|stop| *stop)).await;
        });
    }
    out.say(&format!("{name}: {}, the next stream goes on from here", count(runs, "run")));
    if let Some(drift) = last {
        let options = out.text_options();
        out.result(|| reports::text(&drift, &options), &reports::json(&drift))?;
    }
    Ok(Outcome::Done)
}

/// Ids of what is sealed; none where nothing was observed yet.
fn segments(
    project: &Project,
    name: &str,
    runtime: &tokio::runtime::Runtime,
) -> anyhow::Result<BTreeSet<String>> {
    let Some(lake) = project.lake_if_any()? else { return Ok(BTreeSet::new()) };
    let segments = runtime.block_on(lake.segments(name))?;
    let some = segments.into_iter().filter(|segment| segment.exchanges > 0);
    Ok(some.map(|segment| segment.id).collect())
}

/// Says what became of calibrations in a run.
fn tell(before: &Ledger, after: &Ledger, name: &str, out: &mut Output) {
    for (number, state) in after.states() {
        if before.state(number).as_ref() == Some(&state) {
            continue;
        }
        let what = match state {
            State::Proposed => "is proposed and awaits a decision",
            State::Canary { .. } => "is served to a part of the callers first",
            State::Published(_) => "is published: running twins load it now",
            State::Rejected(_) | State::Superseded { .. } => continue,
        };
        let findings = after.get(number).map_or(0, |calibration| calibration.findings.len());
        out.say(&format!("calibration {number} of {name} ({}) {what}", count(findings, "finding")));
    }
}
