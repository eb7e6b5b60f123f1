//! Changes that prove each other: one vendor changes one schema, and many routes show it.

use std::collections::{BTreeMap, BTreeSet};

use models::{Kind, Step, Surface};

use super::{Case, Decision};

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
    settle_together(case, decisions);
    let proven: BTreeSet<_> =
        decisions.iter().filter(|decision| decision.settled).filter_map(same).collect();
    for decision in decisions.iter_mut().filter(|decision| !decision.settled) {
        let near = chance(decision) < threshold(case, decision) * LIKELIER;
        if near && same(decision).is_some_and(|same| proven.contains(&same)) {
            decision.settled = true;
        }
    }
}

/// Routes that each saw too little are one sample of the whole API: their chances combine.
///
/// # Source
///
/// Fisher 1925: of `k` independent tests `-2 Σ ln p` is chi-square with `2k` degrees of freedom.
fn settle_together(case: &Case<'_>, decisions: &mut [Decision]) {
    let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, decision) in decisions.iter().enumerate().filter(|(_, decision)| !decision.settled)
    {
        if let Some(same) = same(decision).filter(|_| chance(decision) < SAYS_NOTHING) {
            groups.entry(same).or_default().push(index);
        }
    }
    for members in groups.into_values() {
        // Fields of one body come and go together: a place is one test, its weakest.
        let mut places: BTreeMap<_, f64> = BTreeMap::new();
        for &index in &members {
            let weakest = places.entry(&decisions[index].place).or_default();
            *weakest = weakest.max(chance(&decisions[index]));
        }
        let sum: f64 = places.values().map(|chance| -chance.max(1e-9).ln()).sum();
        let threshold = threshold(case, &decisions[members[0]]);
        if places.len() > 1 && chi_square_tail(sum, places.len()) < threshold {
            for index in members {
                decisions[index].settled = true;
            }
        }
    }
}

/// The chance of a sum of `-ln p` this large from `k` tests where nothing changed.
fn chi_square_tail(sum: f64, k: usize) -> f64 {
    let (mut term, mut series) = (1.0, 1.0);
    for step in 1..k {
        #[expect(clippy::cast_precision_loss, reason = "routes are few")]
        let step = step as f64;
        term *= sum / step;
        series += term;
    }
    (-sum).exp() * series
}

fn chance(decision: &Decision) -> f64 {
    1.0 - decision.finding.confidence
}

fn threshold(case: &Case<'_>, decision: &Decision) -> f64 {
    let widening = is_widening(decision.finding.kind, &decision.finding.after);
    if widening { case.policy.luck_max } else { case.policy.unseen_max }
}

/// What two decisions share if they are one change: the kind and the field's own name, and for
/// narrow changes what became of what.
fn same(decision: &Decision) -> Option<(Kind, Surface, String, String)> {
    let finding = &decision.finding;
    let name = decision.path.0.iter().rev().find_map(|step| match step {
        Step::Field(name) | Step::Query(name) => Some(name.clone()),
        Step::Items | Step::Values => None,
    })?;
    let change = match finding.kind {
        Kind::FieldAdded | Kind::FieldRemoved => String::new(),
        _ => format!("{} {}", finding.before, finding.after),
    };
    Some((finding.kind, finding.surface, name, change))
}

fn is_widening(kind: Kind, after: &serde_json::Value) -> bool {
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
        assert!((chi_square_tail(0.05_f64.ln().abs(), 1) - 0.05).abs() < 1e-12);
        let six_of_a_tenth = 6.0 * 0.1_f64.ln().abs();
        assert!(chi_square_tail(six_of_a_tenth, 6) < 0.01);
        let five_of_a_quarter = 5.0 * 0.25_f64.ln().abs();
        assert!(chi_square_tail(five_of_a_quarter, 5) > 0.1);
    }
}
