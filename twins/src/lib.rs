//! Serves one model over HTTP and swaps in the next while serving.
//!
//! In: a [`Model`](models::Model), a [`TwinConfig`], and a [`Follow`] that says whether calibrations
//! are taken and from which ledger. Out: a [`Running`] twin on a port, or a [`Twin`] that is
//! [called](Twin::call) without one; and whether a value is what a model says ([`validate`]).
//!
//! ```
//! use bytes::Bytes;
//! use twins::{Twin, TwinConfig};
//!
//! let model = serde_json::from_str(r#"{
//!   "format": "wondertwin.model/1", "name": "notes", "version": "1.0.0",
//!   "entities": {"note": {"types": {"object": true}, "properties": {
//!     "id": {"types": {"string": true}, "required": true},
//!     "text": {"types": {"string": true}, "required": true}}}},
//!   "routes": {"POST /notes": {"variants": {"201": {"body": {"ref": "note"}}}},
//!              "GET /notes/{id}": {"variants": {"200": {"body": {"ref": "note"}}}}}
//! }"#)?;
//! let twin = Twin::frozen(model, TwinConfig::new("notes"));
//! let request = http::Request::post("/notes").header("content-type", "application/json");
//! let created = twin.call(&request.body(Bytes::from(r#"{"text": "milk"}"#))?);
//! let note: serde_json::Value = serde_json::from_slice(created.body())?;
//! let path = format!("/notes/{}", note["id"].as_str().unwrap());
//! let read = twin.call(&http::Request::get(path).body(Bytes::new())?);
//! assert_eq!(created.body(), read.body());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! State is what was written, and nothing else: an answer shows it through the present model, and
//! draws the rest from the seed, the entity's id and the field's path. So a calibration changes
//! only what it names, and a rollback shows what was there before.
//!
//! Never links the calibrator or `DataFusion`; never reads a store on the way to an answer; never
//! serves a request with two models. What the formats, limits and prefixes rest on stands with
//! each, under "Source".

mod action;
mod admin;
mod auth;
mod base;
mod body;
mod bounds;
mod call;
mod canary;
mod capture;
pub mod catalog;
mod chaos;
mod clock;
mod config;
mod coverage;
mod declared;
mod dice;
mod doors;
mod escape;
mod etag;
mod expand;
mod filter;
mod follow;
mod format;
mod gate;
mod go_duration;
mod handle;
mod id;
mod idempotency;
mod limit;
mod list;
mod lua;
mod metrics;
mod order;
mod outgoing;
mod own;
mod owners;
mod plan;
mod program;
mod project;
mod query;
mod quirks;
mod refusal;
mod render;
mod router;
mod rules;
mod search;
mod seed;
mod serve;
mod served;
mod server;
mod session;
mod sessions;
mod shape;
mod shown;
mod state;
mod template;
mod timers;
mod twin;
mod universe;
mod validate;
mod webhooks;
mod whole;
mod words;

pub use capture::{Difference, Replay, ReplayError, replay};
pub use clock::{BASE_EPOCH, Clock};
pub use config::{Follow, Missing, NetworkLimits, Requests, TwinConfig};
pub use coverage::Coverage;
pub use go_duration::parse_duration;
pub use program::Program;
pub use serve::{Running, ServeError, serve};
pub use served::{Refused, Reloader, Served};
pub use state::StateLimits;
pub use twin::{Status, Twin};
pub use universe::{Member, Universe, Wish};
pub use validate::{Problem, validate};
pub use webhooks::{WebhookConfig, is_url as is_webhook_url};
