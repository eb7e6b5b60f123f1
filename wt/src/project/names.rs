//! Names of twins.

use anyhow::ensure;
use twins::catalog::Entry;

/// Ports that SDKs and examples expect a vendor's twin at, beside those of the catalog.
///
/// # Source
///
/// The published twins' defaults.
const VENDOR_PORTS: [(&str, u16); 4] =
    [("clerk", 4115), ("logodev", 4116), ("smile", 8087), ("loyaltylion", 8090)];

/// Whether a twin can be called so; names are folders and parts of URLs.
pub(crate) fn check_name(name: &str) -> anyhow::Result<()> {
    let mut chars = name.chars();
    let is_name = chars.next().is_some_and(|first| first.is_ascii_lowercase())
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    ensure!(
        is_name,
        "`{name}` is no name of a twin: lower-case letters, digits and dashes, a letter first"
    );
    Ok(())
}

/// The port a vendor's twin has unless the project says otherwise.
pub(crate) fn vendor_port(name: &str) -> Option<u16> {
    let listed = VENDOR_PORTS.iter().find(|(vendor, _)| *vendor == name).map(|(_, port)| *port);
    listed.or_else(|| Entry::named(name).map(|entry| entry.port))
}

/// The name most like the one given, if it could have been meant.
pub(super) fn nearest<'n>(name: &str, names: &'n [String]) -> Option<&'n str> {
    let (distance, nearest) =
        names.iter().map(|one| (distance(name, one), one)).min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + name.chars().count() / 4).then_some(nearest)
}

/// Letters to change, add or leave out to make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_as_folders_and_in_urls() {
        for good in ["a", "stripe", "logodev2", "my-api"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "Stripe", "2checkout", "a_b", "../a", "a/b", "-a", "é"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        let names = ["stripe".to_owned(), "twilio".to_owned()];
        assert_eq!(nearest("strip", &names), Some("stripe"));
        assert_eq!(nearest("stirpe", &names), Some("stripe"));
        assert_eq!(nearest("slack", &names), None);
    }
}
