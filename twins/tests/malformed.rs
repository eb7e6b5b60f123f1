//! Whatever comes over the wire, the answer is one of the vendor's kind, and the twin lives on.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{config, fixture, start};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use twins::catalog::Entry;
use twins::{Clock, Follow, NetworkLimits, Twin, TwinConfig};

fn stripe() -> Twin {
    let entry = Entry::named("stripe").unwrap();
    let behaviour = entry.behaviour().unwrap();
    let config = TwinConfig {
        document: behaviour.document,
        routes: behaviour.routes,
        scripts: behaviour.scripts,
        clock: Clock::still(twins::BASE_EPOCH),
        ..TwinConfig::new("stripe")
    };
    Twin::frozen(entry.model().unwrap(), config)
}

/// Sends bytes as they are; what came back until the connection ended or was quiet.
async fn raw(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The twin may answer and close before it has read all.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(Duration::from_secs(5), read).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn malformed_requests_get_the_vendors_kind_of_error() {
    let mut config = config();
    config.network = NetworkLimits {
        body_bytes_max: 10_000,
        body_timeout: Duration::from_millis(100),
        ..NetworkLimits::default()
    };
    let served = start(fixture("shop.json"), Follow::Frozen, config).await;
    let address = served.running.addr.to_string();
    let head = |extra: &str| {
        format!("POST /customers HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{extra}\r\n")
    };
    let json = "content-type: application/json\r\n";
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let of = |media: &str, body: &[u8]| {
        let mut bytes = head(&format!("{media}content-length: {}\r\n", body.len())).into_bytes();
        bytes.extend_from_slice(body);
        bytes
    };
    for (what, bytes, status) in [
        ("bad JSON", of(json, b"{\"email\": "), "400"),
        ("a list in place of an object", of(json, b"[1, 2]"), "400"),
        ("invalid UTF-8", of(json, b"{\"email\": \"\xff\xfe\"}"), "400"),
        ("deep JSON", of(json, "[".repeat(5000).as_bytes()), "400"),
        ("JSON that says it is a form", of(form, b"{\"email\": 1}"), "201"),
        ("a form with broken escapes", of(form, b"email=%zz%f&=&&a[=1&a]b=2"), "201"),
        ("a body that is too large", of(json, &vec![b' '; 20_000]), "413"),
        (
            "a body that never comes",
            head(&format!("{json}content-length: 50\r\n")).into_bytes(),
            "408",
        ),
        (
            "half a chunk",
            head(&format!("{json}transfer-encoding: chunked\r\n"))
                .into_bytes()
                .into_iter()
                .chain(*b"5\r\nab")
                .collect(),
            "408",
        ),
    ] {
        let answer = raw(&address, &bytes).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{what}: {answer}");
        if status != "201" {
            let (_, body) = answer.split_once("\r\n\r\n").unwrap();
            let body: Value =
                serde_json::from_str(body).unwrap_or_else(|_| panic!("{what}: {answer}"));
            assert!(body["error"]["message"].is_string(), "{what}: {body}");
        }
    }
    // What is no HTTP gets an answer of the server's, or none.
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET  \r\n\r\n".to_vec(),
        format!("GET /customers HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(1 << 20))
            .into_bytes(),
        format!("GET /customers HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(500)).into_bytes(),
    ] {
        let answer = raw(&address, &bytes).await;
        assert!(!answer.starts_with("HTTP/1.1 5") && !answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    assert_eq!(served.client.get("/customers").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_hundred_megabytes_are_refused_and_not_held_in_memory() {
    let served = start(fixture("shop.json"), Follow::Frozen, config()).await;
    let mut stream = TcpStream::connect(served.running.addr).await.unwrap();
    let length: usize = 100 << 20;
    let head = format!(
        "POST /customers HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = vec![b' '; 1 << 20];
    for _ in 0..100 {
        stream.write_all(&chunk).await.unwrap();
    }
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    let state = served.client.get("/admin/state").await;
    assert_eq!(state.json(), json!({}));
}

/// Values that are near to what routes take, and some that are not.
fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z_]{0,12}".prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        Just(json!("usd")),
        Just(json!("cus_1")),
        Just(json!(2000)),
    ]
}

fn body() -> impl Strategy<Value = Value> {
    let names = prop_oneof![
        "[a-z_]{1,10}",
        Just("amount".to_owned()),
        Just("currency".to_owned()),
        Just("customer".to_owned()),
        Just("metadata".to_owned()),
        Just("items".to_owned()),
        Just("id".to_owned()),
    ];
    scalar().prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(names.clone(), inner, 0..6)
                .prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

#[derive(Debug, Clone)]
struct Asked {
    method: &'static str,
    route: prop::sample::Index,
    id: String,
    query: String,
    media: &'static str,
    body: Vec<u8>,
    headers: Vec<(u8, String)>,
}

fn asked() -> impl Strategy<Value = Asked> {
    let bytes = prop_oneof![
        body().prop_map(|body| body.to_string().into_bytes()),
        "([a-z]{1,8}(\\[[a-z0-9]{0,4}\\]){0,3}=[a-z0-9%]{0,6}&?){0,6}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..200),
        Just(Vec::new()),
    ];
    let methods =
        prop::sample::select(vec!["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "BREW"]);
    let media = prop::sample::select(vec![
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain; charset=utf-16",
        "",
        "/;;=",
    ]);
    let ids = prop_oneof!["[a-zA-Z0-9_%.~-]{1,16}", Just("cus_1".to_owned())];
    let query =
        prop_oneof!["[a-z_\\[\\]=&%0-9]{0,30}", Just("limit=-1&starting_after=x".to_owned())];
    let headers = prop::collection::vec((0..6_u8, "[ -~]{0,30}"), 0..4);
    (methods, any::<prop::sample::Index>(), ids, query, media, bytes, headers).prop_map(
        |(method, route, id, query, media, body, headers)| Asked {
            method,
            route,
            id,
            query,
            media,
            body,
            headers,
        },
    )
}

const HEADERS: [&str; 6] = [
    "idempotency-key",
    "stripe-version",
    "stripe-account",
    "x-wt-session",
    "accept",
    "content-encoding",
];

fn request(asked: &Asked, routes: &[String]) -> Option<Request<Bytes>> {
    let route = asked.route.get(routes);
    let path: String = route
        .split('/')
        .map(|segment| if segment.starts_with('{') { &*asked.id } else { segment })
        .collect::<Vec<_>>()
        .join("/");
    let mut request = Request::builder()
        .method(Method::from_bytes(asked.method.as_bytes()).ok()?)
        .uri(format!("{path}?{}", asked.query))
        .header("authorization", "Bearer sk_test_1")
        .header("content-type", asked.media);
    for (name, value) in &asked.headers {
        let name = HeaderName::from_static(HEADERS[usize::from(*name)]);
        request = request.header(name, HeaderValue::from_str(value).ok()?);
    }
    request.body(Bytes::from(asked.body.clone())).ok()
}

fn paths() -> Vec<String> {
    let model = Entry::named("stripe").unwrap().model().unwrap();
    let mut paths: Vec<_> = model.routes.keys().map(|key| key.path().to_owned()).collect();
    paths.extend(["/admin/nothing", "/v1/nowhere", "/"].map(str::to_owned));
    paths
}

#[test]
fn no_request_makes_the_twin_panic_or_fail() {
    let (twin, paths) = (stripe(), paths());
    let cases = std::env::var("WT_FUZZ_CASES").ok().and_then(|text| text.parse().ok());
    let config = ProptestConfig { cases: cases.unwrap_or(600), ..ProptestConfig::default() };
    proptest!(config, |(asked in asked())| {
        if let Some(request) = request(&asked, &paths) {
            let answer = twin.call(&request);
            prop_assert!(answer.status().as_u16() < 500, "{} {asked:?}", answer.status());
            if answer.status().is_client_error() && asked.method != "HEAD" {
                let body: Result<Value, _> = serde_json::from_slice(answer.body());
                prop_assert!(body.is_ok_and(|body| body["error"].is_object()), "{asked:?}");
            }
        }
    });
}
