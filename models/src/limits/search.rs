//! Which limiter explains what was refused, where no header says so.

use crate::{Algorithm, RateLimit};

use super::{
    Call,
    phase::Phase,
    replay::{Counter, Limiter, Tally, microseconds},
    track::{Clock, Grouping, Seen, Track, tracks},
};

/// Windows vendors use; seconds. INFERENCE §4.
pub(super) const WINDOWS_SECONDS: [f64; 15] = [
    1.0, 2.0, 5.0, 6.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 3_600.0, 86_400.0,
];
/// What one wrong decision costs: ln((1-e)/e) nats at e = .02, the share that jitter spoils.
const MISMATCH_NATS: f64 = 3.89;
/// What a decision costs that is wrong only by an exact clock.
const EXACT_MISMATCH_NATS: f64 = 0.5;
/// Candidates this near the best are not told from it.
const TIE_NATS: f64 = 2.0;
/// Of the refusals, or of the accepted calls if these are fewer, at most this share may be left
/// unexplained.
const UNEXPLAINED_MAX: f64 = 0.15;
/// And this, where traffic we do not see is another explanation: that smears the counts.
const UNEXPLAINED_SHARP_MAX: f64 = 0.03;
/// By an exact clock, at most this share of the rarer outcome: where calls come faster than the
/// doubt in their times, a tolerant replay lets anything pass.
const EXACTLY_UNEXPLAINED_MAX: f64 = 0.5;
/// Candidates kept for the closer look.
const FINALISTS: usize = 24;

/// Calls divided for replay.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) tolerant: Vec<Track>,
    exact: Vec<Track>,
    pub(super) grouping: Grouping,
    denied: u64,
    decided: u64,
}

impl Field {
    /// Divides the chosen calls, given as ascending indices.
    pub(super) fn new(series: &[Call], chosen: &[u32], grouping: Grouping) -> Self {
        let tolerant = tracks(series, chosen, grouping, Clock::Tolerant);
        let exact = tracks(series, chosen, grouping, Clock::Exact);
        let seen = |wanted| {
            tolerant.iter().flat_map(|track| &track.seen).filter(|&&seen| seen == wanted).count()
                as u64
        };
        let denied = seen(Seen::Denied);
        let decided = denied + seen(Seen::Accepted);
        Self { tolerant, exact, grouping, denied, decided }
    }

    fn score(&self, mismatches: u64, exact: u64, parameters: f64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "counts of a log are far below 2^52")]
        let (mismatches, exact, n) = (mismatches as f64, exact as f64, self.decided.max(2) as f64);
        MISMATCH_NATS * mismatches + EXACT_MISMATCH_NATS * exact + parameters * n.ln() / 2.0
    }

    /// Weighs one limiter.
    pub(super) fn weigh(&self, limiter: Limiter, limit: RateLimit, parameters: f64) -> Candidate {
        let mismatches = limiter.mismatches(&self.tolerant);
        let exact = limiter.mismatches(&self.exact);
        let score = self.score(mismatches, exact, parameters);
        Candidate { limiter, limit, mismatches, exact, score }
    }

    /// What a limiter gets wrong; nats, without a price on its parameters.
    pub(super) fn weigh_limiter(&self, limiter: Limiter) -> f64 {
        self.score(limiter.mismatches(&self.tolerant), limiter.mismatches(&self.exact), 0.0)
    }

    /// The variant of a stated limit that explains most.
    pub(super) fn weigh_stated(&self, limit: &RateLimit) -> Candidate {
        let mut best: Option<Candidate> = None;
        for limiter in Limiter::variants(limit) {
            let limiter = Self::in_phase(limiter, |limiter| limiter.mismatches(&self.tolerant));
            let weighed = self.weigh(limiter, limit.clone(), 0.0);
            let done = weighed.mismatches == 0;
            if best.as_ref().is_none_or(|best| weighed.score < best.score) {
                best = Some(weighed);
            }
            if done {
                break;
            }
        }
        best.expect("each algorithm has a variant")
    }

    /// Calls let through that a stated limit refuses, by the variant that refuses fewest of them.
    pub(super) fn let_through_against(&self, limit: &RateLimit) -> u64 {
        let refused = |limiter: Limiter| {
            let mut refused = 0;
            for track in &self.tolerant {
                limiter.decide(track, |index, decision| {
                    let wrong = decision.differs(track.seen[index]);
                    refused += u64::from(wrong && track.seen[index] == Seen::Accepted);
                });
            }
            refused
        };
        let variants = Limiter::variants(limit).into_iter();
        variants.map(|limiter| refused(Self::in_phase(limiter, refused))).min().unwrap_or(0)
    }

    /// The same limiter by the vendor's clock: a fixed window's phase is moved to where least is
    /// wrong.
    fn in_phase(limiter: Limiter, wrong: impl Fn(Limiter) -> u64) -> Limiter {
        let Limiter::Count { counter: Counter::Fixed { window_us, phase_us: 0 }, limit } = limiter
        else {
            return limiter;
        };
        let at = |counter| Limiter::Count { counter, limit };
        let wrong = |counter| wrong(at(counter));
        at(Phase::coarse(window_us, wrong).refined(wrong).counter())
    }

    /// Whether a limiter explains the refusals.
    pub(super) fn explained(&self, by: &Candidate) -> bool {
        self.within(by.mismatches, UNEXPLAINED_MAX)
            && self.within(by.exact, EXACTLY_UNEXPLAINED_MAX)
    }

    /// Whether so many mismatches leave nothing smeared.
    pub(super) fn sharp(&self, mismatches: u64) -> bool {
        self.within(mismatches, UNEXPLAINED_SHARP_MAX)
    }

    /// A limiter that refuses nearly all is no explanation, so the rarer outcome is the measure.
    #[expect(clippy::cast_precision_loss, reason = "counts of a log are far below 2^52")]
    fn within(&self, mismatches: u64, share: f64) -> bool {
        mismatches as f64 <= share * self.denied.min(self.decided - self.denied) as f64
    }
}

/// A limiter and how well it explains.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) limiter: Limiter,
    pub(super) limit: RateLimit,
    pub(super) mismatches: u64,
    /// By an exact clock.
    exact: u64,
    /// Nats; less is better.
    pub(super) score: f64,
}

/// The limiters that explain the refusals, the best and those within two nats of it; best first.
///
/// Among these one with the prior's window and algorithm comes first, then by score, algorithm and
/// window.
pub(super) fn search(field: &Field, prior: Option<&RateLimit>) -> Vec<Candidate> {
    let mut candidates = counting(field, prior, first_counters());
    candidates.extend(buckets(field));
    sort(&mut candidates);
    candidates.retain(|candidate| field.explained(candidate));
    if candidates.is_empty() {
        candidates.extend(counting(field, prior, other_counters(field)));
        sort(&mut candidates);
        candidates.retain(|candidate| field.explained(candidate));
    }
    let Some(best) = candidates.first().map(|best| best.score) else { return candidates };
    candidates.retain(|candidate| candidate.score <= best + TIE_NATS);
    if let Some(prior) = prior {
        candidates.sort_by_key(|candidate| {
            let limit = &candidate.limit;
            let window = same(limit.window_seconds, prior.window_seconds);
            (!window || limit.algorithm != prior.algorithm, !window)
        });
    }
    candidates.dedup_by(|a, b| a.limit == b.limit);
    candidates
}

fn sort(candidates: &mut [Candidate]) {
    candidates.sort_by(|a, b| {
        let key = |c: &Candidate| (c.limit.algorithm, c.limit.window_seconds);
        a.score
            .total_cmp(&b.score)
            .then_with(|| key(a).0.cmp(&key(b).0).then_with(|| key(a).1.total_cmp(&key(b).1)))
    });
}

pub(super) fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= 0.1 * b
}

/// Counters with the number of their parameters, the limit included.
fn first_counters() -> Vec<(Counter, f64)> {
    let mut counters = vec![(Counter::InFlight, 1.0)];
    for window in WINDOWS_SECONDS {
        let window_us = microseconds(window);
        counters.push((Counter::Fixed { window_us, phase_us: 0 }, 2.0));
        counters.push((Counter::Sliding { window_us, counts_denied: false }, 2.0));
        counters.push((Counter::FromFirst { window_us }, 2.2));
    }
    counters
}

/// Tried where none of the first explains: windows that count refusals, and other phases of the
/// windows that are nearest to explaining.
fn other_counters(field: &Field) -> Vec<(Counter, f64)> {
    const REFINED: usize = 2;
    let wrong = |counter| Tally::of(counter, &field.tolerant).best().2;
    let windows = || WINDOWS_SECONDS.into_iter().map(microseconds);
    let mut fixed: Vec<Phase> =
        windows().map(|window_us| Phase::coarse(window_us, wrong)).collect();
    fixed.sort_by_key(|phase| phase.wrong);
    let fixed = fixed.into_iter().take(REFINED).map(|phase| phase.refined(wrong).counter());
    windows()
        .map(|window_us| Counter::Sliding { window_us, counts_denied: true })
        .chain(fixed)
        .map(|counter| (counter, 3.0))
        .collect()
}

/// A counter with its best limits, before the closer look.
struct Rough {
    counter: Counter,
    parameters: f64,
    /// Limits from here to `last` are equally good.
    first: u64,
    last: u64,
    mismatches: u64,
    score: f64,
}

fn counting(
    field: &Field,
    prior: Option<&RateLimit>,
    counters: Vec<(Counter, f64)>,
) -> Vec<Candidate> {
    let mut rough: Vec<Rough> = counters
        .into_iter()
        .map(|(counter, parameters)| {
            let (first, last, mismatches) = Tally::of(counter, &field.tolerant).best();
            let score = field.score(mismatches, 0, parameters);
            Rough { counter, parameters, first, last, mismatches, score }
        })
        .collect();
    rough.sort_by(|a, b| a.score.total_cmp(&b.score));
    rough.truncate(FINALISTS);
    rough
        .into_iter()
        .map(|Rough { counter, parameters, first, last, mismatches, .. }| {
            let exact = Tally::of(counter, &field.exact);
            let preferred =
                prior.map(|prior| prior.limit).filter(|limit| (first..=last).contains(limit));
            let limit = exact.best_within(first, last, preferred);
            let exact = exact.mismatches(limit);
            let score = field.score(mismatches, exact, parameters);
            let limiter = Limiter::Count { counter, limit };
            let limit = rate_limit(counter, limit, field.grouping);
            Candidate { limiter, limit, mismatches, exact, score }
        })
        .collect()
}

fn rate_limit(counter: Counter, limit: u64, grouping: Grouping) -> RateLimit {
    let (algorithm, window_us) = match counter {
        Counter::Fixed { window_us, .. } | Counter::FromFirst { window_us } => {
            (Algorithm::FixedWindow, window_us)
        }
        Counter::Sliding { window_us, .. } => (Algorithm::SlidingWindow, window_us),
        Counter::InFlight => (Algorithm::Concurrency, 0),
    };
    #[expect(clippy::cast_precision_loss, reason = "a window is far below 2^52 us")]
    plain(algorithm, limit, window_us as f64 / 1e6, grouping)
}

fn plain(algorithm: Algorithm, limit: u64, window_seconds: f64, grouping: Grouping) -> RateLimit {
    RateLimit {
        algorithm,
        limit,
        window_seconds,
        burst: None,
        scope: grouping.name().map(str::to_owned),
        cost: None,
        headers: None,
    }
}

/// Token buckets: for each window the sizes that the bursts and the rate of a full bucket suggest,
/// then their neighbours.
fn buckets(field: &Field) -> Vec<Candidate> {
    let mut found: Vec<(u64, f64, f64, u64)> = Vec::new();
    for window in WINDOWS_SECONDS {
        let hints: Vec<f64> =
            [rate_hint(field, window).map(|rate| rate * window), burst_hint(field, window)]
                .into_iter()
                .flatten()
                .collect();
        if let Some((limit, mismatches)) = climb(field, window, &hints) {
            found.push((limit, window, 2.0, mismatches));
        }
    }
    if let Some((limit, window)) = free_bucket(field) {
        let near = WINDOWS_SECONDS.iter().any(|&known| same(window, known));
        if !near && let Some((limit, mismatches)) = climb(field, window, &[limit]) {
            found.push((limit, window, 3.0, mismatches));
        }
    }
    found.sort_by_key(|bucket| bucket.3);
    found.truncate(4);
    found
        .into_iter()
        .map(|(limit, window, parameters, _)| {
            let limiter = Limiter::bucket(limit, limit, microseconds(window));
            let limit = plain(Algorithm::TokenBucket, limit, window, field.grouping);
            field.weigh(limiter, limit, parameters)
        })
        .collect()
}

/// From the hints, to the neighbour with the fewest mismatches, until none has fewer.
fn climb(field: &Field, window: f64, hints: &[f64]) -> Option<(u64, u64)> {
    const STEPS_MAX: usize = 12;
    let window_us = microseconds(window);
    let mismatches =
        |limit: u64| Limiter::bucket(limit, limit, window_us).mismatches(&field.tolerant);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, small")]
    let starts = hints.iter().filter(|hint| **hint >= 0.5).map(|hint| hint.round() as u64);
    let mut best = starts.map(|limit| (limit, mismatches(limit))).min_by_key(|found| found.1)?;
    for _ in 0..STEPS_MAX {
        let step = (best.0 / 16).max(1);
        let neighbours = [best.0 - 1, best.0 + 1, best.0.saturating_sub(step), best.0 + step];
        let next = neighbours
            .into_iter()
            .filter(|&limit| limit > 0 && limit != best.0)
            .map(|limit| (limit, mismatches(limit)))
            .min_by_key(|found| found.1);
        match next {
            Some(next) if next.1 < best.1 => best = next,
            _ => break,
        }
    }
    Some(best)
}

/// Calls let through per second while the bucket was empty: between two refusals no further apart
/// than half the window, so that it cannot have filled in between.
fn rate_hint(field: &Field, window: f64) -> Option<f64> {
    let gap_max = microseconds(window / 2.0);
    let (mut passed_total, mut gap_total) = (0_u64, 0_i64);
    for track in &field.tolerant {
        let (mut last, mut passed) = (None, 0);
        for (&at, &seen) in track.lo.iter().zip(&track.seen) {
            if seen != Seen::Denied {
                passed += 1;
                continue;
            }
            if let Some(gap) = last.map(|last| at - last).filter(|gap| *gap <= gap_max) {
                passed_total += passed;
                gap_total += gap;
            }
            (last, passed) = (Some(at), 0);
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "counts and spans of a log")]
    (passed_total >= 5 && gap_total > 0).then(|| passed_total as f64 * 1e6 / gap_total as f64)
}

/// The size that lets through what was let through between a pause of the window's length and the
/// next refusal: the median over such bursts.
fn burst_hint(field: &Field, window: f64) -> Option<f64> {
    let sizes = bursts(field, window)
        .into_iter()
        .map(|(passed, lasted)| (passed + 0.5) / (1.0 + lasted / window))
        .collect();
    median(sizes)
}

/// A bucket with a window of its own: the rate while refusing, and what bursts had beyond it.
fn free_bucket(field: &Field) -> Option<(f64, f64)> {
    let rate = [1.0, 4.0, 20.0, 120.0].iter().find_map(|&window| rate_hint(field, window))?;
    let sizes = bursts(field, 60.0)
        .into_iter()
        .map(|(passed, lasted)| passed + 0.5 - rate * lasted)
        .collect();
    let size = median(sizes).filter(|size| *size >= 1.0)?;
    Some((size, (size / rate * 10.0).round() / 10.0)).filter(|found| found.1 > 0.0)
}

/// Calls let through after a pause until the first refusal, and how long that took; seconds.
fn bursts(field: &Field, pause: f64) -> Vec<(f64, f64)> {
    let pause_us = microseconds(pause);
    let mut bursts = Vec::new();
    for track in &field.tolerant {
        let (mut begun, mut passed, mut last) = (None, 0.0, None::<i64>);
        for (&at, &seen) in track.lo.iter().zip(&track.seen) {
            if last.is_none_or(|last| at - last >= pause_us) {
                (begun, passed) = (Some(at), 0.0);
            }
            last = Some(at);
            if seen != Seen::Denied {
                passed += 1.0;
            } else if let Some(begun) = begun.take() {
                #[expect(clippy::cast_precision_loss, reason = "spans of a log")]
                bursts.push((passed, (at - begun) as f64 / 1e6));
            }
        }
    }
    bursts
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
