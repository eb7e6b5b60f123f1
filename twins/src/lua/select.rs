//! Part of a collection, chosen before Lua sees any of it: of thousands a handler shows a page.

use std::cmp::Ordering;

use serde_json::Value;

use super::fields::Fields;
use super::value::is;

/// Which entities of a collection are wanted, and how many of them. Fields are named by their
/// path, `config.url`.
#[derive(Debug, Default)]
pub(super) struct Selection {
    /// A field is this; one that is a list holds it.
    pub(super) equal: Vec<(String, Value)>,
    /// A field is this or more: a number, or a text in the order of its letters.
    pub(super) least: Vec<(String, Value)>,
    /// A field is this or less.
    pub(super) most: Vec<(String, Value)>,
    /// The field they are in the order of; that of their creation where absent.
    pub(super) order: Option<String>,
    /// Whether the last comes first.
    pub(super) reverse: bool,
    pub(super) offset: usize,
    pub(super) limit: usize,
}

impl Selection {
    pub(super) fn takes(&self, fields: Fields<'_>) -> bool {
        let field = |name: &str| fields.at(name).unwrap_or_default();
        let within = |bounds: &[(String, Value)], beyond: Ordering| {
            bounds.iter().all(|(name, bound)| {
                compared(&field(name), bound).is_some_and(|order| order != beyond)
            })
        };
        let equal = self.equal.iter().all(|(name, wanted)| match &*field(name) {
            Value::Array(items) if !wanted.is_array() => items.iter().any(|one| is(one, wanted)),
            own => is(own, wanted),
        });
        equal && within(&self.least, Ordering::Less) && within(&self.most, Ordering::Greater)
    }

    /// The wanted ones of those that are taken, which come in the order of their creation.
    pub(super) fn page<'f, T>(&self, mut taken: Vec<(T, Fields<'f>)>) -> Vec<(T, Fields<'f>)> {
        if let Some(name) = &self.order {
            let keyed = taken.into_iter().map(|one| (one.1.at(name).unwrap_or_default(), one));
            let mut keyed: Vec<_> = keyed.collect();
            keyed.sort_by(|(a, _), (b, _)| compared(a, b).unwrap_or(Ordering::Equal));
            taken = keyed.into_iter().map(|(_, one)| one).collect();
        }
        if self.reverse {
            taken.reverse();
        }
        taken.into_iter().skip(self.offset).take(self.limit).collect()
    }
}

/// How two values of one kind stand to each other.
fn compared(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}
