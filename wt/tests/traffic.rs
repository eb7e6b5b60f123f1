//! `wt observe import`, `wt lake stats` and `wt record`.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use support::{Folder, fixture, free_port, get};

fn entry(host: &str, id: u32) -> String {
    format!(
        r#"{{"startedDateTime": "2026-11-19T08:00:{:02}Z", "time": 12, "request": {{"method": "GET", "url": "https://{host}/emails/em_{id}", "headers": [{{"name": "Authorization", "value": "Bearer tok_secret_4242"}}]}}, "response": {{"status": 200, "headers": [], "content": {{"mimeType": "application/json", "text": "{{\"id\":\"em_{id}\",\"subject\":\"Hello\"}}"}}}}}}"#,
        id % 60
    )
}

/// Three of the twin's, one of another host, and a line that is cut off.
fn traffic(folder: &Folder) -> String {
    let host = "api.emails.test";
    let mut lines: Vec<_> = (1..=3).map(|id| entry(host, id)).collect();
    lines.push(entry("other.test", 4));
    lines.push(r#"{"startedDateTime": "2026-11-19T08:00:00Z", "request": {"#.to_owned());
    folder.write("calls.ndjson", &(lines.join("\n") + "\n"))
}

#[test]
fn an_import_adds_rows_names_bad_lines_and_is_done_once() {
    let folder = Folder::with_emails();
    traffic(&folder);
    snapshot!("import", folder.wt(&["observe", "import", "emails", "calls.ndjson"]));
    snapshot!("import_again", folder.wt(&["observe", "import", "emails", "calls.ndjson"]));
    let stats = folder.wt_json(&["lake", "stats", "--format", "json"]);
    assert_eq!(stats["twins"][0]["exchanges"], 3);
    assert_eq!(stats["twins"][0]["skipped"]["other host"], 1);
    assert!(folder.wt(&["lake", "stats", "emails"]).contains("emails: 3 exchanges in 1 segment"));
}

/// A file of three exchanges, of which one can be of its time.
fn misdated(folder: &Folder) {
    let of = |at: &str, id| entry("api.emails.test", id).replace("2026-11-19", at) + "\n";
    folder.write(
        "calls.ndjson",
        &[of("2026-11-19", 1), of("2190-01-01", 2), of("0001-01-01", 3)].concat(),
    );
}

#[test]
fn what_a_wrong_clock_dated_is_named_and_left_out() {
    let folder = Folder::with_emails();
    misdated(&folder);
    let told = folder.wt(&["observe", "import", "emails", "calls.ndjson"]);
    assert!(told.starts_with("exit 0\n"), "{told}");
    assert!(told.contains("calls.ndjson, line 2: dated 2190-01-01 08:00 UTC, ahead of"), "{told}");
    assert!(told.contains("calls.ndjson, line 3: dated 0001-01-01 08:00 UTC"), "{told}");
    assert!(told.contains("calls.ndjson: 1 added, 2 could not be read"), "{told}");
    let strict = folder.wt(&["record", "emails", "--strict", "--from", "calls.ndjson"]);
    assert!(strict.starts_with("exit 2\n") && strict.contains("line 2: dated 2190"), "{strict}");
}

#[test]
fn the_clock_that_dates_go_by_is_the_runs() {
    let folder = Folder::with_emails();
    misdated(&folder);
    let mut command = folder.command(&["observe", "import", "emails", "calls.ndjson"]);
    let done = command.env("WT_STARTED_AT", "2189-12-31T12:00:00Z").output().unwrap();
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(told.contains("calls.ndjson: 2 added, 1 could not be read"), "{done:?}");
}

#[test]
fn a_cassette_that_has_no_date_is_told_of_with_the_one_it_got() {
    let folder = Folder::with_emails();
    let interaction = |id: u32, headers: &str| {
        format!(
            r#"{{"request": {{"method": "GET", "uri": "https://api.emails.test/emails/em_{id}"}}, "response": {{"status": {{"code": 200}}, "headers": {headers}, "body": {{"string": "{{}}"}}}}}}"#
        )
    };
    let interactions = [
        interaction(1, r#"{"Date": ["Thu, 19 Nov 2026 08:00:00 GMT"], "Age": ["60"]}"#),
        interaction(2, "{}"),
        interaction(3, r#"{"Date": ["soon"]}"#),
    ];
    let text = format!(r#"{{"interactions": [{}]}}"#, interactions.join(", "));
    let file = std::fs::File::options().append(true).open({
        folder.write("tape.json", &text);
        folder.path("tape.json")
    });
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_795_000_000);
    file.unwrap().set_modified(at).unwrap();
    for command in [&["observe", "import", "emails"][..], &["record", "emails", "--from"]] {
        let told = folder.wt(&[command, &["tape.json"]].concat());
        assert!(told.contains("tape.json: 2 exchanges have no date"), "{told}");
        assert!(told.contains("count as of 2026-11-18 "), "{told}");
    }
    let stats = folder.wt_json(&["lake", "stats", "--format", "json"]);
    assert_eq!(stats["twins"][0]["to"], "2026-11-19T08:01:00Z", "{stats}");
}

#[test]
fn a_strict_import_adds_nothing_of_a_file_with_a_bad_line() {
    let folder = Folder::with_emails();
    traffic(&folder);
    snapshot!(
        "import_strict",
        folder.wt(&["observe", "import", "emails", "calls.ndjson", "--strict"])
    );
    snapshot!("lake_empty", folder.wt(&["lake", "stats"]));
}

#[test]
fn a_file_of_which_no_entry_can_be_read_is_refused_with_the_first_fault() {
    let folder = Folder::with_emails();
    let cut = r#"{"startedDateTime": "2026-11-19T08:00:00Z", "request": {"#;
    for name in ["cut.ndjson", "cut-too.ndjson"] {
        folder.write(name, &format!("{cut}\n{cut}\n"));
        for command in [["observe", "import", "emails", name], ["record", "emails", "--from", name]]
        {
            let said = folder.wt(&command);
            assert!(said.starts_with("exit 2\n"), "{said}");
            assert!(said.contains(&format!("{name}, line 1: ")), "{said}");
            assert!(said.contains("not one entry") && !said.contains("nothing new"), "{said}");
        }
    }
    assert!(folder.files("lake/segments").is_empty(), "no segment was written");
    // Others' calls are entries that could be read.
    folder.write("others.ndjson", &entry("other.test", 4));
    let said = folder.wt(&["observe", "import", "emails", "others.ndjson"]);
    assert!(said.starts_with("exit 0\n") && said.contains("1 skipped (other host)"), "{said}");
}

#[test]
fn what_the_files_before_a_bad_one_added_is_told() {
    let folder = Folder::with_emails();
    traffic(&folder);
    folder.write("notes.txt", "hello");
    let import = ["observe", "import", "emails", "calls.ndjson", "notes.txt"];
    let said = folder.wt(&import);
    assert!(said.starts_with("exit 2\n--- stdout\ncalls.ndjson: 3 added"), "{said}");
    assert!(said.contains("error: notes.txt: "), "{said}");
    let again = folder.wt_json(&[&import[..], &["--format", "json"]].concat());
    assert_eq!((&again["files"][0]["known"], &again["files"][1]), (&true.into(), &().into()));
}

#[test]
fn a_file_that_is_no_traffic_is_refused_by_name() {
    let folder = Folder::with_emails();
    folder.write("notes.txt", "hello");
    folder.write("empty.ndjson", "");
    let all: Vec<_> = ["absent.har", "notes.txt", "empty.ndjson", &fixture("emails.yaml")]
        .iter()
        .flat_map(|file| {
            [
                folder.wt(&["observe", "import", "emails", file]),
                folder.wt(&["record", "emails", "--from", file]),
            ]
        })
        .collect();
    snapshot!("no_traffic", all.join("\n"));
}

#[test]
fn a_recording_is_scrubbed_and_made_once() {
    let folder = Folder::with_emails();
    traffic(&folder);
    let record = ["record", "emails", "--from", "calls.ndjson", "--tag", "t"];
    snapshot!("record", folder.wt(&record));
    snapshot!("record_again", folder.wt(&record));
    let files = folder.files("recordings");
    assert_eq!(files.len(), 2, "{files:?}");
    let recorded = folder.read(&files[0]);
    assert_eq!(recorded.lines().count(), 3);
    assert!(recorded.contains("Hello") && !recorded.contains("tok_secret_4242"));
}

#[test]
fn a_strict_recording_adds_nothing_where_a_line_is_bad() {
    let folder = Folder::with_emails();
    traffic(&folder);
    snapshot!(
        "record_strict",
        folder.wt(&["record", "emails", "--strict", "--from", "calls.ndjson"])
    );
    assert_eq!(folder.files("recordings"), Vec::<String>::new());
}

#[test]
fn what_goes_through_the_proxy_is_recorded() {
    let vendor = Folder::with_emails();
    let port = vendor.give_port("emails");
    assert!(vendor.wt(&["up"]).starts_with("exit 0"));

    let folder = Folder::new();
    let upstream = format!("http://127.0.0.1:{port}");
    folder.run(&["init", "emails", "--base-url", &upstream]);
    let proxy_port = free_port();
    let mut proxy = folder
        .command(&["record", "emails", "--port", &proxy_port.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(proxy.stderr.as_mut().unwrap()).read_line(&mut said).unwrap();
    snapshot!("record_proxy_start", said);
    for _ in 0..2 {
        let (status, _) = get(proxy_port, "/emails");
        assert_eq!(status, "HTTP/1.1 200 OK");
    }
    terminate(proxy.id());
    let output = proxy.wait_with_output().unwrap();
    snapshot!("record_proxy_end", String::from_utf8(output.stdout).unwrap());
    let files = folder.files("recordings");
    assert_eq!(folder.read(&files[0]).lines().count(), 2);
    assert!(!folder.read(&files[0]).contains("tok_secret_4242"));
}

#[test]
fn a_proxy_without_an_upstream_or_a_port_says_so() {
    let folder = Folder::new();
    folder.run(&["init", "emails"]);
    let first = folder.wt(&["record", "emails"]);
    folder.run(&["init", "emails", "--force", "--base-url", "http://127.0.0.1:9"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let second = folder.wt(&["record", "emails", "--port", &port]);
    snapshot!("record_proxy_refusals", [first, second].join("\n"));
}

fn terminate(pid: u32) {
    let sent = std::process::Command::new("kill").arg(pid.to_string()).status();
    assert!(sent.is_ok_and(|status| status.success()));
}
