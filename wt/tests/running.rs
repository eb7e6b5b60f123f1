//! `wt up`, `wt status`, `wt down` and `wt serve`, with real processes.

mod support;

use std::net::TcpListener;

use support::{Folder, get, propose};

#[test]
fn twins_are_started_asked_and_stopped() {
    let folder = Folder::with_emails();
    folder.run(&["init", "slack", "--base-url", "https://slack.test"]);
    for name in ["emails", "slack"] {
        folder.give_port(name);
    }
    let mut config = folder.json("wondertwin.json");
    config["twins"]["slack"]["calibrations"] = "frozen".into();
    folder.write("wondertwin.json", &config.to_string());
    snapshot!("status_before", folder.wt(&["status"]));
    snapshot!("up", folder.wt(&["up"]));
    snapshot!("up_again", folder.wt(&["up", "emails"]));
    snapshot!("status_never_calibrated", folder.wt(&["status"]));
    folder.write(
        ".wt/runs/emails.json",
        &format!(r#"{{"calibrated_at": "{}"}}"#, chrono::Utc::now().to_rfc3339()),
    );
    snapshot!("status", folder.wt(&["status"]));
    snapshot!("status_json", folder.wt(&["status", "--format", "json"]));

    let port =
        u16::try_from(folder.json("wondertwin.json")["twins"]["emails"]["port"].as_u64().unwrap())
            .unwrap();
    assert_eq!(get(port, "/emails").0, "HTTP/1.1 200 OK");
    snapshot!("down", folder.wt(&["down"]));
    snapshot!("down_again", folder.wt(&["down"]));
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "the port is free again");
}

#[test]
fn a_twin_of_the_catalog_runs_in_an_empty_folder() {
    let folder = Folder::new();
    let listed = folder.wt_json(&["catalog", "--format", "json"]);
    let names: Vec<_> =
        listed["twins"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["github", "posthog", "resend", "slack", "stripe", "twilio"]);
    folder.write("wondertwin.json", "{}");
    folder.give_port("stripe");
    folder.run(&["up", "stripe"]);
    let port = folder.json("wondertwin.json")["twins"]["stripe"]["port"].as_u64().unwrap();
    let (status, body) = get(u16::try_from(port).unwrap(), "/v1/customers?limit=3");
    // The key of the test's client is none of Stripe's.
    assert_eq!(status, "HTTP/1.1 401 Unauthorized");
    assert!(body.contains("Invalid API Key provided"), "{body}");
    folder.run(&["down"]);
}

#[test]
fn twins_are_stopped_whatever_the_project_file_says() {
    let folder = Folder::with_emails();
    let port = folder.give_port("emails");
    folder.run(&["up"]);
    let mut config = folder.json("wondertwin.json");
    config["twins"]["other"] = serde_json::json!({"port": port});
    folder.write("wondertwin.json", &config.to_string());

    let unknown = folder.wt(&["down", "other"]);
    assert!(unknown.starts_with("exit 2\n") && unknown.contains("the same port"), "{unknown}");
    let down = folder.wt(&["down"]);
    assert!(down.starts_with("exit 0\n") && down.contains("✓ emails stopped"), "{down}");
    assert!(down.contains("the same port"), "{down}");
    assert_eq!(folder.json(".wt/pids.json"), serde_json::json!({}));
}

#[test]
fn twins_are_shown_where_the_ledger_of_runs_is_none() {
    let folder = Folder::with_emails();
    folder.give_port("emails");
    folder.run(&["up"]);
    folder.write(".wt/jobs.db", &"no database at all\n".repeat(300));
    let status = folder.wt(&["status"]);
    assert!(status.starts_with("exit 0\n"), "{status}");
    assert!(status.contains("1 twin running") && status.contains("· 1 error\n"), "{status}");
    assert!(status.contains("✓ emails v"), "{status}");
    assert!(status.contains("✗ job jobs.db · trouble just now: the run ledger"), "{status}");
    assert!(status.contains("file is not a database"), "{status}");
    folder.run(&["down"]);
}

#[test]
fn a_twin_that_died_is_told_and_can_be_started_again() {
    let folder = Folder::with_emails();
    folder.give_port("emails");
    folder.run(&["up"]);
    let pid = folder.json(".wt/pids.json")["emails"]["pid"].to_string();
    std::process::Command::new("kill").args(["-9", &pid]).status().unwrap();
    let start = std::time::Instant::now();
    while !folder.wt(&["status"]).contains('✗') && start.elapsed().as_secs() < 5 {}
    snapshot!("status_died", folder.wt(&["status"]));
    snapshot!("up_after_death", folder.wt(&["up"]));
}

#[test]
fn a_running_twin_loads_what_is_approved_and_refuses_what_was_tampered_with() {
    let folder = Folder::with_emails();
    folder.give_port("emails");
    folder.run(&["up"]);
    propose(&folder, 100);
    folder.run(&["calibrations", "approve", "emails"]);
    let served = || {
        let status = folder.wt_json(&["status", "--format", "json"]);
        (status["twins"][0]["calibration"].as_u64(), status["errors"].as_u64())
    };
    wait_for(|| served() == (Some(1), Some(0)));

    propose(&folder, 50);
    folder.run(&["calibrations", "approve", "emails"]);
    wait_for(|| served() == (Some(2), Some(0)));
    folder.run(&["down"]);
    let path = "calibrations/emails/000002.json";
    let mut calibration = folder.json(path);
    calibration["created_at"] = "2026-01-01T00:00:00Z".into();
    folder.write(path, &calibration.to_string());
    folder.run(&["up"]);
    snapshot!("status_refused", folder.wt(&["status"]));
    assert_eq!(served(), (Some(1), Some(1)));
}

fn wait_for(mut reached: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !reached() {
        assert!(start.elapsed().as_secs() < 10, "not reached");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn a_port_in_use_is_the_environments_fault_and_nothing_is_started() {
    let folder = Folder::with_emails();
    let port = folder.give_port("emails");
    let _taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let all = [folder.wt(&["up"]), folder.wt(&["serve", "emails"]), folder.wt(&["status"])];
    snapshot!("port_in_use", all.join("\n"));
}

#[test]
fn what_a_twin_could_not_use_is_refused_before_it_starts() {
    let folder = Folder::with_emails();
    folder.write("seed.json", r#"{"mails": {"e_1": {}}}"#);
    let refused = |option: &str, value: &str| {
        let output = folder.run(&["serve", "emails", "--port", "0", option, value]);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for address in ["nope", "/hooks", "ftp://127.0.0.1/hooks", "https://127.0.0.1/hooks"] {
        let (code, told) = refused("--webhook-url", address);
        assert_eq!(code, Some(2), "{address}: {told}");
        assert!(
            told.contains("--webhook-url") && told.contains("no address of webhooks"),
            "{told}"
        );
    }
    let (code, told) = refused("--seed-file", "seed.json");
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("there is no collection `mails`; there are `/emails`"), "{told}");
    assert!(!told.contains("--port"), "the port is not what is wrong: {told}");
}

#[test]
fn a_twin_that_cannot_start_says_why() {
    let folder = Folder::with_emails();
    folder.give_port("emails");
    folder.write("twins/emails/model/symbols.json", "{}");
    snapshot!("up_bad_model", folder.wt(&["up"]));
}

#[test]
fn the_foreground_serves_until_it_is_stopped() {
    let folder = Folder::with_emails();
    let port = folder.give_port("emails");
    let mut up = folder
        .command(&["up", "--foreground"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let start = std::time::Instant::now();
    while !folder.wt(&["status"]).contains("1 twin running") && start.elapsed().as_secs() < 10 {}
    snapshot!("status_foreground", folder.wt(&["status"]));
    assert_eq!(get(port, "/emails").0, "HTTP/1.1 200 OK");
    snapshot!("down_foreground", folder.wt(&["down"]));
    assert!(up.wait().unwrap().success());
    assert_eq!(folder.json(".wt/pids.json"), serde_json::json!({}));
}

#[test]
fn twins_started_twice_at_once_run_once_and_can_be_stopped() {
    let folder = Folder::with_emails();
    folder.give_port("emails");
    let start = || {
        let mut up = folder.command(&["up", "emails"]);
        up.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap()
    };
    let both: Vec<_> = (0..4).map(|_| start()).collect();
    for mut one in both {
        assert!(one.wait().unwrap().success());
    }
    let down = folder.wt(&["down"]);
    assert!(down.starts_with("exit 0") && down.contains("emails"), "{down}");
    let up = folder.run(&["up", "emails"]);
    assert_eq!(up.status.code(), Some(0), "nothing was left at the port: {up:?}");
}
