//! `wt serve`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use models::Model;
use serde_json::json;
use tokio::sync::watch;
use twins::{Clock, Follow, Missing, Running, ServeError, TwinConfig, Universe};

use super::{block_on, stop_signal};
use crate::client;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::processes::{self, PORTS_FROM};
use crate::project::{Calibrations, Project, Twin};

/// Serve one twin until it is stopped.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin, or a package's file as `dist/twin-NAME_1.0.0_….tar.gz`
    name: String,
    /// Where to listen; 0 takes a free port [default: the project's, else the vendor's, else the
    /// next free one from 9001]
    #[arg(long)]
    port: Option<u16>,
    /// The address to listen on. Elsewhere than on loopback the admin API needs the token of the variable
    /// `WT_ADMIN_TOKEN`, and refuses all where it is not set
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "ADDRESS")]
    listen: IpAddr,
    /// What made-up values are drawn from: the same seed gives the same answers
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// What is said of an object that was never written: that it does not exist, or one is made up
    #[arg(long, default_value = "404", value_parser = ["404", "materialize"])]
    missing: String,
    /// What every answer takes longer, give or take a fifth, as `50ms`
    #[arg(long, value_name = "DURATION", value_parser = twins::parse_duration)]
    latency: Option<Duration>,
    /// The share of requests that get a 500, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    fail_rate: f64,
    /// Gets every webhook, beside the endpoints registered through the API
    #[arg(long, value_name = "URL", value_parser = address)]
    webhook_url: Option<String>,
    /// What time it is: the machine's, always the same, or a second later with each request
    #[arg(long, default_value = "real", value_parser = ["real", "fixed", "deterministic"])]
    clock: String,
    /// The header that names the session a request is for
    #[arg(long, value_name = "NAME", default_value = "x-wt-session")]
    session_header: http::HeaderName,
    /// What every session begins with: `{collection: {id: object}}`
    #[arg(long, value_name = "FILE")]
    seed_file: Option<PathBuf>,
    /// Shows headers and bodies among the requests of `wt inspect NAME requests`
    #[arg(long)]
    verbose: bool,
}

/// How twins are served.
#[derive(Debug, Clone)]
pub(crate) struct Serving {
    pub(super) listen: IpAddr,
    pub(super) seed: u64,
    pub(super) missing: Missing,
    pub(super) latency: Duration,
    pub(super) fail_rate: f64,
    pub(super) webhook_url: Option<String>,
    pub(super) verbose: bool,
    pub(super) time: Time,
    pub(super) session_header: http::HeaderName,
    pub(super) seed_file: Option<PathBuf>,
}

/// Where the time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    Real,
    Fixed,
    Deterministic,
}

impl Serving {
    /// A clock as it is to go.
    pub(crate) fn clock(&self) -> Clock {
        match self.time {
            Time::Real => Clock::real(),
            Time::Fixed => Clock::still(twins::BASE_EPOCH),
            Time::Deterministic => Clock::stepping(twins::BASE_EPOCH),
        }
    }
}

/// What a twin has in common with those beside it.
pub(crate) struct Together {
    pub(crate) universe: Universe,
    pub(crate) clock: Clock,
}

/// Where webhooks can be sent: an address over HTTP with a host.
fn address(text: &str) -> Result<String, String> {
    if twins::is_webhook_url(text) {
        return Ok(text.to_owned());
    }
    Err("it is no address of webhooks, as `http://127.0.0.1:3000/hooks`".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "it is not a number between 0 and 1".to_owned())
}

impl Default for Serving {
    fn default() -> Self {
        Self {
            listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
            seed: 42,
            missing: Missing::NotFound,
            latency: Duration::ZERO,
            fail_rate: 0.0,
            webhook_url: None,
            verbose: false,
            time: Time::Real,
            session_header: http::HeaderName::from_static("x-wt-session"),
            seed_file: None,
        }
    }
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let twin = if args.name.ends_with(".tar.gz") {
        project.packed_twin(Path::new(&args.name))?
    } else {
        project.twin(&args.name)?
    };
    let port = match args.port {
        Some(port) => port,
        None => port_of(&twin)?,
    };
    let missing = if args.missing == "404" { Missing::NotFound } else { Missing::Materialize };
    let serving = Serving {
        listen: args.listen,
        seed: args.seed,
        missing,
        latency: args.latency.unwrap_or_default(),
        fail_rate: args.fail_rate,
        webhook_url: args.webhook_url.clone(),
        verbose: args.verbose,
        time: match &*args.clock {
            "fixed" => Time::Fixed,
            "deterministic" => Time::Deterministic,
            _ => Time::Real,
        },
        session_header: args.session_header.clone(),
        seed_file: args.seed_file.clone(),
    };
    block_on(async {
        let stop = stop_signal()?;
        let together = Together { universe: Universe::new(), clock: serving.clock() };
        let running = load(&twin, port, &serving, together)?.start(twin.name(), port, stop).await?;
        announce(&twin, &running, out)?;
        running.handle.await.context("the twin stopped by itself")
    })?;
    Ok(Outcome::Done)
}

/// The project's port, else the vendor's, else the next one free.
pub(super) fn port_of(twin: &Twin<'_>) -> anyhow::Result<u16> {
    match twin.port()? {
        Some(port) => Ok(port),
        None => processes::free_port(PORTS_FROM, &[]),
    }
}

/// What a twin is served from.
pub(crate) struct Loaded {
    model: Model,
    follow: Follow,
    config: TwinConfig,
}

/// Reads what a twin is served from.
pub(crate) fn load(
    twin: &Twin<'_>,
    port: u16,
    serving: &Serving,
    together: Together,
) -> anyhow::Result<Loaded> {
    let follow = match twin.calibrations() {
        Calibrations::Follow => twin.follow(),
        Calibrations::Frozen => Follow::Frozen,
    };
    let mut config = twin.config()?;
    config.webhooks.url.clone_from(&serving.webhook_url);
    if let Some(path) = &serving.seed_file {
        config.beginning = super::seed::read(path)?;
    }
    let config = TwinConfig {
        listen: SocketAddr::new(serving.listen, port),
        admin_token: client::admin_token(),
        seed: serving.seed,
        missing: serving.missing,
        latency: serving.latency,
        fail_rate: serving.fail_rate,
        verbose: serving.verbose,
        clock: together.clock,
        universe: together.universe,
        session_header: serving.session_header.clone(),
        ..config
    };
    Ok(Loaded { model: twin.base_model()?, follow, config })
}

impl Loaded {
    /// Serves the twin until told to stop.
    pub(crate) async fn start(
        self,
        name: &str,
        port: u16,
        mut stop: watch::Receiver<bool>,
    ) -> anyhow::Result<Running> {
        let stopped = async move {
            // An error means that whoever could say so is gone.
            let _ = stop.wait_for(|stop| *stop).await;
        };
        let running = twins::serve(self.model, self.follow, self.config, stopped).await;
        running.map_err(|error| {
            let other_port = match error {
                ServeError::PortInUse { .. } | ServeError::Listen { .. } => {
                    format!(" (another one: --port, or `twins.{name}.port` in wondertwin.json)")
                }
                _ => String::new(),
            };
            anyhow::Error::new(error)
                .context(format!("cannot serve {name} on port {port}{other_port}"))
        })
    }
}

fn announce(twin: &Twin<'_>, running: &Running, out: &mut Output) -> anyhow::Result<()> {
    let status = running.status();
    if let Some(refused) = &status.refused {
        out.warn(&format!("{}: a calibration is refused: {}", twin.name(), refused.reason));
    }
    let url = format!("http://{}", running.addr);
    out.result(
        || format!("✓ {} serving on {url}", twin.name()),
        &json!({"name": twin.name(), "url": url, "pid": std::process::id(),
            "calibration": status.calibration, "model": status.model}),
    )
}
