//! `wt up`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::json;

use super::serve::{self, Serving};
use super::{block_on, stop_signal};
use crate::outcome::{EnvironmentError, Outcome};
use crate::output::Output;
use crate::processes::{self, PORTS_FROM, Pids, Started};
use crate::project::Project;

/// How long a twin has to become ready; a large model takes a second or two to compile.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Start twins in the background.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twins [default: all of the project]
    names: Vec<String>,
    /// Serve them here until Ctrl-C
    #[arg(long)]
    foreground: bool,
}

/// A twin that is to run.
#[derive(Debug)]
struct Planned {
    name: String,
    port: u16,
    /// It runs already.
    running: bool,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let mut pids = processes::read_pids(&project)?;
    let plan = plan(&project, &args.names, &pids)?;
    if args.foreground {
        return foreground(&project, &plan, pids, out);
    }
    let mut starting = Vec::new();
    for twin in plan.iter().filter(|twin| !twin.running) {
        let (child, started) = spawn(&project, twin)?;
        // Taken down at once: what was started can be stopped whatever happens now.
        pids.insert(twin.name.clone(), started);
        processes::write_pids(&project, &pids)?;
        starting.push((twin, child));
    }
    let mut failures = Vec::new();
    for (twin, mut child) in starting {
        if let Err(error) = wait_until_ready(&project, twin, &mut child) {
            // What does not get ready is not left behind.
            let _ = child.kill();
            let _ = child.wait();
            pids.remove(&twin.name);
            processes::write_pids(&project, &pids)?;
            failures.push((twin.name.as_str(), error));
        }
    }
    report(&plan, &failures, out)?;
    let Some((_, first)) = failures.into_iter().next() else { return Ok(Outcome::Done) };
    Ok(Outcome::of(&first))
}

/// Which twins run where. All that can be known to fail does so before any is started.
fn plan(project: &Project, names: &[String], pids: &Pids) -> anyhow::Result<Vec<Planned>> {
    let names = if names.is_empty() { project.twins()? } else { names.to_vec() };
    if names.is_empty() {
        bail!("{} has no twins: run `wt init NAME`", project.root().display());
    }
    let mut plan: Vec<Planned> = Vec::new();
    let mut open = Vec::new();
    for name in names {
        let twin = project.twin(&name)?;
        twin.base_model()?;
        let started = pids.get(&name).filter(|started| processes::is_alive(started, &name));
        match (started, twin.port()?) {
            (Some(started), _) => plan.push(Planned { port: started.port, running: true, name }),
            (None, Some(port)) => plan.push(Planned { port, running: false, name }),
            (None, None) => open.push(name),
        }
    }
    for twin in plan.iter().filter(|twin| !twin.running) {
        if !processes::is_free(twin.port) {
            let Planned { name, port, .. } = twin;
            return Err(EnvironmentError(format!(
                "port {port} of {name} is in use: stop what listens there, or set `twins.{name}.port` in wondertwin.json"
            ))
            .into());
        }
    }
    for name in open {
        let promised: Vec<u16> = plan.iter().map(|twin| twin.port).collect();
        plan.push(Planned {
            port: processes::free_port(PORTS_FROM, &promised)?,
            running: false,
            name,
        });
    }
    plan.sort_by(|one, other| one.name.cmp(&other.name));
    plan.dedup_by(|one, other| one.name == other.name);
    Ok(plan)
}

/// Starts `wt serve` on its own: it outlives this process, and Ctrl-C here is not for it.
fn spawn(project: &Project, twin: &Planned) -> anyhow::Result<(Child, Started)> {
    let binary = std::env::current_exe().context("this program's own file cannot be found")?;
    let path = processes::log_path(project, &twin.name);
    let log = open_log(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut command = Command::new(&binary);
    command
        .arg("--project")
        .arg(project.root())
        .args(["serve", &twin.name, "--port", &twin.port.to_string()])
        .stdin(Stdio::null())
        .stdout(log.try_clone().with_context(|| format!("cannot write {}", path.display()))?)
        .stderr(log);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = command.spawn().with_context(|| format!("cannot start {}", binary.display()))?;
    let started = Started { pid: child.id(), port: twin.port, binary };
    Ok((child, started))
}

fn open_log(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::create(path)
}

fn wait_until_ready(project: &Project, twin: &Planned, child: &mut Child) -> anyhow::Result<()> {
    let start = Instant::now();
    let log = processes::log_path(project, &twin.name);
    loop {
        if let Some(status) = child.try_wait().context("the process cannot be waited for")? {
            let why = last_error(&log).unwrap_or_else(|| format!("it ended with {status}"));
            if status.code() == Some(3) {
                return Err(EnvironmentError(why).into());
            }
            bail!(why);
        }
        // The twin's name, for something else may have taken the port meanwhile.
        let answer = processes::ask(twin.port, "/__wt/status");
        if answer.is_ok_and(|answer| answer["name"] == twin.name.as_str()) {
            return Ok(());
        }
        if start.elapsed() > READY_WITHIN {
            let seconds = READY_WITHIN.as_secs();
            let log = log.display();
            return Err(EnvironmentError(format!("not ready within {seconds} s, see {log}")).into());
        }
        std::thread::sleep(Duration::from_millis(25));
    }
}

/// What a twin that ended had to say: its error and the causes, on one line.
fn last_error(log: &Path) -> Option<String> {
    let text = fs::read_to_string(log).ok()?;
    let from = text.rfind("error: ")?;
    let lines: Vec<_> = text[from + "error: ".len()..].lines().map(str::trim).collect();
    Some(lines.join("; "))
}

fn report(
    plan: &[Planned],
    failures: &[(&str, anyhow::Error)],
    out: &mut Output,
) -> anyhow::Result<()> {
    let why =
        |name: &str| failures.iter().find(|(failed, _)| *failed == name).map(|(_, error)| error);
    let line = |twin: &Planned| match (why(&twin.name), twin.running) {
        (Some(error), _) => format!("✗ {}: {error:#}", twin.name),
        (None, true) => format!("✓ {} already running on :{}", twin.name, twin.port),
        (None, false) => format!("✓ {} running on :{}", twin.name, twin.port),
    };
    let document = |twin: &Planned| {
        let error = why(&twin.name).map(|error| format!("{error:#}"));
        let url = error.is_none().then(|| format!("http://127.0.0.1:{}", twin.port));
        json!({"name": twin.name, "url": url, "port": twin.port, "error": error})
    };
    let twins: Vec<_> = plan.iter().map(document).collect();
    out.result(|| plan.iter().map(line).collect::<Vec<_>>().join("\n"), &json!({"twins": twins}))
}

/// Serves the twins in this process. Other commands find them as if they were started alone.
fn foreground(
    project: &Project,
    plan: &[Planned],
    mut pids: Pids,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    if let Some(twin) = plan.iter().find(|twin| twin.running) {
        bail!("{} runs already: `wt down {0}` stops it", twin.name);
    }
    let binary: PathBuf = std::env::current_exe().unwrap_or_else(|_| "wt".into());
    let result = block_on(async {
        let stop = stop_signal()?;
        let mut running = Vec::new();
        for twin in plan {
            let known = project.twin(&twin.name)?;
            let serving = Serving::default();
            running.push(serve::start(&known, twin.port, serving, stop.clone()).await?);
            let (pid, binary) = (std::process::id(), binary.clone());
            pids.insert(twin.name.clone(), Started { pid, port: twin.port, binary });
        }
        processes::write_pids(project, &pids)?;
        report(plan, &[], out)?;
        for twin in running {
            twin.handle.await.context("a twin stopped by itself")?;
        }
        Ok(Outcome::Done)
    });
    let mut pids = processes::read_pids(project)?;
    pids.retain(|_, started| started.pid != std::process::id());
    processes::write_pids(project, &pids)?;
    result
}
