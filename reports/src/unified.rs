//! Two descriptions of an API as a unified diff.

use models::openapi;
use serde_json::Value;
use similar::TextDiff;

use crate::asyncapi::asyncapi;
use crate::report::Models;

/// The OpenAPI 3.1 documents before and after, as `diff -u` has them; empty where they are the same.
///
/// # Panics
///
/// Never: a model's keys are text.
pub fn openapi_diff(models: &Models) -> String {
    unified("openapi", &openapi::export(&models.before), &openapi::export(&models.after))
}

/// The webhooks before and after, as AsyncAPI 3.0; empty where they are the same.
///
/// # Panics
///
/// Never: a model's keys are text.
pub fn asyncapi_diff(models: &Models) -> String {
    unified("asyncapi", &asyncapi(&models.before), &asyncapi(&models.after))
}

fn unified(name: &str, before: &Value, after: &Value) -> String {
    // YAML has no closing brackets, which make half the lines of a diff of JSON.
    let text = |value| serde_norway::to_string(value).expect("JSON is YAML");
    let (before, after) = (text(before), text(after));
    let diff = TextDiff::from_lines(&before, &after);
    let (from, to) = (format!("a/{name}.yaml"), format!("b/{name}.yaml"));
    diff.unified_diff().context_radius(4).header(&from, &to).to_string()
}
