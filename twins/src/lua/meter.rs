//! What one call of a handler may use.
//!
//! A handler waits for nothing, so its time on the wall is its time on the processor, unless the
//! machine is busy with other things; that is not the handler's doing, and so the latter counts.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cpu_time::ThreadTime;

/// Time of one call.
///
/// # Source
///
/// These three limits: CHECKLIST, L54.
pub(super) const TIME: Duration = Duration::from_millis(100);
/// Instructions of one call. Luau counts none; it stops at the turns of loops, at calls and at
/// returns, and each stop counts as one. Straight lines between them are bounded by the source.
pub(super) const INSTRUCTIONS: u64 = 100_000;
/// Memory of one call: of its Luau values, and of what it hands over to be kept or sent.
pub(super) const MEMORY_BYTES: usize = 1 << 20;

/// Which limit a call went beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spent {
    Time,
    Instructions,
}

/// Counts one call after another. A limit once reached stays reached, so that a handler that
/// catches the error is stopped again at its next step and never counts as a success.
#[derive(Debug)]
pub(super) struct Meter {
    steps: AtomicU64,
    out_of_time: AtomicBool,
    /// Of the thread that runs the call.
    deadline: Mutex<Duration>,
}

/// The clock is read once in so many steps.
const STEPS_PER_LOOK: u64 = 64;

impl Meter {
    pub(super) fn new() -> Self {
        Self {
            steps: AtomicU64::new(0),
            out_of_time: AtomicBool::new(false),
            deadline: Mutex::default(),
        }
    }

    /// Begins a call.
    pub(super) fn start(&self) {
        self.steps.store(0, Ordering::Relaxed);
        self.out_of_time.store(false, Ordering::Relaxed);
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = now() + TIME;
    }

    /// Counts a step of the handler.
    pub(super) fn step(&self) -> Option<Spent> {
        let steps = self.steps.fetch_add(1, Ordering::Relaxed);
        if steps.is_multiple_of(STEPS_PER_LOOK) {
            self.look();
        }
        self.spent()
    }

    /// Reads the clock; for what takes long without a step.
    pub(super) fn look(&self) {
        if now() > *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) {
            self.out_of_time.store(true, Ordering::Relaxed);
        }
    }

    /// The limit that was reached, if any.
    pub(super) fn spent(&self) -> Option<Spent> {
        if self.out_of_time.load(Ordering::Relaxed) {
            return Some(Spent::Time);
        }
        (self.steps.load(Ordering::Relaxed) > INSTRUCTIONS).then_some(Spent::Instructions)
    }
}

/// The processor's time of this thread; where it cannot be had, no call takes long.
fn now() -> Duration {
    ThreadTime::try_now().map_or(Duration::ZERO, |time| time.as_duration())
}
