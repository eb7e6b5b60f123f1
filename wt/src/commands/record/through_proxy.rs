//! `wt record NAME`: what goes through a local port becomes a session.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, bail};
use models::Model;
use observer::proxy::{Proxy, ProxyConfig, record};
use observer::wrec::Recorder;
use serde_json::json;
use tokio::sync::mpsc;

use super::Args;
use crate::commands::{block_on, stop_signal};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;

/// Exchanges waiting to be written, beyond those the proxy itself keeps.
const WAITING_MAX: usize = 16;

pub(super) fn run(
    args: &Args,
    project: &Project,
    model: &Model,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let name = &args.name;
    if model.base_url.is_empty() {
        let path = project.model_path(name);
        bail!(
            "{}: `base_url` is empty, so there is nowhere to forward to: set it there",
            path.display()
        );
    }
    // Paths go through as they come: an application replaces scheme and host, nothing else.
    let origin = model.base_url.strip_suffix(model.base_path()).unwrap_or(&model.base_url);
    let upstream =
        origin.parse().with_context(|| format!("the model's `base_url` {origin} is no URL"))?;
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let scrubber = project.twin(name)?.scrubber()?;
    let recorder = Recorder::new(project.recordings_dir(name), name, args.tag.as_deref());
    block_on(async {
        let mut stop = stop_signal()?;
        let proxy = Proxy::bind(ProxyConfig::new(listen, upstream)).await?;
        let (address, base_path) = (proxy.local_addr(), model.base_path());
        out.say(&format!("✓ recording {name}: http://{address}{base_path} is {}", model.base_url));
        out.say("  Ctrl-C ends it");
        let (sender, events) = mpsc::channel(WAITING_MAX);
        let status = proxy.status();
        let writing = tokio::task::spawn_blocking(|| record(events, scrubber, recorder, status));
        let stopped = async move {
            let _ = stop.wait_for(|stop| *stop).await;
        };
        let summary = proxy.run(sender, stopped).await;
        let sessions = writing.await.context("the recorder stopped by itself")??;
        let exchanges: u64 = sessions.iter().map(|session| session.manifest.exchanges).sum();
        let names: Vec<_> = sessions.iter().map(|session| session.name.as_str()).collect();
        let dropped = summary.dropped;
        out.result(
            || {
                let lost = if dropped > 0 { format!(", {dropped} dropped") } else { String::new() };
                match names.as_slice() {
                    [] => format!("{name}: nothing recorded{lost}"),
                    names => {
                        format!(
                            "{name}: {exchanges} recorded in session {}{lost}",
                            names.join(", ")
                        )
                    }
                }
            },
            &json!({"twin": name, "sessions": names, "recorded": exchanges, "dropped": dropped}),
        )
    })?;
    Ok(Outcome::Done)
}
