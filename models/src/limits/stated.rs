//! Limits that headers state: which limit, which window, and by which algorithm it is counted.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Algorithm, RateLimit};

use super::{
    Call, Observed, Reset, Unit,
    replay::{Counter, Limiter, levels, microseconds},
    search::{Field, WINDOWS_SECONDS, same},
    track::{Grouping, Seen, Track},
};

/// A candidate must explain this much more than the prior's algorithm before it replaces it.
pub(super) const CLEARLY_BETTER_NATS: f64 = 20.0;
/// A limit shown by at least this share of the calls is one of the plans, not a stray.
const PLAN_SHARE_MIN: f64 = 0.1;
/// So many calls in a row with one limit are the caller's present plan.
const PLAN_RUN_MIN: usize = 5;

/// All that the headers of a series say about one scope.
#[derive(Debug)]
pub(super) struct Stated<'a> {
    /// The vendor's name, else `default`.
    pub(super) scope: String,
    /// Index of the call, and what it states; the limit is always there.
    entries: Vec<(u32, &'a Observed)>,
}

/// One scope as its headers give it.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) limit: RateLimit,
    /// Whether headers state or show another window than the prior's.
    pub(super) window_refuted: bool,
    /// Score of the prior's algorithm and window less that of those chosen; nats.
    pub(super) gain: f64,
    /// From when on the limit is stated; microseconds.
    pub(super) first_us: i64,
    pub(super) stated: u64,
}

/// Gathers what is stated, by scope in order of name.
pub(super) fn gather(series: &[Call]) -> Vec<Stated<'_>> {
    let mut scopes: BTreeMap<&str, Vec<(u32, &Observed)>> = BTreeMap::new();
    for (index, call) in (0_u32..).zip(series) {
        if call.gateway {
            continue;
        }
        for observed in call.headers.iter().filter(|observed| observed.limit.is_some()) {
            let name = observed.scope.as_deref().unwrap_or("default");
            scopes.entry(name).or_default().push((index, observed));
        }
    }
    scopes.into_iter().map(|(scope, entries)| Stated { scope: scope.to_owned(), entries }).collect()
}

/// Whether some scope stated on a refusal is used up, or none says otherwise.
pub(super) fn accounts_for(call: &Call) -> bool {
    let mut stated = call.headers.iter().filter(|observed| observed.limit.is_some()).peekable();
    stated.peek().is_none()
        || stated.any(|observed| observed.remaining.is_none_or(|left| left <= 0))
}

impl Stated<'_> {
    /// Whether counting calls says something about it.
    pub(super) fn counts_requests(&self) -> bool {
        self.entries.iter().all(|(_, observed)| observed.unit == Unit::Requests)
    }

    /// The limit and window stated most, for pairing with a prior of another name.
    pub(super) fn looks_like(&self, limit: &RateLimit) -> bool {
        self.entries.last().is_some_and(|(_, observed)| {
            observed.limit == Some(limit.limit)
                && observed.window_seconds.is_none_or(|window| same(window, limit.window_seconds))
        })
    }

    /// What the headers give, the prior preferred wherever they leave a choice.
    pub(super) fn read(&self, series: &[Call], prior: Option<&RateLimit>) -> Reading {
        let (limit, first_us) = self.limit(series, prior.map(|prior| prior.limit));
        let entries: Vec<(u32, &Observed)> = self
            .entries
            .iter()
            .copied()
            .filter(|(index, observed)| {
                observed.limit == Some(limit) && series[*index as usize].at_us >= first_us
            })
            .collect();
        let window = window(series, &entries, limit, prior);
        let replayed = self.counts_requests().then(|| {
            let grouping = Grouping::of(prior.and_then(|prior| prior.scope.as_deref()));
            algorithm(series, &entries, limit, window.as_ref(), grouping, prior)
        });
        let (algorithm, seconds, gain) =
            replayed.unwrap_or_else(|| self.told(window.as_ref(), prior));
        let limit = RateLimit {
            algorithm,
            limit,
            window_seconds: seconds,
            burst: prior
                .and_then(|prior| prior.burst)
                .filter(|_| prior.is_some_and(|p| p.limit == limit)),
            scope: prior.and_then(|prior| prior.scope.clone()),
            cost: prior.and_then(|prior| prior.cost),
            headers: entries.last().map(|(_, observed)| observed.style.name().to_owned()),
        };
        Reading {
            limit,
            window_refuted: window.is_some_and(|window| window.refutes)
                && prior.is_some_and(|prior| !same(seconds, prior.window_seconds)),
            gain,
            first_us,
            stated: entries.len() as u64,
        }
    }

    /// Algorithm and window of a limit whose use cannot be counted in calls.
    fn told(&self, window: Option<&Window>, prior: Option<&RateLimit>) -> (Algorithm, f64, f64) {
        let concurrent = self.entries.iter().any(|(_, observed)| observed.unit == Unit::Concurrent);
        let algorithm = match (concurrent, prior) {
            (true, _) => Algorithm::Concurrency,
            (false, Some(prior)) => prior.algorithm,
            (false, None) => window.and_then(|w| w.hint).unwrap_or(Algorithm::FixedWindow),
        };
        let fallback = prior.map_or(0.0, |prior| prior.window_seconds);
        (algorithm, window.map_or(fallback, |window| window.seconds), 0.0)
    }

    /// The present limit and since when it is stated.
    ///
    /// What all that showed the limit of before have come to show instead is the present one: whoever
    /// was not seen since says nothing of it. Else each caller votes, route by route, with the run of
    /// equal limits that ends its series; callers may be on several plans, so the prior's limit stands
    /// while one of them still shows it.
    fn limit(&self, series: &[Call], prior: Option<u64>) -> (u64, i64) {
        let (limit, since) = self.voted(series, prior);
        let shown = |observed: &Observed| observed.limit;
        moved(series, &self.entries, shown, limit).unwrap_or((limit, since))
    }

    fn voted(&self, series: &[Call], prior: Option<u64>) -> (u64, i64) {
        let mut callers: BTreeMap<(u64, u32), Vec<(i64, u64)>> = BTreeMap::new();
        for (index, observed) in &self.entries {
            let call = &series[*index as usize];
            let limit = observed.limit.unwrap_or(0);
            callers.entry(who(call)).or_default().push((call.at_us, limit));
        }
        let mut votes: BTreeMap<u64, (usize, i64)> = BTreeMap::new();
        let mut vote = |limit: u64, weight: usize, since: i64| {
            let known = votes.entry(limit).or_insert((0, since));
            *known = (known.0 + weight, known.1.min(since));
        };
        for shown in callers.values() {
            let last = shown.last().map_or(0, |(_, limit)| *limit);
            let run = shown.iter().rev().take_while(|(_, limit)| *limit == last).count();
            if run == shown.len() || run >= PLAN_RUN_MIN {
                vote(last, run, shown[shown.len() - run].0);
            } else {
                // It changes from call to call: by plan behind one key.
                shown[shown.len() / 3 * 2..].iter().for_each(|(at, limit)| vote(*limit, 1, *at));
            }
        }
        let total: usize = votes.values().map(|vote| vote.0).sum();
        #[expect(clippy::cast_precision_loss, reason = "counts of a log")]
        let is_plan = |weight: usize| weight as f64 >= PLAN_SHARE_MIN * total as f64;
        let kept = prior.filter(|limit| votes.get(limit).is_some_and(|vote| is_plan(vote.0)));
        let most = votes.iter().max_by_key(|(_, vote)| vote.0).map_or(0, |(limit, _)| *limit);
        let limit = kept.unwrap_or(most);
        (limit, votes.get(&limit).map_or(0, |vote| vote.1))
    }
}

/// Who is told of a limit: the caller, of a route that may have one of its own under the same name.
fn who(call: &Call) -> (u64, u32) {
    (call.caller, call.route)
}

/// What has come in the place of a value, and since when; none while the value is still shown.
///
/// Only who has shown the value before can show that it moved: another caller may be on another plan, and
/// another route have a limit of its own under the same name. Since it was shown last, all of these
/// have to show one and the same other value, often enough. What a refusal states may be another limit's.
fn moved<V: Copy + Eq>(
    series: &[Call],
    entries: &[(u32, &Observed)],
    value: impl Fn(&Observed) -> Option<V>,
    old: V,
) -> Option<(V, i64)> {
    let shown: Vec<(&Call, V)> = entries
        .iter()
        .filter_map(|(index, observed)| Some((&series[*index as usize], value(observed)?)))
        .filter(|(call, _)| !call.throttled)
        .collect();
    let last = shown.iter().rposition(|(_, shown)| *shown == old)?;
    let (until, since) = shown.split_at(last + 1);
    let had: BTreeSet<(u64, u32)> =
        until.iter().filter(|(_, shown)| *shown == old).map(|(call, _)| who(call)).collect();
    let mut since = since.iter().filter(|(call, _)| had.contains(&who(call)));
    let (first, new) = since.next()?;
    let is_agreed = since.clone().all(|(_, shown)| shown == new);
    (is_agreed && 1 + since.count() >= PLAN_RUN_MIN).then_some((*new, first.at_us))
}

/// A window and how it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Window {
    seconds: f64,
    /// What the resets look like.
    hint: Option<Algorithm>,
    /// In so many words.
    stated: bool,
    /// Whether the resets are like this throughout.
    sure: bool,
    /// Whether the prior's window cannot be.
    refutes: bool,
}

impl Window {
    fn shown(seconds: f64, hint: Option<Algorithm>, sure: bool) -> Self {
        Self { seconds, hint, stated: false, sure, refutes: false }
    }
}

/// The window: stated, else from the resets; none where neither is there.
fn window(
    series: &[Call],
    entries: &[(u32, &Observed)],
    limit: u64,
    prior: Option<&RateLimit>,
) -> Option<Window> {
    if let Some(seconds) = stated_window(series, entries, prior) {
        let refutes = prior.is_some_and(|prior| !same(seconds, prior.window_seconds));
        return Some(Window { seconds, hint: None, stated: true, sure: true, refutes });
    }
    let resets: Vec<Wait> = entries
        .iter()
        .filter_map(|(index, o)| Wait::of(&series[*index as usize], o, limit))
        .collect();
    if resets.len() < 3 {
        return if prior.is_none() { holding(&resets) } else { None };
    }
    let fit =
        aligned(&resets).or_else(|| refilling(&resets, limit)).or_else(|| longest(&resets))?;
    match prior {
        Some(prior) if same(fit.seconds, prior.window_seconds) => {
            Some(Window { seconds: prior.window_seconds, ..fit })
        }
        Some(prior) => Some(Window { refutes: refutes(&resets, &fit, prior), ..fit }),
        None => Some(fit),
    }
}

/// The window stated most often, or the prior's where a tenth of the calls state that; what all have
/// come to state instead goes before both.
fn stated_window(
    series: &[Call],
    entries: &[(u32, &Observed)],
    prior: Option<&RateLimit>,
) -> Option<f64> {
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    for window in entries.iter().filter_map(|(_, observed)| observed.window_seconds) {
        *counts.entry(microseconds(window)).or_default() += 1;
    }
    let total: usize = counts.values().sum();
    #[expect(clippy::cast_precision_loss, reason = "counts of a log")]
    let kept = prior.map(|prior| prior.window_seconds).filter(|window| {
        counts
            .get(&microseconds(*window))
            .is_some_and(|&count| count as f64 >= PLAN_SHARE_MIN * total as f64)
    });
    #[expect(clippy::cast_precision_loss, reason = "a window is far below 2^52 us")]
    let seconds = |us: i64| us as f64 / 1e6;
    let most = || counts.iter().max_by_key(|(_, count)| **count).map(|(us, _)| seconds(*us));
    let voted = kept.or_else(most)?;
    let shown = |observed: &Observed| observed.window_seconds.map(microseconds);
    let moved = moved(series, entries, shown, microseconds(voted));
    Some(moved.map_or(voted, |(us, _)| seconds(us)))
}

/// One stated reset.
#[derive(Debug, Clone, Copy)]
struct Wait {
    /// Seconds from the call to the reset.
    seconds: f64,
    /// Seconds since the Unix epoch.
    at: f64,
    /// Stated as a time, so `at` is exact to the vendor's rounding.
    absolute: bool,
    /// Calls used up, this one included.
    used: Option<i64>,
}

impl Wait {
    fn of(call: &Call, observed: &Observed, limit: u64) -> Option<Self> {
        #[expect(clippy::cast_precision_loss, reason = "microseconds of this century are exact")]
        let (sent, answered) =
            (call.at_us as f64 / 1e6, (call.at_us + i64::from(call.latency_us)) as f64 / 1e6);
        let used = observed.remaining.map(|left| i64::try_from(limit).unwrap_or(i64::MAX) - left);
        match observed.reset? {
            Reset::At(at) => Some(Self { seconds: at - sent, at, absolute: true, used }),
            Reset::In(seconds) => {
                Some(Self { seconds, at: answered + seconds, absolute: false, used })
            }
        }
    }
}

fn share(resets: &[Wait], holds: impl Fn(&Wait) -> bool) -> f64 {
    let count = resets.iter().filter(|wait| holds(wait)).count();
    #[expect(clippy::cast_precision_loss, reason = "counts of a log")]
    return count as f64 / resets.len().max(1) as f64;
}

/// Windows in step with the epoch: every reset is a multiple of the window and none is further off.
fn aligned(resets: &[Wait]) -> Option<Window> {
    let seconds = WINDOWS_SECONDS.into_iter().find(|&window| {
        let in_step = |wait: &Wait| {
            // A number of seconds is rounded up, a time is not worse than its own digits.
            let tolerance = if wait.absolute { 0.05 } else { 1.1 };
            let phase = wait.at.rem_euclid(window);
            phase.min(window - phase) <= tolerance
        };
        share(resets, |wait| wait.seconds <= window + 0.25) >= 0.97
            && share(resets, in_step) >= 0.95
    })?;
    Some(Window::shown(seconds, Some(Algorithm::FixedWindow), true))
}

/// A bucket states the time until it is full: so long for each call used up.
fn refilling(resets: &[Wait], limit: u64) -> Option<Window> {
    #[expect(clippy::cast_precision_loss, reason = "counts of a log")]
    let used = |wait: &Wait| wait.used.map_or(0.0, |used| used as f64);
    let mut ratios: Vec<f64> = resets
        .iter()
        .filter(|wait| used(wait) >= 2.0)
        .map(|wait| wait.seconds / used(wait))
        .collect();
    if ratios.len() < 10 {
        return None;
    }
    ratios.sort_by(f64::total_cmp);
    let each = ratios[ratios.len() / 2];
    let longest = resets.iter().map(|wait| wait.seconds).fold(0.0, f64::max);
    let follows = |wait: &Wait| (wait.seconds - used(wait) * each).abs() <= 1.1;
    let spread = longest - each > 3.0;
    #[expect(clippy::cast_precision_loss, reason = "limits are small")]
    let seconds = snapped(each * limit as f64);
    (spread && share(resets, follows) >= 0.9)
        .then(|| Window::shown(seconds, Some(Algorithm::TokenBucket), true))
}

/// The wait stated on a window's first call, else the longest of all.
fn longest(resets: &[Wait]) -> Option<Window> {
    let fresh: Vec<f64> =
        resets.iter().filter(|wait| wait.used == Some(1)).map(|wait| wait.seconds.ceil()).collect();
    let top = |waits: &[f64]| waits.iter().copied().fold(0.0, f64::max);
    let typical = top(&fresh);
    let agreeing = fresh.iter().filter(|wait| typical - **wait <= 1.0).count();
    let whole = fresh.len() >= 3 && agreeing * 5 >= fresh.len() * 4;
    let all: Vec<f64> = resets.iter().map(|wait| wait.seconds).collect();
    let seconds = snapped(if whole { typical } else { top(&all) });
    (seconds > 0.0).then(|| Window::shown(seconds, None, whole))
}

/// Of waits too few to show more: the shortest usual window that holds them all.
fn holding(resets: &[Wait]) -> Option<Window> {
    let longest = resets.iter().map(|wait| wait.seconds).reduce(f64::max)?;
    // A time in whole seconds is up to one late, which tells nothing of windows that short.
    let rounding = |window: f64| (0.05 * window).clamp(0.25, 1.0);
    let usual = WINDOWS_SECONDS.into_iter().find(|&window| longest <= window + rounding(window));
    let seconds = usual.unwrap_or_else(|| longest.ceil());
    (longest > 0.0).then(|| Window::shown(seconds, None, false))
}

/// The usual window a rounded wait stands for.
fn snapped(seconds: f64) -> f64 {
    let near = |window: &&f64| {
        (**window - seconds).abs() <= (0.05 * **window).max(0.3)
            || (seconds - 1.0..seconds).contains(*window) && seconds > 20.0
    };
    WINDOWS_SECONDS.iter().find(near).copied().unwrap_or_else(|| seconds.ceil())
}

/// Whether the resets cannot come from the prior's window.
fn refutes(resets: &[Wait], fit: &Window, prior: &RateLimit) -> bool {
    /// The vendor's clock may be so far from ours, and rounds up; seconds.
    const SKEW: f64 = 4.0;
    let beyond = 1.1 * prior.window_seconds + SKEW;
    if resets.iter().filter(|wait| wait.seconds > beyond).count() >= 3 {
        return true;
    }
    if fit.seconds > prior.window_seconds {
        return false;
    }
    match prior.algorithm {
        // Waits for the next token or for a full bucket are short whatever the window.
        Algorithm::TokenBucket | Algorithm::LeakyBucket | Algorithm::Concurrency => {
            fit.hint == Some(Algorithm::TokenBucket)
        }
        // So is the wait for the oldest call to leave, save after a pause.
        Algorithm::SlidingWindow => {
            let fresh = resets.iter().filter(|wait| wait.used == Some(1));
            let room = prior.window_seconds - SKEW;
            fit.sure
                && fresh.clone().count() >= 3
                && fresh.into_iter().all(|wait| wait.seconds < room)
        }
        Algorithm::FixedWindow => {
            let mut ends: Vec<i64> =
                resets.iter().map(|wait| microseconds(wait.at) / 1_000_000).collect();
            ends.sort_unstable();
            ends.dedup();
            // Waits within the prior's window are spread over all of it.
            let luck = i32::try_from(ends.len().min(1_000)).unwrap_or(1_000);
            fit.sure && (fit.seconds / prior.window_seconds).powi(luck) < 1e-3
        }
    }
}

/// The algorithm and window that explain refusals and stated remainders best, and by how many nats
/// it beats the prior's (nothing where that one is kept).
fn algorithm(
    series: &[Call],
    entries: &[(u32, &Observed)],
    limit: u64,
    window: Option<&Window>,
    grouping: Grouping,
    prior: Option<&RateLimit>,
) -> (Algorithm, f64, f64) {
    let chosen = super::infer::within_budget(series, of_the_same_plan(series, entries));
    let field = Field::new(series, &chosen, grouping);
    let remaining: BTreeMap<u32, i64> = entries
        .iter()
        .filter_map(|(index, observed)| Some((*index, observed.remaining?)))
        .collect();
    let windows = match window {
        Some(window) if window.stated => vec![window.seconds],
        _ => WINDOWS_SECONDS
            .into_iter()
            .chain(window.map(|window| window.seconds))
            .chain(prior.map(|prior| prior.window_seconds))
            .collect(),
    };
    let mut weighed: Vec<Weighed> = Vec::new();
    for seconds in windows {
        for (algorithm, limiter) in limiters(limit, seconds, prior) {
            let (mut score, explains) = weigh(&field, &remaining, limit, limiter);
            score -= window.map_or(0.0, |window| window.worth(algorithm, seconds));
            weighed.push(Weighed { score, explains, algorithm, seconds });
        }
    }
    weighed.sort_by(Weighed::order);
    preferring(prior.filter(|prior| prior.limit == limit), window, &weighed)
}

/// The best, unless the prior's algorithm and window are not clearly worse and not refuted; and by
/// how much it is better than those.
fn preferring(
    prior: Option<&RateLimit>,
    window: Option<&Window>,
    weighed: &[Weighed],
) -> (Algorithm, f64, f64) {
    let best = weighed[0];
    let refuted = window.is_some_and(|window| window.refutes);
    let kept = prior.and_then(|prior| {
        weighed.iter().copied().find(|one| {
            one.algorithm == prior.algorithm && (refuted || same(one.seconds, prior.window_seconds))
        })
    });
    match kept {
        Some(kept) if !best.explains || kept.score <= best.score + CLEARLY_BETTER_NATS => {
            (kept.algorithm, kept.seconds, 0.0)
        }
        Some(kept) => (best.algorithm, best.seconds, kept.score - best.score),
        None => (best.algorithm, best.seconds, 0.0),
    }
}

/// An algorithm with its window, replayed.
#[derive(Debug, Clone, Copy)]
struct Weighed {
    /// Nats; less is better.
    score: f64,
    /// Whether refusals and remainders follow it at all: where others use the same key, none does.
    explains: bool,
    algorithm: Algorithm,
    seconds: f64,
}

impl Weighed {
    fn order(a: &Self, b: &Self) -> std::cmp::Ordering {
        a.score
            .total_cmp(&b.score)
            .then(a.algorithm.cmp(&b.algorithm))
            .then(a.unusual().total_cmp(&b.unusual()))
            .then(a.seconds.total_cmp(&b.seconds))
    }

    /// How far the window is from a minute, in factors: what nothing tells apart is most likely to be
    /// what vendors state most often.
    fn unusual(&self) -> f64 {
        (self.seconds / 60.0).ln().abs()
    }
}

/// All calls of the callers that were told this limit, since they first were: also those whose answer
/// told nothing, for the limiter counted them.
fn of_the_same_plan(series: &[Call], entries: &[(u32, &Observed)]) -> Vec<u32> {
    let callers: BTreeSet<u64> =
        entries.iter().map(|(index, _)| series[*index as usize].caller).collect();
    let first = entries.first().map_or(0, |entry| entry.0);
    (0..)
        .zip(series)
        .skip(first as usize)
        .filter(|(_, call)| callers.contains(&call.caller) && !(call.throttled && call.gateway))
        .map(|(index, _)| index)
        .collect()
}

impl Window {
    /// What the look of the resets is worth for an algorithm with this window; nats.
    fn worth(&self, algorithm: Algorithm, seconds: f64) -> f64 {
        const HINT_NATS: f64 = 8.0;
        let window = if same(seconds, self.seconds) { HINT_NATS } else { 0.0 };
        let algorithm = if self.hint == Some(algorithm) { HINT_NATS } else { 0.0 };
        window + algorithm
    }
}

fn limiters(limit: u64, seconds: f64, prior: Option<&RateLimit>) -> Vec<(Algorithm, Limiter)> {
    let window_us = microseconds(seconds);
    let count = |counter| Limiter::Count { counter, limit };
    let mut limiters = vec![
        (Algorithm::FixedWindow, count(Counter::Fixed { window_us, phase_us: 0 })),
        (Algorithm::SlidingWindow, count(Counter::Sliding { window_us, counts_denied: false })),
        (Algorithm::TokenBucket, Limiter::bucket(limit, limit, window_us)),
        (Algorithm::FixedWindow, count(Counter::FromFirst { window_us })),
    ];
    if let Some(prior) = prior.filter(|prior| prior.limit == limit) {
        let same_window = RateLimit { window_seconds: seconds, ..prior.clone() };
        limiters.extend(Limiter::variants(&same_window).into_iter().map(|l| (prior.algorithm, l)));
    }
    limiters
}

/// Nats for what a limiter gets wrong, decisions and stated remainders, and whether that is little.
fn weigh(
    field: &Field,
    remaining: &BTreeMap<u32, i64>,
    limit: u64,
    limiter: Limiter,
) -> (f64, bool) {
    let (mut wrong, mut right) = (0_u32, 0_u32);
    for track in &field.tolerant {
        left_after(track, limiter, limit, |index, least, most| {
            if track.seen[index] == Seen::Accepted
                && let Some(&left) = remaining.get(&track.call[index])
            {
                let fits = (least..=most).contains(&left);
                wrong += u32::from(!fits);
                right += u32::from(fits);
            }
        });
    }
    let explains = field.sharp(limiter.mismatches(&field.tolerant)) && wrong * 9 <= right;
    (field.weigh_limiter(limiter) + f64::from(wrong), explains)
}

/// The remainder after each decided call: at least and at most.
fn left_after(track: &Track, limiter: Limiter, limit: u64, mut each: impl FnMut(usize, i64, i64)) {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    match limiter {
        Limiter::Count { counter, .. } => counter.count(track, |index, min, max| {
            each(index, (limit - 1 - signed(max)).max(0), (limit - 1 - signed(min)).max(0));
        }),
        Limiter::Bucket { burst, per_us } => levels(track, burst, per_us, |index, low, high| {
            #[expect(clippy::cast_possible_truncation, reason = "levels are at most the limit")]
            each(index, (low.floor() as i64 - 1).max(0), (high.floor() as i64 - 1).max(0));
        }),
    }
}
