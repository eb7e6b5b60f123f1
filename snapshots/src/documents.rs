//! The documents beside a twin's model that go into a package: listed files and no others.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The files of a twin's folder that a package holds where they are there.
const FILES: [&str; 5] =
    ["chaos.yaml", "provenance.json", "routes.yaml", "state-machine.yaml", "twin.json"];
/// The folders whose Luau sources it holds.
const SCRIPTS: [&str; 2] = ["lua/handlers/", "lua/lib/"];
/// Longest path in a package: what a ustar header's name holds.
const PATH_BYTES_MAX: usize = 100;

/// Documents by their path in the twin's folder, with lines ended by a line feed alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Documents(BTreeMap<String, String>);

/// Why a twin's documents cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// A file or folder cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A link or a device, which may show what is not the twin's.
    #[error("{} is no plain file or folder: a package holds none that lead elsewhere", path.display())]
    NotPlain {
        /// Which.
        path: PathBuf,
    },
    /// A name that not every system can hold.
    #[error(
        "`{path}` cannot be in a package: names are letters, digits, `-`, `_` and `.`, a letter, digit or `_` first, and the path has at most {PATH_BYTES_MAX} characters"
    )]
    Name {
        /// The path.
        path: String,
    },
    /// Names that are one on some systems.
    #[error("`{one}` and `{other}` are one file where case does not count: rename one")]
    SameButCase {
        /// The first.
        one: String,
        /// The second.
        other: String,
    },
}

impl Documents {
    /// Reads the documents of a twin's folder; one that is not there is left out.
    ///
    /// # Errors
    ///
    /// Where one cannot be read, is a link, or has a name that not every system can hold.
    pub fn load(folder: &Path) -> Result<Self, DocumentError> {
        let mut texts = BTreeMap::new();
        for name in FILES {
            if let Some(text) = plain_text(&folder.join(name))? {
                texts.insert(name.to_owned(), text);
            }
        }
        if is_plain_folder(&folder.join("lua"))? {
            for below in SCRIPTS {
                for name in sources(&folder.join(below))? {
                    let path = format!("{below}{name}");
                    let text = plain_text(&folder.join(&path))?;
                    texts.extend(text.map(|text| (path, text)));
                }
            }
        }
        Self::of_texts(texts)
    }

    /// The documents among files that are at hand, by their paths in the twin's folder; others are
    /// left out.
    ///
    /// # Errors
    ///
    /// Where one has a name that not every system can hold.
    pub fn of_files(files: &[(&str, &str)]) -> Result<Self, DocumentError> {
        let own = files.iter().filter(|(path, _)| is_listed(path));
        Self::of_texts(own.map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }

    /// By path, in the paths' order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    fn of_texts(texts: BTreeMap<String, String>) -> Result<Self, DocumentError> {
        let mut folded: BTreeMap<String, &str> = BTreeMap::new();
        for path in texts.keys() {
            if !is_portable(path) {
                return Err(DocumentError::Name { path: path.clone() });
            }
            if let Some(one) = folded.insert(path.to_ascii_lowercase(), path) {
                let (one, other) = (one.to_owned(), path.clone());
                return Err(DocumentError::SameButCase { one, other });
            }
        }
        // A checkout may have changed the ends of lines, and nothing else is meant by it.
        let texts = texts.into_iter().map(|(path, text)| (path, text.replace("\r\n", "\n")));
        Ok(Self(texts.collect()))
    }
}

/// Whether a path is one of those a package holds beside the model.
pub(crate) fn is_listed(path: &str) -> bool {
    let script = SCRIPTS.iter().find_map(|below| path.strip_prefix(below));
    FILES.contains(&path) || script.is_some_and(|name| !name.contains('/') && is_source(name))
}

/// Whether every system can hold a file of that path, below any folder.
pub(crate) fn is_portable(path: &str) -> bool {
    let is_name = |name: &str| {
        let mut bytes = name.bytes();
        bytes.next().is_some_and(|first| first.is_ascii_alphanumeric() || first == b'_')
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            && !name.ends_with('.')
    };
    path.len() <= PATH_BYTES_MAX && path.split('/').all(is_name)
}

fn is_source(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending == "lua" || ending == "luau")
}

/// The names of the sources in a folder; none where there is no folder.
fn sources(folder: &Path) -> Result<Vec<String>, DocumentError> {
    if !is_plain_folder(folder)? {
        return Ok(Vec::new());
    }
    let unread = |source| DocumentError::Read { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unread)? {
        let name = entry.map_err(unread)?.file_name().to_string_lossy().into_owned();
        if is_source(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// The text of a file that is no link; none where there is none.
fn plain_text(path: &Path) -> Result<Option<String>, DocumentError> {
    let unread = |source| DocumentError::Read { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => fs::read_to_string(path).map(Some).map_err(unread),
        Ok(_) => Err(DocumentError::NotPlain { path: path.to_owned() }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unread(error)),
    }
}

/// Whether there is a folder, which is no link.
fn is_plain_folder(path: &Path) -> Result<bool, DocumentError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(true),
        Ok(_) => Err(DocumentError::NotPlain { path: path.to_owned() }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(source) => Err(DocumentError::Read { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, path: &str, text: &str) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn only_listed_files_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            "twin.json",
            "chaos.yaml",
            "lua/handlers/pay.lua",
            "lua/lib/money.luau",
            "lua/handlers/.env",
            "lua/handlers/notes.txt",
            "lua/handlers/deep/er.lua",
            "lua/secrets.lua",
            "scrub.toml",
            "wraith.toml",
            ".env",
            "model/evidence.parquet",
        ] {
            write(folder.path(), path, "x");
        }
        let documents = Documents::load(folder.path()).unwrap();
        let paths: Vec<_> = documents.iter().map(|(path, _)| path).collect();
        assert_eq!(
            paths,
            ["chaos.yaml", "lua/handlers/pay.lua", "lua/lib/money.luau", "twin.json"]
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_refused_wherever_it_leads() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "key", "secret");
        std::os::unix::fs::symlink(folder.path().join("key"), folder.path().join("twin.json"))
            .unwrap();
        let error = Documents::load(folder.path()).unwrap_err();
        assert!(matches!(error, DocumentError::NotPlain { .. }), "{error}");

        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        write(elsewhere.path(), "handlers/x.lua", "secret");
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("lua")).unwrap();
        let error = Documents::load(folder.path()).unwrap_err();
        assert!(matches!(error, DocumentError::NotPlain { .. }), "{error}");
    }

    #[test]
    fn names_are_those_every_system_can_hold() {
        let of = |paths: &[&str]| {
            let files: Vec<_> = paths.iter().map(|path| (*path, "")).collect();
            Documents::of_files(&files).map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(of(&["lua/lib/a-b_c.1.lua"]), Ok(()));
        assert!(of(&["lua/lib/a b.lua"]).unwrap_err().contains("`lua/lib/a b.lua`"));
        assert!(of(&["lua/lib/é.lua"]).is_err());
        assert!(of(&["lua/lib/.lua.lua"]).is_err());
        let cases = of(&["lua/lib/Pay.lua", "lua/lib/pay.lua"]).unwrap_err();
        assert!(cases.starts_with("`lua/lib/Pay.lua` and `lua/lib/pay.lua` are one file"));
    }

    #[test]
    fn how_a_checkout_ends_lines_does_not_matter() {
        let of = |text| Documents::of_files(&[("chaos.yaml", text)]).unwrap();
        assert_eq!(of("a: 1\r\nb: 2\r\n"), of("a: 1\nb: 2\n"));
    }
}
