//! One pass over a JSON text that leaves only its shape.

use models::Class;

use super::text;
use super::trie::{Identity, NodeId, Trie};
use crate::sources::escapes::find_stop;

/// What one body said besides its shape; borrowed from the body, gone with it.
#[derive(Debug, Default)]
pub(crate) struct Sightings {
    /// Tokens, possibly repeated.
    pub(crate) tokens: Vec<TokenSight>,
    /// The objects that are items of arrays, in order of their start.
    pub(crate) items: Vec<Item>,
    /// Identifiers by node, as byte ranges of the body.
    pub(crate) links: Vec<(NodeId, std::ops::Range<usize>)>,
    /// The identity of the body's own object.
    pub(crate) own_id: Option<std::ops::Range<usize>>,
}

/// One token of a body and the object that shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TokenSight {
    pub(crate) node: NodeId,
    pub(crate) slot: usize,
    /// Of the innermost item of an array around it; [`BODY`] where there is none.
    pub(crate) item: u32,
}

/// The index that stands for the body itself.
pub(crate) const BODY: u32 = u32::MAX;

/// One object that is an item of an array.
#[derive(Debug)]
pub(crate) struct Item {
    /// Its identity, as a byte range of the body.
    id: Option<std::ops::Range<usize>>,
    /// The item around it, or [`BODY`].
    within: u32,
}

impl Sightings {
    /// The identity of the innermost object around `item` that has one of its own.
    pub(crate) fn identity_of(&self, mut item: u32) -> Option<std::ops::Range<usize>> {
        while let Some(object) = self.items.get(item as usize) {
            if let Some(id) = &object.id {
                return Some(id.clone());
            }
            item = object.within;
        }
        None
    }

    pub(crate) fn clear(&mut self) {
        self.tokens.clear();
        self.items.clear();
        self.links.clear();
        self.own_id = None;
    }
}

/// Why a text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not JSON at byte {at}")]
pub(crate) struct NotJson {
    /// Byte offset of the fault.
    pub(crate) at: usize,
}

/// Deepest nesting read; deeper text counts as not JSON.
const DEPTH_MAX: u32 = 256;

/// Identifiers kept of one body; further ones are of lists, which are one witness as a whole.
const LINKS_MAX: usize = 64;

/// Walks a JSON text into the trie.
///
/// # Errors
///
/// Where the text is not JSON; the trie's present body is then to be thrown away.
pub(crate) fn scan(body: &[u8], trie: &mut Trie, found: &mut Sightings) -> Result<(), NotJson> {
    let mut scanner = Scanner { body, at: 0, item: BODY, trie, found };
    scanner.blanks();
    scanner.value(0, 0)?;
    scanner.blanks();
    if scanner.at == body.len() { Ok(()) } else { Err(scanner.fault()) }
}

struct Scanner<'b, 't> {
    body: &'b [u8],
    at: usize,
    /// The item of an array that is being read.
    item: u32,
    trie: &'t mut Trie,
    found: &'t mut Sightings,
}

impl Scanner<'_, '_> {
    fn value(&mut self, node: NodeId, depth: u32) -> Result<(), NotJson> {
        match self.peek() {
            b'"' => self.string_value(node),
            b'{' => self.object(node, depth),
            b'[' => self.array(node, depth),
            b'-' | b'0'..=b'9' => self.number(node),
            b't' => self.literal(node, b"true", Class::Boolean),
            b'f' => self.literal(node, b"false", Class::Boolean),
            b'n' => self.literal(node, b"null", Class::Null),
            _ => Err(self.fault()),
        }
    }

    fn object(&mut self, node: NodeId, depth: u32) -> Result<(), NotJson> {
        if depth >= DEPTH_MAX {
            return Err(self.fault());
        }
        let folds = self.trie.node(node).folds;
        self.trie.visit(node, if folds { Class::Map } else { Class::Object });
        self.at += 1;
        self.blanks();
        if self.peek() == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.peek() != b'"' {
                return Err(self.fault());
            }
            let (start, end) = self.string()?;
            let child = self.trie.field(node, &self.body[start..end]);
            self.blanks();
            self.expect(b':')?;
            self.blanks();
            self.value(child, depth + 1)?;
            self.blanks();
            match self.peek() {
                b',' => self.at += 1,
                b'}' => break,
                _ => return Err(self.fault()),
            }
            self.blanks();
        }
        self.at += 1;
        Ok(())
    }

    fn array(&mut self, node: NodeId, depth: u32) -> Result<(), NotJson> {
        if depth >= DEPTH_MAX {
            return Err(self.fault());
        }
        self.trie.visit(node, Class::Array);
        self.at += 1;
        self.blanks();
        if self.peek() == b']' {
            self.at += 1;
            return Ok(());
        }
        let items = self.trie.items(node);
        loop {
            self.item(items, depth + 1)?;
            self.blanks();
            match self.peek() {
                b',' => self.at += 1,
                b']' => break,
                _ => return Err(self.fault()),
            }
            self.blanks();
        }
        self.at += 1;
        Ok(())
    }

    fn item(&mut self, node: NodeId, depth: u32) -> Result<(), NotJson> {
        if self.peek() != b'{' {
            return self.value(node, depth);
        }
        let within = self.item;
        self.item = u32::try_from(self.found.items.len()).unwrap_or(BODY);
        self.found.items.push(Item { id: None, within });
        self.object(node, depth)?;
        self.item = within;
        Ok(())
    }

    /// An identifier, where the field holds some.
    #[inline]
    fn link(&mut self, node: NodeId, range: std::ops::Range<usize>) {
        let field = self.trie.node(node);
        match field.identity {
            Identity::None => {}
            Identity::OfBody => self.found.own_id = Some(range.clone()),
            Identity::OfItem => {
                if let Some(item) = self.found.items.get_mut(self.item as usize) {
                    item.id = Some(range.clone());
                }
            }
        }
        if self.found.links.len() < LINKS_MAX {
            self.found.links.push((node, range));
        }
    }

    fn string_value(&mut self, node: NodeId) -> Result<(), NotJson> {
        let (start, end) = self.string()?;
        let raw = &self.body[start..end];
        let class = text::class_of(raw);
        self.trie.visit(node, class);
        if self.trie.node(node).is_link && start < end {
            self.link(node, start..end);
        }
        if let Some(slot) = self.trie.slot(node, class, raw) {
            self.found.tokens.push(TokenSight { node, slot, item: self.item });
        }
        Ok(())
    }

    fn number(&mut self, node: NodeId) -> Result<(), NotJson> {
        let start = self.at;
        let mut whole = true;
        self.at += usize::from(self.peek() == b'-');
        let first = self.at;
        self.digits();
        let digits = self.at - first;
        if digits == 0 || (digits > 1 && self.body[first] == b'0') {
            return Err(self.fault());
        }
        if self.peek() == b'.' {
            whole = false;
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            whole = false;
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), b'+' | b'-'));
            self.some_digits()?;
        }
        self.trie.visit(node, if whole { Class::Integer } else { Class::Number });
        if self.trie.node(node).is_link && whole {
            self.link(node, start..self.at);
        }
        Ok(())
    }

    fn literal(&mut self, node: NodeId, text: &[u8], class: Class) -> Result<(), NotJson> {
        if !self.body[self.at..].starts_with(text) {
            return Err(self.fault());
        }
        self.at += text.len();
        self.trie.visit(node, class);
        Ok(())
    }

    /// The range inside the quotes; the position moves past the closing one.
    #[inline]
    fn string(&mut self) -> Result<(usize, usize), NotJson> {
        let start = self.at + 1;
        let mut at = start;
        loop {
            let stop = find_stop(self.body, at).ok_or(NotJson { at: self.body.len() })?;
            if self.body[stop] == b'"' {
                self.at = stop + 1;
                return Ok((start, stop));
            }
            at = stop + 2;
        }
    }

    fn digits(&mut self) {
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<(), NotJson> {
        if !self.peek().is_ascii_digit() {
            return Err(self.fault());
        }
        self.digits();
        Ok(())
    }

    #[inline]
    fn blanks(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), NotJson> {
        if self.peek() != byte {
            return Err(self.fault());
        }
        self.at += 1;
        Ok(())
    }

    /// The byte here; 0 at the end, which no JSON holds.
    #[inline]
    fn peek(&self) -> u8 {
        self.body.get(self.at).copied().unwrap_or(0)
    }

    fn fault(&self) -> NotJson {
        NotJson { at: self.at }
    }
}
