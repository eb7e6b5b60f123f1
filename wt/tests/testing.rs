//! `wt inspect`, `reset`, `seed`, `logs`, `replay` and `test`, with real processes.

mod support;

use serde_json::json;
use support::Folder;

fn running() -> (Folder, u16) {
    let folder = Folder::with_emails();
    let port = folder.give_port("emails");
    let up = folder.run(&["up"]);
    assert_eq!(up.status.code(), Some(0), "{up:?}");
    (folder, port)
}

fn scenario(port: &str) -> String {
    json!({
        "name": "an email is sent and read",
        "setup": {"reset": ["emails"], "seed_files": {"emails": "../../seeds/emails.json"}},
        "variables": {"to": "ada@example.com"},
        "steps": [
            {"name": "send", "request": {"method": "POST", "url": format!("http://127.0.0.1:{port}/emails"),
                "body": {"from": "us@example.com", "to": "{{to}}", "subject": "Hello", "html": "<p>Hi</p>"}},
             "capture": {"id": "$.id"}, "assert": {"body": {"$.id": {"exists": true, "regex": "^\\S{8,}$"}}}},
            {"name": "read", "request": {"method": "GET", "url": format!("http://127.0.0.1:{port}/emails/{{{{id}}}}")},
             "assert": {"status": 200, "headers": {"content-type": "application/json"}, "body": {"$.id": "{{id}}"}}},
            {"name": "read a seeded one", "request": {"method": "get", "url": format!("http://127.0.0.1:{port}/emails/e_1")},
             "assert": {"body": {"$.subject": "Seeded"}}},
            {"name": "read another", "request": {"method": "GET", "url": format!("http://127.0.0.1:{port}/emails/none")},
             "assert": {"status": 404}},
        ],
    })
    .to_string()
}

#[test]
fn scenarios_pass_or_say_what_is_wrong() {
    let (folder, _) = running();
    let seed = r#"{"emails": {"e_1": {"subject": "Seeded"}}}"#;
    folder.write("seeds/emails.json", seed);
    folder.write("scenarios/emails/send.json", &scenario("{{twins.emails.port}}"));
    snapshot!("test_passed", folder.wt(&["test"]));
    let wrong = scenario("{{twins.emails.port}}").replace("$.id\":{", "$.nothing\":{");
    folder.write("scenarios/a/wrong.json", &wrong);
    folder.write("scenarios/a/away.json", &scenario("{{twins.stripe.port}}"));
    snapshot!("test_failed", folder.wt(&["test"]));
    let one = folder.wt_json(&["test", "scenarios/emails/send.json", "--format", "json"]);
    assert_eq!((&one["passed"], &one["total"]), (&json!(1), &json!(1)));
    folder.write("scenarios/a/wrong.json", r#"{"name": "x", "steps": [], "step": []}"#);
    let text = folder.wt(&["test"]);
    assert!(
        text.starts_with("exit 2") && text.contains("scenarios/a/wrong.json, line 1"),
        "{text}"
    );
    assert!(folder.wt(&["test", "nowhere"]).starts_with("exit 2"));
}

#[test]
fn the_example_of_a_scenario_passes() {
    let folder = Folder::new();
    assert_eq!(folder.run(&["up", "resend"]).status.code(), Some(0));
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/scenario.json");
    let said = folder.wt(&["test", example]);
    assert!(said.contains("1 passed, 0 failed"), "{said}");
}

#[test]
fn a_seed_that_is_no_object_of_objects_is_refused_by_its_key() {
    let folder = Folder::with_emails();
    let seed = folder.write("seed.json", r#"{"emails": [{"id": "e_1"}]}"#);
    let refused = folder.wt(&["seed", "emails", &seed]);
    assert!(refused.starts_with("exit 2\n"), "{refused}");
    assert!(refused.contains("seed.json, `emails` is no object"), "{refused}");
}

#[test]
fn a_running_twin_is_looked_into_seeded_reset_and_replayed() {
    let (folder, port) = running();
    folder.write("seed.json", r#"{"emails": {"e_1": {"subject": "Hello"}, "e_2": {}}}"#);
    snapshot!("seed", folder.wt(&["seed", "emails", "seed.json"]));
    let state = folder.wt_json(&["inspect", "emails", "--format", "json"]);
    assert_eq!(state["/emails"]["e_1"]["subject"], "Hello");
    assert!(support::get(port, "/emails/e_1").0.contains("200"));
    assert!(support::get(port, "/emails/e_3").0.contains("404"));
    let requests = folder.wt_json(&["inspect", "emails", "requests"]);
    let codes: Vec<_> =
        requests.as_array().unwrap().iter().map(|one| one["status_code"].clone()).collect();
    assert_eq!(codes, [200, 404]);
    for what in ["faults", "time", "webhooks", "config", "status"] {
        assert_eq!(folder.run(&["inspect", "emails", what]).status.code(), Some(0), "{what}");
    }

    snapshot!("replay", folder.wt(&["replay", "emails", "--save", "capture.har"]));
    let mut har = folder.json("capture.har");
    let entry = har["log"]["entries"].as_array_mut().unwrap().last_mut().unwrap();
    entry["response"]["status"] = json!(200);
    folder.write("tampered.har", &har.to_string());
    snapshot!("replay_differs", folder.wt(&["replay", "emails", "tampered.har"]));

    snapshot!("reset", folder.wt(&["reset"]));
    assert_eq!(folder.wt_json(&["inspect", "emails"]), json!({}));
    let logs = folder.wt(&["logs", "emails", "--no-follow"]);
    assert!(logs.starts_with("exit 0") && logs.contains("emails"), "{logs}");
    folder.run(&["down"]);
    snapshot!("inspect_stopped", folder.wt(&["inspect", "emails"]));
}

#[test]
fn a_twin_beyond_loopback_opens_its_admin_api_to_who_has_the_token_alone() {
    let folder = Folder::with_emails();
    let port = folder.give_port("emails");
    let wait = || {
        for _ in 0..300 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("the twin does not listen");
    };
    // What `support::get` sends as its bearer token.
    let own = "tok_secret_4242";
    for (token, status) in [(None, "403"), (Some("another"), "401"), (Some(own), "200")] {
        let mut serving = folder.command(&["serve", "emails", "--listen", "0.0.0.0"]);
        serving.stdout(std::process::Stdio::null());
        serving.envs(token.map(|token| ("WT_ADMIN_TOKEN", token)));
        let mut serving = serving.spawn().unwrap();
        wait();
        assert!(support::get(port, "/emails").0.contains("200"));
        assert!(support::get(port, "/admin/state").0.contains(status), "{token:?}");
        serving.kill().unwrap();
        serving.wait().unwrap();
    }
    let with = |token: &str, args: &[&str]| {
        let output = folder.command(args).env("WT_ADMIN_TOKEN", token).output().unwrap();
        output.status.code()
    };
    assert_eq!(with(own, &["up"]), Some(0));
    assert_eq!(with(own, &["inspect", "emails"]), Some(0));
    assert_eq!(with(own, &["status"]), Some(0));
    assert_ne!(with("another", &["inspect", "emails"]), Some(0));
    assert_eq!(with(own, &["down"]), Some(0));
}

#[test]
fn a_twins_folder_says_how_it_fails() {
    let folder = Folder::with_emails();
    let port = folder.give_port("emails");
    let path = "twins/emails/chaos.yaml";
    folder.write(path, "rules: [{mode: error_500, route: GET /emails, count: 1}]\n");
    folder.run(&["up"]);
    assert!(support::get(port, "/emails").0.contains("500"));
    assert!(support::get(port, "/emails").0.contains("200"));
    folder.run(&["down"]);
    folder.write(path, "rules: [{mode: error_500, rate: 1}]\n");
    let text = folder.wt(&["serve", "emails"]);
    assert!(
        text.starts_with("exit 2") && text.contains("chaos.yaml: rules[0]: unknown field `rate`"),
        "{text}"
    );
}
