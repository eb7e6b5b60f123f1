//! The body of a form.

use std::collections::BTreeMap;

/// Fields of a form by name, each with its values in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Form(BTreeMap<String, Vec<String>>);

impl Form {
    /// Reads `application/x-www-form-urlencoded`; whatever bytes there are, they read as something.
    pub(super) fn read(body: &[u8]) -> Self {
        let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(body) {
            fields.entry(name.into_owned()).or_default().push(value.into_owned());
        }
        Self(fields)
    }

    /// The first value of a field, trimmed; empty where there is none.
    pub(super) fn one(&self, name: &str) -> &str {
        self.0.get(name).and_then(|values| values.first()).map_or("", |value| value.trim())
    }

    /// How many values a field has.
    pub(super) fn count(&self, name: &str) -> usize {
        self.0.get(name).map_or(0, Vec::len)
    }

    /// All words of all values of a field.
    pub(super) fn words(&self, name: &str) -> Vec<String> {
        let values = self.0.get(name).into_iter().flatten();
        values.flat_map(|value| value.split_whitespace()).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_may_come_several_times_and_hold_several_words() {
        let form = Form::read(b"finding=aa+bb&finding=cc&by=+Ada%20L.+&x=%ff");
        assert_eq!(form.words("finding"), ["aa", "bb", "cc"]);
        assert_eq!(form.one("by"), "Ada L.");
        assert_eq!((form.count("finding"), form.count("none")), (2, 0));
        assert_eq!(form.one("none"), "");
        assert_eq!(Form::read(b""), Form::default());
    }
}
