//! `jobs.toml`: what runs when.
//!
//! A job that cannot be read is a [`Fault`] and stops no other.

mod document;
mod job;
mod length;
mod lines;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;

use serde::Deserialize;

pub use document::Fault;
pub use job::{
    Argv, Calibrate, CatchUp, Command, Compact, Expire, Freeze, Job, Manner, Notify, OfTwin,
    Overlap, Program, Report, ReportForm, Task,
};
use lines::Lines;
pub use models::Length;

use crate::notify::{Channel, EnvName};
use crate::pages::PagesError;

/// What stands in `jobs.toml`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Jobs {
    /// Those that can be read, by name.
    pub jobs: BTreeMap<String, Job>,
    /// Where to tell what, by name.
    pub channels: BTreeMap<String, Channel>,
    /// Of `[daemon]`.
    pub daemon: Daemon,
    /// What cannot be read, in the order of the file.
    pub faults: Vec<Fault>,
    /// Where in the file what stands, for faults that only the project shows.
    lines: Lines,
}

/// `[daemon]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Daemon {
    /// Where `/health` and `/metrics` are served; nowhere where it is `"off"`.
    pub listen: Listen,
    /// The environment's variable that holds the token of the pages; needed where they are not on loopback.
    pub token_env: Option<EnvName>,
    /// Runs side by side, of all jobs.
    pub parallel: NonZeroU32,
    /// How long runs may go on once the daemon was asked to end.
    pub drain: Length,
}

impl Default for Daemon {
    fn default() -> Self {
        let listen = Listen::At(SocketAddr::from(([127, 0, 0, 1], 9190)));
        Self {
            listen,
            token_env: None,
            parallel: NonZeroU32::MIN.saturating_add(1),
            drain: Length(std::time::Duration::from_secs(30)),
        }
    }
}

/// Where the daemon's pages are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Listen {
    /// Nowhere.
    Off,
    /// There; port 0 takes a free one.
    At(SocketAddr),
}

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let address = text.parse().map(Self::At);
        address.map_err(|_| format!("`{text}` is no address: write \"127.0.0.1:9190\" or \"off\""))
    }
}

impl Jobs {
    /// The same jobs, none of them due by itself.
    #[must_use]
    pub fn without_schedules(&self) -> Self {
        let mut jobs = self.clone();
        jobs.jobs.values_mut().for_each(|job| job.manner.enabled = false);
        jobs
    }

    fn take_daemon(&mut self, daemon: Daemon) {
        if let Listen::At(address) = daemon.listen
            && let Some(refused) = PagesError::of(address, daemon.token_env.is_some())
        {
            self.faults.push(self.fault("daemon.listen", &refused.to_string()));
        }
        self.daemon = daemon;
    }

    /// Reads the text of a `jobs.toml`.
    pub fn read(text: &str) -> Self {
        document::read(text)
    }

    /// A file that cannot be read at all.
    pub fn unreadable(fault: &std::io::Error) -> Self {
        let mut jobs = Self::default();
        jobs.faults.push(jobs.fault("jobs.toml", &format!("cannot be read: {fault}")));
        jobs
    }

    /// A fault of a table or a field, as `jobs.nightly.twin`.
    pub fn fault(&self, place: &str, message: &str) -> Fault {
        let (line, place, message) = (self.lines.of(place), place.to_owned(), message.to_owned());
        Fault { line, place, message }
    }
}

#[cfg(test)]
mod tests;
