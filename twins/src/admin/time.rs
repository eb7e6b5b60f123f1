//! `/admin/time`: what time it is for the twin, and moving it on.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::admin::{Answer, bad, object, wrong_method};
use crate::go_duration;
use crate::session::Session;

pub(super) fn answer(session: &Session, rest: &str, method: &Method, body: &Bytes) -> Answer {
    match (method, rest) {
        (&Method::GET, "") => Ok(json!({
            "real": chrono::Utc::now(),
            "simulated": session.clock.now(),
            "offset": go_duration::write(session.clock.offset()),
        })),
        (&Method::POST, "advance") => advance(session, body),
        (_, "" | "advance") => Err(wrong_method()),
        _ => Err((StatusCode::NOT_FOUND, format!("no admin endpoint time/{rest}"))),
    }
}

fn advance(session: &Session, body: &Bytes) -> Answer {
    let fields = object(body)?;
    let text = fields.get("duration").and_then(Value::as_str);
    let duration: Duration = text.and_then(go_duration::read).ok_or_else(|| {
        bad("time: `duration` is not a duration such as `24h` or `1m30s`".to_owned())
    })?;
    session.clock.advance(duration);
    // What was to be tried again later may be due now.
    session.webhooks.wake.notify_one();
    Ok(json!({
        "status": "advanced",
        "duration": go_duration::write(duration),
        "offset": go_duration::write(session.clock.offset()),
        "simulated": session.clock.now(),
    }))
}
