//! Media types as keys.

/// What stands where a media type is not written.
pub(super) const JSON: &str = "application/json";

/// Lower case, without parameters: `application/json; charset=utf-8` is `application/json`.
pub(super) fn bare(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The main one of several: JSON, then what is JSON by its suffix, then in order of name.
pub(super) fn main<'k>(media_types: impl Iterator<Item = &'k String>) -> Option<&'k String> {
    media_types.min_by_key(|media_type| {
        let rank = match media_type.as_str() {
            JSON => 0,
            other if other.ends_with("+json") || other.ends_with("/json") => 1,
            _ => 2,
        };
        (rank, media_type.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_comes_first_among_media_types() {
        let types = ["application/pdf", "application/hal+json", "application/json"]
            .map(str::to_owned)
            .to_vec();
        assert_eq!(main(types.iter()).unwrap(), "application/json");
        assert_eq!(main(types[..2].iter()).unwrap(), "application/hal+json");
        assert_eq!(bare("Application/JSON; charset=utf-8"), "application/json");
    }
}
