//! The two cookies: who is in a session, and who has shown the token.

use axum::http::{HeaderMap, HeaderValue, header};

/// A cookie's value in a request.
pub(super) fn read<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value);
    found.next()
}

/// A cookie that scripts do not see and other sites do not send. It ends with the browser.
///
/// Browsers share cookies between ports, so the name holds the port.
pub(super) fn set(name: &str, value: &str) -> HeaderValue {
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict");
    HeaderValue::from_str(&text).expect("our words are ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_and_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; wt=2"));
        headers.append(header::COOKIE, HeaderValue::from_static("wt_4=3;b"));
        assert_eq!(read(&headers, "wt"), Some("2"));
        assert_eq!(read(&headers, "wt_4"), Some("3"));
        assert_eq!(read(&headers, "b"), None);
    }
}
