//! From a model to an OpenAPI 3.1 document.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::export_schema::Components;
use super::extension::{
    self, OperationExtension, ParameterExtension, ResponseExtension, RootExtension,
};
use super::import_route::Position;
use super::media;
use crate::{Body, JsonType, Model, Parameter, Route, RouteKey, Variant, Webhook};

/// Writes a model as OpenAPI 3.1.
///
/// What OpenAPI has no word for stands in `x-wondertwin` and `x-rate-limit`, so that
/// [`import`](super::import) gives the same model.
pub fn export(model: &Model) -> Value {
    let components = Components::of(model);
    let mut root = Map::new();
    root.insert("openapi".to_owned(), "3.1.0".into());
    let version = model.api_version.as_ref().unwrap_or(&model.version);
    root.insert("info".to_owned(), json!({"title": model.name, "version": version}));
    if !model.base_url.is_empty() {
        root.insert("servers".to_owned(), json!([{"url": model.base_url}]));
    }
    root.insert("paths".to_owned(), paths(model, &components));
    if !model.webhooks.is_empty() {
        let webhooks = model.webhooks.iter();
        let items = webhooks.map(|(event, one)| (event.clone(), webhook(one, &components)));
        root.insert("webhooks".to_owned(), Value::Object(items.collect()));
    }
    if !model.entities.is_empty() {
        root.insert("components".to_owned(), json!({"schemas": components.schemas()}));
    }
    if let Some(limits) = limits(model) {
        root.insert("x-rate-limit".to_owned(), limits);
    }
    let own = RootExtension {
        name: model.name.clone(),
        version: model.version.clone(),
        unversioned: model.api_version.is_none(),
    };
    root.insert(extension::KEY.to_owned(), json!(own));
    Value::Object(root)
}

fn paths(model: &Model, components: &Components<'_>) -> Value {
    let mut paths = Map::new();
    for (key, route) in &model.routes {
        let item = paths.entry(key.path()).or_insert_with(|| json!({}));
        item[key.method().to_ascii_lowercase()] = operation(key, route, components);
    }
    Value::Object(paths)
}

fn operation(key: &RouteKey, route: &Route, components: &Components<'_>) -> Value {
    let mut operation = Map::new();
    if let Some(id) = &route.operation {
        operation.insert("operationId".to_owned(), id.clone().into());
    }
    let parameters = parameters(key, route, components);
    if !parameters.is_empty() {
        operation.insert("parameters".to_owned(), parameters.into());
    }
    if let Some(body) = &route.request {
        operation.insert("requestBody".to_owned(), request_body(body, components));
    }
    if !route.variants.is_empty() {
        let variants = route.variants.iter();
        let responses = variants.map(|(status, one)| (status.clone(), response(one, components)));
        operation.insert("responses".to_owned(), Value::Object(responses.collect()));
    }
    if let Some(state) = route.state.clone() {
        operation.insert(extension::KEY.to_owned(), json!(OperationExtension { state }));
    }
    Value::Object(operation)
}

fn parameters(key: &RouteKey, route: &Route, components: &Components<'_>) -> Vec<Value> {
    let mut list = Vec::new();
    let all = [
        (Position::Path, &route.path),
        (Position::Query, &route.query),
        (Position::Header, &route.headers),
    ];
    for (position, parameters) in all {
        for (name, one) in parameters {
            list.push(parameter(name, position, one, components));
        }
    }
    let mut undeclared: Vec<_> =
        key.parameters().filter(|name| !route.path.contains_key(*name)).collect();
    undeclared.sort_unstable();
    undeclared.dedup();
    for name in undeclared {
        let mut value = parameter(name, Position::Path, &Parameter::default(), components);
        let own = ParameterExtension { undeclared: true, ..ParameterExtension::default() };
        value[extension::KEY] = json!(own);
        list.push(value);
    }
    list
}

fn parameter(
    name: &str,
    position: Position,
    parameter: &Parameter,
    components: &Components<'_>,
) -> Value {
    let mut value = json!({
        "name": name,
        "in": position.name(),
        "schema": components.schema(&parameter.schema),
    });
    if parameter.schema.required || position == Position::Path {
        value["required"] = true.into();
    }
    // An object in a query was seen with brackets, which OpenAPI's usual style does not write.
    let is_object = parameter.schema.types == BTreeSet::from([JsonType::Object]);
    if position == Position::Query && parameter.style.is_none() && is_object {
        value["style"] = "deepObject".into();
        let own = ParameterExtension { unstyled: true, ..ParameterExtension::default() };
        value[extension::KEY] = json!(own);
    }
    if let Some(style) = &parameter.style {
        value["style"] = style.clone().into();
    }
    if let Some(explode) = parameter.explode {
        value["explode"] = explode.into();
    }
    value
}

fn request_body(body: &Body, components: &Components<'_>) -> Value {
    let content = body.content.iter().map(|(media_type, schema)| {
        (media_type.clone(), json!({"schema": components.schema(schema)}))
    });
    let mut value = json!({"content": content.collect::<Map<_, _>>()});
    if body.required {
        value["required"] = true.into();
    }
    value
}

fn response(variant: &Variant, components: &Components<'_>) -> Value {
    // OpenAPI requires a description; the model has none.
    let mut value = json!({"description": ""});
    let mut schemas = variant.other_media.clone();
    if let Some(body) = &variant.body {
        let main = variant.media_type.as_deref().unwrap_or(media::JSON);
        schemas.insert(main.to_owned(), body.clone());
        if media::main(schemas.keys()).is_none_or(|first| first != main) {
            let own = ResponseExtension { media_type: main.to_owned() };
            value[extension::KEY] = json!(own);
        }
    }
    if !schemas.is_empty() {
        let body = Body { content: schemas, required: false };
        value["content"] = request_body(&body, components)["content"].take();
    }
    if !variant.headers.is_empty() {
        let headers = variant.headers.iter().map(|(name, schema)| {
            let mut header = json!({"schema": components.schema(schema)});
            if schema.required {
                header["required"] = true.into();
            }
            (name.clone(), header)
        });
        value["headers"] = Value::Object(headers.collect());
    }
    value
}

fn webhook(webhook: &Webhook, components: &Components<'_>) -> Value {
    let media_type = webhook.media_type.as_deref().unwrap_or(media::JSON);
    json!({"post": {
        "requestBody": {
            "content": {media_type: {"schema": components.schema(&webhook.body)}},
        },
        "responses": {"200": {"description": ""}},
    }})
}

/// One limit by itself, several by the vendor's resource.
fn limits(model: &Model) -> Option<Value> {
    match model.limits.get("default") {
        _ if model.limits.is_empty() => None,
        Some(only) if model.limits.len() == 1 => Some(json!(only)),
        _ => Some(json!(model.limits)),
    }
}
