//! Every request and its answer, bodies included: the last so many, and so many bytes.

mod har;
mod replay;
mod secrets;

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde_json::{Map, Value, json};

use crate::config::TwinConfig;
use crate::webhooks::written;

pub use replay::{Difference, Replay, ReplayError, replay};

/// The last exchanges, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Capture {
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    exchanges: VecDeque<Exchange>,
    /// Of all bodies and headers.
    bytes: usize,
    /// How many there ever were, and so the number of the last.
    count: u64,
}

/// One request and its answer.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    /// Set when it is [added](Capture::add).
    pub(crate) number: u64,
    /// Whether it went to the admin API.
    pub(crate) is_admin: bool,
    /// On the twin's clock, since the Unix epoch, when it arrived.
    pub(crate) at: Duration,
    pub(crate) took: Duration,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// `None` where the connection was closed on purpose.
    pub(crate) answer: Option<Answer>,
}

/// What was answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// # Source
///
/// The published admin API's ring of requests.
const EXCHANGES_MAX: usize = 1000;
/// Of all bodies and headers together, by an estimate.
const BYTES_MAX: usize = 32 << 20;

/// What of the exchanges is wanted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct View {
    pub(crate) headers: bool,
    pub(crate) bodies: bool,
}

impl Capture {
    /// Of a session that began in the middle of another: its first exchange has number 2, so that
    /// nobody takes it for the beginning.
    pub(crate) fn midway() -> Self {
        Self { ring: Mutex::new(Ring { count: 1, ..Ring::default() }) }
    }

    pub(crate) fn add(&self, exchange: Exchange) {
        let mut exchange = exchange.by_itself();
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.count += 1;
        exchange.number = ring.count;
        ring.bytes += exchange.size();
        ring.exchanges.push_back(exchange);
        while (ring.exchanges.len() > EXCHANGES_MAX || ring.bytes > BYTES_MAX)
            && let Some(oldest) = ring.exchanges.pop_front()
        {
            ring.bytes -= oldest.size();
        }
    }

    /// What it takes in memory, by an estimate.
    pub(crate) fn bytes(&self) -> usize {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }

    pub(crate) fn clear(&self) {
        *self.ring.lock().unwrap_or_else(PoisonError::into_inner) = Ring::default();
    }

    /// The vendor's exchanges, oldest first.
    pub(crate) fn to_json(&self, view: View) -> Value {
        let exchanges = self.all();
        let own = exchanges.iter().filter(|exchange| !exchange.is_admin);
        own.map(|exchange| exchange.to_json(view)).collect()
    }

    /// One exchange with all that is known of it.
    pub(crate) fn one_json(&self, number: u64) -> Option<Value> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let exchange = ring.exchanges.iter().find(|exchange| exchange.number == number)?;
        Some(exchange.to_json(View { headers: true, bodies: true }))
    }

    /// All of it as HAR 1.2, what changed the twin through the admin API included.
    pub(crate) fn to_har(&self, config: &TwinConfig, seed: u64) -> Value {
        har::write(&self.all(), config, seed)
    }

    fn all(&self) -> Vec<Exchange> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.exchanges.iter().cloned().collect()
    }
}

impl Exchange {
    /// The same with bytes of its own. What a connection reads lies in one block with what it reads next, and a single
    /// header would keep all of that.
    fn by_itself(mut self) -> Self {
        for value in self.headers.values_mut() {
            if let Ok(own) = HeaderValue::from_bytes(value.as_bytes()) {
                *value = own;
            }
        }
        if let Ok(own) = Uri::try_from(self.uri.to_string()) {
            self.uri = own;
        }
        self.body = Bytes::copy_from_slice(&self.body);
        self
    }

    /// An estimate of what it takes in memory.
    fn size(&self) -> usize {
        let of_headers = |headers: &HeaderMap| headers.len() * 96;
        let answer = self.answer.as_ref();
        400 + self.body.len()
            + of_headers(&self.headers)
            + answer.map_or(0, |answer| answer.body.len() + of_headers(&answer.headers))
    }

    fn to_json(&self, view: View) -> Value {
        let answer = self.answer.as_ref();
        let mut entry = json!({
            "id": self.number,
            "timestamp": written(self.at),
            "method": self.method.as_str(),
            "path": self.uri.path(),
            "status_code": answer.map_or(0, |answer| answer.status.as_u16()),
            "duration_ms": self.took.as_secs_f64() * 1000.0,
        });
        let Some(fields) = entry.as_object_mut() else { return entry };
        let mut add = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        if let Some(query) = self.uri.query() {
            add("query", secrets::query(query).into());
        }
        let named = ["request-id", "x-request-id", "x-github-request-id", "twilio-request-id"];
        let id = answer.and_then(|one| named.iter().find_map(|name| one.headers.get(*name)));
        if let Some(id) = id.and_then(|id| id.to_str().ok()) {
            add("request_id", id.into());
        }
        if view.headers {
            add("headers", shown_headers(&self.headers).into());
            if let Some(answer) = answer {
                add("response_headers", shown_headers(&answer.headers).into());
            }
        }
        if view.bodies {
            add("body", String::from_utf8_lossy(&self.body).into());
            let body = answer.map(|answer| String::from_utf8_lossy(&answer.body));
            add("response_body", body.into());
        }
        entry
    }
}

/// Headers without what proves who sent them.
fn shown_headers(headers: &HeaderMap) -> Map<String, Value> {
    let shown = headers.iter().map(|(name, value)| {
        (name.to_string(), secrets::header(name, &String::from_utf8_lossy(value.as_bytes())).into())
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(body: usize) -> Exchange {
        Exchange {
            number: 0,
            is_admin: false,
            at: Duration::ZERO,
            took: Duration::ZERO,
            method: Method::GET,
            uri: Uri::from_static("/a"),
            headers: HeaderMap::new(),
            body: Bytes::from(vec![b'x'; body]),
            answer: None,
        }
    }

    #[test]
    fn a_capture_is_bounded_by_count_and_by_bytes() {
        let capture = Capture::default();
        (0..EXCHANGES_MAX + 7).for_each(|_| capture.add(exchange(10)));
        let shown = capture.to_json(View::default());
        assert_eq!(shown.as_array().unwrap().len(), EXCHANGES_MAX);
        assert_eq!(shown[0]["id"], 8);
        (0..20).for_each(|_| capture.add(exchange(4 << 20)));
        let ring = capture.ring.lock().unwrap();
        assert!(ring.bytes <= BYTES_MAX && ring.exchanges.len() == 7, "{}", ring.exchanges.len());
    }

    #[test]
    fn what_is_kept_of_a_request_holds_no_block_of_its_connection() {
        let block = Bytes::from(b"/a?b=c value body".to_vec());
        let mut one = exchange(0);
        one.uri = Uri::from_maybe_shared(block.slice(0..6)).unwrap();
        let value = HeaderValue::from_maybe_shared(block.slice(7..12)).unwrap();
        one.headers.insert("x-own", value);
        one.body = block.slice(13..);
        let capture = Capture::default();
        capture.add(one);
        assert!(block.is_unique());
        let kept = &capture.all()[0];
        assert_eq!((kept.uri.to_string().as_str(), &*kept.body), ("/a?b=c", &b"body"[..]));
        assert_eq!(kept.headers["x-own"], "value");
    }
}
