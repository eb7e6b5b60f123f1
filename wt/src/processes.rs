//! The processes that `wt up` starts, and what they say of themselves.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::client;
use crate::files;
use crate::outcome::EnvironmentError;
use crate::project::Project;

/// Where twins without a port of their own begin (CONTRACTS).
pub(crate) const PORTS_FROM: u16 = 9001;
/// How long a twin has to answer a question about itself.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Of a twin's answer about itself; more is not one.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// `.wt/pids.json`: what was started, by twin.
pub(crate) type Pids = BTreeMap<String, Started>;

/// A twin's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Started {
    pub(crate) pid: u32,
    pub(crate) port: u16,
    pub(crate) binary: PathBuf,
    /// When the process began, in ticks since the machine did, where the system tells: another process
    /// that is given the number began at another time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) began_ticks: Option<u64>,
}

impl Started {
    /// A process that goes on now.
    pub(crate) fn of(pid: u32, port: u16, binary: PathBuf) -> Self {
        Self { pid, port, binary, began_ticks: began_ticks(pid) }
    }
}

pub(crate) fn read_pids(project: &Project) -> anyhow::Result<Pids> {
    Ok(files::read_json(&pids_path(project))?.unwrap_or_default())
}

/// Whether anything was ever started.
pub(crate) fn has_pids(project: &Project) -> bool {
    pids_path(project).exists()
}

/// Held by who starts or stops twins.
pub(crate) fn lock_path(project: &Project) -> PathBuf {
    project.own_dir().join("pids.lock")
}

pub(crate) fn write_pids(project: &Project, pids: &Pids) -> anyhow::Result<()> {
    files::write_json(&pids_path(project), pids)
}

fn pids_path(project: &Project) -> PathBuf {
    project.own_dir().join("pids.json")
}

/// The twins that run.
pub(crate) fn all_running(project: &Project) -> anyhow::Result<Pids> {
    let mut pids = read_pids(project)?;
    pids.retain(|name, started| is_alive(started, name));
    Ok(pids)
}

/// A twin that has to run.
pub(crate) fn running(project: &Project, name: &str) -> anyhow::Result<Started> {
    project.twin(name)?;
    let started = read_pids(project)?.remove(name).filter(|started| is_alive(started, name));
    started.with_context(|| format!("{name} does not run: `wt up {name}` starts it"))
}

/// `.wt/logs/NAME.log`.
pub(crate) fn log_path(project: &Project, name: &str) -> PathBuf {
    project.own_dir().join("logs").join(format!("{name}.log"))
}

/// The next port from one on that nothing listens on and nobody has been promised.
pub(crate) fn free_port(from: u16, promised: &[u16]) -> anyhow::Result<u16> {
    (from..=u16::MAX)
        .filter(|port| !promised.contains(port))
        .find(|port| is_free(*port))
        .ok_or_else(|| EnvironmentError(format!("no port from {from} on is free")).into())
}

/// Whether a twin could listen there.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// What a twin answers on one of its own paths, as `/__wt/status`.
pub(crate) fn ask(port: u16, path: &str) -> anyhow::Result<Value> {
    let answer = get(port, path).with_context(|| format!("port {port} does not answer"))?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer is not HTTP")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    anyhow::ensure!(status == "200", "port {port} answers {path} with status {status}");
    serde_json::from_str(body).with_context(|| format!("port {port} answers {path} with no JSON"))
}

/// One request of HTTP/1.0, whose answer ends with the connection: a client for more than this
/// would be the largest part of the program.
fn get(port: u16, path: &str) -> io::Result<String> {
    request(port, "GET", path)
}

fn request(port: u16, method: &str, path: &str) -> io::Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_TIMEOUT)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
    let token = client::admin_token().filter(|token| http::HeaderValue::from_str(token).is_ok());
    let token = token.map(|token| format!("X-Admin-Token: {token}\r\n"));
    let token = token.unwrap_or_default();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\n{token}Connection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    Ok(answer)
}

/// Whether the process is there, and is one that `wt` started for the twin.
///
/// A number is given to another process some time after its owner ended.
pub(crate) fn is_alive(started: &Started, name: &str) -> bool {
    let is_the_same = |began| began_ticks(started.pid) == Some(began);
    exists(started.pid)
        && started.began_ticks.is_none_or(is_the_same)
        && runs(started.pid, &started.binary)
        && is_twin(started.pid, name)
}

/// Asks the process to end, and ends it after the grace period.
pub(crate) fn stop(started: &Started, name: &str, grace: Duration) -> anyhow::Result<Stopped> {
    if !is_alive(started, name) {
        return Ok(Stopped::WasNot);
    }
    signal(started.pid, Signal::Terminate)?;
    if ended_within(started.pid, grace) {
        return Ok(Stopped::Asked);
    }
    signal(started.pid, Signal::Kill)?;
    ended_within(started.pid, Duration::from_secs(1));
    Ok(Stopped::Killed)
}

/// Has a twin end whose process runs others too.
pub(crate) fn leave(started: &Started, name: &str, grace: Duration) -> anyhow::Result<Stopped> {
    if !is_alive(started, name) {
        return Ok(Stopped::WasNot);
    }
    let path = format!("/__wt/universe/twins/{name}");
    let untold = || format!("{name} on port {} cannot be told to stop", started.port);
    let answer = request(started.port, "DELETE", &path).with_context(untold)?;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    anyhow::ensure!(
        status != "401",
        "{}: it asks for a token, set WT_ADMIN_TOKEN to the one it was started with",
        untold()
    );
    let start = Instant::now();
    while !is_free(started.port) {
        anyhow::ensure!(start.elapsed() < grace, "{name} did not end within {} s", grace.as_secs());
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(Stopped::Asked)
}

/// How a process came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// It had ended before.
    WasNot,
    /// It ended when asked to.
    Asked,
    /// It had to be ended.
    Killed,
}

fn ended_within(pid: u32, limit: Duration) -> bool {
    let start = Instant::now();
    while exists(pid) {
        if start.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

#[derive(Debug, Clone, Copy)]
enum Signal {
    Terminate,
    Kill,
}

#[cfg(unix)]
fn signal(pid: u32, signal: Signal) -> anyhow::Result<()> {
    use rustix::process::{Pid, kill_process};
    let signal = match signal {
        Signal::Terminate => rustix::process::Signal::TERM,
        Signal::Kill => rustix::process::Signal::KILL,
    };
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let process = process.with_context(|| format!("{pid} is no process"))?;
    match kill_process(process, signal) {
        Err(rustix::io::Errno::SRCH) => Ok(()),
        sent => sent
            .map_err(io::Error::from)
            .with_context(|| format!("cannot send a signal to process {pid}")),
    }
}

#[cfg(not(unix))]
fn signal(pid: u32, signal: Signal) -> anyhow::Result<()> {
    let force = matches!(signal, Signal::Kill).then_some("/F");
    let pid = pid.to_string();
    std::process::Command::new("taskkill").args(["/PID", &pid]).args(force).output()?;
    Ok(())
}

/// Whether there is a process of that number that has not ended. One that ended and whose parent
/// has not asked how still has its number.
#[cfg(target_os = "linux")]
fn exists(pid: u32) -> bool {
    let stat = stat(pid);
    let state = stat.as_ref().and_then(|stat| stat.first());
    state.is_some_and(|state| !matches!(state.as_str(), "Z" | "X"))
}

/// What the system tells of a process, from its state on.
///
/// # Source
///
/// proc(5), `/proc/pid/stat`: the state is the third field, the time it began the 22nd.
#[cfg(target_os = "linux")]
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before the state may hold anything, parentheses included.
    let (_, from_state) = text.rsplit_once(") ")?;
    Some(from_state.split_whitespace().map(str::to_owned).collect())
}

#[cfg(target_os = "linux")]
fn began_ticks(pid: u32) -> Option<u64> {
    stat(pid)?.get(19)?.parse().ok()
}

#[cfg(not(target_os = "linux"))]
fn began_ticks(_: u32) -> Option<u64> {
    None
}

#[cfg(all(unix, not(target_os = "linux")))]
fn exists(pid: u32) -> bool {
    let process = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    process.is_some_and(|process| rustix::process::test_kill_process(process).is_ok())
}

#[cfg(not(unix))]
fn exists(pid: u32) -> bool {
    let listed = std::process::Command::new("tasklist")
        .args(["/FI", &format!("PID eq {pid}"), "/NH"])
        .output();
    listed.is_ok_and(|out| String::from_utf8_lossy(&out.stdout).contains(&pid.to_string()))
}

/// Whether the process runs this binary, which may have been replaced or removed since.
#[cfg(target_os = "linux")]
fn runs(pid: u32, binary: &Path) -> bool {
    let Ok(running) = std::fs::read_link(format!("/proc/{pid}/exe")) else { return false };
    let running = running.to_string_lossy();
    Path::new(running.strip_suffix(" (deleted)").unwrap_or(&running))
        == binary.canonicalize().as_deref().unwrap_or(binary)
}

#[cfg(not(target_os = "linux"))]
fn runs(_: u32, _: &Path) -> bool {
    true
}

/// Whether the process was started to run the twin.
#[cfg(target_os = "linux")]
fn is_twin(pid: u32, name: &str) -> bool {
    let Ok(line) = std::fs::read(Path::new("/proc").join(pid.to_string()).join("cmdline")) else {
        return false;
    };
    let words: Vec<_> = line.split(|byte| *byte == 0).collect();
    let runs = |word: &str| words.contains(&word.as_bytes());
    (runs("serve") && runs(name)) || runs("--foreground")
}

#[cfg(not(target_os = "linux"))]
fn is_twin(_: u32, _: &str) -> bool {
    true
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn another_programs_process_is_no_twin_whatever_its_options_are_called() {
        let mut other = std::process::Command::new("sh")
            .args(["-c", "echo; read line", "--foreground"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // Its command line stands once it runs.
        other.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
        let of = |binary: PathBuf| Started::of(other.id(), 1, binary);
        let ours = of(std::env::current_exe().unwrap());
        let same = of("/bin/sh".into());
        // The number was given to it after its owner had ended.
        let later = Started { began_ticks: same.began_ticks.map(|at| at - 1), ..same.clone() };
        let of_before = Started { began_ticks: None, ..same.clone() };
        let alive = [ours, same, later, of_before].map(|one| is_alive(&one, "emails"));
        // It ends with its input.
        drop(other.stdin.take());
        other.wait().unwrap();
        assert_eq!(alive, [false, true, false, true]);
    }
}
