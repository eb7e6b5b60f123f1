//! `wt lake compact`.

use std::path::Path;

use chrono::{TimeDelta, Utc};
use observer::lake::sweep::{Swept, sweep};
use observer::lake::{Lake, Segment, compact};
use serde::Serialize;

use super::twins;
use crate::commands::calibrate::parse_duration;
use crate::commands::count;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;
use crate::turn::Turn;

/// Make few large segments of many small ones, and remove files that nothing reads.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin [default: all]
    name: Option<String>,
    /// Say what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
    /// For how long files stay that are no part of the lake any more: 90s, 30m, 6h, 2d
    #[arg(long, value_name = "DURATION", default_value = "1d", value_parser = parse_duration)]
    grace: TimeDelta,
}

/// What was done of one twin.
#[derive(Debug, Serialize)]
struct Compacted {
    twin: String,
    segments_before: usize,
    segments: usize,
    /// Manifests, files and bytes removed.
    removed: Removed,
}

/// What was removed of the disk.
#[derive(Debug, Default, Serialize)]
pub(super) struct Removed {
    segments: u64,
    files: u64,
    bytes: u64,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let mut done = Vec::new();
    if let Some(lake) = project.lake_if_any()? {
        for twin in twins(&project, &lake, args.name.as_deref())? {
            let turn = || Turn::take(&project, &twin, "lake compact", out);
            let _turn = (!args.dry_run).then(turn).transpose()?;
            done.push(compact_twin(&lake, twin, args)?);
        }
    }
    let text = || match done.as_slice() {
        [] => "the lake is empty: there is nothing to compact".to_owned(),
        done => done.iter().map(|one| one.text(args.dry_run)).collect::<Vec<_>>().join("\n"),
    };
    out.result(text, &serde_json::json!({"twins": done, "dry_run": args.dry_run}))?;
    Ok(Outcome::Done)
}

fn compact_twin(lake: &Lake, twin: String, args: &Args) -> anyhow::Result<Compacted> {
    let segments_before = segments(lake, &twin)?;
    let groups = compact::plan(&segments_before);
    let mut left = segments_before.len();
    for group in &groups {
        let is_one = args.dry_run || compact::compact(lake, &twin, group)?.is_some();
        left -= if is_one { group.len() - 1 } else { 0 };
    }
    let removed = if args.dry_run { Removed::default() } else { remove(lake, &twin, args.grace)? };
    Ok(Compacted { twin, segments_before: segments_before.len(), segments: left, removed })
}

pub(super) fn segments(lake: &Lake, twin: &str) -> anyhow::Result<Vec<Segment>> {
    let twin = twin.to_owned();
    Ok(lake.wait(|lake| async move { lake.segments(&twin).await })?)
}

/// Removes files of the twin that have been no part of the lake for this long.
pub(super) fn remove(lake: &Lake, twin: &str, grace: TimeDelta) -> anyhow::Result<Removed> {
    let (twin, since) = (twin.to_owned(), Utc::now() - grace);
    let swept = lake.wait(move |lake| async move { sweep(&lake, &twin, since).await })?;
    let Swept { segments, files, bytes } = swept;
    Ok(Removed { segments, files, bytes })
}

impl Compacted {
    fn text(&self, dry_run: bool) -> String {
        let segments = |number| count(number, "segment");
        let twin = &self.twin;
        if self.segments == self.segments_before {
            return format!(
                "{twin}: {}, nothing to compact{}",
                segments(self.segments),
                self.removed.text()
            );
        }
        let verb = if dry_run { "would become" } else { "became" };
        let (before, after) = (segments(self.segments_before), self.segments);
        format!("{twin}: {before} {verb} {after}{}", self.removed.text())
    }
}

impl Removed {
    /// `, 12 files removed (1.20 MiB)`; nothing where nothing was.
    pub(super) fn text(&self) -> String {
        if self.files == 0 {
            return String::new();
        }
        let files = count(usize::try_from(self.files).unwrap_or(usize::MAX), "file");
        format!(", {files} removed ({})", indicatif::HumanBytes(self.bytes))
    }
}
