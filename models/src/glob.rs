//! Patterns with stars, over routes, events and paths.

/// A pattern of which `*` is any text without a slash and `**` any text; all else stands for itself.
///
/// A text is read once from its beginning to its end, beside the set of places in the pattern that it
/// may have come to: the time is the product of the two lengths at most, whatever stars there are. Trying
/// each length of each star in turn would take a time exponential in their number, and patterns come from
/// requests to the admin API too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(Vec<Piece>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// This very byte.
    Byte(u8),
    /// One byte that is no slash.
    NoSlash,
    /// Any number of bytes, none of them a slash.
    Star,
    /// Any number of bytes.
    Stars,
}

impl Glob {
    /// A pattern of stars, `/v1/*` or `issues.*`.
    pub fn of(pattern: &str) -> Self {
        Self::read(pattern, false)
    }

    /// A pattern in which a name in braces is a segment's text of at least one byte, as in a path template:
    /// `/v1/charges/{id}/capture`.
    pub fn of_template(pattern: &str) -> Self {
        Self::read(pattern, true)
    }

    fn read(pattern: &str, has_names: bool) -> Self {
        let mut pieces = Vec::with_capacity(pattern.len());
        let mut left = pattern.as_bytes();
        while let Some((first, rest)) = left.split_first() {
            left = match (first, rest) {
                (b'*', [b'*', rest @ ..]) => {
                    pieces.push(Piece::Stars);
                    rest
                }
                (b'*', rest) => {
                    pieces.push(Piece::Star);
                    rest
                }
                (b'{', rest) if has_names => {
                    pieces.extend([Piece::NoSlash, Piece::Star]);
                    let end = rest.iter().position(|byte| *byte == b'}');
                    &rest[end.map_or(rest.len(), |end| end + 1)..]
                }
                (byte, rest) => {
                    pieces.push(Piece::Byte(*byte));
                    rest
                }
            };
        }
        Self(pieces)
    }

    /// Whether a text is what the pattern says, from beginning to end.
    pub fn is(&self, text: &str) -> bool {
        let pieces = &self.0;
        let mut reached = vec![false; pieces.len() + 1];
        reached[0] = true;
        self.pass_stars(&mut reached);
        for byte in text.bytes() {
            // From the end, so that a place is left before it is come to.
            for at in (0..=pieces.len()).rev() {
                let stays = reached[at] && pieces.get(at).is_some_and(|piece| piece.holds(byte));
                let comes = at > 0 && reached[at - 1] && pieces[at - 1].takes(byte);
                reached[at] = stays || comes;
            }
            self.pass_stars(&mut reached);
        }
        reached[pieces.len()]
    }

    /// A star may be no text at all.
    fn pass_stars(&self, reached: &mut [bool]) {
        for (at, piece) in self.0.iter().enumerate() {
            reached[at + 1] |= reached[at] && matches!(piece, Piece::Star | Piece::Stars);
        }
    }
}

impl Piece {
    /// Whether it is a star that goes on over a byte.
    const fn holds(self, byte: u8) -> bool {
        matches!((self, byte), (Self::Stars, _)) || (matches!(self, Self::Star) && byte != b'/')
    }

    /// Whether it is one byte, and may be this one.
    const fn takes(self, byte: u8) -> bool {
        match self {
            Self::Byte(own) => own == byte,
            Self::NoSlash => byte != b'/',
            Self::Star | Self::Stars => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same by trying: what each kind of piece means, in so many words.
    fn tries(pieces: &[Piece], text: &[u8]) -> bool {
        let Some((piece, left)) = pieces.split_first() else { return text.is_empty() };
        let run = text.iter().take_while(|byte| **byte != b'/').count();
        match piece {
            Piece::Byte(own) => text.first() == Some(own) && tries(left, &text[1..]),
            Piece::NoSlash => run > 0 && tries(left, &text[1..]),
            Piece::Star => (0..=run).any(|skip| tries(left, &text[skip..])),
            Piece::Stars => (0..=text.len()).any(|skip| tries(left, &text[skip..])),
        }
    }

    #[test]
    fn a_star_stays_in_its_segment_and_two_do_not() {
        let is = |glob: &str, text: &str| Glob::of(glob).is(text);
        assert!(is("/v1/*", "/v1/a") && !is("/v1/*", "/v1/a/b") && is("/v1/**", "/v1/a/b"));
        assert!(is("data[].metadata.*", "data[].metadata.colour") && !is("a", "ab"));
        assert!(is("/**/c", "/a/b/c") && is("*", "") && is("", "") && !is("", "a"));
    }

    #[test]
    fn a_name_in_braces_is_some_text_of_a_template_and_itself_elsewhere() {
        let template = Glob::of_template("/a/{id}/c");
        assert!(template.is("/a/b/c") && !template.is("/a//c") && !template.is("/a/b/b/c"));
        assert!(Glob::of_template("/a/{id").is("/a/b"));
        assert!(Glob::of("/a/{}").is("/a/{}") && !Glob::of("/a/{}").is("/a/b"));
    }

    #[test]
    fn many_stars_are_read_as_fast_as_few() {
        // Trying each length of each star would take longer than the universe lasts.
        let glob = Glob::of(&format!("{}b", "*a".repeat(64)));
        assert!(!glob.is(&"a".repeat(4096)));
        assert!(glob.is(&format!("{}b", "a".repeat(4096))));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_text_read_once_fits_as_one_that_is_tried(
            pattern in "[ab/*{}]{0,10}",
            text in "[ab/{}é]{0,8}",
            has_names: bool,
        ) {
            let glob = Glob::read(&pattern, has_names);
            prop_assert_eq!(glob.is(&text), tries(&glob.0, text.as_bytes()), "{} {}", pattern, text);
        }
    }
}
