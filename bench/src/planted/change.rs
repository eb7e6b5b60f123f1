//! What is planted: changes of the model's objects, routes, statuses, events and limits.

use std::collections::{BTreeMap, BTreeSet};

use models::{JsonType, Kind, Model, Parameter, Route, RouteKey, Schema, Variant, Webhook};
use serde_json::Value;

use super::limiter;
use super::traffic::Traffic;
use super::value::{Location, names, text_hash, word};
use crate::random::Random;

/// Routes of a case.
const ROUTES: u64 = 36;
/// Exchanges of the baseline in which an object must be seen for something to be planted in it.
const SEEN_MIN: u64 = 30;

/// One change of one field of one object.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) kind: Kind,
    pub(crate) field: String,
    /// As the field was; what says nothing where it is new.
    pub(crate) before: Schema,
    /// As it is; what says nothing where it is gone.
    pub(crate) after: Schema,
}

impl Change {
    /// Whether only the changed vendor sends such a value.
    pub(crate) fn is_fresh(&self, value: &Value) -> bool {
        self.is_of(value, &self.after, &self.before)
    }

    /// Whether only the unchanged vendor does.
    pub(crate) fn is_stale(&self, value: &Value) -> bool {
        self.is_of(value, &self.before, &self.after)
    }

    fn is_of(&self, value: &Value, own: &Schema, other: &Schema) -> bool {
        match self.kind {
            Kind::TypeChanged => json_type(value).is_some_and(|json_type| {
                own.types.contains(&json_type) && !other.types.contains(&json_type)
            }),
            Kind::EnumValueAdded | Kind::EnumValueRemoved => value
                .as_str()
                .is_some_and(|value| own.values.contains(value) && !other.values.contains(value)),
            // All strings of the field change their form.
            Kind::FormatChanged => value.is_string() && own.format == self.after.format,
            _ => false,
        }
    }
}

fn json_type(value: &Value) -> Option<JsonType> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => JsonType::Boolean,
        Value::Number(number) if number.is_f64() => JsonType::Number,
        Value::Number(_) => JsonType::Integer,
        Value::String(_) => JsonType::String,
        Value::Array(_) => JsonType::Array,
        Value::Object(_) => JsonType::Object,
    })
}

/// All that is planted in one case.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) changes: Vec<Change>,
    by_location: BTreeMap<Location, Vec<usize>>,
    /// Routes that only the changed vendor has.
    pub(crate) new_routes: BTreeMap<RouteKey, Route>,
    /// Routes the changed vendor answers no more, with the status it answers instead.
    pub(crate) gone: Vec<(RouteKey, u16)>,
    /// New statuses of routes.
    pub(crate) statuses: Vec<(RouteKey, u16)>,
    /// New query parameters of routes.
    pub(crate) parameters: Vec<(RouteKey, String)>,
    /// Events that only the changed vendor sends.
    pub(crate) new_events: BTreeMap<String, Webhook>,
    /// Whether limits change.
    pub(crate) limits: bool,
    limits_seed: u64,
}

/// Some routes of a model, and all it says of objects and events.
pub(crate) fn excerpt(mut model: Model, random: &mut Random) -> Model {
    model.examples.clear();
    let answers_json = |route: &Route| {
        route.variants.iter().any(|(status, variant)| {
            status.starts_with('2') && variant.body.is_some() && variant.media_type.is_none()
        })
    };
    let mut routes: Vec<_> = model
        .routes
        .iter()
        .filter(|(_, route)| answers_json(route))
        .map(|(key, _)| key.clone())
        .collect();
    routes.sort_by_key(|key| Random::of(&[random.clone().next(), text_hash(key.as_str())]).next());
    let kept: BTreeSet<_> = routes.into_iter().take(usize::try_from(ROUTES).unwrap_or(0)).collect();
    model.routes.retain(|key, _| kept.contains(key));
    let mut events: Vec<_> = model.webhooks.keys().cloned().collect();
    events.sort_by_key(|event| Random::of(&[random.clone().next(), text_hash(event)]).next());
    let kept: BTreeSet<_> = events.into_iter().take(12).collect();
    model.webhooks.retain(|event, _| kept.contains(event));
    model
}

impl Plan {
    /// The numbers of the changes in an object.
    pub(crate) fn at(&self, location: &Location) -> &[usize] {
        self.by_location.get(location).map_or(&[], Vec::as_slice)
    }

    /// Draws what to plant where the baseline shows enough of a model; removes from the model what
    /// is to be new.
    pub(crate) fn draw(model: &mut Model, baseline: &Traffic, random: &mut Random) -> Self {
        let mut plan =
            Self { limits: random.chance(50), limits_seed: random.next(), ..Self::default() };
        plan.draw_routes(model, baseline, random);
        let mut places: Vec<_> = baseline
            .objects
            .iter()
            .filter(|(_, seen)| SEEN_MIN <= seen.exchanges && !seen.apart)
            .map(|(location, _)| location.clone())
            .collect();
        places.sort_by_key(|location| location.hash(random.clone().next()));
        for location in places.into_iter().take(16) {
            let Some(object) = location.schema(model).cloned() else { continue };
            for _ in 0..=random.below(2) {
                plan.draw_change(&location, &object, random);
            }
        }
        plan
    }

    fn draw_routes(&mut self, model: &mut Model, baseline: &Traffic, random: &mut Random) {
        let mut routes: Vec<_> = model.routes.keys().cloned().collect();
        routes.sort_by_key(|key| {
            Random::of(&[random.clone().next(), text_hash(key.as_str())]).next()
        });
        let mut routes = routes
            .into_iter()
            .filter(|key| baseline.calls.get(key).is_some_and(|calls| *calls > 20));
        for key in routes.by_ref().take(2) {
            if let Some(route) = model.routes.remove(&key) {
                self.new_routes.insert(key, route);
            }
        }
        let refusals = [404, 410, 405];
        self.gone = routes
            .by_ref()
            .take(2)
            .map(|key| (key, refusals[usize::try_from(random.below(3)).unwrap_or(0)]))
            .collect();
        // What stands for several statuses covers new ones.
        let says_each = |key: &RouteKey| model.routes[key].variant_for(409).is_none();
        self.statuses = routes.by_ref().filter(says_each).take(2).map(|key| (key, 409)).collect();
        self.parameters =
            routes.take(2).map(|key| (key, format!("{}_after", word(random)))).collect();
        if random.chance(70)
            && let Some(event) = model.webhooks.keys().next().cloned()
        {
            self.new_events.extend(model.webhooks.remove_entry(&event));
        }
    }

    fn draw_change(&mut self, location: &Location, object: &Schema, random: &mut Random) {
        let taken: BTreeSet<&str> =
            self.at(location).iter().map(|number| &*self.changes[*number].field).collect();
        let fields: Vec<(&String, &Schema)> = object
            .properties
            .iter()
            .filter(|(name, _)| {
                !taken.contains(name.as_str())
                    && !matches!(name.as_str(), "id" | "object" | "ok" | "action")
            })
            .collect();
        if fields.is_empty() {
            return;
        }
        let (name, before) =
            fields[usize::try_from(random.below(fields.len() as u64)).unwrap_or(0)];
        let one_type = |json_type| {
            before.types.len() == 1
                && before.types.contains(&json_type)
                && before.entity.is_none()
                && before.any_of.is_empty()
        };
        let is_text = one_type(JsonType::String);
        let change = |kind, after: Schema| {
            Some(Change { kind, field: name.clone(), before: before.clone(), after })
        };
        let drawn = match random.below(10) {
            0..3 => new_field(object, random),
            3 => change(Kind::FieldRemoved, Schema::default()),
            4 if is_text && before.values.is_empty() => {
                let retyped = if random.chance(50) { JsonType::Integer } else { JsonType::Object };
                let mut after =
                    Schema { types: BTreeSet::from([retyped]), format: None, ..before.clone() };
                if retyped == JsonType::Object {
                    after.properties.insert(
                        "value".to_owned(),
                        Schema { required: true, ..Schema::of_type(JsonType::String) },
                    );
                }
                change(Kind::TypeChanged, after)
            }
            4 if one_type(JsonType::Integer) && before.values.is_empty() => change(
                Kind::TypeChanged,
                Schema {
                    types: BTreeSet::from([JsonType::String]),
                    format: None,
                    ..before.clone()
                },
            ),
            5 => change(
                Kind::NullabilityChanged,
                Schema { nullable: !before.nullable, ..before.clone() },
            ),
            6 => change(
                Kind::RequirednessChanged,
                Schema { required: !before.required, ..before.clone() },
            ),
            7 if is_text && (2..20).contains(&before.values.len()) => {
                let mut after = before.clone();
                after.values.insert(format!("{}_{}", word(random), word(random)));
                change(Kind::EnumValueAdded, after)
            }
            8 if is_text && before.values.len() > 2 => {
                let mut after = before.clone();
                let gone = names(&before.values)[0].to_owned();
                after.values.remove(&gone);
                change(Kind::EnumValueRemoved, after)
            }
            9 if is_text && before.values.is_empty() => {
                let to =
                    if before.format.as_deref() == Some("uuid") { "date-time" } else { "uuid" };
                let from = before.format.as_deref();
                // A free text has every form.
                matches!(
                    from,
                    Some("date-time" | "date" | "uuid" | "email" | "uri" | "date-time-rfc-2822")
                )
                .then(|| {
                    change(
                        Kind::FormatChanged,
                        Schema { format: Some(to.to_owned()), ..before.clone() },
                    )
                })
                .flatten()
            }
            _ => None,
        };
        if let Some(change) = drawn {
            self.by_location.entry(location.clone()).or_default().push(self.changes.len());
            self.changes.push(change);
        }
    }

    /// The changed vendor's model.
    pub(crate) fn applied(&self, model: &Model) -> Model {
        let mut model = model.clone();
        for (location, numbers) in &self.by_location {
            let Some(object) = location.schema(&mut model) else { continue };
            for change in numbers.iter().map(|number| &self.changes[*number]) {
                if change.kind == Kind::FieldRemoved {
                    object.properties.remove(&change.field);
                } else {
                    object.properties.insert(change.field.clone(), change.after.clone());
                }
            }
        }
        model.routes.extend(self.new_routes.clone());
        for (route, status) in &self.statuses {
            let variant = Variant { body: Some(error_schema()), ..Variant::default() };
            if let Some(route) = model.routes.get_mut(route) {
                route.variants.insert(status.to_string(), variant);
            }
        }
        for (route, name) in &self.parameters {
            if let Some(route) = model.routes.get_mut(route) {
                let schema = Schema::of_type(JsonType::String);
                route.query.insert(name.clone(), Parameter { schema, ..Parameter::default() });
            }
        }
        model.webhooks.extend(self.new_events.clone());
        if self.limits {
            limiter::change(&mut model, &mut Random::of(&[self.limits_seed]));
        }
        model
    }
}

fn new_field(object: &Schema, random: &mut Random) -> Option<Change> {
    let field = format!("{}_{}", word(random), word(random));
    let required = random.chance(60);
    let mut after = match random.below(5) {
        0 => Schema::of_type(JsonType::Boolean),
        1 => Schema::of_type(JsonType::Integer),
        2 => Schema {
            values: (0..3).map(|_| word(random)).collect(),
            ..Schema::of_type(JsonType::String)
        },
        3 => {
            let part = Schema { required: true, ..Schema::of_type(JsonType::Integer) };
            Schema {
                properties: BTreeMap::from([("size".to_owned(), part)]),
                ..Schema::of_type(JsonType::Object)
            }
        }
        _ => Schema { format: Some("date-time".to_owned()), ..Schema::of_type(JsonType::String) },
    };
    after.required = required;
    after.nullable = random.chance(20);
    (!object.properties.contains_key(&field)).then(|| Change {
        kind: Kind::FieldAdded,
        field,
        before: Schema::default(),
        after,
    })
}

/// What an error says, where the model does not.
pub(crate) fn error_schema() -> Schema {
    let text = || Schema { required: true, ..Schema::of_type(JsonType::String) };
    let properties = BTreeMap::from([("code".to_owned(), text()), ("message".to_owned(), text())]);
    Schema { properties, ..Schema::of_type(JsonType::Object) }
}
