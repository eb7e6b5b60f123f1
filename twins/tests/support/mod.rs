//! A twin on a free port, and a client for it.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "support of tests: each test binary is a crate and uses its own part"
)]

pub mod hammer;
pub mod receiver;

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use models::Model;
use serde_json::Value;
use tokio::sync::oneshot;
use twins::{Clock, Follow, Running, TwinConfig, serve};

/// A twin that is stopped when dropped.
pub struct Served {
    pub running: Running,
    pub client: Client,
    stop: Option<oneshot::Sender<()>>,
}

/// Calls one address.
#[derive(Clone)]
pub struct Client {
    pool: Pool<HttpConnector, Full<Bytes>>,
    base: Arc<str>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

pub fn fixture(name: &str) -> Model {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A clock that stands still and a fixed seed.
pub fn config() -> TwinConfig {
    TwinConfig { clock: Clock::still(twins::BASE_EPOCH), ..TwinConfig::new("test") }
}

pub async fn start(model: Model, follow: Follow, config: TwinConfig) -> Served {
    let (stop, stopped) = oneshot::channel::<()>();
    let running = serve(model, follow, config, async { drop(stopped.await) }).await.unwrap();
    let client = Client::of(&running);
    Served { running, client, stop: Some(stop) }
}

pub async fn frozen(model: Model) -> Served {
    start(model, Follow::Frozen, config()).await
}

impl Served {
    /// Tells the twin to stop and waits until it has.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        self.running.handle.await.unwrap();
    }
}

impl Client {
    pub fn of(running: &Running) -> Self {
        Self::at(&format!("http://{}", running.addr))
    }

    pub fn at(base: &str) -> Self {
        Self { pool: Pool::builder(TokioExecutor::new()).build_http(), base: base.into() }
    }

    pub fn h2(running: &Running) -> Self {
        Self {
            pool: Pool::builder(TokioExecutor::new()).http2_only(true).build_http(),
            base: format!("http://{}", running.addr).into(),
        }
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, hyper_util::client::legacy::Error> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.pool.request(request.body(Full::new(body.into())).unwrap()).await?;
        let (parts, body) = response.into_parts();
        // What was cut short on purpose is an answer without a body.
        let body =
            body.collect().await.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await.unwrap()
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], "").await.unwrap()
    }

    pub async fn json(&self, method: Method, path: &str, body: Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.send(method, path, &headers, body.to_string()).await.unwrap()
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.json(Method::POST, path, body).await
    }

    pub async fn form(&self, path: &str, body: &'static str) -> Answer {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.send(Method::POST, path, &headers, body).await.unwrap()
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn text(&self, name: &str) -> String {
        self.text_at(&[name])
    }

    pub fn text_at(&self, path: &[&str]) -> String {
        let body = self.json();
        path.iter().fold(&body, |value, name| &value[*name]).as_str().unwrap().to_owned()
    }
}
