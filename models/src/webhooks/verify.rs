//! Whose signature a delivery carries, and whether a secret made it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::form::{self, FORMS, Filling, Form};
use super::mac::{hex, sha1, sha256};
use super::sign::{self, Signed};
use crate::behaviour::Scheme;
use crate::is_same_secret;

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
    /// None of the secrets made it: somebody else did.
    Invalid,
    /// It carries what may be a signature, in a form that is not known here or that the vendor makes
    /// with a key of its own: whether somebody else sent it cannot be told.
    Unknown,
    /// It carries a signature, and there is no secret to try.
    Unchecked,
    /// It carries none.
    Unsigned,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 6] =
        [Self::Valid, Self::Stale, Self::Invalid, Self::Unknown, Self::Unchecked, Self::Unsigned];

    /// The lake's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Stale => "stale",
            Self::Invalid => "invalid",
            Self::Unknown => "unknown",
            Self::Unchecked => "unchecked",
            Self::Unsigned => "unsigned",
        }
    }
}

/// A verdict and the form it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The form of the signature; where no secret confirmed it, what its headers suggest. None where
    /// they suggest none that is known.
    pub scheme: Scheme,
    /// Header of the schemes that fix none and of what is unknown, in lower case.
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
#[derive(Clone, Copy)]
struct Candidate<'a> {
    scheme: Scheme,
    header: Option<&'a str>,
    value: &'a str,
    /// Whether nothing but this form has such a header.
    is_certain: bool,
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
    match candidates.iter().find(|candidate| candidate.is_certain) {
        _ if secrets.is_empty() => check(first, Verdict::Unchecked),
        Some(certain) => check(certain, Verdict::Invalid),
        None => check(&Candidate { scheme: Scheme::None, ..*first }, Verdict::Unknown),
    }
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

/// Headers that belong to one form, beside those of [`FORMS`].
const NAMED: [(&str, Scheme); 7] = [
    ("stripe-signature", Scheme::Stripe),
    ("x-hub-signature-256", Scheme::Github),
    ("x-twilio-signature", Scheme::Twilio),
    ("webhook-signature", Scheme::Standard),
    ("svix-signature", Scheme::Svix),
    ("paddle-signature", Scheme::Paddle),
    ("x-hub-signature", Scheme::Github),
];

/// Headers that belong to one vendor, which signs in a form that fixes none.
const VENDORS: [(&str, Scheme); 2] =
    [("x-shopify-hmac-sha256", Scheme::Base64), ("linear-signature", Scheme::Hex)];

/// Headers of signatures that a vendor makes with a private key; who would check them has to fetch its
/// public one, which is not done here.
///
/// # Source
///
/// Plaid, "Verify webhooks" (a JWT, ES256). `PayPal`, "Integrate webhooks" (RSA and a certificate).
const OF_PRIVATE_KEYS: [&str; 2] = ["plaid-verification", "paypal-transmission-sig"];

/// What headers say, the most certain first.
fn candidates<'a>(arrived: &Arrived<'a>) -> Vec<Candidate<'a>> {
    let mut candidates = Vec::new();
    for (name, scheme) in named() {
        if let Some(value) = arrived.header(name).filter(|value| belongs(scheme, value)) {
            candidates.push(Candidate { scheme, header: None, value, is_certain: true });
        }
    }
    let mut unknown = Vec::new();
    for &(name, value) in arrived.headers {
        let lower = name.to_ascii_lowercase();
        if !speaks(&lower, value) {
            continue;
        }
        let vendor = VENDORS.iter().find(|(own, _)| *own == lower);
        let scheme = vendor.map_or_else(|| guess(value), |(_, scheme)| *scheme);
        let candidate =
            Candidate { scheme, header: Some(name), value, is_certain: vendor.is_some() };
        if scheme == Scheme::None { &mut unknown } else { &mut candidates }.push(candidate);
    }
    candidates.append(&mut unknown);
    candidates
}

/// Headers that belong to one form.
fn named() -> impl Iterator<Item = (&'static str, Scheme)> {
    NAMED.into_iter().chain(FORMS.iter().map(|form| (form.header, form.scheme)))
}

/// Whether a header's value is of the form whose header it is. `GoCardless` calls its own as Standard
/// Webhooks do, and those have one that is made with a private key (`v1a`).
fn belongs(scheme: Scheme, value: &str) -> bool {
    scheme != Scheme::Standard || value.split(' ').any(|one| one.starts_with("v1,"))
}

/// Whether a header may hold a signature, and none of those that have a form of their own.
fn speaks(name: &str, value: &str) -> bool {
    /// Of a header that holds a code and not a version, an algorithm or a time.
    const CODE_CHARS_MIN: usize = 27;
    let is_named = named().any(|(own, scheme)| own == name && belongs(scheme, value));
    let is_code = value.len() >= CODE_CHARS_MIN && !name.ends_with("timestamp");
    let says = name.contains("signature") || name.contains("hmac");
    is_code && (says || OF_PRIVATE_KEYS.contains(&name)) && is_plain(name) && !is_named
}

/// The form a value looks as if it were of.
fn guess(value: &str) -> Scheme {
    let is_hex = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex(value) {
        Scheme::Hex
    } else if value.strip_prefix("sha256=").is_some_and(is_hex) {
        Scheme::Github
    } else if value.starts_with("t=") && value.contains(",v1=") {
        Scheme::Stripe
    } else if STANDARD.decode(value).is_ok_and(|mac| mac.len() == 32) {
        Scheme::Base64
    } else {
        Scheme::None
    }
}

/// A header's name that is a name and nothing else.
fn is_plain(name: &str) -> bool {
    /// Of versions and algorithms.
    const NUMBERS: [&str; 8] = ["", "1", "2", "3", "256", "384", "512", "25519"];
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    name.len() <= 40
        && name.bytes().all(is_letter)
        && name.split(|letter: char| !letter.is_ascii_digit()).all(|run| NUMBERS.contains(&run))
}

/// Whether a secret made the signature, and when; none where it did not.
fn holds(candidate: &Candidate<'_>, arrived: &Arrived<'_>, secret: &str) -> Option<Verdict> {
    let (key, value) = (secret.as_bytes(), candidate.value);
    let is = |made: &str| is_same_secret(made, value);
    match candidate.scheme {
        Scheme::Stripe => listed(value, &STRIPE, arrived, key),
        Scheme::Paddle => listed(value, &PADDLE, arrived, key),
        Scheme::Github => {
            let made = if value.starts_with("sha1=") {
                format!("sha1={}", hex(&sha1(key, &[arrived.body])))
            } else {
                format!("sha256={}", hex(&sha256(key, &[arrived.body])))
            };
            is(&made).then_some(Verdict::Valid)
        }
        Scheme::Twilio => {
            is(&sign::twilio(key, &signed(arrived, secret))).then_some(Verdict::Valid)
        }
        Scheme::Standard => standard("webhook", arrived, value, secret),
        Scheme::Svix => standard("svix", arrived, value, secret),
        Scheme::Base64 => {
            is(&STANDARD.encode(sha256(key, &[arrived.body]))).then_some(Verdict::Valid)
        }
        Scheme::Hex => {
            let made = hex(&sha256(key, &[arrived.body]));
            is_same_secret(&made, value.to_ascii_lowercase()).then_some(Verdict::Valid)
        }
        Scheme::None => None,
        formed => of_form(form::of(formed)?, arrived, value, key),
    }
}

fn of_form(form: &Form, arrived: &Arrived<'_>, value: &str, key: &[u8]) -> Option<Verdict> {
    let time = match form.time {
        Some((name, clock)) => Some((arrived.header(name)?, clock)),
        None => None,
    };
    let id = match form.id {
        Some(name) => arrived.header(name)?,
        None => "",
    };
    let (url, body) = (arrived.url, arrived.body);
    let filling = Filling { time: time.map_or("", |(time, _)| time), id, url, body };
    let holds = is_same_secret(form.sign(key, &filling), value);
    holds.then(|| match time {
        Some((time, clock)) => of_time(clock.read(time), arrived),
        None => Verdict::Valid,
    })
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

/// A list of a time and of codes over time and body.
struct Listed {
    separator: char,
    time: &'static str,
    code: &'static str,
    /// Between time and body.
    joint: char,
}

const STRIPE: Listed = Listed { separator: ',', time: "t", code: "v1", joint: '.' };
const PADDLE: Listed = Listed { separator: ';', time: "ts", code: "h1", joint: ':' };

/// Several signatures may stand there while a secret is changed for another.
fn listed(value: &str, form: &Listed, arrived: &Arrived<'_>, key: &[u8]) -> Option<Verdict> {
    let parts = value.split(form.separator);
    let parts: Vec<_> = parts.filter_map(|part| part.trim().split_once('=')).collect();
    let (_, time) = parts.iter().find(|(name, _)| *name == form.time)?;
    let made = hex(&sha256(key, &[format!("{time}{}", form.joint).as_bytes(), arrived.body]));
    let is_there = parts.iter().any(|(name, mac)| *name == form.code && is_same_secret(&made, mac));
    is_there.then(|| of_seconds(time, arrived))
}

fn standard(prefix: &str, arrived: &Arrived<'_>, value: &str, secret: &str) -> Option<Verdict> {
    let id = arrived.header(&format!("{prefix}-id"))?;
    let seconds = arrived.header(&format!("{prefix}-timestamp"))?;
    let content = format!("{id}.{seconds}.");
    let mac = sha256(&sign::standard_key(secret), &[content.as_bytes(), arrived.body]);
    let made = format!("v1,{}", STANDARD.encode(mac));
    value.split(' ').any(|one| is_same_secret(&made, one)).then(|| of_seconds(seconds, arrived))
}

/// Seconds, or milliseconds where they would be of a far future (`WorkOS`).
fn of_seconds(number: &str, arrived: &Arrived<'_>) -> Verdict {
    /// The year 5138 in seconds, 1973 in milliseconds.
    const SECONDS_MAX: u64 = 100_000_000_000;
    let at = |number: u64| {
        if number < SECONDS_MAX {
            Duration::from_secs(number)
        } else {
            Duration::from_millis(number)
        }
    };
    of_time(number.parse().ok().map(at), arrived)
}

fn of_time(at: Option<Duration>, arrived: &Arrived<'_>) -> Verdict {
    match at {
        Some(at) if at.abs_diff(arrived.at) <= TOLERANCE => Verdict::Valid,
        _ => Verdict::Stale,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMES: [(Scheme, Option<&str>); 15] = [
        (Scheme::Stripe, None),
        (Scheme::Github, None),
        (Scheme::Slack, None),
        (Scheme::Twilio, None),
        (Scheme::Standard, None),
        (Scheme::Svix, None),
        (Scheme::Hubspot, None),
        (Scheme::Zendesk, None),
        (Scheme::Square, None),
        (Scheme::Zoom, None),
        (Scheme::Paddle, None),
        (Scheme::Twitch, None),
        (Scheme::Typeform, None),
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
            let dated = !matches!(
                scheme.0,
                Scheme::Github
                    | Scheme::Twilio
                    | Scheme::Base64
                    | Scheme::Hex
                    | Scheme::Square
                    | Scheme::Typeform
            );
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

    #[test]
    fn a_vendor_that_signs_like_another_is_known_by_its_own_header() {
        for like in [
            (Scheme::Stripe, Some("calendly-webhook-signature")),
            (Scheme::Github, Some("x-notion-signature")),
            (Scheme::Hex, Some("webhook-signature")),
            (Scheme::Base64, Some("x-xero-signature")),
        ] {
            let whole = |_: &mut Vec<u8>| {};
            let found = check(like, 1000, 1010, &[SECRET], whole);
            assert_eq!((found.scheme, found.verdict), (like.0, Verdict::Valid), "{like:?}");
            assert_eq!(found.header.as_deref(), like.1);
            // Another secret, or another form: nobody can tell.
            let found = check(like, 1000, 1010, &["another"], whole);
            assert_eq!((found.scheme, found.verdict), (Scheme::None, Verdict::Unknown), "{like:?}");
            assert_eq!(found.header.as_deref(), like.1);
        }
    }

    #[test]
    fn what_is_signed_in_a_form_that_is_not_known_is_not_called_forged() {
        let jwt = "eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.eyJpYXQiOjF9.c2lnbmF0dXJlIG9mIGEga2V5";
        let code = "MEUCIQDa0t5vTNpKQ2s9r7l1kq8m4Qx1j3mT8f7b";
        for (name, value) in [
            ("Plaid-Verification", jwt),
            ("PAYPAL-TRANSMISSION-SIG", code),
            ("X-Twilio-Email-Event-Webhook-Signature", code),
            ("X-Signature-Ed25519", "ab".repeat(64).as_str()),
            ("X-Paystack-Signature", "ab".repeat(64).as_str()),
            ("webhook-signature", "v1a,aG9sZHMgZm9yIGEgcHVibGljIGtleSBhbG9uZQ=="),
        ] {
            let headers = [(name, value)];
            let at = Duration::from_secs(1000);
            let arrived = Arrived { headers: &headers, url: "", body: b"{}", at };
            let found = verify(&arrived, &["s".to_owned()]);
            assert_eq!((found.scheme, found.verdict), (Scheme::None, Verdict::Unknown), "{name}");
            assert_eq!(found.header, Some(name.to_ascii_lowercase()));
            assert_eq!(verify(&arrived, &[]).verdict, Verdict::Unchecked, "{name}");
        }
    }

    #[test]
    fn any_header_is_looked_at_and_none_is_an_accident() {
        let names = named().map(|(name, _)| name).chain(OF_PRIVATE_KEYS).chain(["x-hmac"]);
        for name in names {
            for value in ["", "=", "t=", "t=,v1=", "v1,", "sha256=", "\u{e9}", ",;:=. ", "v0="] {
                let long = value.repeat(40);
                let headers = [(name, value), (name, long.as_str())];
                let arrived = Arrived { headers: &headers, url: "", body: b"", at: Duration::MAX };
                let verdict = verify(&arrived, &["s".to_owned()]).verdict;
                assert!(!matches!(verdict, Verdict::Valid | Verdict::Stale), "{name}: {value}");
            }
        }
    }
}
