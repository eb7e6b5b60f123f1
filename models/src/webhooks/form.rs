//! Forms of a signature that has headers of its own: one line of data a vendor.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat};

use super::mac::{hex, sha256};
use crate::behaviour::Scheme;

/// How one vendor signs: HMAC-SHA256 with the secret as it is written.
pub(super) struct Form {
    pub(super) scheme: Scheme,
    /// The signature's, in lower case.
    pub(super) header: &'static str,
    /// Header that says when, where that is signed.
    pub(super) time: Option<(&'static str, Clock)>,
    /// Header that says which delivery it is, where that is signed.
    pub(super) id: Option<&'static str>,
    /// What is signed, one after the other.
    pub(super) parts: &'static [Part],
    /// How it is written, behind these letters.
    pub(super) written: (&'static str, Letters),
}

/// A part of what is signed.
pub(super) enum Part {
    /// Letters that are always there.
    Text(&'static str),
    /// The time as its header has it.
    Time,
    /// The delivery's name as its header has it.
    Id,
    /// The address as the vendor calls it.
    Url,
    /// The bytes as they are sent.
    Body,
}

/// How a time is written.
#[derive(Clone, Copy)]
pub(super) enum Clock {
    Seconds,
    Milliseconds,
    Rfc3339,
}

/// How a code is written.
#[derive(Clone, Copy)]
pub(super) enum Letters {
    Hex,
    Base64,
}

/// What the parts are filled with.
pub(super) struct Filling<'f> {
    pub(super) time: &'f str,
    pub(super) id: &'f str,
    pub(super) url: &'f str,
    pub(super) body: &'f [u8],
}

/// # Source
///
/// Slack: "Verifying requests from Slack". `HubSpot`: "Validate requests", v3. Zendesk: "Verifying
/// webhooks" (`base64(HMACSHA256(TIMESTAMP + BODY))`, read in November 2026; the example of 2021 on an
/// older page of theirs has the two the other way round). Square: "Validate the notification".
/// Zoom: "Using webhooks", "Verify webhook events". Twitch: "Handling webhook events". Typeform:
/// "Secure your webhooks".
pub(super) const FORMS: [Form; 7] = [
    Form {
        scheme: Scheme::Slack,
        header: "x-slack-signature",
        time: Some(("x-slack-request-timestamp", Clock::Seconds)),
        id: None,
        parts: &[Part::Text("v0:"), Part::Time, Part::Text(":"), Part::Body],
        written: ("v0=", Letters::Hex),
    },
    Form {
        scheme: Scheme::Zoom,
        header: "x-zm-signature",
        time: Some(("x-zm-request-timestamp", Clock::Seconds)),
        id: None,
        parts: &[Part::Text("v0:"), Part::Time, Part::Text(":"), Part::Body],
        written: ("v0=", Letters::Hex),
    },
    Form {
        scheme: Scheme::Hubspot,
        header: "x-hubspot-signature-v3",
        time: Some(("x-hubspot-request-timestamp", Clock::Milliseconds)),
        id: None,
        parts: &[Part::Text("POST"), Part::Url, Part::Body, Part::Time],
        written: ("", Letters::Base64),
    },
    Form {
        scheme: Scheme::Zendesk,
        header: "x-zendesk-webhook-signature",
        time: Some(("x-zendesk-webhook-signature-timestamp", Clock::Rfc3339)),
        id: None,
        parts: &[Part::Time, Part::Body],
        written: ("", Letters::Base64),
    },
    Form {
        scheme: Scheme::Square,
        header: "x-square-hmacsha256-signature",
        time: None,
        id: None,
        parts: &[Part::Url, Part::Body],
        written: ("", Letters::Base64),
    },
    Form {
        scheme: Scheme::Twitch,
        header: "twitch-eventsub-message-signature",
        time: Some(("twitch-eventsub-message-timestamp", Clock::Rfc3339)),
        id: Some("twitch-eventsub-message-id"),
        parts: &[Part::Id, Part::Time, Part::Body],
        written: ("sha256=", Letters::Hex),
    },
    Form {
        scheme: Scheme::Typeform,
        header: "typeform-signature",
        time: None,
        id: None,
        parts: &[Part::Body],
        written: ("sha256=", Letters::Base64),
    },
];

/// The form of a scheme, where it is one of these.
pub(super) fn of(scheme: Scheme) -> Option<&'static Form> {
    FORMS.iter().find(|form| form.scheme == scheme)
}

impl Form {
    /// The value of the signature's header.
    pub(super) fn sign(&self, key: &[u8], filling: &Filling<'_>) -> String {
        let parts: Vec<&[u8]> = self.parts.iter().map(|part| filling.part(part)).collect();
        let (before, letters) = self.written;
        let mac = sha256(key, &parts);
        match letters {
            Letters::Hex => format!("{before}{}", hex(&mac)),
            Letters::Base64 => format!("{before}{}", STANDARD.encode(mac)),
        }
    }
}

impl<'f> Filling<'f> {
    fn part(&self, part: &Part) -> &'f [u8] {
        match part {
            Part::Text(text) => text.as_bytes(),
            Part::Time => self.time.as_bytes(),
            Part::Id => self.id.as_bytes(),
            Part::Url => self.url.as_bytes(),
            Part::Body => self.body,
        }
    }
}

impl Clock {
    /// A time since the Unix epoch.
    pub(super) fn write(self, at: Duration) -> String {
        match self {
            Self::Seconds => at.as_secs().to_string(),
            Self::Milliseconds => at.as_millis().to_string(),
            Self::Rfc3339 => {
                let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
                let time = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
                time.to_rfc3339_opts(SecondsFormat::Secs, true)
            }
        }
    }

    /// Since the Unix epoch; none where it is no such time.
    pub(super) fn read(self, text: &str) -> Option<Duration> {
        match self {
            Self::Seconds => text.parse().ok().map(Duration::from_secs),
            Self::Milliseconds => text.parse().ok().map(Duration::from_millis),
            Self::Rfc3339 => {
                let time = DateTime::parse_from_rfc3339(text).ok()?;
                u64::try_from(time.timestamp_micros()).ok().map(Duration::from_micros)
            }
        }
    }
}
