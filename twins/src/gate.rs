//! The limits a request counts against, and the headers that tell of them.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use models::behaviour::{LimitRule, LimitStyle};
use models::{Algorithm, RateLimit};
use siphasher::sip::SipHasher13;

use crate::chaos::Glob;
use crate::limit::{Key, Place, Standing, Usage};
use crate::program::{Program, RouteProgram};
use crate::refusal::{Refusal, UsedUp};
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

/// Limits that `twin.json` declares, ready to be counted.
#[derive(Debug, Default)]
pub(crate) struct Limits(Vec<Declared>);

#[derive(Debug)]
struct Declared {
    name: Box<str>,
    rule: RateLimit,
    routes: Vec<Glob>,
    /// The longest pattern first.
    costs: Vec<(Glob, u64)>,
    style: LimitStyle,
    status: Option<u16>,
}

impl Limits {
    pub(crate) fn of(declared: &BTreeMap<String, LimitRule>) -> Self {
        let one = |(name, rule): (&String, &LimitRule)| {
            let mut costs: Vec<_> = rule.costs.iter().collect();
            costs.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.len()));
            Declared {
                name: name.as_str().into(),
                rule: rule.to_limit(),
                routes: rule.routes.iter().map(|route| Glob::of(route)).collect(),
                costs: costs.into_iter().map(|(one, cost)| (Glob::of(one), *cost)).collect(),
                style: rule.headers,
                status: rule.status,
            }
        };
        Self(declared.iter().map(one).collect())
    }
}

impl Declared {
    fn is_for(&self, method: &Method, path: &str) -> bool {
        self.routes.is_empty() || self.routes.iter().any(|route| route.is(method, path))
    }

    fn cost(&self, method: &Method, path: &str) -> u64 {
        let own = self.costs.iter().find(|(pattern, _)| pattern.is(method, path));
        own.map_or(1, |(_, cost)| *cost)
    }
}

/// A limit that a request counts against.
struct Counted<'l> {
    name: &'l str,
    rule: &'l RateLimit,
    cost: u64,
    style: LimitStyle,
    status: Option<u16>,
}

/// Counts a request against the limits of its route: the model's, then those declared. The first that refuses
/// it decides, and what those before it counted stands.
pub(crate) fn pass(
    program: &Program,
    route: &RouteProgram,
    declared: &Limits,
    head: &Head<'_>,
    usage: &Arc<Usage>,
) -> Passage {
    let mut passage = Passage::default();
    for index in &route.limits {
        let (name, rule) = &program.limits[*index];
        let style = rule.headers.as_deref().and_then(LimitStyle::named).unwrap_or_default();
        let (cost, status) = (rule.cost.unwrap_or(1), None);
        if !count(&Counted { name, rule, cost, style, status }, route, head, usage, &mut passage) {
            return passage;
        }
    }
    let path = head.uri.path();
    for one in declared.0.iter().filter(|one| one.is_for(head.method, path)) {
        let (name, rule, cost) = (&*one.name, &one.rule, one.cost(head.method, path));
        let counted = Counted { name, rule, cost, style: one.style, status: one.status };
        if !count(&counted, route, head, usage, &mut passage) {
            return passage;
        }
    }
    passage
}

/// Counts a request against one limit; whether it may go on.
fn count(
    limit: &Counted<'_>,
    route: &RouteProgram,
    head: &Head<'_>,
    usage: &Arc<Usage>,
    passage: &mut Passage,
) -> bool {
    let key = key(limit.name, limit.rule, route, head);
    let standing = usage.take(limit.rule, limit.cost, key, head.at);
    if standing.allowed && limit.rule.algorithm == Algorithm::Concurrency {
        passage.places.push(usage.place(key));
    }
    tell(&mut passage.headers, limit, standing, head.at);
    if !standing.allowed {
        let window = Duration::try_from_secs_f64(limit.rule.window_seconds).unwrap_or_default();
        let (name, status, retry) = (limit.name.to_owned(), limit.status, standing.retry);
        let used = UsedUp { name, limit: standing.limit, window, retry, status };
        passage.refusal = Some(Refusal::TooMany { limit: Box::new(used) });
    }
    standing.allowed
}

/// How a caller stands to every limit, the model's and those declared, by its name; asking costs
/// nothing.
pub(crate) fn standings(
    program: &Program,
    route: &RouteProgram,
    declared: &Limits,
    head: &Head<'_>,
    usage: &Usage,
) -> Vec<(String, Standing)> {
    let models = program.limits.iter().map(|(name, rule)| (&**name, rule));
    let own = declared.0.iter().map(|one| (&*one.name, &one.rule));
    let rates = models.chain(own).filter(|(_, rule)| rule.algorithm != Algorithm::Concurrency);
    let standing = |(name, rule): (&str, &RateLimit)| {
        (name.to_owned(), usage.take(rule, 0, key(name, rule, route, head), head.at))
    };
    rates.map(standing).collect()
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

/// Adds what tells of a limit. Members of lists are appended; of headers that hold one number the
/// first limit's stand, and those of the one that refuses above it.
///
/// # Source
///
/// [`LimitStyle`]; RFC 9110 §10.2.3 for `Retry-After`.
fn tell(headers: &mut HeaderMap, limit: &Counted<'_>, standing: Standing, now: Duration) {
    let Counted { name, rule, style, .. } = limit;
    let first = headers.is_empty() || !standing.allowed;
    let mut add = |name: &'static str, value: String| {
        if let (true, Ok(value)) = (first, HeaderValue::try_from(value)) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    let used = standing.limit.saturating_sub(standing.remaining);
    let (most, left) = (standing.limit.to_string(), standing.remaining.to_string());
    let (resets_in, resets_at) = (seconds_up(standing.reset), seconds_up(now + standing.reset));
    match style {
        LimitStyle::Ietf => {
            let policy = format!("\"{name}\";q={};w={}", rule.limit, rule.window_seconds);
            append(headers, "ratelimit-policy", &policy);
            append(headers, "ratelimit", &format!("\"{name}\";r={left};t={resets_in}"));
        }
        LimitStyle::IetfDraft => {
            add("ratelimit-limit", most);
            add("ratelimit-remaining", left);
            add("ratelimit-reset", resets_in.to_string());
            add("ratelimit-policy", format!("{};w={}", rule.limit, rule.window_seconds));
        }
        LimitStyle::XRatelimit | LimitStyle::Github => {
            add("x-ratelimit-limit", most);
            add("x-ratelimit-remaining", left);
            add("x-ratelimit-reset", resets_at.to_string());
            if *style == LimitStyle::Github {
                add("x-ratelimit-used", used.to_string());
                add("x-ratelimit-resource", (*name).to_owned());
            }
        }
        LimitStyle::Okta => {
            add("x-rate-limit-limit", most);
            add("x-rate-limit-remaining", left);
            add("x-rate-limit-reset", resets_at.to_string());
        }
        LimitStyle::Shopify => add("x-shopify-shop-api-call-limit", format!("{used}/{most}")),
        LimitStyle::Hubspot => {
            add("x-hubspot-ratelimit-max", most);
            add("x-hubspot-ratelimit-remaining", left);
            let millis = (rule.window_seconds * 1000.0).to_string();
            add("x-hubspot-ratelimit-interval-milliseconds", millis);
        }
        LimitStyle::Openai => {
            let reset = crate::go_duration::write(standing.reset);
            for (what, value) in [("limit", most), ("remaining", left), ("reset", reset)] {
                let header = format!("x-ratelimit-{what}-{name}").to_ascii_lowercase();
                if let (Ok(header), Ok(value)) = (header.parse::<HeaderName>(), value.parse()) {
                    headers.insert(header, value);
                }
            }
        }
        LimitStyle::RetryAfter | LimitStyle::None => {}
    }
    if !standing.allowed && *style != LimitStyle::None {
        // Shopify writes its seconds with a fraction.
        let seconds = seconds_up(standing.retry).max(1);
        let point = if *style == LimitStyle::Shopify { ".0" } else { "" };
        headers.extend(
            HeaderValue::try_from(format!("{seconds}{point}")).ok().map(|one| (RETRY_AFTER, one)),
        );
    }
}

/// Adds a member to a header that is a list.
fn append(headers: &mut HeaderMap, name: &'static str, member: &str) {
    let known = headers.get(name).and_then(|value| value.to_str().ok());
    let list = known.map_or_else(|| member.to_owned(), |known| format!("{known}, {member}"));
    if let Ok(list) = HeaderValue::try_from(list) {
        headers.insert(HeaderName::from_static(name), list);
    }
}

/// Whole seconds, none too few.
pub(crate) fn seconds_up(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
