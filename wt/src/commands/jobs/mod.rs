//! `wt jobs`.

mod checks;
mod history;
mod list;
mod run;
mod soundness;
mod trigger;
mod validate;

use std::path::Path;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use jobs::daemon::{Clock, Runner, Setup};

use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;

/// Run the pipeline on a schedule
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Run the jobs of jobs.toml as they are due
    Run(run::Args),
    /// List jobs and when they run next
    List(list::Args),
    /// Run a job now
    Trigger(trigger::Args),
    /// Show what ran, and how it ended
    History(history::Args),
    /// Check jobs.toml
    Validate(validate::Args),
}

pub(crate) fn run(
    command: &Command,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    match command {
        Command::Run(args) => run::run(args, project, out),
        Command::List(args) => list::run(args, project, out),
        Command::Trigger(args) => trigger::run(args, project, out),
        Command::History(args) => history::run(args, project, out),
        Command::Validate(args) => validate::run(args, project, out),
    }
}

/// The project, as the daemon sees it.
pub(crate) fn setup(project: &Project) -> anyhow::Result<Setup> {
    Ok(Setup {
        project: project.root().to_owned(),
        own: project.own_dir(),
        wt: std::env::current_exe().context("the path of this program is not known")?,
        clock: Clock::System,
    })
}

/// Why a daemon that runs cannot take down what it does; it goes on, and this is where it is seen.
pub(crate) fn ledger_fault(setup: &Setup) -> Option<String> {
    Runner::present(&setup.lock())?.fault
}

/// `12s`, `3m`, `2h`: the largest unit.
fn length(length: TimeDelta) -> String {
    let seconds = length.num_seconds();
    match seconds {
        ..1 => format!("{}ms", length.num_milliseconds().max(0)),
        1..=119 => format!("{seconds}s"),
        120..=7199 => format!("{}m", seconds / 60),
        7200..=172_799 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

fn minute(at: DateTime<Utc>, zone: chrono_tz::Tz) -> String {
    at.with_timezone(&zone).format("%a %F %H:%M %Z").to_string()
}
