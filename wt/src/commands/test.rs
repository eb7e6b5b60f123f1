//! `wt test`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::json;

use super::block_on;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::processes;
use crate::project::Project;
use crate::scenario::{self, Ports, Result as Told, Scenario};

/// Run scenarios against running twins.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A scenario's file, or a folder of them
    #[arg(default_value = "./scenarios/")]
    path: PathBuf,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let files = scenario::find(&args.path)?;
    if files.is_empty() {
        bail!("there is no scenario (*.json) in {}", args.path.display());
    }
    // All are read before any is run.
    let scenarios: Vec<(PathBuf, Scenario)> = files
        .into_iter()
        .map(|path| Ok((path.clone(), scenario::read(&path)?)))
        .collect::<anyhow::Result<_>>()?;
    let ports = ports(&project)?;
    let results: Vec<Told> = block_on(async {
        let mut results = Vec::new();
        for (path, scenario) in &scenarios {
            let folder = path.parent().unwrap_or(Path::new("."));
            results.push(scenario::run(scenario, folder, &ports).await);
        }
        Ok(results)
    })?;
    let failed = results.iter().filter(|result| !result.passed()).count();
    let (passed, total) = (results.len() - failed, results.len());
    let document = json!({
        "scenarios": results, "passed": passed, "failed": failed, "total": total,
    });
    let text = || {
        let mut lines: Vec<_> = results.iter().map(ToString::to_string).collect();
        lines.push(format!("Results: {passed} passed, {failed} failed, {total} total"));
        lines.join("\n")
    };
    out.result(text, &document)?;
    Ok(if failed == 0 { Outcome::Done } else { Outcome::No })
}

/// Where the twins are: those that run, else where the project says they would.
fn ports(project: &Project) -> anyhow::Result<Ports> {
    let mut ports: BTreeMap<_, _> = BTreeMap::new();
    for name in project.twins()? {
        let twin = project.twin(&name).with_context(|| format!("the twin {name}"))?;
        if let Some(port) = twin.port()? {
            ports.insert(name, port);
        }
    }
    let running = processes::all_running(project)?;
    ports.extend(running.into_iter().map(|(name, started)| (name, started.port)));
    Ok(Ports(ports))
}
