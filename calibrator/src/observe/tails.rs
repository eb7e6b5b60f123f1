//! The window's tails: its last half, quarter, eighth and sixteenth.
//!
//! What the vendor took away in the middle of a window is there in the window as a whole; only in a
//! stretch that ends with the window is it missing. Stretches that halve each time find any date of
//! change within a factor of two of the evidence there is after it, and cost one column in the
//! queries that count.

use super::rows::Rows;
use super::session::LakeSession;
use super::{HeldBack, ObserveError};
use crate::evidence::{Evidence, Span};

/// How many tails there are: as many times as the queries take.
pub(super) const TAILS: usize = 4;
/// Exchanges whose times are looked at for the bounds.
const SAMPLED: u64 = 20_000;

/// A stretch that ends with the window, and what came before it in the window.
#[derive(Debug, Default)]
pub struct Tail {
    /// Data time of its beginning, microseconds since the epoch.
    pub from_us: i64,
    /// The window before it.
    pub head: Evidence,
    /// What it shows.
    pub evidence: Evidence,
    /// Objects of the held-back entities in it.
    pub held_back: HeldBack,
}

/// What lies between the beginnings of two tails.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) evidence: Evidence,
    pub(super) learned: Evidence,
    pub(super) held_back: HeldBack,
}

/// When each tail begins. Tails that would begin together, or with the window, are empty: theirs is
/// a time without exchanges.
pub(super) async fn bounds(
    session: &LakeSession,
    exchanges: u64,
) -> Result<[i64; TAILS], ObserveError> {
    let every = (exchanges / SAMPLED).max(1);
    let sql = format!("SELECT seen_at FROM exchanges WHERE entity % {every} = 0");
    let mut times = Vec::new();
    for batch in session.query("times", &sql).await? {
        times.extend(Rows(&batch).time("seen_at").into_iter().flatten());
    }
    times.sort_unstable();
    let mut bounds = [i64::MAX; TAILS];
    let mut last = times.first().copied().unwrap_or(i64::MAX);
    for (number, bound) in bounds.iter_mut().enumerate() {
        let at = times.len() - times.len() / (2 << number);
        match times.get(at) {
            Some(&time) if time > last => (*bound, last) = (time, time),
            _ => break,
        }
    }
    Ok(bounds)
}

/// The tails of a window whose parts these are, longest first.
pub(super) fn tails(parts: &[Part], bounds: &[i64]) -> Vec<Tail> {
    let begun = bounds.iter().enumerate().filter(|(_, from_us)| **from_us < i64::MAX);
    let tail = |(number, from_us): (usize, &i64)| {
        let (head, rest) = parts.split_at(number + 1);
        let mut tail = Tail { from_us: *from_us, ..Tail::default() };
        for part in head {
            tail.head.merge(&part.evidence);
        }
        for part in rest {
            tail.evidence.merge(&part.evidence);
            merge_held_back(&mut tail.held_back, &part.held_back);
        }
        tail
    };
    begun.map(tail).collect()
}

/// Adds the counts of held-back objects.
pub(super) fn merge_held_back(into: &mut HeldBack, more: &HeldBack) {
    for (key, n) in more {
        *into.entry(key.clone()).or_default() += n;
    }
}

impl Tail {
    /// Takes what is counted over the whole window alone: a field's weight, and tokens, which were
    /// seen in the tail or before it by their first and last sighting.
    pub(super) fn share(&mut self, whole: &Evidence) {
        let from_us = self.from_us;
        share(&mut self.evidence, whole, |seen| seen.last_us >= from_us);
        share(&mut self.head, whole, |seen| seen.first_us < from_us);
    }
}

fn share(stretch: &mut Evidence, whole: &Evidence, within: impl Fn(Span) -> bool) {
    for (place, at) in &mut stretch.places {
        let Some(whole) = whole.places.get(place) else { continue };
        at.values.clone_from(&whole.values);
        for values in at.values.values_mut() {
            values.tokens.retain(|_, seen| within(seen.seen));
        }
        for (path, object) in &mut at.objects {
            for (key, field) in &mut object.fields {
                let known = whole.objects.get(path).and_then(|object| object.fields.get(key));
                field.weight = known.map_or(1.0, |field| field.weight);
            }
        }
    }
}
