//! `wt down`.

use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use serde_json::json;

use crate::outcome::Outcome;
use crate::output::Output;
use crate::processes::{self, Stopped};
use crate::project::Project;
use crate::turn::Turn;

/// A twin has so long to end what it is answering.
const GRACE: Duration = Duration::from_secs(5);

/// Stop twins that `wt up` started.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twins [default: all]
    names: Vec<String>,
    /// All of them, as without a name
    #[arg(long, conflicts_with = "names")]
    all: bool,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let (project, fault) = Project::open_to_stop(project)?;
    // Where nothing was ever started there is nothing to wait for, and nothing to be made.
    let has_started = processes::has_pids(&project);
    let _turn = has_started.then(|| Turn::of_processes(&project, "down", out)).transpose()?;
    let mut pids = processes::read_pids(&project)?;
    let unknown = args.names.iter().find(|name| !pids.contains_key(*name));
    match (fault, unknown) {
        (Some(fault), Some(_)) => return Err(fault),
        (Some(fault), None) => out.warn(&format!("{fault:#}")),
        (None, _) => {}
    }
    if let Some(unknown) = unknown {
        // Of a twin that is known and not running there is nothing to do.
        if !project.twins()?.contains(unknown) {
            project.twin(unknown)?;
            bail!("no twin `{unknown}`");
        }
    }
    let chosen: Vec<String> = pids
        .keys()
        .filter(|name| args.names.is_empty() || args.names.contains(name))
        .cloned()
        .collect();
    let mut stopped = Vec::new();
    for name in chosen {
        let started = pids[&name].clone();
        pids.remove(&name);
        // Twins that run together have one process; it ends with the last of them.
        let is_shared = pids.values().any(|other| other.pid == started.pid);
        let how = if is_shared {
            processes::leave(&started, &name, GRACE)?
        } else {
            processes::stop(&started, &name, GRACE)?
        };
        processes::write_pids(&project, &pids)?;
        stopped.push((name, how));
    }
    let text = || {
        if stopped.is_empty() {
            return "no twins running".to_owned();
        }
        stopped.iter().map(|(name, how)| line(name, *how)).collect::<Vec<_>>().join("\n")
    };
    let names: Vec<_> = stopped.iter().map(|(name, _)| name).collect();
    out.result(text, &json!({"stopped": names}))?;
    Ok(Outcome::Done)
}

fn line(name: &str, how: Stopped) -> String {
    match how {
        Stopped::Asked => format!("✓ {name} stopped"),
        Stopped::WasNot => format!("✓ {name} had stopped before"),
        Stopped::Killed => {
            format!("✓ {name} killed: it did not end within {} s", GRACE.as_secs())
        }
    }
}
