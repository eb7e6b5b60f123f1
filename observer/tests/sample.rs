//! The sampler towards servers that encrypt, refuse and redirect.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use models::{Model, RouteKey};
use observer::sample::{End, Probes, SampleError, Sampled, Sampler, init, sample};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Answers each request with what a function makes of its first line and the number before it.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    count: Arc<AtomicUsize>,
    make: impl Fn(&str, usize) -> String,
) {
    let (read, mut write) = tokio::io::split(stream);
    let mut lines = BufReader::new(read).lines();
    let mut first = None;
    while let Ok(Some(line)) = lines.next_line().await {
        if !line.is_empty() {
            first.get_or_insert(line);
            continue;
        }
        let Some(first) = first.take() else { continue };
        let answer = make(&first, count.fetch_add(1, Ordering::SeqCst));
        if write.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn ok(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// A server on loopback, encrypted with a certificate of its own or not.
async fn server(
    tls: Option<TlsAcceptor>,
    make: impl Fn(&str, usize) -> String + Clone + Send + 'static,
) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://localhost:{}", listener.local_addr().unwrap().port());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (tls, count, make) = (tls.clone(), Arc::clone(&counted), make.clone());
            tokio::spawn(async move {
                match tls {
                    None => answer(stream, count, make).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            answer(stream, count, make).await;
                        }
                    }
                }
            });
        }
    });
    (url, count)
}

fn certificate() -> (CertificateDer<'static>, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    (certificate, TlsAcceptor::from(Arc::new(config)))
}

fn model(url: &str) -> Model {
    let mut model = Model::empty("shop", url);
    for route in ["GET /items", "GET /items/{id}", "GET /health", "POST /items"] {
        model.routes.insert(RouteKey::parse(route).unwrap(), models::Route::default());
    }
    let body = serde_json::json!({"types": {"array": true}, "items": {"types": {"object": true},
        "properties": {"id": {"types": {"string": true}, "required": true}}}});
    let variant =
        models::Variant { body: Some(serde_json::from_value(body).unwrap()), ..Default::default() };
    let list = model.routes.get_mut(&RouteKey::parse("GET /items").unwrap()).unwrap();
    list.variants.insert("200".to_owned(), variant);
    model
}

fn probes(model: &Model) -> Probes {
    Probes { wait_max_seconds: 3, credentials: BTreeMap::new(), ..init(model) }
}

async fn run(
    model: &Model,
    probes: &Probes,
    roots: &[CertificateDer<'static>],
) -> Result<(Sampled, Vec<String>), SampleError> {
    let vendor = Sampler::new(&model.base_url, probes, roots, |_| None)?;
    let mut urls = Vec::new();
    let sampled = sample(&vendor, model, probes, BTreeMap::new(), |exchange| {
        urls.push(
            exchange.url.rsplit_once("localhost:").unwrap().1.split_once('/').unwrap().1.to_owned(),
        );
    });
    sampled.await.map(|sampled| (sampled, urls))
}

fn shop(first: &str, _: usize) -> String {
    match first.split(' ').nth(1).unwrap() {
        "/items" => ok(r#"[{"id": "a/b"}, {"id": ".."}]"#),
        path => ok(&format!(r#"{{"path": "{path}"}}"#)),
    }
}

#[tokio::test]
async fn an_encrypted_vendor_is_asked_if_its_certificate_is_trusted() {
    let (certificate, tls) = certificate();
    let (url, _) = server(Some(tls), shop).await;
    let model = model(&url);
    let probes = probes(&model);
    assert!(!probes.probes.contains_key("POST /items"));
    let (sampled, urls) = run(&model, &probes, &[certificate]).await.unwrap();
    assert_eq!(sampled.end, End::Complete);
    assert_eq!(urls, ["health", "items", "items/a%2Fb"]);

    let fault = run(&model, &probes, &[]).await.unwrap_err();
    let SampleError::Unreachable { source, .. } = &fault else { panic!("{fault:?}") };
    let mut told = source.to_string();
    let mut cause = std::error::Error::source(source);
    while let Some(one) = cause {
        told += &one.to_string();
        cause = one.source();
    }
    assert!(told.contains("certificate"), "{told}");
}

#[tokio::test]
async fn the_vendors_wish_to_be_left_alone_is_heard() {
    let refuse = |first: &str, number: usize| {
        let wait = if number == 0 { "1" } else { "600" };
        if number == 0 || number == 2 {
            return format!(
                "HTTP/1.1 429 Too Many Requests\r\nretry-after: {wait}\r\ncontent-length: 0\r\n\r\n"
            );
        }
        shop(first, number)
    };
    let (url, count) = server(None, refuse).await;
    let model = model(&url);
    let began = std::time::Instant::now();
    let (sampled, _) = run(&model, &probes(&model), &[]).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(
        (sampled.end, count.load(Ordering::SeqCst)),
        (End::Wait(Duration::from_mins(10)), 3)
    );
}

#[tokio::test]
async fn a_redirect_to_elsewhere_is_an_answer_and_not_followed() {
    let (elsewhere, reached) = server(None, shop).await;
    let moved = move |_: &str, _: usize| {
        format!("HTTP/1.1 302 Found\r\nlocation: {elsewhere}/health\r\ncontent-length: 0\r\n\r\n")
    };
    let (url, _) = server(None, moved).await;
    let model = model(&url);
    let (sampled, _) = run(&model, &probes(&model), &[]).await.unwrap();
    assert_eq!(sampled.answers["GET /health"], BTreeMap::from([(302, 1)]));
    assert_eq!(reached.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn limits_of_the_model_are_kept_to_a_share() {
    let (url, count) = server(None, shop).await;
    let mut model = model(&url);
    let limit =
        serde_json::json!({"algorithm": "fixed_window", "limit": 20, "window_seconds": 3600});
    model.limits.insert("default".to_owned(), serde_json::from_value(limit).unwrap());
    let (sampled, _) = run(&model, &probes(&model), &[]).await.unwrap();
    assert!(
        matches!(sampled.end, End::Wait(wait) if wait > Duration::from_secs(3500)),
        "{sampled:?}"
    );
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_vendor_that_does_not_answer_ends_the_run() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let model = model(&format!("http://localhost:{}", listener.local_addr().unwrap().port()));
    let probes = probes(&model);
    let vendor = Sampler::new(&model.base_url, &probes, &[], |_| None).unwrap();
    let vendor = vendor.with_answer_max(Duration::from_millis(200));
    let fault = sample(&vendor, &model, &probes, BTreeMap::new(), |_| {}).await.unwrap_err();
    assert!(matches!(fault, SampleError::Slow { .. }), "{fault:?}");
}

/// A list of pages without end, each naming the next.
fn pages(first: &str, _: usize) -> String {
    let path = first.split(' ').nth(1).unwrap();
    let Some(page) = path.strip_prefix("/items").and_then(|rest| match rest {
        "" => Some(1),
        rest => rest.strip_prefix("?page=")?.parse::<u32>().ok(),
    }) else {
        return shop(first, 0);
    };
    let body = format!(r#"[{{"id": "of_page_{page}"}}]"#);
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nlink: </items?page={}>; rel=\"next\", <https://evil.example/>; rel=\"next\"\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}",
        page + 1
    )
}

#[tokio::test]
async fn pages_are_followed_as_far_as_the_probe_and_the_budget_say() {
    let (url, _) = server(None, pages).await;
    let model = model(&url);
    let (sampled, urls) = run(&model, &probes(&model), &[]).await.unwrap();
    assert_eq!(sampled.end, End::Complete);
    let lists: Vec<_> = urls.iter().filter(|url| !url.contains('/') && **url != "health").collect();
    assert_eq!(lists, ["items", "items?page=2", "items?page=3"]);
    // What later pages show is asked for, too.
    for page in 1..=3 {
        assert!(urls.contains(&format!("items/of_page_{page}")), "{urls:?}");
    }
    let few = Probes { requests_max: 4, ..probes(&model) };
    let (sampled, urls) = run(&model, &few, &[]).await.unwrap();
    assert_eq!((sampled.end, urls.len()), (End::Budget, 4));
    assert!(
        urls.contains(&"health".to_owned()),
        "other routes come before further pages: {urls:?}"
    );
}
