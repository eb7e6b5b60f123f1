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
        let digits = hash.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        Self(digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect())
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
                write_text(key, out);
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
        Value::String(text) => write_text(text, out),
        Value::Number(number) => out.push_str(&canonical_number(number)),
        other => out.push_str(&other.to_string()),
    }
}

/// Nearly all texts of a model are names, in which nothing is escaped.
fn write_text(text: &str, out: &mut String) {
    if text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        out.push_str(&Value::from(text).to_string());
        return;
    }
    out.push('"');
    out.push_str(text);
    out.push('"');
}

fn canonical_number(number: &serde_json::Number) -> String {
    let float = number.as_f64().filter(|_| number.is_f64());
    float.and_then(whole_number).unwrap_or_else(|| number.to_string())
}

/// A whole float as an integer is written; `None` where it has a fraction, or names no one integer.
pub(crate) fn whole_number(float: f64) -> Option<String> {
    // Beyond 2^53 a float no longer names one integer.
    let is_whole = float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0;
    is_whole.then(|| format!("{float:.0}"))
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

    #[test]
    fn the_digest_is_sha_256_in_hex() {
        // FIPS 180-2, appendix B.1.
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of_bytes(b"abc").as_str(), digest);
    }

    #[test]
    fn texts_are_written_as_serde_json_writes_them() {
        for character in (0..=0x2_ffff).filter_map(char::from_u32) {
            let text = Value::from(format!("a{character}"));
            assert_eq!(canonical_json(&text), text.to_string());
        }
    }
}
