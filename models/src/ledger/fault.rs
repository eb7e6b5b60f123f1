//! What can be wrong with a ledger.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{ApplyError, VerifyError};

/// Why a ledger could not be read or continued.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A file or folder could not be read or written.
    #[error("the ledger's {path} cannot be read or written")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no calibration of the number.
    #[error("there is no calibration {number} in {dir}, which has {len}")]
    NoSuchCalibration {
        /// The number asked for.
        number: u64,
        /// The ledger's folder.
        dir: PathBuf,
        /// Number of calibrations it has.
        len: u64,
    },
    /// A part of it cannot be verified, and nothing is written after such a part.
    #[error("the ledger {dir} does not verify: restore it from version control")]
    Broken {
        /// The ledger's folder.
        dir: PathBuf,
        /// The first part that does not.
        source: Refusal,
    },
}

/// A part of a ledger that is not used, nor anything after it.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The calibration it keeps from being loaded; none where a decision does not even say.
    pub number: Option<u64>,
    /// What is wrong.
    pub reason: Arc<Fault>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            Some(number) => write!(f, "calibration {number} is refused"),
            None => f.write_str("what follows is refused"),
        }
    }
}

impl std::error::Error for Refusal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.reason.as_ref())
    }
}

/// What is wrong with a file or a line of a ledger.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A calibration's file is not there, though a later one or a decision is.
    #[error("{path} is missing")]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// A calibration's file cannot be read.
    #[error("{path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not a calibration in a format this version reads.
    #[error("{path} is not a calibration")]
    NotACalibration {
        /// The file.
        path: PathBuf,
        /// Member, line and column.
        source: serde_json::Error,
    },
    /// Its signature is not accepted.
    #[error("{path} is not accepted")]
    Unsigned {
        /// The file.
        path: PathBuf,
        /// Why.
        source: VerifyError,
    },
    /// Its number is not the one of its name.
    #[error("{path} holds calibration {number}")]
    OutOfPlace {
        /// The file.
        path: PathBuf,
        /// The number in it.
        number: u64,
    },
    /// It does not name the digest of the calibration before it.
    #[error("{path} does not follow the calibration before it: `previous` names another")]
    NotInChain {
        /// The file.
        path: PathBuf,
    },
    /// It builds on itself or a later one.
    #[error("{path} has the base {base}, which does not come before it")]
    BaseNotBefore {
        /// The file.
        path: PathBuf,
        /// The number it names.
        base: u64,
    },
    /// The file is not the one that was verified.
    #[error("{path} was changed after it was verified")]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A decision is not one in a format this version reads.
    #[error("{path}, line {line} is not a decision")]
    NotADecision {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// Member and column.
        source: serde_json::Error,
    },
    /// A decision's signature is not accepted.
    #[error("{path}, line {line} is not accepted")]
    UnsignedDecision {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// Why.
        source: VerifyError,
    },
    /// It does not name the digest of the decision before it.
    #[error("{path}, line {line} does not follow the line before it: `previous` names another")]
    DecisionNotInChain {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// It was made about another document of that number.
    #[error("{path}, line {line} is about another calibration {number}: `sha256` differs")]
    AnotherCalibration {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// The number it names.
        number: u64,
    },
    /// The calibration has a decision already.
    #[error("{path}, line {line} decides on calibration {number} again")]
    DecidedAgain {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// The number it names.
        number: u64,
    },
    /// It publishes a calibration of a model that is not the present one.
    #[error(
        "{path}, line {line} publishes calibration {number}, which does not apply to the model after {published}"
    )]
    DoesNotFollow {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// The number it names.
        number: u64,
        /// The last published before.
        published: u64,
    },
    /// The decisions have become fewer while they were followed.
    #[error("{path} is shorter than what was read of it: open the ledger anew")]
    Rewritten {
        /// The file.
        path: PathBuf,
    },
    /// It verifies and does not apply.
    #[error("it does not apply")]
    DoesNotApply(#[source] ApplyError),
}

/// The last line of `decisions.jsonl` without its end: a crash cut it off, or it is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torn {
    /// The file.
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
}

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line } = self;
        write!(
            f,
            "{}, line {line} is cut off and counts for nothing: decide again; the next decision moves it to {}",
            path.display(),
            Self::kept_in(path).display()
        )
    }
}

impl Torn {
    /// Where remains are kept: `decisions.jsonl.torn`.
    pub(super) fn kept_in(decisions: &Path) -> PathBuf {
        decisions.with_extension("jsonl.torn")
    }
}
