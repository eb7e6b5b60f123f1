//! One way of failing: when it strikes and what it does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, StatusCode};
use models::behaviour::{ChaosConfig, ChaosRule, Distribution, Mode};
use serde_json::Value;

use crate::chaos::fault::Fault;
use crate::chaos::glob::{Glob, like};
use crate::dice::Dice;
use crate::twin::Head;

/// One way of failing.
#[derive(Debug)]
pub(crate) struct Rule {
    route: Option<Glob>,
    headers: Vec<(HeaderName, String)>,
    probability: f64,
    after: u64,
    count: Option<u64>,
    effect: Effect,
    dice: Dice,
    /// Requests that matched.
    seen: AtomicU64,
    /// Requests that were struck.
    struck: AtomicU64,
}

#[derive(Debug)]
enum Effect {
    Latency { min: f64, max: f64, distribution: Distribution },
    End { wait: Duration, end: End },
}

/// What one rule does to a request.
#[derive(Debug)]
pub(crate) enum Strike {
    Wait(Duration),
    End(Duration, End),
}

/// How a request ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// As ever.
    Serve,
    /// With this answer; in the vendor's own words where there is no body.
    Answer { status: StatusCode, headers: Vec<(String, String)>, body: Option<Bytes> },
    /// With nothing: the connection is held, then closed.
    Silence(Duration),
    /// After so many per cent of the body.
    Cut(u8),
    /// With a reset.
    Reset,
}

impl Rule {
    fn new(effect: Effect, probability: f64, dice: Dice) -> Self {
        Self {
            route: None,
            headers: Vec::new(),
            probability,
            after: 0,
            count: None,
            effect,
            dice,
            seen: AtomicU64::new(0),
            struck: AtomicU64::new(0),
        }
    }

    /// Every answer late, give or take a fifth.
    pub(crate) fn steady_latency(latency: Duration, dice: Dice) -> Self {
        let seconds = latency.as_secs_f64();
        let distribution = Distribution::Uniform;
        let effect = Effect::Latency { min: seconds * 0.8, max: seconds * 1.2, distribution };
        Self::new(effect, 1.0, dice)
    }

    pub(crate) fn everywhere(
        mode: Mode,
        config: ChaosConfig,
        probability: f64,
        dice: Dice,
    ) -> Self {
        Self::new(Effect::of(mode, config), probability, dice)
    }

    pub(crate) fn declared(rule: &ChaosRule, config: ChaosConfig, dice: Dice) -> Self {
        let headers = rule.headers.iter();
        Self {
            route: rule.route.as_deref().map(Glob::of),
            headers: headers
                .filter_map(|(name, value)| Some((name.parse().ok()?, value.clone())))
                .collect(),
            after: rule.after,
            count: rule.count,
            ..Self::new(Effect::of(rule.mode, config), rule.probability, dice)
        }
    }

    pub(crate) fn of_fault(path: &str, fault: &Fault, dice: Dice) -> Self {
        let (body, headers) = match &fault.body {
            Some(Value::String(text)) => (Some(Bytes::from(text.clone())), Vec::new()),
            Some(value) => (Some(Bytes::from(value.to_string())), vec![json_type()]),
            None => (None, Vec::new()),
        };
        let end = End::Answer { status: fault.status, headers, body };
        let effect = Effect::End { wait: fault.delay, end };
        Self { route: Some(Glob::of(path)), ..Self::new(effect, fault.rate, dice) }
    }

    pub(crate) const fn is_latency(&self) -> bool {
        matches!(self.effect, Effect::Latency { .. })
    }

    /// What it does to a request, if anything.
    pub(crate) fn strike(&self, head: &Head<'_>) -> Option<Strike> {
        if !self.is_for(head) {
            return None;
        }
        let number = self.seen.fetch_add(1, Ordering::Relaxed);
        let dice = self.dice.nth(number);
        if number < self.after || dice.unit() >= self.probability {
            return None;
        }
        if let Some(count) = self.count
            && self.struck.fetch_add(1, Ordering::Relaxed) >= count
        {
            return None;
        }
        Some(match &self.effect {
            Effect::Latency { min, max, distribution } => {
                let share = match distribution {
                    Distribution::Uniform => dice.at("wait").unit(),
                    Distribution::Normal => bell(dice.at("wait")),
                };
                Strike::Wait(Duration::from_secs_f64(min + (max - min) * share))
            }
            Effect::End { wait, end } => Strike::End(*wait, end.clone()),
        })
    }

    fn is_for(&self, head: &Head<'_>) -> bool {
        self.route.as_ref().is_none_or(|route| route.is(head.method, head.uri.path()))
            && self.headers.iter().all(|(name, wanted)| {
                let mut values = head.headers.get_all(name).iter();
                values.any(|value| value.to_str().is_ok_and(|value| like(wanted, value)))
            })
    }
}

impl Effect {
    fn of(mode: Mode, config: ChaosConfig) -> Self {
        let answer = |status, config: ChaosConfig, more: Option<(String, String)>| {
            let own = config.headers.into_iter();
            let mut headers: Vec<_> = own.collect();
            let is_new = |(name, _): &(String, String)| {
                !headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
            };
            headers.extend(more.filter(is_new));
            if config.body.is_some() {
                headers.push(json_type());
            }
            End::Answer { status, headers, body: config.body.map(Bytes::from) }
        };
        let end = match mode {
            Mode::Latency => {
                let seconds = |ms: u64| Duration::from_millis(ms).as_secs_f64();
                let (min, max) = (seconds(config.min_ms), seconds(config.max_ms));
                return Self::Latency { min, max, distribution: config.distribution };
            }
            Mode::Error429 => {
                let retry = ("retry-after".to_owned(), config.retry_after_seconds.to_string());
                answer(StatusCode::TOO_MANY_REQUESTS, config, Some(retry))
            }
            Mode::Error500 => answer(StatusCode::INTERNAL_SERVER_ERROR, config, None),
            Mode::Timeout => End::Silence(Duration::from_millis(config.timeout_ms)),
            Mode::PartialResponse => End::Cut(config.truncate_at_percent),
            Mode::ConnectionReset => End::Reset,
        };
        Self::End { wait: Duration::ZERO, end }
    }
}

fn json_type() -> (String, String) {
    ("content-type".to_owned(), "application/json".to_owned())
}

/// A number from 0 to 1, normally spread around the middle, six standard deviations wide.
///
/// The sum of twelve even draws has the variance 1; unlike the usual transform it needs no
/// logarithm, whose last bit differs between machines.
fn bell(dice: Dice) -> f64 {
    let sum: f64 = (0..12).map(|draw| dice.nth(draw).unit()).sum();
    ((sum - 6.0) / 6.0 + 0.5).clamp(0.0, 1.0)
}
