//! `wt jobs list`.

use std::path::Path;

use chrono::{DateTime, Utc};
use jobs::config::Job;
use jobs::ledger::{Ledger, Run};
use serde_json::{Value, json};

use super::{minute, setup};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;

/// List jobs and when they run next.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many of the next runs to show of each
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100))]
    next: u16,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let setup = setup(&project)?;
    let (_, jobs) = setup.read_jobs();
    let last = match Ledger::open_to_read(&setup.ledger())? {
        Some(ledger) => ledger.last_ended()?,
        None => std::collections::BTreeMap::new(),
    };
    let now = setup.clock.now();
    let lines: Vec<Line<'_>> = jobs
        .jobs
        .values()
        .map(|job| Line { job, next: next(job, now, args.next), last: last.get(&job.name) })
        .collect();
    for fault in &jobs.faults {
        out.warn(&format!("jobs.toml, {fault}"));
    }
    let text = || {
        let texts: Vec<_> = lines.iter().map(Line::text).collect();
        if texts.is_empty() { "no jobs in jobs.toml".to_owned() } else { texts.join("\n") }
    };
    let faults: Vec<_> = jobs.faults.iter().map(ToString::to_string).collect();
    let documents: Vec<_> = lines.iter().map(Line::document).collect();
    out.result(text, &json!({"jobs": documents, "faults": faults}))?;
    Ok(if jobs.faults.is_empty() { Outcome::Done } else { Outcome::BadInput })
}

/// A job, when it runs and how it did last.
struct Line<'j> {
    job: &'j Job,
    next: Vec<DateTime<Utc>>,
    last: Option<&'j Run>,
}

/// The next instants, before jitter.
fn next(job: &Job, now: DateTime<Utc>, most: u16) -> Vec<DateTime<Utc>> {
    let most = if job.manner.enabled { usize::from(most) } else { 0 };
    let after = |at: &DateTime<Utc>| job.schedule.next_after(*at);
    std::iter::successors(Some(now), after).skip(1).take(most).collect()
}

impl Line<'_> {
    fn text(&self) -> String {
        let job = self.job;
        let mut times: Vec<_> = self.next.iter().map(|at| minute(*at, job.schedule.zone)).collect();
        if times.is_empty() {
            let why = if job.manner.enabled { "never" } else { "disabled" };
            times.push(why.to_owned());
        }
        let last = self.last.map_or("never ran", |run| run.state.name());
        let times = times.join(", ");
        format!("{:20} {:10} {:16} {times} · {last}", job.name, job.task.kind(), job.schedule.cron)
    }

    fn document(&self) -> Value {
        json!({
            "name": self.job.name,
            "kind": self.job.task.kind(),
            "twin": self.job.task.twin(),
            "schedule": self.job.schedule.cron.to_string(),
            "time_zone": self.job.schedule.zone.name(),
            "enabled": self.job.manner.enabled,
            "next": self.next,
            "last": self.last.map(super::history::document),
        })
    }
}
