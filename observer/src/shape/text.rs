//! The class of a string, from its bytes.

use models::Class;

/// The most specific [`Class`] a string's bytes have.
///
/// Looks at length and a few positions before anything dearer: this runs on every string of every
/// body. Bytes may hold JSON escapes; no format contains one, so such text is [`Class::Text`].
pub(crate) fn class_of(text: &[u8]) -> Class {
    let Some(&first) = text.first() else { return Class::Empty };
    let by_start = match first {
        b'0'..=b'9' => dated(text).or_else(|| ipv4(text)).or_else(|| uuid(text)),
        b'a'..=b'f' | b'A'..=b'F' => uuid(text).or_else(|| rfc2822(text)),
        b'+' => phone(text),
        b'G'..=b'Z' => rfc2822(text),
        _ => None,
    };
    by_start.or_else(|| punctuated(text)).unwrap_or(Class::Text)
}

/// Formats told by a `:` or `@` inside.
fn punctuated(text: &[u8]) -> Option<Class> {
    if text.len() < 3 || text.len() > 2048 {
        return None;
    }
    match find_mark(text) {
        Some(at) if text[at] == b':' => {
            uri(text, at).or_else(|| ipv6(text)).or_else(|| email(text))
        }
        Some(_) => email(text),
        None => None,
    }
}

/// The index of the first `:` or `@`.
#[inline]
fn find_mark(text: &[u8]) -> Option<usize> {
    /// Texts that cost less by words of eight bytes than by a call.
    const SHORT: usize = 48;
    const ONES: u64 = 0x0101_0101_0101_0101;
    if text.len() > SHORT {
        return memchr::memchr2(b':', b'@', text);
    }
    let (words, rest) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let zeros = |byte: u8| {
            let differs = word ^ (ONES * u64::from(byte));
            differs.wrapping_sub(ONES) & !differs
        };
        // The lowest is right; those above may be borrows.
        let marks = (zeros(b':') | zeros(b'@')) & (ONES << 7);
        if marks != 0 {
            return Some(8 * index + marks.trailing_zeros() as usize / 8);
        }
    }
    let at = rest.iter().position(|byte| matches!(byte, b':' | b'@'))?;
    Some(8 * words.len() + at)
}

/// RFC 3339 `2026-08-21T09:51:25.1Z`, a full date, or a looser date and time.
fn dated(text: &[u8]) -> Option<Class> {
    if text.len() < 10 || !is_date(&text[..10]) {
        return None;
    }
    if text.len() == 10 {
        return Some(Class::Date);
    }
    if text.len() < 16 || !is_clock(&text[11..16]) {
        return None;
    }
    if matches!(text[10], b'T' | b't') && text.len() > 19 && is_seconds_and_zone(&text[16..]) {
        return Some(Class::DateTime);
    }
    (matches!(text[10], b' ' | b'T') && text.len() <= 40).then_some(Class::LooseDateTime)
}

fn is_date(text: &[u8]) -> bool {
    text[4] == b'-'
        && text[7] == b'-'
        && digits(&text[..4])
        && digits(&text[5..7])
        && digits(&text[8..10])
        && (1..=12).contains(&two(&text[5..7]))
        && (1..=31).contains(&two(&text[8..10]))
}

fn is_clock(text: &[u8]) -> bool {
    text[2] == b':'
        && digits(&text[..2])
        && digits(&text[3..5])
        && two(&text[..2]) < 24
        && two(&text[3..5]) < 60
}

/// `:25`, a fraction or none, then `Z` or `+hh:mm`.
fn is_seconds_and_zone(text: &[u8]) -> bool {
    if text[0] != b':' || !digits(&text[1..3]) || two(&text[1..3]) > 60 {
        return false;
    }
    let mut rest = &text[3..];
    if rest.first() == Some(&b'.') {
        let fraction = rest[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if fraction == 0 {
            return false;
        }
        rest = &rest[1 + fraction..];
    }
    match rest {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', zone @ ..] => zone.len() == 5 && is_clock(zone),
        _ => false,
    }
}

fn uuid(text: &[u8]) -> Option<Class> {
    let dashed = text.len() == 36 && [8, 13, 18, 23].iter().all(|&at| text[at] == b'-');
    // Counting looks at sixteen bytes at a time, where stopping at the first other does not.
    let digits = || text.iter().filter(|byte| byte.is_ascii_hexdigit()).count();
    (dashed && digits() == 32).then_some(Class::Uuid)
}

fn ipv4(text: &[u8]) -> Option<Class> {
    if !(7..=15).contains(&text.len()) {
        return None;
    }
    let mut parts = 0;
    for part in text.split(|&byte| byte == b'.') {
        parts += 1;
        let in_range = part.len() < 3 || (part.len() == 3 && part <= b"255".as_slice());
        if parts > 4 || part.is_empty() || !digits(part) || !in_range {
            return None;
        }
    }
    (parts == 4).then_some(Class::Ipv4)
}

fn ipv6(text: &[u8]) -> Option<Class> {
    let plausible = text.len() <= 45
        && text.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
    let parsed =
        plausible.then(|| std::str::from_utf8(text).ok()?.parse::<std::net::Ipv6Addr>().ok());
    parsed.flatten().map(|_| Class::Ipv6)
}

/// E.164: `+`, a first digit that is not zero, 7 to 15 digits in all.
fn phone(text: &[u8]) -> Option<Class> {
    let number = &text[1..];
    ((7..=15).contains(&number.len()) && number[0] != b'0' && digits(number))
        .then_some(Class::Phone)
}

/// RFC 2822 §3.3, day name first: `Tue, 15 Nov 2022 12:45:26 +0000`.
fn rfc2822(text: &[u8]) -> Option<Class> {
    const DAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
    let shaped =
        (25..=33).contains(&text.len()) && &text[3..5] == b", " && DAYS.contains(&&text[..3]);
    (shaped && memchr::memchr(b':', text).is_some()).then_some(Class::Rfc2822)
}

/// A scheme (RFC 3986 §3.1) and `//`, or a scheme that goes without.
fn uri(text: &[u8], colon: usize) -> Option<Class> {
    const OPAQUE: [&[u8]; 5] = [b"mailto", b"urn", b"tel", b"data", b"sms"];
    let scheme = &text[..colon];
    let named = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    let rest = &text[colon + 1..];
    let located = (rest.starts_with(b"//") && rest.len() > 2) || OPAQUE.contains(&scheme);
    // JSON may escape slashes: `https:\/\/`.
    let escaped = rest.starts_with(br"\/\/") && rest.len() > 4;
    (named && (located || escaped) && memchr::memchr(b' ', text).is_none()).then_some(Class::Uri)
}

/// One `@`, a dotted domain, and no blanks.
fn email(text: &[u8]) -> Option<Class> {
    let at = memchr::memchr(b'@', text)?;
    let (local, domain) = (&text[..at], &text[at + 1..]);
    let dot = memchr::memrchr(b'.', domain)?;
    let fits = !local.is_empty()
        && local.len() <= 64
        && dot > 0
        && dot + 2 < domain.len()
        && text.len() <= 254;
    let domain_bytes = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let local_bytes = |byte: &u8| {
        !matches!(byte, b' ' | b'"' | b'<' | b'>' | b'(' | b')' | b',' | b';' | b'\\' | b'/')
    };
    (fits && domain.iter().all(domain_bytes) && local.iter().all(local_bytes))
        .then_some(Class::Email)
}

fn digits(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit)
}

fn two(text: &[u8]) -> u8 {
    (text[0] - b'0') * 10 + (text[1] - b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_mark_is_found_where_it_first_stands(text in "[a9:;?@A\u{fe}]{0,60}") {
            let text = text.as_bytes();
            let first = text.iter().position(|byte| matches!(byte, b':' | b'@'));
            proptest::prop_assert_eq!(find_mark(text), first);
        }
    }

    #[test]
    fn each_format_is_told_from_its_neighbours() {
        let cases: [(&str, Class); 34] = [
            ("", Class::Empty),
            ("2026-08-21T09:51:25Z", Class::DateTime),
            ("2026-08-21T09:51:25.103192+00:00", Class::DateTime),
            ("2026-08-21t09:51:25-07:30", Class::DateTime),
            ("2026-08-21 09:51:25.103192+00", Class::LooseDateTime),
            ("2026-08-21T09:51:25", Class::LooseDateTime),
            ("2026-08-21T09:51:25.Z", Class::LooseDateTime),
            ("2026-08-21", Class::Date),
            ("2026-13-21", Class::Text),
            ("2026-08-21x", Class::Text),
            ("0bfa4cff-dc0d-407a-958b-6de5bdd0d011", Class::Uuid),
            ("e5eae62b-f038-4c5b-bfc1-c1ae5903cc8b", Class::Uuid),
            ("e5eae62b-f038-4c5b-bfc1-c1ae5903cc8", Class::Text),
            ("a.b@example.com", Class::Email),
            ("https://user@example.com/x", Class::Uri),
            (r"https:\/\/example.com", Class::Uri),
            ("mailto:a@example.com", Class::Uri),
            ("note: see a@example.com", Class::Text),
            ("a@b", Class::Text),
            ("git@github.com:o/r.git", Class::Text),
            ("10.0.0.1", Class::Ipv4),
            ("10.0.0.256", Class::Text),
            ("1.2.3", Class::Text),
            ("2001:db8::1", Class::Ipv6),
            ("12:30", Class::Text),
            ("+14155550123", Class::Phone),
            ("+0415555012", Class::Text),
            ("+1 415", Class::Text),
            ("Tue, 15 Nov 2022 12:45:26 +0000", Class::Rfc2822),
            ("Friday, in the morning: 12", Class::Text),
            ("Fri, 01 Jan 2021 00:00:00 GMT", Class::Rfc2822),
            ("active", Class::Text),
            ("12345", Class::Text),
            ("é", Class::Text),
        ];
        for (text, class) in cases {
            assert_eq!(class_of(text.as_bytes()), class, "{text}");
        }
    }
}
