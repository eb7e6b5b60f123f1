//! The time of a run, and which data time can be by it.

use std::sync::OnceLock;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use observer::sources::AHEAD_MAX;

/// What time it is: where the daemon started this process, the time it was then by the daemon's clock
/// and the whole seconds that have passed since.
pub(crate) fn now() -> DateTime<Utc> {
    static TOLD: OnceLock<Option<(DateTime<Utc>, Instant)>> = OnceLock::new();
    let told = TOLD.get_or_init(|| {
        let told = std::env::var("WT_STARTED_AT").ok()?;
        Some((told.parse().ok()?, Instant::now()))
    });
    let later = |(at, since): &(DateTime<Utc>, Instant)| {
        // In whole seconds: a run that does not take one is of the time it was told.
        *at + TimeDelta::seconds(i64::try_from(since.elapsed().as_secs()).unwrap_or_default())
    };
    told.as_ref().map_or_else(Utc::now, later)
}

/// Data time as far as a clock goes along with it: what is dated more than a day ahead of it was dated
/// by one that was wrong, and counts as of now.
///
/// Imports leave such exchanges out. What an observer saw on a machine whose clock was wrong, or an
/// import of an earlier version brought, may be in the lake all the same.
pub(crate) fn not_ahead(data_us: i64, now: DateTime<Utc>) -> i64 {
    let now_us = now.timestamp_micros();
    if is_ahead(data_us, now) { now_us } else { data_us }
}

/// Whether data time is ahead of a clock by more than clocks differ.
pub(crate) fn is_ahead(data_us: i64, now: DateTime<Utc>) -> bool {
    data_us > (now + AHEAD_MAX).timestamp_micros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_time_goes_no_further_than_a_day_ahead_of_the_clock() {
        let now: DateTime<Utc> = "2026-11-26T12:00:00Z".parse().unwrap();
        let us = |text: &str| text.parse::<DateTime<Utc>>().unwrap().timestamp_micros();
        for as_it_is in ["2020-01-01T00:00:00Z", "2026-11-26T12:00:00Z", "2026-11-27T12:00:00Z"] {
            assert_eq!(not_ahead(us(as_it_is), now), us(as_it_is), "{as_it_is}");
        }
        assert_eq!(not_ahead(us("2026-11-27T12:00:01Z"), now), now.timestamp_micros());
        assert_eq!(not_ahead(us("9999-12-31T00:00:00Z"), now), now.timestamp_micros());
    }
}
