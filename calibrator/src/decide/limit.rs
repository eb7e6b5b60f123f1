//! Rate limits: verdicts of the inference as findings and notes.

use models::limits::{Call, LimitEvidence, LimitVerdict, infer};
use models::{FieldPath, Kind, Place, Surface};
use serde_json::{Value, json};

use super::{Case, Counts, Decision, Difference, float};
use crate::evidence::Span;

/// Decides on every scope; a scope not seen before is a note, as is a bound.
pub(crate) fn limits(case: &Case<'_>, calls: &[Call]) -> (Vec<Decision>, Vec<String>) {
    let (mut decisions, mut notes) = (Vec::new(), Vec::new());
    for verdict in infer(calls, &case.model.limits) {
        let scope = verdict.scope().to_owned();
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
pub(crate) fn learned(calls: &[Call]) -> std::collections::BTreeMap<String, models::RateLimit> {
    let verdicts = infer(calls, &std::collections::BTreeMap::new());
    verdicts
        .into_iter()
        .filter_map(|verdict| match verdict {
            LimitVerdict::NewScope { scope, limit, .. } => Some((scope, limit)),
            _ => None,
        })
        .collect()
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
