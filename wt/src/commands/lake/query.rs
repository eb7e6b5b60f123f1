//! `wt lake query`.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use arrow::array::RecordBatch;
use calibrator::observe::{LakeSession, ObserveError};
use observer::lake::Lake;
use serde_json::Value;

use crate::commands::block_on;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;

/// Ask the lake in SQL; its tables are exchanges, shapes, values, links and deliveries.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A SELECT
    sql: String,
    /// Only what was observed of this twin [default: of all]
    #[arg(long, value_name = "NAME")]
    twin: Option<String>,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    ensure!(is_question(&args.sql), "the lake is only asked: the SQL has to be a SELECT");
    let project = Project::open(project)?;
    if let Some(name) = &args.twin {
        project.twin(name)?;
    }
    let Some(lake) = project.lake_if_any()? else {
        bail!("the lake is empty: `wt observe import NAME FILE` fills it");
    };
    let batches = block_on(query(&lake, args.twin.as_deref(), &args.sql))?;
    let table = arrow::util::pretty::pretty_format_batches(&batches).context("the rows")?;
    out.result(|| table.to_string(), &rows(&batches)?)?;
    Ok(Outcome::Done)
}

async fn query(lake: &Lake, twin: Option<&str>, sql: &str) -> anyhow::Result<Vec<RecordBatch>> {
    let twins = match twin {
        Some(twin) => vec![twin.to_owned()],
        None => lake.twins().await?,
    };
    let mut segments = Vec::new();
    for twin in twins {
        segments.extend(lake.segments(&twin).await?);
    }
    let session = LakeSession::open(lake, &segments, i64::MIN).await?;
    session.query("of yours", sql).await.map_err(|fault| match fault {
        // The engine's own words say it best.
        ObserveError::Query { source, .. } => anyhow::anyhow!("{source}"),
        fault @ ObserveError::Lake(_) => fault.into(),
    })
}

/// Whether the statement reads and does nothing else, so that a slip of the pen writes no file.
fn is_question(sql: &str) -> bool {
    let mut rest = sql.trim_start();
    loop {
        let after = if let Some(comment) = rest.strip_prefix("--") {
            comment.split_once('\n').map(|(_, after)| after)
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/").map(|(_, after)| after)
        } else {
            break;
        };
        rest = after.unwrap_or_default().trim_start();
    }
    let word: String = rest.chars().take_while(char::is_ascii_alphabetic).collect();
    ["select", "with", "explain", "values"].contains(&word.to_ascii_lowercase().as_str())
}

/// An object a row, absent where a value is null.
fn rows(batches: &[RecordBatch]) -> anyhow::Result<Value> {
    let mut writer = arrow::json::ArrayWriter::new(Vec::new());
    writer.write_batches(&batches.iter().collect::<Vec<_>>()).context("the rows")?;
    writer.finish().context("the rows")?;
    let bytes = writer.into_inner();
    if bytes.is_empty() {
        return Ok(Value::Array(Vec::new()));
    }
    serde_json::from_slice(&bytes).context("the rows")
}

#[cfg(test)]
mod tests {
    use super::is_question;

    #[test]
    fn only_statements_that_read_are_questions() {
        for good in ["select 1", " -- a\n/* b */ SELECT(1)", "WITH a AS (SELECT 1) SELECT * FROM a"]
        {
            assert!(is_question(good), "{good}");
        }
        for bad in ["", "copy (select 1) to 'a'", "create table a(b int)", "--select", "/*select"] {
            assert!(!is_question(bad), "{bad}");
        }
    }
}
