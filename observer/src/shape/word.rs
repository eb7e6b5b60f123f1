//! Which short texts may be vocabulary: enum tokens and field names.

use models::templates::lex;

use crate::scrub;

/// Longest text that can be a token, bytes.
pub(crate) const TOKEN_BYTES_MAX: usize = 48;

/// Whether a string can be a value of a closed vocabulary (`requires_action`, `us-east-1`,
/// `image/png`, `IMPORT_PLEASE_REPLACE`), rather than an id, a name or a sentence.
///
/// Letters, digits and `_ - . : / +`; no blank; few digits, in at most two runs, and few changes of
/// case: ids have many.
pub(crate) fn is_token(text: &[u8]) -> bool {
    if text.is_empty() || text.len() > TOKEN_BYTES_MAX {
        return false;
    }
    let (mut digits, mut letters, mut runs, mut humps, mut previous) = (0, 0, 0, 0, 0_u8);
    for &byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {
                letters += 1;
                humps += u32::from(previous.is_ascii_lowercase() && byte.is_ascii_uppercase());
            }
            b'0'..=b'9' => {
                digits += 1;
                runs += u32::from(!previous.is_ascii_digit());
            }
            b'_' | b'-' | b'.' | b':' | b'/' | b'+' | b'*' | b'#' => {}
            _ => return false,
        }
        previous = byte;
    }
    letters > 0 && digits <= 6 && digits <= letters + 2 && runs <= 2 && humps <= 4
}

/// Whether a path segment can be wording: as a token, or a longer name in the usual joints.
pub(crate) fn is_wording(segment: &[u8]) -> bool {
    let plain =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    is_token(segment)
        || (segment.len() <= 64
            && segment.iter().all(plain)
            && segment.iter().filter(|b| b.is_ascii_digit()).count() <= 2)
}

/// Whether an object's key can be a field name and may stand in the lake: an identifier in any
/// of the usual spellings, and not an id, a number, an address or a sentence.
pub(crate) fn is_field_name(key: &[u8]) -> bool {
    if key.is_empty() || key.len() > 80 {
        return false;
    }
    let head = key[0].is_ascii_alphabetic() || matches!(key[0], b'_' | b'$' | b'@' | b'+' | b'-');
    let body = key.iter().all(|byte| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'_' | b'-' | b'.' | b'$' | b':' | b'+' | b'/' | b'@')
    });
    let digits = key.iter().filter(|byte| byte.is_ascii_digit()).count();
    head && body && digits <= 4 && !is_address(key) && !is_telling(key)
}

fn is_address(key: &[u8]) -> bool {
    matches!(
        super::text::class_of(key),
        models::Class::Email | models::Class::Uri | models::Class::Uuid
    )
}

/// Whether a text says by its form alone that it is a secret, somebody's, or an id: none may stand in
/// the lake, however many show it and wherever they do.
pub(crate) fn is_telling(text: &[u8]) -> bool {
    use models::templates::SegmentClass as Is;
    let Ok(text) = std::str::from_utf8(text) else { return true };
    scrub::is_secret(text)
        || scrub::is_personal(text)
        || matches!(
            lex(text, 1),
            Is::Prefixed | Is::Token | Is::Uuid | Is::Hex | Is::Email | Is::Phone
        )
}

/// Names of objects whose keys users choose.
///
/// # Source
///
/// INFERENCE §1, "user-named bags".
pub(crate) fn is_bag_name(key: &str) -> bool {
    const BAGS: [&str; 7] = [
        "metadata",
        "properties",
        "custom_fields",
        "labels",
        "tags",
        "attributes",
        "custom_attributes",
    ];
    BAGS.contains(&key) || key.ends_with("_by_id")
}

/// Whether a key names the object it stands in or another one: its values are identifiers.
pub(crate) fn is_id_name(key: &str) -> bool {
    const NAMES: [&str; 12] = [
        "id",
        "sid",
        "uuid",
        "guid",
        "gid",
        "key",
        "slug",
        "login",
        "name",
        "number",
        "full_name",
        "handle",
    ];
    NAMES.contains(&key)
        || key.ends_with("_id")
        || key.ends_with("_sid")
        || (key.len() > 2 && (key.ends_with("Id") || key.ends_with("Sid")))
        || key == "url"
        || key.ends_with("_url")
}

/// Whether a key at the top of a body is the identity of the object the body shows.
pub(crate) fn is_own_id_name(key: &str) -> bool {
    matches!(key, "id" | "sid" | "uuid" | "guid" | "gid" | "_id" | "Id" | "ID")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vocabulary_is_told_from_ids_and_prose() {
        for token in [
            "active",
            "requires_action",
            "us-east-1",
            "IMPORT_PLEASE_REPLACE",
            "image/png",
            "v1.0",
            "camelCaseWord",
            "opt_in",
            "a2p",
        ] {
            assert!(is_token(token.as_bytes()), "{token}");
        }
        for other in [
            "",
            "two words",
            "cus_9Y4WK0ZaJkmQnm",
            "4111111111111111",
            "882012611357",
            "x786nancmvuqiku6roe7",
            "a@b.co",
            "é",
            "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        ] {
            assert!(!is_token(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn field_names_are_told_from_map_keys() {
        for key in [
            "id",
            "card_present",
            "lastEvent",
            "@type",
            "x-request-id",
            "address_line1",
            "_links",
            "Configuration.Filters",
            "+1",
            "-1",
        ] {
            assert!(is_field_name(key.as_bytes()), "{key}");
        }
        for key in [
            "",
            "Lena Patel",
            "lena@example.com",
            "882012611357",
            "2026-08-21",
            "https://x.y/z",
            "12",
        ] {
            assert!(!is_field_name(key.as_bytes()), "{key}");
        }
    }
}
