//! `/admin/webhooks`: who gets what, what was delivered, and sending it again.

use bytes::Bytes;
use http::{Method, StatusCode};
use models::behaviour::Knobs;
use serde_json::{Value, json};

use crate::admin::{Answer, bad, object, wrong_method};
use crate::twin::Twin;

pub(super) fn answer(twin: &Twin, rest: &str, method: &Method, body: &Bytes) -> Answer {
    let gone = || (StatusCode::NOT_FOUND, format!("no admin endpoint webhooks/{rest}"));
    match (method, rest) {
        (&Method::GET, "" | "endpoints") => Ok(twin.webhooks.endpoints_json(&twin.state)),
        (&Method::GET, "deliveries") => Ok(twin.webhooks.outbox().to_json()),
        (&Method::POST, "flush") => Ok(flush(twin)),
        (&Method::POST, "wait") => {
            twin.webhooks.wake.notify_one();
            Ok(json!({"status": "quiet"}))
        }
        (&Method::POST, "replay") => replay(twin, body),
        (&Method::GET, "knobs") => Ok(knobs(twin)),
        (&Method::PUT, "knobs") => set_knobs(twin, body),
        (_, "" | "endpoints" | "deliveries" | "flush" | "wait" | "replay" | "knobs") => {
            Err(wrong_method())
        }
        _ => {
            let number =
                rest.strip_prefix("deliveries/").and_then(|one| one.strip_suffix("/replay"));
            match (method, number.and_then(|number| number.parse().ok())) {
                (&Method::POST, Some(number)) => replay_one(twin, number),
                _ => Err(gone()),
            }
        }
    }
}

/// Sends at once what waits. What has been delivered is not sent again.
fn flush(twin: &Twin) -> Value {
    if !twin.webhooks.is_on() {
        return json!({"status": "no webhooks configured"});
    }
    let count = twin.webhooks.outbox().hasten(twin.clock().since_epoch());
    twin.webhooks.wake.notify_one();
    json!({"status": "flushed", "deliveries": count})
}

/// `{"id": 7}`, a delivery's number, or `{"event_id": "evt_…"}`: all of an event's.
fn replay(twin: &Twin, body: &Bytes) -> Answer {
    let fields = object(body)?;
    if let Some(number) = fields.get("id").and_then(Value::as_u64) {
        return replay_one(twin, number);
    }
    let event = fields.get("event_id").and_then(Value::as_str);
    let event = event.ok_or_else(|| bad("webhooks: name `id` or `event_id`".to_owned()))?;
    let numbers = twin.webhooks.outbox().numbers_of(event);
    if numbers.is_empty() {
        return Err((StatusCode::NOT_FOUND, format!("webhooks: no delivery of {event} is kept")));
    }
    let now = twin.clock().since_epoch();
    let again: Vec<_> =
        numbers.into_iter().filter_map(|one| twin.webhooks.outbox().replay(one, now)).collect();
    twin.webhooks.wake.notify_one();
    Ok(json!({"status": "queued", "deliveries": again}))
}

fn replay_one(twin: &Twin, number: u64) -> Answer {
    let now = twin.clock().since_epoch();
    let again = twin.webhooks.outbox().replay(number, now).ok_or_else(|| {
        (StatusCode::NOT_FOUND, format!("webhooks: delivery {number} is not, or no longer, kept"))
    })?;
    twin.webhooks.wake.notify_one();
    Ok(json!({"status": "queued", "deliveries": [again]}))
}

fn knobs(twin: &Twin) -> Value {
    serde_json::to_value(&twin.webhooks.outbox().policy.knobs).unwrap_or_default()
}

fn set_knobs(twin: &Twin, body: &Bytes) -> Answer {
    let set: Knobs = serde_json::from_slice(body)
        .map_err(|error| bad(format!("webhooks: the body is not what `knobs` holds: {error}")))?;
    if let Some(problem) = set.problem() {
        return Err(bad(format!("webhooks: {problem}")));
    }
    twin.webhooks.set_knobs(set);
    Ok(json!({"status": "updated", "knobs": knobs(twin)}))
}
