//! Whatever model is exported to OpenAPI, importing it gives the same model.

use std::collections::BTreeMap;

use models::{
    Algorithm, Body, Bounds, Digest, Discriminator, JsonType, Model, Parameter, RateLimit, Route,
    RouteKey, Schema, StateOp, StateVerb, Variant, Webhook, openapi,
};
use proptest::collection::{btree_map, btree_set};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

const ENTITIES: [&str; 4] = ["customer", "object", "odd name/{x}", "string-2"];

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,3}",
        Just("x-a".to_owned()),
        Just("$ref".to_owned()),
        Just("a/~b%41".to_owned()),
        Just("page[size]".to_owned()),
        Just("tags[]".to_owned()),
    ]
}

fn scalar() -> impl Strategy<Value = Schema> {
    use JsonType::{Boolean, Integer, Number, String as Text};
    let types = btree_set(prop::sample::select(vec![Boolean, Integer, Number, Text]), 1..3);
    let values = btree_set(prop_oneof!["[a-c]?", "[1-3]", Just("true".to_owned())], 0..3);
    let format = option::of(prop::sample::select(vec!["date-time", "int64", "own"]));
    (types, values, format, bounds()).prop_map(|(types, values, format, bounds)| {
        let format = format.map(str::to_owned);
        let mut schema = Schema { types, values, format, ..Schema::default() };
        schema.keep_within(&bounds);
        schema
    })
}

fn bounds() -> BoxedStrategy<Bounds> {
    let number = || option::of(prop_oneof![Just(json!(3)), Just(json!(-2)), Just(json!(0.5))]);
    let count = || option::of(0..3_u64);
    let keyword = |name: &str, value: Option<Value>| value.map(|value| (name.to_owned(), value));
    (any::<bool>(), number(), number(), count(), count(), option::of("[a-c]{1,2}"))
        .prop_map(move |(none, least, beyond, short, most, pattern)| {
            let said = [
                keyword("minimum", least),
                keyword("exclusive_maximum", beyond),
                keyword("min_length", short.map(Value::from)),
                keyword("max_items", most.map(Value::from)),
                keyword("pattern", pattern.map(Value::from)),
            ];
            let said = said.into_iter().flatten().filter(|_| !none).collect();
            serde_json::from_value(Value::Object(said)).expect("bounds by their names")
        })
        .boxed()
}

fn leaf() -> impl Strategy<Value = Schema> {
    prop_oneof![
        scalar(),
        Just(Schema::default()),
        Just(Schema::of_type(JsonType::Object)),
        prop::sample::select(ENTITIES.to_vec()).prop_map(Schema::reference),
    ]
}

/// Any schema but its requiredness, which only properties and parameters have.
fn schema() -> impl Strategy<Value = Schema> {
    let nullable =
        (leaf(), any::<bool>()).prop_map(|(schema, nullable)| Schema { nullable, ..schema });
    nullable.prop_recursive(4, 24, 4, |inner| {
        let property = (inner.clone(), any::<bool>())
            .prop_map(|(schema, required)| Schema { required, ..schema });
        let object = (btree_map(name(), property, 0..4), option::of(inner.clone())).prop_map(
            |(properties, map)| Schema {
                properties,
                map: map.map(Box::new),
                ..Schema::of_type(JsonType::Object)
            },
        );
        let array = (option::of(inner.clone()), bounds()).prop_map(|(items, bounds)| {
            let items = items.map(Box::new);
            let mut schema = Schema { items, ..Schema::of_type(JsonType::Array) };
            schema.keep_within(&bounds);
            schema
        });
        prop_oneof![object, array, alternatives(inner)]
    })
}

/// Alternatives under names the importer would choose and others, beside scalars or a reference.
fn alternatives(inner: impl Strategy<Value = Schema> + Clone) -> impl Strategy<Value = Schema> {
    let key = prop_oneof![
        name(),
        prop::sample::select(vec!["customer", "object", "object-2", "object-10", "string"])
            .prop_map(str::to_owned)
    ];
    let own = prop_oneof![Just(Schema::default()), scalar(), leaf()];
    let any_of = btree_map(key, inner, 1..4);
    (own, any_of, any::<bool>(), option::of(name()), any::<prop::sample::Index>()).prop_map(
        |(own, any_of, nullable, tag, index)| {
            let target = index.get(&any_of.keys().cloned().collect::<Vec<_>>()).clone();
            let mapping = BTreeMap::from([("tag".to_owned(), target)]);
            let discriminator = tag.map(|property| Discriminator { property, mapping });
            Schema { any_of, nullable, discriminator, ..own }
        },
    )
}

fn parameter() -> impl Strategy<Value = Parameter> {
    let form = prop::sample::select(vec![
        (None, None),
        (Some("deepObject"), Some(true)),
        (Some("deepObject"), None),
        (Some("pipeDelimited"), None),
        (None, Some(false)),
    ]);
    (schema(), any::<bool>(), form).prop_map(|(schema, required, (style, explode))| Parameter {
        schema: Schema { required, ..schema },
        style: style.map(str::to_owned),
        explode,
    })
}

fn content() -> impl Strategy<Value = BTreeMap<String, Schema>> {
    let media = ["application/json", "application/pdf", "application/hal+json", "*/*"];
    btree_map(prop::sample::select(media.to_vec()).prop_map(str::to_owned), schema(), 0..3)
}

fn variant() -> impl Strategy<Value = Variant> {
    (content(), any::<prop::sample::Index>(), btree_map("x-[a-z]{1,2}", schema(), 0..2)).prop_map(
        |(mut other_media, main, headers)| {
            if other_media.is_empty() {
                return Variant { headers, ..Variant::default() };
            }
            let main = main.get(&other_media.keys().cloned().collect::<Vec<_>>()).clone();
            let body = other_media.remove(&main);
            let media_type = Some(main).filter(|main| main != "application/json");
            Variant { body, media_type, other_media, headers, lua_hook: None }
        },
    )
}

fn route() -> impl Strategy<Value = Route> {
    let request = option::of(
        (content(), any::<bool>()).prop_map(|(content, required)| Body { content, required }),
    );
    let status = prop::sample::select(vec!["200", "4XX", "default"]).prop_map(str::to_owned);
    let state = option::of(Just(StateOp { verb: StateVerb::List, collection: "/a".to_owned() }));
    (
        option::of(name()),
        any::<bool>(),
        btree_map(name(), parameter(), 0..3),
        btree_map("x-[a-z]{1,2}", schema(), 0..2),
        request,
        btree_map(status, variant(), 0..3),
        state,
    )
        .prop_map(|(operation, declared, query, headers, request, variants, state)| {
            let id = Schema { required: true, ..Schema::of_type(JsonType::String) };
            let plain = |schema| Parameter { schema, ..Parameter::default() };
            let path = declared.then(|| ("id".to_owned(), plain(id)));
            let headers = headers.into_iter().map(|(name, schema)| (name, plain(schema)));
            Route {
                operation,
                path: path.into_iter().collect(),
                query,
                headers: headers.collect(),
                request,
                variants,
                state,
            }
        })
}

fn model() -> impl Strategy<Value = Model> {
    let key = prop::sample::select(vec!["GET /a/{id}", "POST /a/{id}", "GET /", "PUT /x/{id}.{f}"])
        .prop_map(|key| RouteKey::parse(key).expect("each is a route"));
    let entities = (schema(), schema(), schema(), schema()).prop_map(|(a, b, c, d)| {
        ENTITIES.map(str::to_owned).into_iter().zip([a, b, c, d]).collect()
    });
    let limit = (1..100_u64, option::of(1..9_u64)).prop_map(|(limit, burst)| RateLimit {
        algorithm: Algorithm::TokenBucket,
        limit,
        window_seconds: 1.5,
        burst,
        scope: None,
        cost: None,
        headers: Some("github".to_owned()),
    });
    let webhook = (schema(), any::<bool>()).prop_map(|(body, form)| Webhook {
        body,
        media_type: form.then(|| "application/x-www-form-urlencoded".to_owned()),
    });
    (
        btree_map(key, route(), 0..3),
        entities,
        btree_map(prop_oneof![Just("default".to_owned()), Just("core".to_owned())], limit, 0..3),
        btree_map(name(), webhook, 0..3),
        option::of(name()),
        prop_oneof![Just(String::new()), Just("https://a.test/v2".to_owned())],
    )
        .prop_map(|(routes, entities, limits, webhooks, api_version, base_url)| Model {
            routes,
            entities,
            examples: BTreeMap::new(),
            limits,
            webhooks,
            api_version,
            version: "2.1.0".to_owned(),
            ..Model::empty("t", base_url)
        })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        // A failure prints its model; none is kept in a file.
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn an_exported_model_imports_as_the_same_model(model in model()) {
        let document = openapi::export(&model);
        let text = serde_json::to_string_pretty(&document).unwrap();
        let again = openapi::import("t", text.as_bytes(), "t.json").unwrap();
        prop_assert_eq!(&again.model, &model, "{}", text);
        prop_assert_eq!(Digest::of(&again.model), Digest::of(&model));
    }
}
