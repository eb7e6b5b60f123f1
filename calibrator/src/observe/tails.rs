//! The window's tails: its last half, quarter, eighth and so on.
//!
//! What the vendor took away in the middle of a window is there in the window as a whole; only in a
//! stretch that ends with the window is it missing. Stretches that halve each time find any date of
//! change within a factor of two of the evidence there is after it, and need no second reading: they
//! begin where a cell of time does.

use std::collections::BTreeMap;

use super::HeldBack;
use super::tally::Cell;
use crate::evidence::{Evidence, Span};

/// Tails at most: the last is a four-thousandth of the window.
const TAILS_MAX: usize = 12;
/// Exchanges below which a tail proves nothing.
const TAIL_EXCHANGES_MIN: u64 = 16;

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

/// When each tail begins, longest first: the beginning of the cell after which the exchanges are
/// nearest to a half, a quarter, and so on of all.
pub(super) fn bounds(by_cell: &BTreeMap<Cell, u64>) -> Vec<i64> {
    let total: u64 = by_cell.values().sum();
    let mut after = total;
    let starts: Vec<(i64, u64)> = by_cell
        .iter()
        .map(|(cell, n)| {
            let here = (cell.start_us(), after);
            after -= n;
            here
        })
        .skip(1)
        .collect();
    let mut bounds: Vec<i64> = Vec::new();
    for number in 1..=TAILS_MAX {
        let wanted = total >> number;
        let nearest = starts
            .iter()
            .filter(|(_, after)| *after >= TAIL_EXCHANGES_MIN)
            .min_by_key(|(start_us, after)| (after.abs_diff(wanted), *start_us));
        match nearest {
            Some((start_us, _)) if bounds.last().is_none_or(|last| last < start_us) => {
                bounds.push(*start_us);
            }
            _ => {}
        }
        if wanted < TAIL_EXCHANGES_MIN {
            break;
        }
    }
    bounds
}
/// The tails of a window whose parts these are, longest first.
pub(super) fn tails(parts: &[Part], bounds: &[i64]) -> Vec<Tail> {
    let begun = bounds.iter().enumerate();
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
