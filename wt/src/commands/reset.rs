//! `wt reset`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytes::Bytes;
use http::Method;
use serde_json::json;

use super::block_on;
use crate::client;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::processes;
use crate::project::Project;

/// Have running twins forget all that happened.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twins [default: all that run]
    names: Vec<String>,
    /// Only this session of each [default: the default one]
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let twins = if args.names.is_empty() {
        processes::all_running(&project)?
    } else {
        let named = args.names.iter();
        named
            .map(|name| Ok((name.clone(), processes::running(&project, name)?)))
            .collect::<anyhow::Result<_>>()?
    };
    // Twins of one process have one clock, which goes back only with all of them.
    let (what, ports): (_, BTreeSet<u16>) = if args.names.is_empty() {
        let hosts: BTreeMap<u32, u16> = twins.values().map(|one| (one.pid, one.port)).collect();
        ("universe/reset", hosts.into_values().collect())
    } else {
        ("reset", twins.values().map(|one| one.port).collect())
    };
    block_on(async {
        let path = client::in_session(args.session.as_deref(), what);
        for port in ports {
            client::admin(port, Method::POST, &path, Bytes::new()).await?;
        }
        Ok(())
    })?;
    let names: Vec<_> = twins.keys().collect();
    let lines = || twins.keys().map(|name| format!("Reset {name}")).collect::<Vec<_>>().join("\n");
    out.result(lines, &json!({"reset": names}))?;
    if names.is_empty() {
        out.say("no twin runs: `wt up` starts the project's twins");
    }
    Ok(Outcome::Done)
}
