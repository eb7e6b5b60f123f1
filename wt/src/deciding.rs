//! Decisions about calibrations, the same by `wt calibrations` and on the review page.

use calibrator::review::{Review, Reviewed};
use models::{Choice, Note};

use crate::project::{Project, Twin};
use crate::turn::Turn;

/// A decision to take down, by whichever way it came.
#[derive(Debug)]
pub(crate) struct Deciding<'p> {
    pub(crate) project: &'p Project,
    pub(crate) twin: &'p Twin<'p>,
    /// The calibration.
    pub(crate) number: u64,
    /// Who, when, why.
    pub(crate) note: Note,
}

/// Each takes the turn it has to be done in.
impl Deciding<'_> {
    /// Publishes the findings of these fingerprints; all of the calibration where none is named.
    pub(crate) fn approve(self, _: &Turn, chosen: &[String]) -> anyhow::Result<Reviewed> {
        self.decide(Choice::Publish, chosen)
    }

    /// Turns the findings of these fingerprints down; all of the calibration where none is named.
    pub(crate) fn reject(self, _: &Turn, chosen: &[String]) -> anyhow::Result<Reviewed> {
        self.decide(Choice::Reject, chosen)
    }

    /// Serves the calibration to a part of the callers, in basis points.
    pub(crate) fn try_out(self, _: &Turn, share_bp: u32) -> anyhow::Result<()> {
        let (mut ledger, key) = (self.twin.ledger()?, self.project.signing_key()?);
        Ok(ledger.try_out(self.number, share_bp, self.note, &key)?)
    }

    /// Undoes the calibration and all published since.
    pub(crate) fn roll_back(self, _: &Turn) -> anyhow::Result<Reviewed> {
        let (mut ledger, base) = (self.twin.ledger()?, self.twin.base_model()?);
        let key = self.project.signing_key()?;
        let made = ledger.rollback(self.number, &base, self.note, &key)?;
        Ok(Reviewed { decided: made.number, rest: None, findings: Vec::new() })
    }

    fn decide(self, choice: Choice, chosen: &[String]) -> anyhow::Result<Reviewed> {
        let (mut ledger, key) = (self.twin.ledger()?, self.project.signing_key()?);
        let Self { number, note, .. } = self;
        if chosen.is_empty() {
            ledger.decide(number, choice, note, &key)?;
            return Ok(Reviewed { decided: number, rest: None, findings: Vec::new() });
        }
        let base = self.twin.base_model()?;
        let review = Review { ledger: &mut ledger, base: &base, key: &key, note };
        Ok(match choice {
            Choice::Publish => review.approve(number, chosen)?,
            Choice::Reject => review.reject(number, chosen)?,
            Choice::Canary => anyhow::bail!("a calibration is tried as a whole"),
        })
    }
}
