//! What is to be told, once a channel and key.

use chrono::{DateTime, Utc};
use rusqlite::params;

use super::row::millis;
use super::{Ledger, LedgerError};

/// A notice's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NoticeId(pub i64);

/// A message on its way to a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its number.
    pub id: NoticeId,
    /// The channel's name.
    pub channel: String,
    /// What makes it the same as another, as `drift:stripe:FINGERPRINT`.
    pub key: String,
    /// A message as JSON.
    pub message: String,
    /// Of the next attempt, from 1.
    pub attempt: u32,
}

/// Notices of one channel that were not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    /// The channel's name.
    pub channel: String,
    /// `waiting` or `given up`.
    pub state: String,
    /// How many.
    pub count: i64,
    /// Why one of them was not.
    pub reason: Option<String>,
}

impl Ledger {
    /// Takes down what to tell; what a channel was told before, it is not told again.
    ///
    /// # Errors
    ///
    /// Where the ledger cannot be written; so of all below.
    pub fn add_notices(
        &mut self,
        notices: &[(String, String, String)],
        now: DateTime<Utc>,
    ) -> Result<usize, LedgerError> {
        self.all(|db| {
            let mut added = 0;
            for (channel, key, message) in notices {
                added += db
                    .prepare_cached(
                        "INSERT INTO notices (channel, key, message, state, attempt, not_before)
                         VALUES (?, ?, ?, 'waiting', 1, ?) ON CONFLICT DO NOTHING",
                    )?
                    .execute(params![channel, key, message, millis(now)])?;
            }
            Ok(added)
        })
    }

    /// The next to be sent.
    #[expect(clippy::missing_errors_doc, reason = "as above")]
    pub fn due_notices(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Notice>, LedgerError> {
        self.told(|db| {
            let mut query = db.prepare_cached(
                "SELECT id, channel, key, message, attempt FROM notices
                 WHERE state = 'waiting' AND not_before <= ? ORDER BY id LIMIT ?",
            )?;
            let notice = |row: &rusqlite::Row<'_>| {
                Ok(Notice {
                    id: NoticeId(row.get(0)?),
                    channel: row.get(1)?,
                    key: row.get(2)?,
                    message: row.get(3)?,
                    attempt: row.get(4)?,
                })
            };
            query.query_map(params![millis(now), limit], notice)?.collect()
        })
    }

    /// Takes down that a notice arrived.
    #[expect(clippy::missing_errors_doc, reason = "as above")]
    pub fn notice_sent(&mut self, notice: NoticeId) -> Result<(), LedgerError> {
        self.all(|db| {
            let sent = "UPDATE notices SET state = 'sent', reason = NULL WHERE id = ?";
            db.execute(sent, [notice.0]).map(drop)
        })
    }

    /// Takes down that it did not, and when to try again; never where no time is given.
    #[expect(clippy::missing_errors_doc, reason = "as above")]
    pub fn notice_failed(
        &mut self,
        notice: NoticeId,
        why: &str,
        again_at: Option<DateTime<Utc>>,
    ) -> Result<(), LedgerError> {
        self.all(|db| {
            db.execute(
                "UPDATE notices SET reason = ?2, attempt = attempt + 1,
                     state = iif(?3 IS NULL, 'given up', 'waiting'), not_before = coalesce(?3, not_before)
                 WHERE id = ?1",
                params![notice.0, why, again_at.map(millis)],
            )
            .map(drop)
        })
    }

    /// Notices not sent, by channel: how many wait or were given up, and why the last one failed.
    #[expect(clippy::missing_errors_doc, reason = "as above")]
    pub fn unsent_notices(&self) -> Result<Vec<Unsent>, LedgerError> {
        self.told(|db| {
            let mut query = db.prepare_cached(
                "SELECT channel, state, count(*), max(reason) FROM notices
                 WHERE state <> 'sent' GROUP BY 1, 2 ORDER BY 1, 2",
            )?;
            let unsent = |row: &rusqlite::Row<'_>| {
                Ok(Unsent {
                    channel: row.get(0)?,
                    state: row.get(1)?,
                    count: row.get(2)?,
                    reason: row.get(3)?,
                })
            };
            query.query_map([], unsent)?.collect()
        })
    }
}
