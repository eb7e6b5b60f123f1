//! A run with what it stands in: all that a report can say.

use chrono::{DateTime, Utc};
use models::{Drift, Fidelity, Model, State};

/// One calibration run of one twin, with the ledger it wrote to and the traffic it rests on.
///
/// The drift alone makes a report; what else is not to be had any more (a lake that was expired, a
/// model whose ledger was restarted) is left out of it and said so.
#[derive(Debug, Clone)]
pub struct Report {
    /// The run, as `reports/NAME` numbers it.
    pub number: u64,
    /// What it found.
    pub drift: Drift,
    /// The models its calibrations lead between; none where it has none.
    pub models: Option<Models>,
    /// The twin's calibrations, by number.
    pub history: Vec<Past>,
    /// The run's window in equal parts, in order of time; empty where the lake no longer has it.
    pub traffic: Vec<Bucket>,
}

/// The model a run compared with, and what its calibrations make of it.
#[derive(Debug, Clone)]
pub struct Models {
    /// As the twin had it.
    pub before: Model,
    /// After all calibrations of the run.
    pub after: Model,
}

/// A calibration of the ledger, as far as its history is told.
#[derive(Debug, Clone)]
pub struct Past {
    /// Its place in the ledger.
    pub number: u64,
    /// When it was proposed, wall clock.
    pub at: DateTime<Utc>,
    /// What became of it.
    pub state: State,
    /// How well the models before and after it explain what was held back.
    pub fidelity: Option<Fidelity>,
    /// The calibration it undoes.
    pub rolls_back: Option<u64>,
}

/// The calls of a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Where it begins, data time.
    pub from: DateTime<Utc>,
    /// Calls answered.
    pub calls: u64,
    /// Of these, refused with 429.
    pub refused: u64,
}

impl Report {
    /// Of a drift alone.
    pub fn new(number: u64, drift: Drift) -> Self {
        Self { number, drift, models: None, history: Vec::new(), traffic: Vec::new() }
    }
}
