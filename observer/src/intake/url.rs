//! The parts of a captured URL.

use models::Model;

/// Borrowed parts of an absolute URL.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Url<'u> {
    /// Host and port, without user information.
    pub(super) host: &'u str,
    /// `/` at least.
    pub(super) path: &'u str,
    /// Without the question mark; empty where there is none.
    pub(super) query: &'u str,
}

/// Splits `scheme://host/path?query#fragment`; a bare `/path` has an empty host.
pub(super) fn parse(url: &str) -> Option<Url<'_>> {
    let url = url.split('#').next()?;
    let (host, rest) = match url.split_once("://") {
        Some((_, rest)) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            (rest[..end].rsplit('@').next()?, &rest[end..])
        }
        None if url.starts_with('/') => ("", url),
        None => return None,
    };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    Some(Url { host, path: if path.is_empty() { "/" } else { path }, query })
}

/// Whether a host is the twin's; any is where the model names none.
pub(super) fn is_host_of(model: &Model, host: &str) -> bool {
    let base = model.base_host();
    base.is_empty()
        || host.is_empty()
        || without_port(host).eq_ignore_ascii_case(without_port(base))
}

fn without_port(host: &str) -> &str {
    host.strip_suffix(":443").or_else(|| host.strip_suffix(":80")).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_split() {
        let url = parse("https://user:pw@api.example.com:443/v1/x?a=1&b=/?#top").unwrap();
        assert_eq!(url, Url { host: "api.example.com:443", path: "/v1/x", query: "a=1&b=/?" });
        assert!(is_host_of(&Model::empty("t", "https://API.example.com/v1"), url.host));
        assert!(!is_host_of(&Model::empty("t", "https://api.example.org"), url.host));
        assert_eq!(parse("https://h?x=1").unwrap(), Url { host: "h", path: "/", query: "x=1" });
        assert_eq!(parse("nonsense"), None);
    }
}
