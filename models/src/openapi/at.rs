//! Where in a document something stands.

use std::fmt;

use crate::escape;

/// Levels of nesting a document may have, its references followed.
///
/// # Source
///
/// Twice `serde_json`'s own limit; GitHub's description with all references written out, the
/// deepest known here, has 29.
pub(super) const DEPTH_MAX: usize = 256;

/// Schemas that may stand within one another, references that are copied followed.
///
/// # Source
///
/// A schema takes two levels of the model document, five stand above it, and `serde_json` reads
/// no more than 128. GitHub's description, written out, has 12.
pub(super) const SCHEMAS_MAX: usize = 60;

/// A JSON Pointer as a list on the stack: it costs nothing until it is printed.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    parent: Option<&'a At<'a>>,
    token: Token<'a>,
    depth: usize,
}

#[derive(Clone, Copy)]
enum Token<'a> {
    /// The document, or the same place at a deeper level of reading.
    Here,
    Key(&'a str),
    Index(usize),
    /// A place reached through a reference, which is its pointer.
    Target(&'a str),
}

impl<'a> At<'a> {
    /// The document itself.
    pub(super) const ROOT: At<'static> = At { parent: None, token: Token::Here, depth: 0 };

    /// The value of a key.
    pub(super) fn key(&'a self, key: &'a str) -> At<'a> {
        At { parent: Some(self), token: Token::Key(key), depth: self.depth + 1 }
    }

    /// An element of a list.
    pub(super) fn index(&'a self, index: usize) -> At<'a> {
        At { parent: Some(self), token: Token::Index(index), depth: self.depth + 1 }
    }

    /// The target of a reference that stands here. The depth goes on counting, so that references
    /// end as surely as nesting does.
    pub(super) fn target(&self, reference: &'a str) -> At<'a> {
        let pointer = reference.trim_start_matches('#');
        At { parent: None, token: Token::Target(pointer), depth: self.depth + 1 }
    }

    /// The same place, read one level deeper.
    pub(super) fn deeper(&'a self) -> At<'a> {
        At { parent: Some(self), token: Token::Here, depth: self.depth + 1 }
    }

    /// Whether it lies deeper than a reader goes.
    pub(super) const fn is_too_deep(&self) -> bool {
        self.depth > DEPTH_MAX
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.token {
            Token::Here => Ok(()),
            Token::Key(key) => write!(f, "/{}", escape(key)),
            Token::Index(index) => write!(f, "/{index}"),
            Token::Target(pointer) => f.write_str(pointer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_prints_as_a_json_pointer() {
        let (paths, item);
        paths = At::ROOT.key("paths");
        item = paths.key("/a~b");
        assert_eq!(item.index(2).to_string(), "/paths/~1a~0b/2");
        assert_eq!(
            item.target("#/components/schemas/a").key("x").to_string(),
            "/components/schemas/a/x"
        );
    }
}
