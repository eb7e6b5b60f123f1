//! The twin's time: real or held still, and moved forward by the admin API.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};

/// What a twin takes the time from.
///
/// Every time in an answer, a stored entity or a rate limit comes from here, so a twin whose clock
/// stands still answers the same requests with the same bytes.
#[derive(Debug)]
pub struct Clock {
    source: Source,
    /// Where a clock that stands still stands, microseconds since the Unix epoch.
    stands_at_us: AtomicU64,
    /// Microseconds added by [`Clock::advance`].
    offset_us: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    Real,
    Still,
}

/// Where a clock that stands still stands by default: 2022-01-01T00:00:00Z.
///
/// # Source
///
/// `clock.base_epoch` of Wraith's published configuration.
pub const BASE_EPOCH: Duration = Duration::from_hours(455_832);

/// Beyond this no clock goes, so that every time is one a calendar can write: the year 9999.
const END_OF_TIME: Duration = Duration::from_secs(253_402_300_799);

impl Clock {
    /// The machine's clock.
    pub const fn real() -> Self {
        let (stands_at_us, offset_us) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { source: Source::Real, stands_at_us, offset_us }
    }

    /// A clock that stands at a time after the Unix epoch and moves only when advanced.
    pub fn still(since_epoch: Duration) -> Self {
        let (stands_at_us, offset_us) = (AtomicU64::new(0), AtomicU64::new(0));
        let clock = Self { source: Source::Still, stands_at_us, offset_us };
        clock.stand_at(since_epoch);
        clock
    }

    /// The time since the Unix epoch.
    pub fn since_epoch(&self) -> Duration {
        let base = match self.source {
            Source::Real => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            Source::Still => Duration::from_micros(self.stands_at_us.load(Ordering::Relaxed)),
        };
        (base + self.offset()).min(END_OF_TIME)
    }

    /// Whether it moves only when advanced.
    pub const fn is_still(&self) -> bool {
        matches!(self.source, Source::Still)
    }

    /// The time as a calendar has it.
    pub fn now(&self) -> DateTime<Utc> {
        let now = self.since_epoch();
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        DateTime::from_timestamp(seconds, now.subsec_nanos()).unwrap_or_default()
    }

    /// How far it was moved.
    pub fn offset(&self) -> Duration {
        Duration::from_micros(self.offset_us.load(Ordering::Relaxed))
    }

    /// Moves it forward; never beyond the year 9999.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        let add = |offset: u64| Some(offset.saturating_add(by));
        // The closure always answers Some, so this cannot fail.
        let _ = self.offset_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Puts a clock that stands still somewhere else.
    pub(crate) fn stand_at(&self, since_epoch: Duration) {
        let at = u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX);
        self.stands_at_us.store(at, Ordering::Relaxed);
    }

    /// Takes back every advance.
    pub fn reset(&self) {
        self.offset_us.store(0, Ordering::Relaxed);
    }
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
}
