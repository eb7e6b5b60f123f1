//! `routes.yaml`: what a route does where its pattern does not say it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Effect, RouteError, Shorthand};

/// `routes.yaml`.
///
/// # Source
///
/// The published fields are those of CHECKLIST, U05; `handler` is ours.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Routes {
    /// In the file's order.
    pub routes: Vec<RouteRule>,
}

/// One route of `routes.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteRule {
    /// `POST`.
    pub method: String,
    /// `/v1/refunds/{refund}`, as the model has it.
    pub path: String,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What the request's fields have to be, beside what the model says of them.
    #[serde(skip_serializing_if = "is_default")]
    pub request_schema: RequestSchema,
    /// Fields of the answer. The model's is what is answered; a field it lacks is told at the
    /// start.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub response_schema: Map<String, Value>,
    /// What else happens when it succeeds, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub state_effects: Vec<Effect>,
    /// How it fails: the status of each cause.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<RouteError>,
    /// The Lua handler that answers it, `lua/handlers/NAME.lua`; means the same as `lua_hook` in
    /// the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    /// Whether only the twin has it, and not the vendor's API: a page in the place of one of the
    /// vendor's, or a lever for tests below `/admin/`. Its handler answers it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub own: bool,
}

/// The fields of a request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestSchema {
    /// What each is, where it is there.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub fields: std::collections::BTreeMap<String, Shorthand>,
    /// Those that have to be there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl RouteRule {
    /// The route as a model writes it: `POST /v1/refunds`.
    pub fn key(&self) -> String {
        format!("{} {}", self.method.to_ascii_uppercase(), self.path)
    }

    fn problem(&self) -> Option<String> {
        if self.method.is_empty() {
            return Some("`method` is missing".to_owned());
        }
        if !self.path.starts_with('/') {
            return Some(format!("`path` is {:?}, a path begins with /", self.path));
        }
        if self.own && self.handler.is_none() {
            return Some("it is the twin's own and has no `handler`".to_owned());
        }
        let effect = self.state_effects.iter().enumerate().find_map(|(index, effect)| {
            Some(format!("`state_effects[{index}]`: {}", effect.problem()?))
        });
        effect.or_else(|| {
            self.errors
                .iter()
                .enumerate()
                .find_map(|(index, error)| Some(format!("`errors[{index}]`: {}", error.problem()?)))
        })
    }
}

impl Routes {
    /// Every route of the vendor's with a handler: its key (`POST /v1/refunds`) and the handler's
    /// name.
    pub fn handlers(&self) -> impl Iterator<Item = (String, &str)> {
        let theirs = self.routes.iter().filter(|route| !route.own);
        theirs.filter_map(|route| Some((route.key(), route.handler.as_deref()?)))
    }

    /// The routes that only the twin has.
    pub fn own(&self) -> impl Iterator<Item = &RouteRule> {
        self.routes.iter().filter(|route| route.own)
    }

    /// What is wrong with it, if anything: the field and why.
    pub fn problem(&self) -> Option<String> {
        self.routes.iter().enumerate().find_map(|(index, route)| {
            let why = route.problem()?;
            let name =
                if route.path.is_empty() { String::new() } else { format!(" ({})", route.key()) };
            Some(format!("`routes[{index}]`{name}: {why}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behaviour::{Cause, Condition, EffectVerb};

    #[test]
    fn published_routes_are_read_and_every_field_of_them_means_something() {
        let text = "\
routes:
- method: post
  path: /rest/api/3/issue
  description: create
  request_schema:
    fields: {project: {key: string}, summary: string, labels: 'string[]'}
  response_schema: {id: string, key: string}
  state_effects: [create: issue]
  errors:
  - {code: 400, condition: missing required fields}
  - {code: 404, condition: project not found}
  - {code: 429, condition: rate limit exceeded}
  handler: create_issue
";
        let routes: Routes = serde_norway::from_str(text).unwrap();
        assert_eq!(routes.problem(), None);
        let route = &routes.routes[0];
        assert_eq!(
            routes.handlers().collect::<Vec<_>>(),
            [("POST /rest/api/3/issue".to_owned(), "create_issue")]
        );
        assert_eq!(route.state_effects[0].verb(), Some(EffectVerb::Create("issue")));
        let conditions: Vec<_> = route.errors.iter().filter_map(RouteError::means).collect();
        assert_eq!(
            conditions,
            [
                Condition::Cause(Cause::MissingParameter),
                Condition::Unknown("project".to_owned()),
                Condition::Cause(Cause::RateLimited),
            ]
        );
        let fits = |name: &str, value: Value| route.request_schema.fields[name].fits(&value);
        assert!(
            fits("labels", serde_json::json!(["a"])) && !fits("labels", serde_json::json!("a"))
        );
        assert!(fits("project", serde_json::json!({"key": "A", "id": 1})));
        assert!(!fits("project", serde_json::json!({"key": 1})));
    }

    #[test]
    fn what_means_nothing_is_refused_by_name() {
        let unknown = serde_norway::from_str::<Routes>("routes: [{handlr: x}]").unwrap_err();
        assert!(unknown.to_string().contains("handlr"), "{unknown}");
        let told = |text: &str| serde_norway::from_str::<Routes>(text).unwrap().problem().unwrap();
        assert!(
            told("routes: [{method: GET, path: x}]").starts_with("`routes[0]` (GET x): `path`")
        );
        let why =
            told("routes: [{method: GET, path: /a, errors: [{code: 400, condition: bad mood}]}]");
        assert!(
            why.starts_with("`routes[0]` (GET /a): `errors[0]`: `condition` is \"bad mood\""),
            "{why}"
        );
        let why = told("routes: [{method: GET, path: /a, state_effects: [{set: {a: 1}}]}]");
        assert!(why.contains("`state_effects[0]`: it has not one of"), "{why}");
        let why =
            serde_norway::from_str::<Routes>("routes: [{request_schema: {fields: {a: strnig}}}]");
        assert!(why.unwrap_err().to_string().contains("strnig"));
        let why = told("routes: [{method: GET, path: /x, own: true}]");
        assert!(why.contains("`handler`"), "{why}");
    }
}
