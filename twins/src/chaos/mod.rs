//! Failures on purpose: which request gets which, from the seed.
//!
//! Nothing is on by default, and then a request pays for one atomic load.

mod fault;
mod glob;
mod rule;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use models::behaviour;

use crate::dice::Dice;
use crate::twin::Head;

pub(crate) use fault::Fault;
pub(crate) use glob::{Glob, like};
pub(crate) use rule::{End, Rule, Strike};

/// What a twin's failures are now.
#[derive(Debug)]
pub(crate) struct Chaos {
    /// `None` while nothing is on.
    rules: ArcSwapOption<Vec<Rule>>,
    settings: Mutex<Settings>,
    seed: u64,
}

/// All that can be set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) document: behaviour::Chaos,
    /// By the path they were injected at.
    pub(crate) faults: BTreeMap<String, Fault>,
    /// Of every answer, give or take a fifth.
    pub(crate) latency: Duration,
    /// The share of requests that get a 500.
    pub(crate) fail_rate: f64,
}

/// What is done to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blow {
    /// Before anything else.
    pub(crate) wait: Duration,
    pub(crate) end: End,
}

impl Chaos {
    pub(crate) fn new(seed: u64, settings: Settings) -> Self {
        let chaos = Self { rules: ArcSwapOption::empty(), settings: Mutex::default(), seed };
        chaos.change(|now| *now = settings);
        chaos
    }

    /// What is done to a request; almost always nothing.
    pub(crate) fn strike(&self, head: &Head<'_>) -> Option<Blow> {
        // `load` of an empty swap is one atomic read.
        let rules = self.rules.load();
        let rules = rules.as_ref()?;
        let mut blow = Blow { wait: Duration::ZERO, end: End::Serve };
        for rule in rules.iter() {
            match rule.strike(head) {
                None => {}
                Some(Strike::Wait(wait)) => blow.wait += wait,
                Some(Strike::End(wait, end)) => {
                    blow.wait += wait;
                    blow.end = end;
                    break;
                }
            }
        }
        (blow.end != End::Serve || !blow.wait.is_zero()).then_some(blow)
    }

    pub(crate) fn settings(&self) -> Settings {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the settings while serving; the counts and draws of all rules begin anew.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut Settings) -> R) -> R {
        let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut settings);
        let rules = rules_of(&settings, Dice::of(self.seed, "chaos"));
        self.rules.store((!rules.is_empty()).then(|| rules.into()));
        result
    }

    /// The same failures but for the faults that were injected, all counts and draws at their
    /// beginning.
    pub(crate) fn afresh(&self) -> Self {
        Self::new(self.seed, Settings { faults: BTreeMap::new(), ..self.settings() })
    }

    /// The same failures, all counts and draws at their beginning.
    pub(crate) fn fork(&self) -> Self {
        Self::new(self.seed, self.settings())
    }
}

fn rules_of(settings: &Settings, dice: Dice) -> Vec<Rule> {
    let document = &settings.document;
    let config = |mode: behaviour::Mode| {
        document.chaos_modes.get(&mode).map(|one| one.config.clone()).unwrap_or_default()
    };
    let mut rules = Vec::new();
    if !settings.latency.is_zero() {
        rules.push(Rule::steady_latency(settings.latency, dice.at("latency")));
    }
    for (path, fault) in &settings.faults {
        rules.push(Rule::of_fault(path, fault, dice.at("fault").at(path)));
    }
    for (index, rule) in document.rules.iter().enumerate() {
        let config = rule.config.clone().unwrap_or_else(|| config(rule.mode));
        rules.push(Rule::declared(rule, config, dice.at("rule").nth(index as u64)));
    }
    for (mode, one) in document.chaos_modes.iter().filter(|(_, one)| one.default_probability > 0.0)
    {
        let dice = dice.at(&format!("{mode:?}"));
        rules.push(Rule::everywhere(*mode, one.config.clone(), one.default_probability, dice));
    }
    if settings.fail_rate > 0.0 {
        let config = behaviour::ChaosConfig::default();
        let mode = behaviour::Mode::Error500;
        rules.push(Rule::everywhere(mode, config, settings.fail_rate, dice.at("fail")));
    }
    // Latency is added to what follows, so it comes first.
    rules.sort_by_key(|rule| !rule.is_latency());
    rules
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, Method, StatusCode, Uri};
    use serde_json::json;
    use std::net::{IpAddr, Ipv4Addr};

    fn strike(chaos: &Chaos, method: &Method, path: &'static str) -> Option<Blow> {
        let (uri, headers) = (Uri::from_static(path), HeaderMap::new());
        let caller = IpAddr::V4(Ipv4Addr::LOCALHOST);
        chaos.strike(&Head { method, uri: &uri, headers: &headers, caller, at: Duration::ZERO })
    }

    fn chaos(seed: u64, document: serde_json::Value) -> Chaos {
        let document = serde_json::from_value(document).unwrap();
        Chaos::new(seed, Settings { document, ..Settings::default() })
    }

    #[test]
    fn a_rate_is_met_and_comes_from_the_seed() {
        let document = json!({"chaos_modes": {"error_500": {"default_probability": 0.2}}});
        let hits = |seed| -> Vec<bool> {
            let chaos = chaos(seed, document.clone());
            (0..5000).map(|_| strike(&chaos, &Method::GET, "/a").is_some()).collect()
        };
        let first = hits(1);
        let count = first.iter().filter(|hit| **hit).count();
        // Four standard deviations of a binomial of 5000 at 0.2 are 113.
        assert!((887..=1113).contains(&count), "{count}");
        assert_eq!(first, hits(1));
        assert_ne!(first, hits(2));
    }

    #[test]
    fn latency_lies_around_the_middle_and_within_its_bounds() {
        let chaos = chaos(
            3,
            json!({"chaos_modes": {"latency": {
            "config": {"min_ms": 100, "max_ms": 700}, "default_probability": 1.0}}}),
        );
        let waits: Vec<f64> = (0..4000)
            .map(|_| strike(&chaos, &Method::GET, "/a").unwrap().wait.as_secs_f64() * 1000.0)
            .collect();
        assert!(waits.iter().all(|wait| (100.0..=700.0).contains(wait)));
        let mean = waits.iter().sum::<f64>() / 4000.0;
        let spread = (waits.iter().map(|wait| (wait - mean).powi(2)).sum::<f64>() / 4000.0).sqrt();
        assert!((mean - 400.0).abs() < 8.0, "mean {mean}");
        assert!((spread - 100.0).abs() < 8.0, "standard deviation {spread}");
    }

    #[test]
    fn a_rule_keeps_to_its_route_and_count() {
        let chaos = chaos(
            1,
            json!({"rules": [{"mode": "error_429", "route": "POST /v1/*", "after": 1, "count": 2}]}),
        );
        let hits: Vec<bool> =
            (0..5).map(|_| strike(&chaos, &Method::POST, "/v1/charges").is_some()).collect();
        assert_eq!(hits, [false, true, true, false, false]);
        let chaos = chaos.afresh();
        assert!(strike(&chaos, &Method::GET, "/v1/charges").is_none());
        assert!(strike(&chaos, &Method::POST, "/v1/charges/1").is_none());
    }

    #[test]
    fn a_fault_may_be_on_any_path_and_is_taken_back() {
        let chaos = chaos(1, json!({}));
        let fault = Fault { status: StatusCode::BAD_GATEWAY, ..Fault::default() };
        chaos.change(|settings| settings.faults.insert("/v1/a/b/c".to_owned(), fault));
        let blow = strike(&chaos, &Method::GET, "/v1/a/b/c").unwrap();
        assert!(matches!(blow.end, End::Answer { status: StatusCode::BAD_GATEWAY, .. }));
        let chaos = chaos.afresh();
        assert!(strike(&chaos, &Method::GET, "/v1/a/b/c").is_none());
        assert!(chaos.rules.load().is_none());
    }
}
