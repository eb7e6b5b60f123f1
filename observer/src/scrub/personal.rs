//! What personal data looks like where its form tells: no key name, no dictionary.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether `text`, a single token, is an email address, telephone, card or account number, US
/// social security number or IP address.
///
/// Linear in the length, without allocation; words are rejected by their characters.
pub fn is_personal(text: &str) -> bool {
    kind(text).is_some()
}

/// The kinds of personal data a form can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Email,
    Phone,
    Card,
    Iban,
    SocialSecurity,
    Ipv4,
    Ipv6,
}

/// What kind `text` is as a whole.
pub(super) fn kind(text: &str) -> Option<Kind> {
    let bytes = text.as_bytes();
    if !(6..=254).contains(&bytes.len()) {
        return (2..6).contains(&bytes.len()).then(|| ipv6(text)).flatten();
    }
    if memchr::memchr(b'@', bytes).is_some() {
        return is_email(text).then_some(Kind::Email);
    }
    match bytes[0] {
        b'+' | b'(' => is_phone(text).then_some(Kind::Phone),
        b'0'..=b'9' => digits_first(text),
        b'A'..=b'Z' if is_iban(text) => Some(Kind::Iban),
        b'a'..=b'f' | b'A'..=b'F' | b':' => ipv6(text),
        _ => None,
    }
}

fn digits_first(text: &str) -> Option<Kind> {
    if is_social_security(text) {
        Some(Kind::SocialSecurity)
    } else if is_card(text) {
        Some(Kind::Card)
    } else if is_phone(text) {
        Some(Kind::Phone)
    } else if is_private_ipv4(text) {
        Some(Kind::Ipv4)
    } else {
        ipv6(text)
    }
}

/// `local@domain.tld`, the domain of letters, digits, dots and hyphens; `git@…` is nobody's.
pub(super) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let local_fits = (1..=64).contains(&local.len())
        && local != "git"
        && local.chars().all(|c| c.is_alphanumeric() || "._%+-'!#$&*/=?^`{|}~".contains(c));
    let Some((host, top)) = domain.rsplit_once('.') else { return false };
    local_fits
        && !host.is_empty()
        && host.chars().all(|c| c.is_alphanumeric() || c == '.' || c == '-')
        && 2 <= top.len()
        && top.chars().all(char::is_alphanumeric)
        && top.chars().any(char::is_alphabetic)
}

/// E.164 with its plus, separators allowed, or a North American number with separators.
///
/// A bare run of digits is no telephone number: ids and amounts are such runs.
pub(super) fn is_phone(text: &str) -> bool {
    let mut digits = 0;
    let mut separators = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'+' if at == 0 => {}
            b' ' | b'-' | b'.' | b'(' | b')' => separators += 1,
            _ => return false,
        }
    }
    if text.starts_with('+') {
        return (8..=15).contains(&digits) && text.as_bytes().get(1) != Some(&b'0');
    }
    digits == 10 && 2 <= separators && is_north_american(text)
}

/// `NXX-NXX-XXXX`, `(NXX) NXX-XXXX`, `NXX.NXX.XXXX`.
fn is_north_american(text: &str) -> bool {
    let mut groups = text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty());
    let starts_above_one = |group: Option<&str>, length: usize| {
        group.is_some_and(|g| g.len() == length && b'2' <= g.as_bytes()[0])
    };
    starts_above_one(groups.next(), 3)
        && starts_above_one(groups.next(), 3)
        && groups.next().is_some_and(|group| group.len() == 4)
        && groups.next().is_none()
}

/// 13 to 19 digits in groups, first digit 2 to 6, Luhn check digit (ISO/IEC 7812-1).
pub(super) fn is_card(text: &str) -> bool {
    if !matches!(text.as_bytes().first(), Some(b'2'..=b'6')) {
        return false;
    }
    let mut digits = 0;
    let mut since_separator = 0;
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                since_separator += 1;
            }
            b' ' | b'-' if 4 <= since_separator => since_separator = 0,
            _ => return false,
        }
    }
    (13..=19).contains(&digits) && luhn_sum(text.bytes().rev()).is_multiple_of(10)
}

/// The Luhn sum over the digits among `bytes`, the check digit first.
pub(super) fn luhn_sum(bytes: impl Iterator<Item = u8>) -> u32 {
    bytes
        .filter(u8::is_ascii_digit)
        .enumerate()
        .map(|(at, byte)| {
            let digit = u32::from(byte - b'0');
            match at % 2 {
                0 => digit,
                _ if 4 < digit => digit * 2 - 9,
                _ => digit * 2,
            }
        })
        .sum()
}

/// Country, check digits and account, in groups or none, remainder 1 modulo 97 (ISO 13616).
pub(super) fn is_iban(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 15
        || !bytes[..2].iter().all(u8::is_ascii_uppercase)
        || !bytes[2..4].iter().all(u8::is_ascii_digit)
    {
        return false;
    }
    let significant = bytes.iter().filter(|b| **b != b' ');
    let fits = significant.clone().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    fits && (15..=34).contains(&significant.count()) && iban_remainder(text) == 1
}

/// The number an IBAN stands for, modulo 97; spaces are skipped.
pub(super) fn iban_remainder(text: &str) -> u32 {
    let bytes: Vec<u8> = text.bytes().filter(|b| *b != b' ').collect();
    let (head, account) = bytes.split_at(bytes.len().min(4));
    account.iter().chain(head).fold(0, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        letter => (remainder * 100 + u32::from(letter.to_ascii_uppercase() - b'A') + 10) % 97,
    })
}

/// `AAA-GG-SSSS` in the ranges that are issued, and those of taxpayer numbers.
pub(super) fn is_social_security(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 11
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            3 | 6 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
        && &bytes[..3] != b"000"
        && &bytes[..3] != b"666"
        && &bytes[4..6] != b"00"
        && &bytes[7..] != b"0000"
}

/// An IPv4 address that could be somebody's: neither this host nor nobody.
pub(super) fn is_private_ipv4(text: &str) -> bool {
    text.len() <= 15
        && text
            .parse::<Ipv4Addr>()
            .is_ok_and(|ip| !ip.is_loopback() && !ip.is_unspecified() && !ip.is_broadcast())
}

fn ipv6(text: &str) -> Option<Kind> {
    let colons = text.bytes().filter(|b| *b == b':').count();
    if colons < 2 || 39 < text.len() {
        return None;
    }
    let ip: Ipv6Addr = text.parse().ok()?;
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(Kind::Ipv6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_apart() {
        for (text, expected) in [
            ("jane@corp.test", Some(Kind::Email)),
            ("+14155552671", Some(Kind::Phone)),
            ("+44 20 7946 0958", Some(Kind::Phone)),
            ("(415) 555-2671", Some(Kind::Phone)),
            ("4242 4242 4242 4242", Some(Kind::Card)),
            ("4242424242424241", None),
            ("GB82WEST12345698765432", Some(Kind::Iban)),
            ("GB83WEST12345698765432", None),
            ("078-05-1120", Some(Kind::SocialSecurity)),
            ("203.0.113.9", Some(Kind::Ipv4)),
            ("2001:db8::8a2e:370:7334", Some(Kind::Ipv6)),
            ("127.0.0.1", None),
            ("2024-06-20", None),
            ("10:20:30", None),
            ("1700000000000", None),
            ("requires_action", None),
            ("DE", None),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
    }
}
