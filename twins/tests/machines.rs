//! State machines, constraints, effects and timers, declared in data.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use models::behaviour::{Machines, Routes, Scripts};
use serde_json::{Value, json};
use support::{config, fixture};
use twins::{Twin, TwinConfig, Universe};

const MACHINES: &str = r#"
entities:
  issue:
    initial_state: open
    transitions:
      - {from: open, to: in_progress, trigger: "transition API call with transitionId=21"}
      - from: in_progress
        to: done
        trigger: "transition API call with transitionId=31"
        set: {closed_at: "{{now}}"}
        effects:
          - {update: project, id: "{{object.project}}", add: {open_issues: -1}}
          - {create: audit, set: {what: closed, about: "{{object.id}}"}}
      - {from: [in_progress, done], to: open, trigger: "transition API call with transitionId=11", set: {closed_at: null}}
      - {from: open, to: stale, after: 14d}
      - {from: stale, to: gone, after: 1d, effects: [{create: audit, set: {what: gone, about: "{{object.id}}"}}]}
    constraints:
      - "Cannot transition from done to in_progress directly"
      - "Transition IDs must match the valid set for current state"
  project:
    initial_state: active
    constraints:
      - "Key must be unique, 2-10 uppercase letters"
      - "Cannot delete a project with open issues"
  token:
    initial_state: live
    transitions:
      - {from: live, to: expired, after: 1h}
      - {from: live, to: revoked, trigger: "DELETE /tokens/{token}"}
"#;

const ROUTES: &str = r#"
routes:
  - method: POST
    path: /issues
    request_schema: {fields: {summary: string, labels: "string[]"}, required: [summary]}
    state_effects:
      - create: issue
      - {update: project, id: "{{object.project}}", add: {open_issues: 1}}
      - {create: audit, after: 30s, set: {what: reminded, about: "{{object.id}}"}, when: {request.remind: true}}
    errors:
      - {code: 422, condition: missing required fields}
      - {code: 404, condition: project not found}
  - {method: GET, path: "/issues/{issueKey}", errors: [{code: 410, condition: issue not found, message: "no such issue here"}]}
"#;

fn tracker_config() -> TwinConfig {
    let machines: Machines = serde_norway::from_str(MACHINES).unwrap();
    let routes: Routes = serde_norway::from_str(ROUTES).unwrap();
    assert_eq!((machines.problem(), routes.problem()), (None, None));
    TwinConfig { machines, routes, ..config() }
}

fn tracker() -> Twin {
    Twin::frozen(fixture("tracker.json"), tracker_config())
}

fn call(twin: &Twin, method: &str, path: &str, body: &Value) -> (StatusCode, Value) {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("content-type", "application/json");
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    let answer = twin.call(&request.body(body).unwrap());
    (answer.status(), serde_json::from_slice(answer.body()).unwrap_or_default())
}

/// A project with one issue; the ids of both.
fn with_issue(twin: &Twin) -> (String, String) {
    let (status, project) = call(twin, "POST", "/projects", &json!({"key": "OPS"}));
    assert_eq!(status, StatusCode::CREATED, "{project}");
    let id = |object: &Value| object["id"].as_str().unwrap().to_owned();
    let body = json!({"summary": "disk", "project": id(&project)});
    let (status, issue) = call(twin, "POST", "/issues", &body);
    assert_eq!(status, StatusCode::CREATED, "{issue}");
    (id(&project), id(&issue))
}

fn go(twin: &Twin, issue: &str, transition: &str) -> (StatusCode, Value) {
    let body = json!({"transition": {"id": transition}});
    call(twin, "POST", &format!("/issues/{issue}/transitions"), &body)
}

fn get(twin: &Twin, path: &str) -> Value {
    call(twin, "GET", path, &Value::Null).1
}

fn advance(twin: &Twin, seconds: u64) {
    twin.clock().advance(Duration::from_secs(seconds));
}

#[test]
fn an_entity_goes_through_its_states_and_no_other_way() {
    let twin = tracker();
    let (_, issue) = with_issue(&twin);
    let path = format!("/issues/{issue}");
    assert_eq!(get(&twin, &path)["status"], "open");
    let (status, refused) = go(&twin, &issue, "31");
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(
        refused["error"]["message"],
        format!("issue {issue} is open and cannot become done")
    );
    assert_eq!(go(&twin, &issue, "99").0, StatusCode::BAD_REQUEST, "none of the machine's ids");
    for (transition, state) in
        [("21", "in_progress"), ("31", "done"), ("11", "open"), ("21", "in_progress")]
    {
        assert_eq!(go(&twin, &issue, transition).0, StatusCode::NO_CONTENT);
        assert_eq!(get(&twin, &path)["status"], state);
    }
    // Writing the field is a transition too.
    let (status, _) = call(&twin, "PATCH", &path, &json!({"status": "stale"}));
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, after) = call(&twin, "PATCH", &path, &json!({"status": "done", "summary": "x"}));
    assert_eq!((status, &after["status"]), (StatusCode::OK, &json!("done")));
    assert_eq!(go(&twin, "nonesuch", "21").0, StatusCode::NOT_FOUND);
}

#[test]
fn what_follows_of_a_transition_happens_with_it() {
    let twin = tracker();
    let (project, issue) = with_issue(&twin);
    let path = format!("/projects/{project}");
    assert_eq!(get(&twin, &path)["open_issues"], 1, "the route's own effect");
    go(&twin, &issue, "21");
    go(&twin, &issue, "31");
    assert_eq!(get(&twin, &path)["open_issues"], 0);
    assert_eq!(get(&twin, &format!("/issues/{issue}"))["closed_at"], 1_640_995_200);
    let audits = get(&twin, "/audits");
    assert_eq!(
        (audits[0]["what"].as_str(), audits[0]["about"].as_str()),
        (Some("closed"), Some(&*issue))
    );
    go(&twin, &issue, "11");
    assert_eq!(get(&twin, &format!("/issues/{issue}"))["closed_at"], Value::Null);
}

#[test]
fn constraints_hold() {
    let twin = tracker();
    let (project, issue) = with_issue(&twin);
    for key in ["ops", "O", "OPS"] {
        let (status, why) = call(&twin, "POST", "/projects", &json!({"key": key}));
        assert_eq!(status, StatusCode::BAD_REQUEST, "{key}");
        assert_eq!(why["error"]["message"], "Key must be unique, 2-10 uppercase letters");
    }
    let path = format!("/projects/{project}");
    let (status, why) = call(&twin, "DELETE", &path, &Value::Null);
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(why["error"]["message"], "Cannot delete a project with open issues");
    go(&twin, &issue, "21");
    assert_eq!(call(&twin, "DELETE", &path, &Value::Null).0, StatusCode::NO_CONTENT);
}

#[test]
fn what_routes_yaml_says_of_requests_and_errors_is_so() {
    let twin = tracker();
    let (status, _) = call(&twin, "POST", "/issues", &json!({"labels": ["a"]}));
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "missing required fields is 422 here");
    let (status, _) = call(&twin, "POST", "/issues", &json!({"summary": "a", "labels": "b"}));
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, why) = call(&twin, "POST", "/issues", &json!({"summary": "a", "project": "none"}));
    assert_eq!(
        (status, &why["error"]["message"]),
        (StatusCode::NOT_FOUND, &json!("no such project: none"))
    );
    let (status, why) = call(&twin, "GET", "/issues/none", &Value::Null);
    assert_eq!(
        (status, &why["error"]["message"]),
        (StatusCode::GONE, &json!("no such issue here"))
    );
}

#[test]
fn time_changes_states_in_order_and_only_of_what_is_still_there() {
    let twin = tracker();
    let (_, issue) = with_issue(&twin);
    let (_, token) = call(&twin, "POST", "/tokens", &json!({}));
    let token = format!("/tokens/{}", token["id"].as_str().unwrap());
    advance(&twin, 3599);
    assert_eq!(get(&twin, &token)["status"], "live");
    advance(&twin, 1);
    assert_eq!(get(&twin, &token)["status"], "expired");
    // Two timers in one advance, the second set by the first; each at its own time.
    advance(&twin, 20 * 86_400);
    assert_eq!(get(&twin, &format!("/issues/{issue}"))["status"], "gone");
    assert_eq!(get(&twin, "/audits")[0]["what"], "gone");
    // One that moved on is left alone.
    let (_, second) = call(&twin, "POST", "/issues", &json!({"summary": "b"}));
    let second = second["id"].as_str().unwrap();
    go(&twin, second, "21");
    advance(&twin, 20 * 86_400);
    assert_eq!(get(&twin, &format!("/issues/{second}"))["status"], "in_progress");
}

#[test]
fn a_delete_that_is_a_transition_leaves_the_entity_in_its_last_state() {
    let twin = tracker();
    let (_, token) = call(&twin, "POST", "/tokens", &json!({}));
    let path = format!("/tokens/{}", token["id"].as_str().unwrap());
    let (status, after) = call(&twin, "DELETE", &path, &Value::Null);
    assert_eq!((status, &after["status"]), (StatusCode::OK, &json!("revoked")));
    assert_eq!(get(&twin, &path)["status"], "revoked");
    assert_eq!(call(&twin, "DELETE", &path, &Value::Null).0, StatusCode::BAD_REQUEST);
    // It does not expire any more.
    advance(&twin, 7200);
    assert_eq!(get(&twin, &path)["status"], "revoked");
}

#[test]
fn an_effect_may_come_later_and_only_where_it_is_asked_for() {
    let twin = tracker();
    call(&twin, "POST", "/issues", &json!({"summary": "a", "remind": true}));
    call(&twin, "POST", "/issues", &json!({"summary": "b"}));
    advance(&twin, 29);
    assert_eq!(get(&twin, "/audits"), json!([]));
    advance(&twin, 1);
    let audits = get(&twin, "/audits");
    assert_eq!((audits.as_array().unwrap().len(), &audits[0]["what"]), (1, &json!("reminded")));
}

#[test]
fn a_handler_sets_timers_for_other_handlers() {
    let scripts = Scripts {
        handlers: [
            ("start", r#"clock.after(60, "tick", {left = 3}) emit.status(202)"#),
            (
                "tick",
                r#"local left = req.data.left
                wt.new("audit", {what = "tick " .. left, about = tostring(clock.now())})
                if left > 1 then clock.after(60, "tick", {left = left - 1}) end"#,
            ),
        ]
        .map(|(name, source)| (name.to_owned(), source.to_owned()))
        .into(),
        ..Scripts::default()
    };
    let routes = "routes: [{method: POST, path: /tokens, handler: start}]";
    let routes = serde_norway::from_str(routes).unwrap();
    let twin = Twin::frozen(fixture("tracker.json"), TwinConfig { scripts, routes, ..config() });
    assert_eq!(call(&twin, "POST", "/tokens", &json!({})).0, StatusCode::ACCEPTED);
    advance(&twin, 1000);
    let audits = get(&twin, "/audits");
    let told = |index: usize| audits[index]["about"].as_str().unwrap().to_owned();
    assert_eq!(audits.as_array().unwrap().len(), 3);
    assert_eq!([told(0), told(1), told(2)], ["1640995260", "1640995320", "1640995380"]);
}

#[tokio::test]
async fn an_effect_in_another_twin_happens_there_in_the_session_of_the_same_name() {
    let universe = Universe::new();
    let clock = twins::Clock::still(twins::BASE_EPOCH);
    let routes = "routes: [{method: POST, path: /customers, state_effects: [{create: issue, twin: tracker, set: {summary: 'call {{object.email}}'}}]}]";
    let shop = TwinConfig {
        name: "shop".to_owned(),
        routes: serde_norway::from_str(routes).unwrap(),
        universe: universe.clone(),
        clock: clock.clone(),
        ..config()
    };
    let tracker = TwinConfig { name: "tracker".to_owned(), universe, clock, ..tracker_config() };
    let shop = support::start(fixture("shop.json"), twins::Follow::Frozen, shop).await;
    let tracker = support::start(fixture("tracker.json"), twins::Follow::Frozen, tracker).await;
    shop.client.post("/__wt/s/a/customers", json!({"email": "ada@example.com"})).await;
    assert_eq!(tracker.client.get("/issues").await.json(), json!([]));
    let issues = tracker.client.get("/__wt/s/a/issues").await.json();
    assert_eq!(issues[0]["summary"], "call ada@example.com");
    assert_eq!(issues[0]["status"], "open");
    // One clock: what is moved in one twin is moved in all, in that session.
    let moved = json!({"duration": "360h"});
    shop.client.post("/__wt/s/a/admin/time/advance", moved).await;
    let path = format!("/__wt/s/a/issues/{}", issues[0]["id"].as_str().unwrap());
    assert_eq!(tracker.client.get(&path).await.text("status"), "gone");
    assert_eq!(tracker.client.get("/admin/time").await.json()["offset"], "0s");
}

#[tokio::test]
async fn the_time_of_twins_that_run_together_goes_back_with_all_of_them_only() {
    let universe = Universe::new();
    let clock = twins::Clock::still(twins::BASE_EPOCH);
    let of = |name: &str, config: TwinConfig| TwinConfig {
        name: name.to_owned(),
        universe: universe.clone(),
        clock: clock.clone(),
        ..config
    };
    let shop = of("shop", config());
    let shop = support::start(fixture("shop.json"), twins::Follow::Frozen, shop).await;
    let moved = json!({"duration": "1h"});
    shop.client.post("/admin/time/advance", moved.clone()).await;
    shop.client.post("/admin/reset", json!({})).await;
    assert_eq!(shop.client.get("/admin/time").await.json()["offset"], "0s", "it is alone");
    let tracker = of("tracker", tracker_config());
    let tracker = support::start(fixture("tracker.json"), twins::Follow::Frozen, tracker).await;
    let issues = || async { tracker.client.get("/issues").await.json() };
    tracker.client.post("/issues", json!({"summary": "disk"})).await;
    shop.client.post("/customers", json!({"email": "a@example.com"})).await;
    shop.client.post("/admin/snapshots", json!({"name": "before"})).await;
    shop.client.post("/admin/time/advance", moved.clone()).await;
    shop.client.post("/admin/snapshots/before/restore", json!({})).await;
    assert_eq!(tracker.client.get("/admin/time").await.json()["offset"], "1h0m0s", "restored");
    shop.client.post("/admin/reset", json!({})).await;
    assert_eq!(shop.client.get("/customers").await.json()["data"], json!([]));
    assert_eq!(tracker.client.get("/admin/time").await.json()["offset"], "1h0m0s", "reset");
    assert_eq!(issues().await.as_array().unwrap().len(), 1);
    // A session that only one of them has is that one's.
    shop.client.post("/__wt/s/a/admin/time/advance", moved).await;
    shop.client.post("/__wt/s/a/admin/reset", json!({})).await;
    assert_eq!(shop.client.get("/__wt/s/a/admin/time").await.json()["offset"], "0s");
    let told = tracker.client.post("/admin/universe/reset", json!({})).await.json();
    assert_eq!(told, json!({"status": "reset", "twins": ["shop", "tracker"]}));
    assert_eq!(shop.client.get("/admin/time").await.json()["offset"], "0s");
    assert_eq!(issues().await, json!([]));
}

#[test]
fn what_effects_draw_differs_though_the_clock_stands_still() {
    let routes: Routes = serde_norway::from_str(
        r#"
routes:
  - method: POST
    path: /issues
    state_effects:
      - create: issue
      - {create: audit, id: "au_{{base62:12}}", set: {about: "{{digits:12}}"}}
      - {create: audit, id: "au_{{base62:12}}", set: {about: "{{digits:12}}"}}
      - {create: audit, set: {about: "{{digits:12}}"}}
"#,
    )
    .unwrap();
    let twin =
        || Twin::frozen(fixture("tracker.json"), TwinConfig { routes: routes.clone(), ..config() });
    let drawn = |twin: &Twin| {
        for _ in 0..2 {
            call(twin, "POST", "/issues", &json!({"summary": "disk"}));
        }
        let audits = get(twin, "/audits");
        let drawn = audits.as_array().unwrap().iter().map(|one| one["about"].to_string());
        drawn.collect::<std::collections::BTreeSet<_>>()
    };
    let first = drawn(&twin());
    assert_eq!(first.len(), 6, "each has its own id and text");
    assert_eq!(drawn(&twin()), first, "and the same in each run");
}
