//! Lengths of time on the command line and in configuration.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

/// A number and a unit: `90s`, `30m`, `6h`, `2d` or `1w`. Whole seconds, a century at most: what is longer
/// is a slip, and overflows calendars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Length(pub Duration);

/// What is written is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no length of time: write one as \"90s\", \"30m\", \"6h\" or \"2d\"")]
pub struct LengthError(String);

/// Seconds of the units, the largest first.
const UNITS: [(u64, char); 5] = [(604_800, 'w'), (86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')];
const CENTURY: u64 = 36_525 * 86_400;

impl FromStr for Length {
    type Err = LengthError;

    fn from_str(text: &str) -> Result<Self, LengthError> {
        let read = || {
            let (unit, _) = UNITS.iter().find(|(_, name)| text.ends_with(*name))?;
            let number = &text[..text.len() - 1];
            // What Rust reads as a number may have a sign.
            let number: u64 = number.parse().ok().filter(|_| !number.starts_with('+'))?;
            number.checked_mul(*unit).filter(|seconds| *seconds <= CENTURY)
        };
        let seconds = read().ok_or_else(|| LengthError(text.to_owned()))?;
        Ok(Self(Duration::from_secs(seconds)))
    }
}

impl TryFrom<String> for Length {
    type Error = LengthError;

    fn try_from(text: String) -> Result<Self, LengthError> {
        text.parse()
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        // Weeks are for writing: nobody reads 26w as half a year.
        let fits = |(size, unit): &&(u64, char)| {
            *unit != 'w' && seconds >= *size && seconds.is_multiple_of(*size)
        };
        let (size, unit) = UNITS.iter().find(fits).copied().unwrap_or((1, 's'));
        write!(f, "{}{unit}", seconds / size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_a_number_and_a_unit_and_reads_back() {
        for (text, seconds) in
            [("90s", 90), ("30m", 1_800), ("6h", 21_600), ("2d", 172_800), ("0s", 0)]
        {
            let length: Length = text.parse().unwrap();
            assert_eq!((length.0.as_secs(), length.to_string().as_str()), (seconds, text));
        }
        assert_eq!("1w".parse::<Length>().unwrap().to_string(), "7d");
        for bad in
            ["", "2", "d", "-1h", "+1h", "2 d", "2é", "1h30m", "99999999999999999999d", "5300w"]
        {
            assert!(bad.parse::<Length>().is_err(), "{bad}");
        }
    }
}
