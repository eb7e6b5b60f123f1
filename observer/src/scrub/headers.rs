//! Header values: credentials by their place, everything else by what it holds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::keys::{Position, Rule};
use super::lexer::{self, Class};
use super::pass::Pass;
use super::{personal, secret};

/// The value of one header as it may be written.
pub(super) fn scrub(pass: &Pass<'_>, name: &str, value: &str) -> String {
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        _ if value.is_empty() || is_harmless(&name) => value.to_owned(),
        "authorization" | "proxy-authorization" => authorization(pass, value),
        "cookie" => value.split("; ").map(|pair| cookie(pass, pair)).collect::<Vec<_>>().join("; "),
        "set-cookie" => set_cookie(pass, value),
        _ if name.contains("signature") => signature(pass, value),
        _ => match pass.rule(&[&name], Position::Header, false) {
            Rule::Value => pass.value(value, 0).unwrap_or_else(|| value.to_owned()),
            rule => schemed(value, |rest| pass.ruled(rule, rest, 0).unwrap_or_default()),
        },
    }
}

fn is_harmless(name: &str) -> bool {
    HARMLESS.contains(&name)
        || name.starts_with("access-control-")
        || name.ends_with("-permissions")
}

/// Headers that describe the message and hold nothing of anybody.
const HARMLESS: &[&str] = &[
    "date",
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "expires",
    "last-modified",
    "age",
    "vary",
    "strict-transport-security",
    "retry-after",
    "host",
    "content-security-policy",
    "alt-svc",
    "te",
    "upgrade",
];

/// The scheme stays; of Basic's pair also a user that is an account's id, for paths hold it too.
fn authorization(pass: &Pass<'_>, value: &str) -> String {
    let Some((scheme, credentials)) = value.split_once(' ') else { return pass.secret(value) };
    if !scheme.eq_ignore_ascii_case("basic") {
        return format!("{scheme} {}", pass.secret(credentials));
    }
    let decoded = STANDARD.decode(credentials.trim()).ok().and_then(|b| String::from_utf8(b).ok());
    let Some(pair) = decoded else { return format!("{scheme} {}", pass.secret(credentials)) };
    let (user, password) = pair.split_once(':').unwrap_or((&pair, ""));
    let is_account = matches!(lexer::class(user), Some(Class::Sid | Class::Uuid))
        && secret::vendor_prefix(user).is_none()
        || personal::is_personal(user);
    let user = match user {
        "" => String::new(),
        user if is_account => pass.value(user, 0).unwrap_or_else(|| pass.secret(user)),
        user => pass.secret(user),
    };
    let password = if password.is_empty() { String::new() } else { pass.secret(password) };
    format!("{scheme} {}", STANDARD.encode(format!("{user}:{password}")))
}

/// `name=value`: the name stays.
fn cookie(pass: &Pass<'_>, pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, "")) => format!("{name}="),
        Some((name, value)) => format!("{name}={}", pass.secret(value)),
        None => pass.secret(pair),
    }
}

/// The cookie goes, its attributes stay.
fn set_cookie(pass: &Pass<'_>, value: &str) -> String {
    match value.split_once(';') {
        Some((pair, attributes)) => format!("{};{attributes}", cookie(pass, pair)),
        None => cookie(pass, value),
    }
}

/// `t=1492774577,v1=5257…`, `sha256=…`, `v1,…`: the form stays, for twins sign alike.
fn signature(pass: &Pass<'_>, value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for part in value.split_inclusive([',', ' ', ';']) {
        let item = part.trim_end_matches([',', ' ', ';']);
        let (name, hidden) = match item.split_once('=') {
            Some((name, rest)) if name.len() <= 12 && !rest.trim_matches('=').is_empty() => {
                (&item[..=name.len()], rest)
            }
            _ => ("", item),
        };
        let is_time = hidden.len() <= 13 && hidden.bytes().all(|b| b.is_ascii_digit());
        let is_version = name.is_empty() && hidden.len() <= 3;
        out.push_str(name);
        if is_time || is_version {
            out.push_str(hidden);
        } else {
            out.push_str(&pass.secret(hidden));
        }
        out.push_str(&part[item.len()..]);
    }
    out
}

/// `Bearer …` or `Token …` in a header of the vendor's own: the scheme stays.
fn schemed(value: &str, replace: impl Fn(&str) -> String) -> String {
    match value.split_once(' ') {
        Some((scheme, rest))
            if ["bearer", "token", "basic"].contains(&scheme.to_ascii_lowercase().as_str()) =>
        {
            format!("{scheme} {}", replace(rest))
        }
        _ => replace(value),
    }
}
