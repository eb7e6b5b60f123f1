//! Path templates, read for what they say of collections and their items.

use std::borrow::Cow;

use crate::escape;
use crate::router::{Pattern, Piece, segments};

/// A route's path template.
#[derive(Debug)]
pub(crate) struct Template {
    segments: Vec<Segment>,
}

/// One segment of a template.
#[derive(Debug)]
enum Segment {
    /// Without a `.json` at the end of the path.
    Literal(Box<str>),
    /// One parameter, by its number; a file name's ending may follow it.
    Item(usize),
    /// Any other with parameters; the number of the first.
    Mixed(usize),
}

/// Where entities live: the template of a collection, its own parameters numbered by the route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Home {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    Parameter(usize),
}

impl Template {
    pub(crate) fn of(path: &str) -> Self {
        let mut next = 0;
        let count = segments(path).count();
        let segments = segments(path).enumerate().map(|(index, segment)| {
            let last = index + 1 == count;
            let Some(pattern) = Pattern::of(segment) else {
                let ending = if last { ".json" } else { "" };
                return Segment::Literal(segment.strip_suffix(ending).unwrap_or(segment).into());
            };
            let first = next;
            next += pattern.pieces().iter().filter(|piece| **piece == Piece::Parameter).count();
            match pattern.pieces() {
                [Piece::Parameter] => Segment::Item(first),
                [Piece::Parameter, Piece::Literal(ending), ..]
                    if ending.starts_with('.') && !ending.starts_with("..") =>
                {
                    Segment::Item(first)
                }
                _ => Segment::Mixed(first),
            }
        });
        Self { segments: segments.collect() }
    }

    /// Where the item the path names lives, and the parameter that is its id; `None` where the
    /// path ends in no parameter.
    pub(crate) fn item(&self) -> Option<(Home, usize)> {
        match self.segments.split_last()? {
            (Segment::Item(parameter), parents) => Some((Home::of(parents), *parameter)),
            _ => None,
        }
    }

    /// The whole path as a collection; `None` where it ends in a parameter.
    pub(crate) fn collection(&self) -> Option<Home> {
        match self.segments.last()? {
            Segment::Literal(_) => Some(Home::of(&self.segments)),
            _ => None,
        }
    }

    /// The collection that a path below it, of one word, is beside.
    pub(crate) fn beside(&self) -> Option<Home> {
        match &self.segments[..] {
            [collection @ .., Segment::Literal(_)] => {
                matches!(collection.last()?, Segment::Literal(_)).then(|| Home::of(collection))
            }
            _ => None,
        }
    }

    /// The collection that a path below it, of one word, searches.
    pub(crate) fn searched(&self) -> Option<Home> {
        let is_search =
            matches!(self.segments.last()?, Segment::Literal(last) if **last == *"search");
        self.beside().filter(|_| is_search)
    }

    /// Whether the path lies at or below a collection, or is the one of its items.
    pub(crate) fn is_of(&self, home: &Home) -> bool {
        let own = Home::of(&self.segments).pattern();
        own.strip_prefix(&home.pattern())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The items the path goes through on its way, outermost first.
    pub(crate) fn parents(&self) -> impl Iterator<Item = (Home, usize)> {
        let before = self.segments.len().saturating_sub(1);
        self.segments[..before].iter().enumerate().filter_map(|(index, segment)| match segment {
            Segment::Item(parameter) => Some((Home::of(&self.segments[..index]), *parameter)),
            _ => None,
        })
    }

    /// The item directly before the last segment.
    pub(crate) fn parent(&self) -> Option<(Home, usize)> {
        let [parents @ .., Segment::Item(parameter), _] = &self.segments[..] else { return None };
        Some((Home::of(parents), *parameter))
    }
}

impl Home {
    /// A collection by its own template, its parameters found by name among the route's.
    pub(crate) fn named(path: &str, parameters: &[Box<str>]) -> Self {
        let number = |name: &str| parameters.iter().position(|known| **known == *name);
        let parts = segments(path).map(|segment| {
            let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            match name.and_then(number) {
                Some(parameter) => Part::Parameter(parameter),
                None => Part::Literal(segment.into()),
            }
        });
        Self { parts: parts.collect() }
    }

    fn of(segments: &[Segment]) -> Self {
        let parts = segments.iter().map(|segment| match segment {
            Segment::Literal(text) => Part::Literal(text.clone()),
            Segment::Item(parameter) | Segment::Mixed(parameter) => Part::Parameter(*parameter),
        });
        Self { parts: parts.collect() }
    }

    /// The template whatever its parameters are called, `/customers/{}/sources`.
    pub(crate) fn pattern(&self) -> String {
        self.write(|_| Cow::Borrowed("{}"))
    }

    /// The collection itself, `/customers/cus_1/sources`.
    pub(crate) fn at(&self, values: &[Cow<'_, str>]) -> String {
        self.write(|parameter| {
            values.get(parameter).map_or(Cow::Borrowed(""), |value| escape::segment(value))
        })
    }

    /// The path that the collection is found under.
    pub(crate) fn address(&self, values: &[Cow<'_, str>]) -> String {
        let value = |parameter: usize| values.get(parameter).map_or("", |value| value);
        let path = self.write(|parameter| escape::in_path(value(parameter)));
        match escape::written(&path) {
            Cow::Owned(escaped) => escaped,
            Cow::Borrowed(_) => path,
        }
    }

    /// The last literal segment: the plural noun.
    pub(crate) fn noun(&self) -> &str {
        let literal = self.parts.iter().rev().find_map(|part| match part {
            Part::Literal(text) => Some(&**text),
            Part::Parameter(_) => None,
        });
        literal.unwrap_or("")
    }

    fn write<'v>(&self, value: impl Fn(usize) -> Cow<'v, str>) -> String {
        let mut text = String::with_capacity(48);
        for part in &self.parts {
            text.push('/');
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Parameter(parameter) => text.push_str(&value(*parameter)),
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_says_where_its_item_lives() {
        let template = Template::of("/2010-04-01/Accounts/{AccountSid}/Messages/{Sid}.json");
        let (home, id) = template.item().unwrap();
        assert_eq!((home.pattern().as_str(), id), ("/2010-04-01/Accounts/{}/Messages", 1));
        assert_eq!(home.at(&["AC1".into(), "SM1".into()]), "/2010-04-01/Accounts/AC1/Messages");
        let parents: Vec<_> = template.parents().map(|(home, id)| (home.pattern(), id)).collect();
        assert_eq!(parents, [("/2010-04-01/Accounts".to_owned(), 0)]);
        let list = Template::of("/2010-04-01/Accounts/{AccountSid}/Messages.json");
        assert_eq!(list.collection().unwrap().pattern(), home.pattern());
        assert_eq!(home.noun(), "Messages");
    }

    #[test]
    fn a_value_with_a_slash_is_one_segment_of_its_collection_and_of_its_address() {
        let (home, _) = Template::of("/über/{a}/files/{b}").item().unwrap();
        assert_eq!(home.at(&["a/é".into()]), "/über/a%2Fé/files");
        assert_eq!(home.address(&["a/é".into()]), "/%C3%BCber/a%2F%C3%A9/files");
    }

    #[test]
    fn a_comparison_of_two_is_no_item() {
        assert!(Template::of("/compare/{base}...{head}").item().is_none());
        let action = Template::of("/payment_intents/{intent}/confirm");
        assert_eq!(action.parent().unwrap().0.pattern(), "/payment_intents");
    }
}
