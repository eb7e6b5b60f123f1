//! A body's bytes, with everything undone that capturing or transport put around them.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Limits;
use super::fault::Flaw;
use super::json::{Cursor, Held, NotJson};
use crate::content_coding::undone_if_coded;
use crate::exchange::{Headers, RawBody};

/// What an entry says about a body.
#[derive(Default)]
pub(super) struct Content<'a> {
    pub(super) media_type: Option<Cow<'a, str>>,
    pub(super) text: Option<Held<'a>>,
    /// `base64`, or nothing that is known.
    pub(super) encoding: Option<Cow<'a, str>>,
    /// Bytes sent, as a JSON number.
    pub(super) size: Option<&'a str>,
    /// At the value of `params`.
    pub(super) params: Option<Cursor<'a>>,
}

impl Content<'_> {
    /// Whether no text was captured, so that parameters have to stand for it.
    pub(super) fn text_absent(&self) -> bool {
        match self.text {
            None => true,
            Some(Held::Line(text)) => text.is_empty(),
            Some(Held::Scratch { length, .. }) => length == 0,
        }
    }

    /// With the form that was written to the scratch buffer as its text.
    #[must_use]
    pub(super) fn or_form(mut self, form: bool, length: usize) -> Self {
        if form {
            self.text = Some(Held::Scratch { length, cut: false });
            self.encoding = None;
            let kind = self.media_type.as_deref().unwrap_or_default();
            if !kind.starts_with(FORM) {
                self.media_type = Some(Cow::Borrowed(FORM));
            }
        }
        self
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

/// Writes `params` as a form into `scratch`, replacing what it held; false where there are none.
///
/// Parameters that are no list of names and values count as none: a body is then missing, and its
/// `postData` held nothing else.
pub(super) fn form(content: &Content<'_>, scratch: &mut Vec<u8>) -> bool {
    let Some(mut cursor) = content.params.clone() else { return false };
    scratch.clear();
    params(&mut cursor, scratch).is_ok() && !scratch.is_empty()
}

fn params(cursor: &mut Cursor<'_>, form: &mut Vec<u8>) -> Result<(), NotJson> {
    if cursor.peek() != Some(b'[') {
        return Ok(());
    }
    cursor.expect(b'[', "a list")?;
    let mut first_item = true;
    while cursor.item(&mut first_item)? {
        cursor.expect(b'{', "`{`")?;
        let (mut name, mut value) = (Cow::Borrowed(""), Cow::Borrowed(""));
        let mut first_key = true;
        while let Some(key) = cursor.key(&mut first_key)? {
            match &*key {
                "name" => name = cursor.scalar()?.unwrap_or_default(),
                "value" => value = cursor.scalar()?.unwrap_or_default(),
                _ => cursor.skip()?,
            }
        }
        if !form.is_empty() {
            form.push(b'&');
        }
        push_encoded(&name, form);
        form.push(b'=');
        push_encoded(&value, form);
    }
    Ok(())
}

/// # Source
///
/// WHATWG URL, "application/x-www-form-urlencoded percent-encode set".
fn push_encoded(text: &str, form: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in text.as_bytes() {
        match byte {
            b'*' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => form.push(byte),
            b' ' => form.push(b'+'),
            _ => form.extend([b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
        }
    }
}

/// The body, or `None` where there was none.
pub(super) fn finish<'a>(
    content: Content<'a>,
    scratch: &'a [u8],
    headers: &Headers<'a>,
    field: &'static str,
    limits: &Limits,
) -> Result<Option<RawBody<'a>>, Flaw> {
    let (text, cut) = match content.text {
        None => (&[][..], false),
        Some(Held::Line(text)) => (text, false),
        Some(Held::Scratch { length, cut }) => (&scratch[..length], cut),
    };
    // A size that is no whole number, or -1 for not known, says nothing.
    let size: usize = content.size.and_then(|size| size.parse().ok()).unwrap_or(0);
    if text.is_empty() && size == 0 {
        return Ok(None);
    }
    let mut bytes = Cow::Borrowed(text);
    if content.encoding.is_some_and(|encoding| encoding.eq_ignore_ascii_case("base64")) {
        bytes = Cow::Owned(base64(text, cut).ok_or(Flaw::NotBase64 { field })?);
    }
    let media_type = media_type(content.media_type, headers);
    Ok(Some(settle(Captured { bytes, cut, size, media_type }, headers, limits)))
}

/// A body as captured, base64 undone.
pub(super) struct Captured<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    /// Part of it was not captured or not kept.
    pub(super) cut: bool,
    /// Bytes sent, after decoding; 0 where that is not known.
    pub(super) size: usize,
    pub(super) media_type: Cow<'a, str>,
}

/// Undoes what the transport did to the body and cuts it to the limit.
pub(super) fn settle<'a>(
    captured: Captured<'a>,
    headers: &Headers<'_>,
    limits: &Limits,
) -> RawBody<'a> {
    let Captured { mut bytes, mut cut, size, media_type } = captured;
    let mut held = bytes.len();
    let coding = header(headers, "content-encoding");
    if let Some(decoded) =
        coding.and_then(|coding| undone_if_coded(&bytes, coding, limits.body_bytes_max))
    {
        cut |= decoded.cut;
        held = held.max(decoded.bytes.len());
        bytes = Cow::Owned(decoded.bytes);
    }
    if limits.body_bytes_max < bytes.len() {
        cut = true;
        match &mut bytes {
            Cow::Borrowed(bytes) => *bytes = &bytes[..limits.body_bytes_max],
            Cow::Owned(bytes) => bytes.truncate(limits.body_bytes_max),
        }
    }
    RawBody { media_type, bytes, truncated: cut || held < size }
}

/// The declared media type; the `Content-Type` header's where the capture has none of its own.
pub(super) fn media_type<'a>(
    declared: Option<Cow<'a, str>>,
    headers: &Headers<'a>,
) -> Cow<'a, str> {
    match declared {
        // What browsers write where they do not know.
        Some(declared) if !declared.is_empty() && declared != "x-unknown" => declared,
        _ => header(headers, "content-type").cloned().unwrap_or_default(),
    }
}

fn header<'h, 'a>(headers: &'h Headers<'a>, name: &str) -> Option<&'h Cow<'a, str>> {
    headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Bytes of base64 text, line breaks and missing padding allowed; `cut` where the end is missing.
pub(super) fn base64(text: &[u8], cut: bool) -> Option<Vec<u8>> {
    const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const ENGINE: GeneralPurpose = GeneralPurpose::new(&STANDARD, CONFIG);

    let mut letters = Cow::Borrowed(text);
    if text.iter().any(u8::is_ascii_whitespace) {
        letters.to_mut().retain(|byte| !byte.is_ascii_whitespace());
    }
    let whole = if cut { letters.len() / 4 * 4 } else { letters.len() };
    ENGINE.decode(&letters[..whole]).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    const TEXT: &[u8] = b"{\"data\":[{\"id\":\"em_1\"},{\"id\":\"em_2\"}]}";

    fn settled(bytes: &[u8], coding: &str, size: usize) -> (Vec<u8>, bool) {
        let headers = vec![(Cow::Borrowed("Content-Encoding"), Cow::Owned(coding.to_owned()))];
        let captured =
            Captured { bytes: bytes.into(), cut: false, size, media_type: Cow::Borrowed("") };
        let body = settle(captured, &headers, &Limits::default());
        (body.bytes.into_owned(), body.truncated)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn brotli(bytes: &[u8]) -> Vec<u8> {
        let mut coded = Vec::new();
        brotli::BrotliCompress(
            &mut &*bytes,
            &mut coded,
            &brotli::enc::BrotliEncoderParams::default(),
        )
        .unwrap();
        coded
    }

    #[test]
    fn a_content_coding_left_in_is_undone() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(TEXT).unwrap();
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::default());
        bare.write_all(TEXT).unwrap();
        let whole = (TEXT.to_vec(), false);
        assert_eq!(settled(&gzip(TEXT), "gzip", 0), whole);
        assert_eq!(settled(&gzip(TEXT), " X-GZip", TEXT.len()), whole);
        assert_eq!(settled(&zlib.finish().unwrap(), "deflate", 0), whole);
        assert_eq!(settled(&bare.finish().unwrap(), "deflate", 0), whole);
        assert_eq!(settled(&brotli(TEXT), "br", 0), whole);
        assert_eq!(settled(&zstd::encode_all(TEXT, 0).unwrap(), "zstd", 0), whole);
    }

    #[test]
    fn a_body_decoded_already_is_left_alone() {
        for coding in ["gzip", "deflate", "br", "zstd"] {
            for text in [TEXT, b"[1,2]", b"[]", b"hello", b"x\x9c and more", b"<p>"] {
                assert_eq!(settled(text, coding, 0), (text.to_vec(), false), "{coding}");
            }
        }
    }

    #[test]
    fn a_coded_body_that_was_cut_gives_its_start() {
        let text: Vec<u8> =
            (0..200_000_u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
        let packed = gzip(&text);
        let (start, truncated) = settled(&packed[..packed.len() / 2], "gzip", 0);
        assert!(truncated && !start.is_empty() && text.starts_with(&start));
        let numbers: Vec<_> = (0..50_000_u32).map(|n| n.wrapping_mul(n).to_string()).collect();
        let json = format!("[{}]", numbers.join(",")).into_bytes();
        for (coding, packed) in
            [("br", brotli(&json)), ("zstd", zstd::encode_all(&*json, 0).unwrap())]
        {
            let (start, truncated) = settled(&packed[..packed.len() / 2], coding, 0);
            assert!(
                truncated && !start.is_empty() && json.starts_with(&start),
                "{coding} {} {truncated}",
                start.len()
            );
        }
    }

    #[test]
    fn fewer_bytes_than_were_sent_is_truncated() {
        assert_eq!(settled(TEXT, "identity", TEXT.len()), (TEXT.to_vec(), false));
        assert_eq!(settled(TEXT, "identity", TEXT.len() + 1), (TEXT.to_vec(), true));
    }

    #[test]
    fn base64_comes_in_lines_without_padding_and_cut() {
        assert_eq!(base64(b"aGVs\r\nbG8=", false).as_deref(), Some(&b"hello"[..]));
        assert_eq!(base64(b"aGVsbG8", false).as_deref(), Some(&b"hello"[..]));
        assert_eq!(base64(b"aGVsbG", true).as_deref(), Some(&b"hel"[..]));
        assert_eq!(base64(b"hello!", false), None);
    }
}
