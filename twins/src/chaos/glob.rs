//! Which requests a rule is for.

use http::Method;

/// `POST /v1/charges`, `/v1/charges/*` (one segment), `/v1/**`, `/v1/charges/{id}/capture`.
#[derive(Debug, Clone)]
pub(crate) struct Glob {
    method: Option<Box<str>>,
    path: models::Glob,
}

impl Glob {
    pub(crate) fn of(text: &str) -> Self {
        let (method, path) = match text.trim().split_once(' ') {
            Some((method, path)) => (Some(method).filter(|method| *method != "*"), path),
            None => (None, text),
        };
        Self { method: method.map(Into::into), path: models::Glob::of_template(path.trim()) }
    }

    pub(crate) fn is(&self, method: &Method, path: &str) -> bool {
        self.method.as_deref().is_none_or(|own| own.eq_ignore_ascii_case(method.as_str()))
            && self.path.is(path)
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
