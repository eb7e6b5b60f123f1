//! Identifiers of bodies as pseudonyms, sampled, so that path segments can be traced to them.

use std::collections::BTreeSet;

use crate::key::LakeKey;

/// Pseudonyms kept per field and segment, the smallest: every segment and every path keeps the
/// same ones, so equality between samples is as good as between the whole.
pub const LINKS_PER_FIELD_MAX: usize = 2048;

/// The smallest pseudonyms seen under one field.
pub(crate) type Links = BTreeSet<u64>;

/// Notes one identifier; of a URL or an `owner/name` also each part.
pub(super) fn note(links: &mut Links, key: &LakeKey, text: &[u8]) {
    if text.len() > 256 {
        return;
    }
    insert(links, key.link(text));
    if memchr::memchr(b'/', text).is_some() {
        let path = memchr::memmem::find(text, b"://").map_or(text, |at| &text[at + 3..]);
        for part in path
            .split(|byte| matches!(byte, b'/' | b'?' | b'\\'))
            .skip(usize::from(path.len() < text.len()))
        {
            if !part.is_empty() && part.len() <= 128 {
                insert(links, key.link(part));
            }
        }
    }
}

fn insert(links: &mut Links, pseudonym: u64) {
    if links.len() >= LINKS_PER_FIELD_MAX {
        if links.last().is_some_and(|largest| *largest <= pseudonym) {
            return;
        }
        if links.insert(pseudonym) {
            links.pop_last();
        }
        return;
    }
    links.insert(pseudonym);
}
