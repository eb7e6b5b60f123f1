//! The webhook receiver over real sockets, and what of deliveries gets into the lake.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::UInt64Type;
use models::Model;
use models::webhooks::sign::{self, Signed};
use observer::intake::{Disclosure, Intake};
use observer::key::LakeKey;
use observer::lake::Lake;
use observer::live::{LiveConfig, LiveWriter, Summary, observe};
use observer::proxy::CaptureEvent;
use observer::webhooks::{Receiver, ReceiverConfig};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PAYLOAD: &str = r#"{"id": "evt_8fQ2zLk1", "type": "invoice.paid", "data": {"object": {"id": "in_5tRw9", "note": "from Ada Lovelace"}}}"#;

/// Sends one request as written; the answer's head and body.
async fn send(to: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn post(path: &str, headers: &[(String, String)], body: &str) -> String {
    let mut text = format!(
        "POST {path} HTTP/1.1\r\nHost: hooks.example.com\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text + "\r\n" + body
}

fn signed(secret: &str, body: &str) -> Vec<(String, String)> {
    let at = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    sign::headers(&Signed {
        scheme: models::behaviour::Scheme::Stripe,
        header: None,
        secret,
        id: "",
        url: "",
        body: body.as_bytes(),
        is_form: false,
        at,
    })
}

/// A receiver whose deliveries go into a lake.
struct Observed {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    done: tokio::task::JoinHandle<Summary>,
    folder: tempfile::TempDir,
}

async fn observed(forward: Option<SocketAddr>) -> Observed {
    let folder = tempfile::tempdir().unwrap();
    let model = Model::empty("shop", "https://api.shop.test");
    let intake = Intake::new(Arc::new(model), LakeKey::new([7; 16]), Disclosure::PRODUCTION)
        .verifying(vec![SECRET.to_owned()]);
    let lake = Lake::open(&folder.path().join("lake")).unwrap();
    let live = LiveConfig::new("shop", "webhooks", folder.path().join("wal"));
    let (writer, _) = LiveWriter::open(intake, lake, live).unwrap();
    let forward = forward.map(|addr| format!("http://{addr}").parse().unwrap());
    let config = ReceiverConfig { forward, ..ReceiverConfig::new(([127, 0, 0, 1], 0).into()) };
    let receiver = Receiver::bind(config).await.unwrap();
    let (addr, status) = (receiver.local_addr(), receiver.status());
    let (stop, stopped) = oneshot::channel();
    let done = tokio::spawn(async move {
        let (sender, events) = mpsc::channel(64);
        let observing = tokio::task::spawn_blocking(move || observe(events, writer, status));
        receiver.run(sender, async { drop(stopped.await) }).await;
        observing.await.unwrap().unwrap()
    });
    Observed { addr, stop, done, folder }
}

impl Observed {
    async fn end(self) -> (Summary, tempfile::TempDir) {
        self.stop.send(()).unwrap();
        (self.done.await.unwrap(), self.folder)
    }
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn deliveries(folder: &tempfile::TempDir) -> Vec<RecordBatch> {
    let below = files(&folder.path().join("lake/deliveries"));
    let read = |path: &std::path::PathBuf| {
        let file = std::fs::File::open(path).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        reader.map(Result::unwrap).collect::<Vec<_>>()
    };
    below.iter().flat_map(read).collect()
}

fn texts(batches: &[RecordBatch], column: &str) -> Vec<String> {
    let of = |batch: &RecordBatch| {
        let column = batch.column_by_name(column).unwrap().as_string::<i32>().clone();
        (0..column.len()).map(|row| column.value(row).to_owned()).collect::<Vec<_>>()
    };
    batches.iter().flat_map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_stored_with_its_verdict_and_without_its_content() {
    let observed = observed(None).await;
    for (secret, body) in [(SECRET, PAYLOAD), ("whsec_wrong", PAYLOAD)] {
        let (head, _) = send(observed.addr, &post("/hook/k3y", &signed(secret, body), body)).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    }
    send(observed.addr, &post("/hook/k3y", &[], PAYLOAD)).await;
    let (summary, folder) = observed.end().await;
    assert_eq!(
        (summary.exchanges, summary.dropped),
        (1, 0),
        "what no secret vouches for is no evidence"
    );
    assert_eq!(summary.skipped.get("invalid signature"), Some(&1));
    assert_eq!(summary.skipped.get("no signature"), Some(&1));
    let rows = deliveries(&folder);
    assert_eq!(texts(&rows, "verdict"), ["valid", "invalid", "unsigned"]);
    assert_eq!(texts(&rows, "event"), ["invoice.paid"; 3]);
    let ids = rows[0].column_by_name("delivery").unwrap().as_primitive::<UInt64Type>();
    assert!(ids.values().iter().all(|id| *id == ids.value(0)), "one event, three attempts");
    for path in files(folder.path()) {
        let bytes = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for secret in ["evt_8fQ2", "in_5tRw9", "Lovelace", "MfKQ9r8G", "hook/k3y"] {
            assert!(!text.contains(secret), "{secret} in {}", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_of_an_unknown_form_is_told_as_such_and_not_as_forged() {
    let observed = observed(None).await;
    let jwt = "eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.eyJpYXQiOjF9.c2lnbmF0dXJl";
    let plaid = [("Plaid-Verification".to_owned(), jwt.to_owned())];
    send(observed.addr, &post("/", &plaid, PAYLOAD)).await;
    let (summary, folder) = observed.end().await;
    assert_eq!(summary.exchanges, 0, "anybody may have sent it");
    assert_eq!(summary.skipped.get("signature of an unknown form"), Some(&1));
    let rows = deliveries(&folder);
    assert_eq!(texts(&rows, "verdict"), ["unknown"]);
    assert_eq!(texts(&rows, "header"), ["plaid-verification"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_answered_and_is_no_event() {
    let observed = observed(None).await;
    let slack = r#"{"token": "x", "challenge": "3eZbrw1a", "type": "url_verification"}"#;
    let (head, body) = send(observed.addr, &post("/", &[], slack)).await;
    assert!(
        head.starts_with("HTTP/1.1 200") && head.contains("content-type: text/plain"),
        "{head}"
    );
    assert_eq!(body, "3eZbrw1a");
    let ping = [("X-GitHub-Event".to_owned(), "ping".to_owned())];
    let (head, _) = send(observed.addr, &post("/", &ping, r#"{"zen": "x"}"#)).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let (summary, folder) = observed.end().await;
    assert_eq!(summary.exchanges, 0);
    assert_eq!(summary.skipped.get("challenge or ping"), Some(&2));
    assert!(deliveries(&folder).is_empty());
}

/// An application's receiver that keeps what it gets, as it came.
async fn application(answer: &'static str) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let got: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&got);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut text = Vec::new();
            let mut buffer = [0; 4096];
            while !String::from_utf8_lossy(&text).ends_with('}') {
                let read = stream.read(&mut buffer).await.unwrap();
                text.extend_from_slice(&buffer[..read]);
            }
            kept.lock().unwrap().push(String::from_utf8(text).unwrap());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (addr, got)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_application_behind_gets_the_same_and_its_answer_is_the_vendors() {
    let answer = "HTTP/1.1 503 Service Unavailable\r\nX-Own: yes\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy";
    let (app, got) = application(answer).await;
    let observed = observed(Some(app)).await;
    // Spacing, order and an odd escape are part of what is signed.
    let body = "{\"b\": 1,\n  \"a\": \"\\u00e9\", \"type\":\"x.y\"}";
    let headers = signed(SECRET, body);
    let (head, told) = send(observed.addr, &post("/in?tenant=7", &headers, body)).await;
    assert!(head.starts_with("HTTP/1.1 503") && head.contains("X-Own: yes"), "{head}");
    assert_eq!(told, "busy");
    let got = got.lock().unwrap().remove(0);
    let (head, sent) = got.split_once("\r\n\r\n").unwrap();
    assert_eq!(sent, body);
    assert!(head.starts_with("POST /in?tenant=7 HTTP/1.1"), "{head}");
    let head = head.to_lowercase();
    assert!(head.contains("host: hooks.example.com"), "{head}");
    assert!(head.contains(&format!("stripe-signature: {}", headers[0].1)), "{head}");
    let (summary, folder) = observed.end().await;
    assert_eq!(summary.exchanges, 1);
    assert_eq!(texts(&deliveries(&folder), "verdict"), ["valid"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_application_does_not_answer_the_vendor_is_told_to_come_again() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let observed = observed(Some(gone)).await;
    let delivery = post("/", &signed(SECRET, PAYLOAD), PAYLOAD);
    let (head, _) = send(observed.addr, &delivery).await;
    assert!(head.starts_with("HTTP/1.1 502"), "{head}");
    let (summary, _folder) = observed.end().await;
    assert_eq!(summary.exchanges, 1, "the attempt is seen all the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_deliveries_down_never_holds_up_the_vendor() {
    let receiver = Receiver::bind(ReceiverConfig::new(([127, 0, 0, 1], 0).into())).await.unwrap();
    let (addr, status) = (receiver.local_addr(), receiver.status());
    // Nobody reads: a disk that hangs.
    let (sender, events) = mpsc::channel::<CaptureEvent>(2);
    let (stop, stopped) = oneshot::channel::<()>();
    let running =
        tokio::spawn(async move { receiver.run(sender, async { drop(stopped.await) }).await });
    for _ in 0..20 {
        let (head, _) = send(addr, &post("/", &[], PAYLOAD)).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    }
    stop.send(()).unwrap();
    let summary = running.await.unwrap();
    assert_eq!((summary.captured, summary.dropped, status.dropped()), (2, 18, 18));
    drop(events);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_and_counted() {
    let config =
        ReceiverConfig { body_bytes_max: 64, ..ReceiverConfig::new(([127, 0, 0, 1], 0).into()) };
    let receiver = Receiver::bind(config).await.unwrap();
    let (addr, status) = (receiver.local_addr(), receiver.status());
    let (sender, _events) = mpsc::channel::<CaptureEvent>(2);
    tokio::spawn(receiver.run(sender, std::future::pending()));
    let (head, _) = send(addr, &post("/", &[], PAYLOAD)).await;
    assert!(head.starts_with("HTTP/1.1 413"), "{head}");
    assert_eq!(status.dropped(), 1);
}
