//! Whether a segment is wording or a value, judged beside its siblings.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    SegmentClass,
    infer::{Node, Prefix, Segment},
    lex, split_suffix,
};

/// What a segment is taken for, and how surely.
#[derive(Debug, PartialEq)]
pub(super) enum Reading {
    /// Part of the route.
    Wording { word: String, confidence: f64 },
    /// A parameter's value, with the suffix that stays part of the route.
    Value { suffix: String, confidence: f64 },
}

/// Distinct names withheld at one position from which all names there are parameters.
///
/// # Source
///
/// INFERENCE §2: "provenance ≥ 2 distinct values". One name alone may be wording that a body happens
/// to hold.
const NAMES_MIN: usize = 2;

/// A part of the API's vocabulary wherever it stands.
const KEPT: f64 = 1.0;
/// What the lexer takes for an id, whatever bodies hold.
const ID: f64 = 0.99;
/// A word among names that bodies hold.
const NAME: f64 = 0.97;
/// A word with no value beside it.
const LONE_WORD: f64 = 0.99;
/// A word that goes on as the values beside it do.
const LIKE_VALUES: f64 = 0.9;
/// A word beside values that does not: it may be a value that no body names.
const UNLIKE_VALUES: f64 = 0.8;
/// The rest of a path as one value.
const TAIL: f64 = 0.85;

/// What is usual at one position.
pub(super) struct Siblings {
    /// Bodies show that words here are names.
    names: bool,
    /// What follows the values here: wording after withheld siblings, and whatever follows the
    /// parameter that a known route has here, `None` for another parameter.
    going_on: BTreeSet<Option<String>>,
    /// Methods of the paths that end in an id here.
    ending: BTreeSet<String>,
    /// Whether values stand here at all.
    values: bool,
}

impl Siblings {
    pub(super) fn of(children: &BTreeMap<Segment, Node>, prefix: &Prefix<'_>) -> Self {
        let withheld = || children.iter().filter(|(segment, _)| segment.is_withheld());
        let parameters = || prefix.known.iter().filter(|rest| is_parameter(rest.first()));
        let after_known = parameters()
            .filter_map(|rest| rest.get(1))
            .map(|next| (!next.contains('{')).then(|| (*next).to_owned()));
        let after = withheld().flat_map(|(_, child)| child.children.keys());
        let after = after.filter_map(Segment::wording).map(Some);
        let ids = withheld().filter(|(segment, _)| !segment.is_name());
        Self {
            names: are_names(children),
            going_on: after.chain(after_known).collect(),
            ending: ids.flat_map(|(_, id)| &id.ends).map(|(method, _)| method.clone()).collect(),
            values: withheld().next().is_some() || parameters().next().is_some(),
        }
    }

    /// What a segment is, by itself and by what it leads to.
    pub(super) fn read(&self, segment: &Segment, child: &Node, prefix: &Prefix<'_>) -> Reading {
        let word = match segment {
            Segment::Withheld(class, suffix, _) => {
                let confidence = if *class == SegmentClass::Word { NAME } else { ID };
                return Reading::Value { suffix: suffix.clone(), confidence };
            }
            Segment::Clear(word) => word,
        };
        let wording = |confidence| Reading::Wording { word: word.clone(), confidence };
        let value =
            |confidence| Reading::Value { suffix: split_suffix(word).1.to_owned(), confidence };
        let known = prefix.known.iter().any(|rest| rest.first() == Some(&word.as_str()));
        if known || lex(word, prefix.depth()) == SegmentClass::Keep {
            return wording(KEPT);
        }
        if self.names && !is_a_verb(word) {
            return value(NAME);
        }
        if self.values
            && !is_a_verb(word)
            && (self.leads_on(child) || self.ends_as_ids(word, child))
        {
            return value(LIKE_VALUES);
        }
        wording(if self.values { UNLIKE_VALUES } else { LONE_WORD })
    }

    fn leads_on(&self, child: &Node) -> bool {
        child.children.keys().any(|next| self.going_on.contains(&next.wording()))
    }

    /// Whether a last segment is called as the ids beside it and looks like one: digits within letters.
    fn ends_as_ids(&self, word: &str, child: &Node) -> bool {
        const LETTERS_MIN: usize = 12;
        let (_, rest) =
            word.split_at(word.find(|c: char| c.is_ascii_digit()).unwrap_or(word.len()));
        let within = rest
            .trim_start_matches(|c: char| c.is_ascii_digit())
            .starts_with(|c: char| c.is_ascii_lowercase());
        within
            && word.len() >= LETTERS_MIN
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            && child.ends.iter().any(|(method, _)| self.ending.contains(method))
    }
}

impl Segment {
    fn is_withheld(&self) -> bool {
        matches!(self, Self::Withheld(..))
    }

    /// Withheld because a body holds it.
    fn is_name(&self) -> bool {
        matches!(self, Self::Withheld(SegmentClass::Word, ..))
    }

    fn wording(&self) -> Option<String> {
        match self {
            Self::Clear(word) => Some(word.clone()),
            Self::Withheld(..) => None,
        }
    }
}

fn is_parameter(segment: Option<&&str>) -> bool {
    segment.is_some_and(|segment| segment.starts_with('{'))
}

/// Whether the words at one position are names: at least two are known from bodies, and these are not
/// the fewer.
fn are_names(children: &BTreeMap<Segment, Node>) -> bool {
    let names = children.keys().filter(|segment| segment.is_name()).count();
    let words = children.keys().filter(|segment| !segment.is_withheld()).count();
    names >= NAMES_MIN && names >= words
}

/// Words that stand beside ids in many APIs and are no names: `/customers/search`.
fn is_a_verb(word: &str) -> bool {
    const VERBS: [&str; 22] = [
        "all", "batch", "bulk", "count", "current", "default", "export", "exports", "import",
        "imports", "latest", "metrics", "new", "preview", "public", "query", "search", "stats",
        "status", "upload", "validate", "verify",
    ];
    VERBS.binary_search(&split_suffix(word).0).is_ok()
}

/// All paths below, where they name files in folders: names alone, at several depths, in three paths
/// or more.
///
/// `/contents/README.md` and `/contents/lib/a.rb` do; `/repos/{owner}/{repo}/issues` goes on with wording.
pub(super) fn tail(children: &BTreeMap<Segment, Node>) -> Option<(Vec<(String, usize)>, f64)> {
    const PATHS_MIN: usize = 3;
    let mut below = Below::default();
    below.take(children, 1);
    let several = below.ends.len() >= PATHS_MIN && below.depths.len() >= 2;
    (several && !below.other).then_some((below.ends, TAIL))
}

/// What lies below a node.
#[derive(Default)]
struct Below {
    depths: BTreeSet<usize>,
    ends: Vec<(String, usize)>,
    /// Anything but names: ids, or wording.
    other: bool,
}

impl Below {
    fn take(&mut self, children: &BTreeMap<Segment, Node>, depth: usize) {
        for (segment, child) in children {
            self.other |= match segment {
                Segment::Withheld(class, ..) => {
                    !matches!(class, SegmentClass::Word | SegmentClass::Text)
                }
                Segment::Clear(word) => !has_extension(word),
            };
            if self.other {
                return;
            }
            if !child.ends.is_empty() {
                self.depths.insert(depth);
                self.ends.extend(child.ends.iter().cloned());
            }
            self.take(&child.children, depth + 1);
        }
    }
}

/// `utf8.en.js`, not `chat.postMessage` nor a version.
fn has_extension(word: &str) -> bool {
    word.rsplit_once('.').is_some_and(|(stem, extension)| {
        !stem.is_empty()
            && (1..=4).contains(&extension.len())
            && extension.bytes().all(|byte| byte.is_ascii_lowercase())
    })
}
