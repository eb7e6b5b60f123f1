//! One calibration run's answer: what was found, what it rests on, what is not known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Calibration, Finding, Window};

/// What `wt calibrate NAME --format json` prints (CONTRACTS, "Findings").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// The twin.
    pub twin: String,
    /// The stretch of data time looked at.
    pub window: Window,
    /// Exchanges and deliveries in it.
    pub exchanges: u64,
    /// The differences the evidence proves, in [`Finding::order`].
    pub findings: Vec<Finding>,
    /// Those it cannot settle yet, in the same order.
    pub undecided: Vec<Finding>,
    /// What is worth knowing but no difference, a sentence each.
    pub notes: Vec<String>,
    /// What was seen of the model.
    pub coverage: Coverage,
    /// Exchanges that were not looked at, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// The outcome on held-back exchanges.
    pub guard: Guard,
    /// What was proposed or published, additive part first.
    pub calibrations: Vec<Calibration>,
}

/// How much of the model the window showed, so that silence is not read as health.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Coverage {
    /// Routes of the model.
    pub routes: u64,
    /// Those called.
    pub routes_seen: u64,
    /// Fields of the bodies seen that the model has.
    pub fields: u64,
    /// Those seen.
    pub fields_seen: u64,
    /// Webhook events of the model.
    pub events: u64,
    /// Those delivered.
    pub events_seen: u64,
    /// Exchanges the capture lost.
    pub dropped: u64,
}

/// The patched model against exchanges it was not computed from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Guard {
    /// Whether no route accepts less than before.
    pub passed: bool,
    /// Acceptance by route, of those the patch touches.
    pub routes: BTreeMap<String, GuardRoute>,
}

/// One route's held-back exchanges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GuardRoute {
    /// Held back.
    pub held_back: u64,
    /// Accepted by the model as it is.
    pub before: u64,
    /// Accepted by the patched model.
    pub after: u64,
}
