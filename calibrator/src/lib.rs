//! From the lake to a calibration: observe, diff, decide, propose, guard, publish.

mod chance;
mod decide;
mod diff;
pub mod evidence;
pub mod evidence_file;
mod guard;
mod infer;
mod maps;
pub mod observe;
pub mod policy;
mod propose;
mod run;
mod synth;
mod traffic;

pub use propose::{ProposeError, is_additive};
pub use run::{AnalyseError, Analysis, Proposal, analyse, synthesise};
pub use traffic::{Traffic, traffic};
