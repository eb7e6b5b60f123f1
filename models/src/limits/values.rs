//! What the values of limit headers mean.

use chrono::DateTime;

use super::headers::Reset;

pub(super) const DAY_SECONDS: f64 = 86_400.0;

/// The members of a list; commas within quotes do not divide.
pub(super) fn items(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    value
        .split(move |c| {
            quoted ^= c == '"';
            c == ',' && !quoted
        })
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

/// When, by the value's own form: epoch seconds or milliseconds, ISO 8601, an HTTP date, a Go
/// duration, else seconds from now.
pub(super) fn reset(value: &str) -> Option<Reset> {
    /// September 2001 in seconds, and nobody's window.
    const EPOCH_SECONDS_MIN: f64 = 1e9;
    const EPOCH_MILLISECONDS_MIN: f64 = 1e12;
    if let Some(number) = number(value) {
        return Some(if number >= EPOCH_MILLISECONDS_MIN {
            Reset::At(number / 1e3)
        } else if number >= EPOCH_SECONDS_MIN {
            Reset::At(number)
        } else {
            Reset::In(number)
        });
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(value) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds of this millennium are exact"
        )]
        return Some(Reset::At(at.timestamp_millis() as f64 / 1e3));
    }
    http_date(value).map(Reset::At).or_else(|| go_duration(value).map(Reset::In))
}

/// A number of seconds, or a Go duration.
pub(super) fn seconds(value: &str) -> Option<f64> {
    number(value).or_else(|| go_duration(value))
}

/// `1s`, `6m0s`, `1.5s`, `300ms`.
pub(super) fn go_duration(value: &str) -> Option<f64> {
    let mut rest = value.trim();
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount: f64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len() - digits);
        total += amount
            * match &rest[digits..digits + unit] {
                "ns" => 1e-9,
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3_600.0,
                "d" => DAY_SECONDS,
                _ => return None,
            };
        rest = &rest[digits + unit..];
    }
    Some(total)
}

/// Seconds since the Unix epoch of an RFC 9110 date.
pub(super) fn http_date(value: &str) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "seconds of this millennium are exact")]
    DateTime::parse_from_rfc2822(value).ok().map(|at| at.timestamp() as f64)
}

pub(super) fn number(value: &str) -> Option<f64> {
    value.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// A whole number; some vendors write `100.0`.
pub(super) fn count(value: &str) -> Option<u64> {
    let value = value.trim();
    value.strip_suffix(".0").unwrap_or(value).parse().ok()
}

pub(super) fn integer(value: &str) -> Option<i64> {
    let value = value.trim();
    value.split_once('.').map_or(value, |(whole, _)| whole).parse().ok()
}

pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
