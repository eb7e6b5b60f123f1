//! Templates for paths the model does not have.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use models::Model;
use models::templates::{self, ObservedPath, Segment, SegmentClass};

use super::ObserveError;
use super::rows::Rows;
use super::session::LakeSession;

/// Infers templates and registers `templates(path, route)`, `skeletons(skeleton, route)` and the
/// views `routed` and `accepted`.
pub(super) async fn register_templates(
    session: &LakeSession,
    model: &Model,
) -> Result<(), ObserveError> {
    let sql =
        "SELECT DISTINCT arrow_cast(path, 'Utf8') AS path FROM exchanges WHERE path IS NOT NULL";
    let mut paths: Vec<String> = Vec::new();
    for batch in session.query("paths", sql).await? {
        paths.extend(Rows(&batch).word("path"));
    }
    paths.sort();
    paths.dedup();
    let observed: Vec<_> = paths.iter().map(|path| parse(path)).collect();
    let known: Vec<_> = model.routes.keys().cloned().collect();
    let mut routes: BTreeMap<&str, String> = BTreeMap::new();
    for template in templates::infer(&observed, &known) {
        for member in template.members {
            routes.insert(&paths[member], template.route.to_string());
        }
    }
    session.register(
        "templates",
        schema("path"),
        vec![batch("path", routes.iter().map(|(path, route)| (*path, route.as_str())))],
    )?;
    let skeletons: BTreeMap<String, &String> =
        routes.iter().map(|(path, route)| (skeleton_of(path), route)).collect();
    let pairs = skeletons.iter().map(|(skeleton, route)| (skeleton.as_str(), route.as_str()));
    session.register("skeletons", schema("skeleton"), vec![batch("skeleton", pairs)])?;
    session.query("routed.sql", include_str!("../sql/routed.sql")).await?;
    session.query("accepted.sql", include_str!("../sql/accepted.sql")).await?;
    Ok(())
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

fn schema(first: &str) -> Arc<Schema> {
    Arc::new(Schema::new(vec![
        Field::new(first, DataType::Utf8, false),
        Field::new("route", DataType::Utf8, false),
    ]))
}

fn batch<'p>(first: &str, pairs: impl Iterator<Item = (&'p str, &'p str)>) -> RecordBatch {
    let (ones, others): (Vec<_>, Vec<_>) = pairs.unzip();
    let columns: Vec<ArrayRef> =
        vec![Arc::new(StringArray::from(ones)), Arc::new(StringArray::from(others))];
    RecordBatch::try_new(schema(first), columns).expect("columns follow the schema above")
}
