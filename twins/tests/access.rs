//! Credentials, signatures and rate limits, each with the vendor's own answer.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use models::behaviour::TwinDocument;
use serde_json::{Value, json};
use support::{config, fixture};
use twins::{Twin, TwinConfig};

fn twin(document: Value) -> Twin {
    let document: TwinDocument = serde_json::from_value(document).unwrap();
    assert_eq!(document.problem(), None);
    Twin::frozen(fixture("shop.json"), TwinConfig { document, ..config() })
}

fn send(
    twin: &Twin,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Response<Bytes> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    twin.call(&request.body(Bytes::from(body.to_owned())).unwrap())
}

fn get(twin: &Twin, path: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
    send(twin, "GET", path, headers, "")
}

fn json_of(answer: &Response<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

fn header<'a>(answer: &'a Response<Bytes>, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[test]
fn a_client_gets_a_token_for_its_credentials_that_expires_on_the_clock() {
    let twin = twin(json!({
        "auth": {"oauth": {"route": "POST /oauth/token", "clients": {"app": "s3cret"}, "expires_seconds": 600, "prefix": "at_"}},
        "errors": {"expired_auth": {"status": 401, "body": {"error": "token_expired"}}},
    }));
    assert_eq!(get(&twin, "/customers", &[]).status(), StatusCode::UNAUTHORIZED);
    let ask = |body: &str| send(&twin, "POST", "/oauth/token", &[FORM], body);
    let refused = ask("grant_type=client_credentials&client_id=app&client_secret=wrong");
    assert_eq!(
        (refused.status(), &json_of(&refused)["error"]),
        (StatusCode::UNAUTHORIZED, &json!("invalid_client"))
    );
    assert_eq!(json_of(&ask("grant_type=password"))["error"], "unsupported_grant_type");
    let given = ask("grant_type=client_credentials&client_id=app&client_secret=s3cret&scope=read");
    let told = json_of(&given);
    assert_eq!(
        (&told["token_type"], &told["expires_in"], &told["scope"]),
        (&json!("Bearer"), &json!(600), &json!("read"))
    );
    let bearer = format!("Bearer {}", told["access_token"].as_str().unwrap());
    assert!(bearer.starts_with("Bearer at_"));
    let own = [("authorization", &*bearer)];
    assert_eq!(get(&twin, "/customers", &own).status(), StatusCode::OK);
    // Of this session, and of no other.
    let abroad = [("authorization", &*bearer), ("x-wt-session", "other")];
    assert_eq!(get(&twin, "/customers", &abroad).status(), StatusCode::UNAUTHORIZED);
    twin.clock().advance(Duration::from_mins(10));
    assert_eq!(json_of(&get(&twin, "/customers", &own)), json!({"error": "token_expired"}));
    // As RFC 6749 would rather have it.
    let basic = [FORM, ("authorization", "Basic YXBwOnMzY3JldA==")];
    let again = send(&twin, "POST", "/oauth/token", &basic, "grant_type=client_credentials");
    assert_eq!(again.status(), StatusCode::OK);
}

#[test]
fn a_signed_request_is_taken_and_one_that_was_changed_or_is_old_is_not() {
    let twin = twin(json!({"auth": {"signed": {
        "header": "x-signature", "prefix": "v0=", "payload": "v0:{{timestamp}}:{{method}}:{{path}}:{{body}}",
        "timestamp_header": "x-timestamp", "secret": "shhh",
    }}}));
    // By another implementation, Python's `hmac`.
    let good = "v0=08320afc3320fc24b33ffa77ed4b14884af7089377627a6b1192b1657980b2b0";
    let body = r#"{"email":"a@example.com"}"#;
    let call = |signature: &str, time: &str, body: &str| {
        let headers = [
            ("content-type", "application/json"),
            ("x-signature", signature),
            ("x-timestamp", time),
        ];
        send(&twin, "POST", "/customers?x=1", &headers, body).status()
    };
    assert_eq!(call(good, "1640995200", body), StatusCode::CREATED);
    assert_eq!(call(good, "1640995200", r#"{"email":"b@example.com"}"#), StatusCode::UNAUTHORIZED);
    twin.clock().advance(Duration::from_secs(301));
    assert_eq!(call(good, "1640995200", body), StatusCode::UNAUTHORIZED);
    assert_eq!(get(&twin, "/customers", &[]).status(), StatusCode::UNAUTHORIZED);
}

#[test]
fn several_limits_count_at_once_and_each_tells_of_itself() {
    let twin = twin(json!({"limits": {
        "burst": {"algorithm": "sliding_window", "limit": 3, "window_seconds": 1, "headers": "ietf"},
        "daily": {"algorithm": "fixed_window", "limit": 5, "window_seconds": 86400, "headers": "ietf"},
    }, "errors": {"rate_limited": {"status": 429, "body": {"why": "{{scope}}", "limit": "{{limit}}", "wait": "{{retry}}"}}}}));
    let first = get(&twin, "/customers", &[]);
    assert_eq!(header(&first, "ratelimit-policy"), r#""burst";q=3;w=1, "daily";q=5;w=86400"#);
    assert_eq!(header(&first, "ratelimit"), r#""burst";r=2;t=1, "daily";r=4;t=86400"#);
    get(&twin, "/customers", &[]);
    get(&twin, "/customers", &[]);
    let refused = get(&twin, "/customers", &[]);
    assert_eq!(json_of(&refused), json!({"why": "burst", "limit": 3, "wait": 1}));
    assert_eq!(header(&refused, "retry-after"), "1");
    twin.clock().advance(Duration::from_secs(2));
    get(&twin, "/customers", &[]);
    get(&twin, "/customers", &[]);
    assert_eq!(json_of(&get(&twin, "/customers", &[]))["why"], "daily");
}

#[test]
fn what_a_request_costs_depends_on_what_it_is_and_whose_it_is() {
    let twin = twin(json!({"limits": {
        "points": {"algorithm": "leaky_bucket", "limit": 2, "window_seconds": 1, "burst": 40, "headers": "shopify",
            "costs": {"POST /**": 10, "GET /charges/*": 5}},
        "writes": {"algorithm": "fixed_window", "limit": 3, "window_seconds": 60, "routes": ["POST /**"],
            "headers": "github", "status": 403},
    }}));
    let call = |method: &str, path: &str, key: &str| {
        send(&twin, method, path, &[("authorization", key)], "")
    };
    let shown =
        |answer: &Response<Bytes>| header(answer, "x-shopify-shop-api-call-limit").to_owned();
    assert_eq!(shown(&call("GET", "/customers", "a")), "1/40");
    assert_eq!(shown(&call("GET", "/charges/ch_1", "a")), "6/40");
    assert_eq!(shown(&call("POST", "/charges", "a")), "16/40");
    assert_eq!(
        shown(&call("POST", "/charges", "b")),
        "10/40",
        "another key has a bucket of its own"
    );
    call("POST", "/charges", "a");
    let third = call("POST", "/charges", "a");
    assert_eq!(shown(&third), "36/40");
    let over = call("POST", "/charges", "a");
    assert_eq!(
        (over.status(), header(&over, "retry-after")),
        (StatusCode::TOO_MANY_REQUESTS, "3.0")
    );
    twin.clock().advance(Duration::from_secs(20));
    let refused = call("POST", "/charges", "a");
    assert_eq!(refused.status(), StatusCode::FORBIDDEN, "the limit's own status");
    assert_eq!(header(&refused, "x-ratelimit-resource"), "writes");
    assert_eq!(header(&refused, "x-ratelimit-used"), "3");
}

#[test]
fn each_style_tells_of_a_limit_as_its_vendor_does() {
    let told = |style: &str| {
        let twin = twin(json!({"limits": {"requests": {
            "algorithm": "fixed_window", "limit": 100, "window_seconds": 60, "headers": style}}}));
        let answer = get(&twin, "/customers", &[]);
        let own = answer.headers().iter().filter(|(name, _)| name.as_str().contains("rate"));
        let told: Vec<_> =
            own.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        told.join("\n")
    };
    for (style, wanted) in [
        (
            "ietf-draft",
            "ratelimit-limit: 100\nratelimit-remaining: 99\nratelimit-reset: 60\nratelimit-policy: 100;w=60",
        ),
        (
            "x-ratelimit",
            "x-ratelimit-limit: 100\nx-ratelimit-remaining: 99\nx-ratelimit-reset: 1640995260",
        ),
        (
            "okta",
            "x-rate-limit-limit: 100\nx-rate-limit-remaining: 99\nx-rate-limit-reset: 1640995260",
        ),
        (
            "hubspot",
            "x-hubspot-ratelimit-max: 100\nx-hubspot-ratelimit-remaining: 99\nx-hubspot-ratelimit-interval-milliseconds: 60000",
        ),
        (
            "openai",
            "x-ratelimit-limit-requests: 100\nx-ratelimit-remaining-requests: 99\nx-ratelimit-reset-requests: 1m0s",
        ),
        ("none", ""),
    ] {
        assert_eq!(told(style), wanted, "{style}");
    }
}

#[test]
fn a_quirk_answers_its_routes_while_it_is_on_in_a_session() {
    let document = json!({"quirks": [{
        "id": "SHOP-Q-1", "type": "silent_ignore", "severity": "minor", "summary": "no customers on Sundays",
        "twin_implementation": {"handler": "sunday"}, "routes": ["GET /customers"],
    }]});
    let document: TwinDocument = serde_json::from_value(document).unwrap();
    assert_eq!(document.problem(), None);
    let sunday = r"emit.status(503) emit.json({closed = true})";
    let scripts = models::behaviour::Scripts {
        handlers: [("sunday".to_owned(), sunday.to_owned())].into(),
        ..models::behaviour::Scripts::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let config = TwinConfig { document, scripts, ..config() };
        let served = support::start(fixture("shop.json"), twins::Follow::Frozen, config).await;
        let client = &served.client;
        let listed = client.get("/admin/quirks").await.json();
        assert_eq!((&listed[0]["id"], &listed[0]["enabled"]), (&json!("SHOP-Q-1"), &json!(false)));
        assert_eq!(client.get("/customers").await.status, StatusCode::OK);
        let put =
            client.json(http::Method::PUT, "/__wt/s/a/admin/quirks/SHOP-Q-1", json!({})).await;
        assert_eq!(put.json(), json!({"status": "enabled", "quirk_id": "SHOP-Q-1"}));
        assert_eq!(client.get("/__wt/s/a/customers").await.json(), json!({"closed": true}));
        assert_eq!(client.get("/customers").await.status, StatusCode::OK, "another session");
        client.delete("/__wt/s/a/admin/quirks/SHOP-Q-1").await;
        assert_eq!(client.get("/__wt/s/a/customers").await.status, StatusCode::OK);
        assert_eq!(client.delete("/admin/quirks/SHOP-Q-9").await.status, StatusCode::NOT_FOUND);
    });
}

/// A vendor that says errors with the status of a success, and one route whose refusals look like no other's.
fn outspoken() -> Twin {
    let text = json!({"types": {"string": true}, "required": true});
    let ok = |is: &str| json!({"types": {"boolean": true}, "enum": {is: true}, "required": true});
    let error =
        json!({"types": {"object": true}, "properties": {"ok": ok("false"), "error": text}});
    let posted = json!({"types": {"object": true}, "properties": {"ok": ok("true"), "ts": text},
        "any_of": {"error": {"ref": "error"}}});
    let state = json!({"types": {"string": true}, "enum": {"queued": true, "failed": true}, "required": true});
    let details =
        json!({"types": {"object": true}, "properties": {"status": state, "details": text}});
    let model = json!({"format": "wondertwin.model/1", "name": "t", "version": "1.0.0", "entities": {"error": error},
        "routes": {
            "POST /post": {"variants": {"200": {"body": posted}, "default": {"body": {"ref": "error"}}}},
            "POST /merge": {
                "request": {"content": {"application/json": {"types": {"object": true}}}},
                "variants": {"202": {}, "400": {"body": details}}}}});
    let document = json!({"errors": {"bad_request": {"status": 400, "body": {"status": "400", "message": "{{message}}"}}}});
    let document = serde_json::from_value(document).unwrap();
    Twin::frozen(serde_json::from_value(model).unwrap(), TwinConfig { document, ..config() })
}

#[test]
fn an_answer_that_may_be_an_error_is_none_where_all_goes_well() {
    let twin = outspoken();
    for _ in 0..8 {
        let request = Request::post("/post").body(Bytes::new()).unwrap();
        let posted: Value = serde_json::from_slice(twin.call(&request).body()).unwrap();
        assert_eq!((&posted["ok"], posted["ts"].is_string()), (&json!(true), true), "{posted}");
    }
}

#[test]
fn a_declared_error_takes_the_form_a_route_has_for_its_status() {
    let request = Request::post("/merge").header("content-type", "application/json");
    let refused = outspoken().call(&request.body(Bytes::from_static(b"{")).unwrap());
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let told: Value = serde_json::from_slice(refused.body()).unwrap();
    assert!(["queued", "failed"].contains(&told["status"].as_str().unwrap()), "{told}");
    assert!(told["details"].is_string(), "{told}");
}
