//! Templates for paths that no known route has.

use std::collections::{BTreeMap, BTreeSet};

use super::{SegmentClass, split_suffix};
use crate::RouteKey;

/// One distinct path as the lake holds it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObservedPath {
    /// Upper-case method.
    pub method: String,
    /// In order.
    pub segments: Vec<Segment>,
}

/// One segment of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// In clear: a word that equals no identifier seen.
    Clear(String),
    /// Withheld: its class, the suffix it had, and its pseudonym. A word that is withheld equals an
    /// identifier of some body.
    Withheld(SegmentClass, String, u64),
}

/// A template and the paths it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// With parameters named after what they follow.
    pub route: RouteKey,
    /// Indices of the paths given to [`infer`].
    pub members: Vec<usize>,
}

/// Distinct names withheld at one position from which all names there are parameters.
///
/// # Source
///
/// INFERENCE §2: "provenance ≥ 2 distinct values". One name alone may be wording that a body happens
/// to hold.
const NAMES_MIN: usize = 2;

/// Templates of all paths, in the order of their routes.
///
/// Never by number alone: siblings that are words stay apart however many there are, unless bodies
/// show that some are names (`/Services` and `/Flows` are no values of a parameter). Where a known
/// route has a parameter after the same prefix, a word there that goes on as its values do is one.
///
/// The answer does not depend on the order of `paths`.
pub fn infer(paths: &[ObservedPath], known: &[RouteKey]) -> Vec<Template> {
    let mut root = Node::default();
    for (index, path) in paths.iter().enumerate() {
        root.add(&path.segments, &path.method, index);
    }
    let known: Vec<Vec<&str>> = known.iter().map(|key| key.segments().collect()).collect();
    let mut templates: BTreeMap<RouteKey, Vec<usize>> = BTreeMap::new();
    let start = Prefix {
        written: String::new(),
        names: BTreeSet::new(),
        known: known.iter().map(Vec::as_slice).collect(),
    };
    root.write(&start, &mut templates);
    templates
        .into_iter()
        .map(|(route, mut members)| {
            members.sort_unstable();
            Template { route, members }
        })
        .collect()
}

/// Paths by their segments; parameters are merged when the tree is written.
#[derive(Debug, Default)]
struct Node {
    children: BTreeMap<Segment, Node>,
    ends: Vec<(String, usize)>,
}

/// What was written so far, and the known routes that begin so.
struct Prefix<'k> {
    written: String,
    names: BTreeSet<String>,
    known: Vec<&'k [&'k str]>,
}

impl Node {
    fn add(&mut self, segments: &[Segment], method: &str, index: usize) {
        match segments.split_first() {
            Some((first, rest)) => {
                self.children.entry(first.clone()).or_default().add(rest, method, index);
            }
            None => self.ends.push((method.to_owned(), index)),
        }
    }

    fn merge(&mut self, other: Self) {
        self.ends.extend(other.ends);
        for (segment, child) in other.children {
            match self.children.entry(segment) {
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(child);
                }
                std::collections::btree_map::Entry::Occupied(there) => {
                    there.into_mut().merge(child);
                }
            }
        }
    }

    fn write(self, prefix: &Prefix<'_>, templates: &mut BTreeMap<RouteKey, Vec<usize>>) {
        for (method, index) in self.ends {
            let path = if prefix.written.is_empty() { "/" } else { &prefix.written };
            if let Ok(route) = RouteKey::new(&method, path) {
                templates.entry(route).or_default().push(index);
            }
        }
        let names_are_values = names_are_values(&self.children);
        let going_on = going_on(&self.children, prefix);
        // By suffix: `{id}.json` and `{id}` are two templates.
        let mut parameters: BTreeMap<String, Node> = BTreeMap::new();
        for (segment, child) in self.children {
            let (literal, suffix) =
                literal_of(&segment, names_are_values, &going_on, &child, prefix);
            match literal {
                Some(word) => child.write(&prefix.then(&word, &word), templates),
                None => parameters.entry(suffix).or_default().merge(child),
            }
        }
        for (suffix, child) in parameters {
            let name = prefix.parameter();
            let written = format!("{{{name}}}{suffix}");
            child.write(&prefix.then_parameter(&written, name), templates);
        }
    }
}

/// Whether the words at one position are names: at least two are known from bodies, and these are not
/// the fewer.
fn names_are_values(children: &BTreeMap<Segment, Node>) -> bool {
    let withheld =
        children.keys().filter(|s| matches!(s, Segment::Withheld(SegmentClass::Word, ..))).count();
    let clear = children.keys().filter(|s| matches!(s, Segment::Clear(_))).count();
    withheld >= NAMES_MIN && withheld >= clear
}

/// What follows the values at this position: the segments after withheld siblings, and after the
/// parameter that a known route has here. `None` in it stands for a value.
fn going_on(children: &BTreeMap<Segment, Node>, prefix: &Prefix<'_>) -> BTreeSet<Option<String>> {
    let values = children.iter().filter(|(segment, _)| matches!(segment, Segment::Withheld(..)));
    let after = values.flat_map(|(_, child)| child.children.keys()).map(wording_of);
    let known =
        prefix.known.iter().filter(|rest| rest.first().is_some_and(|first| first.starts_with('{')));
    let known = known
        .filter_map(|rest| rest.get(1))
        .map(|next| (!next.contains('{')).then(|| (*next).to_owned()));
    after.chain(known).collect()
}

fn wording_of(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Clear(word) => Some(word.clone()),
        Segment::Withheld(..) => None,
    }
}

/// The wording a segment is, or none and the suffix of the parameter it is.
///
/// A word where a known route has a parameter is a value of it if it goes on as values do; else it is
/// wording that the parameter hid (`/emails/receiving/{id}` beside `/emails/{id}`).
fn literal_of(
    segment: &Segment,
    names_are_values: bool,
    going_on: &BTreeSet<Option<String>>,
    child: &Node,
    prefix: &Prefix<'_>,
) -> (Option<String>, String) {
    match segment {
        Segment::Withheld(_, suffix, _) => (None, suffix.clone()),
        Segment::Clear(word) => {
            let (_, suffix) = split_suffix(word);
            let kept = super::lex(word, prefix.depth()) == SegmentClass::Keep;
            let as_values =
                || child.children.keys().any(|next| going_on.contains(&wording_of(next)));
            let is_value = !kept
                && (names_are_values
                    || (prefix.has_parameter() && !prefix.has_literal(word) && as_values()));
            if is_value { (None, suffix.to_owned()) } else { (Some(word.clone()), String::new()) }
        }
    }
}

impl<'k> Prefix<'k> {
    fn depth(&self) -> usize {
        self.written.matches('/').count()
    }

    /// Known routes that go on with a literal or, when there is none, with a parameter.
    fn then(&self, written: &str, literal: &str) -> Self {
        let with = |wanted: &dyn Fn(&str) -> bool| -> Vec<&'k [&'k str]> {
            self.known
                .iter()
                .filter(|rest| rest.first().is_some_and(|first| wanted(first)))
                .map(|rest| &rest[1..])
                .collect()
        };
        let known = with(&|first| first == literal);
        Self { written: format!("{}/{written}", self.written), names: self.names.clone(), known }
    }

    fn then_parameter(&self, written: &str, name: String) -> Self {
        let known = self
            .known
            .iter()
            .filter(|rest| rest.first().is_some_and(|first| first.contains('{')))
            .map(|rest| &rest[1..])
            .collect();
        let mut names = self.names.clone();
        names.insert(name);
        Self { written: format!("{}/{written}", self.written), names, known }
    }

    fn has_parameter(&self) -> bool {
        self.known.iter().any(|rest| rest.first().is_some_and(|first| first.starts_with('{')))
    }

    fn has_literal(&self, word: &str) -> bool {
        self.known.iter().any(|rest| rest.first().is_some_and(|first| *first == word))
    }

    /// The known route's name for the parameter, else the singular of the wording before it and `_id`.
    fn parameter(&self) -> String {
        let known =
            self.known.iter().find_map(|rest| rest.first()?.strip_prefix('{')?.split('}').next());
        let before =
            self.written.rsplit('/').find(|segment| !segment.is_empty() && !segment.contains('{'));
        let base = match known {
            Some(name) => name.to_owned(),
            None => before.map_or_else(|| "id".to_owned(), |word| format!("{}_id", singular(word))),
        };
        let mut name = base.clone();
        let mut again = 2;
        while self.names.contains(&name) {
            name = format!("{base}_{again}");
            again += 1;
        }
        name
    }
}

/// `companies` → `company`, `boxes` → `box`, `customers` → `customer`; joints become `_`.
fn singular(word: &str) -> String {
    let (word, _) = split_suffix(word);
    let lower: String = word
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect();
    if let Some(stem) = lower.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        return format!("{stem}y");
    }
    for ending in ["sses", "xes", "ches", "shes"] {
        if lower.ends_with(ending) {
            return lower[..lower.len() - 2].to_owned();
        }
    }
    match lower.strip_suffix('s') {
        Some(stem) if !stem.ends_with('s') && !stem.ends_with('u') && stem.len() > 1 => {
            stem.to_owned()
        }
        _ => lower,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths with `~name` for names known from bodies.
    fn routes(paths: &[&str], known: &[&str]) -> Vec<String> {
        let observed: Vec<_> = paths
            .iter()
            .map(|path| {
                let (method, path) = path.split_once(' ').unwrap();
                let segments =
                    path.split('/').filter(|s| !s.is_empty()).enumerate().map(|(at, text)| {
                        let name = text.strip_prefix('~');
                        let class = super::super::lex(name.unwrap_or(text), at);
                        let pseudonym = text
                            .bytes()
                            .fold(7_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte));
                        if name.is_some() || !class.is_literal() {
                            Segment::Withheld(class, split_suffix(text).1.to_owned(), pseudonym)
                        } else {
                            Segment::Clear(text.to_owned())
                        }
                    });
                ObservedPath { method: method.to_owned(), segments: segments.collect() }
            })
            .collect();
        let known: Vec<_> = known.iter().map(|key| RouteKey::parse(key).unwrap()).collect();
        infer(&observed, &known)
            .into_iter()
            .map(|template| format!("{} {}", template.route, template.members.len()))
            .collect()
    }

    #[test]
    fn ids_become_parameters_named_after_what_they_follow() {
        let paths = [
            "GET /v1/customers/cus_9Y4WK0ZaJkmQnm",
            "GET /v1/customers/cus_8X3VJ9YzIjlPml",
            "POST /v1/companies/12/boxes/507f1f77bcf86cd799439011",
        ];
        assert_eq!(
            routes(&paths, &[]),
            [
                "GET /v1/customers/{customer_id} 2",
                "POST /v1/companies/{company_id}/boxes/{box_id} 1"
            ]
        );
    }

    #[test]
    fn names_known_from_bodies_become_parameters_and_wording_stays() {
        let paths = [
            "GET /repos/~octokit/~octokit.rb/issues",
            "GET /repos/~octokit/~fetch/issues/7",
            "GET /repos/~pengwynn/~pingwynn/pulls",
            "GET /repos/~octokit/~octokit.rb/labels",
            "GET /users/~pengwynn",
            "GET /users/~octokit",
            "GET /users/me",
        ];
        assert_eq!(
            routes(&paths, &[]),
            [
                "GET /repos/{repo_id}/{repo_id_2}/issues 1",
                "GET /repos/{repo_id}/{repo_id_2}/issues/{issue_id} 1",
                "GET /repos/{repo_id}/{repo_id_2}/labels 1",
                "GET /repos/{repo_id}/{repo_id_2}/pulls 1",
                "GET /users/me 1",
                "GET /users/{user_id} 2",
            ]
        );
    }

    #[test]
    fn many_words_alone_are_no_parameter() {
        let paths: Vec<_> = ["Services", "Flows", "Rooms", "Calls", "Queues", "Trunks", "Faxes"]
            .iter()
            .map(|word| format!("GET /v1/{word}/12"))
            .collect();
        let paths: Vec<_> = paths.iter().map(String::as_str).collect();
        assert_eq!(routes(&paths, &[]).len(), 7);
    }

    #[test]
    fn a_new_route_keeps_the_known_routes_parameters() {
        let known = [
            "GET /domains/{domain_id}",
            "POST /domains/{domain_id}/verify",
            "GET /domains/search/all",
        ];
        let paths = [
            "GET /domains/acme/claim",
            "GET /domains/metrics",
            "GET /domains/search/new",
            "GET /domains/12/claim",
        ];
        assert_eq!(
            routes(
                &["GET /emails/receiving/12"],
                &["GET /emails/{id}", "POST /emails/{id}/cancel"]
            ),
            ["GET /emails/receiving/{receiving_id} 1"]
        );
        assert_eq!(
            routes(&paths, &known),
            [
                "GET /domains/metrics 1",
                "GET /domains/search/new 1",
                "GET /domains/{domain_id}/claim 2"
            ]
        );
    }

    #[test]
    fn suffixes_stay() {
        assert_eq!(
            routes(&["GET /Accounts/12/Calls/3.json", "GET /Accounts/12/Calls.json"], &[]),
            [
                "GET /Accounts/{account_id}/Calls.json 1",
                "GET /Accounts/{account_id}/Calls/{call_id}.json 1"
            ]
        );
    }
}
