//! `wt up`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::serve::Serving;
use super::{block_on, stop_signal};
use crate::client;
use crate::host::{Host, Starting};
use crate::outcome::{EnvironmentError, Outcome};
use crate::output::Output;
use crate::processes::{self, PORTS_FROM, Pids, Started};
use crate::project::Project;
use crate::turn::Turn;

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
    /// Where each is to listen, as a process in the background is told
    #[arg(long, hide = true, value_name = "NAME=PORT", requires = "foreground")]
    at: Vec<String>,
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
    if !args.at.is_empty() {
        return in_background(&project, &args.at, out);
    }
    let turn = Turn::of_processes(&project, "up", out)?;
    let pids = processes::read_pids(&project)?;
    let plan = plan(&project, &args.names, &pids)?;
    if args.foreground {
        return foreground(&project, &plan, pids, turn, out);
    }
    let failures = match host(&pids) {
        Some(host) => join(&project, &plan, &host, pids)?,
        None => begin(&project, &plan, pids)?,
    };
    report(&plan, &failures, out)?;
    let Some((_, first)) = failures.into_iter().next() else { return Ok(Outcome::Done) };
    Ok(Outcome::of(&first))
}

/// Twins that did not get ready, and why.
type Failures<'p> = Vec<(&'p str, anyhow::Error)>;

/// A process that runs twins of the project already.
fn host(pids: &Pids) -> Option<Started> {
    let alive = |(name, started): &(&String, &Started)| processes::is_alive(started, name);
    pids.iter().find(alive).map(|(_, started)| started.clone())
}

/// Has the twins join those that run: they have one clock.
fn join<'p>(
    project: &Project,
    plan: &'p [Planned],
    host: &Started,
    mut pids: Pids,
) -> anyhow::Result<Failures<'p>> {
    let mut failures = Vec::new();
    for twin in plan.iter().filter(|twin| !twin.running) {
        share_log(project, &twin.name)?;
        let body = json!({"name": twin.name, "port": twin.port}).to_string();
        let asked = client::admin(host.port, Method::POST, "universe/twins", body.into());
        match block_on(asked) {
            Ok(_) => {
                let started = Started { port: twin.port, ..host.clone() };
                pids.insert(twin.name.clone(), started);
                processes::write_pids(project, &pids)?;
            }
            Err(error) => failures.push((twin.name.as_str(), error)),
        }
    }
    Ok(failures)
}

/// Starts one process for all of them.
fn begin<'p>(
    project: &Project,
    plan: &'p [Planned],
    mut pids: Pids,
) -> anyhow::Result<Failures<'p>> {
    if plan.is_empty() {
        return Ok(Vec::new());
    }
    let (mut child, started) = spawn(project, plan)?;
    // Taken down at once: what was started can be stopped whatever happens now.
    for twin in plan {
        pids.insert(twin.name.clone(), Started { port: twin.port, ..started.clone() });
    }
    processes::write_pids(project, &pids)?;
    let mut told = ready(project, plan, &mut child);
    let mut failures = Vec::new();
    for twin in plan {
        if let Some(error) = told.remove(&twin.name) {
            pids.remove(&twin.name);
            failures.push((twin.name.as_str(), error));
        }
    }
    if failures.len() == plan.len() {
        // What does not get ready is not left behind.
        let _ = child.kill();
        let _ = child.wait();
    }
    processes::write_pids(project, &pids)?;
    Ok(failures)
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
        twin.check_model()?;
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

/// Starts this program on its own: it outlives this process, and Ctrl-C here is not for it.
fn spawn(project: &Project, plan: &[Planned]) -> anyhow::Result<(Child, Started)> {
    let binary = std::env::current_exe().context("this program's own file cannot be found")?;
    let path = processes::log_path(project, LOG);
    let log = open_log(&path).with_context(|| format!("cannot write {}", path.display()))?;
    for twin in plan {
        share_log(project, &twin.name)?;
    }
    let mut command = Command::new(&binary);
    command.arg("--project").arg(project.root()).args(["up", "--foreground"]);
    for twin in plan {
        command.arg("--at").arg(format!("{}={}", twin.name, twin.port));
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = command.spawn().with_context(|| format!("cannot start {}", binary.display()))?;
    let started = Started::of(child.id(), 0, binary);
    Ok((child, started))
}

/// The log of a process that runs twins; those of the twins are other names of it.
const LOG: &str = "universe";

/// Makes a twin's log another name of the log of the process it runs in.
fn share_log(project: &Project, name: &str) -> anyhow::Result<()> {
    let (log, own) = (processes::log_path(project, LOG), processes::log_path(project, name));
    if own.exists() {
        fs::remove_file(&own).with_context(|| format!("cannot remove {}", own.display()))?;
    }
    if !log.exists() {
        return Ok(());
    }
    fs::hard_link(&log, &own).with_context(|| format!("cannot write {}", own.display()))
}

fn open_log(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::create(path)
}

/// What a process in the background tells of one of its twins: a line of JSON on its standard
/// output as soon as it is so.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    twin: String,
    /// Absent where it serves.
    error: Option<String>,
    /// Whether that is the environment's fault.
    environment: bool,
}

/// Waits until each twin serves or has failed to; those that have, and why.
fn ready(
    project: &Project,
    plan: &[Planned],
    child: &mut Child,
) -> BTreeMap<String, anyhow::Error> {
    let (tell, told) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            let told = lines.filter_map(|line| serde_json::from_str::<Told>(&line).ok());
            // Nobody listens any more where it took too long.
            told.for_each(|one| drop(tell.send(one)));
        });
    }
    let deadline = Instant::now() + READY_WITHIN;
    let mut waiting: BTreeSet<&str> = plan.iter().map(|twin| &*twin.name).collect();
    let mut failed = BTreeMap::new();
    while !waiting.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(one) = told.recv_timeout(left) else { break };
        waiting.remove(&*one.twin);
        if let Some(why) = one.error {
            let error = if one.environment {
                EnvironmentError(why).into()
            } else {
                anyhow::Error::msg(why)
            };
            failed.insert(one.twin, error);
        }
    }
    let log = processes::log_path(project, LOG);
    for name in waiting {
        let why = match child.try_wait() {
            Ok(Some(status)) => {
                last_error(&log).unwrap_or_else(|| format!("it ended with {status}"))
            }
            _ => format!("not ready within {} s, see {}", READY_WITHIN.as_secs(), log.display()),
        };
        failed.insert(name.to_owned(), EnvironmentError(why).into());
    }
    failed
}

/// Serves twins in the background, and tells whoever started them how each fares.
fn in_background(project: &Project, at: &[String], out: &mut Output) -> anyhow::Result<Outcome> {
    let named = |one: &String| {
        let (name, port) = one.split_once('=')?;
        Some((name.to_owned(), port.parse::<u16>().ok()?))
    };
    let twins: Option<Vec<_>> = at.iter().map(named).collect();
    let twins = twins.context("--at is not as NAME=PORT")?;
    block_on(async {
        let stop = stop_signal()?;
        let mut host = Host::new(project, Serving::default());
        for (name, starting) in begin_all(&mut host, &twins) {
            let started = host.take_in(&name, starting).await;
            let error = started.as_ref().err().map(|error| format!("{error:#}"));
            let environment =
                started.as_ref().is_err_and(|error| Outcome::of(error) == Outcome::Environment);
            if let Ok(address) = &started {
                out.say(&format!("✓ {name} serving on http://{address}"));
            }
            let told = Told { twin: name, error, environment };
            out.print(&serde_json::to_string(&told)?)?;
        }
        host.run(stop).await
    })?;
    Ok(Outcome::Done)
}

/// Begins to start twins beside each other; in their order.
fn begin_all(
    host: &mut Host<'_>,
    twins: &[(String, u16)],
) -> Vec<(String, anyhow::Result<Starting>)> {
    let loaded = host.load(twins);
    let each = twins.iter().zip(loaded);
    each.map(|((name, port), loaded)| (name.clone(), host.begin(name, *port, loaded))).collect()
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
    turn: Turn,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    if let Some(twin) = plan.iter().find(|twin| twin.running) {
        bail!("{} runs already: `wt down {0}` stops it", twin.name);
    }
    let binary: PathBuf = std::env::current_exe().unwrap_or_else(|_| "wt".into());
    let result = block_on(async {
        let stop = stop_signal()?;
        let mut host = Host::new(project, Serving::default());
        let twins: Vec<_> = plan.iter().map(|twin| (twin.name.clone(), twin.port)).collect();
        for (twin, (_, starting)) in plan.iter().zip(begin_all(&mut host, &twins)) {
            host.take_in(&twin.name, starting).await?;
            let started = Started::of(std::process::id(), twin.port, binary.clone());
            pids.insert(twin.name.clone(), started);
        }
        processes::write_pids(project, &pids)?;
        drop(turn);
        report(plan, &[], out)?;
        host.run(stop).await?;
        Ok(Outcome::Done)
    });
    // Who has the turn waits for this process to end, or starts others: the entry of one that is gone counts for nothing.
    let Ok(_turn) = Turn::of_processes_at_once(project, "up") else { return result };
    let mut pids = processes::read_pids(project)?;
    pids.retain(|_, started| started.pid != std::process::id());
    processes::write_pids(project, &pids)?;
    result
}
