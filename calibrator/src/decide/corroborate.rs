//! Changes that prove each other: one vendor changes one schema, and many routes show it.

use std::collections::{BTreeMap, BTreeSet};

use models::{Class, FieldPath, Finding, JsonType, Kind, Place, Step, Surface};
use serde_json::Value;

use super::{Case, Decision};
use crate::evidence::{FieldEvidence, ObjectEvidence};

/// How much likelier a change is where the same one is proven elsewhere in the API.
///
/// # Source
///
/// A prior, set so that three or four sightings suffice where seven would be asked of a field that
/// stands alone; drift-bench's cases decide the order of magnitude, not the digit.
const LIKELIER: f64 = 15.0;

/// Chance above which a route says nothing for a change that other routes prove.
const SAYS_NOTHING: f64 = 0.3;

/// Settles what is nearly proven where the same field changed in the same way on another route, and
/// what many routes show that prove it together.
pub(crate) fn corroborate(case: &Case<'_>, decisions: &mut [Decision]) {
    let tests = tests(case, decisions);
    settle_together(case, decisions, &tests);
    let mut proven: BTreeMap<_, bool> = BTreeMap::new();
    let mut changed: BTreeMap<_, BTreeSet<&Place>> = BTreeMap::new();
    for decision in decisions.iter() {
        if let Some(same) = same(decision) {
            *proven.entry(same.clone()).or_default() |= decision.settled;
            changed.entry(same).or_default().insert(&decision.place);
        }
    }
    // Where most places with such a field are as they were, each has to be proven by itself.
    proven.retain(|same, proven| *proven && tests[same] <= 2 * changed[same].len());
    for decision in decisions.iter_mut().filter(|decision| !decision.settled) {
        let near = decision.chance < threshold(case, decision) * LIKELIER;
        if near && same(decision).is_some_and(|same| proven.contains_key(&same)) {
            decision.settled = true;
        }
    }
}

/// Routes that each saw too little are one sample of the whole API: their chances combine.
///
/// # Source
///
/// Zaykin, Zhivotovsky, Westfall, Weir: "Truncated product method for combining p-values", 2002. The
/// routes that show no change count as tests, or those that do would be a choice.
fn settle_together(case: &Case<'_>, decisions: &mut [Decision], tests: &BTreeMap<Same, usize>) {
    let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, decision) in decisions.iter().enumerate().filter(|(_, decision)| !decision.settled)
    {
        if let Some(same) = same(decision).filter(|_| decision.chance < SAYS_NOTHING) {
            groups.entry(same).or_default().push(index);
        }
    }
    for (same, members) in groups {
        // Fields of one body come and go together: a place is one test, its weakest.
        let mut places: BTreeMap<_, f64> = BTreeMap::new();
        for &index in &members {
            let weakest = places.entry(&decisions[index].place).or_default();
            *weakest = weakest.max(decisions[index].chance);
        }
        let sum: f64 = places.values().map(|chance| -chance.max(1e-9).ln()).sum();
        let threshold = threshold(case, &decisions[members[0]]);
        let all = tests[&same].max(places.len());
        if places.len() > 1 && truncated_product_tail(sum, all) < threshold {
            for index in members {
                decisions[index].settled = true;
            }
        }
    }
}

/// The chance that of `tests` chances those below [`SAYS_NOTHING`] have a sum of `-ln p` this large
/// where nothing changed.
///
/// In logarithms: of a thousand tests the parts are beyond what a float holds, and their product
/// is no number, which is below no threshold.
fn truncated_product_tail(sum: f64, tests: usize) -> f64 {
    let (ln_limit, ln_rest) = (SAYS_NOTHING.ln(), (1.0 - SAYS_NOTHING).ln());
    let (mut total, mut ln_choose) = (0.0, 0.0);
    for below in 1..=tests {
        ln_choose += (float(tests - below + 1) / float(below)).ln();
        let excess = sum + float(below) * ln_limit;
        let ln_tail = if excess <= 0.0 {
            float(below) * ln_limit
        } else {
            ln_exponential_series(excess, below) - sum
        };
        total += (ln_choose + float(tests - below) * ln_rest + ln_tail).exp();
    }
    total
}

/// The logarithm of the first `terms` terms of the series of e^x.
fn ln_exponential_series(x: f64, terms: usize) -> f64 {
    const LARGE: f64 = 1e200;
    let (mut term, mut series, mut ln_scale) = (1.0, 1.0_f64, 0.0);
    for step in 1..terms {
        term *= x / float(step);
        series += term;
        if series > LARGE {
            term /= LARGE;
            series /= LARGE;
            ln_scale += LARGE.ln();
        }
    }
    series.ln() + ln_scale
}

#[expect(clippy::cast_precision_loss, reason = "routes are few")]
fn float(count: usize) -> f64 {
    count as f64
}

/// How many places could have shown each change: those that have such a field, and had it as the changed
/// ones had it before.
fn tests(case: &Case<'_>, decisions: &[Decision]) -> BTreeMap<Same, usize> {
    let mut places: BTreeMap<Same, BTreeSet<&Place>> = BTreeMap::new();
    let mut by_name: BTreeMap<(Surface, &str), Vec<(Same, &Finding)>> = BTreeMap::new();
    for decision in decisions {
        let Some(same) = same(decision) else { continue };
        places.entry(same.clone()).or_default().insert(&decision.place);
        let known = by_name.entry((same.1, name_of(&decision.path).unwrap_or(""))).or_default();
        if !known.iter().any(|(other, _)| *other == same) {
            known.push((same, &decision.finding));
        }
    }
    for (place, seen) in case.before.iter().flat_map(|before| &before.places) {
        let Some(now) = case.now.places.get(place) else { continue };
        for (path, object) in &seen.objects {
            if now.objects.get(path).is_none_or(|object| object.n == 0) {
                continue;
            }
            for (key, field) in &object.fields {
                let Some(name) = name_of(key) else { continue };
                for (same, finding) in by_name.get(&(place.surface, name)).into_iter().flatten() {
                    if was_as_before(finding, object, field) {
                        places.entry(same.clone()).or_default().insert(place);
                    }
                }
            }
        }
    }
    places.into_iter().map(|(same, places)| (same, places.len())).collect()
}

/// Whether a field was as the finding says that the changed one was.
fn was_as_before(finding: &Finding, object: &ObjectEvidence, field: &FieldEvidence) -> bool {
    match finding.kind {
        Kind::FieldAdded => false,
        Kind::NullabilityChanged => {
            Value::Bool(field.classes.contains_key(&Class::Null)) == finding.before
        }
        Kind::RequirednessChanged => Value::Bool(object.absent(field) == 0) == finding.before,
        Kind::TypeChanged => {
            let types: BTreeSet<_> = field
                .classes
                .keys()
                .filter_map(|class| class.json_type())
                .map(JsonType::name)
                .collect();
            serde_json::json!(types) == finding.before
        }
        _ => true,
    }
}

/// The chance below which a decision is settled by itself.
pub(super) fn threshold(case: &Case<'_>, decision: &Decision) -> f64 {
    let widening = is_widening(decision.finding.kind, &decision.finding.after);
    if widening { case.policy.luck_max } else { case.policy.unseen_max }
}

/// What two decisions share if they are one change: the kind and the field's own name, and for
/// narrow changes what became of what.
type Same = (Kind, Surface, String, String);

fn same(decision: &Decision) -> Option<Same> {
    let finding = &decision.finding;
    let name = name_of(&decision.path)?.to_owned();
    let change = match finding.kind {
        Kind::FieldAdded | Kind::FieldRemoved => String::new(),
        _ => format!("{} {}", finding.before, finding.after),
    };
    Some((finding.kind, finding.surface, name, change))
}

/// The name of the field at a path, or of the one whose items or values are there.
fn name_of(path: &FieldPath) -> Option<&str> {
    path.0.iter().rev().find_map(|step| match step {
        Step::Field(name) | Step::Query(name) => Some(name.as_str()),
        Step::Items | Step::Values => None,
    })
}

pub(super) fn is_widening(kind: Kind, after: &serde_json::Value) -> bool {
    match kind {
        Kind::FieldRemoved | Kind::EnumValueRemoved | Kind::RouteRemoved => false,
        Kind::RequirednessChanged => after == &serde_json::Value::Bool(false),
        Kind::NullabilityChanged => after == &serde_json::Value::Bool(true),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_weak_tests_prove_together_and_few_do_not() {
        let six_of_a_twentieth = 6.0 * 0.05_f64.ln().abs();
        assert!(truncated_product_tail(six_of_a_twentieth, 6) < 0.001);
        let five_of_a_quarter = 5.0 * 0.25_f64.ln().abs();
        assert!(truncated_product_tail(five_of_a_quarter, 6) > 0.01);
    }

    #[test]
    fn routes_that_show_no_change_speak_against_it() {
        let two_of_a_twentieth = 2.0 * 0.05_f64.ln().abs();
        let alone = truncated_product_tail(two_of_a_twentieth, 2);
        let among_twenty = truncated_product_tail(two_of_a_twentieth, 20);
        assert!(alone < 0.02 && 0.5 < among_twenty, "{alone} {among_twenty}");
    }

    #[test]
    fn what_thousands_of_places_show_is_a_chance_still() {
        let of_a_thousandth = |members: f64| members * 0.001_f64.ln().abs();
        assert!(truncated_product_tail(of_a_thousandth(130.0), 300) < 1e-9);
        assert!(truncated_product_tail(of_a_thousandth(400.0), 2_000) < 1e-9);
        let none = truncated_product_tail(0.0, 2_000);
        assert!((0.999..=1.001).contains(&none), "{none}");
    }
}
