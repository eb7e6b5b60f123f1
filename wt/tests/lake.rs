//! `wt lake compact`, `wt lake expire`, and a lake that is no folder.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its project has failed")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

mod support;

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use support::{Folder, free_port};

/// Notes read on one day; from the third day on they have a colour.
fn traffic(folder: &Folder, day: u32) -> String {
    let mut lines = String::new();
    for call in 0..240_u32 {
        let (id, key, minute, second) = (call % 60, call % 6, call / 60, call % 60);
        let colour = if day > 2 { r#",\"colour\":\"red\""# } else { "" };
        let _ = writeln!(
            lines,
            r#"{{"startedDateTime": "2026-11-{day:02}T08:{minute:02}:{second:02}Z", "time": 12, "request": {{"method": "GET", "url": "https://api.notes.test/notes/{}", "headers": [{{"name": "Authorization", "value": "Bearer key_{key}"}}]}}, "response": {{"status": 200, "headers": [], "content": {{"mimeType": "application/json", "text": "{{\"id\":\"{0}\",\"text\":\"note {id} of day {day}\"{colour}}}"}}}}}}"#,
            9_000_000 + id * 7919
        );
    }
    let name = format!("day-{day}.ndjson");
    folder.write(&name, &lines);
    name
}

/// A model of the first day.
fn with_model() -> Folder {
    let folder = Folder::new();
    folder.run(&["init", "notes", "--base-url", "https://api.notes.test"]);
    folder.run(&["record", "notes", "--from", &traffic(&folder, 1)]);
    let said = folder.wt(&["synth", "notes"]);
    assert!(said.starts_with("exit 0\n"), "{said}");
    folder
}

#[test]
fn a_day_of_small_segments_becomes_one_and_what_was_looked_at_may_go() {
    let folder = with_model();
    let second = traffic(&folder, 2);
    let lines = folder.read(&second);
    let (early, late) =
        lines.split_at(lines.len() / 2 + lines[lines.len() / 2..].find('\n').unwrap() + 1);
    for (name, text) in [("early.ndjson", early), ("late.ndjson", late)] {
        folder.write(name, text);
        folder.run(&["observe", "import", "notes", name]);
    }
    let third = traffic(&folder, 3);
    folder.run(&["observe", "import", "notes", &third]);
    insta::assert_snapshot!(
        folder.wt(&["lake", "compact", "--dry-run"]),
        @r"
    exit 0
    --- stdout
    notes: 3 segments would become 2
    "
    );
    let done = folder.wt_json(&["lake", "compact", "notes", "--format", "json"]);
    assert_eq!(
        (&done["twins"][0]["segments"], &done["twins"][0]["removed"]["files"]),
        (&2.into(), &0.into()),
        "{done}"
    );
    // Files stay for a while, and what was imported stays imported.
    let again = folder.wt(&["observe", "import", "notes", "early.ndjson"]);
    assert!(again.contains("nothing new"), "{again}");
    let done = folder.wt_json(&["lake", "compact", "--grace", "1s", "--format", "json"]);
    assert_eq!(done["twins"][0]["segments"], 2, "{done}");
    assert_eq!(rows(&folder), 480);

    // No calibration has looked at any of it.
    let expire = ["lake", "expire", "--older-than", "1h"];
    insta::assert_snapshot!(folder.wt(&expire), @r"
    exit 0
    --- stdout
    notes: nothing to expire
      240 exchanges of that age stay, no calibration was ever published: `wt calibrate notes` looks at them, --force lets them go
    ");
    assert_eq!(rows(&folder), 480);
    let found = folder.run(&["calibrate", "notes", "--exit-code"]);
    assert_eq!(found.status.code(), Some(1), "the colour is new: {found:?}");
    let said = folder.wt(&[&expire[..], &["--dry-run"]].concat());
    assert!(said.contains("notes: 240 exchanges before 2026-11-03 would go ("), "{said}");
    assert_eq!(rows(&folder), 480);
    let said = folder.wt(&expire);
    assert!(said.contains("notes: 240 exchanges before 2026-11-03 went ("), "{said}");
    assert_eq!(rows(&folder), 240);
    let again = folder.wt(&["observe", "import", "notes", "late.ndjson"]);
    assert!(again.contains("nothing new"), "{again}");
    assert_eq!(rows(&folder), 240);
}

#[test]
fn a_lost_key_is_told_of_and_not_replaced() {
    let folder = with_model();
    let second = traffic(&folder, 2);
    assert!(folder.wt(&["observe", "import", "notes", &second]).starts_with("exit 0"));
    let key = folder.path(".wt/keys/lake.key");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let third = traffic(&folder, 3);
    let told = folder.wt(&["observe", "import", "notes", &third]);
    assert!(told.starts_with("exit 2"), "{told}");
    assert!(told.contains(".wt/keys/lake.key") && told.contains("put it back"), "{told}");
    assert!(!key.exists(), "no other is made");
    std::fs::write(&key, kept).unwrap();
    assert!(folder.wt(&["observe", "import", "notes", &third]).starts_with("exit 0"));
}

#[test]
fn an_empty_key_is_told_of_and_not_replaced() {
    let folder = with_model();
    let key = folder.path(".wt/keys/lake.key");
    // As an earlier version left it that ended between making the file and writing it.
    std::fs::write(&key, "").unwrap();
    let told = folder.wt(&["observe", "import", "notes", &traffic(&folder, 2)]);
    assert!(told.starts_with("exit 2") && told.contains("lake.key is empty"), "{told}");
    assert_eq!(std::fs::read(&key).unwrap(), b"");
}

#[test]
fn a_lake_takes_pseudonyms_of_one_key_alone() {
    let (folder, other) = (with_model(), with_model());
    assert!(folder.wt(&["observe", "import", "notes", &traffic(&folder, 2)]).starts_with("exit 0"));
    let mut config = other.json("wondertwin.json");
    config["lake"] = folder.path("lake").to_str().unwrap().into();
    other.write("wondertwin.json", &config.to_string());
    let third = traffic(&other, 3);
    let told = other.wt(&["observe", "import", "notes", &third]);
    assert!(told.starts_with("exit 2"), "{told}");
    assert!(
        told.contains("lake.key cannot be used") && told.contains("with two, what is new"),
        "{told}"
    );
    assert_eq!(rows(&folder), 240);
    std::fs::copy(folder.path(".wt/keys/lake.key"), other.path(".wt/keys/lake.key")).unwrap();
    assert!(other.wt(&["observe", "import", "notes", &third]).starts_with("exit 0"));
    assert_eq!(rows(&folder), 480);
}

fn rows(folder: &Folder) -> u64 {
    let stats = folder.wt_json(&["lake", "stats", "--format", "json"]);
    stats["twins"][0]["exchanges"].as_u64().unwrap()
}

#[test]
fn a_lake_setting_that_is_no_place_is_refused_with_what_was_expected() {
    let folder = with_model();
    let mut config = folder.json("wondertwin.json");
    config["lake"] = "gopher://old/hole".into();
    folder.write("wondertwin.json", &config.to_string());
    let said = folder.wt(&["lake", "stats"]);
    assert!(said.starts_with("exit 2\n"), "{said}");
    assert!(
        said.contains("wondertwin.json, `lake`") && said.contains("s3://BUCKET/PREFIX"),
        "{said}"
    );
    config["lake"] = "data/observed".into();
    folder.write("wondertwin.json", &config.to_string());
    folder.run(&["observe", "import", "notes", &traffic(&folder, 2)]);
    assert_eq!(rows(&folder), 240);
    assert!(folder.files("data/observed").len() > 3 && folder.files("lake").is_empty());
}

#[test]
fn a_file_of_the_lake_that_is_lost_or_cut_is_named_and_nothing_is_read_without_it() {
    let folder = with_model();
    for day in [2, 3] {
        folder.run(&["observe", "import", "notes", &traffic(&folder, day)]);
    }
    let files = folder.files("lake/exchanges");
    let file = files.iter().find(|file| file.contains("day=2026-11-02")).unwrap();
    let name = file.strip_prefix("lake/").unwrap();
    let found = folder.path(file);
    let whole = std::fs::read(&found).unwrap();
    let readers: [&[&str]; 2] =
        [&["calibrate", "notes"], &["lake", "query", "SELECT COUNT(*) AS n FROM exchanges"]];
    let refused = |reason: &str| {
        for reader in readers {
            let said = folder.wt(reader);
            assert!(said.starts_with("exit 3\n"), "{said}");
            for part in [name, reason, "segments/twin=notes/import-", "restore", "wt lake expire"] {
                assert!(said.contains(part), "{part}: {said}");
            }
            assert!(!said.contains("no drift"), "{said}");
        }
    };
    std::fs::write(&found, &whole[..whole.len() / 2]).unwrap();
    refused(&format!("it has {} bytes and was written with {}", whole.len() / 2, whole.len()));
    std::fs::remove_file(&found).unwrap();
    refused("it is not there");

    std::fs::write(&found, &whole).unwrap();
    let counted = folder.wt_json(&[readers[1], &["--format", "json"]].concat());
    assert_eq!(counted[0]["n"], 480, "{counted}");
    std::fs::remove_file(&found).unwrap();
    let said = folder.wt(&["lake", "expire", "--older-than", "1h", "--force"]);
    assert!(said.contains("notes: 240 exchanges"), "what is lost can go: {said}");
    let counted = folder.wt_json(&[readers[1], &["--format", "json"]].concat());
    assert_eq!(counted[0]["n"], 240, "{counted}");
}

/// An S3 server on loopback, stopped when the test is.
struct S3 {
    child: Child,
    port: u16,
}

impl S3 {
    /// `moto_server`, where there is one.
    fn start() -> Option<Self> {
        let program = std::env::var_os("WT_MOTO_SERVER").unwrap_or_else(|| "moto_server".into());
        let port = free_port();
        let child = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let server = Self { child, port };
        let deadline = Instant::now() + Duration::from_mins(2);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "moto_server does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(server)
    }

    fn make_bucket(&self, name: &str) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(stream, "PUT /{name} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", self.port).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("200 OK") || answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    fn wt(&self, folder: &Folder, args: &[&str]) -> Output {
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        folder
            .command(args)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT", endpoint)
            .env("AWS_ALLOW_HTTP", "true")
            .output()
            .unwrap()
    }

    fn json(&self, folder: &Folder, args: &[&str]) -> serde_json::Value {
        let output = self.wt(folder, &[args, &["--format", "json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_loop_runs_over_an_s3_bucket_as_over_a_folder() {
    let Some(s3) = S3::start() else {
        eprintln!(
            "skipped: no `moto_server` (pip install 'moto[server]', or name it in WT_MOTO_SERVER)"
        );
        return;
    };
    s3.make_bucket("observed");
    let folder = with_model();
    let mut config = folder.json("wondertwin.json");
    config["lake"] = "s3://observed/team/one".into();
    folder.write("wondertwin.json", &config.to_string());
    for day in [2, 3] {
        let file = traffic(&folder, day);
        let imported = s3.json(&folder, &["observe", "import", "notes", &file]);
        assert_eq!(imported["files"][0]["added"], 240, "{imported}");
        let again = s3.json(&folder, &["observe", "import", "notes", &file]);
        assert_eq!(again["files"][0]["known"], true, "{again}");
    }
    assert!(folder.files("lake").is_empty(), "nothing of it is in the project's folder");
    let stats = s3.json(&folder, &["lake", "stats"]);
    assert_eq!(stats["twins"][0]["exchanges"], 480, "{stats}");
    let counted = s3.json(&folder, &["lake", "query", "SELECT COUNT(*) AS n FROM exchanges"]);
    assert_eq!(counted[0]["n"], 480, "{counted}");
    let run = s3.json(&folder, &["calibrate", "notes"]);
    assert_eq!(run["findings"][0]["kind"], "field_added", "{run}");
    let gone = s3.json(&folder, &["lake", "expire", "--older-than", "1h", "--grace", "1s"]);
    assert_eq!(gone["twins"][0]["exchanges"], 240, "{gone}");
    let stats = s3.json(&folder, &["lake", "stats"]);
    assert_eq!(stats["twins"][0]["exchanges"], 240, "{stats}");

    let key = folder.path(".wt/keys/lake.key");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let lost = s3.wt(&folder, &["observe", "import", "notes", &traffic(&folder, 4)]);
    let said = String::from_utf8_lossy(&lost.stderr).into_owned();
    assert!(said.contains("put it back") && !key.exists(), "{said}");
    std::fs::write(&key, kept).unwrap();

    config["lake"] = "s3://no-such-bucket/x".into();
    folder.write("wondertwin.json", &config.to_string());
    let refused = s3.wt(&folder, &["observe", "import", "notes", "day-2.ndjson"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() != Some(0) && said.contains("the lake cannot"), "{said}");
}
