//! The classes of identifiers that their form alone gives away.

/// What kind of identifier a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Uuid,
    Ulid,
    Ksuid,
    /// 24 hexadecimal digits, seconds first.
    ObjectId,
    /// Two capitals and 32 hexadecimal digits (Twilio).
    Sid,
    /// A word or two, an underscore, letters and digits: `cus_NffrFeUfNV2Hib`.
    Prefixed,
    Hex,
    /// Letters and digits mixed as no word does.
    Opaque,
}

/// The class of a token; `None` for words, numbers, dates and versions.
///
/// # Source
///
/// The lexer of the project's inference notes, section 2, without the classes that only a path can
/// hold. A run of decimal digits is left alone: a number in a body and the same number in a path
/// would otherwise part.
pub(super) fn class(token: &str) -> Option<Class> {
    let bytes = token.as_bytes();
    if bytes.len() < 8 || !bytes.iter().all(|b| super::coding::is_base64_byte(*b)) {
        return None;
    }
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = bytes.iter().filter(|b| b.is_ascii_alphabetic()).count();
    if digits == 0 && !has_mixed_tail(token) || letters == 0 {
        return if is_uuid(bytes) { Some(Class::Uuid) } else { None };
    }
    if is_uuid(bytes) {
        Some(Class::Uuid)
    } else if is_ulid(bytes) {
        Some(Class::Ulid)
    } else if is_sid(bytes) {
        Some(Class::Sid)
    } else if is_hex(bytes) {
        Some(if bytes.len() == 24 { Class::ObjectId } else { Class::Hex })
    } else if prefix_length(token).is_some() {
        Some(Class::Prefixed)
    } else if is_ksuid(bytes, digits) {
        Some(Class::Ksuid)
    } else if is_opaque(token, digits) {
        Some(Class::Opaque)
    } else {
        None
    }
}

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_ulid(bytes: &[u8]) -> bool {
    let crockford = |b: &u8| b.is_ascii_digit() || b.is_ascii_uppercase() && !b"ILOU".contains(b);
    bytes.len() == 26 && bytes[0] <= b'7' && bytes.iter().all(crockford)
}

fn is_sid(bytes: &[u8]) -> bool {
    bytes.len() == 34
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes[2..].iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b))
}

/// One case only; a digit has been asked for by the caller.
fn is_hex(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_hexdigit)
        && !(bytes.iter().any(u8::is_ascii_lowercase) && bytes.iter().any(u8::is_ascii_uppercase))
        && bytes.iter().any(u8::is_ascii_digit)
}

fn is_ksuid(bytes: &[u8], digits: usize) -> bool {
    bytes.len() == 27 && bytes.iter().all(u8::is_ascii_alphanumeric) && 2 <= digits
}

/// How much of a prefixed id is prefix, its underscore included: 4 for `cus_NffrFeUfNV2Hib`.
///
/// What follows must hold a digit or mix its cases, or words such as `account_insights` were ids.
pub(super) fn prefix_length(token: &str) -> Option<usize> {
    let at = token.rfind('_')?;
    let (prefix, rest) = (&token[..at], &token[at + 1..]);
    let word = prefix.strip_suffix("_test").or(prefix.strip_suffix("_live")).unwrap_or(prefix);
    let prefix_fits =
        (2..=10).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphabetic());
    let rest_fits = 8 <= rest.len()
        && rest.bytes().all(|b| b.is_ascii_alphanumeric())
        && (rest.bytes().any(|b| b.is_ascii_digit()) || has_mixed_tail(rest));
    (prefix_fits && rest_fits).then_some(at + 1)
}

/// Both cases after the last underscore, the first letter apart: `Hello` is a word.
fn has_mixed_tail(token: &str) -> bool {
    let tail = token.rsplit('_').next().unwrap_or(token).as_bytes();
    tail.iter().skip(1).any(u8::is_ascii_lowercase)
        && tail.iter().skip(1).filter(|b| b.is_ascii_uppercase()).count() >= 2
        && token.contains('_')
}

/// Sixteen characters or more with three digits, and ten in a row between hyphens, so that slugs
/// with a date in them stay readable.
fn is_opaque(token: &str, digits: usize) -> bool {
    let run_fits = |run: &str| {
        10 <= run.len()
            && run.bytes().filter(u8::is_ascii_digit).count() >= 3
            && run.bytes().any(|b| b.is_ascii_alphabetic())
            && !is_numbered_word(run)
    };
    16 <= token.len()
        && 3 <= digits
        && token.split(['-', '_', '/', '=', '+']).any(run_fits)
        && (!token.contains(['/', '+']) || is_standard_base64(token))
}

/// `Repository188190382`: what global ids of GraphQL decode to.
fn is_numbered_word(run: &str) -> bool {
    let number = run.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    number.bytes().all(|b| b.is_ascii_digit())
}

/// Told from a path: whole groups of four, both cases, and no lower-case word between slashes.
fn is_standard_base64(token: &str) -> bool {
    let is_word = |part: &str| 3 <= part.len() && part.bytes().all(|b| b.is_ascii_lowercase());
    token.len().is_multiple_of(4)
        && !token.starts_with('/')
        && !token.contains(['-', '_'])
        && token.bytes().any(|b| b.is_ascii_uppercase())
        && token.bytes().any(|b| b.is_ascii_lowercase())
        && !token.split('/').any(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_a_class_and_words_none() {
        for (token, expected) in [
            ("f81d4fae-7dec-11d0-a765-00a0c91e6bf6", Some(Class::Uuid)),
            ("01ARZ3NDEKTSV4RRFFQ69G5FAV", Some(Class::Ulid)),
            ("507f1f77bcf86cd799439011", Some(Class::ObjectId)),
            ("AC0123456789abcdef0123456789abcdef", Some(Class::Sid)),
            ("cus_NffrFeUfNV2Hib", Some(Class::Prefixed)),
            ("pk_test_TYooMQauvdEDq54NiTphI7jx", Some(Class::Prefixed)),
            ("0ujsswThIGTUYm2K8FjOOfXtY1K", Some(Class::Ksuid)),
            ("9f86d081884c7d65", Some(Class::Hex)),
            ("T9uQ8xkLm2Zr4Vb7Yc", Some(Class::Opaque)),
            ("account_insights", None),
            ("requires_payment_method", None),
            ("AuthorizationDocuments", None),
            ("claude-3-5-sonnet-20241022", None),
            ("2024-06-20", None),
            ("1700000000", None),
            ("price_starter_monthly", None),
            ("customer.created", None),
        ] {
            assert_eq!(class(token), expected, "{token}");
        }
    }
}
