//! Signatures of webhooks, byte for byte as each vendor makes them.
//!
//! # Source
//!
//! Stripe: documentation ("Verify webhook signatures manually"), `stripe.WebhookSignature`. GitHub:
//! documentation ("Validating webhook deliveries"), its own test vector below. Slack: documentation
//! ("Verifying requests from Slack"), vector below. Twilio: documentation ("Webhooks security"),
//! `twilio.request_validator`. Standard Webhooks 1.0 (its specification's vector below). Shopify:
//! documentation ("Verify a webhook"). Paddle: documentation ("Verify webhook signatures"). Those of
//! vendors with headers of their own stand at their forms.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

use super::form::{self, Filling, Form};
use super::mac::{hex, sha1, sha256};
use crate::behaviour::Scheme;

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'s> {
    /// The form of it.
    pub scheme: Scheme,
    /// Header of the schemes that fix none.
    pub header: Option<&'s str>,
    /// What it is signed with.
    pub secret: &'s str,
    /// The event's id.
    pub id: &'s str,
    /// Where it goes, as the receiver is called from outside.
    pub url: &'s str,
    /// The bytes as they are sent.
    pub body: &'s [u8],
    /// Whether they are a form.
    pub is_form: bool,
    /// Since the Unix epoch, of this attempt.
    pub at: Duration,
}

/// The headers that carry a signature.
pub fn headers(signed: &Signed<'_>) -> Vec<(String, String)> {
    let header = |name: &str, value: String| (name.to_owned(), value);
    let own = |usual: &str| signed.header.unwrap_or(usual).to_owned();
    let key = signed.secret.as_bytes();
    let seconds = signed.at.as_secs();
    match signed.scheme {
        Scheme::None => Vec::new(),
        Scheme::Stripe => {
            let mac = hex(&sha256(key, &[format!("{seconds}.").as_bytes(), signed.body]));
            vec![(own("stripe-signature"), format!("t={seconds},v1={mac}"))]
        }
        Scheme::Paddle => {
            let mac = hex(&sha256(key, &[format!("{seconds}:").as_bytes(), signed.body]));
            vec![header("paddle-signature", format!("ts={seconds};h1={mac}"))]
        }
        Scheme::Github => {
            let mac = format!("sha256={}", hex(&sha256(key, &[signed.body])));
            if let Some(own) = signed.header {
                return vec![header(own, mac)];
            }
            let old = format!("sha1={}", hex(&sha1(key, &[signed.body])));
            vec![header("x-hub-signature", old), header("x-hub-signature-256", mac)]
        }
        Scheme::Twilio => vec![header("x-twilio-signature", twilio(key, signed))],
        Scheme::Standard => standard("webhook", signed),
        Scheme::Svix => standard("svix", signed),
        Scheme::Base64 => {
            let mac = STANDARD.encode(sha256(key, &[signed.body]));
            vec![(own("x-shopify-hmac-sha256"), mac)]
        }
        Scheme::Hex => vec![(own("x-signature"), hex(&sha256(key, &[signed.body])))],
        formed => form::of(formed).map(|form| of_form(form, signed)).unwrap_or_default(),
    }
}

fn of_form(form: &Form, signed: &Signed<'_>) -> Vec<(String, String)> {
    let time = form.time.map(|(name, clock)| (name, clock.write(signed.at)));
    let filling = Filling {
        time: time.as_ref().map_or("", |(_, time)| time),
        id: signed.id,
        url: signed.url,
        body: signed.body,
    };
    let value = form.sign(signed.secret.as_bytes(), &filling);
    let id = form.id.map(|name| (name.to_owned(), signed.id.to_owned()));
    let mut headers = vec![(form.header.to_owned(), value)];
    headers.extend(id);
    headers.extend(time.map(|(name, time)| (name.to_owned(), time)));
    headers
}

/// The address a delivery goes to: Twilio's says the digest of a body that is no form.
pub fn address(scheme: Scheme, url: &str, body: &[u8], is_form: bool) -> String {
    if scheme != Scheme::Twilio || is_form {
        return url.to_owned();
    }
    let join = if url.contains('?') { '&' } else { '?' };
    format!("{url}{join}bodySHA256={}", hex(&Sha256::digest(body)))
}

pub(super) fn twilio(key: &[u8], signed: &Signed<'_>) -> String {
    let mut fields: Vec<(String, String)> =
        if signed.is_form { form(signed.body) } else { Vec::new() };
    // By name, and under one name by value: each value once.
    fields.sort();
    fields.dedup();
    let text: String = fields.into_iter().flat_map(|(name, value)| [name, value]).collect();
    STANDARD.encode(sha1(key, &[signed.url.as_bytes(), text.as_bytes()]))
}

fn form(body: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(body).into_owned().collect()
}

fn standard(prefix: &str, signed: &Signed<'_>) -> Vec<(String, String)> {
    let seconds = signed.at.as_secs();
    let key = standard_key(signed.secret);
    let content = format!("{}.{seconds}.", signed.id);
    let mac = STANDARD.encode(sha256(&key, &[content.as_bytes(), signed.body]));
    vec![
        (format!("{prefix}-id"), signed.id.to_owned()),
        (format!("{prefix}-timestamp"), seconds.to_string()),
        (format!("{prefix}-signature"), format!("v1,{mac}")),
    ]
}

/// The key behind `whsec_`, in base64; a secret that is none is the key itself.
pub(super) fn standard_key(secret: &str) -> Vec<u8> {
    let text = secret.strip_prefix("whsec_").unwrap_or(secret);
    STANDARD_NO_PAD
        .decode(text.trim_end_matches('='))
        .unwrap_or_else(|_| secret.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed<'s>(scheme: Scheme, secret: &'s str, body: &'s str) -> Signed<'s> {
        Signed {
            scheme,
            header: None,
            secret,
            id: "evt_1",
            url: "http://127.0.0.1/hook",
            body: body.as_bytes(),
            is_form: false,
            at: Duration::from_secs(1_614_265_330),
        }
    }

    fn named<'h>(headers: &'h [(String, String)], name: &str) -> &'h str {
        &headers.iter().find(|(own, _)| own == name).unwrap().1
    }

    #[test]
    fn githubs_published_example_comes_out() {
        let headers =
            headers(&signed(Scheme::Github, "It's a Secret to Everybody", "Hello, World!"));
        assert_eq!(
            named(&headers, "x-hub-signature-256"),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }

    #[test]
    fn slacks_published_example_comes_out() {
        let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let at = Duration::from_secs(1_531_420_618);
        let secret = "8f742231b10e8888abcd99yyyzzz85a5";
        let headers = headers(&Signed { at, ..signed(Scheme::Slack, secret, body) });
        assert_eq!(
            named(&headers, "x-slack-signature"),
            "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
        );
        assert_eq!(named(&headers, "x-slack-request-timestamp"), "1531420618");
    }

    #[test]
    fn the_standards_published_example_comes_out() {
        let body = r#"{"test": 2432232314}"#;
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let example = Signed { id, ..signed(Scheme::Standard, secret, body) };
        assert_eq!(
            named(&headers(&example), "webhook-signature"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        let svix = headers(&Signed { scheme: Scheme::Svix, ..example });
        assert_eq!(
            named(&svix, "svix-signature"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn twilios_published_example_comes_out() {
        let body = "Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE";
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let example = Signed { url, is_form: true, ..signed(Scheme::Twilio, "12345", body) };
        assert_eq!(named(&headers(&example), "x-twilio-signature"), "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
        let json = r#"{"property": "value", "boolean": true}"#;
        assert_eq!(
            address(Scheme::Twilio, url, json.as_bytes(), false),
            "https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
        );
    }

    #[test]
    fn squares_published_example_comes_out() {
        let url = "https://example.com/webhook";
        let example = signed(Scheme::Square, "asdf1234", r#"{"hello":"world"}"#);
        assert_eq!(
            named(&headers(&Signed { url, ..example }), "x-square-hmacsha256-signature"),
            "2kRE5qRU2tR+tBGlDwMEw2avJ7QM4ikPYD/PJ3bd9Og="
        );
    }

    /// What Python's `hmac` makes of each vendor's description.
    #[test]
    fn signatures_are_those_of_the_vendors_descriptions() {
        let (test, body) = ("dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==", r#"{"say": "hello"}"#);
        let zendesk = headers(&signed(Scheme::Zendesk, test, body));
        assert_eq!(
            named(&zendesk, "x-zendesk-webhook-signature"),
            "QQCrNSSfcY4QUZF4cVj0LpQIavR/IHc76XWNRnpNlKo="
        );
        assert_eq!(
            named(&zendesk, "x-zendesk-webhook-signature-timestamp"),
            "2021-02-25T15:02:10Z"
        );
        for (scheme, name, value) in [
            (
                Scheme::Zoom,
                "x-zm-signature",
                "v0=29ff12dd96d265b124818b1909b72110afec29213fc38119ae67f7ddffb33328",
            ),
            (
                Scheme::Paddle,
                "paddle-signature",
                "ts=1614265330;h1=08968133136537dadffd18e6896971d00a870dfd3bb4079b016a3e7c14dff477",
            ),
            (
                Scheme::Twitch,
                "twitch-eventsub-message-signature",
                "sha256=99b427e7734d86998f9147bfea3881f04f669f40942239497299c71c0562ef8d",
            ),
            (
                Scheme::Typeform,
                "typeform-signature",
                "sha256=p3dyTZQ+tI3Gm8qKSm1XoE2z+ex+HeTlgehgJlvfMDI=",
            ),
        ] {
            assert_eq!(named(&headers(&signed(scheme, "key", "{}")), name), value);
        }
    }

    #[test]
    fn every_scheme_but_none_signs() {
        for scheme in Scheme::ALL {
            let made = headers(&signed(scheme, "key", "{}"));
            assert_eq!(made.is_empty(), scheme == Scheme::None, "{scheme:?}");
        }
    }

    #[test]
    fn a_new_attempt_has_a_new_time_and_so_another_signature() {
        let first = signed(Scheme::Stripe, "whsec_sim_test_secret", "{}");
        let later = Signed { at: first.at + Duration::from_secs(1), ..first };
        assert_ne!(headers(&first), headers(&later));
        let text = &headers(&first)[0].1;
        assert!(text.starts_with("t=1614265330,v1=") && text.len() == 16 + 64, "{text}");
    }
}
