//! The daemon's pages: `/health` exercises what it depends on, `/metrics` counts what it did.

mod flight;
mod health;
mod metrics;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::net::TcpListener;

pub use health::{Asked, Check, Checks, Health, examine};
pub use metrics::metrics;

use crate::daemon::Clock;

/// What the pages tell of.
#[derive(Clone)]
pub struct Pages {
    /// What is exercised for `/health`, as it is at the time; may block.
    pub checks: Arc<dyn Fn() -> Checks + Send + Sync>,
    /// What of it is being exercised.
    pub asked: Asked,
    /// The run ledger.
    pub ledger: PathBuf,
    /// Tells the time.
    pub clock: Clock,
    /// What a caller has to show; nothing on loopback.
    pub token: Option<String>,
}

/// Why the pages are not served.
#[derive(Debug, thiserror::Error)]
pub enum PagesError {
    /// Whoever can reach the port could read.
    #[error(
        "the pages on {0} need a token: name its variable with `token_env` in [daemon], or listen on 127.0.0.1"
    )]
    NoToken(SocketAddr),
    /// Another process has the port, or there is no such address.
    #[error("the pages cannot be served on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

impl PagesError {
    /// Why pages are not served on an address, whoever has the port.
    pub(crate) fn of(address: SocketAddr, has_token: bool) -> Option<Self> {
        (!address.ip().is_loopback() && !has_token).then_some(Self::NoToken(address))
    }
}

/// Serves the pages for as long as the process lives; says where.
///
/// # Errors
///
/// Where the address is taken, or is not on loopback and there is no token.
pub async fn serve(pages: Pages, address: SocketAddr) -> Result<SocketAddr, PagesError> {
    if let Some(refused) = PagesError::of(address, pages.token.is_some()) {
        return Err(refused);
    }
    let fault = |source| PagesError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(fault)?;
    let bound = listener.local_addr().map_err(fault)?;
    let app = Router::new()
        .route("/health", get(health_page))
        .route("/metrics", get(metrics_page))
        .layer(middleware::from_fn_with_state(pages.clone(), admit))
        .with_state(pages);
    tokio::spawn(async move {
        if let Err(fault) = axum::serve(listener, app).await {
            tracing::error!(%fault, "the pages are served no more");
        }
    });
    Ok(bound)
}

async fn admit(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.strip_prefix("Bearer "));
    match &pages.token {
        Some(token) if !shown.is_some_and(|shown| models::is_same_secret(shown, token)) => {
            (StatusCode::UNAUTHORIZED, "a bearer token is needed\n").into_response()
        }
        _ => next.run(request).await,
    }
}

async fn health_page(State(pages): State<Pages>) -> Response {
    let health = examine(Arc::clone(&pages.checks), &pages.asked).await;
    let status = if health.unreachable.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = serde_json::to_string_pretty(&health).expect("names and words are JSON");
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn metrics_page(State(pages): State<Pages>) -> Response {
    let gather = move || metrics(&pages.ledger, pages.clock.now());
    match tokio::task::spawn_blocking(gather).await {
        Ok(Ok(text)) => {
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
        }
        Ok(Err(fault)) => {
            let told = format!("{fault}: {}\n", fault.source);
            (StatusCode::SERVICE_UNAVAILABLE, told).into_response()
        }
        Err(fault) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{fault}\n")).into_response(),
    }
}
