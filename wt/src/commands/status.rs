//! `wt status`.

use std::path::Path;

use ::jobs::ledger::{Ledger, Trouble};
use chrono::Utc;
use serde_json::Value;

use crate::outcome::Outcome;
use crate::output::Output;
use crate::processes::{self, Started};
use crate::project::{Calibrations, Project, Twin};
use crate::status::{JobFault, State, Status, Tier, TwinStatus};

/// Show which twins run and how true they are.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(
    _args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let status = gather(&project)?;
    out.result(|| status.to_string(), &status)?;
    if status.is_idle() && !status.twins.is_empty() {
        out.say("`wt up` starts the project's twins");
    }
    Ok(Outcome::Done)
}

/// Asks every twin that was started how it is.
pub(crate) fn gather(project: &Project) -> anyhow::Result<Status> {
    let pids = processes::read_pids(project)?;
    let mut names = project.twins()?;
    names.extend(pids.keys().filter(|name| !names.contains(name)).cloned().collect::<Vec<_>>());
    names.sort_unstable();
    // Side by side: a twin that hangs takes seconds to be found out.
    let twins = std::thread::scope(|scope| {
        let pids = &pids;
        let asked: Vec<_> = names
            .iter()
            .map(|name| scope.spawn(move || of_twin(project, name, pids.get(name))))
            .collect();
        let answers =
            asked.into_iter().map(|one| one.join().expect("asking a twin does not panic"));
        answers.collect()
    });
    let now = Utc::now();
    // Twins run whether or not the jobs' ledger can be read.
    let jobs = job_faults(project).unwrap_or_else(|fault| {
        let (name, error) = ("jobs.db".to_owned(), format!("{fault:#}"));
        vec![JobFault { name, state: "trouble", since: now, error }]
    });
    Ok(Status { twins, jobs, now })
}

/// Jobs of `jobs.toml` whose last run failed, and what is wrong with their daemon.
fn job_faults(project: &Project) -> anyhow::Result<Vec<JobFault>> {
    let setup = super::jobs::setup(project)?;
    let Some(ledger) = Ledger::open_to_read(&setup.ledger())? else { return Ok(Vec::new()) };
    let (_, jobs) = setup.read_jobs();
    let is_there = |name: &String| {
        jobs.jobs.contains_key(name) || jobs.faults.iter().any(|fault| fault.job() == Some(name))
    };
    let mut faults = Vec::new();
    if let Some(error) = super::jobs::ledger_fault(&setup) {
        let name = "jobs.db".to_owned();
        faults.push(JobFault { name, state: "trouble", since: Utc::now(), error });
    }
    for trouble in ledger.troubles()? {
        let Trouble { subject: name, since, text: error } = trouble;
        // Told by a run of `--once`, it stays in the ledger until the next, however well the file is.
        if name == "jobs.toml" && jobs.faults.is_empty() {
            continue;
        }
        faults.push(JobFault { name, state: "trouble", since, error });
    }
    for (name, run) in ledger.last_ended()? {
        let (Some(reason), Some(since)) = (run.state.reason(), run.state.ended_at()) else {
            continue;
        };
        if is_there(&name) {
            let (state, error) = (run.state.name(), reason.to_owned());
            faults.push(JobFault { name, state, since, error });
        }
    }
    Ok(faults)
}

/// Asks one twin how it is.
pub(crate) fn ask_one(project: &Project, name: &str) -> anyhow::Result<TwinStatus> {
    let pids = processes::read_pids(project)?;
    Ok(of_twin(project, name, pids.get(name)))
}

fn of_twin(project: &Project, name: &str, started: Option<&Started>) -> TwinStatus {
    let mut status = TwinStatus {
        name: name.to_owned(),
        version: "?".to_owned(),
        state: State::Stopped,
        tier: Tier::Snapshot,
        url: started.map(|started| format!("http://127.0.0.1:{}", started.port)),
        calibration: 0,
        canary: None,
    };
    if let Some(started) = started {
        (status.state, status.calibration, status.canary) = ask(started, name);
    }
    let known = project.twin(name).and_then(|twin| {
        status.version = twin.base_model()?.version;
        tier(project, &twin)
    });
    match known {
        Ok(tier) => status.tier = tier,
        Err(error) if started.is_some() => status.state = State::Down(format!("{error:#}")),
        // A twin of the project file that has no model yet: nobody started it.
        Err(_) => {}
    }
    status
}

/// Whether a twin serves, the calibration it does so with, and its canary.
fn ask(started: &Started, name: &str) -> (State, u64, Option<(u64, u32)>) {
    if !processes::is_alive(started, name) {
        let why = format!("not running: process {} ended, see .wt/logs/{name}.log", started.pid);
        return (State::Down(why), 0, None);
    }
    let answer = match processes::ask(started.port, "/__wt/status") {
        Ok(answer) => answer,
        Err(error) => return (State::Down(format!("unhealthy: {error:#}")), 0, None),
    };
    let calibration = answer["calibration"].as_u64().unwrap_or(0);
    let state = match &answer["refused"] {
        Value::Object(refused) => {
            let number = refused.get("number").and_then(Value::as_u64);
            let number =
                number.map_or_else(|| "a calibration".to_owned(), |n| format!("calibration {n}"));
            let reason = refused.get("reason").and_then(Value::as_str).unwrap_or("no reason given");
            State::Refusing(format!("refuses {number}: {reason}"))
        }
        _ => State::Running,
    };
    let canary = || {
        let canary = &answer["canary"];
        Some((canary["calibration"].as_u64()?, u32::try_from(canary["share_bp"].as_u64()?).ok()?))
    };
    (state, calibration, canary())
}

fn tier(project: &Project, twin: &Twin<'_>) -> anyhow::Result<Tier> {
    if twin.calibrations() == Calibrations::Frozen {
        return Ok(Tier::Snapshot);
    }
    let ledger = twin.ledger()?;
    Ok(Tier::Pro {
        calibrated_at: twin.last_run()?,
        published: ledger.last_published(),
        awaiting: ledger.proposed().next().is_some() || ledger.canary().is_some(),
        stale_after: project.stale_after(),
    })
}
