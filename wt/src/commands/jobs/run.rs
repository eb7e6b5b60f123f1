//! `wt jobs run`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use jobs::config::Listen;
use jobs::daemon::{Daemon, Life, Setup};
use jobs::pages::{self, Asked, Pages};
use serde_json::json;

use super::{checks, history, setup};
use crate::commands::{block_on, count, stop_signal};
use crate::outcome::{EnvironmentError, Outcome};
use crate::output::Output;
use crate::project::Project;

/// Run the jobs of jobs.toml as they are due.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run what is due, each job that never ran included, and end: for cron and CI
    #[arg(long)]
    once: bool,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let setup = setup(&project)?;
    let life = if args.once { Life::Once } else { Life::UntilStopped };
    if let (Life::Once, (None, jobs)) = (life, setup.read_jobs()) {
        // Nothing can run, so nothing is taken down of it.
        let faults: Vec<_> = jobs.faults.iter().map(ToString::to_string).collect();
        bail!("{}, {}", setup.config().display(), faults.join("; "));
    }
    let summary = block_on(async {
        let stop = stop_signal()?;
        let daemon = Daemon::open(setup.clone(), life)?;
        for fault in &daemon.jobs().faults {
            out.warn(&format!("jobs.toml, {fault}"));
        }
        if life == Life::UntilStopped {
            serve_pages(&daemon, &project, &setup, out).await;
            out.say(&format!("✓ {}; Ctrl-C ends it", count(daemon.jobs().jobs.len(), "job")));
        }
        let is_sound = daemon.jobs().faults.is_empty();
        Ok((daemon.run(life, stop).await, is_sound))
    });
    let (summary, is_sound) = summary.map_err(locked)?;
    if life == Life::UntilStopped {
        return Ok(Outcome::Done);
    }
    let text = || summary.ended.iter().map(history::line).collect::<Vec<_>>().join("\n");
    let runs: Vec<_> = summary.ended.iter().map(history::document).collect();
    out.result(text, &json!({"runs": runs}))?;
    let failed = summary.ended.iter().any(|run| run.state.is_failure());
    Ok(match (is_sound, failed) {
        // What could be read has run; the file is to be mended whatever came of it.
        (false, _) => Outcome::BadInput,
        (true, true) => Outcome::No,
        (true, false) => Outcome::Done,
    })
}

/// A page that cannot be served stops no job.
async fn serve_pages(daemon: &Daemon, project: &Project, setup: &Setup, out: &mut Output) {
    let config = &daemon.jobs().daemon;
    let Listen::At(address) = config.listen else { return };
    let token = config.token_env.as_ref().and_then(|name| std::env::var(name.as_str()).ok());
    let (root, ledger) = (project.root().to_owned(), setup.ledger());
    let checks = Arc::new(move || checks::of_project(&root));
    let (asked, clock) = (Asked::default(), setup.clock.clone());
    let pages = Pages { checks, asked, ledger, clock, token };
    match pages::serve(pages, address).await.context("no /health and no /metrics") {
        Ok(address) => out.say(&format!("✓ http://{address}/health and /metrics")),
        Err(fault) => out.warn(&format!("{fault:#}")),
    }
}

/// Another runner is the environment's fault and not the input's.
pub(super) fn locked(fault: anyhow::Error) -> anyhow::Error {
    let is_held = matches!(
        fault.downcast_ref::<jobs::daemon::DaemonError>(),
        Some(jobs::daemon::DaemonError::Runs { .. })
    );
    if is_held { EnvironmentError(fault.to_string()).into() } else { fault }
}
