//! Where a project keeps what the daemon needs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::config::Jobs;
use crate::process::Place;

/// Tells the time.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The system's.
    System,
    /// One that jumps to the next thing to do, as long as no run goes on.
    Simulated(Arc<Mutex<DateTime<Utc>>>),
}

impl Clock {
    /// A simulated clock that begins at a time.
    pub fn simulated(begin: DateTime<Utc>) -> Self {
        Self::Simulated(Arc::new(Mutex::new(begin)))
    }

    /// The time.
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            Self::System => Utc::now(),
            Self::Simulated(now) => *now.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// How long the daemon may be without a look at what others asked for; none where nobody else
    /// is there to ask.
    pub(super) fn look_every(&self) -> Option<Duration> {
        match self {
            Self::System => Some(Duration::from_secs(1)),
            Self::Simulated(_) => None,
        }
    }

    /// Waits; a simulated clock takes no time, and stands still while runs go on.
    pub(super) async fn wait(&self, wait: Duration, is_busy: bool) {
        match self {
            Self::System => tokio::time::sleep(wait).await,
            Self::Simulated(_) if is_busy => std::future::pending().await,
            Self::Simulated(now) => {
                *now.lock().unwrap_or_else(PoisonError::into_inner) += wait;
            }
        }
    }
}

/// A project, as the daemon sees it.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The project's folder.
    pub project: PathBuf,
    /// What is this machine's alone: `.wt`.
    pub own: PathBuf,
    /// The program that does most of the work.
    pub wt: PathBuf,
    /// Tells the time.
    pub clock: Clock,
}

impl Setup {
    /// `jobs.toml`.
    pub fn config(&self) -> PathBuf {
        self.project.join("jobs.toml")
    }

    /// The run ledger.
    pub fn ledger(&self) -> PathBuf {
        self.own.join("jobs.db")
    }

    /// The runner's lock.
    pub fn lock(&self) -> PathBuf {
        self.own.join("jobs.lock")
    }

    /// Where runs leave what they said.
    pub fn logs(&self) -> PathBuf {
        self.own.join("jobs")
    }

    pub(super) fn place(&self) -> Place {
        Place { wt: self.wt.clone(), project: self.project.clone(), logs: self.logs() }
    }

    /// The text of `jobs.toml`; none where it cannot be had at the moment, as while it is replaced.
    pub(super) fn text(&self) -> Option<String> {
        std::fs::read_to_string(self.config()).ok()
    }

    /// The jobs of `jobs.toml`; a file that cannot be read is a fault.
    pub fn read_jobs(&self) -> (Option<String>, Jobs) {
        match std::fs::read_to_string(self.config()) {
            Ok(text) => {
                let jobs = Jobs::read(&text);
                (Some(text), jobs)
            }
            Err(fault) => (None, Jobs::unreadable(&fault)),
        }
    }
}
