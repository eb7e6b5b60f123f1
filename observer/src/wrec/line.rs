//! One exchange as one line of JSON, and back.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::exchange::{Direction, Headers, RawBody, RawExchange};

/// The fields of a line, in the order they are written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    direction: Way,
    /// Microseconds since the Unix epoch, UTC.
    seen_at_us: i64,
    /// First byte sent to last byte received.
    latency_us: u32,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
    /// Name and value pairs, in order.
    #[serde(borrow)]
    request_headers: Headers<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    request_body: Option<Body<'a>>,
    /// 0 where no answer came.
    status: u16,
    #[serde(borrow)]
    response_headers: Headers<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    response_body: Option<Body<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Way {
    Call,
    Delivery,
}

/// A body as text where it is UTF-8, else in base64; exactly one of the two.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    #[serde(borrow)]
    media_type: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    base64: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// Not JSON, or not the fields of an exchange.
    #[error("not an exchange")]
    Json(#[source] serde_json::Error),
    /// A body's `base64` is none.
    #[error("the {part} body is no base64")]
    Base64 {
        /// `request` or `response`.
        part: &'static str,
        /// What the decoder found.
        #[source]
        source: base64::DecodeError,
    },
    /// A body with neither or both of `text` and `base64`.
    #[error("the {part} body needs one of `text` and `base64`")]
    Body {
        /// `request` or `response`.
        part: &'static str,
    },
}

/// Appends the exchange to `out` as one line, its newline included.
pub(super) fn write(exchange: &RawExchange<'_>, out: &mut Vec<u8>) {
    let line = Line {
        direction: match exchange.direction {
            Direction::Call => Way::Call,
            Direction::Delivery => Way::Delivery,
        },
        seen_at_us: exchange.seen_at_us,
        latency_us: exchange.latency_us,
        method: Cow::Borrowed(&exchange.method),
        url: Cow::Borrowed(&exchange.url),
        request_headers: borrowed(&exchange.request_headers),
        request_body: exchange.request_body.as_ref().map(body),
        status: exchange.status,
        response_headers: borrowed(&exchange.response_headers),
        response_body: exchange.response_body.as_ref().map(body),
    };
    serde_json::to_writer(&mut *out, &line).expect("strings and numbers into memory");
    out.push(b'\n');
}

/// The exchange a line holds.
pub(super) fn read(text: &[u8]) -> Result<RawExchange<'static>, LineError> {
    let line: Line<'_> = serde_json::from_slice(text).map_err(LineError::Json)?;
    let exchange = RawExchange {
        direction: match line.direction {
            Way::Call => Direction::Call,
            Way::Delivery => Direction::Delivery,
        },
        seen_at_us: line.seen_at_us,
        latency_us: line.latency_us,
        method: line.method,
        url: line.url,
        request_headers: line.request_headers,
        request_body: line.request_body.map(|body| raw(body, "request")).transpose()?,
        status: line.status,
        response_headers: line.response_headers,
        response_body: line.response_body.map(|body| raw(body, "response")).transpose()?,
    };
    Ok(exchange.into_owned())
}

fn borrowed<'h>(headers: &'h Headers<'_>) -> Headers<'h> {
    headers.iter().map(|(n, v)| (Cow::Borrowed(n.as_ref()), Cow::Borrowed(v.as_ref()))).collect()
}

fn body<'b>(body: &'b RawBody<'_>) -> Body<'b> {
    let text = std::str::from_utf8(&body.bytes).ok();
    Body {
        media_type: Cow::Borrowed(&body.media_type),
        text: text.map(Cow::Borrowed),
        base64: text.is_none().then(|| Cow::Owned(STANDARD.encode(&body.bytes))),
        truncated: body.truncated,
    }
}

fn raw<'b>(body: Body<'b>, part: &'static str) -> Result<RawBody<'b>, LineError> {
    let bytes = match (body.text, body.base64) {
        (Some(Cow::Borrowed(text)), None) => Cow::Borrowed(text.as_bytes()),
        (Some(Cow::Owned(text)), None) => Cow::Owned(text.into_bytes()),
        (None, Some(base64)) => Cow::Owned(
            STANDARD
                .decode(base64.as_bytes())
                .map_err(|source| LineError::Base64 { part, source })?,
        ),
        _ => return Err(LineError::Body { part }),
    };
    Ok(RawBody { media_type: body.media_type, bytes, truncated: body.truncated })
}
