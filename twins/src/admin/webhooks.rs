//! `/admin/webhooks`: who gets what, what was delivered, and sending it again.

use bytes::Bytes;
use http::{Method, StatusCode};
use models::behaviour::Knobs;
use serde_json::{Value, json};

use crate::admin::{Answer, bad, object, wrong_method};
use crate::session::Session;

pub(super) fn answer(session: &Session, rest: &str, method: &Method, body: &Bytes) -> Answer {
    let gone = || (StatusCode::NOT_FOUND, format!("no admin endpoint webhooks/{rest}"));
    match (method, rest) {
        (&Method::GET, "" | "endpoints") => Ok(session.webhooks.endpoints_json(&session.state)),
        (&Method::GET, "deliveries") => Ok(session.webhooks.outbox().to_json()),
        (&Method::POST, "flush") => Ok(flush(session)),
        (&Method::POST, "wait") => {
            session.webhooks.wake.notify_one();
            Ok(json!({"status": "quiet"}))
        }
        (&Method::POST, "replay") => replay(session, body),
        (&Method::GET, "knobs") => Ok(knobs(session)),
        (&Method::PUT, "knobs") => set_knobs(session, body),
        (_, "" | "endpoints" | "deliveries" | "flush" | "wait" | "replay" | "knobs") => {
            Err(wrong_method())
        }
        _ => {
            let number =
                rest.strip_prefix("deliveries/").and_then(|one| one.strip_suffix("/replay"));
            match (method, number.and_then(|number| number.parse().ok())) {
                (&Method::POST, Some(number)) => replay_one(session, number),
                _ => Err(gone()),
            }
        }
    }
}

/// Sends at once what waits. What has been delivered is not sent again.
fn flush(session: &Session) -> Value {
    if !session.webhooks.is_on() {
        return json!({"status": "no webhooks configured"});
    }
    let count = session.webhooks.outbox().hasten(session.clock.since_epoch());
    session.webhooks.wake.notify_one();
    json!({"status": "flushed", "deliveries": count})
}

/// `{"id": 7}`, a delivery's number, or `{"event_id": "evt_…"}`: all of an event's.
fn replay(session: &Session, body: &Bytes) -> Answer {
    let fields = object(body)?;
    if let Some(number) = fields.get("id").and_then(Value::as_u64) {
        return replay_one(session, number);
    }
    let event = fields.get("event_id").and_then(Value::as_str);
    let event = event.ok_or_else(|| bad("webhooks: name `id` or `event_id`".to_owned()))?;
    let numbers = session.webhooks.outbox().numbers_of(event);
    if numbers.is_empty() {
        return Err((StatusCode::NOT_FOUND, format!("webhooks: no delivery of {event} is kept")));
    }
    let now = session.clock.since_epoch();
    let again: Vec<_> =
        numbers.into_iter().filter_map(|one| session.webhooks.outbox().replay(one, now)).collect();
    session.webhooks.wake.notify_one();
    Ok(json!({"status": "queued", "deliveries": again}))
}

fn replay_one(session: &Session, number: u64) -> Answer {
    let now = session.clock.since_epoch();
    let again = session.webhooks.outbox().replay(number, now).ok_or_else(|| {
        (StatusCode::NOT_FOUND, format!("webhooks: delivery {number} is not, or no longer, kept"))
    })?;
    session.webhooks.wake.notify_one();
    Ok(json!({"status": "queued", "deliveries": [again]}))
}

fn knobs(session: &Session) -> Value {
    serde_json::to_value(&session.webhooks.outbox().policy.knobs).unwrap_or_default()
}

fn set_knobs(session: &Session, body: &Bytes) -> Answer {
    let set: Knobs = serde_json::from_slice(body)
        .map_err(|error| bad(format!("webhooks: the body is not what `knobs` holds: {error}")))?;
    if let Some(problem) = set.problem() {
        return Err(bad(format!("webhooks: {problem}")));
    }
    session.webhooks.set_knobs(set);
    Ok(json!({"status": "updated", "knobs": knobs(session)}))
}
