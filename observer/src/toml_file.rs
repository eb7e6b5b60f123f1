//! Files that people write in TOML.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// Why a file says nothing.
#[derive(Debug, thiserror::Error)]
pub enum TomlError {
    /// It cannot be read.
    #[error("cannot read {}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no TOML, or has a field that is not known.
    #[error("{}, line {line}: {message}", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What and what instead.
        message: String,
    },
}

/// Reads the file.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, TomlError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| TomlError::Io { path: path.to_owned(), source })?;
    parse(&text, path)
}

/// Reads a file's text.
pub(crate) fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, TomlError> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start).min(text.len());
        let line = text[..at].matches('\n').count() + 1;
        let message = error.message().trim().to_owned();
        TomlError::Syntax { path: path.to_owned(), line, message }
    })
}
