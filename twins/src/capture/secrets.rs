//! Credentials in what leaves the twin: replaced by a pseudonym of the same form, so that a
//! capture that is replayed still has one caller for one credential.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};

use crate::dice::{BASE62, Dice};

/// A header's value as it may be shown.
pub(crate) fn header(name: &HeaderName, value: &str) -> String {
    let lower = name.as_str();
    let words = ["api-key", "apikey", "token", "secret", "signature"];
    if *name == AUTHORIZATION || *name == PROXY_AUTHORIZATION {
        return authorization(value);
    }
    if *name == COOKIE || words.iter().any(|word| lower.contains(word)) {
        return pseudonym(value);
    }
    value.to_owned()
}

/// A query as it may be shown.
pub(crate) fn query(query: &str) -> String {
    let is_secret =
        |name: &str| matches!(name, "api_key" | "key" | "access_token" | "token" | "client_secret");
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if is_secret(name) => format!("{name}={}", pseudonym(value)),
        _ => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn authorization(value: &str) -> String {
    let Some((scheme, credential)) = value.split_once(' ') else { return pseudonym(value) };
    if scheme.eq_ignore_ascii_case("basic")
        && let Ok(Ok(pair)) = STANDARD.decode(credential).map(String::from_utf8)
        && let Some((user, password)) = pair.split_once(':')
    {
        // A key stands alone before the colon; an account's name before its password is no secret.
        let shown = if password.is_empty() {
            format!("{}:", pseudonym(user))
        } else {
            format!("{user}:{}", pseudonym(password))
        };
        return format!("{scheme} {}", STANDARD.encode(shown));
    }
    format!("{scheme} {}", pseudonym(credential))
}

/// Text of the same form: what a vendor puts before its keys stays (`sk_test_`, `xoxb-`).
fn pseudonym(secret: &str) -> String {
    let head: String = secret.chars().take(12).collect();
    let kept = head.rfind(['_', '-']).map_or(0, |at| at + 1);
    let (prefix, rest) = secret.split_at(kept);
    let letters = rest.chars().count().clamp(8, 64);
    format!("{prefix}{}", Dice::of(0, secret).text(BASE62, letters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_replaced_and_its_form_stays() {
        let shown = header(&AUTHORIZATION, "Bearer sk_test_4eC39HqLyjWDarjtT1zdp7dc");
        assert!(shown.starts_with("Bearer sk_test_") && !shown.contains("4eC39"), "{shown}");
        assert_eq!(shown.len(), "Bearer sk_test_4eC39HqLyjWDarjtT1zdp7dc".len());
        assert_eq!(shown, header(&AUTHORIZATION, "Bearer sk_test_4eC39HqLyjWDarjtT1zdp7dc"));
        let basic = format!("Basic {}", STANDARD.encode("AC1:secret"));
        let shown = header(&AUTHORIZATION, &basic);
        let pair = STANDARD.decode(shown.strip_prefix("Basic ").unwrap()).unwrap();
        assert!(pair.starts_with(b"AC1:") && !pair.ends_with(b"secret"));
        assert_eq!(query("a=1&api_key=k_1234567&b"), query("a=1&api_key=k_1234567&b"));
        assert!(!query("api_key=1234567890").contains("1234567890"));
    }
}
