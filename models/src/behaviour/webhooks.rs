//! `webhooks` of `twin.json`: what a vendor sends on its own, to whom, how signed, how often.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::behaviour::Events;

/// How a twin sends webhooks.
///
/// Texts in `headers`, `body` and `ids` may hold `{{…}}`; see [`Webhooks::body`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webhooks {
    /// How a delivery is signed.
    pub signature: Signature,
    /// How the body is written.
    pub content: Content,
    /// Headers of each delivery, beside those of the signature.
    pub headers: BTreeMap<String, String>,
    /// The body of an event. A text that is one `{{…}}` becomes the value itself, in others it is
    /// written in place; with a `?` at its end (`{{previous?}}`) the field is left out where there
    /// is no such value, else it is null. Known are `event.{id,name,topic,action,created,
    /// created_iso,created_ms}`, `object` (as the vendor's API shows it), `object.FIELD…`,
    /// `previous` (the fields that changed, as they were), `parameters.NAME` (of the object's
    /// path), `request.{id,idempotency_key}`, `endpoint.{id,url}`, `twin.name`,
    /// `delivery.{id,attempt,reason}` (headers only), `show /path/{NAME}` (what `GET` answers
    /// there), and `base62:N`, `hex:N`, `digits:N`, `uuid` drawn from the seed.
    pub body: Value,
    /// What is told, by collection (`/v1/customers`, `/repos/{owner}/{repo}/issues`). Where it is
    /// absent, every change is told as `customer.created`, `customer.updated` or
    /// `customer.deleted`; where it is empty, nothing is but by handlers.
    pub events: Option<BTreeMap<String, Events>>,
    /// What events and deliveries are known by.
    pub ids: Ids,
    /// Where the vendor's own API registers endpoints.
    pub endpoints: Vec<Registration>,
    /// A field of the object itself that names the address (Twilio's `status_callback`).
    pub object_url: Option<String>,
    /// What happens when a delivery fails.
    pub retry: Retry,
    /// Which deliveries wait for which.
    pub order: Order,
    /// Hosts beside loopback that may be sent to; `*.example.com` is any below it.
    pub hosts: Vec<String>,
    /// The collection that holds the events themselves, `/v1/events`.
    pub log: Option<String>,
    /// What is done to deliveries to try a receiver.
    pub knobs: Knobs,
}

/// How a delivery is signed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Signature {
    /// The form of it.
    pub scheme: Scheme,
    /// Header it goes in, for the schemes that fix none ([`Scheme::Base64`], [`Scheme::Hex`]) and for
    /// vendors that sign like Stripe or GitHub under a name of their own.
    pub header: Option<String>,
    /// What endpoints without a secret of their own are signed with.
    pub secret: Option<String>,
    /// Environment variable that stands above `secret`.
    pub secret_env: Option<String>,
}

/// The forms of a webhook's signature.
///
/// # Source
///
/// Each vendor's documentation and the verifier of its SDK.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// Not at all.
    #[default]
    None,
    /// `Stripe-Signature: t=SECONDS,v1=HEX` over `SECONDS.BODY` (under other names Calendly, Mux).
    Stripe,
    /// `X-Hub-Signature-256: sha256=HEX` and `X-Hub-Signature: sha1=HEX` over the body (the first under
    /// another name Notion).
    Github,
    /// `X-Slack-Signature: v0=HEX` over `v0:SECONDS:BODY`, and `X-Slack-Request-Timestamp`.
    Slack,
    /// `X-Twilio-Signature`: base64 of HMAC-SHA1 over the address and the sorted form fields;
    /// for other bodies the address carries `bodySHA256`.
    Twilio,
    /// Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature: v1,BASE64`.
    Standard,
    /// The same with `svix-` before the names.
    Svix,
    /// Base64 of HMAC-SHA256 over the body (Shopify).
    Base64,
    /// Hexadecimal HMAC-SHA256 over the body (Linear).
    Hex,
    /// `X-HubSpot-Signature-v3`: base64 of HMAC-SHA256 over method, address, body and
    /// `X-HubSpot-Request-Timestamp`, milliseconds.
    Hubspot,
    /// `X-Zendesk-Webhook-Signature`: base64 over `TIME` and body, the time being that of
    /// `X-Zendesk-Webhook-Signature-Timestamp`.
    Zendesk,
    /// `x-square-hmacsha256-signature`: base64 over address and body.
    Square,
    /// `X-Zm-Signature: v0=HEX` over `v0:SECONDS:BODY`, and `X-Zm-Request-Timestamp`.
    Zoom,
    /// `Paddle-Signature: ts=SECONDS;h1=HEX` over `SECONDS:BODY`.
    Paddle,
    /// `Twitch-Eventsub-Message-Signature: sha256=HEX` over id, time and body, each in a header.
    Twitch,
    /// `Typeform-Signature: sha256=BASE64` over the body.
    Typeform,
}

impl Scheme {
    /// Every form.
    pub(crate) const ALL: [Self; 16] = [
        Self::None,
        Self::Stripe,
        Self::Github,
        Self::Slack,
        Self::Twilio,
        Self::Standard,
        Self::Svix,
        Self::Base64,
        Self::Hex,
        Self::Hubspot,
        Self::Zendesk,
        Self::Square,
        Self::Zoom,
        Self::Paddle,
        Self::Twitch,
        Self::Typeform,
    ];

    /// The word for it, as documents have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Stripe => "stripe",
            Self::Github => "github",
            Self::Slack => "slack",
            Self::Twilio => "twilio",
            Self::Standard => "standard",
            Self::Svix => "svix",
            Self::Base64 => "base64",
            Self::Hex => "hex",
            Self::Hubspot => "hubspot",
            Self::Zendesk => "zendesk",
            Self::Square => "square",
            Self::Zoom => "zoom",
            Self::Paddle => "paddle",
            Self::Twitch => "twitch",
            Self::Typeform => "typeform",
        }
    }

    /// The form a word stands for.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.name() == name)
    }
}

/// How a body is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// `application/json`.
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`, in the order of the template's fields.
    Form,
}

/// What events and deliveries are known by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ids {
    /// The same for every attempt.
    pub event: String,
    /// One for each endpoint an event goes to; the same for every attempt.
    pub delivery: String,
}

impl Default for Ids {
    fn default() -> Self {
        Self { event: "evt_{{base62:24}}".to_owned(), delivery: "{{uuid}}".to_owned() }
    }
}

/// A collection of the vendor's API whose entities are endpoints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Registration {
    /// `/v1/webhook_endpoints`, `/repos/{owner}/{repo}/hooks`. Parameters have to have the values
    /// they have in the object's path.
    pub collection: String,
    /// Path of the field with the address, `config.url`.
    pub url: String,
    /// Path of the field with the names of the events; all where absent or empty.
    pub events: Option<String>,
    /// Path of the field that is true where it is told of connected accounts, and not of its own.
    pub of_owned: Option<String>,
    /// Path of the field with the secret.
    pub secret: Option<String>,
    /// The secret a new endpoint gets that says none, `whsec_{{base62:32}}`.
    pub new_secret: Option<String>,
    /// Path of the field that turns it off.
    pub active: Option<String>,
    /// What that field says while it is on: `true`, `enabled`.
    pub active_value: Value,
}

/// What happens when a delivery fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Seconds from a failed attempt to the next; as many attempts more as there are numbers.
    pub delays_seconds: Vec<f64>,
    /// By how much a delay may differ, from the seed.
    pub jitter_percent: u8,
    /// How long an answer is waited for.
    pub timeout_seconds: f64,
    /// Answers after which nothing more is tried.
    pub final_statuses: Vec<u16>,
    /// Header of an answer that says the same (`x-slack-no-retry`).
    pub final_header: Option<String>,
    /// Headers of every attempt after the first.
    pub headers: BTreeMap<String, String>,
}

/// # Source
///
/// The published twins: three attempts, a second apart, 30 s each.
impl Default for Retry {
    fn default() -> Self {
        Self {
            delays_seconds: vec![1.0, 1.0],
            jitter_percent: 0,
            timeout_seconds: 30.0,
            final_statuses: Vec::new(),
            final_header: None,
            headers: BTreeMap::new(),
        }
    }
}

/// Which deliveries wait for which.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Those of one object to one endpoint go one after another.
    #[default]
    PerObject,
    /// None.
    Free,
}

/// What is done to deliveries to try a receiver, from the seed. Nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Knobs {
    /// The share of deliveries that are sent twice, 0 to 1.
    pub duplicate: f64,
    /// The share that is sent late.
    pub delay: f64,
    /// By how much.
    pub delay_seconds: f64,
    /// The share that is sent after the one behind it.
    pub reorder: f64,
}

impl Webhooks {
    /// What is wrong with it, if anything: the field and why.
    pub fn problem(&self) -> Option<String> {
        let seconds = |what: &str, seconds: f64| {
            let fits = seconds.is_finite() && (0.0..=1e9).contains(&seconds);
            (!fits).then(|| format!("`retry.{what}` is {seconds}, not a number of seconds"))
        };
        let delays = self.retry.delays_seconds.iter();
        let lacks_url = |one: &&Registration| one.collection.is_empty() || one.url.is_empty();
        let endpoint = || {
            let lacking = self.endpoints.iter().find(lacks_url);
            lacking.map(|_| "an entry of `endpoints` lacks `collection` or `url`".to_owned())
        };
        self.knobs
            .problem()
            .map(|why| format!("`knobs`: {why}"))
            .or_else(|| seconds("timeout_seconds", self.retry.timeout_seconds))
            .or_else(|| delays.copied().find_map(|delay| seconds("delays_seconds", delay)))
            .or_else(endpoint)
    }
}

impl Knobs {
    /// What is wrong with them, if anything.
    pub fn problem(&self) -> Option<String> {
        let shares =
            [("duplicate", self.duplicate), ("delay", self.delay), ("reorder", self.reorder)];
        let bad = shares.iter().find(|(_, share)| !(0.0..=1.0).contains(share));
        if let Some((name, share)) = bad {
            return Some(format!("`{name}` is {share}, not between 0 and 1"));
        }
        let fits = self.delay_seconds.is_finite() && (0.0..=1e9).contains(&self.delay_seconds);
        (!fits)
            .then(|| format!("`delay_seconds` is {}, not a number of seconds", self.delay_seconds))
    }
}
