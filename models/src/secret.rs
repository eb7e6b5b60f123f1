//! Secrets that are compared.

use subtle::ConstantTimeEq as _;

/// Whether two are the same, found out in a time that does not tell where they differ.
pub fn is_same_secret(one: impl AsRef<[u8]>, other: impl AsRef<[u8]>) -> bool {
    one.as_ref().ct_eq(other.as_ref()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_the_same_to_the_last_byte() {
        assert!(is_same_secret("abc", "abc") && is_same_secret("", ""));
        assert!(!is_same_secret("abc", "abd") && !is_same_secret("abc", "ab"));
        assert!(!is_same_secret("", "a"));
    }
}
