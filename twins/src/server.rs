//! From sockets to answers.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    AUTHORIZATION, CONTENT_LENGTH, COOKIE, EXPECT, ORIGIN,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use serde_json::{Map, Value};
use tokio::net::{TcpListener, TcpStream};

use crate::admin;
use crate::config::NetworkLimits;
use crate::journal::Entry;
use crate::refusal::Refusal;
use crate::render::Reply;
use crate::twin::{Head, Twin};

/// Accepts connections until told to stop; requests under way are then given the time to end.
pub(crate) async fn run(
    listener: TcpListener,
    twin: Arc<Twin>,
    shutdown: impl Future<Output = ()> + Send,
) {
    let connections = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, caller)) => connect(&connections, stream, caller.ip(), &twin),
                Err(error) => {
                    // Out of descriptors, most likely: connections that end give some back.
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            () = &mut shutdown => break,
        }
    }
    drop(listener);
    let drain = twin.config.network.drain_timeout;
    if tokio::time::timeout(drain, connections.shutdown()).await.is_err() {
        tracing::warn!(?drain, "requests were still under way and are cut off");
    }
}

fn connect(connections: &GracefulShutdown, stream: TcpStream, caller: IpAddr, twin: &Arc<Twin>) {
    // A reply is written whole, so there is nothing to wait for.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let network = twin.config.network;
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(network.head_timeout);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(network.head_timeout);
    let twin = Arc::clone(twin);
    let service = service_fn(move |request| {
        let twin = Arc::clone(&twin);
        async move { Ok::<_, Infallible>(handle(&twin, caller, request).await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    let watched = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = watched.await {
            tracing::debug!(error, "a connection ended early");
        }
    });
}

async fn handle(twin: &Twin, caller: IpAddr, request: Request<Incoming>) -> Reply {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let head = Head { method: &parts.method, uri: &parts.uri, headers: &parts.headers, caller };
    if let Some(path) = admin::path_of(twin, &head) {
        return match read_body(body, &parts.headers, &twin.config.network).await {
            Ok(bytes) => admin::answer(twin, path, &head, &bytes),
            Err(refusal) => admin::error(refusal.status(), &refusal.message()),
        };
    }
    if parts.method == Method::OPTIONS && !twin.knows(&head) {
        return preflight(&parts.headers);
    }
    let admission = twin.admit(&head);
    let body = read_body(body, &parts.headers, &twin.config.network).await;
    let mut reply = twin.answer(admission, &head, body);
    if parts.headers.contains_key(ORIGIN) {
        reply.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
        reply.headers_mut().insert(ACCESS_CONTROL_EXPOSE_HEADERS, ANY);
    }
    if parts.method == Method::HEAD {
        without_body(&mut reply);
    }
    twin.journal.add(Entry {
        at: twin.clock().now(),
        headers: twin.is_verbose().then(|| shown_headers(&parts.headers)),
        method: parts.method,
        uri: parts.uri,
        status: reply.status(),
        took: began.elapsed(),
    });
    reply
}

const ANY: HeaderValue = HeaderValue::from_static("*");

/// Reads a body of at most so many bytes.
async fn read_body(
    body: Incoming,
    headers: &HeaderMap,
    limits: &NetworkLimits,
) -> Result<Bytes, Refusal> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let length =
        headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let too_large = Refusal::TooLarge { bytes_max: limits.body_bytes_max };
    // Who asks first whether to send at all is told at once.
    if length.is_some_and(|length| length > limits.body_bytes_max as u64)
        && headers.contains_key(EXPECT)
    {
        return Err(too_large);
    }
    match tokio::time::timeout(limits.body_timeout, collect(body, limits.body_bytes_max)).await {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => Err(too_large),
        Ok(Err(error)) => {
            Err(Refusal::BadRequest(format!("the request's body cannot be read: {error}")))
        }
        Err(_) => Err(Refusal::TooSlow),
    }
}

/// The whole body; `None` where it is too large, and then it has been read to its end all the
/// same: a client that is still sending would never see the answer.
async fn collect(mut body: Incoming, bytes_max: usize) -> Result<Option<Bytes>, hyper::Error> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        length += data.len();
        if length > bytes_max {
            (first, all) = (Bytes::new(), BytesMut::new());
        } else if length == data.len() {
            first = data;
        } else {
            if all.is_empty() {
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&data);
        }
    }
    Ok((length <= bytes_max).then(|| if all.is_empty() { first } else { all.freeze() }))
}

fn preflight(headers: &HeaderMap) -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = StatusCode::NO_CONTENT;
    let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned().unwrap_or(HEADERS);
    let own = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, ANY),
        (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, asked),
        (ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600")),
    ];
    reply.headers_mut().extend(own);
    reply
}

const METHODS: HeaderValue =
    HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, Stripe-Account, X-Api-Key",
);

fn without_body(reply: &mut Reply) {
    let length = reply.body().size_hint().exact().unwrap_or(0);
    reply.headers_mut().insert(CONTENT_LENGTH, length.into());
    *reply.body_mut() = Full::default();
}

/// The headers of a request for the journal; what proves who sent it is left out.
fn shown_headers(headers: &HeaderMap) -> Map<String, Value> {
    let secret = |name: &http::HeaderName| {
        *name == AUTHORIZATION
            || *name == COOKIE
            || name.as_str().contains("key")
            || name.as_str().contains("token")
    };
    let shown = headers.iter().map(|(name, value)| {
        let value = if secret(name) {
            "[left out]".into()
        } else {
            String::from_utf8_lossy(value.as_bytes())
        };
        (name.to_string(), Value::from(value))
    });
    shown.collect()
}
