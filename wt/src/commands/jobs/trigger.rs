//! `wt jobs trigger`.

use std::path::Path;

use anyhow::bail;
use jobs::daemon::{Daemon, Life, Runner};
use jobs::ledger::{Cause, Ledger};
use serde_json::json;

use super::{history, setup};
use crate::commands::{block_on, stop_signal};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;

/// Run a job now: in the daemon where one runs, else here.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The job
    name: String,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let setup = setup(&project)?;
    let (_, jobs) = setup.read_jobs();
    let Some(job) = jobs.jobs.get(&args.name) else {
        if let Some(fault) = jobs.faults.iter().find(|one| one.job() == Some(&args.name)) {
            bail!("{}, {fault}", setup.config().display());
        }
        // A file that cannot be read is no list of jobs.
        if let Some(fault) = jobs.faults.iter().find(|one| one.job().is_none()) {
            bail!("{}, {fault}", setup.config().display());
        }
        let known = jobs.jobs.keys().cloned().collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none" } else { &known };
        bail!("no job `{}` in {}: it has {known}", args.name, setup.config().display());
    };
    let mut ledger = Ledger::open(&setup.ledger())?;
    let id = ledger.add(&job.name, job.task.kind(), Cause::Manual, setup.clock.now(), None)?;
    if Runner::present(&setup.lock()).is_some() {
        let text = || {
            format!(
                "run {} of {}: the daemon starts it; `wt jobs history {1}` shows it",
                id.0, job.name
            )
        };
        out.result(text, &json!({"run": id, "state": "scheduled"}))?;
        return Ok(Outcome::Done);
    }
    let ended = block_on(async {
        let daemon = Daemon::open(setup, Life::For(id))?;
        Ok(daemon.run(Life::For(id), stop_signal()?).await)
    });
    let ended = ended.map_err(super::run::locked)?;
    let Some(run) = ended.ended.iter().find(|run| run.id == id) else {
        bail!("run {} of {} did not come to an end", id.0, job.name);
    };
    out.result(|| history::line(run), &history::document(run))?;
    Ok(if run.state.is_failure() { Outcome::No } else { Outcome::Done })
}
