//! Numbers, times and JSON values as people read them.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use models::{Evidence, Finding, Kind, Surface};
use serde_json::Value;

/// Values of an enum named before the rest are counted.
const VALUES_NAMED_MAX: usize = 8;
/// Characters of a value that is quoted because nothing better is known of it.
const QUOTED_MAX: usize = 80;

/// What changed, in words: `string → integer`.
pub(crate) fn change(finding: &Finding) -> String {
    let (before, after) = (&finding.before, &finding.after);
    match finding.kind {
        Kind::RouteAdded => with("new route", &shape_or_nothing(after)),
        Kind::RouteRemoved => "no longer answered".to_owned(),
        Kind::StatusAdded if before.is_u64() => format!("in the place of {before}"),
        Kind::StatusAdded => with("new status", &shape_or_nothing(after)),
        Kind::WebhookEventAdded => with("new event", &shape_or_nothing(after)),
        Kind::FieldAdded => with("new", &shape_or_nothing(after)),
        Kind::FieldRemoved => match shape_or_nothing(before) {
            shape if shape.is_empty() => removed(finding.surface).to_owned(),
            shape => format!("{} (was {shape})", removed(finding.surface)),
        },
        Kind::TypeChanged => format!("{} → {}", types(before), types(after)),
        Kind::NullabilityChanged => flip(before, after, "never null", "may be null"),
        Kind::RequirednessChanged => match finding.surface {
            Surface::Request => flip(before, after, "optional", "required"),
            Surface::Response | Surface::Webhook => {
                flip(before, after, "may be missing", "always there")
            }
        },
        Kind::EnumValueAdded => match after.as_array().map(Vec::as_slice) {
            Some([Value::String(any)]) if any == "*" => "opened to any string".to_owned(),
            Some([_]) => format!("new value {}", values(after)),
            _ => format!("new values {}", values(after)),
        },
        Kind::EnumValueRemoved => format!("no longer {}", values(before)),
        Kind::FormatChanged => format!("{} → {}", format_name(before), format_name(after)),
        Kind::RateLimitChanged => format!("{} → {}", limit(before), limit(after)),
    }
}

/// `1204 of 1204, first seen 2026-11-19 08:00 UTC`.
pub(crate) fn evidence(finding: &Finding) -> String {
    let evidence = &finding.evidence;
    let mut text = format!("{} of {}", grouped(evidence.seen), grouped(evidence.of));
    let witnesses = witnesses(evidence);
    if !witnesses.is_empty() {
        let _ = write!(text, ", {witnesses}");
    }
    if let Some(first) = evidence.first_seen {
        let _ = write!(text, ", first seen {}", time(first));
    }
    text
}

/// `310 witnesses, 12 callers`; empty where neither was counted.
pub(crate) fn witnesses(evidence: &Evidence) -> String {
    let units = evidence.units.map(|units| count(units, "witness"));
    let callers = evidence.callers.map(|callers| count(callers, "caller"));
    units.into_iter().chain(callers).collect::<Vec<_>>().join(", ")
}

/// `1 finding`, `2 findings`, `2 witnesses`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let ending = match number {
        1 => "",
        _ if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{} {noun}{ending}", grouped(number))
}

/// Digits by threes from five digits on: `1204`, `12 345`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let first = digits.len() % 3;
    let mut text = digits[..first].to_owned();
    for place in (first..digits.len()).step_by(3) {
        if !text.is_empty() {
            // A no-break space, so that a number stays on its line.
            text.push('\u{a0}');
        }
        text += &digits[place..place + 3];
    }
    text
}

/// To the minute, UTC.
pub(crate) fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// A share as a percentage, rounded down so that 100 % is said of certainty alone.
pub(crate) fn percent(share: f64, decimals: u8) -> String {
    let scale = 10_f64.powi(i32::from(decimals));
    // The hair on top makes up for 0.347 being a little less than it reads.
    let percent = (share.clamp(0.0, 1.0) * 100.0 * scale + 1e-9).floor() / scale;
    format!("{percent} %")
}

/// A schema as far as one line holds it: `string (date-time) or null`.
pub(crate) fn shape(value: &Value) -> String {
    match shape_or_nothing(value) {
        text if text.is_empty() => "anything".to_owned(),
        text => text,
    }
}

/// A part of a model's document in a line: a route by its answers, a parameter by its schema, a
/// limit; else a schema.
pub(crate) fn part(value: &Value) -> String {
    if let Some(variants) = value.get("variants").and_then(Value::as_object) {
        let answer = |(status, variant): (&String, &Value)| {
            let body = variant.get("body").map(shape_or_nothing).unwrap_or_default();
            if body.is_empty() { status.clone() } else { format!("{status} ({body})") }
        };
        let answers: Vec<_> = variants.iter().map(answer).collect();
        return format!("answers {}", join(answers.iter().map(String::as_str), "and"));
    }
    if value.get("algorithm").is_some() {
        return limit(value);
    }
    let within = ["body", "schema"].iter().find_map(|key| value.get(key));
    shape(within.unwrap_or(value))
}

/// A value as it is said: text without quotes, whole numbers without a point.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(_) => whole(value),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => quoted(other),
    }
}

fn removed(surface: Surface) -> &'static str {
    match surface {
        Surface::Request => "no longer taken",
        Surface::Response | Surface::Webhook => "no longer sent",
    }
}

fn with(what: &str, shape: &str) -> String {
    if shape.is_empty() { what.to_owned() } else { format!("{what}: {shape}") }
}

fn flip(before: &Value, after: &Value, no: &str, yes: &str) -> String {
    let word = |value: &Value| match value.as_bool() {
        Some(true) => yes.to_owned(),
        Some(false) => no.to_owned(),
        None => quoted(value),
    };
    format!("{} → {}", word(before), word(after))
}

/// A JSON Schema of a field, as far as one line holds it; empty where there is none.
fn shape_or_nothing(value: &Value) -> String {
    let Value::Object(schema) = value else {
        return if value.is_null() { String::new() } else { types(value) };
    };
    let mut parts = Vec::new();
    match schema.get("type").or_else(|| schema.get("types")) {
        Some(Value::Object(by_name)) => parts.push(join(by_name.keys().map(String::as_str), "or")),
        Some(value) => parts.push(types(value)),
        None => {}
    }
    if let Some(format) = schema.get("format").and_then(Value::as_str) {
        parts.push(format!("({format})"));
    }
    if let Some(entity) = schema.get("ref").and_then(Value::as_str) {
        parts.push(entity.to_owned());
    }
    if let Some(fields) = schema.get("properties").and_then(Value::as_object) {
        parts.push(format!("with {}", count(fields.len() as u64, "field")));
    }
    if let Some(items) = schema.get("items").map(shape_or_nothing).filter(|text| !text.is_empty()) {
        parts.push(format!("of {items}"));
    }
    if let Some(members) = schema.get("enum") {
        parts.push(format!("one of {}", values(members)));
    }
    if schema.get("nullable") == Some(&Value::Bool(true)) {
        parts.push("or null".to_owned());
    }
    if parts.is_empty() && !schema.is_empty() { quoted(value) } else { parts.join(" ") }
}

fn types(value: &Value) -> String {
    match value {
        Value::Array(names) if !names.is_empty() => {
            join(names.iter().map(|name| name.as_str().unwrap_or("?")), "or")
        }
        Value::Array(_) | Value::Null => "nothing".to_owned(),
        Value::String(name) => name.clone(),
        Value::Object(_) => shape_or_nothing(value),
        other => quoted(other),
    }
}

fn values(value: &Value) -> String {
    let members: Vec<&Value> = match value {
        Value::Array(members) => members.iter().collect(),
        Value::Object(members) => return join(members.keys().map(String::as_str), "or"),
        other => vec![other],
    };
    let named = members.iter().take(VALUES_NAMED_MAX).map(|member| match member {
        Value::String(text) => format!("\"{text}\""),
        other => quoted(other),
    });
    let text = named.collect::<Vec<_>>().join(", ");
    match members.len().checked_sub(VALUES_NAMED_MAX) {
        Some(more @ 1..) => format!("{text} and {more} more"),
        _ => text,
    }
}

fn format_name(value: &Value) -> String {
    match value {
        Value::Null => "no format".to_owned(),
        Value::String(name) if name.is_empty() => "no format".to_owned(),
        other => types(other),
    }
}

/// `100 per 60 s (fixed window)`.
fn limit(value: &Value) -> String {
    let Value::Object(limit) = value else {
        return if value.is_null() { "no limit".to_owned() } else { quoted(value) };
    };
    let number = |key: &str| limit.get(key).map(interval);
    let mut text = number("limit").unwrap_or_else(|| "?".to_owned());
    if let Some(window) = number("window_seconds") {
        let _ = write!(text, " per {window} s");
    }
    let mut details: Vec<String> = Vec::new();
    details
        .extend(limit.get("algorithm").and_then(Value::as_str).map(|name| name.replace('_', " ")));
    for key in ["burst", "scope", "cost"] {
        details.extend(number(key).map(|number| format!("{key} {number}")));
    }
    if details.is_empty() { text } else { format!("{text} ({})", details.join(", ")) }
}

/// A number, or the interval it lies in.
fn interval(value: &Value) -> String {
    match value.as_array().map(Vec::as_slice) {
        Some([from, to]) => format!("{from} to {to}"),
        _ => value.as_str().map_or_else(|| whole(value), str::to_owned),
    }
}

/// `60.0` as `60`.
fn whole(value: &Value) -> String {
    match value.as_f64() {
        Some(number) => format!("{number}"),
        None => quoted(value),
    }
}

fn quoted(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= QUOTED_MAX {
        return text;
    }
    text.chars().take(QUOTED_MAX).chain(['…']).collect()
}

/// `a`, `a or b`, `a, b or c`.
fn join<'t>(words: impl Iterator<Item = &'t str>, last: &str) -> String {
    let words: Vec<&str> = words.collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., end] => format!("{} {last} {end}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn digits_are_grouped_from_five_on() {
        assert_eq!(grouped(1204), "1204");
        assert_eq!(grouped(12_345), "12\u{a0}345");
        assert_eq!(grouped(1_234_567), "1\u{a0}234\u{a0}567");
        assert_eq!(grouped(123_456), "123\u{a0}456");
    }

    #[test]
    fn a_hundred_percent_is_certainty() {
        assert_eq!(percent(0.999_999, 2), "99.99 %");
        assert_eq!(percent(1.0, 2), "100 %");
        assert_eq!(percent(0.5, 1), "50 %");
    }

    #[test]
    fn a_shape_is_said_in_a_line() {
        let cases = [
            (json!({"type": "string", "enum": ["a", "b"]}), r#"string one of "a", "b""#),
            (
                json!({"type": ["array", "string"], "items": {"type": "integer"}}),
                "array or string of integer",
            ),
            (json!({"types": {"object": true}, "properties": {"id": {}}}), "object with 1 field"),
            (
                json!({"type": "string", "format": "date-time", "nullable": true}),
                "string (date-time) or null",
            ),
            (json!({"ref": "customer"}), "customer"),
            (json!({}), ""),
            (json!(null), ""),
        ];
        for (shape, words) in cases {
            assert_eq!(shape_or_nothing(&shape), words, "{shape}");
        }
    }

    #[test]
    fn a_limit_that_is_only_bounded_is_an_interval() {
        let value = json!({"algorithm": "token_bucket", "limit": [90, 110], "window_seconds": 60.0, "burst": 20});
        assert_eq!(limit(&value), "90 to 110 per 60 s (token bucket, burst 20)");
        assert_eq!(limit(&Value::Null), "no limit");
    }
}
