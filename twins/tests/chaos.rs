//! Failures on purpose, over real sockets; the capture, and replaying it.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use models::behaviour::Chaos;
use serde_json::{Value, json};
use support::{Served, config, fixture, frozen, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use twins::{Follow, TwinConfig, replay};

async fn with_chaos(document: Value) -> Served {
    let chaos: Chaos = serde_json::from_value(document).unwrap();
    start(fixture("shop.json"), Follow::Frozen, TwinConfig { chaos, ..config() }).await
}

/// What a raw request gets before the connection ends, and how it ends.
async fn raw(twin: &Served, path: &str) -> (String, std::io::Result<()>) {
    let mut stream = TcpStream::connect(twin.running.addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut bytes)).await;
    (String::from_utf8_lossy(&bytes).into_owned(), end.unwrap().map(drop))
}

#[tokio::test]
async fn each_mode_does_what_it_says() {
    let twin = with_chaos(json!({
        "chaos_modes": {
            "error_429": {"config": {"retry_after_seconds": 7, "headers": {"Retry-After": "7"}}},
            "error_500": {"config": {"body": "{\"error\": \"down\"}"}},
            "timeout": {"config": {"timeout_ms": 120}},
            "partial_response": {"config": {"truncate_at_percent": 40}},
            "latency": {"config": {"min_ms": 80, "max_ms": 90}},
        },
        "rules": [
            {"mode": "error_429", "headers": {"x-fail": "429"}},
            {"mode": "error_500", "headers": {"x-fail": "5*"}},
            {"mode": "latency", "headers": {"x-fail": "slow"}},
            {"mode": "timeout", "route": "GET /customers", "after": 0, "count": 1},
            {"mode": "partial_response", "route": "GET /customers", "count": 1},
            {"mode": "connection_reset", "route": "/settings", "count": 1},
        ],
    }))
    .await;
    twin.client.post("/customers", json!({"email": "ada@example.com"})).await;
    let fail = |how: &'static str| {
        let twin = &twin;
        async move { twin.client.send(Method::GET, "/customers", &[("x-fail", how)], "").await.unwrap() }
    };
    let limited = fail("429").await;
    assert_eq!(
        (limited.status, &limited.headers["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"7".parse().unwrap())
    );
    assert_eq!(limited.json()["error"]["type"], "rate_limited", "in the vendor's own words");
    let down = fail("500").await;
    assert_eq!(
        (down.status, down.json()),
        (StatusCode::INTERNAL_SERVER_ERROR, json!({"error": "down"}))
    );

    let began = Instant::now();
    let (nothing, end) = raw(&twin, "/customers").await;
    assert!(
        nothing.is_empty() && end.is_ok() && began.elapsed() >= Duration::from_millis(120),
        "{nothing}"
    );
    let (partial, _) = raw(&twin, "/customers").await;
    let (head, body) = partial.split_once("\r\n\r\n").unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert_eq!(body.len(), length.parse::<usize>().unwrap() * 40 / 100);
    let (nothing, end) = raw(&twin, "/settings").await;
    assert!(nothing.is_empty());
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);

    let began = Instant::now();
    assert_eq!(fail("slow").await.status, StatusCode::OK);
    assert!(began.elapsed() >= Duration::from_millis(80));
    assert_eq!(twin.client.get("/customers").await.status, StatusCode::OK);
    assert_eq!(twin.client.get("/admin/health").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_fault_goes_on_a_path_of_any_depth_and_chaos_is_switched_while_serving() {
    let twin = frozen(fixture("shop.json")).await;
    let made = twin.client.post("/customers", json!({"email": "ada@example.com"})).await;
    let path = format!("/customers/{}", made.text("id"));
    let fault = json!({"status_code": 503, "body": {"sorry": true}, "delay_ms": 60});
    let injected = twin.client.post(&format!("/admin/fault{path}"), fault).await.json();
    assert_eq!((&injected["status"], &injected["endpoint"]), (&json!("injected"), &json!(path)));
    assert_eq!(
        (&injected["fault"]["delay_ms"], &injected["fault"]["rate"]),
        (&json!(60.0), &json!(1.0))
    );
    let began = Instant::now();
    let failed = twin.client.get(&path).await;
    assert_eq!((failed.status.as_u16(), failed.json()), (503, json!({"sorry": true})));
    assert!(began.elapsed() >= Duration::from_millis(60), "milliseconds are milliseconds");
    assert_eq!(twin.client.get("/customers").await.status, StatusCode::OK);
    assert_eq!(twin.client.get("/admin/faults").await.json()[&path]["status_code"], 503);
    assert_eq!(
        twin.client.delete(&format!("/admin/fault{path}")).await.json()["status"],
        "removed"
    );
    assert_eq!(
        twin.client.delete(&format!("/admin/fault{path}")).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(twin.client.get(&path).await.status, StatusCode::OK);
    for bad in [
        json!({}),
        json!({"status_code": 500, "rate": 2}),
        json!({"status_code": 9}),
        json!({"status": 500}),
    ] {
        let answer = twin.client.post("/admin/fault/v1/x", bad).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.json()["error"]["code"], 400);
    }

    let on = json!({"rules": [{"mode": "error_500"}]});
    twin.client.json(Method::PUT, "/__wraith/chaos", on).await;
    assert_eq!(twin.client.get("/customers").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    twin.client.delete("/__wt/chaos").await;
    assert_eq!(twin.client.get("/customers").await.status, StatusCode::OK);
    let bad = json!({"rules": [{"mode": "error_500", "probability": 3}]});
    let bad = twin.client.json(Method::PUT, "/admin/chaos", bad).await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn settings_are_all_checked_before_any_is_changed() {
    let twin = frozen(fixture("shop.json")).await;
    let put = |body: Value| twin.client.json(Method::PUT, "/admin/config", body);
    for bad in [
        json!({"verbose": true, "fail_rate": 2}),
        json!({"verbose": true, "latency": "soon"}),
        json!({"verbose": true, "webhook_url": "nowhere"}),
        json!({"verbose": true, "name": "x"}),
    ] {
        assert_eq!(put(bad).await.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(twin.client.get("/admin/config").await.json()["verbose"], false);
    let set = put(json!({"latency": "20ms", "fail_rate": 1.0})).await.json();
    assert_eq!(
        (&set["config"]["latency"], &set["config"]["fail_rate"]),
        (&json!("20ms"), &json!(1.0))
    );
    assert_eq!(twin.client.get("/customers").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(twin.client.get("/admin/state").await.status, StatusCode::OK);
    put(json!({"latency": "0s", "fail_rate": 0})).await;
    assert_eq!(twin.client.get("/customers").await.status, StatusCode::OK);
    let metrics = twin.client.get("/admin/metrics").await;
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(text.contains("wondertwin_requests_total{twin=\"test\",status=\"5xx\"} 1\n"), "{text}");
}

async fn life(twin: &Served) {
    let key = [
        ("authorization", "Bearer sk_test_abcdefghijklmnop"),
        ("content-type", "application/json"),
    ];
    for email in ["ada@example.com", "bea@example.com"] {
        let body = json!({"email": email}).to_string();
        let made = twin.client.send(Method::POST, "/customers", &key, body).await.unwrap();
        twin.client.get(&format!("/customers/{}", made.text("id"))).await;
        twin.client.post("/admin/time/advance", json!({"duration": "90s"})).await;
    }
    twin.client
        .post("/admin/state", json!({"/customers": {"cus_9": {"email": "z@example.com"}}}))
        .await;
    twin.client.get("/customers").await;
    twin.client.get("/customers/cus_9").await;
    twin.client.get("/nowhere").await;
}

#[tokio::test]
async fn a_capture_replays_byte_for_byte_and_hides_credentials() {
    let chaos = || -> Chaos {
        serde_json::from_value(json!({"chaos_modes": {"error_500": {"default_probability": 0.3}}}))
            .unwrap()
    };
    // On the machine's clock: the replay stands where the captured twin stood.
    let real = TwinConfig { chaos: chaos(), seed: 5, ..TwinConfig::new("test") };
    let twin = start(fixture("shop.json"), Follow::Frozen, real).await;
    let post = twin.client.post("/customers", json!({})).await;
    drop(post);
    twin.client.post("/admin/reset", json!({})).await;
    let mut tries = 0;
    while twin.client.get("/customers").await.status != StatusCode::OK {
        tries += 1;
        assert!(tries < 50);
    }
    let har = {
        twin.client.json(Method::PUT, "/admin/chaos", json!({})).await;
        life(&twin).await;
        twin.client.get("/admin/requests.har").await.json()
    };
    let text = har.to_string();
    assert!(!text.contains("abcdefghijklmnop") && text.contains("Bearer sk_test_"));
    assert_eq!(har["log"]["version"], "1.2");

    let fresh = || TwinConfig { chaos: chaos(), ..config() };
    let same = replay(&har, fixture("shop.json"), fresh()).unwrap();
    assert_eq!(same.differences, []);
    assert_eq!(same.exchanges, tries + 1 + 7);

    // It can fail: another seed gives other ids, and a cut capture is refused.
    let mut other = har.clone();
    other["log"]["_wondertwin"]["seed"] = json!(6);
    assert!(!replay(&other, fixture("shop.json"), fresh()).unwrap().differences.is_empty());
    let mut cut = har;
    cut["log"]["entries"].as_array_mut().unwrap().remove(0);
    assert!(replay(&cut, fixture("shop.json"), fresh()).is_err());
}

#[tokio::test]
async fn what_was_asked_and_answered_can_be_looked_at() {
    let twin = frozen(fixture("shop.json")).await;
    life(&twin).await;
    let list = twin.client.get("/admin/requests").await.json();
    assert_eq!(list.as_array().unwrap().len(), 7, "admin requests are not among them");
    assert_eq!((&list[0]["path"], &list[0]["status_code"]), (&json!("/customers"), &json!(201)));
    assert!(list[0]["duration_ms"].as_f64().unwrap() < 5000.0 && list[0].get("body").is_none());
    let full = twin.client.get("/admin/requests?bodies=true").await.json();
    assert_eq!(full[0]["body"], "{\"email\":\"ada@example.com\"}");
    let one = twin.client.get(&format!("/admin/requests/{}", list[0]["id"])).await.json();
    assert!(one["response_body"].as_str().unwrap().contains("ada@example.com"));
    assert!(!one["headers"]["authorization"].as_str().unwrap().contains("abcdefghijklmnop"));
    assert_eq!(twin.client.get("/admin/requests/999").await.status, StatusCode::NOT_FOUND);
}
