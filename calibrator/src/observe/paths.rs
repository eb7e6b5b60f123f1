//! Templates for paths the model does not have.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use models::Model;
use models::templates::{self, ObservedPath, Segment, SegmentClass};

use super::ObserveError;
use super::session::LakeSession;

/// Routes for paths the model does not have.
#[derive(Debug, Default)]
pub(super) struct Templates {
    /// By path, with its pseudonyms.
    pub(super) routes: BTreeMap<String, String>,
    /// By path without them: as the intake keys tokens of unknown paths.
    pub(super) skeletons: BTreeMap<String, String>,
}

impl Templates {
    /// Infers templates from all paths seen; they come sorted.
    pub(super) fn infer<'p>(paths: impl Iterator<Item = &'p str>, model: &Model) -> Self {
        let paths: Vec<&str> = paths.collect();
        let observed: Vec<_> = paths.iter().map(|path| parse(path)).collect();
        let known: Vec<_> = model.routes.keys().cloned().collect();
        let mut routes = BTreeMap::new();
        for template in templates::infer(&observed, &known) {
            for member in template.members {
                routes.insert(paths[member].to_owned(), template.route.to_string());
            }
        }
        let skeletons =
            routes.iter().map(|(path, route)| (skeleton_of(path), route.clone())).collect();
        Self { routes, skeletons }
    }
}

/// Registers the table `templates(path, route)`.
pub(super) fn register(
    session: &LakeSession,
    routes: &BTreeMap<String, String>,
) -> Result<(), ObserveError> {
    let schema = Arc::new(Schema::new(vec![
        Field::new("path", DataType::Utf8, false),
        Field::new("route", DataType::Utf8, false),
    ]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(routes.keys())),
        Arc::new(StringArray::from_iter_values(routes.values())),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns);
    session.register("templates", schema, vec![batch.expect("columns follow the schema above")])
}

/// Reads `METHOD /word/{class:pseudonym}.suffix`.
fn parse(path: &str) -> ObservedPath {
    let (method, path) = path.split_once(' ').unwrap_or(("GET", path));
    let segments = path.split('/').filter(|segment| !segment.is_empty()).map(segment).collect();
    ObservedPath { method: method.to_owned(), segments }
}

fn segment(text: &str) -> Segment {
    let withheld = text.strip_prefix('{').and_then(|rest| rest.split_once('}'));
    let Some((inner, suffix)) = withheld else { return Segment::Clear(text.to_owned()) };
    let (class, pseudonym) = inner.split_once(':').unwrap_or((inner, "0"));
    let class = SegmentClass::named(class).unwrap_or(SegmentClass::Text);
    Segment::Withheld(
        class,
        suffix.to_owned(),
        u64::from_str_radix(pseudonym, 16).unwrap_or_default(),
    )
}

/// The observed path without its pseudonyms: as the intake keys places of unknown paths.
fn skeleton_of(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let (mut inside, mut hidden) = (false, false);
    for character in path.chars() {
        match character {
            '{' => inside = true,
            ':' if inside => hidden = true,
            '}' => (inside, hidden) = (false, false),
            _ => {}
        }
        if !hidden {
            out.push(character);
        }
    }
    out
}
