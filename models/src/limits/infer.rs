//! From calls and a prior to verdicts.

use std::collections::{BTreeMap, BTreeSet};

use crate::RateLimit;

use super::{
    Call, LimitEvidence, LimitVerdict, Reason,
    replay::{Counter, Decision, microseconds},
    search::{Candidate, Field, search},
    stated::{CLEARLY_BETTER_NATS, Stated, accounts_for, gather},
    track::{Grouping, Seen, Track},
};

/// Calls decided otherwise below which the prior stands.
const OTHERWISE_MIN: u64 = 5;
/// Calls replayed; beyond, the callers refused most, and of those the time around refusals.
const REPLAYED_MAX: usize = 60_000;
/// Calls on which a search is tried first: what explains nothing here explains nothing.
const SCOUTED_MAX: usize = 15_000;

/// What rules out traffic that we do not see.
struct Proof {
    /// Windows with refusals, where three callers agree.
    windows_min: usize,
    /// Where fewer do.
    windows_of_few_min: usize,
    /// One window in so many may have a wrong decision.
    spoilt_one_in: usize,
}

impl Proof {
    const CALLERS_AGREEING_MIN: usize = 3;
    /// For a lower limit than the prior's: no false alarm in 5 000 seeds of `simulation`, half of
    /// them with unseen traffic on every key.
    const OF_LESS: Self = Self { windows_min: 8, windows_of_few_min: 40, spoilt_one_in: 20 };
    /// For a first limit, which replaces nothing.
    const OF_ANY: Self = Self { windows_min: 3, windows_of_few_min: 10, spoilt_one_in: 10 };
}

/// Compares each limit of the prior with what the calls show, and names limits the prior lacks.
///
/// `series` is in order of time and holds the vendor's calls only; `prior` is keyed by scope, as
/// in a model. One verdict a scope, in order of name: each scope of the prior has one, each scope
/// that headers state has one, and where both are absent there is one named `default`.
///
/// - A header's limit or window that is not the prior's is a change, unless a tenth of the calls
///   still show the prior's: callers may be on several plans. So a move by a part of the callers
///   is reported when nearly all have moved, or when all that were seen since have (by route), at
///   least five times.
/// - Without headers the prior is replayed. It stands unless it decides five calls otherwise *and* a
///   candidate explains the refusals clearly better (20 nats, at most 15 % of them unexplained).
/// - A candidate that only lowers the limit could be traffic on the same keys that we do not see. It
///   is believed where three callers agree, or where all refusals come at one sharp count.
/// - Refusals of gateways say nothing, and their other answers count as perhaps counted.
///
/// At most 60 000 calls are replayed; time is linear in these and in the candidates.
pub fn infer(series: &[Call], prior: &BTreeMap<String, RateLimit>) -> Vec<LimitVerdict> {
    let stated = gather(series);
    let pairs = pair(&stated, prior);
    let mut verdicts = Vec::new();
    for (scope, name) in stated.iter().zip(&pairs) {
        let before = name.as_ref().map(|name| (name.as_str(), &prior[name]));
        verdicts.push(conclude(series, scope, before));
    }
    let paired: BTreeSet<&String> = pairs.iter().flatten().collect();
    let silent: BTreeMap<&str, &RateLimit> = prior
        .iter()
        .filter(|(name, _)| !paired.contains(name))
        .map(|(name, limit)| (name.as_str(), limit))
        .collect();
    let beside = !stated.is_empty();
    let chosen: Vec<u32> = (0..)
        .zip(series)
        .filter(|(_, call)| !(call.throttled && (call.gateway || beside && accounts_for(call))))
        .map(|(index, _)| index)
        .collect();
    verdicts.extend(silently(series, &chosen, &silent, beside));
    verdicts.sort_by(|a, b| a.scope().cmp(b.scope()));
    verdicts
}

/// For each stated scope the prior's name for it: the same, else one alike, else the only one left.
fn pair(stated: &[Stated], prior: &BTreeMap<String, RateLimit>) -> Vec<Option<String>> {
    let mut left: BTreeMap<&String, &RateLimit> = prior.iter().collect();
    let mut pairs: Vec<Option<String>> = stated
        .iter()
        .map(|scope| left.remove_entry(&scope.scope).map(|(name, _)| name.clone()))
        .collect();
    for (scope, name) in stated.iter().zip(&mut pairs) {
        if name.is_none()
            && let Some(alike) = left.iter().find(|(_, limit)| scope.looks_like(limit))
        {
            *name = Some((*alike.0).clone());
            left.retain(|known, _| Some(*known) != name.as_ref());
        }
    }
    let open = |(_, name): &(&Stated, &mut Option<String>)| name.is_none();
    let mut unpaired: Vec<(&Stated, &mut Option<String>)> =
        stated.iter().zip(&mut pairs).filter(open).collect();
    unpaired.retain(|(scope, _)| scope.counts_requests());
    if let ([(_, name)], Some((only, _)), 1) =
        (&mut unpaired[..], left.first_key_value(), left.len())
    {
        **name = Some((*only).clone());
    }
    pairs
}

/// The verdict on a scope that headers state.
fn conclude(series: &[Call], stated: &Stated, prior: Option<(&str, &RateLimit)>) -> LimitVerdict {
    let reading = stated.read(series, prior.map(|(_, limit)| limit));
    let mut evidence = evidence(series, 0..series.len());
    evidence.stated = reading.stated;
    let Some((name, before)) = prior else {
        return LimitVerdict::NewScope {
            scope: stated.scope.clone(),
            limit: reading.limit,
            alternatives: Vec::new(),
            stated: true,
            evidence,
        };
    };
    let scope = name.to_owned();
    let since = series.partition_point(|call| call.at_us < reading.first_us);
    let decided_otherwise = || {
        let chosen = decidable(series, since..series.len());
        let grouping = Grouping::of(before.scope.as_deref());
        let field = Field::new(series, &within_budget(series, chosen), grouping);
        field.weigh_stated(before).mismatches
    };
    let stated_otherwise = reading.limit.limit != before.limit || reading.window_refuted;
    if !stated_otherwise
        && (reading.gain < CLEARLY_BETTER_NATS || decided_otherwise() < OTHERWISE_MIN)
    {
        return LimitVerdict::Unchanged { scope, limit: before.clone(), evidence };
    }
    let decided_otherwise = decided_otherwise();
    let stated = evidence.stated;
    evidence = LimitEvidence { stated, ..self::evidence(series, since..series.len()) };
    LimitVerdict::Changed {
        scope,
        before: before.clone(),
        after: reading.limit,
        alternatives: Vec::new(),
        decided_otherwise,
        stated: true,
        evidence,
    }
}

/// The verdicts on scopes of which no header speaks; `chosen` leaves out what stated scopes refused.
fn silently(
    series: &[Call],
    chosen: &[u32],
    prior: &BTreeMap<&str, &RateLimit>,
    beside: bool,
) -> Vec<LimitVerdict> {
    let denied = chosen.iter().filter(|&&index| series[index as usize].throttled).count() as u64;
    if prior.is_empty() {
        if beside && denied < OTHERWISE_MIN {
            return Vec::new();
        }
        let scope = if beside { "unstated" } else { "default" };
        return vec![discover(series, chosen, scope)];
    }
    if denied == 0 {
        return prior
            .iter()
            .map(|(name, limit)| bound(series, chosen, name, Some(limit)))
            .collect();
    }
    let chosen = within_budget(series, chosen.to_vec());
    let verdicts = explained_by_prior(series, &chosen, prior);
    verdicts.unwrap_or_else(|| replace_one(series, &chosen, prior))
}

/// Without a refusal: the most that was let through in the prior's window.
fn bound(series: &[Call], chosen: &[u32], name: &str, before: Option<&RateLimit>) -> LimitVerdict {
    /// Where there is no prior; seconds.
    const WINDOW_SECONDS: f64 = 60.0;
    let evidence = evidence_of(series, chosen);
    let scope = name.to_owned();
    if evidence.calls == 0 {
        return LimitVerdict::CannotTell { scope, reason: Reason::NoCalls, evidence };
    }
    let window_seconds = before.map_or(WINDOW_SECONDS, |limit| limit.window_seconds).max(1e-3);
    let grouping = Grouping::of(before.and_then(|limit| limit.scope.as_deref()));
    let field = Field::new(series, &within_budget(series, chosen.to_vec()), grouping);
    let mut at_least = 0;
    let counter =
        Counter::Sliding { window_us: microseconds(window_seconds), counts_denied: false };
    for track in &field.tolerant {
        counter.count(track, |_, min, _| at_least = at_least.max(min + 1));
    }
    let decided_otherwise = before.map_or(0, |limit| field.weigh_stated(limit).mismatches);
    let before = before.cloned();
    LimitVerdict::OnlyLowerBound {
        scope,
        before,
        at_least,
        window_seconds,
        decided_otherwise,
        evidence,
    }
}

/// A limit where the prior has none.
fn discover(series: &[Call], chosen: &[u32], name: &str) -> LimitVerdict {
    let evidence = evidence_of(series, chosen);
    if evidence.throttled == 0 {
        return bound(series, chosen, name, None);
    }
    let scope = name.to_owned();
    let chosen = within_budget(series, chosen.to_vec());
    let Some((field, candidates)) = coarsest(series, &chosen, None) else {
        return LimitVerdict::CannotTell { scope, reason: Reason::Unexplained, evidence };
    };
    if !agreed(&field, &candidates[0], &Proof::OF_ANY) {
        let reason = Reason::PerhapsUnseenTraffic;
        return LimitVerdict::CannotTell { scope, reason, evidence };
    }
    let (limit, alternatives) = split(candidates, series, &chosen);
    LimitVerdict::NewScope { scope, limit, alternatives, stated: false, evidence }
}

/// Unchanged, where the prior's limits together decide as was seen.
fn explained_by_prior(
    series: &[Call],
    chosen: &[u32],
    prior: &BTreeMap<&str, &RateLimit>,
) -> Option<Vec<LimitVerdict>> {
    if together(series, chosen, prior).count >= OTHERWISE_MIN {
        return None;
    }
    let evidence = evidence_of(series, chosen);
    let unchanged = |(name, limit): (&&str, &&RateLimit)| LimitVerdict::Unchanged {
        scope: (*name).to_owned(),
        limit: (*limit).clone(),
        evidence,
    };
    Some(prior.iter().map(unchanged).collect())
}

/// What a set of limits decides otherwise, and which refusals it accounts for.
struct Together {
    count: u64,
    /// Indices of calls decided otherwise, ascending.
    otherwise: Vec<u32>,
    /// Refusals that at least one of the limits may have decided.
    accounted: BTreeSet<u32>,
}

fn together(series: &[Call], chosen: &[u32], limits: &BTreeMap<&str, &RateLimit>) -> Together {
    let mut refused_by_none: BTreeSet<u32> =
        chosen.iter().copied().filter(|&index| series[index as usize].throttled).collect();
    let denied = refused_by_none.clone();
    let mut otherwise: BTreeSet<u32> = BTreeSet::new();
    for limit in limits.values() {
        let field = Field::new(series, chosen, Grouping::of(limit.scope.as_deref()));
        let best = field.weigh_stated(limit);
        for track in &field.tolerant {
            best.limiter.decide(track, |index, decision| match (track.seen[index], decision) {
                (Seen::Accepted, Decision::Deny) => {
                    otherwise.insert(track.call[index]);
                }
                (Seen::Denied, Decision::Deny | Decision::Either) => {
                    refused_by_none.remove(&track.call[index]);
                }
                _ => {}
            });
        }
    }
    otherwise.extend(&refused_by_none);
    let accounted = denied.difference(&refused_by_none).copied().collect();
    Together {
        count: otherwise.len() as u64,
        otherwise: otherwise.into_iter().collect(),
        accounted,
    }
}

/// The prior does not explain the calls: which of its limits must be another?
///
/// Each in turn is searched anew over the refusals that the others do not account for. The one whose
/// replacement explains most is judged, the others stand.
fn replace_one(
    series: &[Call],
    chosen: &[u32],
    prior: &BTreeMap<&str, &RateLimit>,
) -> Vec<LimitVerdict> {
    let trials = prior.iter().map(|(name, limit)| {
        let mut others = prior.clone();
        others.remove(name);
        let rest = unaccounted(series, chosen, &others);
        (*name, judge(series, &rest, name, limit))
    });
    let rank = |verdict: &LimitVerdict| match verdict {
        LimitVerdict::Changed { .. } => 0,
        LimitVerdict::Unchanged { .. } => 1,
        _ => 2,
    };
    let verdicts: BTreeMap<&str, LimitVerdict> = trials.collect();
    let Some(replaced) =
        verdicts.iter().min_by_key(|(_, verdict)| rank(verdict)).map(|(name, _)| *name)
    else {
        return Vec::new();
    };
    let evidence = evidence_of(series, chosen);
    let changed = rank(&verdicts[replaced]) == 0;
    verdicts
        .into_iter()
        .map(|(name, verdict)| {
            if changed && name != replaced {
                let (scope, limit) = (name.to_owned(), prior[name].clone());
                LimitVerdict::Unchanged { scope, limit, evidence }
            } else {
                verdict
            }
        })
        .collect()
}

/// The calls without the refusals that these limits account for.
fn unaccounted(series: &[Call], chosen: &[u32], limits: &BTreeMap<&str, &RateLimit>) -> Vec<u32> {
    if limits.is_empty() {
        return chosen.to_vec();
    }
    let accounted = together(series, chosen, limits).accounted;
    chosen.iter().copied().filter(|index| !accounted.contains(index)).collect()
}

/// The verdict on one limit of the prior, whose refusals alone are among the chosen calls.
fn judge(series: &[Call], chosen: &[u32], name: &str, before: &RateLimit) -> LimitVerdict {
    let scope = name.to_owned();
    let only = BTreeMap::from([(name, before)]);
    let against = together(series, chosen, &only);
    let whole = evidence_of(series, chosen);
    let unchanged = |limit: &RateLimit| LimitVerdict::Unchanged {
        scope: scope.clone(),
        limit: limit.clone(),
        evidence: whole,
    };
    if against.count < OTHERWISE_MIN {
        return unchanged(before);
    }
    // All calls, else those since the prior began to fail: the change may lie within the window.
    let since = chosen.partition_point(|index| *index < against.otherwise[2]);
    for part in [chosen, &chosen[since..]] {
        let Some((field, candidates)) = coarsest(series, part, Some(before)) else { continue };
        let by_prior = Field::new(series, part, Grouping::of(before.scope.as_deref()));
        let prior = by_prior.weigh_stated(before);
        let best = &candidates[0];
        let decided_otherwise = prior.mismatches;
        if decided_otherwise < OTHERWISE_MIN || prior.score < best.score + CLEARLY_BETTER_NATS {
            continue;
        }
        if only_lowers(&field, before) && !agreed(&field, best, &Proof::OF_LESS) {
            if by_prior.explained(&prior) {
                return unchanged(before);
            }
            let reason = Reason::PerhapsUnseenTraffic;
            return LimitVerdict::CannotTell { scope, reason, evidence: whole };
        }
        let first = against.otherwise.iter().find(|&&index| index >= part[0]).copied();
        let part: Vec<u32> = part.iter().copied().filter(|&index| Some(index) >= first).collect();
        let (after, alternatives) = split(candidates, series, &part);
        let before = before.clone();
        let evidence = evidence_of(series, &part);
        return LimitVerdict::Changed {
            scope,
            before,
            after,
            alternatives,
            decided_otherwise,
            stated: false,
            evidence,
        };
    }
    let field = Field::new(series, chosen, Grouping::of(before.scope.as_deref()));
    if field.explained(&field.weigh_stated(before)) {
        return unchanged(before);
    }
    LimitVerdict::CannotTell { scope, reason: Reason::Unexplained, evidence: whole }
}

/// Whether the calls speak only for less than the prior allows. Calls let through that the prior
/// refuses, whatever is meant by it, speak for more, whoever else uses the key.
fn only_lowers(field: &Field, before: &RateLimit) -> bool {
    field.let_through_against(before) < OTHERWISE_MIN
}

/// Whether unseen traffic on the same keys is ruled out: refusals come at one sharp count in window
/// after window, and so for three callers, or for fewer in many windows.
///
/// Unseen calls are not the same number each time, so they smear the counts.
fn agreed(field: &Field, best: &Candidate, proof: &Proof) -> bool {
    let window_us = microseconds(best.limit.window_seconds.max(1.0));
    let (mut callers, mut windows_total, mut spoilt_total) = (0, 0, 0);
    for track in &field.tolerant {
        let (windows, spoilt) = windows_with_refusals(track, best, window_us);
        callers += usize::from(windows >= 1 && spoilt * 10 <= windows);
        windows_total += windows;
        spoilt_total += spoilt;
    }
    let sharp = field.sharp(best.mismatches) && spoilt_total * proof.spoilt_one_in <= windows_total;
    let enough = if callers >= Proof::CALLERS_AGREEING_MIN {
        proof.windows_min
    } else {
        proof.windows_of_few_min
    };
    sharp && windows_total >= enough
}

/// Windows of a track in which calls were refused, and those of them with a wrong decision.
fn windows_with_refusals(track: &Track, best: &Candidate, window_us: i64) -> (usize, usize) {
    let (mut windows, mut spoilt, mut begun, mut is_spoilt) = (0, 0, i64::MIN / 2, false);
    let mut wrong_since = false;
    best.limiter.decide(track, |index, decision| {
        let wrong = decision.differs(track.seen[index]);
        let at = track.lo[index];
        if track.seen[index] == Seen::Denied && at - begun >= window_us {
            (begun, is_spoilt) = (at, wrong_since);
            windows += 1;
            spoilt += usize::from(wrong_since);
            wrong_since = false;
        }
        if wrong && at - begun >= window_us {
            wrong_since = true;
        } else if wrong && !is_spoilt {
            is_spoilt = true;
            spoilt += 1;
        }
    });
    (windows, spoilt)
}

/// The coarsest grouping in which a limiter explains the refusals, with its candidates, best first.
fn coarsest(
    series: &[Call],
    chosen: &[u32],
    prior: Option<&RateLimit>,
) -> Option<(Field, Vec<Candidate>)> {
    let first = Grouping::of(prior.and_then(|prior| prior.scope.as_deref()));
    let others = Grouping::EACH.into_iter().filter(|grouping| *grouping != first);
    let scouted = at_most(SCOUTED_MAX, series, chosen.to_vec());
    for grouping in std::iter::once(first).chain(others) {
        if scouted.len() < chosen.len()
            && search(&Field::new(series, &scouted, grouping), prior).is_empty()
        {
            continue;
        }
        let field = Field::new(series, chosen, grouping);
        let candidates = search(&field, prior);
        if !candidates.is_empty() {
            return Some((field, candidates));
        }
    }
    None
}

/// The best candidate and the others, with the style of headers that refusals carry.
fn split(
    candidates: Vec<Candidate>,
    series: &[Call],
    chosen: &[u32],
) -> (RateLimit, Vec<RateLimit>) {
    let told = chosen.iter().any(|&index| {
        let call = &series[index as usize];
        call.throttled && call.headers.iter().any(|told| told.retry_after_seconds.is_some())
    });
    let headers = if told { "retry-after" } else { "none" };
    let mut limits = candidates
        .into_iter()
        .map(|candidate| RateLimit { headers: Some(headers.to_owned()), ..candidate.limit });
    let best = limits.next().expect("a search that explains has a candidate");
    (best, limits.collect())
}

fn decidable(series: &[Call], range: std::ops::Range<usize>) -> Vec<u32> {
    range
        .filter(|&index| !(series[index].throttled && series[index].gateway))
        .filter_map(|index| u32::try_from(index).ok())
        .collect()
}

fn evidence(series: &[Call], range: std::ops::Range<usize>) -> LimitEvidence {
    evidence_of(series, &decidable(series, range))
}

fn evidence_of(series: &[Call], chosen: &[u32]) -> LimitEvidence {
    let calls = || chosen.iter().map(|&index| &series[index as usize]);
    LimitEvidence {
        calls: chosen.len() as u64,
        throttled: calls().filter(|call| call.throttled).count() as u64,
        stated: 0,
        callers: calls().map(|call| call.caller).collect::<BTreeSet<_>>().len() as u64,
        first_us: calls().next().map(|call| call.at_us),
        last_us: calls().next_back().map(|call| call.at_us),
    }
}

/// At most as many calls as are replayed.
pub(super) fn within_budget(series: &[Call], chosen: Vec<u32>) -> Vec<u32> {
    at_most(REPLAYED_MAX, series, chosen)
}

/// At most so many calls: whole callers, those refused most first; of one that is too large alone, the
/// stretch with most refusals.
fn at_most(most: usize, series: &[Call], chosen: Vec<u32>) -> Vec<u32> {
    if chosen.len() <= most {
        return chosen;
    }
    let mut callers: BTreeMap<u64, (u64, Vec<u32>)> = BTreeMap::new();
    for &index in &chosen {
        let call = &series[index as usize];
        let caller = callers.entry(call.caller).or_default();
        caller.0 += u64::from(call.throttled);
        caller.1.push(index);
    }
    let mut callers: Vec<(u64, Vec<u32>)> = callers.into_values().collect();
    callers.sort_by_key(|(denied, _)| std::cmp::Reverse(*denied));
    // No caller takes more than its share, lest one hide all others.
    let share = most / callers.len().clamp(1, Proof::CALLERS_AGREEING_MIN);
    let mut kept = Vec::new();
    for (_, calls) in callers {
        let room = share.min(most - kept.len());
        // A stretch too short to hold a window's worth of calls is not worth its seam.
        if room < most / 10 && calls.len() > room {
            continue;
        }
        kept.extend(densest(series, &calls, room));
    }
    kept.sort_unstable();
    kept
}

/// The stretch of so many calls with most refusals, in steps of an eighth.
fn densest<'a>(series: &[Call], calls: &'a [u32], room: usize) -> &'a [u32] {
    if calls.len() <= room {
        return calls;
    }
    let step = (room / 8).max(1);
    let denied =
        |part: &[u32]| part.iter().filter(|&&index| series[index as usize].throttled).count();
    calls.windows(room).step_by(step).max_by_key(|part| denied(part)).unwrap_or(&calls[..room])
}
