//! Transitions and constraints: what a call may do to an entity that has a machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use models::behaviour::{Said, Shorthand, Unique};
use serde_json::{Map, Value};

use super::{Kind, Way};
use crate::action::letters;
use crate::call::{Call, Event, Outcome, refused};
use crate::escape::segment;
use crate::id::text_of;
use crate::refusal::{Parameter, ParameterFault, Refusal};
use crate::state::{Entity, Fresh, Known, Start, Undo};
use crate::template::Home;
use crate::timers::Timer;
use crate::webhooks::template::plain;

/// A transition that is to be made.
pub(crate) struct Move<'r> {
    pub(crate) kind: &'r Kind,
    pub(crate) home: Home,
    /// The parameter that names the entity.
    pub(crate) id: usize,
    ways: Vec<usize>,
}

/// A transition that was written.
pub(crate) struct Moved {
    collection: String,
    entity: Arc<Entity>,
    before: Option<Map<String, Value>>,
    after: Map<String, Value>,
    /// What takes it back.
    pub(crate) undo: Undo,
}

impl<'c> Call<'c> {
    /// The transition that the call makes, where its route makes any.
    pub(crate) fn wanted_move(&self, input: Option<&Value>) -> Result<Option<Move<'c>>, Refusal> {
        let rules = &self.twin.rules;
        let route = self.served.program.route(self.number);
        let Some(ways) = rules.ways.get(route.key.as_str()) else { return Ok(None) };
        let Some(first) = ways.first() else { return Ok(None) };
        let kind = &rules.kinds[first.kind];
        let parents = route.template.parents().chain(route.template.item());
        let found = parents.into_iter().find(|(home, _)| home.pattern() == *kind.pattern);
        let Some((home, id)) = found else { return Ok(None) };
        let said = flat(input);
        let meant =
            |way: &&Way| way.trigger.with.iter().all(|(name, value)| says(&said, name, value));
        let meant: Vec<usize> = ways.iter().filter(meant).map(|way| way.transition).collect();
        if meant.is_empty() {
            // The route makes transitions, but none that the request asks for.
            let asks = ways.iter().flat_map(|way| way.trigger.with.keys());
            let named = asks.filter(|name| said.contains_key(&letters(name))).min();
            return match named {
                Some(name) => {
                    let id = format!("{name} {}", said[&letters(name)]);
                    Err(forbidden(kind, &id, None, None))
                }
                None => Ok(None),
            };
        }
        Ok(Some(Move { kind, home, id, ways: meant }))
    }

    /// Makes a transition of an entity's fields; its number.
    pub(crate) fn make_move(
        &self,
        wanted: &Move<'_>,
        id: &str,
        fields: &mut Map<String, Value>,
    ) -> Result<usize, Refusal> {
        let machine = &wanted.kind.machine;
        let from = state_of(wanted.kind, fields);
        let open = wanted
            .ways
            .iter()
            .find(|way| machine.transitions[**way].from.holds(from.as_deref().unwrap_or("")));
        let Some(number) = open.copied() else {
            let to = wanted.ways.first().map(|way| &*machine.transitions[*way].to);
            return Err(forbidden(wanted.kind, id, from.as_deref(), to));
        };
        self.enter(wanted.kind, number, id, fields);
        Ok(number)
    }

    /// Makes a transition of an entity that the route does nothing else to.
    pub(crate) fn move_alone(&self, wanted: &Move<'c>) -> Result<Outcome, Refusal> {
        let moved = self.write_move(wanted)?;
        self.follow_move(&moved);
        let Moved { entity, after, .. } = moved;
        Ok(Outcome::Item { entity, fields: Some(after), event: Event::Changed })
    }

    /// Writes a transition of an entity; what goes with it is still to [follow](Self::follow_move).
    pub(crate) fn write_move(&self, wanted: &Move<'c>) -> Result<Moved, Refusal> {
        let (collection, id) = (self.collection_of(&wanted.home), self.value(wanted.id));
        let mut undo = Undo::default();
        undo.note(&self.session.state, &collection, id);
        let mut verdict = Ok(0);
        let mut before = None;
        let updated = self.session.state.update(&collection, id, None, |stored| {
            let mut changed = stored.clone();
            verdict = self.make_move(wanted, id, &mut changed);
            if verdict.is_ok() {
                before = Some(std::mem::replace(stored, changed));
            }
        });
        verdict?;
        let what = wanted.home.noun().to_owned();
        let missing = || Refusal::NotFound { what, id: id.to_owned() };
        let updated = updated.map_err(|error| refused(error, id))?.ok_or_else(missing)?;
        let Fresh { entity, fields: after, forgotten } = updated;
        undo.note_forgotten(forgotten);
        Ok(Moved { collection, entity, before, after, undo })
    }

    /// Has happen what goes with a transition that was written.
    pub(crate) fn follow_move(&self, moved: &Moved) {
        if let Some(before) = &moved.before {
            self.moved(&moved.collection, &moved.entity.id, before, &moved.after);
        }
    }

    /// Writes what a transition changes into an entity's fields.
    pub(crate) fn enter(
        &self,
        kind: &Kind,
        number: usize,
        id: &str,
        fields: &mut Map<String, Value>,
    ) {
        let transition = &kind.machine.transitions[number];
        let object = Value::Object(fields.clone());
        let values = Map::from_iter([("object".to_owned(), object)]);
        let set = self.filled(&transition.set, &values, id);
        fields.insert(kind.machine.field.clone(), transition.to.clone().into());
        fields.extend(set);
    }

    /// Refuses a value that another entity of the collection has.
    pub(crate) fn check_unique(
        &self,
        kind: &Kind,
        collection: &str,
        id: Option<&str>,
        fields: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        for (unique, _) in kind.forms.iter().filter(|(unique, _)| unique.is_unique) {
            let Some(value) = fields.get(&unique.field).filter(|value| !value.is_null()) else {
                continue;
            };
            let all = self.session.state.page(collection, Start::Offset(0), usize::MAX - 1, false);
            let taken = all.entities.iter().any(|other| {
                Some(&*other.id) != id && other.packed.get(&unique.field).as_ref() == Some(value)
            });
            if taken {
                return Err(Refusal::Broken {
                    field: unique.field.clone(),
                    message: told(&unique.text, || {
                        format!("{} {} is taken", unique.field, plain(value))
                    }),
                });
            }
        }
        Ok(())
    }

    /// Refuses to remove an entity that others hang on.
    pub(crate) fn check_deletion(
        &self,
        kind: &Kind,
        collection: &str,
        id: &str,
    ) -> Result<(), Refusal> {
        use crate::lua::World as _;
        for rule in &kind.deletions {
            let below = format!("{collection}/{}/{}", segment(id), rule.children.trim_matches('/'));
            let beside = self.collection(&rule.children);
            let child =
                self.twin.rules.kind_of(&beside).or_else(|| self.twin.rules.kind_of(&below));
            let field = child.map_or("status", |child| &*child.machine.field);
            // A state the children's machine does not have is a way of speaking: any counts.
            let has = |state: &String| {
                child.is_none_or(|child| {
                    let machine = &child.machine;
                    machine.initial_state.as_ref() == Some(state)
                        || machine
                            .transitions
                            .iter()
                            .any(|one| one.to == *state || one.from.0.contains(state))
                })
            };
            let state = rule.state.as_ref().filter(|state| has(state));
            let counts = |entity: &Arc<Entity>| {
                state.is_none_or(|state| {
                    entity.packed.get(field).as_ref().and_then(Value::as_str) == Some(state)
                })
            };
            let by = rule.by.as_deref().unwrap_or(&kind.name);
            let hangs = |entity: &Arc<Entity>| refers(&entity.fields(), by, id);
            let all = |place: &str| {
                self.session.state.page(place, Start::Offset(0), usize::MAX - 1, false).entities
            };
            if all(&below).iter().any(counts)
                || all(&beside).iter().any(|entity| hangs(entity) && counts(entity))
            {
                let message =
                    told(&rule.text, || format!("{} {id} has {}", kind.name, rule.children));
                return Err(Refusal::Broken { field: rule.children.clone(), message });
            }
        }
        Ok(())
    }

    /// Sets the timers of one that came into a state, and takes back those of the one before.
    pub(crate) fn settle(&self, collection: &str, id: &str, fields: Option<&Map<String, Value>>) {
        let Some(kind) = self.twin.rules.kind_of(collection) else { return };
        self.session.timers.cancel(collection, id);
        let Some(state) = fields.and_then(|fields| state_of(kind, fields)) else { return };
        for (number, after) in kind.by_themselves(&state) {
            let timer = Timer::Transition { collection: collection.into(), id: id.into(), number };
            self.later(after.0, timer);
        }
    }

    /// What `routes.yaml` wants of the request's fields.
    pub(crate) fn check_request(&self, input: Option<&Value>) -> Result<(), Refusal> {
        use crate::lua::World as _;
        let key = self.served.program.route(self.number).key.as_str();
        let Some(rules) = self.twin.rules.route(key) else { return Ok(()) };
        let none = Map::new();
        let fields = input.and_then(Value::as_object).unwrap_or(&none);
        let fault =
            |name: &str, fault| Err(Refusal::Parameter(Parameter { name: name.to_owned(), fault }));
        for name in &rules.request.required {
            if fields.get(name).is_none_or(Value::is_null) {
                return fault(name, ParameterFault::Missing);
            }
        }
        for (name, shorthand) in &rules.request.fields {
            if let Some(value) = fields.get(name).filter(|value| !shorthand.fits(value)) {
                let (wanted, value) = (Shorthand::name(shorthand), plain(value));
                return fault(name, ParameterFault::Invalid { wanted, value });
            }
        }
        for (noun, status) in &rules.references {
            let Some(id) = reference(fields, noun) else { continue };
            let collection = self.collection(noun);
            let here = matches!(self.session.state.find(&collection, &id), Known::Here(_))
                || self.all(&collection).iter().any(|one| {
                    one.packed.get("key").as_ref().and_then(text_of).as_deref() == Some(&*id)
                });
            if !here {
                let refusal = Refusal::NotFound { what: noun.clone(), id };
                return Err(Refusal::Restated {
                    status: *status,
                    message: None,
                    refusal: Box::new(refusal),
                });
            }
        }
        Ok(())
    }
}

/// Refuses a new entity that breaks a constraint; one that may be is in its first state.
pub(crate) fn begin(kind: &Kind, fields: &mut Map<String, Value>) -> Result<(), Refusal> {
    if let Some(initial) = &kind.machine.initial_state {
        fields.insert(kind.machine.field.clone(), initial.clone().into());
    }
    kind.forms.iter().try_for_each(|(unique, regex)| check_form(unique, regex.as_ref(), fields))
}

/// Refuses a change of an entity that its machine has no way for, or that breaks a constraint.
pub(crate) fn check_change(
    kind: &Kind,
    id: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) -> Result<(), Refusal> {
    if let (Some(from), Some(to)) = (state_of(kind, before), state_of(kind, after))
        && !kind.machine.lets(&from, &to)
    {
        return Err(forbidden(kind, id, Some(&from), Some(&to)));
    }
    let changed =
        kind.forms.iter().filter(|(one, _)| before.get(&one.field) != after.get(&one.field));
    changed.into_iter().try_for_each(|(unique, regex)| check_form(unique, regex.as_ref(), after))
}

fn forbidden(kind: &Kind, id: &str, from: Option<&str>, to: Option<&str>) -> Refusal {
    let (from, to) = (from.unwrap_or(""), to.unwrap_or(""));
    match &kind.machine.forbidden {
        None => Refusal::NoTransition {
            what: kind.name.to_string(),
            id: id.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
        },
        Some(Said { status, code, message }) => {
            let holes = [("kind", &*kind.name), ("id", id), ("from", from), ("to", to)];
            let message = holes.iter().fold(message.clone(), |text, (name, value)| {
                text.replace(&format!("{{{{{name}}}}}"), value)
            });
            let status =
                http::StatusCode::from_u16(*status).unwrap_or(http::StatusCode::BAD_REQUEST);
            Refusal::Said { status, code: code.clone(), message }
        }
    }
}

/// The state an entity is in.
pub(super) fn state_of(kind: &Kind, fields: &Map<String, Value>) -> Option<String> {
    let written = fields.get(&kind.machine.field).and_then(text_of);
    written.or_else(|| kind.machine.initial_state.clone())
}

fn check_form(
    unique: &Unique,
    regex: Option<&regex::Regex>,
    fields: &Map<String, Value>,
) -> Result<(), Refusal> {
    let (Some(regex), Some(value)) = (regex, fields.get(&unique.field)) else { return Ok(()) };
    let text = plain(value);
    if regex.is_match(&text) {
        return Ok(());
    }
    let message =
        told(&unique.text, || format!("{} {text:?} does not match {regex}", unique.field));
    Err(Refusal::Broken { field: unique.field.clone(), message })
}

fn told(text: &str, otherwise: impl FnOnce() -> String) -> String {
    if text.is_empty() { otherwise() } else { text.to_owned() }
}

/// Whether a field called after a kind names one of it: `project`, `project_id`, `projectId`, its
/// value an id or an object with one.
fn refers(fields: &Map<String, Value>, noun: &str, id: &str) -> bool {
    reference(fields, noun).is_some_and(|named| named == id)
}

/// The id of one of a kind that fields name.
fn reference(fields: &Map<String, Value>, noun: &str) -> Option<String> {
    let wanted = letters(noun);
    let named = |name: &&String| {
        let name = letters(name);
        name.strip_suffix("id").unwrap_or(&name) == wanted || name == wanted
    };
    let name = fields.keys().find(named)?;
    match &fields[name] {
        Value::Object(inner) => ["id", "key"].iter().find_map(|one| text_of(inner.get(*one)?)),
        value => text_of(value),
    }
}

/// Every scalar of a body by the letters of its path.
fn flat(input: Option<&Value>) -> BTreeMap<String, String> {
    fn add(flat: &mut BTreeMap<String, String>, path: &str, value: &Value) {
        match value {
            Value::Object(fields) => {
                fields
                    .iter()
                    .for_each(|(name, one)| add(flat, &format!("{path}{}", letters(name)), one));
            }
            Value::Array(_) | Value::Null => {}
            scalar => drop(flat.insert(path.to_owned(), plain(scalar))),
        }
    }
    let mut flat = BTreeMap::new();
    if let Some(input) = input {
        add(&mut flat, "", input);
    }
    flat
}

fn says(said: &BTreeMap<String, String>, name: &str, value: &str) -> bool {
    said.get(&letters(name)).is_some_and(|own| own == value)
}
