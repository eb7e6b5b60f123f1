//! A temporary project, and the program run in it.
#![allow(dead_code, reason = "each file of tests uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, missing_docs, clippy::missing_panics_doc, reason = "tests have no users")]

pub mod daemon;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Output;

use models::{Change, Draft, Drift, Ledger, Model, PublicKey, SigningKey, Window};
use tempfile::TempDir;

/// A folder that is gone when the test is.
pub struct Folder {
    dir: TempDir,
}

impl Folder {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// With the twin `emails` of the fixture.
    pub fn with_emails() -> Self {
        let folder = Self::new();
        let made = folder.run(&["init", "emails", "--openapi", &fixture("emails.yaml")]);
        assert_eq!(made.status.code(), Some(0), "{made:?}");
        folder
    }

    /// Leaves it where it is, and says where.
    pub fn keep(&mut self) -> PathBuf {
        self.dir.disable_cleanup(true);
        self.path("")
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(path)
    }

    pub fn write(&self, path: &str, text: &str) -> String {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub fn json(&self, path: &str) -> serde_json::Value {
        serde_json::from_str(&self.read(path)).unwrap()
    }

    /// Every file below a folder, from the project's root, sorted.
    pub fn files(&self, below: &str) -> Vec<String> {
        let mut found = Vec::new();
        list(&self.path(below), &mut found);
        let root = self.path("");
        let mut names: Vec<_> = found
            .iter()
            .map(|path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }

    pub fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_wt"));
        command.args(args).current_dir(self.dir.path()).env("USER", "tester");
        for name in ["WT_LOG", "COLUMNS", "NO_COLOR", "RUST_BACKTRACE"] {
            command.env_remove(name);
        }
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Exit code, stdout and stderr together.
    pub fn wt(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let mut text = format!("exit {}\n", output.status.code().unwrap_or(-1));
        for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            if !bytes.is_empty() {
                text = format!("{text}--- {name}\n{}", String::from_utf8_lossy(bytes));
            }
        }
        text.replace(self.path("").to_str().unwrap().trim_end_matches('/'), "[PROJECT]")
            .replace(&fixture(""), "[FIXTURES]/")
    }

    pub fn wt_json(&self, args: &[&str]) -> serde_json::Value {
        let output = self.run(args);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }

    /// Sets the twin's port in the project file to a free one.
    pub fn give_port(&self, name: &str) -> u16 {
        let port = free_port();
        let mut config = self.json("wondertwin.json");
        config["twins"][name]["port"] = port.into();
        self.write("wondertwin.json", &config.to_string());
        port
    }
}

/// What was started is stopped, also where a test fails.
impl Drop for Folder {
    fn drop(&mut self) {
        if self.dir.path().join(".wt/pids.json").exists() {
            let _ = self.command(&["down"]).output();
        }
    }
}

pub fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name).display().to_string()
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Status line and body of a request without a body.
pub fn get(port: u16, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer tok_secret_4242\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

fn list(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { list(&path, found) } else { found.push(path) }
    }
}

/// Proposes a calibration as `wt calibrate` does: the model with another limit.
pub fn propose(folder: &Folder, limit: u64) -> u64 {
    let config = folder.json("wondertwin.json");
    let trusted: Vec<PublicKey> = serde_json::from_value(config["trusted_keys"].clone()).unwrap();
    let base: Model =
        serde_json::from_value(folder.json("twins/emails/model/symbols.json")).unwrap();
    let mut ledger = Ledger::open(folder.path("calibrations/emails"), &trusted).unwrap();
    let replay = ledger.replay(&base).unwrap();
    let mut next = replay.model.clone();
    let rate =
        format!(r#"{{"algorithm": "fixed_window", "limit": {limit}, "window_seconds": 60}}"#);
    next.limits.insert("default".into(), serde_json::from_str(&rate).unwrap());
    let draft = Draft {
        change: Change::between(&replay.model, replay.number, &next),
        created_at: chrono::Utc::now(),
        window: Window { from: None, to: None },
        findings: drift().findings.into_iter().take(3).collect(),
        fidelity: None,
    };
    let key = SigningKey::load(&folder.path(".wt/keys/ledger.key")).unwrap();
    ledger.append(draft, &key).unwrap().number
}

pub fn drift() -> Drift {
    serde_json::from_str(DRIFT).unwrap()
}

pub const DRIFT: &str = include_str!("../../../reports/fixtures/emails/drift.json");

/// Snapshots with what differs from run to run left out.
#[macro_export]
macro_rules! snapshot {
    ($name:expr, $value:expr) => {
        insta::with_settings!({
            filters => vec![
                (r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]"),
                (r" :\d{4,5}\b", " :[PORT]"),
                (r"port \d{4,5}\b", "port [PORT]"),
                (r"process \d+", "process [PID]"),
                (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "[TIME]"),
                (r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "[TIME]"),
                (r"\d{8}T\d{6}\.\d{3}Z", "[SESSION]"),
                (r"\b[0-9a-f]{64}\b", "[SHA256]"),
                (r"import-[0-9a-f]{12}", "import-[DIGEST]"),
                (r"model [0-9a-f]{12}\b", "model [DIGEST]"),
                (r"\) to [0-9a-f]{12}\b", ") to [DIGEST]"),
                (r"[A-Za-z0-9+/]{43}=", "[KEY]"),
                (r"key [0-9a-f]{16}\b", "key [ID]"),
            ],
            omit_expression => true,
        }, { insta::assert_snapshot!($name, $value) })
    };
}
