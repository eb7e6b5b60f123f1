//! The time of a twin's sessions: real or held still, and moved forward by the admin API.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};

/// What a twin takes the time from.
///
/// Every time in an answer, a stored entity or a rate limit comes from here, so a twin whose clock
/// stands still answers the same requests with the same bytes. A clone is the same clock: twins
/// that are to have one time are given clones.
#[derive(Debug, Clone)]
pub struct Clock {
    source: Source,
    begins_at: Duration,
    hands: Arc<Hands>,
    /// The clocks of named sessions, each made when it is first asked for.
    family: Arc<Mutex<HashMap<Box<str>, Weak<Hands>>>>,
}

/// What a clock and its clones share.
#[derive(Debug, Default)]
struct Hands {
    /// Where a clock that stands still stands, microseconds since the Unix epoch.
    stands_at_us: AtomicU64,
    /// Microseconds added by [`Clock::advance`].
    offset_us: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Real,
    Still,
    /// Still, but for a step at each request.
    Stepping,
}

/// Where a clock that stands still stands by default: 2022-01-01T00:00:00Z.
///
/// # Source
///
/// `clock.base_epoch` of Wraith's published configuration.
pub const BASE_EPOCH: Duration = Duration::from_hours(455_832);

/// How far a stepping clock goes with each request.
const STEP: Duration = Duration::from_secs(1);

/// Beyond this no clock goes, so that every time is one a calendar can write: the year 9999.
const END_OF_TIME: Duration = Duration::from_secs(253_402_300_799);

impl Clock {
    /// The machine's clock.
    pub fn real() -> Self {
        Self::of(Source::Real, Duration::ZERO)
    }

    /// A clock that stands at a time after the Unix epoch and moves only when advanced.
    pub fn still(since_epoch: Duration) -> Self {
        Self::of(Source::Still, since_epoch)
    }

    /// A clock that begins at a time after the Unix epoch and moves on by a second with each
    /// request, so that what happened later has a later time, the same in each run.
    pub fn stepping(since_epoch: Duration) -> Self {
        Self::of(Source::Stepping, since_epoch)
    }

    fn of(source: Source, since_epoch: Duration) -> Self {
        let (begins_at, hands, family) = (since_epoch, Arc::default(), Arc::default());
        let clock = Self { source, begins_at, hands, family };
        clock.stand_at(since_epoch);
        clock
    }

    /// The clock of a named session: it goes as this one does and is moved by itself. Twins with
    /// the same clock have the same one for a name, for as long as any of them keeps it.
    pub(crate) fn of_session(&self, name: &str) -> Self {
        let mut family = self.family.lock().unwrap_or_else(PoisonError::into_inner);
        let known = family.get(name).and_then(Weak::upgrade);
        let hands = known.unwrap_or_else(|| {
            family.retain(|_, hands| hands.strong_count() > 0);
            let stands_at_us = AtomicU64::new(micros(self.begins_at));
            let hands = Arc::new(Hands { stands_at_us, offset_us: AtomicU64::new(0) });
            family.insert(name.into(), Arc::downgrade(&hands));
            hands
        });
        let (source, begins_at, family) = (self.source, self.begins_at, Arc::clone(&self.family));
        Self { source, begins_at, hands, family }
    }

    /// Whether the two are one clock.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.hands, &other.hands)
    }

    /// A clock of its own that is where this one is.
    pub(crate) fn detached(&self) -> Self {
        let clock = Self { hands: Arc::default(), family: Arc::default(), ..*self };
        clock.set_as(&self.position());
        clock
    }

    /// The time since the Unix epoch.
    pub fn since_epoch(&self) -> Duration {
        let base = match self.source {
            Source::Real => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            Source::Still | Source::Stepping => {
                Duration::from_micros(self.hands.stands_at_us.load(Ordering::Relaxed))
            }
        };
        (base + self.offset()).min(END_OF_TIME)
    }

    /// The time at which a request arrives.
    pub(crate) fn arrival(&self) -> Duration {
        let now = self.since_epoch();
        if self.source == Source::Stepping {
            self.hands.stands_at_us.fetch_add(micros(STEP), Ordering::Relaxed);
        }
        now
    }

    /// Whether it does not move with the machine's.
    pub const fn is_still(&self) -> bool {
        matches!(self.source, Source::Still | Source::Stepping)
    }

    /// The time as a calendar has it.
    pub fn now(&self) -> DateTime<Utc> {
        let now = self.since_epoch();
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        DateTime::from_timestamp(seconds, now.subsec_nanos()).unwrap_or_default()
    }

    /// How far it was moved.
    pub fn offset(&self) -> Duration {
        Duration::from_micros(self.hands.offset_us.load(Ordering::Relaxed))
    }

    /// Moves it forward; never beyond the year 9999.
    pub fn advance(&self, by: Duration) {
        let by = micros(by);
        let add = |offset: u64| Some(offset.saturating_add(by));
        // The closure always answers Some, so this cannot fail.
        let _ = self.hands.offset_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Puts a clock that stands still somewhere else.
    pub(crate) fn stand_at(&self, since_epoch: Duration) {
        self.hands.stands_at_us.store(micros(since_epoch), Ordering::Relaxed);
    }

    /// Takes the place of another clock on the dial: what is told later is later there too.
    pub(crate) fn set_as(&self, other: &Position) {
        self.hands.stands_at_us.store(other.stands_at_us, Ordering::Relaxed);
        self.hands.offset_us.store(other.offset_us, Ordering::Relaxed);
    }

    /// Where it is.
    pub(crate) fn position(&self) -> Position {
        Position {
            stands_at_us: self.hands.stands_at_us.load(Ordering::Relaxed),
            offset_us: self.hands.offset_us.load(Ordering::Relaxed),
        }
    }

    /// Takes back every advance and every step.
    pub fn reset(&self) {
        self.hands.offset_us.store(0, Ordering::Relaxed);
        if self.source == Source::Stepping {
            self.stand_at(self.begins_at);
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Where a clock is, to be put there again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    stands_at_us: u64,
    offset_us: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_still_clock_moves_only_when_advanced() {
        let clock = Clock::still(BASE_EPOCH);
        assert_eq!(clock.now().to_rfc3339(), "2022-01-01T00:00:00+00:00");
        clock.advance(Duration::from_secs(90));
        assert_eq!(clock.since_epoch(), BASE_EPOCH + Duration::from_secs(90));
        clock.advance(Duration::MAX);
        assert_eq!(clock.now().to_rfc3339(), "9999-12-31T23:59:59+00:00");
        clock.reset();
        assert_eq!(clock.since_epoch(), BASE_EPOCH);
    }

    #[test]
    fn a_stepping_clock_moves_with_each_request_and_only_then() {
        let clock = Clock::stepping(BASE_EPOCH);
        assert_eq!(clock.arrival(), BASE_EPOCH);
        assert_eq!(clock.since_epoch(), BASE_EPOCH + STEP);
        assert_eq!(clock.arrival(), BASE_EPOCH + STEP);
    }

    #[test]
    fn twins_of_one_clock_have_one_time_in_a_session_and_sessions_their_own() {
        let (first, second) = {
            let clock = Clock::still(BASE_EPOCH);
            (clock.clone(), clock)
        };
        let (mine, yours) = (first.of_session("a"), second.of_session("a"));
        mine.advance(Duration::from_secs(5));
        assert_eq!(yours.since_epoch(), BASE_EPOCH + Duration::from_secs(5));
        assert_eq!(first.of_session("b").since_epoch(), BASE_EPOCH);
        assert_eq!(first.since_epoch(), BASE_EPOCH);
    }
}
