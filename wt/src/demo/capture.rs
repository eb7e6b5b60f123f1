//! The two proxies of the demo: one that records for development, one that observes production.

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::Context as _;
use models::Model;
use observer::live::{self, LiveConfig, LiveWriter};
use observer::proxy::{self, Proxy, ProxyConfig};
use observer::wrec::Recorder;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};

use super::vendor::Vendor;
use crate::project::Project;

/// Exchanges waiting to be written, beyond those the proxy itself keeps.
const WAITING_MAX: usize = 16;

/// A proxy in front of the vendor that keeps what goes through.
pub(crate) struct Capture {
    /// What applications take for the vendor.
    pub(crate) url: String,
    stop: oneshot::Sender<()>,
    /// Ends with the number of exchanges kept.
    keeping: JoinHandle<anyhow::Result<u64>>,
}

impl Capture {
    /// As `wt record NAME`: what goes through becomes a session.
    pub(crate) async fn record(
        project: &Project,
        name: &str,
        vendor: &Vendor,
    ) -> anyhow::Result<Self> {
        let scrubber = project.twin(name)?.scrubber()?;
        let recorder = Recorder::new(project.recordings_dir(name), name, None);
        Self::start(vendor, |events, status| {
            spawn_blocking(move || {
                let sessions = proxy::record(events, scrubber, recorder, status)?;
                Ok(sessions.iter().map(|session| session.manifest.exchanges).sum())
            })
        })
        .await
    }

    /// As `wt observe proxy NAME`: what goes through becomes rows of the lake.
    pub(crate) async fn observe(
        project: &Project,
        name: &str,
        model: Model,
        vendor: &Vendor,
    ) -> anyhow::Result<Self> {
        let intake = project.twin(name)?.intake(model)?;
        let config = LiveConfig::new(name, "proxy", project.own_dir().join("wal").join(name));
        let lake = project.lake()?;
        let opening = spawn_blocking(move || LiveWriter::open(intake, lake, config));
        let (writer, _) = opening.await.context("the observer did not start")??;
        Self::start(vendor, |events, status| {
            spawn_blocking(move || Ok(live::observe(events, writer, status)?.exchanges))
        })
        .await
    }

    async fn start(
        vendor: &Vendor,
        keep: impl FnOnce(
            mpsc::Receiver<proxy::CaptureEvent>,
            Arc<proxy::Status>,
        ) -> JoinHandle<anyhow::Result<u64>>,
    ) -> anyhow::Result<Self> {
        let upstream = vendor.url().parse().context("the vendor's URL")?;
        let proxy =
            Proxy::bind(ProxyConfig::new((Ipv4Addr::LOCALHOST, 0).into(), upstream)).await?;
        let url = format!("http://{}", proxy.local_addr());
        let (sender, events) = mpsc::channel(WAITING_MAX);
        let writing = keep(events, proxy.status());
        let (stop, stopped) = oneshot::channel();
        let keeping = tokio::spawn(async move {
            let stopped = async move {
                // Gone without a word is told to stop, too.
                let _ = stopped.await;
            };
            proxy.run(sender, stopped).await;
            writing.await.context("the capture stopped by itself")?
        });
        Ok(Self { url, stop, keeping })
    }

    /// Ends it; the number of exchanges kept.
    pub(crate) async fn finish(self) -> anyhow::Result<u64> {
        let _ = self.stop.send(());
        self.keeping.await.context("the proxy stopped by itself")?
    }
}
