//! Why an OpenAPI document could not be imported.

use serde_json::Value;

use super::at::{At, DEPTH_MAX, SCHEMAS_MAX};

/// Why an OpenAPI document could not be imported: which file, where in it, and what.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The gzip stream is damaged or ends early.
    #[error("{file}: not a whole gzip file")]
    Gzip {
        /// The file.
        file: String,
        /// What the decoder says.
        #[source]
        cause: std::io::Error,
    },

    /// Unpacked it is larger than any description.
    #[error("{file}: larger than {bytes_max} bytes when unpacked")]
    TooLarge {
        /// The file.
        file: String,
        /// The most that is read.
        bytes_max: u64,
    },

    /// The bytes are not UTF-8 text.
    #[error("{file}: not UTF-8 text, from byte {offset} on")]
    NotText {
        /// The file.
        file: String,
        /// The first byte that is not.
        offset: usize,
    },

    /// Neither JSON nor YAML.
    #[error("{file}:{line}:{column}: not valid {language}: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// `JSON` where the text starts with a brace, else `YAML`.
        language: &'static str,
        /// What the parser says.
        message: String,
    },

    /// A description of another kind.
    #[error("{file} is {found}; WonderTwin reads OpenAPI 3.0 and 3.1{hint}")]
    OtherFormat {
        /// The file.
        file: String,
        /// What it is, with its article and version.
        found: String,
        /// What to do about it, from the dash on; empty where nothing is known.
        hint: &'static str,
    },

    /// A part without which there is no description.
    #[error("{file}: has no `{member}`, which an OpenAPI document must have")]
    Missing {
        /// The file.
        file: String,
        /// The member of the root.
        member: &'static str,
    },

    /// A value of the wrong kind.
    #[error("{file}: `{pointer}` should be {expected}, found {found}")]
    WrongKind {
        /// The file.
        file: String,
        /// Where.
        pointer: String,
        /// What belongs there.
        expected: String,
        /// What stands there.
        found: String,
    },

    /// A reference to nothing.
    #[error("{file}: `{pointer}` refers to `{target}`, which is not in the document")]
    UnresolvedReference {
        /// The file.
        file: String,
        /// Where the reference stands.
        pointer: String,
        /// Its text.
        target: String,
    },

    /// A reference to a reference to itself.
    #[error("{file}: `{pointer}` refers to `{target}`, which leads back to itself")]
    CircularReference {
        /// The file.
        file: String,
        /// Where the reference stands.
        pointer: String,
        /// Its text.
        target: String,
    },

    /// A reference into another file.
    #[error(
        "{file}: `{pointer}` refers to `{target}` in another file, which is not supported; \
         bundle the description into one file first"
    )]
    ExternalReference {
        /// The file.
        file: String,
        /// Where the reference stands.
        pointer: String,
        /// Its text.
        target: String,
    },

    /// Nested too deeply to be read safely.
    #[error("{file}: `{pointer}` is nested deeper than {DEPTH_MAX} levels")]
    TooDeep {
        /// The file.
        file: String,
        /// The first place too deep.
        pointer: String,
    },

    /// More schemas within one another than a model can hold.
    #[error("{file}: `{pointer}` is a schema within more than {SCHEMAS_MAX} others")]
    SchemaTooDeep {
        /// The file.
        file: String,
        /// The first schema too deep.
        pointer: String,
    },
}

impl ImportError {
    /// A value that is not what belongs at its place.
    pub(super) fn wrong_kind(file: &str, at: &At<'_>, expected: &str, value: &Value) -> Self {
        Self::WrongKind {
            file: file.to_owned(),
            pointer: at.to_string(),
            expected: expected.to_owned(),
            found: describe(value),
        }
    }
}

/// A value in a few words: small scalars as they are, others by kind.
fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) if text.chars().count() <= 60 => format!("{value}"),
        Value::String(_) => "a long text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
