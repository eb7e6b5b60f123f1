//! Replaying a limiter over calls whose outcome is known.
//!
//! The state follows what was *seen*, not what the limiter under test would have done, so that one
//! wrong decision does not spoil the next. A request is decided at some time between `lo` and `hi`;
//! where that leaves a decision open, it is open here too.

use crate::{Algorithm, RateLimit};

use super::track::{Counted, Seen, Track};

/// What a limiter says of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    Allow,
    Either,
    Deny,
}

impl Decision {
    fn of(certainly_denied: bool, possibly_denied: bool) -> Self {
        match (certainly_denied, possibly_denied) {
            (true, _) => Self::Deny,
            (false, true) => Self::Either,
            (false, false) => Self::Allow,
        }
    }

    /// Whether it contradicts what was seen.
    pub(super) fn differs(self, seen: Seen) -> bool {
        matches!((self, seen), (Self::Deny, Seen::Accepted) | (Self::Allow, Seen::Denied))
    }
}

/// How calls are counted, whatever the limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Counter {
    /// Windows that follow each other, the first beginning at the phase.
    Fixed { window_us: i64, phase_us: i64 },
    /// A window opens with the first call after the last has ended.
    FromFirst { window_us: i64 },
    /// Any stretch of this length.
    Sliding { window_us: i64, counts_denied: bool },
    /// Calls not yet answered.
    InFlight,
}

/// A limiter with all its numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Limiter {
    Count { counter: Counter, limit: u64 },
    Bucket { burst: f64, per_us: f64 },
}

impl Limiter {
    /// What a vendor may mean by a stated limit: when a fixed window begins and whether refusals
    /// count is not part of the model.
    pub(super) fn variants(limit: &RateLimit) -> Vec<Self> {
        let window_us = microseconds(limit.window_seconds);
        let allowed = limit.limit / limit.cost.unwrap_or(1).max(1);
        let count = |counter| Self::Count { counter, limit: allowed };
        match limit.algorithm {
            Algorithm::FixedWindow => {
                [Counter::Fixed { window_us, phase_us: 0 }, Counter::FromFirst { window_us }]
                    .map(count)
                    .to_vec()
            }
            Algorithm::SlidingWindow => [false, true]
                .map(|counts_denied| count(Counter::Sliding { window_us, counts_denied }))
                .to_vec(),
            Algorithm::TokenBucket | Algorithm::LeakyBucket => {
                vec![Self::bucket(limit.burst.unwrap_or(allowed), allowed, window_us)]
            }
            Algorithm::Concurrency => vec![count(Counter::InFlight)],
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "limits and windows are far below 2^52")]
    pub(super) fn bucket(burst: u64, limit: u64, window_us: i64) -> Self {
        Self::Bucket { burst: burst as f64, per_us: limit as f64 / window_us.max(1) as f64 }
    }

    /// Decides each accepted or refused call of a track; calls that perhaps counted are passed over.
    pub(super) fn decide(&self, track: &Track, mut each: impl FnMut(usize, Decision)) {
        match self {
            Self::Count { counter, limit } => counter.count(track, |index, min, max| {
                each(index, Decision::of(min >= *limit, max >= *limit));
            }),
            Self::Bucket { burst, per_us } => levels(track, *burst, *per_us, |index, low, high| {
                each(index, Decision::of(high < 1.0, low < 1.0));
            }),
        }
    }

    /// The calls of all tracks that this limiter would have decided otherwise.
    pub(super) fn mismatches(&self, tracks: &[Track]) -> u64 {
        let mut differing = 0;
        for track in tracks {
            self.decide(track, |index, decision| {
                differing += u64::from(decision.differs(track.seen[index]));
            });
        }
        differing
    }
}

impl Counter {
    /// Counts, for each accepted or refused call, those counted before it in its window: at least
    /// and at most.
    pub(super) fn count(self, track: &Track, each: impl FnMut(usize, u64, u64)) {
        match self {
            Self::Fixed { window_us, phase_us } => fixed(track, window_us, phase_us, each),
            Self::FromFirst { window_us } => from_first(track, window_us, each),
            Self::Sliding { window_us, counts_denied } => {
                let counted = if counts_denied { &track.attempted } else { &track.accepted };
                sliding(track, counted, window_us, counts_denied, each);
            }
            Self::InFlight => in_flight(track, each),
        }
    }
}

/// How many of an ascending list lie before a time that only moves forward.
struct Before<'a> {
    times: &'a [i64],
    passed: usize,
}

impl<'a> Before<'a> {
    fn new(times: &'a [i64]) -> Self {
        Self { times, passed: 0 }
    }

    /// Strictly before.
    fn until(&mut self, time: i64) -> u64 {
        while self.times.get(self.passed).is_some_and(|&at| at < time) {
            self.passed += 1;
        }
        self.passed as u64
    }
}

fn sliding(
    track: &Track,
    counted: &Counted,
    window_us: i64,
    counts_denied: bool,
    mut each: impl FnMut(usize, u64, u64),
) {
    let mut surely_in = Before::new(&counted.certain_hi);
    let mut perhaps_out = Before::new(&counted.certain_lo);
    let mut perhaps_in = Before::new(&counted.possible_lo);
    let mut surely_out = Before::new(&counted.possible_hi);
    for (index, &seen) in track.seen.iter().enumerate() {
        let (lo, hi) = (track.lo[index], track.hi[index]);
        if seen == Seen::Maybe {
            continue;
        }
        let itself = u64::from(counts_denied || seen == Seen::Accepted);
        let min = surely_in.until(lo).saturating_sub(perhaps_out.until(hi - window_us + 1));
        let max = perhaps_in.until(hi + 1) - itself - surely_out.until(lo - window_us + 1);
        each(index, min, max);
    }
}

fn fixed(track: &Track, window_us: i64, phase_us: i64, mut each: impl FnMut(usize, u64, u64)) {
    let counted = &track.accepted;
    let mut surely_in = Before::new(&counted.certain_hi);
    let mut perhaps_out = Before::new(&counted.certain_lo);
    let mut perhaps_in = Before::new(&counted.possible_lo);
    let mut surely_out = Before::new(&counted.possible_hi);
    for (index, &seen) in track.seen.iter().enumerate() {
        let (lo, hi) = (track.lo[index], track.hi[index]);
        if seen == Seen::Maybe {
            continue;
        }
        let start = lo - (lo - phase_us).rem_euclid(window_us);
        let itself = u64::from(seen == Seen::Accepted);
        let inside = surely_in.until(lo).saturating_sub(perhaps_out.until(start));
        let min = if hi < start + window_us { inside } else { 0 };
        let max = perhaps_in.until(hi + 1) - itself - surely_out.until(start);
        each(index, min, max);
    }
}

fn from_first(track: &Track, window_us: i64, mut each: impl FnMut(usize, u64, u64)) {
    let counted = &track.accepted;
    let mut surely_in = Before::new(&counted.certain_hi);
    let mut perhaps_out = Before::new(&counted.certain_lo);
    let mut perhaps_in = Before::new(&counted.possible_lo);
    let mut surely_out = Before::new(&counted.possible_hi);
    // The earliest and the latest time at which the present window may have opened.
    let mut opened: Option<(i64, i64)> = None;
    for (index, &seen) in track.seen.iter().enumerate() {
        let (lo, hi) = (track.lo[index], track.hi[index]);
        let window = opened.filter(|&(_, latest)| lo < latest + window_us);
        let (min, max) = match window {
            Some((start, _)) => {
                let itself = u64::from(seen != Seen::Denied);
                let inside = surely_in.until(lo).saturating_sub(perhaps_out.until(start));
                let min = if hi < start + window_us { inside } else { 0 };
                (min, perhaps_in.until(hi + 1) - itself - surely_out.until(start))
            }
            None => (0, 0),
        };
        if seen != Seen::Maybe {
            each(index, min, max);
        }
        let ended = window.is_none_or(|(start, _)| lo >= start + window_us);
        if ended && seen != Seen::Denied {
            opened = Some((lo, hi));
        }
    }
}

fn in_flight(track: &Track, mut each: impl FnMut(usize, u64, u64)) {
    let counted = &track.accepted;
    let mut surely_begun = Before::new(&counted.certain_hi);
    let mut perhaps_done = Before::new(&counted.certain_end);
    let mut perhaps_begun = Before::new(&counted.possible_lo);
    let mut surely_done = Before::new(&counted.possible_end);
    for (index, &seen) in track.seen.iter().enumerate() {
        let (lo, hi) = (track.lo[index], track.hi[index]);
        if seen == Seen::Maybe {
            continue;
        }
        let itself = u64::from(seen == Seen::Accepted);
        let min = surely_begun.until(lo).saturating_sub(perhaps_done.until(hi + 1));
        let max = (perhaps_begun.until(hi + 1) - itself).saturating_sub(surely_done.until(lo));
        each(index, min, max);
    }
}

/// The tokens a bucket holds before each accepted or refused call: at least and at most.
///
/// The level takes each call at `lo`; a doubt of `d` in a time is a doubt of `d` times the rate in the
/// level, and calls sent close together may be decided in either order. Calls that perhaps counted
/// make the level itself doubtful: `low` has them taken a token, `high` has not, until a later
/// outcome tells. Either may fall below nothing by the doubt, else each call decided early would
/// leave a token too many.
pub(super) fn levels(
    track: &Track,
    burst: f64,
    per_us: f64,
    mut each: impl FnMut(usize, f64, f64),
) {
    /// A request is stamped to the millisecond.
    const STAMP_US: f64 = 1_000.0;
    let mut decided = Before::new(&track.accepted.certain_hi);
    let mut sent = Before::new(&track.accepted.possible_lo);
    let (mut low, mut high, mut last) = (burst, burst, None);
    let (mut certain, mut possible) = (0_u64, 0_u64);
    for (index, &seen) in track.seen.iter().enumerate() {
        let (lo, hi) = (track.lo[index], track.hi[index]);
        #[expect(clippy::cast_precision_loss, reason = "spans of a log are far below 2^52 us")]
        let (gap, doubt) = ((lo - last.unwrap_or(lo)) as f64, (hi - lo) as f64 + STAMP_US);
        last = Some(lo);
        let refill = gap * per_us;
        (low, high) = ((low + refill).min(burst), (high + refill).min(burst));
        let doubt = doubt * per_us;
        let late = certain - decided.until(lo).min(certain);
        let early = sent.until(hi + 1).saturating_sub(possible + u64::from(seen != Seen::Denied));
        #[expect(clippy::cast_precision_loss, reason = "a handful of calls")]
        let (late, early) = (late as f64, early as f64);
        if seen != Seen::Maybe {
            each(index, low - doubt - early, high + doubt + late);
        }
        match seen {
            Seen::Maybe => {
                possible += 1;
                low = (low - 1.0).max(-doubt);
            }
            Seen::Denied => high = high.min(1.0).max(low),
            Seen::Accepted => {
                (certain, possible) = (certain + 1, possible + 1);
                low = (low.max(high.min(1.0)) - 1.0).max(-doubt);
                high = (high - 1.0).max(-doubt);
            }
        }
    }
}

/// Counts before accepted and refused calls, from which the mismatches of every limit follow.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Accepted calls by the least that was counted before them.
    accepted: Vec<u32>,
    /// Refused calls by the most.
    denied: Vec<u32>,
}

impl Tally {
    /// Counts all tracks.
    pub(super) fn of(counter: Counter, tracks: &[Track]) -> Self {
        let mut tally = Self::default();
        for track in tracks {
            counter.count(track, |index, min, max| match track.seen[index] {
                Seen::Accepted => bump(&mut tally.accepted, min),
                Seen::Denied => bump(&mut tally.denied, max),
                Seen::Maybe => {}
            });
        }
        tally
    }

    /// The limits with the fewest mismatches, as an inclusive range of neighbours, and that number.
    pub(super) fn best(&self) -> (u64, u64, u64) {
        let mut mismatches: u64 = self.accepted.iter().map(|&count| u64::from(count)).sum();
        let (mut first, mut last, mut fewest) = (0, 0, mismatches);
        let longest = self.accepted.len().max(self.denied.len());
        for limit in 1..=longest as u64 {
            let below = usize::try_from(limit - 1).unwrap_or(usize::MAX);
            mismatches -= u64::from(self.accepted.get(below).copied().unwrap_or(0));
            mismatches += u64::from(self.denied.get(below).copied().unwrap_or(0));
            if mismatches < fewest {
                (first, last, fewest) = (limit, limit, mismatches);
            } else if mismatches == fewest && last + 1 == limit {
                last = limit;
            }
        }
        (first.max(1), last.max(1), fewest)
    }

    /// Calls that this limit would have decided otherwise.
    pub(super) fn mismatches(&self, limit: u64) -> u64 {
        let at = usize::try_from(limit).unwrap_or(usize::MAX);
        let sum = |counts: &[u32]| counts.iter().map(|&count| u64::from(count)).sum::<u64>();
        sum(self.accepted.get(at..).unwrap_or_default())
            + sum(self.denied.get(..at).unwrap_or(&self.denied))
    }

    /// Of a range of limits the one with the fewest mismatches: the preferred one where that is
    /// no worse, else the roundest.
    pub(super) fn best_within(&self, first: u64, last: u64, preferred: Option<u64>) -> u64 {
        const LOOKED_AT_MAX: u64 = 64;
        let last = last.min(first + LOOKED_AT_MAX);
        let rough = |limit: u64| {
            [100, 50, 10, 5].iter().position(|unit| limit.is_multiple_of(*unit)).unwrap_or(4)
        };
        (first..=last)
            .chain(preferred)
            .min_by_key(|&limit| (self.mismatches(limit), Some(limit) != preferred, rough(limit)))
            .unwrap_or(first)
    }
}

fn bump(counts: &mut Vec<u32>, at: u64) {
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    if counts.len() <= at {
        counts.resize(at + 1, 0);
    }
    counts[at] += 1;
}

/// A window's length, at least a microsecond.
#[expect(clippy::cast_possible_truncation, reason = "windows are at most months")]
pub(super) fn microseconds(seconds: f64) -> i64 {
    ((seconds * 1e6).round() as i64).max(1)
}
