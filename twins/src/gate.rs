//! The limits a request counts against, and the headers that tell of them.

use std::hash::Hasher;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue};
use models::{Algorithm, RateLimit};
use siphasher::sip::SipHasher13;

use crate::limit::{Key, Place, Standing, Usage};
use crate::program::{Program, RouteProgram};
use crate::refusal::Refusal;
use crate::twin::Head;

/// What the limits say of a request.
#[derive(Debug, Default)]
pub(crate) struct Passage {
    /// For the answer, whatever it is.
    pub(crate) headers: HeaderMap,
    /// Kept while the request is under way.
    pub(crate) places: Vec<Place>,
    pub(crate) refusal: Option<Refusal>,
}

/// Counts a request against its route's limits.
pub(crate) fn pass(
    program: &Program,
    route: &RouteProgram,
    head: &Head<'_>,
    usage: &Arc<Usage>,
    now: Duration,
) -> Passage {
    let mut passage = Passage::default();
    for (name, rule) in route.limits.iter().map(|index| &program.limits[*index]) {
        let key = key(name, rule, route, head);
        let standing = usage.take(rule, key, now);
        if standing.allowed && rule.algorithm == Algorithm::Concurrency {
            passage.places.push(usage.place(key));
        }
        if !standing.allowed || passage.headers.is_empty() {
            passage.headers = headers(name, rule, standing, now);
        }
        if !standing.allowed {
            passage.refusal = Some(Refusal::TooMany { retry: standing.retry });
            break;
        }
    }
    passage
}

/// Whose usage is counted together: that of a credential (of an address, where there is none), an
/// address, everyone; of all routes or of one.
fn key(name: &str, rule: &RateLimit, route: &RouteProgram, head: &Head<'_>) -> Key {
    let scope = rule.scope.as_deref().unwrap_or("key");
    let mut hasher = SipHasher13::new();
    hasher.write(name.as_bytes());
    let write_address = |hasher: &mut SipHasher13| match head.caller {
        IpAddr::V4(address) => hasher.write(&address.octets()),
        IpAddr::V6(address) => hasher.write(&address.octets()),
    };
    if scope.contains("ip") {
        write_address(&mut hasher);
    } else if !scope.contains("global") {
        match credential(head) {
            Some(credential) => hasher.write(credential),
            None => write_address(&mut hasher),
        }
    }
    if scope.contains("route") {
        hasher.write(route.key.as_str().as_bytes());
    }
    Key(hasher.finish())
}

fn credential<'h>(head: &Head<'h>) -> Option<&'h [u8]> {
    let names = ["x-api-key", "api-key", "apikey", "x-auth-token"];
    let header = head.headers.get(AUTHORIZATION);
    let header = header.or_else(|| names.iter().find_map(|name| head.headers.get(*name)));
    header.map(HeaderValue::as_bytes).or_else(|| {
        let pairs = head.uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
        let mut keys = pairs.filter(|(key, _)| matches!(*key, "api_key" | "key" | "access_token"));
        keys.next().map(|(_, value)| value.as_bytes())
    })
}

/// # Source
///
/// `draft-ietf-httpapi-ratelimit-headers-07` (the four fields); GitHub's REST documentation
/// ("Rate limits"), whose reset is in Unix seconds; RFC 9110 §10.2.3 for `Retry-After`.
fn headers(name: &str, rule: &RateLimit, standing: Standing, now: Duration) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut add = |name: &'static str, value: u64| {
        headers.insert(HeaderName::from_static(name), value.into());
    };
    let style = rule.headers.as_deref().unwrap_or("retry-after");
    match style {
        "ietf-draft" => {
            add("ratelimit-limit", standing.limit);
            add("ratelimit-remaining", standing.remaining);
            add("ratelimit-reset", seconds_up(standing.reset));
            let policy = format!("{};w={}", rule.limit, rule.window_seconds);
            headers.extend(policy.parse().ok().map(|value| (POLICY, value)));
        }
        "x-ratelimit" | "github" => {
            add("x-ratelimit-limit", standing.limit);
            add("x-ratelimit-remaining", standing.remaining);
            add("x-ratelimit-reset", seconds_up(now + standing.reset));
            if style == "github" {
                add("x-ratelimit-used", standing.limit.saturating_sub(standing.remaining));
                headers.extend(name.parse().ok().map(|value| (RESOURCE, value)));
            }
        }
        _ => {}
    }
    if !standing.allowed && style != "none" {
        headers.insert(RETRY_AFTER, seconds_up(standing.retry).max(1).into());
    }
    headers
}

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RESOURCE: HeaderName = HeaderName::from_static("x-ratelimit-resource");

fn seconds_up(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
