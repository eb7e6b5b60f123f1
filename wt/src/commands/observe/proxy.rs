//! `wt observe proxy`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context as _, bail};
use chrono::TimeDelta;
use observer::lake::Sealed;
use observer::live::{LiveConfig, LiveWriter, Summary, observe};
use observer::proxy::{Proxy, ProxyConfig};
use serde_json::json;
use tokio::sync::mpsc;

use crate::commands::calibrate::window::parse_duration;
use crate::commands::{block_on, count, stop_signal};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;

/// Exchanges waiting to be written, beyond those the proxy itself keeps.
const WAITING_MAX: usize = 16;

/// Observe what goes through a local port.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin
    name: String,
    /// Where the proxy listens; 0 takes a free port
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// How long exchanges wait to be sealed where they are few, as `10s`, `5m`; `wt calibrate --stream`
    /// sees what is sealed [default: 10m]
    #[arg(long, value_name = "DUR", value_parser = parse_duration)]
    seal_after: Option<TimeDelta>,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let name = &args.name;
    let twin = project.twin(name)?;
    let model = twin.current(out)?.model;
    if model.base_url.is_empty() {
        let path = project.model_path(name);
        bail!(
            "{}: `base_url` is empty, so there is nowhere to forward to: set it there",
            path.display()
        );
    }
    let (base_url, base_path) = (model.base_url.clone(), model.base_path().to_owned());
    // Paths go through as they come: an application replaces scheme and host, nothing else.
    let origin = base_url.strip_suffix(&base_path).unwrap_or(&base_url);
    let upstream =
        origin.parse().with_context(|| format!("the model's `base_url` {origin} is no URL"))?;
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let intake = twin.intake(model)?;
    let mut config = LiveConfig::new(name, "proxy", project.own_dir().join("wal").join(name));
    if let Some(wait) = args.seal_after {
        config.segment_time_max = wait.to_std().context("--seal-after is too long")?;
    }
    let lake = project.lake()?;
    block_on(async {
        let mut stop = stop_signal()?;
        let proxy = Proxy::bind(ProxyConfig::new(listen, upstream)).await?;
        let opening = tokio::task::spawn_blocking(move || LiveWriter::open(intake, lake, config));
        let (writer, recovered) = opening.await.context("recovery stopped by itself")??;
        announce_recovered(&recovered, out);
        out.say(&format!(
            "✓ observing {name}: http://{}{base_path} is {base_url}",
            proxy.local_addr()
        ));
        out.say("  Ctrl-C ends it");
        let (sender, events) = mpsc::channel(WAITING_MAX);
        let status = proxy.status();
        let observing = tokio::task::spawn_blocking(move || observe(events, writer, status));
        let stopped = async move {
            let _ = stop.wait_for(|stop| *stop).await;
        };
        proxy.run(sender, stopped).await;
        let summary = observing.await.context("the observer stopped by itself")??;
        report(name, &summary, out)
    })?;
    Ok(Outcome::Done)
}

/// Says what an observer that crashed had left.
pub(super) fn announce_recovered(recovered: &[Sealed], out: &mut Output) {
    for sealed in recovered {
        if let Some(fault) = &sealed.fault {
            out.warn(&fault.to_string());
        }
        if let Some(segment) = &sealed.segment {
            out.say(&format!(
                "  {} recovered of an observer that did not end well",
                segment.exchanges
            ));
        }
    }
}

/// Says what was observed.
pub(super) fn report(name: &str, summary: &Summary, out: &mut Output) -> anyhow::Result<()> {
    let text = || {
        let mut parts = vec![format!("{} observed", summary.exchanges)];
        parts.push(format!("in {}", count(summary.segments.len(), "segment")));
        parts.extend(
            summary.skipped.iter().map(|(reason, count)| format!("{count} skipped ({reason})")),
        );
        if summary.dropped > 0 {
            parts.push(format!("{} dropped", summary.dropped));
        }
        format!("{name}: {}", parts.join(", "))
    };
    let (observed, dropped) = (summary.exchanges, summary.dropped);
    let skipped = &summary.skipped;
    out.result(
        text,
        &json!({"twin": name, "observed": observed, "skipped": skipped, "dropped": dropped}),
    )
}
