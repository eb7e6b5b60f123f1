//! Runs the pipeline on a schedule, remembers each run, shows it.
//!
//! In go [`config::Jobs`] (`jobs.toml`) and the time; out come [`ledger::Run`]s, each of which ends in
//! one of a few states. The [`engine::Engine`] decides what is due and what becomes of it, purely
//! but for the ledger; the [`daemon::Daemon`] gives it the clock and has the work done by processes.
//!
//! ```
//! use jobs::config::Jobs;
//! use jobs::engine::{Beginning, Engine, Order};
//! use jobs::ledger::{Ending, Ledger};
//!
//! let jobs = Jobs::read(
//!     "[jobs.nightly]\nkind = 'calibrate'\ntwin = 'stripe'\nschedule = '30 2 * * *'",
//! );
//! let mut engine = Engine::new(Ledger::in_memory()?, Beginning::Next, 1);
//! let evening = "2026-11-26T20:00:00Z".parse()?;
//! assert_eq!(engine.tick(&jobs, evening)?, []);
//! let night = "2026-11-27T02:30:00Z".parse()?;
//! let orders = engine.tick(&jobs, night)?;
//! let [Order::Start(run, _)] = orders.as_slice() else { panic!("one run is due") };
//! engine.ended(&jobs, run.id, Ending::Succeeded, night);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It holds no domain logic: what a job does is `wt`'s to do, in a process of its own.

pub mod config;
pub mod daemon;
pub mod engine;
pub mod ledger;
pub mod lock;
pub mod notify;
pub mod pages;
pub mod plan;
pub mod process;
pub mod review;
pub mod schedule;
