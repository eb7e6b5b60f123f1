//! Builds the catalog in: models, documents and scripts of `catalog/NAME/`, without what the importer read.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("catalog");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut code = String::from(
        "/// Every twin of the catalog, by name.\npub static CATALOG: &[Entry] = &[\n",
    );
    for folder in sorted(&root)?.into_iter().filter(|path| path.is_dir()) {
        entry(&mut code, &folder)?;
    }
    code.push_str("];\n");
    fs::write(PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("catalog.rs"), code)
}

fn entry(code: &mut String, folder: &Path) -> io::Result<()> {
    let name = literal(Path::new(folder.file_name().unwrap_or_default()));
    let model = literal(&folder.join("model/symbols.json.gz"));
    let port = port(&folder.join("twin.json"))?;
    let mut files = Vec::new();
    texts(folder, &mut files)?;
    let _ = writeln!(
        code,
        "Entry {{ name: {name}, port: {port}, model: include_bytes!({model}), files: &["
    );
    for file in files {
        let (path, file) = (literal(file.strip_prefix(folder).unwrap_or(&file)), literal(&file));
        let _ = writeln!(code, "    ({path}, include_str!({file})),");
    }
    code.push_str("] },\n");
    Ok(())
}

/// A path as Rust writes a string.
fn literal(path: &Path) -> String {
    format!("{:?}", path.to_string_lossy())
}

/// `default_port` of a `twin.json`.
fn port(document: &Path) -> io::Result<u16> {
    let text = fs::read_to_string(document)?;
    let after = text.split_once("\"default_port\":").map_or("", |(_, after)| after).trim_start();
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    let none = |_| io::Error::other(format!("{} says no default_port", document.display()));
    digits.parse().map_err(none)
}

/// Documents and scripts of a twin, in their paths' order.
fn texts(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for path in sorted(folder)? {
        if path.is_dir() {
            texts(&path, found)?;
        } else if path
            .extension()
            .is_some_and(|ending| ["json", "yaml", "lua"].iter().any(|one| ending == *one))
        {
            found.push(path);
        }
    }
    Ok(())
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths: io::Result<Vec<PathBuf>> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths?;
    paths.sort();
    Ok(paths)
}
