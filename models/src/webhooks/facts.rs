//! What a delivery says of itself: which it is, of what, when, and which attempt.
//!
//! # Source
//!
//! The vendors' webhook pages: ids and times of Stripe, Slack, GitHub, Shopify, Linear, `HubSpot`,
//! Twilio, Standard Webhooks, Zoom, Zendesk, Paddle, Twitch.

use chrono::DateTime;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::verify::Arrived;

/// What a delivery says of itself. Texts are the vendor's and may identify somebody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// What the vendor calls the delivery or event, the same at each attempt.
    pub id: Option<String>,
    /// The object it is about.
    pub object: Option<String>,
    /// When it happened, microseconds since the Unix epoch.
    pub happened_at_us: Option<i64>,
    /// When this attempt was sent, as its signature says: microseconds since the Unix epoch, to the
    /// second for most vendors.
    pub sent_at_us: Option<i64>,
    /// Which attempt it is, from 1.
    pub attempt: Option<u16>,
}

/// Whether a delivery tells of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Something happened.
    Event,
    /// The vendor asks whether anybody is there, and this is to be said.
    Challenge(String),
    /// The vendor tries the way; any answer will do.
    Ping,
}

/// Headers that name a delivery, most telling first.
const IDS: [&str; 8] = [
    "webhook-id",
    "svix-id",
    "x-github-delivery",
    "linear-delivery",
    "x-shopify-event-id",
    "x-shopify-webhook-id",
    "i-twilio-idempotency-token",
    "twitch-eventsub-message-id",
];
/// Headers that say when an attempt was sent.
const SENT: [&str; 7] = [
    "webhook-timestamp",
    "svix-timestamp",
    "x-slack-request-timestamp",
    "x-hubspot-request-timestamp",
    "x-zm-request-timestamp",
    "x-zendesk-webhook-signature-timestamp",
    "twitch-eventsub-message-timestamp",
];
/// Fields of a body that name its event.
const ID_FIELDS: [&str; 3] = ["event_id", "eventId", "id"];
/// Fields of a body that say when.
const TIME_FIELDS: [&str; 8] = [
    "event_time",
    "occurredAt",
    "occurred_at",
    "webhookTimestamp",
    "created",
    "created_at",
    "createdAt",
    "timestamp",
];
/// Objects of a body that say who and where, not what.
const AROUND: [&str; 7] =
    ["sender", "repository", "organization", "installation", "enterprise", "user", "request"];

impl Facts {
    /// Reads what a delivery says of itself.
    pub fn of(arrived: &Arrived<'_>) -> Self {
        let mut facts = if arrived.is_form() {
            Self::of_form(arrived.body)
        } else {
            Self::of_json(arrived.body)
        };
        if let Some(id) = IDS.iter().find_map(|name| arrived.header(name)) {
            facts.id = Some(id.to_owned());
        }
        if let Some(at) = arrived.header("x-shopify-triggered-at").and_then(written) {
            facts.happened_at_us = Some(at);
        }
        facts.sent_at_us = sent_at(arrived);
        if let Some(retries) = arrived.header("x-slack-retry-num").and_then(|n| n.parse().ok()) {
            facts.attempt = u16::checked_add(retries, 1);
        }
        facts
    }

    fn of_json(body: &[u8]) -> Self {
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Self::of_object(&fields),
            // A batch is one delivery: it is known by its first event, and is of many objects.
            Ok(Value::Array(events)) => {
                let first = events.first().and_then(Value::as_object).map(Self::of_object);
                Self { object: None, happened_at_us: None, ..first.unwrap_or_default() }
            }
            _ => Self::default(),
        }
    }

    fn of_object(fields: &Map<String, Value>) -> Self {
        let attempt = fields.get("attemptNumber").and_then(Value::as_u64);
        Self {
            id: ID_FIELDS.iter().find_map(|name| scalar(fields.get(*name))),
            object: object(fields),
            happened_at_us: TIME_FIELDS.iter().find_map(|name| time(fields.get(*name)?)),
            sent_at_us: None,
            attempt: attempt.and_then(|n| u16::try_from(n).ok()?.checked_add(1)),
        }
    }

    /// Twilio's: the object is its Sid, and its state tells events of it apart.
    fn of_form(body: &[u8]) -> Self {
        let fields: Vec<_> = url::form_urlencoded::parse(body).collect();
        let named = |ending: &str| {
            fields.iter().find(|(name, _)| name.ends_with(ending) && *name != "AccountSid")
        };
        let object = named("Sid").map(|(_, value)| value.to_string());
        Self { object, ..Self::default() }
    }
}

/// The time that is part of what is signed.
fn sent_at(arrived: &Arrived<'_>) -> Option<i64> {
    let within = |name: &str, separator: char, before: &str| {
        let mut parts = arrived.header(name)?.split(separator);
        parts.find_map(|part| part.trim().strip_prefix(before))
    };
    let listed =
        within("stripe-signature", ',', "t=").or_else(|| within("paddle-signature", ';', "ts="));
    let time = listed.or_else(|| SENT.iter().find_map(|name| arrived.header(name)))?;
    time.parse().ok().and_then(of_number).or_else(|| written(time))
}

/// What a delivery is, where it is not an event's.
pub fn kind(arrived: &Arrived<'_>) -> Kind {
    if arrived.header("x-github-event") == Some("ping") {
        return Kind::Ping;
    }
    let Ok(Head { r#type, challenge }) = serde_json::from_slice(arrived.body) else {
        return Kind::Event;
    };
    match (r#type.as_str(), challenge) {
        // Slack's.
        (Some("url_verification"), Value::String(challenge)) => Kind::Challenge(challenge),
        (Some("url_verification"), _) => Kind::Ping,
        _ => Kind::Event,
    }
}

/// The fields of a challenge.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Head {
    r#type: Value,
    challenge: Value,
}

/// The id of what an event is about.
fn object(fields: &Map<String, Value>) -> Option<String> {
    let id = |value: &Value| scalar(value.as_object()?.get("id"));
    if let Some(id) = scalar(fields.get("objectId")) {
        return Some(id);
    }
    for name in ["data", "object", "payload", "resource"] {
        let Some(Value::Object(inner)) = fields.get(name) else { continue };
        return inner.get("object").and_then(id).or_else(|| scalar(inner.get("id")));
    }
    let mut own = fields.iter().filter(|(name, _)| !AROUND.contains(&name.as_str()));
    own.find_map(|(_, value)| id(value))
}

fn scalar(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A number of seconds or milliseconds, or a time as RFC 3339 writes it.
fn time(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => of_number(number.as_f64()?),
        Value::String(text) => written(text),
        _ => None,
    }
}

/// Of this century, which tells seconds from milliseconds.
fn of_number(number: f64) -> Option<i64> {
    let micros = match number {
        n if (946_684_800.0..4_102_444_800.0).contains(&n) => n * 1e6,
        n if (946_684_800_000.0..4_102_444_800_000.0).contains(&n) => n * 1e3,
        _ => return None,
    };
    #[expect(clippy::cast_possible_truncation, reason = "a time of this century, in microseconds")]
    Some(micros as i64)
}

fn written(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_micros())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn arrived<'a>(headers: &'a [(&'a str, &'a str)], body: &'a str) -> Arrived<'a> {
        Arrived { headers, url: "", body: body.as_bytes(), at: Duration::ZERO }
    }

    #[test]
    fn vendors_say_which_delivery_it_is_and_of_what() {
        let stripe = r#"{"id": "evt_1", "type": "a", "created": 1700000000, "data": {"object": {"id": "cus_1"}}}"#;
        let signature = [("Stripe-Signature", "t=1700000100,v1=x")];
        let facts = Facts::of(&arrived(&signature, stripe));
        assert_eq!(facts.sent_at_us, Some(1_700_000_100_000_000));
        assert_eq!(facts.id.as_deref(), Some("evt_1"));
        assert_eq!(facts.object.as_deref(), Some("cus_1"));
        assert_eq!(facts.happened_at_us, Some(1_700_000_000_000_000));

        let sent = |name, value| Facts::of(&arrived(&[(name, value)], "{}")).sent_at_us;
        assert_eq!(sent("Paddle-Signature", "ts=1700000100;h1=x"), Some(1_700_000_100_000_000));
        let zendesk = "X-Zendesk-Webhook-Signature-Timestamp";
        assert_eq!(sent(zendesk, "2023-11-14T22:15:00Z"), Some(1_700_000_100_000_000));

        let github = r#"{"action": "opened", "issue": {"id": 7}, "repository": {"id": 1}, "sender": {"id": 2}}"#;
        let facts = Facts::of(&arrived(&[("X-GitHub-Delivery", "d-1")], github));
        assert_eq!((facts.id.as_deref(), facts.object.as_deref()), (Some("d-1"), Some("7")));

        let slack = r#"{"type": "event_callback", "event_id": "Ev1", "event_time": 1700000000, "event": {"type": "message"}}"#;
        let facts = Facts::of(&arrived(&[("X-Slack-Retry-Num", "2")], slack));
        assert_eq!((facts.id.as_deref(), facts.attempt), (Some("Ev1"), Some(3)));

        let twilio = arrived(
            &[("Content-Type", "application/x-www-form-urlencoded")],
            "AccountSid=AC1&MessageSid=SM1&MessageStatus=sent",
        );
        assert_eq!(Facts::of(&twilio).object.as_deref(), Some("SM1"));
        let batch =
            r#"[{"eventId": 5, "objectId": 9, "occurredAt": 1700000000000}, {"eventId": 6}]"#;
        let facts = Facts::of(&arrived(&[], batch));
        assert_eq!((facts.id.as_deref(), facts.object), (Some("5"), None));
        let endless = r#"{"eventId": 5, "attemptNumber": 18446744073709551615}"#;
        assert_eq!(Facts::of(&arrived(&[], endless)).attempt, None);
    }

    #[test]
    fn challenges_and_pings_are_no_events() {
        let challenge = r#"{"token": "x", "challenge": "3eZb", "type": "url_verification"}"#;
        assert_eq!(kind(&arrived(&[], challenge)), Kind::Challenge("3eZb".to_owned()));
        let ping = [("X-GitHub-Event", "ping")];
        assert_eq!(kind(&arrived(&ping, r#"{"zen": "x", "hook_id": 1}"#)), Kind::Ping);
        assert_eq!(kind(&arrived(&[], r#"{"type": "message"}"#)), Kind::Event);
    }
}
