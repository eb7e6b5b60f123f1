use super::*;

const GOOD: &str = r#"
[defaults]
time_zone = "Europe/Berlin"

[daemon]
listen = "off"

[jobs.nightly]
kind = "calibrate"
twin = "stripe"
schedule = "30 2 * * *"
jitter = "5m"
overlap = "queue"

[jobs.backup]
kind = "command"
argv = ["tar", "-cf", "lake.tar", "lake"]
schedule = "@weekly"
time_zone = "UTC"
"#;

#[test]
fn a_job_has_what_its_table_says_then_what_defaults_say() {
    let jobs = Jobs::read(GOOD);
    assert_eq!(jobs.faults, []);
    assert_eq!(jobs.daemon.listen, Listen::Off);
    let nightly = &jobs.jobs["nightly"];
    assert_eq!(nightly.schedule.zone, chrono_tz::Europe::Berlin);
    assert_eq!((nightly.manner.retries, nightly.manner.overlap), (2, Overlap::Queue));
    assert_eq!(nightly.manner.jitter.to_string(), "5m");
    let wt = Program::Wt(["calibrate", "stripe", "--format", "json"].map(String::from).to_vec());
    assert_eq!(nightly.task.program(), wt);
    assert_eq!(jobs.jobs["backup"].schedule.zone, chrono_tz::UTC);
}

/// Faults of a table that stands from line 1.
fn faults(text: &str) -> String {
    let faults = Jobs::read(text).faults;
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_fault_names_line_and_field_and_what_to_write() {
    let job = |rest: &str| format!("[jobs.a]\nkind = \"sample\"\n{rest}\n");
    let ok = "twin = \"x\"\nschedule = \"@daily\"";
    insta::assert_snapshot!(faults(&job("twin = \"x\"\nschedule = \"61 * * * *\"")), @"line 4, `jobs.a.schedule`: `61` is no minute: write 0 to 59, `*` or `*/N`");
    insta::assert_snapshot!(faults(&job("twin = \"x\"")), @"line 1, `jobs.a`: missing field `schedule`");
    insta::assert_snapshot!(faults(&job("schedule = \"@daily\"")), @"line 1, `jobs.a`: missing field `twin`");
    insta::assert_snapshot!(faults(&job(&format!("{ok}\ntimeout = \"fast\""))), @r#"line 5, `jobs.a.timeout`: `fast` is no length of time: write one as "90s", "30m", "6h" or "2d""#);
    insta::assert_snapshot!(faults(&job(&format!("{ok}\nretry = 3"))), @"line 5, `jobs.a.retry`: unknown field `retry`, expected `twin`");
    insta::assert_snapshot!(faults(&job(&format!("{ok}\noverlap = \"wait\""))), @"line 5, `jobs.a.overlap`: unknown variant `wait`, expected one of `skip`, `queue`, `replace`");
    insta::assert_snapshot!(faults(&job(&format!("{ok}\ntime_zone = \"Berlin\""))), @r#"line 5, `jobs.a.time_zone`: `Berlin` is no time zone: write one as "Europe/Berlin" or "UTC""#);
    insta::assert_snapshot!(faults("[jobs.a]\nkind = \"bake\"\nschedule = \"@daily\""), @"line 2, `jobs.a.kind`: `bake` is no kind: write one of `sample`, `calibrate`, `report`, `compact`, `expire`, `freeze`, `notify`, `command`");
    insta::assert_snapshot!(faults("[jobs.a]\nschedule = \"@daily\""), @"line 1, `jobs.a.kind`: is missing: write one of `sample`, `calibrate`, `report`, `compact`, `expire`, `freeze`, `notify`, `command`");
    insta::assert_snapshot!(faults("[job.a]\n"), @"line 1, `job`: is not known: write `[jobs.NAME]`, `[notify.NAME]`, `[defaults]` or `[daemon]`");
    insta::assert_snapshot!(faults("[daemon]\nlisten = \"here\""), @r#"line 2, `daemon.listen`: `here` is no address: write "127.0.0.1:9190" or "off""#);
    insta::assert_snapshot!(faults("[jobs.a]\nkind = 'command'\nschedule='@daily'\nargv = []"), @r#"line 4, `jobs.a.argv`: names no program: write ["program", "argument"]"#);
    insta::assert_snapshot!(faults("[notify.ops]\nkind = 'pigeon'"), @"line 2, `notify.ops.kind`: `pigeon` is no kind: write one of `slack`, `webhook`, `email`, `github-issue`, `github-check`");
    insta::assert_snapshot!(faults("[jobs.a\n"), @"line 1, `jobs.toml`: unclosed table, expected `]`");
}

#[test]
fn a_fault_in_one_job_stops_no_other() {
    let jobs = Jobs::read(&format!("{GOOD}\n[jobs.bad]\nkind = \"calibrate\"\n"));
    assert_eq!(jobs.jobs.keys().collect::<Vec<_>>(), ["backup", "nightly"]);
    assert_eq!(jobs.faults.len(), 1);
    assert_eq!(jobs.faults[0].job(), Some("bad"));
}

#[test]
fn the_example_in_the_documents_is_sound() {
    let jobs = Jobs::read(include_str!("../../../docs/jobs.toml"));
    assert_eq!(jobs.faults, []);
    assert_eq!((jobs.jobs.len(), jobs.channels.len()), (4, 2));
}
