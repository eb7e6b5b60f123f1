//! `wt record`.

mod files;
mod through_proxy;

use std::path::{Path, PathBuf};

use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;

/// Record traffic, through a proxy or from files.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin
    name: String,
    /// Where the recording proxy listens; 0 takes a free port
    #[arg(long, default_value_t = 8080, conflicts_with = "from")]
    port: u16,
    /// Files of traffic instead of the proxy: HAR 1.2, NDJSON of HAR entries, VCR; plain or gzip
    #[arg(long, num_args = 1.., value_name = "FILE")]
    from: Vec<PathBuf>,
    /// Add nothing where an entry of a file cannot be read
    #[arg(long, requires = "from")]
    strict: bool,
    /// A word to find the sessions by
    #[arg(long)]
    tag: Option<String>,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let model = project.twin(&args.name)?.current(out)?.model;
    if args.from.is_empty() {
        through_proxy::run(args, &project, &model, out)
    } else {
        files::run(args, &project, &model, out)
    }
}
