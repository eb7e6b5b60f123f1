//! Values as they stand in paths and queries.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What is escaped in a segment of a path: all but `pchar`.
///
/// # Source
///
/// RFC 3986 §3.3.
const SEGMENT: &AsciiSet = &UNRESERVED
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// What is escaped in a value of a query: all but the unreserved characters.
///
/// # Source
///
/// RFC 3986 §2.3.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is escaped in a path whose escapes are written already.
const WRITTEN: &AsciiSet = &SEGMENT.remove(b'%').remove(b'/');

/// A value as one segment of a collection's name, in which a slash parts no segments. All else stands as
/// it is: names are read by people, and written by those who load state.
pub(crate) fn segment(value: &str) -> Cow<'_, str> {
    if value.contains(['/', '%']) {
        Cow::Owned(value.replace('%', "%25").replace('/', "%2F"))
    } else {
        Cow::Borrowed(value)
    }
}

/// A value as one segment of an address.
pub(crate) fn in_path(value: &str) -> Cow<'_, str> {
    utf8_percent_encode(value, SEGMENT).into()
}

/// A value in the query of an address.
pub(crate) fn in_query(value: &str) -> Cow<'_, str> {
    utf8_percent_encode(value, UNRESERVED).into()
}

/// A path of a description in an address: what may not stand there is escaped, escapes stay.
pub(crate) fn written(path: &str) -> Cow<'_, str> {
    utf8_percent_encode(path, WRITTEN).into()
}

/// A segment or form part without its escapes (and with its `+`); what is no escape stands as it is.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    // Most have none.
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_escape_stands_as_it_is() {
        for (raw, decoded) in [("%zz", "%zz"), ("%", "%"), ("%e2%82%ac", "€"), ("%ff", "\u{fffd}")]
        {
            assert_eq!(decode(raw), decoded);
        }
    }

    #[test]
    fn what_people_read_is_escaped_no_further_than_it_must_be() {
        assert_eq!(segment("café 1"), "café 1");
        assert_eq!(segment("a/b%"), "a%2Fb%25");
        assert_eq!(in_path("a:b@c/é"), "a:b@c%2F%C3%A9");
        assert_eq!(written("/caf%C3%A9/ü"), "/caf%C3%A9/%C3%BC");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_value_comes_back_from_wherever_it_is_written(value in "\\PC{0,12}") {
            for escaped in [segment(&value), in_path(&value), in_query(&value)] {
                prop_assert!(!escaped.contains('/'));
                prop_assert_eq!(decode(&escaped), &*value);
            }
        }
    }
}
