//! OpenAPI: descriptions in, models out, and back.
//!
//! [`import`] reads OpenAPI 3.0 and 3.1 as vendors write it; [`export`] writes 3.1. What a model
//! holds comes back: `import(export(model))` is the same model with the same digest.
//!
//! ```
//! let text = br#"{"openapi": "3.0.3", "info": {"version": "2"}, "paths": {"/emails/{id}": {
//!   "get": {"responses": {"200": {"description": "", "content": {"application/json":
//!     {"schema": {"type": "object", "properties": {"id": {"type": "string"}}}}}}}}}}}"#;
//! let imported = models::openapi::import("emails", text, "emails.json")?;
//! assert_eq!(imported.model.api_version.as_deref(), Some("2"));
//!
//! let exported = models::openapi::export(&imported.model).to_string();
//! let again = models::openapi::import("emails", exported.as_bytes(), "emails.json")?;
//! assert_eq!(again.model, imported.model);
//! # Ok::<(), models::openapi::ImportError>(())
//! ```
//!
//! What the model has no place for is left out, with a note where it could matter: examples,
//! descriptions, security, cookies, links, servers after the first.
//!
//! # Source
//!
//! OpenAPI 3.0.4 and 3.1.1, JSON Schema 2020-12, RFC 6901; the habits of Stripe, Twilio, Resend,
//! GitHub and Adyen as their published documents show them.

mod alternatives;
mod at;
mod document;
mod error;
mod events;
mod export;
mod export_schema;
mod extension;
mod import;
mod import_route;
mod import_schema;
mod media;
mod merge;
mod read;

pub use error::ImportError;
pub use export::export;
pub use import::{Imported, import};
