//! From proposals to the ledger: appended, and published as far as policy and the user say.

use std::collections::BTreeSet;

use calibrator::Proposal;
use chrono::Utc;
use models::{
    Calibration, Change, Choice, Draft, Ledger, Model, Note, Patch, SigningKey, State, Window,
};

/// What is published without another word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Approval {
    /// What can break no client.
    Additive,
    /// The user approves all.
    All,
}

/// Takes a run's proposals into the ledger.
pub(super) struct Publisher {
    ledger: Ledger,
    key: SigningKey,
    approval: Approval,
    window: Window,
    /// Fingerprints of findings that a maintainer turned down.
    rejected: BTreeSet<String>,
}

/// What became of a run's proposals.
#[derive(Debug, Default)]
pub(super) struct Published {
    /// Those of this run in the ledger, new or standing.
    pub(super) calibrations: Vec<Calibration>,
    /// Twins load at least one of them.
    pub(super) is_any_live: bool,
    /// The first that awaits a decision.
    pub(super) waiting: Option<u64>,
    pub(super) notes: Vec<String>,
}

impl Publisher {
    pub(super) fn new(
        ledger: Ledger,
        key: SigningKey,
        approval: Approval,
        window: Window,
    ) -> anyhow::Result<Self> {
        let mut rejected = BTreeSet::new();
        for (number, state) in ledger.states() {
            if matches!(state, State::Rejected(_)) {
                let findings = ledger.get(number)?.findings;
                rejected.extend(findings.into_iter().map(|finding| finding.fingerprint));
            }
        }
        Ok(Self { ledger, key, approval, window, rejected })
    }

    /// Appends each proposal on top of the one before, and publishes what may be.
    ///
    /// `model` is the present one, made by calibration `number`.
    pub(super) fn publish(
        mut self,
        model: Model,
        number: u64,
        proposals: Vec<Proposal>,
    ) -> anyhow::Result<Published> {
        let mut published = Published::default();
        // What a proposal was made from, and what it is to be applied to: the same, unless one
        // before it was left out.
        let (mut from, mut onto, mut number) = (model.clone(), model, number);
        for proposal in proposals {
            let part = if proposal.additive { "additive part" } else { "rest" };
            let made = if from == onto {
                Some(proposal.model.clone())
            } else {
                rebased(&from, &proposal.model, &onto)
            };
            from = proposal.model.clone();
            if self.is_rejected(&proposal) {
                let count = proposal.findings.len();
                published.notes.push(format!(
                    "the {part} of the changes is not proposed again: all of its findings ({count}) were rejected before"
                ));
                continue;
            }
            let Some(to) = made else {
                published.notes.push(format!(
                    "the {part} of the changes is not proposed: it builds on changes that were rejected before"
                ));
                continue;
            };
            let change = Change::between(&onto, number, &to);
            if change.is_empty() {
                continue;
            }
            let calibration = match self.standing(&change)? {
                Some(standing) => standing,
                None => self.append(change, &proposal)?,
            };
            (onto, number) = (to, calibration.number);
            if let Some(note) = self.decision(&proposal) {
                self.ledger.decide(number, Choice::Publish, note, &self.key)?;
                published.is_any_live = true;
            } else {
                published.waiting.get_or_insert(number);
            }
            published.calibrations.push(calibration);
        }
        Ok(published)
    }

    fn is_rejected(&self, proposal: &Proposal) -> bool {
        let mut fingerprints = proposal.findings.iter().map(|finding| &finding.fingerprint);
        !proposal.findings.is_empty() && fingerprints.all(|one| self.rejected.contains(one))
    }

    /// The same proposal of an earlier run, if it still awaits its decision.
    fn standing(&self, change: &Change) -> anyhow::Result<Option<Calibration>> {
        for number in self.ledger.proposed() {
            let one = self.ledger.get(number)?;
            if one.base == *change.base() && one.result == *change.result() {
                return Ok(Some(one));
            }
        }
        Ok(None)
    }

    fn append(&mut self, change: Change, proposal: &Proposal) -> anyhow::Result<Calibration> {
        let draft = Draft {
            change,
            created_at: Utc::now(),
            window: self.window,
            findings: proposal.findings.clone(),
            fidelity: proposal.fidelity,
        };
        Ok(self.ledger.append(draft, &self.key)?)
    }

    /// Who publishes it; nobody where it has to wait.
    fn decision(&self, proposal: &Proposal) -> Option<Note> {
        let by = match (proposal.additive, self.approval) {
            (true, _) => "policy".to_owned(),
            (false, Approval::All) => user(),
            (false, Approval::Additive) => return None,
        };
        Some(Note { by, at: Utc::now(), comment: None })
    }
}

/// The change between two models, made to a third; none where it does not apply there.
fn rebased(from: &Model, to: &Model, onto: &Model) -> Option<Model> {
    let patch = Patch::diff(&from.to_value(), &to.to_value());
    let patched = patch.apply(&onto.to_value()).ok()?;
    serde_json::from_value(patched).ok()
}

fn user() -> String {
    let name = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    name.unwrap_or_else(|| "unknown".to_owned())
}
