//! Probes from a model: its GET routes, parameters read from the lists that show them.

use std::collections::BTreeMap;

use models::{JsonType, Model, Route, RouteKey, Schema, Step, View};

use super::probes::{Credential, Pages, Probe, Probes, Source};

/// Pages of a list that a run asks for: the second is where cursors show.
const PAGES: u32 = 3;
/// Parameters that take a cursor, and the fields that hold one.
///
/// # Source
///
/// The descriptions of Stripe, Slack, Google (AIP-158) and Twilio.
const CURSORS: [&str; 6] =
    ["cursor", "page_token", "pageToken", "next_token", "after", "starting_after"];
const CURSOR_FIELDS: [&str; 6] =
    ["next_cursor", "next_page_token", "nextPageToken", "next_token", "end_cursor", "next"];

/// How deep an answer is searched for a list of objects.
const DEPTH_MAX: usize = 2;

/// Probes for the GET routes of a model.
///
/// A path parameter is filled from the answers of the route before it (`/customers` for
/// `/customers/{id}`), a required query parameter from its closed set of values. What neither
/// fills has an empty list, to be filled by hand; until then the probe is left out of runs.
/// Lists are asked for up to [`PAGES`] pages. The variable of the credential is named after the twin, `STRIPE_TOKEN`.
pub fn init(model: &Model) -> Probes {
    let gets = model.routes.iter().filter(|(key, _)| key.method() == "GET");
    let probes = gets.map(|(key, route)| (key.as_str().to_owned(), probe(model, key, route)));
    let variable = format!("{}_TOKEN", model.name.to_uppercase().replace('-', "_"));
    let credential = Credential { env: variable, prefix: "Bearer ".to_owned() };
    Probes {
        requests_max: 200,
        share_of_limits: 0.1,
        wait_max_seconds: 120,
        headers: BTreeMap::from([("accept".to_owned(), "application/json".to_owned())]),
        credentials: BTreeMap::from([("authorization".to_owned(), credential)]),
        probes: probes.collect(),
    }
}

fn probe(model: &Model, key: &RouteKey, route: &Route) -> Probe {
    let mut probe = Probe::default();
    for (name, parameter) in &route.query {
        if parameter.schema.required {
            let values = View::of(model, &parameter.schema, "").enumeration().unwrap_or_default();
            probe.query.insert(name.clone(), values.into_iter().map(str::to_owned).collect());
        }
    }
    probe.pages = pages(model, key, route);
    let names: Vec<&str> = key.parameters().collect();
    let Some(last) = names.last() else { return probe };
    probe.from = source(model, key, last);
    if probe.from.is_none() {
        let closed = |name: &str| {
            let parameter = route.path.get(name);
            let values = parameter.and_then(|one| View::of(model, &one.schema, "").enumeration());
            values.unwrap_or_default().into_iter().map(str::to_owned).collect()
        };
        probe.values = names.iter().map(|name| ((*name).to_owned(), closed(name))).collect();
    }
    probe
}

/// How the pages of a route's list are asked for; none where its answer is no list.
fn pages(model: &Model, key: &RouteKey, route: &Route) -> Option<Pages> {
    let body = route.variants.get("200")?.body.as_ref()?;
    let parent: Vec<&str> = key.segments().collect();
    let last_id = ids(model, body, "id", &parent, "", DEPTH_MAX)?;
    let by_link = Pages { max: PAGES, query: None, at: None, more: None };
    let Some(parameter) = CURSORS.iter().find(|name| route.query.contains_key(**name)) else {
        return Some(by_link);
    };
    let view = View::of(model, body, "");
    let has = |name: &str| view.step(&Step::Field(name.to_owned())).is_some();
    let more = has("has_more").then(|| "has_more".to_owned());
    let at = match *parameter {
        "starting_after" => Some(last_id),
        _ => field_named(&view, &CURSOR_FIELDS, DEPTH_MAX),
    };
    let query = at.is_some().then(|| (*parameter).to_owned());
    Some(Pages { query, at, more, ..by_link })
}

/// The path of a field of one of these names, in the object or one below.
fn field_named(view: &View<'_>, names: &[&str], depth: usize) -> Option<String> {
    let fields = view.fields();
    if let Some(name) = names.iter().find(|name| fields.contains_key(**name)) {
        return Some((*name).to_owned());
    }
    let below = depth.checked_sub(1)?;
    fields.keys().find_map(|name| {
        let inner = view.step(&Step::Field((*name).to_owned()))?;
        Some(format!("{name}.{}", field_named(&inner, names, below)?))
    })
}

/// The route whose answers show values of a route's last parameter, and where.
fn source(model: &Model, key: &RouteKey, parameter: &str) -> Option<Source> {
    let segments: Vec<&str> = key.segments().collect();
    let hole = format!("{{{parameter}}}");
    let at = segments.iter().rposition(|segment| *segment == hole)?;
    let parent = format!("/{}", segments[..at].join("/"));
    let (list, route) = model
        .routes
        .iter()
        .find(|(other, _)| other.method() == "GET" && has_form(other, &parent))?;
    let body = route.variants.get("200")?.body.as_ref()?;
    let at = ids(model, body, parameter, &segments[..at], "", DEPTH_MAX)?;
    Some(Source { probe: list.as_str().to_owned(), at })
}

/// Whether two paths are the same but for the names of parameters.
fn has_form(route: &RouteKey, path: &str) -> bool {
    let plain = |segment: &str| {
        if segment.starts_with('{') { "{}".to_owned() } else { segment.to_owned() }
    };
    let other = path.split('/').filter(|segment| !segment.is_empty()).map(plain);
    route.segments().map(plain).eq(other)
}

/// Where in a body the identifiers of a list's objects are.
fn ids(
    model: &Model,
    schema: &Schema,
    parameter: &str,
    parent: &[&str],
    path: &str,
    depth: usize,
) -> Option<String> {
    let view = View::of(model, schema, "");
    if view.types().contains(&JsonType::Array) {
        let items = view.step(&Step::Items)?;
        let field = identifier(&items, parameter, parent)?;
        return Some(format!("{path}[].{field}"));
    }
    if depth == 0 {
        return None;
    }
    for object in view.objects() {
        for (name, field) in &object.schema.properties {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            if let Some(found) = ids(model, field, parameter, parent, &path, depth - 1) {
                return Some(found);
            }
        }
    }
    None
}

/// The field of an object that the parameter most likely stands for.
fn identifier(items: &View<'_>, parameter: &str, parent: &[&str]) -> Option<String> {
    let fields = items.fields();
    let collection = parent.last().map_or("", |last| last.trim_end_matches('s'));
    let bare = parameter
        .strip_prefix(collection)
        .map_or(parameter, |rest| rest.trim_start_matches(['_', '-']));
    let tail = parameter.rsplit(['_', '-']).next().unwrap_or(parameter);
    let wanted = [parameter, bare, tail, "id", "sid", "uuid", "key", "name"];
    let is_scalar = |name: &str| {
        let view = items.step(&Step::Field(name.to_owned()));
        view.is_some_and(|view| {
            view.types().iter().any(|one| matches!(one, JsonType::String | JsonType::Integer))
        })
    };
    let found = wanted.iter().find(|name| fields.contains_key(**name) && is_scalar(name));
    found.map(|name| (*name).to_owned())
}
