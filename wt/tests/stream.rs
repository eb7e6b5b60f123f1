//! `wt calibrate --stream`.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its project has failed")]

mod support;

use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::Folder;

/// Far more than any run takes: tests wait for a state, not for a time.
const PATIENCE: Duration = Duration::from_mins(2);

/// Notes read by several keys, an hour of a day.
fn traffic(folder: &Folder, file: &str, hour: u32, more: &str) {
    let mut lines = String::new();
    for call in 0..120_u32 {
        let (id, key, minute, second) = (call % 60, call % 6, call / 60, call % 60);
        let _ = writeln!(
            lines,
            r#"{{"startedDateTime": "2026-11-02T{hour:02}:{minute:02}:{second:02}Z", "time": 12, "request": {{"method": "GET", "url": "https://api.notes.test/notes/{}", "headers": [{{"name": "Authorization", "value": "Bearer key_{key}"}}]}}, "response": {{"status": 200, "headers": [], "content": {{"mimeType": "application/json", "text": "{{\"id\":\"{0}\",\"text\":\"note number {id} of many\"{more}}}"}}}}}}"#,
            9_000_000 + id * 7919
        );
    }
    folder.write(file, &lines);
}

fn stream(folder: &Folder) -> Child {
    let mut command = folder.command(&["calibrate", "notes", "--stream"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "not in {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn states(folder: &Folder) -> Vec<String> {
    let listed = folder.wt_json(&["calibrations", "list", "notes", "--format", "json"]);
    let all = listed["calibrations"].as_array().unwrap().iter();
    all.map(|one| format!("{} {}", one["number"], one["state"].as_str().unwrap())).collect()
}

#[test]
fn a_stream_follows_what_is_sealed_survives_a_kill_and_leaves_nothing_for_a_batch_run() {
    let folder = Folder::new();
    folder.run(&["init", "notes", "--base-url", "https://api.notes.test"]);
    traffic(&folder, "first.ndjson", 1, "");
    folder.run(&["record", "notes", "--from", "first.ndjson"]);
    folder.run(&["synth", "notes"]);

    let mut killed = stream(&folder);
    let runs = || folder.path(".wt/runs/notes.json").exists();
    traffic(&folder, "second.ndjson", 2, r#",\"colour\":\"red\""#);
    folder.run(&["observe", "import", "notes", "second.ndjson"]);
    wait_until("the new field is published", || states(&folder) == ["1 published"]);
    wait_until("the run is taken down", runs);
    signal(&killed, "-KILL");
    assert!(!killed.wait().unwrap().success());

    traffic(&folder, "third.ndjson", 3, r#",\"colour\":\"red\",\"size\":3"#);
    folder.run(&["observe", "import", "notes", "third.ndjson"]);
    let mut streaming = stream(&folder);
    wait_until("the next is published", || states(&folder).contains(&"2 published".to_owned()));
    let checkpoint = folder.path(".wt/stream/notes.checkpoint");
    wait_until("the window is kept", || checkpoint.exists());
    signal(&streaming, "-TERM");
    assert!(streaming.wait().unwrap().success(), "SIGTERM ends it well");

    let before = states(&folder);
    let said = folder.run(&["calibrate", "notes"]);
    assert!(said.status.success(), "{said:?}");
    assert_eq!(states(&folder), before, "a batch run after the stream proposes nothing");

    // A checkpoint that is not whole costs time and nothing else.
    std::fs::write(&checkpoint, "torn").unwrap();
    let said = folder.wt(&["calibrate", "notes"]);
    assert!(said.contains("exit 0") && said.contains("the window is read anew"), "{said}");
    assert_eq!(states(&folder), before);
}
