//! What is sent to whom, and what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

/// Something that happened, as it is told.
#[derive(Debug)]
pub(crate) struct Event {
    /// The same for every endpoint and attempt.
    pub(crate) id: String,
    /// `invoice.paid`.
    pub(crate) name: String,
    /// The object it happened to: collection and id. Order is kept by it.
    pub(crate) object: String,
    /// On the session's clock, since the Unix epoch.
    pub(crate) created: Duration,
}

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// The vendor's id of it, else its address.
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) secret: String,
}

/// One event on its way to one endpoint.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) number: u64,
    pub(crate) message: Arc<Message>,
    /// Whether it waits for those of its object before it.
    pub(crate) in_line: bool,
    pub(crate) standing: Standing,
    pub(crate) attempts: Vec<Attempt>,
}

/// What goes over the wire, but for the signature, which is each attempt's own.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) event: Arc<Event>,
    pub(crate) endpoint: Endpoint,
    pub(crate) body: Bytes,
    pub(crate) headers: Vec<(String, String)>,
}

/// How far a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Waiting until a time on the session's clock.
    Due(Duration),
    /// Under way; when it was due.
    Sending(Duration),
    Delivered,
    GivenUp,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// On the session's clock, since the Unix epoch.
    pub(crate) at: Duration,
    pub(crate) took: Duration,
    pub(crate) result: Sent,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sent {
    Answered {
        status: u16,
        /// It said, by status or header, that nothing more is to be tried.
        is_final: bool,
    },
    /// No answer, and why.
    Failed(String),
    TimedOut,
    /// The address may not be sent to.
    Refused(String),
}

impl Sent {
    pub(crate) fn is_success(&self) -> bool {
        matches!(self, Self::Answered { status: 200..=299, .. })
    }

    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Answered { is_final: true, .. } | Self::Refused(_))
    }

    /// Slack's words for it, which do for all.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Answered { .. } => "http_error",
            Self::Failed(_) => "connection_failed",
            Self::TimedOut => "http_timeout",
            Self::Refused(_) => "refused",
        }
    }
}

impl Message {
    /// What it takes in memory while it waits, by an estimate: its body, its headers, and what there is of
    /// every delivery: ids, address, places in the outbox's maps, and four attempts with why they failed.
    pub(crate) fn size(&self) -> usize {
        const OF_EVERY_ONE: usize = 1200;
        let headers = self.headers.iter().map(|(name, value)| name.len() + value.len());
        OF_EVERY_ONE + self.body.len() + headers.sum::<usize>()
    }
}

impl Delivery {
    /// The delivery as the admin API shows it. `status_code`, `error` and `attempt` are those of
    /// the last attempt.
    pub(crate) fn to_json(&self) -> Value {
        let last = self.attempts.last();
        let (state, due) = match self.standing {
            Standing::Due(at) => ("pending", Some(written(at))),
            Standing::Sending(at) => ("sending", Some(written(at))),
            Standing::Delivered => ("delivered", None),
            Standing::GivenUp => ("failed", None),
        };
        let message = &self.message;
        json!({
            "id": self.number,
            "delivery_id": message.id,
            "event_id": message.event.id,
            "event": message.event.name,
            "object": message.event.object,
            "created": written(message.event.created),
            "endpoint": message.endpoint.id,
            "url": message.endpoint.url,
            "state": state,
            "next_attempt": due,
            "attempt": self.attempts.len(),
            "status_code": last.and_then(Attempt::status),
            "error": last.and_then(Attempt::error),
            "timestamp": last.map(|attempt| written(attempt.at)),
            "attempts": self.attempts.iter().map(Attempt::to_json).collect::<Vec<_>>(),
            "headers": message.headers.iter().cloned().collect::<BTreeMap<_, _>>(),
            "body": String::from_utf8_lossy(&message.body),
        })
    }
}

impl Attempt {
    fn status(&self) -> Option<u16> {
        match &self.result {
            Sent::Answered { status, .. } => Some(*status),
            _ => None,
        }
    }

    fn error(&self) -> Option<String> {
        match &self.result {
            Sent::Answered { status: 200..=299, .. } => None,
            Sent::Answered { status, .. } => Some(format!("the endpoint answered {status}")),
            Sent::Failed(why) | Sent::Refused(why) => Some(why.clone()),
            Sent::TimedOut => Some("the endpoint did not answer in time".to_owned()),
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "timestamp": written(self.at),
            "duration_ms": self.took.as_secs_f64() * 1000.0,
            "status_code": self.status(),
            "error": self.error(),
        })
    }
}

/// A time since the Unix epoch as the admin API writes it.
pub(crate) fn written(at: Duration) -> String {
    let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    let time = DateTime::from_timestamp(seconds, at.subsec_nanos()).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
