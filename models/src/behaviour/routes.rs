//! `routes.yaml`: what a route does where its pattern does not say it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// Fields of the request, for people: the model's is what counts.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub request_schema: Value,
    /// Fields of the answer, for people.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub response_schema: Value,
    /// `create: issue`, for people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub state_effects: Vec<Value>,
    /// Codes and their conditions, for people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Value>,
    /// The Lua handler that answers it, `lua/handlers/NAME.lua`; means the same as `lua_hook` in
    /// the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
}

impl Routes {
    /// Every route with a handler: its key (`POST /v1/refunds`) and the handler's name.
    pub fn handlers(&self) -> impl Iterator<Item = (String, &str)> {
        self.routes.iter().filter_map(|route| {
            let handler = route.handler.as_deref()?;
            Some((format!("{} {}", route.method.to_ascii_uppercase(), route.path), handler))
        })
    }

    /// What is wrong with it, if anything: the field and why.
    pub fn problem(&self) -> Option<String> {
        self.routes.iter().enumerate().find_map(|(index, route)| {
            if route.method.is_empty() {
                return Some(format!("`routes[{index}].method` is missing"));
            }
            (!route.path.starts_with('/')).then(|| {
                format!("`routes[{index}].path` is {:?}, a path begins with /", route.path)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_routes_are_read_and_a_handler_is_found_by_its_route() {
        let text = "routes:\n- method: post\n  path: /issue\n  description: create\n  \
                    request_schema: {fields: {summary: string}}\n  state_effects: [create: issue]\n  \
                    errors: [{code: 400, condition: no summary}]\n  handler: create_issue\n";
        let routes: Routes = serde_norway::from_str(text).unwrap();
        assert_eq!(
            routes.handlers().collect::<Vec<_>>(),
            [("POST /issue".to_owned(), "create_issue")]
        );
        assert_eq!(routes.problem(), None);
    }

    #[test]
    fn a_member_that_is_not_known_and_a_path_that_is_none_are_told() {
        let unknown = serde_norway::from_str::<Routes>("routes: [{handlr: x}]").unwrap_err();
        assert!(unknown.to_string().contains("handlr"), "{unknown}");
        let routes: Routes = serde_norway::from_str("routes: [{method: GET, path: x}]").unwrap();
        assert!(routes.problem().unwrap().starts_with("`routes[0].path`"));
    }
}
