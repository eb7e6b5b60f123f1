//! From proposals to the ledger: appended, and published as far as policy and the user say.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use models::{
    AppendError, Calibration, Change, Choice, DecideError, Draft, Finding, Guard, Ledger,
    LedgerError, Model, Note, Patch, SigningKey, State, Window,
};

use crate::Proposal;
use crate::policy::Canary;

/// Who says that a proposal is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approval {
    /// Nobody: all waits.
    Nobody,
    /// Policy alone: what it does not publish waits.
    Policy,
    /// This user approves all.
    All {
        /// Their name.
        by: String,
    },
}

/// Takes a run's proposals into the ledger.
#[derive(Debug)]
pub struct Publisher<'a> {
    /// Where they go.
    pub ledger: Ledger,
    /// What signs them.
    pub key: SigningKey,
    /// Who publishes them.
    pub approval: Approval,
    /// What they rest on.
    pub window: Window,
    /// The run's clock: stamps documents, and says how long a canary was tried.
    pub at: DateTime<Utc>,
    /// The model the ledger starts from.
    pub base: &'a Model,
    /// Where policy publishes to a part of the callers first.
    pub canary: Option<Canary>,
}

/// What became of a run's proposals.
#[derive(Debug, Default)]
pub struct Published {
    /// Those of this run in the ledger, new or standing.
    pub calibrations: Vec<Calibration>,
    /// What is worth knowing, a sentence each.
    pub notes: Vec<String>,
}

/// Why proposals did not get into the ledger.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// It cannot be continued.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// A decision was not taken down.
    #[error(transparent)]
    Decide(#[from] DecideError),
}

impl Publisher<'_> {
    /// Appends each proposal on top of the one before, and publishes what may be; what earlier runs
    /// proposed and nobody decided on is carried on top, as far as `check` finds it still right, and
    /// published with the rest where a user approves all.
    ///
    /// `model` is the present one, made by calibration `number`.
    ///
    /// # Errors
    ///
    /// Where the ledger cannot be read or continued; what was appended before stays.
    pub fn publish(
        mut self,
        model: Model,
        number: u64,
        proposals: &[Proposal],
        check: impl Fn(&Model, &Model) -> Guard,
    ) -> Result<Published, PublishError> {
        let mut published = Published::default();
        let standing = self.standing()?;
        let mut model_moved = false;
        let mut top = (model, number);
        for proposal in proposals {
            let change = Change::between(&top.0, top.1, &proposal.model);
            if change.is_empty() {
                continue;
            }
            let calibration = match self.same(&standing, &change) {
                Some(standing) => standing.clone(),
                None => self.append(change, proposal)?,
            };
            top = (proposal.model.clone(), calibration.number);
            let number = calibration.number;
            published.calibrations.push(calibration);
            match self.decision(proposal) {
                Some(note) if self.is_to_be_tried(number) => {
                    self.try_out(number, note)?;
                    published.notes.push(format!(
                        "calibration {number} is served to a part of the callers first"
                    ));
                }
                Some(note) => {
                    self.ledger.decide(number, Choice::Publish, note, &self.key)?;
                    model_moved = true;
                }
                None => {}
            }
        }
        if model_moved || matches!(self.approval, Approval::All { .. }) {
            self.carry(standing, proposals, top, check, &mut published)?;
        }
        Ok(published)
    }

    /// What awaits a decision from earlier runs, what it builds on first.
    fn standing(&self) -> Result<Vec<Calibration>, LedgerError> {
        let waits = |state: &State| matches!(state, State::Proposed | State::Canary { .. });
        let waiting = self.ledger.states().filter(|(_, state)| waits(state));
        waiting.map(|(number, _)| self.ledger.get(number)).collect()
    }

    /// Whether policy has a calibration served to a part of the callers now: not what a person
    /// approves, nor what has been tried for long enough.
    fn is_to_be_tried(&self, number: u64) -> bool {
        let (Some(canary), Approval::Policy) = (&self.canary, &self.approval) else { return false };
        match self.ledger.state(number) {
            Some(State::Canary { note, .. }) => self.at - note.at < canary.promote_after,
            _ => true,
        }
    }

    fn try_out(&mut self, number: u64, note: Note) -> Result<(), DecideError> {
        if matches!(self.ledger.state(number), Some(State::Canary { .. })) {
            return Ok(());
        }
        let share = self.canary.map_or(1.0, |canary| canary.share);
        self.ledger.try_out(number, basis_points(share), note, &self.key)
    }

    /// A publication moves the model under standing proposals; they are made anew on top of it.
    fn carry(
        &mut self,
        standing: Vec<Calibration>,
        proposals: &[Proposal],
        mut top: (Model, u64),
        check: impl Fn(&Model, &Model) -> Guard,
        published: &mut Published,
    ) -> Result<(), PublishError> {
        let all = standing.clone();
        let new: BTreeSet<_> = proposals
            .iter()
            .flat_map(|one| &one.findings)
            .map(|finding| finding.fingerprint.as_str())
            .collect();
        for one in standing {
            let is_here = published.calibrations.iter().any(|new| new.number == one.number);
            let findings: Vec<Finding> = one
                .findings
                .iter()
                .filter(|finding| !new.contains(finding.fingerprint.as_str()))
                .cloned()
                .collect();
            if is_here || findings.is_empty() {
                continue;
            }
            let from = self.ledger.model_after(self.base, one.base.number)?;
            let to = self.ledger.model_after(self.base, one.number)?;
            let Some(to) = rebased(&from, &to, &top.0) else {
                published.notes.push(format!("calibration {} was proposed and builds on what has changed since: it is superseded", one.number));
                continue;
            };
            let change = Change::between(&top.0, top.1, &to);
            if change.is_empty() || !check(&top.0, &to).passed {
                continue;
            }
            let carried = match self.same(&all, &change).cloned() {
                Some(standing) => standing,
                None => self.carried(change, findings)?,
            };
            let number = carried.number;
            top = (to, number);
            published.calibrations.push(carried);
            if let Approval::All { by } = &self.approval {
                let note = Note { by: by.clone(), at: self.at, comment: None };
                self.ledger.decide(number, Choice::Publish, note, &self.key)?;
            }
        }
        Ok(())
    }

    /// A standing proposal made anew: its findings are of an earlier window and were tried on this one.
    fn carried(
        &mut self,
        change: Change,
        findings: Vec<Finding>,
    ) -> Result<Calibration, AppendError> {
        let (created_at, window) = (self.at, self.window);
        let draft = Draft { change, created_at, window, findings, fidelity: None };
        self.ledger.append(draft, &self.key)
    }

    fn append(&mut self, change: Change, proposal: &Proposal) -> Result<Calibration, AppendError> {
        let draft = Draft {
            change,
            created_at: self.at,
            window: self.window,
            findings: proposal.findings.clone(),
            fidelity: proposal.fidelity,
        };
        self.ledger.append(draft, &self.key)
    }

    /// The same proposal of an earlier run, if it still awaits its decision.
    ///
    /// Its window begins where this one does, so that what it rests on is a part of what this run saw,
    /// or is over: published, it takes nothing from the windows to come.
    fn same<'s>(&self, standing: &'s [Calibration], change: &Change) -> Option<&'s Calibration> {
        let from = self.window.from;
        let is_over =
            |window: Window| from.is_none_or(|from| window.to.is_some_and(|to| to < from));
        standing.iter().find(|one| {
            (one.window.from == from || is_over(one.window))
                && one.base == *change.base()
                && one.result == *change.result()
        })
    }

    /// Who publishes it; nobody where it has to wait.
    fn decision(&self, proposal: &Proposal) -> Option<Note> {
        let by = match (proposal.publishes_itself, &self.approval) {
            (_, Approval::Nobody) | (false, Approval::Policy) => return None,
            (true, _) => "policy".to_owned(),
            (false, Approval::All { by }) => by.clone(),
        };
        Some(Note { by, at: self.at, comment: None })
    }
}

/// A share from 0 to 1 in basis points, one at least.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share lies between 0 and 1"
)]
pub fn basis_points(share: f64) -> u32 {
    ((share.clamp(0.0, 1.0) * 1e4).round() as u32).max(1)
}

/// The change between two models, made to a third; none where it does not apply there.
pub(crate) fn rebased(from: &Model, to: &Model, onto: &Model) -> Option<Model> {
    let patch = Patch::diff(&from.to_value(), &to.to_value());
    let patched = patch.apply(&onto.to_value()).ok()?;
    serde_json::from_value(patched).ok()
}
