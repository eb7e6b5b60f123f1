//! What the daemon depends on, each of it used.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jobs::ledger::Ledger;
use jobs::pages::{Check, Checks};

use super::setup;
use crate::commands::block_on;
use crate::processes;
use crate::project::Project;

/// The checks of a project, its started twins included.
pub(super) fn of_project(root: &Path) -> Checks {
    let mut checks = vec![
        check("lake", root, |project| exercise_lake(&project)),
        check("ledger", root, |project| Ok(Ledger::open(&setup(&project)?.ledger())?.exercise()?)),
        check("keys", root, |project| project.check_keys()),
    ];
    let started = Project::open(Some(root)).and_then(|project| processes::read_pids(&project));
    for (name, twin) in started.unwrap_or_default() {
        checks.push(check(&format!("twin {name}"), root, move |_| {
            anyhow::ensure!(processes::is_alive(&twin, &name), "process {} ended", twin.pid);
            processes::ask(twin.port, "/__wt/status").map(drop)
        }));
    }
    checks
}

fn check(
    name: &str,
    root: &Path,
    ask: impl Fn(Project) -> anyhow::Result<()> + Send + Sync + 'static,
) -> Check {
    let root: PathBuf = root.to_owned();
    let ask =
        move || Project::open(Some(&root)).and_then(&ask).map_err(|fault| format!("{fault:#}"));
    Check { name: name.to_owned(), ask: Arc::new(ask) }
}

/// Its manifests are read, and it can be written to.
fn exercise_lake(project: &Project) -> anyhow::Result<()> {
    let (lake, twins) = (project.lake()?, project.twins()?);
    block_on(async {
        for twin in &twins {
            lake.segments(twin).await?;
        }
        Ok(lake.exercise().await?)
    })
}
