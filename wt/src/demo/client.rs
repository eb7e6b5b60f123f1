//! A client of JSON over HTTP on loopback.

use anyhow::Context as _;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client as Hyper;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// An application with an API key.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: Hyper<HttpConnector, Full<Bytes>>,
    base: String,
    key: String,
}

/// An answer: its body (null where it has none), and the limit that its headers state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) limit: Option<u64>,
}

impl Client {
    pub(crate) fn new(base: &str, key: String) -> Self {
        let http = Hyper::builder(TokioExecutor::new()).build_http();
        Self { http, base: base.to_owned(), key }
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> anyhow::Result<Answer> {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Answer> {
        let url = format!("{}{path}", self.base);
        let mut request = Request::builder()
            .method(&method)
            .uri(&url)
            .header(AUTHORIZATION, format!("Bearer {}", self.key));
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let bytes = body.map(|body| body.to_string()).unwrap_or_default();
        let request = request.body(Full::from(bytes))?;
        let failed = || format!("{method} {url} got no answer");
        let response = self.http.request(request).await.with_context(failed)?;
        let status = response.status().as_u16();
        let limit = response.headers().get("x-ratelimit-limit");
        let limit = limit.and_then(|value| value.to_str().ok()?.parse().ok());
        let bytes = response.into_body().collect().await.with_context(failed)?.to_bytes();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? };
        Ok(Answer { status, body, limit })
    }
}
