//! One request over plain HTTP, whole in and whole out.

use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// How long an answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Of an answer's body; a capture with all its bodies is the largest.
const BODY_BYTES_MAX: usize = 256 << 20;

/// The variable that holds the token of twins' admin APIs; on the command line every user of the machine could read it.
const ADMIN_TOKEN: &str = "WT_ADMIN_TOKEN";

/// The token that twins' admin APIs ask for and are asked with, where one is set. One that no header can hold opens nothing.
pub(crate) fn admin_token() -> Option<String> {
    std::env::var(ADMIN_TOKEN).ok().filter(|token| !token.is_empty())
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Sends a request and reads the answer of at most so many bytes.
pub(crate) async fn call(
    method: &Method,
    url: &str,
    headers: &[(String, String)],
    body: Bytes,
    bytes_max: usize,
) -> anyhow::Result<Answer> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(body)).with_context(|| format!("{method} {url}"))?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let exchange = async {
        let (parts, body) = client.request(request).await?.into_parts();
        let body = Limited::new(body, bytes_max).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("the body cannot be read: {error}"))?;
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.to_bytes() })
    };
    let answered = tokio::time::timeout(TIMEOUT, exchange).await;
    let answered: anyhow::Result<Answer> =
        answered.with_context(|| format!("{method} {url} got no answer within {TIMEOUT:?}"))?;
    answered.with_context(|| format!("{method} {url} got no answer"))
}

/// An admin path in a session; in the default one where none is named.
pub(crate) fn in_session(session: Option<&str>, path: &str) -> String {
    session.map_or_else(|| path.to_owned(), |name| format!("s/{name}/__wt/{path}"))
}

/// Asks a twin's admin API; what it refuses is an error in its own words.
pub(crate) async fn admin(
    port: u16,
    method: Method,
    path: &str,
    body: Bytes,
) -> anyhow::Result<Value> {
    let url = format!("http://127.0.0.1:{port}/__wt/{path}");
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    headers.extend(admin_token().map(|token| ("x-admin-token".to_owned(), token)));
    let answer = call(&method, &url, &headers, body, BODY_BYTES_MAX).await?;
    let document: Value = serde_json::from_slice(&answer.body)
        .with_context(|| format!("port {port} answers {path} with no JSON"))?;
    if answer.status != 200 {
        let why = document.pointer("/error/message").and_then(Value::as_str);
        bail!("{}", why.unwrap_or("the twin refuses, and does not say why"));
    }
    Ok(document)
}
