//! A capture run once more against a fresh twin, and what came out otherwise.

use std::net::{IpAddr, Ipv4Addr};

use models::Model;
use serde::Serialize;
use serde_json::Value;

use crate::admin;
use crate::capture::{Answer, Exchange, har, secrets};
use crate::clock::Clock;
use crate::config::{Missing, TwinConfig};
use crate::render::whole;
use crate::twin::{Head, Twin};

/// What came of a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// Exchanges with the vendor's API that were run.
    pub exchanges: usize,
    /// Those whose answer was not the captured one, byte for byte.
    pub differences: Vec<Difference>,
}

/// An answer that was not the captured one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The exchange's number in the capture.
    pub id: u64,
    /// `POST /v1/customers`.
    pub request: String,
    /// `status`, `header NAME` or `body`.
    pub place: String,
    /// As captured.
    pub captured: String,
    /// As answered now.
    pub replayed: String,
}

/// Why a capture cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It is not a capture.
    #[error("the capture cannot be read: {0}")]
    NotACapture(String),
    /// It begins in the middle.
    #[error(
        "the capture begins with exchange {first}: what came before was dropped when the ring was full, or happened before the session was forked, so the state cannot be made again; reset the twin and capture anew"
    )]
    Incomplete {
        /// Number of the first exchange that is left.
        first: u64,
    },
}

/// Runs a capture (HAR 1.2, of `/admin/requests.har`) against a fresh twin of a model.
///
/// The twin has the capture's seed and treats ids never written as the captured one did, and its clock stands at each exchange where the captured twin's
/// stood. `config` gives the rest; it has to be what the captured twin had.
///
/// # Errors
///
/// Where the capture is none, or lacks its beginning.
pub fn replay(har: &Value, model: Model, config: TwinConfig) -> Result<Replay, ReplayError> {
    let exchanges = har::read(har).map_err(ReplayError::NotACapture)?;
    if let Some(first) = exchanges.first().map(|first| first.number).filter(|first| *first > 1) {
        return Err(ReplayError::Incomplete { first });
    }
    let seed = har.pointer("/log/_wondertwin/seed").and_then(Value::as_u64).unwrap_or(config.seed);
    let missing = match har.pointer("/log/_wondertwin/materialize").and_then(Value::as_bool) {
        Some(true) => Missing::Materialize,
        Some(false) => Missing::NotFound,
        None => config.missing,
    };
    let begin = exchanges.first().map_or(crate::clock::BASE_EPOCH, |first| first.at);
    let twin =
        Twin::frozen(model, TwinConfig { seed, missing, clock: Clock::still(begin), ..config });
    let mut result = Replay { exchanges: 0, differences: Vec::new() };
    for exchange in &exchanges {
        twin.clock().stand_at(exchange.at);
        twin.arrive(&twin.sessions.default());
        let answer = run(&twin, exchange);
        if !exchange.is_admin {
            result.exchanges += 1;
            result.differences.extend(difference(exchange, answer.as_ref()));
        }
    }
    Ok(result)
}

fn run(twin: &Twin, exchange: &Exchange) -> Option<Answer> {
    let session = twin.sessions.default();
    let head = Head {
        method: &exchange.method,
        uri: &exchange.uri,
        headers: &exchange.headers,
        caller: IpAddr::V4(Ipv4Addr::LOCALHOST),
        at: exchange.at,
    };
    let reply = if exchange.is_admin {
        // The clock is set from the capture itself.
        let path = admin::path_of(twin, &head).filter(|path| !path.starts_with("time"))?;
        admin::run(twin, &session, path, &head, &exchange.body)
    } else {
        twin.exchange(&session, &head, exchange.body.clone())?
    };
    let (parts, body) = reply.into_parts();
    Some(Answer { status: parts.status, headers: parts.headers, body: whole(body) })
}

/// Where an answer differs first.
fn difference(exchange: &Exchange, answer: Option<&Answer>) -> Option<Difference> {
    let differing = |place: &str, captured: String, replayed: String| {
        let request = format!("{} {}", exchange.method, exchange.uri);
        Some(Difference {
            id: exchange.number,
            request,
            place: place.to_owned(),
            captured,
            replayed,
        })
    };
    let (captured, replayed) = match (exchange.answer.as_ref(), answer) {
        (None, None) => return None,
        (Some(captured), Some(replayed)) => (captured, replayed),
        (captured, replayed) => {
            let told = |answer: Option<&Answer>| {
                answer.map_or_else(|| "no answer".to_owned(), |answer| answer.status.to_string())
            };
            return differing("status", told(captured), told(replayed));
        }
    };
    if captured.status != replayed.status {
        return differing("status", captured.status.to_string(), replayed.status.to_string());
    }
    for (name, value) in own_headers(captured) {
        // What the capture hides is hidden on both sides.
        let shown = |value: &[u8]| secrets::header(name, &text(value));
        let now = replayed.headers.get(name).map(|value| shown(value.as_bytes()));
        let captured = text(value);
        if now.as_ref() != Some(&captured) {
            return differing(&format!("header {name}"), captured, now.unwrap_or_default());
        }
    }
    // Of what answers a HEAD the connection sends no body, and captures none.
    if exchange.method != http::Method::HEAD && captured.body != replayed.body {
        return differing("body", text(&captured.body), text(&replayed.body));
    }
    None
}

/// The headers the twin answers with, without those the connection adds.
fn own_headers(answer: &Answer) -> impl Iterator<Item = (&http::HeaderName, &[u8])> {
    let own = |name: &http::HeaderName| {
        !matches!(name.as_str(), "date" | "content-length" | "connection" | "transfer-encoding")
            && !name.as_str().starts_with("access-control-")
            && !name.as_str().starts_with("x-wondertwin-")
    };
    let headers = answer.headers.iter().filter(move |(name, _)| own(name));
    headers.map(|(name, value)| (name, value.as_bytes()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
