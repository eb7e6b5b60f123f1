//! One twin of a project: its model, its ledger, what was found and when.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use calibrator::policy::Policy;
use chrono::{DateTime, Utc};
use models::behaviour::Behaviour;
use models::{Digest, Drift, Ledger, Model, Replay};
use observer::intake::{Disclosure, Intake};
use observer::key::LakeKey;
use observer::scrub::{Names, Scrubber};
use serde::{Deserialize, Serialize};
use snapshots::{Documents, Package};
use twins::{TwinConfig, catalog};

use super::{Calibrations, Project, vendor_port};
use crate::files;
use crate::output::Output;

/// One twin of a project.
#[derive(Debug, Clone)]
pub(crate) struct Twin<'p> {
    project: &'p Project,
    name: String,
    /// Where it is frozen: it is then all there is of the twin.
    package: Option<Arc<Package>>,
}

/// `.wt/runs/NAME.json`: the last calibration run that came to its end.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct LastRun {
    calibrated_at: DateTime<Utc>,
}

impl<'p> Twin<'p> {
    pub(super) fn new(project: &'p Project, name: &str) -> Self {
        Self { project, name: name.to_owned(), package: None }
    }

    pub(super) fn packed(project: &'p Project, name: &str, package: Package) -> Self {
        Self { project, name: name.to_owned(), package: Some(Arc::new(package)) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.project.twin_dir(&self.name)
    }

    /// `model/symbols.json`, which the ledger starts from; the catalog's where there is none.
    pub(crate) fn base_model(&self) -> anyhow::Result<Model> {
        if let Some(package) = &self.package {
            return Ok(package.model().clone());
        }
        let path = self.project.model_path(&self.name);
        if !path.is_file()
            && let Some(entry) = catalog::Entry::named(&self.name)
        {
            return Ok(entry.model()?);
        }
        let model = files::read_json(&path)?;
        model.with_context(|| format!("there is no model in {}", path.display()))
    }

    /// Why it has no model that can be read, if it has none. Those that come with the program need no look.
    pub(crate) fn check_model(&self) -> anyhow::Result<()> {
        let is_own = self.project.model_path(&self.name).is_file();
        if self.package.is_none() && !is_own && catalog::Entry::named(&self.name).is_some() {
            return Ok(());
        }
        self.base_model().map(drop)
    }

    /// What stands beside the model: the folder's documents, else the catalog's.
    pub(crate) fn behaviour(&self) -> anyhow::Result<Behaviour> {
        if let Some(package) = &self.package {
            return Ok(package.behaviour().clone());
        }
        let dir = self.dir();
        match catalog::Entry::named(&self.name) {
            Some(entry) if !dir.join("twin.json").is_file() => Ok(entry.behaviour()?),
            _ => Ok(Behaviour::load(&dir)?),
        }
    }

    /// The documents beside the model, as they stand in the folder, else in the catalog.
    pub(crate) fn documents(&self) -> anyhow::Result<Documents> {
        let dir = self.dir();
        match catalog::Entry::named(&self.name) {
            Some(entry) if !dir.join("twin.json").is_file() => {
                Ok(Documents::of_files(entry.files)?)
            }
            _ => Ok(Documents::load(&dir)?),
        }
    }

    /// How it is run, but for what the command line says.
    pub(crate) fn config(&self) -> anyhow::Result<TwinConfig> {
        let Behaviour { document, chaos, mut routes, machines, scripts } = self.behaviour()?;
        self.project.config.universe.add_to(&self.name, &mut routes);
        let mut config = TwinConfig::new(&self.name);
        config.webhooks.declared = document.webhooks.clone();
        Ok(TwinConfig { document, chaos, routes, machines, scripts, ..config })
    }

    /// The twin's calibrations, read and verified.
    pub(crate) fn ledger(&self) -> anyhow::Result<Ledger> {
        if self.package.is_some() {
            bail!("{} is a frozen snapshot, which takes no calibrations", self.name);
        }
        let dir = self.project.ledger_dir(&self.name);
        Ok(Ledger::open(dir, self.project.trusted_keys())?)
    }

    /// The model after all that was published; what was refused is told.
    pub(crate) fn current(&self, out: &mut Output) -> anyhow::Result<Replay> {
        if let Some(package) = &self.package {
            let model = package.model().clone();
            let digest = Digest::of(&model);
            return Ok(Replay { model, digest, number: 0, applied: Vec::new(), refused: None });
        }
        let replay = self.ledger()?.replay(&self.base_model()?)?;
        if let Some(refused) = &replay.refused {
            let why = &refused.reason;
            out.warn(&format!("{}: {refused}: {why}; the model before it is used", self.name));
        }
        Ok(replay)
    }

    /// `drift.toml`; the default policy where there is none.
    pub(crate) fn policy(&self) -> anyhow::Result<Policy> {
        let path = self.dir().join("drift.toml");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Policy::parse(&text, &path.display().to_string())?),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Policy::default()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// What is replaced in the twin's recordings, by the project's key and the twin's `scrub.toml`.
    pub(crate) fn scrubber(&self) -> anyhow::Result<Scrubber> {
        Ok(Scrubber::new(self.project.scrub_key()?).with_names(self.scrubbed_names()?))
    }

    /// An intake of what the vendor's production answers, by the project's key and the twin's
    /// `scrub.toml`.
    pub(crate) fn intake(&self, model: Model) -> anyhow::Result<Intake> {
        self.intake_with(model, self.project.claimed_lake_key()?, Disclosure::PRODUCTION)
    }

    /// An intake of the twin's recordings. The key is the same, so that pseudonyms in the evidence
    /// are those of later observations.
    pub(crate) fn intake_of_recordings(&self, model: Model) -> anyhow::Result<Intake> {
        self.intake_with(model, self.project.lake_key()?, Disclosure::RECORDING)
    }

    fn intake_with(
        &self,
        model: Model,
        key: LakeKey,
        disclosure: Disclosure,
    ) -> anyhow::Result<Intake> {
        let intake = Intake::new(Arc::new(model), key, disclosure);
        Ok(intake.with_names(self.scrubbed_names()?))
    }

    fn scrubbed_names(&self) -> anyhow::Result<Names> {
        Ok(Names::read(&self.dir().join("scrub.toml"))?)
    }

    pub(crate) fn calibrations(&self) -> Calibrations {
        if self.package.is_some() {
            return Calibrations::Frozen;
        }
        self.project
            .config
            .twins
            .get(&self.name)
            .map(|entry| entry.calibrations)
            .unwrap_or_default()
    }

    /// Where a twin that is served takes its calibrations from.
    pub(crate) fn follow(&self) -> twins::Follow {
        twins::Follow::Ledger {
            dir: self.project.ledger_dir(&self.name),
            trusted: self.project.trusted_keys().to_vec(),
        }
    }

    /// The port of the project file, else of `twin.json`, else of the vendor.
    pub(crate) fn port(&self) -> anyhow::Result<Option<u16>> {
        if let Some(port) = self.project.config.twins.get(&self.name).and_then(|entry| entry.port) {
            return Ok(Some(port));
        }
        let port = self.behaviour()?.document.default_port;
        Ok(port.or_else(|| vendor_port(&self.name)))
    }

    /// Keeps what a calibration run found: `reports/NAME/NNNNNN.json`.
    pub(crate) fn store_report(&self, drift: &Drift) -> anyhow::Result<(u64, PathBuf)> {
        let number = self.reports()?.last().map_or(1, |last| last + 1);
        let path = self.report_path(number);
        files::write_json(&path, drift)?;
        Ok((number, path))
    }

    /// One report, the newest where no number is given.
    pub(crate) fn report(&self, number: Option<u64>) -> anyhow::Result<(u64, Drift)> {
        let reports = self.reports()?;
        let (dir, name) = (self.project.reports_dir(&self.name), &self.name);
        let Some(newest) = reports.last() else {
            bail!("there is no report in {}: run `wt calibrate {name}` first", dir.display());
        };
        let number = number.unwrap_or(*newest);
        let path = self.report_path(number);
        let Some(drift) = files::read_json(&path)? else {
            bail!("there is no report {number} in {}, the newest is {newest}", dir.display());
        };
        Ok((number, drift))
    }

    /// Numbers of the reports, ascending.
    pub(crate) fn reports(&self) -> anyhow::Result<Vec<u64>> {
        let dir = self.project.reports_dir(&self.name);
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", dir.display()));
            }
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let path = entry.with_context(|| format!("cannot read {}", dir.display()))?.path();
            numbers.extend(number_of(&path));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn report_path(&self, number: u64) -> PathBuf {
        self.project.reports_dir(&self.name).join(format!("{number:06}.json"))
    }

    /// Takes down that a calibration run came to its end, findings or not.
    pub(crate) fn record_run(&self, calibrated_at: DateTime<Utc>) -> anyhow::Result<()> {
        files::write_json(&self.run_path(), &LastRun { calibrated_at })
    }

    /// The end of the last calibration run that came to it.
    pub(crate) fn last_run(&self) -> anyhow::Result<Option<DateTime<Utc>>> {
        let run: Option<LastRun> = files::read_json(&self.run_path())?;
        Ok(run.map(|run| run.calibrated_at))
    }

    fn run_path(&self) -> PathBuf {
        self.project.own_dir().join("runs").join(format!("{}.json", self.name))
    }
}

fn number_of(path: &Path) -> Option<u64> {
    let is_json = path.extension().is_some_and(|extension| extension == "json");
    path.file_stem()?.to_str()?.parse().ok().filter(|_| is_json)
}
