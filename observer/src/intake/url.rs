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
    let url = before(url, b'#');
    let (host, rest) = match scheme_end(url) {
        Some(end) => {
            let rest = &url[end..];
            let end = memchr::memchr2(b'/', b'?', rest.as_bytes()).unwrap_or(rest.len());
            let (host, rest) = rest.split_at(end);
            let user = memchr::memrchr(b'@', host.as_bytes()).map_or(0, |at| at + 1);
            (&host[user..], rest)
        }
        None if url.starts_with('/') => ("", url),
        None => return None,
    };
    let path = before(rest, b'?');
    let query = rest.get(path.len() + 1..).unwrap_or_default();
    Some(Url { host, path: if path.is_empty() { "/" } else { path }, query })
}

/// What stands before an ASCII mark; all where there is none.
fn before(text: &str, mark: u8) -> &str {
    memchr::memchr(mark, text.as_bytes()).map_or(text, |at| &text[..at])
}

/// The index behind `://`.
fn scheme_end(url: &str) -> Option<usize> {
    let colon = memchr::memchr(b':', url.as_bytes())?;
    if url[colon..].starts_with("://") { Some(colon + 3) } else { url.find("://").map(|at| at + 3) }
}

/// The twin's base URL, taken apart once.
#[derive(Debug)]
pub(super) struct Base {
    /// Without a port that is the scheme's own; empty where any host is the twin's.
    host: String,
    path: String,
}

impl Base {
    pub(super) fn of(model: &Model) -> Self {
        let host = without_port(model.base_host()).to_owned();
        Self { host, path: model.base_path().to_owned() }
    }

    /// Whether a host is the twin's; any is where the model names none.
    pub(super) fn is_host(&self, host: &str) -> bool {
        self.host.is_empty()
            || host.is_empty()
            || without_port(host).eq_ignore_ascii_case(&self.host)
    }

    /// A path without that of the base URL.
    pub(super) fn within<'p>(&self, path: &'p str) -> &'p str {
        path.strip_prefix(self.path.as_str()).unwrap_or(path)
    }
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
        let base = |url: &str| Base::of(&Model::empty("t", url));
        assert!(base("https://API.example.com/v1").is_host(url.host));
        assert!(!base("https://api.example.org").is_host(url.host));
        assert_eq!(base("https://api.example.com/v1").within(url.path), "/x");
        assert_eq!(parse("https://h?x=1").unwrap(), Url { host: "h", path: "/", query: "x=1" });
        assert_eq!(parse("/x?a#?b").unwrap(), Url { host: "", path: "/x", query: "a" });
        let port = parse("localhost:80://é?").unwrap();
        assert_eq!(port, Url { host: "é", path: "/", query: "" });
        assert_eq!(parse("nonsense"), None);
    }
}
