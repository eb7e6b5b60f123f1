//! From sockets to answers.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    CONTENT_LENGTH, EXPECT, ORIGIN,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::admin;
use crate::capture::{Answer, Exchange};
use crate::chaos::{Blow, End};
use crate::config::NetworkLimits;
use crate::doors::Door;
use crate::outgoing::{Dropped, Line, Outgoing, cut_reply, whole_reply};
use crate::refusal::Refusal;
use crate::render::{Reply, whole};
use crate::session::Session;
use crate::sessions::Destination;
use crate::twin::{Head, Twin};

/// Accepts connections until told to stop; requests under way are then given the time to end.
pub(crate) async fn run(
    listener: TcpListener,
    twin: Arc<Twin>,
    shutdown: impl Future<Output = ()> + Send,
) {
    let connections = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    let mut doors = twin.doors.opened();
    let mut attended = JoinSet::new();
    let (pass, mut passed) = mpsc::channel(DOOR_BACKLOG);
    loop {
        tokio::select! {
            (stream, caller) = accept(&listener) => {
                connect(&connections, stream, caller, None, &twin);
            }
            Some((stream, caller, session)) = passed.recv() => {
                connect(&connections, stream, caller, Some(session), &twin);
            }
            Some(door) = opened(&mut doors) => drop(attended.spawn(attend(door, pass.clone()))),
            () = &mut shutdown => break,
        }
    }
    drop(listener);
    attended.shutdown().await;
    let drain = twin.config.network.drain_timeout;
    if tokio::time::timeout(drain, connections.shutdown()).await.is_err() {
        tracing::warn!(?drain, "requests were still under way and are cut off");
    }
}

/// The next connection and who it is from.
async fn accept(listener: &TcpListener) -> (TcpStream, IpAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, caller)) => return (stream, caller.ip()),
            Err(error) => {
                // Out of descriptors, most likely: connections that end give some back.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// The next door that is opened; never where somebody else attends to them.
async fn opened(doors: &mut Option<mpsc::UnboundedReceiver<Door>>) -> Option<Door> {
    match doors {
        Some(doors) => doors.recv().await,
        None => std::future::pending().await,
    }
}

/// Connections of sessions' own ports that wait to be taken on.
const DOOR_BACKLOG: usize = 16;

/// Passes on the connections of one session's own port until it is closed.
async fn attend(mut door: Door, pass: mpsc::Sender<(TcpStream, IpAddr, Arc<str>)>) {
    loop {
        tokio::select! {
            (stream, caller) = accept(&door.listener) => {
                if pass.send((stream, caller, Arc::clone(&door.session))).await.is_err() {
                    break;
                }
            }
            _ = &mut door.closed => break,
        }
    }
}

fn connect(
    connections: &GracefulShutdown,
    stream: TcpStream,
    caller: IpAddr,
    door: Option<Arc<str>>,
    twin: &Arc<Twin>,
) {
    // A reply is written whole, so there is nothing to wait for.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let network = twin.config.network;
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(network.head_timeout);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(network.head_timeout);
    let twin = Arc::clone(twin);
    let reset = Arc::new(AtomicBool::new(false));
    let line = Line::new(stream, Arc::clone(&reset));
    let service = service_fn(move |request| {
        let (twin, reset, door) = (Arc::clone(&twin), Arc::clone(&reset), door.clone());
        async move { handle(&twin, caller, door.as_deref(), &reset, request).await }
    });
    let connection = builder.serve_connection(TokioIo::new(line), service).into_owned();
    let watched = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = watched.await {
            tracing::debug!(error, "a connection ended early");
        }
    });
}

async fn handle(
    twin: &Twin,
    caller: IpAddr,
    door: Option<&str>,
    reset: &AtomicBool,
    request: Request<Incoming>,
) -> Result<Response<Outgoing>, Dropped> {
    let began = Instant::now();
    let (mut parts, body) = request.into_parts();
    let destination = twin.sessions.destination(&parts.uri, &parts.headers, door);
    let (session, uri) = match destination {
        Ok(Destination { session, uri }) => {
            let inner = if let Cow::Owned(uri) = uri { Some(uri) } else { None };
            (twin.session(&session), inner)
        }
        Err(error) => {
            return Ok(whole_reply(admin::error(StatusCode::BAD_REQUEST, &error.to_string())));
        }
    };
    parts.uri = uri.unwrap_or(parts.uri);
    let at = twin.arrive(&session);
    let head = Head { method: &parts.method, uri: &parts.uri, headers: &parts.headers, caller, at };
    if let Some(path) = admin::path_of(twin, &head) {
        return Ok(whole_reply(administer(twin, &session, path, &head, body, began).await));
    }
    if parts.method == Method::OPTIONS && !twin.knows(&head) {
        return Ok(whole_reply(preflight(&parts.headers)));
    }
    let blow = session.chaos.strike(&head);
    if let Some(blow) = &blow
        && !blow.wait.is_zero()
    {
        tokio::time::sleep(blow.wait).await;
    }
    let end = blow.map_or(End::Serve, |Blow { end, .. }| end);
    let (body, mut reply) = respond(twin, &session, &head, body, &end).await;
    if let Some(reply) = &mut reply {
        if parts.headers.contains_key(ORIGIN) {
            reply.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
            reply.headers_mut().insert(ACCESS_CONTROL_EXPOSE_HEADERS, ANY);
        }
        if parts.method == Method::HEAD {
            without_body(reply);
        }
    }
    let took = began.elapsed();
    twin.metrics.count(reply.as_ref().map(Response::status), took);
    let answer = reply.as_ref().map(kept);
    let http::request::Parts { method, uri, headers, .. } = parts;
    let (number, is_admin) = (0, false);
    session.capture.add(Exchange {
        number,
        is_admin,
        at,
        took,
        method,
        uri,
        headers,
        body,
        answer,
    });
    match (reply, end) {
        (Some(reply), End::Cut(percent)) => Ok(cut_reply(reply, percent)),
        (Some(reply), _) => Ok(whole_reply(reply)),
        (None, End::Silence(pause)) => {
            tokio::time::sleep(pause).await;
            Err(Dropped)
        }
        (None, _) => {
            reset.store(true, Ordering::Relaxed);
            Err(Dropped)
        }
    }
}

/// The request's body, as far as it is kept, and the answer; no answer where there is to be none.
async fn respond(
    twin: &Twin,
    session: &Session,
    head: &Head<'_>,
    body: Incoming,
    end: &End,
) -> (Bytes, Option<Reply>) {
    let limits = &twin.config.network;
    match end {
        End::Serve | End::Cut(_) => {
            let admission = twin.admit(session, head);
            let body = read_body(body, head.headers, limits).await;
            let kept = body.as_ref().ok().cloned().unwrap_or_default();
            (kept, Some(twin.answer(session, admission, head, body)))
        }
        End::Answer { status, headers, body: text } => {
            let body = read_body(body, head.headers, limits).await.unwrap_or_default();
            (body, Some(twin.failure(session, head, *status, headers, text.clone())))
        }
        End::Silence(_) | End::Reset => {
            let body = read_body(body, head.headers, limits).await.unwrap_or_default();
            (body, None)
        }
    }
}

/// An answer as it is kept: the bytes are shared with what is sent.
fn kept(reply: &Reply) -> Answer {
    Answer {
        status: reply.status(),
        headers: reply.headers().clone(),
        body: whole(reply.body().clone()),
    }
}

/// Answers a request to the admin API; what it changes is kept, so that a replay has it too.
async fn administer(
    twin: &Twin,
    session: &Session,
    path: &str,
    head: &Head<'_>,
    body: Incoming,
    began: Instant,
) -> Reply {
    let bytes = match read_body(body, head.headers, &twin.config.network).await {
        Ok(bytes) => bytes,
        Err(refusal) => return admin::error(refusal.status(), &refusal.message()),
    };
    // What starts and stops twins is no part of what one of them went through.
    if let Some(reply) = admin::of_universe(twin, session, path, head, &bytes).await {
        return reply;
    }
    let reply = admin::answer(twin, session, path, head, &bytes);
    if reply.status().is_success() && !matches!(*head.method, Method::GET | Method::HEAD) {
        admin::settle(twin, session, path).await;
        if path != "reset" {
            session.capture.add(Exchange {
                number: 0,
                is_admin: true,
                at: head.at,
                took: began.elapsed(),
                method: head.method.clone(),
                uri: head.uri.clone(),
                headers: HeaderMap::new(),
                body: bytes,
                answer: Some(kept(&reply)),
            });
        }
    }
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
