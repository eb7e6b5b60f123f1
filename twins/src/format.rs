//! The formats of strings: whether a text has one, and texts that do.

use std::net::{Ipv4Addr, Ipv6Addr};

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, Utc};

use crate::clock::BASE_EPOCH;
use crate::dice::{BASE62, DIGITS, Dice, HEX};

/// A string format that a text can contradict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    DateTime,
    Date,
    Time,
    Uuid,
    Email,
    Uri,
    Ipv4,
    Ipv6,
    Phone,
    Rfc2822,
}

impl Format {
    /// The format of a `format` keyword; `None` for those that any text has.
    ///
    /// # Source
    ///
    /// JSON Schema 2020-12 §7.3, and Twilio's names for phone numbers and RFC 2822 dates.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "date-time" => Self::DateTime,
            "date" => Self::Date,
            "time" => Self::Time,
            "uuid" => Self::Uuid,
            "email" => Self::Email,
            "uri" | "url" => Self::Uri,
            "ipv4" => Self::Ipv4,
            "ipv6" => Self::Ipv6,
            "phone-number" | "e164" => Self::Phone,
            "date-time-rfc-2822" => Self::Rfc2822,
            _ => return None,
        })
    }

    /// A text of the format, for people.
    pub(crate) const fn told(self) -> &'static str {
        match self {
            Self::DateTime => "a date and time as 2026-01-31T12:00:00Z",
            Self::Date => "a date as 2026-01-31",
            Self::Time => "a time as 12:00:00",
            Self::Uuid => "a UUID",
            Self::Email => "an email address",
            Self::Uri => "a URL",
            Self::Ipv4 => "an IPv4 address",
            Self::Ipv6 => "an IPv6 address",
            Self::Phone => "a phone number as +15550100000",
            Self::Rfc2822 => "a date as Sat, 31 Jan 2026 12:00:00 +0000",
        }
    }

    /// Whether a text has the format.
    pub(crate) fn admits(self, text: &str) -> bool {
        match self {
            Self::DateTime => DateTime::parse_from_rfc3339(text).is_ok(),
            Self::Date => NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok(),
            Self::Time => {
                NaiveTime::parse_from_str(text.trim_end_matches('Z'), "%H:%M:%S%.f").is_ok()
            }
            Self::Uuid => is_uuid(text),
            Self::Email => is_email(text),
            Self::Uri => is_uri(text),
            Self::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Self::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
            Self::Phone => is_phone(text),
            Self::Rfc2822 => DateTime::parse_from_rfc2822(text).is_ok(),
        }
    }

    /// A text of the format.
    pub(crate) fn make(self, dice: Dice) -> String {
        match self {
            Self::DateTime | Self::Date | Self::Time | Self::Rfc2822 => {
                self.write_time(past(dice)).unwrap_or_default()
            }
            Self::Uuid => uuid(dice),
            Self::Email => format!("{}@example.com", word(dice)),
            Self::Uri => format!("https://example.com/{}", word(dice)),
            Self::Ipv4 => format!("192.0.2.{}", 1 + dice.below(254)),
            Self::Ipv6 => format!("2001:db8::{:x}", 1 + dice.below(0xfffe)),
            Self::Phone => format!("+1555{}", dice.text(DIGITS, 7)),
        }
    }

    /// A time in this format; `None` where it is no format of times.
    pub(crate) fn write_time(self, time: DateTime<Utc>) -> Option<String> {
        Some(match self {
            Self::DateTime => time.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            Self::Date => time.format("%Y-%m-%d").to_string(),
            Self::Time => time.format("%H:%M:%SZ").to_string(),
            Self::Rfc2822 => time.format("%a, %d %b %Y %H:%M:%S +0000").to_string(),
            _ => return None,
        })
    }
}

/// Reads a time in any of the forms vendors write.
pub(crate) fn read_time(text: &str) -> Option<DateTime<Utc>> {
    let utc = |time: DateTime<chrono::FixedOffset>| time.with_timezone(&Utc);
    DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_rfc2822(text))
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z"))
        .map(utc)
        .ok()
        .or_else(|| {
            let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            Some(date.and_time(NaiveTime::MIN).and_utc())
        })
}

/// A time in the two years after the base epoch, whole seconds.
pub(crate) fn past(dice: Dice) -> DateTime<Utc> {
    let seconds = BASE_EPOCH.as_secs() + dice.below(2 * 365 * 86_400);
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .unwrap_or_default()
}

/// A version 4 UUID (RFC 9562 §5.4), drawn from the dice.
pub(crate) fn uuid(dice: Dice) -> String {
    let hex = dice.text(HEX, 32);
    let variant = ["8", "9", "a", "b"][usize::try_from(dice.below(4)).unwrap_or(0)];
    format!(
        "{}-{}-4{}-{variant}{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..]
    )
}

/// A short lower-case word that means nothing.
pub(crate) fn word(dice: Dice) -> String {
    dice.text(BASE62, 8).to_ascii_lowercase()
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && !domain.contains('@')
            && !text.contains(char::is_whitespace)
    })
}

fn is_uri(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
            && !rest.is_empty()
            && !text.contains(char::is_whitespace)
    })
}

fn is_phone(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_in_a_format_has_the_format() {
        let all = [
            Format::DateTime,
            Format::Date,
            Format::Time,
            Format::Uuid,
            Format::Email,
            Format::Uri,
            Format::Ipv4,
            Format::Ipv6,
            Format::Phone,
            Format::Rfc2822,
        ];
        for format in all {
            for seed in 0..200 {
                let text = format.make(Dice::of(seed, "x"));
                assert!(format.admits(&text), "{format:?}: {text}");
                assert!(!format.admits("neither here nor there"), "{format:?}");
            }
        }
    }

    #[test]
    fn a_time_is_read_in_each_form_vendors_write() {
        for text in [
            "2026-08-21T09:51:25Z",
            "2026-08-21 09:51:25.000000+00",
            "Fri, 21 Aug 2026 09:51:25 +0000",
        ] {
            assert_eq!(read_time(text).unwrap().timestamp(), 1_787_305_885, "{text}");
        }
        assert!(read_time("soon").is_none());
    }
}
