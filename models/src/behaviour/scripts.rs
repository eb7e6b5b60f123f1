//! `lua/`: handlers and what they share, as source.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use super::BehaviourError;

/// The Luau sources of a twin, by file name without its extension.
///
/// # Source
///
/// The published layout (CHECKLIST, L35): `lua/handlers/NAME.lua`, `lua/lib/NAME.lua`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scripts {
    /// `lua/handlers/`: what answers in place of the engine.
    pub handlers: BTreeMap<String, String>,
    /// `lua/lib/`: what handlers import.
    pub libs: BTreeMap<String, String>,
}

impl Scripts {
    /// Reads the folders `lua/handlers` and `lua/lib` of a twin; one that is not there holds
    /// nothing.
    ///
    /// # Errors
    ///
    /// Where a folder or a file cannot be read: it is named.
    pub fn load(folder: &Path) -> Result<Self, BehaviourError> {
        let lua = folder.join("lua");
        Ok(Self { handlers: sources(&lua.join("handlers"))?, libs: sources(&lua.join("lib"))? })
    }

    /// Those among files that are at hand, by their paths in the twin's folder.
    pub(super) fn of_files(files: &[(&str, &str)]) -> Self {
        let below = |folder: &str| {
            let own = files.iter().filter_map(|(path, text)| {
                let path = Path::new(path.strip_prefix(folder)?);
                let name = path.file_stem()?.to_str()?;
                let is_own = is_source(path) && path.components().count() == 1;
                is_own.then(|| (name.to_owned(), (*text).to_owned()))
            });
            own.collect()
        };
        Self { handlers: below("lua/handlers/"), libs: below("lua/lib/") }
    }
}

fn sources(folder: &Path) -> Result<BTreeMap<String, String>, BehaviourError> {
    let unread =
        |path: &Path, source| BehaviourError::Read { file: path.display().to_string(), source };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(unread(folder, error)),
    };
    let mut sources = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(|error| unread(folder, error))?.path();
        let name = path.file_stem().and_then(|name| name.to_str());
        if let Some(name) = name.filter(|_| is_source(&path)) {
            let text = std::fs::read_to_string(&path).map_err(|error| unread(&path, error))?;
            sources.insert(name.to_owned(), text);
        }
    }
    Ok(sources)
}

fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "lua" || ending == "luau")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_named_by_their_file_and_other_files_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let handlers = folder.path().join("lua/handlers");
        std::fs::create_dir_all(&handlers).unwrap();
        std::fs::write(handlers.join("pay.lua"), "emit.status(204)").unwrap();
        std::fs::write(handlers.join("notes.txt"), "not Lua").unwrap();
        let scripts = Scripts::load(folder.path()).unwrap();
        assert_eq!(scripts.handlers.keys().collect::<Vec<_>>(), ["pay"]);
        assert_eq!(scripts.libs, BTreeMap::new());
    }
}
