//! A project as the pages see it.

use models::{Calibration, State};
use reports::Report;

use crate::ledger::{Run, Trouble};

/// What the pages show, and what their buttons do.
///
/// Its calls may block: they read files and ask twins. The pages call them where that holds up nobody.
pub trait Desk: Send + Sync + 'static {
    /// The project's folder, for titles.
    fn project(&self) -> String;

    /// Who decides unless they say otherwise.
    fn user(&self) -> String;

    /// Every twin of the project, by name.
    ///
    /// # Errors
    ///
    /// Where the project cannot be read; so of all below.
    fn twins(&self) -> anyhow::Result<Vec<TwinLine>>;

    /// One twin with its calibrations; none where there is no such twin.
    #[expect(clippy::missing_errors_doc, reason = "as twins")]
    fn dossier(&self, twin: &str) -> anyhow::Result<Option<Dossier>>;

    /// One report of a twin; none where there is no such twin or report.
    #[expect(clippy::missing_errors_doc, reason = "as twins")]
    fn report(&self, twin: &str, number: u64) -> anyhow::Result<Option<Report>>;

    /// The report of the run that proposed a calibration; none where it is not there any more.
    #[expect(clippy::missing_errors_doc, reason = "as twins")]
    fn report_of(&self, twin: &str, number: u64) -> anyhow::Result<Option<u64>>;

    /// What the project's jobs do and did.
    #[expect(clippy::missing_errors_doc, reason = "as twins")]
    fn work(&self) -> anyhow::Result<Work>;

    /// Takes down a decision.
    ///
    /// # Errors
    ///
    /// Where it is not one that can be taken (any more).
    fn decide(&self, order: &Order) -> Result<Decided, Refused>;
}

/// A twin, as a line of the list.
#[derive(Debug, Clone)]
pub struct TwinLine {
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// Whether it serves.
    pub condition: Condition,
    /// Where; none where it was not started.
    pub url: Option<String>,
    /// `calibrated 2h ago`, `frozen snapshot`, as `wt status` says it.
    pub age: String,
    /// Whether it serves its newest calibration, none waits, and it was compared of late; none where
    /// that is not promised.
    pub aligned: Option<bool>,
    /// The calibration it serves; 0 is none.
    pub calibration: u64,
    /// How much of what was held back the newest published calibration explains; basis points.
    pub fidelity_bp: Option<u32>,
    /// Numbers of the calibrations that await a decision.
    pub waiting: Vec<u64>,
}

/// Whether a twin serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// It does.
    Running,
    /// It was not started, or was stopped.
    Stopped,
    /// It does not as it should, and why.
    Failing(String),
}

/// A twin with all that is known of it.
#[derive(Debug, Clone)]
pub struct Dossier {
    /// As in the list.
    pub line: TwinLine,
    /// Its calibrations, by number.
    pub entries: Vec<Entry>,
    /// Why the rest of its ledger is not read.
    pub broken: Option<String>,
    /// Numbers of its reports, ascending.
    pub reports: Vec<u64>,
    /// The last published calibration; 0 is none.
    pub published: u64,
}

/// A calibration and what became of it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// As its file has it.
    pub calibration: Calibration,
    /// What was decided.
    pub state: State,
}

/// What the project's jobs do and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work {
    /// The newest runs, newest first; none where no job ever ran.
    pub runs: Vec<Run>,
    /// What is wrong with the daemon itself.
    pub troubles: Vec<Trouble>,
}

/// What somebody decided on the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The twin.
    pub twin: String,
    /// The calibration.
    pub number: u64,
    /// What about it.
    pub decision: Decision,
    /// Who.
    pub by: String,
    /// Why.
    pub comment: Option<String>,
}

/// What is decided about a calibration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Twins load it: all of it, or the findings of these fingerprints.
    Approve(Option<Vec<String>>),
    /// They never will: all of it, or the findings of these fingerprints.
    Reject(Option<Vec<String>>),
    /// It is undone, with all published since.
    RollBack,
}

/// What came of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The calibration that now stands for what was decided.
    pub number: u64,
    /// The one that holds what was not, if anything is left.
    pub rest: Option<u64>,
}

/// Why a decision was not taken down.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The ledger is not as the reader saw it.
    #[error("{0}")]
    Moved(String),
    /// There is no such twin, calibration or finding.
    #[error("{0}")]
    Unknown(String),
    /// Another process is at work on the twin.
    #[error("{0}")]
    Busy(String),
    /// It cannot be decided so.
    #[error("{0}")]
    Impossible(String),
    /// The ledger cannot be read or written.
    #[error("the decision could not be taken down")]
    Failed(#[source] anyhow::Error),
}
