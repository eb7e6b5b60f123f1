//! Rules for routes, statuses and webhook events.

use models::{FieldPath, Kind, Place, RouteKey, Surface};
use serde_json::{Value, json};

use super::{Case, Counts, Decision, Difference, chance_of_fluke, float};
use crate::chance::{all_later, none_later};
use crate::evidence::{RouteEvidence, Span, StatusEvidence};

/// Decides on every route and event seen.
pub(crate) fn routes(case: &Case<'_>) -> Vec<Decision> {
    let mut decisions = Vec::new();
    for (route, now) in &case.now.routes {
        let known = RouteKey::parse(route).is_ok_and(|key| case.model.routes.contains_key(&key));
        if known {
            match removed(case, route, now) {
                Some(decision) if decision.settled => decisions.push(decision),
                undecided => {
                    decisions.extend(undecided);
                    decisions.extend(statuses(case, route, now));
                }
            }
        } else {
            decisions.extend(added(case, route, now));
        }
    }
    decisions.extend(events(case));
    decisions
}

fn added(case: &Case<'_>, route: &str, now: &RouteEvidence) -> Option<Decision> {
    let accepted: u64 = now.statuses.range(200..300).map(|(_, status)| status.clean).sum();
    if accepted == 0 {
        return None;
    }
    let span = now
        .statuses
        .range(200..300)
        .fold(Span::default(), |span, (_, status)| span.merge(status.seen));
    let callers = now.statuses.range(200..300).map(|(_, status)| status.callers).max().unwrap_or(0);
    let calls = |evidence: &crate::evidence::Evidence| {
        evidence.routes.values().map(RouteEvidence::n).sum::<u64>()
    };
    let (chance, settled) = against_before(case, case.before.map(calls), accepted, calls(case.now));
    let counts =
        Counts { seen: accepted, of: now.n(), units: float(accepted), callers, span, chance };
    let place = route_place(route, None);
    Some(case.decide(
        difference(Kind::RouteAdded, &place, Value::Null, Value::Null),
        counts,
        settled,
    ))
}

/// Every call refused as not there.
fn removed(case: &Case<'_>, route: &str, now: &RouteEvidence) -> Option<Decision> {
    let refused: u64 = [404, 405, 410]
        .iter()
        .filter_map(|status| now.statuses.get(status))
        .map(|status| status.n)
        .sum();
    let judged: u64 = now
        .statuses
        .iter()
        .filter(|(status, _)| **status != 429 && **status < 500)
        .map(|(_, status)| status.n)
        .sum();
    if refused == 0 || refused < judged {
        return None;
    }
    let before = case.before.and_then(|before| before.routes.get(route));
    if case.before.is_some() && before.is_none_or(|before| before.accepted() == 0) {
        return None;
    }
    // How often such a call was refused when the route was there.
    let usual = before.map_or(0.2, |before| {
        let refused: u64 =
            [404, 405, 410].iter().filter_map(|s| before.statuses.get(s)).map(|s| s.n).sum();
        (float(refused) + 0.5) / (float(before.n()) + 1.0)
    });
    let in_head = case.head.and_then(|head| head.routes.get(route));
    let accepted = in_head.map_or(0, RouteEvidence::accepted);
    let chance = case.chance_of_absence((float(refused) * usual.ln()).exp(), float(accepted));
    let settled = refused >= case.policy.refusals_min && chance < case.policy.unseen_max;
    let span = now.statuses.values().fold(Span::default(), |span, status| span.merge(status.seen));
    let counts =
        Counts { seen: refused, of: judged, units: float(refused), callers: 0, span, chance };
    let place = route_place(route, None);
    Some(case.decide(
        difference(Kind::RouteRemoved, &place, Value::Null, Value::Null),
        counts,
        settled,
    ))
}

fn statuses(case: &Case<'_>, route: &str, now: &RouteEvidence) -> Vec<Decision> {
    let Some(key) = RouteKey::parse(route).ok() else { return Vec::new() };
    let Some(known) = case.model.routes.get(&key) else { return Vec::new() };
    let before = case.before.and_then(|before| before.routes.get(route));
    let decide = |(status, seen): (&u16, &StatusEvidence)| {
        // A failing server is an outage, not a change of the API.
        if *status >= 500 || seen.clean == 0 {
            return None;
        }
        let place = route_place(route, Some(*status));
        let replaced = replaced(case, known, before, now, *status);
        let is_known = known.variant_for(*status).is_some();
        let (chance, settled) = match replaced {
            // It came beside the other, when nothing showed yet that none of that was to come.
            Some((_, chance)) if is_known && case.memory.was_added(&place, &FieldPath::ROOT) => {
                (chance, true)
            }
            _ if is_known => return None,
            _ => against_before(case, before.map(RouteEvidence::n), seen.clean, now.n()),
        };
        let counts = Counts {
            seen: seen.clean,
            of: now.n(),
            units: float(seen.clean),
            callers: seen.callers,
            span: seen.seen,
            chance,
        };
        let replaced = replaced.map_or(Value::Null, |(old, _)| Value::from(old));
        let difference = difference(Kind::StatusAdded, &place, replaced, json!(status));
        Some(case.decide(difference, counts, settled))
    };
    now.statuses.iter().filter_map(decide).collect()
}

/// The success of before that another took the place of, and the chance that it is only not seen: none of
/// it came since.
fn replaced(
    case: &Case<'_>,
    known: &models::Route,
    before: Option<&RouteEvidence>,
    now: &RouteEvidence,
    status: u16,
) -> Option<(u16, f64)> {
    let new = now.statuses.get(&status).filter(|_| (200..300).contains(&status))?;
    let before = before?;
    let chance_of = |old: u16| {
        let seen = before.statuses.get(&old).map(|old| float(old.clean));
        let seen = seen.filter(|seen| *seen > 0.0 && !now.statuses.contains_key(&old))?;
        let chance = none_later(seen, float(before.accepted()), float(new.clean));
        Some(case.chance_of_absence(chance, seen))
    };
    let successes = known.variants.keys().filter_map(|name| name.parse::<u16>().ok());
    successes
        .filter(|old| (200..300).contains(old) && *old != status)
        .filter_map(|old| Some((old, chance_of(old)?)))
        .find(|(_, chance)| *chance < case.policy.unseen_max)
}

fn events(case: &Case<'_>) -> Vec<Decision> {
    let deliveries = |evidence: &crate::evidence::Evidence| {
        evidence
            .places
            .iter()
            .filter(|(place, _)| place.event.is_some())
            .map(|(_, seen)| seen.n)
            .sum::<u64>()
    };
    let new = case.now.places.iter().filter(|(place, _)| {
        place
            .event
            .as_ref()
            .is_some_and(|event| event != "unknown" && !case.model.webhooks.contains_key(event))
    });
    new.map(|(place, seen)| {
        let (chance, settled) =
            against_before(case, case.before.map(deliveries), seen.n, deliveries(case.now));
        let counts = Counts {
            seen: seen.n,
            of: seen.n,
            units: float(seen.n),
            callers: 0,
            span: seen.seen,
            chance,
        };
        case.decide(
            difference(Kind::WebhookEventAdded, place, Value::Null, Value::Null),
            counts,
            settled,
        )
    })
    .collect()
}

/// One sighting proves what the model does not have, unless evidence of before could have shown it.
fn against_before(case: &Case<'_>, before: Option<u64>, seen: u64, of: u64) -> (f64, bool) {
    match before.filter(|before| *before > 0) {
        Some(before) => {
            let chance = all_later(float(seen), float(before), float(of));
            (chance, chance < case.policy.luck_max)
        }
        None => (chance_of_fluke(float(seen)), true),
    }
}

fn route_place(route: &str, status: Option<u16>) -> Place {
    Place { surface: Surface::Response, route: Some(route.to_owned()), status, event: None }
}

fn difference(kind: Kind, place: &Place, before: Value, after: Value) -> Difference<'_> {
    Difference { kind, place, path: FieldPath::ROOT, before, after }
}
