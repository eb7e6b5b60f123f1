//! The server: its rooms, its door, its address.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use minijinja::Environment;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::desk::Desk;
use super::keys::{self, Keys};
use super::{decide, door, live, page, pages};

/// Of a form; a calibration's findings and a comment are far less.
const FORM_BYTES_MAX: usize = 1 << 20;
/// Sessions that are told what came of their last decision; beyond it nobody is, which is only less kind.
const TOLD_MAX: usize = 1000;

/// Where the pages are served, and who may see them.
#[derive(Debug, Clone)]
pub struct Address {
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    /// What has to be shown; drawn where none is given and the address is not on loopback.
    pub token: Option<String>,
}

/// Why the pages are not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another process listens there.
    #[error("port {port} is in use: name another with --port")]
    PortInUse {
        /// The port.
        port: u16,
    },
    /// The system does not let us.
    #[error("the pages cannot be served on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// There is no randomness for the secrets.
    #[error("the system has no randomness to give")]
    NoRandomness(#[source] io::Error),
}

/// The pages, being served.
#[derive(Debug)]
pub struct Served {
    /// Where.
    pub address: SocketAddr,
    /// The address for a browser, with the token where one is needed.
    pub url: String,
    /// Ends once `stop` says so.
    pub handle: JoinHandle<()>,
}

/// What all requests share.
pub(super) struct Room {
    pub(super) desk: Arc<dyn Desk>,
    pub(super) templates: Environment<'static>,
    pub(super) keys: Keys,
    pub(super) address: SocketAddr,
    pub(super) token: Option<String>,
    /// What came of a session's last decision, told on its next page.
    told: Mutex<HashMap<String, String>>,
    pub(super) stop: watch::Receiver<bool>,
}

impl Room {
    /// A cookie's name. Cookies know no ports, so the name does.
    pub(super) fn cookie(&self, what: &str) -> String {
        format!("wt_review_{what}_{}", self.address.port())
    }

    /// Leaves a message for the session's next page.
    pub(super) fn tell(&self, session: &str, text: String) {
        if let Ok(mut told) = self.told.lock() {
            if told.len() >= TOLD_MAX {
                told.clear();
            }
            told.insert(session.to_owned(), text);
        }
    }

    /// Takes the message that was left.
    pub(super) fn told(&self, session: &str) -> Option<String> {
        self.told.lock().ok()?.remove(session)
    }
}

/// Serves the pages until `stop` becomes true.
///
/// # Errors
///
/// Where the address cannot be listened on.
pub async fn serve(
    desk: Arc<dyn Desk>,
    address: Address,
    stop: watch::Receiver<bool>,
) -> Result<Served, ServeError> {
    let listen = address.listen;
    let listener = TcpListener::bind(listen).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ServeError::PortInUse { port: listen.port() },
        _ => ServeError::Listen { address: listen, source },
    })?;
    let fault = |source| ServeError::Listen { address: listen, source };
    let bound = listener.local_addr().map_err(fault)?;
    let token = match address.token {
        Some(token) => Some(token),
        None if bound.ip().is_loopback() => None,
        None => Some(keys::word().map_err(ServeError::NoRandomness)?),
    };
    let url = match &token {
        Some(token) => {
            let query = url::form_urlencoded::byte_serialize(token.as_bytes()).collect::<String>();
            format!("http://{bound}/?token={query}")
        }
        None => format!("http://{bound}/"),
    };
    let room = Arc::new(Room {
        desk,
        templates: page::templates(),
        keys: Keys::draw().map_err(ServeError::NoRandomness)?,
        address: bound,
        token,
        told: Mutex::default(),
        stop: stop.clone(),
    });
    let serving = axum::serve(listener, app(room)).with_graceful_shutdown(stopped(stop));
    let handle = tokio::spawn(async move {
        if let Err(fault) = serving.await {
            tracing::error!(%fault, "the pages are served no more");
        }
    });
    Ok(Served { address: bound, url, handle })
}

fn app(room: Arc<Room>) -> Router {
    Router::new()
        .route("/", get(pages::home))
        .route("/twins/{twin}", get(pages::twin))
        .route("/twins/{twin}/calibrations/{number}", get(pages::calibration))
        .route("/twins/{twin}/calibrations/{number}/decision", post(decide::decide))
        .route("/twins/{twin}/reports/{number}", get(pages::report))
        .route("/runs", get(pages::runs))
        .route("/runs/events", get(live::events))
        .route("/assets/{name}", get(pages::asset))
        .fallback(pages::nothing_here)
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(middleware::from_fn_with_state(Arc::clone(&room), door::admit))
        .with_state(room)
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that whoever could say so is gone.
    let _ = stop.wait_for(|stop| *stop).await;
}
