//! The process that runs a project's jobs, as its lock tells of it.

use std::fmt;
use std::path::Path;

use crate::lock::Lock;

/// Who runs a project's jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runner {
    /// Its process.
    pub pid: String,
    /// Why it cannot take down what it does, if it cannot.
    pub fault: Option<String>,
}

impl Runner {
    /// The one that has a project's lock; none where nobody runs its jobs. Writes nothing.
    pub fn present(lock: &Path) -> Option<Self> {
        Lock::holder(lock).map(|said| Self::of(&said))
    }

    /// As it says in the lock: its number, and on a second line its fault.
    pub(super) fn of(said: &str) -> Self {
        let (pid, fault) = said.split_once('\n').unwrap_or((said, ""));
        let fault = Some(fault.trim()).filter(|fault| !fault.is_empty());
        Self { pid: pid.to_owned(), fault: fault.map(str::to_owned) }
    }
}

impl fmt::Display for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.pid, self.fault.as_deref().unwrap_or_default())
    }
}
