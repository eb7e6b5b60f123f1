//! `limits` of `twin.json`: rate limits that the model does not say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Algorithm, RateLimit};

/// A rate limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitRule {
    /// How it counts.
    pub algorithm: Algorithm,
    /// Requests, or their cost, allowed.
    pub limit: u64,
    /// Length of the window, or the time to refill fully; seconds. 1 where absent.
    #[serde(default = "one")]
    pub window_seconds: f64,
    /// Size of the bucket, where it is not `limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u64>,
    /// What is counted together: `key`, `ip`, `global`, each with `+route`; `key` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Which requests count: `POST /v1/**`; all where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
    /// What a request costs, by what it is, where it is not 1; the longest pattern that fits.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub costs: BTreeMap<String, u64>,
    /// How headers tell of it.
    #[serde(default)]
    pub headers: LimitStyle,
    /// The status of a refusal, where it is not that of `errors.rate_limited`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// How a vendor tells of a limit in headers.
///
/// # Source
///
/// `draft-ietf-httpapi-ratelimit-headers` 07 (`ietf-draft`) and 10 (`ietf`); GitHub, `HubSpot`, Okta, Shopify and
/// `OpenAI`: their public references, as INFERENCE §4 has them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitStyle {
    /// Not at all.
    None,
    /// `Retry-After` on a refusal; the others say it too.
    #[default]
    RetryAfter,
    /// `RateLimit: "name";r=50;t=30` and `RateLimit-Policy: "name";q=100;w=60`, a member a limit.
    Ietf,
    /// `RateLimit-Limit`, `-Remaining`, `-Reset` (seconds) and `-Policy`.
    IetfDraft,
    /// `X-RateLimit-Limit`, `-Remaining`, `-Reset` (Unix seconds).
    XRatelimit,
    /// The same with `-Used` and `-Resource`.
    Github,
    /// `X-Rate-Limit-Limit`, `-Remaining`, `-Reset` (Unix seconds).
    Okta,
    /// `X-Shopify-Shop-Api-Call-Limit: 32/40`.
    Shopify,
    /// `X-HubSpot-RateLimit-Max`, `-Remaining`, `-Interval-Milliseconds`.
    Hubspot,
    /// `x-ratelimit-limit-requests`, `-remaining-requests`, `-reset-requests` (`6m0s`); the limit's name in place of `requests`.
    Openai,
}

const fn one() -> f64 {
    1.0
}

impl LimitRule {
    /// As the limiter counts it, but for what requests cost.
    pub fn to_limit(&self) -> RateLimit {
        RateLimit {
            algorithm: self.algorithm,
            limit: self.limit,
            window_seconds: self.window_seconds,
            burst: self.burst,
            scope: self.scope.clone(),
            cost: None,
            headers: None,
        }
    }

    pub(super) fn problem(&self) -> Option<String> {
        if !(self.window_seconds.is_finite() && self.window_seconds > 0.0) {
            return Some(format!("`window_seconds` is {}, no length of time", self.window_seconds));
        }
        if let Some(status) = self.status.filter(|status| !(100..600).contains(status)) {
            return Some(format!("`status` is {status}, no HTTP status"));
        }
        let scope = self.scope.as_deref().unwrap_or("key");
        let known = scope.split('+').all(|part| ["key", "ip", "global", "route"].contains(&part));
        (!known).then(|| format!("`scope` is {scope:?}, not of key, ip, global and route"))
    }
}

impl LimitStyle {
    /// The style of a model's limit (`RateLimit::headers`); `None` for a word that is none.
    pub fn named(name: &str) -> Option<Self> {
        serde_json::from_value(name.into()).ok()
    }
}
