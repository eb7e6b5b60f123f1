//! Shape counts folded over the shapes' fields.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use chrono::DateTime;
use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray, UInt16Array, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use models::{Classes, FieldPath, Model, Place, RouteKey, Step, Surface, Window};
use observer::lake::path;

use super::entities::{self, Poll, Polls};
use super::rows::Rows;
use super::session::LakeSession;
use super::tails::{self, Part, TAILS};
use super::{Observation, ObserveError};
use crate::evidence::{Evidence, Span, Token, TokenSeen};

/// Bodies of one place whose entities are compared with themselves; above, entities are sampled by
/// their pseudonym, which every shard and every run does alike.
const SAMPLED_BODIES: u64 = 10_000;

/// The fields of each shape.
pub type ShapeFields = HashMap<u64, ShapeOf>;

/// One shape: an object and its fields.
#[derive(Debug, Clone)]
pub struct ShapeOf {
    /// The object's path from the body's root.
    pub object: FieldPath,
    /// Its fields: the classes of their values, and whether some item of a list lacks it.
    pub fields: BTreeMap<FieldPath, (Classes, bool)>,
}

pub(super) async fn fold(
    session: &LakeSession,
    model: &Model,
    bounds: &[i64; TAILS],
) -> Result<Observation, ObserveError> {
    let shapes = shape_fields(session).await?;
    let mut observation = Observation {
        evidence: Evidence::default(),
        learned: Evidence::default(),
        held_back: BTreeMap::new(),
        tails: Vec::new(),
        shapes: ShapeFields::new(),
        window: Window { from: None, to: None },
        exchanges: 0,
        skipped: BTreeMap::new(),
        dropped: 0,
        api_versions: BTreeMap::new(),
        notes: Vec::new(),
    };
    totals(session, &mut observation).await?;
    let mut parts: [Part; TAILS + 1] = Default::default();
    fold_routes(session, bounds, &mut parts).await?;
    fold_shapes(session, model, &shapes, bounds, &mut parts).await?;
    for part in &parts {
        observation.evidence.merge(&part.evidence);
        observation.learned.merge(&part.learned);
        tails::merge_held_back(&mut observation.held_back, &part.held_back);
    }
    let polls = polls(session, model, &observation.evidence).await?;
    apply_weights(&mut observation.evidence, &entities::weights(polls, &shapes));
    fold_values(session, &mut observation.evidence).await?;
    share_values(&observation.evidence, &mut observation.learned);
    observation.tails = tails::tails(&parts, bounds);
    for tail in &mut observation.tails {
        tail.share(&observation.evidence);
    }
    observation.shapes = shapes;
    Ok(observation)
}

async fn shape_fields(session: &LakeSession) -> Result<ShapeFields, ObserveError> {
    let sql = "SELECT DISTINCT shape, object, key, classes, sometimes FROM shapes";
    let mut shapes = ShapeFields::new();
    for batch in session.query("shapes", sql).await? {
        let rows = Rows(&batch);
        let (ids, objects, keys) = (rows.u64("shape"), rows.word("object"), rows.word("key"));
        let (classes, sometimes) = (rows.u32("classes"), rows.bool("sometimes"));
        for row in 0..rows.len() {
            let shape = shapes.entry(ids[row]).or_insert_with(|| ShapeOf {
                object: path::decode(&objects[row]),
                fields: BTreeMap::new(),
            });
            shape.fields.insert(path::decode(&keys[row]), (Classes(classes[row]), sometimes[row]));
        }
    }
    Ok(shapes)
}

async fn totals(session: &LakeSession, observation: &mut Observation) -> Result<(), ObserveError> {
    let sql =
        "SELECT COUNT(*) AS n, MIN(seen_at) AS first_seen, MAX(seen_at) AS last_seen FROM routed";
    for batch in session.query("totals", sql).await? {
        let rows = Rows(&batch);
        for (n, span) in rows.u64("n").into_iter().zip(rows.spans()) {
            observation.exchanges += n;
            if n > 0 {
                observation.window = Window {
                    from: DateTime::from_timestamp_micros(span.first_us),
                    to: DateTime::from_timestamp_micros(span.last_us),
                };
            }
        }
    }
    let sql = "SELECT api_version, COUNT(*) AS n FROM routed WHERE api_version IS NOT NULL GROUP BY api_version";
    for batch in session.query("api versions", sql).await? {
        let rows = Rows(&batch);
        observation.api_versions.extend(rows.word("api_version").into_iter().zip(rows.u64("n")));
    }
    let sql = "SELECT COUNT(*) AS n FROM routed WHERE route = '' AND event = ''";
    for batch in session.query("unrouted", sql).await? {
        for n in Rows(&batch).u64("n").into_iter().filter(|n| *n > 0) {
            observation.skipped.insert("no route".to_owned(), n);
        }
    }
    Ok(())
}

async fn fold_routes(
    session: &LakeSession,
    bounds: &[i64],
    parts: &mut [Part],
) -> Result<(), ObserveError> {
    let sql = include_str!("../sql/observed_places.sql");
    for batch in session.query_at("observed_places.sql", sql, bounds).await? {
        let rows = Rows(&batch);
        let (routes, events, statuses) =
            (rows.word("route"), rows.word("event"), rows.u16("status"));
        let (bodies, media, n) = (rows.word("body"), rows.word("response_media"), rows.u64("n"));
        let (spans, callers, numbers) = (rows.spans(), rows.u64("callers"), rows.u64("part"));
        for row in 0..rows.len() {
            let Some(part) = part_of(parts, numbers[row]).filter(|_| events[row].is_empty()) else {
                continue;
            };
            let route = part.evidence.routes.entry(routes[row].clone()).or_default();
            let status = route.statuses.entry(statuses[row]).or_default();
            status.n += n[row];
            if matches!(bodies[row].as_str(), "ok" | "none" | "not-json") {
                status.clean += n[row];
                status.seen = status.seen.merge(spans[row]);
            }
            status.callers = status.callers.max(callers[row]);
            if !media[row].is_empty() {
                *status.media.entry(media[row].clone()).or_default() += n[row];
            }
        }
    }
    // Of the window as a whole: the first part stands for it.
    let sql = include_str!("../sql/observed_request_media.sql");
    for batch in session.query("observed_request_media.sql", sql).await? {
        let rows = Rows(&batch);
        for ((route, media), n) in
            rows.word("route").into_iter().zip(rows.word("media")).zip(rows.u64("n"))
        {
            let evidence = &mut parts[0].evidence;
            evidence.routes.entry(route).or_default().request_media.insert(media, n);
        }
    }
    Ok(())
}

async fn fold_shapes(
    session: &LakeSession,
    model: &Model,
    shapes: &ShapeFields,
    bounds: &[i64],
    parts: &mut [Part],
) -> Result<(), ObserveError> {
    let sql = include_str!("../sql/observed_shapes.sql");
    for batch in session.query_at("observed_shapes.sql", sql, bounds).await? {
        let rows = Rows(&batch);
        let places = places(&rows, model);
        let (ids, held, n) = (rows.u64("shape"), rows.bool("held"), rows.u64("n"));
        let (spans, callers, numbers) = (rows.spans(), rows.u64("callers"), rows.u64("part"));
        for (row, place) in places.into_iter().enumerate() {
            let shape = shapes.get(&ids[row]);
            let Some((part, shape)) = part_of(parts, numbers[row]).zip(shape) else { continue };
            let count = Count { n: n[row], seen: spans[row], callers: callers[row] };
            add_shape(&mut part.evidence, &place, shape, count);
            if held[row] {
                *part.held_back.entry((Place::clone(&place), ids[row])).or_default() += n[row];
            } else {
                add_shape(&mut part.learned, &place, shape, count);
            }
        }
    }
    Ok(())
}

fn part_of(parts: &mut [Part], number: u64) -> Option<&mut Part> {
    parts.get_mut(usize::try_from(number).ok()?)
}

#[derive(Clone, Copy)]
struct Count {
    n: u64,
    seen: Span,
    callers: u64,
}

fn add_shape(evidence: &mut Evidence, place: &Place, shape: &ShapeOf, count: Count) {
    let at = evidence.places.entry(place.clone()).or_default();
    if shape.object.0.is_empty() {
        at.n += count.n;
        at.seen = at.seen.merge(count.seen);
    }
    let object = at.objects.entry(shape.object.clone()).or_default();
    object.n += count.n;
    for (key, (classes, sometimes)) in &shape.fields {
        let field = object.fields.entry(key.clone()).or_default();
        field.n += count.n;
        field.sometimes += if *sometimes { count.n } else { 0 };
        field.seen = field.seen.merge(count.seen);
        field.callers = field.callers.max(count.callers);
        field.weight = 1.0;
        for class in classes.iter() {
            field.classes.entry(class).or_default().add(count.n, count.seen);
        }
    }
}

/// The place of each row. As at the intake, a status that the model describes by its class or by
/// `default` stands at 400 or 500.
fn places(rows: &Rows<'_>, model: &Model) -> Vec<Rc<Place>> {
    let columns = ["surface", "route", "event"].map(|name| rows.texts(name));
    let statuses = rows.u16("status");
    // Rows are many and places few.
    let mut known: HashMap<([&str; 3], u16), Rc<Place>> = HashMap::new();
    (0..rows.len())
        .map(|row| {
            let texts = columns.each_ref().map(|column| column.value(row));
            let place = known
                .entry((texts, statuses[row]))
                .or_insert_with(|| Rc::new(place(texts, statuses[row], model)));
            Rc::clone(place)
        })
        .collect()
}

fn place([surface, route, event]: [&str; 3], status: u16, model: &Model) -> Place {
    match surface {
        "webhook" => Place {
            surface: Surface::Webhook,
            route: None,
            status: None,
            event: Some(event.to_owned()),
        },
        "request" => Place {
            surface: Surface::Request,
            route: Some(route.to_owned()),
            status: None,
            event: None,
        },
        _ => Place {
            surface: Surface::Response,
            route: Some(route.to_owned()),
            status: Some(described_status(model, route, status)),
            event: None,
        },
    }
}

/// The status under which the model describes an answer.
pub(crate) fn described_status(model: &Model, route: &str, status: u16) -> u16 {
    let key = RouteKey::parse(route).ok();
    let variant =
        key.and_then(|key| model.routes.get(&key)).and_then(|route| route.variant_for(status));
    match variant {
        Some("4XX") => 400,
        Some("5XX") => 500,
        Some("default") if status >= 400 => 400,
        _ => status,
    }
}

async fn polls(
    session: &LakeSession,
    model: &Model,
    evidence: &Evidence,
) -> Result<Polls, ObserveError> {
    session.register("samples", samples_schema(), vec![samples(evidence)])?;
    let sql = include_str!("../sql/observed_entities.sql");
    let mut polls = Polls::new();
    for batch in session.query("observed_entities.sql", sql).await? {
        let rows = Rows(&batch);
        let (entities, shapes, n) = (rows.u64("entity"), rows.u64("shape"), rows.u64("n"));
        for (row, place) in places(&rows, model).into_iter().enumerate() {
            let poll = Poll { entity: entities[row], shape: shapes[row], n: n[row] };
            match polls.get_mut(&*place) {
                Some(known) => known.push(poll),
                None => drop(polls.insert(Place::clone(&place), vec![poll])),
            }
        }
    }
    Ok(polls)
}

fn samples_schema() -> Arc<Schema> {
    Arc::new(Schema::new(vec![
        Field::new("route", DataType::Utf8, false),
        Field::new("event", DataType::Utf8, false),
        Field::new("status", DataType::UInt16, false),
        Field::new("below", DataType::UInt64, false),
    ]))
}

/// The sampling bound of each route and status.
fn samples(evidence: &Evidence) -> RecordBatch {
    let mut bounds: Vec<(&str, &str, u16, u64)> = Vec::new();
    for (route, seen) in &evidence.routes {
        bounds.extend(
            seen.statuses.iter().map(|(status, seen)| (route.as_str(), "", *status, seen.n)),
        );
    }
    // The receiver's status says nothing of a delivery, but the row has it.
    for (place, seen) in &evidence.places {
        if let Some(event) = &place.event {
            bounds.extend((100..600).map(|status| ("", event.as_str(), status, seen.n)));
        }
    }
    let below = |n: u64| if n <= SAMPLED_BODIES { 1 << 40 } else { (SAMPLED_BODIES << 40) / n };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(bounds.iter().map(|bound| bound.0))),
        Arc::new(StringArray::from_iter_values(bounds.iter().map(|bound| bound.1))),
        Arc::new(UInt16Array::from_iter_values(bounds.iter().map(|bound| bound.2))),
        Arc::new(UInt64Array::from_iter_values(bounds.iter().map(|bound| below(bound.3)))),
    ];
    RecordBatch::try_new(samples_schema(), columns).expect("columns follow the schema above")
}

fn apply_weights(evidence: &mut Evidence, weights: &BTreeMap<Place, entities::Weights>) {
    for (place, at) in &mut evidence.places {
        let Some(weights) = weights.get(place) else { continue };
        for (path, object) in &mut at.objects {
            for (key, field) in &mut object.fields {
                if let Some(weight) = weights.get(&(path.clone(), key.clone())) {
                    field.weight = *weight;
                }
            }
        }
    }
}

async fn fold_values(session: &LakeSession, evidence: &mut Evidence) -> Result<(), ObserveError> {
    for batch in
        session.query("observed_values.sql", include_str!("../sql/observed_values.sql")).await?
    {
        let rows = Rows(&batch);
        let (surfaces, routes, events) =
            (rows.word("surface"), rows.word("route"), rows.word("event"));
        let (statuses, paths, tokens) = (rows.u16("status"), rows.word("path"), rows.text("token"));
        let (pseudonyms, n, witnesses) =
            (rows.maybe_u64("pseudonym"), rows.u64("n"), rows.u64("witnesses"));
        let (spans, open) = (rows.spans(), rows.bool("open"));
        for row in 0..rows.len() {
            let surface = match surfaces[row].as_str() {
                "request" => Surface::Request,
                "webhook" => Surface::Webhook,
                _ => Surface::Response,
            };
            let text = |text: &String| (!text.is_empty()).then(|| text.clone());
            let place = Place {
                surface,
                route: text(&routes[row]),
                status: (statuses[row] > 0).then_some(statuses[row]),
                event: text(&events[row]),
            };
            // Values of places without a body in the window belong to another time.
            let Some(at) = evidence.places.get_mut(&place) else { continue };
            let values = at.values.entry(path::decode(&paths[row])).or_default();
            values.open |= open[row];
            if let Some(pseudonym) = pseudonyms[row] {
                let token = tokens[row].clone().map_or(Token::Withheld(pseudonym), Token::Clear);
                let seen = TokenSeen { n: n[row], witnesses: witnesses[row], seen: spans[row] };
                values.tokens.entry(token).or_default().add(seen);
            }
        }
    }
    for values in evidence.places.values_mut().flat_map(|place| place.values.values_mut()) {
        if values.open {
            values.tokens.clear();
        }
    }
    Ok(())
}

/// Tokens are counted over all entities; weights are of fields, not of the sample.
fn share_values(all: &Evidence, learned: &mut Evidence) {
    learned.routes.clone_from(&all.routes);
    for (place, at) in &mut learned.places {
        let Some(whole) = all.places.get(place) else { continue };
        at.values.clone_from(&whole.values);
        for (path, object) in &mut at.objects {
            for (key, field) in &mut object.fields {
                let known = whole.objects.get(path).and_then(|object| object.fields.get(key));
                field.weight = known.map_or(1.0, |field| field.weight);
            }
        }
    }
}

/// The path of a field from the body's root.
pub(crate) fn full_path(object: &FieldPath, key: &FieldPath) -> FieldPath {
    FieldPath(object.0.iter().chain(&key.0).cloned().collect::<Vec<Step>>())
}
