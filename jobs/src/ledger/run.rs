//! One run of a job and the states it goes through.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

/// A run's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RunId(pub i64);

/// One run of a job, from the moment it is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// The job.
    pub job: String,
    /// What it does, as `kind` says.
    pub kind: String,
    /// Why there is such a run.
    pub cause: Cause,
    /// The instant it was due.
    pub scheduled_at: DateTime<Utc>,
    /// Of the present or last attempt, from 1.
    pub attempt: u32,
    /// Where it stands.
    pub state: State,
}

/// Why there is a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Its time came.
    Schedule,
    /// Its time had passed while nothing ran.
    CatchUp,
    /// Somebody asked for it.
    Manual,
    /// The job could not be read; the run says why.
    Config,
}

/// Where a run stands. Only `Scheduled` and `Running` are left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It waits.
    Scheduled {
        /// For its time, the next attempt, or the run before it.
        not_before: DateTime<Utc>,
    },
    /// It goes on.
    Running {
        /// Since when.
        since: DateTime<Utc>,
        /// The leader of its process group; none before it has one.
        pid: Option<u32>,
    },
    /// It came to a good end.
    Succeeded(Took),
    /// It ended with an error, the last attempt as those before.
    Failed(Took, String),
    /// It was ended for taking too long.
    TimedOut(Took, String),
    /// It never started, and why.
    Skipped(DateTime<Utc>, String),
    /// The daemon died while it ran.
    Abandoned(Took, String),
    /// It was ended on purpose, and why.
    Cancelled(Took, String),
}

/// From when to when a run's last attempt went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Took {
    /// None where it could not be started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
}

impl Took {
    /// How long it took.
    pub fn length(&self) -> TimeDelta {
        self.started_at.map_or(TimeDelta::zero(), |from| self.ended_at - from)
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Well.
    Succeeded,
    /// With an error; `lasting` where another attempt would end the same.
    Failed {
        /// What went wrong.
        reason: String,
        /// Whether it is what was asked for that is wrong.
        lasting: bool,
    },
    /// Ended for taking too long.
    TimedOut(String),
    /// The daemon died.
    Abandoned(String),
    /// Ended on purpose.
    Cancelled(String),
}

impl Ending {
    /// The state of a run whose last attempt ended so.
    pub(crate) fn state(self, took: Took) -> State {
        match self {
            Self::Succeeded => State::Succeeded(took),
            Self::Failed { reason, .. } => State::Failed(took, reason),
            Self::TimedOut(reason) => State::TimedOut(took, reason),
            Self::Abandoned(reason) => State::Abandoned(took, reason),
            Self::Cancelled(reason) => State::Cancelled(took, reason),
        }
    }

    /// Why it did not end well.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Succeeded => None,
            Self::Failed { reason, .. }
            | Self::TimedOut(reason)
            | Self::Abandoned(reason)
            | Self::Cancelled(reason) => Some(reason),
        }
    }

    /// Whether another attempt may end better.
    pub(crate) fn is_worth_another(&self) -> bool {
        match self {
            Self::Succeeded | Self::Cancelled(_) => false,
            Self::Failed { lasting, .. } => !lasting,
            Self::TimedOut(_) | Self::Abandoned(_) => true,
        }
    }
}

impl Cause {
    /// As the ledger spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::CatchUp => "catch-up",
            Self::Manual => "manual",
            Self::Config => "config",
        }
    }
}

impl State {
    /// As the ledger spells it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Scheduled { .. } => "scheduled",
            Self::Running { .. } => "running",
            Self::Succeeded(_) => "succeeded",
            Self::Failed(..) => "failed",
            Self::TimedOut(..) => "timed out",
            Self::Skipped(..) => "skipped",
            Self::Abandoned(..) => "abandoned",
            Self::Cancelled(..) => "cancelled",
        }
    }

    /// Why it did not succeed.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Scheduled { .. } | Self::Running { .. } | Self::Succeeded(_) => None,
            Self::Failed(_, reason)
            | Self::TimedOut(_, reason)
            | Self::Skipped(_, reason)
            | Self::Abandoned(_, reason)
            | Self::Cancelled(_, reason) => Some(reason),
        }
    }

    /// When it came here, of a state that is not left.
    pub fn ended_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Scheduled { .. } | Self::Running { .. } => None,
            Self::Skipped(at, _) => Some(*at),
            Self::Succeeded(took)
            | Self::Failed(took, _)
            | Self::TimedOut(took, _)
            | Self::Abandoned(took, _)
            | Self::Cancelled(took, _) => Some(took.ended_at),
        }
    }

    /// How long its last attempt took.
    pub fn took(&self) -> Option<TimeDelta> {
        match self {
            Self::Scheduled { .. } | Self::Running { .. } | Self::Skipped(..) => None,
            Self::Succeeded(took)
            | Self::Failed(took, _)
            | Self::TimedOut(took, _)
            | Self::Abandoned(took, _)
            | Self::Cancelled(took, _) => Some(took.length()),
        }
    }

    /// Whether it is an end that somebody should look at.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(..) | Self::TimedOut(..) | Self::Abandoned(..))
    }
}
