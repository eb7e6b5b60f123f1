//! Templates for paths that no known route has.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use super::{
    SegmentClass,
    naming::singular,
    reading::{Reading, Siblings, tail},
};
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
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// With parameters named after what they follow.
    pub route: RouteKey,
    /// Indices of the paths given to [`infer`], ascending.
    pub members: Vec<usize>,
    /// How sure it is that each segment is what it is taken for, 0 to 1. It orders templates; it is no
    /// measured probability.
    pub confidence: f64,
}

/// Templates of all paths, in the order of their routes.
///
/// Paths that were never answered with success are the caller's to leave out: a scanner's make
/// templates too. Empty segments make none, so a trailing slash does not count.
///
/// Never by number alone: siblings that are words stay apart however many there are, unless bodies
/// show that some are names (`/Services` and `/Flows` are no values of a parameter). A word that goes on
/// as the values beside it do, or as the parameter a known route has there, is a value as well. Names
/// at several depths and nothing else are one parameter that holds slashes, `{path+}`.
///
/// The answer does not depend on the order of `paths`.
pub fn infer(paths: &[ObservedPath], known: &[RouteKey]) -> Vec<Template> {
    let mut root = Node::default();
    for (index, path) in paths.iter().enumerate() {
        root.add(&path.segments, &path.method, index);
    }
    let known: Vec<Vec<&str>> = known.iter().map(|key| key.segments().collect()).collect();
    let start = Prefix {
        written: String::new(),
        confidence: 1.0,
        names: BTreeSet::new(),
        known: known.iter().map(Vec::as_slice).collect(),
    };
    let mut templates = Templates::new();
    root.write(&start, &mut templates);
    templates
        .into_iter()
        .map(|(route, (mut members, confidence))| {
            members.sort_unstable();
            Template { route, members, confidence }
        })
        .collect()
}

type Templates = BTreeMap<RouteKey, (Vec<usize>, f64)>;

/// Paths by their segments; parameters are merged when the tree is written.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) children: BTreeMap<Segment, Node>,
    /// Methods and indices of the paths that end here.
    pub(super) ends: Vec<(String, usize)>,
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
                Entry::Vacant(place) => {
                    place.insert(child);
                }
                Entry::Occupied(there) => there.into_mut().merge(child),
            }
        }
    }

    fn write(self, prefix: &Prefix<'_>, templates: &mut Templates) {
        prefix.end(self.ends, templates);
        if let Some((ends, confidence)) = tail(&self.children) {
            return prefix.then_parameter("path+", "", confidence).end(ends, templates);
        }
        let siblings = Siblings::of(&self.children, prefix);
        // By suffix: `{id}.json` and `{id}` are two templates.
        let mut values: BTreeMap<String, (Self, f64)> = BTreeMap::new();
        for (segment, child) in self.children {
            match siblings.read(&segment, &child, prefix) {
                Reading::Wording { word, confidence } => {
                    child.write(&prefix.then(&word, confidence), templates);
                }
                Reading::Value { suffix, confidence } => {
                    let (merged, surest) = values.entry(suffix).or_default();
                    merged.merge(child);
                    *surest = surest.max(confidence);
                }
            }
        }
        for (suffix, (child, confidence)) in values {
            let name = prefix.parameter();
            child.write(&prefix.then_parameter(&name, &suffix, confidence), templates);
        }
    }
}

/// What was written so far, and the known routes that begin so.
pub(super) struct Prefix<'k> {
    written: String,
    confidence: f64,
    names: BTreeSet<String>,
    /// What is left of them.
    pub(super) known: Vec<&'k [&'k str]>,
}

impl Prefix<'_> {
    /// The position of the segment that comes next.
    pub(super) fn depth(&self) -> usize {
        self.written.matches('/').count()
    }

    /// Notes the paths that end here.
    fn end(&self, ends: Vec<(String, usize)>, templates: &mut Templates) {
        let path = if self.written.is_empty() { "/" } else { &self.written };
        for (method, index) in ends {
            if let Ok(route) = RouteKey::new(&method, path) {
                let template = templates.entry(route).or_insert((Vec::new(), self.confidence));
                template.0.push(index);
            }
        }
    }

    /// After a word, with the known routes that have it too.
    fn then(&self, word: &str, confidence: f64) -> Self {
        self.with(word, confidence, |first| first == word)
    }

    /// After a value, with the known routes that have a parameter.
    fn then_parameter(&self, name: &str, suffix: &str, confidence: f64) -> Self {
        let written = format!("{{{name}}}{suffix}");
        let mut next = self.with(&written, confidence, |first| first.contains('{'));
        next.names.insert(name.to_owned());
        next
    }

    fn with(&self, written: &str, confidence: f64, follows: impl Fn(&str) -> bool) -> Self {
        let known =
            self.known.iter().filter(|rest| rest.first().is_some_and(|first| follows(first)));
        Self {
            written: format!("{}/{written}", self.written),
            confidence: self.confidence * confidence,
            names: self.names.clone(),
            known: known.map(|rest| &rest[1..]).collect(),
        }
    }

    /// The known route's name for the parameter, else the singular of the wording before it and `_id`;
    /// numbered where an earlier parameter has that name.
    fn parameter(&self) -> String {
        let known =
            self.known.iter().find_map(|rest| rest.first()?.strip_prefix('{')?.split('}').next());
        let before =
            self.written.rsplit('/').find(|segment| !segment.is_empty() && !segment.contains('{'));
        let base = match (known, before) {
            (Some(name), _) => name.to_owned(),
            (None, Some(word)) => format!("{}_id", singular(word)),
            (None, None) => "id".to_owned(),
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

#[cfg(test)]
mod tests {
    use super::{super::split_suffix, *};

    /// Paths with `~name` for names known from bodies.
    fn routes(paths: &[&str], known: &[&str]) -> Vec<String> {
        let observed: Vec<_> = paths
            .iter()
            .map(|path| {
                let (method, path) = path.split_once(' ').unwrap();
                let segments =
                    path.split('/').filter(|s| !s.is_empty()).enumerate().map(|(at, text)| {
                        let name = text.strip_prefix('~');
                        let class = crate::templates::lex(name.unwrap_or(text), at);
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

    #[test]
    fn two_words_where_a_known_route_has_two_parameters_are_values() {
        let known = ["GET /repos/{owner}/{repo}/issues", "GET /contacts/{id}/topics"];
        let paths = ["GET /repos/acme/42/milestones", "GET /contacts/receiving/42"];
        assert_eq!(
            routes(&paths, &known),
            ["GET /contacts/receiving/{receiving_id} 1", "GET /repos/{owner}/{repo}/milestones 1"]
        );
    }

    #[test]
    fn a_verb_beside_ids_or_names_stays() {
        let paths = [
            "GET /customers/12",
            "GET /customers/13/cards",
            "GET /customers/search",
            "GET /users/~pengwynn",
            "GET /users/~octokit",
            "GET /users/search",
            "GET /users/me",
        ];
        assert_eq!(
            routes(&paths, &[]),
            [
                "GET /customers/search 1",
                "GET /customers/{customer_id} 1",
                "GET /customers/{customer_id}/cards 1",
                "GET /users/me 1",
                "GET /users/search 1",
                "GET /users/{user_id} 2",
            ]
        );
    }

    #[test]
    fn a_word_that_goes_on_as_the_ids_beside_it_is_a_value() {
        let paths = [
            "GET /commits/507f1f77bcf86cd799439011/check-runs",
            "GET /commits/master/check-runs",
            "GET /issues/7/comments",
            "GET /issues/comments/8",
            "GET /locales/en/strings",
        ];
        assert_eq!(
            routes(&paths, &[]),
            [
                "GET /commits/{commit_id}/check-runs 2",
                "GET /issues/comments/{comment_id} 1",
                "GET /issues/{issue_id}/comments 1",
                "GET /locales/en/strings 1",
            ]
        );
    }

    #[test]
    fn names_at_several_depths_are_one_parameter_with_slashes() {
        let paths = [
            "GET /contents/~README.md",
            "GET /contents/~lib/~main.rb",
            "PUT /contents/~lib/~deep/a.js",
            "GET /contents",
        ];
        assert_eq!(
            routes(&paths, &[]),
            ["GET /contents 1", "GET /contents/{path+} 2", "PUT /contents/{path+} 1"]
        );
        let repositories =
            ["GET /repos/~octokit/~fetch", "GET /repos/~octokit", "GET /repos/~a/~b/tags"];
        assert!(routes(&repositories, &[]).iter().all(|route| !route.contains('+')));
    }

    #[test]
    fn one_id_alone_is_a_parameter_and_one_word_alone_is_not() {
        let paths = [
            "GET /orders/o%2F7",
            "GET /orders/9/notes",
            "GET /pages/imprint",
            "GET /pages/imprint/text",
        ];
        assert_eq!(
            routes(&paths, &[]),
            [
                "GET /orders/{order_id} 1",
                "GET /orders/{order_id}/notes 1",
                "GET /pages/imprint 1",
                "GET /pages/imprint/text 1",
            ]
        );
    }

    #[test]
    fn the_same_word_under_two_parents_and_slashes_at_the_end() {
        let paths =
            ["GET /users/7/settings/", "GET /teams/8/settings", "GET /settings/", "GET /settings"];
        assert_eq!(
            routes(&paths, &[]),
            [
                "GET /settings 2",
                "GET /teams/{team_id}/settings 1",
                "GET /users/{user_id}/settings 1"
            ]
        );
    }

    #[test]
    fn the_order_of_paths_does_not_count_and_ids_are_surer_than_guesses() {
        let path = |text: &str| ObservedPath {
            method: "GET".to_owned(),
            segments: text
                .split('/')
                .enumerate()
                .map(|(at, text)| match crate::templates::lex(text, at) {
                    class if class.is_literal() => Segment::Clear(text.to_owned()),
                    class => Segment::Withheld(class, String::new(), 1),
                })
                .collect(),
        };
        let paths: Vec<_> = ["a/1/x", "a/2/x", "a/b/x", "a/c", "d"].map(path).into();
        let forth = infer(&paths, &[]);
        let mut reversed = paths.clone();
        reversed.reverse();
        let routes = |templates: &[Template]| {
            templates.iter().map(|t| (t.route.clone(), t.members.len())).collect::<Vec<_>>()
        };
        assert_eq!(routes(&forth), routes(&infer(&reversed, &[])));
        let confidence = |route: &str| {
            forth.iter().find(|t| t.route.path() == route).map(|t| t.confidence).unwrap()
        };
        assert!(confidence("/a/c") < confidence("/a/{a_id}/x"));
        assert!(confidence("/a/{a_id}/x") < confidence("/d"));
    }
}
