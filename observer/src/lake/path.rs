//! Field paths as the lake's columns hold them: text that reads back to the same steps.

use models::{FieldPath, Step};

/// Writes steps as `/data/[]/owner/{}`, a query parameter as `/?name`; `~` and `/` of names are
/// escaped as in RFC 6901, and names that look like a step of another kind get `~2` in front.
pub fn encode(path: &FieldPath) -> String {
    let mut out = String::new();
    for step in &path.0 {
        out.push('/');
        match step {
            Step::Items => out.push_str("[]"),
            Step::Values => out.push_str("{}"),
            Step::Query(name) => {
                out.push('?');
                out.push_str(&models::escape(name));
            }
            Step::Field(name) => {
                if name.starts_with('?') || name == "[]" || name == "{}" {
                    out.push_str("~2");
                }
                out.push_str(&models::escape(name));
            }
        }
    }
    out
}

/// Reads what [`encode`] wrote.
pub fn decode(text: &str) -> FieldPath {
    let tokens = text.split('/').skip(1);
    FieldPath(tokens.map(step).collect())
}

fn step(token: &str) -> Step {
    let name = |escaped: &str| escaped.replace("~1", "/").replace("~0", "~");
    match token {
        "[]" => Step::Items,
        "{}" => Step::Values,
        _ => match (token.strip_prefix('?'), token.strip_prefix("~2")) {
            (Some(query), _) => Step::Query(name(query)),
            (_, Some(field)) => Step::Field(name(field)),
            _ => Step::Field(name(token)),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_path_reads_back_to_its_steps(names in proptest::collection::vec("[a~/?{}\\[\\]0-2]{0,5}", 0..4), kinds in proptest::collection::vec(0_u8..4, 4)) {
            let steps = names.into_iter().zip(kinds).map(|(name, kind)| match kind {
                0 => Step::Items,
                1 => Step::Values,
                2 => Step::Query(name),
                _ => Step::Field(name),
            });
            let path = FieldPath(steps.collect());
            prop_assert_eq!(decode(&encode(&path)), path);
        }
    }
}
