//! Signatures that requests carry.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::HOST;
use models::behaviour::{MacDigest, MacEncoding, SignedRequests};

use super::{end_of, header};
use crate::refusal::Refusal;
use crate::twin::Head;
use models::is_same_secret;
use models::webhooks::mac::{self, hex};

/// Milliseconds since the Unix epoch are larger than this, seconds are not for some thousand years.
const MILLIS_FROM: u64 = 100_000_000_000;

/// Refuses a request that is not signed as it has to be.
pub(super) fn check(rule: &SignedRequests, head: &Head<'_>, body: &[u8]) -> Result<(), Refusal> {
    let given = header(head.headers, &rule.header).ok_or(Refusal::MissingAuth)?;
    let time = rule.timestamp_header.as_deref().map(|name| header(head.headers, name));
    let time = match time {
        Some(None) => return Err(Refusal::MissingAuth),
        Some(Some(text)) => text,
        None => "",
    };
    if rule.timestamp_header.is_some() && !is_near(time, head.at, rule.tolerance_seconds) {
        return Err(Refusal::ExpiredAuth { shown: end_of(given) });
    }
    let from_env = rule.secret_env.as_ref().and_then(|name| std::env::var(name).ok());
    let secret = from_env.filter(|one| !one.is_empty()).or_else(|| rule.secret.clone());
    // A variable that is not set: there is no signature that is right.
    let Some(key) = secret else { return Err(Refusal::BadAuth { shown: end_of(given) }) };
    let payload = payload(rule, head, time, body);
    let digest = match rule.digest {
        MacDigest::Sha256 => mac::sha256(key.as_bytes(), &[&payload]),
        MacDigest::Sha1 => mac::sha1(key.as_bytes(), &[&payload]),
    };
    let wanted = match rule.encoding {
        MacEncoding::Hex => hex(&digest),
        MacEncoding::Base64 => STANDARD.encode(digest),
    };
    let own = given.strip_prefix(&*rule.prefix);
    match own {
        Some(own) if is_same_secret(own, wanted) => Ok(()),
        _ => Err(Refusal::BadAuth { shown: end_of(given) }),
    }
}

fn is_near(text: &str, now: Duration, tolerance_seconds: u64) -> bool {
    let Ok(time) = text.trim().parse::<u64>() else { return false };
    let time = if time >= MILLIS_FROM { time / 1000 } else { time };
    now.as_secs().abs_diff(time) <= tolerance_seconds
}

/// What is signed: the template with its holes filled; a body need be no text.
fn payload(rule: &SignedRequests, head: &Head<'_>, time: &str, body: &[u8]) -> Vec<u8> {
    let path = head.uri.path_and_query().map_or("", |path| path.as_str());
    let mut payload = Vec::with_capacity(rule.payload.len() + body.len());
    let mut rest = &*rule.payload;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((hole, after)) = after.split_once("}}") else { break };
        payload.extend_from_slice(before.as_bytes());
        match hole.trim() {
            "timestamp" => payload.extend_from_slice(time.as_bytes()),
            "method" => payload.extend_from_slice(head.method.as_str().as_bytes()),
            "path" => payload.extend_from_slice(path.as_bytes()),
            "host" => {
                let host = header(head.headers, HOST.as_str()).unwrap_or("");
                payload.extend_from_slice(host.as_bytes());
            }
            "body" => payload.extend_from_slice(body),
            _ => {}
        }
        rest = after;
    }
    payload.extend_from_slice(rest.as_bytes());
    payload
}
