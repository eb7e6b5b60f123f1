//! A daemon of a project's jobs, and what became of its runs.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Folder;

/// Ends with the test.
pub struct Daemon(Child);

impl Daemon {
    pub fn start(folder: &Folder) -> Self {
        Self::start_with(folder, &[])
    }

    /// With variables in its environment.
    pub fn start_with(folder: &Folder, variables: &[(&str, &str)]) -> Self {
        let mut command = folder.command(&["jobs", "run"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.env_remove("NOBODY_TOKEN").envs(variables.iter().copied());
        Self(command.spawn().unwrap())
    }

    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Asks it to end, and waits.
    pub fn stop(mut self) -> i32 {
        let pid = self.0.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        self.0.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_mins(2), "{what} did not come about");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// All runs, the newest first; none before there is a ledger.
pub fn history(folder: &Folder) -> Vec<Value> {
    if !folder.path(".wt/jobs.db").exists() {
        return Vec::new();
    }
    let history = folder.wt_json(&["jobs", "history", "-n", "100000", "--format", "json"]);
    history["runs"].as_array().unwrap().clone()
}
