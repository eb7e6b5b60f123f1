//! One entity, as it was written and as it was last shown.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde_json::{Map, Value};

use super::packed::Packed;
use crate::program::Look;

/// One entity as it was written. Never changed: an update puts another in its place.
#[derive(Debug)]
pub(crate) struct Entity {
    pub(crate) id: Box<str>,
    /// Its place in the collection's order of creation.
    pub(super) ordinal: u64,
    pub(crate) packed: Packed,
    /// Whether it is no entity of the state's.
    pub(crate) made_up: bool,
    /// Whether it was asked for since it could last have been forgotten.
    wanted: AtomicBool,
    /// As it was last shown.
    shown: Mutex<Option<(Showing, Bytes)>>,
}

/// What an item's bytes are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Showing {
    /// Counts the models in service.
    pub(crate) load: u64,
    pub(crate) look: Look,
    /// Of the session, as sessions forked from one another share their entities.
    pub(crate) seed: u64,
}

/// An entity just written, with its fields, so that nobody need read them.
#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) entity: Arc<Entity>,
    pub(crate) fields: Map<String, Value>,
    /// Others that went for it, as there was no room.
    pub(crate) forgotten: Vec<Arc<Entity>>,
}

/// An entity among others, known by its id.
#[derive(Debug, Clone)]
pub(super) struct ById(pub(super) Arc<Entity>);

/// What an entity takes beside its fields, with its places in its collection and what allocations cost.
const OVERHEAD: usize = 400;

impl Entity {
    pub(super) fn new(id: &str, ordinal: u64, fields: &Map<String, Value>, wanted: bool) -> Self {
        Self {
            id: id.into(),
            ordinal,
            packed: Packed::of(fields),
            made_up: false,
            wanted: AtomicBool::new(wanted),
            shown: Mutex::default(),
        }
    }

    /// One that was never written.
    pub(crate) fn made_up(id: &str, fields: &Map<String, Value>) -> Self {
        Self { made_up: true, ..Self::new(id, 0, fields, false) }
    }

    /// Its fields, read anew.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        self.packed.fields()
    }

    /// Its bytes: those of last time, if it was shown so then.
    pub(crate) fn shown(&self, showing: Showing, show: impl FnOnce() -> Bytes) -> Bytes {
        let lock = || self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((last, body)) = &*lock()
            && *last == showing
        {
            return body.clone();
        }
        // Not while it is held: what is shown may ask for others, and they for it.
        let body = show();
        *lock() = Some((showing, body.clone()));
        body
    }

    /// Has it be remembered rather than others.
    pub(super) fn want(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked for since this was last asked.
    pub(super) fn was_wanted(&self) -> bool {
        self.wanted.swap(false, Ordering::Relaxed)
    }

    /// An estimate of what it takes in memory. As it is shown it is about as long as it was written.
    pub(super) fn size(&self) -> usize {
        OVERHEAD + self.id.len() + 2 * self.packed.len()
    }
}

impl Borrow<str> for ById {
    fn borrow(&self) -> &str {
        &self.0.id
    }
}

impl Hash for ById {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.id.hash(hasher);
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for ById {}
