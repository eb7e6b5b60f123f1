//! The webhooks of a model as an AsyncAPI document.

use models::{Model, openapi};
use serde_json::{Map, Value, json};

/// What the vendor delivers, as AsyncAPI 3.0: a channel and a message an event, which the
/// application receives.
///
/// # Source
///
/// AsyncAPI Specification 3.0.0. Payloads are JSON Schema, as in OpenAPI 3.1.
pub(crate) fn asyncapi(model: &Model) -> Value {
    let openapi = openapi::export(model);
    let (mut channels, mut operations) = (Map::new(), Map::new());
    for (event, item) in openapi["webhooks"].as_object().into_iter().flatten() {
        let content = item["post"]["requestBody"]["content"].as_object();
        let (media_type, payload) = content
            .and_then(|content| content.iter().next())
            .map_or(("application/json", &Value::Null), |(name, body)| (name, &body["schema"]));
        let message = json!({"name": event, "contentType": media_type, "payload": payload});
        channels.insert(event.clone(), json!({"address": null, "messages": {event: message}}));
        let channel = format!("#/channels/{}", event.replace('~', "~0").replace('/', "~1"));
        operations.insert(
            format!("receive {event}"),
            json!({"action": "receive", "channel": {"$ref": channel}}),
        );
    }
    let mut document = json!({
        "asyncapi": "3.0.0",
        "info": openapi["info"],
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
    });
    if let Some(schemas) = openapi["components"].get("schemas") {
        document["components"] = json!({"schemas": schemas});
    }
    document
}
