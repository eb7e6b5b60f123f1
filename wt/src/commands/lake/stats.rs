//! `wt lake stats`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use chrono::{DateTime, Utc};
use observer::lake::{Lake, Segment};
use serde::Serialize;

use crate::commands::{block_on, count};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;

/// Show how much was observed, by twin and table.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin [default: all]
    name: Option<String>,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    if let Some(name) = &args.name {
        project.twin(name)?;
    }
    // Looking makes nothing: a project without a lake has seen nothing yet.
    let twins = match project.lake_if_any()? {
        Some(lake) => block_on(stats(&lake, args.name.as_deref()))?,
        None => Vec::new(),
    };
    out.result(|| text(&twins), &serde_json::json!({"twins": twins}))?;
    Ok(Outcome::Done)
}

/// What the lake holds of one twin.
#[derive(Debug, Serialize)]
struct TwinStats {
    twin: String,
    segments: usize,
    exchanges: u64,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    dropped: u64,
    skipped: BTreeMap<String, u64>,
    tables: BTreeMap<String, Size>,
}

/// Size of one table.
#[derive(Debug, Serialize)]
struct Size {
    files: u64,
    rows: u64,
    bytes: u64,
}

async fn stats(lake: &Lake, name: Option<&str>) -> anyhow::Result<Vec<TwinStats>> {
    let names = match name {
        Some(name) => vec![name.to_owned()],
        None => lake.twins().await?,
    };
    let mut all = Vec::new();
    for twin in names {
        let segments = lake.segments(&twin).await?;
        if segments.is_empty() {
            continue;
        }
        let sizes = lake.stats(&twin).await?.into_iter().map(|(table, size)| {
            (table, Size { files: size.files, rows: size.rows, bytes: size.bytes })
        });
        all.push(TwinStats { tables: sizes.collect(), ..of_segments(twin, &segments) });
    }
    Ok(all)
}

fn of_segments(twin: String, segments: &[Segment]) -> TwinStats {
    let mut skipped = BTreeMap::new();
    for (reason, number) in segments.iter().flat_map(|segment| &segment.skipped) {
        *skipped.entry(reason.clone()).or_default() += number;
    }
    let seen = || segments.iter().filter(|segment| segment.exchanges > 0);
    let time = |micros: Option<i64>| micros.and_then(DateTime::from_timestamp_micros);
    TwinStats {
        twin,
        segments: segments.len(),
        exchanges: segments.iter().map(|segment| segment.exchanges).sum(),
        from: time(seen().map(|segment| segment.from_us).min()),
        to: time(seen().map(|segment| segment.to_us).max()),
        dropped: segments.iter().map(|segment| segment.dropped).sum(),
        skipped,
        tables: BTreeMap::new(),
    }
}

fn text(twins: &[TwinStats]) -> String {
    if twins.is_empty() {
        return "the lake is empty: `wt observe import NAME FILE` fills it".to_owned();
    }
    let mut text = String::new();
    for twin in twins {
        let exchanges = count(usize::try_from(twin.exchanges).unwrap_or(usize::MAX), "exchange");
        let segments = count(twin.segments, "segment");
        let _ = write!(text, "{}: {exchanges} in {segments}", twin.twin);
        if let (Some(from), Some(to)) = (twin.from, twin.to) {
            let time = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M").to_string();
            let _ = write!(text, ", {} to {} UTC", time(from), time(to));
        }
        text.push('\n');
        for (table, size) in &twin.tables {
            let (rows, bytes) = (size.rows, indicatif::HumanBytes(size.bytes));
            let files = count(usize::try_from(size.files).unwrap_or(usize::MAX), "file");
            let _ = writeln!(text, "  {table:10} {rows:>12} rows  {bytes:>11}  {files}");
        }
        for (reason, number) in &twin.skipped {
            let _ = writeln!(text, "  skipped {number}: {reason}");
        }
        if twin.dropped > 0 {
            let _ = writeln!(text, "  dropped {}: the capture could not keep up", twin.dropped);
        }
    }
    text
}
