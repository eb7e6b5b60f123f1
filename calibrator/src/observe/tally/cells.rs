//! Time in cells: fine of late, coarse long ago.
//!
//! A cell is a stretch of `2^level` units of about a second. A moment lies in the cell of the lowest
//! level at which fewer than [`CELLS`] cells lie between it and the newest exchange; so a cell is never
//! longer than a quarter of its age, and a year takes about a hundred of them. Which cell that is
//! depends on the newest exchange alone, and cells only ever become coarser: counts may be merged in
//! any order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::evidence::Span;

/// Cells of one level up to the newest exchange.
const CELLS: i64 = 8;
/// Microseconds of the finest cell, as a power of two.
const FINEST: u32 = 20;

/// A stretch of time, ordered by its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cell {
    level: u8,
    position: i64,
}

/// How often and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) n: u64,
    pub(crate) seen: Span,
}

/// Counts over time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Cells(#[serde(with = "super::pairs")] BTreeMap<Cell, Count>);

impl Cell {
    /// The cell of a moment where the newest exchange was at `last_us`.
    pub(crate) fn of(at_us: i64, last_us: i64) -> Self {
        Self { level: 0, position: at_us >> FINEST }.settled(last_us)
    }

    /// When it begins, microseconds since the epoch.
    pub(crate) fn start_us(self) -> i64 {
        self.position << (u32::from(self.level) + FINEST)
    }

    /// The cell that it lies in when the newest exchange is at `last_us`.
    fn settled(self, last_us: i64) -> Self {
        let Self { mut level, mut position } = self;
        let mut last = last_us >> (FINEST + u32::from(level));
        while last - position >= CELLS {
            level += 1;
            position >>= 1;
            last >>= 1;
        }
        Self { level, position }
    }
}

impl Ord for Cell {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.start_us(), self.level).cmp(&(other.start_us(), other.level))
    }
}

impl PartialOrd for Cell {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Count {
    pub(crate) fn add(&mut self, other: Self) {
        self.n += other.n;
        self.seen = self.seen.merge(other.seen);
    }
}

impl Cells {
    pub(crate) fn add(&mut self, cell: Cell, count: Count) {
        self.0.entry(cell).or_default().add(count);
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (cell, count) in other.0 {
            self.add(cell, count);
        }
    }

    /// Moves counts to the cells they have where the newest exchange is at `last_us`.
    pub(crate) fn settle(&mut self, last_us: i64) {
        if self.0.keys().any(|cell| cell.settled(last_us) != *cell) {
            let old = std::mem::take(&mut self.0);
            for (cell, count) in old {
                self.add(cell.settled(last_us), count);
            }
        }
    }

    pub(crate) fn n(&self) -> u64 {
        self.0.values().map(|count| count.n).sum()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Cell, Count)> + '_ {
        self.0.iter().map(|(cell, count)| (*cell, *count))
    }
}

/// The beginnings of all cells from a moment to the newest exchange, ascending, with the cell.
pub(super) fn all(first_us: i64, last_us: i64) -> Vec<(i64, Cell)> {
    let mut cells = Vec::new();
    let mut at_us = first_us;
    while at_us <= last_us {
        let cell = Cell::of(at_us, last_us);
        cells.push((at_us, cell));
        // A cell ends where the next begins: at its end, or where finer ones take over.
        let end_us = cell.start_us() + (1 << (u32::from(cell.level) + FINEST));
        at_us = first_of_another(cell, at_us, end_us, last_us);
    }
    cells
}

/// The first moment after `at_us` that lies in another cell; `end_us` does.
fn first_of_another(cell: Cell, at_us: i64, end_us: i64, last_us: i64) -> i64 {
    let (mut inside, mut outside) = (at_us, end_us);
    while outside - inside > 1 {
        let middle = inside + (outside - inside) / 2;
        if Cell::of(middle, last_us) == cell { inside = middle } else { outside = middle }
    }
    outside
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_year_takes_about_a_hundred_cells_and_the_last_seconds_one_each() {
        let (first, last) = (1_700_000_000_000_000, 1_731_536_000_000_000);
        let cells = all(first, last);
        assert!((80..=140).contains(&cells.len()), "{}", cells.len());
        assert!(cells.windows(2).all(|pair| pair[0].1 < pair[1].1));
    }

    proptest! {
        #[test]
        fn a_cell_is_the_same_by_whichever_way_time_went(
            at in 0..10_i64.pow(14), one in 0..10_i64.pow(14), other in 0..10_i64.pow(14)
        ) {
            let (near, far) = (at + one.min(other), at + one.max(other));
            prop_assert_eq!(Cell::of(at, near).settled(far), Cell::of(at, far));
            let cell = Cell::of(at, far);
            prop_assert!(cell.start_us() <= at);
            let length = 1_i64 << (u32::from(cell.level) + FINEST);
            prop_assert!(length <= (1 << FINEST) || length * 3 <= far - cell.start_us());
        }

        #[test]
        fn every_moment_lies_in_a_cell_of_the_list(
            first in 0..10_i64.pow(12), length in 0..10_i64.pow(13), part in 0.0..1.0_f64
        ) {
            let last = first + length;
            #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a test's moment")]
            let at = first + (length as f64 * part) as i64;
            let cells = all(first, last);
            let (_, cell) = cells[cells.partition_point(|(start, _)| *start <= at) - 1];
            prop_assert_eq!(cell, Cell::of(at, last));
        }
    }
}
