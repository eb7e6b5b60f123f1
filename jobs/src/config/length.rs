//! Lengths of time as people write them.

use std::fmt;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A length of time, `90s`, `30m`, `6h`, `2d` or `1w`; whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Length(pub Duration);

impl TryFrom<String> for Length {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let refuse = || {
            format!(
                "`{text}` is no length of time: write one as \"90s\", \"30m\", \"6h\" or \"2d\""
            )
        };
        let unit = text.chars().last().ok_or_else(refuse)?;
        let seconds: u64 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(refuse()),
        };
        let number: u64 = text[..text.len() - 1].parse().map_err(|_| refuse())?;
        // A century: what is longer is a slip, and overflows calendars.
        let length = number.checked_mul(seconds).filter(|s| *s <= 36_525 * 86_400);
        length.map(|s| Self(Duration::from_secs(s))).ok_or_else(refuse)
    }
}

/// Reads a length that is not nothing.
pub(super) fn above_nothing<'de, D: Deserializer<'de>>(from: D) -> Result<Length, D::Error> {
    let length = Length::deserialize(from)?;
    if length.0.is_zero() {
        return Err(D::Error::custom("is nothing: write a length above that, as \"30m\""));
    }
    Ok(length)
}

/// As [`above_nothing`], of a field that need not be there.
pub(super) fn above_nothing_if_any<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Length>, D::Error> {
    above_nothing(from).map(Some)
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (number, unit) = [(86_400, 'd'), (3600, 'h'), (60, 'm')]
            .into_iter()
            .find(|(size, _)| seconds >= *size && seconds.is_multiple_of(*size))
            .map_or((seconds, 's'), |(size, unit)| (seconds / size, unit));
        write!(f, "{number}{unit}")
    }
}
