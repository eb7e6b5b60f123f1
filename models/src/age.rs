//! How long ago something was, as people read it.

use std::fmt;
use std::time::Duration;

/// A time since, rounded down to its largest unit: `just now`, `47m ago`, `2h ago`, `3d ago`.
///
/// # Source
///
/// CONTRACTS, `wt status`: `just now` is under a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age(pub Duration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        match self.0.as_secs() {
            0..MINUTE => f.write_str("just now"),
            seconds @ MINUTE..HOUR => write!(f, "{}m ago", seconds / MINUTE),
            seconds @ HOUR..DAY => write!(f, "{}h ago", seconds / HOUR),
            seconds => write!(f, "{}d ago", seconds / DAY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_rounded_down_to_its_largest_unit() {
        let age = |seconds| Age(Duration::from_secs(seconds)).to_string();
        assert_eq!(age(59), "just now");
        assert_eq!(age(60), "1m ago");
        assert_eq!(age(47 * 60 + 59), "47m ago");
        assert_eq!(age(3600), "1h ago");
        assert_eq!(age(86_399), "23h ago");
        assert_eq!(age(3 * 86_400), "3d ago");
    }
}
