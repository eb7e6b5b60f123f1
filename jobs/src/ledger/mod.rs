//! The run ledger: every run of every job and how it ended, in SQLite.
//!
//! What a run does is written before it is done, so that a crash leaves a run that says `running`,
//! and never one that ran and is not there.

mod notices;
mod row;
mod run;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior, params};

pub use notices::{Notice, NoticeId, Unsent};
pub use run::{Cause, Ending, Run, RunId, State, Took};

use row::{millis, run_of, time_of};

/// Another process writes for a moment: `wt jobs trigger` beside the daemon.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Columns of a [`Run`], as [`run_of`] reads them.
const COLUMNS: &str = "id, job, kind, cause, scheduled_at, state, attempt, not_before, started_at, ended_at, pid, reason";

/// Why the ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the run ledger {} refuses", .path.display())]
pub struct LedgerError {
    /// The file.
    pub path: PathBuf,
    /// What SQLite said.
    pub source: rusqlite::Error,
}

/// The run ledger of a project.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    db: Connection,
}

/// A run that the schedule brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The instant it is due.
    pub scheduled_at: DateTime<Utc>,
    /// Its time came, or had passed.
    pub cause: Cause,
    /// When it starts, or why it does not.
    pub fate: Fate,
}

/// What becomes of a run that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It starts no earlier.
    Starts(DateTime<Utc>),
    /// It is skipped, and why.
    Skipped(String),
}

/// An attempt that was followed by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// As [`State::name`].
    pub state: String,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// Why it did not succeed.
    pub reason: Option<String>,
}

/// What is wrong with the daemon itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// `clock`, `jobs.toml`.
    pub subject: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// What it is, and what to do.
    pub text: String,
}

impl Ledger {
    /// Opens the ledger, made where there is none.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be made or the file is none of SQLite's.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        if let Some(folder) = path.parent() {
            // SQLite says "unable to open" where this fails.
            let _ = std::fs::create_dir_all(folder);
        }
        let ledger = Self::with(path, OpenFlags::default())?;
        ledger.told(|db| {
            db.pragma_update(None, "journal_mode", "WAL")?;
            db.pragma_update(None, "synchronous", "FULL")?;
            db.pragma_update(None, "foreign_keys", true)?;
            // Whole or not at all: others may read already.
            db.execute_batch(concat!("BEGIN IMMEDIATE;", include_str!("schema.sql"), "COMMIT;"))
        })?;
        Ok(ledger)
    }

    /// Opens the ledger for reading, which changes nothing that is kept; none where no job ever ran.
    ///
    /// # Errors
    ///
    /// Where it is there and cannot be read.
    pub fn open_to_read(path: &Path) -> Result<Option<Self>, LedgerError> {
        if !path.is_file() {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let ledger = if write_ahead(path).exists() {
            Self::with(path, flags)?
        } else {
            // Nobody writes: all is in the one file, and to share it SQLite would make two others.
            Self::named(path, &alone(path), flags | OpenFlags::SQLITE_OPEN_URI)?
        };
        // A daemon that begins at this moment has made the file and not its tables.
        let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'runs'";
        let has_tables: bool = ledger.told(|db| db.query_row(tables, [], |row| row.get(0)))?;
        Ok(has_tables.then_some(ledger))
    }

    /// A ledger that ends with its value, for simulations.
    ///
    /// # Errors
    ///
    /// Where SQLite refuses.
    pub fn in_memory() -> Result<Self, LedgerError> {
        let path = PathBuf::from(":memory:");
        let fault = |source| LedgerError { path: path.clone(), source };
        let db = Connection::open_in_memory().map_err(fault)?;
        db.execute_batch(include_str!("schema.sql")).map_err(fault)?;
        Ok(Self { path, db })
    }

    fn with(path: &Path, flags: OpenFlags) -> Result<Self, LedgerError> {
        Self::named(path, path, flags)
    }

    /// The file at a path, by the name that SQLite takes for it.
    fn named(path: &Path, name: &Path, flags: OpenFlags) -> Result<Self, LedgerError> {
        let fault = |source| LedgerError { path: path.to_owned(), source };
        let db = Connection::open_with_flags(name, flags).map_err(fault)?;
        db.busy_timeout(BUSY_TIMEOUT).map_err(fault)?;
        Ok(Self { path: path.to_owned(), db })
    }

    fn told<T>(
        &self,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        ask(&self.db).map_err(|source| LedgerError { path: self.path.clone(), source })
    }

    /// All or nothing, and on the disk when it returns.
    fn all<T>(
        &mut self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        let fault = |source| LedgerError { path: self.path.clone(), source };
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.db.transaction_with_behavior(behavior).map_err(fault)?;
        let done = write(&transaction).map_err(fault)?;
        transaction.commit().map_err(fault)?;
        Ok(done)
    }

    /// Limits the file to its present size, as a full disk does, or lets it grow again.
    ///
    /// # Errors
    ///
    /// Where SQLite refuses.
    pub fn limit(&self, is_full: bool) -> Result<(), LedgerError> {
        self.told(|db| {
            let present: i64 = db.pragma_query_value(None, "page_count", |row| row.get(0))?;
            let pages = if is_full { present } else { 1 << 30 };
            db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
        })
    }

    /// Whether it can be written to: a row is written and taken back, and the disk has to take both.
    ///
    /// # Errors
    ///
    /// Where it cannot.
    pub fn exercise(&self) -> Result<(), LedgerError> {
        self.told(|db| {
            db.execute_batch(
                "BEGIN IMMEDIATE;
                 INSERT OR REPLACE INTO troubles VALUES ('exercise', 0, '');
                 DELETE FROM troubles WHERE subject = 'exercise';
                 COMMIT",
            )
        })
    }

    /// Up to where a job's schedule is in the ledger.
    ///
    /// # Errors
    ///
    /// Where it cannot be read; so of all below.
    pub fn cursor(&self, job: &str) -> Result<Option<DateTime<Utc>>, LedgerError> {
        self.told(|db| {
            let mut query = db.prepare_cached("SELECT until FROM cursors WHERE job = ?")?;
            query.query_row([job], |row| Ok(time_of(row.get(0)?))).optional()
        })
    }

    /// The farthest any job's schedule is in the ledger.
    #[expect(clippy::missing_errors_doc, reason = "as cursor")]
    pub fn farthest(&self) -> Result<Option<DateTime<Utc>>, LedgerError> {
        self.told(|db| {
            db.query_row("SELECT max(until) FROM cursors", [], |row| row.get::<_, Option<i64>>(0))
        })
        .map(|found| found.map(time_of))
    }

    /// Takes down what is due up to an instant: once, however often it is told.
    ///
    /// # Errors
    ///
    /// Where it cannot be written; nothing is then.
    pub fn plan(
        &mut self,
        job: &str,
        kind: &str,
        planned: &[Planned],
        until: DateTime<Utc>,
    ) -> Result<(), LedgerError> {
        self.all(|db| {
            for run in planned {
                let (state, not_before, ended_at, reason) = match &run.fate {
                    Fate::Starts(at) => ("scheduled", *at, None, None),
                    Fate::Skipped(why) => ("skipped", until, Some(millis(until)), Some(why)),
                };
                db.prepare_cached(
                    "INSERT INTO runs (job, kind, cause, scheduled_at, state, attempt, not_before, ended_at, reason)
                     VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?) ON CONFLICT DO NOTHING",
                )?
                .execute(params![
                    job, kind, run.cause.name(), millis(run.scheduled_at), state,
                    millis(not_before), ended_at, reason
                ])?;
            }
            db.prepare_cached(
                "INSERT INTO cursors VALUES (?, ?)
                 ON CONFLICT (job) DO UPDATE SET until = max(until, excluded.until)",
            )?
            .execute(params![job, millis(until)])?;
            Ok(())
        })
    }

    /// A run that is no schedule's, waiting to start or ended already.
    #[expect(clippy::missing_errors_doc, reason = "as plan")]
    pub fn add(
        &mut self,
        job: &str,
        kind: &str,
        cause: Cause,
        now: DateTime<Utc>,
        ended: Option<&State>,
    ) -> Result<RunId, LedgerError> {
        self.all(|db| {
            db.execute(
                "INSERT INTO runs (job, kind, cause, scheduled_at, state, attempt, not_before, ended_at, reason)
                 VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?)",
                params![
                    job, kind, cause.name(), millis(now),
                    ended.map_or("scheduled", State::name), millis(now),
                    ended.and_then(State::ended_at).map(millis), ended.and_then(State::reason)
                ],
            )?;
            Ok(RunId(db.last_insert_rowid()))
        })
    }

    /// Runs that wait or go on, in the order they were due.
    #[expect(clippy::missing_errors_doc, reason = "as cursor")]
    pub fn open_runs(&self) -> Result<Vec<Run>, LedgerError> {
        self.runs("WHERE state IN ('scheduled', 'running') ORDER BY scheduled_at, id", [])
    }

    /// One run.
    #[expect(clippy::missing_errors_doc, reason = "as cursor")]
    pub fn run(&self, id: RunId) -> Result<Option<Run>, LedgerError> {
        Ok(self.runs("WHERE id = ?", [id.0])?.pop())
    }

    /// The newest runs, newest first.
    #[expect(clippy::missing_errors_doc, reason = "as cursor")]
    pub fn history(&self, job: Option<&str>, limit: u32) -> Result<Vec<Run>, LedgerError> {
        self.runs("WHERE ?1 IS NULL OR job = ?1 ORDER BY id DESC LIMIT ?2", params![job, limit])
    }

    /// The last run of each job that did its work or failed to.
    #[expect(clippy::missing_errors_doc, reason = "as cursor")]
    pub fn last_ended(&self) -> Result<BTreeMap<String, Run>, LedgerError> {
        let runs = self.runs(
            "WHERE id IN (SELECT max(id) FROM runs
                WHERE state IN ('succeeded', 'failed', 'timed out', 'abandoned') GROUP BY job)",
            [],
        )?;
        Ok(runs.into_iter().map(|run| (run.job.clone(), run)).collect())
    }

    fn runs(&self, which: &str, params: impl rusqlite::Params) -> Result<Vec<Run>, LedgerError> {
        self.told(|db| {
            let mut query = db.prepare_cached(&format!("SELECT {COLUMNS} FROM runs {which}"))?;
            query.query_map(params, run_of)?.collect()
        })
    }

    /// How many runs of each job ended in each state.
    #[expect(clippy::missing_errors_doc, reason = "as cursor")]
    pub fn counts(&self) -> Result<Vec<(String, String, i64)>, LedgerError> {
        self.told(|db| {
            let mut query = db.prepare_cached(
                "SELECT job, state, count(*) FROM runs GROUP BY 1, 2 ORDER BY 1, 2",
            )?;
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
        })
    }

    /// A run's attempts before its last.
    #[expect(clippy::missing_errors_doc, reason = "as cursor")]
    pub fn attempts(&self, run: RunId) -> Result<Vec<Attempt>, LedgerError> {
        self.told(|db| {
            let mut query = db.prepare_cached(
                "SELECT attempt, state, ended_at, reason FROM attempts WHERE run = ? ORDER BY attempt",
            )?;
            let attempt = |row: &rusqlite::Row<'_>| {
                Ok(Attempt {
                    number: row.get(0)?,
                    state: row.get(1)?,
                    ended_at: time_of(row.get(2)?),
                    reason: row.get(3)?,
                })
            };
            query.query_map([run.0], attempt)?.collect()
        })
    }

    /// Takes down that a run starts; it may be started then. No if it does not wait any more.
    #[expect(clippy::missing_errors_doc, reason = "as plan")]
    pub fn start(&mut self, run: RunId, now: DateTime<Utc>) -> Result<bool, LedgerError> {
        self.all(|db| {
            let changed = db.execute(
                "UPDATE runs SET state = 'running', started_at = ?2, pid = NULL WHERE id = ?1 AND state = 'scheduled'",
                params![run.0, millis(now)],
            )?;
            Ok(changed == 1)
        })
    }

    /// Takes down which process does the work.
    #[expect(clippy::missing_errors_doc, reason = "as plan")]
    pub fn set_pid(&mut self, run: RunId, pid: u32) -> Result<(), LedgerError> {
        self.all(|db| {
            db.execute("UPDATE runs SET pid = ?2 WHERE id = ?1", params![run.0, pid]).map(drop)
        })
    }

    /// Takes down that a run that waited will not start.
    #[expect(clippy::missing_errors_doc, reason = "as plan")]
    pub fn skip(&mut self, run: RunId, why: &str, now: DateTime<Utc>) -> Result<(), LedgerError> {
        self.all(|db| {
            db.execute(
                "UPDATE runs SET state = 'skipped', reason = ?2, ended_at = ?3 WHERE id = ?1 AND state = 'scheduled'",
                params![run.0, why, millis(now)],
            )
            .map(drop)
        })
    }

    /// Takes down how an attempt ended; the run waits for another where one is to follow.
    #[expect(clippy::missing_errors_doc, reason = "as plan")]
    pub fn end(
        &mut self,
        run: &Run,
        ending: Ending,
        now: DateTime<Utc>,
        again_at: Option<DateTime<Utc>>,
    ) -> Result<State, LedgerError> {
        let started_at = match run.state {
            State::Running { since, .. } => Some(since),
            _ => None,
        };
        let ended = ending.state(Took { started_at, ended_at: now });
        let params =
            params![run.id.0, ended.name(), millis(now), ended.reason(), again_at.map(millis)];
        self.all(|db| {
            if again_at.is_none() {
                return db.execute(
                    "UPDATE runs SET state = ?2, ended_at = ?3, reason = ?4, pid = NULL
                     WHERE id = ?1 AND state = 'running' AND ?5 IS NULL",
                    params,
                );
            }
            db.execute(
                "INSERT INTO attempts SELECT id, attempt, ?2, started_at, ?3, ?4 FROM runs
                 WHERE id = ?1 AND state = 'running' AND ?5 IS NOT NULL",
                params,
            )?;
            db.execute(
                "UPDATE runs SET state = 'scheduled', attempt = attempt + 1, not_before = ?2, pid = NULL, started_at = NULL
                 WHERE id = ?1 AND state = 'running'",
                params![run.id.0, again_at.map(millis)],
            )
        })?;
        Ok(again_at.map_or(ended, |not_before| State::Scheduled { not_before }))
    }

    /// Sets schedules and waits back that are of a time which has not come yet after all.
    #[expect(clippy::missing_errors_doc, reason = "as plan")]
    pub fn set_back(&mut self, now: DateTime<Utc>) -> Result<(), LedgerError> {
        self.all(|db| {
            db.execute("UPDATE cursors SET until = ?1 WHERE until > ?1", [millis(now)])?;
            let waits =
                "UPDATE runs SET not_before = ?1 WHERE state = 'scheduled' AND not_before > ?1";
            db.execute(waits, [millis(now)]).map(drop)
        })
    }

    /// Takes down that something is wrong with the daemon; `since` stays as first told.
    #[expect(clippy::missing_errors_doc, reason = "as plan")]
    pub fn set_trouble(
        &mut self,
        subject: &str,
        text: &str,
        now: DateTime<Utc>,
    ) -> Result<(), LedgerError> {
        self.all(|db| {
            db.execute(
                "INSERT INTO troubles VALUES (?, ?, ?)
                 ON CONFLICT (subject) DO UPDATE SET text = excluded.text WHERE text <> excluded.text",
                params![subject, millis(now), text],
            )
            .map(drop)
        })
    }

    /// Takes down that it is well again.
    #[expect(clippy::missing_errors_doc, reason = "as plan")]
    pub fn clear_trouble(&mut self, subject: &str) -> Result<(), LedgerError> {
        self.all(|db| db.execute("DELETE FROM troubles WHERE subject = ?", [subject]).map(drop))
    }

    /// What is wrong with the daemon, by subject.
    #[expect(clippy::missing_errors_doc, reason = "as cursor")]
    pub fn troubles(&self) -> Result<Vec<Trouble>, LedgerError> {
        self.told(|db| {
            let mut query =
                db.prepare_cached("SELECT subject, since, text FROM troubles ORDER BY 1")?;
            let trouble = |row: &rusqlite::Row<'_>| {
                Ok(Trouble { subject: row.get(0)?, since: time_of(row.get(1)?), text: row.get(2)? })
            };
            query.query_map([], trouble)?.collect()
        })
    }
}

/// What was written and is not in the file yet; gone when all writers have ended well.
fn write_ahead(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// The file as one that nobody writes.
///
/// # Source
///
/// SQLite, "Uniform Resource Identifiers", `immutable`.
fn alone(path: &Path) -> PathBuf {
    let path = path.display().to_string();
    let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{path}?immutable=1").into()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Names and contents of a folder's files.
    fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
        let file = |entry: fs::DirEntry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).unwrap())
        };
        entries.map(file).collect()
    }

    #[test]
    fn a_look_at_the_ledger_changes_no_file_whoever_writes() {
        let folder = tempfile::tempdir().unwrap();
        // A name that means something in a URI.
        let path = folder.path().join("50%25?#.db");
        assert!(Ledger::open_to_read(&path).unwrap().is_none());
        assert_eq!(files(folder.path()).len(), 0);

        let mut writer = Ledger::open(&path).unwrap();
        let now = DateTime::UNIX_EPOCH;
        writer.add("a", "command", Cause::Manual, now, None).unwrap();
        let runs = |path: &Path| {
            let reader = Ledger::open_to_read(path).unwrap().unwrap();
            reader.history(None, 9).unwrap().len()
        };
        assert_eq!(runs(&path), 1, "beside a writer");
        drop(writer);

        let before = files(folder.path());
        assert_eq!(runs(&path), 1);
        assert_eq!(files(folder.path()), before);
        assert_eq!(before.len(), 1, "{:?}", before.keys());
    }
}
