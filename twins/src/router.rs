//! From a method and a path to a route.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::escape::decode;

/// A trie over path segments.
///
/// A literal segment is preferred to one with a parameter, and of those the one with more literal
/// text. A path that fits a template but has another method is looked for further, so that
/// `DELETE /users/active` may be `DELETE /users/{id}` though `GET /users/active` exists.
#[derive(Debug, Default)]
pub(crate) struct Router {
    root: Branch,
}

#[derive(Debug, Default)]
struct Branch {
    literals: HashMap<Box<str>, Branch>,
    /// Most literal text first.
    patterns: Vec<(Pattern, Branch)>,
    /// A last parameter that may hold slashes.
    rest: Vec<(Box<str>, usize)>,
    /// Routes that end here, by method.
    routes: Vec<(Box<str>, usize)>,
}

/// A segment with parameters: text between them is literal, `{id}.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Literal(Box<str>),
    Parameter,
}

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'r, 'p> {
    /// The route's number and its parameters' values, in the template's order.
    Route(usize, Vec<Cow<'p, str>>),
    /// The path has other methods, sorted.
    OtherMethods(Vec<&'r str>),
    Nothing,
}

impl Router {
    /// Adds a route by its method and template; the first of two that are the same is kept.
    pub(crate) fn add(&mut self, method: &str, template: &str, route: usize) {
        let mut branch = &mut self.root;
        let mut segments = segments(template).peekable();
        while let Some(segment) = segments.next() {
            if segments.peek().is_none() && holds_slashes(segment) {
                branch.rest.push((method.into(), route));
            }
            branch = match Pattern::of(segment) {
                None => branch.literals.entry(decode(segment).into()).or_default(),
                Some(pattern) => branch.pattern(pattern),
            };
        }
        if !branch.routes.iter().any(|(known, _)| **known == *method) {
            branch.routes.push((method.into(), route));
        }
    }

    /// Looks a raw path up, without its query.
    pub(crate) fn find<'r, 'p>(&'r self, method: &str, path: &'p str) -> Found<'r, 'p> {
        let segments: Vec<Cow<'p, str>> = segments(path).map(decode).collect();
        let mut search = Search { method, values: Vec::new(), others: Vec::new() };
        match search.walk(&self.root, &segments) {
            Some(route) => Found::Route(route, search.values),
            None if search.others.is_empty() => Found::Nothing,
            None => {
                search.others.sort_unstable();
                search.others.dedup();
                Found::OtherMethods(search.others)
            }
        }
    }

    /// Whether a template begins with this very segment.
    pub(crate) fn begins_with(&self, segment: &str) -> bool {
        self.root.literals.contains_key(segment)
    }
}

impl Branch {
    fn pattern(&mut self, pattern: Pattern) -> &mut Self {
        let known = self.patterns.iter().position(|(known, _)| *known == pattern);
        let at = known.unwrap_or_else(|| {
            let weight = pattern.literal_bytes();
            let at = self.patterns.partition_point(|(known, _)| known.literal_bytes() >= weight);
            self.patterns.insert(at, (pattern, Self::default()));
            at
        });
        &mut self.patterns[at].1
    }
}

struct Search<'m, 'r, 'p> {
    method: &'m str,
    values: Vec<Cow<'p, str>>,
    others: Vec<&'r str>,
}

impl<'r, 'p> Search<'_, 'r, 'p> {
    fn walk(&mut self, branch: &'r Branch, segments: &[Cow<'p, str>]) -> Option<usize> {
        let Some((segment, left)) = segments.split_first() else {
            return self.at_end(&branch.routes);
        };
        if let Some(next) = branch.literals.get(&**segment)
            && let Some(route) = self.walk(next, left)
        {
            return Some(route);
        }
        for (pattern, next) in &branch.patterns {
            let before = self.values.len();
            if self.take(pattern, segment)
                && let Some(route) = self.walk(next, left)
            {
                return Some(route);
            }
            self.values.truncate(before);
        }
        if left.is_empty() || branch.rest.is_empty() {
            return None;
        }
        let route = self.at_end(&branch.rest)?;
        self.values.push(Cow::Owned(segments.join("/")));
        Some(route)
    }

    /// Takes a segment's parameters where it fits the pattern.
    #[expect(clippy::ptr_arg, reason = "a borrowed segment is handed on without a copy")]
    fn take(&mut self, pattern: &Pattern, segment: &Cow<'p, str>) -> bool {
        if pattern.0.len() > 1 {
            return pattern.matches(segment, &mut self.values);
        }
        // One parameter and nothing else, as most are: no copy of it is made.
        self.values.push(segment.clone());
        true
    }

    fn at_end(&mut self, routes: &'r [(Box<str>, usize)]) -> Option<usize> {
        let find = |method: &str| routes.iter().find(|(known, _)| **known == *method);
        // HEAD is answered as GET, without the body.
        let found = find(self.method).or_else(|| (self.method == "HEAD").then(|| find("GET"))?);
        if found.is_none() {
            self.others.extend(routes.iter().map(|(known, _)| &**known));
        }
        found.map(|(_, route)| *route)
    }
}

impl Pattern {
    /// A template's segment; `None` where it has no parameter.
    pub(crate) fn of(segment: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut left = segment;
        while let Some((before, after)) = left.split_once('{') {
            let (_, rest) = after.split_once('}')?;
            if !before.is_empty() {
                pieces.push(Piece::Literal(decode(before).into()));
            }
            pieces.push(Piece::Parameter);
            left = rest;
        }
        if pieces.is_empty() {
            return None;
        }
        if !left.is_empty() {
            pieces.push(Piece::Literal(decode(left).into()));
        }
        Some(Self(pieces))
    }

    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.0
    }

    fn literal_bytes(&self) -> usize {
        self.0
            .iter()
            .map(|piece| if let Piece::Literal(text) = piece { text.len() } else { 0 })
            .sum()
    }

    /// Appends the parameters' values where the segment fits; none of them is empty.
    fn matches(&self, segment: &str, values: &mut Vec<Cow<'_, str>>) -> bool {
        let before = values.len();
        let fits =
            match_pieces(&self.0, segment, &mut |value| values.push(Cow::Owned(value.to_owned())));
        if !fits {
            values.truncate(before);
        }
        fits
    }
}

/// Each parameter takes the shortest text that lets the next literal follow, the last one the rest.
fn match_pieces(pieces: &[Piece], text: &str, take: &mut impl FnMut(&str)) -> bool {
    match pieces {
        [] => text.is_empty(),
        [Piece::Literal(literal), left @ ..] => {
            text.strip_prefix(&**literal).is_some_and(|text| match_pieces(left, text, take))
        }
        [Piece::Parameter] => {
            take(text);
            !text.is_empty()
        }
        [Piece::Parameter, Piece::Literal(literal)] => match text.strip_suffix(&**literal) {
            Some(value) if !value.is_empty() => {
                take(value);
                true
            }
            _ => false,
        },
        [Piece::Parameter, left @ ..] => {
            let literal = if let [Piece::Literal(literal), ..] = left { &**literal } else { "" };
            let Some(first) = text.chars().next().map(char::len_utf8) else { return false };
            let Some(at) = text[first..].find(literal).map(|at| at + first) else { return false };
            take(&text[..at]);
            match_pieces(left, &text[at..], take)
        }
    }
}

/// The segments of a path; doubled and trailing slashes make none.
pub(crate) fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

/// Whether a last segment's parameter may hold slashes: `{path}`, `{ref}` and its like (GitHub's
/// contents, git refs and comparisons), and templates that say so, `{name+}` (RFC 6570 §3.2.3) and `{name*}`.
fn holds_slashes(segment: &str) -> bool {
    let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        return false;
    };
    matches!(name, "path" | "ref" | "branch" | "basehead" | "dir" | "filepath" | "file_path")
        || name.ends_with(['+', '*'])
        || name.starts_with(['+', '*'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trie(routes: &[&str]) -> Router {
        let mut built = Router::default();
        for (number, route) in routes.iter().enumerate() {
            let (method, path) = route.split_once(' ').unwrap();
            built.add(method, path, number);
        }
        built
    }

    fn route(number: usize, values: &[&str]) -> Found<'static, 'static> {
        Found::Route(number, values.iter().map(|value| Cow::Owned((*value).to_owned())).collect())
    }

    #[test]
    fn a_literal_is_preferred_and_left_again_for_its_method() {
        let router = trie(&[
            "GET /users/active",
            "GET /users/{id}",
            "DELETE /users/{id}",
            "GET /users/{id}/x",
        ]);
        assert_eq!(router.find("GET", "/users/active"), route(0, &[]));
        assert_eq!(router.find("GET", "/users/7/"), route(1, &["7"]));
        assert_eq!(router.find("HEAD", "/users/7"), route(1, &["7"]));
        assert_eq!(router.find("DELETE", "/users/active"), route(2, &["active"]));
        assert_eq!(router.find("GET", "/users/active/x"), route(3, &["active"]));
        assert_eq!(router.find("PUT", "/users/a"), Found::OtherMethods(vec!["DELETE", "GET"]));
        assert_eq!(router.find("GET", "/nobody"), Found::Nothing);
        assert_eq!(router.find("GET", "/users/a%2Fb"), route(1, &["a/b"]));
    }

    #[test]
    fn a_literal_is_the_same_however_it_is_escaped() {
        let router = trie(&["GET /café/{id}", "GET /%C3%BCber%20uns", "GET /x/{id}%20y"]);
        assert_eq!(router.find("GET", "/caf%C3%A9/d%C3%A9j%C3%A0"), route(0, &["déjà"]));
        assert_eq!(router.find("GET", "/%c3%bcber%20uns"), route(1, &[]));
        assert_eq!(router.find("GET", "/x/1%20y"), route(2, &["1"]));
    }

    #[test]
    fn a_segment_may_hold_text_and_several_parameters() {
        let router = trie(&[
            "GET /m/{id}",
            "GET /m/{id}.json",
            "GET /compare/{base}...{head}",
            "GET /a/{id}.{format}",
        ]);
        assert_eq!(router.find("GET", "/m/SM1.json"), route(1, &["SM1"]));
        assert_eq!(router.find("GET", "/m/SM1"), route(0, &["SM1"]));
        assert_eq!(router.find("GET", "/m/.json"), route(0, &[".json"]));
        assert_eq!(router.find("GET", "/compare/v1.0...v1.1"), route(2, &["v1.0", "v1.1"]));
        assert_eq!(router.find("GET", "/a/x.png"), route(3, &["x", "png"]));
    }

    #[test]
    fn a_last_path_parameter_holds_slashes_where_nothing_else_fits() {
        let router = trie(&["GET /r/contents/{path}", "GET /r/contents/{path}/history"]);
        assert_eq!(router.find("GET", "/r/contents/a"), route(0, &["a"]));
        assert_eq!(router.find("GET", "/r/contents/src/a.rs"), route(0, &["src/a.rs"]));
        assert_eq!(router.find("GET", "/r/contents/a/history"), route(1, &["a"]));
    }
}
