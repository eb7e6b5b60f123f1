//! What is kept of an exchange while it goes through, and how it is handed over afterwards.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use tokio::sync::{mpsc, oneshot};

use super::Status;
use crate::content_coding::undone;
use crate::exchange::{Direction, RawBody, RawExchange};

/// What a proxy tells its receiver.
#[derive(Debug)]
pub enum CaptureEvent {
    /// One exchange, credentials and payload included; status 0 where the upstream did not answer.
    Exchange(Box<RawExchange<'static>>),
    /// Close the open sessions; answer with the names of those closed once their manifests are
    /// written. What follows belongs to the next session.
    NewSession(oneshot::Sender<Vec<String>>),
}

/// What waits between the proxy and its receiver.
#[derive(Debug)]
pub(super) enum Pending {
    Exchange(Box<Seen>),
    NewSession(oneshot::Sender<Vec<String>>),
    /// Nothing of interest follows: connections have ended or were cut.
    End,
}

/// One exchange as it went through.
#[derive(Debug)]
pub(super) struct Seen {
    begun_at_us: i64,
    started: Instant,
    latency_us: u32,
    method: String,
    url: String,
    request_headers: HeaderMap,
    status: u16,
    response_headers: HeaderMap,
    request_body: Kept,
    response_body: Kept,
    counters: Arc<Status>,
}

/// The first chunks of one body.
#[derive(Debug, Default)]
struct Kept {
    chunks: Vec<Bytes>,
    bytes: usize,
    /// Not all of the body is here: a limit was met, or it ended early.
    truncated: bool,
    ended: bool,
}

/// Which body of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Response,
}

/// A handle on the exchange being seen, one for each of its bodies.
#[derive(Debug, Clone)]
pub(super) struct Capture {
    seen: Arc<Mutex<Option<Box<Seen>>>>,
    pending: mpsc::Sender<Pending>,
    body_bytes_max: usize,
}

impl Capture {
    pub(super) fn new(
        seen: Seen,
        pending: mpsc::Sender<Pending>,
        body_bytes_max: usize,
    ) -> Capture {
        Capture { seen: Arc::new(Mutex::new(Some(Box::new(seen)))), pending, body_bytes_max }
    }

    /// Notes the head of the answer.
    pub(super) fn answered(&self, status: u16, headers: HeaderMap) {
        self.with(|seen| {
            seen.status = status;
            seen.response_headers = headers;
        });
    }

    /// Keeps a copy of a chunk as far as the limits go.
    pub(super) fn chunk(&self, side: Side, chunk: &Bytes) {
        self.with(|seen| {
            let counters = Arc::clone(&seen.counters);
            let kept = seen.kept(side);
            let room = self.body_bytes_max - kept.bytes;
            let length = chunk.len().min(room);
            if kept.truncated || 0 < length && !counters.hold(length) {
                kept.truncated = true;
                return;
            }
            kept.truncated = length < chunk.len();
            kept.bytes += length;
            kept.chunks.push(held(chunk, length));
        });
    }

    /// Notes the end of a body; that of the answer ends the exchange and hands it over.
    pub(super) fn end(&self, side: Side, complete: bool) {
        self.with(|seen| {
            let kept = seen.kept(side);
            kept.ended = true;
            kept.truncated |= !complete;
        });
        if side == Side::Response {
            self.hand_over();
        }
    }

    /// The upstream did not answer.
    pub(super) fn unanswered(&self) {
        self.with(|seen| seen.counters.count_unanswered());
        self.hand_over();
    }

    fn hand_over(&self) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut seen) = seen else { return };
        seen.latency_us = u32::try_from(seen.started.elapsed().as_micros()).unwrap_or(u32::MAX);
        let counters = Arc::clone(&seen.counters);
        if self.pending.try_send(Pending::Exchange(seen)).is_err() {
            counters.count_dropped();
        }
    }

    fn with(&self, change: impl FnOnce(&mut Seen)) {
        if let Some(seen) = &mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner) {
            change(seen);
        }
    }
}

/// Below this a chunk is copied: a slice would keep the whole read buffer alive.
const SLICE_MIN: usize = 4096;

fn held(chunk: &Bytes, length: usize) -> Bytes {
    if length < SLICE_MIN {
        Bytes::copy_from_slice(&chunk[..length])
    } else {
        chunk.slice(..length)
    }
}

impl Seen {
    /// An exchange that starts now.
    pub(super) fn start(
        counters: Arc<Status>,
        method: String,
        url: String,
        request_headers: HeaderMap,
    ) -> Seen {
        Seen {
            begun_at_us: chrono::Utc::now().timestamp_micros(),
            started: Instant::now(),
            latency_us: 0,
            method,
            url,
            request_headers,
            status: 0,
            response_headers: HeaderMap::new(),
            request_body: Kept::default(),
            response_body: Kept::default(),
            counters,
        }
    }

    fn kept(&mut self, side: Side) -> &mut Kept {
        match side {
            Side::Request => &mut self.request_body,
            Side::Response => &mut self.response_body,
        }
    }

    fn is_coded(&self) -> bool {
        self.request_headers.contains_key(CONTENT_ENCODING)
            || self.response_headers.contains_key(CONTENT_ENCODING)
    }

    fn into_exchange(self, body_bytes_max: usize) -> RawExchange<'static> {
        RawExchange {
            direction: Direction::Call,
            seen_at_us: self.begun_at_us,
            latency_us: self.latency_us,
            method: Cow::Owned(self.method.clone()),
            url: Cow::Owned(self.url.clone()),
            request_body: body(&self.request_body, &self.request_headers, body_bytes_max),
            request_headers: headers(&self.request_headers),
            status: self.status,
            response_body: body(&self.response_body, &self.response_headers, body_bytes_max),
            response_headers: headers(&self.response_headers),
        }
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        self.counters.release(self.request_body.bytes + self.response_body.bytes);
    }
}

/// Builds exchanges from what was seen and sends them on, in order, until told the end.
///
/// Content codings are undone here, on a thread of their own, and never while a body goes through.
pub(super) async fn relay(
    mut waiting: mpsc::Receiver<Pending>,
    sender: mpsc::Sender<CaptureEvent>,
    status: Arc<Status>,
    body_bytes_max: usize,
) {
    while let Some(pending) = waiting.recv().await {
        let event = match pending {
            Pending::End => break,
            Pending::NewSession(done) => CaptureEvent::NewSession(done),
            Pending::Exchange(seen) => {
                let coded = seen.is_coded();
                let decode = move || Box::new(seen.into_exchange(body_bytes_max));
                let built =
                    if coded { tokio::task::spawn_blocking(decode).await } else { Ok(decode()) };
                match built {
                    Ok(exchange) => CaptureEvent::Exchange(exchange),
                    Err(fault) => {
                        tracing::error!(%fault, "an exchange could not be decoded");
                        status.count_dropped();
                        continue;
                    }
                }
            }
        };
        let truncated = match &event {
            CaptureEvent::Exchange(exchange) => Some(is_truncated(exchange)),
            CaptureEvent::NewSession(_) => None,
        };
        match (sender.send(event).await, truncated) {
            (Ok(()), Some(truncated)) => status.count_captured(truncated),
            (Err(_), Some(_)) => status.count_dropped(),
            (_, None) => {}
        }
    }
}

fn is_truncated(exchange: &RawExchange<'_>) -> bool {
    [&exchange.request_body, &exchange.response_body].into_iter().flatten().any(|b| b.truncated)
}

fn headers(map: &HeaderMap) -> crate::exchange::Headers<'static> {
    map.iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (Cow::Owned(name.as_str().to_owned()), Cow::Owned(value))
        })
        .collect()
}

/// The body with its content codings undone, as far as they are known.
fn body(kept: &Kept, headers: &HeaderMap, bytes_max: usize) -> Option<RawBody<'static>> {
    // An answer may come before the request's body has ended; what was seen of it is not all.
    let truncated = kept.truncated || !kept.ended && 0 < kept.bytes;
    if kept.bytes == 0 && !truncated {
        return None;
    }
    let media_type = Cow::Owned(text(headers, &CONTENT_TYPE));
    let bytes = kept.chunks.concat();
    match undone(&bytes, &text(headers, &CONTENT_ENCODING), bytes_max) {
        Some((decoded, cut)) => {
            let bytes = Cow::Owned(decoded.into_owned());
            Some(RawBody { media_type, bytes, truncated: truncated || cut })
        }
        // Bytes of another coding are no text and are stored as such.
        None => Some(RawBody { media_type, bytes: Cow::Owned(bytes), truncated: true }),
    }
}

fn text(headers: &HeaderMap, name: &http::HeaderName) -> String {
    let values: Vec<&str> =
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    values.join(", ")
}
