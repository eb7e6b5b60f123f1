//! `wt observe webhooks`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::Context as _;
use observer::intake::Skip;
use observer::live::{LiveConfig, LiveWriter, Summary, observe};
use observer::webhooks::{Receiver, ReceiverConfig};
use tokio::sync::mpsc;

use super::proxy::{announce_recovered, report};
use crate::commands::{block_on, stop_signal};
use crate::outcome::{EnvironmentError, Outcome};
use crate::output::Output;
use crate::project::Project;

/// Deliveries waiting to be written; one more is dropped and counted.
const WAITING_MAX: usize = 256;

/// Observe webhooks that the vendor delivers to a local port.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin
    name: String,
    /// Where the receiver listens; 0 takes a free port
    #[arg(long, default_value_t = 8082)]
    port: u16,
    /// The application's own receiver: gets the same bytes and headers, and its answer is the
    /// vendor's
    #[arg(long, value_name = "URL")]
    forward: Option<String>,
    /// Environment variable with a secret that deliveries are signed with; may stand more than once
    /// [default: the twin's `webhooks.signature.secret_env`]
    #[arg(long, value_name = "NAME")]
    secret_env: Vec<String>,
    /// What the vendor calls instead of this port, as `https://hooks.example.com`, where its
    /// signature covers the address
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
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
    let declared = twin.behaviour()?.document.webhooks.signature.secret_env;
    let secrets = secrets(args, declared.as_ref())?;
    if secrets.is_empty() {
        out.warn("no secret is given, so signatures are not checked (--secret-env NAME)");
    }
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let url = |what: &str, text: &Option<String>| {
        let parsed = text
            .as_ref()
            .map(|text| text.parse().with_context(|| format!("{what}: `{text}` is no URL")));
        parsed.transpose()
    };
    let config = ReceiverConfig {
        forward: url("--forward", &args.forward)?,
        public_url: url("--public-url", &args.public_url)?,
        ..ReceiverConfig::new(listen)
    };
    let intake = twin.intake(model)?.verifying(secrets);
    // A folder of its own: the proxy of the same twin may run beside it.
    let wal = project.own_dir().join("wal").join(format!("{name}.webhooks"));
    let live = LiveConfig::new(name, "webhooks", wal);
    let lake = project.lake()?;
    block_on(async {
        let mut stop = stop_signal()?;
        let receiver = Receiver::bind(config).await?;
        let opening = tokio::task::spawn_blocking(move || LiveWriter::open(intake, lake, live));
        let (writer, recovered) = opening.await.context("recovery stopped by itself")??;
        announce_recovered(&recovered, out);
        let address = receiver.local_addr();
        out.say(&format!("✓ receiving webhooks of {name} on http://{address}"));
        out.say("  Ctrl-C ends it");
        let (sender, events) = mpsc::channel(WAITING_MAX);
        let status = receiver.status();
        let observing = tokio::task::spawn_blocking(move || observe(events, writer, status));
        let stopped = async move {
            let _ = stop.wait_for(|stop| *stop).await;
        };
        receiver.run(sender, stopped).await;
        let summary = observing.await.context("the observer stopped by itself")??;
        tell_of_doubtful(&summary, out);
        report(name, &summary, out)
    })?;
    Ok(Outcome::Done)
}

/// Says what to do about deliveries that none of the secrets vouches for.
fn tell_of_doubtful(summary: &Summary, out: &mut Output) {
    let none_of = |skip: Skip| !summary.skipped.contains_key(skip.name());
    if !none_of(Skip::Forged) {
        out.warn(
            "some deliveries were signed with none of the secrets: where the vendor signs its own view of \
             the address (Square, Twilio, HubSpot), --public-url has to say what it calls",
        );
    }
    if !(none_of(Skip::UnknownSignature) && none_of(Skip::Unsigned)) {
        out.warn(
            "some deliveries carry no signature that could be checked, and nothing is learned from them, \
             for anybody may have sent them; without --secret-env all would be taken unchecked",
        );
    }
}

/// The values of the variables named; one that is named and not there is an error.
fn secrets(args: &Args, declared: Option<&String>) -> anyhow::Result<Vec<String>> {
    let value = |name: &String| std::env::var(name).ok().filter(|value| !value.is_empty());
    if args.secret_env.is_empty() {
        return Ok(declared.and_then(value).into_iter().collect());
    }
    let mut secrets = Vec::new();
    for name in &args.secret_env {
        let secret = value(name).ok_or_else(|| {
            EnvironmentError(format!("the environment has no {name}, which --secret-env names"))
        })?;
        secrets.push(secret);
    }
    Ok(secrets)
}
