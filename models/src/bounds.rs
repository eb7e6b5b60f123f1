//! How far a value may go.

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use crate::JsonType;

/// What a scalar or a list keeps within. Each bound is of one kind of value and says nothing of others.
///
/// Only a description says bounds: traffic shows where values were, and not where they may go. So no evidence
/// contradicts them and no calibration changes them.
///
/// # Source
///
/// JSON Schema 2020-12 Validation §6.2 to §6.4.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// The least number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Number>,
    /// The greatest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<Number>,
    /// What numbers are above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclusive_minimum: Option<Number>,
    /// What numbers are below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclusive_maximum: Option<Number>,
    /// Of a text, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u64>,
    /// Of a text, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u64>,
    /// A regular expression of ECMA-262 that a text has a place for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Items of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_items: Option<u64>,
    /// Items of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_items: Option<u64>,
}

impl Bounds {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The bounds of values of one type.
    #[must_use]
    pub fn of_type(&self, json_type: JsonType) -> Self {
        let Self { minimum, maximum, exclusive_minimum, exclusive_maximum, .. } = self.clone();
        let Self { min_length, max_length, pattern, min_items, max_items, .. } = self.clone();
        match json_type {
            JsonType::Integer | JsonType::Number => {
                Self { minimum, maximum, exclusive_minimum, exclusive_maximum, ..Self::default() }
            }
            JsonType::String => Self { min_length, max_length, pattern, ..Self::default() },
            JsonType::Array => Self { min_items, max_items, ..Self::default() },
            JsonType::Boolean | JsonType::Object => Self::default(),
        }
    }

    /// What keeps within both; of two patterns the other's.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            minimum: tighter(self.minimum, other.minimum, |one, other| one > other),
            maximum: tighter(self.maximum, other.maximum, |one, other| one < other),
            exclusive_minimum: tighter(
                self.exclusive_minimum,
                other.exclusive_minimum,
                |one, other| one > other,
            ),
            exclusive_maximum: tighter(
                self.exclusive_maximum,
                other.exclusive_maximum,
                |one, other| one < other,
            ),
            min_length: self.min_length.max(other.min_length),
            max_length: least(self.max_length, other.max_length),
            pattern: other.pattern.or(self.pattern),
            min_items: self.min_items.max(other.min_items),
            max_items: least(self.max_items, other.max_items),
        }
    }

    /// The first bound that a value breaks, as it stands after "must be"; the pattern is left to those who keep it
    /// compiled.
    pub fn broken_by(&self, value: &Value) -> Option<String> {
        match value {
            Value::Number(number) => self.broken_by_number(number.as_f64()?),
            Value::String(text) => {
                let length = text.chars().count() as u64;
                counted(length, self.min_length, self.max_length, "characters long")
            }
            Value::Array(items) => {
                counted(items.len() as u64, self.min_items, self.max_items, "items")
            }
            _ => None,
        }
    }

    fn broken_by_number(&self, is: f64) -> Option<String> {
        let breaks = |bound: &Option<Number>, keeps: fn(f64, f64) -> bool, told: &str| {
            let bound = bound.as_ref()?;
            (!keeps(is, bound.as_f64()?)).then(|| format!("{told} {bound}"))
        };
        breaks(&self.minimum, |is, bound| is >= bound, "at least")
            .or_else(|| breaks(&self.maximum, |is, bound| is <= bound, "at most"))
            .or_else(|| breaks(&self.exclusive_minimum, |is, bound| is > bound, "more than"))
            .or_else(|| breaks(&self.exclusive_maximum, |is, bound| is < bound, "less than"))
    }
}

fn counted(count: u64, least: Option<u64>, most: Option<u64>, of_what: &str) -> Option<String> {
    match (least, most) {
        (Some(least), _) if count < least => Some(format!("at least {least} {of_what}")),
        (_, Some(most)) if count > most => Some(format!("at most {most} {of_what}")),
        _ => None,
    }
}

fn tighter(
    one: Option<Number>,
    other: Option<Number>,
    is_tighter: fn(f64, f64) -> bool,
) -> Option<Number> {
    match (one, other) {
        (Some(one), Some(other)) => {
            let is_first = one.as_f64().zip(other.as_f64()).is_some_and(|(a, b)| is_tighter(a, b));
            Some(if is_first { one } else { other })
        }
        (one, other) => one.or(other),
    }
}

fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_told_which_bound_it_breaks() {
        let bounds: Bounds = serde_json::from_value(json!({
            "minimum": 1, "exclusive_maximum": 10.5, "min_length": 2, "max_length": 3, "max_items": 1
        }))
        .unwrap();
        let told = |value: Value| bounds.broken_by(&value);
        assert_eq!(told(json!(0)).as_deref(), Some("at least 1"));
        assert_eq!(told(json!(10.5)).as_deref(), Some("less than 10.5"));
        assert_eq!(told(json!("é")).as_deref(), Some("at least 2 characters long"));
        assert_eq!(told(json!("ééé")), None);
        assert_eq!(told(json!([1, 2])).as_deref(), Some("at most 1 items"));
        assert_eq!((told(json!(10)), told(json!(null)), told(json!({}))), (None, None, None));
    }

    #[test]
    fn both_bounds_are_kept_by_the_tighter_of_each() {
        let of = |value: Value| serde_json::from_value::<Bounds>(value).unwrap();
        let both = of(json!({"minimum": 1, "max_length": 9, "pattern": "a"}))
            .and(of(json!({"minimum": 2.5, "maximum": 7, "max_length": 10, "min_items": 1})));
        let expected =
            json!({"minimum": 2.5, "maximum": 7, "max_length": 9, "pattern": "a", "min_items": 1});
        assert_eq!(serde_json::to_value(both).unwrap(), expected);
    }
}
