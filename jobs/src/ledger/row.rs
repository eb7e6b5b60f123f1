//! Rows of SQLite as runs.

use chrono::{DateTime, Utc};
use rusqlite::types::Type;

use super::run::{Cause, Run, RunId, State, Took};

/// Milliseconds since the epoch.
pub(super) fn millis(time: DateTime<Utc>) -> i64 {
    time.timestamp_millis()
}

pub(super) fn time_of(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

/// A run of a row of the ledger's columns.
pub(super) fn run_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Run> {
    let (cause, state): (String, String) = (row.get(3)?, row.get(5)?);
    let cause = match cause.as_str() {
        "schedule" => Cause::Schedule,
        "catch-up" => Cause::CatchUp,
        "manual" => Cause::Manual,
        "config" => Cause::Config,
        _ => return Err(unknown(3, &cause)),
    };
    let time = |column: usize| row.get(column).map(|at: Option<i64>| at.map(time_of));
    let (started_at, ended_at) = (time(8)?, time(9)?);
    let reason = || row.get(11).map(Option::unwrap_or_default);
    let took = || Took { started_at, ended_at: ended_at.unwrap_or_default() };
    let state = match state.as_str() {
        "scheduled" => State::Scheduled { not_before: time_of(row.get(7)?) },
        "running" => State::Running { since: started_at.unwrap_or_default(), pid: row.get(10)? },
        "succeeded" => State::Succeeded(took()),
        "failed" => State::Failed(took(), reason()?),
        "timed out" => State::TimedOut(took(), reason()?),
        "skipped" => State::Skipped(ended_at.unwrap_or_default(), reason()?),
        "abandoned" => State::Abandoned(took(), reason()?),
        "cancelled" => State::Cancelled(took(), reason()?),
        _ => return Err(unknown(5, &state)),
    };
    Ok(Run {
        id: RunId(row.get(0)?),
        job: row.get(1)?,
        kind: row.get(2)?,
        cause,
        scheduled_at: time_of(row.get(4)?),
        attempt: row.get(6)?,
        state,
    })
}

/// A word of a newer version, most likely.
fn unknown(column: usize, word: &str) -> rusqlite::Error {
    let fault = format!("`{word}` is not known to this version of wt");
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, fault.into())
}
