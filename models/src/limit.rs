//! Rate limits.

use serde::{Deserialize, Serialize};

/// How a limiter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// `limit` in each window of a fixed phase.
    FixedWindow,
    /// `limit` in any window, wherever it begins.
    SlidingWindow,
    /// A bucket of `limit` tokens (or `burst`), refilled fully in `window_seconds`.
    TokenBucket,
    /// As the token bucket, stated as a level that leaks.
    LeakyBucket,
    /// `limit` requests in flight.
    Concurrency,
}

/// One rate limit, keyed in a model by its scope's name (the vendor's resource, else `default`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// How it counts.
    pub algorithm: Algorithm,
    /// Requests (or cost) allowed.
    pub limit: u64,
    /// Length of the window, or the time to refill fully; seconds.
    pub window_seconds: f64,
    /// Bucket size, where it is not `limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u64>,
    /// What is counted together: `key` (the credential), `ip`, `key+route`…; `key` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Cost of a request where it is not 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<u64>,
    /// How the vendor tells the limit in headers: a word of
    /// [`LimitStyle`](crate::behaviour::LimitStyle).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<String>,
}

impl Eq for RateLimit {}
