//! The order that a list's query asks for: `sort=-created`, `sort=price&order=desc`, `order_by=name desc`.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::Value;

use crate::action::letters;
use crate::filter::{Asked, magnitude};
use crate::list::Query;
use crate::state::Entity;

/// What a list is sorted by.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Order<'q> {
    /// When its items were created, as they are kept.
    Creation { newest_first: bool },
    /// These fields, the first first.
    Fields(Vec<By<'q>>),
}

/// A field, and which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct By<'q> {
    field: &'q str,
    is_descending: bool,
}

/// What parameters are called, by their letters, that say which way; `sort` and `order` may do either.
const WAYS: [&str; 7] =
    ["order", "sort", "direction", "sortorder", "sortdirection", "sortdir", "orderdirection"];
/// The same of those that say by which fields.
const KEYS: [&str; 5] = ["sort", "sortby", "order", "orderby", "ordering"];

impl<'q> Asked<'q> {
    /// The order that a query asks for by parameters the route has and fields the items have; `newest_first` where the
    /// vendor shows times so unless asked otherwise.
    pub(crate) fn order(&self, query: &'q Query, newest_first: bool) -> Option<Order<'q>> {
        let (mut fields, mut direction) = (None, None);
        for (name, text) in &query.others {
            if text.is_empty() || self.parameters.named(name).is_none() {
                continue;
            }
            match way(text) {
                Some(way) if WAYS.contains(&&*letters(name)) => direction = Some(way),
                None if KEYS.contains(&&*letters(name)) => fields = Some(&**text),
                _ => {}
            }
        }
        let usual = |field: &str| newest_first && self.item.is_time(field);
        let by = |key: &'q str| {
            let (name, way) = parted(key);
            let field = self.item.meant_by(&letters(name))?;
            let is_descending = way.or(direction).unwrap_or_else(|| usual(field));
            Some(By { field, is_descending })
        };
        let fields: Vec<_> = fields.unwrap_or_default().split(',').filter_map(by).collect();
        match (&fields[..], direction) {
            ([], None) => None,
            ([], Some(newest_first)) => Some(Order::Creation { newest_first }),
            _ => Some(Order::Fields(fields)),
        }
    }
}

/// Puts items in an order, by how they are shown or, where a field is not, as they were written; those that are alike
/// stay as they were.
pub(crate) fn sort(
    entities: &mut [Arc<Entity>],
    fields: &[By<'_>],
    shown: impl Fn(&Entity) -> Option<Value>,
) {
    entities.sort_by_cached_key(|entity| {
        let shown = shown(entity).unwrap_or_default();
        let keys = fields.iter().map(|by| {
            let value = shown.get(by.field).cloned().or_else(|| entity.packed.get(by.field));
            let key = Key::of(&value.unwrap_or_default());
            Directed { key, is_descending: by.is_descending }
        });
        keys.collect::<Vec<_>>()
    });
}

/// `true` for descending.
fn way(text: &str) -> Option<bool> {
    match &*text.to_ascii_lowercase() {
        "asc" | "ascending" => Some(false),
        "desc" | "descending" => Some(true),
        _ => None,
    }
}

/// A field's name, and which way where that is said with it: `-name`, `name:desc`, `name desc`, `name_desc`.
fn parted(key: &str) -> (&str, Option<bool>) {
    let key = key.trim();
    if let Some(name) = key.strip_prefix('-') {
        return (name, Some(true));
    }
    if let Some(name) = key.strip_prefix('+') {
        return (name, Some(false));
    }
    let parts = key.rsplit_once([':', ' ', '.', '_', '-']);
    match parts.and_then(|(name, last)| Some((name, way(last)?))) {
        Some((name, way)) => (name, Some(way)),
        None => (key, None),
    }
}

/// What values are compared by: numbers and times before other texts, and what is not there last either way.
#[derive(Debug)]
enum Key {
    Number(f64),
    Text(String),
    Nothing,
}

impl Key {
    fn of(value: &Value) -> Self {
        match value {
            Value::Bool(flag) => Self::Number(f64::from(u8::from(*flag))),
            Value::Number(number) => number.as_f64().map_or(Self::Nothing, Self::Number),
            Value::String(text) => {
                magnitude(text).map_or_else(|| Self::Text(text.to_lowercase()), Self::Number)
            }
            Value::Null | Value::Array(_) | Value::Object(_) => Self::Nothing,
        }
    }
}

struct Directed {
    key: Key,
    is_descending: bool,
}

impl Ord for Directed {
    fn cmp(&self, other: &Self) -> Ordering {
        let either = |order: Ordering| if self.is_descending { order.reverse() } else { order };
        match (&self.key, &other.key) {
            (Key::Nothing, Key::Nothing) => Ordering::Equal,
            (Key::Nothing, _) => Ordering::Greater,
            (_, Key::Nothing) => Ordering::Less,
            (Key::Number(one), Key::Number(other)) => either(one.total_cmp(other)),
            (Key::Text(one), Key::Text(other)) => either(one.cmp(other)),
            (Key::Number(_), Key::Text(_)) => either(Ordering::Less),
            (Key::Text(_), Key::Number(_)) => either(Ordering::Greater),
        }
    }
}

impl PartialOrd for Directed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Directed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Directed {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_says_its_way_before_or_behind_the_name() {
        let cases = [
            ("-created_at", ("created_at", Some(true))),
            ("+name", ("name", Some(false))),
            ("name:desc", ("name", Some(true))),
            ("name ASC", ("name", Some(false))),
            ("created_at_desc", ("created_at", Some(true))),
            ("created_at", ("created_at", None)),
        ];
        for (key, expected) in cases {
            assert_eq!(parted(key), expected, "{key}");
        }
    }

    #[test]
    fn values_have_an_order_and_what_is_not_there_is_last_either_way() {
        let sorted = |values: Value, is_descending| {
            let mut values = values.as_array().unwrap().clone();
            values.sort_by_cached_key(|value| Directed { key: Key::of(value), is_descending });
            Value::from(values)
        };
        assert_eq!(sorted(json!([10, null, 9.5, "2"]), false), json!(["2", 9.5, 10, null]));
        assert_eq!(sorted(json!(["b", null, "A", "c"]), true), json!(["c", "b", "A", null]));
        let (early, late) = ("2026-01-31T23:00:00-05:00", "2026-02-01T10:00:00Z");
        assert_eq!(sorted(json!([late, early]), false), json!([early, late]));
        let (early, late) = ("2026-02-01T10:00:00.001Z", "2026-02-01T10:00:00.250Z");
        assert_eq!(sorted(json!([early, late]), true), json!([late, early]));
        assert_eq!(sorted(json!([true, false]), false), json!([false, true]));
    }
}
