//! `scrub.toml`: what the names of one vendor's fields say of their values.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::keys::{self, Position, Rule};
use crate::toml_file::{self, TomlError};

/// Names that speak for their values, beyond those that do at every vendor.
///
/// A name is a field's, a header's or a parameter's, `reference`, or its path's end from the outside
/// inwards, `station.name`; spelling in camel case, dashes or capitals makes no difference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    secret: Vec<Vec<String>>,
    plain: Vec<Vec<String>>,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    secret: Vec<String>,
    #[serde(default)]
    plain: Vec<String>,
}

/// What is wrong with a `scrub.toml`, and what to write instead.
#[derive(Debug, thiserror::Error)]
pub enum NamesError {
    /// It says nothing.
    #[error(transparent)]
    Toml(#[from] TomlError),
    /// A name is none, or is in both lists.
    #[error("{}, `{list}`: {message}", .path.display())]
    Name {
        /// The file.
        path: PathBuf,
        /// `secret` or `plain`.
        list: &'static str,
        /// What and what instead.
        message: String,
    },
}

impl Names {
    /// Reads the file; no names where there is none.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, has another field than `secret` and `plain`, or a name that is empty
    /// or in both.
    pub fn read(path: &Path) -> Result<Names, NamesError> {
        match toml_file::read(path) {
            Ok(document) => Names::of(&document, path),
            Err(TomlError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                Ok(Names::default())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn of(document: &Document, path: &Path) -> Result<Names, NamesError> {
        let fault = |list, message| NamesError::Name { path: path.to_owned(), list, message };
        let steps = |list, names: &[String]| -> Result<Vec<Vec<String>>, NamesError> {
            names.iter().map(|name| steps(name).map_err(|message| fault(list, message))).collect()
        };
        let names = Names {
            secret: steps("secret", &document.secret)?,
            plain: steps("plain", &document.plain)?,
        };
        match names.plain.iter().find(|name| names.secret.contains(name)) {
            Some(both) => Err(fault(
                "plain",
                format!("`{}` is in `secret` too: leave it in one of them", both.join(".")),
            )),
            None => Ok(names),
        }
    }

    /// Whether the name alone says that a body's value there is a secret or somebody's: what recordings
    /// hold in its place is made up, and its words are no vocabulary of the vendor's.
    pub fn is_withheld(&self, path: &[&str]) -> bool {
        self.rule(path, Position::Body, false) != Rule::Value
    }

    /// The rule for the last of `path`: of the file, else of [`keys::rule`].
    pub(super) fn rule(&self, path: &[&str], position: Position, person: bool) -> Rule {
        if is_named(&self.secret, path) {
            Rule::Secret
        } else if is_named(&self.plain, path) {
            Rule::Value
        } else {
            keys::rule(path, position, person)
        }
    }
}

/// A name's steps in the spelling they are compared in.
fn steps(name: &str) -> Result<Vec<String>, String> {
    let steps: Vec<String> = name.replace("[]", "").split('.').map(keys::normalise).collect();
    if steps.iter().any(String::is_empty) {
        return Err(format!("`{name}` is no name: write one as \"reference\" or \"station.name\""));
    }
    Ok(steps)
}

/// Whether `path` ends in one of `names`.
fn is_named(names: &[Vec<String>], path: &[&str]) -> bool {
    names.iter().any(|name| {
        name.len() <= path.len()
            && name
                .iter()
                .rev()
                .zip(path.iter().rev())
                .all(|(name, step)| *name == keys::normalise(step))
    })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::exchange::{Direction, RawBody, RawExchange};
    use crate::scrub::Scrubber;

    fn read(text: &str) -> Result<Names, NamesError> {
        let path = Path::new("scrub.toml");
        Names::of(&toml_file::parse(text, path)?, path)
    }

    fn names(text: &str) -> Names {
        read(text).unwrap()
    }

    fn fault(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    fn scrubbed(names: Names) -> RawExchange<'static> {
        let json =
            r#"{"crmNote":"likes tea","station":{"last_name":"Harbour"},"rows":[{"note":"x y"}]}"#;
        Scrubber::new([7; 32]).with_names(names).scrub(RawExchange {
            direction: Direction::Call,
            seen_at_us: 0,
            latency_us: 0,
            method: "POST".into(),
            url: "https://api.example.com/v1/trips?crm_note=likes+coffee&sort=asc".into(),
            request_headers: vec![("X-Crm-Note".into(), "on holiday".into())],
            request_body: Some(RawBody {
                media_type: "application/x-www-form-urlencoded".into(),
                bytes: Cow::Borrowed(b"crm-note=ask+first&colour=red"),
                truncated: false,
            }),
            status: 200,
            response_headers: vec![],
            response_body: Some(RawBody {
                media_type: "application/json".into(),
                bytes: Cow::Borrowed(json.as_bytes()),
                truncated: false,
            }),
        })
    }

    #[test]
    fn a_name_called_secret_is_replaced_in_every_position() {
        let one = scrubbed(names("secret = [\"crm_note\", \"x_crm_note\", \"rows[].note\"]"));
        let bodies = [&one.request_body, &one.response_body].map(|body| body.as_ref().unwrap());
        let text = bodies.map(|body| String::from_utf8_lossy(&body.bytes).into_owned()).concat();
        let text = format!("{text}{}{:?}", one.url, one.request_headers);
        for gone in ["likes", "holiday", "ask", "x y"] {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
        assert!(text.contains("sort=asc") && text.contains("crmNote"), "{text}");
    }

    #[test]
    fn a_name_called_plain_no_longer_speaks_for_its_value() {
        let body = |names| {
            let body = scrubbed(names).response_body.unwrap();
            String::from_utf8(body.bytes.into_owned()).unwrap()
        };
        assert!(!body(Names::default()).contains("Harbour"));
        assert!(body(names("plain = [\"station.last_name\"]")).contains("Harbour"));
        assert!(!body(names("plain = [\"crew.last_name\"]")).contains("Harbour"));
    }

    #[test]
    fn what_is_withheld_follows_the_file() {
        let names = names("secret = [\"fare_class\"]\nplain = [\"station.last_name\"]");
        assert!(
            names.is_withheld(&["trip", "fareClass"]) && !names.is_withheld(&["trip", "class"])
        );
        assert!(!names.is_withheld(&["station", "last_name"]) && names.is_withheld(&["last_name"]));
    }

    #[test]
    fn a_file_that_is_none_says_where_and_what_instead() {
        assert!(
            fault("secret = [\"a\"]\nkeep = [\"b\"]")
                .starts_with("scrub.toml, line 2: unknown field `keep`")
        );
        assert_eq!(
            fault("secret = [\"a..b\"]"),
            "scrub.toml, `secret`: `a..b` is no name: write one as \"reference\" or \"station.name\""
        );
        assert_eq!(
            fault("secret = [\"A-b\"]\nplain = [\"a_b\"]"),
            "scrub.toml, `plain`: `a_b` is in `secret` too: leave it in one of them"
        );
    }
}
