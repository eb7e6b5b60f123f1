//! Exchanges that the lake holds already, so that imports that overlap count none twice.

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

/// What tells one exchange from all others: when it was, how long it took, what came of it, who asked
/// and what it showed. A model that has changed since may tell another entity, and then two are taken
/// for two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Print(u64);

/// The columns of a row of `exchanges` that make its print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printed<'r> {
    pub(crate) seen_at_us: i64,
    pub(crate) latency_us: u32,
    pub(crate) status: u16,
    pub(crate) caller: u64,
    pub(crate) entity: u64,
    /// Shapes of the answer.
    pub(crate) response: &'r [u64],
}

impl Print {
    pub(crate) fn of(row: Printed<'_>) -> Self {
        let shapes = row.response.iter().fold(0_u64, |sum, shape| sum.wrapping_add(*shape));
        let numbers = [
            row.seen_at_us.cast_unsigned(),
            u64::from(row.latency_us) << 16 | u64::from(row.status),
            row.caller,
            row.entity,
            shapes,
        ];
        let mut bytes = [0; 40];
        for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        Self(xxh3_64(&bytes))
    }
}

/// Prints, each as often as the lake holds it: calls that were made at the same time and told the same
/// are two exchanges.
#[derive(Debug, Default)]
pub(crate) struct Seen(FxHashMap<Print, u32>);

impl Seen {
    pub(crate) fn extend(&mut self, prints: impl IntoIterator<Item = Print>) {
        for print in prints {
            *self.0.entry(print).or_default() += 1;
        }
    }

    /// Whether it is one of them; it is then one less.
    pub(crate) fn take(&mut self, print: Print) -> bool {
        match self.0.get_mut(&print) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
