//! What makes two records of an exchange the same one.

use xxhash_rust::xxh3::Xxh3;

use crate::exchange::{Direction, Headers, RawBody, RawExchange};

/// 128 bits over everything an exchange holds, however the file it came from wrote it.
///
/// The same capture as HAR and as NDJSON, plain or packed, gives the same digest, so that importing
/// content twice can add nothing. It tells accidents apart, not adversaries.
///
/// # Source
///
/// XXH3 with 128 bits and no seed.
pub fn digest(raw: &RawExchange<'_>) -> u128 {
    let mut hasher = Xxh3::new();
    hasher.update(&[u8::from(raw.direction == Direction::Delivery)]);
    hasher.update(&raw.seen_at_us.to_le_bytes());
    hasher.update(&raw.latency_us.to_le_bytes());
    hasher.update(&raw.status.to_le_bytes());
    write(&mut hasher, raw.method.as_bytes());
    write(&mut hasher, raw.url.as_bytes());
    for (headers, body) in
        [(&raw.request_headers, &raw.request_body), (&raw.response_headers, &raw.response_body)]
    {
        write_headers(&mut hasher, headers);
        write_body(&mut hasher, body.as_ref());
    }
    hasher.digest128()
}

fn write_headers(hasher: &mut Xxh3, headers: &Headers<'_>) {
    hasher.update(&(headers.len() as u64).to_le_bytes());
    for (name, value) in headers {
        write(hasher, name.as_bytes());
        write(hasher, value.as_bytes());
    }
}

fn write_body(hasher: &mut Xxh3, body: Option<&RawBody<'_>>) {
    let Some(body) = body else { return hasher.update(&[0]) };
    hasher.update(&[1 + u8::from(body.truncated)]);
    write(hasher, body.media_type.as_bytes());
    write(hasher, &body.bytes);
}

/// The length goes first, so that no two lists of texts run together into one.
fn write(hasher: &mut Xxh3, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}
