//! `wt catalog`.

use anyhow::Context as _;
use serde_json::{Value, json};
use twins::Coverage;
use twins::catalog::{CATALOG, Entry};

use super::count;
use crate::outcome::Outcome;
use crate::output::Output;

/// List the twins that come with `wt`, or what one of them has of its vendor's API.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin whose routes are listed: those that behave, those that have their shape only, and
    /// what is known to be absent.
    name: Option<String>,
}

pub(crate) fn run(args: &Args, out: &mut Output) -> anyhow::Result<Outcome> {
    match &args.name {
        Some(name) => one(name, out),
        None => all(out),
    }
}

fn one(name: &str, out: &mut Output) -> anyhow::Result<Outcome> {
    let entry = Entry::named(name).with_context(|| {
        format!("there is no twin `{name}` in the catalog; `wt catalog` lists them")
    })?;
    let (model, behaviour) = (entry.model()?, entry.behaviour()?);
    let coverage = Coverage::of(&model, &behaviour.document, &behaviour.routes);
    let list = |title: &str, names: &[String]| {
        let head = format!("{title}: {}", names.len());
        std::iter::once(head)
            .chain(names.iter().map(|name| format!("  {name}")))
            .collect::<Vec<_>>()
    };
    let lines = [
        list("behavioural", &coverage.behavioural),
        list("shape only", &coverage.shape_only),
        list("absent", &coverage.absent),
    ];
    let text = || lines.concat().join("\n");
    out.result(text, &json!({"name": entry.name, "version": model.version, "coverage": coverage}))?;
    Ok(Outcome::Done)
}

fn all(out: &mut Output) -> anyhow::Result<Outcome> {
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
