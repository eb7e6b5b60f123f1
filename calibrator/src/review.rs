//! Deciding on a part of a calibration, finding by finding.

use std::collections::BTreeSet;

use models::{
    AppendError, Calibration, Change, Choice, DecideError, Draft, Finding, Ledger, LedgerError,
    Model, Note, SigningKey, State,
};

use crate::part::{part, with_companions};
use crate::publish::rebased;

/// A decision about some findings of one calibration.
#[derive(Debug)]
pub struct Review<'a> {
    /// The twin's ledger.
    pub ledger: &'a mut Ledger,
    /// The model it starts from.
    pub base: &'a Model,
    /// What signs.
    pub key: &'a SigningKey,
    /// Who decides, when, why.
    pub note: Note,
}

/// What became of the calibration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    /// The new calibration, of the findings chosen alone.
    pub decided: u64,
    /// The one that holds the rest and awaits a decision; none where nothing is left.
    pub rest: Option<u64>,
    /// Fingerprints decided on: those named, and those that are the same change on other routes.
    pub findings: Vec<String>,
}

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// It cannot be continued.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The decision was not taken down.
    #[error(transparent)]
    Decide(#[from] DecideError),
    /// The calibration has no such finding.
    #[error("calibration {number} has no finding {fingerprint}: it has {known}")]
    NoSuchFinding {
        /// The calibration.
        number: u64,
        /// The one asked for.
        fingerprint: String,
        /// Those it has.
        known: String,
    },
    /// The findings have no part of the patch to themselves.
    #[error(
        "calibration {number} changes nothing for these findings alone: decide on it as a whole"
    )]
    NoPart {
        /// The calibration.
        number: u64,
    },
    /// What it changes is no longer there.
    #[error(
        "calibration {number} was made for another model, and what it changes has changed since: run `wt calibrate {twin}` again"
    )]
    NotHere {
        /// The calibration.
        number: u64,
        /// The twin.
        twin: String,
    },
}

impl Review<'_> {
    /// Publishes these findings of a calibration as one of their own, on the present model. The rest
    /// stays proposed on top of it, with what was proposed on top of the calibration.
    ///
    /// A calibration that was rejected or superseded can be taken from, too: a decision is about
    /// findings and may be changed.
    ///
    /// # Errors
    ///
    /// Where a finding is not among the calibration's, or has no part in its patch, or the ledger
    /// cannot be continued.
    pub fn approve(mut self, number: u64, chosen: &[String]) -> Result<Reviewed, ReviewError> {
        let cut = self.cut(number, chosen)?;
        let is_open =
            matches!(self.ledger.state(number), Some(State::Proposed | State::Canary { .. }));
        let published = self.ledger.last_published();
        let base_number = cut.calibration.base.number;
        if is_open && cut.others.is_empty() {
            return self.whole(number, Choice::Publish, &cut);
        }
        if is_open && base_number != published {
            return Err(DecideError::BaseUndecided { number, base: base_number }.into());
        }
        let present = self.ledger.model_after(self.base, published)?;
        let onto = rebased(&cut.from, &cut.part, &present).ok_or_else(|| not_here(&cut))?;
        let builders = self.builders(number)?;
        let findings = cut.chosen.clone();
        let decided = self.append(&cut, (&present, published), &onto, findings)?;
        self.ledger.decide(decided, Choice::Publish, self.note.clone(), self.key)?;
        let rest = if is_open { self.stack(&cut, (onto, decided), builders)? } else { None };
        Ok(Reviewed { decided, rest, findings: fingerprints(&cut.chosen) })
    }

    /// Turns these findings of a calibration down, so that no later run proposes them; the rest is
    /// proposed without them.
    ///
    /// # Errors
    ///
    /// As [`Review::approve`], and where the calibration does not await a decision.
    pub fn reject(mut self, number: u64, chosen: &[String]) -> Result<Reviewed, ReviewError> {
        let cut = self.cut(number, chosen)?;
        if !matches!(self.ledger.state(number), Some(State::Proposed | State::Canary { .. })) {
            return Err(not_here(&cut));
        }
        if cut.others.is_empty() {
            return self.whole(number, Choice::Reject, &cut);
        }
        let base = (&cut.from, cut.calibration.base.number);
        let builders = self.builders(number)?;
        let decided = self.append(&cut, base, &cut.part, cut.chosen.clone())?;
        self.ledger.decide(decided, Choice::Reject, self.note.clone(), self.key)?;
        let onto = (cut.from.clone(), cut.calibration.base.number);
        let rest = self.stack(&cut, onto, builders)?;
        Ok(Reviewed { decided, rest, findings: fingerprints(&cut.chosen) })
    }

    /// All of its findings were named: the calibration itself is decided on.
    fn whole(&mut self, number: u64, choice: Choice, cut: &Cut) -> Result<Reviewed, ReviewError> {
        self.ledger.decide(number, choice, self.note.clone(), self.key)?;
        Ok(Reviewed { decided: number, rest: None, findings: fingerprints(&cut.chosen) })
    }

    fn cut(&self, number: u64, chosen: &[String]) -> Result<Cut, ReviewError> {
        let calibration = self.ledger.get(number)?;
        let wanted: BTreeSet<String> = chosen.iter().map(|one| one.to_lowercase()).collect();
        let known = fingerprints(&calibration.findings);
        if let Some(missing) = wanted.iter().find(|one| !known.contains(one)) {
            let (fingerprint, known) = (missing.clone(), known.join(", "));
            return Err(ReviewError::NoSuchFinding { number, fingerprint, known });
        }
        let (some, others) = with_companions(&calibration.findings, &wanted);
        let (chosen, others): (Vec<_>, Vec<_>) =
            (some.into_iter().cloned().collect(), others.into_iter().cloned().collect());
        let from = self.ledger.model_after(self.base, calibration.base.number)?;
        let to = self.ledger.model_after(self.base, number)?;
        let part = if others.is_empty() { Some(to.clone()) } else { part(&from, &to, &chosen) };
        let part = part.ok_or(ReviewError::NoPart { number })?;
        Ok(Cut { calibration, from, to, part, chosen, others })
    }

    /// What builds on a calibration and awaits a decision, with the models before and after.
    fn builders(&self, number: u64) -> Result<Vec<(Calibration, Model, Model)>, LedgerError> {
        let mut on = vec![number];
        let mut builders = Vec::new();
        for one in self.ledger.proposed().collect::<Vec<_>>() {
            let calibration = self.ledger.get(one)?;
            if on.contains(&calibration.base.number) {
                let from = self.ledger.model_after(self.base, calibration.base.number)?;
                let to = self.ledger.model_after(self.base, one)?;
                builders.push((calibration, from, to));
                on.push(one);
            }
        }
        Ok(builders)
    }

    /// Proposes the rest of a calibration on a model, and what was built on it; the first's number.
    fn stack(
        &mut self,
        cut: &Cut,
        mut onto: (Model, u64),
        builders: Vec<(Calibration, Model, Model)>,
    ) -> Result<Option<u64>, ReviewError> {
        let mut first = None;
        let start =
            if cut.others.is_empty() { None } else { Some((cut.part.clone(), cut.to.clone())) };
        let rest = start.map(|(from, to)| (cut.calibration.clone(), cut.others.clone(), from, to));
        let above = builders.into_iter().map(|(calibration, from, to)| {
            let findings = calibration.findings.clone();
            (calibration, findings, from, to)
        });
        for (calibration, findings, from, to) in rest.into_iter().chain(above) {
            let Some(made) = rebased(&from, &to, &onto.0) else { continue };
            let change = Change::between(&onto.0, onto.1, &made);
            if change.is_empty() {
                continue;
            }
            let draft = Draft {
                change,
                created_at: self.note.at,
                window: calibration.window,
                findings,
                fidelity: None,
            };
            let number = self.ledger.append(draft, self.key)?.number;
            first.get_or_insert(number);
            onto = (made, number);
        }
        Ok(first)
    }

    fn append(
        &mut self,
        cut: &Cut,
        (base, number): (&Model, u64),
        to: &Model,
        findings: Vec<Finding>,
    ) -> Result<u64, AppendError> {
        let draft = Draft {
            change: Change::between(base, number, to),
            created_at: self.note.at,
            window: cut.calibration.window,
            findings,
            fidelity: None,
        };
        Ok(self.ledger.append(draft, self.key)?.number)
    }
}

/// A calibration cut in two.
struct Cut {
    calibration: Calibration,
    /// The model it was made for, the one it makes, and the one that its chosen findings make.
    from: Model,
    to: Model,
    part: Model,
    chosen: Vec<Finding>,
    others: Vec<Finding>,
}

fn not_here(cut: &Cut) -> ReviewError {
    let Calibration { number, twin, .. } = &cut.calibration;
    ReviewError::NotHere { number: *number, twin: twin.clone() }
}

fn fingerprints(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| finding.fingerprint.clone()).collect()
}
