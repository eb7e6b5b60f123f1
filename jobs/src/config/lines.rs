//! Where in a file of TOML its tables and fields stand.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

/// Lines from 1, by place: `jobs.nightly.schedule`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lines(BTreeMap<String, usize>);

impl Lines {
    pub(super) fn read(root: &DeTable<'_>, text: &str) -> Self {
        let mut lines = BTreeMap::new();
        note(root, "", text, &mut lines);
        Self(lines)
    }

    /// Of a place, else of the nearest that holds it: what `[defaults]` say has no line of its own.
    pub(super) fn of(&self, place: &str) -> usize {
        let mut around =
            std::iter::successors(Some(place), |place| Some(place.rsplit_once('.')?.0));
        around.find_map(|place| self.0.get(place)).copied().unwrap_or(1)
    }
}

fn note(table: &DeTable<'_>, around: &str, text: &str, lines: &mut BTreeMap<String, usize>) {
    for (key, value) in table {
        let dot = if around.is_empty() { "" } else { "." };
        let place = format!("{around}{dot}{}", key.get_ref());
        if let DeValue::Table(within) = value.get_ref() {
            note(within, &place, text, lines);
        }
        lines.insert(place, line_at(text, key.span().start));
    }
}

/// The line of a byte, from 1.
pub(super) fn line_at(text: &str, byte: usize) -> usize {
    text[..byte.min(text.len())].matches('\n').count() + 1
}
