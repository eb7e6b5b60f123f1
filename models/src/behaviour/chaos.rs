//! `chaos.yaml`: the failures a twin can be made to have.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The failures a twin can be made to have. All are off until their probability is above 0 or a
/// rule asks for them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Chaos {
    /// How each goes.
    pub chaos_modes: BTreeMap<Mode, ChaosMode>,
    /// Where and how often, beyond a mode's own probability for every request. The first rule that
    /// strikes decides; latency is added to whatever follows.
    pub rules: Vec<ChaosRule>,
}

/// The ways of failing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The answer comes late.
    Latency,
    /// Too many requests.
    #[serde(rename = "error_429")]
    Error429,
    /// The vendor's own fault.
    #[serde(rename = "error_500")]
    Error500,
    /// No answer at all: the connection is held, then closed.
    Timeout,
    /// The connection ends in the middle of the body.
    PartialResponse,
    /// The connection is reset before an answer.
    ConnectionReset,
}

/// How one way of failing goes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChaosMode {
    /// For people.
    pub description: String,
    /// Its numbers.
    pub config: ChaosConfig,
    /// The share of all requests it strikes, 0 to 1.
    pub default_probability: f64,
}

/// The numbers of a way of failing. Each has a default, so that a mode may be named alone.
///
/// # Source
///
/// The published `chaos.yaml` (100 to 5000 ms, 30 s, half of the body).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChaosConfig {
    /// Latency: the least.
    pub min_ms: u64,
    /// Latency: the most.
    pub max_ms: u64,
    /// Latency: how it is spread between the two.
    pub distribution: Distribution,
    /// `error_429`: what `Retry-After` says.
    pub retry_after_seconds: u64,
    /// Errors: headers of the answer.
    pub headers: BTreeMap<String, String>,
    /// Errors: the answer's body; the vendor's own error where absent.
    pub body: Option<String>,
    /// Timeout: how long the connection is held.
    pub timeout_ms: u64,
    /// Partial response: how much of the body is sent.
    pub truncate_at_percent: u8,
}

impl Default for ChaosConfig {
    fn default() -> Self {
        Self {
            min_ms: 100,
            max_ms: 5000,
            distribution: Distribution::Normal,
            retry_after_seconds: 30,
            headers: BTreeMap::new(),
            body: None,
            timeout_ms: 30_000,
            truncate_at_percent: 50,
        }
    }
}

/// How latencies are spread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Around the middle; six standard deviations from the least to the most.
    #[default]
    Normal,
    /// Each as likely as the other.
    Uniform,
}

/// Where and how often a way of failing strikes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChaosRule {
    /// Which.
    pub mode: Mode,
    /// `POST /v1/charges`, `/v1/charges/*` (one segment), `/v1/**`; every request where absent.
    #[serde(default)]
    pub route: Option<String>,
    /// Headers the request has to have; `*` in a value is any text.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The share of matching requests, 0 to 1.
    #[serde(default = "always")]
    pub probability: f64,
    /// Matching requests passed over first.
    #[serde(default)]
    pub after: u64,
    /// How often it strikes, then never again; without end where absent.
    #[serde(default)]
    pub count: Option<u64>,
    /// Its numbers, where they are not those of the mode.
    #[serde(default)]
    pub config: Option<ChaosConfig>,
}

const fn always() -> f64 {
    1.0
}

impl Chaos {
    /// What is wrong with it, if anything: the field and why.
    pub fn problem(&self) -> Option<String> {
        let share = |what: String, share: f64| {
            (!(0.0..=1.0).contains(&share))
                .then(|| format!("{what} is {share}, not between 0 and 1"))
        };
        let config = |what: &str, config: &ChaosConfig| {
            if config.min_ms > config.max_ms {
                return Some(format!("{what}: `min_ms` is above `max_ms`"));
            }
            (config.truncate_at_percent > 100)
                .then(|| format!("{what}: `truncate_at_percent` is above 100"))
        };
        let modes = self.chaos_modes.iter().find_map(|(mode, one)| {
            let what = format!("`{mode:?}`");
            share(format!("{what}: `default_probability`"), one.default_probability)
                .or_else(|| config(&what, &one.config))
        });
        let rules = || {
            self.rules.iter().enumerate().find_map(|(index, rule)| {
                let what = format!("`rules[{index}]`");
                share(format!("{what}: `probability`"), rule.probability)
                    .or_else(|| rule.config.as_ref().and_then(|own| config(&what, own)))
            })
        };
        modes.or_else(rules)
    }
}
