//! The entities of one collection.

use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use super::entity::{ById, Entity};
use super::page::{Page, Start};

/// Shared by the sessions that were forked from one another, until one of them changes it.
#[derive(Debug, Default, Clone)]
pub(super) struct Collection {
    by_id: HashSet<ById>,
    /// In the order of creation.
    order: BTreeMap<u64, Arc<Entity>>,
    /// How many were created, and so the ordinal of the last.
    pub(super) created: u64,
    /// Ordinal of the last that was forgotten.
    forgotten_to: u64,
    /// Ids deleted, so that an id that would be made up is known to be gone.
    gone: HashSet<Box<str>>,
}

impl Collection {
    pub(super) fn get(&self, id: &str) -> Option<&Arc<Entity>> {
        self.by_id.get(id).map(|entity| &entity.0)
    }

    /// All of them, oldest first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Entity>> {
        self.order.values()
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// What they take in memory, by an estimate.
    pub(super) fn bytes(&self) -> usize {
        self.all().map(|entity| entity.size()).sum()
    }

    /// The ordinal of one that is about to be added.
    pub(super) fn next_ordinal(&self) -> u64 {
        let last = self.order.keys().next_back().copied().unwrap_or(0);
        self.created.max(last + 1)
    }

    /// Puts one in its place in the order.
    pub(super) fn insert(&mut self, entity: Arc<Entity>) {
        self.gone.remove(&entity.id);
        self.order.insert(entity.ordinal, Arc::clone(&entity));
        self.by_id.replace(ById(entity));
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<Arc<Entity>> {
        let ById(entity) = self.by_id.take(id)?;
        self.order.remove(&entity.ordinal);
        Some(entity)
    }

    /// Remembers that one is gone; of at most so many.
    pub(super) fn bury(&mut self, id: &str, most: usize) {
        if self.gone.len() >= most {
            self.gone.clear();
        }
        self.gone.insert(id.into());
    }

    pub(super) fn is_gone(&self, id: &str) -> bool {
        self.gone.contains(id)
    }

    /// The next to forget but `kept`: round by round in the order of creation, passing over those
    /// asked for since the last round ("second chance").
    pub(super) fn next_forgotten(&mut self, kept: &str) -> Option<Arc<Entity>> {
        let after = self.order.range((Bound::Excluded(self.forgotten_to), Bound::Unbounded));
        let round = after.chain(self.order.range(..=self.forgotten_to)).map(|(_, entity)| entity);
        let mut round = round.filter(|entity| *entity.id != *kept);
        let unwanted = round.clone().find(|entity| !entity.was_wanted());
        let next = Arc::clone(unwanted.or_else(|| round.next())?);
        self.forgotten_to = next.ordinal;
        Some(next)
    }

    /// Part of it.
    pub(super) fn page(&self, start: Start<'_>, count: usize, newest_first: bool) -> Page {
        // Where reading begins, and whether towards the newer ones.
        let (skip, range, upwards) = match start {
            Start::Offset(skip) => (skip, (Bound::Unbounded, Bound::Unbounded), !newest_first),
            Start::After(id) | Start::Before(id) => {
                let Some(entity) = self.get(id) else { return Page::default() };
                let upwards = newest_first == matches!(start, Start::Before(_));
                let range = if upwards {
                    (Bound::Excluded(entity.ordinal), Bound::Unbounded)
                } else {
                    (Bound::Unbounded, Bound::Excluded(entity.ordinal))
                };
                (0, range, upwards)
            }
        };
        let range = self.order.range::<u64, _>(range).map(|(_, entity)| Arc::clone(entity));
        let asked = count.saturating_add(1);
        let mut entities: Vec<_> = if upwards {
            range.skip(skip).take(asked).collect()
        } else {
            range.rev().skip(skip).take(asked).collect()
        };
        let more = entities.len() > count;
        entities.truncate(count);
        if matches!(start, Start::Before(_)) {
            entities.reverse();
        }
        Page { entities, more, total: self.len() }
    }

    /// Has no trace of an id, whatever is known of it.
    pub(super) fn erase(&mut self, id: &str) -> Option<Arc<Entity>> {
        self.gone.remove(id);
        self.remove(id)
    }

    /// Counts as many as created as before, or more where others were since.
    pub(super) fn count_from(&mut self, created: u64) {
        let last = self.order.keys().next_back().copied().unwrap_or(0);
        self.created = created.max(last);
    }
}
