//! Message authentication codes, as vendors write them into headers.

use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::Sha256;

/// HMAC-SHA256 over parts as one text: 32 bytes.
///
/// # Panics
///
/// Never: HMAC takes keys of any length.
pub fn sha256(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    of(Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length"), parts)
}

/// HMAC-SHA1 over parts as one text: 20 bytes.
///
/// # Panics
///
/// As [`sha256`].
pub fn sha1(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    of(Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length"), parts)
}

fn of(mut mac: impl Mac, parts: &[&[u8]]) -> Vec<u8> {
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// Bytes in base 16, small letters.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        text.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
        text.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
        text
    })
}
