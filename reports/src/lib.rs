//! Findings as text, Markdown and JSON.
//!
//! In goes a [`Drift`], what one calibration run found; out comes a report of it: [`text`] for a
//! terminal, [`markdown`] for a pull request or a wiki, [`json`] for programs.
//!
//! ```
//! let drift: models::Drift = serde_json::from_str(r#"{
//!   "twin": "emails", "window": {"from": null, "to": null}, "exchanges": 0, "findings": [],
//!   "undecided": [], "notes": [], "skipped": {}, "guard": {"passed": true, "routes": {}},
//!   "coverage": {"routes": 7, "routes_seen": 0, "fields": 0, "fields_seen": 0, "events": 0,
//!     "events_seen": 0, "dropped": 0}, "calibrations": []
//! }"#)?;
//! let report = reports::text(&drift, &reports::TextOptions::default());
//! assert!(report.starts_with("emails: no drift found"));
//! assert!(report.contains("7 of 7 routes were not called"));
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! Never computes drift: what is listed, and what it is called, is the drift's own. What it adds is
//! order (by entity, then by route, event or limit), words for what stood before and stands after,
//! and the one fold of CONTRACTS, "Findings": a change in a shared entity is one finding, listed
//! once with the routes it was seen on.

mod markdown;
mod outline;
mod text;
mod words;

use models::Drift;
use serde_json::Value;

pub use markdown::markdown;
pub use text::{TextOptions, findings, text};

/// The document itself, as `wt calibrate NAME --format json` prints it.
///
/// # Panics
///
/// Never: every field of a drift is representable in JSON.
pub fn json(drift: &Drift) -> Value {
    serde_json::to_value(drift).expect("a drift's keys are strings")
}

#[cfg(test)]
mod tests;
