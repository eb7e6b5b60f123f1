//! URLs, paths, query strings and forms.

use super::coding;
use super::keys::{self, Position};
use super::pass::Pass;
use super::personal::{self, Kind};

/// An exchange's own URL: as [`scrub_url`], but the host is the vendor's and stays.
pub(super) fn scrub_request_url(pass: &Pass<'_>, url: &str) -> String {
    let Some((origin, rest)) = split_origin(url) else { return scrub_target(pass, url, 0) };
    let (scheme, authority) = origin.split_at(origin.find("://").map_or(0, |at| at + 3));
    format!("{scheme}{}{}", scrub_user(pass, authority), scrub_target(pass, rest, 0))
}

/// A URL found in a value; `None` where it may stay.
pub(super) fn scrub_url(pass: &Pass<'_>, url: &str, depth: u8) -> Option<String> {
    let tail = url.len() - url.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']']).len();
    let (whole, tail) = url.split_at(url.len() - tail);
    let (origin, rest) = split_origin(whole)?;
    let (scheme, authority) = origin.split_at(origin.find("://")? + 3);
    let authority = scrub_host(pass, &scrub_user(pass, authority));
    let target = scrub_target(pass, rest, depth);
    let target =
        if authority == "hooks.slack.com" { scrub_last(pass, &target, rest) } else { target };
    let scrubbed = format!("{scheme}{authority}{target}{tail}");
    (scrubbed != url).then_some(scrubbed)
}

/// Path, query and fragment.
pub(super) fn scrub_target(pass: &Pass<'_>, target: &str, depth: u8) -> String {
    let (target, fragment) = target.split_once('#').map_or((target, None), |(t, f)| (t, Some(f)));
    let (path, query) = target.split_once('?').map_or((target, None), |(p, q)| (p, Some(q)));
    let mut out = scrub_path(pass, path, depth);
    if let Some(query) = query {
        out.push('?');
        out.push_str(&scrub_pairs(pass, query, Position::Query, depth));
    }
    if let Some(fragment) = fragment {
        out.push('#');
        out.push_str(&if fragment.contains('=') {
            scrub_pairs(pass, fragment, Position::Query, depth)
        } else {
            scrub_segment(pass, fragment, depth)
        });
    }
    out
}

/// `name=value` pairs between ampersands, percent-encoded: a query string or a form.
///
/// A pair in which nothing is replaced keeps its bytes.
pub(super) fn scrub_pairs(pass: &Pass<'_>, pairs: &str, position: Position, depth: u8) -> String {
    let people = parents_of_people(pairs);
    let mut out = String::with_capacity(pairs.len());
    for (at, pair) in pairs.split('&').enumerate() {
        if 0 < at {
            out.push('&');
        }
        let Some((name, value)) = pair.split_once('=') else {
            out.push_str(&scrub_segment(pass, pair, depth));
            continue;
        };
        let decoded_name = decoded(name);
        let path = bracketed(&decoded_name);
        let parent = path.split_last().map_or(&[][..], |(_, parents)| parents);
        let person = people.iter().any(|p| p == &parent.join("["));
        let rule = pass.rule(&path, position, person);
        out.push_str(&match pass.token(&decoded_name, depth) {
            Some(name) => coding::percent_encode(&name, b"[]"),
            None => name.to_owned(),
        });
        out.push('=');
        match pass.ruled(rule, &decoded(value), depth) {
            Some(scrubbed) => out.push_str(&coding::percent_encode(&scrubbed, kept(value))),
            None => out.push_str(value),
        }
    }
    out
}

fn scrub_path(pass: &Pass<'_>, path: &str, depth: u8) -> String {
    let mut out = String::with_capacity(path.len());
    for (at, segment) in path.split('/').enumerate() {
        if 0 < at {
            out.push('/');
        }
        out.push_str(&scrub_segment(pass, segment, depth));
    }
    out
}

/// One segment, its `.json` apart.
fn scrub_segment(pass: &Pass<'_>, segment: &str, depth: u8) -> String {
    let suffix = [".json", ".xml", ".csv"].into_iter().find(|suffix| segment.ends_with(suffix));
    let (stem, suffix) = segment.split_at(segment.len() - suffix.map_or(0, str::len));
    let plain = coding::percent_decode(stem, false).unwrap_or_else(|| stem.to_owned());
    match pass.value(&plain, depth) {
        Some(scrubbed) => format!("{}{suffix}", coding::percent_encode(&scrubbed, kept(stem))),
        None => segment.to_owned(),
    }
}

/// What precedes the path, `user:password@` included; `None` for a relative reference.
fn split_origin(url: &str) -> Option<(&str, &str)> {
    let start = url.find("://")? + 3;
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    Some(url.split_at(end))
}

/// User and password before the host are credentials by their place.
fn scrub_user(pass: &Pass<'_>, authority: &str) -> String {
    let Some((user_info, host)) = authority.rsplit_once('@') else { return authority.to_owned() };
    let part = |part: &str| match part {
        "" => String::new(),
        part => pass.secret(&decoded(part)),
    };
    match user_info.split_once(':') {
        Some((user, password)) => format!("{}:{}@{host}", part(user), part(password)),
        None => format!("{}@{host}", part(user_info)),
    }
}

/// A host that is an address is somebody's machine; names stay.
fn scrub_host(pass: &Pass<'_>, authority: &str) -> String {
    let (user, host) = authority.rsplit_once('@').map_or(("", authority), |(u, h)| (u, h));
    let (name, port) =
        host.split_once(':').map_or((host, ""), |(name, _)| (name, &host[name.len()..]));
    if personal::kind(name) != Some(Kind::Ipv4) {
        return authority.to_owned();
    }
    let at = &authority[user.len()..authority.len() - host.len()];
    format!("{user}{at}{}{port}", pass.pseudonyms.personal(Kind::Ipv4, name))
}

/// Slack's incoming webhooks carry their secret in the last segment.
fn scrub_last(pass: &Pass<'_>, target: &str, original: &str) -> String {
    match (target.rsplit_once('/'), original.rsplit_once('/')) {
        (Some((parents, _)), Some((_, hidden))) if !hidden.is_empty() => {
            format!("{parents}/{}", pass.secret(hidden))
        }
        _ => target.to_owned(),
    }
}

fn decoded(text: &str) -> String {
    coding::percent_decode(text, true).unwrap_or_else(|| text.to_owned())
}

/// Punctuation that stays unencoded in what stood unencoded.
fn kept(original: &str) -> &'static [u8] {
    if original.contains('%') { b"" } else { b"@:,;!$'()*" }
}

/// `card[owner][name]` as its three names.
fn bracketed(name: &str) -> Vec<&str> {
    name.split(['[', ']']).filter(|part| !part.is_empty()).collect()
}

/// The parents under which a form has a name that only people have.
fn parents_of_people(pairs: &str) -> Vec<String> {
    pairs
        .split('&')
        .filter_map(|pair| {
            let name = decoded(pair.split_once('=')?.0);
            let path = bracketed(&name);
            let (leaf, parents) = path.split_last()?;
            keys::marks_a_person(leaf).then(|| parents.join("["))
        })
        .collect()
}
