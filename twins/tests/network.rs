//! What a twin does at the edge: sockets, headers, limits, malformed requests.

mod support;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use http::{HeaderValue, Method, StatusCode};
use serde_json::json;
use support::{Client, config, fixture, frozen, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use twins::{Follow, NetworkLimits, ServeError, TwinConfig, serve};

/// Writes bytes and reads what comes back until the connection ends or nothing comes.
async fn raw(addr: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(addr).await.expect("the twin listens");
    // A twin that hangs up in the middle is as good an answer as any.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_millis(300), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_in_the_vendors_words() {
    let twin = frozen(fixture("shop.json")).await;
    let unknown = twin.client.get("/nowhere").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(
        unknown.json(),
        json!({"error": {"message": "no such endpoint", "type": "not_found"}})
    );
    // A closed set of codes has the one that fits best, and what tells nothing is left out.
    let mut model = fixture("shop.json");
    let error = model.entities.get_mut("error").unwrap().properties.get_mut("error").unwrap();
    let more = json!({"types": {"string": true}, "required": true, "enum": {"api_error": true, "invalid_request_error": true}});
    error.properties.insert("type".to_owned(), serde_json::from_value(more).unwrap());
    let more = json!({"ref": "customer"});
    error.properties.insert("customer".to_owned(), serde_json::from_value(more).unwrap());
    let unknown = frozen(model).await.client.get("/nowhere").await;
    assert_eq!(
        unknown.json(),
        json!({"error": {"message": "no such endpoint", "type": "invalid_request_error"}})
    );

    let other = twin.client.json(Method::PATCH, "/customers", json!({})).await;
    assert_eq!(
        (other.status, &other.headers["allow"]),
        (StatusCode::METHOD_NOT_ALLOWED, &HeaderValue::from_static("GET, POST"))
    );
    let bad = twin
        .client
        .send(Method::POST, "/customers", &[("content-type", "application/json")], "{")
        .await
        .unwrap();
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
    assert!(bad.text_at(&["error", "message"]).starts_with("the request's body is not valid JSON"));
}

#[tokio::test]
async fn head_cors_and_plain_http2_work() {
    let twin = frozen(fixture("shop.json")).await;
    let created = twin.client.post("/customers", json!({})).await;
    let path = format!("/customers/{}", created.text("id"));
    let head = twin.client.send(Method::HEAD, &path, &[], "").await.unwrap();
    let length = created.body.len().to_string();
    assert_eq!(
        (head.status, head.body.len(), &head.headers["content-length"]),
        (StatusCode::OK, 0, &HeaderValue::from_str(&length).unwrap())
    );
    let asked = [("origin", "http://app.example"), ("access-control-request-headers", "x-mine")];
    let preflight = twin.client.send(Method::OPTIONS, &path, &asked, "").await.unwrap();
    assert_eq!(
        (preflight.status, &preflight.headers["access-control-allow-headers"]),
        (StatusCode::NO_CONTENT, &HeaderValue::from_static("x-mine"))
    );
    let read = twin.client.send(Method::GET, &path, &asked[..1], "").await.unwrap();
    assert_eq!(read.headers["access-control-allow-origin"], "*");
    let h2 = Client::h2(&twin.running);
    assert_eq!(h2.get(&path).await.json(), created.json());
    assert_eq!(h2.send(Method::HEAD, &path, &[], "").await.unwrap().status, StatusCode::OK);
    let text = twin.client.get("/health.txt").await;
    assert_eq!(text.headers["content-type"], "text/plain");
    assert!(!text.body.starts_with(b"\""));
}

#[tokio::test]
async fn a_used_up_limit_is_told_and_is_whole_again_in_time() {
    let mut model = fixture("shop.json");
    let limits = json!({"core": {"algorithm": "fixed_window", "limit": 2, "window_seconds": 10.0, "headers": "ietf-draft"}});
    model.limits = serde_json::from_value(limits).unwrap();
    let twin = frozen(model).await;
    let mine = [("authorization", "Bearer mine")];
    for remaining in ["1", "0"] {
        let answer = twin.client.send(Method::GET, "/settings", &mine, "").await.unwrap();
        assert_eq!(
            (answer.status, answer.headers["ratelimit-remaining"].to_str().unwrap()),
            (StatusCode::OK, remaining)
        );
        assert_eq!(answer.headers["ratelimit-policy"], "2;w=10");
    }
    let refused = twin.client.send(Method::GET, "/settings", &mine, "").await.unwrap();
    assert_eq!(
        (refused.status, &refused.headers["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &HeaderValue::from(10))
    );
    assert_eq!(refused.json()["error"]["type"], json!("rate_limited"));
    let theirs = [("authorization", "Bearer theirs")];
    assert_eq!(
        twin.client.send(Method::GET, "/settings", &theirs, "").await.unwrap().status,
        StatusCode::OK
    );
    twin.client.post("/admin/time/advance", json!({"duration": "10s"})).await;
    assert_eq!(
        twin.client.send(Method::GET, "/settings", &mine, "").await.unwrap().status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_concurrency_limit_counts_requests_whose_body_is_still_coming() {
    let mut model = fixture("shop.json");
    let limits = json!({"flying": {"algorithm": "concurrency", "limit": 1, "window_seconds": 0.0}});
    model.limits = serde_json::from_value(limits).unwrap();
    let twin = frozen(model).await;
    let mut slow = TcpStream::connect(twin.running.addr).await.unwrap();
    slow.write_all(b"POST /charges HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(twin.client.get("/settings").await.status, StatusCode::TOO_MANY_REQUESTS);
    slow.write_all(b"}").await.unwrap();
    let mut answer = [0; 12];
    slow.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    assert_eq!(twin.client.get("/settings").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_of_100_mb_is_refused_without_being_held() {
    let twin = frozen(fixture("shop.json")).await;
    twin.client.post("/customers", json!({})).await;
    let before = memory_peak_kb();
    let mut stream = TcpStream::connect(twin.running.addr).await.unwrap();
    let length = 100 << 20;
    let head = format!(
        "POST /customers HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = vec![b' '; 1 << 16];
    for _ in 0..length / chunk.len() {
        stream.write_all(&chunk).await.unwrap();
    }
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    let grown = memory_peak_kb() - before;
    assert!(grown < 40 << 10, "{grown} kB more");
    // Who asks first is told before a byte is sent.
    let head = format!(
        "POST /customers HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
    );
    assert!(raw(twin.running.addr, head.as_bytes()).await.starts_with("HTTP/1.1 413"));
}

/// Most memory this process has had at once; 0 where the system does not say.
fn memory_peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for_for_ever() {
    let network =
        NetworkLimits { body_timeout: Duration::from_millis(100), ..NetworkLimits::default() };
    let twin =
        start(fixture("shop.json"), Follow::Frozen, TwinConfig { network, ..config() }).await;
    let answer = raw(
        twin.running.addr,
        b"POST /customers HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn malformed_requests_never_stop_the_twin() {
    let twin = frozen(fixture("shop.json")).await;
    let addr = twin.running.addr;
    for bytes in [
        &b"\0\0\0\0"[..],
        b"GET",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /%%% HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET //..//%2e%2e/%ff HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /customers?%%=&&&=&limit=-1&page=99999999999999999999 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"POST /customers HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\nzz\r\n",
        b"POST /customers HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=\r\ncontent-length: 4\r\nconnection: close\r\n\r\n--x-",
        b"POST /customers HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 4\r\nconnection: close\r\n\r\n\xff\xfe\x00\x01",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\0\0\0\0\0\0\0\0\0",
    ] {
        raw(addr, bytes).await;
    }
    let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
    let deep = twin
        .client
        .send(Method::POST, "/customers", &[("content-type", "application/json")], deep)
        .await
        .unwrap();
    assert_eq!(deep.status, StatusCode::BAD_REQUEST);
    let headers = "x: y\r\n".repeat(5000);
    raw(addr, format!("GET /customers HTTP/1.1\r\n{headers}\r\n").as_bytes()).await;
    assert_eq!(twin.client.get("/admin/health").await.json(), json!({"status": "ok"}));
    assert_eq!(twin.client.get("/customers").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_admin_api_is_closed_beyond_loopback_without_its_token() {
    let listen = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let twin = start(fixture("shop.json"), Follow::Frozen, TwinConfig { listen, ..config() }).await;
    assert_eq!(twin.client.get("/admin/state").await.status, StatusCode::FORBIDDEN);
    assert_eq!(twin.client.get("/admin/health").await.status, StatusCode::OK);
    let admin_token = Some("secret".to_owned());
    let twin =
        start(fixture("shop.json"), Follow::Frozen, TwinConfig { listen, admin_token, ..config() })
            .await;
    assert_eq!(twin.client.get("/admin/state").await.status, StatusCode::UNAUTHORIZED);
    let token = [("authorization", "Bearer secret")];
    assert_eq!(
        twin.client.send(Method::GET, "/admin/state", &token, "").await.unwrap().status,
        StatusCode::OK
    );
    // A page of another site, through a browser on this machine.
    let twin = frozen(fixture("shop.json")).await;
    let foreign = [("origin", "http://127.0.0.1.evil.example")];
    assert_eq!(
        twin.client.send(Method::POST, "/admin/reset", &foreign, "").await.unwrap().status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn a_port_in_use_is_told_as_such_and_a_stopped_twin_ends_what_it_began() {
    let twin = frozen(fixture("shop.json")).await;
    let taken = TwinConfig { listen: twin.running.addr, ..config() };
    let error = serve(fixture("shop.json"), Follow::Frozen, taken, std::future::pending())
        .await
        .unwrap_err();
    assert!(matches!(error, ServeError::PortInUse { addr } if addr == twin.running.addr));

    let mut slow = TcpStream::connect(twin.running.addr).await.unwrap();
    slow.write_all(b"POST /charges HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let stopping = tokio::spawn(twin.stop());
    tokio::time::sleep(Duration::from_millis(100)).await;
    slow.write_all(b"}").await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    tokio::time::timeout(Duration::from_secs(5), stopping).await.unwrap().unwrap();
}
