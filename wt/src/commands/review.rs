//! `wt review`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use jobs::review::{self, Address};
use serde_json::json;

use super::{block_on, stop_signal};
use crate::desk::ProjectDesk;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;

/// The port unless another is named.
const PORT: u16 = 4100;
/// The variable that holds the token; on the command line every user of the machine could read it.
const TOKEN: &str = "WT_REVIEW_TOKEN";

/// Show what waits for a decision in a browser, and decide there.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to listen; 0 takes a free port
    #[arg(long, default_value_t = PORT)]
    port: u16,
    /// The address to listen on. Elsewhere than on loopback a token is needed: that of the variable
    /// `WT_REVIEW_TOKEN`, else one that is drawn and printed
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "ADDRESS")]
    listen: IpAddr,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let desk = Arc::new(ProjectDesk::of(project.root()));
    let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
    let address = Address { listen: SocketAddr::new(args.listen, args.port), token };
    block_on(async {
        let stop = stop_signal()?;
        let served = review::serve(desk, address, stop).await?;
        let url = &served.url;
        out.result(
            || format!("✓ review page on {url}"),
            &json!({"url": url, "pid": std::process::id()}),
        )?;
        served.handle.await.context("the review page stopped by itself")
    })?;
    Ok(Outcome::Done)
}
