//! Whether a value is what a model says.

use std::fmt;

use models::{FieldPath, JsonType, Model, Schema, Step, View};
use serde_json::Value;

use crate::format::Format;

/// One place where a value is not what the model says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where in the value.
    pub path: FieldPath,
    /// What is wrong there.
    pub message: String,
    /// Only that the value holds a field the model does not have.
    pub is_unknown_field: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.path, self.message)
    }
}

/// Checks a value against a schema of the model; no problems means it is valid.
///
/// Stricter than JSON Schema in one thing: a field the model does not have is a problem, unless the
/// object is a map or one the model says nothing of. Of several alternatives the one that fits best
/// is reported on.
pub fn validate(model: &Model, schema: &Schema, value: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !schema.says_nothing() {
        check(model, schema, value, &FieldPath::ROOT, &mut problems);
    }
    problems
}

/// Whether a value lacks nothing that a schema asks for and holds nothing it forbids; fields the model does not have are neither.
pub(crate) fn admits(model: &Model, schema: &Schema, value: &Value) -> bool {
    validate(model, schema, value).iter().all(|problem| problem.is_unknown_field)
}

fn check(model: &Model, schema: &Schema, value: &Value, at: &FieldPath, into: &mut Vec<Problem>) {
    let view = View::of(model, schema, "");
    if view.says_nothing() {
        // An enum without a type is all that may still be said.
        if let Value::String(text) = value
            && !schema.values.is_empty()
            && !schema.values.contains(text)
        {
            into.push(problem(at, format!("`{text}` is not one of the values")));
        }
        return;
    }
    if value.is_null() {
        if !view.nullable {
            into.push(problem(at, "null is not allowed"));
        }
        return;
    }
    let mut best: Option<Vec<Problem>> = None;
    for alternative in &view.alternatives {
        let mut problems = Vec::new();
        check_inline(model, alternative.schema, value, at, &mut problems);
        if best.as_ref().is_none_or(|best| problems.len() < best.len()) {
            best = Some(problems);
        }
    }
    into.extend(best.unwrap_or_default());
}

fn check_inline(
    model: &Model,
    schema: &Schema,
    value: &Value,
    at: &FieldPath,
    into: &mut Vec<Problem>,
) {
    let Some(json_type) = type_of(schema, value) else {
        let allowed: Vec<_> = schema.types.iter().map(|one| one.name()).collect();
        into.push(problem(at, format!("{value} is not of type {}", allowed.join(" or "))));
        return;
    };
    match (json_type, value) {
        (JsonType::Object, Value::Object(object)) => check_object(model, schema, object, at, into),
        (JsonType::Array, Value::Array(items)) => {
            check_bounds(schema, value, at, into);
            let Some(inner) = schema.items.as_deref() else { return };
            let at = at.then(Step::Items);
            for item in items {
                check_inner(model, inner, item, &at, into);
            }
        }
        _ => check_scalar(schema, value, at, into),
    }
}

fn check_object(
    model: &Model,
    schema: &Schema,
    object: &serde_json::Map<String, Value>,
    at: &FieldPath,
    into: &mut Vec<Problem>,
) {
    if schema.is_opaque_object() {
        return;
    }
    for (name, property) in &schema.properties {
        match object.get(name) {
            Some(value) => {
                check_inner(model, property, value, &at.then(Step::Field(name.clone())), into);
            }
            None if property.required => into.push(problem(at, format!("`{name}` is missing"))),
            None => {}
        }
    }
    for (key, value) in object.iter().filter(|(key, _)| !schema.properties.contains_key(*key)) {
        match schema.map.as_deref() {
            Some(values) => check_inner(model, values, value, &at.then(Step::Values), into),
            None => into.push(Problem {
                is_unknown_field: true,
                ..problem(at, format!("`{key}` is not in the model"))
            }),
        }
    }
}

fn check_inner(
    model: &Model,
    schema: &Schema,
    value: &Value,
    at: &FieldPath,
    into: &mut Vec<Problem>,
) {
    if !schema.says_nothing() {
        check(model, schema, value, at, into);
    }
}

fn check_scalar(schema: &Schema, value: &Value, at: &FieldPath, into: &mut Vec<Problem>) {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if !schema.values.is_empty() && !schema.values.contains(&text) {
        into.push(problem(at, format!("`{text}` is not one of the values")));
    }
    if let (true, Some(format)) = (value.is_string(), schema.format.as_deref())
        && Format::named(format).is_some_and(|format| !format.admits(&text))
    {
        into.push(problem(at, format!("`{text}` is not of format {format}")));
    }
    check_bounds(schema, value, at, into);
}

/// Bounds but for patterns, which would be compiled for each value.
fn check_bounds(schema: &Schema, value: &Value, at: &FieldPath, into: &mut Vec<Problem>) {
    if let Some(wanted) = schema.bounds.as_ref().and_then(|bounds| bounds.broken_by(value)) {
        into.push(problem(at, format!("{value} is not {wanted}")));
    }
}

/// The type of the schema's that the value has.
fn type_of(schema: &Schema, value: &Value) -> Option<JsonType> {
    let candidates: &[JsonType] = match value {
        Value::Null => &[],
        Value::Bool(_) => &[JsonType::Boolean],
        Value::Number(number) if number.is_f64() => &[JsonType::Number],
        Value::Number(_) => &[JsonType::Integer, JsonType::Number],
        Value::String(_) => &[JsonType::String],
        Value::Array(_) => &[JsonType::Array],
        Value::Object(_) => &[JsonType::Object],
    };
    candidates.iter().find(|candidate| schema.types.contains(candidate)).copied()
}

fn problem(at: &FieldPath, message: impl Into<String>) -> Problem {
    Problem { path: at.clone(), message: message.into(), is_unknown_field: false }
}
