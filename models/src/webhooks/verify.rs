//! Whose signature a delivery carries, and whether a secret made it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::mac::{hex, sha1, sha256};
use super::sign::{self, Signed};
use crate::behaviour::Scheme;

/// A delivery as it arrived, before anything of it was changed.
#[derive(Clone, Copy)]
pub struct Arrived<'a> {
    /// Name and value of every header; names in any case.
    pub headers: &'a [(&'a str, &'a str)],
    /// Where it went, as the vendor called it.
    pub url: &'a str,
    /// The bytes as they were sent.
    pub body: &'a [u8],
    /// When, since the Unix epoch.
    pub at: Duration,
}

/// What its signature says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A secret made it, and lately.
    Valid,
    /// A secret made it, at a time that is not now: a replay, or clocks that differ.
    Stale,
    /// None of the secrets made it.
    Invalid,
    /// It carries a signature, and there is no secret to try.
    Unchecked,
    /// It carries none that is known.
    Unsigned,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 5] =
        [Self::Valid, Self::Stale, Self::Invalid, Self::Unchecked, Self::Unsigned];

    /// The lake's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Stale => "stale",
            Self::Invalid => "invalid",
            Self::Unchecked => "unchecked",
            Self::Unsigned => "unsigned",
        }
    }
}

/// A verdict and the form it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The form of the signature; where no secret confirmed it, what its headers suggest.
    pub scheme: Scheme,
    /// Header of the schemes that fix none, in lower case.
    pub header: Option<String>,
    /// What it says.
    pub verdict: Verdict,
}

/// How far a signature's time may be from the receiver's.
///
/// # Source
///
/// Stripe's, Slack's and `HubSpot`'s documentation and Standard Webhooks 1.0: five minutes.
const TOLERANCE: Duration = Duration::from_mins(5);

/// A signature a delivery may carry.
struct Candidate<'a> {
    scheme: Scheme,
    header: Option<&'a str>,
    value: &'a str,
}

/// Tries every form whose headers the delivery has with every secret.
pub fn verify(arrived: &Arrived<'_>, secrets: &[String]) -> Check {
    let candidates = candidates(arrived);
    let check = |candidate: &Candidate<'_>, verdict| Check {
        scheme: candidate.scheme,
        header: candidate.header.map(str::to_ascii_lowercase),
        verdict,
    };
    let Some(first) = candidates.first() else {
        return Check { scheme: Scheme::None, header: None, verdict: Verdict::Unsigned };
    };
    for candidate in &candidates {
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            if let Some(verdict) = holds(candidate, arrived, secret) {
                return check(candidate, verdict);
            }
        }
    }
    check(first, if secrets.is_empty() { Verdict::Unchecked } else { Verdict::Invalid })
}

impl<'a> Arrived<'a> {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// Whether the body is a form.
    pub fn is_form(&self) -> bool {
        self.header("content-type")
            .is_some_and(|media| media.starts_with("application/x-www-form-urlencoded"))
    }
}

/// Forms that are known by a header of their own.
const NAMED: [(&str, Scheme); 8] = [
    ("stripe-signature", Scheme::Stripe),
    ("x-hub-signature-256", Scheme::Github),
    ("x-slack-signature", Scheme::Slack),
    ("x-twilio-signature", Scheme::Twilio),
    ("webhook-signature", Scheme::Standard),
    ("svix-signature", Scheme::Svix),
    ("x-hubspot-signature-v3", Scheme::Hubspot),
    ("x-hub-signature", Scheme::Github),
];

fn candidates<'a>(arrived: &Arrived<'a>) -> Vec<Candidate<'a>> {
    let mut candidates = Vec::new();
    for (name, scheme) in NAMED {
        if let Some(value) = arrived.header(name) {
            candidates.push(Candidate { scheme, header: None, value });
        }
    }
    for &(name, value) in arrived.headers {
        let lower = name.to_ascii_lowercase();
        let speaks = lower.contains("signature") || lower.contains("hmac");
        if !speaks || NAMED.iter().any(|(named, _)| *named == lower) || !is_plain(&lower) {
            continue;
        }
        let is_hex = value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hex {
            candidates.push(Candidate { scheme: Scheme::Hex, header: Some(name), value });
        } else if STANDARD.decode(value).is_ok_and(|mac| mac.len() == 32) {
            candidates.push(Candidate { scheme: Scheme::Base64, header: Some(name), value });
        }
    }
    candidates
}

/// A header's name that is a name and nothing else.
fn is_plain(name: &str) -> bool {
    name.len() <= 40 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        || name == "x-shopify-hmac-sha256"
}

/// Whether a secret made the signature, and when; none where it did not.
fn holds(candidate: &Candidate<'_>, arrived: &Arrived<'_>, secret: &str) -> Option<Verdict> {
    let (key, value) = (secret.as_bytes(), candidate.value);
    let is = |made: &str| is_same(made, value);
    match candidate.scheme {
        Scheme::Stripe => stripe(value, arrived, key),
        Scheme::Github => {
            let made = if value.starts_with("sha1=") {
                format!("sha1={}", hex(&sha1(key, &[arrived.body])))
            } else {
                format!("sha256={}", hex(&sha256(key, &[arrived.body])))
            };
            is(&made).then_some(Verdict::Valid)
        }
        Scheme::Slack => {
            let seconds = arrived.header("x-slack-request-timestamp")?;
            let text = format!("v0:{seconds}:");
            let made = format!("v0={}", hex(&sha256(key, &[text.as_bytes(), arrived.body])));
            is(&made).then(|| of_seconds(seconds, arrived))
        }
        Scheme::Twilio => {
            is(&sign::twilio(key, &signed(arrived, secret))).then_some(Verdict::Valid)
        }
        Scheme::Standard => standard("webhook", arrived, value, secret),
        Scheme::Svix => standard("svix", arrived, value, secret),
        Scheme::Hubspot => {
            let millis = arrived.header("x-hubspot-request-timestamp")?;
            let made = sign::hubspot(key, &signed(arrived, secret), millis);
            let at = millis.parse().ok().map(Duration::from_millis);
            is(&made).then(|| of_time(at, arrived))
        }
        Scheme::Base64 => {
            is(&STANDARD.encode(sha256(key, &[arrived.body]))).then_some(Verdict::Valid)
        }
        Scheme::Hex => {
            let made = hex(&sha256(key, &[arrived.body]));
            is_same(&made, &value.to_ascii_lowercase()).then_some(Verdict::Valid)
        }
        Scheme::None => None,
    }
}

fn signed<'s>(arrived: &Arrived<'s>, secret: &'s str) -> Signed<'s> {
    Signed {
        scheme: Scheme::None,
        header: None,
        secret,
        id: "",
        url: arrived.url,
        body: arrived.body,
        is_form: arrived.is_form(),
        at: arrived.at,
    }
}

/// Several signatures may stand there while a secret is changed for another.
fn stripe(value: &str, arrived: &Arrived<'_>, key: &[u8]) -> Option<Verdict> {
    let parts: Vec<_> = value.split(',').filter_map(|part| part.trim().split_once('=')).collect();
    let (_, seconds) = parts.iter().find(|(name, _)| *name == "t")?;
    let made = hex(&sha256(key, &[format!("{seconds}.").as_bytes(), arrived.body]));
    let is_there = parts.iter().any(|(name, mac)| *name == "v1" && is_same(&made, mac));
    is_there.then(|| of_seconds(seconds, arrived))
}

fn standard(prefix: &str, arrived: &Arrived<'_>, value: &str, secret: &str) -> Option<Verdict> {
    let id = arrived.header(&format!("{prefix}-id"))?;
    let seconds = arrived.header(&format!("{prefix}-timestamp"))?;
    let content = format!("{id}.{seconds}.");
    let mac = sha256(&sign::standard_key(secret), &[content.as_bytes(), arrived.body]);
    let made = format!("v1,{}", STANDARD.encode(mac));
    value.split(' ').any(|one| is_same(&made, one)).then(|| of_seconds(seconds, arrived))
}

fn of_seconds(seconds: &str, arrived: &Arrived<'_>) -> Verdict {
    of_time(seconds.parse().ok().map(Duration::from_secs), arrived)
}

fn of_time(at: Option<Duration>, arrived: &Arrived<'_>) -> Verdict {
    match at {
        Some(at) if at.abs_diff(arrived.at) <= TOLERANCE => Verdict::Valid,
        _ => Verdict::Stale,
    }
}

/// Compares without telling by its time how much of it was right.
fn is_same(one: &str, other: &str) -> bool {
    one.len() == other.len()
        && one.bytes().zip(other.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMES: [(Scheme, Option<&str>); 9] = [
        (Scheme::Stripe, None),
        (Scheme::Github, None),
        (Scheme::Slack, None),
        (Scheme::Twilio, None),
        (Scheme::Standard, None),
        (Scheme::Svix, None),
        (Scheme::Hubspot, None),
        (Scheme::Base64, Some("x-shopify-hmac-sha256")),
        (Scheme::Hex, Some("linear-signature")),
    ];

    /// The check of a delivery signed at a time, received at another.
    fn check(
        (scheme, header): (Scheme, Option<&str>),
        signed_at: u64,
        received_at: u64,
        secrets: &[&str],
        change: fn(&mut Vec<u8>),
    ) -> Check {
        let body = br#"{"type": "a.b"}"#;
        let url = "https://hooks.example.com/in";
        let url = sign::address(scheme, url, body, false);
        let at = Duration::from_secs(signed_at);
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let signed =
            Signed { scheme, header, secret, id: "msg_1", url: &url, body, is_form: false, at };
        let made = sign::headers(&signed);
        let headers: Vec<_> =
            made.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut received = body.to_vec();
        change(&mut received);
        let at = Duration::from_secs(received_at);
        let arrived = Arrived { headers: &headers, url: &url, body: &received, at };
        let secrets: Vec<_> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        verify(&arrived, &secrets)
    }

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn what_is_signed_is_recognised_by_its_form_and_its_secret() {
        for scheme in SCHEMES {
            let of = |secrets: &[&str], change| check(scheme, 1000, 1010, secrets, change);
            let whole = |_: &mut Vec<u8>| {};
            let found = of(&["another", SECRET], whole);
            assert_eq!((found.scheme, found.verdict), (scheme.0, Verdict::Valid), "{scheme:?}");
            assert_eq!(found.header.as_deref(), scheme.1);
            assert_eq!(of(&["another"], whole).verdict, Verdict::Invalid, "{scheme:?}");
            assert_eq!(of(&[], whole).verdict, Verdict::Unchecked, "{scheme:?}");
            assert_eq!(of(&[], whole).scheme, scheme.0, "what the headers suggest");
            // Twilio signs the address, which carries the digest of such a body.
            if scheme.0 != Scheme::Twilio {
                let changed = of(&[SECRET], |body| body.push(b' '));
                assert_eq!(changed.verdict, Verdict::Invalid, "{scheme:?}");
            }
        }
    }

    #[test]
    fn a_clock_that_differs_is_told_from_a_secret_that_does() {
        for scheme in SCHEMES {
            let dated =
                !matches!(scheme.0, Scheme::Github | Scheme::Twilio | Scheme::Base64 | Scheme::Hex);
            let found = check(scheme, 1000, 2000, &[SECRET], |_| {});
            let expected = if dated { Verdict::Stale } else { Verdict::Valid };
            assert_eq!(found.verdict, expected, "{scheme:?}");
        }
    }

    #[test]
    fn while_a_secret_is_changed_either_is_taken() {
        let body = b"{}";
        let mac = |key: &str| hex(&sha256(key.as_bytes(), &[b"1000.", body]));
        let value = format!("t=1000,v1={},v1={},v0=x", mac("old"), mac("new"));
        let headers = [("Stripe-Signature", value.as_str())];
        let at = Duration::from_secs(1000);
        let arrived = Arrived { headers: &headers, url: "", body, at };
        for secret in ["old", "new"] {
            assert_eq!(verify(&arrived, &[secret.to_owned()]).verdict, Verdict::Valid);
        }
    }

    #[test]
    fn what_carries_none_is_unsigned() {
        let headers = [("x-signature-version", "2"), ("authorization", "Bearer x")];
        let arrived = Arrived { headers: &headers, url: "", body: b"{}", at: Duration::ZERO };
        assert_eq!(verify(&arrived, &["s".to_owned()]).verdict, Verdict::Unsigned);
    }
}
