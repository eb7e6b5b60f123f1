//! Which requests a rule is for.

use http::Method;

/// `POST /v1/charges`, `/v1/charges/*` (one segment), `/v1/**`, `/v1/charges/{id}/capture`.
#[derive(Debug, Clone)]
pub(crate) struct Glob {
    method: Option<Box<str>>,
    path: Box<str>,
}

impl Glob {
    pub(crate) fn of(text: &str) -> Self {
        match text.trim().split_once(' ') {
            Some((method, path)) => {
                let method = Some(method).filter(|method| *method != "*");
                Self { method: method.map(Into::into), path: path.trim().into() }
            }
            None => Self { method: None, path: text.trim().into() },
        }
    }

    pub(crate) fn is(&self, method: &Method, path: &str) -> bool {
        self.method.as_deref().is_none_or(|own| own.eq_ignore_ascii_case(method.as_str()))
            && matches(self.path.as_bytes(), path.as_bytes())
    }
}

/// Whether a text is what a pattern with `*` says; `*` is any text here.
pub(crate) fn like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(before) = last.replace(part) {
            let Some(found) = rest.find(before) else { return false };
            rest = &rest[found + before.len()..];
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

fn matches(pattern: &[u8], path: &[u8]) -> bool {
    match pattern {
        [] => path.is_empty(),
        [b'*', b'*', rest @ ..] => (0..=path.len()).any(|skip| matches(rest, &path[skip..])),
        [b'*', rest @ ..] => in_segment(path).any(|skip| matches(rest, &path[skip..])),
        [b'{', rest @ ..] => {
            let end = rest.iter().position(|byte| *byte == b'}').map_or(rest.len(), |at| at + 1);
            in_segment(path).skip(1).any(|skip| matches(&rest[end..], &path[skip..]))
        }
        [first, rest @ ..] => {
            path.split_first().is_some_and(|(own, path)| own == first && matches(rest, path))
        }
    }
}

/// How many bytes may be skipped without leaving the segment.
fn in_segment(path: &[u8]) -> impl Iterator<Item = usize> {
    0..=path.iter().position(|byte| *byte == b'/').unwrap_or(path.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_in_its_segment_and_two_do_not() {
        let is = |glob: &str, path: &str| Glob::of(glob).is(&Method::POST, path);
        assert!(is("/v1/*", "/v1/a") && !is("/v1/*", "/v1/a/b") && is("/v1/**", "/v1/a/b"));
        assert!(is("POST /a/{id}/c", "/a/b/c") && !is("/a/{id}/c", "/a//c"));
        assert!(!is("GET /a", "/a") && is("* /a", "/a") && is("/**/c", "/a/b/c"));
        assert!(!is("/a", "/a/b") && is("/a*", "/abc"));
    }

    #[test]
    fn a_value_is_like_a_pattern() {
        assert!(like("chaos*", "chaos-1") && like("*", "") && like("a*c*e", "abcde"));
        assert!(!like("a*c", "abd") && like("abc", "abc") && !like("abc", "abcd"));
        assert!(!like("ab*ba", "aba"));
    }
}
