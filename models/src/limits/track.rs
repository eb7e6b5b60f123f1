//! The calls one limiter counts together, in order of time, with the times in doubt.

use std::collections::BTreeMap;

use super::Call;

/// Within so long of being sent a request is taken to be decided, however slow the answer.
const DECIDED_WITHIN_US: i64 = 100_000;
/// Clocks and stamps are not better than this.
const DECIDED_AFTER_US: i64 = 1_000;

/// What a limiter counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grouping {
    Caller,
    CallerAndRoute,
    All,
}

impl Grouping {
    /// From coarse to fine within a caller, then across callers.
    pub(super) const EACH: [Self; 3] = [Self::Caller, Self::CallerAndRoute, Self::All];

    /// The word in [`crate::RateLimit::scope`].
    pub(super) const fn name(self) -> Option<&'static str> {
        match self {
            Self::Caller => None,
            Self::CallerAndRoute => Some("key+route"),
            Self::All => Some("account"),
        }
    }

    /// An address cannot be told from a key here.
    pub(super) fn of(scope: Option<&str>) -> Self {
        match scope {
            Some("key+route") => Self::CallerAndRoute,
            Some("account" | "all" | "global") => Self::All,
            _ => Self::Caller,
        }
    }
}

/// Whether the limiter knew the clock as we do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// A request is decided somewhere between being sent and being answered.
    Tolerant,
    /// A request is decided when it is sent.
    Exact,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Accepted,
    /// Something before the vendor answered: perhaps it was counted.
    Maybe,
    Denied,
}

/// One group's calls.
#[derive(Debug)]
pub(super) struct Track {
    /// Earliest time of decision, ascending.
    pub lo: Vec<i64>,
    /// Latest time of decision, ascending.
    pub hi: Vec<i64>,
    pub seen: Vec<Seen>,
    /// Index into the series.
    pub call: Vec<u32>,
    /// What was let through.
    pub accepted: Counted,
    /// What was let through or refused, for limiters that count refusals too.
    pub attempted: Counted,
}

/// The times of counted calls, each list ascending.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub certain_lo: Vec<i64>,
    pub certain_hi: Vec<i64>,
    pub possible_lo: Vec<i64>,
    pub possible_hi: Vec<i64>,
    /// When the answers ended.
    pub certain_end: Vec<i64>,
    pub possible_end: Vec<i64>,
}

impl Counted {
    fn push(&mut self, lo: i64, hi: i64, end: i64, certain: bool) {
        if certain {
            self.certain_lo.push(lo);
            self.certain_hi.push(hi);
            self.certain_end.push(end);
        }
        self.possible_lo.push(lo);
        self.possible_hi.push(hi);
        self.possible_end.push(end);
    }

    fn sort_ends(&mut self) {
        self.certain_end.sort_unstable();
        self.possible_end.sort_unstable();
    }
}

impl Track {
    fn new() -> Self {
        Self {
            lo: Vec::new(),
            hi: Vec::new(),
            seen: Vec::new(),
            call: Vec::new(),
            accepted: Counted::default(),
            attempted: Counted::default(),
        }
    }

    fn push(&mut self, index: u32, call: &Call, clock: Clock) {
        let lo = call.at_us;
        let latency = i64::from(call.latency_us);
        let hi = match clock {
            Clock::Exact => lo,
            Clock::Tolerant => lo + latency.clamp(DECIDED_AFTER_US, DECIDED_WITHIN_US),
        };
        // Ascending, so that every replay is one pass; a doubt grows by no more than it may be.
        let hi = hi.max(self.hi.last().copied().unwrap_or(i64::MIN));
        let seen = match (call.throttled, call.gateway) {
            (true, _) => Seen::Denied,
            (false, true) => Seen::Maybe,
            (false, false) => Seen::Accepted,
        };
        self.lo.push(lo);
        self.hi.push(hi);
        self.seen.push(seen);
        self.call.push(index);
        let end = lo + latency.max(DECIDED_AFTER_US);
        if seen != Seen::Denied {
            self.accepted.push(lo, hi, end, seen == Seen::Accepted);
        }
        self.attempted.push(lo, hi, end, seen != Seen::Maybe);
    }
}

/// Divides calls into tracks, ordered by caller and route.
///
/// `chosen` are ascending indices into the series.
pub(super) fn tracks(
    series: &[Call],
    chosen: &[u32],
    grouping: Grouping,
    clock: Clock,
) -> Vec<Track> {
    let mut groups: BTreeMap<(u64, u32), Track> = BTreeMap::new();
    for &index in chosen {
        let call = &series[index as usize];
        let key = match grouping {
            Grouping::Caller => (call.caller, 0),
            Grouping::CallerAndRoute => (call.caller, call.route),
            Grouping::All => (0, 0),
        };
        groups.entry(key).or_insert_with(Track::new).push(index, call, clock);
    }
    let mut tracks: Vec<Track> = groups.into_values().collect();
    for track in &mut tracks {
        track.accepted.sort_ends();
        track.attempted.sort_ends();
    }
    tracks
}
