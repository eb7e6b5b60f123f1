//! Durations as the admin API writes them, `24h` or `1m30s`.
//!
//! # Source
//!
//! Go's `time.ParseDuration` and `Duration.String`, which the published admin API speaks.

use std::time::Duration;

/// Reads a duration such as `50ms`, `24h` or `1m30s`.
///
/// # Errors
///
/// Says so where it is none.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    read(text).ok_or_else(|| "it is not a duration such as `50ms`, `24h` or `1m30s`".to_owned())
}

/// Reads a duration; `None` where it is none or does not fit.
pub(crate) fn read(text: &str) -> Option<Duration> {
    let mut total = 0.0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() && rest != "0" {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = rest.split_at(digits);
        let end = unit.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(unit.len());
        let (unit, after) = unit.split_at(end);
        let seconds = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * seconds;
        rest = after;
    }
    Duration::try_from_secs_f64(total).ok()
}

/// Writes a duration.
pub(crate) fn write(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds == 0 && !duration.is_zero() {
        return match duration.subsec_nanos() {
            nanos @ 0..1_000 => format!("{nanos}ns"),
            nanos @ 1_000..1_000_000 => format!("{}\u{b5}s", f64::from(nanos) / 1e3),
            nanos => format!("{}ms", f64::from(nanos) / 1e6),
        };
    }
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = Duration::new(seconds % 60, duration.subsec_nanos()).as_secs_f64();
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_go_writes_them() {
        for (text, seconds) in
            [("24h", 86_400.0), ("1m30s", 90.0), ("1.5h", 5400.0), ("250ms", 0.25), ("0", 0.0)]
        {
            assert_eq!(read(text), Some(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["", "24", "h", "1x", "-1h", "1e400h", "99999999999999999999h"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(write(Duration::from_millis(86_461_500)), "24h1m1.5s");
        assert_eq!(write(Duration::from_micros(20_500)), "20.5ms");
        assert_eq!(write(Duration::ZERO), "0s");
    }
}
