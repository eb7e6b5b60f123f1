//! A run's work in a process of its own: what crashes there crashes nothing here, and a timeout can
//! end it.
//!
//! Its output goes to a file that is locked for as long as the process, or one it left behind, holds
//! it open. So the next daemon knows whether the work of a run goes on, whatever became of this one.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use crate::config::Program;
use crate::ledger::{Ending, Run, RunId, State};

/// How long a process has to end by itself once asked.
const GRACE: Duration = Duration::from_secs(5);
/// Bytes of what it says at its end that are looked at for a reason.
const TAIL_BYTES: u64 = 8 << 10;
/// Bytes of a reason kept.
const REASON_BYTES_MAX: usize = 600;
/// Exit status of `wt` for what would fail the same way again (CONTRACTS, "Commands").
const BAD_INPUT: i32 = 2;

/// Where and how processes are run.
#[derive(Debug, Clone)]
pub struct Place {
    /// `wt` itself.
    pub wt: PathBuf,
    /// The project's folder.
    pub project: PathBuf,
    /// Where runs leave what they said.
    pub logs: PathBuf,
}

/// A process that does a run's work.
#[derive(Debug)]
pub struct Work {
    child: Child,
    pid: u32,
    said: PathBuf,
    is_wt: bool,
}

impl Place {
    /// A run's output: `.out` what it printed, `.log` what it said.
    pub fn log(&self, run: RunId, attempt: u32, ending: &str) -> PathBuf {
        self.logs.join(format!("{:06}-{attempt}.{ending}", run.0))
    }

    /// Starts a run's work.
    ///
    /// # Errors
    ///
    /// The ending of a run whose work cannot be started, its reason naming the program or file.
    pub fn start(&self, run: &Run, program: &Program) -> Result<Work, Ending> {
        let failed = |what: String, lasting| {
            move |fault: io::Error| Ending::Failed { reason: format!("{what}: {fault}"), lasting }
        };
        let logs = self.logs.display();
        fs::create_dir_all(&self.logs).map_err(failed(format!("cannot make {logs}"), false))?;
        let open = |path: &Path| {
            File::create(path).map_err(failed(format!("cannot write {}", path.display()), false))
        };
        let said = self.log(run.id, run.attempt, "log");
        let (out, log) = (open(&self.log(run.id, run.attempt, "out"))?, open(&said)?);
        out.lock().map_err(failed(format!("cannot lock a file in {logs}"), false))?;
        let (mut command, name) = self.command(program);
        command.env("WT_RUN", run.id.0.to_string()).env("WT_JOB", &run.job);
        command.env("WT_SCHEDULED_AT", run.scheduled_at.to_rfc3339());
        if let State::Running { since, .. } = run.state {
            command.env("WT_STARTED_AT", since.to_rfc3339());
        }
        command.stdin(Stdio::null()).stdout(out).stderr(log);
        #[cfg(unix)]
        command.process_group(0);
        let child = command.spawn().map_err(|fault| {
            // No such program, or not to be executed: so it stays. Too many processes: it may not.
            let lasting =
                matches!(fault.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied);
            failed(format!("cannot run `{name}`"), lasting)(fault)
        })?;
        let pid = child.id().unwrap_or_default();
        Ok(Work { child, pid, said, is_wt: matches!(program, Program::Wt(_)) })
    }

    fn command(&self, program: &Program) -> (Command, String) {
        match program {
            Program::Wt(words) => {
                let mut command = Command::new(&self.wt);
                command.arg("--project").arg(&self.project).args(words).current_dir(&self.project);
                (command, "wt".to_owned())
            }
            Program::Other { argv, dir } => {
                let (program, arguments) = argv.split_first().expect("an Argv names a program");
                let mut command = Command::new(program);
                command.args(arguments).current_dir(self.project.join(dir));
                (command, program.clone())
            }
        }
    }

    /// Whether no process of a run is left, those of a daemon that died included. What is left is
    /// asked to end, in vain or not.
    pub fn is_over(&self, run: RunId, attempt: u32, pid: Option<u32>) -> bool {
        let out = self.log(run, attempt, "out");
        if is_free(&out) {
            return true;
        }
        if let Some(pid) = pid {
            end_group(pid, true);
        }
        // The daemon may have died before it took the number down.
        holders(&out).into_iter().for_each(end_one);
        (0..50).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            is_free(&out)
        })
    }
}

impl Work {
    /// The leader of its process group.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for its end, brings it about after `timeout`, or when `stop` says why.
    pub async fn end(mut self, timeout: Duration, stop: oneshot::Receiver<String>) -> Ending {
        tokio::select! {
            ended = self.child.wait() => return self.ending(ended),
            () = tokio::time::sleep(timeout) => {}
            Ok(why) = stop => {
                self.bring_to_an_end().await;
                return Ending::Cancelled(why);
            }
        }
        self.bring_to_an_end().await;
        Ending::TimedOut(format!("took longer than {}", crate::config::Length(timeout)))
    }

    async fn bring_to_an_end(&mut self) {
        end_group(self.pid, false);
        let graceful = tokio::time::timeout(GRACE, self.child.wait()).await;
        // What it started may go on without it.
        end_group(self.pid, true);
        if graceful.is_err() {
            let _gone = self.child.kill().await;
        }
    }

    fn ending(&self, ended: io::Result<ExitStatus>) -> Ending {
        let status = match ended {
            Ok(status) if status.success() => return Ending::Succeeded,
            Ok(status) => status,
            Err(fault) => {
                return Ending::Failed {
                    reason: format!("its end is not known: {fault}"),
                    lasting: false,
                };
            }
        };
        let how = match status.code() {
            Some(code) => format!("exit status {code}"),
            None => status.to_string(),
        };
        let reason = match reason(&self.said) {
            Some(said) => format!("{said} ({how})"),
            None => how,
        };
        Ending::Failed { reason, lasting: self.is_wt && status.code() == Some(BAD_INPUT) }
    }
}

/// Whether nobody holds the file's lock.
fn is_free(path: &Path) -> bool {
    match File::open(path).map(|file| file.try_lock()) {
        Ok(Err(TryLockError::WouldBlock)) => false,
        Ok(_) | Err(_) => true,
    }
}

/// What a program said last of why it failed: from `error:` on, else its last line.
fn reason(said: &Path) -> Option<String> {
    let mut file = File::open(said).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES))).ok()?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).ok()?;
    let tail = String::from_utf8_lossy(&tail);
    let lines: Vec<&str> = tail.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let from = lines.iter().rposition(|line| line.starts_with("error:"));
    let told = &lines[from.unwrap_or(lines.len().saturating_sub(1))..];
    let told: Vec<&str> = told
        .iter()
        .map(|line| line.trim_start_matches("error: ").trim_start_matches("caused by: "))
        .collect();
    let mut text = told.join(": ");
    if text.len() > REASON_BYTES_MAX {
        let end = text.floor_char_boundary(REASON_BYTES_MAX);
        text.truncate(end);
        text.push('…');
    }
    (!text.is_empty()).then_some(text)
}

/// Processes whose output goes to a file.
#[cfg(target_os = "linux")]
fn holders(file: &Path) -> Vec<u32> {
    let Ok(file) = file.canonicalize() else { return Vec::new() };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|process| fs::read_link(process.path().join("fd/1")).is_ok_and(|at| at == file))
        .filter_map(|process| process.file_name().to_str()?.parse().ok())
        .collect()
}

/// Not to be had in the same way elsewhere: what is left ends by itself.
#[cfg(not(target_os = "linux"))]
fn holders(_: &Path) -> Vec<u32> {
    Vec::new()
}

#[cfg(unix)]
fn end_one(pid: u32) {
    use rustix::process::{Pid, Signal, kill_process};
    if let Some(process) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _gone = kill_process(process, Signal::KILL);
    }
}

#[cfg(not(unix))]
fn end_one(pid: u32) {
    end_group(pid, true);
}

#[cfg(unix)]
fn end_group(pid: u32, at_once: bool) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let signal = if at_once { Signal::KILL } else { Signal::TERM };
    if let Some(group) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _gone = kill_process_group(group, signal);
    }
}

#[cfg(not(unix))]
fn end_group(pid: u32, _: bool) {
    let pid = pid.to_string();
    let _gone = std::process::Command::new("taskkill").args(["/T", "/F", "/PID", &pid]).output();
}
