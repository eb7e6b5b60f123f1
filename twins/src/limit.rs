//! The model's rate limits: who has used how much of which.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use models::{Algorithm, RateLimit};

/// What has been used, by limit and caller.
///
/// Outlives the model: a limit that changes while the twin runs goes on from what was used under
/// the old one. Callers are bounded; of too many the one not seen longest is forgotten.
#[derive(Debug)]
pub(crate) struct Usage {
    shards: Vec<Mutex<Shard>>,
}

type Shard = HashMap<Key, Counter>;

/// A limit's name and a caller, hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key(pub(crate) u64);

#[derive(Debug, Clone)]
struct Counter {
    seen: Duration,
    used: Used,
}

/// What one caller has used, as the algorithm counts it.
#[derive(Debug, Clone, PartialEq)]
enum Used {
    /// In the window that began then.
    Window { start: Duration, cost: u64 },
    /// When, oldest first, and how much.
    Log(VecDeque<(Duration, u64)>),
    /// Taken from the bucket, as of then.
    Bucket { level: f64, at: Duration },
    /// Under way.
    Flying(u64),
}

/// How a request stands to a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Standing {
    pub(crate) allowed: bool,
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    /// Until the limit is whole again, or at least better.
    pub(crate) reset: Duration,
    /// Until a request may succeed, where this one may not.
    pub(crate) retry: Duration,
}

/// A place taken under a concurrency limit; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Place {
    usage: Arc<Usage>,
    key: Key,
}

const SHARDS: usize = 16;
const KEYS_PER_SHARD_MAX: usize = 1024;
/// Entries in the log of a sliding window; beyond it, neighbours are counted as the later one.
const LOG_MAX: usize = 1024;

impl Usage {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    /// Counts a request against a limit, unless it goes over.
    pub(crate) fn take(&self, rule: &RateLimit, cost: u64, key: Key, now: Duration) -> Standing {
        let mut shard = self.shard(key).lock().unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= KEYS_PER_SHARD_MAX && !shard.contains_key(&key) {
            make_room(&mut shard);
        }
        let fresh = || Counter { seen: now, used: Used::none(rule, now) };
        let counter = shard.entry(key).or_insert_with(fresh);
        counter.seen = now;
        counter.used.follow(rule, now);
        counter.used.take(rule, cost, now)
    }

    /// Keeps a place under a concurrency limit for as long as the request is under way.
    pub(crate) fn place(self: &Arc<Self>, key: Key) -> Place {
        Place { usage: Arc::clone(self), key }
    }

    /// What was used until now, by requests that are done.
    pub(crate) fn fork(&self) -> Self {
        let copied = |shard: &Mutex<Shard>| {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner).clone();
            shard.retain(|_, counter| !matches!(counter.used, Used::Flying(_)));
            Mutex::new(shard)
        };
        Self { shards: self.shards.iter().map(copied).collect() }
    }

    fn shard(&self, key: Key) -> &Mutex<Shard> {
        &self.shards[usize::try_from(key.0 % SHARDS as u64).unwrap_or(0)]
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut shard = self.usage.shard(self.key).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Counter { used: Used::Flying(count), .. }) = shard.get_mut(&self.key) {
            *count = count.saturating_sub(1);
        }
    }
}

impl Used {
    fn none(rule: &RateLimit, now: Duration) -> Self {
        match rule.algorithm {
            Algorithm::FixedWindow => Self::Window { start: window_start(rule, now), cost: 0 },
            Algorithm::SlidingWindow => Self::Log(VecDeque::new()),
            Algorithm::TokenBucket | Algorithm::LeakyBucket => Self::Bucket { level: 0.0, at: now },
            Algorithm::Concurrency => Self::Flying(0),
        }
    }

    /// Counts on under a limit of another algorithm, from what was used just now.
    fn follow(&mut self, rule: &RateLimit, now: Duration) {
        let same = matches!(
            (&*self, rule.algorithm),
            (Self::Window { .. }, Algorithm::FixedWindow)
                | (Self::Log(_), Algorithm::SlidingWindow)
                | (Self::Bucket { .. }, Algorithm::TokenBucket | Algorithm::LeakyBucket)
                | (Self::Flying(_), Algorithm::Concurrency)
        );
        if same {
            return;
        }
        let used = match self {
            Self::Window { start, cost } if *start == window_start(rule, now) => *cost,
            Self::Window { .. } | Self::Flying(_) => 0,
            Self::Log(log) => {
                let since = now.saturating_sub(window(rule));
                log.iter().filter(|(at, _)| *at > since).map(|(_, cost)| cost).sum()
            }
            Self::Bucket { level, .. } => floor(*level),
        };
        *self = match Self::none(rule, now) {
            Self::Window { start, .. } => Self::Window { start, cost: used },
            Self::Log(_) => Self::Log(VecDeque::from([(now, used)])),
            Self::Bucket { at, .. } => Self::Bucket { level: float(used), at },
            Self::Flying(_) => Self::Flying(0),
        };
    }

    fn take(&mut self, rule: &RateLimit, cost: u64, now: Duration) -> Standing {
        match self {
            Self::Window { start, cost: used } => take_window(start, used, rule, cost, now),
            Self::Log(log) => take_log(log, rule, cost, now),
            Self::Bucket { level, at } => take_bucket(level, at, rule, cost, now),
            Self::Flying(flying) => {
                let allowed = *flying < rule.limit;
                *flying += u64::from(allowed);
                Standing {
                    allowed,
                    limit: rule.limit,
                    remaining: rule.limit.saturating_sub(*flying),
                    reset: Duration::ZERO,
                    retry: Duration::from_secs(1),
                }
            }
        }
    }
}

fn take_window(
    start: &mut Duration,
    used: &mut u64,
    rule: &RateLimit,
    cost: u64,
    now: Duration,
) -> Standing {
    let current = window_start(rule, now);
    if *start != current {
        (*start, *used) = (current, 0);
    }
    let allowed = used.saturating_add(cost) <= rule.limit;
    *used += if allowed { cost } else { 0 };
    let reset = (current + window(rule)).saturating_sub(now);
    Standing {
        allowed,
        limit: rule.limit,
        remaining: rule.limit.saturating_sub(*used),
        reset,
        retry: reset,
    }
}

fn take_log(
    log: &mut VecDeque<(Duration, u64)>,
    rule: &RateLimit,
    cost: u64,
    now: Duration,
) -> Standing {
    let window = window(rule);
    while log.front().is_some_and(|(at, _)| *at + window <= now) {
        log.pop_front();
    }
    let used: u64 = log.iter().map(|(_, cost)| cost).sum();
    let allowed = used.saturating_add(cost) <= rule.limit;
    if allowed {
        match log.back_mut() {
            Some((at, count)) if log_is_full(now, *at, window, rule.limit) => {
                (*at, *count) = (now, *count + cost);
            }
            _ => log.push_back((now, cost)),
        }
    }
    // What has to leave the window before this request fits in.
    let mut excess = used.saturating_add(cost).saturating_sub(rule.limit);
    let leaving = log.iter().find(|(_, count)| {
        excess = excess.saturating_sub(*count);
        excess == 0
    });
    let left = |at: Duration| (at + window).saturating_sub(now);
    Standing {
        allowed,
        limit: rule.limit,
        remaining: rule.limit.saturating_sub(used + if allowed { cost } else { 0 }),
        reset: log.front().map_or(Duration::ZERO, |(at, _)| left(*at)),
        retry: leaving.map_or(window, |(at, _)| left(*at)),
    }
}

/// Whether two times are one entry of the log: only where the limit is larger than a log may be,
/// and never by more than that part of the window, so the limit is never exceeded.
fn log_is_full(now: Duration, at: Duration, window: Duration, limit: u64) -> bool {
    let parts = u32::try_from(LOG_MAX).unwrap_or(u32::MAX);
    limit > LOG_MAX as u64 && now.saturating_sub(at) < window / parts
}

fn take_bucket(
    level: &mut f64,
    at: &mut Duration,
    rule: &RateLimit,
    cost: u64,
    now: Duration,
) -> Standing {
    let size = rule.burst.unwrap_or(rule.limit);
    let per_second = float(rule.limit) / rule.window_seconds.max(f64::EPSILON);
    let leaked = now.saturating_sub(*at).as_secs_f64() * per_second;
    (*level, *at) = ((*level - leaked).clamp(0.0, float(size)), now);
    // Refilling in floating point may miss a whole token by a hair.
    let over = *level + float(cost) - float(size);
    let allowed = over < 1e-9;
    if allowed {
        *level += float(cost);
    }
    let after = |tokens: f64| {
        Duration::try_from_secs_f64(tokens.max(0.0) / per_second).unwrap_or(Duration::MAX)
    };
    Standing {
        allowed,
        limit: size,
        remaining: floor(float(size) - *level + 1e-9),
        reset: after(*level),
        retry: after(over),
    }
}

fn make_room(shard: &mut Shard) {
    let idle = |counter: &Counter| !matches!(counter.used, Used::Flying(1..));
    let oldest = shard.iter().filter(|(_, counter)| idle(counter)).min_by_key(|(_, one)| one.seen);
    if let Some(key) = oldest.map(|(key, _)| *key) {
        shard.remove(&key);
    }
}

fn window(rule: &RateLimit) -> Duration {
    Duration::try_from_secs_f64(rule.window_seconds).unwrap_or(Duration::from_secs(1))
}

/// Windows of a fixed phase begin at whole multiples of their length since the epoch.
fn window_start(rule: &RateLimit, now: Duration) -> Duration {
    let length = window(rule).as_micros().max(1);
    let start = now.as_micros() / length * length;
    Duration::from_micros(u64::try_from(start).unwrap_or(0))
}

#[expect(clippy::cast_precision_loss, reason = "limits are far below 2^52")]
fn float(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and a level is never negative"
)]
fn floor(level: f64) -> u64 {
    level as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(algorithm: Algorithm, limit: u64, window_seconds: f64) -> RateLimit {
        let (burst, scope, cost, headers) = (None, None, None, None);
        RateLimit { algorithm, limit, window_seconds, burst, scope, cost, headers }
    }

    const START: Duration = crate::clock::BASE_EPOCH;

    fn at(seconds: f64) -> Duration {
        START + Duration::from_secs_f64(seconds)
    }

    /// Whether each request, at so many seconds, is allowed.
    fn allowed(rule: &RateLimit, times: &[f64]) -> Vec<bool> {
        let usage = Usage::new();
        times.iter().map(|time| usage.take(rule, 1, Key(1), at(*time)).allowed).collect()
    }

    #[test]
    fn a_fixed_window_lets_twice_the_limit_through_at_its_edge() {
        let rule = rule(Algorithm::FixedWindow, 2, 10.0);
        assert_eq!(
            allowed(&rule, &[9.0, 9.5, 9.9, 10.0, 10.1, 10.2]),
            [true, true, false, true, true, false]
        );
        let standing = Usage::new().take(&rule, 1, Key(1), at(4.0));
        assert_eq!((standing.remaining, standing.reset), (1, Duration::from_secs(6)));
    }

    #[test]
    fn a_sliding_window_never_does() {
        let rule = rule(Algorithm::SlidingWindow, 2, 10.0);
        assert_eq!(
            allowed(&rule, &[9.0, 9.5, 9.9, 10.0, 18.9, 19.0, 19.2, 19.5]),
            [true, true, false, false, false, true, false, true]
        );
        let usage = Usage::new();
        for time in [0.0, 1.0] {
            usage.take(&rule, 1, Key(1), at(time));
        }
        assert_eq!(usage.take(&rule, 1, Key(1), at(2.0)).retry, Duration::from_secs(8));
    }

    #[test]
    fn the_log_of_a_large_sliding_window_stays_small_and_never_lets_more_through() {
        let rule = rule(Algorithm::SlidingWindow, 2000, 10.0);
        let usage = Usage::new();
        let mut passed = VecDeque::new();
        for step in 0..12_000_u32 {
            let now = at(f64::from(step) / 300.0);
            if usage.take(&rule, 1, Key(1), now).allowed {
                passed.push_back(now);
            }
            while passed.front().is_some_and(|at| *at + Duration::from_secs(10) <= now) {
                passed.pop_front();
            }
            assert!(passed.len() <= 2000);
        }
        let shard = usage.shard(Key(1)).lock().unwrap();
        let Used::Log(log) = &shard[&Key(1)].used else { unreachable!() };
        assert!(log.len() <= LOG_MAX + 1, "{}", log.len());
    }

    #[test]
    fn a_token_bucket_refills_as_time_goes_and_bursts_to_its_size() {
        let mut rule = rule(Algorithm::TokenBucket, 10, 10.0);
        rule.burst = Some(2);
        assert_eq!(
            allowed(&rule, &[0.0, 0.0, 0.0, 0.9, 1.0, 1.1, 9.0, 9.0, 9.0]),
            [true, true, false, false, true, false, true, true, false]
        );
        let usage = Usage::new();
        for _ in 0..2 {
            usage.take(&rule, 1, Key(1), at(0.0));
        }
        assert_eq!(usage.take(&rule, 1, Key(1), at(0.5)).retry, Duration::from_millis(500));
    }

    #[test]
    fn a_place_under_a_concurrency_limit_is_free_again_when_dropped() {
        let rule = rule(Algorithm::Concurrency, 1, 0.0);
        let usage = Arc::new(Usage::new());
        assert!(usage.take(&rule, 1, Key(1), START).allowed);
        let place = usage.place(Key(1));
        assert!(!usage.take(&rule, 1, Key(1), START).allowed);
        drop(place);
        assert!(usage.take(&rule, 1, Key(1), START).allowed);
    }

    #[test]
    fn callers_are_counted_apart_and_bounded() {
        let rule = rule(Algorithm::FixedWindow, 1, 10.0);
        let usage = Usage::new();
        for key in 0..20_000 {
            assert!(usage.take(&rule, 1, Key(key), START).allowed);
        }
        let kept: usize = usage.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert_eq!(kept, SHARDS * KEYS_PER_SHARD_MAX);
    }

    #[test]
    fn a_limit_that_changes_goes_on_from_what_was_used() {
        let usage = Usage::new();
        let fixed = rule(Algorithm::FixedWindow, 5, 10.0);
        for _ in 0..3 {
            usage.take(&fixed, 1, Key(1), at(1.0));
        }
        let larger = rule(Algorithm::FixedWindow, 10, 10.0);
        assert_eq!(usage.take(&larger, 1, Key(1), at(1.0)).remaining, 6);
        let sliding = rule(Algorithm::SlidingWindow, 5, 10.0);
        assert_eq!(usage.take(&sliding, 1, Key(1), at(2.0)).remaining, 0);
        let bucket = rule(Algorithm::TokenBucket, 5, 10.0);
        assert!(!usage.take(&bucket, 1, Key(1), at(2.0)).allowed);
    }
}
