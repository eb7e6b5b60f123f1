//! Scenarios: requests in order, what is kept of the answers, and what they have to be.
//!
//! # Source
//!
//! The published scenario format, version 2: JSON files with `{{…}}`, a subset of `JSONPath`,
//! 10 s and 10 MB a request.

mod check;
mod document;
mod path;
mod run;
mod text;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::files;

pub(crate) use document::Scenario;
pub(crate) use run::{Ports, Result, run};

/// The scenarios of a folder, and of those below it, by name; or the one file.
pub(crate) fn find(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", path.display()))?.path();
        if entry.is_dir() {
            found.extend(find(&entry)?);
        } else if entry.extension().is_some_and(|ending| ending == "json") {
            found.push(entry);
        }
    }
    found.sort();
    Ok(found)
}

/// Reads a scenario; what is wrong with it is told with file and line.
pub(crate) fn read(path: &Path) -> anyhow::Result<Scenario> {
    let scenario: Option<Scenario> = files::read_json(path)?;
    scenario.with_context(|| format!("there is no {}", path.display()))
}
