//! From the lake to a calibration: observe, diff, decide, propose, guard, publish.

mod chance;
pub mod checkpoint;
mod decide;
mod deliveries;
mod diff;
pub mod evidence;
pub mod evidence_file;
mod guard;
mod infer;
mod maps;
pub mod memory;
pub mod observe;
mod outdate;
mod part;
pub mod policy;
mod propose;
pub mod publish;
pub mod reading;
pub mod review;
mod run;
mod screen;
mod synth;
mod traffic;

pub use part::part;
pub use propose::{ProposeError, is_additive};
pub use run::{AnalyseError, Analysis, Known, Proposal, analyse, synthesise};
pub use traffic::{Traffic, traffic};
