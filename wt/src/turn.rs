//! Who changes what is kept of a twin, or starts and stops twins: one process at a time.

use std::path::Path;
use std::time::{Duration, Instant};

use jobs::lock::{Lock, LockError};

use crate::outcome::EnvironmentError;
use crate::output::Output;
use crate::processes;
use crate::project::Project;

/// How long a command waits for another: far more than a run takes that does not hang.
const PATIENCE: Duration = Duration::from_mins(10);

/// The right to change a twin's ledger, evidence, reports and lake, or to start and stop twins, until it is dropped.
///
/// A run reads them, thinks, and writes what follows; a decision or a compaction in between would have
/// it write what no longer follows. What a process holds is free when it ends, however it does.
#[derive(Debug)]
pub(crate) struct Turn {
    _lock: Lock,
}

impl Turn {
    /// Waits until nobody else has it, and says for whom.
    ///
    /// `what` is the command that asks, for others to read: `calibrate`.
    ///
    /// # Errors
    ///
    /// Where another keeps it for too long, or the lock cannot be made.
    pub(crate) fn take(
        project: &Project,
        twin: &str,
        what: &str,
        out: &mut Output,
    ) -> anyhow::Result<Self> {
        let command = format!("{what} {twin}");
        Self::within(PATIENCE, &project.lock_path(twin), twin, &command, |holder| {
            out.say(&format!("waiting for process {holder}, which is at work on {twin}"));
        })
    }

    /// The right to start and stop twins of the project, which all stand in one file.
    ///
    /// # Errors
    ///
    /// As of [`Turn::take`].
    pub(crate) fn of_processes(
        project: &Project,
        command: &str,
        out: &mut Output,
    ) -> anyhow::Result<Self> {
        let path = processes::lock_path(project);
        Self::within(PATIENCE, &path, "the project's twins", command, |holder| {
            out.say(&format!("waiting for process {holder}, which starts or stops twins"));
        })
    }

    /// As [`Turn::of_processes`], now or not at all.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError`] where another has it.
    pub(crate) fn of_processes_at_once(project: &Project, command: &str) -> anyhow::Result<Self> {
        let path = processes::lock_path(project);
        Self::within(Duration::ZERO, &path, "the project's twins", command, |_| {})
    }

    /// As [`Turn::take`], now or not at all.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError`] where another has it.
    pub(crate) fn at_once(project: &Project, twin: &str, what: &str) -> anyhow::Result<Self> {
        Self::within(
            Duration::ZERO,
            &project.lock_path(twin),
            twin,
            &format!("{what} {twin}"),
            |_| {},
        )
    }

    fn within(
        patience: Duration,
        path: &Path,
        subject: &str,
        command: &str,
        mut say: impl FnMut(&str),
    ) -> anyhow::Result<Self> {
        let says = format!("{}, `wt {command}`", std::process::id());
        let (began, mut is_told) = (Instant::now(), false);
        loop {
            let holder = match Lock::take(path, &says) {
                Ok(lock) => return Ok(Self { _lock: lock }),
                Err(LockError::Held { holder, .. }) => holder,
                Err(fault) => return Err(fault.into()),
            };
            if began.elapsed() >= patience {
                return Err(EnvironmentError(format!(
                    "process {holder}, is at work on {subject}: try again when it has ended"
                ))
                .into());
            }
            if !std::mem::replace(&mut is_told, true) {
                say(&holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    #[test]
    fn a_twin_that_another_is_at_work_on_is_no_fault_of_the_input() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::open(Some(folder.path())).unwrap();
        let turn = Turn::at_once(&project, "emails", "calibrate").unwrap();
        let refused = Turn::at_once(&project, "emails", "review").unwrap_err();
        assert_eq!(Outcome::of(&refused), Outcome::Environment);
        let who = format!("process {}, `wt calibrate emails`, is at work", std::process::id());
        assert!(refused.to_string().starts_with(&who), "{refused}");
        Turn::at_once(&project, "notes", "calibrate").unwrap();
        drop(turn);
        Turn::at_once(&project, "emails", "review").unwrap();
    }
}
