//! The project as the review page sees it.

use std::path::{Path, PathBuf};

use calibrator::review::ReviewError;
use chrono::{DateTime, Utc};
use jobs::review::{
    Condition, Decided, Decision, Desk, Dossier, Entry, Order, Refused, TwinLine, Work,
};
use models::{DecideError, Ledger, Note, RollbackError};
use reports::Report;

use crate::commands::{self, status};
use crate::deciding::Deciding;
use crate::outcome::EnvironmentError;
use crate::project::{Project, Twin};
use crate::reporting;
use crate::status::{State, TwinStatus};
use crate::turn::Turn;

/// Runs of jobs on their page; `wt jobs history` has all.
const RUNS_SHOWN: u32 = 100;
/// Reports read in search of the run that proposed a calibration, the newest first.
const REPORTS_LOOKED_AT_MAX: usize = 50;

/// A project, read anew for every question: what others wrote meanwhile is seen.
#[derive(Debug)]
pub(crate) struct ProjectDesk {
    root: PathBuf,
}

impl ProjectDesk {
    pub(crate) fn of(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    fn open(&self) -> anyhow::Result<Project> {
        Project::open(Some(&self.root))
    }
}

impl Desk for ProjectDesk {
    fn project(&self) -> String {
        let name = self.root.file_name().unwrap_or(self.root.as_os_str());
        name.to_string_lossy().into_owned()
    }

    fn user(&self) -> String {
        commands::user()
    }

    fn twins(&self) -> anyhow::Result<Vec<TwinLine>> {
        let project = self.open()?;
        let status = status::gather(&project)?;
        let lines = status.twins.iter().map(|twin| line(&project, twin, status.now));
        Ok(lines.collect())
    }

    fn dossier(&self, name: &str) -> anyhow::Result<Option<Dossier>> {
        let project = self.open()?;
        if !project.twins()?.iter().any(|one| one == name) {
            return Ok(None);
        }
        let twin = project.twin(name)?;
        let ledger = twin.ledger()?;
        let status = status::ask_one(&project, name)?;
        Ok(Some(Dossier {
            line: line(&project, &status, Utc::now()),
            entries: entries(&ledger)?,
            broken: ledger.broken().map(|refusal| format!("{refusal}: {}", refusal.reason)),
            reports: twin.reports()?,
            published: ledger.last_published(),
        }))
    }

    fn report(&self, name: &str, number: u64) -> anyhow::Result<Option<Report>> {
        let project = self.open()?;
        if !project.twins()?.iter().any(|one| one == name) {
            return Ok(None);
        }
        let twin = project.twin(name)?;
        if !twin.reports()?.contains(&number) {
            return Ok(None);
        }
        let (number, drift) = twin.report(Some(number))?;
        Ok(Some(reporting::whole(&project, &twin, number, drift)?))
    }

    fn report_of(&self, name: &str, number: u64) -> anyhow::Result<Option<u64>> {
        let project = self.open()?;
        let twin = project.twin(name)?;
        for run in twin.reports()?.into_iter().rev().take(REPORTS_LOOKED_AT_MAX) {
            let (_, drift) = twin.report(Some(run))?;
            if drift.calibrations.iter().any(|one| one.number == number) {
                return Ok(Some(run));
            }
        }
        Ok(None)
    }

    fn work(&self) -> anyhow::Result<Work> {
        let setup = commands::jobs::setup(&self.open()?)?;
        let Some(ledger) = jobs::ledger::Ledger::open_to_read(&setup.ledger())? else {
            return Ok(Work::default());
        };
        Ok(Work { runs: ledger.history(None, RUNS_SHOWN)?, troubles: ledger.troubles()? })
    }

    fn decide(&self, order: &Order) -> Result<Decided, Refused> {
        let project = self.open().map_err(Refused::Failed)?;
        let twin =
            project.twin(&order.twin).map_err(|error| Refused::Unknown(error.to_string()))?;
        // The reader has seen the ledger as it is now: whoever is at work may change it.
        let turn = Turn::at_once(&project, &order.twin, "review").map_err(busy)?;
        let note = Note { by: order.by.clone(), at: Utc::now(), comment: order.comment.clone() };
        let deciding = Deciding { project: &project, twin: &twin, number: order.number, note };
        let done = match &order.decision {
            Decision::Approve(chosen) => {
                deciding.approve(&turn, chosen.as_deref().unwrap_or_default())
            }
            Decision::Reject(chosen) => {
                deciding.reject(&turn, chosen.as_deref().unwrap_or_default())
            }
            Decision::RollBack => deciding.roll_back(&turn),
        };
        match done {
            Ok(done) => Ok(Decided { number: done.decided, rest: done.rest }),
            Err(error) => Err(refused(error, &twin, order.number)),
        }
    }
}

fn busy(error: anyhow::Error) -> Refused {
    if error.is::<EnvironmentError>() {
        Refused::Busy(format!("{} Nothing was decided.", sentence(&error.to_string())))
    } else {
        Refused::Failed(error)
    }
}

/// What kind of no it is. Where somebody else decided meanwhile, the reader is told who and when.
fn refused(error: anyhow::Error, twin: &Twin<'_>, number: u64) -> Refused {
    let text = sentence(&error.to_string());
    match kind(&error) {
        Some(Kind::Moved) => {
            let state = twin.ledger().ok().and_then(|ledger| ledger.state(number));
            let state = state.map(|state| reports::state_words(&state)).unwrap_or_default();
            Refused::Moved(format!("{text} It was {state}. Nothing was decided now."))
        }
        Some(Kind::Impossible) => Refused::Impossible(format!("{text} Nothing was decided.")),
        None => Refused::Failed(error),
    }
}

/// An error's text, fit to stand by itself.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Moved,
    Impossible,
}

fn kind(error: &anyhow::Error) -> Option<Kind> {
    let decide = |fault: &DecideError| match fault {
        DecideError::AlreadyDecided { .. }
        | DecideError::Superseded { .. }
        | DecideError::BaseRejected { .. } => Some(Kind::Moved),
        DecideError::BaseUndecided { .. } => Some(Kind::Impossible),
        DecideError::Ledger(_) | DecideError::UntrustedKey { .. } => None,
    };
    if let Some(fault) = error.downcast_ref::<ReviewError>() {
        return match fault {
            ReviewError::Decide(fault) => decide(fault),
            ReviewError::NotHere { .. } => Some(Kind::Moved),
            ReviewError::NoPart { .. } | ReviewError::NoSuchFinding { .. } => {
                Some(Kind::Impossible)
            }
            ReviewError::Ledger(_) | ReviewError::Append(_) => None,
        };
    }
    match error.downcast_ref::<RollbackError>() {
        Some(RollbackError::NotPublished { .. } | RollbackError::NoChange { .. }) => {
            Some(Kind::Impossible)
        }
        Some(RollbackError::Decide(fault)) => decide(fault),
        Some(_) => None,
        None => error.downcast_ref::<DecideError>().and_then(decide),
    }
}

fn line(project: &Project, twin: &TwinStatus, now: DateTime<Utc>) -> TwinLine {
    // A twin whose ledger cannot be read has said so as its condition.
    let ledger = project.twin(&twin.name).and_then(|one| one.ledger()).ok();
    TwinLine {
        name: twin.name.clone(),
        version: twin.version.clone(),
        condition: match &twin.state {
            State::Running => Condition::Running,
            State::Stopped => Condition::Stopped,
            State::Refusing(why) | State::Down(why) => Condition::Failing(why.clone()),
        },
        url: twin.url.clone(),
        age: twin.age(now),
        aligned: twin.is_aligned(now),
        calibration: twin.calibration,
        fidelity_bp: ledger.as_ref().and_then(fidelity),
        waiting: ledger.as_ref().map(waiting).unwrap_or_default(),
    }
}

/// What awaits a decision: the canary, then what is proposed.
fn waiting(ledger: &Ledger) -> Vec<u64> {
    let canary = ledger.canary().map(|(number, _)| number);
    canary.into_iter().chain(ledger.proposed()).collect()
}

/// Of the last published calibration that was measured.
fn fidelity(ledger: &Ledger) -> Option<u32> {
    let mut published = ledger.published().rev();
    published.find_map(|one| Some(one.ok()?.fidelity?.after_bp))
}

fn entries(ledger: &Ledger) -> anyhow::Result<Vec<Entry>> {
    let entries = ledger.states().map(|(number, state)| {
        let calibration = ledger.get(number)?;
        Ok(Entry { calibration, state })
    });
    entries.collect()
}
