//! Paths the model does not have.
//!
//! In memory a path is known by its **skeleton**, words in clear and a class for each other segment;
//! when rows are handed over, words that equal an identifier of some body are withheld as well, where
//! their position holds names rather than wording.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use models::templates::{SegmentClass, lex, split_suffix};
use rustc_hash::FxHashSet;

use crate::key::LakeKey;
use crate::shape::word;

/// Distinct skeletons kept apart; the paths of a scanner are without end.
const SKELETONS_MAX: usize = 20_000;

/// Segments of a path that tell it from others; no vendor's has as many.
const SEGMENTS_MAX: usize = 64;

/// Methods written as they are; a request may name any.
///
/// # Source
///
/// IANA's registry of HTTP methods: those of APIs and the first three of `WebDAV`.
const METHODS: [&str; 13] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "TRACE", "CONNECT",
    "PROPFIND", "REPORT", "SEARCH",
];

/// Stands before an observed path among the texts of open rows, so that none is taken for a route.
pub(super) const PATH_MARK: char = '\u{1}';

/// Skeletons of the unknown paths met.
#[derive(Debug, Default)]
pub(super) struct UnknownPaths {
    skeletons: FxHashSet<String>,
    /// Observed paths that a template of the model matches and whose answers are none of its route's.
    hidden: FxHashSet<String>,
}

impl UnknownPaths {
    /// Remembers a path that is a route of its own, as [`UnknownPaths::observed`] writes it.
    pub(super) fn hide(&mut self, path: String) {
        if self.hidden.len() < SKELETONS_MAX {
            self.hidden.insert(path);
        }
    }

    /// Whether the path is a route of its own.
    pub(super) fn is_hidden(&self, path: &str) -> bool {
        self.hidden.contains(path)
    }

    /// `METHOD /path` with a class in braces for each segment that is no word: the provisional
    /// route under which shapes and tokens are gathered until the calibrator has a template.
    pub(super) fn skeleton(&mut self, method: &str, path: &str) -> String {
        let skeleton = render(method, path, |class, _| class.name().to_owned());
        if self.skeletons.contains(&skeleton) {
            return skeleton;
        }
        if self.skeletons.len() >= SKELETONS_MAX {
            return format!("{method} /{{text}}");
        }
        self.skeletons.insert(skeleton.clone());
        skeleton
    }

    /// As the skeleton, with the pseudonym of each segment that is no word: `{uuid:4f0e…}`, and
    /// [`PATH_MARK`] in front.
    pub(super) fn observed(key: &LakeKey, method: &str, path: &str) -> String {
        let observed = render(method, path, |class, segment| {
            format!("{}:{:x}", class.name(), key.link(segment.as_bytes()))
        });
        format!("{PATH_MARK}{observed}")
    }

    /// Whether no unknown path was met.
    pub(super) fn is_empty(&self) -> bool {
        self.skeletons.is_empty()
    }

    /// Whether this is a skeleton, and no route of the model.
    pub(super) fn has(&self, skeleton: &str) -> bool {
        self.skeletons.contains(skeleton)
    }

    /// What may be written of the words met so far.
    pub(super) fn names(&self, key: &LakeKey, is_identifier: impl Fn(u64) -> bool) -> Names {
        let mut names = Names { positions: BTreeSet::new(), key: key.clone() };
        let mut depth = 0;
        // Position by position: what stands before decides which siblings are compared.
        loop {
            let mut siblings: BTreeMap<String, (BTreeSet<&str>, BTreeSet<&str>)> = BTreeMap::new();
            for skeleton in &self.skeletons {
                let Some((prefix, word)) = names.prefix_and_word(skeleton, depth) else { continue };
                let (known, wording) = siblings.entry(prefix).or_default();
                let found = is_identifier(key.link(word.as_bytes()));
                if found {
                    known.insert(word)
                } else {
                    wording.insert(word)
                };
            }
            if siblings.is_empty()
                && self.skeletons.iter().all(|one| one.split('/').count() <= depth + 1)
            {
                return names;
            }
            let values = siblings
                .into_iter()
                .filter(|(_, (known, wording))| known.len() >= 2 && known.len() >= wording.len());
            names.positions.extend(values.map(|(prefix, _)| prefix));
            depth += 1;
        }
    }
}

/// Positions of paths whose words are names somebody chose, by the prefix before them.
#[derive(Debug)]
pub(super) struct Names {
    positions: BTreeSet<String>,
    key: LakeKey,
}

impl Names {
    /// A skeleton or observed path with its names withheld; `with_pseudonyms` as for observed paths.
    pub(super) fn withhold(&self, path: &str, with_pseudonyms: bool) -> String {
        let mut segments = path.split('/');
        let mut out = segments.next().unwrap_or_default().to_owned();
        let mut prefix = String::new();
        for segment in segments {
            let is_name = !segment.starts_with('{') && self.positions.contains(&prefix);
            out.push('/');
            if !is_name {
                out.push_str(segment);
            } else if with_pseudonyms {
                let _ = write!(out, "{{word:{:x}}}", self.key.link(segment.as_bytes()));
            } else {
                out.push_str("{word}");
            }
            push_prefix(&mut prefix, segment, is_name);
        }
        out
    }

    /// The prefix before a position, values as `{}`, and the word there; methods share positions.
    fn prefix_and_word<'s>(&self, skeleton: &'s str, depth: usize) -> Option<(String, &'s str)> {
        let mut prefix = String::new();
        for (index, segment) in skeleton.split('/').skip(1).enumerate() {
            if index == depth {
                return (!segment.starts_with('{')).then_some((prefix, segment));
            }
            let is_name = !segment.starts_with('{') && self.positions.contains(&prefix);
            push_prefix(&mut prefix, segment, is_name);
        }
        None
    }
}

fn push_prefix(prefix: &mut String, segment: &str, is_name: bool) {
    prefix.push('/');
    prefix.push_str(if is_name || segment.starts_with('{') { "{}" } else { segment });
}

fn render(method: &str, path: &str, hide: impl Fn(SegmentClass, &str) -> String) -> String {
    let mut out = format!("{} ", if METHODS.contains(&method) { method } else { "OTHER" });
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    for (position, segment) in segments.take(SEGMENTS_MAX).enumerate() {
        out.push('/');
        let class = lex(segment, position);
        let in_clear = class.is_literal()
            && !segment.split([':', '.']).any(|part| word::is_telling(part.as_bytes()))
            && (word::is_wording(segment.as_bytes()) || class == SegmentClass::Keep);
        if in_clear {
            out.push_str(segment);
        } else {
            let (stem, suffix) = split_suffix(segment);
            let _ = write!(out, "{{{}}}{suffix}", hide(class, stem));
        }
    }
    if out.ends_with(' ') {
        out.push('/');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_without_end_is_known_by_how_it_begins() {
        let mut paths = UnknownPaths::default();
        let endless = "/a".repeat(100_000);
        let skeleton = paths.skeleton("GET", &endless);
        assert_eq!(skeleton, format!("GET {}", "/a".repeat(SEGMENTS_MAX)));
        assert_eq!(paths.skeleton("GET", &(endless + "/b")), skeleton);
    }

    #[test]
    fn names_known_from_bodies_are_withheld_and_wording_stays() {
        let key = LakeKey::new([3; 16]);
        let mut paths = UnknownPaths::default();
        for path in [
            "/repos/octokit/fetch/issues",
            "/repos/octokit/rest/pulls",
            "/repos/pengwynn/pingwynn/issues",
            "/users/12/issues",
        ] {
            paths.skeleton("GET", path);
        }
        let identifiers = ["octokit", "pengwynn", "fetch", "rest", "pingwynn", "issues"]
            .map(|name| key.link(name.as_bytes()));
        let names = paths.names(&key, |pseudonym| identifiers.contains(&pseudonym));
        assert_eq!(
            names.withhold("GET /repos/octokit/fetch/issues", false),
            "GET /repos/{word}/{word}/issues"
        );
        assert_eq!(
            names.withhold("GET /users/{int:1f}/issues", true),
            "GET /users/{int:1f}/issues"
        );
        assert!(
            names.withhold("GET /repos/octokit/fetch/pulls", true).starts_with("GET /repos/{word:")
        );
    }
}
