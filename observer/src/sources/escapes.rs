//! Finding the end of a JSON string and undoing its escapes, 16 to 64 bytes at a time.
//!
//! A body is JSON within a JSON string: every sixth byte or so is an escape, so the usual "copy up
//! to the next backslash" spends its time starting copies. Here one pass over 64 bytes gives a bit
//! per quote and backslash, and a segment between two escapes is one 16-byte copy.

/// Bytes looked at together.
const BLOCK: usize = 64;
/// One copy; segments between escapes are mostly shorter.
const COPY: usize = 16;
/// What a block's copies may touch, read and written.
const REACH: usize = BLOCK + COPY;

/// The index of the first `"` or `\` from `at` on.
#[inline]
pub(crate) fn find_stop(bytes: &[u8], at: usize) -> Option<usize> {
    // Most strings are keys and header values: shorter than what a call of memchr costs.
    let mut near = at;
    while near < at + BLOCK {
        let Some(word) = bytes.get(near..)?.first_chunk::<8>() else { break };
        let stops = masks::of_word(*word);
        if stops != 0 {
            return Some(near + stops.trailing_zeros() as usize / 8);
        }
        near += 8;
    }
    memchr::memchr2(b'"', b'\\', &bytes[near..]).map(|found| near + found)
}

/// What [`unescape`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Copied {
    /// Index behind the closing quote.
    pub(super) end: usize,
    /// Bytes of text, at the start of `out`.
    pub(super) length: usize,
    /// The string is longer than what was kept.
    pub(super) cut: bool,
}

/// Puts the text of the string whose content starts at `at` at the start of `out`.
///
/// At most `max` bytes are kept; the string is read to its end all the same. A lone surrogate
/// becomes U+FFFD. `out` only ever grows: beyond the text it holds what earlier calls left.
///
/// # Errors
///
/// The index of a broken escape, or the length of `bytes` where no closing quote comes.
pub(super) fn unescape(
    bytes: &[u8],
    at: usize,
    max: usize,
    out: &mut Vec<u8>,
) -> Result<Copied, usize> {
    // The text is never longer than its escaped form.
    let room = max.min(bytes.len().saturating_sub(at)) + REACH;
    if out.len() < room {
        out.resize(room, 0);
    }
    let mut copy = Copy { bytes, at, out, length: 0 };
    if !copy.blocks(max)? {
        copy.bytewise(max)?;
    }
    Ok(Copied { end: copy.at, length: copy.length.min(max), cut: max < copy.length })
}

struct Copy<'b, 'o> {
    bytes: &'b [u8],
    at: usize,
    out: &'o mut [u8],
    length: usize,
}

impl Copy<'_, '_> {
    /// Copies block by block; true once the closing quote is behind, false near either end.
    fn blocks(&mut self, max: usize) -> Result<bool, usize> {
        while self.length <= max
            && let Some(block) = self.bytes[self.at..].first_chunk::<REACH>()
            && let Some(out) = self.out[self.length..].first_chunk_mut::<REACH>()
        {
            let step = copy_block(block, masks::of_block(block), out);
            self.at += step.read;
            self.length += step.written;
            match step.why {
                Why::Block => {}
                Why::End => return Ok(true),
                Why::Rare => self.rare_escape()?,
            }
        }
        Ok(false)
    }

    /// The last bytes of the text, and what is beyond `max`.
    fn bytewise(&mut self, max: usize) -> Result<(), usize> {
        loop {
            let Some(&byte) = self.bytes.get(self.at) else { return Err(self.bytes.len()) };
            match byte {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => self.rare_escape()?,
                _ if max < self.length => {
                    self.at = find_stop(self.bytes, self.at).ok_or(self.bytes.len())?;
                }
                _ => {
                    self.at += 1;
                    self.put(&[byte]);
                }
            }
        }
    }

    /// Any escape, with the cursor on its backslash.
    fn rare_escape(&mut self) -> Result<(), usize> {
        let Some(&letter) = self.bytes.get(self.at + 1) else { return Err(self.bytes.len()) };
        let plain = PLAIN[usize::from(letter)];
        if plain != 0 {
            self.at += 2;
            self.put(&[plain]);
            return Ok(());
        }
        if letter != b'u' {
            return Err(self.at);
        }
        let first = self.hex(self.at + 2)?;
        self.at += 6;
        let mut code = u32::from(first);
        if (0xD800..0xDC00).contains(&first) && self.bytes[self.at..].starts_with(b"\\u") {
            let second = self.hex(self.at + 2)?;
            if (0xDC00..0xE000).contains(&second) {
                self.at += 6;
                code = 0x1_0000 + ((code - 0xD800) << 10) + (u32::from(second) - 0xDC00);
            }
        }
        let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        let mut utf8 = [0; 4];
        let length = character.encode_utf8(&mut utf8).len();
        self.put(&utf8[..length]);
        Ok(())
    }

    fn hex(&self, at: usize) -> Result<u16, usize> {
        let digits = self.bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
        let Some(digits) = digits else { return Err(self.bytes.len()) };
        let mut value = 0;
        for digit in digits {
            let digit = char::from(*digit).to_digit(16).ok_or(at - 2)?;
            value = value << 4 | digit;
        }
        Ok(u16::try_from(value).unwrap_or_default())
    }

    /// Appends; beyond the room there is only counted, as nothing there is kept.
    fn put(&mut self, text: &[u8]) {
        if let Some(room) = self.out.get_mut(self.length..self.length + text.len()) {
            room.copy_from_slice(text);
        }
        self.length += text.len();
    }
}

/// How far one block was copied.
struct Step {
    read: usize,
    written: usize,
    why: Why,
}

/// Why copying paused.
enum Why {
    /// The block is through, or an escape reaches beyond it.
    Block,
    /// The closing quote is behind.
    End,
    /// An escape that is more than one letter stands at the cursor.
    Rare,
}

/// Copies 64 bytes, or up to the closing quote or the first escape that is not a letter.
///
/// `stops` has a bit for each quote and each backslash.
#[inline]
fn copy_block(block: &[u8; REACH], mut stops: u64, out: &mut [u8; REACH]) -> Step {
    let (mut from, mut written) = (0, 0);
    while stops != 0 {
        let stop = stops.trailing_zeros() as usize;
        written += copy_segment(block, from, stop, out, written);
        if block[stop] == b'"' {
            return Step { read: stop + 1, written, why: Why::End };
        }
        let plain = PLAIN[usize::from(block[stop + 1])];
        if plain == 0 {
            return Step { read: stop, written, why: Why::Rare };
        }
        out[written] = plain;
        written += 1;
        from = stop + 2;
        // The escaped byte starts nothing and ends nothing.
        stops &= !(3 << stop);
    }
    if from < BLOCK {
        written += copy_segment(block, from, BLOCK, out, written);
        from = BLOCK;
    }
    Step { read: from, written, why: Why::Block }
}

/// Copies `block[from..to]` to `out[at..]` in whole chunks and returns its length.
///
/// Writes up to 15 bytes too many; the next copy or the caller's length puts that right.
#[inline]
fn copy_segment(
    block: &[u8; REACH],
    mut from: usize,
    to: usize,
    out: &mut [u8; REACH],
    mut at: usize,
) -> usize {
    let length = to - from;
    loop {
        // As arrays: a copy of a slice is a call, however long it is.
        if let Some(text) = block[from..].first_chunk::<COPY>()
            && let Some(room) = out[at..].first_chunk_mut::<COPY>()
        {
            *room = *text;
        }
        from += COPY;
        at += COPY;
        if to <= from {
            return length;
        }
    }
}

/// The byte a one-letter escape stands for; 0 for `u` and what is no escape (RFC 8259, section 7).
const PLAIN: [u8; 256] = {
    let mut table = [0; 256];
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table[b'/' as usize] = b'/';
    table[b'b' as usize] = 0x08;
    table[b'f' as usize] = 0x0C;
    table[b'n' as usize] = b'\n';
    table[b'r' as usize] = b'\r';
    table[b't' as usize] = b'\t';
    table
};

/// Where quotes and backslashes are among several bytes.
///
/// The processor's own compare-and-mask is out of reach without `unsafe`, and the compiler does not
/// find it; it does turn the first loop of `of_block` into vector compares.
mod masks {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    /// Times a word of zeros and ones, gathers them in the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;

    /// Bit n is set where byte n is a quote or a backslash.
    #[inline]
    pub(super) fn of_block(block: &[u8; super::REACH]) -> u64 {
        let mut flags = [0_u8; super::BLOCK];
        for (flag, byte) in flags.iter_mut().zip(block) {
            *flag = u8::from(*byte == b'"') | u8::from(*byte == b'\\');
        }
        let mut mask = 0;
        for (index, word) in flags.as_chunks().0.iter().enumerate() {
            mask |= (u64::from_le_bytes(*word).wrapping_mul(GATHER) >> 56) << (8 * index);
        }
        mask
    }

    /// The lowest bit set is the highest of the first byte that is a quote or a backslash.
    ///
    /// Bits above it may be wrong, as borrows run upwards.
    #[inline]
    pub(super) fn of_word(word: [u8; 8]) -> u64 {
        let word = u64::from_le_bytes(word);
        let quotes = word ^ (ONES * 0x22);
        let slashes = word ^ (ONES * 0x5C);
        let quotes = quotes.wrapping_sub(ONES) & !quotes;
        let slashes = slashes.wrapping_sub(ONES) & !slashes;
        (quotes | slashes) & HIGH
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The text of the string that `json`, quotes included, starts with.
    fn unescaped(json: &str, max: usize) -> Result<(Vec<u8>, Copied), usize> {
        let mut out = vec![b'?'; 7];
        let copied = unescape(json.as_bytes(), 1, max, &mut out)?;
        out.truncate(copied.length);
        Ok((out, copied))
    }

    #[test]
    fn escapes_become_what_they_stand_for() {
        for (json, text) in [
            (r#""""#, ""),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r#""\u0041\u00e9\uD83C\uDF89""#, "A\u{e9}\u{1F389}"),
            (r#""\\\\\\u0041""#, "\\\\\\u0041"),
            (r#""a\uD83Cb""#, "a\u{FFFD}b"),
            (r#""\uDF89\uD83C""#, "\u{FFFD}\u{FFFD}"),
            (r#""\uD83C\u0041""#, "\u{FFFD}A"),
        ] {
            // Alone, where it ends byte by byte, and before enough text for whole blocks.
            for tail in ["", &"\\\"x".repeat(60)] {
                let (out, copied) = unescaped(&format!("{json}{tail}"), 100).unwrap();
                assert_eq!(String::from_utf8(out).unwrap(), text);
                assert_eq!((copied.end, copied.cut), (json.len(), false));
            }
        }
    }

    #[test]
    fn broken_strings_are_refused_where_they_break() {
        for (json, at) in [
            (r#""abc"#, 4),
            (r#""\"#, 2),
            (r#""\q""#, 1),
            (r#""ab\u12g4""#, 3),
            (r#""\u12"#, 5),
            (r#""\uD83C\u12g4""#, 7),
        ] {
            assert_eq!(unescaped(json, 100).unwrap_err(), at, "{json}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(
            text in "([a-z\"\\\\/\n\u{1}\u{e9}\u{1F389}]{0,5}[ -~]{0,30}){0,12}",
            tail in "[\"\\\\ -~]{0,200}",
        ) {
            let json = serde_json::to_string(&text).unwrap();
            let (out, copied) = unescaped(&format!("{json}{tail}"), usize::MAX / 2).unwrap();
            prop_assert_eq!(out, text.as_bytes());
            prop_assert_eq!((copied.end, copied.cut), (json.len(), false));
        }

        #[test]
        fn a_limit_keeps_the_start_and_finds_the_end(
            text in "[a-z\"\\\\\n\u{e9}]{0,400}",
            max in 0..400_usize,
        ) {
            let json = serde_json::to_string(&text).unwrap();
            let (out, copied) = unescaped(&json, max).unwrap();
            prop_assert_eq!(&out, &text.as_bytes()[..max.min(text.len())]);
            prop_assert_eq!((copied.end, copied.cut), (json.len(), max < text.len()));
        }

        #[test]
        fn the_first_stop_is_found(text in "[a-z]{0,90}[a-z#\\]\"\\\\\u{e9}]{0,90}", at in 0..100_usize) {
            let bytes = text.as_bytes();
            let expected = bytes.iter().enumerate().skip(at)
                .find(|(_, byte)| matches!(byte, b'"' | b'\\')).map(|(index, _)| index);
            prop_assert_eq!(find_stop(bytes, at), expected);
        }
    }
}
