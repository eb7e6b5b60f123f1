//! The model and the evidence side by side, joined by SQL: what is suspect, not yet why.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, RecordBatch, StringArray, UInt16Array, UInt32Array, UInt64Array,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use models::{Class, FieldPath, Model, Place, Step, Surface, View};
use observer::lake::path;

use crate::evidence::{Evidence, ObjectEvidence, PlaceEvidence, Token};
use crate::observe::{LakeSession, ObserveError, Rows, full_path};

/// A field on which model and evidence, or evidence of before and now, differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FieldSuspect {
    pub(crate) place: Place,
    pub(crate) object: FieldPath,
    pub(crate) key: FieldPath,
    /// The model has it.
    pub(crate) known: bool,
}

/// A value on which they differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ValueSuspect {
    pub(crate) place: Place,
    pub(crate) path: FieldPath,
    pub(crate) token: Token,
    /// The model lists it.
    pub(crate) known: bool,
    pub(crate) n: u64,
    pub(crate) before: u64,
}

/// Joins model, evidence now and evidence before over the fields of all places seen.
pub(crate) async fn fields(
    session: &LakeSession,
    model: &Model,
    now: &Evidence,
    before: Option<&Evidence>,
) -> Result<Vec<FieldSuspect>, ObserveError> {
    let schema = field_schema();
    session.register("model_fields", schema.clone(), vec![model_fields(model, now).batch()])?;
    session.register(
        "observed_fields",
        schema.clone(),
        vec![evidence_fields(model, now, now).batch()],
    )?;
    let baseline =
        before.map_or_else(FieldRows::default, |before| evidence_fields(model, before, now));
    session.register("baseline_fields", schema, vec![baseline.batch()])?;
    let mut suspects = Vec::new();
    for batch in session.query("diff_fields.sql", include_str!("sql/diff_fields.sql")).await? {
        let rows = Rows(&batch);
        let (objects, keys, known) = (rows.word("object"), rows.word("key"), rows.bool("known"));
        for (row, place) in places_of(&rows).into_iter().enumerate() {
            suspects.push(FieldSuspect {
                place,
                object: path::decode(&objects[row]),
                key: path::decode(&keys[row]),
                known: known[row],
            });
        }
    }
    suspects.sort();
    Ok(suspects)
}

/// Joins the values of all fields the model closes.
pub(crate) async fn values(
    session: &LakeSession,
    model: &Model,
    now: &Evidence,
    before: Option<&Evidence>,
) -> Result<Vec<ValueSuspect>, ObserveError> {
    let schema = value_schema();
    let closed = closed_fields(model, now);
    session.register("model_values", schema.clone(), vec![closed.listed.batch()])?;
    session.register(
        "observed_values",
        schema.clone(),
        vec![seen_values(&closed.fields, now).batch()],
    )?;
    let baseline =
        before.map_or_else(ValueRows::default, |before| seen_values(&closed.fields, before));
    session.register("baseline_values", schema, vec![baseline.batch()])?;
    let mut suspects = Vec::new();
    for batch in session.query("diff_values.sql", include_str!("sql/diff_values.sql")).await? {
        let rows = Rows(&batch);
        let (paths, tokens, known) = (rows.word("path"), rows.word("token"), rows.bool("known"));
        let (n, before) = (rows.u64("n"), rows.u64("before"));
        for (row, place) in places_of(&rows).into_iter().enumerate() {
            suspects.push(ValueSuspect {
                place,
                path: path::decode(&paths[row]),
                token: read_token(&tokens[row]),
                known: known[row],
                n: n[row],
                before: before[row],
            });
        }
    }
    Ok(suspects)
}

/// The model's view of an object, if the model says what fields it has.
pub(crate) fn described<'m>(
    model: &'m Model,
    place: &Place,
    object: &FieldPath,
) -> Option<View<'m>> {
    let view = view_at(model, place, object)?;
    let is_request_root = place.surface == Surface::Request && object.0.is_empty();
    let has_fields = view.objects().next().is_some() && !view.is_opaque_object();
    // A request's root has its query's parameters, whatever is known of its body.
    (has_fields || (is_request_root && view.objects().next().is_none())).then_some(view)
}

/// The model's view of a value; `None` where the model does not have it.
pub(crate) fn view_at<'m>(model: &'m Model, place: &Place, path: &FieldPath) -> Option<View<'m>> {
    let mut view = View::at(model, place)?;
    for step in &path.0 {
        view = view.step(step)?;
    }
    Some(view)
}

/// The fields of every object seen that the model describes, seen or not.
fn model_fields(model: &Model, now: &Evidence) -> FieldRows {
    let mut rows = FieldRows::default();
    for (place, seen) in &now.places {
        for (object, evidence) in &seen.objects {
            let Some(view) = described(model, place, object) else { continue };
            for key in keys_of(&view, evidence) {
                let required = is_required(&view, &key);
                let Some(field) = step_in(&view, &key) else { continue };
                rows.push(
                    place,
                    object,
                    &key,
                    FieldRow {
                        of: evidence.n,
                        n: 0,
                        absent: evidence.n,
                        classes: field.classes().0,
                        required,
                    },
                );
            }
        }
    }
    rows
}

/// The model's own fields of an object, and of the fields seen those that lie in its arrays and maps.
fn keys_of(view: &View<'_>, evidence: &ObjectEvidence) -> BTreeSet<FieldPath> {
    let fields =
        view.fields().into_keys().map(|name| FieldPath(vec![Step::Field(name.to_owned())]));
    let query = view.query().map(|(name, _)| FieldPath(vec![Step::Query(name.to_owned())]));
    let is_own = |key: &FieldPath| matches!(key.0.as_slice(), [Step::Field(_) | Step::Query(_)]);
    let seen = evidence.fields.keys().filter(|key| !is_own(key)).cloned();
    fields.chain(query).chain(seen).collect()
}

fn is_required(view: &View<'_>, key: &FieldPath) -> bool {
    match key.0.as_slice() {
        [Step::Field(name)] => view.fields().get(name.as_str()).copied().unwrap_or(false),
        [Step::Query(name)] => view.query().any(|(known, required)| known == name && required),
        _ => false,
    }
}

fn step_in<'m>(view: &View<'m>, key: &FieldPath) -> Option<View<'m>> {
    key.0.iter().try_fold(view.clone(), |view, step| view.step(step))
}

/// The fields of a stretch of evidence, in the objects that are judged now.
fn evidence_fields(model: &Model, evidence: &Evidence, now: &Evidence) -> FieldRows {
    let mut rows = FieldRows::default();
    for (place, seen) in &evidence.places {
        let Some(judged) = now.places.get(place) else { continue };
        for (object, around) in &seen.objects {
            if !judged.objects.contains_key(object) {
                continue;
            }
            let Some(view) = described(model, place, object) else { continue };
            for (key, field) in &around.fields {
                if is_beyond(&view, key) {
                    continue;
                }
                rows.push(
                    place,
                    object,
                    key,
                    FieldRow {
                        of: around.presence(field).1,
                        n: field.n,
                        absent: around.absent(field),
                        classes: field.class_set().0,
                        required: false,
                    },
                );
            }
        }
    }
    rows
}

/// Whether the field lies in an array or map that the model does not have or says nothing of: the
/// outer field is the change, or there is nothing to compare with.
fn is_beyond(view: &View<'_>, key: &FieldPath) -> bool {
    let Some((last, outer)) = key.0.split_last() else { return false };
    if outer.is_empty() && matches!(last, Step::Field(_) | Step::Query(_)) {
        return false;
    }
    step_in(view, key).is_none()
}

/// Where values are closed by the model, and which.
#[derive(Default)]
struct Closed {
    fields: Vec<(Place, FieldPath)>,
    listed: ValueRows,
}

fn closed_fields(model: &Model, now: &Evidence) -> Closed {
    let mut closed = Closed::default();
    for (place, seen) in &now.places {
        for (object, around) in &seen.objects {
            for key in around.fields.keys() {
                let path = full_path(object, key);
                let Some(view) = view_at(model, place, &path) else { continue };
                let Some(listed) = view.enumeration() else { continue };
                for token in listed {
                    closed.listed.push(place, &path, &Token::Clear(token.to_owned()), 0);
                }
                closed.fields.push((place.clone(), path));
            }
        }
    }
    closed
}

fn seen_values(fields: &[(Place, FieldPath)], evidence: &Evidence) -> ValueRows {
    let mut rows = ValueRows::default();
    for (place, path) in fields {
        let values =
            evidence.places.get(place).and_then(|seen: &PlaceEvidence| seen.values.get(path));
        for (token, seen) in values.iter().flat_map(|values| &values.tokens) {
            rows.push(place, path, token, seen.n);
        }
    }
    rows
}

/// Tokens as one text column: `=text` in clear, `#hex` withheld.
fn write_token(token: &Token) -> String {
    match token {
        Token::Clear(text) => format!("={text}"),
        Token::Withheld(pseudonym) => format!("#{pseudonym:x}"),
    }
}

fn read_token(text: &str) -> Token {
    match text.strip_prefix('#') {
        Some(hex) => Token::Withheld(u64::from_str_radix(hex, 16).unwrap_or_default()),
        None => Token::Clear(text.strip_prefix('=').unwrap_or(text).to_owned()),
    }
}

#[derive(Default)]
struct PlaceColumns {
    surface: Vec<&'static str>,
    route: Vec<String>,
    status: Vec<u16>,
    event: Vec<String>,
}

impl PlaceColumns {
    fn push(&mut self, place: &Place) {
        self.surface.push(place.surface.name());
        self.route.push(place.route.clone().unwrap_or_default());
        self.status.push(place.status.unwrap_or_default());
        self.event.push(place.event.clone().unwrap_or_default());
    }

    fn columns(self) -> Vec<ArrayRef> {
        vec![
            Arc::new(StringArray::from(self.surface)),
            Arc::new(StringArray::from(self.route)),
            Arc::new(UInt16Array::from(self.status)),
            Arc::new(StringArray::from(self.event)),
        ]
    }

    fn fields() -> Vec<Field> {
        vec![
            Field::new("surface", DataType::Utf8, false),
            Field::new("route", DataType::Utf8, false),
            Field::new("status", DataType::UInt16, false),
            Field::new("event", DataType::Utf8, false),
        ]
    }
}

struct FieldRow {
    of: u64,
    n: u64,
    absent: u64,
    classes: u32,
    required: bool,
}

#[derive(Default)]
struct FieldRows {
    places: PlaceColumns,
    object: Vec<String>,
    key: Vec<String>,
    rows: Vec<FieldRow>,
}

impl FieldRows {
    fn push(&mut self, place: &Place, object: &FieldPath, key: &FieldPath, row: FieldRow) {
        self.places.push(place);
        self.object.push(path::encode(object));
        self.key.push(path::encode(key));
        self.rows.push(row);
    }

    fn batch(self) -> RecordBatch {
        let mut columns = self.places.columns();
        columns.push(Arc::new(StringArray::from(self.object)));
        columns.push(Arc::new(StringArray::from(self.key)));
        columns.push(Arc::new(UInt64Array::from_iter_values(self.rows.iter().map(|row| row.of))));
        columns.push(Arc::new(UInt64Array::from_iter_values(self.rows.iter().map(|row| row.n))));
        columns
            .push(Arc::new(UInt64Array::from_iter_values(self.rows.iter().map(|row| row.absent))));
        columns
            .push(Arc::new(UInt32Array::from_iter_values(self.rows.iter().map(|row| row.classes))));
        let required: BooleanArray = self.rows.iter().map(|row| Some(row.required)).collect();
        columns.push(Arc::new(required));
        RecordBatch::try_new(field_schema(), columns).expect("columns follow the schema below")
    }
}

fn field_schema() -> Arc<Schema> {
    let mut fields = PlaceColumns::fields();
    fields.extend([
        Field::new("object", DataType::Utf8, false),
        Field::new("key", DataType::Utf8, false),
        Field::new("of", DataType::UInt64, false),
        Field::new("n", DataType::UInt64, false),
        Field::new("absent", DataType::UInt64, false),
        Field::new("classes", DataType::UInt32, false),
        Field::new("required", DataType::Boolean, true),
    ]);
    Arc::new(Schema::new(fields))
}

#[derive(Default)]
struct ValueRows {
    places: PlaceColumns,
    path: Vec<String>,
    token: Vec<String>,
    n: Vec<u64>,
}

impl ValueRows {
    fn push(&mut self, place: &Place, path: &FieldPath, token: &Token, n: u64) {
        self.places.push(place);
        self.path.push(path::encode(path));
        self.token.push(write_token(token));
        self.n.push(n);
    }

    fn batch(self) -> RecordBatch {
        let mut columns = self.places.columns();
        columns.push(Arc::new(StringArray::from(self.path)));
        columns.push(Arc::new(StringArray::from(self.token)));
        columns.push(Arc::new(UInt64Array::from(self.n)));
        RecordBatch::try_new(value_schema(), columns).expect("columns follow the schema below")
    }
}

fn value_schema() -> Arc<Schema> {
    let mut fields = PlaceColumns::fields();
    fields.extend([
        Field::new("path", DataType::Utf8, false),
        Field::new("token", DataType::Utf8, false),
        Field::new("n", DataType::UInt64, false),
    ]);
    Arc::new(Schema::new(fields))
}

pub(crate) fn places_of(rows: &Rows<'_>) -> Vec<Place> {
    let (surfaces, routes) = (rows.word("surface"), rows.word("route"));
    let (statuses, events) = (rows.u16("status"), rows.word("event"));
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    (0..rows.len())
        .map(|row| Place {
            surface: match surfaces[row].as_str() {
                "request" => Surface::Request,
                "webhook" => Surface::Webhook,
                _ => Surface::Response,
            },
            route: text(&routes[row]),
            status: (statuses[row] > 0).then_some(statuses[row]),
            event: text(&events[row]),
        })
        .collect()
}

/// Whether texts that read as numbers or booleans are texts all the same: in queries and forms
/// everything is text.
pub(crate) fn is_textual(place: &Place, key: &FieldPath, model: &Model) -> bool {
    if place.surface != Surface::Request {
        return false;
    }
    if matches!(key.0.first(), Some(Step::Query(_))) {
        return true;
    }
    let route = place.route.as_deref().and_then(|route| models::RouteKey::parse(route).ok());
    let body =
        route.and_then(|route| model.routes.get(&route)).and_then(|route| route.request.as_ref());
    body.is_some_and(|body| !body.content.keys().any(|media| media.contains("json")))
}

/// The classes that texts of parameters may read as.
pub(crate) fn readings_of_text() -> models::Classes {
    [Class::Integer, Class::Number, Class::Boolean].into_iter().collect()
}
