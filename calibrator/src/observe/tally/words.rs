//! Texts as numbers.
//!
//! The columns are dictionaries: a batch of thousands of rows has a few dozen texts. Each is looked at
//! once a batch, and rows are looked up by their keys.

use datafusion::arrow::array::{ArrayRef, AsArray as _, DictionaryArray};
use datafusion::arrow::datatypes::Int32Type;
use models::Surface;
use rustc_hash::FxHashMap;

use super::Home;

/// The texts of a window and their numbers; number 0 is no text.
#[derive(Debug)]
pub(super) struct Words {
    numbers: FxHashMap<(Kind, String), u32>,
    texts: Vec<(Kind, String)>,
}

/// What a text is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Route,
    Path,
    Event,
    Text,
}

impl Default for Words {
    fn default() -> Self {
        Self { numbers: FxHashMap::default(), texts: vec![(Kind::Text, String::new())] }
    }
}

impl Words {
    pub(super) fn route(&mut self, text: &str) -> u32 {
        self.number(Kind::Route, text)
    }

    pub(super) fn path(&mut self, text: &str) -> u32 {
        self.number(Kind::Path, text)
    }

    pub(super) fn event(&mut self, text: &str) -> u32 {
        self.number(Kind::Event, text)
    }

    pub(super) fn text(&mut self, text: &str) -> u32 {
        self.number(Kind::Text, text)
    }

    fn number(&mut self, kind: Kind, text: &str) -> u32 {
        let next = u32::try_from(self.texts.len()).expect("texts of a window fit in memory");
        let key = (kind, text.to_owned());
        let number = *self.numbers.entry(key.clone()).or_insert(next);
        if number == next {
            self.texts.push(key);
        }
        number
    }

    pub(super) fn text_of(&self, number: u32) -> String {
        self.texts[number as usize].1.clone()
    }

    /// The route, path or event of a number, as a home of nothing in particular.
    pub(super) fn home_of(&self, number: u32) -> Home {
        let (kind, text) = &self.texts[number as usize];
        let of = |wanted: Kind| if *kind == wanted { text.clone() } else { String::new() };
        Home {
            surface: Surface::Response,
            route: of(Kind::Route),
            path: of(Kind::Path),
            event: of(Kind::Event),
            status: 0,
        }
    }
}

/// A column of texts as numbers.
pub(super) struct Keys<'c> {
    rows: &'c DictionaryArray<Int32Type>,
    /// By key; none for the empty text.
    numbers: Vec<Option<u32>>,
}

impl<'c> Keys<'c> {
    pub(super) fn of(column: &'c ArrayRef, mut number: impl FnMut(&str) -> u32) -> Self {
        let rows = column.as_dictionary::<Int32Type>();
        let texts = rows.values().as_string::<i32>().iter();
        let numbers = texts.map(|text| Some(number(text.filter(|text| !text.is_empty())?)));
        Self { rows, numbers: numbers.collect() }
    }

    pub(super) fn at(&self, row: usize) -> Option<u32> {
        self.rows.key(row).and_then(|key| self.numbers[key])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_route_a_path_and_an_event_of_one_text_are_three_homes_and_no_text_is_none() {
        let mut words = Words::default();
        let numbers = [words.route("a"), words.path("a"), words.event("a"), words.route("a")];
        assert!(numbers[0] != numbers[1] && numbers[1] != numbers[2] && numbers[0] == numbers[3]);
        let homes = numbers.map(|number| words.home_of(number));
        assert_eq!((&*homes[0].route, &*homes[1].path, &*homes[2].event), ("a", "a", "a"));
        assert_eq!(words.home_of(0).route, "");
    }

    #[test]
    fn rows_have_the_number_of_their_text_and_none_where_it_is_empty_or_missing() {
        let column: ArrayRef = Arc::new(
            [Some("b"), None, Some(""), Some("a"), Some("b")]
                .into_iter()
                .collect::<DictionaryArray<Int32Type>>(),
        );
        let mut words = Words::default();
        let keys = Keys::of(&column, |text| words.text(text));
        let texts: Vec<_> = (0..5).map(|row| keys.at(row).map(|one| words.text_of(one))).collect();
        let (a, b) = (Some("a".to_owned()), Some("b".to_owned()));
        assert_eq!(texts, [b.clone(), None, None, a, b]);
    }
}
