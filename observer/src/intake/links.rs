//! Identifiers of bodies as pseudonyms, sampled, so that path segments can be traced to them.

use rustc_hash::FxHashMap;

use crate::key::LakeKey;
use crate::shape::{NodeId, Trie};

/// Pseudonyms kept per field and segment: every segment and every path keeps the same ones, so
/// equality between samples is as good as between the whole.
pub const LINKS_PER_FIELD_MAX: usize = 2048;

/// The identifiers seen under one field whose sampling rank is smallest: their pseudonyms by rank.
///
/// The rank is a quick keyed hash and decides alone, so that most identifiers of a long segment
/// cost no pseudonym.
#[derive(Debug, Default)]
pub(crate) struct Links {
    kept: FxHashMap<u64, u64>,
    /// Ranks from here on are not kept; 0 until there are too many.
    bound: u64,
    /// To be put among `kept`. The tables of an API's fields are more than a cache holds: many looked
    /// up at once wait for memory together, one a time each by itself.
    waiting: Vec<(u64, u64)>,
}

impl Links {
    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.waiting.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The pseudonyms, in no order of meaning.
    pub(crate) fn pseudonyms(&self) -> impl Iterator<Item = u64> {
        let kept = self.kept.iter().map(|(rank, pseudonym)| (*rank, *pseudonym));
        let mut ranked: Vec<_> = kept.chain(self.waiting.iter().copied()).collect();
        ranked.sort_unstable();
        ranked.dedup();
        ranked.truncate(LINKS_PER_FIELD_MAX);
        ranked.into_iter().map(|(_, pseudonym)| pseudonym)
    }

    /// Ranks from here on are not kept; `None` while all are.
    pub(crate) fn bound(&self) -> Option<u64> {
        (self.bound != 0).then_some(self.bound)
    }

    /// Keeps the identifier of this rank, if the rank is small enough.
    pub(crate) fn insert(&mut self, rank: u64, pseudonym: impl FnOnce() -> u64) {
        if self.bound != 0 && rank >= self.bound {
            return;
        }
        self.waiting.push((rank, pseudonym()));
        if self.waiting.len() >= WAITING_MAX {
            self.kept.extend(self.waiting.drain(..));
            if self.kept.len() >= HELD_MAX {
                self.thin();
            }
        }
    }

    #[cold]
    fn thin(&mut self) {
        let mut ranks: Vec<_> = self.kept.keys().copied().collect();
        let (_, bound, _) = ranks.select_nth_unstable(LINKS_PER_FIELD_MAX);
        self.bound = *bound;
        self.kept.retain(|rank, _| *rank < self.bound);
    }
}

/// Identifiers put among those kept together.
const WAITING_MAX: usize = 64;
/// Identifiers held before those of too high a rank are let go.
const HELD_MAX: usize = LINKS_PER_FIELD_MAX + LINKS_PER_FIELD_MAX / 2;

/// Notes one identifier; of a URL or an `owner/name` also each part.
pub(super) fn note(trie: &mut Trie, node: NodeId, key: &LakeKey, text: &[u8]) {
    if text.len() > 256 {
        return;
    }
    trie.sample(node, key, text);
    let Some(slash) = memchr::memchr(b'/', text) else { return };
    let is_url = slash > 0 && text[slash - 1] == b':' && text.get(slash + 1) == Some(&b'/');
    let path = if is_url { &text[slash + 2..] } else { text };
    let parts = path.split(|byte| matches!(byte, b'/' | b'?' | b'\\'));
    // A URL's first part is its host.
    for part in parts.skip(usize::from(is_url)) {
        if !part.is_empty() && part.len() <= 128 {
            trie.sample(node, key, part);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use models::{Model, Place, Surface};
    use proptest::prelude::*;

    use super::*;

    fn sample(key: &LakeKey, identifiers: impl Iterator<Item = u64>) -> BTreeSet<u64> {
        let place = Place { surface: Surface::Request, route: None, status: None, event: None };
        let mut trie = Trie::new(Arc::new(Model::empty("t", "")), place);
        identifiers.for_each(|one| note(&mut trie, 0, key, format!("id_{one}").as_bytes()));
        trie.known_mut(0).links.pseudonyms().collect()
    }

    #[test]
    fn the_sample_is_the_same_in_whatever_order_identifiers_come() {
        let key = LakeKey::new([3; 16]);
        let (up, down) = (sample(&key, 0..9_000), sample(&key, (0..9_000).rev().chain(0..40)));
        assert_eq!(up, down);
        assert_eq!(up.len(), LINKS_PER_FIELD_MAX);
    }

    proptest! {
        #[test]
        fn few_identifiers_are_all_kept(some in proptest::collection::vec(0_u64..3_000, 0..3_000)) {
            let key = LakeKey::new([5; 16]);
            let expected = some.iter().map(|one| key.link(format!("id_{one}").as_bytes()));
            let expected: BTreeSet<u64> = expected.collect();
            prop_assume!(expected.len() <= LINKS_PER_FIELD_MAX);
            prop_assert_eq!(sample(&key, some.into_iter()), expected);
        }
    }
}
