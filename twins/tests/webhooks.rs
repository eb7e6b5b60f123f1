//! Webhooks over real sockets: who gets what, signed how, in which order, and again when.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use std::collections::BTreeMap;

use hmac::{Hmac, Mac};
use http::{Method, StatusCode};
use models::Model;
use models::behaviour::{Events, Knobs, RouteRule, Routes, Scripts, Webhooks};
use serde_json::{Value, json};
use sha2::Sha256;
use support::receiver::{Received, Receiver};
use support::{Served, config, start};
use twins::{Follow, TwinConfig, WebhookConfig};

/// A shop whose customers and webhook endpoints are kept.
fn model() -> Model {
    let text = json!({"types": {"string": true}, "required": true});
    let item = |path: &str, entity: &str| {
        json!({
            (format!("POST {path}")): {"variants": {"201": {"body": {"ref": entity}}}},
            (format!("GET {path}/{{id}}")): {"variants": {"200": {"body": {"ref": entity}}}},
            (format!("PATCH {path}/{{id}}")): {"variants": {"200": {"body": {"ref": entity}}}},
            (format!("DELETE {path}/{{id}}")): {"variants": {"200": {"body": {"ref": entity}}}},
        })
    };
    let list = |path: &str, entity: &str| {
        json!({(format!("GET {path}")): {"variants": {"200": {"body": {
            "types": {"object": true}, "properties": {"data": {"types": {"array": true},
            "items": {"ref": entity}, "required": true}}}}}}})
    };
    let mut routes = serde_json::Map::new();
    for (path, entity) in
        [("/v1/customers", "customer"), ("/v1/hooks", "hook"), ("/v1/events", "event")]
    {
        for part in [item(path, entity), list(path, entity)] {
            routes.extend(part.as_object().unwrap().clone());
        }
    }
    serde_json::from_value(json!({
        "format": "wondertwin.model/1", "name": "shop", "version": "1.0.0",
        "entities": {
            "customer": {"types": {"object": true}, "properties": {"id": text, "name": text, "status": text}},
            "hook": {"types": {"object": true}, "properties": {"id": text, "url": text, "secret": text,
                "events": {"types": {"array": true}, "items": {"types": {"string": true}}}}},
            "event": {"types": {"object": true}, "properties": {"id": text, "type": text}},
        },
        "routes": routes,
    }))
    .unwrap()
}

fn declared() -> Webhooks {
    serde_json::from_value(json!({
        "signature": {"scheme": "stripe"},
        "headers": {"User-Agent": "Shop/1.0", "X-Event": "{{event.topic}}", "X-Delivery": "{{delivery.id}}"},
        "body": {
            "id": "{{event.id}}", "object": "event", "created": "{{event.created}}", "type": "{{event.name}}",
            "data": {"object": "{{object}}", "previous_attributes": "{{previous?}}"},
            "request": {"idempotency_key": "{{request.idempotency_key}}"},
        },
        "endpoints": [{"collection": "/v1/hooks", "url": "url", "events": "events", "secret": "secret",
            "new_secret": "whsec_{{base62:32}}"}],
        "retry": {"delays_seconds": [60, 300], "headers": {"X-Retry-Num": "{{delivery.attempt}}",
            "X-Retry-Reason": "{{delivery.reason}}"}, "final_statuses": [410]},
        "log": "/v1/events",
    }))
    .unwrap()
}

fn configured(declared: Webhooks) -> TwinConfig {
    let events: Events = serde_json::from_value(json!({
        "create": ["customer.created"], "update": ["customer.updated"], "delete": ["customer.deleted"],
        "transition": {"*->closed": ["customer.closed"]},
    }))
    .unwrap();
    let events = BTreeMap::from([("/v1/customers".to_owned(), events)]);
    let declared = Webhooks { events: Some(events), ..declared };
    TwinConfig { webhooks: WebhookConfig { declared, url: None }, ..config() }
}

async fn twin() -> Served {
    start(model(), Follow::Frozen, configured(declared())).await
}

async fn register(twin: &Served, url: &str, events: &[&str]) -> Value {
    twin.client.post("/v1/hooks", json!({"url": url, "events": events})).await.json()
}

/// Waits until all that is due has been tried.
async fn quiet(twin: &Served) {
    let done = twin.client.post("/admin/webhooks/wait", json!({})).await;
    assert_eq!(done.status, StatusCode::OK);
}

fn types(seen: &[Received]) -> Vec<String> {
    seen.iter().map(|one| one.json()["type"].as_str().unwrap().to_owned()).collect()
}

/// What Stripe's SDKs check.
fn verify(seen: &Received, secret: &str) -> u64 {
    let header = seen.header("stripe-signature");
    let (time, mac) = header.split_once(",v1=").unwrap();
    let time = time.strip_prefix("t=").unwrap();
    let mut expected = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    expected.update(format!("{time}.").as_bytes());
    expected.update(&seen.body);
    let bytes = expected.finalize().into_bytes();
    let hex = bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    assert_eq!(mac, hex);
    time.parse().unwrap()
}

#[tokio::test]
async fn an_endpoint_registered_through_the_api_gets_signed_events_in_order() {
    let (twin, receiver) = (twin().await, Receiver::start().await);
    let hook = register(&twin, &receiver.url("/all"), &["*"]).await;
    register(&twin, &receiver.url("/closed"), &["customer.closed"]).await;
    let secret = hook["secret"].as_str().unwrap();
    assert_eq!((secret.len(), &secret[..6]), (38, "whsec_"));

    let customer =
        twin.client.post("/v1/customers", json!({"name": "Ada", "status": "open"})).await;
    let path = format!("/v1/customers/{}", customer.text("id"));
    twin.client.json(Method::PATCH, &path, json!({"status": "closed"})).await;
    let shown = twin.client.get(&path).await.json();
    twin.client.delete(&path).await;
    quiet(&twin).await;

    let seen = receiver.received();
    let (all, closed): (Vec<_>, Vec<_>) = seen.into_iter().partition(|one| one.path == "/all");
    assert_eq!(
        types(&all),
        ["customer.created", "customer.updated", "customer.closed", "customer.deleted"]
    );
    assert_eq!(types(&closed), ["customer.closed"]);
    assert_eq!(all[2].json()["id"], closed[0].json()["id"], "one event, two endpoints");
    for one in &all {
        assert_eq!(verify(one, secret), 1_640_995_200);
        assert_eq!((one.header("user-agent"), one.header("x-event")), ("Shop/1.0", "customer"));
        assert_eq!(one.header("content-type"), "application/json");
    }
    let updated = all[1].json();
    assert_eq!(updated["data"]["object"], shown);
    assert_eq!(updated["data"]["previous_attributes"], json!({"status": "open"}));
    assert!(all[0].json()["data"].get("previous_attributes").is_none());

    // The events stand in their collection too.
    let listed = twin.client.get("/v1/events").await.json();
    let mut ids: Vec<_> =
        listed["data"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    ids.sort_by_key(ToString::to_string);
    let mut sent: Vec<_> = all.iter().map(|one| one.json()["id"].clone()).collect();
    sent.sort_by_key(ToString::to_string);
    assert_eq!(ids, sent);
}

#[tokio::test]
async fn a_failed_delivery_comes_again_on_the_twins_clock_with_the_same_id_and_a_new_time() {
    let (twin, receiver) = (twin().await, Receiver::start().await);
    let hook = register(&twin, &receiver.url("/"), &["*"]).await;
    receiver.answer_next(&[500, 503]);
    twin.client.post("/v1/customers", json!({"name": "Ada"})).await;
    quiet(&twin).await;
    assert_eq!(receiver.received().len(), 1);
    for (advance, attempts) in [("59s", 1), ("1s", 2), ("4m59s", 2), ("1s", 3), ("24h", 3)] {
        twin.client.post("/admin/time/advance", json!({"duration": advance})).await;
        quiet(&twin).await;
        assert_eq!(receiver.received().len(), attempts, "after {advance}");
    }
    let seen = receiver.received();
    let ids: Vec<_> = seen.iter().map(|one| one.json()["id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
    let secret = hook["secret"].as_str().unwrap();
    let times: Vec<_> = seen.iter().map(|one| verify(one, secret) - 1_640_995_200).collect();
    assert_eq!(times, [0, 60, 360]);
    assert!(!seen[0].headers.contains_key("x-retry-num"));
    assert_eq!(
        (seen[2].header("x-retry-num"), seen[2].header("x-retry-reason")),
        ("2", "http_error")
    );
    assert_eq!(seen[0].header("x-delivery"), seen[2].header("x-delivery"));

    let log = twin.client.get("/admin/webhooks/deliveries").await.json();
    assert_eq!(
        (&log[0]["state"], &log[0]["attempt"], &log[0]["status_code"]),
        (&json!("delivered"), &json!(3), &json!(200))
    );
    let codes: Vec<_> = log[0]["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["status_code"].clone())
        .collect();
    assert_eq!(codes, [500, 503, 200]);

    // Sent once more by hand; and what was delivered is not sent by a flush.
    let id = log[0]["id"].as_u64().unwrap();
    twin.client.post(&format!("/admin/webhooks/deliveries/{id}/replay"), json!({})).await;
    quiet(&twin).await;
    assert_eq!(receiver.received().len(), 4);
    let flushed = twin.client.post("/admin/webhooks/flush", json!({})).await.json();
    assert_eq!(flushed, json!({"status": "flushed", "deliveries": 0}));
    assert_eq!(receiver.received().len(), 4);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_not_asked_again() {
    let (twin, receiver) = (twin().await, Receiver::start().await);
    register(&twin, &receiver.url("/"), &["*"]).await;
    register(&twin, "http://hooks.example.com/", &["*"]).await;
    receiver.answer_next(&[410]);
    twin.client.post("/v1/customers", json!({"name": "Ada"})).await;
    twin.client.post("/admin/time/advance", json!({"duration": "24h"})).await;
    quiet(&twin).await;
    assert_eq!(receiver.received().len(), 1);
    let log = twin.client.get("/admin/webhooks/deliveries").await.json();
    assert!(log.as_array().unwrap().iter().all(|one| one["state"] == "failed"));
    let refused = log.as_array().unwrap().iter().find(|one| one["status_code"].is_null()).unwrap();
    assert!(refused["error"].as_str().unwrap().contains("webhooks.hosts"), "{refused}");
}

#[tokio::test]
async fn the_same_seed_and_requests_send_the_same_bytes() {
    let run = |knobs: Knobs| async move {
        let receiver = Receiver::start().await;
        let declared = Webhooks { knobs, ..declared() };
        let twin = start(model(), Follow::Frozen, configured(declared)).await;
        let hook = register(&twin, "http://127.0.0.1:1/", &["*"]).await;
        let path = format!("/v1/hooks/{}", hook["id"].as_str().unwrap());
        twin.client.json(Method::PATCH, &path, json!({"url": receiver.url("/")})).await;
        for name in ["Ada", "Bea", "Cyd", "Dora"] {
            twin.client.post("/v1/customers", json!({"name": name})).await;
            quiet(&twin).await;
        }
        twin.client.post("/admin/time/advance", json!({"duration": "1m"})).await;
        quiet(&twin).await;
        let seen = receiver.received().into_iter();
        let kept: Vec<_> = seen
            .map(|mut one| {
                // The receiver's own port, which is another each time.
                one.headers.remove("host");
                one
            })
            .collect();
        kept
    };
    let knobs = || Knobs { duplicate: 0.5, reorder: 0.5, ..Knobs::default() };
    let (first, second) = (run(knobs()).await, run(knobs()).await);
    assert_eq!(first, second);
    let plain = run(Knobs::default()).await;
    assert_eq!(plain.len(), 4);
    assert!(first.len() > 4);
}

#[tokio::test]
async fn a_twin_without_a_declaration_tells_everything_to_the_address_it_is_given() {
    let receiver = Receiver::start().await;
    let twin = start(model(), Follow::Frozen, config()).await;
    let none = twin.client.post("/admin/webhooks/flush", json!({})).await.json();
    assert_eq!(none["status"], "no webhooks configured");
    let set = json!({"webhook_url": receiver.url("/in")});
    twin.client.json(Method::PUT, "/admin/config", set).await;
    twin.client.post("/v1/customers", json!({"name": "Ada"})).await;
    quiet(&twin).await;
    let seen = receiver.received();
    assert_eq!(types(&seen), ["customer.created"]);
    assert_eq!(seen[0].json()["data"]["name"], "Ada");
    // What was queued when the twin is told to stop still goes out.
    twin.client.post("/v1/customers", json!({"name": "Bea"})).await;
    twin.stop().await;
    assert_eq!(receiver.received().len(), 2);
}

/// Tells of a customer in its own words: to who asked for it, and to an address of its own later.
const TELL: &str = r#"
    wt.tell("customer.greeted", {type = "customer.greeted", name = req.data.name})
    wt.tell("later", {type = "later"}, {url = req.data.url, secret = "own", after = 60})
    emit.status(204)"#;

#[tokio::test]
async fn what_a_handler_tells_goes_to_who_asked_for_it_and_waits_as_it_says() {
    let receiver = Receiver::start().await;
    let rule = RouteRule {
        method: "POST".to_owned(),
        path: "/v1/customers".to_owned(),
        handler: Some("greet".to_owned()),
        ..RouteRule::default()
    };
    let handlers = BTreeMap::from([("greet".to_owned(), TELL.to_owned())]);
    let config = TwinConfig {
        routes: Routes { routes: vec![rule] },
        scripts: Scripts { handlers, libs: BTreeMap::new() },
        ..configured(declared())
    };
    let twin = start(model(), Follow::Frozen, config).await;
    let hook = register(&twin, &receiver.url("/greeted"), &["customer.greeted"]).await;
    register(&twin, &receiver.url("/other"), &["customer.closed"]).await;
    let body = json!({"name": "Ada", "url": receiver.url("/later")});
    assert_eq!(twin.client.post("/v1/customers", body).await.status, StatusCode::NO_CONTENT);
    quiet(&twin).await;
    let seen = receiver.received();
    assert_eq!(seen.iter().map(|one| &*one.path).collect::<Vec<_>>(), ["/greeted"]);
    assert_eq!(seen[0].json()["name"], "Ada");
    verify(&seen[0], hook["secret"].as_str().unwrap());

    twin.client.post("/admin/time/advance", json!({"duration": "60s"})).await;
    quiet(&twin).await;
    let seen = receiver.received();
    let later = seen.iter().find(|one| one.path == "/later").unwrap();
    verify(later, "own");
}

#[tokio::test]
async fn what_the_model_knows_of_deliveries_stands_above_what_is_declared() {
    let receiver = Receiver::start().await;
    let mut model = model();
    model.deliveries = serde_json::from_value(json!({
        "signature": {"scheme": "hex", "header": "x-shop-signature"},
        "retry": {"delays_ms": {"1": 5000}, "ends": true},
    }))
    .unwrap();
    let twin = start(model, Follow::Frozen, configured(declared())).await;
    register(&twin, &receiver.url("/"), &["*"]).await;
    receiver.answer_next(&[500, 500]);
    twin.client.post("/v1/customers", json!({"name": "Ada"})).await;
    quiet(&twin).await;
    for (advance, attempts) in [("4s", 1), ("1s", 2), ("24h", 2)] {
        twin.client.post("/admin/time/advance", json!({"duration": advance})).await;
        quiet(&twin).await;
        assert_eq!(receiver.received().len(), attempts, "after {advance}");
    }
    let seen = receiver.received();
    assert_eq!(seen[0].header("x-shop-signature").len(), 64);
    assert!(!seen[0].headers.contains_key("stripe-signature"));
}
