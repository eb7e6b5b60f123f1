//! A patch as people read it: where, from what, to what.

use models::Patch;
use serde_json::Value;

use crate::words;

/// The keywords of a schema that hold a set, as a model writes sets: names with `true`.
const SETS: [&str; 2] = ["types", "enum"];

/// One change of a model's document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Edit {
    /// What the change is in: `GET /emails, answer 200`, `entity email`, `rate limit default`.
    pub(crate) subject: String,
    /// The field, dotted as findings have it; empty at the root.
    pub(crate) path: String,
    /// Which property of it: `type`, `required`; empty where the whole field comes or goes.
    pub(crate) aspect: String,
    /// In words; none where it is new.
    pub(crate) before: Option<String>,
    /// In words; none where it is gone.
    pub(crate) after: Option<String>,
}

impl Edit {
    /// Where the change is, on one line.
    pub(crate) fn place(&self) -> String {
        let words = [&self.subject, &self.path, &self.aspect];
        let words: Vec<_> =
            words.into_iter().filter(|word| !word.is_empty()).map(String::as_str).collect();
        words.join(" ")
    }
}

/// The changes of a patch, in its order; guards are no changes and give the value before.
pub(crate) fn edits(patch: &Patch) -> Vec<Edit> {
    let operations = serde_json::to_value(patch).unwrap_or_default();
    let mut guarded: Option<(String, Value)> = None;
    let mut edits = Vec::new();
    for operation in operations.as_array().into_iter().flatten() {
        let pointer = operation["path"].as_str().unwrap_or_default().to_owned();
        let value = operation.get("value").cloned();
        if operation["op"] == "test" {
            guarded = value.map(|value| (pointer, value));
            continue;
        }
        let before = guarded.take().filter(|(at, _)| *at == pointer).map(|(_, value)| value);
        add(edit(&pointer, before.as_ref(), value.as_ref()), &mut edits);
    }
    edits
}

/// Members of a set that come and go are one change of the set.
fn add(edit: Edit, edits: &mut Vec<Edit>) {
    let is_of_set = |edit: &Edit| SETS.map(aspect_name).contains(&edit.aspect);
    let same = edits.last_mut().filter(|last| {
        is_of_set(&edit)
            && (&last.subject, &last.path, &last.aspect)
                == (&edit.subject, &edit.path, &edit.aspect)
    });
    let Some(last) = same else { return edits.push(edit) };
    for (side, more) in [(&mut last.before, edit.before), (&mut last.after, edit.after)] {
        let both = side.iter().cloned().chain(more).collect::<Vec<_>>();
        *side = (!both.is_empty()).then(|| both.join(", "));
    }
}

fn edit(pointer: &str, before: Option<&Value>, after: Option<&Value>) -> Edit {
    let tokens: Vec<String> = pointer.split('/').skip(1).map(unescaped).collect();
    let (subject, rest) = subject(&tokens);
    let (path, aspect) = place(rest);
    let (member, name) = match aspect.as_slice() {
        [set @ ("types" | "enum"), member] => (Some(*member), aspect_name(set)),
        [] => (None, String::new()),
        all => (None, all.iter().map(|word| aspect_name(word)).collect::<Vec<_>>().join(" ")),
    };
    let word = |value: &Value| match (member, aspect.as_slice()) {
        (Some(member), _) => member.to_owned(),
        (None, ["required"]) => said(value, "always there", "may be missing"),
        (None, ["nullable"]) => said(value, "may be null", "never null"),
        (None, []) => words::part(value),
        (None, _) => words::plain(value),
    };
    let absent = |value: Option<&Value>| match (value, aspect.as_slice()) {
        // What a model leaves out is the default, not nothing.
        (None, ["required"]) => Some("may be missing".to_owned()),
        (None, ["nullable"]) => Some("never null".to_owned()),
        (value, _) => value.map(word),
    };
    Edit { subject, path, aspect: name, before: absent(before), after: absent(after) }
}

fn said(value: &Value, yes: &str, no: &str) -> String {
    if value.as_bool() == Some(true) { yes.to_owned() } else { no.to_owned() }
}

/// What the document's part is about, and the tokens within it.
fn subject(tokens: &[String]) -> (String, &[String]) {
    let words: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let (text, used) = match words.as_slice() {
        ["entities", name, ..] => (format!("entity {name}"), 2),
        ["webhooks", event, "body", ..] => (format!("webhook {event}"), 3),
        ["webhooks", event, ..] => (format!("webhook {event}"), 2),
        ["limits", scope, ..] => (format!("rate limit {scope}"), 2),
        ["routes", route, "variants", status, "body", ..] => {
            (format!("{route}, answer {status}"), 5)
        }
        ["routes", route, "variants", status, ..] => (format!("{route}, answer {status}"), 4),
        ["routes", route, "request", "content", _, ..] => (format!("{route}, request"), 5),
        ["routes", route, "query", name, "schema", ..] => (format!("{route}, query ?{name}"), 5),
        ["routes", route, "query", name, ..] => (format!("{route}, query ?{name}"), 4),
        ["routes", route, ..] => ((*route).to_owned(), 2),
        _ => ("the model".to_owned(), 0),
    };
    (text, &tokens[used..])
}

/// The steps of a schema as a dotted path, and what is left.
fn place(tokens: &[String]) -> (String, Vec<&str>) {
    let mut path = String::new();
    let mut rest = tokens;
    loop {
        rest = match rest {
            [step, name, more @ ..] if step == "properties" => {
                if !path.is_empty() {
                    path.push('.');
                }
                path += name;
                more
            }
            [step, more @ ..] if step == "items" => {
                path += "[]";
                more
            }
            [step, more @ ..] if step == "map" => {
                path += if path.is_empty() { "{}" } else { ".{}" };
                more
            }
            [step, name, more @ ..] if step == "any_of" => {
                path += if path.is_empty() { "as " } else { " as " };
                path += name;
                more
            }
            _ => return (path, rest.iter().map(String::as_str).collect()),
        };
    }
}

fn aspect_name(word: &str) -> String {
    match word {
        "types" => "type".to_owned(),
        "enum" => "value".to_owned(),
        "ref" => "entity".to_owned(),
        other => other.replace('_', " "),
    }
}

/// RFC 6901, section 4.
fn unescaped(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(patch: Value) -> Vec<String> {
        let patch: Patch = serde_json::from_value(patch).unwrap();
        let line = |edit: Edit| {
            let [before, after] = [edit.before, edit.after].map(|side| side.unwrap_or("-".into()));
            format!("{} | {} | {} | {before} | {after}", edit.subject, edit.path, edit.aspect)
        };
        edits(&patch).into_iter().map(line).collect()
    }

    #[test]
    fn a_change_names_its_place_as_findings_do() {
        let lines = of(json!([
            {"op": "add", "path": "/entities/email/properties/last_event",
                "value": {"types": {"string": true}, "enum": {"a": true, "b": true}}},
            {"op": "test", "path": "/routes/GET ~1emails~1{id}/variants/200/body/properties/data/items/properties/fax",
                "value": {"types": {"string": true}}},
            {"op": "remove", "path": "/routes/GET ~1emails~1{id}/variants/200/body/properties/data/items/properties/fax"},
            {"op": "add", "path": "/routes/POST ~1emails/request/content/application~1json/properties/to/required", "value": true},
            {"op": "test", "path": "/limits/default/limit", "value": 60},
            {"op": "replace", "path": "/limits/default/limit", "value": 30},
            {"op": "add", "path": "/webhooks/email.sent/body/any_of/bounce/properties/x/types/integer", "value": true},
            {"op": "test", "path": "/webhooks/email.sent/body/any_of/bounce/properties/x/types/string", "value": true},
            {"op": "remove", "path": "/webhooks/email.sent/body/any_of/bounce/properties/x/types/string"},
            {"op": "add", "path": "/routes/GET ~1disputes", "value": {"variants": {
                "200": {"body": {"types": {"object": true}, "properties": {"data": {}}}}, "404": {}}}},
            {"op": "add", "path": "/limits/search",
                "value": {"algorithm": "fixed_window", "limit": 10, "window_seconds": 60.0}},
        ]));
        insta::assert_snapshot!(lines.join("\n"), @r#"
        entity email | last_event |  | - | string one of a or b
        GET /emails/{id}, answer 200 | data[].fax |  | string | -
        POST /emails, request | to | required | may be missing | always there
        rate limit default |  | limit | 60 | 30
        webhook email.sent | as bounce.x | type | string | integer
        GET /disputes |  |  | - | answers 200 (object with 1 field) and 404
        rate limit search |  |  | - | 10 per 60 s (fixed window)
        "#);
    }
}
