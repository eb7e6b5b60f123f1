//! A capture as HAR 1.2, and back.
//!
//! # Source
//!
//! HAR 1.2. What the format has no place for stands in fields that begin with `_`, as it asks.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use serde_json::{Value, json};

use crate::capture::{Answer, Exchange, secrets};
use crate::config::{Missing, TwinConfig};

pub(crate) fn write(exchanges: &[Exchange], config: &TwinConfig, seed: u64) -> Value {
    let (twin, missing) = (&config.name, config.missing == Missing::Materialize);
    let entries: Vec<_> = exchanges.iter().map(entry).collect();
    json!({"log": {
        "version": "1.2",
        "creator": {"name": "wondertwin", "version": env!("CARGO_PKG_VERSION")},
        "comment": format!("captured by the twin {twin}"),
        "_wondertwin": {"twin": twin, "seed": seed, "materialize": missing},
        "entries": entries,
    }})
}

fn entry(exchange: &Exchange) -> Value {
    let host = exchange.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    let host = host.unwrap_or("localhost");
    let query = exchange.uri.query().map(secrets::query);
    let path = exchange.uri.path();
    let target = query.as_ref().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let took = exchange.took.as_secs_f64() * 1000.0;
    let mut request = json!({
        "method": exchange.method.as_str(),
        "url": format!("http://{host}{target}"),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(&exchange.headers),
        "queryString": pairs(query.as_deref().unwrap_or("")),
        "headersSize": -1,
        "bodySize": exchange.body.len(),
    });
    if let (false, Some(request)) = (exchange.body.is_empty(), request.as_object_mut()) {
        let mut content = content(&exchange.headers, &exchange.body);
        if let Some(content) = content.as_object_mut() {
            content.remove("size");
        }
        request.insert("postData".to_owned(), content);
    }
    json!({
        "startedDateTime": written(exchange.at),
        "time": took,
        "request": request,
        "response": response(exchange.answer.as_ref()),
        "cache": {},
        "timings": {"send": 0, "wait": took, "receive": 0},
        "_id": exchange.number,
        "_admin": exchange.is_admin,
    })
}

fn response(answer: Option<&Answer>) -> Value {
    // What browsers write of an answer that never came.
    let Some(answer) = answer else {
        return json!({
            "status": 0, "statusText": "", "httpVersion": "", "cookies": [], "headers": [],
            "content": {"size": 0, "mimeType": "x-unknown"}, "redirectURL": "",
            "headersSize": -1, "bodySize": -1,
        });
    };
    json!({
        "status": answer.status.as_u16(),
        "statusText": answer.status.canonical_reason().unwrap_or(""),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(&answer.headers),
        "content": content(&answer.headers, &answer.body),
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": answer.body.len(),
    })
}

fn headers(headers: &HeaderMap) -> Value {
    let shown = headers.iter().map(|(name, value)| {
        let value = secrets::header(name, &String::from_utf8_lossy(value.as_bytes()));
        json!({"name": name.as_str(), "value": value})
    });
    shown.collect()
}

fn pairs(query: &str) -> Value {
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.map(|(name, value)| json!({"name": name, "value": value})).collect()
}

fn content(headers: &HeaderMap, body: &[u8]) -> Value {
    let media = headers.get(CONTENT_TYPE).and_then(|media| media.to_str().ok());
    let media = media.unwrap_or("application/octet-stream");
    if let Ok(text) = std::str::from_utf8(body) {
        return json!({"size": body.len(), "mimeType": media, "text": text});
    }
    let text = STANDARD.encode(body);
    json!({"size": body.len(), "mimeType": media, "text": text, "encoding": "base64"})
}

/// To the microsecond, as the twin's clock counts: a replay is set to it.
fn written(at: Duration) -> String {
    let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    let time = DateTime::from_timestamp(seconds, at.subsec_nanos()).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Nanos, true)
}

/// Reads the exchanges of a HAR; `Err` says which entry lacks what.
pub(crate) fn read(har: &Value) -> Result<Vec<Exchange>, String> {
    let entries = har.pointer("/log/entries").and_then(Value::as_array);
    let entries = entries.ok_or_else(|| "`log.entries` is missing".to_owned())?;
    let numbered = entries.iter().enumerate();
    numbered
        .map(|(index, entry)| {
            read_entry(entry)
                .ok_or_else(|| format!("`log.entries[{index}]` is no exchange of HAR 1.2"))
        })
        .collect()
}

fn read_entry(entry: &Value) -> Option<Exchange> {
    let (request, response) = (entry.get("request")?, entry.get("response")?);
    let started = entry.get("startedDateTime")?.as_str()?;
    let started = DateTime::parse_from_rfc3339(started).ok()?.timestamp_nanos_opt()?;
    let url = request.get("url")?.as_str()?;
    let target = url
        .split_once("://")
        .map_or(url, |(_, rest)| &rest[rest.find('/').unwrap_or(rest.len())..]);
    let status = u16::try_from(response.get("status")?.as_u64()?).ok()?;
    let answer = match status {
        0 => None,
        status => Some(Answer {
            status: StatusCode::from_u16(status).ok()?,
            headers: read_headers(response.get("headers")?)?,
            body: read_content(response.get("content"))?,
        }),
    };
    Some(Exchange {
        number: entry.get("_id").and_then(Value::as_u64).unwrap_or(0),
        is_admin: entry.get("_admin").and_then(Value::as_bool).unwrap_or(false),
        at: Duration::from_nanos(u64::try_from(started).ok()?),
        took: Duration::ZERO,
        method: request.get("method")?.as_str()?.parse::<Method>().ok()?,
        uri: if target.is_empty() { Uri::from_static("/") } else { target.parse().ok()? },
        headers: read_headers(request.get("headers")?)?,
        body: read_content(request.get("postData"))?,
        answer,
    })
}

fn read_headers(headers: &Value) -> Option<HeaderMap> {
    let read = headers.as_array()?.iter().map(|header| {
        let name = header.get("name")?.as_str()?.to_ascii_lowercase();
        let value = HeaderValue::from_str(header.get("value")?.as_str()?).ok()?;
        Some((name.parse::<HeaderName>().ok()?, value))
    });
    let mut map = HeaderMap::new();
    for header in read {
        let (name, value) = header?;
        map.append(name, value);
    }
    Some(map)
}

fn read_content(content: Option<&Value>) -> Option<Bytes> {
    let Some(text) = content.and_then(|content| content.get("text")?.as_str()) else {
        return Some(Bytes::new());
    };
    match content.and_then(|content| content.get("encoding")?.as_str()) {
        Some("base64") => STANDARD.decode(text).ok().map(Bytes::from),
        _ => Some(Bytes::from(text.to_owned())),
    }
}
