//! What a run changes, as an Overlay to the twin's OpenAPI description.

use std::fmt::Write as _;

use models::openapi;
use serde_json::{Map, Value, json};

use crate::report::{Models, Report};

/// Actions on the OpenAPI 3.1 document that `wt export` writes of the model before the run, which
/// make it the one of the model after it.
///
/// None where the run changes nothing that OpenAPI says. Values are replaced by their parent:
/// version 1.0 updates objects alone, and appends to arrays, so that an array that changed is
/// removed first.
///
/// # Source
///
/// Overlay Specification 1.0.0, OpenAPI Initiative; JSON Path, RFC 9535.
pub fn overlay(report: &Report, models: &Models) -> Option<Value> {
    let mut actions = Vec::new();
    let before = openapi::export(&models.before);
    compare(&before, &openapi::export(&models.after), "$", &mut actions);
    let title = format!("{}, calibration run {}", report.drift.twin, report.number);
    (!actions.is_empty()).then(|| {
        json!({
            "overlay": "1.0.0",
            "info": {"title": title, "version": report.number.to_string()},
            "actions": actions,
        })
    })
}

/// Removals first, then one update with all that is new or different at this object.
fn compare(before: &Value, after: &Value, at: &str, actions: &mut Vec<Value>) {
    let (Value::Object(old), Value::Object(new)) = (before, after) else { return };
    let mut update = Map::new();
    for (key, value) in old {
        match new.get(key) {
            None => actions.push(json!({"target": member(at, key), "remove": true})),
            Some(next) if next == value || (value.is_object() && next.is_object()) => {}
            Some(next) => {
                // A merge puts scalars in place of scalars; anything else would be merged into.
                if is_container(value) || is_container(next) {
                    actions.push(json!({"target": member(at, key), "remove": true}));
                }
                update.insert(key.clone(), next.clone());
            }
        }
    }
    let added = new.iter().filter(|(key, _)| !old.contains_key(*key));
    update.extend(added.map(|(key, value)| (key.clone(), value.clone())));
    if !update.is_empty() {
        actions.push(json!({"target": at, "update": update}));
    }
    for (key, value) in old {
        if let Some(next) = new.get(key).filter(|next| value.is_object() && next.is_object()) {
            compare(value, next, &member(at, key), actions);
        }
    }
}

const fn is_container(value: &Value) -> bool {
    matches!(value, Value::Array(_) | Value::Object(_))
}

/// The path of an object's member. The bracket form takes any name.
fn member(at: &str, name: &str) -> String {
    let mut text = format!("{at}['");
    for c in name.chars() {
        match c {
            '\'' | '\\' => text.extend(['\\', c]),
            '\u{8}' => text += "\\b",
            '\t' => text += "\\t",
            '\n' => text += "\\n",
            '\u{c}' => text += "\\f",
            '\r' => text += "\\r",
            c if u32::from(c) < 0x20 => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text + "']"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_stands_in_a_path() {
        assert_eq!(member("$", "paths"), "$['paths']");
        assert_eq!(member("$['a']", "it's\\\n\u{1}"), r"$['a']['it\'s\\\n\u0001']");
    }
}
