//! What a secret looks like: the forms vendors give their keys, and plain entropy.

/// Whether `text`, a single token, is a credential or indistinguishable from one.
///
/// True for the forms of vendors' keys (`sk_live_…`, `ghp_…`, `xoxb-…`, JWT, PEM, AWS, …) and for
/// strings of high entropy that carry no id's prefix. Words, dates, UUIDs and prefixed ids such as
/// `cus_NffrFeUfNV2Hib` are not. Linear in the length, without allocation; most tokens are rejected
/// by their length and first byte.
pub fn is_secret(text: &str) -> bool {
    if text.len() < 16 || is_replacement(text) {
        return false;
    }
    vendor_prefix(text).is_some() || is_jwt(text) || has_client_secret(text) || is_opaque(text)
}

/// The part of a vendor's secret that says what it is and may stay; `None` if it is none.
///
/// # Source
///
/// The vendors' own pages on their keys; lengths are lower bounds, so that longer forms to come
/// are caught as well.
pub(super) fn vendor_prefix(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let first = *bytes.first()?;
    if text.starts_with("-----BEGIN ") {
        return Some("");
    }
    if first == b'a' && text.starts_with("access-") {
        return plaid_prefix(text);
    }
    if first == b'S' && is_twilio_key(bytes) {
        return Some("SK");
    }
    if first == b'r' && is_resend_key(text) {
        return Some("re_");
    }
    let form = FORMS.iter().find(|form| form.prefix.as_bytes()[0] == first && form.fits(text))?;
    Some(form.prefix)
}

/// One vendor's form: a prefix, then so many characters of its alphabet.
struct Form {
    prefix: &'static str,
    rest_min: usize,
    /// Punctuation the rest may hold beside letters and digits.
    punctuation: &'static [u8],
}

impl Form {
    fn fits(&self, text: &str) -> bool {
        text.strip_prefix(self.prefix).is_some_and(|rest| {
            rest.len() >= self.rest_min
                && rest.bytes().all(|b| b.is_ascii_alphanumeric() || self.punctuation.contains(&b))
        })
    }
}

const fn form(prefix: &'static str, rest_min: usize, punctuation: &'static [u8]) -> Form {
    Form { prefix, rest_min, punctuation }
}

/// Longer prefixes before the shorter ones they begin with.
const FORMS: &[Form] = &[
    form("sk_live_", 8, b"_"),
    form("sk_test_", 8, b"_"),
    form("sk-proj-", 16, b"_-"),
    form("sk-ant-", 16, b"_-"),
    form("sk-", 16, b"_-"),
    form("sk_", 12, b"_"),
    form("shpat_", 16, b""),
    form("shpss_", 16, b""),
    form("shpca_", 16, b""),
    form("shppa_", 16, b""),
    form("sq0atp-", 16, b"_-"),
    form("sq0csp-", 16, b"_-"),
    form("rk_live_", 8, b"_"),
    form("rk_test_", 8, b"_"),
    form("rk_", 12, b"_"),
    form("whsec_", 8, b"+/=_-"),
    form("ghp_", 16, b""),
    form("gho_", 16, b""),
    form("ghs_", 16, b"_.-"),
    form("ghu_", 16, b""),
    form("ghr_", 16, b""),
    form("github_pat_", 16, b"_"),
    form("glpat-", 16, b"_-."),
    form("xoxa-", 8, b"-"),
    form("xoxb-", 8, b"-"),
    form("xoxo-", 8, b"-"),
    form("xoxp-", 8, b"-"),
    form("xoxr-", 8, b"-"),
    form("xoxs-", 8, b"-"),
    form("xoxe-", 8, b"-"),
    form("xoxe.xoxp-", 8, b"-"),
    form("xoxe.xoxb-", 8, b"-"),
    form("xapp-", 8, b"-"),
    form("phx_", 16, b""),
    form("phc_", 16, b""),
    form("phs_", 16, b""),
    form("pat-", 16, b"-"),
    form("lin_api_", 16, b""),
    form("lin_oauth_", 16, b""),
    form("AKIA", 16, b""),
    form("ASIA", 16, b""),
    form("AIza", 30, b"_-"),
    form("SG.", 20, b"._-"),
    form("ya29.", 20, b"_-"),
    form("npm_", 20, b""),
    form("pypi-", 20, b"_-"),
    form("dop_v1_", 20, b""),
    form("hf_", 20, b""),
    form("key-", 32, b""),
];

/// Plaid: `access-sandbox-` and a UUID.
fn plaid_prefix(text: &str) -> Option<&str> {
    ["access-sandbox-", "access-production-", "access-development-"]
        .into_iter()
        .find(|prefix| text.len() >= prefix.len() + 32 && text.starts_with(prefix))
}

/// Twilio API keys: `SK` and 32 hexadecimal digits. Account sids (`AC…`) are ids, not secrets.
fn is_twilio_key(bytes: &[u8]) -> bool {
    bytes.len() == 34 && bytes.starts_with(b"SK") && bytes[2..].iter().all(u8::is_ascii_hexdigit)
}

/// Resend: `re_`, a short part, `_`, a long one. Stripe's refunds are `re_` without the second.
fn is_resend_key(text: &str) -> bool {
    let alphanumeric = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric());
    text.strip_prefix("re_").and_then(|rest| rest.split_once('_')).is_some_and(|(id, key)| {
        id.len() >= 6 && key.len() >= 16 && alphanumeric(id) && alphanumeric(key)
    })
}

/// Three base64url parts, the first of them a JSON object (`eyJ` is `{"`).
pub(super) fn is_jwt(text: &str) -> bool {
    if !text.starts_with("eyJ") {
        return false;
    }
    let mut parts = 0;
    for part in text.split('.') {
        parts += 1;
        let last_may_be_empty = parts == 3;
        if part.is_empty() && !last_may_be_empty
            || !part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'='))
        {
            return false;
        }
    }
    parts == 3 || parts == 5
}

/// Where the public id ends in Stripe's `pi_…_secret_…` and its likes.
pub(super) fn client_secret_split(text: &str) -> Option<usize> {
    if text.len() < 20 || memchr::memchr(b'_', text.as_bytes()).is_none() {
        return None;
    }
    let at = text.find("_secret_")? + "_secret_".len();
    let rest = &text[at..];
    let fits = rest.len() >= 8 && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (fits && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')).then_some(at)
}

fn has_client_secret(text: &str) -> bool {
    client_secret_split(text).is_some()
}

/// Bits a character below which a string reads like words.
///
/// # Source
///
/// The floor of common generic rules, 3.5; re-measured in `canaries`: no word list entry exceeds it
/// once digits are asked for as well.
const ENTROPY_MIN: f64 = 3.5;

/// A run of 20 characters or more that mixes letters and digits as no word does.
fn is_opaque(text: &str) -> bool {
    text.len() >= 20
        && text.bytes().all(super::coding::is_base64_byte)
        && super::lexer::prefix_length(text).is_none()
        && text.split(['-', '_', '=']).any(|run| {
            run.len() >= 20
                && digits(run) >= 3
                && digits(run) < run.len()
                && ENTROPY_MIN <= entropy(run)
        })
}

fn digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// Shannon entropy of the characters, bits each.
#[expect(clippy::cast_precision_loss, reason = "lengths of tokens, far below 2^52")]
fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let length = text.len() as f64;
    let bits: f64 =
        text.bytes().map(|b| -(f64::from(counts[usize::from(b)]) / length).log2()).sum();
    bits / length
}

/// What stands in a replaced secret, followed by 16 hexadecimal digits.
///
/// The hyphen keeps `sk_live_scrubbed-…` from looking like a key to the scanners of code hosts,
/// which would refuse a commit of recordings.
pub(super) const MARK: &str = "scrubbed-";

/// The same for secrets that are all hexadecimal digits.
pub(super) const HEX_MARK: &str = "5c0bbed0";

/// Whether `text` holds one of our replacements, so that scrubbing twice changes nothing.
pub(super) fn is_replacement(text: &str) -> bool {
    let marked = |mark: &str, digits: usize| {
        text.find(mark).is_some_and(|at| {
            let rest = &text.as_bytes()[at + mark.len()..];
            rest.len() >= digits && rest[..digits].iter().all(u8::is_ascii_hexdigit)
        })
    };
    marked(MARK, 16) || marked(HEX_MARK, 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_keys_are_secrets() {
        for secret in [
            concat!("sk_", "test_4eC39HqLyjWDarjtT1zdp7dc"),
            concat!("rk_", "live_51H8aaBBccDDeeFF"),
            concat!("whsec_", "5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH"),
            concat!("ghp_", "16C7e42F292c6912E7710c838347Ae178B4a"),
            concat!("github_", "pat_11ABCDEFG0abcdefghijkl_0123456789"),
            concat!("xoxb-", "2345678901-abcdefghij"),
            concat!("re_", "AbCdEf12_QwErTyUiOpAsDfGhJkLz"),
            concat!("phc_", "0123456789abcdefABCDEF0123456789abcdefABC"),
            concat!("lin_", "api_0123456789abcdefghijABCDEFGHIJ"),
            concat!("SK", "0123456789abcdef0123456789abcdef"),
            concat!("AKIA", "IOSFODNN7EXAMPLE"),
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
            concat!("access-", "sandbox-de3ce8ef-33f8-452c-a685-8671031fc0f6"),
            "pi_3MtwBwLkdIwHu7ix28a3tqPa_secret_YrKJUKribcBjcG8HVhfZluoGH",
        ] {
            assert!(is_secret(secret), "{secret}");
        }
    }

    #[test]
    fn words_dates_and_ids_are_no_secrets() {
        for word in [
            "customer.subscription.updated",
            "requires_payment_method",
            "AuthorizationDocuments",
            "2024-06-20T10:00:00Z",
            "cus_NffrFeUfNV2Hib",
            "re_3MmlLrLkdIwHu7ix0uke3Ezy",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "claude-3-5-sonnet-20241022",
            "internationalisation_of_words",
            "",
        ] {
            assert!(!is_secret(word), "{word}");
        }
    }
}
