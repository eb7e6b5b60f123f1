//! From when on exchanges count, by data time.

use anyhow::bail;
use chrono::{DateTime, TimeDelta, Utc};
use models::{Ledger, Length, LengthError, Window};
use observer::lake::{Lake, Segment};

use crate::clock::{is_ahead, not_ahead};

/// Where a window begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Start {
    /// Microseconds since the epoch; the first exchange that counts.
    pub(super) us: i64,
    /// Nothing before belongs to a window that a published calibration had.
    pub(super) is_after_published: bool,
    /// Manifests of segments that are dated ahead of the clock.
    pub(super) ahead: Vec<String>,
}

/// The window of a run: from the end of the last published calibration's, or a time before the
/// newest exchange.
pub(super) async fn start(
    lake: &Lake,
    twin: &str,
    ledger: &Ledger,
    since: Option<TimeDelta>,
    now: DateTime<Utc>,
) -> anyhow::Result<Start> {
    let mut segments = lake.segments(twin).await?;
    segments.retain(|segment| segment.exchanges > 0);
    let Some(newest_us) = newest_us(&segments, now) else { bail!(nothing_observed(twin)) };
    let ahead = segments.iter().filter(|segment| is_ahead(segment.to_us, now));
    let ahead = ahead.map(Segment::manifest_path).collect();
    let after_published = after_published(ledger)?;
    Ok(match since {
        None => Start { us: after_published, is_after_published: true, ahead },
        Some(since) => {
            let back = since.num_microseconds().unwrap_or(i64::MAX);
            let us = newest_us.saturating_sub(back);
            Start { us, is_after_published: us >= after_published, ahead }
        }
    })
}

/// The newest data time, by this clock; none where there are no segments.
pub(crate) fn newest_us(segments: &[Segment], now: DateTime<Utc>) -> Option<i64> {
    segments.iter().map(|segment| not_ahead(segment.to_us, now)).max()
}

/// The window, ending no later than can be: nothing before its end is looked at again once it is
/// published.
pub(super) fn by_clock(window: Window, now: DateTime<Utc>) -> Window {
    let end = |at: DateTime<Utc>| if is_ahead(at.timestamp_micros(), now) { now } else { at };
    Window { from: window.from.map(end), to: window.to.map(end) }
}

pub(super) fn nothing_observed(twin: &str) -> String {
    format!("nothing of {twin} observed yet: run `wt observe import {twin} FILE`")
}

/// Past the last exchange that a published calibration rests on, by the clock of when it was made. A
/// rollback rests on none.
pub(crate) fn after_published(ledger: &Ledger) -> anyhow::Result<i64> {
    let mut after = i64::MIN;
    for calibration in ledger.published() {
        let calibration = calibration?;
        let Some(to) = by_clock(calibration.window, calibration.created_at).to else { continue };
        after = after.max(to.timestamp_micros().saturating_add(1));
    }
    Ok(after)
}

/// Reads a length of time that is not nothing.
pub(crate) fn parse_duration(text: &str) -> Result<TimeDelta, String> {
    let Length(length) = text.parse().map_err(|fault: LengthError| fault.to_string())?;
    let length = TimeDelta::from_std(length).map_err(|fault| fault.to_string())?;
    if length.is_zero() { Err(format!("`{text}` is nothing")) } else { Ok(length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        assert_eq!(parse_duration("30m").unwrap(), TimeDelta::minutes(30));
        assert_eq!(parse_duration("2d").unwrap(), TimeDelta::days(2));
        for bad in ["soon", "0s"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
