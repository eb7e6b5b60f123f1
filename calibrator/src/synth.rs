//! A model from evidence alone: calibration from an empty model, in one step.

use std::collections::BTreeMap;

use models::{
    Body, Model, Parameter, Place, Route, RouteKey, Schema, Step, Surface, Variant, Webhook,
};

use crate::evidence::{Evidence, PlaceEvidence, RouteEvidence, StatusEvidence};
use crate::infer;

/// Adds to the model every route and event the evidence has and the model has not.
///
/// A route is real once it accepted a call; what only ever refused is a scanner's.
pub(crate) fn extend(model: &mut Model, evidence: &Evidence) {
    for (route, seen) in &evidence.routes {
        let Ok(key) = RouteKey::parse(route) else { continue };
        if seen.accepted() > 0 && !model.routes.contains_key(&key) {
            let made = self::route(&key, seen, evidence);
            model.routes.insert(key, made);
        }
    }
    for (place, seen) in &evidence.places {
        if let Some(event) = place.event.as_ref().filter(|event| *event != "unknown") {
            model.webhooks.entry(event.clone()).or_insert_with(|| webhook(seen));
        }
    }
}

/// The route as the evidence has it.
pub(crate) fn route(key: &RouteKey, seen: &RouteEvidence, evidence: &Evidence) -> Route {
    let mut route = Route::default();
    for name in key.parameters() {
        let mut schema = Schema::of_type(models::JsonType::String);
        schema.required = true;
        route.path.insert(name.to_owned(), Parameter { schema, ..Parameter::default() });
    }
    let place = Place {
        surface: Surface::Request,
        route: Some(key.to_string()),
        status: None,
        event: None,
    };
    if let Some(requests) = evidence.places.get(&place) {
        add_request(&mut route, requests, &seen.request_media);
    }
    for (status, answers) in &seen.statuses {
        if answers.clean > 0 && *status < 500 {
            route.variants.insert(status.to_string(), variant(key, *status, answers, evidence));
        }
    }
    route
}

/// The answer as the evidence has it.
pub(crate) fn variant(
    key: &RouteKey,
    status: u16,
    answers: &StatusEvidence,
    evidence: &Evidence,
) -> Variant {
    let place = Place {
        surface: Surface::Response,
        route: Some(key.to_string()),
        status: Some(status),
        event: None,
    };
    let media = answers.media.iter().max_by_key(|(_, n)| **n).map(|(media, _)| media.clone());
    Variant {
        body: evidence.places.get(&place).map(infer::body),
        media_type: media.filter(|media| media != "application/json" && media != "x-unknown"),
        ..Variant::default()
    }
}

/// The webhook as the evidence has it.
pub(crate) fn webhook(seen: &PlaceEvidence) -> Webhook {
    Webhook { body: infer::body(seen), media_type: None }
}

fn add_request(route: &mut Route, requests: &PlaceEvidence, media: &BTreeMap<String, u64>) {
    let root = models::FieldPath::ROOT;
    let Some(object) = requests.objects.get(&root) else { return };
    for key in object.fields.keys() {
        if let [Step::Query(name)] = key.0.as_slice()
            && let Some(schema) = infer::field(requests, &root, key)
        {
            route.query.insert(name.clone(), Parameter { schema, ..Parameter::default() });
        }
    }
    let schema = infer::body(requests);
    if schema.says_nothing() {
        return;
    }
    let media =
        media.iter().max_by_key(|(_, n)| **n).map_or("application/json", |(media, _)| media);
    let with_body = object.fields.get(&root).map_or(0, |whole| whole.n);
    route.request = Some(Body {
        content: BTreeMap::from([(media.to_owned(), schema)]),
        required: with_body == object.n,
    });
}
