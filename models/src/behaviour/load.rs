//! A twin's behaviour documents, read from its folder.

use std::io::ErrorKind;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::{Chaos, TwinDocument};

/// What stands beside a twin's model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Behaviour {
    /// `twin.json`.
    pub document: TwinDocument,
    /// `chaos.yaml`.
    pub chaos: Chaos,
}

/// Why a behaviour document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BehaviourError {
    /// It cannot be read.
    #[error("{file}: cannot be read")]
    Read {
        /// The document.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not what it should be.
    #[error("{file}: {problem}")]
    Invalid {
        /// The document.
        file: String,
        /// The field and what is wrong with it.
        problem: String,
    },
}

impl Behaviour {
    /// Reads the documents of a twin's folder; one that is not there says nothing.
    ///
    /// # Errors
    ///
    /// Where a document cannot be read or says what it cannot: file and field are named.
    pub fn load(folder: &Path) -> Result<Self, BehaviourError> {
        let read = |name: &str| {
            let path = folder.join(name);
            match std::fs::read_to_string(&path) {
                Ok(text) => Ok(Some((path.display().to_string(), text))),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(source) => {
                    Err(BehaviourError::Read { file: path.display().to_string(), source })
                }
            }
        };
        let document = match read("twin.json")? {
            Some((file, text)) => document(&text, &file)?,
            None => TwinDocument::default(),
        };
        let chaos = match read("chaos.yaml")? {
            Some((file, text)) => chaos(&text, &file)?,
            None => Chaos::default(),
        };
        Ok(Self { document, chaos })
    }
}

/// Reads `twin.json`; `file` is for messages.
///
/// # Errors
///
/// Where it is no such document: the field is named.
pub fn document(text: &str, file: &str) -> Result<TwinDocument, BehaviourError> {
    let document: TwinDocument = typed(&mut serde_json::Deserializer::from_str(text), file)?;
    checked(document.problem(), file)?;
    Ok(document)
}

fn chaos(text: &str, file: &str) -> Result<Chaos, BehaviourError> {
    let chaos: Chaos = typed(serde_norway::Deserializer::from_str(text), file)?;
    checked(chaos.problem(), file)?;
    Ok(chaos)
}

fn typed<'de, T: DeserializeOwned, D: serde::Deserializer<'de>>(
    deserializer: D,
    file: &str,
) -> Result<T, BehaviourError>
where
    D::Error: std::fmt::Display,
{
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let problem = match error.path().to_string().as_str() {
            "." => error.inner().to_string(),
            path => format!("`{path}`: {}", error.inner()),
        };
        BehaviourError::Invalid { file: file.to_owned(), problem }
    })
}

fn checked(problem: Option<String>, file: &str) -> Result<(), BehaviourError> {
    problem
        .map_or(Ok(()), |problem| Err(BehaviourError::Invalid { file: file.to_owned(), problem }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_field_is_named_with_its_file() {
        let error = document(r#"{"auth": {"credentials": [{"place": "cookie"}]}}"#, "t/twin.json");
        let told = error.unwrap_err().to_string();
        assert!(
            told.starts_with("t/twin.json: `auth.credentials[0].place`: unknown variant"),
            "{told}"
        );
        let told = chaos("chaos_modes:\n  latency: {default_probability: 2}\n", "chaos.yaml");
        assert!(told.unwrap_err().to_string().contains("between 0 and 1"));
    }
}
