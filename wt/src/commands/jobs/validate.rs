//! `wt jobs validate`.

use std::path::Path;

use jobs::config::{Jobs, Task};
use serde_json::json;

use super::setup;
use crate::commands::count;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;

/// Check jobs.toml.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(
    _args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let setup = setup(&project)?;
    let (_, jobs) = setup.read_jobs();
    let mut faults: Vec<String> = jobs.faults.iter().map(ToString::to_string).collect();
    faults.extend(strangers(&jobs, &project));
    let path = setup.config();
    let text = || {
        if faults.is_empty() {
            return format!("{}: {}, all sound", path.display(), count(jobs.jobs.len(), "job"));
        }
        let lines: Vec<_> =
            faults.iter().map(|fault| format!("{}, {fault}", path.display())).collect();
        lines.join("\n")
    };
    out.result(text, &json!({"file": path, "jobs": jobs.jobs.len(), "faults": faults}))?;
    Ok(if faults.is_empty() { Outcome::Done } else { Outcome::BadInput })
}

/// Twins and channels that jobs name and the project has not.
fn strangers(jobs: &Jobs, project: &Project) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, job) in &jobs.jobs {
        if let Some(Err(fault)) = job.task.twin().map(|twin| project.twin(twin)) {
            faults.push(format!("`jobs.{name}.twin`: {fault:#}"));
        }
        if let Task::Notify(notify) = &job.task {
            let unknown = |channel: &&String| !jobs.channels.contains_key(*channel);
            for channel in notify.channels.iter().flatten().filter(unknown) {
                faults.push(format!(
                    "`jobs.{name}.channels`: no channel `{channel}`: write [notify.{channel}]"
                ));
            }
        }
    }
    faults
}
