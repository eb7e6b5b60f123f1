//! The ledger: a twin's calibrations and what was decided about each, append-only, chained, signed.

mod decision;
mod fault;
mod history;
mod replay;
mod standing;
mod write;

use std::path::PathBuf;
use std::sync::Arc;

use crate::{Calibration, Digest, PublicKey};

pub use decision::{Choice, Note};
pub use fault::{Fault, LedgerError, Refusal, Torn};
pub use replay::{Applied, Event, Replay};
pub use standing::in_force;
pub use write::{AppendError, DecideError, Draft, RollbackError};

use history::History;

/// One twin's folder `calibrations/NAME`: `000001.json`, `000002.json`, … and `decisions.jsonl`.
///
/// Each calibration names the digest of the one before it, each decision the digest of the
/// decision before it and of the calibration it is about, and all are signed by a trusted key; a
/// digest is SHA-256 of the canonical document with its signature, so that a file laid out anew by
/// a formatter is the same file. What cannot be verified is a [`Refusal`] and ends what is read,
/// never an entry. The one thing that the chain cannot show is an end cut off whole.
///
/// A twin reads ([`Ledger::replay`], then [`Ledger::follow`]) and needs no right to write. Writers
/// take a lock on `.lock` in the folder and may be several processes.
#[derive(Debug)]
pub struct Ledger {
    history: History,
    /// How many of the published ones [`Ledger::follow`] has handed out.
    followed: usize,
    /// The refusal last handed out.
    reported: Option<Arc<Fault>>,
    /// The canary last handed out.
    tried: Option<(u64, u32)>,
}

/// What became of a calibration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It awaits a decision.
    Proposed,
    /// Twins load it for a part of their callers.
    Canary {
        /// The part, in basis points.
        share_bp: u32,
        /// Who said so.
        note: Note,
    },
    /// Twins load it.
    Published(Note),
    /// A maintainer said no.
    Rejected(Note),
    /// It was never decided, and the model it was made for is not the present one.
    Superseded {
        /// The later one that took its place; none where what it builds on was rejected.
        by: Option<u64>,
    },
}

impl Ledger {
    /// Reads a ledger and verifies all of it; a folder that is not there is an empty one.
    ///
    /// What is wrong with it is told by [`Ledger::broken`], and only the part before is used.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be read.
    pub fn open(dir: impl Into<PathBuf>, trusted: &[PublicKey]) -> Result<Self, LedgerError> {
        let mut history = History::new(dir.into(), trusted.to_vec());
        history.refresh()?;
        history.look_for_gaps()?;
        Ok(Self { history, followed: 0, reported: None, tried: None })
    }

    /// Reads what was appended since, by whichever process.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be read.
    pub fn refresh(&mut self) -> Result<(), LedgerError> {
        self.history.refresh()
    }

    /// The first thing that cannot be verified, which ends the ledger; none in a sound one.
    pub fn broken(&self) -> Option<Refusal> {
        self.history.broken()
    }

    /// What was left of a decision, which counts for nothing; none where all lines are whole.
    pub fn torn(&self) -> Option<Torn> {
        self.history.torn()
    }

    /// Number of calibrations, published or not; they are numbered from 1.
    pub fn len(&self) -> u64 {
        self.history.len()
    }

    /// Whether there is no calibration.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One calibration, as its file has it.
    ///
    /// # Errors
    ///
    /// Where there is none of that number, or its file was changed since it was verified.
    pub fn get(&self, number: u64) -> Result<Calibration, LedgerError> {
        self.history.get(number)
    }

    /// Digest of a calibration's document, as decisions and the next one name it.
    pub fn digest(&self, number: u64) -> Option<&Digest> {
        self.history.entry(number).map(|entry| &entry.digest)
    }

    /// What became of a calibration; none where there is none of that number.
    pub fn state(&self, number: u64) -> Option<State> {
        self.history.state(number)
    }

    /// Every calibration and what became of it, by number.
    pub fn states(&self) -> impl Iterator<Item = (u64, State)> {
        (1..=self.len()).filter_map(|number| Some((number, self.state(number)?)))
    }

    /// Numbers of the calibrations that await a decision, ascending.
    pub fn proposed(&self) -> impl Iterator<Item = u64> {
        self.states().filter(|(_, state)| *state == State::Proposed).map(|(number, _)| number)
    }

    /// The calibration that a part of the callers is served, and the part in basis points.
    pub fn canary(&self) -> Option<(u64, u32)> {
        let number = self.history.canary?;
        let (share_bp, _) = self.history.entry(number)?.canary.as_ref()?;
        Some((number, *share_bp))
    }

    /// The published calibrations, in order of publication, read one by one.
    pub fn published(&self) -> impl DoubleEndedIterator<Item = Result<Calibration, LedgerError>> {
        self.history.published.iter().map(|number| self.get(*number))
    }

    /// Number of the last published calibration; 0 where there is none, the base model.
    pub fn last_published(&self) -> u64 {
        self.history.last_published()
    }
}

#[cfg(test)]
mod tests;
