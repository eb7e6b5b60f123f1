//! Sources of a twin's scripts, each compiled when it is first run.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use mlua::chunk::Compiler;

use super::LuaProblem;

/// The scripts of one folder, by name.
#[derive(Debug)]
pub(super) struct Sources {
    /// `handlers` or `lib`.
    folder: &'static str,
    scripts: BTreeMap<String, Script>,
}

#[derive(Debug)]
struct Script {
    source: String,
    /// The bytecode, or why there is none.
    compiled: OnceLock<Result<Vec<u8>, String>>,
}

impl Sources {
    pub(super) fn of(folder: &'static str, sources: BTreeMap<String, String>) -> Self {
        let script = |source| Script { source, compiled: OnceLock::new() };
        let scripts = sources.into_iter().map(|(name, source)| (name, script(source)));
        Self { folder, scripts: scripts.collect() }
    }

    pub(super) fn count(&self) -> usize {
        self.scripts.len()
    }

    /// Whether there is a script of a name, compiled or not.
    pub(super) fn has(&self, name: &str) -> bool {
        self.scripts.contains_key(name)
    }

    /// Whether a word stands anywhere in a script, comments included.
    pub(super) fn mention(&self, word: &str) -> bool {
        self.scripts.values().any(|script| script.source.contains(word))
    }

    /// The bytecode of a script; `None` where there is no such script, or it does not compile.
    pub(super) fn bytecode(&self, name: &str) -> Option<&[u8]> {
        self.scripts.get(name)?.bytecode().as_deref().ok()
    }

    /// Scripts that do not compile; all are compiled for it.
    pub(super) fn problems(&self) -> impl Iterator<Item = LuaProblem> {
        self.scripts.iter().filter_map(|(name, script)| {
            let problem = script.bytecode().as_ref().err()?.clone();
            Some(LuaProblem { file: format!("lua/{}/{name}.lua", self.folder), problem })
        })
    }
}

impl Script {
    fn bytecode(&self) -> &Result<Vec<u8>, String> {
        let compile = || Compiler::new().compile(&self.source).map_err(|error| error.to_string());
        self.compiled.get_or_init(compile)
    }
}
