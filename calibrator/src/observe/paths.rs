//! Templates for paths the model does not have.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use models::Model;

use super::rows::Rows;
use super::session::LakeSession;
use super::ObserveError;

/// Infers templates and registers `templates(path, route)`, `skeletons(skeleton, route)` and the
/// view `routed`; answers notes on paths that got none.
pub(super) async fn register_templates(session: &LakeSession, model: &Model) -> Result<Vec<String>, ObserveError> {
    let _ = model;
    let sql = "SELECT DISTINCT arrow_cast(path, 'Utf8') AS path FROM exchanges WHERE path IS NOT NULL";
    let mut pairs: Vec<(String, String)> = Vec::new();
    for batch in session.query("paths", sql).await? {
        for path in Rows(&batch).word("path") {
            let route = skeleton_of(&path);
            pairs.push((path, route));
        }
    }
    pairs.sort();
    session.register("templates", schema("path"), vec![batch("path", &pairs)])?;
    let mut skeletons: Vec<_> = pairs.iter().map(|(path, route)| (skeleton_of(path), route.clone())).collect();
    skeletons.sort();
    skeletons.dedup();
    session.register("skeletons", schema("skeleton"), vec![batch("skeleton", &skeletons)])?;
    session.query("routed.sql", include_str!("../sql/routed.sql")).await?;
    session.query("accepted.sql", include_str!("../sql/accepted.sql")).await?;
    Ok(Vec::new())
}

/// The observed path without its pseudonyms: as the intake keys places of unknown paths.
fn skeleton_of(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut hidden = false;
    for character in path.chars() {
        match character {
            ':' if out.rfind('{') > out.rfind('}') => hidden = true,
            '}' => hidden = false,
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

fn batch(first: &str, pairs: &[(String, String)]) -> RecordBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(pairs.iter().map(|(one, _)| one))),
        Arc::new(StringArray::from_iter_values(pairs.iter().map(|(_, other)| other))),
    ];
    RecordBatch::try_new(schema(first), columns).expect("columns follow the schema above")
}
