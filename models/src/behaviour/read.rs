//! Behaviour read from a twin's folder.

use std::io::ErrorKind;
use std::path::Path;

use serde_json::Value;

use crate::behaviour::{Chaos, Webhooks};

/// Why a twin's behaviour could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BehaviourError {
    /// The file is there and cannot be read.
    #[error("cannot read {file}")]
    Read {
        /// The file.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A field is unknown, missing or not what it should be.
    #[error("{file}: {why}")]
    Wrong {
        /// The file.
        file: String,
        /// What is wrong, with its place.
        why: String,
    },
}

impl Webhooks {
    /// `webhooks` of `twin.json` in a folder; what sends nothing where there is none.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read or is not what it should be.
    pub fn read(folder: &Path) -> Result<Self, BehaviourError> {
        let path = folder.join("twin.json");
        let wrong = |why: String| BehaviourError::Wrong { file: path.display().to_string(), why };
        let Some(text) = text(&path)? else { return Ok(Self::default()) };
        let mut document: Value =
            serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let Some(own) = document.get_mut("webhooks").map(Value::take) else {
            return Ok(Self::default());
        };
        let webhooks: Self = serde_path_to_error::deserialize(own)
            .map_err(|error| wrong(format!("`webhooks.{}`: {}", error.path(), error.inner())))?;
        match webhooks.problem() {
            Some(problem) => Err(wrong(format!("`webhooks`: {problem}"))),
            None => Ok(webhooks),
        }
    }
}

impl Chaos {
    /// `chaos.yaml` in a folder; what never fails where there is none.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read or is not what it should be.
    pub fn read(folder: &Path) -> Result<Self, BehaviourError> {
        let path = folder.join("chaos.yaml");
        let wrong = |why: String| BehaviourError::Wrong { file: path.display().to_string(), why };
        let Some(text) = text(&path)? else { return Ok(Self::default()) };
        // Its message names the place by itself.
        let chaos: Self =
            serde_norway::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        match chaos.problem() {
            Some(problem) => Err(wrong(problem)),
            None => Ok(chaos),
        }
    }
}

fn text(path: &Path) -> Result<Option<String>, BehaviourError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(BehaviourError::Read { file: path.display().to_string(), source }),
    }
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
        let chaos = Chaos::read(folder("chaos.yaml", text).path()).unwrap();
        assert_eq!(chaos.chaos_modes.len(), 3);
        assert_eq!(chaos.chaos_modes[&Mode::Error429].config.headers["Retry-After"], "30");
    }

    #[test]
    fn what_is_wrong_is_told_with_file_and_field() {
        let told = |name: &str, text: &str| {
            let folder = folder(name, text);
            let why = match name {
                "twin.json" => Webhooks::read(folder.path()).map(drop).unwrap_err().to_string(),
                _ => Chaos::read(folder.path()).map(drop).unwrap_err().to_string(),
            };
            why.replace(folder.path().to_str().unwrap(), "")
        };
        let why = told("twin.json", r#"{"webhooks": {"retry": {"delay": 1}}}"#);
        assert!(why.starts_with("/twin.json: `webhooks.retry.delay`: unknown field"), "{why}");
        let why = told("twin.json", r#"{"webhooks": {"knobs": {"duplicate": 2}}}"#);
        assert_eq!(why, "/twin.json: `webhooks`: `knobs`: `duplicate` is 2, not between 0 and 1");
        let why = told("chaos.yaml", "chaos_modes: {latency: {config: {min: 1}}}");
        assert!(
            why.starts_with("/chaos.yaml: chaos_modes.latency.config: unknown field `min`"),
            "{why}"
        );
    }

    #[test]
    fn a_folder_without_the_files_has_the_usual_behaviour() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Webhooks::read(folder.path()).unwrap(), Webhooks::default());
        assert_eq!(Chaos::read(folder.path()).unwrap(), Chaos::default());
    }
}
