//! Exchanges and deliveries beyond an age leave the lake.
//!
//! What goes, goes by whole days of data time (UTC): the files of either are a day each. A
//! segment of which every day is gone goes with its shapes, tokens and links; of one that began
//! before and goes on, these stay, for they are of the segment as a whole. Manifests written last
//! stand in the place of what went, so that content once imported is not imported again; files are
//! removed by [`super::sweep`].

use chrono::NaiveDate;

use super::compact::{all_visible, id_of};
use super::segment::{Replaced, Segment, SegmentFormat};
use super::store::{Lake, LakeError};
use super::table::Table;
use super::writer::DAY_US;

/// What leaves the lake.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expiry {
    /// Exchanges before this time leave; the beginning of a day, microseconds since the epoch.
    pub before_us: i64,
    /// Segments that go whole.
    pub whole: Vec<Segment>,
    /// Segments of which the first days go, and what is left of each.
    pub parts: Vec<(Segment, Segment)>,
}

impl Expiry {
    /// Exchanges that go.
    pub fn exchanges(&self) -> u64 {
        let whole = self.whole.iter().map(|segment| segment.exchanges);
        let parts = self.parts.iter().map(|(before, after)| before.exchanges - after.exchanges);
        whole.chain(parts).sum()
    }

    /// Bytes that go.
    pub fn bytes(&self) -> u64 {
        let parts = self.parts.iter().map(|(before, after)| before.bytes() - after.bytes());
        self.whole.iter().map(Segment::bytes).chain(parts).sum()
    }

    /// Whether nothing goes.
    pub fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.parts.is_empty()
    }
}

/// What leaves the lake where nothing before a time is kept; the time is taken back to the beginning
/// of its day.
pub fn plan(segments: &[Segment], before_us: i64) -> Expiry {
    let before_us = before_us.div_euclid(DAY_US).saturating_mul(DAY_US);
    let mut expiry = Expiry { before_us, ..Expiry::default() };
    for segment in segments.iter().filter(|segment| segment.timed_rows() > 0) {
        if segment.from_us >= before_us {
            continue;
        }
        let rest = rest_of(segment, before_us);
        match rest.timed_rows() {
            0 => expiry.whole.push(segment.clone()),
            left if left < segment.timed_rows() => expiry.parts.push((segment.clone(), rest)),
            _ => {}
        }
    }
    expiry
}

fn rest_of(segment: &Segment, before_us: i64) -> Segment {
    let is_exchanges = |table: &str| table == Table::Exchanges.name();
    let has_times =
        |table: &str| Table::ALL.into_iter().any(|one| one.has_times() && one.name() == table);
    let mut rest = segment.clone();
    rest.files.retain(|file| {
        !has_times(&file.table) || day_of(&file.path).is_none_or(|day_us| before_us <= day_us)
    });
    let left = rest.files.iter().filter(|file| is_exchanges(&file.table));
    rest.exchanges = left.map(|file| file.rows).sum();
    rest.from_us = segment.from_us.max(before_us);
    rest.to_us = segment.to_us.max(rest.from_us);
    rest.format = SegmentFormat::V2;
    rest.replaces = segment.as_replaced();
    rest.id = id_of(&format!("expire-{before_us}"), std::slice::from_ref(segment));
    rest
}

/// The beginning of the day that a file's folder names, microseconds since the epoch.
fn day_of(path: &str) -> Option<i64> {
    let date = path.split('/').find_map(|part| part.strip_prefix("day="))?;
    let date: NaiveDate = date.parse().ok()?;
    Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros())
}

/// Takes out of the lake what was planned; false where somebody else replaced some of it meanwhile,
/// and nothing was done.
///
/// # Errors
///
/// Where a manifest cannot be read or written. Some of it may be gone by then; doing it again does
/// the rest.
pub fn expire(lake: &Lake, twin: &str, expiry: &Expiry) -> Result<bool, LakeError> {
    let parts: Vec<Segment> = expiry.parts.iter().map(|(before, _)| before.clone()).collect();
    if !all_visible(lake, twin, &parts)? || !all_visible(lake, twin, &expiry.whole)? {
        return Ok(false);
    }
    for (_, rest) in &expiry.parts {
        commit(lake, rest)?;
    }
    let Some(last) = expiry.whole.last() else { return Ok(true) };
    let name = twin.to_owned();
    let settled = lake.wait(|lake| async move { lake.settled(&name).await })?;
    // One manifest remembers all that ever went whole.
    let mut gone = expiry.whole.clone();
    gone.extend(settled.visible.into_iter().filter(Segment::is_gone));
    let mut replaces: Vec<Replaced> = gone.iter().flat_map(Segment::as_replaced).collect();
    replaces.sort();
    replaces.dedup();
    commit(
        lake,
        &Segment {
            format: SegmentFormat::V2,
            id: id_of("expire", &gone),
            exchanges: 0,
            skipped: std::collections::BTreeMap::new(),
            dropped: 0,
            files: Vec::new(),
            replaces,
            ..last.clone()
        },
    )?;
    Ok(true)
}

fn commit(lake: &Lake, segment: &Segment) -> Result<(), LakeError> {
    let segment = segment.clone();
    lake.wait(|lake| async move { lake.commit(&segment).await })
}
