//! `wt record --from`, `wt synth`, `wt calibrate` and `wt lake query`, one after another.

mod support;

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use jobs::lock::Lock;
use support::Folder;

/// Notes read by several keys; those of the second day have a colour.
fn traffic(folder: &Folder, file: &str, day: u32, host: &str) {
    let more = if day > 1 { r#",\"colour\":\"red\""# } else { "" };
    traffic_with(folder, file, day, host, more);
}

/// As [`traffic`], with members of our own in each body.
fn traffic_with(folder: &Folder, file: &str, day: u32, host: &str, more: &str) {
    let mut lines = String::new();
    for call in 0..240_u32 {
        let (id, key, minute, second) = (call % 60, call % 6, call / 60, call % 60);
        let _ = writeln!(
            lines,
            r#"{{"startedDateTime": "2026-11-{day:02}T08:{minute:02}:{second:02}Z", "time": 12, "request": {{"method": "GET", "url": "https://{host}/notes/{}", "headers": [{{"name": "Authorization", "value": "Bearer key_{key}"}}]}}, "response": {{"status": 200, "headers": [], "content": {{"mimeType": "application/json", "text": "{{\"id\":\"{0}\",\"text\":\"note number {id} of many\"{more}}}"}}}}}}"#,
            9_000_000 + id * 7919
        );
    }
    folder.write(file, &lines);
}

fn with_model() -> Folder {
    let folder = Folder::new();
    folder.run(&["init", "notes", "--base-url", "https://api.notes.test"]);
    traffic(&folder, "first.ndjson", 1, "api.notes.test");
    folder.run(&["record", "notes", "--from", "first.ndjson"]);
    let said = folder.wt(&["synth", "notes"]);
    assert!(said.starts_with("exit 0\n--- stdout\nsynth notes 1 routes "), "{said}");
    folder
}

#[test]
fn a_new_field_is_found_published_by_policy_and_not_found_again() {
    let folder = with_model();
    traffic(&folder, "second.ndjson", 2, "api.notes.test");
    folder.run(&["observe", "import", "notes", "second.ndjson"]);

    let dry = folder.wt_json(&["calibrate", "notes", "--dry-run", "--format", "json"]);
    assert_eq!(dry["findings"][0]["kind"], "field_added", "{dry}");
    assert_eq!(folder.files("calibrations"), Vec::<String>::new());
    assert_eq!(folder.files("reports"), Vec::<String>::new());

    let said = folder.run(&["calibrate", "notes", "--exit-code"]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let listed = folder.wt_json(&["calibrations", "list", "notes", "--format", "json"]);
    assert_eq!(listed["calibrations"][0]["state"], "published", "{listed}");
    assert_eq!(listed["calibrations"][0]["by"], "policy");

    a_run_is_told_in_every_form(&folder);
    let said = folder.run(&["calibrate", "notes", "--exit-code"]);
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    let shown = folder.wt(&["synth", "notes"]);
    assert!(shown.starts_with("exit 2") && shown.contains("--force"), "{shown}");
    assert_eq!(folder.files("reports/notes").len(), 2);
}

/// Of the run that found `colour`, from the ledger and the lake it left.
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
fn a_run_is_told_in_every_form(folder: &Folder) {
    let report = |form: &str| {
        let said = folder.run(&["report", "notes", "1", "--format", form]);
        assert_eq!(said.status.code(), Some(0), "{form}: {said:?}");
        String::from_utf8(said.stdout).unwrap()
    };
    let html = report("html");
    assert!(html.contains("<span class=\"path\">colour</span>"), "{html}");
    assert!(html.contains("240 calls over the window"), "{html}");
    assert!(html.contains("Fidelity over 1 calibration;"), "{html}");
    let overlay: serde_json::Value = serde_json::from_str(&report("overlay")).unwrap();
    let added = overlay["actions"].as_array().unwrap().iter();
    assert!(added.clone().any(|one| one["update"].get("colour").is_some()), "{overlay}");
    assert!(
        report("openapi-diff").contains("\n+                  colour:"),
        "{}",
        report("openapi-diff")
    );
    assert_eq!(report("asyncapi-diff"), "", "the vendor delivers nothing");
    assert!(report("sarif").contains("GET /notes/{note_id} 200 colour"), "{}", report("sarif"));
}

#[test]
fn what_is_not_there_yet_is_said_with_what_to_do() {
    let folder = Folder::new();
    folder.run(&["init", "notes"]);
    let said = folder.wt(&["synth", "notes"]);
    assert!(
        said.contains("exit 2") && said.contains("run `wt record notes --from FILE`"),
        "{said}"
    );
    let said = folder.wt(&["calibrate", "notes"]);
    assert!(
        said.contains("exit 2") && said.contains("run `wt observe import notes FILE`"),
        "{said}"
    );
    let said = folder.wt(&["calibrate", "notes", "--since", "soon"]);
    assert!(said.contains("exit 2") && said.contains("`soon` is no length of time"), "{said}");
    assert!(folder.wt(&["calibrate", "note"]).contains("did you mean `notes`?"));
}

#[test]
fn the_first_recording_shows_which_host_is_meant() {
    let folder = Folder::new();
    folder.run(&["init", "notes", "--base-url", "https://telemetry.test"]);
    traffic(&folder, "first.ndjson", 1, "api.notes.test");
    let strict = folder.wt(&["record", "notes", "--strict", "--from", "first.ndjson"]);
    assert!(strict.starts_with("exit 2"), "{strict}");
    let said = folder.wt(&["record", "notes", "--from", "first.ndjson"]);
    let counts = "0 of 240 calls went to https://telemetry.test and 240 to https://api.notes.test";
    assert!(said.starts_with("exit 0") && said.contains(counts), "{said}");
    let model = folder.json("twins/notes/model/symbols.json");
    assert_eq!(model["base_url"], "https://api.notes.test");
}

#[test]
fn the_lake_is_asked_in_sql_and_not_written() {
    let folder = with_model();
    traffic(&folder, "second.ndjson", 2, "api.notes.test");
    folder.run(&["observe", "import", "notes", "second.ndjson"]);
    let count = "SELECT route, count(*) AS n FROM exchanges GROUP BY route";
    let rows = folder.wt_json(&["lake", "query", count, "--format", "json"]);
    assert_eq!(rows[0]["n"], 240, "{rows}");
    assert!(folder.wt(&["lake", "query", count, "--twin", "notes"]).contains("| 240 |"));
    let said = folder.wt(&["lake", "query", "SELECT nothing FROM exchanges"]);
    assert!(said.starts_with("exit 2") && said.contains("nothing"), "{said}");
    let said = folder.wt(&["lake", "query", "COPY (SELECT 1) TO 'here.csv'"]);
    assert!(said.starts_with("exit 2") && !folder.path("here.csv").exists(), "{said}");
}

#[test]
fn findings_are_decided_on_one_by_one_and_a_rejected_one_does_not_come_back() {
    let folder = with_model();
    folder.write("twins/notes/drift.toml", "publish = []\n");
    let more = r#",\"colour\":\"red\",\"shade\":\"dark\""#;
    traffic_with(&folder, "second.ndjson", 2, "api.notes.test", more);
    folder.run(&["observe", "import", "notes", "second.ndjson"]);
    let drift = folder.wt_json(&["calibrate", "notes", "--format", "json"]);
    assert_eq!(drift["findings"].as_array().unwrap().len(), 2, "{drift}");
    let fingerprint = |path: &str| {
        let findings = drift["findings"].as_array().unwrap();
        let one = findings.iter().find(|one| one["path"] == path).unwrap();
        one["fingerprint"].as_str().unwrap().to_owned()
    };
    assert!(folder.wt(&["calibrations", "show", "notes"]).contains(&fingerprint("shade")));

    let (colour, shade) = (fingerprint("colour"), fingerprint("shade"));
    let reject = ["calibrations", "reject", "notes", "--finding", &colour, "--by", "alice"];
    let said = folder.wt(&reject);
    assert!(said.contains("exit 0") && said.contains("what is left is proposed as 3"), "{said}");
    let approve = ["calibrations", "approve", "notes", "3", "--finding", &shade, "--by", "bob"];
    assert!(folder.wt(&approve).contains("is published"));

    let first = folder.wt_json(&["calibrate", "notes", "--format", "json", "--since", "30d"]);
    assert_eq!(first["findings"], serde_json::json!([]));
    assert!(first["notes"].to_string().contains("1 finding rejected before"), "{first}");
    folder.write("twins/notes/drift.toml", "[decide]\nluck-min = 1\n");
    let said = folder.wt(&["calibrate", "notes"]);
    assert!(said.contains("exit 2") && said.contains("drift.toml, line 2"), "{said}");
}

#[test]
fn what_was_rolled_back_is_told_as_turned_down_and_comes_back_by_approval_alone() {
    let folder = with_model();
    traffic(&folder, "second.ndjson", 2, "api.notes.test");
    folder.run(&["observe", "import", "notes", "second.ndjson"]);
    let found = folder.wt_json(&["calibrate", "notes", "--format", "json"]);
    let fingerprint = found["findings"][0]["fingerprint"].as_str().unwrap_or_default().to_owned();
    assert!(folder.wt(&["calibrations", "rollback", "notes"]).starts_with("exit 0"));

    // Nothing came since: the drift that is still there is told all the same.
    let said = folder.wt(&["calibrate", "notes"]);
    assert!(said.contains("calibration 1 was rolled back: 1 finding of it"), "{said}");
    assert!(said.contains("calibrations approve notes 1 --finding FINGERPRINT"), "{said}");
    // Nor does what comes later bring back what a person took out.
    traffic(&folder, "third.ndjson", 3, "api.notes.test");
    folder.run(&["observe", "import", "notes", "third.ndjson"]);
    let later = folder.wt_json(&["calibrate", "notes", "--format", "json"]);
    assert_eq!(later["findings"], serde_json::json!([]), "{later}");
    assert!(later["notes"].to_string().contains("1 finding rejected before"), "{later}");
    assert_eq!(states(&folder), ["1 published", "2 published"]);

    let approve = ["calibrations", "approve", "notes", "1", "--finding", &fingerprint];
    let said = folder.wt(&approve);
    assert!(said.starts_with("exit 0") && said.contains("as calibration 3"), "{said}");
    let after = folder.wt_json(&["calibrate", "notes", "--since", "30d", "--format", "json"]);
    assert_eq!(after["notes"].to_string().matches("rolled back").count(), 0, "{after}");
    assert_eq!(after["findings"], serde_json::json!([]), "{after}");
}

#[test]
fn looking_back_past_what_was_published_publishes_nothing_by_itself() {
    let folder = with_model();
    traffic(&folder, "second.ndjson", 2, "api.notes.test");
    folder.run(&["observe", "import", "notes", "second.ndjson"]);
    folder.run(&["calibrate", "notes"]);
    let more = r#",\"colour\":\"red\",\"size\":4"#;
    traffic_with(&folder, "third.ndjson", 3, "api.notes.test", more);
    folder.run(&["observe", "import", "notes", "third.ndjson"]);

    let back = folder.wt_json(&["calibrate", "notes", "--since", "30d", "--format", "json"]);
    assert!(back["findings"].to_string().contains("size"), "{back}");
    assert!(back["notes"].to_string().contains("nothing of it publishes itself"), "{back}");
    assert_eq!(states(&folder), ["1 published", "2 proposed"]);
    folder.run(&["calibrate", "notes"]);
    assert_eq!(states(&folder), ["1 published", "2 superseded", "3 published"]);
}

/// A twin of notes whose `kind` was a number, and a day on which it is a word and there is a colour.
fn with_a_change_to_decide() -> Folder {
    let folder = Folder::new();
    folder.run(&["init", "notes", "--base-url", "https://api.notes.test"]);
    traffic_with(&folder, "first.ndjson", 1, "api.notes.test", r#",\"kind\":7"#);
    folder.run(&["record", "notes", "--from", "first.ndjson"]);
    folder.run(&["synth", "notes"]);
    let more = r#",\"kind\":\"seven\",\"colour\":\"red\""#;
    traffic_with(&folder, "second.ndjson", 2, "api.notes.test", more);
    folder.run(&["observe", "import", "notes", "second.ndjson"]);
    folder
}

#[test]
fn an_import_of_what_is_older_than_a_published_calibration_says_that_no_run_looks_at_it() {
    let folder = with_a_change_to_decide();
    let old = "is not looked at again";
    traffic(&folder, "same-day.ndjson", 2, "api.notes.test");
    assert!(!folder.wt(&["observe", "import", "notes", "same-day.ndjson"]).contains(old));
    folder.run(&["calibrate", "notes"]);
    traffic(&folder, "late.ndjson", 1, "api.notes.test");
    let told = folder.wt(&["observe", "import", "notes", "late.ndjson"]);
    assert!(told.starts_with("exit 0\n") && told.contains(old), "{told}");
    assert!(told.contains("`wt calibrate notes --since DUR`"), "{told}");
}

fn states(folder: &Folder) -> Vec<String> {
    let listed = folder.wt_json(&["calibrations", "list", "notes", "--format", "json"]);
    let all = listed["calibrations"].as_array().into_iter().flatten();
    all.map(|one| format!("{} {}", one["number"], one["state"].as_str().unwrap_or_default()))
        .collect()
}

#[test]
fn approve_takes_what_earlier_runs_proposed_though_its_window_is_over() {
    let folder = with_a_change_to_decide();
    folder.run(&["calibrate", "notes"]);
    assert_eq!(states(&folder), ["1 published", "2 proposed"]);
    // Nothing was observed since: what waits is all there is to approve.
    let run = folder.wt_json(&["calibrate", "notes", "--approve", "--format", "json"]);
    assert_eq!(run["calibrations"][0]["number"], 2, "{run}");
    assert_eq!(states(&folder), ["1 published", "2 published"]);
    let again = folder.wt_json(&["calibrate", "notes", "--approve", "--format", "json"]);
    assert_eq!(again["calibrations"], serde_json::json!([]), "{again}");
}

#[test]
fn runs_at_once_take_turns_and_nothing_is_done_twice() {
    let folder = with_model();
    traffic(&folder, "second.ndjson", 2, "api.notes.test");
    folder.run(&["observe", "import", "notes", "second.ndjson"]);
    let start = |_| {
        let mut command = folder.command(&["calibrate", "notes"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    };
    let started: Vec<_> = (0..4).map(start).collect();
    for run in started {
        let ended = run.and_then(std::process::Child::wait_with_output).expect("a run ends");
        assert!(ended.status.success(), "{ended:?}");
    }
    assert_eq!(states(&folder), ["1 published"]);
    assert_eq!(folder.files("reports/notes").len(), 4, "each run has a report of its own");
}

#[test]
fn who_waits_for_another_says_for_whom_and_goes_on_when_that_has_ended() {
    let folder = with_a_change_to_decide();
    folder.run(&["calibrate", "notes"]);
    let commands: [&[&str]; 5] = [
        &["calibrate", "notes"],
        &["calibrations", "approve", "notes"],
        &["calibrations", "rollback", "notes"],
        &["lake", "compact", "notes"],
        &["freeze", "notes", "--version", "1.0.0", "--out", "dist"],
    ];
    for command in commands {
        let path = folder.path(".wt/locks/notes.lock");
        let held = Lock::take(&path, "17, `wt calibrate notes`").expect("nobody has it");
        let mut waits = folder.command(command);
        waits.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut waits = waits.spawn().expect("the program starts");
        let mut said = String::new();
        let errors = waits.stderr.take().expect("it is piped");
        let mut errors = BufReader::new(errors);
        errors.read_line(&mut said).expect("it is text");
        let whom = "waiting for process 17, `wt calibrate notes`, which is at work on notes\n";
        assert_eq!(said, whom, "{command:?}");
        drop(held);
        assert!(waits.wait().is_ok_and(|ended| ended.success()), "{command:?}");
    }
}

/// Evidence that waits for its calibration to be published.
fn waiting(folder: &Folder) -> Vec<String> {
    let files = folder.files(".wt/evidence/notes").into_iter();
    files.filter(|file| file.ends_with(".parquet")).collect()
}

/// Bodies of a note in the evidence beside the model.
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
fn bodies(folder: &Folder) -> u64 {
    let file = folder.path("twins/notes/model/evidence.parquet");
    let evidence = calibrator::evidence_file::read(&file).unwrap().unwrap();
    evidence.places.values().map(|place| place.n).max().unwrap()
}

#[test]
fn a_dry_run_changes_no_file() {
    let folder = with_a_change_to_decide();
    folder.write("twins/notes/drift.toml", "publish = []\n");
    folder.run(&["calibrate", "notes"]);
    assert!(folder.wt(&["calibrations", "approve", "notes", "1"]).starts_with("exit 0"));
    let all = || -> Vec<(String, Vec<u8>)> {
        let files = folder.files("").into_iter();
        files.map(|file| (file.clone(), std::fs::read(folder.path(&file)).unwrap())).collect()
    };
    let before = all();
    assert!(before.iter().any(|(file, _)| file.ends_with("evidence.parquet")));
    folder.run(&["calibrate", "notes", "--dry-run"]);
    let changed: Vec<_> =
        all().into_iter().filter(|one| !before.contains(one)).map(|one| one.0).collect();
    assert_eq!((changed, all().len()), (Vec::new(), before.len()));
}

#[test]
fn each_exchange_joins_the_evidence_once_however_late_its_calibration_is_published() {
    let folder = with_a_change_to_decide();
    folder.write("twins/notes/drift.toml", "publish = []\n");
    let more = r#",\"kind\":\"seven\",\"colour\":\"red\""#;
    folder.run(&["calibrate", "notes"]);
    let recorded = bodies(&folder);
    // A later run sees another day before anybody decides, and proposes the same.
    traffic_with(&folder, "third.ndjson", 3, "api.notes.test", more);
    folder.run(&["observe", "import", "notes", "third.ndjson"]);
    folder.run(&["calibrate", "notes"]);
    assert_eq!(states(&folder), ["1 proposed"]);
    assert!(folder.wt(&["calibrations", "approve", "notes", "1"]).starts_with("exit 0"));
    let run = folder.wt_json(&["calibrate", "notes", "--format", "json"]);
    assert_eq!((bodies(&folder) - recorded, &run["exchanges"]), (240, &serde_json::json!(240)));
    assert_eq!(waiting(&folder), Vec::<String>::new());
}

#[test]
fn the_evidence_of_a_window_is_kept_when_a_part_of_its_calibration_is_published() {
    let folder = with_a_change_to_decide();
    folder.write("twins/notes/drift.toml", "publish = []\n");
    let drift = folder.wt_json(&["calibrate", "notes", "--format", "json"]);
    let recorded = bodies(&folder);
    let fingerprint = drift["findings"][0]["fingerprint"].as_str().unwrap().to_owned();
    let approve = ["calibrations", "approve", "notes", "1", "--finding", &fingerprint];
    assert!(folder.wt(&approve).starts_with("exit 0"));
    folder.run(&["calibrate", "notes"]);
    assert_eq!(bodies(&folder) - recorded, 240);
    // The rest is of the same window, which does not join again.
    folder.run(&["calibrate", "notes", "--approve"]);
    folder.run(&["calibrate", "notes"]);
    assert_eq!((bodies(&folder) - recorded, waiting(&folder)), (240, Vec::new()));
}

#[test]
fn what_a_calibration_rests_on_is_merged_once_whatever_a_crash_leaves() {
    let folder = with_a_change_to_decide();
    folder.write("twins/notes/drift.toml", "publish = []\n");
    folder.run(&["calibrate", "notes"]);
    let pending = &waiting(&folder)[0];
    let left = std::fs::read(folder.path(pending)).unwrap();
    assert!(folder.wt(&["calibrations", "approve", "notes", "1"]).starts_with("exit 0"));
    folder.run(&["calibrate", "notes"]);
    assert!(!folder.path(pending).exists());
    let evidence = || std::fs::read(folder.path("twins/notes/model/evidence.parquet")).unwrap();
    let merged = evidence();
    // The file was written, and the crash came before what it holds was removed.
    std::fs::write(folder.path(pending), left).unwrap();
    folder.run(&["calibrate", "notes"]);
    assert!(evidence() == merged && !folder.path(pending).exists());
}

#[test]
fn another_key_is_told_of_with_what_to_add_and_a_lost_model_with_what_builds_on_it() {
    let folder = with_a_change_to_decide();
    folder.run(&["calibrate", "notes"]);
    std::fs::remove_file(folder.path(".wt/keys/ledger.key")).unwrap();
    let told = folder.wt(&["calibrations", "approve", "notes"]);
    assert!(told.starts_with("exit 2"), "{told}");
    let added = told.split("or add \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let mut config = folder.json("wondertwin.json");
    config["trusted_keys"].as_array_mut().unwrap().push(added.into());
    folder.write("wondertwin.json", &config.to_string());
    assert!(folder.wt(&["calibrations", "approve", "notes"]).starts_with("exit 0"));

    std::fs::remove_file(folder.path("twins/notes/model/symbols.json")).unwrap();
    let told = folder.wt(&["calibrate", "notes"]);
    assert!(told.contains("calibrations/notes build on it"), "{told}");
}

#[test]
fn a_canary_is_promoted_by_the_clock_of_the_runs() {
    let folder = with_a_change_to_decide();
    folder.write(
        "twins/notes/drift.toml",
        "[[publish]]\nkinds = [\"field_added\"]\n\n[canary]\nshare = 0.1\npromote-after = \"24h\"\n",
    );
    let run_at = |at: &str| {
        let mut command = folder.command(&["calibrate", "notes"]);
        let done = command.env("WT_STARTED_AT", at).output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        states(&folder)[0].clone()
    };
    assert_eq!(run_at("2031-05-01T09:00:00Z"), "1 canary");
    assert_eq!(run_at("2031-05-02T08:59:59Z"), "1 canary");
    assert_eq!(run_at("2031-05-02T09:00:00Z"), "1 published");
}

/// As [`traffic`] of the second day, dated by a clock that is five years ahead.
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
fn observe_ahead(folder: &Folder) {
    traffic(folder, "ahead.ndjson", 2, "api.notes.test");
    let text = folder.read("ahead.ndjson").replace("2026-11-02", "2031-11-02");
    folder.write("ahead.ndjson", &text);
    let mut command = folder.command(&["observe", "import", "notes", "ahead.ndjson"]);
    let done = command.env("WT_STARTED_AT", "2031-11-02T09:00:00Z").output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{done:?}");
}

#[test]
fn what_was_observed_by_a_clock_ahead_is_told_of_and_ends_no_window() {
    let folder = with_model();
    observe_ahead(&folder);
    let told = folder.wt(&["calibrate", "notes"]);
    assert!(told.contains("the lake's segments/twin=notes/import-"), "{told}");
    assert!(told.contains("dated ahead of this machine's clock"), "{told}");
    assert_eq!(states(&folder), ["1 published"]);
    // What the machine sees from now on.
    let now = chrono::Utc::now() + chrono::TimeDelta::hours(1);
    traffic_with(&folder, "next.ndjson", 2, "api.notes.test", r#",\"colour\":\"red\",\"size\":3"#);
    let text =
        folder.read("next.ndjson").replace("2026-11-02T08", &now.format("%Y-%m-%dT%H").to_string());
    folder.write("next.ndjson", &text);
    let said = folder.wt(&["observe", "import", "notes", "next.ndjson"]);
    assert!(said.contains("240 added") && !said.contains("not looked at again"), "{said}");
    folder.run(&["calibrate", "notes"]);
    assert_eq!(states(&folder), ["1 published", "2 published"]);
}

#[test]
fn ages_and_since_count_from_the_newest_exchange_that_can_be() {
    let folder = with_model();
    traffic(&folder, "second.ndjson", 2, "api.notes.test");
    folder.run(&["observe", "import", "notes", "second.ndjson"]);
    observe_ahead(&folder);
    let said =
        folder.wt(&["lake", "expire", "notes", "--older-than", "365d", "--force", "--dry-run"]);
    assert!(said.contains("nothing to expire"), "{said}");
    let drift =
        folder.wt_json(&["calibrate", "notes", "--since", "365d", "--dry-run", "--format", "json"]);
    assert_eq!(drift["window"]["from"], "2026-11-02T08:00:00Z", "{drift}");
}
