//! The proxy's own endpoints, below `/__wraith/` and `/__wt/`.
//!
//! | path | method | answers |
//! |---|---|---|
//! | `health` | GET | `{"status":"recording"}` |
//! | `ready` | GET | `{"ready":true}` |
//! | `info` | GET | sessions open, upstream, port, counters |
//! | `new-session` | POST | `{"status":"recording","closed":[…]}` once manifests are written |
//!
//! Anything else below the two prefixes is 404 here and never reaches the upstream. Only this
//! machine is answered.
//!
//! # Source
//!
//! Wraith's published control plane; `/__wt/` is this project's neutral name for it.

use std::net::SocketAddr;
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::json;
use tokio::sync::oneshot;

use super::capture::Pending;
use super::forward::{Answer, Forwarder, json as answer};

/// How long the receiver may take to finalise its sessions.
const BOUNDARY_MAX: Duration = Duration::from_secs(30);

/// A path of the proxy's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Health,
    Ready,
    Info,
    NewSession,
    Unknown,
}

impl Endpoint {
    /// The endpoint at a path; `None` for paths of the upstream.
    pub(super) fn of(path: &str) -> Option<Endpoint> {
        let rest = path.strip_prefix("/__wraith").or_else(|| path.strip_prefix("/__wt"))?;
        match rest {
            "/health" => Some(Endpoint::Health),
            "/ready" => Some(Endpoint::Ready),
            "/info" => Some(Endpoint::Info),
            "/new-session" => Some(Endpoint::NewSession),
            rest if rest.is_empty() || rest.starts_with('/') => Some(Endpoint::Unknown),
            _ => None,
        }
    }

    pub(super) async fn answer(
        self,
        method: &Method,
        peer: SocketAddr,
        forwarder: &Forwarder,
    ) -> Answer {
        if !peer.ip().to_canonical().is_loopback() {
            return fault(StatusCode::FORBIDDEN, "control endpoints answer this machine only");
        }
        let wanted = if self == Endpoint::NewSession { Method::POST } else { Method::GET };
        if self != Endpoint::Unknown && method != wanted {
            let mut refused = fault(StatusCode::METHOD_NOT_ALLOWED, "another method is wanted");
            let allowed = http::HeaderValue::from_str(wanted.as_str()).expect("a method's name");
            refused.headers_mut().insert(http::header::ALLOW, allowed);
            return refused;
        }
        match self {
            Endpoint::Health => answer(StatusCode::OK, &json!({ "status": "recording" })),
            Endpoint::Ready => answer(StatusCode::OK, &json!({ "ready": true })),
            Endpoint::Info => answer(StatusCode::OK, &info(forwarder)),
            Endpoint::NewSession => new_session(forwarder).await,
            Endpoint::Unknown => fault(StatusCode::NOT_FOUND, "no such control endpoint"),
        }
    }
}

fn info(forwarder: &Forwarder) -> serde_json::Value {
    let status = &forwarder.status;
    let counted = status.summary();
    json!({
        "status": "recording",
        "active_sessions": status.sessions(),
        "upstream": status.upstream(),
        "port": status.listen().port(),
        "captured": counted.captured,
        "dropped": counted.dropped,
        "truncated": counted.truncated,
        "unanswered": counted.unanswered,
    })
}

/// Queues the boundary behind the exchanges that ended before it and waits until it is drawn.
async fn new_session(forwarder: &Forwarder) -> Answer {
    let (done, closed) = oneshot::channel();
    let boundary = async {
        forwarder.pending.send(Pending::NewSession(done)).await.ok()?;
        closed.await.ok()
    };
    match tokio::time::timeout(BOUNDARY_MAX, boundary).await {
        Ok(Some(closed)) => {
            answer(StatusCode::OK, &json!({ "status": "recording", "closed": closed }))
        }
        Ok(None) => fault(StatusCode::SERVICE_UNAVAILABLE, "nothing records any more"),
        Err(_) => fault(StatusCode::SERVICE_UNAVAILABLE, "the recording is too far behind"),
    }
}

fn fault(status: StatusCode, message: &str) -> Answer {
    answer(
        status,
        &json!({ "error": {
            "message": message,
            "type": status.canonical_reason(),
            "code": status.as_u16(),
        }}),
    )
}
