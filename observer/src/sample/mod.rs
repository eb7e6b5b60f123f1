//! The active sampler: read-only requests of our own, where production shows too little.
//!
//! `probes.toml` says what is asked ([`Probes`], made from a model by [`init`]); [`sample`] asks it
//! within a budget and hands each exchange on. Rare routes are asked first.
//!
//! It contacts the model's base URL and nothing else, sends no method that changes anything unless
//! a probe is marked `unsafe = true`, and takes credentials from the environment.

mod init;
mod pace;
mod pages;
mod plan;
mod pool;
mod probes;
mod run;
mod send;

pub use init::init;
pub use probes::{Credential, Pages, Probe, Probes, ProbesError, Source};
pub use run::{End, Sampled, sample};
pub use send::{SampleError, Sampler};
