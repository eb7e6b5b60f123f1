//! `wt catalog`.

use anyhow::Context as _;
use serde_json::{Value, json};
use twins::catalog::CATALOG;

use super::count;
use crate::outcome::Outcome;
use crate::output::Output;

/// List the twins that come with `wt`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args, out: &mut Output) -> anyhow::Result<Outcome> {
    let mut lines = Vec::new();
    let mut twins = Vec::new();
    for entry in CATALOG {
        let model = entry.model()?;
        let provenance: Value = serde_json::from_str(entry.provenance())
            .with_context(|| format!("the catalog's provenance of {}", entry.name))?;
        let source = provenance["sources"]["openapi"]["url"].as_str().unwrap_or("unknown");
        let routes = model.routes.len();
        lines.push(format!(
            "{:8} :{}  {:11}  {source}",
            entry.name,
            entry.port,
            count(routes, "route")
        ));
        twins.push(json!({"name": entry.name, "port": entry.port, "version": model.version,
            "routes": routes, "api_version": model.api_version, "provenance": provenance}));
    }
    lines.push("`wt up NAME` runs one, in any folder".to_owned());
    out.result(|| lines.join("\n"), &json!({"twins": twins}))?;
    Ok(Outcome::Done)
}
