//! The documents: shapes, models, findings, calibrations, and how one is applied to another.
//!
//! In: JSON documents, OpenAPI files, shapes counted elsewhere. Out: a [`Model`] with one canonical
//! form and so one [`Digest`], what an observed value has to match ([`View`]), the small
//! documents that carry drift ([`Finding`]) from the calibrator to reports and twins, and the signed
//! corrections ([`Calibration`]) that a [`Ledger`] keeps and a twin follows.
//!
//! ```
//! use models::{Digest, Model};
//!
//! let model: Model = serde_json::from_str(r#"{
//!   "format": "wondertwin.model/1", "name": "emails", "version": "1.0.0",
//!   "routes": {"GET /emails/{id}": {"variants": {"200": {"body": {"types": {"object": true},
//!     "properties": {"id": {"types": {"string": true}, "required": true}}}}}}}
//! }"#)?;
//! let again: Model = serde_json::from_str(&model.canonical())?;
//! assert_eq!(Digest::of(&model), Digest::of(&again));
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! Never async, never the network, never SQL. Patches are RFC 6902, digests SHA-256 over the
//! canonical JSON of this crate (sorted keys, shortest number form), signatures Ed25519.

mod age;
pub mod behaviour;
mod bounds;
mod calibration;
mod canonical;
mod class;
mod deliveries;
mod digest;
mod disk;
mod drift;
mod finding;
mod glob;
mod keyed;
mod ledger;
mod length;
mod likeness;
mod limit;
pub mod limits;
mod load;
mod model;
pub mod openapi;
mod patch;
mod place;
mod route;
mod schema;
mod secret;
mod signing;
pub mod templates;
mod view;
pub mod webhooks;

pub use age::Age;
pub use bounds::Bounds;
pub use calibration::{
    ApplyError, Base, Calibration, CalibrationFormat, Change, Fidelity, Made, Previous,
};
pub use class::{Class, Classes};
pub use deliveries::{Deliveries, RetrySchedule, SignatureForm};
pub use digest::{Digest, canonical_json};
pub use disk::{SecretError, load_or_draw_secret};
pub use drift::{Coverage, Drift, Guard, GuardRoute};
pub use finding::{
    ApiVersionMove, Evidence, Finding, Kind, Rollout, Surface, Window, without_parameter_names,
};
pub use glob::Glob;
pub use ledger::{
    AppendError, Applied, Choice, DecideError, Draft, Event, Fault, Ledger, LedgerError, Note,
    Refusal, Replay, RollbackError, State, Torn, in_force,
};
pub use length::{Length, LengthError};
pub use likeness::nearest;
pub use limit::{Algorithm, RateLimit};
pub use load::{LoadError, Problem, Problems};
pub use model::{Body, Model, ModelFormat, Parameter, Route, StateOp, StateVerb, Variant, Webhook};
pub use patch::{Patch, PatchError};
pub use place::{FieldPath, Place, Step};
pub use route::{Method, RouteKey, RouteKeyError};
pub use schema::{Discriminator, JsonType, Schema};
pub use secret::is_same_secret;
pub use signing::{
    KeyError, PublicKey, PublicKeyError, Signature, SigningKey, VerifyError, verify_signed,
};
pub use view::{Alternative, View, escape};
