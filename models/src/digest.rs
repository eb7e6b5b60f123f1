//! The canonical form and its digest.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::Model;

/// SHA-256 of a canonical document, lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// The digest of a model's canonical form.
    pub fn of(model: &Model) -> Self {
        Self::of_bytes(model.canonical().as_bytes())
    }

    /// The digest of a document's canonical form.
    pub fn of_value(value: &Value) -> Self {
        Self::of_bytes(canonical_json(value).as_bytes())
    }

    /// The digest of bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let hash = Sha256::digest(bytes);
        Self(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The hex text, 64 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// JSON with sorted keys, no blanks, and numbers in the shortest form that reads back the same;
/// a whole float is written as an integer, so that `10` and `10.0` have one form.
///
/// # Source
///
/// The idea of RFC 8785; keys are sorted by Unicode code point, not UTF-16 unit.
pub fn canonical_json(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<_> = map.keys().collect();
            keys.sort_unstable();
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write(&map[key.as_str()], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Number(number) => out.push_str(&canonical_number(number)),
        other => out.push_str(&other.to_string()),
    }
}

fn canonical_number(number: &serde_json::Number) -> String {
    match number.as_f64() {
        // Beyond 2^53 a float no longer names one integer.
        Some(float)
            if number.is_f64() && float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 =>
        {
            format!("{float:.0}")
        }
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn key_order_and_number_spelling_do_not_change_the_digest() {
        let one: Value = serde_json::from_str(r#"{"b": 1.0, "a": [1, 2.5]}"#).unwrap();
        assert_eq!(canonical_json(&one), r#"{"a":[1,2.5],"b":1}"#);
        assert_eq!(Digest::of_value(&one), Digest::of_value(&json!({"a": [1, 2.5], "b": 1})));
    }
}
