//! Lengths of time as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A length of time: `90s`, `1h30m`, `30d`, `250ms`; a bare number is seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub struct Span(pub Duration);

/// The two ways a document may write it.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a length of time such as `90s`, `1h30m`, `30d` or a number of seconds"
)]
enum Written {
    Seconds(f64),
    Text(String),
}

/// Units, in milliseconds.
const UNITS: [(&str, f64); 6] =
    [("ms", 1.0), ("s", 1e3), ("m", 60e3), ("h", 3_600e3), ("d", 86_400e3), ("w", 604_800e3)];

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no length of time such as `90s`, `1h30m` or `30d`");
        let (mut rest, mut millis) = (text.trim(), 0.0);
        if rest.is_empty() {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let digits = rest.find(|one: char| !one.is_ascii_digit() && one != '.');
            let (number, after) = rest.split_at(digits.unwrap_or(rest.len()));
            let letters = after.find(|one: char| !one.is_ascii_alphabetic());
            let (unit, after) = after.split_at(letters.unwrap_or(after.len()));
            let number: f64 = number.parse().map_err(|_| wrong())?;
            let unit =
                if unit.is_empty() && millis == 0.0 && after.is_empty() { "s" } else { unit };
            let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
            millis += number * factor;
            rest = after.trim_start();
        }
        Duration::try_from_secs_f64(millis / 1e3).map(Self).map_err(|_| wrong())
    }
}

impl TryFrom<Written> for Span {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Text(text) => text.parse(),
            Written::Seconds(seconds) => Duration::try_from_secs_f64(seconds)
                .map(Self)
                .map_err(|_| format!("{seconds} is no number of seconds")),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0.as_secs(), self.0.subsec_millis());
        match (seconds, millis) {
            (0, millis) => write!(f, "{millis}ms"),
            (seconds, 0) => write!(f, "{seconds}s"),
            (seconds, millis) => write!(f, "{seconds}s{millis}ms"),
        }
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_as_people_write_them() {
        let seconds = |text: &str| text.parse::<Span>().map(|span| span.0.as_secs_f64());
        assert_eq!(seconds("90s"), Ok(90.0));
        assert_eq!(seconds("1h30m"), Ok(5400.0));
        assert_eq!(seconds("30d"), Ok(2_592_000.0));
        assert_eq!(seconds("250ms"), Ok(0.25));
        assert_eq!(seconds("15"), Ok(15.0));
        for text in ["", "1y", "s", "1h3", "-1s", "1e400s"] {
            assert!(seconds(text).is_err(), "{text}");
        }
        assert_eq!(serde_json::from_str::<Span>("2.5").unwrap().to_string(), "2s500ms");
    }
}
