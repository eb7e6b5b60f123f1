//! A project's folder: where everything is (CONTRACTS, "A project's folder").

mod config;
mod names;
mod twin;

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use models::{Length, PublicKey, SigningKey};
use observer::key::LakeKey;
use observer::lake::Lake;
use snapshots::Package;
use twins::catalog;

use config::Config;
pub(crate) use config::{CONFIG, Calibrations, edit};
pub(crate) use names::{check_name, vendor_port};
pub(crate) use twin::Twin;

/// Unless the project file says otherwise.
const STALE_AFTER: Duration = Duration::from_hours(24);

/// A project's folder and its `wondertwin.json`.
#[derive(Debug)]
pub(crate) struct Project {
    root: PathBuf,
    config: Config,
}

impl Project {
    /// The project in a folder, else the nearest one upwards with a `wondertwin.json`, else the
    /// current folder. Its `wondertwin.json` need not exist.
    pub(crate) fn open(explicit: Option<&Path>) -> anyhow::Result<Self> {
        let root = root(explicit)?;
        let config = Config::read(&root.join(CONFIG))?;
        Ok(Self { root, config })
    }

    /// As [`Project::open`]; where its `wondertwin.json` cannot be read, it is as if there were
    /// none, and what is wrong comes beside it: what was started is to be stopped all the same.
    pub(crate) fn open_to_stop(
        explicit: Option<&Path>,
    ) -> anyhow::Result<(Self, Option<anyhow::Error>)> {
        let root = root(explicit)?;
        let (config, fault) = match Config::read(&root.join(CONFIG)) {
            Ok(config) => (config, None),
            Err(fault) => (Config::default(), Some(fault)),
        };
        Ok((Self { root, config }, fault))
    }

    /// The age of a twin's last calibration run from which it is not drift-aligned (CONTRACTS).
    pub(crate) fn stale_after(&self) -> Duration {
        self.config.settings.stale_after.map_or(STALE_AFTER, |Length(age)| age)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn config_path(&self) -> PathBuf {
        self.root.join(CONFIG)
    }

    /// The names of the twins: those of `wondertwin.json` and the folders in `twins`.
    pub(crate) fn twins(&self) -> anyhow::Result<Vec<String>> {
        let mut names: BTreeSet<String> = self.config.twins.keys().cloned().collect();
        let folder = self.root.join("twins");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(names.into_iter().collect());
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", folder.display()));
            }
        };
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().join("model/symbols.json").is_file() {
                names.insert(name);
            }
        }
        Ok(names.into_iter().collect())
    }

    /// One twin, with its model: the project's, else the catalog's.
    ///
    /// One that the project file names a package for is that package's, verified.
    ///
    /// # Errors
    ///
    /// Where the name is none that a twin can have (it becomes part of a path, and the admin API takes it from
    /// anybody), where there is no such twin, or its package does not verify.
    pub(crate) fn twin(&self, name: &str) -> anyhow::Result<Twin<'_>> {
        check_name(name)?;
        if let Some(path) = self.config.twins.get(name).and_then(|entry| entry.package.as_ref()) {
            let path = self.root.join(path);
            let package = Package::open(&path, self.trusted_keys())
                .with_context(|| format!("twin `{name}` has no package"))?;
            return Ok(Twin::packed(self, name, package));
        }
        if !self.model_path(name).is_file() && catalog::Entry::named(name).is_none() {
            bail!(self.no_such_twin(name)?);
        }
        Ok(Twin::new(self, name))
    }

    /// The twin of a package's file, under the name it was frozen with.
    pub(crate) fn packed_twin(&self, path: &Path) -> anyhow::Result<Twin<'_>> {
        let package = Package::open(path, self.trusted_keys())?;
        let name = package.manifest().twin.clone();
        check_name(&name)?;
        Ok(Twin::packed(self, &name, package))
    }

    /// Why there is no such twin, and what to do.
    fn no_such_twin(&self, name: &str) -> anyhow::Result<String> {
        check_name(name)?;
        let twins = self.twins()?;
        let root = self.root.display();
        if self.config.twins.contains_key(name) {
            let (path, ledger) = (self.model_path(name), self.ledger_dir(name));
            let what_to_do = if ledger.is_dir() {
                format!(
                    "put it back as it was, for the calibrations in {} build on it; or move that folder away and run `wt init {name} --force`",
                    ledger.display()
                )
            } else {
                format!("run `wt init {name} --force`")
            };
            return Ok(format!("twin `{name}` has no model in {}: {what_to_do}", path.display()));
        }
        if twins.is_empty() && !self.config_path().is_file() {
            return Ok(format!(
                "{root} is no project, it has no {CONFIG}: run `wt init {name}` there, or name the project's folder with --project"
            ));
        }
        let known = match models::nearest(name, twins.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if twins.is_empty() => {
                format!(
                    "run `wt init {name}` to make it, or `wt catalog` for those that come with it"
                )
            }
            None => format!("it has {}; `wt init {name}` makes a new one", twins.join(", ")),
        };
        Ok(format!("no twin `{name}` in {root}: {known}"))
    }

    /// `twins/NAME`.
    pub(crate) fn twin_dir(&self, name: &str) -> PathBuf {
        self.root.join("twins").join(name)
    }

    /// The base model.
    pub(crate) fn model_path(&self, name: &str) -> PathBuf {
        self.twin_dir(name).join("model/symbols.json")
    }

    /// What the base model rests on; absent after `wt init`.
    pub(crate) fn evidence_path(&self, name: &str) -> PathBuf {
        self.twin_dir(name).join("model/evidence.parquet")
    }

    /// What was released of a twin.
    pub(crate) fn releases_path(&self, name: &str) -> PathBuf {
        self.twin_dir(name).join("releases.json")
    }

    /// How far the window since the last publication has been read.
    pub(crate) fn checkpoint_path(&self, name: &str) -> PathBuf {
        self.own_dir().join("stream").join(format!("{name}.checkpoint"))
    }

    /// Held by whoever changes what is kept of the twin.
    pub(crate) fn lock_path(&self, name: &str) -> PathBuf {
        self.own_dir().join("locks").join(format!("{name}.lock"))
    }

    /// The twin's ledger.
    pub(crate) fn ledger_dir(&self, name: &str) -> PathBuf {
        self.root.join("calibrations").join(name)
    }

    /// Where the lake of all twins is: `lake`, unless the project file says otherwise.
    fn lake_place(&self) -> &str {
        self.config.lake.as_deref().unwrap_or("lake")
    }

    /// The twin's WREC sessions.
    pub(crate) fn recordings_dir(&self, name: &str) -> PathBuf {
        self.root.join("recordings").join(name)
    }

    /// What the twin's calibration runs found.
    pub(crate) fn reports_dir(&self, name: &str) -> PathBuf {
        self.root.join("reports").join(name)
    }

    /// `.wt`: what is this machine's alone.
    pub(crate) fn own_dir(&self) -> PathBuf {
        self.root.join(".wt")
    }

    /// Private keys.
    pub(crate) fn keys_dir(&self) -> PathBuf {
        self.own_dir().join("keys")
    }

    /// The key that signs calibrations and decisions, made where there is none.
    pub(crate) fn signing_key(&self) -> anyhow::Result<SigningKey> {
        Ok(SigningKey::load_or_generate(&self.keys_dir().join("ledger.key"))?)
    }

    /// Whether each key that there is can be used; none is made.
    pub(crate) fn check_keys(&self) -> anyhow::Result<()> {
        let there = |name: &str| Some(self.keys_dir().join(name)).filter(|path| path.exists());
        if let Some(path) = there("ledger.key") {
            SigningKey::load(&path)?;
        }
        if there("lake.key").is_some() {
            self.claimed_lake_key()?;
        }
        Ok(())
    }

    /// Whose signatures are accepted.
    pub(crate) fn trusted_keys(&self) -> &[PublicKey] {
        &self.config.trusted_keys
    }

    /// The key of the lake's pseudonyms, made where there is none and nothing was observed yet.
    pub(crate) fn lake_key(&self) -> anyhow::Result<LakeKey> {
        let path = self.lake_key_path();
        if !path.is_file() {
            self.check_nothing_observed()?;
        }
        Ok(LakeKey::load_or_create(&path)?)
    }

    /// As [`Project::lake_key`], for who writes to the lake: that is this key's and no other's.
    pub(crate) fn claimed_lake_key(&self) -> anyhow::Result<LakeKey> {
        let key = self.lake_key()?;
        let claimed = self.lake()?.claim(&key);
        claimed.with_context(|| format!("{} cannot be used", self.lake_key_path().display()))?;
        Ok(key)
    }

    fn lake_key_path(&self) -> PathBuf {
        self.keys_dir().join("lake.key")
    }

    /// With a new key, old and new observations would not match.
    fn check_nothing_observed(&self) -> anyhow::Result<()> {
        let Some(lake) = self.lake_if_any()? else { return Ok(()) };
        let found = lake
            .wait(|lake| async move { anyhow::Ok((lake.twins().await?, lake.key_id().await?)) });
        let (twins, key) = found?;
        if twins.is_empty() {
            return Ok(());
        }
        let (path, place) = (self.lake_key_path(), self.lake_place());
        let key = key.map(|key| format!(" {key}")).unwrap_or_default();
        bail!(
            "there is no {}, and the lake in {place} was written with the key{key}: put it back, for with a new key old and new observations would not match; or move the lake away",
            path.display()
        );
    }

    /// The key that recordings are scrubbed with, made where there is none.
    pub(crate) fn scrub_key(&self) -> anyhow::Result<[u8; 32]> {
        Ok(models::load_or_draw_secret(&self.keys_dir().join("scrub.key"))?)
    }

    /// The lake, its folder made where there is none.
    pub(crate) fn lake(&self) -> anyhow::Result<Lake> {
        let lake = Lake::open_at(self.lake_place(), &self.root);
        lake.with_context(|| format!("{}, `lake`", self.config_path().display()))
    }

    /// As [`Project::lake`], but looking makes no folder: without one nothing was observed yet.
    pub(crate) fn lake_if_any(&self) -> anyhow::Result<Option<Lake>> {
        let place = self.lake_place();
        let is_missing = !place.contains("://") && !self.root.join(place).is_dir();
        if is_missing { Ok(None) } else { self.lake().map(Some) }
    }
}

fn root(explicit: Option<&Path>) -> anyhow::Result<PathBuf> {
    match explicit {
        Some(folder) => existing(folder),
        None => Ok(nearest(&std::env::current_dir().context("the current folder is gone")?)),
    }
}

fn existing(folder: &Path) -> anyhow::Result<PathBuf> {
    let found = folder
        .canonicalize()
        .with_context(|| format!("the project's folder {} cannot be opened", folder.display()))?;
    if !found.is_dir() {
        bail!("{} is no folder: --project takes the project's folder", folder.display());
    }
    Ok(found)
}

fn nearest(from: &Path) -> PathBuf {
    let found = from.ancestors().find(|folder| folder.join(CONFIG).is_file());
    found.unwrap_or(from).to_owned()
}
