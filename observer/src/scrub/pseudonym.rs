//! Keyed replacements that look like what they replace.
//!
//! Each is `map(HMAC-SHA256(key, class || canonical value))` into the characters of the original: a
//! digit becomes a digit, a capital a capital, punctuation stays. Length, prefix, case pattern,
//! check digits and version bits therefore survive, and equal values stay equal.

use std::net::{Ipv4Addr, Ipv6Addr};

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::lexer::{self, Class};
use super::personal::{self, Kind};
use super::secret::{HEX_MARK, MARK};

/// The replacements of one key.
#[derive(Clone)]
pub(super) struct Pseudonyms {
    mac: Hmac<Sha256>,
}

impl Pseudonyms {
    pub(super) fn new(key: [u8; 32]) -> Pseudonyms {
        let mac = Hmac::new_from_slice(&key).expect("HMAC takes a key of any length");
        Pseudonyms { mac }
    }

    /// What stands for a secret: its public `prefix`, a mark and 64 bits of its hash.
    ///
    /// All hexadecimal secrets stay hexadecimal and as long as they were, for signatures are
    /// compared by form.
    pub(super) fn secret(&self, prefix: &str, value: &str) -> String {
        let mut stream = self.stream("secret", value);
        let rest = value.strip_prefix(prefix).unwrap_or(value);
        if 16 <= rest.len()
            && rest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        {
            let digits: String = (HEX_MARK.len()..rest.len()).map(|_| stream.hex()).collect();
            return format!("{prefix}{HEX_MARK}{digits}");
        }
        let digits: String = (0..16).map(|_| stream.hex()).collect();
        format!("{prefix}{MARK}{digits}")
    }

    /// An identifier of the same class.
    pub(super) fn id(&self, class: Class, token: &str) -> String {
        let hexadecimal = matches!(class, Class::Uuid | Class::ObjectId | Class::Hex | Class::Sid);
        let canonical = if hexadecimal { token.to_ascii_lowercase() } else { token.to_owned() };
        let mut stream = self.stream(class_name(class), &canonical);
        if class == Class::Opaque && token.contains(['-', '_']) {
            return slug(token, &mut stream);
        }
        let kept = kept_bytes(class, token);
        token
            .char_indices()
            .map(|(at, c)| {
                let drawn = if hexadecimal { stream.like_hex(c) } else { stream.like(c) };
                let replaced = if class == Class::Ulid { crockford(drawn) } else { drawn };
                if at < kept || is_version_digit(class, at) { c } else { replaced }
            })
            .collect()
    }

    /// Personal data of the same kind, valid where the original was.
    pub(super) fn personal(&self, kind: Kind, text: &str) -> String {
        match kind {
            Kind::Email => self.email(text),
            Kind::Phone => self.phone(text),
            Kind::Card => self.card(text),
            Kind::Iban => self.iban(text),
            Kind::SocialSecurity => self.social_security(text),
            Kind::Ipv4 => self.ipv4(text),
            Kind::Ipv6 => self.ipv6(text),
        }
    }

    /// A name or address: each word by itself, so that first and last name still make the full one.
    pub(super) fn words(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for piece in text.split_inclusive(|c: char| !c.is_alphanumeric()) {
            let mut stream =
                self.stream("words", piece.trim_end_matches(|c: char| !c.is_alphanumeric()));
            out.extend(piece.chars().map(|c| stream.like(c)));
        }
        out
    }

    /// Digits for digits, the first of them not zero; everything else stays.
    pub(super) fn digits(&self, text: &str) -> String {
        let canonical: String = text.chars().filter(char::is_ascii_digit).collect();
        let mut stream = self.stream("digits", &canonical);
        let mut first = true;
        text.chars()
            .map(|c| {
                if !c.is_ascii_digit() {
                    return c;
                }
                let from = u8::from(std::mem::take(&mut first));
                stream.digit(from, 9)
            })
            .collect()
    }

    /// A date in the same notation: four digits become a year of the last century, two a number
    /// from 1 to 12, which is a month as well as a day.
    pub(super) fn date(&self, text: &str) -> String {
        let mut stream = self.stream("date", text);
        let mut out = String::with_capacity(text.len());
        for piece in text.split_inclusive(|c: char| !c.is_ascii_digit()) {
            let (digits, rest) =
                piece.split_at(piece.bytes().take_while(u8::is_ascii_digit).count());
            let year = 1940 + stream.below(60);
            let (month, day) = (1 + stream.below(12), 1 + stream.below(12));
            let drawn = match digits.len() {
                8 => format!("{year}{month:02}{day:02}"),
                4 => year.to_string(),
                2 => format!("{month:02}"),
                1 => (month % 9 + 1).to_string(),
                _ => digits.chars().map(|c| stream.like(c)).collect(),
            };
            out.push_str(&drawn);
            out.push_str(rest);
        }
        out
    }

    /// A coordinate near nothing: the whole degrees stay, the fraction goes.
    pub(super) fn coordinate(&self, text: &str) -> String {
        let Some((degrees, fraction)) = text.split_once('.') else { return text.to_owned() };
        let mut stream = self.stream("coordinate", text);
        format!("{degrees}.{}", fraction.chars().map(|c| stream.like(c)).collect::<String>())
    }

    fn email(&self, text: &str) -> String {
        let mut stream = self.stream("email", &text.to_lowercase());
        let local: String = (0..12).map(|_| stream.hex()).collect();
        format!("u_{local}@example.com")
    }

    /// Country code and separators stay; a digit that may start a group still may.
    fn phone(&self, text: &str) -> String {
        let canonical: String = text.chars().filter(char::is_ascii_digit).collect();
        let mut stream = self.stream("phone", canonical.strip_prefix('1').unwrap_or(&canonical));
        let country = match (text.starts_with('+'), canonical.as_bytes().first()) {
            (false, _) => 0,
            (true, Some(b'1' | b'7')) => 1,
            (true, _) => 2,
        };
        let mut seen = 0;
        text.chars()
            .map(|c| {
                if !c.is_ascii_digit() {
                    return c;
                }
                seen += 1;
                match c {
                    _ if seen <= country => c,
                    '0' | '1' => stream.digit(0, 1),
                    _ => stream.digit(2, 9),
                }
            })
            .collect()
    }

    /// The first digit (the network) stays, the last is the Luhn digit of the rest.
    fn card(&self, text: &str) -> String {
        let canonical: String = text.chars().filter(char::is_ascii_digit).collect();
        let mut stream = self.stream("card", &canonical);
        let mut digits: Vec<u8> = canonical.bytes().collect();
        let last = digits.len() - 1;
        for digit in &mut digits[1..last] {
            *digit = stream.digit(0, 9) as u8;
        }
        digits[last] = b'0';
        let sum = personal::luhn_sum(digits.iter().rev().copied());
        digits[last] = b'0' + u8::try_from((10 - sum % 10) % 10).expect("a digit");
        let mut digits = digits.into_iter().map(char::from);
        text.chars()
            .map(|c| if c.is_ascii_digit() { digits.next().unwrap_or(c) } else { c })
            .collect()
    }

    /// Country and length stay, the check digits are made anew.
    fn iban(&self, text: &str) -> String {
        let canonical: String = text.chars().filter(|c| *c != ' ').collect();
        let mut stream = self.stream("iban", &canonical);
        let account: String = canonical[4..].chars().map(|c| stream.like(c)).collect();
        let unchecked = format!("{}00{account}", &canonical[..2]);
        let check = 98 - personal::iban_remainder(&unchecked);
        let whole = format!("{}{check:02}{account}", &canonical[..2]);
        let mut chars = whole.chars();
        text.chars().map(|c| if c == ' ' { c } else { chars.next().unwrap_or(c) }).collect()
    }

    /// In the range from 900, which was never issued.
    fn social_security(&self, text: &str) -> String {
        let mut stream = self.stream("ssn", text);
        let area = 900 + stream.below(100);
        format!("{area}-{:02}-{:04}", 1 + stream.below(99), 1 + stream.below(9999))
    }

    /// In 10.0.0.0/8.
    fn ipv4(&self, text: &str) -> String {
        let mut stream = self.stream("ip", text);
        Ipv4Addr::new(10, stream.byte(), stream.byte(), 1 + stream.byte() % 254).to_string()
    }

    /// In the documentation prefix `2001:db8::/32` (RFC 3849).
    fn ipv6(&self, text: &str) -> String {
        let canonical =
            text.parse::<Ipv6Addr>().map_or_else(|_| text.to_owned(), |ip| ip.to_string());
        let mut stream = self.stream("ip", &canonical);
        let mut pair = || u16::from_be_bytes([stream.byte(), stream.byte()]);
        Ipv6Addr::new(0x2001, 0xdb8, pair(), pair(), pair(), pair(), pair(), pair()).to_string()
    }

    fn stream(&self, class: &str, canonical: &str) -> Stream {
        let mut mac = self.mac.clone();
        mac.update(class.as_bytes());
        mac.update(&[0]);
        mac.update(canonical.as_bytes());
        Stream { mac, block: [0; 32], used: 32, blocks: 0 }
    }
}

/// Words of a slug without capitals stay: `test-repo-eee4f66af4da`.
fn slug(token: &str, stream: &mut Stream) -> String {
    let has_words = !token.bytes().any(|b| b.is_ascii_uppercase());
    let is_word =
        |run: &str| has_words && run.len() <= 12 && !run.bytes().any(|b| b.is_ascii_digit());
    token
        .split_inclusive(['-', '_'])
        .flat_map(|run| run.chars().map(move |c| (c, is_word(run))))
        .map(|(c, stays)| {
            let drawn = stream.like(c);
            if stays { c } else { drawn }
        })
        .collect()
}

fn class_name(class: Class) -> &'static str {
    match class {
        Class::Uuid => "uuid",
        Class::Ulid => "ulid",
        Class::Ksuid => "ksuid",
        Class::ObjectId => "objectid",
        Class::Sid => "sid",
        Class::Prefixed => "prefixed",
        Class::Hex => "hex",
        Class::Opaque => "opaque",
    }
}

/// Leading bytes that stay: prefixes, and times, which order and cursors rest on.
fn kept_bytes(class: Class, token: &str) -> usize {
    match class {
        Class::Uuid if token.as_bytes()[14] == b'7' => 13,
        Class::Ulid => 10,
        Class::Ksuid => 5,
        Class::ObjectId if is_recent(&token[..8]) => 8,
        Class::Sid => 2,
        Class::Prefixed => lexer::prefix_length(token).unwrap_or(0),
        Class::Uuid | Class::ObjectId | Class::Hex | Class::Opaque => 0,
    }
}

/// Seconds since the epoch, in hexadecimal, between 2005 and 2038.
fn is_recent(seconds: &str) -> bool {
    u32::from_str_radix(seconds, 16).is_ok_and(|s| (0x41d5_0000..0x8000_0000).contains(&s))
}

/// The digits of a UUID that say its version and variant (RFC 9562).
fn is_version_digit(class: Class, at: usize) -> bool {
    class == Class::Uuid && matches!(at, 14 | 19)
}

/// The letters Crockford's base 32 leaves out become their neighbours.
fn crockford(c: char) -> char {
    match c {
        'I' => 'H',
        'L' => 'M',
        'O' => 'N',
        'U' => 'V',
        c => c,
    }
}

/// The bytes drawn for one value: HMAC in counter mode.
struct Stream {
    mac: Hmac<Sha256>,
    block: [u8; 32],
    used: usize,
    blocks: u32,
}

impl Stream {
    fn byte(&mut self) -> u8 {
        if self.used == self.block.len() {
            let mut mac = self.mac.clone();
            mac.update(&[0]);
            mac.update(&self.blocks.to_be_bytes());
            self.block = mac.finalize().into_bytes().into();
            self.blocks += 1;
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }

    fn below(&mut self, bound: u32) -> u32 {
        u32::from_be_bytes([self.byte(), self.byte(), self.byte(), self.byte()]) % bound
    }

    fn hex(&mut self) -> char {
        char::from(b"0123456789abcdef"[usize::from(self.byte() & 15)])
    }

    /// A digit between the two, both included.
    fn digit(&mut self, from: u8, to: u8) -> char {
        char::from(b'0' + from + self.byte() % (to - from + 1))
    }

    /// A character of the same kind; every character draws, so that positions do not shift.
    fn like(&mut self, c: char) -> char {
        let byte = self.byte();
        match c {
            '0'..='9' => char::from(b'0' + byte % 10),
            'a'..='z' => char::from(b'a' + byte % 26),
            'A'..='Z' => char::from(b'A' + byte % 26),
            c if c.is_uppercase() => char::from(b'A' + byte % 26),
            c if c.is_alphabetic() => char::from(b'a' + byte % 26),
            c => c,
        }
    }

    /// The same among hexadecimal digits.
    fn like_hex(&mut self, c: char) -> char {
        let byte = self.byte();
        match c {
            '0'..='9' => char::from(b'0' + byte % 10),
            'a'..='f' => char::from(b'a' + byte % 6),
            'A'..='F' => char::from(b'A' + byte % 6),
            c => c,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pseudonyms() -> Pseudonyms {
        Pseudonyms::new([3; 32])
    }

    #[test]
    fn replacements_are_valid_in_their_own_kind() {
        for text in [
            "jane@corp.test",
            "+14155552671",
            "+44 20 7946 0958",
            "(415) 555-2671",
            "4242-4242-4242-4242",
            "GB82 WEST 1234 5698 7654 32",
            "078-05-1120",
            "203.0.113.9",
            "2001:470::1",
        ] {
            let kind = personal::kind(text).unwrap();
            let replaced = pseudonyms().personal(kind, text);
            assert_eq!(personal::kind(&replaced), Some(kind), "{text} became {replaced}");
            assert_ne!(replaced, text);
        }
    }

    #[test]
    fn ids_keep_class_length_prefix_and_time() {
        for (text, kept) in [
            ("f81d4fae-7dec-41d0-a765-00a0c91e6bf6", ""),
            ("018f2f6e-7c3a-7cc3-98c4-dc0c0c07398f", "018f2f6e-7c3a-7"),
            ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEK"),
            ("507f1f77bcf86cd799439011", "507f1f77"),
            ("AC0123456789abcdef0123456789abcdef", "AC"),
            ("cus_NffrFeUfNV2Hib", "cus_"),
            ("9f86d081884c7d65", ""),
            ("T9uQ8xkLm2Zr4Vb7Yc", ""),
        ] {
            let class = lexer::class(text).unwrap();
            let replaced = pseudonyms().id(class, text);
            assert_eq!(lexer::class(&replaced), Some(class), "{text} became {replaced}");
            assert_eq!(replaced.len(), text.len());
            assert!(replaced.starts_with(kept), "{text} became {replaced}");
            assert_ne!(replaced, text);
        }
    }

    #[test]
    fn first_and_last_name_still_make_the_full_name() {
        let full = pseudonyms().words("Jane O'Neill");
        assert_eq!(
            full,
            format!("{} {}", pseudonyms().words("Jane"), pseudonyms().words("O'Neill"))
        );
    }
}
