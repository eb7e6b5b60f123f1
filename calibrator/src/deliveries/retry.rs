//! When a failed delivery comes again.
//!
//! # Source
//!
//! INFERENCE §5, "Delivery inference": the median gap by attempt, with a band of 20 %; success
//! censors, so only the beginning of a schedule can be known.

use std::collections::BTreeMap;

use models::RetrySchedule;

use super::attempt::Attempt;

/// Deliveries that have to show a gap.
const WITNESSES_MIN: usize = 3;
/// Of the gaps after one attempt, the share that has to lie within the band.
const WITHIN_MIN: f64 = 0.75;
/// Half of the band, of the median.
const BAND: f64 = 0.2;
/// And what it is at least: queues and sockets take their time.
const BAND_US_MIN: i64 = 1_500_000;
/// Attempts that begin within this of each other are of several endpoints behind one address, or a
/// duplicate: no vendor's queue is as quick to see a failure and try again.
const BURST_US: i64 = 500_000;
/// And sent within this, which vendors tell to the second.
const SENT_US: i64 = 1_000_000;
/// Without a gap known, how long nothing may come before a delivery counts as given up.
const QUIET_US_MIN: i64 = 24 * 3_600_000_000;
/// With one, that many times the last.
const QUIET_FACTOR: i64 = 4;
/// Gaps whose ratios differ by less are a geometric series.
const RATIO_BAND: f64 = 0.15;

/// The schedule as far as it shows; none where nothing failed.
pub(super) fn of(
    deliveries: &[&[Attempt]],
    present: Option<&RetrySchedule>,
    ends_us: i64,
    notes: &mut Vec<String>,
) -> Option<RetrySchedule> {
    let chains: Vec<Chain> = deliveries.iter().filter_map(|one| chain(one)).collect();
    let failed = chains.iter().filter(|chain| chain.failures > 0).count();
    if failed == 0 {
        return None;
    }
    let mut delays_ms = BTreeMap::new();
    for attempt in 1_u32.. {
        let gaps: Vec<i64> =
            chains.iter().filter_map(|chain| chain.gaps.get(&attempt).copied()).collect();
        if gaps.len() < WITNESSES_MIN {
            break;
        }
        let Some(median) = agreed(gaps) else {
            notes.push(format!(
                "webhooks that failed {attempt} times come again at no fixed time: redelivered by hand, or by a schedule of several kinds"
            ));
            break;
        };
        delays_ms.insert(attempt, rounded_ms(median));
    }
    let ends = is_given_up(&chains, &delays_ms, present, ends_us);
    if delays_ms.is_empty() && !ends {
        notes.push(format!("{failed} webhooks failed; too few came again to tell when they do"));
        return None;
    }
    let schedule = RetrySchedule { delays_ms, ends };
    notes.push(described(&schedule, failed));
    Some(schedule)
}

/// The attempts of one delivery that follow on failures.
struct Chain {
    /// From the end of a failed attempt to the next, microseconds, by the attempt that failed.
    gaps: BTreeMap<u32, i64>,
    /// The attempt that failed last, with nothing after it; 0 where one was taken.
    last_failed: u32,
    /// How many failed.
    failures: usize,
    /// When the last ended.
    ended_us: i64,
}

/// None of a delivery whose first attempt was not seen, as the vendor says.
fn chain(attempts: &[Attempt]) -> Option<Chain> {
    let bursts = bursts(attempts);
    let first = bursts.first()?;
    if first.stated.is_some_and(|stated| stated > 1) {
        return None;
    }
    let mut chain =
        Chain { gaps: BTreeMap::new(), last_failed: 0, failures: 0, ended_us: first.ended_us };
    let mut number = 1;
    for (index, burst) in bursts.iter().enumerate() {
        chain.ended_us = burst.ended_us;
        if burst.taken {
            // What comes after a success is a duplicate, or somebody's wish.
            chain.last_failed = 0;
            return Some(chain);
        }
        chain.failures += 1;
        chain.last_failed = number;
        let Some(next) = bursts.get(index + 1) else { break };
        let following = next.stated.unwrap_or(number + 1);
        // Where one between them was not seen, the gap is of no attempt.
        if following == number + 1 {
            chain.gaps.insert(number, (next.began_us - burst.ended_us).max(0));
        }
        number = following;
    }
    Some(chain)
}

/// Attempts that came together: one where an address has one endpoint behind it.
struct Burst {
    seen_us: i64,
    began_us: i64,
    ended_us: i64,
    stated: Option<u32>,
    taken: bool,
}

fn bursts(attempts: &[Attempt]) -> Vec<Burst> {
    let mut bursts: Vec<Burst> = Vec::new();
    for attempt in attempts {
        let stated = attempt.stated;
        match bursts.last_mut() {
            Some(last)
                if attempt.seen_at_us - last.seen_us < BURST_US
                    && attempt.began_us() - last.began_us <= SENT_US
                    && (stated.is_none() || stated == last.stated) =>
            {
                last.ended_us = last.ended_us.max(attempt.ended_us());
                // Of several endpoints the one that failed is the one that comes again.
                last.taken &= attempt.is_taken();
            }
            _ => bursts.push(Burst {
                seen_us: attempt.seen_at_us,
                began_us: attempt.began_us(),
                ended_us: attempt.ended_us(),
                stated,
                taken: attempt.is_taken(),
            }),
        }
    }
    bursts
}

/// The median of gaps that agree on it.
fn agreed(mut gaps: Vec<i64>) -> Option<i64> {
    gaps.sort_unstable();
    let median = gaps[gaps.len() / 2];
    let within = gaps.iter().filter(|gap| is_near(**gap, median)).count();
    (ratio(within, gaps.len()) >= WITHIN_MIN).then_some(median)
}

fn is_near(one: i64, other: i64) -> bool {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "days at most"
    )]
    let band = (other as f64 * BAND) as i64;
    (one - other).abs() <= band.max(BAND_US_MIN)
}

/// Whether enough deliveries failed as often as any did and nothing came for long after.
fn is_given_up(
    chains: &[Chain],
    delays_ms: &BTreeMap<u32, u64>,
    present: Option<&RetrySchedule>,
    ends_us: i64,
) -> bool {
    let last = u32::try_from(delays_ms.len()).unwrap_or(u32::MAX) + 1;
    let declared = present.and_then(|one| one.delays_ms.get(&last)).map(|ms| micros(*ms));
    let longest = delays_ms.values().max().map(|ms| micros(*ms) * QUIET_FACTOR);
    let quiet = declared.map(|us| us * 2).or(longest).unwrap_or(QUIET_US_MIN).max(BAND_US_MIN);
    let over = |chain: &&Chain| chain.last_failed == last && ends_us - chain.ended_us > quiet;
    let given_up = chains.iter().filter(over).count();
    given_up >= WITNESSES_MIN && !chains.iter().any(|chain| chain.last_failed > last)
}

fn micros(ms: u64) -> i64 {
    i64::try_from(ms.saturating_mul(1000)).unwrap_or(i64::MAX / QUIET_FACTOR)
}

/// To a twentieth, so that a schedule reads as it is meant: 59 980 ms are a minute.
fn rounded_ms(us: i64) -> u64 {
    let ms = u64::try_from(us / 1000).unwrap_or_default();
    let step = match ms {
        0..1_000 => 50,
        1_000..10_000 => 500,
        10_000..60_000 => 1_000,
        60_000..600_000 => 5_000,
        600_000..7_200_000 => 60_000,
        _ => 300_000,
    };
    (ms + step / 2) / step * step
}

fn described(schedule: &RetrySchedule, failed: usize) -> String {
    let delays: Vec<u64> = schedule.delays_ms.values().copied().collect();
    if delays.is_empty() {
        return format!("webhooks that fail are not repeated ({failed} failed)");
    }
    let told: Vec<_> = delays.iter().map(|ms| seconds(*ms)).collect();
    let end = if schedule.ends { ", then no more" } else { " and perhaps more" };
    let form = factor(&delays).map(|factor| format!(", {factor:.1} times longer each"));
    let form = form.unwrap_or_default();
    format!("webhooks that fail come again after {}{form}{end} ({failed} failed)", told.join(", "))
}

fn seconds(ms: u64) -> String {
    if ms.is_multiple_of(1000) {
        format!("{} s", ms / 1000)
    } else {
        format!("{}.{} s", ms / 1000, ms % 1000 / 100)
    }
}

/// The factor of a geometric series of three or more.
#[expect(clippy::cast_precision_loss, reason = "delays are days at most")]
fn factor(delays: &[u64]) -> Option<f64> {
    let ratios: Vec<f64> =
        delays.windows(2).map(|pair| pair[1] as f64 / (pair[0] as f64).max(1.0)).collect();
    let mean = ratios.iter().product::<f64>().powf(1.0 / ratios.len().max(1) as f64);
    let even = ratios.iter().all(|ratio| (ratio / mean - 1.0).abs() <= RATIO_BAND);
    (ratios.len() >= 2 && even && mean > 1.1).then_some(mean)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a window are small")]
fn ratio(part: usize, of: usize) -> f64 {
    part as f64 / of.max(1) as f64
}

/// The model's schedule with what was observed: all of it, or only what contradicts nothing.
///
/// A delay near the model's is the model's: medians of two windows are never quite the same.
pub(super) fn merged(
    present: Option<&RetrySchedule>,
    observed: &RetrySchedule,
    contradict: bool,
) -> RetrySchedule {
    let Some(present) = present else { return observed.clone() };
    let mut merged = present.clone();
    for (attempt, ms) in &observed.delays_ms {
        let fits = match present.delays_ms.get(attempt) {
            Some(known) => contradict && !is_near(micros(*ms), micros(*known)),
            // After an end that the model knows, more is a contradiction.
            None => contradict || !present.ends,
        };
        if fits {
            merged.delays_ms.insert(*attempt, *ms);
        }
    }
    let known = present.delays_ms.len();
    let seen = observed.delays_ms.len();
    if observed.ends && seen >= known {
        merged.ends = true;
    } else if observed.ends && contradict {
        merged.delays_ms = observed.delays_ms.clone();
        merged.ends = true;
    } else if contradict && seen > known {
        merged.ends = false;
    }
    merged
}
