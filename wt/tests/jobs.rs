//! `wt jobs`, with real processes and their ends.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "says what was measured")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use jobs::lock::Lock;
use serde_json::Value;
use support::daemon::{Daemon, history, until};
use support::{Folder, free_port, get};

fn state(folder: &Folder, job: &str) -> Option<String> {
    let runs = history(folder);
    let last = runs.iter().find(|run| run["job"] == job)?;
    Some(last["state"].as_str().unwrap().to_owned())
}

/// Whether a process goes on; one that nobody asked how it ended does not.
fn is_alive(pid: &str) -> bool {
    let listed =
        std::process::Command::new("ps").args(["-o", "stat=", "-p", pid]).output().unwrap();
    let state = String::from_utf8_lossy(&listed.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

#[test]
fn what_is_wrong_with_jobs_toml_is_told_by_line() {
    let folder = Folder::with_emails();
    folder.write(
        "jobs.toml",
        "[jobs.a]\nkind = 'calibrate'\ntwin = 'emails'\nschedule = '60 * * * *'\n\n[jobs.b]\nkind = 'bake'\nschedule = '@daily'\n\n[jobs.c]\nkind = 'calibrate'\ntwin = 'emials'\nschedule = '@daily'\n",
    );
    snapshot!("validate", folder.wt(&["jobs", "validate"]));
    folder.write("jobs.toml", "[jobs.a]\nkind = 'calibrate'\ntwin = 'emails'\nschedule = '@daily'");
    snapshot!("validate_sound", folder.wt(&["jobs", "validate"]));
}

#[test]
fn what_a_run_would_fail_on_is_told_by_line_before_it_runs() {
    let folder = Folder::with_emails();
    folder.write("twins/emails/drift.toml", "[decide]\nluck-min = 1\n");
    let jobs = "
[jobs.report]
kind = 'report'
twin = 'emails'
format = 'pdf'
output = 'drift.pdf'
schedule = '@daily'

[jobs.never]
kind = 'command'
argv = ['true']
schedule = '0 6 31 2 *'

[jobs.over]
kind = 'command'
argv = ['no-such-program']
schedule = '0 0 6 * * * 2025'

[jobs.nowhere]
kind = 'command'
argv = ['./backup.sh']
dir = 'scripts'
schedule = '@daily'

[jobs.sample]
kind = 'sample'
twin = 'emails'
schedule = '@daily'
timeout = '0s'

[jobs.ask]
kind = 'sample'
twin = 'emails'
schedule = '@daily'

[jobs.calibrate]
kind = 'calibrate'
twin = 'emails'
schedule = '@daily'

[jobs.freeze]
kind = 'freeze'
twin = 'emails'
version = 'next'
out = 'dist'
schedule = '@daily'

[jobs.digest]
kind = 'notify'
channels = ['ops', 'nobody']
schedule = '@daily'

[notify.ops]
kind = 'slack'
token_env = 'xoxb-1-secret'
channel = '#ops'

[notify.half]
kind = 'slack'
token_env = 'SLACK'

[notify.mail]
kind = 'email'
server = 'smtp.example.com:mail'
from = 'twins@example.com'
to = ['ops@example.com']

[notify.hook]
kind = 'webhook'
url = 'http://hooks.example.com/in'
secret_env = 'HOOK'

[notify.issues]
kind = 'github-issue'
repo = 'twins'
token_env = 'GITHUB'

[notify.sound]
kind = 'github-issue'
repo = 'octo/twins'
token_env = 'NO_SUCH_VARIABLE'
twins = ['emials']

[daemon]
listen = '0.0.0.0:9190'
parallel = 2
";
    folder.write("jobs.toml", jobs);
    let said = folder.wt(&["jobs", "validate"]);
    assert!(!said.contains("xoxb"), "what may be a secret is not repeated: {said}");
    snapshot!("validate_strict", said);
}

#[test]
fn once_refuses_a_file_that_is_missing_or_broken_and_a_later_good_one_clears_it() {
    let folder = Folder::with_emails();
    let missing = folder.wt(&["jobs", "run", "--once"]);
    assert!(missing.starts_with("exit 2\n"), "{missing}");
    assert!(missing.contains("jobs.toml, line 1, `jobs.toml`: cannot be read"), "{missing}");
    assert!(folder.wt(&["status"]).contains("· 0 errors\n"), "nothing is taken down");
    let asked = folder.wt(&["jobs", "trigger", "a"]);
    assert!(asked.contains("jobs.toml, line 1, `jobs.toml`: cannot be read"), "{asked}");

    folder.write("jobs.toml", "[jobs.a\n");
    let broken = folder.wt(&["jobs", "run", "--once"]);
    assert!(broken.starts_with("exit 2\n"), "{broken}");
    assert!(broken.contains("jobs.toml, line 1, `jobs.toml`: unclosed table"), "{broken}");
    assert!(history(&folder).is_empty(), "a file is no job");
    assert!(folder.wt(&["status"]).contains("· 1 error\n"));

    let good = "[jobs.a]\nkind = 'command'\nargv = ['true']\nschedule = '@daily'\n";
    folder.write("jobs.toml", good);
    assert!(folder.wt(&["status"]).contains("· 0 errors\n"), "before the next run, too");
    assert!(folder.wt(&["jobs", "run", "--once"]).starts_with("exit 0\n"));
    assert!(folder.wt(&["status"]).contains("· 0 errors\n"));
}

/// Every file below the project's folder and what is in it.
fn contents(folder: &Folder) -> BTreeMap<String, Vec<u8>> {
    let files = folder.files("").into_iter();
    files.map(|name| (name.clone(), std::fs::read(folder.path(&name)).unwrap())).collect()
}

#[test]
fn to_look_at_jobs_and_twins_writes_nothing() {
    let looks: [&[&str]; 4] =
        [&["status"], &["jobs", "history"], &["jobs", "list"], &["jobs", "validate"]];
    let folder = Folder::with_emails();
    folder.write("jobs.toml", "[jobs.a]\nkind = 'command'\nargv = ['true']\nschedule = '@daily'\n");
    let look = |when: &str| {
        let before = contents(&folder);
        for command in looks {
            let said = folder.wt(command);
            assert!(said.starts_with("exit 0\n"), "{when}: {said}");
            assert!(!said.contains("warning"), "{when}: {said}");
        }
        let after = contents(&folder);
        assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>(), "{when}");
        assert_eq!(after, before, "{when}");
    };
    look("before any job ran");
    folder.run(&["jobs", "run", "--once"]);
    look("after one did");
    let _runner = Lock::take(&folder.path(".wt/jobs.lock"), "17").unwrap();
    look("while another process runs them");
}

#[test]
fn once_runs_what_never_ran_and_says_how_it_ended() {
    let folder = Folder::with_emails();
    folder.write(
        "jobs.toml",
        "[defaults]\nretries = 0\n\n[daemon]\nparallel = 1\n
[jobs.a-ok]\nkind = 'command'\nargv = ['sh', '-c', 'echo $WT_JOB > ran']\nschedule = '@daily'\n
[jobs.b-fails]\nkind = 'command'\nargv = ['sh', '-c', 'echo one; echo error: no room >&2; exit 7']\nschedule = '@daily'\n
[jobs.c-unknown]\nkind = 'command'\nargv = ['no-such-program']\nschedule = '@daily'\n
[jobs.d-slow]\nkind = 'command'\nargv = ['sleep', '600']\ntimeout = '1s'\nschedule = '@daily'\n
[jobs.e-unseen]\nkind = 'calibrate'\ntwin = 'emails'\nschedule = '@daily'\n
[jobs.f-full]\nkind = 'command'\nargv = ['cp', '/etc/passwd', '/dev/full']\nschedule = '@daily'\n
[jobs.g-wrong]\nkind = 'bake'\nschedule = '@daily'\n",
    );
    let once = folder.run(&["jobs", "run", "--once"]);
    // The rest of the file runs; 2 says that it is to be mended.
    assert_eq!(once.status.code(), Some(2), "{once:?}");
    assert_eq!(folder.read("ran").trim(), "a-ok");
    let runs = history(&folder);
    let told: BTreeMap<&str, String> = runs
        .iter()
        .map(|run| {
            let reason = run["reason"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
            (run["job"].as_str().unwrap(), format!("{}{reason}", run["state"].as_str().unwrap()))
        })
        .collect();
    insta::assert_yaml_snapshot!(told);
    let status = folder.wt(&["status"]);
    assert!(status.contains("· 6 errors\n"), "{status}");
    assert!(
        status.contains("✗ job b-fails · failed just now: no room (exit status 7)"),
        "{status}"
    );

    // Nothing is due any more, nor is the file any better.
    let again = folder.wt(&["jobs", "run", "--once"]);
    assert!(again.starts_with("exit 2\n"), "{again}");
    assert!(again.contains("`jobs.g-wrong.kind`"), "{again}");
    let triggered = folder.wt(&["jobs", "trigger", "a-ok"]);
    assert!(triggered.starts_with("exit 0\n") && triggered.contains("succeeded"), "{triggered}");
}

#[test]
fn the_daemon_runs_what_is_due_and_asked_for_and_drains_when_told_to_end() {
    let folder = Folder::with_emails();
    let port = free_port();
    folder.write(
        "jobs.toml",
        &format!(
            "[daemon]\nlisten = '127.0.0.1:{port}'\n
[jobs.often]\nkind = 'command'\nargv = ['true']\nschedule = '* * * * * *'\n
[jobs.asked]\nkind = 'command'\nargv = ['sh', '-c', 'sleep 1; echo done > drained']\nschedule = '@yearly'\n"
        ),
    );
    let daemon = Daemon::start(&folder);
    until("a run", || folder.path(".wt/jobs.db").exists() && state(&folder, "often").is_some());
    let second = folder.wt(&["jobs", "run"]);
    assert!(
        second.starts_with("exit 3") && second.contains("runs this project's jobs already"),
        "{second}"
    );

    let (status, health) = get(port, "/health");
    let health: Value = serde_json::from_str(health.trim()).unwrap();
    assert_eq!(
        (status.as_str(), &health["summary"]),
        ("HTTP/1.1 200 OK", &"ok".into()),
        "{health}"
    );
    let names: Vec<_> = health["checks"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
    assert_eq!(names, ["lake", "ledger", "keys"]);
    std::fs::write(folder.path(".wt/keys/lake.key"), "short").unwrap();
    let (status, health) = get(port, "/health");
    let health: Value = serde_json::from_str(health.trim()).unwrap();
    assert_eq!(
        (status.as_str(), &health["unreachable"]),
        ("HTTP/1.1 503 Service Unavailable", &serde_json::json!(["keys"]))
    );
    let (_, metrics) = get(port, "/metrics");
    assert!(
        metrics.contains("wondertwin_job_runs_total{job=\"often\",state=\"succeeded\"}"),
        "{metrics}"
    );

    // A job added while it runs is run.
    let jobs = folder.read("jobs.toml");
    folder.write(
        "jobs.toml",
        &format!(
            "{jobs}\n[jobs.added]\nkind = 'command'\nargv = ['true']\nschedule = '* * * * * *'\n"
        ),
    );
    until("the added job", || state(&folder, "added").as_deref() == Some("succeeded"));
    folder.run(&["jobs", "trigger", "asked"]);
    until("the run asked for", || state(&folder, "asked").as_deref() == Some("running"));
    assert_eq!(daemon.stop(), 0);
    assert_eq!(folder.read("drained").trim(), "done");
    assert_eq!(state(&folder, "asked").as_deref(), Some("succeeded"));
}

#[test]
fn killed_at_any_moment_the_daemon_loses_and_doubles_no_run() {
    let rounds = if std::env::var_os("WT_SOAK").is_some() { 50 } else { 4 };
    let folder = Folder::new();
    folder.write("wondertwin.json", "{}");
    folder.write(
        "jobs.toml",
        "[daemon]\nlisten = 'off'\n
[jobs.tick]\nkind = 'command'\nargv = ['sh', '-c', 'echo $WT_RUN >> begun; sleep 0.2; echo $WT_RUN >> ended']
schedule = '* * * * * *'\nretries = 0\noverlap = 'queue'\ncatch_up = 'all'\ncatch_up_max = 1000\n",
    );
    for round in 0..rounds {
        let daemon = Daemon::start(&folder);
        let random = RandomState::new().hash_one(round) % 2500;
        std::thread::sleep(Duration::from_millis(300 + random));
        daemon.kill();
    }
    // One may still be ended by work that the last crash left behind; the second is the new daemon's own.
    let ended =
        || std::fs::read_to_string(folder.path("ended")).unwrap_or_default().lines().count();
    let before = ended();
    let daemon = Daemon::start(&folder);
    until("runs after all", || ended() >= before + 2);
    assert_eq!(daemon.stop(), 0);

    let runs = history(&folder);
    let due: Vec<_> = runs
        .iter()
        .map(|run| {
            run["scheduled_at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap()
        })
        .collect();
    let distinct: BTreeSet<_> = due.iter().collect();
    assert_eq!(distinct.len(), due.len(), "a run is in the ledger twice");
    let (first, last) = (distinct.first().unwrap(), distinct.last().unwrap());
    let seconds = usize::try_from((**last - **first).num_seconds()).unwrap() + 1;
    assert_eq!(due.len(), seconds, "a run is not in the ledger");

    let lines = |file: &str| -> Vec<i64> {
        folder.read(file).lines().map(|line| line.parse().unwrap()).collect()
    };
    let (begun, ended) = (lines("begun"), lines("ended"));
    assert_eq!(begun.iter().collect::<BTreeSet<_>>().len(), begun.len(), "a run was begun twice");
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for run in &runs {
        let state = run["state"].as_str().unwrap();
        *count.entry(state).or_default() += 1;
        let id = run["id"].as_i64().unwrap();
        match state {
            "succeeded" => assert!(ended.contains(&id), "run {id} succeeded and did not end"),
            // Waits for its turn: nothing of it may have happened.
            "scheduled" => assert!(!begun.contains(&id), "run {id} waits and was begun"),
            "abandoned" | "cancelled" => {}
            other => panic!("run {id} is {other}"),
        }
    }
    println!("{rounds} crashes, {} runs: {count:?}", runs.len());
}

#[test]
fn work_that_outlives_its_daemon_is_ended_before_it_is_done_again() {
    let folder = Folder::new();
    folder.write("wondertwin.json", "{}");
    folder.write(
        "jobs.toml",
        "[daemon]\nlisten = 'off'\n
[jobs.long]\nkind = 'command'\nargv = ['sh', '-c', 'echo $$ >> pids; sleep 300']
schedule = '@yearly'\nretries = 1\nbackoff = '1s'\n",
    );
    let daemon = Daemon::start(&folder);
    until("a ledger", || folder.path(".wt/jobs.db").exists());
    folder.run(&["jobs", "trigger", "long"]);
    let pids = || std::fs::read_to_string(folder.path("pids")).unwrap_or_default();
    until("the work", || pids().lines().count() == 1);
    daemon.kill();
    let daemon = Daemon::start(&folder);
    until("the work once more", || pids().lines().count() == 2);
    let first = pids().lines().next().unwrap().to_owned();
    assert!(!is_alive(&first), "process {first} still goes on");
    let run = history(&folder).remove(0);
    assert_eq!((&run["attempt"], &run["attempts"][0]["state"]), (&2.into(), &"abandoned".into()));
    daemon.kill();
    // Its work is ended by the next.
    folder.write("jobs.toml", &folder.read("jobs.toml").replace("retries = 1", "retries = 0"));
    assert_eq!(folder.wt(&["jobs", "run", "--once"]).lines().next(), Some("exit 1"));
}

/// Takes requests until the test ends; the first is refused.
fn receiver() -> (u16, std::sync::Arc<std::sync::Mutex<Vec<Value>>>) {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let got = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let keep = std::sync::Arc::clone(&got);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap() <= 2 {
                    break;
                }
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            keep.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    (port, got)
}

#[test]
fn what_fails_recovers_or_drifts_is_told_once_and_a_deaf_channel_fails_no_job() {
    let (port, got) = receiver();
    let folder = Folder::with_emails();
    let entry = |id: u32| {
        let at = format!("2026-11-19T08:{:02}:{:02}Z", id / 60, id % 60);
        let body = format!(r#"{{\"id\":\"em_{id}\",\"subject\":\"Hello\",\"opened\":{id}}}"#);
        format!(
            r#"{{"startedDateTime": "{at}", "time": 12, "request": {{"method": "GET", "url": "https://api.emails.test/emails/em_{id}", "headers": []}}, "response": {{"status": 200, "headers": [], "content": {{"mimeType": "application/json", "text": "{body}"}}}}}}"#
        )
    };
    let calls: Vec<_> = (1..200).map(entry).collect();
    folder.write("calls.ndjson", &calls.join("\n"));
    folder.run(&["observe", "import", "emails", "calls.ndjson"]);
    let channels = format!(
        "[notify.hook]\nkind = 'webhook'\nurl = 'http://127.0.0.1:{port}/'\nsecret_env = 'HOOK'\n
[notify.deaf]\nkind = 'webhook'\nurl = 'http://127.0.0.1:{}/'\nsecret_env = 'HOOK'\n",
        free_port()
    );
    folder.write(
        "jobs.toml",
        &format!(
            "[defaults]\nretries = 0\n\n{channels}
[jobs.calibrate]\nkind = 'calibrate'\ntwin = 'emails'\nschedule = '@yearly'\n
[jobs.flaky]\nkind = 'command'\nargv = ['test', '-e', 'well']\nschedule = '@yearly'\n"
        ),
    );
    let run = |job: &str| {
        let mut command = folder.command(&["jobs", "trigger", job]);
        command.env("HOOK", "secret").output().unwrap().status.code().unwrap()
    };
    assert_eq!((run("calibrate"), run("calibrate")), (0, 0));
    assert_eq!((run("flaky"), run("flaky")), (1, 1));
    folder.write("well", "");
    assert_eq!((run("flaky"), run("flaky")), (0, 0));
    let told: Vec<String> = got
        .lock()
        .unwrap()
        .iter()
        .map(|one| {
            format!("{}: {}", one["type"].as_str().unwrap(), one["data"]["title"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        told,
        [
            "wondertwin.drift: emails: field added GET /emails/{email_id}",
            "wondertwin.job-failed: job flaky failed",
            "wondertwin.job-recovered: job flaky recovered",
        ]
    );
    let history = folder.wt(&["jobs", "history"]);
    assert!(
        history.contains("3 notices to deaf waiting: 127.0.0.1 cannot be reached"),
        "{history}"
    );
}

/// Calls of one day, whose answers have so many fields that the model knows nothing of.
fn day(folder: &Folder, number: u32) -> String {
    let fields: Vec<_> =
        (0..=number).map(|field| format!(r#",\"field_{field}\":{field}"#)).collect();
    let fields = fields.concat();
    let call = |call: u32| {
        let id = number * 100 + call;
        format!(
            r#"{{"startedDateTime": "2026-{:02}-{:02}T08:{call:02}:00Z", "time": 12, "request": {{"method": "GET", "url": "https://api.emails.test/emails/em_{id}", "headers": []}}, "response": {{"status": 200, "headers": [], "content": {{"mimeType": "application/json", "text": "{{\"id\":\"em_{id}\",\"subject\":\"Hello\"{fields}}}"}}}}}}"#,
            1 + number / 28,
            1 + number % 28
        )
    };
    let calls: Vec<_> = (0..40).map(call).collect();
    folder.write("day.ndjson", &calls.join("\n"));
    "day.ndjson".to_owned()
}

/// Ends whatever works in the folder at once, as a power cut does.
fn cut(folder: &Folder) {
    let here = folder.path("").canonicalize().unwrap();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let is_here = std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == here);
        let pid = entry.file_name().to_string_lossy().into_owned();
        if is_here && pid != std::process::id().to_string() {
            let _gone = std::process::Command::new("kill").args(["-KILL", &pid]).status();
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn killed_in_the_middle_of_calibrations_none_is_torn_and_none_is_lost() {
    let rounds = if std::env::var_os("WT_SOAK").is_some() { 50 } else { 3 };
    let folder = Folder::with_emails();
    folder.write(
        "jobs.toml",
        "[daemon]\nlisten = 'off'\n
[jobs.calibrate]\nkind = 'calibrate'\ntwin = 'emails'\nschedule = '* * * * * *'\nretries = 0\n",
    );
    let is_sound = |round: u32| {
        let listed = folder.wt(&["calibrations", "list", "emails"]);
        assert!(listed.starts_with("exit 0\n"), "round {round}: {listed}");
        let looked = folder.wt(&["calibrate", "emails", "--dry-run"]);
        assert!(looked.starts_with("exit 0\n"), "round {round}: {looked}");
        assert!(!looked.contains("warning"), "round {round}: {looked}");
    };
    let published = || -> BTreeSet<u64> {
        let listed = folder.wt_json(&["calibrations", "list", "emails", "--format", "json"]);
        let all = listed["calibrations"].as_array().into_iter().flatten();
        all.filter(|one| one["state"] == "published")
            .filter_map(|one| one["number"].as_u64())
            .collect()
    };
    let mut kept = BTreeSet::new();
    for round in 0..rounds {
        let file = day(&folder, round);
        let imported = folder.wt(&["observe", "import", "emails", &file]);
        assert!(imported.starts_with("exit 0\n"), "{imported}");
        let daemon = Daemon::start(&folder);
        let random = RandomState::new().hash_one(round) % 1800;
        std::thread::sleep(Duration::from_millis(200 + random));
        daemon.kill();
        cut(&folder);
        is_sound(round);
        let now = published();
        assert!(kept.is_subset(&now), "round {round}: of {kept:?} there are {now:?}");
        kept = now;
    }
    assert!(folder.wt(&["calibrate", "emails"]).starts_with("exit 0\n"));
    is_sound(rounds);
    folder.run(&["export", "emails", "--openapi", "emails.json"]);
    let model = folder.read("emails.json");
    let missing: Vec<_> =
        (0..rounds).filter(|field| !model.contains(&format!("\"field_{field}\""))).collect();
    assert_eq!(missing, Vec::<u32>::new());
    println!("{rounds} cuts, {} calibrations before the last run", kept.len());
}
