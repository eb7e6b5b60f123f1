//! `wt inspect`.

use std::path::Path;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::block_on;
use crate::client;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::processes;
use crate::project::Project;

/// Look into a running twin.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin
    name: String,
    /// What of it
    #[arg(default_value = "state",
        value_parser = ["state", "requests", "faults", "time", "timers", "webhooks", "config", "status",
            "sessions", "quirks", "universe"])]
    what: String,
    /// Of which session [default: the default one]
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let port = processes::running(&project, &args.name)?.port;
    let document = block_on(ask(port, &args.what, args.session.as_deref()))?;
    out.result(|| pretty(&document), &document)?;
    Ok(Outcome::Done)
}

async fn ask(port: u16, what: &str, session: Option<&str>) -> anyhow::Result<Value> {
    let get = async |path: &str| {
        let path = client::in_session(session, path);
        client::admin(port, Method::GET, &path, Bytes::new()).await
    };
    match what {
        "webhooks" => Ok(json!({
            "endpoints": get("webhooks/endpoints").await?,
            "deliveries": get("webhooks/deliveries").await?,
        })),
        "timers" => get("time/timers").await,
        what => get(what).await,
    }
}

fn pretty(document: &Value) -> String {
    serde_json::to_string_pretty(document).unwrap_or_default()
}
