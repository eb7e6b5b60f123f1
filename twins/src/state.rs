//! What the twin remembers: entities by collection and id, as they were written.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use serde_json::{Map, Value};

use crate::program::Look;

/// How much a twin remembers.
///
/// A collection that is full forgets its oldest entity for a new one, passing over those that were
/// asked for since they were last passed over; where memory is spent and the collection has nothing to forget, a
/// create is refused with status 507.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateLimits {
    /// Entities in one collection (`/customers`, `/customers/cus_1/sources`).
    pub entities_per_collection_max: usize,
    /// All entities together, by an estimate of what they take in memory.
    pub bytes_max: usize,
}

/// # Source
///
/// `limits.max_entities_per_type` and `limits.max_total_state_mb` of Wraith's published
/// configuration.
impl Default for StateLimits {
    fn default() -> Self {
        Self { entities_per_collection_max: 10_000, bytes_max: 100 << 20 }
    }
}

/// Entities by collection and id. Collections are spread over shards, each behind its lock, so
/// that writes to one do not hold up reads of most others.
#[derive(Debug)]
pub(crate) struct State {
    shards: Vec<RwLock<Shard>>,
    hasher: RandomState,
    limits: StateLimits,
    bytes: AtomicUsize,
    forgotten: AtomicU64,
    /// What has changed, where somebody asks; in the order of the changes of each entity.
    changes: Mutex<Vec<Change>>,
    watched: AtomicBool,
}

/// A change of one entity.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) collection: Box<str>,
    /// Absent where it came to be.
    pub(crate) before: Option<Arc<Entity>>,
    /// Absent where it was removed.
    pub(crate) after: Option<Arc<Entity>>,
    /// The event it is told as, where what changed does not say it.
    pub(crate) event: Option<Box<str>>,
}

type Shard = HashMap<Box<str>, Arc<Collection>>;

/// Shared by the sessions that were forked from one another, until one of them changes it.
#[derive(Debug, Default, Clone)]
struct Collection {
    by_id: HashMap<Arc<str>, (u64, Arc<Entity>)>,
    /// In the order of creation.
    order: BTreeMap<u64, Arc<str>>,
    /// How many were created, and so the ordinal of the last.
    created: u64,
    /// Ordinal of the last that was forgotten.
    forgotten_to: u64,
    /// Ids deleted, so that an id that would be made up is known to be gone.
    gone: HashSet<Arc<str>>,
}

/// One entity as it was written. Never changed: an update puts another in its place.
#[derive(Debug)]
pub(crate) struct Entity {
    pub(crate) id: Arc<str>,
    pub(crate) fields: Map<String, Value>,
    /// Whether it is no entity of the state's.
    pub(crate) made_up: bool,
    /// Whether it was asked for since it could last have been forgotten.
    wanted: AtomicBool,
    /// As it was last shown.
    pub(crate) rendered: ArcSwapOption<Rendered>,
}

/// An item's bytes, for as long as the model and the look are the same.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) load: u64,
    pub(crate) look: Look,
    /// Of the session, as sessions forked from one another share their entities.
    pub(crate) seed: u64,
    pub(crate) body: Bytes,
}

/// What is known of an id.
#[derive(Debug)]
pub(crate) enum Known {
    Here(Arc<Entity>),
    /// Deleted.
    Gone,
    Never,
}

/// Why nothing was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CreateError {
    /// The id asked for is taken.
    Taken,
    /// Memory is spent.
    Full,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start<'c> {
    /// So many from the oldest.
    Offset(usize),
    /// After an entity.
    After(&'c str),
    /// The page that ends before an entity.
    Before(&'c str),
}

/// Part of a collection, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) entities: Vec<Arc<Entity>>,
    /// Whether there are more in the direction of reading.
    pub(crate) more: bool,
    pub(crate) total: usize,
}

const SHARDS: usize = 16;

impl State {
    pub(crate) fn new(limits: StateLimits) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            hasher: RandomState::new(),
            limits,
            bytes: AtomicUsize::new(0),
            forgotten: AtomicU64::new(0),
            changes: Mutex::default(),
            watched: AtomicBool::new(false),
        }
    }

    /// The same entities, to go on by themselves. Costs a pointer a collection; a collection is
    /// copied when one of the two first changes it, and its entities never are.
    pub(crate) fn fork(&self) -> Self {
        let copied = |shard: &RwLock<Shard>| {
            RwLock::new(shard.read().unwrap_or_else(PoisonError::into_inner).clone())
        };
        Self {
            shards: self.shards.iter().map(copied).collect(),
            hasher: self.hasher.clone(),
            limits: self.limits,
            bytes: AtomicUsize::new(self.bytes()),
            forgotten: AtomicU64::new(self.forgotten()),
            changes: Mutex::default(),
            watched: AtomicBool::new(self.is_watched()),
        }
    }

    /// Has it keep its changes until they are [taken](Self::take_changes), or no longer.
    pub(crate) fn watch(&self, watched: bool) {
        self.watched.store(watched, Ordering::Relaxed);
    }

    /// Whether somebody asks for changes.
    pub(crate) fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }

    /// What has changed since the last time.
    pub(crate) fn take_changes(&self) -> Vec<Change> {
        std::mem::take(&mut self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, collection: &str, before: Option<&Arc<Entity>>, after: Option<&Arc<Entity>>) {
        if self.is_watched() {
            let change = Change {
                collection: collection.into(),
                before: before.map(Arc::clone),
                after: after.map(Arc::clone),
                event: None,
            };
            self.changes.lock().unwrap_or_else(PoisonError::into_inner).push(change);
        }
    }

    /// Has an event told of an entity as it is.
    pub(crate) fn note_event(&self, collection: &str, entity: &Arc<Entity>, event: &str) {
        if self.is_watched() {
            let (before, after) = (Some(Arc::clone(entity)), Some(Arc::clone(entity)));
            let change =
                Change { collection: collection.into(), before, after, event: Some(event.into()) };
            self.changes.lock().unwrap_or_else(PoisonError::into_inner).push(change);
        }
    }

    pub(crate) fn find(&self, collection: &str, id: &str) -> Known {
        let shard = self.read(collection);
        let Some(known) = shard.get(collection) else { return Known::Never };
        match known.by_id.get(id) {
            Some((_, entity)) => {
                entity.wanted.store(true, Ordering::Relaxed);
                Known::Here(Arc::clone(entity))
            }
            None if known.gone.contains(id) => Known::Gone,
            None => Known::Never,
        }
    }

    /// Creates an entity from what `make` says for an ordinal; one with an id that was made up
    /// and is taken is made again for the next ordinal.
    pub(crate) fn create(
        &self,
        collection: &str,
        wanted: Option<&str>,
        make: impl Fn(u64, Option<&str>) -> (String, Map<String, Value>),
    ) -> Result<Arc<Entity>, CreateError> {
        let mut shard = self.write(collection);
        let known = entry(&mut shard, collection);
        if wanted.is_some_and(|id| known.by_id.contains_key(id)) {
            return Err(CreateError::Taken);
        }
        loop {
            known.created += 1;
            let (id, fields) = make(known.created, wanted);
            if wanted.is_none() && known.by_id.contains_key(&*id) {
                continue;
            }
            let entity = self.put(known, id.into(), fields)?;
            self.note(collection, None, Some(&entity));
            return Ok(entity);
        }
    }

    /// Puts what `change` makes of an entity in its place; `absent` is what an entity that was
    /// never written starts from, where it may.
    pub(crate) fn update(
        &self,
        collection: &str,
        id: &str,
        absent: Option<Map<String, Value>>,
        change: impl FnOnce(&mut Map<String, Value>),
    ) -> Result<Option<Arc<Entity>>, CreateError> {
        let mut shard = self.write(collection);
        let before = shard.get(collection).and_then(|known| known.by_id.get(id));
        let before = before.map(|(_, entity)| Arc::clone(entity));
        let stored = before.as_ref().map(|entity| entity.fields.clone());
        let Some(mut fields) = stored.or(absent) else {
            return Ok(None);
        };
        change(&mut fields);
        let after = self.put(entry(&mut shard, collection), id.into(), fields)?;
        self.note(collection, before.as_ref(), Some(&after));
        Ok(Some(after))
    }

    /// Removes an entity and remembers that it is gone.
    pub(crate) fn remove(&self, collection: &str, id: &str) -> Option<Arc<Entity>> {
        let mut shard = self.write(collection);
        let known = entry(&mut shard, collection);
        if known.gone.len() >= self.limits.entities_per_collection_max {
            known.gone.clear();
        }
        known.gone.insert(id.into());
        let removed = self.take(known, id);
        self.note(collection, removed.as_ref(), None);
        removed
    }

    /// Removes an entity and leaves no trace of it.
    pub(crate) fn forget(&self, collection: &str, id: &str) -> Option<Arc<Entity>> {
        let mut shard = self.write(collection);
        self.take(Arc::make_mut(shard.get_mut(collection)?), id)
    }

    /// Forgets the collections below an entity.
    pub(crate) fn remove_below(&self, collection: &str, id: &str) {
        let prefix = format!("{collection}/{id}/");
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            for (_, known) in shard.extract_if(|name, _| name.starts_with(&prefix)) {
                self.bytes.fetch_sub(known.bytes(), Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn page(
        &self,
        collection: &str,
        start: Start<'_>,
        count: usize,
        newest_first: bool,
    ) -> Page {
        let shard = self.read(collection);
        let Some(known) = shard.get(collection) else { return Page::default() };
        let at = |id: &str| known.by_id.get(id).map(|(ordinal, _)| *ordinal);
        let of = |id: &Arc<str>| known.by_id.get(id).map(|(_, entity)| Arc::clone(entity));
        // Where reading begins, and whether towards the newer ones.
        let (skip, range, upwards) = match start {
            Start::Offset(skip) => (skip, (Bound::Unbounded, Bound::Unbounded), !newest_first),
            Start::After(id) | Start::Before(id) => {
                let Some(ordinal) = at(id) else { return Page::default() };
                let upwards = newest_first == matches!(start, Start::Before(_));
                let range = if upwards {
                    (Bound::Excluded(ordinal), Bound::Unbounded)
                } else {
                    (Bound::Unbounded, Bound::Excluded(ordinal))
                };
                (0, range, upwards)
            }
        };
        let range = known.order.range::<u64, _>(range).map(|(_, id)| id);
        let mut entities: Vec<_> = if upwards {
            range.skip(skip).take(count.saturating_add(1)).filter_map(of).collect()
        } else {
            range.rev().skip(skip).take(count.saturating_add(1)).filter_map(of).collect()
        };
        let more = entities.len() > count;
        entities.truncate(count);
        if matches!(start, Start::Before(_)) {
            entities.reverse();
        }
        Page { entities, more, total: known.order.len() }
    }

    /// Everything, for the admin API: `{collection: {id: fields}}`.
    pub(crate) fn dump(&self) -> Map<String, Value> {
        let mut dump = Map::new();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            for (name, known) in shard.iter().filter(|(_, known)| !known.by_id.is_empty()) {
                let entities = known.order.values().filter_map(|id| known.by_id.get(id));
                let entities: Map<_, _> = entities
                    .map(|(_, entity)| (entity.id.to_string(), entity.fields.clone().into()))
                    .collect();
                dump.insert(name.to_string(), entities.into());
            }
        }
        dump
    }

    /// The entities of every collection of a pattern (`/repos/{}/{}/hooks`), by collection.
    pub(crate) fn all_of(&self, pattern: &str) -> Vec<(String, Arc<Entity>)> {
        let is = |name: &str| is_of(pattern, name);
        let mut found = BTreeMap::new();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            for (name, known) in shard.iter().filter(|(name, _)| is(name)) {
                let ids = known.order.values().filter_map(|id| known.by_id.get(id));
                let entities: Vec<_> = ids.map(|(_, entity)| Arc::clone(entity)).collect();
                found.insert(name.to_string(), entities);
            }
        }
        let each = found.into_iter();
        each.flat_map(|(name, all)| all.into_iter().map(move |one| (name.clone(), one))).collect()
    }

    /// Puts entities in place of a collection.
    pub(crate) fn replace(
        &self,
        collection: &str,
        entities: impl Iterator<Item = (String, Map<String, Value>)>,
    ) -> Result<(), CreateError> {
        let mut shard = self.write(collection);
        if let Some(before) = shard.remove(collection) {
            self.bytes.fetch_sub(before.bytes(), Ordering::Relaxed);
        }
        let known = entry(&mut shard, collection);
        for (id, fields) in entities {
            known.created += 1;
            self.put(known, id.into(), fields)?;
        }
        Ok(())
    }

    /// Puts the collections of entities, and those below them, back to what they were in a fork; what changed in
    /// them since is told to nobody.
    pub(crate) fn put_back(&self, before: &Self, written: &[(String, String)]) {
        let is_written = |name: &str| {
            written.iter().any(|(collection, id)| {
                let rest = name.strip_prefix(&**collection);
                rest.is_some_and(|rest| {
                    let below = rest.strip_prefix('/').and_then(|rest| rest.strip_prefix(&**id));
                    rest.is_empty() || below.is_some_and(|rest| rest.starts_with('/'))
                })
            })
        };
        for (now, was) in self.shards.iter().zip(&before.shards) {
            let mut now = now.write().unwrap_or_else(PoisonError::into_inner);
            for (_, known) in now.extract_if(|name, _| is_written(name)) {
                self.bytes.fetch_sub(known.bytes(), Ordering::Relaxed);
            }
            let was = was.read().unwrap_or_else(PoisonError::into_inner);
            for (name, known) in was.iter().filter(|(name, _)| is_written(name)) {
                self.bytes.fetch_add(known.bytes(), Ordering::Relaxed);
                now.insert(name.clone(), Arc::clone(known));
            }
        }
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.retain(|change| !is_written(&change.collection));
    }

    /// How many entities there are.
    pub(crate) fn count(&self) -> usize {
        let count = |shard: &RwLock<Shard>| {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            shard.values().map(|known| known.by_id.len()).sum::<usize>()
        };
        self.shards.iter().map(count).sum()
    }

    /// How many were ever created in a collection.
    pub(crate) fn created(&self, collection: &str) -> u64 {
        self.read(collection).get(collection).map_or(0, |known| known.created)
    }

    /// What they take in memory, by an estimate.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How many entities were forgotten for newer ones.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }

    fn put(
        &self,
        known: &mut Collection,
        id: Arc<str>,
        fields: Map<String, Value>,
    ) -> Result<Arc<Entity>, CreateError> {
        let size = size_of_fields(&id, &fields);
        let replaced = known.by_id.get(&id).map(|(ordinal, _)| *ordinal);
        let full = |known: &Collection| {
            self.bytes.load(Ordering::Relaxed) + size > self.limits.bytes_max
                || (replaced.is_none()
                    && known.by_id.len() >= self.limits.entities_per_collection_max)
        };
        while full(known) {
            let Some(oldest) = known.next_forgotten(&id) else { return Err(CreateError::Full) };
            self.take(known, &oldest);
            self.forgotten.fetch_add(1, Ordering::Relaxed);
        }
        let wanted = replaced.is_some();
        if wanted {
            self.take(known, &id);
        }
        let last = known.order.keys().next_back().copied().unwrap_or(0);
        let ordinal = replaced.unwrap_or_else(|| known.created.max(last + 1));
        let entity = Entity::new(Arc::clone(&id), fields);
        entity.wanted.store(wanted, Ordering::Relaxed);
        let entity = Arc::new(entity);
        known.order.insert(ordinal, Arc::clone(&id));
        known.gone.remove(&id);
        known.by_id.insert(id, (ordinal, Arc::clone(&entity)));
        self.bytes.fetch_add(size, Ordering::Relaxed);
        Ok(entity)
    }

    fn take(&self, known: &mut Collection, id: &str) -> Option<Arc<Entity>> {
        let (ordinal, entity) = known.by_id.remove(id)?;
        known.order.remove(&ordinal);
        self.bytes.fetch_sub(size_of_fields(&entity.id, &entity.fields), Ordering::Relaxed);
        Some(entity)
    }

    // A panic while a lock is held leaves a collection whole or one entity short: reading on
    // serves the user better than failing every request after it.

    fn read(&self, collection: &str) -> RwLockReadGuard<'_, Shard> {
        self.shard(collection).read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, collection: &str) -> RwLockWriteGuard<'_, Shard> {
        self.shard(collection).write().unwrap_or_else(PoisonError::into_inner)
    }

    fn shard(&self, collection: &str) -> &RwLock<Shard> {
        let hash = self.hasher.hash_one(collection);
        &self.shards[usize::try_from(hash % SHARDS as u64).unwrap_or(0)]
    }
}

impl Entity {
    pub(crate) fn new(id: Arc<str>, fields: Map<String, Value>) -> Self {
        let (wanted, rendered) = (AtomicBool::new(false), ArcSwapOption::empty());
        Self { id, fields, made_up: false, wanted, rendered }
    }

    /// One that was never written.
    pub(crate) fn made_up(id: Arc<str>, fields: Map<String, Value>) -> Self {
        Self { made_up: true, ..Self::new(id, fields) }
    }
}

impl Collection {
    /// The next to forget but `kept`: round by round in the order of creation, passing over those
    /// asked for since the last round ("second chance").
    fn next_forgotten(&mut self, kept: &str) -> Option<Arc<str>> {
        let after = self.order.range((Bound::Excluded(self.forgotten_to), Bound::Unbounded));
        let mut round =
            after.chain(self.order.range(..=self.forgotten_to)).filter(|(_, id)| ***id != *kept);
        let unwanted = |(_, id): &(&u64, &Arc<str>)| {
            let entity = self.by_id.get(&***id);
            entity.is_some_and(|(_, entity)| !entity.wanted.swap(false, Ordering::Relaxed))
        };
        let (ordinal, id) = round.clone().find(unwanted).or_else(|| round.next())?;
        let id = Arc::clone(id);
        self.forgotten_to = *ordinal;
        Some(id)
    }

    fn bytes(&self) -> usize {
        self.by_id.values().map(|(_, entity)| size_of_fields(&entity.id, &entity.fields)).sum()
    }
}

/// Whether a collection (`/repos/a/b/hooks`) is one of a pattern's (`/repos/{}/{}/hooks`).
pub(crate) fn is_of(pattern: &str, collection: &str) -> bool {
    let (mut own, mut wanted) = (collection.split('/'), pattern.split('/'));
    own.by_ref().zip(wanted.by_ref()).all(|(own, wanted)| wanted == "{}" || own == wanted)
        && collection.matches('/').count() == pattern.matches('/').count()
}

fn entry<'s>(shard: &'s mut Shard, collection: &str) -> &'s mut Collection {
    if !shard.contains_key(collection) {
        shard.insert(collection.into(), Arc::default());
    }
    Arc::make_mut(shard.get_mut(collection).expect("it was inserted above"))
}

/// An estimate of what an entity takes in memory, the maps' own overhead included.
fn size_of_fields(id: &str, fields: &Map<String, Value>) -> usize {
    200 + id.len()
        + fields.iter().map(|(key, value)| key.len() + 32 + size_of(value)).sum::<usize>()
}

fn size_of(value: &Value) -> usize {
    size_of_val(value)
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(size_of).sum(),
            Value::Object(map) => {
                map.iter().map(|(key, value)| key.len() + 32 + size_of(value)).sum()
            }
            _ => 0,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(entities: usize, bytes: usize) -> State {
        State::new(StateLimits { entities_per_collection_max: entities, bytes_max: bytes })
    }

    fn create(state: &State, id: &str) -> Result<Arc<Entity>, CreateError> {
        state.create("/c", Some(id), |_, id| (id.unwrap().to_owned(), Map::new()))
    }

    fn ids(page: &Page) -> Vec<&str> {
        page.entities.iter().map(|entity| &*entity.id).collect()
    }

    #[test]
    fn pages_follow_the_order_of_creation_both_ways() {
        let state = state(100, 1 << 20);
        for id in ["a", "b", "c", "d"] {
            create(&state, id).unwrap();
        }
        state.update("/c", "b", None, |fields| drop(fields.insert("x".into(), 1.into()))).unwrap();
        let page = state.page("/c", Start::Offset(0), 2, false);
        assert_eq!((ids(&page), page.more, page.total), (vec!["a", "b"], true, 4));
        let page = state.page("/c", Start::After("b"), 2, false);
        assert_eq!((ids(&page), page.more), (vec!["c", "d"], false));
        let page = state.page("/c", Start::Before("d"), 2, false);
        assert_eq!((ids(&page), page.more), (vec!["b", "c"], true));
        let page = state.page("/c", Start::After("c"), 1, true);
        assert_eq!((ids(&page), page.more), (vec!["b"], true));
        let page = state.page("/c", Start::Before("b"), 9, true);
        assert_eq!((ids(&page), page.more), (vec!["d", "c"], false));
    }

    #[test]
    fn a_full_collection_forgets_its_oldest_and_spent_memory_refuses() {
        let state = state(2, 1000);
        for id in ["a", "b", "c"] {
            create(&state, id).unwrap();
        }
        assert_eq!(ids(&state.page("/c", Start::Offset(0), 9, false)), ["b", "c"]);
        assert_eq!(state.forgotten(), 1);
        // One that is asked for outlives a younger one that is not.
        state.find("/c", "b");
        for (id, left) in [("d", ["b", "d"]), ("e", ["b", "e"])] {
            create(&state, id).unwrap();
            assert_eq!(ids(&state.page("/c", Start::Offset(0), 9, false)), left);
        }
        let large = |_: u64, _: Option<&str>| {
            ("x".to_owned(), Map::from_iter([("k".to_owned(), "v".repeat(2000).into())]))
        };
        assert_eq!(state.create("/d", None, large).unwrap_err(), CreateError::Full);
    }

    #[test]
    fn what_is_deleted_is_gone_with_all_below_it_and_may_be_created_again() {
        let state = state(10, 1 << 20);
        create(&state, "a").unwrap();
        state.create("/c/a/d", None, |_, _| ("x".to_owned(), Map::new())).unwrap();
        state.remove("/c", "a");
        state.remove_below("/c", "a");
        assert!(matches!(state.find("/c", "a"), Known::Gone));
        assert!(matches!(state.find("/c/a/d", "x"), Known::Never));
        assert_eq!(state.bytes.load(Ordering::Relaxed), 0);
        assert_eq!(create(&state, "a").map(|entity| entity.id.to_string()), Ok("a".to_owned()));
        assert_eq!(create(&state, "a").unwrap_err(), CreateError::Taken);
    }
}
