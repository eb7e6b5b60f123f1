//! What the importer makes of each thing vendors write.

#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

use std::io::Write as _;

use models::openapi::{self, ImportError, Imported};
use models::{JsonType, Model, Schema};
use serde_json::{Value, json};

fn import(document: &Value) -> Imported {
    openapi::import("t", document.to_string().as_bytes(), "t.json").unwrap()
}

fn refusal(text: &str) -> String {
    openapi::import("t", text.as_bytes(), "t.yaml").unwrap_err().to_string()
}

/// What becomes of one schema, among entities, as JSON; and that it comes back from an export.
fn read_in(version: &str, schema: Value, entities: Value) -> (Value, Vec<String>) {
    let mut schemas = entities;
    schemas["it"] = schema;
    let document =
        json!({"openapi": version, "info": {}, "paths": {}, "components": {"schemas": schemas}});
    let imported = import(&document);
    let again = import(&openapi::export(&imported.model));
    assert_eq!(again.model, imported.model, "{document}");
    assert_eq!(again.notes, Vec::<String>::new());
    (serde_json::to_value(&imported.model.entities["it"]).unwrap(), imported.notes)
}

/// The same in OpenAPI 3.1 with two entities that are objects, and nothing to note.
fn read(schema: Value) -> Value {
    let (schema, notes) = read_in("3.1.0", schema, pets());
    assert_eq!(notes, Vec::<String>::new());
    schema
}

fn pets() -> Value {
    json!({
        "cat": {"type": "object", "required": ["purrs"], "properties": {"purrs": {"type": "boolean"}}},
        "dog": {"type": "object", "properties": {"barks": {"type": "boolean"}}},
    })
}

fn cat() -> Value {
    json!({"$ref": "#/components/schemas/cat"})
}

fn dog() -> Value {
    json!({"$ref": "#/components/schemas/dog"})
}

#[test]
fn a_reference_to_a_component_is_the_entity() {
    assert_eq!(read(cat()), json!({"ref": "cat"}));
    assert_eq!(read(json!({"allOf": [cat()]})), json!({"ref": "cat"}));
    assert_eq!(read(json!({"type": "object", "allOf": [cat()]})), json!({"ref": "cat"}));
    assert_eq!(read(json!({"anyOf": [cat()]})), json!({"ref": "cat"}));
    assert_eq!(
        read(json!({"oneOf": [cat(), {"type": "null"}]})),
        json!({"ref": "cat", "nullable": true})
    );
    assert_eq!(
        read(json!({"$ref": "#/components/schemas/cat", "description": "a cat", "nullable": true})),
        json!({"ref": "cat", "nullable": true})
    );
    assert_eq!(
        read(json!({"nullable": true, "allOf": [cat()]})),
        json!({"ref": "cat", "nullable": true})
    );
}

#[test]
fn keywords_beside_a_reference_count_in_3_1_and_are_noted_in_3_0() {
    let schema = json!({"$ref": "#/components/schemas/dog", "required": ["barks"]});
    let (merged, notes) = read_in("3.1.0", schema.clone(), pets());
    assert_eq!(merged["properties"]["barks"]["required"], true);
    assert_eq!(notes, Vec::<String>::new());
    let (kept, notes) = read_in("3.0.3", schema, pets());
    assert_eq!(kept, json!({"ref": "dog"}));
    assert_eq!(
        notes,
        ["`/components/schemas/it`: keywords beside `$ref` are ignored, as OpenAPI 3.0 says"]
    );
}

#[test]
fn other_references_are_copies_through_escapes_and_cycles() {
    let entities = json!({
        "a/b {c}": {"type": "object", "properties": {"n": {"type": "integer"}}},
        "deep": {"$ref": "#/components/schemas/a~1b%20%7Bc%7D/properties/n"},
    });
    let (schema, _) = read_in(
        "3.1.0",
        json!({"type": "object", "properties": {
            "whole": {"$ref": "#/components/schemas/a~1b%20%7Bc%7D"},
            "part": {"$ref": "#/components/schemas/a~1b%20%7Bc%7D/properties/n"},
            "self": {"$ref": "#/components/schemas/it/properties/self"}}}),
        entities,
    );
    assert_eq!(schema["properties"]["whole"], json!({"ref": "a/b {c}"}));
    assert_eq!(schema["properties"]["part"], json!({"types": {"integer": true}}));
    assert_eq!(schema["properties"]["self"], json!({}));
    assert_eq!(
        read(
            json!({"type": "object", "properties": {"next": {"$ref": "#/components/schemas/it"}}})
        ),
        json!({"types": {"object": true}, "properties": {"next": {"ref": "it"}}})
    );
}

#[test]
fn parts_of_all_of_are_merged_deeply() {
    let merged = read(json!({"allOf": [
        cat(),
        {"type": "object", "required": ["name", "tag"], "properties": {
            "name": {"type": "string"},
            "purrs": {"enum": [true]},
            "tag": {"type": "object", "properties": {"a": {"type": "string"}}}}},
        {"properties": {"tag": {"type": "object", "required": ["b"], "properties": {"b": {"type": "string"}}}}},
    ]}));
    assert_eq!(
        merged,
        json!({"types": {"object": true}, "properties": {
            "name": {"types": {"string": true}, "required": true},
            "purrs": {"types": {"boolean": true}, "enum": {"true": true}, "required": true},
            "tag": {"types": {"object": true}, "required": true, "properties": {
                "a": {"types": {"string": true}},
                "b": {"types": {"string": true}, "required": true}}}}})
    );
}

#[test]
fn all_of_in_circles_ends() {
    let entities = json!({
        "parent": {"allOf": [{"$ref": "#/components/schemas/it"}, {"properties": {"p": {"type": "string"}}}]},
        "x": {"type": "object", "properties": {"child": {"$ref": "#/components/schemas/y"}}},
        "y": {"type": "object", "properties": {"child": {"$ref": "#/components/schemas/x"}}},
        "both": {"allOf": [{"$ref": "#/components/schemas/x"}, {"$ref": "#/components/schemas/y"}]},
        "alone": {"allOf": [{"$ref": "#/components/schemas/alone"}, {"required": ["q"]}]},
    });
    let own = json!({"allOf": [{"$ref": "#/components/schemas/parent"}, {"properties": {"c": {"type": "string"}}}]});
    let (schema, notes) = read_in("3.1.0", own, entities);
    assert_eq!(
        schema["properties"],
        json!({"c": {"types": {"string": true}}, "p": {"types": {"string": true}}})
    );
    assert!(notes.iter().any(|note| note.contains("a schema it is part of")), "{notes:?}");
}

#[test]
fn a_base_is_merged_into_each_alternative() {
    let schema = read(json!({
        "type": "object",
        "properties": {"state": {"type": "string"}, "done_at": {"type": "string"}},
        "anyOf": [
            {"properties": {"state": {"enum": ["done"]}}, "required": ["state", "done_at"]},
            {"properties": {"state": {"enum": ["open"]}}},
        ],
    }));
    let done = &schema["any_of"]["done"]["properties"];
    assert_eq!(done["done_at"], json!({"types": {"string": true}, "required": true}));
    assert_eq!(
        schema["any_of"]["open"]["properties"]["done_at"],
        json!({"types": {"string": true}})
    );
}

#[test]
fn alternatives_that_only_require_fields_are_no_alternatives() {
    let base = json!({"type": "object", "properties": {"a": {}, "b": {}},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}]});
    assert_eq!(read(base), json!({"types": {"object": true}, "properties": {"a": {}, "b": {}}}));
}

#[test]
fn scalar_alternatives_fold_into_types() {
    assert_eq!(
        read(
            json!({"anyOf": [{"type": "string", "maxLength": 5}, {"type": "string", "enum": [""]}]})
        ),
        json!({"types": {"string": true}})
    );
    assert_eq!(
        read(json!({"oneOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]})),
        json!({"types": {"integer": true, "string": true}, "nullable": true})
    );
    assert_eq!(
        read(json!({"anyOf": [{"type": "integer"}, {"type": "string", "enum": ["minimum"]}]})),
        json!({"types": {"integer": true},
            "any_of": {"string": {"types": {"string": true}, "enum": {"minimum": true}}}})
    );
}

#[test]
fn alternatives_have_names_and_nested_ones_are_flat() {
    let object =
        |field: &str| json!({"type": "object", "properties": {(field): {"type": "string"}}});
    let schema = read(json!({"anyOf": [
        {"type": "string"}, cat(), {"oneOf": [dog(), {"type": "null"}]}, object("a"), object("b"),
        {"type": "array", "items": cat()},
    ]}));
    let names: Vec<_> = schema["any_of"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["array", "cat", "dog", "object", "object-2"]);
    assert_eq!(schema["types"], json!({"string": true}));
    assert_eq!(schema["nullable"], true);
    assert_eq!(
        schema["any_of"]["object-2"]["properties"],
        json!({"b": {"types": {"string": true}}})
    );
}

#[test]
fn ten_and_more_objects_keep_their_names() {
    let object =
        |field: usize| json!({"type": "object", "properties": {(format!("f{field}")): {}}});
    let schema = read(json!({"anyOf": (1..=12).map(object).collect::<Vec<_>>()}));
    assert!(schema["any_of"]["object-12"]["properties"]["f12"].is_object());
}

#[test]
fn a_discriminator_maps_values_to_alternatives() {
    assert_eq!(
        read(
            json!({"oneOf": [cat(), dog()], "discriminator": {"propertyName": "kind", "mapping": {
            "feline": "#/components/schemas/cat", "dog": "dog"}}})
        ),
        json!({"any_of": {"cat": {"ref": "cat"}, "dog": {"ref": "dog"}},
            "discriminator": {"property": "kind", "mapping": {"feline": "cat"}}})
    );
    let tagged = |value: &str| json!({"type": "object", "properties": {"kind": {"const": value}}});
    let schema = read(
        json!({"oneOf": [tagged("a"), tagged("b")], "discriminator": {"propertyName": "kind"}}),
    );
    assert_eq!(schema["discriminator"], json!({"property": "kind"}));
    let names: Vec<_> = schema["any_of"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn null_is_said_in_many_ways() {
    let text = json!({"types": {"string": true}, "nullable": true});
    assert_eq!(read(json!({"type": ["string", "null"]})), text);
    assert_eq!(read(json!({"type": "string", "nullable": true})), text);
    assert_eq!(
        read(json!({"type": "string", "nullable": true, "enum": ["a", null]})),
        json!({"types": {"string": true}, "nullable": true, "enum": {"a": true}})
    );
    assert_eq!(read(json!({"type": "null"})), json!({"nullable": true}));
    assert_eq!(read(json!({"nullable": true})), json!({}));
    assert_eq!(
        read(json!({"nullable": true, "anyOf": [cat()]})),
        json!({"ref": "cat", "nullable": true})
    );
}

#[test]
fn values_are_kept_as_text_whatever_their_type() {
    assert_eq!(
        read(json!({"enum": [1, 2.5, true, "1", "b"]})),
        json!({"types": {"boolean": true, "integer": true, "number": true, "string": true},
            "enum": {"1": true, "2.5": true, "b": true, "true": true}})
    );
    assert_eq!(
        read(json!({"const": "x"})),
        json!({"types": {"string": true}, "enum": {"x": true}})
    );
}

#[test]
fn boolean_schemas_say_nothing_or_are_noted() {
    assert_eq!(read(json!(true)), json!({}));
    let (schema, notes) = read_in("3.1.0", json!(false), json!({}));
    assert_eq!(schema, json!({}));
    assert_eq!(notes, ["`/components/schemas/it`: allows no value; read as allowing any"]);
}

#[test]
fn maps_are_told_from_records() {
    let object = |more: Value| json!({"types": {"object": true}, "map": more});
    assert_eq!(read(json!({"type": "object"})), json!({"types": {"object": true}}));
    assert_eq!(
        read(json!({"type": "object", "additionalProperties": false})),
        json!({"types": {"object": true}})
    );
    assert_eq!(read(json!({"type": "object", "additionalProperties": true})), object(json!({})));
    assert_eq!(
        read(json!({"additionalProperties": {"type": "string"}})),
        object(json!({"types": {"string": true}}))
    );
    assert_eq!(
        read(json!({"patternProperties": {"^a": {"type": "string"}, "^b": {"type": "integer"}}})),
        object(json!({"types": {"integer": true, "string": true}}))
    );
}

#[test]
fn missing_types_are_inferred() {
    assert_eq!(read(json!({"properties": {"a": {}}}))["types"], json!({"object": true}));
    assert_eq!(read(json!({"items": {}})), json!({"types": {"array": true}, "items": {}}));
    assert_eq!(read(json!({"type": "array"})), json!({"types": {"array": true}}));
    assert_eq!(read(json!({"enum": ["a"]}))["types"], json!({"string": true}));
    assert_eq!(read(json!({"description": "anything", "x-foo": 1})), json!({}));
}

#[test]
fn the_items_of_a_tuple_are_alternatives() {
    let (schema, notes) = read_in(
        "3.1.0",
        json!({"prefixItems": [{"type": "string"}, {"type": "integer"}], "items": false}),
        json!({}),
    );
    assert_eq!(schema["items"], json!({"types": {"integer": true, "string": true}}));
    assert_eq!(notes.len(), 1);
}

fn operation(operation: &Value) -> Imported {
    import(&json!({"openapi": "3.1.0", "info": {}, "paths": {"/a/{id}": {
        "parameters": [
            {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}},
            {"name": "limit", "in": "query", "schema": {"type": "string"}}],
        "get": operation}}, "components": {
            "parameters": {"trace": {"name": "X-Trace", "in": "header", "schema": {"type": "string"}}},
            "headers": {"left": {"required": true, "schema": {"type": "integer"}}},
            "responses": {"gone": {"description": "", "content": {"text/html": {}}}},
            "requestBodies": {"form": {"required": true, "content": {
                "application/x-www-form-urlencoded; charset=utf-8": {"schema": {"type": "object"}},
                "multipart/form-data": {"schema": {"type": "object"}}}}}}}))
}

#[test]
fn parameters_are_kept_by_position_and_an_operations_own_wins() {
    let imported = operation(&json!({"parameters": [
        {"$ref": "#/components/parameters/trace"},
        {"name": "limit", "in": "query", "required": true, "schema": {"type": "integer"}},
        {"name": "created", "in": "query", "style": "deepObject", "explode": true, "schema": {"type": "object"}},
        {"name": "ids", "in": "query", "style": "form", "explode": false, "schema": {"type": "array"}},
        {"name": "filter", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}},
        {"name": "session", "in": "cookie", "schema": {"type": "string"}}]}));
    let route = imported.model.routes.values().next().unwrap();
    assert!(route.path["id"].schema.required);
    assert_eq!(
        route.query["limit"].schema,
        Schema { required: true, ..Schema::of_type(JsonType::Integer) }
    );
    assert_eq!(route.query["created"].style.as_deref(), Some("deepObject"));
    assert_eq!(route.query["created"].explode, Some(true));
    assert_eq!((&route.query["ids"].style, route.query["ids"].explode), (&None, Some(false)));
    assert!(route.query["filter"].schema.is_opaque_object());
    assert!(route.headers.contains_key("x-trace"));
    assert_eq!(
        imported.notes,
        [
            "`/paths/~1a~1{id}/get/parameters/4`: that its value is sent as `application/json` is not kept",
            "`/paths/~1a~1{id}/get/parameters/5`: a cookie is ignored",
        ]
    );
}

#[test]
fn bodies_and_answers_are_kept_by_media_type_and_status() {
    let imported = operation(&json!({
        "operationId": "getA",
        "requestBody": {"$ref": "#/components/requestBodies/form"},
        "responses": {
            "200": {"description": "", "headers": {"X-Left": {"$ref": "#/components/headers/left"}},
                "content": {"text/csv": {}, "application/json; charset=utf-8": {"schema": {"type": "object"}}}},
            "202": {"description": "", "content": {"*/*": {"schema": {"type": "string"}}}},
            "204": {"description": ""},
            "4xx": {"$ref": "#/components/responses/gone"},
            "default": {"description": "", "content": {"application/problem+json": {}, "application/a": {}}},
            "x-other": {}}}));
    let route = imported.model.routes.values().next().unwrap();
    assert_eq!(route.operation.as_deref(), Some("getA"));
    let request = route.request.as_ref().unwrap();
    assert!(request.required);
    let sent: Vec<_> = request.content.keys().collect();
    assert_eq!(sent, ["application/x-www-form-urlencoded", "multipart/form-data"]);

    let statuses: Vec<_> = route.variants.keys().collect();
    assert_eq!(statuses, ["200", "202", "204", "4XX", "default"]);
    let ok = &route.variants["200"];
    assert!(ok.media_type.is_none() && ok.body.as_ref().unwrap().is_opaque_object());
    assert!(ok.other_media.contains_key("text/csv"));
    assert!(ok.headers["x-left"].required);
    assert_eq!(route.variants["202"].media_type.as_deref(), Some("*/*"));
    assert_eq!(route.variants["204"].body, None);
    assert_eq!(route.variants["4XX"].media_type.as_deref(), Some("text/html"));
    assert_eq!(route.variants["default"].media_type.as_deref(), Some("application/problem+json"));
    assert_eq!(import(&openapi::export(&imported.model)).model, imported.model);
}

#[test]
fn webhooks_and_callbacks_are_webhooks_by_name() {
    let body = |name: &str| {
        json!({"post": {"requestBody": {"content": {"application/json": {
        "schema": {"type": "object", "properties": {(name): {}}}}}}}})
    };
    let model = import(&json!({"openapi": "3.1.0", "info": {},
        "webhooks": {"issues.opened": body("issue"), "ping": {"post": {}}},
        "x-webhooks": {"push": body("ref")},
        "paths": {"/a": {"get": {"callbacks": {"done": {"{$request.body#/url}": body("id")}}}}}}))
    .model;
    let names: Vec<_> = model.webhooks.keys().collect();
    assert_eq!(names, ["done", "issues.opened", "ping", "push"]);
    assert!(model.webhooks["issues.opened"].body.properties.contains_key("issue"));
    assert_eq!(model.webhooks["ping"], models::Webhook::default());
    assert_eq!(import(&openapi::export(&model)).model, model);
}

#[test]
fn webhooks_named_by_a_slug_are_named_as_their_deliveries_are() {
    let told = |action: Value, id: &str| {
        let schema = json!({"type": "object", "properties": {"action": action}});
        json!({"post": {"operationId": id,
            "requestBody": {"content": {"application/json": {"schema": schema}}}}})
    };
    let one = |action: &str| json!({"type": "string", "enum": [action]});
    let either = json!({"oneOf": [{"$ref": "#/components/schemas/user"}, {"$ref": "#/components/schemas/team"}]});
    let asked = json!({"type": "object", "properties": {"action": one("review_requested")}});
    let document = json!({"openapi": "3.0.3", "info": {}, "paths": {},
        "components": {"schemas": {"user": asked, "team": asked}},
        "x-webhooks": {
            "issue-comment-created": told(one("created"), "issue-comment/created"),
            "property-promoted": told(one("promote"), "property/promote"),
            "pull-request-review-requested": {"post": {"requestBody": {"content": {"application/json": {"schema": either}}}}},
            "dispatch-sample.collected": told(json!({"type": "string"}), "dispatch/sample.collected"),
            "page-build": {"post": {}}}});
    let model = import(&document).model;
    let names: Vec<_> = model.webhooks.keys().collect();
    assert_eq!(
        names,
        [
            "dispatch.sample.collected",
            "issue_comment.created",
            "page_build",
            "property.promote",
            "pull_request.review_requested"
        ]
    );
    assert_eq!(import(&openapi::export(&model)).model, model);
}

#[test]
fn webhooks_that_are_no_slugs_keep_the_names_they_have() {
    let told = |action: &str| {
        let schema = json!({"type": "object", "properties": {"action": {"type": "string", "enum": [action]}}});
        json!({"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}}})
    };
    let document = json!({"openapi": "3.1.0", "info": {}, "webhooks": {
        "email.sent": told("sent"), "order-paid": told("refund"), "page-build": {"post": {}}}});
    let names: Vec<_> = import(&document).model.webhooks.into_keys().collect();
    assert_eq!(names, ["email.sent", "order-paid", "page-build"]);
}

#[test]
fn the_server_with_its_variables_is_the_base_url() {
    let base = |servers: Value| {
        import(&json!({"openapi": "3.0.0", "servers": servers, "paths": {}})).model.base_url
    };
    let server = json!([{"url": "https://{region}.example.com/v2/",
        "variables": {"region": {"default": "eu"}}}, {"url": "https://other"}]);
    assert_eq!(base(server), "https://eu.example.com/v2");
    assert_eq!(base(json!([{"url": "/v2"}])), "");
    assert_eq!(base(json!([])), "");
}

#[test]
fn limits_are_one_or_several() {
    let limits = |limits: Value| {
        let document = json!({"openapi": "3.1.0", "paths": {}, "x-rate-limit": limits});
        let model = import(&document).model;
        assert_eq!(import(&openapi::export(&model)).model, model);
        model.limits
    };
    let one = json!({"algorithm": "token_bucket", "limit": 40, "window_seconds": 10});
    assert_eq!(limits(one.clone())["default"].limit, 40);
    assert_eq!(limits(json!({"core": one}))["core"].window_seconds.to_string(), "10");
}

#[test]
fn yaml_with_anchors_merges_numbers_and_dates_reads_like_json() {
    let imported = openapi::import(
        "t",
        b"openapi: 3.0.3\ninfo: {version: 2026-08-21}\nx-base: &base {description: '', content: {application/json: {schema: {type: string, enum: [on, 'off']}}}}\n\
          paths:\n  /a:\n    get:\n      responses:\n        200:\n          <<: *base\n        404: *base\n",
        "t.yaml",
    )
    .unwrap();
    assert_eq!(imported.model.api_version.as_deref(), Some("2026-08-21"));
    let route = imported.model.routes.values().next().unwrap();
    let values = &route.variants["200"].body.as_ref().unwrap().values;
    assert_eq!(values.iter().collect::<Vec<_>>(), ["off", "on"]);
    assert_eq!(route.variants["200"], route.variants["404"]);
}

#[test]
fn gzip_is_unpacked_and_a_broken_one_refused() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(br#"{"openapi": "3.1.0", "paths": {}}"#).unwrap();
    let packed = packed.finish().unwrap();
    openapi::import("t", &packed, "t.json.gz").unwrap();
    let error = openapi::import("t", &packed[..20], "t.json.gz").unwrap_err();
    assert!(matches!(error, ImportError::Gzip { .. }));
    assert_eq!(error.to_string(), "t.json.gz: not a whole gzip file");
}

#[test]
fn what_is_no_openapi_document_is_refused_with_its_place() {
    let refusals = [
        "{\"openapi\": \"3.1.0\",\n \"paths\": {]}",
        "openapi: 3.1.0\npaths:\n  - a\n b: c\n",
        "[]",
        "just text",
        "swagger: '2.0'",
        "asyncapi: 2.6.0",
        "openapi: 4.0.0",
        "info: {}",
        "openapi: 3.0.0",
        "{openapi: 3.0.0, paths: []}",
        "{openapi: 3.0.0, paths: {a: {get: {}}}}",
        "{openapi: 3.0.0, paths: {/a: {get: {parameters: {}}}}}",
        "{openapi: 3.0.0, paths: {/a: {get: {parameters: [{in: query}]}}}}",
        "{openapi: 3.0.0, paths: {/a: {get: {responses: {2000: {}}}}}}",
        "{openapi: 3.0.0, paths: {/a: {$ref: '#/nowhere'}}}",
        "{openapi: 3.0.0, paths: {/a: {$ref: 'other.yaml#/a'}}}",
        "{openapi: 3.0.0, paths: {/a: {$ref: '#/paths/~1a'}}}",
        "{openapi: 3.0.0, paths: {}, components: {schemas: {a: {properties: {b: 7}}}}}",
        "{openapi: 3.0.0, paths: {}, components: {schemas: {a: {$ref: '#/components/schemas/b'}}}}",
        "{openapi: 3.0.0, paths: {}, x-rate-limit: {algorithm: sometimes}}",
    ]
    .map(refusal)
    .join("\n");
    insta::assert_snapshot!(refusals);
    assert!(refusal("\u{feff}{\"openapi\": \"3.1.0\"}").contains("has no `paths`"));
    let error = openapi::import("t", b"openapi: \xff", "t.yaml").unwrap_err();
    assert_eq!(error.to_string(), "t.yaml: not UTF-8 text, from byte 9 on");
}

#[test]
fn deep_nesting_is_refused_with_its_place_and_never_overflows() {
    let nested = |levels: usize| {
        let (open, close) = (r#"{"items":"#.repeat(levels), "}".repeat(levels));
        format!(r#"{{"openapi":"3.1.0","components":{{"schemas":{{"a":{open}{{}}{close}}}}}}}"#)
    };
    let imported = openapi::import("t", nested(60).as_bytes(), "t.json").unwrap();
    // What is imported can be written as `symbols.json` and read back.
    let again: models::Model = serde_json::from_str(&imported.model.canonical()).unwrap();
    assert_eq!(again, imported.model);
    let error = refusal(&nested(61));
    assert!(error.contains("is a schema within more than 60 others"), "{error}");
    assert!(error.contains("`/components/schemas/a/items/items/"), "{error}");
    let error = refusal(&nested(254));
    assert!(error.contains("is nested deeper than 256 levels"), "{error}");
    refusal(&nested(100_000));
    refusal(&format!("a: {}", "[".repeat(1_000)));
}

#[test]
fn a_small_description_as_a_whole() {
    let text = include_str!("fixtures/openapi/emails.yaml");
    let imported = openapi::import("emails", text.as_bytes(), "emails.yaml").unwrap();
    assert_eq!(imported.notes, Vec::<String>::new());
    insta::assert_json_snapshot!(imported.model);
    insta::assert_json_snapshot!(openapi::export(&imported.model));
}

#[test]
fn a_query_object_that_traffic_showed_is_exported_as_it_is_written() {
    let model: Model = serde_json::from_str(
        r#"{"format": "wondertwin.model/1", "name": "t", "version": "1.0.0", "routes": {"GET /a": {"query": {
            "created": {"schema": {"types": {"object": true}}}, "page[size]": {"schema": {"types": {"integer": true}}}}}}}"#,
    )
    .unwrap();
    let document = openapi::export(&model);
    let parameters = &document["paths"]["/a"]["get"]["parameters"];
    assert_eq!(
        (&parameters[0]["name"], &parameters[0]["style"]),
        (&"created".into(), &"deepObject".into())
    );
    assert_eq!(parameters[1]["name"], "page[size]");
    let again = openapi::import("t", document.to_string().as_bytes(), "t.json").unwrap();
    assert_eq!(again.model, model);
}

#[test]
fn bounds_are_kept_of_the_types_they_are_of() {
    let (read, _) = read_in(
        "3.0.3",
        json!({"type": "object", "properties": {
            "count": {"type": "integer", "minimum": 0.0, "exclusiveMinimum": true, "maximum": 10, "maxLength": 4},
            "code": {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[A-Z]+$", "minimum": 1},
            "tags": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"type": "string", "maxLength": 5}},
            "open": {"maxLength": 5},
            "odd": {"type": "string", "maxLength": "many", "minLength": -1, "pattern": 7},
            "both": {"allOf": [{"type": "string", "maxLength": 9}, {"type": "string", "minLength": 1, "maxLength": 5}]},
            "either": {"anyOf": [{"type": "string", "maxLength": 9}, {"type": "integer", "minimum": 1}]},
            "any": {"anyOf": [{"type": "string", "maxLength": 9}, {"type": "string", "maxLength": 5}]}}}),
        json!({}),
    );
    let bounds = |name: &str| read["properties"][name]["bounds"].clone();
    assert_eq!(bounds("count"), json!({"exclusive_minimum": 0, "maximum": 10}));
    assert_eq!(bounds("code"), json!({"min_length": 2, "max_length": 4, "pattern": "^[A-Z]+$"}));
    assert_eq!(bounds("tags"), json!({"min_items": 1, "max_items": 3}));
    assert_eq!(read["properties"]["tags"]["items"]["bounds"], json!({"max_length": 5}));
    assert_eq!(
        (bounds("open"), bounds("odd"), bounds("any")),
        (json!(null), json!(null), json!(null))
    );
    assert_eq!(bounds("both"), json!({"min_length": 1, "max_length": 5}));
    assert_eq!(bounds("either"), json!({"minimum": 1, "max_length": 9}));
}

#[test]
fn objects_that_differ_in_bounds_alone_are_one_alternative() {
    let object = |most: u32| json!({"type": "object", "properties": {"a": {"type": "string", "maxLength": most}}});
    let (read, _) =
        read_in("3.1.0", json!({"anyOf": [object(5), object(9), {"type": "null"}]}), json!({}));
    assert_eq!(read["properties"]["a"], json!({"types": {"string": true}}));
    let (read, _) = read_in("3.1.0", json!({"anyOf": [object(5), object(5)]}), json!({}));
    assert_eq!(read["properties"]["a"]["bounds"], json!({"max_length": 5}));
}
