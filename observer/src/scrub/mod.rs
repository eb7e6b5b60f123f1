//! Scrubbing of recordings: secrets and personal data are replaced, what a twin is built from stays.
//!
//! In goes a [`RawExchange`] as captured, out comes one that may be written to disk. Replacements
//! are keyed and depend on the value alone, so that an id returned by a POST, shown in a later path
//! and delivered in a webhook is one id before and after.
//!
//! ```
//! use std::borrow::Cow;
//! use observer::exchange::{Direction, RawExchange};
//! use observer::scrub::Scrubber;
//!
//! let scrubber = Scrubber::new([7; 32]);
//! let exchange = RawExchange {
//!     direction: Direction::Call,
//!     seen_at_us: 0,
//!     latency_us: 0,
//!     method: "GET".into(),
//!     url: "https://api.example.com/v1/customers?email=jane%40corp.test".into(),
//!     request_headers: vec![("Authorization".into(), "Bearer 3c1f".into())],
//!     request_body: None,
//!     status: 200,
//!     response_headers: vec![],
//!     response_body: None,
//! };
//! let scrubbed = scrubber.scrub(exchange);
//! assert!(!scrubbed.url.contains("jane"));
//! assert!(scrubbed.request_headers[0].1.starts_with("Bearer scrubbed"));
//! ```
//!
//! What it never does: keep a table of what it replaced, guess at names in free text (a name is
//! known by its key, and then looked for in the whole exchange), or touch words such as statuses,
//! countries and event types, which drift detection needs. Replacing by a keyed hash can be checked
//! by whoever holds the key, so the key never lies beside recordings, and what people choose
//! themselves (passwords, PINs, card codes) becomes a constant instead.
//!
//! # Source
//!
//! The layers are those of the project's inference notes, section 8: positions, forms of vendor
//! secrets, entropy, personal data by form and by key name.

mod body;
mod coding;
mod headers;
mod json;
mod keys;
mod lexer;
mod names;
mod pass;
mod personal;
mod pseudonym;
mod secret;
mod target;
mod text;

#[cfg(test)]
mod canaries;
#[cfg(test)]
mod laws;

pub(crate) use keys::is_credential;
pub use names::{Names, NamesError};
pub use personal::is_personal;
pub use secret::is_secret;

use std::borrow::Cow;

use crate::exchange::{Headers, RawBody, RawExchange};

use pass::{Known, Pass};
use pseudonym::Pseudonyms;

/// Replaces secrets and personal data in exchanges, consistently under one key.
#[derive(Clone)]
pub struct Scrubber {
    pseudonyms: Pseudonyms,
    names: Names,
}

impl std::fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scrubber(key withheld)")
    }
}

impl Scrubber {
    /// A scrubber whose replacements are those of `key`: 32 random bytes, one key a project.
    ///
    /// The caller keeps the key, apart from the recordings.
    pub fn new(key: [u8; 32]) -> Scrubber {
        Scrubber { pseudonyms: Pseudonyms::new(key), names: Names::default() }
    }

    /// As it is, going by what a vendor's `scrub.toml` says of names.
    #[must_use]
    pub fn with_names(self, names: Names) -> Scrubber {
        Scrubber { names, ..self }
    }

    /// The exchange with every secret and all personal data replaced.
    ///
    /// Times, status, method, header names and their order, JSON keys that are words, types,
    /// numbers (card and phone numbers apart) and text in between are as they were. A body that is
    /// not text is replaced by `[N bytes of TYPE]`. The same value gets the same replacement in
    /// every part and in every exchange scrubbed with this key; a value known to be personal only
    /// by its key (a name, an address line) is also replaced wherever else it stands in the same
    /// exchange.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "what went in must not be written afterwards"
    )]
    pub fn scrub(&self, exchange: RawExchange<'_>) -> RawExchange<'static> {
        let first = Pass::new(self, Known::default());
        let scrubbed = scrub_with(&first, &exchange);
        let known = first.into_found();
        if known.is_empty() {
            return scrubbed;
        }
        scrub_with(&Pass::new(self, known), &exchange)
    }
}

fn scrub_with(pass: &Pass<'_>, exchange: &RawExchange<'_>) -> RawExchange<'static> {
    let headers = |headers: &Headers<'_>| -> Headers<'static> {
        headers
            .iter()
            .map(|(name, value)| {
                (Cow::Owned(name.to_string()), Cow::Owned(headers::scrub(pass, name, value)))
            })
            .collect()
    };
    let body = |body: &Option<RawBody<'_>>| -> Option<RawBody<'static>> {
        body.as_ref().map(|body| body::scrub(pass, body))
    };
    RawExchange {
        direction: exchange.direction,
        seen_at_us: exchange.seen_at_us,
        latency_us: exchange.latency_us,
        method: Cow::Owned(exchange.method.to_string()),
        url: Cow::Owned(target::scrub_request_url(pass, &exchange.url)),
        request_headers: headers(&exchange.request_headers),
        request_body: body(&exchange.request_body),
        status: exchange.status,
        response_headers: headers(&exchange.response_headers),
        response_body: body(&exchange.response_body),
    }
}
