//! `wt export`.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::count;
use crate::files;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;

/// Write a twin's model as OpenAPI 3.1.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin
    name: String,
    /// The file to write, `-` for stdout
    #[arg(long, value_name = "FILE")]
    openapi: PathBuf,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let replay = project.twin(&args.name)?.current(out)?;
    let document = models::openapi::export(&replay.model);
    if args.openapi.as_os_str() == "-" {
        out.print(&serde_json::to_string_pretty(&document)?)?;
        return Ok(Outcome::Done);
    }
    files::write_json(&args.openapi, &document)?;
    let routes = replay.model.routes.len();
    let file = args.openapi.display();
    out.result(
        || {
            let after = match replay.number {
                0 => String::new(),
                number => format!(" after calibration {number}"),
            };
            format!("✓ {}: {}{after} in {file}", args.name, count(routes, "route"))
        },
        &json!({"twin": args.name, "file": args.openapi, "routes": routes, "calibration": replay.number}),
    )?;
    Ok(Outcome::Done)
}
