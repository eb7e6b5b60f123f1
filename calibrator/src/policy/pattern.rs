//! Patterns of routes, events and paths.

use models::{Finding, Glob, without_parameter_names};

/// Whether a finding's route (or event) is what a pattern says: `GET /v1/*` (one segment),
/// `/v1/**` (any number), `GET /mails/{id}` (whatever the parameter is called), `issues.*`.
pub(super) fn fits_route(pattern: &str, finding: &Finding) -> bool {
    let Some(route) = finding.route.as_deref().or(finding.event.as_deref()) else { return false };
    let route = without_parameter_names(route);
    let pattern = without_parameter_names(pattern.trim());
    let (method, path) = route.split_once(' ').unwrap_or(("", &route));
    match pattern.split_once(' ') {
        Some((wanted, rest)) => {
            (wanted == "*" || wanted.eq_ignore_ascii_case(method)) && like(rest.trim(), path)
        }
        None => like(&pattern, path),
    }
}

/// Whether a text is what a pattern says; `*` is any text without a slash, `**` any text.
pub(super) fn like(pattern: &str, text: &str) -> bool {
    Glob::of(pattern).is(text)
}
