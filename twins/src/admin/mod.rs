//! The admin API, under `/admin/`, `/__wt/` and `/__wraith/` alike.
//!
//! # Source
//!
//! The published admin API: paths, bodies and words are its own, with what was wrong in it mended:
//! a fault may be on a path of any depth, `delay_ms` and `duration_ms` are milliseconds, faults and
//! the fail rate leave the admin API alone, and a flush sends nothing a second time.

mod chaos;
mod config;
mod quirks;
mod requests;
mod sessions;
mod state;
mod time;
mod universe;
mod webhooks;

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Map, Value, json};

use crate::metrics;
use crate::render::Reply;
use crate::session::Session;
use crate::twin::{Head, Twin};

/// What follows the prefix of an admin path; `None` for paths of the vendor's.
///
/// A vendor may have paths under `/admin` itself (Shopify has): those come first, and `/__wt/`
/// always reaches the admin API.
pub(crate) fn path_of<'h>(twin: &Twin, head: &Head<'h>) -> Option<&'h str> {
    const KNOWN: [&str; 17] = [
        "coverage",
        "health",
        "status",
        "reset",
        "state",
        "requests",
        "config",
        "time",
        "fault",
        "faults",
        "webhooks",
        "chaos",
        "metrics",
        "sessions",
        "snapshots",
        "universe",
        "quirks",
    ];
    let path = head.uri.path();
    if let Some(rest) = path.strip_prefix("/__wt/").or_else(|| path.strip_prefix("/__wraith/")) {
        return Some(rest.trim_end_matches('/'));
    }
    let rest = path.strip_prefix("/admin/")?.trim_end_matches('/');
    let first = rest.split(['/', '.']).next().unwrap_or("");
    let ours = KNOWN.contains(&first);
    (!twin.has_paths_under("admin") || (ours && !twin.knows(head))).then_some(rest)
}

/// Answers an admin request.
pub(crate) fn answer(
    twin: &Twin,
    session: &Session,
    path: &str,
    head: &Head<'_>,
    body: &Bytes,
) -> Reply {
    if path != "health"
        && let Err(why) = may(twin, head.headers)
    {
        return error(why.0, why.1);
    }
    run(twin, session, path, head, body)
}

/// Answers an admin request of somebody who may make it.
pub(crate) fn run(
    twin: &Twin,
    session: &Session,
    path: &str,
    head: &Head<'_>,
    body: &Bytes,
) -> Reply {
    if path == "metrics" && *head.method == Method::GET {
        return text("text/plain; version=0.0.4; charset=utf-8", metrics::text(twin));
    }
    let answer = match path.split_once('/').unwrap_or((path, "")) {
        ("health", "") => match *head.method {
            Method::GET | Method::HEAD => Ok(json!({"status": "ok"})),
            _ => Err(wrong_method()),
        },
        ("status", "") => match *head.method {
            Method::GET => Ok(status(twin, session)),
            _ => Err(wrong_method()),
        },
        ("coverage", "") => match *head.method {
            Method::GET => Ok(serde_json::to_value(twin.coverage()).unwrap_or_default()),
            _ => Err(wrong_method()),
        },
        ("reset", "") => match *head.method {
            Method::POST => {
                twin.reset_session(session);
                Ok(json!({"status": "reset"}))
            }
            _ => Err(wrong_method()),
        },
        ("state", "") => state::answer(twin, session, head.method, body),
        ("requests" | "requests.har", rest) => requests::answer(twin, session, path, rest, head),
        ("config", "") => config::answer(twin, session, head, body),
        ("time", rest) => time::answer(twin, session, rest, head.method, body),
        ("fault" | "faults" | "chaos", _) => chaos::answer(session, path, head.method, body),
        ("sessions" | "snapshots", rest) => sessions::answer(twin, session, path, rest, head, body),
        ("quirks", rest) => quirks::answer(twin, session, rest, head.method),
        ("webhooks", rest) => webhooks::answer(session, rest, head.method, body),
        _ => match twin.lever(session, path, head, body) {
            Some(reply) => return reply,
            None => Err((StatusCode::NOT_FOUND, format!("no admin endpoint {path}"))),
        },
    };
    told(answer)
}

fn told(answer: Answer) -> Reply {
    match answer {
        Ok(value) => reply(StatusCode::OK, &value),
        Err((status, why)) => error(status, &why),
    }
}

/// Answers a request about the twins that run together; `None` for all others.
pub(crate) async fn of_universe(
    twin: &Twin,
    session: &Session,
    path: &str,
    head: &Head<'_>,
    body: &Bytes,
) -> Option<Reply> {
    let rest = path.strip_prefix("universe")?.trim_start_matches('/');
    if let Err((status, why)) = may(twin, head.headers) {
        return Some(error(status, why));
    }
    Some(told(universe::answer(twin, session, rest, head.method, body).await))
}

/// Waits for what an admin request has set going, where its caller means to see it done.
pub(crate) async fn settle(twin: &Twin, session: &Session, path: &str) {
    if !matches!(path, "webhooks/flush" | "webhooks/wait") {
        return;
    }
    let (began, limit) = (Instant::now(), twin.config.network.drain_timeout);
    while !session.webhooks.is_quiet(session.clock.since_epoch()) && began.elapsed() < limit {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What the twin serves, and what its `twin.json` says it is.
fn status(twin: &Twin, session: &Session) -> Value {
    let mut status = serde_json::to_value(twin.status_of(session)).unwrap_or_default();
    let document = &twin.config.document;
    if let Some(fields) = status.as_object_mut() {
        fields.insert("session".to_owned(), (&*session.name).into());
        let says = json!({
            "version": document.version,
            "base_url": document.base_url,
            "description": document.description,
            "endpoints_covered": document.endpoints_covered,
            "state_entities": document.state_entities,
            "chaos_modes": document.chaos_modes,
            "discovered_from": document.discovered_from,
        });
        fields.insert("document".to_owned(), says);
    }
    status
}

fn wrong_method() -> (StatusCode, String) {
    (StatusCode::METHOD_NOT_ALLOWED, "method not allowed".to_owned())
}

type Answer = Result<Value, (StatusCode, String)>;

/// Whether the caller may use the admin API.
fn may(twin: &Twin, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
    // A page of any site can reach loopback through its visitor's browser.
    if headers.get(ORIGIN).is_some_and(|origin| !is_local(origin)) {
        return Err((StatusCode::FORBIDDEN, "not from another site"));
    }
    let Some(token) = &twin.config.admin_token else {
        return if twin.config.listen.ip().is_loopback() {
            Ok(())
        } else {
            Err((StatusCode::FORBIDDEN, "the admin API needs a token beyond loopback; none is set"))
        };
    };
    let bearer =
        headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    let given = bearer.or_else(|| headers.get("x-admin-token").map(HeaderValue::as_bytes));
    match given {
        Some(given) if models::is_same_secret(given, token) => Ok(()),
        _ => Err((StatusCode::UNAUTHORIZED, "the admin token is missing or wrong")),
    }
}

fn is_local(origin: &HeaderValue) -> bool {
    let host =
        origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    host.is_some_and(|host| {
        ["localhost", "127.0.0.1", "[::1]"].iter().any(|local| {
            host.strip_prefix(local).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        })
    })
}

fn object(body: &Bytes) -> Result<Map<String, Value>, (StatusCode, String)> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(bad("the request's body is not an object".to_owned())),
        Err(error) => Err(bad(format!("the request's body is not valid JSON: {error}"))),
    }
}

const fn bad(why: String) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, why)
}

/// An error in the admin API's form.
pub(crate) fn error(status: StatusCode, message: &str) -> Reply {
    let kind = status.canonical_reason().unwrap_or("error");
    reply(status, &json!({"error": {"message": message, "type": kind, "code": status.as_u16()}}))
}

fn text(media: &'static str, text: String) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(text)));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    reply
}

fn reply(status: StatusCode, value: &Value) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(value.to_string())));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}
