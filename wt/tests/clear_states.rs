//! What goes wrong around a daemon: each has a clear state in `wt jobs history` and `wt status`, and the
//! daemon goes on.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::Command;

use chrono::{TimeDelta, Utc};
use jobs::ledger::{Cause, Ledger, State};
use serde_json::Value;
use support::daemon::{Daemon, history, until};
use support::{Folder, fixture, free_port};

/// The last end of each job that began: state and reason.
fn ends(folder: &Folder) -> BTreeMap<String, String> {
    let runs = history(folder);
    let has_begun = |run: &&Value| !run["ended_at"].is_null() && run["state"] != "skipped";
    let ended = runs.iter().rev().filter(has_begun);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    ended
        .map(|run| {
            (text(&run["job"]), format!("{}: {}", text(&run["state"]), text(&run["reason"])))
        })
        .collect()
}

fn succeeded(folder: &Folder, job: &str) -> usize {
    let is_good = |run: &&Value| run["job"] == job && run["state"] == "succeeded";
    history(folder).iter().filter(is_good).count()
}

/// A twin whose production is at an address.
fn twin_of(folder: &Folder, name: &str, base_url: &str) {
    folder.run(&["init", name, "--openapi", &fixture("emails.yaml")]);
    let path = format!("twins/{name}/model/symbols.json");
    let mut model = folder.json(&path);
    model["base_url"] = base_url.into();
    folder.write(&path, &model.to_string());
    folder.run(&["observe", "sample", name, "--init"]);
}

/// Answers each connection with something that is no TLS.
fn plain_server() -> u16 {
    use std::io::Write as _;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _gone = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        }
    });
    port
}

#[test]
fn each_fault_of_file_credential_and_vendor_has_its_state_and_other_jobs_run_on() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = Folder::new();
    twin_of(&folder, "down", &format!("http://127.0.0.1:{}", free_port()));
    twin_of(&folder, "slow", &format!("http://{}", silent.local_addr().unwrap()));
    twin_of(&folder, "garbled", &format!("https://127.0.0.1:{}", plain_server()));
    twin_of(&folder, "nobody", &format!("http://127.0.0.1:{}", free_port()));
    let sample = |twin: &str| {
        format!("[jobs.{twin}]\nkind = 'sample'\ntwin = '{twin}'\nschedule = '*/2 * * * * *'\n")
    };
    let twins: String = ["down", "slow", "garbled", "nobody"].map(sample).concat();
    folder.write(
        "jobs.toml",
        &format!(
            "[daemon]\nlisten = 'off'\nparallel = 6\n\n[defaults]\nretries = 0\ntimeout = '2s'\n\n{twins}
[jobs.cron]\nkind = 'command'\nargv = ['true']\nschedule = '61 * * * *'\n
[jobs.kind]\nkind = 'bake'\nschedule = '@daily'\n
[jobs.disk]\nkind = 'command'\nargv = ['cp', '/etc/passwd', '/dev/full']\nschedule = '*/2 * * * * *'\n
[jobs.often]\nkind = 'command'\nargv = ['true']\nschedule = '* * * * * *'\n"
        ),
    );
    let tokens = [("DOWN_TOKEN", "x"), ("SLOW_TOKEN", "x"), ("GARBLED_TOKEN", "x")];
    let _daemon = Daemon::start_with(&folder, &tokens);
    let expected = [
        ("cron", "failed: jobs.toml, line ", "`jobs.cron.schedule`"),
        ("kind", "failed: jobs.toml, line ", "`bake` is no kind"),
        ("nobody", "failed: ", "the environment has no NOBODY_TOKEN"),
        ("down", "failed: ", "127.0.0.1 cannot be reached"),
        ("slow", "timed out: ", "took longer than 2s"),
        ("garbled", "failed: ", "127.0.0.1 cannot be reached"),
        ("disk", "failed: ", "No space left on device"),
    ];
    until("an end of each job", || {
        let ends = ends(&folder);
        expected.iter().all(|(job, ..)| ends.contains_key(*job))
    });
    let ends = ends(&folder);
    for (job, state, why) in expected {
        let told = &ends[job];
        assert!(told.starts_with(state) && told.contains(why), "{job}: {told}");
    }
    let garbled = ends["garbled"].to_lowercase();
    assert!(garbled.contains("invalidcontenttype") || garbled.contains("corrupt"), "{garbled}");
    let status = folder.wt(&["status"]);
    for (job, ..) in expected {
        assert!(status.contains(&format!("✗ job {job} · ")), "{job}: {status}");
    }
    let before = succeeded(&folder, "often");
    until("more of the job that works", || succeeded(&folder, "often") > before + 1);
}

#[test]
fn a_clock_that_went_back_is_told_and_what_is_due_runs_on() {
    let folder = Folder::new();
    folder.write("wondertwin.json", "{}");
    folder.write(
        "jobs.toml",
        "[daemon]\nlisten = 'off'\n\n[jobs.often]\nkind = 'command'\nargv = ['true']\nschedule = '* * * * * *'\n",
    );
    // What a daemon took down before somebody set the clock right.
    std::fs::create_dir_all(folder.path(".wt")).unwrap();
    let mut ledger = Ledger::open(&folder.path(".wt/jobs.db")).unwrap();
    let later = Utc::now() + TimeDelta::hours(3);
    let done = State::Skipped(later, "of a time to come".to_owned());
    ledger.add("often", "command", Cause::Schedule, later, Some(&done)).unwrap();
    ledger.plan("often", "command", &[], later).unwrap();
    drop(ledger);

    let _daemon = Daemon::start_with(&folder, &[]);
    until("a run at the time it is now", || succeeded(&folder, "often") > 0);
    let told = history(&folder);
    let clock = told.iter().find(|run| run["job"] == "clock" || run["job"] == "daemon").unwrap();
    let reason = clock["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("the clock went back by 1") && reason.contains("not run again"),
        "{reason}"
    );
    let status = folder.wt(&["status"]);
    assert!(status.contains("the clock went back by"), "{status}");
}

/// Runs a script with a file system of 3 MB of its own at `./small`; none where the system lets nobody.
fn on_a_small_disk(folder: &Folder, script: &str) -> Option<String> {
    std::fs::create_dir_all(folder.path("small")).unwrap();
    let mount = "mount -t tmpfs -o size=3m none small";
    let wrapped = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
        command.arg(format!("{mount} && {script}")).current_dir(folder.path(""));
        command
    };
    if !wrapped("true").output().is_ok_and(|tried| tried.status.success()) {
        return None;
    }
    let done = wrapped(script).env("WT", env!("CARGO_BIN_EXE_wt")).output().unwrap();
    Some(
        String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr),
    )
}

#[test]
fn a_disk_that_is_full_stops_no_daemon_and_runs_go_on_once_there_is_room() {
    let folder = Folder::new();
    folder.write("fill.sh", "cat /dev/zero > small/filler 2>/dev/null\n");
    folder.write(
        "run.sh",
        r#"
cd small && echo '{}' > wondertwin.json
printf "[daemon]\nlisten = 'off'\n[defaults]\nretries = 0\n[jobs.often]\nkind = 'command'\nargv = ['true']\nschedule = '* * * * * *'\n" > jobs.toml
"$WT" jobs run >/dev/null 2>../daemon.log & daemon=$!
count() { "$WT" jobs history -n 1000 2>/dev/null | grep -c "often .*succeeded"; }
for _ in $(seq 100); do [ "$(count)" -gt 1 ] && break; sleep 0.2; done
cd .. && sh fill.sh; cd small; sleep 4
echo "== full"; "$WT" status; kill -0 $daemon && echo "goes on"
rm filler
before=$(count)
for _ in $(seq 100); do [ "$(count)" -gt $((before + 1)) ] && break; sleep 0.2; done
echo "== room: $before, then $(count)"; "$WT" jobs history -n 1000 | tail -n 40
kill -TERM $daemon; wait $daemon; echo "ended with $?"
"#,
    );
    let Some(said) = on_a_small_disk(&folder, "sh run.sh") else {
        return; // Skipped: this system gives nobody a file system of their own.
    };
    let log = folder.read("daemon.log");
    let full = said.split("== room").next().unwrap();
    assert!(full.contains("goes on"), "{said}\n{log}");
    assert!(full.contains("1 error") && full.contains("database or disk is full"), "{said}\n{log}");
    let room = said.lines().find(|line| line.starts_with("== room")).unwrap();
    let numbers: Vec<u32> =
        room.split([' ', ',']).filter_map(|word| word.trim_end_matches(',').parse().ok()).collect();
    assert!(matches!(numbers[..], [before, after] if after > before), "{said}\n{log}");
    let told = said.split("== room").nth(1).unwrap();
    assert!(told.contains("nothing was taken down since"), "{said}\n{log}");
    assert!(log.to_lowercase().contains("full") || log.contains("No space left"), "{log}");
    assert!(said.contains("ended with 0"), "{said}\n{log}");
}
