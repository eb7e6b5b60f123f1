//! Objects of one name on many routes, taken as one sample.
//!
//! A route seen twice proves nothing, but an `owner` is an `owner` wherever it stands: evidence about
//! a field is pooled over all objects of the same name, on routes the model has and on others.

use std::collections::BTreeMap;

use models::{FieldPath, Kind, Place, Step, Surface};

use super::{Case, Decision, float};
use crate::chance::all_later;
use crate::evidence::Evidence;

/// Bodies with objects of a name from which the name is taken for a kind of object.
const BODIES_MIN: u64 = 5;
/// New fields of one name that a note lists.
const FIELDS_LISTED_MAX: usize = 40;

/// Counts of one field over all objects of a name.
#[derive(Debug, Clone, Copy, Default)]
struct Pool {
    n: f64,
    of: u64,
}

type Pools = BTreeMap<String, BTreeMap<String, Pool>>;

/// Settles added fields that the pool proves, and notes those that only unknown routes show.
pub(crate) fn pool(case: &Case<'_>, decisions: &mut [Decision]) -> Vec<String> {
    let Some(before) = case.before else { return Vec::new() };
    let (before, now) = (pools(before), pools(case.now));
    let mut new: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, fields) in &now {
        let Some(known) = before.get(name) else { continue };
        let of_before = known.values().map(|pool| pool.of).max().unwrap_or(0);
        for (field, pool) in fields {
            let is_new =
                !known.contains_key(field) && pool.of >= BODIES_MIN && of_before >= BODIES_MIN;
            if is_new && all_later(pool.n, float(of_before), float(pool.of)) < case.policy.luck_max
            {
                new.entry(name).or_default().push(field);
            }
        }
    }
    for decision in decisions
        .iter_mut()
        .filter(|decision| !decision.settled && decision.finding.kind == Kind::FieldAdded)
    {
        let Some((object, Step::Field(field))) = decision.path.split_last() else { continue };
        let name = name_of(&decision.place, &object);
        let proven = name.is_some_and(|name| {
            new.get(name.as_str()).is_some_and(|fields| fields.contains(&field.as_str()))
        });
        decision.settled |= proven;
    }
    new.into_iter().map(|(name, fields)| note(name, &fields)).collect()
}

fn note(name: &str, fields: &[&str]) -> String {
    let shown = fields
        .iter()
        .take(FIELDS_LISTED_MAX)
        .map(|field| format!("`{field}`"))
        .collect::<Vec<_>>()
        .join(", ");
    let more = fields.len().saturating_sub(FIELDS_LISTED_MAX);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("objects named `{name}` have new fields wherever they stand: {shown}{more}")
}

fn pools(evidence: &Evidence) -> Pools {
    let mut pools = Pools::new();
    for (place, seen) in
        evidence.places.iter().filter(|(place, _)| place.surface != Surface::Request)
    {
        for (object, around) in &seen.objects {
            let Some(name) = name_of(place, object) else { continue };
            let fields = pools.entry(name).or_default();
            for (key, field) in &around.fields {
                if let [Step::Field(field_name)] = key.0.as_slice() {
                    fields.entry(field_name.clone()).or_default().n +=
                        float(field.n) * field.weight;
                }
            }
            // Every field could have been in every object of the name.
            fields.entry(String::new()).or_default().of += around.n;
        }
    }
    for fields in pools.values_mut() {
        let of = fields.remove("").map_or(0, |pool| pool.of);
        for pool in fields.values_mut() {
            pool.of = of;
        }
    }
    pools
}

/// The nearest field's name above an object, or for a body's root (or its items) the route's last
/// wording: `owner`, `repos`. Answers that refuse have names of their own.
fn name_of(place: &Place, object: &FieldPath) -> Option<String> {
    if place.status.is_some_and(|status| status >= 300) {
        return None;
    }
    let above = object.0.iter().rev().find_map(|step| match step {
        Step::Field(name) => Some(name.clone()),
        Step::Items | Step::Values | Step::Query(_) => None,
    });
    let resource = || {
        let route = place.route.as_deref()?;
        route
            .rsplit('/')
            .find(|segment| !segment.is_empty() && !segment.contains('{'))
            .map(str::to_owned)
    };
    above.or_else(resource)
}
