//! One delivery: answered, and a copy of it handed on.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use models::webhooks::facts::kind;
use models::webhooks::{Arrived, Kind};
use tokio::sync::mpsc;

use super::ReceiverConfig;
use crate::exchange::{Direction, RawBody, RawExchange};
use crate::proxy::{CaptureEvent, Handler, Status, Upstream, end_to_end};

/// Everything a connection needs to answer a delivery.
#[derive(Debug)]
pub(super) struct Intercept {
    pub(super) config: ReceiverConfig,
    pub(super) forward: Option<Upstream<Full<Bytes>>>,
    pub(super) status: Arc<Status>,
    pub(super) sender: mpsc::Sender<CaptureEvent>,
}

type Answer = Response<Full<Bytes>>;

impl Handler for Intercept {
    type Body = Full<Bytes>;

    async fn handle(&self, request: Request<Incoming>, _peer: SocketAddr) -> Answer {
        let (begun_at_us, started) = (chrono::Utc::now().timestamp_micros(), Instant::now());
        let (head, body) = request.into_parts();
        let body = match Limited::new(body, self.config.body_bytes_max).collect().await {
            Ok(body) => body.to_bytes(),
            Err(fault) if fault.is::<LengthLimitError>() => {
                self.status.count_dropped();
                return said(StatusCode::PAYLOAD_TOO_LARGE, "the delivery is too large");
            }
            // Whoever sent it is gone.
            Err(_) => return said(StatusCode::BAD_REQUEST, "the body broke off"),
        };
        let url = self.url(&head);
        let answer = match &self.forward {
            Some(forward) => self.forwarded(forward, &head, body.clone()).await,
            None => own_answer(&head, &url, &body),
        };
        let latency = started.elapsed();
        // A look at the address with a browser is no delivery.
        if head.method == Method::POST || head.method == Method::PUT {
            self.hand_on(exchange(&head, url, body, (begun_at_us, latency), &answer));
        }
        answer
    }
}

impl Intercept {
    /// The address as the vendor called it.
    fn url(&self, head: &http::request::Parts) -> String {
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(url) = &self.config.public_url {
            return format!("{}{target}", url.as_str().trim_end_matches('/'));
        }
        let scheme = header("x-forwarded-proto").unwrap_or("http");
        let host = header("x-forwarded-host").or_else(|| header(HOST.as_str()));
        format!("{scheme}://{}{target}", host.unwrap_or("localhost"))
    }

    async fn forwarded(
        &self,
        forward: &Upstream<Full<Bytes>>,
        head: &http::request::Parts,
        body: Bytes,
    ) -> Answer {
        let Ok(uri) = forward.uri(head.uri.path_and_query()) else {
            return said(StatusCode::BAD_REQUEST, "the path cannot be joined to the receiver's");
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = uri;
        // `Host` stays as well: a receiver that checks the address has to see the vendor's.
        *request.headers_mut() = end_to_end(&head.headers, &[]);
        let answering = async {
            let (mut head, body) = forward.client.request(request).await.ok()?.into_parts();
            let body = Limited::new(body, self.config.body_bytes_max).collect().await.ok()?;
            head.headers = end_to_end(&head.headers, &[]);
            head.version = Version::default();
            Some(Response::from_parts(head, Full::new(body.to_bytes())))
        };
        match tokio::time::timeout(self.config.forward_max, answering).await {
            Ok(Some(answer)) => answer,
            Ok(None) => {
                self.status.count_unanswered();
                tracing::warn!(receiver = self.status.upstream(), "no answer to a webhook");
                said(StatusCode::BAD_GATEWAY, "the receiver did not answer")
            }
            Err(_) => {
                self.status.count_unanswered();
                said(StatusCode::GATEWAY_TIMEOUT, "the receiver did not answer in time")
            }
        }
    }

    /// Never waits: where the channel is full, the copy is dropped and counted.
    fn hand_on(&self, exchange: RawExchange<'static>) {
        match self.sender.try_send(CaptureEvent::Exchange(Box::new(exchange))) {
            Ok(()) => self.status.count_captured(false),
            Err(_) => self.status.count_dropped(),
        }
    }
}

/// The answer where there is no receiver proper.
fn own_answer(head: &http::request::Parts, url: &str, body: &[u8]) -> Answer {
    let headers = pairs(&head.headers);
    let headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let arrived = Arrived { headers: &headers, url, body, at: Duration::ZERO };
    match kind(&arrived) {
        Kind::Challenge(challenge) => said(StatusCode::OK, challenge),
        Kind::Ping | Kind::Event => said(StatusCode::OK, ""),
    }
}

fn said(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, plain);
    answer
}

fn exchange(
    head: &http::request::Parts,
    url: String,
    body: Bytes,
    (seen_at_us, latency): (i64, Duration),
    answer: &Answer,
) -> RawExchange<'static> {
    let media = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = Cow::Owned(media.unwrap_or_default().to_owned());
    RawExchange {
        direction: Direction::Delivery,
        seen_at_us,
        latency_us: u32::try_from(latency.as_micros()).unwrap_or(u32::MAX),
        method: Cow::Owned(head.method.to_string()),
        url: Cow::Owned(url),
        request_headers: pairs(&head.headers),
        request_body: Some(RawBody {
            media_type,
            bytes: Cow::Owned(body.into()),
            truncated: false,
        }),
        status: answer.status().as_u16(),
        response_headers: pairs(answer.headers()),
        response_body: None,
    }
}

fn pairs(headers: &HeaderMap) -> Vec<(Cow<'static, str>, Cow<'static, str>)> {
    let pair = |(name, value): (&http::HeaderName, &HeaderValue)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (Cow::Owned(name.to_string()), Cow::Owned(value))
    };
    headers.iter().map(pair).collect()
}
