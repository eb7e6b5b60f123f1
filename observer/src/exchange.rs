//! One exchange as a source hands it over, before anything is scrubbed.

use std::borrow::Cow;

/// One request and its answer as captured, payload and credentials included.
///
/// Lives only between a source and the shaper; never written anywhere as it stands. Borrows from
/// the source's line buffer where it can.
#[derive(Debug, Clone, PartialEq)]
pub struct RawExchange<'a> {
    /// A call of the vendor's API, or a webhook delivery to the application.
    pub direction: Direction,
    /// When the request started, microseconds since the Unix epoch, UTC.
    pub seen_at_us: i64,
    /// First byte sent to last byte received, whole microseconds.
    pub latency_us: u32,
    /// Upper-case HTTP method.
    pub method: Cow<'a, str>,
    /// Absolute URL, query included.
    pub url: Cow<'a, str>,
    /// Name and value as sent; names in any case.
    pub request_headers: Headers<'a>,
    /// Absent where the request had no body.
    pub request_body: Option<RawBody<'a>>,
    /// HTTP status; 0 where no answer came.
    pub status: u16,
    /// Name and value as received; names in any case.
    pub response_headers: Headers<'a>,
    /// Absent where the answer had no body.
    pub response_body: Option<RawBody<'a>>,
}

/// Header names and values in the order they were sent.
pub type Headers<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// Which way the request went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// The application called the vendor.
    Call,
    /// The vendor delivered a webhook to the application (`_kind: webhook` in NDJSON).
    Delivery,
}

/// A body's decoded bytes (content codings and base64 undone).
#[derive(Debug, Clone, PartialEq)]
pub struct RawBody<'a> {
    /// The media type as declared, parameters included; empty where none was.
    pub media_type: Cow<'a, str>,
    /// The bytes held, after content decoding.
    pub bytes: Cow<'a, [u8]>,
    /// The source holds less than was sent (capture limit, `size` larger than the text).
    pub truncated: bool,
}

impl RawExchange<'_> {
    /// A copy that borrows nothing, for sending across threads.
    pub fn into_owned(self) -> RawExchange<'static> {
        let own = |headers: Headers<'_>| -> Headers<'static> {
            headers
                .into_iter()
                .map(|(name, value)| {
                    (Cow::Owned(name.into_owned()), Cow::Owned(value.into_owned()))
                })
                .collect()
        };
        RawExchange {
            direction: self.direction,
            seen_at_us: self.seen_at_us,
            latency_us: self.latency_us,
            method: Cow::Owned(self.method.into_owned()),
            url: Cow::Owned(self.url.into_owned()),
            request_headers: own(self.request_headers),
            request_body: self.request_body.map(RawBody::into_owned),
            status: self.status,
            response_headers: own(self.response_headers),
            response_body: self.response_body.map(RawBody::into_owned),
        }
    }

    /// The first response header of this name, in any case.
    pub fn response_header(&self, name: &str) -> Option<&str> {
        find(&self.response_headers, name)
    }

    /// The first request header of this name, in any case.
    pub fn request_header(&self, name: &str) -> Option<&str> {
        find(&self.request_headers, name)
    }
}

impl RawBody<'_> {
    /// A copy that borrows nothing.
    pub fn into_owned(self) -> RawBody<'static> {
        RawBody {
            media_type: Cow::Owned(self.media_type.into_owned()),
            bytes: Cow::Owned(self.bytes.into_owned()),
            truncated: self.truncated,
        }
    }
}

fn find<'h>(headers: &'h Headers<'_>, name: &str) -> Option<&'h str> {
    headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_ref())
}
