//! Whether an answer is what a step asks for.

use serde_json::{Map, Value};

use super::document::{Assert, Contains};
use super::path;
use super::text::{Names, plain};
use crate::client::Answer;

/// All that is wrong with an answer; `body` is its JSON, where it is that.
pub(super) fn check(
    assert: &Assert,
    answer: &Answer,
    body: Option<&Value>,
    names: &Names<'_>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Some(status) = assert.status.filter(|status| *status != answer.status) {
        wrong.push(format!("status is {}, not {status}", answer.status));
    }
    for (name, wanted) in &assert.headers {
        let value = answer.headers.get(name).and_then(|value| value.to_str().ok());
        match names.fill(wanted) {
            Ok(wanted) if value == Some(&wanted) => {}
            Ok(wanted) => wrong.push(format!("header {name} is {value:?}, not {wanted:?}")),
            Err(why) => wrong.push(why),
        }
    }
    for (path, wanted) in &assert.body {
        wrong.extend(check_at(path, wanted, body, names).err());
    }
    let wanted = match &assert.body_contains {
        None => &[],
        Some(Contains::One(text)) => std::slice::from_ref(text),
        Some(Contains::All(texts)) => &texts[..],
    };
    let text = String::from_utf8_lossy(&answer.body);
    for wanted in wanted {
        match names.fill(wanted) {
            Ok(wanted) if text.contains(&wanted) => {}
            Ok(wanted) => wrong.push(format!("the body does not contain {wanted:?}")),
            Err(why) => wrong.push(why),
        }
    }
    wrong
}

fn check_at(
    path: &str,
    wanted: &Value,
    body: Option<&Value>,
    names: &Names<'_>,
) -> Result<(), String> {
    let body = body.ok_or_else(|| format!("{path}: the body is not JSON"))?;
    let found = path::at(body, path)?;
    let wanted = names.fill_value(wanted)?;
    match wanted.as_object().filter(|one| is_operations(one)) {
        Some(operations) => operations
            .iter()
            .try_for_each(|(operation, operand)| apply(path, operation, operand, found)),
        None => equal(path, &wanted, found),
    }
}

const OPERATIONS: [&str; 6] = ["exists", "eq", "gte", "lte", "contains", "regex"];

fn is_operations(object: &Map<String, Value>) -> bool {
    !object.is_empty() && object.keys().all(|key| OPERATIONS.contains(&key.as_str()))
}

fn equal(path: &str, wanted: &Value, found: Option<&Value>) -> Result<(), String> {
    let same = found.is_some_and(|found| {
        found == wanted
            || found.as_f64().is_some_and(|one| wanted.as_f64() == Some(one))
            // What a `{{…}}` became is a text, whatever it was.
            || (wanted.is_string() && !found.is_object() && !found.is_array() && plain(found) == plain(wanted))
    });
    if same { Ok(()) } else { Err(format!("{path} is {}, not {wanted}", shown(found))) }
}

fn apply(
    path: &str,
    operation: &str,
    operand: &Value,
    found: Option<&Value>,
) -> Result<(), String> {
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok());
    let compare = |holds: fn(f64, f64) -> bool| {
        found
            .and_then(Value::as_f64)
            .zip(number(operand))
            .is_some_and(|(one, other)| holds(one, other))
    };
    let holds = match operation {
        "exists" => found.is_some() == operand.as_bool().unwrap_or(true),
        "eq" => return equal(path, operand, found),
        "gte" => compare(|one, other| one >= other),
        "lte" => compare(|one, other| one <= other),
        "contains" => match found {
            Some(Value::Array(items)) => items.contains(operand),
            Some(Value::String(text)) => text.contains(&plain(operand)),
            Some(Value::Object(fields)) => fields.contains_key(&plain(operand)),
            _ => false,
        },
        _ => {
            let pattern = regex::Regex::new(&plain(operand))
                .map_err(|error| format!("{path}: {operand} is not a pattern: {error}"))?;
            found.is_some_and(|value| pattern.is_match(&plain(value)))
        }
    };
    if holds {
        Ok(())
    } else {
        Err(format!("{path} is {}, not {operation} {operand}", shown(found)))
    }
}

fn shown(found: Option<&Value>) -> String {
    found.map_or_else(|| "absent".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bytes::Bytes;
    use http::HeaderMap;
    use serde_json::json;

    use super::super::run::Ports;
    use super::*;

    fn wrong(assert: Value) -> Vec<String> {
        let assert: Assert = serde_json::from_value(assert).unwrap();
        let body = json!({"id": "cus_1", "amount": 500, "tags": ["a"], "none": null});
        let mut headers = HeaderMap::new();
        headers.insert("x-kind", "twin".parse().unwrap());
        let answer = Answer { status: 200, headers, body: Bytes::from(body.to_string()) };
        let ports = Ports(BTreeMap::new());
        let variables = BTreeMap::from([("amount".to_owned(), "500".to_owned())]);
        check(&assert, &answer, Some(&body), &Names { ports: &ports, variables })
    }

    #[test]
    fn what_holds_is_not_told_and_what_does_not_is() {
        for holds in [
            json!({"status": 200, "headers": {"X-Kind": "twin"}, "body_contains": "cus_"}),
            json!({"body": {"$.id": "cus_1", "$.amount": 500.0, "$.none": null}}),
            json!({"body": {"$.amount": {"gte": 500, "lte": 500}, "$.id": {"regex": "^cus_\\d$"}}}),
            json!({"body": {"$.tags": {"contains": "a"}, "$.x": {"exists": false}, "$.amount": "{{amount}}"}}),
            json!({"body_contains": ["cus_1", "500"]}),
        ] {
            assert_eq!(wrong(holds.clone()), Vec::<String>::new(), "{holds}");
        }
        for fails in [
            json!({"status": 201}),
            json!({"headers": {"x-kind": "other"}}),
            json!({"body": {"$.id": "cus_2"}}),
            json!({"body": {"$.x": null}}),
            json!({"body": {"$.amount": {"gte": 501}}}),
            json!({"body": {"$.id": {"regex": "["}}}),
            json!({"body": {"id": 1}}),
            json!({"body_contains": "{{nothing}}"}),
        ] {
            assert_eq!(wrong(fails.clone()).len(), 1, "{fails}");
        }
        assert_eq!(wrong(json!({"body": {"$.amount": 7}})), ["$.amount is 500, not 7"]);
    }
}
