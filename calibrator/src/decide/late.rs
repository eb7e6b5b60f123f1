//! What the vendor took away in the middle of the window: missing in a tail of it, there before.

use std::collections::BTreeSet;

use models::{Finding, Kind, Surface};
use serde_json::Value;

use super::{Decision, float};
use crate::chance::none_later;
use crate::evidence::{Evidence, ObjectEvidence, PlaceEvidence, RouteEvidence, Token};

/// Whether evidence of before has something of which a tail has nothing, beyond what chance explains:
/// where it has not, there is nothing to decide on.
pub(crate) fn is_anything_gone(before: &Evidence, tail: &Evidence, unseen_max: f64) -> bool {
    let gone = |seen: u64, of: u64, after: u64| {
        none_later(float(seen), float(of), float(after)) < unseen_max
    };
    let in_object = |was: &ObjectEvidence, is: &ObjectEvidence| {
        was.fields.iter().any(|(key, field)| {
            let Some(now) = is.fields.get(key) else { return gone(field.n, was.n, is.n) };
            let lost = field.class_set().without(now.class_set());
            (!lost.is_empty() && gone(field.with(lost), field.n, now.n))
                || (is.absent(now) == 0 && gone(was.absent(field), was.presence(field).1, is.n))
        })
    };
    let in_place = |was: &PlaceEvidence, is: &PlaceEvidence| {
        was.objects
            .iter()
            .any(|(path, was)| is.objects.get(path).is_some_and(|is| in_object(was, is)))
            || was.values.iter().any(|(path, values)| {
                let now = is.values.get(path);
                let is_lost = |token: &Token| now.is_none_or(|now| !now.tokens.contains_key(token));
                values
                    .tokens
                    .iter()
                    .any(|(token, seen)| is_lost(token) && gone(seen.n, was.n, is.n))
            })
    };
    let refused = |route: &RouteEvidence| {
        let statuses =
            route.statuses.iter().filter(|(status, _)| **status < 500 && **status != 429);
        statuses.clone().count() > 0
            && statuses.into_iter().all(|(status, _)| matches!(status, 404 | 405 | 410))
    };
    let replaced = |(route, is): (&String, &RouteEvidence)| {
        let Some(was) = before.routes.get(route) else { return false };
        was.statuses.range(200..300).any(|(status, seen)| {
            !is.statuses.contains_key(status) && gone(seen.n, was.accepted(), is.accepted())
        })
    };
    tail.routes.values().any(refused)
        || tail.routes.iter().any(replaced)
        || tail
            .places
            .iter()
            .any(|(place, is)| before.places.get(place).is_some_and(|was| in_place(was, is)))
}

/// Takes the settled narrowings of a tail among the decisions on the whole window; `number` is the
/// tail's. Tails come longest first, and what a longer one has shown stands.
pub(crate) fn add_late(decisions: &mut Vec<Decision>, of_tail: Vec<Decision>, number: usize) {
    // What clients no longer send says nothing of what the vendor takes.
    let is_answered = |one: &Decision| one.place.surface != Surface::Request;
    let narrowings = |one: &Decision| one.settled && is_answered(one) && is_narrowing(&one.finding);
    for decision in of_tail.into_iter().filter(narrowings) {
        let has =
            |one: &Decision| one.settled && is_same(one, &decision) && is_narrowing(&one.finding);
        if decisions.iter().any(has) {
            continue;
        }
        decisions.retain(|one| !is_explained(one, &decision));
        decisions.push(Decision { tail: Some(number), ..decision });
    }
}

/// Whether what was allowed before is so no longer, whatever else has come.
fn is_narrowing(finding: &Finding) -> bool {
    let (before, after) = (&finding.before, &finding.after);
    match finding.kind {
        Kind::FieldRemoved | Kind::EnumValueRemoved | Kind::RouteRemoved => true,
        Kind::NullabilityChanged => after == &Value::Bool(false),
        Kind::RequirednessChanged => after == &Value::Bool(true),
        Kind::TypeChanged => !texts(before).is_subset(&texts(after)),
        Kind::FormatChanged => before.is_null(),
        // In the place of another.
        Kind::StatusAdded => !before.is_null(),
        _ => false,
    }
}

fn is_same(one: &Decision, other: &Decision) -> bool {
    one.finding.kind == other.finding.kind && one.place == other.place && one.path == other.path
}

/// Whether a decision on the whole window says of the time before and after together what a tail says
/// of the time after.
fn is_explained(one: &Decision, late: &Decision) -> bool {
    if late.finding.kind == Kind::RouteRemoved {
        let refused = matches!(one.place.status, Some(404 | 405 | 410));
        return one.place.route == late.place.route
            && (one.finding.kind == Kind::RouteRemoved
                || one.finding.kind == Kind::StatusAdded && refused);
    }
    let of_field = one.place == late.place && one.path == late.path;
    of_field
        && match late.finding.kind {
            // A field half of the bodies lack is one that half of the window lacks.
            Kind::FieldRemoved => true,
            kind => one.finding.kind == kind,
        }
}

fn texts(list: &Value) -> BTreeSet<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
