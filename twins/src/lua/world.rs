//! What a handler sees of its twin, and what it leaves behind.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::fields::Fields;
use super::select::Selection;
use crate::dice::Dice;
use crate::state::Entity;
use crate::webhooks::Told;

/// What a handler sees of its twin. Nothing is written through it: what a handler writes stands in
/// its [`Writes`] until it has come to its end.
pub(crate) trait World {
    /// The collection of a type: of its path (`/v1/customers`), its noun (`customers`) or its
    /// singular (`customer`).
    fn collection(&self, kind: &str) -> String;
    /// An entity as it was written.
    fn find(&self, collection: &str, id: &str) -> Option<Arc<Entity>>;
    /// All of a collection, oldest first.
    fn all(&self, collection: &str) -> Vec<Arc<Entity>>;
    /// All of the collections that are the same but for ids, `/accounts/{}/messages`: the collection
    /// and the entity.
    fn below(&self, pattern: &str) -> Vec<(String, Arc<Entity>)>;
    /// How many were ever created in a collection.
    fn created(&self, collection: &str) -> u64;
    /// The id of the nth entity of a collection, and the fields every new one has.
    fn make(&self, collection: &str, ordinal: u64) -> (String, Map<String, Value>);
    /// Adds the id to fields that do not have it.
    fn complete(&self, collection: &str, id: &str, fields: &mut Map<String, Value>);
    /// An entity as its own route shows it; `None` where no route does.
    fn show(&self, collection: &str, id: &str, fields: &Map<String, Value>) -> Option<Value>;
    /// Where a counter stands; 0 where it was never asked for.
    fn counter(&self, name: &str) -> u64;
    /// The time since the Unix epoch.
    fn now(&self) -> Duration;
    /// What this call's choices are drawn from.
    fn dice(&self) -> Dice;
    /// What was sent to an endpoint, as the admin API shows it, newest first.
    fn deliveries(&self, endpoint: &str) -> Vec<Value>;
    /// How the caller stands to each limit of the model: `{limit, remaining, reset}` by name.
    fn limits(&self) -> Map<String, Value>;
}

/// What a handler writes of one entity.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) collection: String,
    pub(crate) id: String,
    /// `None` where it is deleted.
    pub(crate) fields: Option<Map<String, Value>>,
}

/// What a handler writes, applied all together once it has come to its end.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    /// One an entity, in the order of the first write.
    pub(crate) entities: Vec<Write>,
    pub(crate) counters: BTreeMap<String, u64>,
    pub(crate) advance: Duration,
    /// Objects nothing more is to be told of, of what was told before this call.
    pub(crate) untold: Vec<String>,
    /// Events told.
    pub(crate) told: Vec<Told>,
    /// Numbers of deliveries to be sent once more.
    pub(crate) again: Vec<u64>,
    /// Handlers that are to run: how much later, which, and with what.
    pub(crate) timers: Vec<(Duration, String, Value)>,
    places: HashMap<(String, String), usize>,
    /// How many ids were made for a collection.
    made: HashMap<String, u64>,
}

impl Writes {
    /// What was written of an entity.
    fn written(&self, collection: &str, id: &str) -> Option<&Write> {
        if self.entities.is_empty() {
            return None;
        }
        let place = self.places.get(&(collection.to_owned(), id.to_owned()))?;
        self.entities.get(*place)
    }

    fn write(&mut self, collection: &str, id: &str, fields: Option<Map<String, Value>>) {
        let key = (collection.to_owned(), id.to_owned());
        if let Some(place) = self.places.get(&key) {
            self.entities[*place].fields = fields;
        } else {
            self.places.insert(key, self.entities.len());
            let (collection, id) = (collection.to_owned(), id.to_owned());
            self.entities.push(Write { collection, id, fields });
        }
    }
}

/// A world with a handler's own writes on top.
pub(crate) struct View<'w> {
    pub(crate) world: &'w dyn World,
    pub(crate) writes: Writes,
    collections: HashMap<String, Arc<str>>,
}

impl<'w> View<'w> {
    pub(crate) fn of(world: &'w dyn World) -> Self {
        Self { world, writes: Writes::default(), collections: HashMap::new() }
    }

    pub(crate) fn collection(&mut self, kind: &str) -> Arc<str> {
        if let Some(known) = self.collections.get(kind) {
            return Arc::clone(known);
        }
        let collection: Arc<str> = self.world.collection(kind).into();
        self.collections.insert(kind.to_owned(), Arc::clone(&collection));
        collection
    }

    pub(crate) fn get(&mut self, kind: &str, id: &str) -> Option<Map<String, Value>> {
        let collection = self.collection(kind);
        match self.writes.written(&collection, id) {
            Some(written) => written.fields.clone(),
            None => self.world.find(&collection, id).map(|entity| {
                let mut fields = entity.fields();
                self.world.complete(&collection, id, &mut fields);
                fields
            }),
        }
    }

    /// Puts an entity in its place. What was null or an empty list and is now left out or an empty
    /// table is what it was: Lua cannot tell these from nothing.
    pub(crate) fn put(&mut self, kind: &str, id: &str, mut fields: Map<String, Value>) {
        if let Some(before) = self.get(kind, id) {
            keep_what_lua_cannot_say(&before, &mut fields);
        }
        let collection = self.collection(kind);
        self.world.complete(&collection, id, &mut fields);
        self.writes.write(&collection, id, Some(fields));
    }

    /// Whether there was one.
    pub(crate) fn delete(&mut self, kind: &str, id: &str) -> bool {
        let was = self.get(kind, id).is_some();
        if was {
            let collection = self.collection(kind);
            self.writes.write(&collection, id, None);
        }
        was
    }

    /// Those of a type that are wanted, oldest first and those written by this call last, but for the
    /// first so many and no more than so many. What is not wanted is not copied.
    pub(super) fn list(
        &mut self,
        kind: &str,
        (mut skipped, most): (usize, usize),
        wanted: impl Fn(Fields<'_>) -> bool,
    ) -> Vec<Map<String, Value>> {
        let collection = self.collection(kind);
        let mut seen = Vec::new();
        for entity in self.world.all(&collection) {
            if seen.len() == most {
                return seen;
            }
            let written = self.writes.written(&collection, &entity.id);
            let fields = match written {
                Some(write) => write.fields.as_ref().map(Fields::Written),
                None => Some(Fields::Stored(&entity.packed)),
            };
            let Some(fields) = fields.filter(|fields| wanted(*fields)) else { continue };
            if skipped > 0 {
                skipped -= 1;
                continue;
            }
            let mut fields = fields.all();
            if written.is_none() {
                self.world.complete(&collection, &entity.id, &mut fields);
            }
            seen.push(fields);
        }
        let own = self.writes.entities.iter().filter(|write| {
            write.collection == *collection && self.world.find(&collection, &write.id).is_none()
        });
        let own = own.filter_map(|write| write.fields.as_ref());
        let own = own.filter(|fields| wanted(Fields::Written(fields)));
        let left = most - seen.len();
        seen.extend(own.skip(skipped).take(left).cloned());
        seen
    }

    /// How many there are of a type.
    pub(crate) fn count(&mut self, kind: &str) -> usize {
        let collection = self.collection(kind);
        let mut count = self.world.all(&collection).len();
        for write in self.writes.entities.iter().filter(|write| write.collection == *collection) {
            match (self.world.find(&collection, &write.id), &write.fields) {
                (None, Some(_)) => count += 1,
                (Some(_), None) => count -= 1,
                _ => {}
            }
        }
        count
    }

    /// Part of a type, and how many of it are wanted in all.
    pub(super) fn select(
        &mut self,
        kind: &str,
        selection: &Selection,
    ) -> (Vec<Map<String, Value>>, usize) {
        let collection = self.collection(kind);
        let stored = self.world.all(&collection);
        let mut taken: Vec<(&str, Fields<'_>)> = Vec::new();
        for entity in &stored {
            match self.writes.written(&collection, &entity.id) {
                Some(Write { fields: None, .. }) => {}
                Some(Write { fields: Some(written), .. }) => {
                    taken.push((&entity.id, Fields::Written(written)));
                }
                None => taken.push((&entity.id, Fields::Stored(&entity.packed))),
            }
        }
        for write in self.writes.entities.iter().filter(|one| *one.collection == *collection) {
            if let (Some(fields), None) = (&write.fields, self.world.find(&collection, &write.id)) {
                taken.push((&write.id, Fields::Written(fields)));
            }
        }
        taken.retain(|(_, fields)| selection.takes(*fields));
        let total = taken.len();
        let complete = |(id, fields): (&str, Fields<'_>)| {
            let mut fields = fields.all();
            self.world.complete(&collection, id, &mut fields);
            fields
        };
        (selection.page(taken).into_iter().map(complete).collect(), total)
    }

    /// The next id of a type, in the vendor's form, and the fields every new entity has.
    pub(crate) fn make(&mut self, kind: &str) -> (String, Map<String, Value>) {
        let collection = self.collection(kind);
        loop {
            let made = self.writes.made.entry(collection.to_string()).or_default();
            *made += 1;
            let ordinal = self.world.created(&collection) + *made;
            let (id, fields) = self.world.make(&collection, ordinal);
            if self.get(kind, &id).is_none() {
                return (id, fields);
            }
        }
    }

    /// A counter's next value; the first is 1.
    pub(crate) fn count_up(&mut self, name: &str) -> u64 {
        let stands = self.writes.counters.get(name).copied();
        let next = stands.unwrap_or_else(|| self.world.counter(name)).saturating_add(1);
        self.writes.counters.insert(name.to_owned(), next);
        next
    }

    pub(crate) fn now(&self) -> Duration {
        self.world.now() + self.writes.advance
    }
}

fn keep_what_lua_cannot_say(before: &Map<String, Value>, after: &mut Map<String, Value>) {
    for (name, was) in before {
        match (was, after.get_mut(name)) {
            (Value::Null, None) => drop(after.insert(name.clone(), Value::Null)),
            (Value::Array(_), Some(now)) if is_empty_object(now) => {
                *now = Value::Array(Vec::new());
            }
            (Value::Object(was), Some(Value::Object(now))) => keep_what_lua_cannot_say(was, now),
            (Value::Array(was), Some(Value::Array(now))) => {
                for (was, now) in was.iter().zip(now) {
                    if let (Value::Object(was), Value::Object(now)) = (was, now) {
                        keep_what_lua_cannot_say(was, now);
                    }
                }
            }
            _ => {}
        }
    }
}

fn is_empty_object(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}
