//! Changes that prove each other: one vendor changes one schema, and many routes show it.

use std::collections::BTreeSet;

use models::{Kind, Step, Surface};

use super::{Case, Decision};

/// How much likelier a change is where the same one is proven elsewhere in the API.
///
/// # Source
///
/// A prior, set so that three or four sightings suffice where seven would be asked of a field that
/// stands alone; drift-bench's cases decide the order of magnitude, not the digit.
const LIKELIER: f64 = 15.0;

/// Settles what is nearly proven where the same field changed in the same way on another route.
pub(crate) fn corroborate(case: &Case<'_>, decisions: &mut [Decision]) {
    let proven: BTreeSet<_> =
        decisions.iter().filter(|decision| decision.settled).filter_map(same).collect();
    for decision in decisions.iter_mut().filter(|decision| !decision.settled) {
        let chance = 1.0 - decision.finding.confidence;
        let threshold = if is_widening(decision.finding.kind, &decision.finding.after) {
            case.policy.luck_max
        } else {
            case.policy.unseen_max
        };
        if chance < threshold * LIKELIER
            && same(decision).is_some_and(|same| proven.contains(&same))
        {
            decision.settled = true;
        }
    }
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
