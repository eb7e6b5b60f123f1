//! Which quirks are on in a session.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use models::behaviour::Quirk;

/// The quirks that are on, by their ids.
#[derive(Debug, Default)]
pub(crate) struct Quirks {
    on: Mutex<BTreeSet<String>>,
    /// Whether any is: a request looks no further where none is.
    any: AtomicBool,
}

impl Quirks {
    /// Those that are on from the start.
    pub(crate) fn of(declared: &[Quirk]) -> Self {
        let on = declared.iter().filter(|quirk| quirk.twin_implementation.enabled_by_default);
        Self::from(on.map(|quirk| quirk.id.clone()).collect::<BTreeSet<_>>())
    }

    pub(crate) fn fork(&self) -> Self {
        Self::from(self.lock().clone())
    }

    pub(crate) fn is_on(&self, id: &str) -> bool {
        self.lock().contains(id)
    }

    pub(crate) fn switch(&self, id: &str, on: bool) {
        let mut all = self.lock();
        if on {
            all.insert(id.to_owned())
        } else {
            all.remove(id)
        };
        self.any.store(!all.is_empty(), Ordering::Relaxed);
    }

    /// The handler of a quirk that is on and answers a route.
    pub(crate) fn handler<'q>(&self, declared: &'q [Quirk], route: &str) -> Option<&'q str> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let on = self.lock();
        let found = declared
            .iter()
            .find(|quirk| on.contains(&quirk.id) && quirk.routes.iter().any(|own| own == route));
        found.map(|quirk| &*quirk.twin_implementation.handler)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.on.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<BTreeSet<String>> for Quirks {
    fn from(on: BTreeSet<String>) -> Self {
        Self { any: AtomicBool::new(!on.is_empty()), on: Mutex::new(on) }
    }
}
