//! Patterns of routes, events and paths.

use models::{Finding, without_parameter_names};

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
    fn matches(pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', b'*', rest @ ..] => (0..=text.len()).any(|skip| matches(rest, &text[skip..])),
            [b'*', rest @ ..] => {
                let end = text.iter().position(|byte| *byte == b'/').unwrap_or(text.len());
                (0..=end).any(|skip| matches(rest, &text[skip..]))
            }
            [first, rest @ ..] => {
                text.split_first().is_some_and(|(own, text)| own == first && matches(rest, text))
            }
        }
    }
    matches(pattern.as_bytes(), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_in_its_segment_and_two_do_not() {
        assert!(like("/v1/*", "/v1/a") && !like("/v1/*", "/v1/a/b") && like("/v1/**", "/v1/a/b"));
        assert!(like("data[].metadata.*", "data[].metadata.colour") && !like("a", "ab"));
    }
}
