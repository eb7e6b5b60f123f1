//! What is to happen later, on a session's clock.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use models::RouteKey;
use models::behaviour::Effect;
use serde_json::{Map, Value, json};

/// Timers of one session; beyond it none is set, and the log says so.
const TIMERS_MAX: usize = 100_000;

/// What is to happen later, in the order in which it is due.
#[derive(Debug)]
pub(crate) struct Timers {
    /// When the first is due, microseconds since the Unix epoch: a request looks no further.
    next_us: AtomicU64,
    queue: Mutex<Queue>,
    /// Held while timers fire, so that each sees what those before it did.
    firing: Mutex<()>,
}

#[derive(Debug, Clone, Default)]
struct Queue {
    /// By due time, and of one time in the order they were set.
    due: BTreeMap<(Duration, u64), Timer>,
    /// Of an entity, by its path.
    own: HashMap<Box<str>, Vec<(Duration, u64)>>,
    set: u64,
}

/// One thing that is to happen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Timer {
    /// An entity comes from one state into another, if it is still there.
    Transition { collection: Box<str>, id: Box<str>, number: usize },
    /// An effect of something that happened before.
    Effect { effect: Arc<Effect>, values: Arc<Map<String, Value>>, route: RouteKey },
    /// A Lua handler runs.
    Handler { name: String, args: Value, route: RouteKey },
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            next_us: AtomicU64::new(u64::MAX),
            queue: Mutex::default(),
            firing: Mutex::default(),
        }
    }
}

impl Timers {
    /// The same timers for a session that goes on from here.
    pub(crate) fn fork(&self) -> Self {
        let queue = self.queue().clone();
        let next_us = AtomicU64::new(self.next_us.load(Ordering::Relaxed));
        Self { next_us, queue: Mutex::new(queue), firing: Mutex::default() }
    }

    /// Whether any is due; an atomic load where none is.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        self.next_us.load(Ordering::Acquire) <= micros(now)
    }

    /// When the first is due.
    pub(crate) fn next(&self) -> Option<Duration> {
        let next = self.next_us.load(Ordering::Acquire);
        (next != u64::MAX).then(|| Duration::from_micros(next))
    }

    /// Sets a timer.
    pub(crate) fn set(&self, at: Duration, timer: Timer) {
        let mut queue = self.queue();
        if queue.due.len() >= TIMERS_MAX {
            tracing::warn!("{TIMERS_MAX} timers are set, which is the most: one is left out");
            return;
        }
        queue.set += 1;
        let key = (at, queue.set);
        if let Some(path) = timer.path() {
            queue.own.entry(path.into()).or_default().push(key);
        }
        queue.due.insert(key, timer);
        self.note(&queue);
    }

    /// Takes back the transitions that wait for an entity.
    pub(crate) fn cancel(&self, collection: &str, id: &str) {
        let mut queue = self.queue();
        if queue.own.is_empty() {
            return;
        }
        for key in queue.own.remove(&*path_of(collection, id)).unwrap_or_default() {
            queue.due.remove(&key);
        }
        self.note(&queue);
    }

    /// The first that is due, and when it was.
    pub(crate) fn take_due(&self, now: Duration) -> Option<(Duration, Timer)> {
        let mut queue = self.queue();
        let key = queue.due.keys().next().copied().filter(|(at, _)| *at <= now)?;
        let timer = queue.due.remove(&key)?;
        if let Some(path) = timer.path()
            && let Some(own) = queue.own.get_mut(&*path)
        {
            own.retain(|other| *other != key);
            if own.is_empty() {
                queue.own.remove(&*path);
            }
        }
        self.note(&queue);
        Some((key.0, timer))
    }

    /// The right to fire.
    pub(crate) fn firing(&self) -> MutexGuard<'_, ()> {
        self.firing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self) -> usize {
        self.queue().due.len()
    }

    /// The first so many, as the admin API shows them.
    pub(crate) fn to_json(&self, count_max: usize) -> Value {
        let queue = self.queue();
        let shown = queue.due.iter().take(count_max).map(|((at, _), timer)| {
            let mut shown = timer.to_json();
            if let Some(fields) = shown.as_object_mut() {
                fields.insert("due".to_owned(), crate::webhooks::written(*at).into());
            }
            shown
        });
        shown.collect()
    }

    fn note(&self, queue: &Queue) {
        let next = queue.due.keys().next().map_or(u64::MAX, |(at, _)| micros(*at));
        self.next_us.store(next, Ordering::Release);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Timer {
    fn path(&self) -> Option<String> {
        match self {
            Self::Transition { collection, id, .. } => Some(path_of(collection, id)),
            Self::Effect { .. } | Self::Handler { .. } => None,
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Transition { collection, id, .. } => {
                json!({"kind": "transition", "object": path_of(collection, id)})
            }
            Self::Effect { effect, .. } => json!({"kind": "effect", "effect": &**effect}),
            Self::Handler { name, args, .. } => {
                json!({"kind": "handler", "handler": name, "args": args})
            }
        }
    }
}

fn path_of(collection: &str, id: &str) -> String {
    format!("{collection}/{id}")
}

fn micros(at: Duration) -> u64 {
    u64::try_from(at.as_micros()).unwrap_or(u64::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn handler(name: &str) -> Timer {
        let route = RouteKey::parse("GET /").unwrap();
        Timer::Handler { name: name.to_owned(), args: Value::Null, route }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_an_entity_waits_for_is_taken_back_with_its_state() {
        let timers = Timers::default();
        let (collection, id) = ("/c".into(), "1".into());
        timers.set(seconds(5), Timer::Transition { collection, id, number: 0 });
        timers.set(seconds(9), handler("a"));
        timers.cancel("/c", "1");
        assert!(!timers.is_due(seconds(5)));
        assert_eq!(timers.take_due(seconds(9)), Some((seconds(9), handler("a"))));
        assert_eq!((timers.next(), timers.count()), (None, 0));
    }

    proptest! {
        /// They fire by time, those of one time in the order they were set, and none early.
        #[test]
        fn timers_fire_in_order(times in prop::collection::vec(0..20_u64, 1..40), now in 0..20_u64) {
            let timers = Timers::default();
            for (number, at) in times.iter().enumerate() {
                timers.set(seconds(*at), handler(&format!("{number:03}")));
            }
            let mut fired = Vec::new();
            while let Some((at, Timer::Handler { name, .. })) = timers.take_due(seconds(now)) {
                fired.push((at, name));
            }
            prop_assert!(fired.is_sorted());
            prop_assert_eq!(fired.len(), times.iter().filter(|at| **at <= now).count());
            prop_assert_eq!(timers.is_due(seconds(now)), false);
        }
    }
}
