//! `/admin/time`: what time it is for the twin, and moving it on.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::admin::{Answer, bad, object, wrong_method};
use crate::go_duration;
use crate::session::Session;
use crate::twin::Twin;

pub(super) fn answer(
    twin: &Twin,
    session: &Session,
    rest: &str,
    method: &Method,
    body: &Bytes,
) -> Answer {
    match (method, rest) {
        (&Method::GET, "") => Ok(json!({
            "real": chrono::Utc::now(),
            "simulated": session.clock.now(),
            "offset": go_duration::write(session.clock.offset()),
        })),
        (&Method::POST, "advance") => advance(twin, session, body),
        (&Method::GET, "timers") => Ok(timers(session)),
        (_, "" | "advance" | "timers") => Err(wrong_method()),
        _ => Err((StatusCode::NOT_FOUND, format!("no admin endpoint time/{rest}"))),
    }
}

/// Timers shown; there may be more.
const TIMERS_SHOWN: usize = 1000;

fn timers(session: &Session) -> Value {
    json!({"count": session.timers.count(), "timers": session.timers.to_json(TIMERS_SHOWN)})
}

fn advance(twin: &Twin, session: &Session, body: &Bytes) -> Answer {
    let fields = object(body)?;
    let text = fields.get("duration").and_then(Value::as_str);
    let duration: Duration = text.and_then(go_duration::read).ok_or_else(|| {
        bad("time: `duration` is not a duration such as `24h` or `1m30s`".to_owned())
    })?;
    session.clock.advance(duration);
    // What was to happen or to be tried again later may be due now, here and in the twins that
    // have the same time.
    twin.catch_up(session, session.clock.since_epoch());
    twin.wake.notify_one();
    for other in twin.config.universe.all() {
        if let Ok(theirs) = other.sessions.find(&session.name)
            && theirs.clock.is_same(&session.clock)
        {
            other.catch_up(&theirs, theirs.clock.since_epoch());
            other.wake.notify_one();
        }
    }
    Ok(json!({
        "status": "advanced",
        "duration": go_duration::write(duration),
        "offset": go_duration::write(session.clock.offset()),
        "simulated": session.clock.now(),
    }))
}
