//! `wt observe`.

mod import;
mod proxy;
mod sample;
mod webhooks;

use std::path::Path;

use crate::outcome::Outcome;
use crate::output::Output;

pub(super) use import::{FAULTS_NAMED_MAX, warn_of_undated};

/// Bring production into the lake.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Import recorded traffic: HAR 1.2, NDJSON of HAR entries, VCR; plain or gzip
    Import(import::Args),
    /// Observe what goes through a local port
    Proxy(proxy::Args),
    /// Ask the vendor what probes.toml says, read-only, within a budget
    Sample(sample::Args),
    /// Observe webhooks that the vendor delivers to a local port
    Webhooks(webhooks::Args),
}

pub(crate) fn run(
    command: &Command,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    match command {
        Command::Import(args) => import::run(args, project, out),
        Command::Proxy(args) => proxy::run(args, project, out),
        Command::Sample(args) => sample::run(args, project, out),
        Command::Webhooks(args) => webhooks::run(args, project, out),
    }
}
