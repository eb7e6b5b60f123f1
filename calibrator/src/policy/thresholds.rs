//! What it takes for a difference to count as drift.

use serde::{Deserialize, Serialize};

/// Thresholds of decisions, `drift.toml`'s `[decide]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Thresholds {
    /// Chance that luck alone put all occurrences of something new after the baseline.
    pub luck_max: f64,
    /// Chance that something still there was not seen.
    pub unseen_max: f64,
    /// Bodies without a field the model requires before it counts as removed, where no evidence
    /// says how often it was there.
    pub absences_min: u64,
    /// Refused calls before a route counts as removed.
    pub refusals_min: u64,
    /// As `unseen-max`, over all tails of a window together: objects of other kinds may come late, so
    /// that more is asked than against evidence of before.
    pub late_unseen_max: f64,
    /// New values of a closed field beyond which it counts as open.
    pub values_open_min: usize,
}

impl Default for Thresholds {
    /// # Source
    ///
    /// drift-bench's README, "When is a true item observable?"; INFERENCE §3.
    fn default() -> Self {
        Self {
            luck_max: 0.01,
            unseen_max: 0.001,
            late_unseen_max: 1e-4,
            absences_min: 20,
            refusals_min: 5,
            values_open_min: 24,
        }
    }
}
