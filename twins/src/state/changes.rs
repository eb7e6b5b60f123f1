//! What has changed, for those who tell of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::entity::Entity;

/// What has changed, where somebody asks; in the order of the changes of each entity.
#[derive(Debug, Default)]
pub(super) struct Changes {
    noted: Mutex<Vec<Change>>,
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

impl Changes {
    /// None yet, of a state that is watched or not.
    pub(super) fn none(watched: bool) -> Self {
        Self { noted: Mutex::default(), watched: AtomicBool::new(watched) }
    }

    pub(super) fn watch(&self, watched: bool) {
        self.watched.store(watched, Ordering::Relaxed);
    }

    pub(super) fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }

    pub(super) fn take(&self) -> Vec<Change> {
        std::mem::take(&mut self.lock())
    }

    pub(super) fn note(
        &self,
        collection: &str,
        before: Option<&Arc<Entity>>,
        after: Option<&Arc<Entity>>,
        event: Option<&str>,
    ) {
        if self.is_watched() {
            let change = Change {
                collection: collection.into(),
                before: before.map(Arc::clone),
                after: after.map(Arc::clone),
                event: event.map(Into::into),
            };
            self.lock().push(change);
        }
    }

    /// Has nothing told of entities that are put back, by their collections and ids.
    pub(super) fn forget(&self, is_put_back: impl Fn(&str, &str) -> bool) {
        let is_put_back = |change: &Change| {
            let entity = change.after.as_ref().or(change.before.as_ref());
            entity.is_some_and(|entity| is_put_back(&change.collection, &entity.id))
        };
        self.lock().retain(|change| !is_put_back(change));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Change>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
