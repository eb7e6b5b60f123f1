//! From a concrete path to the model's route.

use models::{JsonType, Model, Parameter, Route, RouteKey};
use rustc_hash::FxHashMap;

/// The model's routes as a tree of segments; literal segments win over parameters.
#[derive(Debug)]
pub(crate) struct Router {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    literals: FxHashMap<Box<str>, usize>,
    /// Segments with braces, those with most literal text first: `{id}.json` before `{id}`.
    patterns: Vec<(Pattern, usize)>,
    /// Routes that end here, by method.
    ends: Vec<(Box<str>, u32)>,
}

/// A segment with parameters: literal pieces around them, in order.
#[derive(Debug, PartialEq, Eq)]
struct Pattern {
    pieces: Vec<Box<str>>,
    /// What the values are, one a parameter.
    values: Vec<ValueKind>,
}

/// What the model says of a parameter's values that a path can contradict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueKind {
    Any,
    Integer,
    Uuid,
}

impl ValueKind {
    fn of(parameter: Option<&Parameter>) -> Self {
        let Some(schema) = parameter.map(|parameter| &parameter.schema) else { return Self::Any };
        if schema.format.as_deref() == Some("uuid") {
            return Self::Uuid;
        }
        let integer = schema.types.len() == 1 && schema.types.contains(&JsonType::Integer);
        if integer { Self::Integer } else { Self::Any }
    }

    /// A word where a number or UUID should be is another route's literal; any other text may be a
    /// client's mistake, which the route answers.
    fn admits(self, value: &str) -> bool {
        self == Self::Any || value.bytes().any(|byte| byte.is_ascii_digit())
    }
}

impl Router {
    pub(crate) fn new(model: &Model) -> Self {
        let mut router = Self { nodes: vec![Node::default()] };
        for (index, (key, route)) in (0..).zip(&model.routes) {
            router.add(index, key, route);
        }
        for node in &mut router.nodes {
            node.patterns.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.literal_bytes()));
        }
        router
    }

    fn add(&mut self, index: u32, key: &RouteKey, route: &Route) {
        let mut at = 0;
        for segment in key.segments() {
            at = if segment.contains('{') {
                self.pattern(at, segment, route)
            } else {
                self.literal(at, segment)
            };
        }
        self.nodes[at].ends.push((key.method().into(), index));
    }

    fn literal(&mut self, at: usize, segment: &str) -> usize {
        let next = self.nodes.len();
        let child = *self.nodes[at].literals.entry(segment.into()).or_insert(next);
        if child == next {
            self.nodes.push(Node::default());
        }
        child
    }

    fn pattern(&mut self, at: usize, segment: &str, route: &Route) -> usize {
        let pattern = Pattern::parse(segment, route);
        if let Some((_, child)) =
            self.nodes[at].patterns.iter().find(|(known, _)| *known == pattern)
        {
            return *child;
        }
        let child = self.nodes.len();
        self.nodes.push(Node::default());
        self.nodes[at].patterns.push((pattern, child));
        child
    }

    /// The route of a call, by its place in the model's order, and its parameters' values in order.
    pub(crate) fn route<'p>(&self, method: &str, path: &'p str) -> Option<(u32, Vec<&'p str>)> {
        let segments: Vec<_> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let mut values = Vec::new();
        let index = self.descend(0, method, &segments, &mut values)?;
        Some((index, values))
    }

    fn descend<'p>(
        &self,
        at: usize,
        method: &str,
        rest: &[&'p str],
        values: &mut Vec<&'p str>,
    ) -> Option<u32> {
        let node = &self.nodes[at];
        let Some((segment, rest)) = rest.split_first() else {
            return node.ends.iter().find(|(known, _)| **known == *method).map(|(_, index)| *index);
        };
        if let Some(&child) = node.literals.get(*segment)
            && let Some(found) = self.descend(child, method, rest, values)
        {
            return Some(found);
        }
        for (pattern, child) in &node.patterns {
            let before = values.len();
            if pattern.matches(segment, values)
                && let Some(found) = self.descend(*child, method, rest, values)
            {
                return Some(found);
            }
            values.truncate(before);
        }
        None
    }
}

impl Pattern {
    fn parse(segment: &str, route: &Route) -> Self {
        let (mut pieces, mut values) = (Vec::new(), Vec::new());
        let mut rest = segment;
        while let Some((literal, after)) = rest.split_once('{') {
            pieces.push(literal.into());
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            values.push(ValueKind::of(route.path.get(name)));
            rest = after;
        }
        pieces.push(rest.into());
        Self { pieces, values }
    }

    fn literal_bytes(&self) -> usize {
        self.pieces.iter().map(|piece| piece.len()).sum()
    }

    /// Whether the segment fits, adding the parameters' values; none is empty.
    fn matches<'p>(&self, segment: &'p str, values: &mut Vec<&'p str>) -> bool {
        let Some((first, more)) = self.pieces.split_first() else { return false };
        let Some(mut rest) = segment.strip_prefix(&**first) else { return false };
        for (index, piece) in more.iter().enumerate() {
            let last = index + 1 == more.len();
            let value = if last {
                rest.strip_suffix(&**piece)
            } else {
                rest.split_once(&**piece).map(|(value, _)| value)
            };
            let fits = |value: &&str| !value.is_empty() && self.values[index].admits(value);
            let Some(value) = value.filter(fits) else { return false };
            values.push(value);
            rest = if last { "" } else { &rest[value.len() + piece.len()..] };
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_segments_win_and_a_dead_end_is_left_again() {
        let mut model = Model::empty("t", "");
        for route in [
            "GET /a/{id}",
            "GET /a/me",
            "GET /a/me/b",
            "GET /a/{id}/c",
            "POST /a/{id}",
            "GET /f/{n}.json",
            "GET /f/{n}",
            "GET /c/{base}...{head}",
        ] {
            model.routes.insert(RouteKey::parse(route).unwrap(), models::Route::default());
        }
        let router = Router::new(&model);
        let keys: Vec<_> = model.routes.keys().collect();
        let found = |method: &str, path: &str| {
            router
                .route(method, path)
                .map(|(index, values)| format!("{} {}", keys[index as usize], values.join(" ")))
        };
        assert_eq!(found("GET", "/a/me").unwrap(), "GET /a/me ");
        assert_eq!(found("GET", "/a/7").unwrap(), "GET /a/{id} 7");
        assert_eq!(found("GET", "/a/me/c").unwrap(), "GET /a/{id}/c me");
        assert_eq!(found("GET", "/a/7/").unwrap(), "GET /a/{id} 7");
        assert_eq!(found("POST", "/a/me").unwrap(), "POST /a/{id} me");
        assert_eq!(found("GET", "/f/x.json").unwrap(), "GET /f/{n}.json x");
        assert_eq!(found("GET", "/f/x").unwrap(), "GET /f/{n} x");
        assert_eq!(found("GET", "/c/one...two").unwrap(), "GET /c/{base}...{head} one two");
        assert_eq!(found("GET", "/b"), None);
        assert_eq!(found("DELETE", "/a/7"), None);
    }
}
