//! What a path segment looks like, before anything is known of it.

use crate::Class;

/// The class of one path segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SegmentClass {
    /// Part of the API's own wording whatever surrounds it: a version, `me`, `:verb`.
    Keep,
    /// A word, which may be wording or a name somebody chose.
    Word,
    /// Digits alone.
    Integer,
    /// RFC 9562.
    Uuid,
    /// Hexadecimal of at least eight digits (object ids, hashes).
    Hex,
    /// A lettered prefix and an id: `cus_9Y4W…`, Twilio's `AC` and 32 hex digits.
    Prefixed,
    /// Letters and digits mixed as no word is: ULID, KSUID, base 62 or 64.
    Token,
    /// An e-mail address.
    Email,
    /// A phone number, E.164.
    Phone,
    /// A date, or a date and time, not in a version's position.
    Date,
    /// Anything else: blanks, encoded slashes, text.
    Text,
}

impl SegmentClass {
    /// The word in templates and in the lake's `path` column.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Word => "word",
            Self::Integer => "int",
            Self::Uuid => "uuid",
            Self::Hex => "hex",
            Self::Prefixed => "id",
            Self::Token => "token",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Date => "date",
            Self::Text => "text",
        }
    }

    /// The class of a word that [`SegmentClass::name`] gives.
    pub fn named(name: &str) -> Option<Self> {
        const ALL: [SegmentClass; 11] = [
            SegmentClass::Keep,
            SegmentClass::Word,
            SegmentClass::Integer,
            SegmentClass::Uuid,
            SegmentClass::Hex,
            SegmentClass::Prefixed,
            SegmentClass::Token,
            SegmentClass::Email,
            SegmentClass::Phone,
            SegmentClass::Date,
            SegmentClass::Text,
        ];
        ALL.into_iter().find(|class| class.name() == name)
    }

    /// Whether a segment of this class can be wording.
    pub const fn is_literal(self) -> bool {
        matches!(self, Self::Keep | Self::Word)
    }
}

/// The class of a segment at its position, the first being 0; percent-encoding as it stands.
///
/// # Source
///
/// INFERENCE §2 (the proposed lexer: no static segment of 773 taken for an id). Upper-case words
/// such as `AuthorizationDocuments` and dates in the first two positions are wording.
pub fn lex(segment: &str, position: usize) -> SegmentClass {
    let (stem, _) = split_suffix(segment);
    let bytes = stem.as_bytes();
    if is_wording(stem, position) {
        return SegmentClass::Keep;
    }
    if bytes.iter().all(u8::is_ascii_digit) {
        return SegmentClass::Integer;
    }
    if let Some(class) = formatted(stem) {
        return class;
    }
    if is_hex(bytes) {
        return SegmentClass::Hex;
    }
    if is_prefixed(stem) {
        return SegmentClass::Prefixed;
    }
    if is_token(bytes) {
        return SegmentClass::Token;
    }
    let wordy = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'.' | b':' | b'@' | b'~' | b'+' | b'*' | b'$')
    };
    if bytes.len() <= 64 && bytes.iter().all(wordy) {
        SegmentClass::Word
    } else {
        SegmentClass::Text
    }
}

/// A segment without the suffix that names a representation (`.json`) or a verb (`12:cancel`), and
/// that suffix.
pub fn split_suffix(segment: &str) -> (&str, &str) {
    if let Some((stem, verb)) = segment.rsplit_once(':')
        && !stem.is_empty()
        && verb.starts_with(|first: char| first.is_ascii_lowercase())
        && verb.bytes().all(|byte| byte.is_ascii_alphabetic())
    {
        return (stem, &segment[stem.len()..]);
    }
    for suffix in [".json", ".xml", ".csv", ".pdf"] {
        if let Some(stem) = segment.strip_suffix(suffix)
            && !stem.is_empty()
        {
            return (stem, &segment[stem.len()..]);
        }
    }
    (segment, "")
}

/// Versions (`v1`, `v2.1beta3`, a date up front), `me` and its kin, and custom verbs.
fn is_wording(segment: &str, position: usize) -> bool {
    if matches!(segment, "me" | "self" | "@me") || segment.starts_with(':') {
        return true;
    }
    if position < 2 && crate_class(segment) == Some(Class::Date) {
        return true;
    }
    // Deeper down `v1.0` is somebody's tag.
    let Some(rest) = segment.strip_prefix('v').filter(|_| position < 4) else { return false };
    let number = rest.trim_end_matches(|c: char| c.is_ascii_digit());
    let number =
        ["alpha", "beta", "rc"].iter().find_map(|stage| number.strip_suffix(stage)).unwrap_or(rest);
    !number.is_empty()
        && number.len() <= 6
        && number.starts_with(|c: char| c.is_ascii_digit())
        && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn formatted(segment: &str) -> Option<SegmentClass> {
    match crate_class(segment)? {
        Class::Uuid => Some(SegmentClass::Uuid),
        Class::Email => Some(SegmentClass::Email),
        Class::Phone => Some(SegmentClass::Phone),
        Class::Date | Class::DateTime => Some(SegmentClass::Date),
        _ => None,
    }
}

/// The few formats a segment can have; percent-encoded `@`, `+` and `:` stand for themselves.
fn crate_class(segment: &str) -> Option<Class> {
    let decoded;
    let text = if segment.contains('%') {
        decoded = segment.replace("%40", "@").replace("%2B", "+").replace("%3A", ":");
        decoded.as_str()
    } else {
        segment
    };
    let bytes = text.as_bytes();
    if bytes.len() == 36 && [8, 13, 18, 23].iter().all(|&at| bytes[at] == b'-') {
        let hex = bytes
            .iter()
            .enumerate()
            .all(|(at, byte)| matches!(at, 8 | 13 | 18 | 23) || byte.is_ascii_hexdigit());
        return hex.then_some(Class::Uuid);
    }
    if let Some((local, domain)) = text.split_once('@') {
        let mail = !local.is_empty()
            && domain.contains('.')
            && !domain.contains('@')
            && !text.contains('/');
        return mail.then_some(Class::Email);
    }
    if let Some(number) = text.strip_prefix('+') {
        let phone =
            (7..=15).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
        return phone.then_some(Class::Phone);
    }
    let is_date = bytes.len() >= 10
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[..10]
            .iter()
            .enumerate()
            .all(|(at, byte)| matches!(at, 4 | 7) || byte.is_ascii_digit());
    match (is_date, bytes.len()) {
        (true, 10) => Some(Class::Date),
        (true, _) if matches!(bytes[10], b'T' | b' ') => Some(Class::DateTime),
        _ => None,
    }
}

/// Eight hex digits or more of one case, a decimal digit among them.
fn is_hex(bytes: &[u8]) -> bool {
    let lower = bytes.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
    let upper = bytes.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'A'..=b'F'));
    bytes.len() >= 8 && (lower || upper) && bytes.iter().any(u8::is_ascii_digit)
}

/// `prefix_body` where the body has a digit or both cases, or two capitals and 32 hex digits.
///
/// The demand on the body is essential: without it `account_insights` is an id.
fn is_prefixed(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    if bytes.len() == 34
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes[2..].iter().all(u8::is_ascii_hexdigit)
    {
        return true;
    }
    let Some((prefix, body)) = segment.rsplit_once('_') else { return false };
    let lettered = (2..=16).contains(&prefix.len())
        && prefix.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    lettered
        && body.len() >= 8
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && is_mixed(body.as_bytes())
}

/// A digit other than one or two at a word's end (`address2`), or both cases beyond a capital up front.
fn is_mixed(body: &[u8]) -> bool {
    let letters = body.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
    let numbered = body.len() - letters <= 2 && body[letters..].iter().all(u8::is_ascii_digit);
    let digit = !numbered && body.iter().any(u8::is_ascii_digit);
    let lower = body.iter().any(u8::is_ascii_lowercase);
    let upper = body[1..].iter().any(u8::is_ascii_uppercase);
    digit || (lower && upper)
}

/// Sixteen letters and digits or more with at least three digits, or fewer whose digits stand in
/// several runs: no word has that. Or a part between joints that no language spells so.
fn is_token(bytes: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=');
    if !bytes.iter().all(plain) {
        return false;
    }
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let changes = |pair: &&[u8]| pair[0].is_ascii_digit() != pair[1].is_ascii_digit();
    let runs = bytes.windows(2).filter(changes).count();
    let joints = bytes.iter().filter(|byte| matches!(byte, b'-' | b'_')).count();
    let capitals = bytes.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let rises = |pair: &&[u8]| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase();
    let humps = bytes.windows(2).filter(rises).count();
    (bytes.len() >= 16 && digits >= 3 && joints * 6 <= bytes.len())
        || (bytes.len() >= 16 && joints == 0 && humps >= 5)
        || (bytes.len() >= 12 && joints == 0 && runs >= 4)
        || (bytes.len() >= 8 && capitals && runs >= 4 && digits >= 3)
        || bytes.split(|byte| matches!(byte, b'-' | b'_')).any(is_unspeakable)
}

/// For each letter, the letters that usually follow it in words, `a` in the lowest bit.
///
/// # Source
///
/// Pairs that are at least 0.04 % of all within the 3 871 words that occur in the prose of three or
/// more of 388 open-source packages' Markdown files. Measured with [`lex`]: of 1 845 static segments
/// and field names of drift-bench's models none is taken for an id, nor any of 24 words in six other
/// languages; of random ids of 12, 16 and 24 characters .99, 1 and 1 are where they are digits and small
/// letters, .94, .93 and .98 where they are small letters, .84, .97 and 1 where they are digits and
/// letters, and .42, .75 and .99 where they are letters of both cases.
const FOLLOWERS: [u32; 26] = [
    0x01be_bd6e,
    0x0016_4911,
    0x011e_4d95,
    0x0016_4919,
    0x01ef_f97d,
    0x0112_4931,
    0x0016_61d1,
    0x001a_4111,
    0x02ae_f87f,
    0x0000_0010,
    0x0004_0110,
    0x013c_c91d,
    0x0014_d113,
    0x013c_6d7d,
    0x007e_fd6f,
    0x001e_c991,
    0x0010_0000,
    0x013e_fd7d,
    0x011c_dd95,
    0x015e_499d,
    0x000e_b97f,
    0x0000_4111,
    0x0002_6191,
    0x0008_8114,
    0x0004_a110,
    0x0000_0111,
];

/// Whether letters follow each other as in no word, each run of digits within counted as such a pair
/// too: a third of the pairs in ten characters with digits, somewhat more in twelve without; or eight
/// hex digits and more, two of them decimal, which end a slug.
fn is_unspeakable(part: &[u8]) -> bool {
    if part.len() >= 8 && is_hex(part) && part.iter().filter(|b| b.is_ascii_digit()).count() >= 2 {
        return true;
    }
    if part.len() < 10 {
        return false;
    }
    let (mut pairs, mut odd, mut runs) = (0_usize, 0_usize, 0_usize);
    for (index, &byte) in part.iter().enumerate() {
        let previous = index.checked_sub(1).map(|before| part[before]);
        match previous {
            // A capital after a small letter begins a word, and capitals are an abbreviation.
            Some(before) if before.is_ascii_alphabetic() && byte.is_ascii_lowercase() => {
                pairs += 1;
                odd += usize::from(!follows(before, byte));
            }
            _ => {
                let begins = byte.is_ascii_digit() && !previous.is_some_and(|b| b.is_ascii_digit());
                runs += usize::from(begins);
            }
        }
    }
    let (pairs, odd_or_digits) = (pairs + runs, odd + runs);
    if runs > 0 {
        odd_or_digits >= 3 && odd_or_digits * 10 >= pairs * 3
    } else {
        part.len() >= 12 && odd >= 4 && odd * 20 >= pairs * 7
    }
}

fn follows(before: u8, letter: u8) -> bool {
    let index = |byte: u8| usize::from(byte.to_ascii_lowercase() - b'a');
    FOLLOWERS[index(before)] & (1 << index(letter)) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_wording() {
        use SegmentClass::{
            Date, Email, Hex, Integer, Keep, Phone, Prefixed, Text, Token, Uuid, Word,
        };
        let cases = [
            ("v1", 0, Keep),
            ("v2.1", 1, Keep),
            ("v1beta3", 0, Keep),
            ("2010-04-01", 0, Keep),
            ("2010-04-01", 4, Date),
            ("me", 2, Keep),
            ("@me", 2, Keep),
            (":cancel", 3, Keep),
            ("customers", 1, Word),
            ("Accounts.json", 2, Word),
            ("AuthorizationDocuments", 1, Word),
            ("2fa", 2, Word),
            ("account_insights", 2, Word),
            ("octokit.rb", 2, Word),
            ("calculation_line_items", 2, Word),
            ("business_street_address2", 2, Word),
            ("chat.postMessage", 1, Word),
            ("a2p", 1, Word),
            ("oauth2", 0, Word),
            ("12", 2, Integer),
            ("42.json", 2, Integer),
            ("0bfa4cff-dc0d-407a-958b-6de5bdd0d011", 2, Uuid),
            ("507f1f77bcf86cd799439011", 2, Hex),
            ("cus_9Y4WK0ZaJkmQnm", 2, Prefixed),
            ("cs_test_a1b2c3d4e5", 2, Prefixed),
            ("AC5eb1b2c3d4e5f60718293a4b5c6d7e8f", 2, Prefixed),
            ("3ythmwkalrwbbf6820", 2, Token),
            ("bwgbzlp1irkaqzzlf8", 2, Token),
            ("01ARZ3NDEKTSV4RRFFQ69G5FAV", 2, Token),
            ("a@example.com", 2, Email),
            ("a%40example.com", 2, Email),
            ("+14155550123", 2, Phone),
            ("two%20words", 2, Text),
            ("PreregisteredUsa2p", 2, Word),
            ("YOUR_ACME_ACCOUNT", 2, Word),
            ("eidywthabciwcongfi", 2, Token),
            ("dcrvx3zvteadaoolbc", 2, Token),
            ("test-repo-8094f73d8fa8", 2, Token),
            ("authorizationdocuments", 2, Word),
            ("krankenversicherung", 2, Word),
            ("12:cancel", 2, Integer),
            ("chat:postMessage", 2, Word),
            ("v1.0", 4, Word),
            ("paoyqafit0hg74ffby", 2, Token),
            ("rao9oplpshumeeebkd", 2, Token),
            ("bfghrmodshizoqirgc", 2, Token),
            ("Z4OV52SU", 2, Token),
            ("qdkworksfe8f0nxouf", 2, Token),
            ("transaction_line_items", 2, Word),
            ("web-push-vapid-keys", 2, Word),
            ("a2p10dlc", 2, Word),
            ("sha256", 2, Word),
            ("sha256checksums", 2, Word),
            ("paymentInstrumentGroups", 2, Word),
            ("video", 1, Word),
        ];
        for (segment, position, class) in cases {
            assert_eq!(lex(segment, position), class, "{segment}");
        }
    }
}
