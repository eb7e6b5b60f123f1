//! The same seed and the same requests give the same bytes, whoever asks and however often.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fmt::Write as _;

use bytes::Bytes;
use http::Request;
use models::behaviour::{Machines, Routes};
use proptest::prelude::*;
use serde_json::json;
use support::fixture;
use twins::{Clock, Twin, TwinConfig, WebhookConfig};

const MACHINES: &str = "
entities:
  issue:
    initial_state: open
    transitions:
      - {from: open, to: stale, after: 3s, effects: [{create: audit, set: {what: '{{hex:8}}', about: '{{object.id}}'}}]}
      - {from: [open, stale], to: done, trigger: 'POST /issues/{issueKey}/transitions'}
";
const ROUTES: &str = "routes: [{method: POST, path: /projects, state_effects: [{create: issue, after: 2s, set: {summary: 'of {{object.id}}'}}]}]";

fn tracker(seed: u64) -> Twin {
    let machines: Machines = serde_norway::from_str(MACHINES).unwrap();
    let routes: Routes = serde_norway::from_str(ROUTES).unwrap();
    let chaos = json!({"chaos_modes": {"error_429": {"default_probability": 0.1}, "connection_reset": {"default_probability": 0.05}}});
    let config = TwinConfig {
        seed,
        machines,
        routes,
        chaos: serde_json::from_value(chaos).unwrap(),
        clock: Clock::stepping(twins::BASE_EPOCH),
        webhooks: WebhookConfig {
            url: Some("http://127.0.0.1:1/hook".to_owned()),
            ..WebhookConfig::default()
        },
        ..TwinConfig::new("tracker")
    };
    Twin::frozen(fixture("tracker.json"), config)
}

#[derive(Debug, Clone)]
enum Step {
    Create(u8),
    List(u8),
    Move(u8),
    Delete(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..3_u8).prop_map(Step::Create),
        (0..3_u8).prop_map(Step::List),
        any::<u8>().prop_map(Step::Move),
        any::<u8>().prop_map(Step::Delete),
    ]
}

const COLLECTIONS: [&str; 3] = ["/projects", "/issues", "/audits"];

/// All that a run showed: statuses, headers and bodies, the state, and what was queued to be sent.
fn run(twin: &Twin, session: &str, steps: &[Step]) -> Vec<String> {
    let mut seen = Vec::new();
    let mut ids: Vec<String> = Vec::new();
    let mut send = |method: &str, path: &str, body: &str| {
        let request = Request::builder().method(method).uri(path).header("x-wt-session", session);
        let request = request.header("content-type", "application/json");
        let answer = twin.call(&request.body(Bytes::from(body.to_owned())).unwrap());
        let body = String::from_utf8_lossy(answer.body()).into_owned();
        seen.push(format!("{} {:?} {body}", answer.status(), answer.headers()));
        body
    };
    for (number, step) in steps.iter().enumerate() {
        let pick = |index: u8, ids: &[String]| {
            ids.get(usize::from(index) % ids.len().max(1)).cloned().unwrap_or_default()
        };
        match step {
            Step::Create(kind) => {
                let body = json!({"summary": number, "key": format!("K{number}")}).to_string();
                let made = send("POST", COLLECTIONS[usize::from(*kind)], &body);
                let made: serde_json::Value = serde_json::from_str(&made).unwrap_or_default();
                ids.extend(made["id"].as_str().map(str::to_owned));
            }
            Step::List(kind) => drop(send("GET", COLLECTIONS[usize::from(*kind)], "")),
            Step::Move(index) => {
                drop(send("POST", &format!("/issues/{}/transitions", pick(*index, &ids)), "{}"));
            }
            Step::Delete(index) => {
                drop(send("DELETE", &format!("/issues/{}", pick(*index, &ids)), ""));
            }
        }
    }
    drop(send("GET", "/issues", ""));
    seen
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn the_same_seed_and_requests_give_the_same_bytes(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let (first, second) = (tracker(seed), tracker(seed));
        let once = run(&first, "default", &steps);
        prop_assert_eq!(&once, &run(&second, "default", &steps), "another twin");
        prop_assert_eq!(&once, &run(&first, "other", &steps), "another session of the same twin");
        first.reset();
        prop_assert_eq!(&once, &run(&first, "default", &steps), "the same twin, reset");
        prop_assert_eq!(first.state(), second.state());
    }
}

/// Set in the processes that [`two_processes_give_the_same_bytes`] starts.
const CHILD: &str = "WT_DETERMINISM_CHILD";

#[test]
fn two_processes_give_the_same_bytes() {
    if std::env::var_os(CHILD).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let told = runtime.block_on(over_the_wire());
        return std::fs::write(std::env::var_os(CHILD).unwrap(), told).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let told = |name: &str| {
        let path = folder.path().join(name);
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "two_processes_give_the_same_bytes"])
            .env(CHILD, &path)
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
        std::fs::read_to_string(path).unwrap()
    };
    let (first, second) = (told("first"), told("second"));
    assert!(
        first.contains("429") && first.contains("no answer") && first.contains("issue.created")
    );
    assert_eq!(first, second);
}

/// Requests over a socket, failures on purpose included, and what was sent to an endpoint.
async fn over_the_wire() -> String {
    let receiver = support::receiver::Receiver::start().await;
    let mut told = String::new();
    let chaos = json!({"chaos_modes": {
        "error_429": {"default_probability": 0.2}, "connection_reset": {"default_probability": 0.1}}});
    let config = TwinConfig {
        machines: serde_norway::from_str(MACHINES).unwrap(),
        routes: serde_norway::from_str(ROUTES).unwrap(),
        chaos: serde_json::from_value(chaos).unwrap(),
        clock: Clock::stepping(twins::BASE_EPOCH),
        webhooks: WebhookConfig { url: Some(receiver.url("/hook")), ..WebhookConfig::default() },
        ..TwinConfig::new("tracker")
    };
    let served = support::start(fixture("tracker.json"), twins::Follow::Frozen, config).await;
    for number in 0..60 {
        let path = COLLECTIONS[number % 3];
        let body = json!({"summary": number, "key": "KEY"}).to_string();
        let headers = [("content-type", "application/json"), ("connection", "close")];
        let method = if number % 4 == 3 { http::Method::GET } else { http::Method::POST };
        match served.client.send(method, path, &headers, body).await {
            Ok(answer) => {
                let body = String::from_utf8_lossy(&answer.body).into_owned();
                writeln!(told, "{} {body}", answer.status).unwrap();
            }
            Err(_) => told.push_str("no answer\n"),
        }
    }
    served.client.post("/__wt/webhooks/wait", json!({})).await;
    let deliveries = served.client.get("/__wt/webhooks/deliveries").await.json();
    for delivery in deliveries.as_array().unwrap() {
        writeln!(told, "{} {}", delivery["event_id"], delivery["body"]).unwrap();
    }
    told
}
