//! What the present model rests on: the evidence of windows whose calibrations were published.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use calibrator::evidence::Evidence;
use calibrator::evidence_file;
use models::{Calibration, Ledger, State, Window};

use crate::project::{Project, Twin};

/// The evidence beside a model, and the windows that wait for a decision to join it.
///
/// `model/evidence.parquet` says which calibrations it knows of and is replaced at once and whole; each
/// window that waits is a file of its own, named by its two ends. So what joins when a calibration is
/// published is what its own window holds, whatever later ones do, and each exchange joins once: a crash
/// in between merges nothing twice. Who writes has the twin's turn.
#[derive(Debug)]
pub(super) struct Baseline<'p> {
    project: &'p Project,
    twin: &'p Twin<'p>,
}

/// Evidence with all that was published, and whether the file lacks a part of it.
struct Merged {
    evidence: Option<Evidence>,
    is_new: bool,
}

impl<'p> Baseline<'p> {
    pub(super) fn of(project: &'p Project, twin: &'p Twin<'p>) -> Self {
        Self { project, twin }
    }

    /// The evidence as it would be kept; nothing is written.
    pub(super) fn look(&self, ledger: &Ledger) -> anyhow::Result<Option<Evidence>> {
        Ok(self.merged(ledger)?.evidence)
    }

    /// The evidence, kept with what was published since; windows that nobody can publish any more are
    /// removed.
    pub(super) fn settle(&self, ledger: &Ledger) -> anyhow::Result<Option<Evidence>> {
        let Merged { evidence, is_new } = self.merged(ledger)?;
        if let (Some(evidence), true) = (&evidence, is_new) {
            evidence_file::write(evidence, &self.project.evidence_path(self.twin.name()))?;
        }
        self.remove_spent(ledger)?;
        Ok(evidence)
    }

    /// Keeps what this run saw, for when something it proposes is published.
    pub(super) fn keep(&self, window: Window, evidence: &Evidence) -> anyhow::Result<()> {
        let Some(path) = self.waiting_path(window) else { return Ok(()) };
        let dir = self.waiting_dir();
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(evidence_file::write(evidence, &path)?)
    }

    fn merged(&self, ledger: &Ledger) -> anyhow::Result<Merged> {
        let kept = evidence_file::read(&self.project.evidence_path(self.twin.name()))?;
        let (was_kept, mut is_new) = (kept.is_some(), false);
        let mut evidence = kept.unwrap_or_default();
        let published: Vec<Calibration> = ledger.published().collect::<Result<_, _>>()?;
        let known = published.iter().filter(|one| evidence.absorbed.contains(&one.number));
        let mut until = known.filter_map(|one| one.window.to).max();
        for calibration in &published {
            if evidence.absorbed.contains(&calibration.number) {
                continue;
            }
            let Window { from, to } = calibration.window;
            let path = self.waiting_path(calibration.window);
            // A window that begins before what has joined is there already, at least in part.
            let is_next = until.is_none_or(|until| from.is_some_and(|from| from > until));
            let more = match path.filter(|_| is_next) {
                Some(path) => evidence_file::read(&path)?,
                None => None,
            };
            if !was_kept && !is_new && more.is_none() {
                continue;
            }
            if let Some(more) = more {
                evidence.merge(&more);
            }
            self.absorb(&mut evidence, ledger, calibration)?;
            (until, is_new) = (until.max(to), true);
        }
        Ok(Merged { evidence: (was_kept || is_new).then_some(evidence), is_new })
    }

    /// Tells evidence what a published calibration changed. One that cannot be followed is told of where
    /// the present model is made.
    fn absorb(
        &self,
        evidence: &mut Evidence,
        ledger: &Ledger,
        calibration: &Calibration,
    ) -> anyhow::Result<()> {
        let base = self.twin.base_model()?;
        let after = |number| ledger.model_after(&base, number);
        match (after(calibration.base.number), after(calibration.number)) {
            (Ok(before), Ok(after)) => evidence.absorb(calibration.number, &before, &after),
            _ => drop(evidence.absorbed.insert(calibration.number)),
        }
        Ok(())
    }

    /// Removes the windows that rest neither under a proposal nor under what is yet to join.
    fn remove_spent(&self, ledger: &Ledger) -> anyhow::Result<()> {
        let waits = |state: &State| matches!(state, State::Proposed | State::Canary { .. });
        let mut needed = BTreeSet::new();
        for (number, _) in ledger.states().filter(|(_, state)| waits(state)) {
            needed.extend(self.waiting_path(ledger.get(number)?.window));
        }
        let dir = self.waiting_dir();
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            read => read.with_context(|| format!("cannot read {}", dir.display()))?,
        };
        for entry in entries {
            let path = entry?.path();
            let is_evidence = path.extension().is_some_and(|kind| kind == "parquet");
            if is_evidence && !needed.contains(&path) {
                remove(&path)?;
            }
        }
        Ok(())
    }

    /// The file of a window; none where the window holds no exchange.
    fn waiting_path(&self, window: Window) -> Option<PathBuf> {
        let (from, to) = (window.from?.timestamp_micros(), window.to?.timestamp_micros());
        Some(self.waiting_dir().join(format!("{from}-{to}.parquet")))
    }

    fn waiting_dir(&self) -> PathBuf {
        self.project.own_dir().join("evidence").join(self.twin.name())
    }
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
