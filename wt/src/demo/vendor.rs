//! The simulated vendor: a small billing API over real HTTP on loopback.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, Method, Request, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::world::{Collection, Release, World};

/// In which a key's requests are counted.
const WINDOW: Duration = Duration::from_mins(1);
/// More than any request of the demo has.
const BODY_BYTES_MAX: usize = 1 << 16;

/// The vendor, serving until the runtime it was started on ends.
#[derive(Debug)]
pub(crate) struct Vendor {
    address: SocketAddr,
    inside: Arc<Inside>,
}

#[derive(Debug)]
struct Inside {
    world: Mutex<World>,
    usage: Mutex<HashMap<String, Usage>>,
}

/// What a key used of its present window.
#[derive(Debug, Clone, Copy)]
struct Usage {
    began: Instant,
    requests: u32,
}

impl Vendor {
    /// Starts it on a free port; the seed makes its objects.
    pub(crate) async fn start(seed: u64) -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no port for the simulated vendor")?;
        let address = listener.local_addr()?;
        let inside = Inside { world: Mutex::new(World::new(seed)), usage: Mutex::default() };
        let inside = Arc::new(inside);
        let app = Router::new().fallback(answer).with_state(Arc::clone(&inside));
        tokio::spawn(async move {
            if let Err(fault) = axum::serve(listener, app).await {
                tracing::error!(%fault, "the simulated vendor stopped");
            }
        });
        Ok(Self { address, inside })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on the vendor answers as the release does.
    pub(crate) fn ship(&self, release: Release) {
        lock(&self.inside.world).release = release;
    }
}

async fn answer(State(inside): State<Arc<Inside>>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let key = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(key) = key.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned) else {
        return said(StatusCode::UNAUTHORIZED, &error("unauthorized", "no API key"));
    };
    let release = lock(&inside.world).release;
    let (standing, headers) = inside.count(&key, release.limit());
    let mut response = if standing {
        let body = to_bytes(body, BODY_BYTES_MAX).await.unwrap_or_default();
        let sent = serde_json::from_slice(&body).unwrap_or_default();
        inside.act(&key, &head.method, head.uri.path(), sent)
    } else {
        said(StatusCode::TOO_MANY_REQUESTS, &error("rate_limited", "too many requests"))
    };
    for (name, value) in headers {
        response.headers_mut().insert(name, value.into());
    }
    response
}

impl Inside {
    /// Counts a request; whether it may pass, and what the headers say of the limit.
    fn count(&self, key: &str, limit: u32) -> (bool, Vec<(HeaderName, u64)>) {
        let mut all = lock(&self.usage);
        let now = Instant::now();
        let usage = all.entry(key.to_owned()).or_insert(Usage { began: now, requests: 0 });
        if now.duration_since(usage.began) >= WINDOW {
            *usage = Usage { began: now, requests: 0 };
        }
        let passes = usage.requests < limit;
        usage.requests += u32::from(passes);
        let left = WINDOW.saturating_sub(now.duration_since(usage.began));
        // Rounded up, so that whoever waits so long is let in.
        let reset = left.as_secs() + 1;
        let name = HeaderName::from_static;
        let mut headers = vec![
            (name("x-ratelimit-limit"), u64::from(limit)),
            (name("x-ratelimit-remaining"), u64::from(limit.saturating_sub(usage.requests))),
            (name("x-ratelimit-reset"), reset),
        ];
        if !passes {
            headers.push((RETRY_AFTER, reset));
        }
        (passes, headers)
    }

    fn act(
        &self,
        key: &str,
        method: &Method,
        path: &str,
        sent: Map<String, Value>,
    ) -> Response<Body> {
        let mut world = lock(&self.world);
        let release = world.release;
        let parts: Vec<_> = path.trim_matches('/').split('/').collect();
        let (collection, id) = match parts.as_slice() {
            ["v1", name] => (Collection::named(name, release), None),
            ["v1", name, id] => (Collection::named(name, release), Some(*id)),
            _ => (None, None),
        };
        let Some(collection) = collection else {
            return said(StatusCode::NOT_FOUND, &error("not_found", "no such resource"));
        };
        let found = match (method, id) {
            (&Method::GET, None) => Some((StatusCode::OK, world.page(key, collection))),
            (&Method::POST, None) if collection != Collection::Disputes => {
                Some((StatusCode::CREATED, world.create(key, collection, sent)))
            }
            (&Method::GET, Some(id)) => {
                world.read(key, collection, id).map(|it| (StatusCode::OK, it))
            }
            (&Method::PATCH, Some(id)) => {
                world.update(key, collection, id, sent).map(|it| (StatusCode::OK, it))
            }
            (&Method::DELETE, Some(id)) => world
                .delete(key, collection, id)
                .then(|| (StatusCode::OK, json!({"id": id, "deleted": true}))),
            _ => None,
        };
        match found {
            Some((status, body)) => said(status, &body),
            None => said(StatusCode::NOT_FOUND, &error("not_found", "no such resource")),
        }
    }
}

fn error(code: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message}})
}

fn said(status: StatusCode, body: &Value) -> Response<Body> {
    let response = Response::builder().status(status).header(CONTENT_TYPE, "application/json");
    response.body(Body::from(body.to_string())).expect("a status and a constant header")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
