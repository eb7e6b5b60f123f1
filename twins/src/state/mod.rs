//! What the twin remembers: entities by collection and id, as they were written.

mod changes;
mod collection;
mod entity;
mod packed;
mod page;
mod undo;

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::{Map, Value};

use changes::Changes;
use collection::Collection;

use crate::escape;

pub(crate) use changes::Change;
pub(crate) use entity::{Entity, Fresh, Showing};
pub(crate) use packed::Packed;
pub(crate) use page::{Page, Start};
pub(crate) use undo::{Below, Undo};

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
    changes: Changes,
}

type Shard = HashMap<Box<str>, Arc<Collection>>;

/// An entity that is loaded: its id and fields.
pub(crate) type Loaded = (String, Map<String, Value>);

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

const SHARDS: usize = 16;

impl State {
    pub(crate) fn new(limits: StateLimits) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            hasher: RandomState::new(),
            limits,
            bytes: AtomicUsize::new(0),
            forgotten: AtomicU64::new(0),
            changes: Changes::default(),
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
            changes: Changes::none(self.is_watched()),
        }
    }

    /// Has it keep its changes until they are [taken](Self::take_changes), or no longer.
    pub(crate) fn watch(&self, watched: bool) {
        self.changes.watch(watched);
    }

    /// Whether somebody asks for changes.
    pub(crate) fn is_watched(&self) -> bool {
        self.changes.is_watched()
    }

    /// What has changed since the last time.
    pub(crate) fn take_changes(&self) -> Vec<Change> {
        self.changes.take()
    }

    /// Has an event told of an entity as it is.
    pub(crate) fn note_event(&self, collection: &str, entity: &Arc<Entity>, event: &str) {
        self.changes.note(collection, Some(entity), Some(entity), Some(event));
    }

    pub(crate) fn find(&self, collection: &str, id: &str) -> Known {
        let shard = self.read(collection);
        let Some(known) = shard.get(collection) else { return Known::Never };
        match known.get(id) {
            Some(entity) => {
                entity.want();
                Known::Here(Arc::clone(entity))
            }
            None if known.is_gone(id) => Known::Gone,
            None => Known::Never,
        }
    }

    /// Creates an entity with the id that is wanted, else with the one that `make_id` makes for its ordinal; an id
    /// that was made and is taken is made again for the next ordinal. `fields` are for that ordinal and id.
    pub(crate) fn create(
        &self,
        collection: &str,
        wanted: Option<&str>,
        make_id: impl Fn(u64) -> String,
        fields: impl FnOnce(u64, &str) -> Map<String, Value>,
    ) -> Result<Fresh, CreateError> {
        let mut shard = self.write(collection);
        let known = entry(&mut shard, collection);
        if wanted.is_some_and(|id| known.get(id).is_some()) {
            return Err(CreateError::Taken);
        }
        let before = known.created;
        let id = loop {
            known.created += 1;
            let id = wanted.map_or_else(|| make_id(known.created), str::to_owned);
            if known.get(&id).is_none() {
                break id;
            }
        };
        let fields = fields(known.created, &id);
        let put = self.put(known, &id, &fields);
        let (entity, forgotten) = put.inspect_err(|_| known.created = before)?;
        self.changes.note(collection, None, Some(&entity), None);
        Ok(Fresh { entity, fields, forgotten })
    }

    /// Puts what `change` makes of an entity in its place; `absent` is what an entity that was
    /// never written starts from, where it may.
    pub(crate) fn update(
        &self,
        collection: &str,
        id: &str,
        absent: Option<Map<String, Value>>,
        change: impl FnOnce(&mut Map<String, Value>),
    ) -> Result<Option<Fresh>, CreateError> {
        let mut shard = self.write(collection);
        let before = shard.get(collection).and_then(|known| known.get(id)).map(Arc::clone);
        let stored = before.as_ref().map(|entity| entity.fields());
        let Some(mut fields) = stored.or(absent) else {
            return Ok(None);
        };
        change(&mut fields);
        let (entity, forgotten) = self.put(entry(&mut shard, collection), id, &fields)?;
        self.changes.note(collection, before.as_ref(), Some(&entity), None);
        Ok(Some(Fresh { entity, fields, forgotten }))
    }

    /// Removes an entity and remembers that it is gone.
    pub(crate) fn remove(&self, collection: &str, id: &str) -> Option<Arc<Entity>> {
        let mut shard = self.write(collection);
        let known = entry(&mut shard, collection);
        known.bury(id, self.limits.entities_per_collection_max);
        let removed = self.take(known, id);
        self.changes.note(collection, removed.as_ref(), None, None);
        removed
    }

    /// Removes an entity and leaves no trace of it.
    pub(crate) fn forget(&self, collection: &str, id: &str) -> Option<Arc<Entity>> {
        let mut shard = self.write(collection);
        self.take(Arc::make_mut(shard.get_mut(collection)?), id)
    }

    /// Forgets the collections below an entity; which they were.
    pub(crate) fn remove_below(&self, collection: &str, id: &str) -> Below {
        let prefix = format!("{collection}/{}/", escape::segment(id));
        let mut below = Vec::new();
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            below.extend(shard.extract_if(|name, _| name.starts_with(&prefix)));
        }
        for (_, known) in &below {
            self.bytes.fetch_sub(known.bytes(), Ordering::Relaxed);
        }
        Below(below)
    }

    pub(crate) fn page(
        &self,
        collection: &str,
        start: Start<'_>,
        count: usize,
        newest_first: bool,
    ) -> Page {
        let shard = self.read(collection);
        let known = shard.get(collection);
        known.map(|known| known.page(start, count, newest_first)).unwrap_or_default()
    }

    /// Everything, for the admin API: `{collection: {id: fields}}`.
    pub(crate) fn dump(&self) -> Map<String, Value> {
        let mut dump = Map::new();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            for (name, known) in shard.iter().filter(|(_, known)| known.len() > 0) {
                let entities = known.all();
                let entities: Map<_, _> = entities
                    .map(|entity| (entity.id.to_string(), entity.fields().into()))
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
                found.insert(name.to_string(), known.all().map(Arc::clone).collect::<Vec<_>>());
            }
        }
        let each = found.into_iter();
        each.flat_map(|(name, all)| all.into_iter().map(move |one| (name.clone(), one))).collect()
    }

    /// Puts entities in place of collections: of all of them or, where memory does not hold them all, of none. A
    /// collection that is larger than one may be has the last of its entities.
    pub(crate) fn replace(&self, loads: Vec<(String, Vec<Loaded>)>) -> Result<(), CreateError> {
        let fresh: Vec<_> =
            loads.into_iter().map(|(name, all)| (name, self.collect(all))).collect();
        let replaced =
            fresh.iter().map(|(name, _)| self.read(name).get(&**name).map_or(0, |one| one.bytes()));
        let freed = replaced.sum::<usize>();
        let added = fresh.iter().map(|(_, one)| one.bytes()).sum::<usize>();
        if self.bytes().saturating_sub(freed) + added > self.limits.bytes_max {
            return Err(CreateError::Full);
        }
        for (name, one) in fresh {
            self.bytes.fetch_add(one.bytes(), Ordering::Relaxed);
            let before = self.write(&name).insert(name.into(), Arc::new(one));
            let before = before.map_or(0, |before| before.bytes());
            self.bytes.fetch_sub(before, Ordering::Relaxed);
        }
        Ok(())
    }

    fn collect(&self, entities: Vec<Loaded>) -> Collection {
        let mut collection = Collection::default();
        let left_out = entities.len().saturating_sub(self.limits.entities_per_collection_max);
        self.forgotten.fetch_add(left_out as u64, Ordering::Relaxed);
        for (id, fields) in entities.into_iter().skip(left_out) {
            collection.created += 1;
            let ordinal = collection.next_ordinal();
            collection.insert(Arc::new(Entity::new(&id, ordinal, &fields, false)));
        }
        collection
    }

    /// How many entities there are.
    pub(crate) fn count(&self) -> usize {
        let count = |shard: &RwLock<Shard>| {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            shard.values().map(|known| known.len()).sum::<usize>()
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

    /// Puts an entity in the place of the one of its id, else last; others are forgotten for it where there is no
    /// room, and are there still where that does not make enough of it.
    fn put(
        &self,
        known: &mut Collection,
        id: &str,
        fields: &Map<String, Value>,
    ) -> Result<(Arc<Entity>, Vec<Arc<Entity>>), CreateError> {
        let replaced = known.get(id).map(|entity| entity.ordinal);
        let ordinal = replaced.unwrap_or_else(|| known.next_ordinal());
        let entity = Arc::new(Entity::new(id, ordinal, fields, replaced.is_some()));
        let size = entity.size();
        let full = |known: &Collection| {
            self.bytes() + size > self.limits.bytes_max
                || (replaced.is_none() && known.len() >= self.limits.entities_per_collection_max)
        };
        let mut forgotten = Vec::new();
        while full(known) {
            let Some(oldest) = known.next_forgotten(id) else {
                for one in forgotten {
                    self.give_back(known, one);
                }
                return Err(CreateError::Full);
            };
            self.take(known, &oldest.id);
            forgotten.push(oldest);
        }
        self.forgotten.fetch_add(forgotten.len() as u64, Ordering::Relaxed);
        self.take(known, id);
        known.insert(Arc::clone(&entity));
        self.bytes.fetch_add(size, Ordering::Relaxed);
        Ok((entity, forgotten))
    }

    /// Puts an entity that was there back in its place.
    fn give_back(&self, known: &mut Collection, entity: Arc<Entity>) {
        self.bytes.fetch_add(entity.size(), Ordering::Relaxed);
        known.insert(entity);
    }

    fn take(&self, known: &mut Collection, id: &str) -> Option<Arc<Entity>> {
        let entity = known.remove(id)?;
        self.bytes.fetch_sub(entity.size(), Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn state(entities: usize, bytes: usize) -> State {
        State::new(StateLimits { entities_per_collection_max: entities, bytes_max: bytes })
    }

    fn create(state: &State, id: &str) -> Result<Arc<Entity>, CreateError> {
        let made = state.create("/c", Some(id), |_| unreachable!(), |_, _| Map::new());
        made.map(|fresh| fresh.entity)
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
        let large = |_: u64, _: &str| Map::from_iter([("k".to_owned(), "v".repeat(2000).into())]);
        let made = state.create("/d", None, |_| "x".to_owned(), large);
        assert_eq!(made.unwrap_err(), CreateError::Full);
    }

    #[test]
    fn what_is_deleted_is_gone_with_all_below_it_and_may_be_created_again() {
        let state = state(10, 1 << 20);
        create(&state, "a").unwrap();
        state.create("/c/a/d", None, |_| "x".to_owned(), |_, _| Map::new()).unwrap();
        state.remove("/c", "a");
        state.remove_below("/c", "a");
        assert!(matches!(state.find("/c", "a"), Known::Gone));
        assert!(matches!(state.find("/c/a/d", "x"), Known::Never));
        assert_eq!(state.bytes.load(Ordering::Relaxed), 0);
        assert_eq!(create(&state, "a").map(|entity| entity.id.to_string()), Ok("a".to_owned()));
        assert_eq!(create(&state, "a").unwrap_err(), CreateError::Taken);
    }
}
