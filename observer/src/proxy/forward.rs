//! One request on its way to the upstream, and the answer on its way back.

use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_TYPE, COOKIE, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::Incoming;
use tokio::sync::mpsc;

use super::Handler;
use super::capture::{Capture, Pending, Seen, Side};
use super::control;
use super::status::Status;
use super::tee::Tee;
use super::upstream::Upstream;

/// What the proxy answers with: the upstream's body, or words of its own.
pub(super) type Answer = Response<Either<Tee, Own>>;

/// A body of the proxy's own, with the error type of the others.
pub(super) type Own =
    http_body_util::combinators::MapErr<Full<Bytes>, fn(std::convert::Infallible) -> hyper::Error>;

/// Everything a connection needs to answer a request.
#[derive(Debug)]
pub(super) struct Forwarder {
    pub(super) upstream: Upstream<Tee>,
    pub(super) status: Arc<Status>,
    pub(super) pending: mpsc::Sender<Pending>,
    pub(super) body_bytes_max: usize,
}

impl Handler for Forwarder {
    type Body = Either<Tee, Own>;

    /// The proxy's own answer for its own paths, the upstream's for all others.
    async fn handle(&self, request: Request<Incoming>, peer: SocketAddr) -> Answer {
        match control::Endpoint::of(request.uri().path()) {
            Some(endpoint) => endpoint.answer(request.method(), peer, self).await,
            None => self.forward(request).await,
        }
    }
}

impl Forwarder {
    async fn forward(&self, request: Request<Incoming>) -> Answer {
        let (mut parts, body) = request.into_parts();
        let Ok(uri) = self.upstream.uri(parts.uri.path_and_query()) else {
            let why = "the path cannot be joined to the upstream's";
            return self.refuse(StatusCode::BAD_REQUEST, why);
        };
        let headers = end_to_end(&parts.headers, &[HOST]);
        let capture = self.capture(parts.method.as_str(), &uri, &headers);
        parts.headers = joined_cookies(headers);
        parts.uri = uri;
        parts.version = Version::HTTP_11; // the connection decides; this only asks for no more
        let body = Tee::new(body, capture.clone(), Side::Request);
        let answered = self.upstream.client.request(Request::from_parts(parts, body)).await;
        let (mut parts, body) = match answered {
            Ok(response) => response.into_parts(),
            Err(fault) => {
                capture.unanswered();
                tracing::warn!(%fault, upstream = self.status.upstream(), "no answer");
                return self.refuse(StatusCode::BAD_GATEWAY, &causes(&fault));
            }
        };
        parts.headers = end_to_end(&parts.headers, &[]);
        parts.version = Version::default();
        capture.answered(parts.status.as_u16(), parts.headers.clone());
        let body = Tee::new(body, capture, Side::Response);
        Response::from_parts(parts, Either::Left(body))
    }

    fn capture(&self, method: &str, uri: &http::Uri, headers: &HeaderMap) -> Capture {
        let status = Arc::clone(&self.status);
        let seen = Seen::start(status, method.to_owned(), uri.to_string(), headers.clone());
        Capture::new(seen, self.pending.clone(), self.body_bytes_max)
    }

    /// An answer the upstream did not give, and which says so.
    fn refuse(&self, status: StatusCode, why: &str) -> Answer {
        let upstream = self.status.upstream();
        json(
            status,
            &serde_json::json!({ "error": {
                "message": format!("upstream {upstream}: {why}"),
                "type": status.canonical_reason(),
                "code": status.as_u16(),
                "upstream": upstream,
            }}),
        )
    }
}

/// A JSON answer of the proxy's own.
pub(super) fn json(status: StatusCode, value: &serde_json::Value) -> Answer {
    let never: fn(std::convert::Infallible) -> hyper::Error = |never| match never {};
    let body = Full::new(Bytes::from(value.to_string())).map_err(never);
    let mut response = Response::new(Either::Right(body));
    *response.status_mut() = status;
    let media_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

/// Headers bound to one connection, besides those that `Connection` names.
///
/// # Source
///
/// RFC 9110, section 7.6.1; `Proxy-Connection` and `Keep-Alive` as it lists them.
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// A copy without the headers bound to one connection and those in `left_out`, order kept.
pub(crate) fn end_to_end(headers: &HeaderMap, left_out: &[HeaderName]) -> HeaderMap {
    let named: Vec<&str> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let stays = |name: &HeaderName| {
        !HOP_BY_HOP.contains(name)
            && !left_out.contains(name)
            && !named.iter().any(|named| named.eq_ignore_ascii_case(name.as_str()))
    };
    let mut copy = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers.iter().filter(|(name, _)| stays(name)) {
        copy.append(name, value.clone());
    }
    copy
}

/// HTTP/2 may split `Cookie` into crumbs; HTTP/1.1 knows one header only.
fn joined_cookies(mut headers: HeaderMap) -> HeaderMap {
    let crumbs: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if 1 < crumbs.len()
        && let Ok(whole) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..]))
    {
        headers.insert(COOKIE, whole);
    }
    headers
}

/// An error and what is behind it, in one line.
fn causes(fault: &hyper_util::client::legacy::Error) -> String {
    let mut out = fault.to_string();
    let mut source = fault.source();
    while let Some(cause) = source {
        out.push_str(": ");
        out.push_str(&cause.to_string());
        source = cause.source();
    }
    out
}
