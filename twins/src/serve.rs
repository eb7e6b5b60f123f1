//! Starting a twin.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use models::{Ledger, LedgerError, Model, PublicKey, Replay};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::config::{Follow, TwinConfig};
use crate::follow;
use crate::served::Refused;
use crate::server;
use crate::twin::{Status, Twin};
use crate::webhooks;

/// A twin that is serving.
#[derive(Debug)]
pub struct Running {
    /// Where it listens, the port it was given included.
    pub addr: SocketAddr,
    /// Ends when the twin was told to stop and its requests have ended.
    pub handle: JoinHandle<()>,
    twin: Arc<Twin>,
}

/// Why a twin could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another process listens there.
    #[error("port {} is in use", addr.port())]
    PortInUse {
        /// Where it was to listen.
        addr: SocketAddr,
    },
    /// The system would not have it listen there.
    #[error("cannot listen on {addr}")]
    Listen {
        /// Where it was to listen.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// What its sessions are to begin with is nothing of the twin's.
    #[error("the seed: {0}")]
    Seed(String),
    /// The ledger could not be read.
    #[error("the calibrations in {} cannot be read", dir.display())]
    Ledger {
        /// The ledger's folder.
        dir: PathBuf,
        /// Why not.
        source: LedgerError,
    },
}

impl Running {
    /// What it is serving.
    pub fn status(&self) -> Status {
        self.twin.status()
    }
}

/// Serves a model until `shutdown` completes, then gives requests under way the time to end.
///
/// `model` is the base model; where the twin follows a ledger, what is published there is applied
/// to it first. A calibration that is refused then or later changes nothing and stands in the
/// status.
///
/// # Errors
///
/// Where it cannot listen, where its seed names a collection that is nearly one of its own, and where the ledger's folder cannot be read.
pub async fn serve(
    model: Model,
    follow: Follow,
    config: TwinConfig,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Running, ServeError> {
    let listener = bind(config.listen).await?;
    let addr = listener
        .local_addr()
        .map_err(|source| ServeError::Listen { addr: config.listen, source })?;
    let config = TwinConfig { listen: addr, ..config };
    let of_base = seeded_of(&model, &config);
    let (twin, following) = match follow {
        Follow::Frozen => (Twin::frozen(model, config), None),
        Follow::Ledger { dir, trusted } => {
            let (ledger, replay) = replay(&dir, trusted, model).await?;
            let (twin, mut reloader) = Twin::live(replay.model, replay.number, config);
            if let Some(refusal) = &replay.refused {
                reloader.refuse(Refused::of(refusal));
            }
            (twin, Some(follow::run(dir, ledger, reloader)))
        }
    };
    let twin = Arc::new(twin);
    if let Some(why) = twin.mistaken_seed(&of_base) {
        return Err(ServeError::Seed(why));
    }
    // From here on nothing fails: what follows a ledger would go on without its twin.
    let follower = following.map(tokio::spawn);
    twin.config.universe.join(&twin);
    tokio::spawn(check_handlers(Arc::clone(&twin)));
    let serving = Arc::clone(&twin);
    let handle = tokio::spawn(async move {
        let (stop, stopped) = oneshot::channel::<()>();
        let sending = Arc::clone(&serving);
        let sender = tokio::spawn(webhooks::sender::run(sending, async { drop(stopped.await) }));
        server::run(listener, serving, shutdown).await;
        // The last requests have been answered; what they gave rise to still goes out.
        drop(stop);
        if let Err(error) = sender.await {
            tracing::warn!(%error, "webhooks ended early");
        }
        if let Some(follower) = follower {
            follower.abort();
        }
    });
    Ok(Running { addr, handle, twin })
}

/// Names of the seed whose last word ends a path of the base model: where a calibration took its routes away, the seed was
/// right once and is no mistake.
fn seeded_of(model: &Model, config: &TwinConfig) -> Vec<String> {
    let last = |path: &str| path.trim_matches('/').rsplit('/').next().map(ToOwned::to_owned);
    let is_there =
        |name: &&String| model.routes.keys().any(|route| last(route.as_str()) == last(name));
    config.beginning.keys().filter(is_there).cloned().collect()
}

/// How long after the start the handlers are compiled that no request has run: what starts is not to wait for it.
const CHECK_AFTER: Duration = Duration::from_secs(1);

async fn check_handlers(twin: Arc<Twin>) {
    tokio::time::sleep(CHECK_AFTER).await;
    // What it finds, it tells the log.
    drop(tokio::task::spawn_blocking(move || twin.check_handlers()));
}

async fn bind(addr: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(addr).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ServeError::PortInUse { addr },
        _ => ServeError::Listen { addr, source },
    })
}

async fn replay(
    dir: &std::path::Path,
    trusted: Vec<PublicKey>,
    model: Model,
) -> Result<(Ledger, Replay), ServeError> {
    let folder = dir.to_owned();
    let reading = tokio::task::spawn_blocking(move || {
        let mut ledger = Ledger::open(folder, &trusted)?;
        let replay = ledger.replay(&model)?;
        Ok((ledger, replay))
    });
    let read: Result<_, LedgerError> = reading.await.expect("reading a ledger does not panic");
    read.map_err(|source| ServeError::Ledger { dir: dir.to_owned(), source })
}
