//! Universes of state side by side.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use support::{Answer, Client, config, fixture, frozen, start};
use twins::{Follow, Twin};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn create(client: &Client, session: &str, email: &str) -> Answer {
    let headers = [JSON, ("x-wt-session", session)];
    let body = json!({"email": email}).to_string();
    client.send(Method::POST, "/customers", &headers, body).await.unwrap()
}

async fn emails(client: &Client, session: &str) -> BTreeSet<String> {
    let headers = [("x-wt-session", session)];
    let list = client.send(Method::GET, "/customers", &headers, "").await.unwrap().json();
    let items = list["data"].as_array().unwrap();
    items.iter().map(|item| item["email"].as_str().unwrap().to_owned()).collect()
}

fn set(emails: &[&str]) -> BTreeSet<String> {
    emails.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn tests_side_by_side_see_their_own_state_and_the_same_ids() {
    let served = frozen(fixture("shop.json")).await;
    let client = &served.client;
    let (a, b) =
        (create(client, "a", "a@example.com").await, create(client, "b", "b@example.com").await);
    assert_eq!(a.text("id"), b.text("id"), "the same seed and the same requests");
    assert_eq!(emails(client, "a").await, set(&["a@example.com"]));
    assert_eq!(emails(client, "b").await, set(&["b@example.com"]));
    assert_eq!(emails(client, "default").await, set(&[]));
    // By path, the admin API and what was asked included.
    let path = format!("/__wt/s/a/customers/{}", a.text("id"));
    assert_eq!(client.get(&path).await.text("email"), "a@example.com");
    let state = client.get("/__wt/s/b/admin/state").await.json();
    assert_eq!(state["/customers"].as_object().unwrap().len(), 1);
    let asked = client.get("/__wt/s/a/__wt/requests").await.json();
    assert_eq!(asked.as_array().unwrap().last().unwrap()["path"], path[9..]);
    assert_eq!(client.get("/admin/requests").await.json().as_array().unwrap().len(), 1);
    client.post("/__wt/s/a/admin/reset", json!({})).await;
    assert_eq!(emails(client, "a").await, set(&[]));
    assert_eq!(emails(client, "b").await, set(&["b@example.com"]));
}

#[tokio::test]
async fn each_session_has_its_own_clock_faults_and_limits() {
    let served = frozen(fixture("shop.json")).await;
    let client = &served.client;
    let a = |method: Method, path: &'static str, body: Value| async move {
        let headers = [JSON, ("x-wt-session", "a")];
        client.send(method, path, &headers, body.to_string()).await.unwrap()
    };
    let moved = a(Method::POST, "/admin/time/advance", json!({"duration": "24h"})).await.json();
    assert_eq!(moved["simulated"], "2022-01-02T00:00:00Z");
    assert_eq!(client.get("/admin/time").await.json()["simulated"], "2022-01-01T00:00:00Z");
    let fault = a(Method::POST, "/admin/fault/customers", json!({"status_code": 503})).await;
    assert_eq!(fault.status, StatusCode::OK);
    assert_eq!(
        a(Method::GET, "/customers", Value::Null).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(client.get("/customers").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_fork_goes_on_from_where_a_session_is_and_a_snapshot_comes_back() {
    let served = frozen(fixture("shop.json")).await;
    let client = &served.client;
    create(client, "default", "first@example.com").await;
    let body = json!({"name": "kept"});
    assert_eq!(client.post("/admin/snapshots", body).await.json()["entities"], 1);
    let forked = client.post("/admin/sessions/default/fork", json!({"name": "f"})).await;
    assert_eq!(forked.json()["session"]["entities"], 1);
    create(client, "f", "second@example.com").await;
    let other = create(client, "default", "third@example.com").await;
    assert_eq!(emails(client, "f").await, set(&["first@example.com", "second@example.com"]));
    assert_eq!(emails(client, "default").await, set(&["first@example.com", "third@example.com"]));
    client.delete(&format!("/customers/{}", other.text("id"))).await;
    assert_eq!(emails(client, "f").await, set(&["first@example.com", "second@example.com"]));
    client.post("/admin/snapshots/kept/restore", json!({})).await;
    assert_eq!(emails(client, "default").await, set(&["first@example.com"]));
    // What is created now gets the id it got then: counters go back too.
    assert_eq!(create(client, "default", "third@example.com").await.text("id"), other.text("id"));
    let listed = client.get("/admin/sessions").await.json();
    let names: Vec<_> =
        listed["sessions"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["default", "f"]);
    assert_eq!(client.delete("/admin/sessions/f").await.status, StatusCode::OK);
    assert_eq!(client.delete("/admin/sessions/f").await.status, StatusCode::NOT_FOUND);
    assert_eq!(client.delete("/admin/sessions/default").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_session_may_have_a_port_of_its_own() {
    let served = frozen(fixture("shop.json")).await;
    let client = &served.client;
    create(client, "p", "by-header@example.com").await;
    client.delete("/admin/sessions/p").await;
    let made = client.post("/admin/sessions", json!({"name": "p", "port": 0})).await.json();
    let port = made["session"]["port"].as_u64().unwrap();
    let own = Client::at(&format!("http://127.0.0.1:{port}"));
    own.post("/customers", json!({"email": "by-port@example.com"})).await;
    assert_eq!(emails(client, "p").await, set(&["by-port@example.com"]));
    assert_eq!(emails(client, "default").await, set(&[]));
    client.delete("/admin/sessions/p").await;
    // New connections are refused once it is closed.
    let address = format!("127.0.0.1:{port}");
    let deadline = Instant::now() + Duration::from_secs(10);
    while tokio::net::TcpStream::connect(&address).await.is_ok() {
        assert!(Instant::now() < deadline, "the port is still open");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_name_that_is_none_is_refused() {
    let served = frozen(fixture("shop.json")).await;
    let headers = [("x-wt-session", "no such/name")];
    let answer = served.client.send(Method::GET, "/customers", &headers, "").await.unwrap();
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.json()["error"]["message"].as_str().unwrap().contains("no such/name"));
}

#[tokio::test]
async fn the_header_is_the_one_that_is_configured() {
    let mut config = config();
    config.session_header = http::HeaderName::from_static("x-test-id");
    let served = start(fixture("shop.json"), Follow::Frozen, config).await;
    let headers = [JSON, ("x-test-id", "a")];
    let body = json!({"email": "a@example.com"}).to_string();
    served.client.send(Method::POST, "/customers", &headers, body).await.unwrap();
    assert_eq!(emails(&served.client, "a").await, set(&[]), "X-Wt-Session is no longer heeded");
}

fn call(twin: &Twin, session: &str, number: usize) {
    let request = Request::post("/customers").header("x-wt-session", session);
    let request = request.header(JSON.0, JSON.1);
    let body = format!(r#"{{"email": "{number}@example.com"}}"#);
    let answer = twin.call(&request.body(Bytes::from(body)).unwrap());
    assert!(answer.status().is_success());
}

#[test]
fn of_too_many_sessions_the_one_not_asked_for_longest_goes() {
    let twin = Twin::frozen(fixture("shop.json"), config());
    (0..1000).for_each(|number| call(&twin, &format!("s{number}"), number));
    call(&twin, "s0", 1);
    call(&twin, "one-more", 1);
    let entities = |name: &str| {
        let request = Request::get("/customers").header("x-wt-session", name);
        let answer = twin.call(&request.body(Bytes::new()).unwrap());
        let list: Value = serde_json::from_slice(answer.body()).unwrap();
        list["data"].as_array().unwrap().len()
    };
    assert_eq!((entities("s0"), entities("one-more"), entities("s2")), (2, 1, 1));
    assert_eq!(entities("s1"), 0, "it was forgotten, and is made anew");
}

#[test]
fn a_reset_forgets_however_much_there_is() {
    let twin = Twin::frozen(fixture("shop.json"), config());
    (0..1000).for_each(|number| call(&twin, "default", number));
    assert!(!twin.state().is_empty());
    twin.reset();
    assert!(twin.state().is_empty());
}
