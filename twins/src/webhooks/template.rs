//! `{{…}}` in the texts of a webhook's declaration.

use serde_json::{Map, Value};

use crate::dice::{BASE62, DIGITS, Dice, HEX};
use crate::escape;
use crate::format;

/// Where the values of a template come from.
pub(crate) struct Context<'c> {
    /// `event`, `object`, `previous`, …
    pub(crate) values: &'c Map<String, Value>,
    /// What is drawn is drawn from here, each place by its own name.
    pub(crate) dice: Dice,
    /// What the twin's API shows at a path.
    pub(crate) show: &'c dyn Fn(&str) -> Option<Value>,
}

impl Context<'_> {
    /// A value with every `{{…}}` filled in; `None` where all of it is a `{{…?}}` without value.
    pub(crate) fn fill(&self, template: &Value) -> Option<Value> {
        match template {
            Value::String(text) => self.fill_text(text),
            Value::Array(items) => Some(items.iter().filter_map(|item| self.fill(item)).collect()),
            Value::Object(fields) => {
                let filled = fields
                    .iter()
                    .filter_map(|(name, value)| Some((name.clone(), self.fill(value)?)));
                Some(Value::Object(filled.collect()))
            }
            _ => Some(template.clone()),
        }
    }

    /// A text with every `{{…}}` filled in.
    pub(crate) fn text(&self, template: &str) -> String {
        let mut text = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((expression, after)) = after.split_once("}}") else { break };
            text.push_str(before);
            let expression = expression.trim().trim_end_matches('?');
            text.push_str(&self.value(expression).as_ref().map(plain).unwrap_or_default());
            rest = after;
        }
        text.push_str(rest);
        text
    }

    fn fill_text(&self, text: &str) -> Option<Value> {
        let whole = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
        let Some(expression) = whole.filter(|inner| !inner.contains("{{")) else {
            return Some(Value::String(self.text(text)));
        };
        match expression.trim().strip_suffix('?') {
            Some(expression) => self.value(expression).filter(|value| !value.is_null()),
            None => Some(self.value(expression.trim()).unwrap_or(Value::Null)),
        }
    }

    fn value(&self, expression: &str) -> Option<Value> {
        if let Some(path) = expression.strip_prefix("show ") {
            return (self.show)(&self.path(path.trim()));
        }
        let dice = self.dice.at(expression);
        let drawn = |alphabet: &[u8], length: &str| {
            let length = length.parse::<usize>().ok().filter(|length| *length <= 256)?;
            Some(Value::String(dice.text(alphabet, length)))
        };
        match expression.split_once(':') {
            Some(("base62", length)) => drawn(BASE62, length),
            Some(("hex", length)) => drawn(HEX, length),
            Some(("digits", length)) => drawn(DIGITS, length),
            _ if expression == "uuid" => Some(Value::String(format::uuid(dice))),
            _ => at(self.values, expression).cloned(),
        }
    }

    /// A path with `{NAME}` replaced by the parameter of the object's path.
    fn path(&self, template: &str) -> String {
        let parameter = |segment: &str| {
            let name = segment.strip_prefix('{')?.strip_suffix('}')?;
            let value = at(self.values, &format!("parameters.{name}")).map(plain)?;
            Some(escape::in_path(&value).into_owned())
        };
        let segments = template.split('/');
        let filled: Vec<_> =
            segments.map(|one| parameter(one).unwrap_or_else(|| one.to_owned())).collect();
        filled.join("/")
    }
}

/// The value at a path of names, `config.url`.
pub(crate) fn at<'v>(values: &'v Map<String, Value>, path: &str) -> Option<&'v Value> {
    match path.split_once('.') {
        Some((first, rest)) => below(values.get(first)?, rest),
        None => values.get(path),
    }
}

/// The value at a path of names within another.
pub(crate) fn below<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, name| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        value => value.get(name),
    })
}

/// A value as text stands in a header or a form: without quotes.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fill(template: &Value) -> Option<Value> {
        let values = json!({
            "event": {"id": "evt_1", "name": "issues.opened", "created": 7},
            "object": {"id": 3, "labels": [{"name": "bug"}]},
            "parameters": {"owner": "ada"},
        });
        let show = |path: &str| (path == "/users/ada").then(|| json!({"login": "ada"}));
        let values = values.as_object().unwrap();
        Context { values, dice: Dice::of(1, "event"), show: &show }.fill(template)
    }

    #[test]
    fn a_whole_text_becomes_the_value_and_a_part_is_written_in() {
        let template = json!({
            "created": "{{event.created}}", "text": "{{event.name}} by {{object.labels.0.name}}",
            "object": "{{object}}", "gone": "{{previous?}}", "null": "{{previous}}",
            "sender": "{{show /users/{owner}}}", "fixed": [1, true],
        });
        assert_eq!(
            fill(&template).unwrap(),
            json!({
                "created": 7, "text": "issues.opened by bug",
                "object": {"id": 3, "labels": [{"name": "bug"}]}, "null": null,
                "sender": {"login": "ada"}, "fixed": [1, true],
            })
        );
    }

    #[test]
    fn what_is_drawn_is_the_same_for_the_same_seed() {
        let id = fill(&json!("evt_{{base62:24}}")).unwrap();
        assert_eq!(id.as_str().unwrap().len(), 28);
        assert_eq!(fill(&json!("evt_{{base62:24}}")).unwrap(), id);
        assert_eq!(fill(&json!("{{uuid}}")).unwrap().as_str().unwrap().len(), 36);
    }
}
