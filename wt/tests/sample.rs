//! `wt observe sample` against a vendor that our own runtime plays, and as a job when the vendor fails.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::net::TcpListener;

use serde_json::Value;
use support::{Folder, free_port};

/// A vendor with some emails, and a project whose twin is of it.
fn vendor() -> (Folder, u16) {
    let vendor = Folder::with_emails();
    let port = vendor.give_port("emails");
    // What the vendor has and the follower's model has not.
    let mut model = vendor.json("twins/emails/model/symbols.json");
    model["entities"]["email"]["properties"]["opened"] =
        serde_json::json!({"types": {"integer": true}});
    vendor.write("twins/emails/model/symbols.json", &model.to_string());
    vendor.run(&["up", "emails"]);
    let emails: serde_json::Map<String, Value> = (0..30)
        .map(|n| (format!("em_{n}"), serde_json::json!({"id": format!("em_{n}"), "subject": format!("about {n}"), "opened": n})))
        .collect();
    let seed = vendor.write("seed.json", &serde_json::json!({"emails": emails}).to_string());
    let seeded = vendor.run(&["seed", "emails", &seed]);
    assert_eq!(seeded.status.code(), Some(0), "{seeded:?}");
    (vendor, port)
}

/// A project whose twin's production is at an address.
fn follower(base_url: &str) -> Folder {
    let folder = Folder::with_emails();
    let mut model = folder.json("twins/emails/model/symbols.json");
    model["base_url"] = base_url.into();
    folder.write("twins/emails/model/symbols.json", &model.to_string());
    folder
}

#[test]
fn probes_are_made_from_the_model_and_what_they_show_reaches_the_lake() {
    let (_vendor, port) = vendor();
    let folder = follower(&format!("http://127.0.0.1:{port}"));
    snapshot!("sample_without_probes", folder.wt(&["observe", "sample", "emails"]));
    snapshot!("sample_init", folder.wt(&["observe", "sample", "emails", "--init"]));
    snapshot!("probes", folder.read("twins/emails/probes.toml"));
    snapshot!("sample_init_again", folder.wt(&["observe", "sample", "emails", "--init"]));
    snapshot!("sample_without_credential", folder.wt(&["observe", "sample", "emails"]));

    let sample = || {
        let mut command = folder.command(&["observe", "sample", "emails", "--format", "json"]);
        let output = command.env("EMAILS_TOKEN", "tok_secret_4242").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let first = sample();
    assert_eq!(first["answers"]["GET /emails"]["200"], 1, "{first}");
    let shown = first["answers"]["GET /emails/{email_id}"]["200"].as_u64().unwrap();
    assert!(shown > 1, "{first}");
    assert_eq!(first["end"], "all was asked", "{first}");

    // The model says nothing of `opened`: found in what the sampler brought.
    let found = folder.wt_json(&["calibrate", "emails", "--format", "json"]);
    let kinds: Vec<_> = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {}", one["kind"].as_str().unwrap(), one["path"].as_str().unwrap()))
        .collect();
    assert!(kinds.contains(&"field_added opened".to_owned()), "{kinds:?}");
    for file in folder.files("lake").iter().chain(&folder.files(".wt")) {
        let bytes = std::fs::read(folder.path(file)).unwrap();
        for secret in ["tok_secret_4242", "em_17", "about 17"] {
            assert!(
                !bytes.windows(secret.len()).any(|part| part == secret.as_bytes()),
                "{secret} in {file}"
            );
        }
    }
}

#[test]
fn a_budget_smaller_than_the_probes_shows_the_rare_ones_in_time() {
    let (_vendor, port) = vendor();
    let folder = follower(&format!("http://127.0.0.1:{port}"));
    folder.run(&["observe", "sample", "emails", "--init"]);
    let probes =
        folder.read("twins/emails/probes.toml").replace("requests_max = 200", "requests_max = 2");
    folder.write("twins/emails/probes.toml", &probes);
    let mut asked = std::collections::BTreeMap::<String, u64>::new();
    for _ in 0..3 {
        let mut command = folder.command(&["observe", "sample", "emails", "--format", "json"]);
        let output = command.env("EMAILS_TOKEN", "x").output().unwrap();
        let sampled: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(sampled["end"], "its budget of 2 requests is used up");
        for (route, statuses) in sampled["answers"].as_object().unwrap() {
            let answers: u64 =
                statuses.as_object().unwrap().values().filter_map(Value::as_u64).sum();
            *asked.entry(route.clone()).or_default() += answers;
        }
    }
    assert_eq!(asked.values().sum::<u64>(), 6);
    assert!(asked["GET /emails/{email_id}"] >= 2, "{asked:?}");
}

#[test]
fn a_vendor_that_is_down_slow_or_badly_encrypted_fails_the_job_and_says_why() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let slow = silent.local_addr().unwrap().port();
    let (_vendor, plain) = vendor();
    let down = free_port();
    for (case, base_url, credential) in [
        ("down", format!("http://127.0.0.1:{down}"), Some("x")),
        ("slow", format!("http://127.0.0.1:{slow}"), Some("x")),
        ("tls", format!("https://127.0.0.1:{plain}"), Some("x")),
        ("credential", format!("http://127.0.0.1:{plain}"), None),
    ] {
        let folder = follower(&base_url);
        folder.run(&["observe", "sample", "emails", "--init"]);
        folder.write(
            "jobs.toml",
            "[jobs.sample]\nkind = 'sample'\ntwin = 'emails'\nschedule = '@daily'\nretries = 0\ntimeout = '3s'\n",
        );
        let mut command = folder.command(&["jobs", "run", "--once"]);
        command.env_remove("EMAILS_TOKEN");
        if let Some(credential) = credential {
            command.env("EMAILS_TOKEN", credential);
        }
        assert_eq!(command.output().unwrap().status.code(), Some(1), "{case}");
        let history = folder.wt(&["jobs", "history"]);
        let expected = match case {
            "slow" => "timed out after 3s: took longer than 3s",
            "credential" => "the environment has no EMAILS_TOKEN",
            _ => "127.0.0.1 cannot be reached",
        };
        assert!(history.contains(expected), "{case}: {history}");
        if case == "tls" {
            assert!(
                history.to_lowercase().contains("invalidcontenttype")
                    || history.contains("corrupt"),
                "{history}"
            );
        }
        let status = folder.wt(&["status"]);
        assert!(status.contains("1 error\n✗ job sample · "), "{case}: {status}");
    }
}
