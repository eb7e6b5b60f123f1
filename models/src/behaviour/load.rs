//! A twin's behaviour documents, read from its folder.

use std::io::ErrorKind;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::{Chaos, Machines, Routes, Scripts, TwinDocument};

/// What stands beside a twin's model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Behaviour {
    /// `twin.json`.
    pub document: TwinDocument,
    /// `chaos.yaml`.
    pub chaos: Chaos,
    /// `routes.yaml`.
    pub routes: Routes,
    /// `state-machine.yaml`.
    pub machines: Machines,
    /// `lua/`.
    pub scripts: Scripts,
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
        Self::read(read, Scripts::load(folder)?)
    }

    /// The documents of a twin whose files are at hand, by their paths in its folder; `place` is
    /// for messages. Files that are none of its documents are passed over.
    ///
    /// # Errors
    ///
    /// As [`Behaviour::load`].
    pub fn of_files(files: &[(&str, &str)], place: &str) -> Result<Self, BehaviourError> {
        let scripts = Scripts::of_files(files);
        let read = |name: &str| {
            let file = files.iter().find(|(path, _)| *path == name);
            Ok(file.map(|(path, text)| (format!("{place}/{path}"), (*text).to_owned())))
        };
        Self::read(read, scripts)
    }

    fn read(
        read: impl Fn(&str) -> Result<Option<(String, String)>, BehaviourError>,
        scripts: Scripts,
    ) -> Result<Self, BehaviourError> {
        let document = match read("twin.json")? {
            Some((file, text)) => document(&text, &file)?,
            None => TwinDocument::default(),
        };
        let chaos = match read("chaos.yaml")? {
            Some((file, text)) => chaos(&text, &file)?,
            None => Chaos::default(),
        };
        let routes = match read("routes.yaml")? {
            Some((file, text)) => routes(&text, &file)?,
            None => Routes::default(),
        };
        let machines = match read("state-machine.yaml")? {
            Some((file, text)) => {
                let machines: Machines = yaml(&text, &file)?;
                checked(machines.problem(), &file)?;
                machines
            }
            None => Machines::default(),
        };
        Ok(Self { document, chaos, routes, machines, scripts })
    }
}

fn document(text: &str, file: &str) -> Result<TwinDocument, BehaviourError> {
    let invalid = |problem: String| BehaviourError::Invalid { file: file.to_owned(), problem };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let document: TwinDocument =
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            invalid(match error.path().to_string().as_str() {
                "." => error.inner().to_string(),
                path => format!("`{path}`: {}", error.inner()),
            })
        })?;
    deserializer.end().map_err(|error| invalid(error.to_string()))?;
    checked(document.problem(), file)?;
    Ok(document)
}

fn chaos(text: &str, file: &str) -> Result<Chaos, BehaviourError> {
    let chaos: Chaos = yaml(text, file)?;
    checked(chaos.problem(), file)?;
    Ok(chaos)
}

fn routes(text: &str, file: &str) -> Result<Routes, BehaviourError> {
    let routes: Routes = yaml(text, file)?;
    checked(routes.problem(), file)?;
    Ok(routes)
}

fn yaml<T: DeserializeOwned>(text: &str, file: &str) -> Result<T, BehaviourError> {
    // Its message names the place by itself.
    serde_norway::from_str(text).map_err(|error| BehaviourError::Invalid {
        file: file.to_owned(),
        problem: error.to_string(),
    })
}

fn checked(problem: Option<String>, file: &str) -> Result<(), BehaviourError> {
    problem
        .map_or(Ok(()), |problem| Err(BehaviourError::Invalid { file: file.to_owned(), problem }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behaviour::Mode;

    fn folder(name: &str, text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        folder
    }

    #[test]
    fn the_published_chaos_file_is_read() {
        let text = "\
chaos_modes:
  latency:
    description: slow answers
    config: {min_ms: 100, max_ms: 5000, distribution: normal}
    default_probability: 0.0
  error_429:
    config:
      retry_after_seconds: 30
      headers: {Retry-After: '30'}
  partial_response: {config: {truncate_at_percent: 50}, default_probability: 0.1}
";
        let chaos = Behaviour::load(folder("chaos.yaml", text).path()).unwrap().chaos;
        assert_eq!(chaos.chaos_modes.len(), 3);
        assert_eq!(chaos.chaos_modes[&Mode::Error429].config.headers["Retry-After"], "30");
    }

    #[test]
    fn what_is_wrong_is_told_with_file_and_field() {
        let told = |name: &str, text: &str| {
            let folder = folder(name, text);
            let why = Behaviour::load(folder.path()).unwrap_err().to_string();
            why.replace(folder.path().to_str().unwrap(), "")
        };
        for (name, text, why) in [
            (
                "twin.json",
                r#"{"webhooks": {"retry": {"delay": 1}}}"#,
                "/twin.json: `webhooks.retry",
            ),
            (
                "twin.json",
                r#"{"webhooks": {"knobs": {"duplicate": 2}}}"#,
                "/twin.json: `webhooks`: `knobs`: `duplicate` is 2, not between 0 and 1",
            ),
            (
                "twin.json",
                r#"{"auth": {"credentials": [{"place": "cookie"}]}}"#,
                "/twin.json: `auth.credentials[0].place`: unknown variant",
            ),
            (
                "twin.json",
                r#"{"errors": {"not_found": {"status": 9}}}"#,
                "/twin.json: `errors.NotFound.status` is 9",
            ),
            (
                "chaos.yaml",
                "chaos_modes: {latency: {config: {min: 1}}}",
                "/chaos.yaml: chaos_modes.latency.config: unknown field `min`",
            ),
        ] {
            assert!(told(name, text).starts_with(why), "{}", told(name, text));
        }
    }

    #[test]
    fn a_folder_without_the_files_has_the_usual_behaviour() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Behaviour::load(folder.path()).unwrap(), Behaviour::default());
    }
}
