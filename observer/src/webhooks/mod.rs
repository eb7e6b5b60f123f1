//! The webhook receiver: takes a vendor's deliveries, hands each on as a [`CaptureEvent`].
//!
//! In goes what a vendor delivers, out comes each delivery down a channel, raw, for whoever
//! receives it to verify and to shape. Where there is a receiver proper behind it, that gets the
//! same bytes and headers, and its answer is the vendor's answer; else the vendor's challenges are
//! answered here, and all else with 200.
//!
//! What it never does: wait for whoever takes deliveries down (a full channel drops the copy and
//! counts it, [`Status::dropped`]), change a byte of what it forwards, or judge: a delivery with a
//! wrong signature is forwarded like any other, and its verdict stands in the lake.

mod receive;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use reqwest::Url;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::proxy::{self, CaptureEvent, ServeError, Status, Upstream};
use receive::Intercept;

/// How a receiver listens, and where it forwards to.
#[derive(Debug, Clone)]
pub struct ReceiverConfig {
    /// The local address; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The receiver proper, with its path if it has one.
    pub forward: Option<Url>,
    /// Scheme and host the vendor calls, where that is not what its `Host` header says: some
    /// signatures cover the address.
    pub public_url: Option<Url>,
    /// A larger delivery is answered with 413.
    pub body_bytes_max: usize,
    /// How long the receiver proper may take.
    pub forward_max: Duration,
    /// How long connections may take to end after shutdown was asked for.
    pub drain_max: Duration,
}

impl ReceiverConfig {
    /// The usual limits: 1 MiB, 30 s, 10 s to drain.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            forward: None,
            public_url: None,
            body_bytes_max: 1 << 20,
            forward_max: Duration::from_secs(30),
            drain_max: Duration::from_secs(10),
        }
    }
}

/// A receiver that has its port and has not accepted a connection yet.
#[derive(Debug)]
pub struct Receiver {
    listener: TcpListener,
    config: ReceiverConfig,
    forward: Option<Upstream<Full<Bytes>>>,
    status: Arc<Status>,
}

impl Receiver {
    /// Takes the port; the receiver proper is not contacted yet.
    ///
    /// # Errors
    ///
    /// As [`Proxy::bind`](crate::proxy::Proxy::bind).
    pub async fn bind(config: ReceiverConfig) -> Result<Self, ServeError> {
        let forward = config.forward.as_ref().map(|url| Upstream::new(url, &[])).transpose()?;
        let listen = config.listen;
        let listener = TcpListener::bind(listen).await.map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => ServeError::PortInUse { listen },
            _ => ServeError::Listen { listen, source },
        })?;
        let address =
            listener.local_addr().map_err(|source| ServeError::Listen { listen, source })?;
        let upstream = forward.as_ref().map(Upstream::url).unwrap_or_default();
        let status = Arc::new(Status::new(upstream, address, usize::MAX));
        Ok(Self { listener, config, forward, status })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.status.listen()
    }

    /// Its counters.
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status)
    }

    /// Serves until `shutdown` completes, then lets open deliveries end; `sender` is dropped then.
    pub async fn run(
        self,
        sender: mpsc::Sender<CaptureEvent>,
        shutdown: impl Future<Output = ()>,
    ) -> proxy::Summary {
        let drain_max = self.config.drain_max;
        let status = Arc::clone(&self.status);
        let intercept = Arc::new(Intercept {
            forward: self.forward,
            config: self.config,
            status: self.status,
            sender,
        });
        proxy::accept(&self.listener, &intercept, drain_max, shutdown).await;
        status.summary()
    }
}
