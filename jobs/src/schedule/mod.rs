//! When a job is due: a cron expression in a time zone.

mod fields;

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Duration, LocalResult, NaiveDateTime, TimeZone as _, Utc};
use chrono_tz::Tz;
use serde::Deserialize;

pub use fields::CronError;

/// Farther than any clock is set back by a change of its offset but in a handful of historic cases.
const OVERLAP_MAX: Duration = Duration::hours(3);

/// A cron expression: five fields as `crontab` has them, six or seven with seconds (and years), or
/// `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
///
/// In five fields, 0 and 7 are Sunday, and where both day fields are restricted, either will do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Cron {
    text: String,
    /// Due where any of them is.
    either: Vec<cron::Schedule>,
    /// The hour is not restricted, so that the passing of time counts and not the hands of the clock.
    is_interval: bool,
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        let read = fields::read(text)?;
        let compile = |source: &String| {
            source.parse().map_err(|_| CronError::Unreadable { text: text.to_owned() })
        };
        let either = read.sources.iter().map(compile).collect::<Result<_, _>>()?;
        let cron = Self { text: text.to_owned(), either, is_interval: read.is_interval };
        match cron.next_local(DateTime::UNIX_EPOCH.naive_utc()) {
            Some(_) => Ok(cron),
            None => Err(CronError::Never { text: text.to_owned() }),
        }
    }
}

impl TryFrom<String> for Cron {
    type Error = CronError;

    fn try_from(text: String) -> Result<Self, CronError> {
        text.parse()
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Cron {
    /// The next local time the expression names.
    fn next_local(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        // The crate counts in whatever zone it is given; in UTC no local time is missing or double.
        let after = after.and_utc();
        let next = self.either.iter().filter_map(|one| one.after(&after).next());
        next.min().map(|time| time.naive_utc())
    }
}

/// A cron expression and the zone its times are of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The expression.
    pub cron: Cron,
    /// Where its times are local.
    pub zone: Tz,
}

impl Schedule {
    /// The first instant after one that the job is due; none where no year has it.
    ///
    /// Where clocks go forward, times that are left out are due as they do, once. Where they go back,
    /// a fixed hour is due at its first passing; with the hour unrestricted (`*/10 * * * *`) both
    /// passings count and nothing is made up for the hour left out.
    ///
    /// # Source
    ///
    /// The rule is that of Vixie cron.
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = after.with_timezone(&self.zone).naive_local();
        if self.cron.is_interval {
            self.next_of_interval(after, local)
        } else {
            self.next_of_clock(after, local)
        }
    }

    /// The first local time that is an instant after `after`.
    fn next_of_clock(&self, after: DateTime<Utc>, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        let mut candidate = local;
        loop {
            candidate = self.cron.next_local(candidate)?;
            let instant = match self.zone.from_local_datetime(&candidate) {
                LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => {
                    time.with_timezone(&Utc)
                }
                LocalResult::None => self.end_of_gap(candidate)?,
            };
            if instant > after {
                return Some(instant);
            }
        }
    }

    /// The earliest of all instants after `after`, local times that come twice counted twice.
    fn next_of_interval(
        &self,
        after: DateTime<Utc>,
        local: NaiveDateTime,
    ) -> Option<DateTime<Utc>> {
        let is_even = |from: DateTime<Utc>, to: DateTime<Utc>| {
            let offset =
                |at: DateTime<Utc>| at.with_timezone(&self.zone).naive_local() - at.naive_utc();
            offset(from) == offset(to)
        };
        // Nothing but a change of offset makes local times come twice.
        let near = !is_even(after - OVERLAP_MAX, after + OVERLAP_MAX);
        let mut candidate = if near { local - OVERLAP_MAX } else { local };
        let mut best: Option<DateTime<Utc>> = None;
        loop {
            candidate = self.cron.next_local(candidate)?;
            let found = self.zone.from_local_datetime(&candidate);
            let instants = [found.earliest(), found.latest()];
            let later = instants.into_iter().flatten().map(|time| time.with_timezone(&Utc));
            best = best.into_iter().chain(later.filter(|time| *time > after)).min();
            let is_past = |best: DateTime<Utc>| {
                candidate - best.with_timezone(&self.zone).naive_local() > OVERLAP_MAX
            };
            if let Some(best) = best.filter(|best| !near || is_past(*best)) {
                return Some(best);
            }
        }
    }

    /// The instant that clocks go forward past a local time they leave out.
    fn end_of_gap(&self, missing: NaiveDateTime) -> Option<DateTime<Utc>> {
        // Gaps are a whole number of minutes, a day at most (Samoa, 2011).
        let mut minute = missing.date().and_hms_opt(0, 0, 0)?;
        let is_there = |time: &NaiveDateTime| self.zone.from_local_datetime(time).earliest();
        while minute <= missing || is_there(&minute).is_none() {
            minute += Duration::minutes(1);
            if minute - missing > Duration::days(2) {
                return None;
            }
        }
        is_there(&minute).map(|time| time.with_timezone(&Utc))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(expression: &str, zone: Tz, from: &str, count: usize) -> Vec<String> {
        let schedule = Schedule { cron: expression.parse().unwrap(), zone };
        let mut after: DateTime<Utc> = from.parse().unwrap();
        let mut found = Vec::new();
        for _ in 0..count {
            after = schedule.next_after(after).unwrap();
            found.push(after.with_timezone(&zone).format("%a %d %b %H:%M:%S %z").to_string());
        }
        found
    }

    #[test]
    fn five_fields_count_days_of_the_week_as_crontab_does() {
        for sunday in ["0 6 * * 0", "0 6 * * 7", "0 6 * * SUN", "0 6 * * sun"] {
            assert_eq!(
                next(sunday, Tz::UTC, "2026-11-26T00:00:00Z", 1),
                ["Sun 29 Nov 06:00:00 +0000"]
            );
        }
        let weekdays = next("30 7 * * 1-5", Tz::UTC, "2026-11-27T08:00:00Z", 2);
        assert_eq!(weekdays, ["Mon 30 Nov 07:30:00 +0000", "Tue 01 Dec 07:30:00 +0000"]);
        let weekend = next("0 9 * * 5-7", Tz::UTC, "2026-11-26T00:00:00Z", 4);
        let days: Vec<_> = weekend.iter().map(|day| &day[..3]).collect();
        assert_eq!(days, ["Fri", "Sat", "Sun", "Fri"]);
    }

    #[test]
    fn two_restricted_day_fields_mean_either() {
        let either = next("0 0 13 * 5", Tz::UTC, "2026-11-01T00:00:00Z", 4);
        let days: Vec<_> = either.iter().map(|day| &day[..10]).collect();
        assert_eq!(days, ["Fri 06 Nov", "Fri 13 Nov", "Fri 20 Nov", "Fri 27 Nov"]);
        let both = next("0 0 1 * MON", Tz::UTC, "2026-11-30T00:00:00Z", 2);
        assert_eq!(both, ["Tue 01 Dec 00:00:00 +0000", "Mon 07 Dec 00:00:00 +0000"]);
    }

    #[test]
    fn a_time_that_clocks_leave_out_is_due_as_they_go_forward() {
        let night = next("30 2 * * *", Tz::Europe__Berlin, "2026-03-28T00:00:00Z", 3);
        assert_eq!(
            night,
            ["Sat 28 Mar 02:30:00 +0100", "Sun 29 Mar 03:00:00 +0200", "Mon 30 Mar 02:30:00 +0200"]
        );
        // Two times of the gap are one run.
        let often = next("15,45 2 * * *", Tz::Europe__Berlin, "2026-03-29T00:00:00Z", 2);
        assert_eq!(often, ["Sun 29 Mar 03:00:00 +0200", "Mon 30 Mar 02:15:00 +0200"]);
    }

    #[test]
    fn a_time_that_comes_twice_is_due_once() {
        let night = next("30 2 * * *", Tz::Europe__Berlin, "2026-10-24T12:00:00Z", 2);
        assert_eq!(night, ["Sun 25 Oct 02:30:00 +0200", "Mon 26 Oct 02:30:00 +0100"]);
    }

    #[test]
    fn an_interval_follows_time_and_not_the_clock() {
        let back = next("0,30 * * * *", Tz::Europe__Berlin, "2026-10-24T23:45:00Z", 5);
        let times: Vec<_> = back.iter().map(|time| &time[11..]).collect();
        assert_eq!(
            times,
            [
                "02:00:00 +0200",
                "02:30:00 +0200",
                "02:00:00 +0100",
                "02:30:00 +0100",
                "03:00:00 +0100"
            ]
        );
        let forward = next("30 * * * *", Tz::Europe__Berlin, "2026-03-29T00:00:00Z", 2);
        assert_eq!(forward, ["Sun 29 Mar 01:30:00 +0100", "Sun 29 Mar 03:30:00 +0200"]);
    }

    #[test]
    fn seconds_and_shorthands_are_read() {
        let half = next("*/30 0 12 * * MON", Tz::UTC, "2026-11-26T00:00:00Z", 2);
        assert_eq!(half, ["Mon 30 Nov 12:00:00 +0000", "Mon 30 Nov 12:00:30 +0000"]);
        assert_eq!(
            next("@daily", Tz::UTC, "2026-11-26T01:00:00Z", 1),
            ["Fri 27 Nov 00:00:00 +0000"]
        );
    }

    #[test]
    fn a_year_that_is_over_has_no_next() {
        let over = Schedule { cron: "0 0 6 1 JAN * 2025".parse().unwrap(), zone: Tz::UTC };
        assert_eq!(over.next_after("2026-01-01T00:00:00Z".parse().unwrap()), None);
    }
}
