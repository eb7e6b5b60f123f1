//! Short texts compared without a call.

/// A text with its ends as words: texts of up to sixteen bytes are equal where their marks are.
///
/// The names and tokens of an API are nearly all that short, and each field of each body is looked
/// up by one; a call of `memcmp` for each was a twelfth of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    len: usize,
    first: u64,
    last: u64,
}

/// Bytes that a mark holds whole.
const WHOLE: usize = 16;

impl Mark {
    #[inline]
    pub(super) fn of(text: &[u8]) -> Self {
        let len = text.len();
        let (first, last) = match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => short(text),
        };
        Self { len, first, last }
    }

    /// Whether `text`, of which this is the mark, equals another of which that is the mark.
    #[inline]
    pub(super) fn is_same(self, text: &[u8], that: Self, other: &[u8]) -> bool {
        self == that && (self.len <= WHOLE || text == other)
    }
}

/// Texts below eight bytes: their halves overlap, or each byte has its place.
#[inline]
fn short(text: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        return (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into());
    }
    let word = text.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    (word, 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn marks_tell_texts_apart_as_comparison_does(one in "[a\0]{0,20}", other in "[a\0]{0,20}") {
            let (one, other) = (one.as_bytes(), other.as_bytes());
            prop_assert_eq!(Mark::of(one).is_same(one, Mark::of(other), other), one == other);
        }
    }
}
