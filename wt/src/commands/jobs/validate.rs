//! `wt jobs validate`.

use std::path::Path;

use jobs::config::Fault;
use serde_json::json;

use super::setup;
use super::soundness::{self, Soundness};
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
    let Soundness { faults: more, warnings } = soundness::of(&jobs, &project, setup.clock.now());
    let mut faults: Vec<&Fault> = jobs.faults.iter().chain(&more).collect();
    faults.sort_by_key(|fault| fault.line);
    let faults: Vec<String> = faults.into_iter().map(ToString::to_string).collect();
    let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    let path = setup.config();
    for warning in &warnings {
        out.warn(&format!("{}, {warning}", path.display()));
    }
    let text = || {
        if faults.is_empty() {
            return format!("{}: {}, all sound", path.display(), count(jobs.jobs.len(), "job"));
        }
        let lines: Vec<_> =
            faults.iter().map(|fault| format!("{}, {fault}", path.display())).collect();
        lines.join("\n")
    };
    out.result(
        text,
        &json!({"file": path, "jobs": jobs.jobs.len(), "faults": faults, "warnings": warnings}),
    )?;
    Ok(if faults.is_empty() { Outcome::Done } else { Outcome::BadInput })
}
