//! Percent-encoding and base64, undone and redone in the manner of the original.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Whether `text` holds at least one `%XX`.
pub(super) fn has_percent(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'%', bytes).any(|at| {
        bytes.get(at + 1).is_some_and(u8::is_ascii_hexdigit)
            && bytes.get(at + 2).is_some_and(u8::is_ascii_hexdigit)
    })
}

/// Undoes percent-encoding; `None` where the bytes are not UTF-8.
///
/// `plus_is_space` as in forms and query strings. A `%` that starts no escape stays.
pub(super) fn percent_decode(text: &str, plus_is_space: bool) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = bytes.get(at + 1).zip(bytes.get(at + 2));
        let escaped = pair.and_then(|(high, low)| Some(hex(*high)? << 4 | hex(*low)?));
        match (bytes[at], escaped) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (b'+', _) if plus_is_space => {
                out.push(b' ');
                at += 1;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).ok()
}

/// Percent-encodes everything but the unreserved characters (RFC 3986, section 2.3) and `kept`.
pub(super) fn percent_encode(text: &str, kept: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    out
}

/// Undoes base64 where it decodes to readable text, and says how to redo it.
///
/// Sixteen characters at least: twelve random bytes that all happen to be printable are one chance
/// in a hundred thousand.
pub(super) fn base64_text(text: &str) -> Option<(String, &'static GeneralPurpose)> {
    if text.len() < 16 || !text.bytes().all(is_base64_byte) {
        return None;
    }
    let url_safe = text.bytes().any(|b| matches!(b, b'-' | b'_'));
    let padded = text.ends_with('=');
    let (reader, writer): (&GeneralPurpose, &'static GeneralPurpose) = match (url_safe, padded) {
        (true, true) => (&URL_SAFE, &URL_SAFE),
        (true, false) => (&LENIENT_URL, &URL_SAFE_NO_PAD),
        (false, true) => (&STANDARD, &STANDARD),
        (false, false) if text.len().is_multiple_of(4) => (&STANDARD, &STANDARD),
        (false, false) => (&STANDARD_NO_PAD, &STANDARD_NO_PAD),
    };
    let decoded = String::from_utf8(reader.decode(text).ok()?).ok()?;
    is_readable(&decoded).then_some((decoded, writer))
}

/// Decodes the URL-safe alphabet, padding or none (a part of a JWT).
pub(super) fn base64_url(text: &str) -> Option<Vec<u8>> {
    LENIENT_URL.decode(text).ok()
}

/// Encodes in the URL-safe alphabet without padding.
pub(super) fn to_base64_url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

const LENIENT_URL: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Text a person could read: no control characters but white space.
pub(super) fn is_readable(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| matches!(c, '\t' | '\n' | '\r') || !c.is_control() && c != '\u{fffd}')
}

/// A byte of either base64 alphabet, or padding.
pub(super) fn is_base64_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
