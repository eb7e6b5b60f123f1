//! How a twin is to be run.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;
use models::PublicKey;
use models::behaviour::{Chaos, Machines, Routes, Scripts, TwinDocument};
use serde_json::{Map, Value};

use crate::clock::Clock;
use crate::state::StateLimits;
use crate::universe::Universe;
use crate::webhooks::WebhookConfig;

/// How a twin is to be run.
#[derive(Debug)]
pub struct TwinConfig {
    /// The twin's name, for its status and log.
    pub name: String,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What everything made up is drawn from: the same seed gives the same answers.
    pub seed: u64,
    /// Where the time comes from. With [`Clock::still`] the same requests get the same bytes;
    /// with [`Clock::real`] all but times are the same.
    pub clock: Clock,
    /// What is said of an entity that was never written.
    pub missing: Missing,
    /// What is made of a request whose body lacks a required field or has one of a wrong type.
    pub requests: Requests,
    /// Asked for by the admin API where set. Without one the admin API is closed to all but
    /// `health` when the twin listens on more than loopback.
    pub admin_token: Option<String>,
    /// How much is remembered.
    pub state: StateLimits,
    /// What is taken from the network.
    pub network: NetworkLimits,
    /// Puts `x-wondertwin-calibration` and `x-wondertwin-model` on every answer.
    pub debug_headers: bool,
    /// Shows headers and bodies among the requests of the admin API, credentials left out.
    pub verbose: bool,
    /// What `twin.json` says: credentials, idempotency, errors, headers. Its webhooks are part of
    /// `webhooks`.
    pub document: TwinDocument,
    /// What `routes.yaml` says: which handler answers which route.
    pub routes: Routes,
    /// What `state-machine.yaml` says: the states entities go through.
    pub machines: Machines,
    /// The twins it runs beside.
    pub universe: Universe,
    /// What every session begins with: `{collection: {id: fields}}`.
    pub beginning: Map<String, Value>,
    /// The handlers' sources.
    pub scripts: Scripts,
    /// What it sends on its own.
    pub webhooks: WebhookConfig,
    /// How it fails on purpose.
    pub chaos: Chaos,
    /// What every answer takes longer, give or take a fifth.
    pub latency: Duration,
    /// The share of requests that get a 500, 0 to 1.
    pub fail_rate: f64,
    /// The header that names the session a request is for.
    pub session_header: HeaderName,
}

/// What is said of an entity that was never written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It does not exist: the model's 404. Only where nothing can create it, it is made up.
    NotFound,
    /// It exists: made up from the seed and its id, as often as it is asked for. Nothing is kept:
    /// what is created, changed or deleted is answered and forgotten, so that each request finds
    /// what the first one found. Lists show one such item, which is as it was asked for.
    Materialize,
}

/// What is made of a request whose body is not what the model says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requests {
    /// It gets the model's 400.
    Checked,
    /// It is taken as it is, as long as it can be read.
    Lenient,
}

/// What is taken from the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkLimits {
    /// Of a request's body; a larger one gets 413.
    pub body_bytes_max: usize,
    /// For a request's head, and for the next one of a kept connection.
    pub head_timeout: Duration,
    /// For a request's body.
    pub body_timeout: Duration,
    /// For requests under way when the twin is stopped.
    pub drain_timeout: Duration,
}

/// Whether and from where a twin takes calibrations.
#[derive(Debug)]
pub enum Follow {
    /// Never: the model that is served is the model that was given.
    Frozen,
    /// From a ledger's folder, whenever something is published there.
    Ledger {
        /// `calibrations/NAME`; it need not exist yet.
        dir: PathBuf,
        /// Whose signatures are accepted.
        trusted: Vec<PublicKey>,
    },
}

impl TwinConfig {
    /// On a free loopback port, with the machine's clock.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 42,
            clock: Clock::real(),
            missing: Missing::NotFound,
            requests: Requests::Checked,
            admin_token: None,
            state: StateLimits::default(),
            network: NetworkLimits::default(),
            debug_headers: false,
            verbose: false,
            document: TwinDocument::default(),
            routes: Routes::default(),
            machines: Machines::default(),
            universe: Universe::new(),
            beginning: Map::new(),
            scripts: Scripts::default(),
            webhooks: WebhookConfig::default(),
            chaos: Chaos::default(),
            latency: Duration::ZERO,
            fail_rate: 0.0,
            session_header: HeaderName::from_static("x-wt-session"),
        }
    }
}

/// # Source
///
/// Body: ours. Timeouts: the published twins' (30 s to read, 60 s idle, SIGTERM drains 10 s).
impl Default for NetworkLimits {
    fn default() -> Self {
        Self {
            body_bytes_max: 10 << 20,
            head_timeout: Duration::from_mins(1),
            body_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
        }
    }
}
