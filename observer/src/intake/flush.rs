//! The rows of a segment, handed over for writing.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use models::{FieldPath, Place, Step};
use rustc_hash::FxHashSet;

use super::unknown::{Names, PATH_MARK};
use super::{Disclosure, Intake};
use crate::key::Domain;
use crate::lake::deliveries::deliveries_batch;
use crate::lake::path;
use crate::lake::rows::{ValueRow, links_batch, shapes_batch, values_batch};
use crate::lake::table::Table;
use crate::scrub;
use crate::shape::word;
use crate::shape::{FieldVocabulary, Trie};

/// What one flush hands to the lake: rows of each table that has any.
#[derive(Debug)]
pub struct Batches {
    /// In table order.
    pub tables: Vec<(Table, RecordBatch)>,
}

impl Batches {
    /// Whether there is a row that has a time.
    pub(crate) fn has_times(&self) -> bool {
        self.tables.iter().any(|(table, batch)| table.has_times() && batch.num_rows() > 0)
    }
}

/// What is known of names at one time, for paths that were flushed before.
#[derive(Debug)]
pub(crate) struct Withholding(Names);

impl Withholding {
    /// A path of the lake with its names withheld.
    pub(crate) fn path(&self, path: &str) -> String {
        self.0.withhold(path, true)
    }
}

impl Intake {
    /// The exchange rows so far, with the shapes first met in them; shapes of earlier flushes of the
    /// same segment are not repeated.
    pub fn flush_rows(&mut self) -> Batches {
        let shapes = std::mem::take(&mut self.shape_rows);
        let names = self.names();
        // A row of a known route that has a path as well is that of a word where the model has a
        // parameter: whether it is a route of its own may have shown only later.
        let unknown = &self.unknown;
        self.rows.settle(|path| unknown.is_hidden(path));
        let exchanges = self.rows.take(|text| {
            text.strip_prefix(PATH_MARK)
                .map_or_else(|| text.to_owned(), |path| names.withhold(path, true))
        });
        let mut tables = vec![(Table::Exchanges, exchanges)];
        if !shapes.is_empty() {
            tables.push((Table::Shapes, shapes_batch(&shapes)));
        }
        let deliveries = std::mem::take(&mut self.deliveries);
        if !deliveries.is_empty() {
            tables.push((Table::Deliveries, deliveries_batch(&deliveries)));
        }
        Batches { tables }
    }

    /// Ends the segment: what [`Intake::flush_rows`] gives, and the tokens and links of the whole
    /// segment. The next exchange begins another.
    pub fn flush_segment(&mut self) -> Batches {
        let mut batches = self.flush_rows();
        batches.tables.extend(self.snapshot().tables);
        self.places.tries_mut().for_each(Trie::begin_segment);
        self.known_shapes.clear();
        batches
    }

    /// The tokens and links of the segment so far, which goes on; a later snapshot replaces it.
    pub fn snapshot(&mut self) -> Batches {
        let (values, links) = (self.values(), self.links());
        let mut tables = Vec::new();
        if !values.is_empty() {
            tables.push((Table::Values, values_batch(&values)));
        }
        if !links.is_empty() {
            tables.push((Table::Links, links_batch(&links)));
        }
        Batches { tables }
    }

    /// Withholds from paths of rows flushed before what has since turned out to be a name.
    pub(crate) fn withholding(&self) -> Withholding {
        Withholding(self.names())
    }

    /// Which words of unknown paths are names, as far as bodies have shown. Parts of URLs do not count:
    /// they hold the wording of other paths too.
    fn names(&self) -> Names {
        if self.unknown.is_empty() {
            return self.unknown.names(&self.key, |_| false);
        }
        let links: FxHashSet<u64> = self
            .places
            .tries()
            .flat_map(Trie::all_known)
            .filter(|node| !node.is_url())
            .flat_map(|node| node.links.pseudonyms())
            .collect();
        self.unknown.names(&self.key, |pseudonym| links.contains(&pseudonym))
    }

    fn values(&mut self) -> Vec<ValueRow> {
        let names = self.names();
        let (key, disclosure, callers) = (self.key.clone(), self.disclosure, self.callers.len());
        let scrubbed_names = self.scrubbed_names.clone();
        let mut rows = Vec::new();
        let mut places: Vec<_> = self.places.tries_mut().collect();
        places.sort_by(|one, other| one.place().cmp(other.place()));
        for trie in places {
            let mut place = trie.place().clone();
            place.route = place.route.map(|route| {
                if self.unknown.has(&route) { names.withhold(&route, false) } else { route }
            });
            for (field, is_withheld, vocabulary) in vocabularies(trie, &scrubbed_names) {
                let is_withheld = is_withheld && !vocabulary.is_listed();
                if vocabulary.open || is_withheld {
                    rows.push(row_of(&place, &field, None));
                }
                if is_withheld {
                    continue;
                }
                let mut of_field: Vec<_> =
                    vocabulary.tokens.iter().filter(|token| token.count > 0).collect();
                of_field.sort_by(|one, other| one.text.cmp(&other.text));
                for token in of_field {
                    let clear = may_stand(token, vocabulary.is_listed(), disclosure, callers);
                    rows.push(ValueRow {
                        token: clear.then(|| String::from_utf8_lossy(&token.text).into_owned()),
                        pseudonym: Some(key.pseudonym(Domain::Token, &[&token.text])),
                        count: token.count,
                        entities: token.entities.clone(),
                        callers: token.callers.clone(),
                        first_us: Some(token.first_us),
                        last_us: Some(token.last_us),
                        ..row_of(&place, &field, None)
                    });
                }
            }
        }
        rows
    }

    fn links(&self) -> Vec<(String, u64)> {
        let mut by_field: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for trie in self.places.tries() {
            for (id, node) in
                trie.ids().zip(trie.all_known()).filter(|(_, node)| !node.links.is_empty())
            {
                let field = by_field.entry(path::encode(&trie.path(id))).or_default();
                field.extend(node.links.pseudonyms());
            }
        }
        let mut rows = Vec::new();
        for (field, mut pseudonyms) in by_field {
            pseudonyms.sort_unstable();
            pseudonyms.dedup();
            rows.extend(pseudonyms.into_iter().map(|pseudonym| (field.clone(), pseudonym)));
        }
        rows
    }
}

/// The fields of a place whose tokens are counted, by encoded path, and whether the field's name says
/// that its values are secrets or somebody's.
fn vocabularies<'t>(
    trie: &'t mut Trie,
    names: &scrub::Names,
) -> Vec<(String, bool, &'t mut FieldVocabulary)> {
    let paths: Vec<_> = trie.ids().map(|id| trie.path(id)).collect();
    let fields = trie
        .all_known_mut()
        .filter(|(_, node)| node.vocabulary.open || !node.vocabulary.tokens.is_empty());
    let fields = fields.map(|(id, node)| {
        let field = &paths[id as usize];
        (path::encode(field), is_withheld(names, field), &mut node.vocabulary)
    });
    fields.collect()
}

fn is_withheld(names: &scrub::Names, field: &FieldPath) -> bool {
    let path = field.0.iter().filter_map(|step| match step {
        Step::Field(name) | Step::Query(name) => Some(name.as_str()),
        Step::Items | Step::Values => None,
    });
    names.is_withheld(&path.collect::<Vec<_>>())
}

/// Whether a token may stand in the lake in clear (DESIGN, "Observation"): a word at first sight where
/// the model closes the field, elsewhere once enough witnesses have shown it.
fn may_stand(
    token: &crate::shape::Token,
    closed: bool,
    disclosure: Disclosure,
    callers: usize,
) -> bool {
    let Ok(text) = std::str::from_utf8(&token.text) else { return false };
    // The model's own text tells nothing of anybody.
    if token.listed {
        return true;
    }
    let telling =
        word::is_telling(&token.text) || scrub::is_secret(text) || scrub::is_personal(text);
    if !token.is_word || telling {
        return false;
    }
    let callers_min = disclosure.token_callers_min.min(callers);
    closed
        || (token.entities.len() >= disclosure.token_units_min
            && token.callers.len() >= callers_min)
}

fn row_of(place: &Place, field: &str, count: Option<u64>) -> ValueRow {
    ValueRow {
        surface: place.surface.name(),
        route: place.route.clone(),
        status: place.status,
        event: place.event.clone(),
        path: field.to_owned(),
        token: None,
        pseudonym: None,
        count: count.unwrap_or(0),
        entities: Vec::new(),
        callers: Vec::new(),
        first_us: None,
        last_us: None,
    }
}
