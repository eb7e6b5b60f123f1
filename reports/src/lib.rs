//! Findings as text, Markdown, HTML, JSON, SARIF.
//!
//! In goes a [`Drift`], what one calibration run found; out comes a report of it: [`text`] for a
//! terminal, [`markdown`] for a pull request or a wiki, [`json`] for programs. A [`Report`] is a drift
//! with the ledger and the traffic around it; of it come [`html`], one file for a browser, and
//! [`sarif`] for code scanning. What a run changes in the description of the API is an [`overlay`] or
//! a diff ([`openapi_diff`], [`asyncapi_diff`]).
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

mod asyncapi;
mod audience;
mod edit;
mod html;
mod markdown;
mod outline;
mod overlay;
mod plot;
mod release;
mod report;
mod sarif;
mod text;
mod unified;
pub mod view;
mod words;

use models::Drift;
use serde_json::Value;

pub use html::html;
pub use markdown::markdown;
pub use outline::{state_name, state_words};
pub use overlay::overlay;
pub use release::{ReleaseNotes, release_notes};
pub use report::{Bucket, Models, Past, Report};
pub use sarif::sarif;
pub use text::{TextOptions, findings, text};
pub use unified::{asyncapi_diff, openapi_diff};

/// What a report can be written as, by the names that `wt report --format` takes.
pub const FORMS: [&str; 8] =
    ["text", "md", "html", "json", "sarif", "overlay", "openapi-diff", "asyncapi-diff"];

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
