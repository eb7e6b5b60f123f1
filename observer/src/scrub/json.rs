//! JSON rewritten in place: white space, order, keys and numbers as they were, strings scrubbed.
//!
//! Works on the text, not on a tree, so that a number keeps its digits and an object its order, and
//! so that a body cut off in the middle is scrubbed as far as it goes.

use super::keys::{self, Position, Rule};
use super::pass::Pass;
use super::text;

/// Objects and arrays one inside the other beyond which the rest is read as text.
const DEPTH_MAX: usize = 128;

/// Whether `text` is an object or array and nothing else.
pub(super) fn is_document(text: &str) -> bool {
    let trimmed = text.trim_start();
    (trimmed.starts_with('{') || trimmed.starts_with('['))
        && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// The document with its strings scrubbed; `None` where it may stay as it is.
///
/// What is no JSON from some place on is scrubbed as text from there.
pub(super) fn scrub(pass: &Pass<'_>, document: &str, depth: u8) -> Option<String> {
    let mut rewriter = Rewriter {
        pass,
        text: document,
        at: 0,
        out: String::with_capacity(document.len()),
        path: Vec::new(),
        person: false,
        layers: depth,
    };
    let _well_formed = rewriter.value(0);
    let rest = &document[rewriter.at..];
    rewriter.out.push_str(&text::scrub(pass, rest, depth).unwrap_or_else(|| rest.to_owned()));
    (rewriter.out != document).then_some(rewriter.out)
}

struct Rewriter<'p, 's, 't> {
    pass: &'p Pass<'s>,
    text: &'t str,
    /// Bytes of `text` already in `out`, in one form or the other.
    at: usize,
    out: String,
    /// The names from the outermost object inwards; arrays add none.
    path: Vec<String>,
    /// The object around holds what only people have.
    person: bool,
    layers: u8,
}

/// The text ended or is no JSON; what is left is to be read as text.
struct Broken;

impl Rewriter<'_, '_, '_> {
    fn value(&mut self, depth: usize) -> Result<(), Broken> {
        self.white_space();
        match self.peek() {
            Some(b'{') if depth < DEPTH_MAX => self.object(depth),
            Some(b'[') if depth < DEPTH_MAX => self.array(depth),
            Some(b'"') => self.string(false),
            Some(b'-' | b'0'..=b'9' | b'a'..=b'z') => {
                self.literal();
                Ok(())
            }
            _ => Err(Broken),
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), Broken> {
        let outer = std::mem::replace(&mut self.person, describes_a_person(&self.text[self.at..]));
        self.copy(1);
        self.white_space();
        if self.peek() == Some(b'}') {
            self.copy(1);
            self.person = outer;
            return Ok(());
        }
        loop {
            self.white_space();
            let key = self.key()?;
            self.path.push(key);
            self.white_space();
            self.expect(b':')?;
            self.value(depth + 1)?;
            self.path.pop();
            if self.next_or(b'}')? {
                self.person = outer;
                return Ok(());
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), Broken> {
        self.copy(1);
        self.white_space();
        if self.peek() == Some(b']') {
            self.copy(1);
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            if self.next_or(b']')? {
                return Ok(());
            }
        }
    }

    /// A comma: false; the closing bracket: true.
    fn next_or(&mut self, close: u8) -> Result<bool, Broken> {
        self.white_space();
        match self.peek() {
            Some(b',') => {
                self.copy(1);
                Ok(false)
            }
            Some(byte) if byte == close => {
                self.copy(1);
                Ok(true)
            }
            _ => Err(Broken),
        }
    }

    /// A name; one that is itself an address, a secret or an id is replaced like a value.
    fn key(&mut self) -> Result<String, Broken> {
        if self.peek() != Some(b'"') {
            return Err(Broken);
        }
        let (raw, _) = raw_string(&self.text[self.at..]);
        let key = decode(raw);
        self.string(true)?;
        Ok(key)
    }

    fn string(&mut self, is_key: bool) -> Result<(), Broken> {
        let (raw, closed) = raw_string(&self.text[self.at..]);
        let value = decode(raw);
        let scrubbed = if is_key {
            self.pass.token(&value, self.layers)
        } else {
            self.pass.ruled(self.rule(), &value, self.layers)
        };
        self.at += 1 + raw.len() + usize::from(closed);
        let quoted = scrubbed.map(|text| serde_json::Value::String(text).to_string());
        if let Some(quoted) = &quoted {
            self.out.push_str(&quoted[..quoted.len() - 1]);
        } else {
            self.out.push('"');
            self.out.push_str(raw);
        }
        if closed {
            self.out.push('"');
            return Ok(());
        }
        Err(Broken)
    }

    fn literal(&mut self) {
        let rest = &self.text[self.at..];
        let is_part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        let length = rest.bytes().position(|b| !is_part(b)).unwrap_or(rest.len());
        let lexeme = &rest[..length];
        let is_number = lexeme.bytes().any(|b| b.is_ascii_digit());
        let replaced = if is_number { self.pass.number(self.rule(), lexeme) } else { None };
        self.out.push_str(replaced.as_deref().unwrap_or(lexeme));
        self.at += length;
    }

    fn rule(&self) -> Rule {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        self.pass.rule(&path, Position::Body, self.person)
    }

    fn white_space(&mut self) {
        let rest = &self.text[self.at..];
        self.copy(rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{feff}']).len());
    }

    fn expect(&mut self, byte: u8) -> Result<(), Broken> {
        if self.peek() != Some(byte) {
            return Err(Broken);
        }
        self.copy(1);
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn copy(&mut self, bytes: usize) {
        self.out.push_str(&self.text[self.at..self.at + bytes]);
        self.at += bytes;
    }
}

/// What stands between the quotes at the start of `text`, and whether the second one is there.
fn raw_string(text: &str) -> (&str, bool) {
    let bytes = text.as_bytes();
    let mut at = 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &bytes[at.min(bytes.len())..]) {
        at += found;
        if bytes[at] == b'"' {
            return (&text[1..at], true);
        }
        at += 2;
    }
    (&text[1..], false)
}

/// Escapes undone; what cannot be undone (a string cut off in an escape) stays as it is.
fn decode(raw: &str) -> String {
    if !raw.contains('\\') {
        return raw.to_owned();
    }
    let undone = |raw: &str| serde_json::from_str::<String>(&format!("\"{raw}\"")).ok();
    undone(raw)
        .or_else(|| undone(raw.rsplit_once('\\').map_or(raw, |(whole, _)| whole)))
        .unwrap_or_else(|| raw.to_owned())
}

/// Whether the object at the start of `text` has a name only people have, or says so itself.
fn describes_a_person(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut nested = 0_usize;
    let mut at = 0;
    let mut last: Option<&str> = None;
    let mut says_object = false;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let (raw, closed) = raw_string(&text[at..]);
                if nested == 1 && says_object && keys::is_person(raw) {
                    return true;
                }
                says_object = false;
                last = (nested == 1).then_some(raw);
                at += raw.len() + usize::from(closed);
            }
            b':' if nested == 1 => {
                let key = last.take().unwrap_or_default();
                if keys::marks_a_person(key) {
                    return true;
                }
                says_object = matches!(key, "object" | "type" | "kind");
            }
            b'{' | b'[' => nested += 1,
            b'}' | b']' => nested = nested.saturating_sub(1),
            _ => {}
        }
        at += 1;
        if nested == 0 {
            return false;
        }
    }
    false
}
