//! All that one client, or one of several tests side by side, does to a twin.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::auth::Tokens;
use crate::capture::Capture;
use crate::chaos::Chaos;
use crate::clock::Clock;
use crate::dice::Dice;
use crate::idempotency::Answered;
use crate::limit::Usage;
use crate::lua::Turns;
use crate::quirks::Quirks;
use crate::state::State;
use crate::timers::Timers;
use crate::webhooks::Webhooks;

/// One universe of state: what happened in it is seen by no other.
///
/// Never emptied: a reset puts a fresh one in its place, so that requests under way end in the one
/// they began in and nobody waits for memory to be given back.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) name: Box<str>,
    pub(crate) seed: u64,
    pub(crate) clock: Clock,
    pub(crate) state: State,
    pub(crate) capture: Capture,
    pub(crate) chaos: Chaos,
    pub(crate) webhooks: Webhooks,
    pub(crate) usage: Arc<Usage>,
    pub(crate) answered: Answered,
    pub(crate) tokens: Tokens,
    pub(crate) counters: Counters,
    pub(crate) quirks: Quirks,
    pub(crate) turns: Turns,
    pub(crate) timers: Timers,
    /// Held while something is written that no other may have too.
    pub(crate) unique: Mutex<()>,
    /// How many answers had something drawn for them.
    ordinal: AtomicU64,
    /// Requests that no route of the model took.
    pub(crate) absent: AtomicU64,
    /// When it was last asked for, by the twin's count of look-ups.
    pub(crate) used: AtomicU64,
}

/// The counters of Lua handlers, by name.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<BTreeMap<String, u64>>);

impl Session {
    pub(crate) fn new(
        name: &str,
        seed: u64,
        clock: Clock,
        state: State,
        chaos: Chaos,
        webhooks: Webhooks,
        quirks: Quirks,
    ) -> Self {
        state.watch(webhooks.is_on());
        Self {
            name: name.into(),
            seed,
            clock,
            state,
            capture: Capture::default(),
            chaos,
            webhooks,
            usage: Arc::new(Usage::new()),
            answered: Answered::default(),
            tokens: Tokens::default(),
            counters: Counters::default(),
            quirks,
            turns: Turns::default(),
            timers: Timers::default(),
            unique: Mutex::default(),
            ordinal: AtomicU64::new(0),
            absent: AtomicU64::new(0),
            used: AtomicU64::new(0),
        }
    }

    /// A session in which nothing has happened, with what was set of this one: its seed, its
    /// failures but for those injected, where its webhooks go. Its clock is this one's.
    pub(crate) fn afresh(&self, state: State) -> Self {
        let (chaos, webhooks) = (self.chaos.afresh(), self.webhooks.afresh());
        let quirks = self.quirks.fork();
        Self::new(&self.name, self.seed, self.clock.clone(), state, chaos, webhooks, quirks)
    }

    /// A session that goes on from here under a name of its own, by a clock that is where it is. What was
    /// asked, and what is still on its way to somebody, stay with this one.
    pub(crate) fn fork(&self, name: &str, clock: Clock) -> Self {
        Self {
            name: name.into(),
            seed: self.seed,
            clock,
            state: self.state.fork(),
            capture: Capture::midway(),
            chaos: self.chaos.fork(),
            webhooks: self.webhooks.fork(),
            usage: Arc::new(self.usage.fork()),
            answered: self.answered.fork(),
            tokens: self.tokens.fork(),
            counters: Counters(Mutex::new(self.counters.all())),
            quirks: self.quirks.fork(),
            turns: Turns::default(),
            timers: self.timers.fork(),
            unique: Mutex::default(),
            ordinal: AtomicU64::new(self.ordinal.load(Ordering::Relaxed)),
            absent: AtomicU64::new(0),
            used: AtomicU64::new(0),
        }
    }

    /// What it takes in memory, by an estimate.
    pub(crate) fn bytes(&self) -> usize {
        self.state.bytes() + self.capture.bytes() + self.webhooks.outbox().bytes()
    }

    /// Draws for what is new in each answer.
    pub(crate) fn next_dice(&self, what: &str) -> Dice {
        Dice::of(self.seed, what).nth(self.ordinal.fetch_add(1, Ordering::Relaxed))
    }
}

impl Counters {
    /// Where a counter stands.
    pub(crate) fn get(&self, name: &str) -> u64 {
        self.lock().get(name).copied().unwrap_or(0)
    }

    /// All of them.
    pub(crate) fn all(&self) -> BTreeMap<String, u64> {
        self.lock().clone()
    }

    /// Puts all of them where they were.
    pub(crate) fn put_back(&self, counters: BTreeMap<String, u64>) {
        *self.lock() = counters;
    }

    pub(crate) fn set(&self, counters: BTreeMap<String, u64>) {
        self.lock().extend(counters);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
