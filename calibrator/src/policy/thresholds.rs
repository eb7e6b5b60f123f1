//! What it takes for a difference to count as drift.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// Thresholds of decisions, `drift.toml`'s `[decide]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Thresholds {
    /// Chance that luck alone put all occurrences of something new after the baseline.
    #[serde(deserialize_with = "chance")]
    pub luck_max: f64,
    /// Chance that something still there was not seen.
    #[serde(deserialize_with = "chance")]
    pub unseen_max: f64,
    /// Bodies without a field the model requires before it counts as removed, where no evidence
    /// says how often it was there.
    #[serde(deserialize_with = "count")]
    pub absences_min: u64,
    /// Refused calls before a route counts as removed.
    #[serde(deserialize_with = "count")]
    pub refusals_min: u64,
    /// As `unseen-max`, over all tails of a window together: objects of other kinds may come late, so
    /// that more is asked than against evidence of before.
    #[serde(deserialize_with = "chance")]
    pub late_unseen_max: f64,
    /// New values of a closed field beyond which it counts as open.
    #[serde(deserialize_with = "count")]
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

/// Of nothing, and of everything, nothing would ever be decided, or all at once.
fn chance<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if 0.0 < number && number < 1.0 {
        Ok(number)
    } else {
        let told = format!("{number} is no chance: expected a number above 0 and below 1");
        Err(D::Error::custom(told))
    }
}

fn count<'de, D: Deserializer<'de>, N: Deserialize<'de> + Default + PartialEq>(
    deserializer: D,
) -> Result<N, D::Error> {
    let number = N::deserialize(deserializer)?;
    if number == N::default() {
        Err(D::Error::custom("0 is too few: expected 1 or more"))
    } else {
        Ok(number)
    }
}
