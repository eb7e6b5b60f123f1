//! Seeded choice: the same seed, entity and place always fall the same way.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

/// A point from which choices are drawn.
///
/// Going one step in ([`Dice::at`]) depends on nothing but the steps, so a field a calibration adds
/// leaves the values of its neighbours as they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The dice of one entity (or of one path, for answers that show none).
    pub(crate) fn of(seed: u64, entity: &str) -> Self {
        Self(seed).at(entity)
    }

    /// The dice one step in.
    #[must_use]
    pub(crate) fn at(self, step: &str) -> Self {
        let mut hasher = SipHasher13::new_with_keys(self.0, 0);
        hasher.write(step.as_bytes());
        Self(hasher.finish())
    }

    /// The dice of the item at an index.
    #[must_use]
    pub(crate) fn nth(self, index: u64) -> Self {
        let mut hasher = SipHasher13::new_with_keys(self.0, 1);
        hasher.write(&index.to_le_bytes());
        Self(hasher.finish())
    }

    /// A number below `n`; 0 where `n` is 0.
    pub(crate) const fn below(self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.0 % n }
    }

    /// A number from 0 to below 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a float exactly")]
    pub(crate) const fn unit(self) -> f64 {
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether it falls within so many per cent.
    pub(crate) const fn within_percent(self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of the items; `None` of none.
    pub(crate) fn pick<T>(self, items: &[T]) -> Option<&T> {
        let index = usize::try_from(self.below(items.len() as u64)).unwrap_or(0);
        items.get(index)
    }

    /// Eight characters of an alphabet, each from a byte of its own.
    fn letters(self, alphabet: &[u8]) -> impl Iterator<Item = char> {
        let one = |byte: u8| alphabet.get(usize::from(byte) % alphabet.len().max(1));
        self.0
            .to_le_bytes()
            .into_iter()
            .map(move |byte| char::from(one(byte).copied().unwrap_or(b'0')))
    }

    /// Text of characters of an alphabet.
    pub(crate) fn text(self, alphabet: &[u8], length: usize) -> String {
        let draws = (0..).flat_map(|index| self.nth(index).letters(alphabet));
        draws.take(length).collect()
    }
}

/// The digits of base 62.
pub(crate) const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The digits of base 16.
pub(crate) const HEX: &[u8] = b"0123456789abcdef";
/// The digits of base 10.
pub(crate) const DIGITS: &[u8] = b"0123456789";
