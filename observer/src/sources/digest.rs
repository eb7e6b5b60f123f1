//! What makes two records of an exchange the same one.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::exchange::{Direction, Headers, RawBody, RawExchange};

/// 128 bits over everything an exchange holds, however the file it came from wrote it.
///
/// The same capture as HAR and as NDJSON, plain or packed, gives the same digest, so that importing
/// content twice can add nothing. It tells accidents apart, not adversaries: the key is public.
///
/// # Source
///
/// SipHash-1-3 with 128 bits and a zero key.
pub fn digest(raw: &RawExchange<'_>) -> u128 {
    let mut hasher = SipHasher13::new();
    hasher.write_u8(u8::from(raw.direction == Direction::Delivery));
    hasher.write_i64(raw.seen_at_us);
    hasher.write_u32(raw.latency_us);
    hasher.write_u16(raw.status);
    write(&mut hasher, raw.method.as_bytes());
    write(&mut hasher, raw.url.as_bytes());
    for (headers, body) in
        [(&raw.request_headers, &raw.request_body), (&raw.response_headers, &raw.response_body)]
    {
        write_headers(&mut hasher, headers);
        write_body(&mut hasher, body.as_ref());
    }
    hasher.finish128().as_u128()
}

fn write_headers(hasher: &mut SipHasher13, headers: &Headers<'_>) {
    hasher.write_u64(headers.len() as u64);
    for (name, value) in headers {
        write(hasher, name.as_bytes());
        write(hasher, value.as_bytes());
    }
}

fn write_body(hasher: &mut SipHasher13, body: Option<&RawBody<'_>>) {
    let Some(body) = body else { return hasher.write_u8(0) };
    hasher.write_u8(1 + u8::from(body.truncated));
    write(hasher, body.media_type.as_bytes());
    write(hasher, &body.bytes);
}

/// The length goes first, so that no two lists of texts run together into one.
fn write(hasher: &mut SipHasher13, bytes: &[u8]) {
    hasher.write_u64(bytes.len() as u64);
    hasher.write(bytes);
}
