//! `wt lake`.

mod query;
mod stats;

use std::path::Path;

use crate::outcome::Outcome;
use crate::output::Output;

/// Look into the lake.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show how much was observed, by twin and table
    Stats(stats::Args),
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
        Command::Query(args) => query::run(args, project, out),
    }
}
