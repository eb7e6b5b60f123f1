//! From the base model to the present one, at once and step by step.

use std::sync::Arc;

use super::{Fault, Ledger, LedgerError, Refusal};
use crate::calibration::Revision;
use crate::{Calibration, Digest, Model};

/// The model after all that was published, as far as it verifies and applies.
#[derive(Debug, Clone)]
pub struct Replay {
    /// The model to serve.
    pub model: Model,
    /// Its digest.
    pub digest: Digest,
    /// The last calibration in it; 0 where there is none.
    pub number: u64,
    /// Each calibration in it, in order of publication.
    pub applied: Vec<Applied>,
    /// The first one published that is not in it, and why; with it all after it are left out.
    pub refused: Option<Refusal>,
}

/// A calibration that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Its number.
    pub number: u64,
    /// Digest of its document.
    pub sha256: Digest,
    /// Digest of the model after it.
    pub model: Digest,
}

/// News of a ledger.
#[derive(Debug, Clone)]
pub enum Event {
    /// One to apply to the model after the last one.
    Published(Box<Calibration>),
    /// One to serve to a part of the callers, in basis points, on top of the model in use; none where
    /// there is none any more.
    Canary(Option<(Box<Calibration>, u32)>),
    /// Something was published that does not verify: the model in use stays. Said once; whoever
    /// mends the folder has the calibration published in a later call.
    Refused(Refusal),
}

impl Ledger {
    /// Applies all that was published to the model the ledger starts from: `model/symbols.json`
    /// as it was first written.
    ///
    /// [`Ledger::follow`] goes on from here.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be read. What is wrong with its contents is in the replay.
    pub fn replay(&mut self, base: &Model) -> Result<Replay, LedgerError> {
        self.history.refresh()?;
        let last = self.history.published.len();
        let (revision, applied, refused) = self.replay_first(base, last)?;
        self.followed = last;
        self.tried = None;
        self.reported = self.history.refused().map(|refusal| refusal.reason);
        Ok(Replay {
            number: applied.last().map_or(0, |last| last.number),
            digest: revision.digest,
            model: revision.model,
            applied,
            refused: refused.or_else(|| self.history.refused()),
        })
    }

    /// Applies the first `count` published.
    pub(super) fn replay_first(
        &self,
        base: &Model,
        count: usize,
    ) -> Result<(Revision, Vec<Applied>, Option<Refusal>), LedgerError> {
        let mut revision = Revision::new(base.clone());
        let mut applied = Vec::new();
        for number in self.history.published.iter().take(count).copied() {
            let next = match self.history.get(number) {
                Ok(calibration) => revision.apply(&calibration),
                Err(LedgerError::Broken { source, .. }) => {
                    return Ok((revision, applied, Some(source)));
                }
                Err(error) => return Err(error),
            };
            match next {
                Ok(next) => revision = next,
                Err(error) => {
                    let reason = Arc::new(Fault::DoesNotApply(error));
                    return Ok((revision, applied, Some(Refusal { number: Some(number), reason })));
                }
            }
            let sha256 = self.digest(number).expect("what is published was read").clone();
            applied.push(Applied { number, sha256, model: revision.digest.clone() });
        }
        Ok((revision, applied, None))
    }

    /// The model a calibration makes, published or not: all it builds on applied to `base`, the model
    /// the ledger starts from, which is also the answer for number 0.
    ///
    /// # Errors
    ///
    /// Where there is no such calibration, or one of those it builds on does not verify or apply.
    pub fn model_after(&self, base: &Model, number: u64) -> Result<Model, LedgerError> {
        let mut chain = Vec::new();
        let mut next = number;
        // A base comes before what builds on it, so this ends.
        while next > 0 {
            let calibration = self.get(next)?;
            next = calibration.base.number;
            chain.push(calibration);
        }
        let mut revision = Revision::new(base.clone());
        for calibration in chain.iter().rev() {
            revision = revision.apply(calibration).map_err(|error| LedgerError::Broken {
                dir: self.history.dir.clone(),
                source: Refusal {
                    number: Some(calibration.number),
                    reason: Arc::new(Fault::DoesNotApply(error)),
                },
            })?;
        }
        Ok(revision.model)
    }

    /// What was published since the last call, since [`Ledger::replay`], or since the beginning;
    /// reads only what was appended.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be read; the next call then tells what this one could not.
    pub fn follow(&mut self) -> Result<Vec<Event>, LedgerError> {
        self.history.refresh()?;
        let mut events = Vec::new();
        while let Some(number) = self.history.published.get(self.followed).copied() {
            match self.history.get(number) {
                Ok(calibration) => events.push(Event::Published(Box::new(calibration))),
                Err(LedgerError::Broken { source, .. }) => {
                    self.report(Some(source), &mut events);
                    return Ok(events);
                }
                Err(error) => return Err(error),
            }
            self.followed += 1;
        }
        self.follow_canary(&mut events)?;
        self.report(self.history.refused(), &mut events);
        Ok(events)
    }

    /// Tells of the canary where it is another than the last call told of.
    fn follow_canary(&mut self, events: &mut Vec<Event>) -> Result<(), LedgerError> {
        let canary = self.canary();
        if canary == self.tried {
            return Ok(());
        }
        let found = match canary.map(|(number, share_bp)| Ok((self.history.get(number)?, share_bp)))
        {
            None => None,
            Some(Ok((calibration, share_bp))) => Some((Box::new(calibration), share_bp)),
            Some(Err(LedgerError::Broken { source, .. })) => {
                self.report(Some(source), events);
                return Ok(());
            }
            Some(Err(error)) => return Err(error),
        };
        self.tried = canary;
        events.push(Event::Canary(found));
        Ok(())
    }

    /// Tells of a refusal unless the last call did.
    fn report(&mut self, refusal: Option<Refusal>, events: &mut Vec<Event>) {
        let reason = refusal.as_ref().map(|refusal| refusal.reason.clone());
        let said = |fault: &Option<Arc<Fault>>| fault.as_ref().map(|fault| format!("{fault:?}"));
        if said(&reason) != said(&self.reported) {
            events.extend(refusal.map(Event::Refused));
        }
        self.reported = reason;
    }
}
