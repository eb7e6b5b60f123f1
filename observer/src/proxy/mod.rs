//! The recording reverse proxy: traffic to one vendor streams through, a copy of it comes out.
//!
//! In goes HTTP/1.1 or HTTP/2 on a local port, out goes the same request to the upstream, and each
//! exchange as a [`CaptureEvent`] down a channel: raw, for whoever receives it to scrub or shape.
//!
//! ```no_run
//! use observer::proxy::{self, ProxyConfig};
//! use tokio::sync::mpsc;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let upstream = "https://api.stripe.com".parse()?;
//! let config = ProxyConfig::new(([127, 0, 0, 1], 8080).into(), upstream);
//! let (sender, mut events) = mpsc::channel(16);
//! let receiving = tokio::spawn(async move { while events.recv().await.is_some() {} });
//! let summary = proxy::serve(config, sender, std::future::pending()).await?;
//! receiving.await?;
//! println!("{} captured, {} dropped", summary.captured, summary.dropped);
//! # Ok(())
//! # }
//! ```
//!
//! What it never does: wait for the capture. Bodies go through chunk by chunk, untouched; copies of
//! their chunks are kept up to a limit, and handed over with `try_send` when the last byte has
//! gone. A full channel drops the exchange and counts it ([`Status::dropped`]). It also follows no
//! redirect, undoes no coding on the way, and adds no header: only those that HTTP ties to one
//! connection are left out (RFC 9110, section 7.6.1), `Host` names the upstream, and HTTP/2 cookie
//! crumbs are joined where they were split (RFC 9113, section 8.2.3).
//!
//! Paths below `/__wraith/` and `/__wt/` are the proxy's own and never reach the upstream; see
//! `control`. `HTTPS_PROXY` and `NO_PROXY` are honoured unless the upstream is this machine.
//!
//! hyper's client rather than reqwest's: the latter adds an `Accept` header and rewrites paths and
//! queries into the WHATWG form, and neither is for a proxy to do.

mod capture;
mod control;
mod forward;
mod record;
mod status;
mod tee;
mod upstream;

#[cfg(test)]
mod tests;

pub use capture::CaptureEvent;
pub(crate) use forward::end_to_end;
pub use record::record;
pub use status::{Status, Summary};
pub(crate) use upstream::Upstream;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use reqwest::Url;
use rustls::pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use capture::Pending;
use forward::Forwarder;
use tee::Tee;
pub(crate) use upstream::client_tls;

/// How a proxy listens, where it forwards to, and how much it keeps of what it sees.
#[derive(Debug, Clone)]
pub struct ProxyConfig {
    /// The local address; port 0 takes any free one.
    pub listen: SocketAddr,
    /// `http` or `https`, with a path in front of all others if it has one; no credentials.
    pub upstream: Url,
    /// Bytes of each body captured, as sent; what is beyond goes through and is marked truncated.
    pub body_bytes_max: usize,
    /// Finished exchanges waiting for the receiver; one more is dropped and counted.
    pub channel_capacity: usize,
    /// Bytes of all bodies captured and not yet handed over; beyond, bodies are truncated.
    pub capture_bytes_max: usize,
    /// Certificates trusted besides the system's.
    pub roots: Vec<CertificateDer<'static>>,
    /// How long connections may take to end after shutdown was asked for.
    pub drain_max: Duration,
}

impl ProxyConfig {
    /// The usual limits: 1 MiB of each body, 1024 exchanges, 256 MiB in all, 10 s to drain.
    pub fn new(listen: SocketAddr, upstream: Url) -> ProxyConfig {
        ProxyConfig {
            listen,
            upstream,
            body_bytes_max: 1 << 20,
            channel_capacity: 1024,
            capture_bytes_max: 256 << 20,
            roots: Vec::new(),
            drain_max: Duration::from_secs(10),
        }
    }
}

/// Why a proxy could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another process listens there.
    #[error("port {} is in use", .listen.port())]
    PortInUse {
        /// The address asked for.
        listen: SocketAddr,
    },
    /// The address cannot be listened on for another reason (permission, no such address).
    #[error("cannot listen on {listen}")]
    Listen {
        /// The address asked for.
        listen: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The upstream's URL is not one to forward to.
    #[error("upstream {url}: {reason}")]
    Upstream {
        /// The URL, credentials left out.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// TLS could not be set up (no certificates on this system).
    #[error("cannot set up TLS towards {url}")]
    Tls {
        /// The upstream.
        url: String,
        /// What rustls said.
        #[source]
        source: rustls::Error,
    },
}

/// Binds and runs a proxy until `shutdown` completes; see [`Proxy::run`].
///
/// # Errors
///
/// As [`Proxy::bind`].
pub async fn serve(
    config: ProxyConfig,
    sender: mpsc::Sender<CaptureEvent>,
    shutdown: impl Future<Output = ()>,
) -> Result<Summary, ServeError> {
    Ok(Proxy::bind(config).await?.run(sender, shutdown).await)
}

/// A proxy that has its port and has not accepted a connection yet.
#[derive(Debug)]
pub struct Proxy {
    listener: TcpListener,
    upstream: Upstream<Tee>,
    config: ProxyConfig,
    status: Arc<Status>,
}

impl Proxy {
    /// Takes the port and sets up the way to the upstream, which is not contacted yet.
    ///
    /// # Errors
    ///
    /// The port is in use or cannot be had, the upstream's URL is not `http` or `https` or holds
    /// credentials, or the system has no certificates.
    pub async fn bind(config: ProxyConfig) -> Result<Proxy, ServeError> {
        let upstream = Upstream::new(&config.upstream, &config.roots)?;
        let listen = config.listen;
        let listener = TcpListener::bind(listen).await.map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => ServeError::PortInUse { listen },
            _ => ServeError::Listen { listen, source },
        })?;
        let address =
            listener.local_addr().map_err(|source| ServeError::Listen { listen, source })?;
        let status = Arc::new(Status::new(upstream.url(), address, config.capture_bytes_max));
        Ok(Proxy { listener, upstream, config, status })
    }

    /// Where it listens; the port is the one taken where 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.status.listen()
    }

    /// Its counters, to be read at any time, also while and after it runs.
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status)
    }

    /// Serves until `shutdown` completes, then lets open exchanges end and hands all over.
    ///
    /// Connections that outlast `drain_max` are cut. Returns when the receiver has been handed the
    /// last exchange; `sender` is dropped then, which ends the receiver's loop.
    pub async fn run(
        self,
        sender: mpsc::Sender<CaptureEvent>,
        shutdown: impl Future<Output = ()>,
    ) -> Summary {
        let (pending, waiting) = mpsc::channel(self.config.channel_capacity.max(1));
        let relay = tokio::spawn(capture::relay(
            waiting,
            sender,
            Arc::clone(&self.status),
            self.config.body_bytes_max,
        ));
        let forwarder = Arc::new(Forwarder {
            upstream: self.upstream,
            status: Arc::clone(&self.status),
            pending: pending.clone(),
            body_bytes_max: self.config.body_bytes_max,
        });
        accept(&self.listener, &forwarder, self.config.drain_max, shutdown).await;
        // Bodies still held by connections to the upstream keep senders alive: say the end aloud.
        let _relay_gone = pending.send(Pending::End).await;
        if let Err(fault) = relay.await {
            tracing::error!(%fault, "the capture's relay failed");
        }
        self.status.summary()
    }
}

/// What answers the requests of a listener.
pub(crate) trait Handler: Send + Sync + 'static {
    /// Of its answers.
    type Body: hyper::body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;

    /// Answers one request.
    fn handle(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Accepts until `shutdown`, then waits for the connections, at most `drain_max`.
pub(crate) async fn accept<H: Handler>(
    listener: &TcpListener,
    handler: &Arc<H>,
    drain_max: Duration,
    shutdown: impl Future<Output = ()>,
) {
    let mut connections = JoinSet::new();
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer, Arc::clone(handler), &graceful));
                }
                Err(fault) => {
                    // Out of file descriptors, most likely: others have to end first.
                    tracing::warn!(%fault, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = &mut shutdown => break,
        }
    }
    if tokio::time::timeout(drain_max, graceful.shutdown()).await.is_err() {
        tracing::warn!(seconds = drain_max.as_secs(), "connections were still open and are cut");
    }
    connections.shutdown().await;
}

/// One client's connection, HTTP/1.1 or HTTP/2, told apart by its first bytes.
fn connection<H: Handler>(
    stream: TcpStream,
    peer: SocketAddr,
    handler: Arc<H>,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + Send + 'static {
    let watcher = graceful.watcher();
    async move {
        let _best_effort = stream.set_nodelay(true);
        let mut server = auto::Builder::new(TokioExecutor::new());
        server
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .auto_date_header(false)
            .preserve_header_case(true);
        server.http2().timer(TokioTimer::new()).auto_date_header(false);
        let service = service_fn(move |request| {
            let handler = Arc::clone(&handler);
            async move { Ok::<_, std::convert::Infallible>(handler.handle(request, peer).await) }
        });
        let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
        if let Err(fault) = watcher.watch(connection).await {
            tracing::debug!(%peer, %fault, "a connection ended early");
        }
    }
}
