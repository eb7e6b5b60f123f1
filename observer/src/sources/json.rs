//! The few moves over JSON text that the readers need: one pass, no tree.
//!
//! Only what a reader asks for is looked at closely; the rest is skipped by counting brackets, so
//! text in a skipped value may break rules of JSON that do not move its end.

use std::borrow::Cow;

use super::escapes::{self, find_stop};

/// Where the text stopped being JSON, in bytes from its start, and what belonged there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotJson {
    pub(super) at: usize,
    pub(super) expected: &'static str,
}

/// A position in one JSON text.
///
/// Cloning is cheap and marks a place to come back to.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// An error at the present position.
    pub(super) fn fail(&self, expected: &'static str) -> NotJson {
        NotJson { at: self.at, expected }
    }

    /// The next byte that is not white space, left in place.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Steps over `byte`, white space before it included.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8, name: &'static str) -> Result<(), NotJson> {
        if self.peek() != Some(byte) {
            return Err(self.fail(name));
        }
        self.at += 1;
        Ok(())
    }

    /// Steps over `literal` if exactly these bytes come next: the way of compact writers.
    #[inline]
    pub(super) fn take(&mut self, literal: &[u8]) -> bool {
        let next = self.bytes().get(self.at..).is_some_and(|rest| rest.starts_with(literal));
        if next {
            self.at += literal.len();
        }
        next
    }

    /// The next key of the object the cursor is in, or `None` past its closing brace.
    ///
    /// `first` starts as true with the cursor behind the opening brace.
    #[inline]
    pub(super) fn key(&mut self, first: &mut bool) -> Result<Option<Cow<'a, str>>, NotJson> {
        if !self.another(b'}', first, "`,` or `}`")? {
            return Ok(None);
        }
        let key = self.string("a key")?;
        self.expect(b':', "`:`")?;
        Ok(Some(key))
    }

    /// Whether another item of the list the cursor is in comes next; past its end if not.
    #[inline]
    pub(super) fn item(&mut self, first: &mut bool) -> Result<bool, NotJson> {
        self.another(b']', first, "`,` or `]`")
    }

    #[inline]
    fn another(
        &mut self,
        close: u8,
        first: &mut bool,
        name: &'static str,
    ) -> Result<bool, NotJson> {
        let next = self.peek();
        if *first {
            *first = false;
            if next != Some(close) {
                return Ok(true);
            }
            self.at += 1;
            return Ok(false);
        }
        match next {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.fail(name)),
        }
    }

    /// A string, borrowed where it holds no escape.
    #[inline]
    pub(super) fn string(&mut self, name: &'static str) -> Result<Cow<'a, str>, NotJson> {
        self.expect(b'"', name)?;
        self.string_rest()
    }

    /// As [`Cursor::string`], with the cursor behind the opening quote.
    #[inline]
    pub(super) fn string_rest(&mut self) -> Result<Cow<'a, str>, NotJson> {
        let start = self.at;
        let Some(stop) = find_stop(self.bytes(), start) else { return Err(self.unclosed()) };
        if self.bytes()[stop] != b'"' {
            return self.escaped_string();
        }
        self.at = stop + 1;
        // Quotes are ASCII, so both ends stand between characters.
        Ok(Cow::Borrowed(&self.text[start..stop]))
    }

    #[cold]
    fn escaped_string(&mut self) -> Result<Cow<'a, str>, NotJson> {
        let mut text = Vec::new();
        let copied = escapes::unescape(self.bytes(), self.at, usize::MAX, &mut text);
        let copied = copied.map_err(|at| NotJson { at, expected: "an escape or `\"`" })?;
        self.at = copied.end;
        text.truncate(copied.length);
        // Escapes give whole characters and the rest is a part of valid text.
        Ok(Cow::Owned(String::from_utf8(text).unwrap_or_default()))
    }

    /// A string's text: in the line where it holds no escape, else in `scratch`.
    ///
    /// The cursor stands behind the opening quote. No more than `max` bytes are kept in `scratch`.
    pub(super) fn long_string(
        &mut self,
        max: usize,
        scratch: &mut Vec<u8>,
    ) -> Result<Held<'a>, NotJson> {
        let start = self.at;
        let Some(stop) = find_stop(self.bytes(), start) else { return Err(self.unclosed()) };
        if self.bytes()[stop] == b'"' {
            self.at = stop + 1;
            return Ok(Held::Line(&self.bytes()[start..stop]));
        }
        let copied = escapes::unescape(self.bytes(), start, max, scratch)
            .map_err(|at| NotJson { at, expected: "an escape or `\"`" })?;
        self.at = copied.end;
        Ok(Held::Scratch { length: copied.length, cut: copied.cut })
    }

    /// A number, a string or a literal as it stands in the text; `None` for a list or an object.
    pub(super) fn scalar(&mut self) -> Result<Option<Cow<'a, str>>, NotJson> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.string_rest().map(Some)
            }
            Some(b'{' | b'[') => {
                self.skip()?;
                Ok(None)
            }
            _ => Ok(Some(Cow::Borrowed(self.plain()?))),
        }
    }

    /// A number or one of `true`, `false`, `null`.
    pub(super) fn plain(&mut self) -> Result<&'a str, NotJson> {
        self.peek();
        let start = self.at;
        let rest = &self.bytes()[start..];
        let length = rest
            .iter()
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'+' | b'-' | b'.' | b'E'))
            .unwrap_or(rest.len());
        let literal = &self.text[start..start + length];
        let known = match literal.as_bytes().first() {
            Some(b'0'..=b'9' | b'-') => true,
            Some(_) => matches!(literal, "true" | "false" | "null"),
            None => false,
        };
        if !known {
            return Err(self.fail("a value"));
        }
        self.at += length;
        Ok(literal)
    }

    /// Steps over one value of any kind.
    #[inline]
    pub(super) fn skip(&mut self) -> Result<(), NotJson> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.skip_string_rest()
            }
            Some(b'{' | b'[') => self.skip_nested(),
            _ => self.plain().map(|_| ()),
        }
    }

    #[inline]
    fn skip_string_rest(&mut self) -> Result<(), NotJson> {
        let bytes = self.bytes();
        let mut at = self.at;
        loop {
            let Some(stop) = find_stop(bytes, at) else { return Err(self.unclosed()) };
            if bytes[stop] == b'"' {
                self.at = stop + 1;
                return Ok(());
            }
            at = stop + 2;
        }
    }

    fn skip_nested(&mut self) -> Result<(), NotJson> {
        let mut depth = 0_usize;
        loop {
            match self.bytes().get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    self.skip_string_rest()?;
                    continue;
                }
                Some(b'{' | b'[') => depth += 1,
                Some(b'}' | b']') => depth -= 1,
                Some(_) => {}
                None => return Err(self.fail("`}` or `]`")),
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Whether nothing but white space is left.
    pub(super) fn at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    fn unclosed(&self) -> NotJson {
        NotJson { at: self.text.len(), expected: "`\"`" }
    }
}

/// Where a long string's text was put.
#[derive(Debug, Clone, Copy)]
pub(super) enum Held<'a> {
    /// In the text itself.
    Line(&'a [u8]),
    /// At the start of the scratch buffer; `cut` where it was longer than allowed.
    Scratch { length: usize, cut: bool },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_object_is_walked_key_by_key() {
        let mut cursor = Cursor::new(" { \"a\" : [ 1 , {\"]\":\"}\"} ] , \"\\u0062\":\"x\" } ");
        cursor.expect(b'{', "`{`").unwrap();
        let mut first = true;
        assert_eq!(cursor.key(&mut first), Ok(Some("a".into())));
        cursor.skip().unwrap();
        assert_eq!(cursor.key(&mut first), Ok(Some("b".into())));
        assert_eq!(cursor.string("a string"), Ok("x".into()));
        assert_eq!(cursor.key(&mut first), Ok(None));
        assert!(cursor.at_end());
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        let mut cursor = Cursor::new("{\"a\":1,}");
        cursor.expect(b'{', "`{`").unwrap();
        let mut first = true;
        cursor.key(&mut first).unwrap();
        cursor.skip().unwrap();
        let error = cursor.key(&mut first).unwrap_err();
        assert_eq!(error, NotJson { at: 7, expected: "a key" });
        for text in ["", "nul", "truely", "{", "[\"", "]", "\"\\"] {
            assert!(Cursor::new(text).skip().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_skipped_or_refused(text in "[\\[\\]{}\",:\\\\a-z0-9 \u{e9}]{0,60}") {
            let mut cursor = Cursor::new(&text);
            let _ = cursor.skip();
            let _ = cursor.scalar();
        }
    }
}
