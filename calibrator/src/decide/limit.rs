//! Rate limits: verdicts of the inference as findings and notes.

use std::collections::BTreeMap;

use models::limits::{Call, LimitEvidence, LimitVerdict, infer};
use models::{FieldPath, Kind, Place, RateLimit, Surface};
use serde_json::{Value, json};

use super::{Case, Counts, Decision, Difference, float};
use crate::evidence::Span;

/// The scope of calls without credential, where they have a limit of their own.
const ANONYMOUS: &str = "anonymous";
/// Calls without credential from which a limit of their own is looked for.
const ANONYMOUS_MIN: usize = 20;

/// Decides on every scope; a scope not seen before is a note, as is a bound.
pub(crate) fn limits(case: &Case<'_>, calls: &[Call]) -> (Vec<Decision>, Vec<String>) {
    let (mut decisions, mut notes) = (Vec::new(), Vec::new());
    for (scope, verdict) in verdicts(calls, &case.model.limits) {
        match verdict {
            LimitVerdict::Changed {
                before,
                after,
                alternatives,
                decided_otherwise,
                stated,
                evidence,
                ..
            } => {
                let chance = if stated { 1e-4 } else { 0.05 / float(decided_otherwise.max(1)) };
                decisions.push(changed(
                    case,
                    &scope,
                    json!(before),
                    json!(after),
                    chance,
                    &evidence,
                ));
                if !alternatives.is_empty() {
                    notes.push(format!(
                        "rate limit `{scope}`: the refusals fit {} other limits as well",
                        alternatives.len()
                    ));
                }
            }
            LimitVerdict::OnlyLowerBound {
                before,
                at_least,
                window_seconds,
                decided_otherwise,
                ..
            } => {
                if decided_otherwise > 0
                    || before.is_none() && at_least > 0 && !case.model.limits.is_empty()
                {
                    notes.push(format!("rate limit `{scope}`: at least {at_least} calls in {window_seconds} s were let through, no refusal seen"));
                }
            }
            LimitVerdict::NewScope { limit, stated, .. } => {
                let how = if stated { "headers state" } else { "refusals suggest" };
                notes.push(format!(
                    "rate limit `{scope}`, which the model does not have: {how} {} in {} s",
                    limit.limit, limit.window_seconds
                ));
            }
            LimitVerdict::CannotTell { reason, evidence, .. } if evidence.throttled > 0 => {
                notes.push(format!("rate limit `{scope}`: {} calls were refused, but no limit can be told from them ({reason:?})", evidence.throttled));
            }
            LimitVerdict::Unchanged { .. } | LimitVerdict::CannotTell { .. } => {}
        }
    }
    (decisions, notes)
}

/// The limits of a model made from evidence alone.
pub(crate) fn learned(calls: &[Call]) -> BTreeMap<String, RateLimit> {
    let verdicts = verdicts(calls, &BTreeMap::new()).into_iter();
    let mut limits: BTreeMap<String, RateLimit> = verdicts
        .filter_map(|(scope, verdict)| match verdict {
            LimitVerdict::NewScope { limit, .. } => Some((scope, limit)),
            _ => None,
        })
        .collect();
    // Anonymous calls under everybody's limit have none of their own.
    let same = |one: &RateLimit, other: &RateLimit| one.limit == other.limit;
    if let Some(anonymous) = limits.get(ANONYMOUS)
        && limits.iter().any(|(scope, limit)| scope != ANONYMOUS && same(limit, anonymous))
    {
        limits.remove(ANONYMOUS);
    }
    limits
}

/// Verdicts by scope; calls without credential are judged apart where others have one.
fn verdicts(calls: &[Call], prior: &BTreeMap<String, RateLimit>) -> Vec<(String, LimitVerdict)> {
    let named = |verdicts: Vec<LimitVerdict>| -> Vec<(String, LimitVerdict)> {
        verdicts.into_iter().map(|verdict| (verdict.scope().to_owned(), verdict)).collect()
    };
    let (anonymous, known): (Vec<_>, Vec<_>) =
        calls.iter().cloned().partition(|call| call.caller == 0);
    if known.is_empty() || anonymous.len() < ANONYMOUS_MIN {
        return named(infer(if known.is_empty() { calls } else { &known }, prior));
    }
    let own: BTreeMap<_, _> = prior
        .get(ANONYMOUS)
        .map(|limit| ("default".to_owned(), limit.clone()))
        .into_iter()
        .collect();
    let others: BTreeMap<_, _> = prior
        .iter()
        .filter(|(scope, _)| *scope != ANONYMOUS)
        .map(|(s, l)| (s.clone(), l.clone()))
        .collect();
    let mut verdicts = named(infer(&known, &others));
    let is_default = |verdict: &LimitVerdict| matches!(verdict.scope(), "default" | "core");
    let anonymous = infer(&anonymous, &own).into_iter().filter(is_default);
    verdicts.extend(anonymous.map(|verdict| (ANONYMOUS.to_owned(), verdict)));
    verdicts
}

fn changed(
    case: &Case<'_>,
    scope: &str,
    before: Value,
    after: Value,
    chance: f64,
    evidence: &LimitEvidence,
) -> Decision {
    let span = match (evidence.first_us, evidence.last_us) {
        (Some(first_us), Some(last_us)) => Span { first_us, last_us },
        _ => Span::default(),
    };
    let counts = Counts {
        seen: if evidence.stated > 0 { evidence.stated } else { evidence.throttled },
        of: evidence.calls,
        units: float(evidence.throttled.max(evidence.stated)),
        callers: evidence.callers,
        span,
        chance,
    };
    let place = Place { surface: Surface::Response, route: None, status: None, event: None };
    // The scope stands for the path: `default` is the root.
    let path = if scope == "default" {
        FieldPath::ROOT
    } else {
        FieldPath(vec![models::Step::Field(scope.to_owned())])
    };
    case.decide(
        Difference { kind: Kind::RateLimitChanged, place: &place, path, before, after },
        counts,
        true,
    )
}
