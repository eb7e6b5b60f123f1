//! Times as sources write them, to microseconds since the Unix epoch.

const DAY_US: i64 = 86_400_000_000;

/// An RFC 3339 date and time: any number of fraction digits, any offset.
///
/// More than the RFC allows: a space for the `T`, offsets as `+0200` or `+02`. A leap second is the
/// second after. What is below a microsecond is dropped.
///
/// # Source
///
/// RFC 3339, section 5.6.
pub(super) fn rfc3339(text: &str) -> Option<i64> {
    let (local_us, rest) = local(text.as_bytes())?;
    Some(local_us - offset_us(rest)?)
}

/// As [`rfc3339`], where a missing offset means UTC.
pub(super) fn rfc3339_or_utc(text: &str) -> Option<i64> {
    let (local_us, rest) = local(text.trim().as_bytes())?;
    if rest.is_empty() { Some(local_us) } else { Some(local_us - offset_us(rest.trim_ascii())?) }
}

/// An HTTP date in the form servers send (`Tue, 01 Nov 2011 04:58:44 GMT`).
///
/// # Source
///
/// RFC 9110, section 5.6.7, which takes it from RFC 5322.
pub(super) fn http_date(text: &str) -> Option<i64> {
    chrono::DateTime::parse_from_rfc2822(text.trim()).ok().map(|time| time.timestamp_micros())
}

/// Date and time without offset, and the text behind them.
fn local(text: &[u8]) -> Option<(i64, &[u8])> {
    let (head, mut rest) = text.split_first_chunk::<19>()?;
    let marks = [head[4], head[7], head[13], head[16]];
    if marks != *b"--::" || !matches!(head[10], b'T' | b't' | b' ') {
        return None;
    }
    let year = i64::from(two(head, 0)?) * 100 + i64::from(two(head, 2)?);
    let (month, day) = (two(head, 5)?, two(head, 8)?);
    let (hour, minute, second) = (two(head, 11)?, two(head, 14)?, two(head, 17)?);
    let valid = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !valid {
        return None;
    }
    let mut us = days_from_epoch(year, month, day) * DAY_US
        + i64::from((hour * 60 + minute) * 60 + second) * 1_000_000;
    if let [b'.', fraction @ ..] = rest {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        let mut unit_us = 100_000;
        for digit in &fraction[..digits.min(6)] {
            us += i64::from(digit - b'0') * unit_us;
            unit_us /= 10;
        }
        rest = &fraction[digits..];
    }
    Some((us, rest))
}

fn offset_us(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text {
        [b'Z' | b'z'] => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match *digits {
        [_, _] => (two(digits, 0)?, 0),
        [_, _, _, _] => (two(digits, 0)?, two(digits, 2)?),
        [_, _, b':', _, _] => (two(digits, 0)?, two(digits, 3)?),
        _ => return None,
    };
    if 23 < hours || 59 < minutes {
        return None;
    }
    Some(sign * i64::from(hours * 60 + minutes) * 60_000_000)
}

fn two(text: &[u8], at: usize) -> Option<u32> {
    let (tens, units) = (text.get(at)?.wrapping_sub(b'0'), text.get(at + 1)?.wrapping_sub(b'0'));
    (tens < 10 && units < 10).then(|| u32::from(tens * 10 + units))
}

fn days_in(year: i64, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar, which RFC 3339 applies to all years.
fn days_from_epoch(year: i64, month: u32, day: u32) -> i64 {
    // With years starting in March the leap day comes last, and the days before a month are linear.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let before_year = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let before_month = (153 * i64::from(month) + 2) / 5;
    // 719 468 days lie between 0000-03-01 and 1970-01-01.
    before_year + before_month + i64::from(day) - 1 - 719_468
}

/// Milliseconds as a decimal number to whole microseconds, rounded; negative means unknown, so 0.
///
/// # Source
///
/// HAR 1.2, `time`: "total elapsed time of the request in milliseconds", -1 where not known.
pub(super) fn latency_us(number: &str) -> Option<u32> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || 6 < whole.len()
        || 3 < fraction.len()
        || !plain(whole)
        || !plain(fraction)
    {
        return latency_us_of_any(number);
    }
    let digits = |text: &str| text.bytes().fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0'));
    let unit = [0, 100, 10, 1][fraction.len()];
    Some(digits(whole) * 1000 + digits(fraction) * unit)
}

/// The long way: exponents, signs, more digits than a microsecond has.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from float saturates, which is what a latency of more than an hour gets"
)]
fn latency_us_of_any(number: &str) -> Option<u32> {
    let ms: f64 = number.parse().ok()?;
    Some((ms * 1000.0).round() as u32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_of_one_moment_is_the_same_moment() {
        let at_us = Some(1_700_000_000_123_456);
        for form in [
            "2023-11-14T22:13:20.123456Z",
            "2023-11-14T22:13:20.123456789Z",
            "2023-11-14t22:13:20.123456z",
            "2023-11-14 22:13:20.123456+00:00",
            "2023-11-15T00:13:20.123456+02:00",
            "2023-11-14T16:43:20.1234560-0530",
            "2023-11-14T23:13:20.123456999999+01",
        ] {
            assert_eq!(rfc3339(form), at_us, "{form}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2023-11-14",
            "2023-11-14T22:13:20",
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-11-14T24:00:00Z",
            "2023-11-14T22:13:20.Z",
            "2023-11-14T22:13:20+2:00",
            "2023-11-14T22:13:20Zulu",
            "2023-11-14T22:1\u{e9}:20Z",
            "1700000000",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn a_missing_offset_is_utc_where_allowed() {
        assert_eq!(rfc3339_or_utc("2013-09-28T01:25:38"), rfc3339("2013-09-28T01:25:38Z"));
        assert_eq!(
            rfc3339_or_utc("2013-09-28 01:25:38.000000000 Z"),
            rfc3339("2013-09-28T01:25:38Z")
        );
    }

    #[test]
    fn http_dates_are_read() {
        let expected = rfc3339("2011-11-01T04:58:44Z");
        assert_eq!(http_date("Tue, 01 Nov 2011 04:58:44 GMT"), expected);
        assert!(expected.is_some());
    }

    #[test]
    fn latencies_are_whole_microseconds() {
        for (text, us) in [
            ("0", 0),
            ("94.9", 94_900),
            ("94.94", 94_940),
            ("94.9004999", 94_900),
            ("0.0006", 1),
            ("1e3", 1_000_000),
            ("-1", 0),
            ("1e30", u32::MAX),
        ] {
            assert_eq!(latency_us(text), Some(us), "{text}");
        }
        assert_eq!(latency_us("soon"), None);
    }

    proptest! {
        #[test]
        fn agrees_with_chrono(seconds in -62_135_596_800_i64..253_402_300_799, us in 0..1_000_000_u32) {
            let time = chrono::DateTime::from_timestamp(seconds, us * 1000).unwrap();
            prop_assert_eq!(rfc3339(&time.to_rfc3339()), Some(time.timestamp_micros()));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            let _ = rfc3339_or_utc(&text);
            let _ = latency_us(&text);
        }
    }
}
