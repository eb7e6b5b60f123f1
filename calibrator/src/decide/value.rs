//! Rules for the values of closed fields.

use std::collections::BTreeMap;

use models::{FieldPath, Kind, Place};
use serde_json::{Value, json};

use super::{Case, Counts, Decision, Difference, chance_of_fluke, float};
use crate::chance::{all_later, none_later};
use crate::diff::{ValueSuspect, view_at};
use crate::evidence::{Evidence, FieldEvidence, Span, Token, Values};

/// Decides on the values of each field together: a field gains values or loses them once.
pub(crate) fn values(case: &Case<'_>, suspects: &[ValueSuspect]) -> Vec<Decision> {
    let mut by_field: BTreeMap<(&Place, &FieldPath), Vec<&ValueSuspect>> = BTreeMap::new();
    for suspect in suspects {
        by_field.entry((&suspect.place, &suspect.path)).or_default().push(suspect);
    }
    let mut decisions = Vec::new();
    for ((place, path), suspects) in by_field {
        let Some(now) = field_at(case.now, place, path) else { continue };
        let (lost, gained): (Vec<_>, Vec<_>) =
            suspects.into_iter().partition(|suspect| suspect.known);
        decisions.extend(added(case, place, path, &gained, now));
        decisions.extend(removed(case, place, path, &lost, now));
    }
    decisions.extend(opened(case));
    decisions
}

fn added(
    case: &Case<'_>,
    place: &Place,
    path: &FieldPath,
    gained: &[&ValueSuspect],
    now: &FieldEvidence,
) -> Option<Decision> {
    let before = case.before.and_then(|before| field_at(before, place, path));
    let values = case.now.places.get(place).and_then(|place| place.values.get(path));
    let units_of = |suspect: &ValueSuspect| {
        values
            .and_then(|values| values.tokens.get(&suspect.token))
            .map_or(0.0, |seen| seen.units(now.weight))
    };
    let chance_of = |suspect: &ValueSuspect| {
        let units = units_of(suspect);
        match before {
            Some(field) if suspect.before > 0 => all_later(0.0, float(field.n), units),
            Some(field) => {
                all_later(units, float(field.n) * field.weight, float(now.n) * now.weight)
            }
            None => chance_of_fluke(units),
        }
    };
    let proven: Vec<_> = gained
        .iter()
        .filter(|s| before.is_none() || chance_of(s) < case.policy.luck_max)
        .copied()
        .collect();
    // Many values at once, each too rare to prove itself, prove themselves together.
    let all: f64 = gained.iter().map(|suspect| units_of(suspect)).sum();
    let together = before.map_or(0.0, |field| {
        all_later(all, float(field.n) * field.weight, float(now.n) * now.weight)
    });
    let settled = !proven.is_empty() || (!gained.is_empty() && together < case.policy.luck_max);
    let shown = if proven.is_empty() { gained.to_vec() } else { proven };
    let first = shown.first()?;
    let chance = shown
        .iter()
        .map(|suspect| chance_of(suspect))
        .fold(chance_of(first), f64::min)
        .min(together.max(1e-12));
    let listed = view_at(case.model, place, path)?.enumeration().map_or(0, |values| values.len());
    let after = if gained.len() >= case.policy.values_open_min.max(listed) {
        json!(["*"])
    } else {
        tokens(&shown)
    };
    let seen = shown.iter().map(|suspect| suspect.n).sum();
    let span = spans(case, place, path, &shown);
    let units = shown.iter().map(|suspect| units_of(suspect)).sum();
    let counts = Counts { seen, of: now.n, units, callers: now.callers, span, chance };
    let difference = Difference {
        kind: Kind::EnumValueAdded,
        place,
        path: path.clone(),
        before: Value::Null,
        after,
    };
    Some(case.decide(difference, counts, settled))
}

fn removed(
    case: &Case<'_>,
    place: &Place,
    path: &FieldPath,
    lost: &[&ValueSuspect],
    now: &FieldEvidence,
) -> Option<Decision> {
    let before = case.before.and_then(|before| field_at(before, place, path))?;
    let units = float(now.n) * now.weight;
    let chance_of = |suspect: &&ValueSuspect| {
        let seen = float(suspect.before) * before.weight;
        let chance = none_later(seen, float(before.n) * before.weight, units);
        case.chance_of_absence(chance, seen)
    };
    let (proven, open): (Vec<_>, Vec<_>) =
        lost.iter().copied().partition(|suspect| chance_of(suspect) < case.policy.unseen_max);
    let settled = !proven.is_empty();
    let shown = if settled { proven } else { open };
    let chance = shown.iter().map(chance_of).fold(1.0, f64::min);
    if shown.is_empty() {
        return None;
    }
    let counts =
        Counts { seen: now.n, of: now.n, units, callers: now.callers, span: now.seen, chance };
    let difference = Difference {
        kind: Kind::EnumValueRemoved,
        place,
        path: path.clone(),
        before: tokens(&shown),
        after: Value::Null,
    };
    Some(case.decide(difference, counts, settled))
}

/// Closed fields that show more values than are counted.
fn opened(case: &Case<'_>) -> Vec<Decision> {
    let mut decisions = Vec::new();
    for (place, seen) in &case.now.places {
        for path in seen.values.iter().filter(|(_, values)| values.open).map(|(path, _)| path) {
            let closed =
                view_at(case.model, place, path).is_some_and(|view| view.enumeration().is_some());
            let Some(now) = field_at(case.now, place, path).filter(|_| closed) else { continue };
            let units = float(now.n) * now.weight;
            let counts = Counts {
                seen: now.n,
                of: now.n,
                units,
                callers: now.callers,
                span: now.seen,
                chance: chance_of_fluke(units),
            };
            let difference = Difference {
                kind: Kind::EnumValueAdded,
                place,
                path: path.clone(),
                before: Value::Null,
                after: json!(["*"]),
            };
            decisions.push(case.decide(difference, counts, true));
        }
    }
    decisions
}

/// The evidence of a field by its path from the body's root.
pub(crate) fn field_at<'e>(
    evidence: &'e Evidence,
    place: &Place,
    path: &FieldPath,
) -> Option<&'e FieldEvidence> {
    let place = evidence.places.get(place)?;
    // The owner is the nearest object around; longer paths are nearer.
    (0..=path.0.len()).rev().find_map(|split| {
        let object = place.objects.get(&FieldPath(path.0[..split].to_vec()))?;
        object
            .fields
            .get(&FieldPath(path.0[split..].to_vec()))
            .filter(|_| split < path.0.len() || split == 0)
    })
}

fn tokens(suspects: &[&ValueSuspect]) -> Value {
    let clear = suspects.iter().filter_map(|suspect| match &suspect.token {
        Token::Clear(text) => Some(text.clone()),
        Token::Withheld(_) => None,
    });
    json!(clear.collect::<Vec<_>>())
}

fn spans(case: &Case<'_>, place: &Place, path: &FieldPath, shown: &[&ValueSuspect]) -> Span {
    let values: Option<&Values> =
        case.now.places.get(place).and_then(|place| place.values.get(path));
    let spans =
        shown.iter().filter_map(|suspect| values?.tokens.get(&suspect.token)).map(|seen| seen.seen);
    spans.fold(Span::default(), Span::merge)
}
