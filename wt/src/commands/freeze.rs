//! `wt freeze`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use models::{Calibration, Digest, Replay, SigningKey};
use reports::{ReleaseNotes, release_notes};
use serde_json::{Value, json};
use snapshots::{Base, Contents, Origin, Package, Releases, Version};

use super::count;
use crate::files;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::{Project, Twin};
use crate::turn::Turn;

/// SHA-256 and name of every package in the folder.
const CHECKSUMS: &str = "checksums.txt";

/// Make a frozen, signed package of a twin.
///
/// It holds the model with all that was published, the documents beside it, and where they come
/// from; never a recording, the lake or a key. The same twin makes the same bytes anywhere.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin
    name: String,
    /// What it is released as, as `1.2.0`
    #[arg(long)]
    version: Version,
    /// The folder it goes to; made where there is none
    #[arg(long, value_name = "DIR", required_unless_present = "snapshot")]
    out: Option<PathBuf>,
    /// Writes nothing: says what would be in it
    #[arg(long)]
    snapshot: bool,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let twin = project.twin(&args.name)?;
    let turn = || Turn::take(&project, &args.name, "freeze", out);
    let _turn = (!args.snapshot).then(turn).transpose()?;
    let releases_path = project.releases_path(twin.name());
    let mut releases: Releases = files::read_json(&releases_path)?.unwrap_or_default();
    // The digest does not depend on the key, so a dry run needs none.
    let key = if args.snapshot { SigningKey::generate()? } else { project.signing_key()? };
    let (package, calibrations) = freeze(&twin, &args.version, &key, out)?;
    let notes = notes(&package, &releases, &calibrations);
    releases.add(&package)?;
    let Some(folder) = args.out.as_ref().filter(|_| !args.snapshot) else {
        out.result(|| dry_run(&package, &notes), &document(&package, &notes, None, &key))?;
        return Ok(Outcome::Done);
    };
    let file = write(&package, &notes, folder, &key)?;
    files::write_json(&releases_path, &releases)?;
    let is_trusted = project.trusted_keys().contains(&key.public());
    out.result(
        || written(&package, &file, &key, is_trusted),
        &document(&package, &notes, Some(&file), &key),
    )?;
    Ok(Outcome::Done)
}

/// The package, and the calibrations that were published.
fn freeze(
    twin: &Twin<'_>,
    version: &Version,
    key: &SigningKey,
    out: &mut Output,
) -> anyhow::Result<(Package, Vec<Calibration>)> {
    let name = twin.name();
    // A twin that is a package has no ledger, and says so.
    let ledger = twin.ledger()?;
    let replay = twin.current(out)?;
    if replay.refused.is_some() {
        bail!("{name} is not frozen: what was published of it cannot all be applied");
    }
    let base = twin.base_model()?;
    let base = Base { version: base.version.clone(), sha256: Digest::of(&base) };
    let Replay { model, applied, .. } = replay;
    let origin = Origin { base, calibrations: applied.iter().map(Into::into).collect() };
    let contents = Contents::of(name, version, model, &twin.documents()?, origin)
        .with_context(|| format!("{name} cannot be frozen"))?;
    let calibrations = ledger.published().collect::<Result<_, _>>()?;
    Ok((Package::sign(contents, key), calibrations))
}

fn notes(package: &Package, releases: &Releases, calibrations: &[Calibration]) -> String {
    let manifest = package.manifest();
    let previous = releases.before(&manifest.version);
    let (previous, number) = match previous {
        Some(release) => (Some(release.version.to_string()), release.calibration),
        None => (None, 0),
    };
    release_notes(&ReleaseNotes {
        twin: &manifest.twin,
        version: &manifest.version.to_string(),
        previous: previous.as_deref(),
        previous_calibration: number,
        calibrations,
    })
}

/// Writes the package, its notes and the folder's checksums; what was written reads back.
fn write(
    package: &Package,
    notes: &str,
    folder: &Path,
    key: &SigningKey,
) -> anyhow::Result<PathBuf> {
    let bytes = package.to_bytes();
    Package::read(&bytes, &[key.public()]).context("the package would not be read back")?;
    let name = package.file_name();
    let file = folder.join(&name);
    files::write(&file, &bytes)?;
    files::write(&folder.join(notes_name(package)), notes.as_bytes())?;
    let path = folder.join(CHECKSUMS);
    let mut sums = read_checksums(&path)?;
    sums.insert(name, Digest::of_bytes(&bytes).to_string());
    let lines = sums.iter().map(|(name, sum)| format!("{sum}  {name}\n"));
    files::write(&path, lines.collect::<String>().as_bytes())?;
    Ok(file)
}

/// The digests in the folder's `checksums.txt` by file; lines of another form are not ours to keep.
fn read_checksums(path: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        read => read.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let lines = text.lines().filter_map(|line| line.split_once("  "));
    Ok(lines.map(|(sum, name)| (name.to_owned(), sum.to_owned())).collect())
}

fn notes_name(package: &Package) -> String {
    let manifest = package.manifest();
    format!("twin-{}_{}.md", manifest.twin, manifest.version)
}

fn headline(package: &Package) -> String {
    let manifest = package.manifest();
    let calibrations = match manifest.calibrations.last() {
        Some(last) => format!("with calibration {}", last.number),
        None => "never calibrated".to_owned(),
    };
    let files = count(package.files().count(), "file");
    let digest = package.digest();
    format!("{} {}: {files}, {calibrations}\n  sha256:{digest}", manifest.twin, manifest.version)
}

fn dry_run(package: &Package, notes: &str) -> String {
    let files = package.files().map(|(path, bytes)| format!("  {:>9}  {path}\n", bytes.len()));
    let files: String = files.collect();
    let head = headline(package);
    format!("{head}\n  would be {}\n{files}\n{notes}", package.file_name())
}

fn written(package: &Package, file: &Path, key: &SigningKey, is_trusted: bool) -> String {
    let file = file.display();
    let public = key.public();
    let mut text =
        format!("✓ {}\n  {file}\n  signed with the key {}", headline(package), public.id());
    if !is_trusted {
        text += ", which this project does not trust";
    }
    text + &format!("; who serves it has `\"trusted_keys\": [\"{public}\"]` in wondertwin.json")
}

fn document(package: &Package, notes: &str, file: Option<&Path>, key: &SigningKey) -> Value {
    let manifest = package.manifest();
    let files = package.files().map(|(path, bytes)| {
        json!({"path": path, "bytes": bytes.len(), "sha256": Digest::of_bytes(bytes)})
    });
    let public = key.public();
    // A dry run signs with a key that is forgotten.
    let signed = file.map(|_| json!({"key": public.id(), "public_key": public}));
    json!({
        "twin": manifest.twin, "version": manifest.version, "digest": package.digest(),
        "file_name": package.file_name(), "file": file, "signed": signed,
        "files": files.collect::<Vec<_>>(), "calibrations": manifest.calibrations,
        "from": manifest.from, "notes": notes,
    })
}
