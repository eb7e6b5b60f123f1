//! How a command ends, as scripts see it.

use std::fmt;
use std::io::{self, ErrorKind};
use std::process::ExitCode;

use jobs::review;
use observer::lake::Damage;
use observer::proxy;

/// The exit status (CONTRACTS, "Commands").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// 0.
    Done,
    /// 1: the answer is no, as of a check that failed.
    No,
    /// 2: bad usage or input.
    BadInput,
    /// 3: the environment, as a port that is taken.
    Environment,
}

/// An error whose cause is the environment and not what the user gave.
#[derive(Debug)]
pub(crate) struct EnvironmentError(pub(crate) String);

impl fmt::Display for EnvironmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for EnvironmentError {}

impl Outcome {
    /// The exit status of an error, by its causes.
    ///
    /// What the system refuses (a port, a permission, room on the disk) or lost (a file of the lake) is the
    /// environment's; a file that is not there or not what it should be is the input's.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        let is_environment = error.chain().any(|cause| {
            cause.is::<EnvironmentError>()
                || cause.is::<Damage>()
                || matches!(
                    cause.downcast_ref(),
                    Some(twins::ServeError::PortInUse { .. } | twins::ServeError::Listen { .. })
                )
                || matches!(
                    cause.downcast_ref(),
                    Some(proxy::ServeError::PortInUse { .. } | proxy::ServeError::Listen { .. })
                )
                || matches!(
                    cause.downcast_ref(),
                    Some(review::ServeError::PortInUse { .. } | review::ServeError::Listen { .. })
                )
                || cause.downcast_ref().is_some_and(|fault: &io::Error| !is_of_input(fault.kind()))
        });
        if is_environment { Self::Environment } else { Self::BadInput }
    }
}

fn is_of_input(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound
            | ErrorKind::AlreadyExists
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidData
            | ErrorKind::UnexpectedEof
            | ErrorKind::IsADirectory
            | ErrorKind::NotADirectory
            | ErrorKind::DirectoryNotEmpty
            | ErrorKind::InvalidFilename
    )
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Done => 0,
            Outcome::No => 1,
            Outcome::BadInput => 2,
            Outcome::Environment => 3,
        })
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn what_the_system_refuses_is_the_environment_and_a_missing_file_is_input() {
        let of = |kind| {
            let failed: Result<(), _> = Err(io::Error::from(kind));
            Outcome::of(&failed.context("doing this").context("and that").unwrap_err())
        };
        assert_eq!(of(ErrorKind::PermissionDenied), Outcome::Environment);
        assert_eq!(of(ErrorKind::StorageFull), Outcome::Environment);
        assert_eq!(of(ErrorKind::NotFound), Outcome::BadInput);
        assert_eq!(Outcome::of(&anyhow::anyhow!("no such twin")), Outcome::BadInput);
        let taken = anyhow::Error::new(EnvironmentError("port 1 is in use".into()));
        assert_eq!(Outcome::of(&taken.context("stripe")), Outcome::Environment);
    }
}
