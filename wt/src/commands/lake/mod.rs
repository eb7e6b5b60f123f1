//! `wt lake`.

mod compact;
mod expire;
mod query;
mod stats;

use std::path::Path;

use observer::lake::Lake;

use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;

/// Look into the lake and keep it in order.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show how much was observed, by twin and table
    Stats(stats::Args),
    /// Make few large segments of many small ones
    Compact(compact::Args),
    Expire(expire::Args),
    /// Ask it in SQL
    Query(query::Args),
}

pub(crate) fn run(
    command: &Command,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    match command {
        Command::Stats(args) => stats::run(args, project, out),
        Command::Compact(args) => compact::run(args, project, out),
        Command::Expire(args) => expire::run(args, project, out),
        Command::Query(args) => query::run(args, project, out),
    }
}

/// The twin named, else all that the lake has exchanges of.
fn twins(project: &Project, lake: &Lake, name: Option<&str>) -> anyhow::Result<Vec<String>> {
    match name {
        Some(name) => {
            project.twin(name)?;
            Ok(vec![name.to_owned()])
        }
        None => Ok(lake.wait(|lake| async move { lake.twins().await })?),
    }
}
