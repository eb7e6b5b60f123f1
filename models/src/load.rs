//! A model document read from disk, and what is wrong with one edited by hand.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde_path_to_error::Segment;

use crate::{
    Algorithm, JsonType, Model, Parameter, RateLimit, RetrySchedule, Route, Schema, Webhook, escape,
};

/// Problems that are listed; of more only their number is told.
const LISTED_MAX: usize = 20;

/// Why a model document could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read {file}")]
    Read {
        /// The file.
        file: String,
        /// What the system says.
        #[source]
        cause: std::io::Error,
    },

    /// Not JSON.
    #[error("{file}:{line}:{column}: not valid JSON: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What the parser says.
        message: String,
    },

    /// JSON, but a field is missing, unknown or of the wrong kind.
    #[error("{file}:{line}:{column}: `{pointer}`: {message}")]
    Field {
        /// The file.
        file: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// JSON Pointer to the value; empty for the document itself.
        pointer: String,
        /// What is wrong with it.
        message: String,
    },

    /// A model by its form that contradicts itself.
    #[error("{file}: {problems}")]
    Invalid {
        /// The file.
        file: String,
        /// What contradicts what.
        problems: Problems,
    },
}

/// One contradiction in a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// JSON Pointer to where it stands.
    pub pointer: String,
    /// What is wrong, to be read after the pointer.
    pub message: String,
}

/// Contradictions, in the document's order; printed a line each, twenty at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "{count} {}", if count == 1 { "problem" } else { "problems" })?;
        for Problem { pointer, message } in self.0.iter().take(LISTED_MAX) {
            write!(f, "\n  `{pointer}` {message}")?;
        }
        match count.saturating_sub(LISTED_MAX) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

impl Model {
    /// Reads `model/symbols.json`.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, and as [`Model::from_bytes`].
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let file = path.display().to_string();
        match std::fs::read(path) {
            Ok(bytes) => Self::from_bytes(&bytes, &file),
            Err(cause) => Err(LoadError::Read { file, cause }),
        }
    }

    /// Reads a model document; `file` is for messages.
    ///
    /// # Errors
    ///
    /// Where it is no JSON, no model, or a model with [problems](Model::problems): each names the
    /// place.
    pub fn from_bytes(bytes: &[u8], file: &str) -> Result<Self, LoadError> {
        // To keep the place of every value takes as long again, and only a refusal wants it.
        let model: Self = match serde_json::from_slice(bytes) {
            Ok(model) => model,
            Err(_) => Self::with_places(bytes, file)?,
        };
        match model.problems() {
            problems if problems.is_empty() => Ok(model),
            problems => {
                Err(LoadError::Invalid { file: file.to_owned(), problems: Problems(problems) })
            }
        }
    }

    fn with_places(bytes: &[u8], file: &str) -> Result<Self, LoadError> {
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let model = serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| refusal(file, &pointer_of(error.path()), error.inner()))?;
        deserializer.end().map_err(|error| refusal(file, "", &error))?;
        Ok(model)
    }

    /// What the types admit and no twin can serve; empty for a sound model.
    pub fn problems(&self) -> Vec<Problem> {
        let mut check = Check { model: self, problems: Vec::new() };
        check.schemas(ROOT.below("entities"), &self.entities);
        for (name, limit) in &self.limits {
            check.limit(ROOT.below("limits").below(name), limit);
        }
        if let Some(problem) = self.deliveries.retry.as_ref().and_then(RetrySchedule::problem) {
            check.report(ROOT.below("deliveries").below("retry").below("delays_ms"), problem);
        }
        for (key, route) in &self.routes {
            check.route(ROOT.below("routes").below(key.as_str()), route);
        }
        for (event, Webhook { body, .. }) in &self.webhooks {
            check.schema(ROOT.below("webhooks").below(event).below("body"), body);
        }
        check.problems
    }
}

fn refusal(file: &str, pointer: &str, error: &serde_json::Error) -> LoadError {
    let file = file.to_owned();
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    // The place has its own fields.
    let message = message.split(" at line ").next().unwrap_or_default().to_owned();
    if error.is_data() {
        LoadError::Field { file, line, column, pointer: pointer.to_owned(), message }
    } else {
        LoadError::Syntax { file, line, column, message }
    }
}

fn pointer_of(path: &serde_path_to_error::Path) -> String {
    let tokens = path.iter().map(|segment| match segment {
        Segment::Map { key } => format!("/{}", escape(key)),
        Segment::Seq { index } => format!("/{index}"),
        Segment::Enum { variant } => format!("/{}", escape(variant)),
        Segment::Unknown => String::new(),
    });
    tokens.collect()
}

/// Where a check is: a place below another, spelled out only where something is to be told of it.
#[derive(Clone, Copy)]
struct At<'a> {
    above: Option<&'a At<'a>>,
    token: &'a str,
}

/// The document itself.
const ROOT: At<'static> = At { above: None, token: "" };

impl<'a> At<'a> {
    fn below(&'a self, token: &'a str) -> Self {
        Self { above: Some(self), token }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(above) = self.above else { return Ok(()) };
        write!(f, "{above}/{}", escape(self.token))
    }
}

struct Check<'m> {
    model: &'m Model,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn report(&mut self, at: At<'_>, message: impl Into<String>) {
        self.problems.push(Problem { pointer: at.to_string(), message: message.into() });
    }

    fn route(&mut self, at: At<'_>, route: &Route) {
        self.parameters(at.below("path"), &route.path);
        self.parameters(at.below("query"), &route.query);
        self.parameters(at.below("headers"), &route.headers);
        self.lower_case(at.below("headers"), route.headers.keys());
        if let Some(body) = &route.request {
            self.schemas(at.below("request").below("content"), &body.content);
        }
        for (status, variant) in &route.variants {
            let variants = at.below("variants");
            let at = variants.below(status);
            if !is_status(status) {
                self.report(at, "is not under a status such as `200`, `4XX` or `default`");
            }
            if let Some(body) = &variant.body {
                self.schema(at.below("body"), body);
            }
            self.schemas(at.below("other_media"), &variant.other_media);
            self.schemas(at.below("headers"), &variant.headers);
            self.lower_case(at.below("headers"), variant.headers.keys());
        }
    }

    fn parameters(&mut self, at: At<'_>, parameters: &BTreeMap<String, Parameter>) {
        for (name, parameter) in parameters {
            self.schema(at.below(name).below("schema"), &parameter.schema);
        }
    }

    fn lower_case<'k>(&mut self, at: At<'_>, names: impl Iterator<Item = &'k String>) {
        for name in names.filter(|name| **name != name.to_ascii_lowercase()) {
            self.report(at.below(name), "is not named in lower case");
        }
    }

    fn limit(&mut self, at: At<'_>, limit: &RateLimit) {
        if limit.limit == 0 {
            self.report(at.below("limit"), "is 0, which admits no request");
        }
        let has_window = limit.algorithm != Algorithm::Concurrency;
        if has_window && limit.window_seconds <= 0.0 {
            self.report(at.below("window_seconds"), "is not above 0");
        }
    }

    fn schemas(&mut self, at: At<'_>, schemas: &BTreeMap<String, Schema>) {
        for (name, schema) in schemas {
            self.schema(at.below(name), schema);
        }
    }

    fn schema(&mut self, at: At<'_>, schema: &Schema) {
        self.references(at, schema);
        self.misplaced(at, schema);
        self.schemas(at.below("properties"), &schema.properties);
        self.schemas(at.below("any_of"), &schema.any_of);
        if let Some(values) = &schema.map {
            self.schema(at.below("map"), values);
        }
        if let Some(items) = &schema.items {
            self.schema(at.below("items"), items);
        }
    }

    fn references(&mut self, at: At<'_>, schema: &Schema) {
        if let Some(entity) = &schema.entity
            && !self.model.entities.contains_key(entity)
        {
            self.report(at.below("ref"), format!("names `{entity}`, which is no entity"));
        }
        let Some(discriminator) = &schema.discriminator else { return };
        if schema.any_of.is_empty() {
            self.report(at.below("discriminator"), "has no `any_of` to choose from");
            return;
        }
        for (value, key) in &discriminator.mapping {
            if !schema.any_of.contains_key(key) {
                self.report(
                    at.below("discriminator").below("mapping").below(value),
                    format!("names `{key}`, which is no alternative in `any_of`"),
                );
            }
        }
    }

    /// What only has a meaning beside a type that is not there.
    fn misplaced(&mut self, at: At<'_>, schema: &Schema) {
        let has = |json_type| schema.types.contains(&json_type);
        let is_structured =
            |json_type: &JsonType| matches!(json_type, JsonType::Object | JsonType::Array);
        if !schema.values.is_empty() && schema.types.iter().all(is_structured) {
            self.report(at.below("enum"), "needs a scalar in `types`");
        }
        if !schema.properties.is_empty() && !has(JsonType::Object) {
            self.report(at.below("properties"), "needs `object` in `types`");
        }
        if schema.map.is_some() && !has(JsonType::Object) {
            self.report(at.below("map"), "needs `object` in `types`");
        }
        if schema.items.is_some() && !has(JsonType::Array) {
            self.report(at.below("items"), "needs `array` in `types`");
        }
    }
}

/// `200`, `4XX` or `default`.
fn is_status(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit();
    match text.as_bytes() {
        [b'1'..=b'5', b'X', b'X'] => true,
        [b'1'..=b'5', tens, ones] => digit(*tens) && digit(*ones),
        _ => text == "default",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refusal_of(document: &Value) -> String {
        let text = serde_json::to_string_pretty(document).unwrap();
        Model::from_bytes(text.as_bytes(), "symbols.json").unwrap_err().to_string()
    }

    fn document(routes: &Value, entities: &Value, limits: &Value) -> Value {
        json!({"format": "wondertwin.model/1", "name": "t", "version": "1.0.0",
            "routes": routes, "entities": entities, "limits": limits})
    }

    #[test]
    fn a_sound_model_loads_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("symbols.json");
        let missing = Model::load(&path).unwrap_err();
        assert_eq!(missing.to_string(), format!("cannot read {}", path.display()));

        let routes = json!({"GET /a/{id}": {"variants": {"200": {}, "4XX": {}, "default": {}}}});
        let text = document(&routes, &json!({}), &json!({})).to_string();
        std::fs::write(&path, text).unwrap();
        assert_eq!(Model::load(&path).unwrap().routes.len(), 1);
    }

    #[test]
    fn broken_json_is_refused_with_line_and_column() {
        let error = Model::from_bytes(b"{\n  \"format\": }", "symbols.json").unwrap_err();
        assert_eq!(error.to_string(), "symbols.json:2:13: not valid JSON: expected value");
        let error = Model::from_bytes(b"{} x", "symbols.json").unwrap_err();
        assert_eq!(error.to_string(), "symbols.json:1:2: ``: missing field `format`");
    }

    #[test]
    fn a_wrong_field_is_refused_with_its_pointer() {
        let of_body = |body: Value| {
            let routes = json!({"GET /a": {"variants": {"200": {"body": body}}}});
            refusal_of(&document(&routes, &json!({}), &json!({})))
        };
        let unknown = of_body(json!({"typ": {"string": true}}));
        assert!(
            unknown.contains("`/routes/GET ~1a/variants/200/body/typ`: unknown field `typ`"),
            "{unknown}"
        );
        let wrong = of_body(json!({"properties": {"x": {"types": {"text": true}}}}));
        assert!(wrong.contains("/body/properties/x/types"), "{wrong}");
        assert!(wrong.contains("unknown variant `text`"), "{wrong}");
        let route = refusal_of(&document(&json!({"FETCH /a": {}}), &json!({}), &json!({})));
        assert!(route.contains("has the method `FETCH`"), "{route}");
    }

    #[test]
    fn contradictions_are_listed_with_their_pointers() {
        let entities = json!({
            "cat": {"types": {"object": true}, "properties": {"owner": {"ref": "person"}}},
            "pet": {"any_of": {"cat": {"ref": "cat"}},
                "discriminator": {"property": "kind", "mapping": {"d": "dog"}}},
            "odd": {"types": {"object": true}, "enum": {"a": true}, "items": {}},
            "none": {"discriminator": {"property": "kind"}}});
        let routes =
            json!({"GET /a": {"headers": {"X-A": {"schema": {}}}, "variants": {"20X": {}}}});
        let limits =
            json!({"default": {"algorithm": "fixed_window", "limit": 0, "window_seconds": 0}});
        insta::assert_snapshot!(refusal_of(&document(&routes, &entities, &limits)), @"
        symbols.json: 9 problems
          `/entities/cat/properties/owner/ref` names `person`, which is no entity
          `/entities/none/discriminator` has no `any_of` to choose from
          `/entities/odd/enum` needs a scalar in `types`
          `/entities/odd/items` needs `array` in `types`
          `/entities/pet/discriminator/mapping/d` names `dog`, which is no alternative in `any_of`
          `/limits/default/limit` is 0, which admits no request
          `/limits/default/window_seconds` is not above 0
          `/routes/GET ~1a/headers/X-A` is not named in lower case
          `/routes/GET ~1a/variants/20X` is not under a status such as `200`, `4XX` or `default`
        ");
    }

    #[test]
    fn of_many_contradictions_twenty_are_listed() {
        let wrong = (0..25).map(|number| (format!("e{number:02}"), json!({"ref": "gone"})));
        let entities = Value::Object(wrong.collect());
        let text = refusal_of(&document(&json!({}), &entities, &json!({})));
        assert_eq!(text.lines().count(), 22);
        assert!(text.ends_with("\n  and 5 more"), "{text}");
    }
}
