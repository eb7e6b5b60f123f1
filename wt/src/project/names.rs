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
}
