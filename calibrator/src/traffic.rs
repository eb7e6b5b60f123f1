//! How many calls a window had, over time.

use observer::lake::Lake;

use crate::observe::rows::Rows;
use crate::observe::{LakeSession, ObserveError};

/// The calls of a part of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Where the part begins; microseconds since the epoch.
    pub from_us: i64,
    /// Calls answered.
    pub calls: u64,
    /// Of these, refused with 429.
    pub refused: u64,
}

/// The twin's calls from one microsecond to another, both included, in `parts` equal parts.
///
/// In order of time, silent parts too; empty where the lake has no call of the window, as after it
/// was expired, or the window no length.
///
/// # Errors
///
/// Where the lake cannot be read.
pub async fn traffic(
    lake: &Lake,
    twin: &str,
    (from_us, to_us): (i64, i64),
    parts: u16,
) -> Result<Vec<Traffic>, ObserveError> {
    let length_us = to_us.saturating_sub(from_us).saturating_add(1);
    let width_us = length_us / i64::from(parts.max(1)) + 1;
    if length_us < i64::from(parts) {
        return Ok(Vec::new());
    }
    let mut segments = lake.segments(twin).await?;
    segments.retain(|segment| segment.from_us <= to_us && from_us <= segment.to_us);
    if segments.is_empty() {
        return Ok(Vec::new());
    }
    let session = LakeSession::open(lake, &segments, i64::MIN).await?;
    let numbers = [from_us, to_us, width_us];
    let batches =
        session.query_with("traffic.sql", include_str!("sql/traffic.sql"), &numbers).await?;
    let mut all: Vec<Traffic> = (0..i64::from(parts))
        .map(|part| Traffic { from_us: from_us + part * width_us, ..Traffic::default() })
        .collect();
    for batch in &batches {
        let rows = Rows(batch);
        let counts = rows.u64("calls").into_iter().zip(rows.u64("refused"));
        for (part, (calls, refused)) in rows.u64("part").into_iter().zip(counts) {
            let part = usize::try_from(part).ok().and_then(|part| all.get_mut(part));
            if let Some(part) = part {
                (part.calls, part.refused) = (calls, refused);
            }
        }
    }
    all.retain({
        let is_any = all.iter().any(|part| part.calls > 0);
        move |_| is_any
    });
    Ok(all)
}
