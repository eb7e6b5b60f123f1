//! `wt replay`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bytes::Bytes;
use http::Method;
use serde_json::Value;
use twins::{Difference, Replay};

use super::{block_on, count};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::processes;
use crate::project::{Calibrations, Project, Twin};
use crate::{client, files};

/// Run captured requests once more, against a fresh twin, and compare the answers byte for byte.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin
    name: String,
    /// A capture (HAR 1.2, of a twin's `/admin/requests.har`) [default: that of the running twin]
    file: Option<PathBuf>,
    /// Keep the running twin's capture here
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    save: Option<PathBuf>,
}

/// Differences that are told one by one.
const DIFFERENCES_TOLD_MAX: usize = 20;

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let twin = project.twin(&args.name)?;
    let capture = capture(args, &project)?;
    if let Some(path) = &args.save {
        files::write_json(path, &capture)?;
    }
    let replay = twins::replay(&capture, model(&twin, out)?, twin.config()?)?;
    out.result(|| told(&replay), &replay)?;
    Ok(if replay.differences.is_empty() { Outcome::Done } else { Outcome::No })
}

fn capture(args: &Args, project: &Project) -> anyhow::Result<Value> {
    if let Some(path) = &args.file {
        let capture = files::read_json(path)?;
        return capture.with_context(|| format!("there is no {}", path.display()));
    }
    let port = processes::running(project, &args.name)?.port;
    block_on(client::admin(port, Method::GET, "requests.har", Bytes::new()))
}

/// What the twin serves now.
fn model(twin: &Twin<'_>, out: &mut Output) -> anyhow::Result<models::Model> {
    match twin.calibrations() {
        Calibrations::Follow => Ok(twin.current(out)?.model),
        Calibrations::Frozen => twin.base_model(),
    }
}

fn told(replay: &Replay) -> String {
    let mut lines: Vec<_> =
        replay.differences.iter().take(DIFFERENCES_TOLD_MAX).map(line).collect();
    let more = replay.differences.len().saturating_sub(DIFFERENCES_TOLD_MAX);
    if more > 0 {
        lines.push(format!("… and {more} more"));
    }
    let (run, other) = (replay.exchanges, replay.differences.len());
    lines.push(format!("{}, {}", count(run, "exchange"), count(other, "difference")));
    lines.join("\n")
}

fn line(difference: &Difference) -> String {
    let Difference { id, request, place, captured, replayed } = difference;
    format!("#{id} {request}: {place}\n  captured  {captured}\n  replayed  {replayed}")
}
