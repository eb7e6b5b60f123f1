//! Probes from a model: its GET routes, parameters read from the lists that show them.

use std::collections::BTreeMap;

use models::{JsonType, Model, Route, RouteKey, Schema, Step, View};

use super::probes::{Credential, Probe, Probes, Source};

/// How deep an answer is searched for a list of objects.
const DEPTH_MAX: usize = 2;

/// Probes for the GET routes of a model.
///
/// A path parameter is filled from the answers of the route before it (`/customers` for
/// `/customers/{id}`), a required query parameter from its closed set of values. What neither
/// fills has an empty list, to be filled by hand; until then the probe is left out of runs.
/// The variable of the credential is named after the twin, `STRIPE_TOKEN`.
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
