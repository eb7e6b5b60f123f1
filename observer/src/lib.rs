//! Production seen as scrubbed exchanges, written to the lake.

mod content_coding;
pub mod exchange;
pub mod import;
pub mod intake;
pub mod key;
pub mod lake;
pub mod live;
pub mod proxy;
pub mod sample;
pub mod scrub;
mod shape;
pub mod sources;
pub mod toml_file;
pub mod webhooks;
pub mod wrec;
