//! The event of a webhook delivery.

use models::Model;
use serde::Deserialize;
use serde_json::Value;

use crate::exchange::RawExchange;
use crate::shape::word;

/// Headers that name the event.
///
/// # Source
///
/// The vendors' webhook pages: GitHub, Gitea, GitLab, Shopify, Bitbucket, Linear, Twitch.
const HEADERS: [&str; 7] = [
    "x-github-event",
    "x-gitea-event",
    "x-gitlab-event",
    "x-shopify-topic",
    "x-event-key",
    "linear-event",
    "twitch-eventsub-subscription-type",
];

/// Fields of a payload that name it, first match wins.
#[derive(Deserialize, Default)]
struct Head {
    action: Option<Value>,
    r#type: Option<Value>,
    event: Option<Value>,
    event_type: Option<Value>,
    topic: Option<Value>,
    /// `HubSpot`'s.
    #[serde(rename = "subscriptionType")]
    subscription_type: Option<Value>,
}

/// A payload: one event, or a batch of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Payload {
    Batch(Vec<Head>),
    One(Box<Head>),
}

/// What a batch of several kinds of events is called.
const BATCH: &str = "batch";

/// The vendor's event and the payload's action, `issues.opened`; the event alone where there is
/// no action, or where the model knows it without; `unknown` where nothing names it.
pub(super) fn of(raw: &RawExchange<'_>, model: &Model) -> String {
    let body = raw.request_body.as_ref();
    let head = match body.and_then(|body| serde_json::from_slice(&body.bytes).ok()) {
        Some(Payload::One(head)) => *head,
        Some(Payload::Batch(heads)) => return of_batch(&heads),
        None => Head::default(),
    };
    let stated = HEADERS.iter().find_map(|name| raw.request_header(name)).map(str::to_owned);
    let named = head.named();
    let Some(event) = stated.or(named).filter(|event| is_name(event)) else {
        return "unknown".to_owned();
    };
    match token(head.action.as_ref()) {
        Some(action) => {
            let with_action = format!("{event}.{action}");
            let alone =
                model.webhooks.contains_key(&event) && !model.webhooks.contains_key(&with_action);
            if alone { event } else { with_action }
        }
        None => event,
    }
}

impl Head {
    fn named(&self) -> Option<String> {
        // Slack's envelope; the event is within.
        if let (Some("event_callback"), Some(Value::Object(event))) =
            (self.r#type.as_ref().and_then(Value::as_str), &self.event)
        {
            return token(event.get("type"));
        }
        let fields =
            [&self.r#type, &self.event, &self.event_type, &self.topic, &self.subscription_type];
        fields.into_iter().find_map(|value| token(value.as_ref()))
    }
}

/// The event that all of a batch are, else [`BATCH`].
fn of_batch(heads: &[Head]) -> String {
    let mut names = heads.iter().map(Head::named);
    match names.next() {
        Some(Some(first)) if names.all(|name| name.as_ref() == Some(&first)) => first,
        _ => BATCH.to_owned(),
    }
}

fn token(value: Option<&Value>) -> Option<String> {
    value?.as_str().filter(|text| is_name(text)).map(str::to_owned)
}

fn is_name(text: &str) -> bool {
    word::is_token(text.as_bytes()) && !word::is_telling(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::exchange::{Direction, RawBody};

    fn event(headers: &[(&'static str, &'static str)], body: &'static str) -> String {
        let bytes = Cow::Borrowed(body.as_bytes());
        let raw = RawExchange {
            direction: Direction::Delivery,
            seen_at_us: 0,
            latency_us: 0,
            method: "POST".into(),
            url: "https://hooks.test/".into(),
            request_headers: headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect(),
            request_body: Some(RawBody { media_type: "".into(), bytes, truncated: false }),
            status: 200,
            response_headers: Vec::new(),
            response_body: None,
        };
        of(&raw, &Model::empty("t", ""))
    }

    #[test]
    fn an_event_is_called_as_its_vendor_calls_it() {
        assert_eq!(event(&[], r#"{"id": "evt_1", "type": "invoice.paid"}"#), "invoice.paid");
        let github = [("X-GitHub-Event", "issues")];
        assert_eq!(event(&github, r#"{"action": "opened", "issue": {}}"#), "issues.opened");
        let slack = r#"{"type": "event_callback", "event": {"type": "app_mention", "text": "x"}}"#;
        assert_eq!(event(&[], slack), "app_mention");
        assert_eq!(event(&[], "Body=hello"), "unknown");
    }

    #[test]
    fn a_batch_is_called_by_what_all_in_it_are() {
        let of_one = r#"[{"eventId": 1, "subscriptionType": "contact.creation"}, {"eventId": 2, "subscriptionType": "contact.creation"}]"#;
        assert_eq!(event(&[], of_one), "contact.creation");
        let of_two =
            r#"[{"subscriptionType": "contact.creation"}, {"subscriptionType": "deal.deletion"}]"#;
        assert_eq!(event(&[], of_two), "batch");
        assert_eq!(event(&[], "[]"), "batch");
    }
}
