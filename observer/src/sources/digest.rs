//! What makes two records of an exchange the same one.

use xxhash_rust::xxh3::xxh3_128;

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
    digest_with(&mut Vec::new(), raw)
}

/// As [`digest`], using a buffer again: what is hashed is put together there and hashed at once,
/// since an exchange is a hundred short texts and each would cost a call.
pub(crate) fn digest_with(buffer: &mut Vec<u8>, raw: &RawExchange<'_>) -> u128 {
    buffer.clear();
    buffer.push(u8::from(raw.direction == Direction::Delivery));
    buffer.extend(raw.seen_at_us.to_le_bytes());
    buffer.extend(raw.latency_us.to_le_bytes());
    buffer.extend(raw.status.to_le_bytes());
    write(buffer, raw.method.as_bytes());
    write(buffer, raw.url.as_bytes());
    for (headers, body) in
        [(&raw.request_headers, &raw.request_body), (&raw.response_headers, &raw.response_body)]
    {
        write_headers(buffer, headers);
        write_body(buffer, body.as_ref());
    }
    xxh3_128(buffer)
}

fn write_headers(buffer: &mut Vec<u8>, headers: &Headers<'_>) {
    buffer.extend((headers.len() as u64).to_le_bytes());
    for (name, value) in headers {
        write(buffer, name.as_bytes());
        write(buffer, value.as_bytes());
    }
}

fn write_body(buffer: &mut Vec<u8>, body: Option<&RawBody<'_>>) {
    let Some(body) = body else { return buffer.push(0) };
    buffer.push(1 + u8::from(body.truncated));
    write(buffer, body.media_type.as_bytes());
    write(buffer, &body.bytes);
}

/// The length goes first, so that no two lists of texts run together into one.
fn write(buffer: &mut Vec<u8>, bytes: &[u8]) {
    buffer.extend((bytes.len() as u64).to_le_bytes());
    buffer.extend(bytes);
}
