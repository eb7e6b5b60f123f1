//! The proxy between real sockets.

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{any, get};
use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::*;
use crate::exchange::RawExchange;
use crate::scrub::Scrubber;
use crate::wrec::{Recorder, WrecReader, sessions};

const WAIT: Duration = Duration::from_secs(20);

/// A proxy that runs, and what is needed to talk to it and to stop it.
struct Running {
    address: SocketAddr,
    status: Arc<Status>,
    events: mpsc::Receiver<CaptureEvent>,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Summary>,
}

impl Running {
    async fn start(config: ProxyConfig, events_max: usize) -> Running {
        let proxy = Proxy::bind(config).await.unwrap();
        let (sender, events) = mpsc::channel(events_max);
        let (stop, stopped) = oneshot::channel::<()>();
        let (address, status) = (proxy.local_addr(), proxy.status());
        let ended = tokio::spawn(proxy.run(sender, async move {
            let _asked = stopped.await;
        }));
        Running { address, status, events, stop, ended }
    }

    async fn to(upstream: SocketAddr) -> Running {
        Running::start(config(upstream), 64).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn exchange(&mut self) -> RawExchange<'static> {
        match tokio::time::timeout(WAIT, self.events.recv()).await.unwrap().unwrap() {
            CaptureEvent::Exchange(exchange) => *exchange,
            CaptureEvent::NewSession(_) => panic!("a boundary"),
        }
    }

    async fn stop(self) -> Summary {
        self.stop.send(()).unwrap();
        tokio::time::timeout(WAIT, self.ended).await.unwrap().unwrap()
    }
}

fn config(upstream: SocketAddr) -> ProxyConfig {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut config = ProxyConfig::new(listen, format!("http://{upstream}").parse().unwrap());
    config.drain_max = Duration::from_millis(500);
    config
}

async fn serve_router(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// An upstream that reads one request's head and answers with exactly these bytes.
async fn serve_bytes(answer: &'static [u8]) -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (heads, received) = mpsc::channel(8);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            heads.send(String::from_utf8(head).unwrap()).await.unwrap();
            stream.write_all(answer).await.unwrap();
        }
    });
    (address, received)
}

/// Sends bytes, reads until the proxy closes or the text ends as expected.
async fn raw(address: SocketAddr, request: &str, end: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut out = String::new();
    let mut buffer = [0; 4096];
    let reading = async {
        while !out.ends_with(end) {
            match stream.read(&mut buffer).await.unwrap() {
                0 => break,
                read => out.push_str(std::str::from_utf8(&buffer[..read]).unwrap()),
            }
        }
    };
    tokio::time::timeout(WAIT, reading).await.unwrap();
    out
}

fn client() -> Client<HttpConnector, Body> {
    Client::builder(TokioExecutor::new()).build_http()
}

async fn send(request: Request<Body>) -> Response<hyper::body::Incoming> {
    tokio::time::timeout(WAIT, client().request(request)).await.unwrap().unwrap()
}

fn request(method: &str, url: String, body: Body) -> Request<Body> {
    Request::builder().method(method).uri(url).body(body).unwrap()
}

async fn fetch(url: String) -> (StatusCode, Bytes) {
    let response = send(request("GET", url, Body::empty())).await;
    (response.status(), response.into_body().collect().await.unwrap().to_bytes())
}

/// A body fed from the test, chunk by chunk.
fn fed() -> (mpsc::Sender<Bytes>, Body) {
    let (feed, chunks) = mpsc::channel::<Bytes>(1);
    let stream = futures::stream::unfold(chunks, |mut chunks| async move {
        chunks.recv().await.map(|chunk| (Ok::<_, Infallible>(chunk), chunks))
    });
    (feed, Body::from_stream(stream))
}

/// An upstream that answers its first request with a fed event stream.
async fn serve_events() -> (SocketAddr, mpsc::Sender<Bytes>) {
    let (feed, body) = fed();
    let body = Arc::new(std::sync::Mutex::new(Some(body)));
    let router = Router::new().route(
        "/events",
        get(move || async move {
            let body = body.lock().unwrap().take().unwrap();
            Response::builder().header("content-type", "text/event-stream").body(body).unwrap()
        }),
    );
    (serve_router(router).await, feed)
}

async fn next_chunk(body: &mut hyper::body::Incoming) -> Bytes {
    let frame = tokio::time::timeout(WAIT, body.frame()).await.unwrap().unwrap().unwrap();
    frame.into_data().unwrap()
}

#[tokio::test]
async fn events_arrive_one_by_one_before_the_upstream_has_finished() {
    let (upstream, feed) = serve_events().await;
    let mut proxy = Running::to(upstream).await;
    let response = send(request("GET", proxy.url("/events"), Body::empty())).await;
    let mut body = response.into_body();
    for number in 0..3 {
        let event = Bytes::from(format!("data: {number}\n\n"));
        feed.send(event.clone()).await.unwrap();
        assert_eq!(next_chunk(&mut body).await, event);
    }
    drop(feed);
    assert!(body.frame().await.is_none());
    let exchange = proxy.exchange().await;
    let kept = exchange.response_body.unwrap();
    assert_eq!(kept.bytes.as_ref(), b"data: 0\n\ndata: 1\n\ndata: 2\n\n");
    assert_eq!((kept.media_type.as_ref(), kept.truncated), ("text/event-stream", false));
    assert!(exchange.request_body.is_none());
    proxy.stop().await;
}

#[tokio::test]
async fn a_request_streams_up_while_its_answer_streams_down() {
    let upstream =
        serve_router(Router::new().route("/echo", any(|body: Body| async { body }))).await;
    let mut proxy = Running::to(upstream).await;
    let (feed, body) = fed();
    let response = tokio::spawn(send(request("POST", proxy.url("/echo"), body)));
    feed.send(Bytes::from_static(b"first")).await.unwrap();
    let mut body = response.await.unwrap().into_body();
    assert_eq!(next_chunk(&mut body).await, "first");
    feed.send(Bytes::from_static(b"second")).await.unwrap();
    assert_eq!(next_chunk(&mut body).await, "second");
    drop(feed);
    assert!(body.frame().await.is_none());
    let exchange = proxy.exchange().await;
    assert_eq!(exchange.request_body.unwrap().bytes.as_ref(), b"firstsecond");
    proxy.stop().await;
}

#[tokio::test]
async fn large_bodies_pass_whole_and_are_captured_up_to_the_limit() {
    const CHUNK: usize = 64 << 10;
    const CHUNKS: usize = 512; // 32 MiB
    let upstream =
        serve_router(Router::new().route("/echo", any(|body: Body| async { body }))).await;
    let mut config = config(upstream);
    config.body_bytes_max = 1 << 20;
    config.capture_bytes_max = 3 << 20;
    let mut proxy = Running::start(config, 8).await;
    let chunk = |at: usize| Bytes::from(vec![u8::try_from(at % 251).unwrap(); CHUNK]);
    let (feed, body) = fed();
    tokio::spawn(async move {
        for at in 0..CHUNKS {
            feed.send(chunk(at)).await.unwrap();
        }
    });
    let mut body = send(request("POST", proxy.url("/echo"), body)).await.into_body();
    let (mut received, mut held_max) = (0, 0);
    while let Some(frame) = body.frame().await {
        for byte in frame.unwrap().into_data().unwrap() {
            assert_eq!(usize::from(byte), received / CHUNK % 251, "at {received}");
            received += 1;
        }
        held_max = held_max.max(proxy.status.held());
    }
    assert_eq!(received, CHUNK * CHUNKS);
    assert!(held_max <= 2 << 20, "{held_max} bytes held");
    let exchange = proxy.exchange().await;
    for kept in [exchange.request_body.unwrap(), exchange.response_body.unwrap()] {
        assert!(kept.truncated);
        assert_eq!(kept.bytes.len(), 1 << 20);
    }
    assert_eq!(proxy.status.held(), 0);
    assert_eq!(proxy.stop().await.truncated, 1);
}

#[tokio::test]
async fn memory_for_captures_is_bounded_over_all_exchanges() {
    let upstream = serve_router(Router::new().route("/", get(|| async { "x".repeat(1000) }))).await;
    let mut config = config(upstream);
    config.capture_bytes_max = 1500;
    let proxy = Running::start(config, 1).await;
    for _ in 0..6 {
        assert_eq!(fetch(proxy.url("/")).await.1.len(), 1000);
    }
    assert!(proxy.status.held() <= 1500);
    let Running { status, events, stop, ended, .. } = proxy;
    let draining = tokio::spawn(drain(events));
    stop.send(()).unwrap();
    ended.await.unwrap();
    let truncated = draining
        .await
        .unwrap()
        .iter()
        .filter(|e| e.response_body.as_ref().unwrap().truncated)
        .count();
    assert!(0 < truncated);
    assert_eq!(status.held(), 0);
}

async fn drain(mut events: mpsc::Receiver<CaptureEvent>) -> Vec<RawExchange<'static>> {
    let mut out = Vec::new();
    while let Some(event) = events.recv().await {
        match event {
            CaptureEvent::Exchange(exchange) => out.push(*exchange),
            CaptureEvent::NewSession(_) => panic!("a boundary"),
        }
    }
    out
}

/// A certificate of its own, HTTP/2 by ALPN; answers with the version it was spoken to.
async fn serve_tls() -> (SocketAddr, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let stream = TokioIo::new(acceptor.accept(stream).await.unwrap());
                let service = service_fn(|request: Request<hyper::body::Incoming>| async move {
                    let cookies = request.headers().get_all("cookie").iter().count();
                    let said = format!("{:?}, {cookies} cookie header", request.version());
                    Ok::<_, Infallible>(Response::new(http_body_util::Full::new(Bytes::from(said))))
                });
                let server = auto::Builder::new(TokioExecutor::new());
                let _closed = server.serve_connection(stream, service).await;
            });
        }
    });
    (address, certificate)
}

#[tokio::test]
async fn http_2_is_spoken_on_both_sides() {
    let (upstream, certificate) = serve_tls().await;
    let mut config = config(upstream);
    config.upstream = format!("https://localhost:{}", upstream.port()).parse().unwrap();
    config.roots = vec![certificate];
    let mut proxy = Running::start(config, 8).await;
    let client: Client<HttpConnector, Body> =
        Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let request = Request::builder()
        .uri(proxy.url("/v1"))
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(Body::empty())
        .unwrap();
    let response = client.request(request).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "HTTP/2.0, 1 cookie header");
    let exchange = proxy.exchange().await;
    assert!(exchange.url.starts_with("https://localhost:") && exchange.url.ends_with("/v1"));
    proxy.stop().await;
}

#[tokio::test]
async fn an_untrusted_upstream_is_refused_by_name() {
    let (upstream, _certificate) = serve_tls().await;
    let mut config = config(upstream);
    config.upstream = format!("https://localhost:{}", upstream.port()).parse().unwrap();
    config.roots = vec![serve_tls().await.1];
    let proxy = Running::start(config, 8).await;
    let (status, body) = fetch(proxy.url("/v1")).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(text.contains("localhost") && text.contains("certificate"), "{text}");
    proxy.stop().await;
}

#[tokio::test]
async fn a_request_arrives_as_it_was_sent() {
    let (upstream, mut heads) = serve_bytes(b"HTTP/1.1 204 No Content\r\nX-Odd: 1\r\n\r\n").await;
    let mut config = config(upstream);
    config.upstream = format!("http://{upstream}/base/").parse().unwrap();
    let proxy = Running::start(config, 8).await;
    let sent = "GET /a/../b//c%2Fd?q='x'&e=%5B HTTP/1.1\r\nHost: app.local\r\nX-B: 2\r\nX-a: 1\r\nConnection: close, X-Hop\r\nX-Hop: gone\r\nTE: trailers\r\nX-B: 3\r\n\r\n";
    raw(proxy.address, sent, "\r\n\r\n").await;
    let head = heads.recv().await.unwrap();
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("GET /base/a/../b//c%2Fd?q='x'&e=%5B HTTP/1.1"));
    let mut rest: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    rest.retain(|line| !line.eq_ignore_ascii_case(&format!("host: {upstream}")));
    assert_eq!(rest, ["X-B: 2", "X-B: 3", "X-a: 1"]);
    proxy.stop().await;
}

/// Order apart: hyper writes a body's length last, and the order of names means nothing
/// (RFC 9110, section 5.3).
#[tokio::test]
async fn an_answer_arrives_as_it_was_sent() {
    let cases: [(&str, &'static [u8]); 5] = [
        ("GET", b"HTTP/1.1 204 No Content\r\nX-Odd: 1\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nX-Odd: 1\r\n\r\n"),
        ("GET", b"HTTP/1.1 404 Not Found\r\nX-b: 2\r\nX-a: 1\r\nContent-Length: 0\r\n\r\n"),
        ("GET", b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"),
    ];
    for (method, answer) in cases {
        let (upstream, _heads) = serve_bytes(answer).await;
        let mut proxy = Running::to(upstream).await;
        let sent = format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n");
        let got = raw(proxy.address, &sent, "\r\n\r\n").await;
        assert_eq!(got, std::str::from_utf8(answer).unwrap(), "{method}");
        let exchange = proxy.exchange().await;
        assert_eq!(exchange.response_body, None);
        assert_eq!(exchange.method, method);
        proxy.stop().await;
    }
}

#[tokio::test]
async fn a_coded_body_passes_untouched_and_is_captured_decoded() {
    let plain = br#"{"object":"list","data":[]}"#.repeat(40);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&plain).unwrap();
    let mut brotli = Vec::new();
    brotli::BrotliCompress(
        &mut plain.as_slice(),
        &mut brotli,
        &brotli::enc::BrotliEncoderParams::default(),
    )
    .unwrap();
    let zstd = zstd::encode_all(plain.as_slice(), 0).unwrap();
    for (coding, coded) in [("gzip", gzip.finish().unwrap()), ("br", brotli), ("zstd", zstd)] {
        let answer = coded.clone();
        let router = Router::new().route(
            "/",
            get(move || async move {
                Response::builder()
                    .header("content-encoding", coding)
                    .header("content-type", "application/json")
                    .body(Body::from(answer))
                    .unwrap()
            }),
        );
        let mut proxy = Running::to(serve_router(router).await).await;
        let (_, body) = fetch(proxy.url("/")).await;
        assert_eq!(body, coded, "{coding}");
        let kept = proxy.exchange().await.response_body.unwrap();
        assert_eq!((kept.bytes.as_ref(), kept.truncated), (plain.as_slice(), false), "{coding}");
        proxy.stop().await;
    }
}

#[tokio::test]
async fn a_compressed_bomb_is_decoded_up_to_the_limit() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::copy(&mut std::io::repeat(0).take(64 << 20), &mut encoder).unwrap();
    let coded = encoder.finish().unwrap();
    let router = Router::new().route(
        "/",
        get(move || async move {
            Response::builder().header("content-encoding", "gzip").body(Body::from(coded)).unwrap()
        }),
    );
    let mut proxy = Running::to(serve_router(router).await).await;
    fetch(proxy.url("/")).await;
    let kept = proxy.exchange().await.response_body.unwrap();
    assert_eq!((kept.bytes.len(), kept.truncated), (1 << 20, true));
    proxy.stop().await;
}

#[tokio::test]
async fn a_full_channel_drops_and_counts_and_delays_nothing() {
    let upstream = serve_router(Router::new().route("/", get(|| async { "ok" }))).await;
    let mut config = config(upstream);
    config.channel_capacity = 1;
    let mut proxy = Running::start(config, 1).await;
    for _ in 0..20 {
        assert_eq!(fetch(proxy.url("/")).await.1, "ok");
    }
    // One waits with the receiver, one with the relay, one between the two.
    let dropped = proxy.status.dropped();
    assert!((17..20).contains(&dropped), "{dropped} dropped");
    let mut received = 0;
    while tokio::time::timeout(Duration::from_millis(300), proxy.events.recv()).await.is_ok() {
        received += 1;
    }
    assert_eq!(received + dropped, 20);
    let summary = proxy.stop().await;
    assert_eq!((summary.captured, summary.dropped), (received, dropped));
}

#[tokio::test]
async fn control_endpoints_answer_and_never_reach_the_upstream() {
    let hits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&hits);
    let router = Router::new().fallback(move || async move {
        counted.fetch_add(1, Ordering::SeqCst);
        "upstream"
    });
    let upstream = serve_router(router).await;
    let mut proxy = Running::to(upstream).await;
    proxy.status.set_sessions(vec!["one".to_owned()]);
    for prefix in ["/__wraith", "/__wt"] {
        let answered = |path: &str| fetch(proxy.url(&format!("{prefix}{path}")));
        assert_eq!(answered("/health").await.1, r#"{"status":"recording"}"#);
        assert_eq!(answered("/ready").await.1, r#"{"ready":true}"#);
        let info: serde_json::Value = serde_json::from_slice(&answered("/info").await.1).unwrap();
        assert_eq!(info["active_sessions"], serde_json::json!(["one"]));
        assert_eq!(info["upstream"], format!("http://{upstream}"));
        assert_eq!(info["port"], proxy.address.port());
        assert_eq!(answered("/new-session").await.0, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answered("/else").await.0, StatusCode::NOT_FOUND);
        assert_eq!(answered("").await.0, StatusCode::NOT_FOUND);
    }
    assert_eq!(hits.load(Ordering::SeqCst), 0);
    assert_eq!(fetch(proxy.url("/__wtf")).await.1, "upstream");
    assert_eq!(proxy.exchange().await.url, format!("http://{upstream}/__wtf"));
    assert_eq!(proxy.stop().await.captured, 1);
}

#[tokio::test]
async fn a_client_that_leaves_half_way_is_captured_as_far_as_it_got() {
    let (upstream, feed) = serve_events().await;
    let mut proxy = Running::to(upstream).await;
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    stream.write_all(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    feed.send(Bytes::from_static(b"data: 1\n\n")).await.unwrap();
    let mut seen = Vec::new();
    while !seen.windows(9).any(|window| window == b"data: 1\n\n") {
        seen.push(stream.read_u8().await.unwrap());
    }
    drop(stream);
    let pushing = tokio::spawn(async move {
        while feed.send(Bytes::from_static(b"data: 2\n\n")).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let kept = proxy.exchange().await.response_body.unwrap();
    assert!(kept.truncated && kept.bytes.starts_with(b"data: 1\n\n"));
    // The upstream learns of it too.
    tokio::time::timeout(WAIT, pushing).await.unwrap().unwrap();
    proxy.stop().await;
}

#[tokio::test]
async fn an_upstream_that_breaks_off_breaks_off_for_the_client() {
    let (upstream, _heads) =
        serve_bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").await;
    let mut proxy = Running::to(upstream).await;
    let response = send(request("GET", proxy.url("/"), Body::empty())).await;
    assert!(response.into_body().collect().await.is_err());
    let kept = proxy.exchange().await.response_body.unwrap();
    assert_eq!((kept.bytes.as_ref(), kept.truncated), (&b"half"[..], true));
    proxy.stop().await;
}

#[tokio::test]
async fn an_upstream_that_cannot_be_reached_is_named() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut proxy = Running::to(free).await;
    let (status, body) = fetch(proxy.url("/v1/things")).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["error"]["upstream"], format!("http://{free}"));
    let exchange = proxy.exchange().await;
    assert_eq!((exchange.status, exchange.response_body), (0, None));
    assert_eq!(proxy.stop().await.unanswered, 1);
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = taken.local_addr().unwrap();
    let config = ProxyConfig::new(listen, "http://127.0.0.1:1".parse().unwrap());
    let (sender, _events) = mpsc::channel(1);
    let fault = serve(config, sender, std::future::pending()).await.unwrap_err();
    assert_eq!(fault.to_string(), format!("port {} is in use", listen.port()));
}

#[tokio::test]
async fn upstreams_that_cannot_be_meant_are_refused() {
    for (url, reason) in [
        ("ftp://a.test", "neither http nor https"),
        ("https://user:hunter2@a.test", "holds credentials"),
        ("https://a.test/?x=1", "query"),
    ] {
        let config = ProxyConfig::new(([127, 0, 0, 1], 0).into(), url.parse().unwrap());
        let fault = Proxy::bind(config).await.unwrap_err().to_string();
        assert!(fault.contains(reason) && !fault.contains("hunter2"), "{fault}");
    }
}

#[tokio::test]
async fn shutdown_lets_exchanges_end_and_hands_them_over() {
    let router = Router::new().route(
        "/slow",
        get(|| async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            "done"
        }),
    );
    let proxy = Running::to(serve_router(router).await).await;
    let fetching = tokio::spawn(fetch(proxy.url("/slow")));
    tokio::time::sleep(Duration::from_millis(80)).await;
    let Running { events, stop, ended, .. } = proxy;
    stop.send(()).unwrap();
    assert_eq!(fetching.await.unwrap().1, "done");
    assert_eq!(ended.await.unwrap().captured, 1);
    assert_eq!(drain(events).await[0].response_body.as_ref().unwrap().bytes.as_ref(), b"done");
}

#[tokio::test]
async fn shutdown_cuts_a_stream_that_does_not_end_and_captures_it() {
    let (upstream, feed) = serve_events().await;
    let proxy = Running::to(upstream).await;
    let response = send(request("GET", proxy.url("/events"), Body::empty())).await;
    feed.send(Bytes::from_static(b"data: 1\n\n")).await.unwrap();
    let mut body = response.into_body();
    next_chunk(&mut body).await;
    let Running { events, stop, ended, .. } = proxy;
    stop.send(()).unwrap();
    let summary = tokio::time::timeout(WAIT, ended).await.unwrap().unwrap();
    assert_eq!((summary.captured, summary.truncated), (1, 1));
    assert_eq!(drain(events).await.len(), 1);
}

#[tokio::test]
async fn a_boundary_closes_the_session_and_the_next_exchange_opens_another() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = serve_router(
        Router::new().route("/v1/me", get(|| async { r#"{"email":"jane@corp.test"}"# })),
    )
    .await;
    let Running { address, status, events, stop, ended } = Running::to(upstream).await;
    let recorder = Recorder::new(folder.path().to_owned(), "stripe", Some("smoke"));
    let told = Arc::clone(&status);
    let recording =
        tokio::task::spawn_blocking(move || record(events, Scrubber::new([1; 32]), recorder, told));
    let url = |path: &str| format!("http://{address}{path}");
    let boundary = || async {
        let request = request("POST", url("/__wraith/new-session"), Body::empty());
        let body = send(request).await.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()["closed"].clone()
    };
    assert_eq!(boundary().await, serde_json::json!([]));
    fetch(url("/v1/me?token=hunter2hunter2")).await;
    fetch(url("/v1/me")).await;
    let closed = boundary().await;
    let found = sessions(folder.path(), Some("smoke")).unwrap();
    assert_eq!(closed, serde_json::json!([found[0].name]));
    assert_eq!(found[0].manifest.exchanges, 2);
    assert!(found[0].manifest.finished_at.is_some());
    fetch(url("/v1/me")).await;
    stop.send(()).unwrap();
    ended.await.unwrap();
    assert_eq!(recording.await.unwrap().unwrap().len(), 2);
    let found = sessions(folder.path(), None).unwrap();
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|session| session.manifest.finished_at.is_some()));
    for session in found {
        for exchange in WrecReader::open(&session.path).unwrap() {
            let text = format!("{:?}", exchange.unwrap());
            assert!(!text.contains("hunter2") && !text.contains("jane"), "{text}");
        }
    }
    assert_eq!(status.sessions(), Vec::<String>::new());
}
