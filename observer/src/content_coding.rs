//! What `Content-Encoding` did to a body, undone.
//!
//! # Source
//!
//! The names are those of IANA's HTTP Content Coding Registry (RFC 9110 §8.4.1, RFC 7932 for `br`,
//! RFC 8878 for `zstd`). The bytes a gzip or zstd stream starts with: RFC 1952 §2.3.1, RFC 8878 §3.1.1.

use std::borrow::Cow;
use std::io::Read;

use brotli_decompressor::Decompressor;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// A content coding that can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ContentCoding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// A body with codings undone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) bytes: Vec<u8>,
    /// More came, or should have come, than `bytes` holds.
    pub(crate) cut: bool,
}

/// Bytes a brotli decoder takes at once.
const BROTLI_READ: usize = 4096;

/// Undoes the codings `header` names, the last first; `None` where the body is coded in a way that is
/// not known or is not what its header says.
///
/// At most `bytes_max` bytes come out of each coding, so that a small body cannot fill the memory.
pub(crate) fn undone<'a>(
    bytes: &'a [u8],
    header: &str,
    bytes_max: usize,
) -> Option<(Cow<'a, [u8]>, bool)> {
    let mut body = Cow::Borrowed(bytes);
    let mut cut = false;
    for name in header.split(',').rev().map(str::trim) {
        if name.is_empty() || name.eq_ignore_ascii_case("identity") {
            continue;
        }
        let decoded = ContentCoding::named(name)?.undo(&body, bytes_max)?;
        cut |= decoded.cut;
        body = Cow::Owned(decoded.bytes);
    }
    Some((body, cut))
}

/// Undoes the one coding `header` names if `bytes` really are it.
///
/// Most captures have decoded bodies and keep the header, so the header alone says nothing.
pub(crate) fn undone_if_coded(bytes: &[u8], header: &str, bytes_max: usize) -> Option<Decoded> {
    let coding = ContentCoding::named(header.trim())?;
    // Brotli may begin as text does: with a window of 4 MB its first byte is a `[`.
    let is_text = matches!(bytes.first(), Some(b'{' | b'[' | b'<' | b'"'));
    if bytes.is_empty() || is_text && coding != ContentCoding::Brotli {
        return None;
    }
    let decoded = coding.undo(bytes, bytes_max)?;
    coding.is_told_by(bytes, &decoded).then_some(decoded)
}

impl ContentCoding {
    fn named(name: &str) -> Option<ContentCoding> {
        let name = name.to_ascii_lowercase();
        Some(match name.as_str() {
            "gzip" | "x-gzip" => ContentCoding::Gzip,
            "deflate" => ContentCoding::Deflate,
            "br" => ContentCoding::Brotli,
            "zstd" => ContentCoding::Zstd,
            _ => return None,
        })
    }

    /// `None` where nothing at all can be unpacked.
    fn undo(self, bytes: &[u8], bytes_max: usize) -> Option<Decoded> {
        match self {
            ContentCoding::Gzip => unpack(MultiGzDecoder::new(bytes), bytes_max),
            // RFC 9110 means zlib by "deflate"; some send the bare stream.
            ContentCoding::Deflate => unpack(ZlibDecoder::new(bytes), bytes_max)
                .or_else(|| unpack(DeflateDecoder::new(bytes), bytes_max)),
            ContentCoding::Brotli => unpack(Decompressor::new(bytes, BROTLI_READ), bytes_max),
            ContentCoding::Zstd => unpack(zstd::stream::read::Decoder::new(bytes).ok()?, bytes_max),
        }
    }

    /// Whether `bytes` were coded, and not text that happens to unpack to something.
    fn is_told_by(self, bytes: &[u8], decoded: &Decoded) -> bool {
        match self {
            ContentCoding::Gzip => bytes.starts_with(&[0x1F, 0x8B]),
            ContentCoding::Zstd => bytes.starts_with(&[0x28, 0xB5, 0x2F, 0xFD]),
            // A zlib stream has a checksum at its end; nothing marks a bare one, so text is taken for
            // one only if it is one to its last byte.
            ContentCoding::Deflate => is_zlib(bytes) || !decoded.cut && is_bare_to_the_end(bytes),
            // Nothing marks brotli either, and its decoder refuses what follows its end.
            ContentCoding::Brotli => {
                !decoded.cut || matches!(decoded.bytes.first(), Some(b'{' | b'['))
            }
        }
    }
}

fn is_zlib(bytes: &[u8]) -> bool {
    let mut first = [0];
    ZlibDecoder::new(bytes).read(&mut first).is_ok_and(|read| 0 < read)
}

fn is_bare_to_the_end(bytes: &[u8]) -> bool {
    let mut bare = DeflateDecoder::new(bytes);
    std::io::copy(&mut bare, &mut std::io::sink()).is_ok() && bare.total_in() == bytes.len() as u64
}

fn unpack(decoder: impl Read, bytes_max: usize) -> Option<Decoded> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let result = decoder.take(limit).read_to_end(&mut bytes);
    if bytes.is_empty() && result.is_err() {
        return None;
    }
    let cut = result.is_err() || bytes_max < bytes.len();
    bytes.truncate(bytes_max);
    Some(Decoded { bytes, cut })
}
