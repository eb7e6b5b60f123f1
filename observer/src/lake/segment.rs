//! The manifest of one segment: what was written together and is read together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::store;
use super::table::Table;

/// The format's name and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SegmentFormat {
    /// What was observed.
    #[default]
    #[serde(rename = "wondertwin.segment/1")]
    V1,
    /// What stands in the place of other segments. A name of its own, so that a reader which does
    /// not know of it refuses the lake and does not count twice.
    #[serde(rename = "wondertwin.segment/2")]
    V2,
}

/// What was written together: one import, or one stretch of live observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// [`SegmentFormat::V2`] where it replaces others.
    pub format: SegmentFormat,
    /// The twin observed.
    pub twin: String,
    /// Unique within the twin; of an import the digest of its content.
    pub id: String,
    /// `import`, `proxy`, `sample` or `webhooks`.
    pub source: String,
    /// Rows of `exchanges`.
    pub exchanges: u64,
    /// Time of the first exchange, microseconds since the epoch, UTC; of the first delivery where
    /// there are deliveries alone, and 0 where there is neither.
    pub from_us: i64,
    /// Time of the last.
    pub to_us: i64,
    /// Exchanges that left no row, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Exchanges lost because the capture could not keep up.
    pub dropped: u64,
    /// The files, by table and day.
    pub files: Vec<SegmentFile>,
    /// The segments in whose place this one stands, those that they stood for included: none of them
    /// is read any more, and their content still counts as imported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<Replaced>,
}

/// A segment in whose place another stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Replaced {
    /// Its id.
    pub id: String,
    /// Rows of `exchanges` it had.
    pub exchanges: u64,
    /// Time of its first exchange, microseconds since the epoch, UTC.
    pub from_us: i64,
    /// Time of its last.
    pub to_us: i64,
}

/// One Parquet file of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentFile {
    /// The table's name.
    pub table: String,
    /// From the lake's root.
    pub path: String,
    /// Rows in it.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
}

/// Rows or bytes of one segment: none has as many, and sums of them are numbers still.
const COUNT_MAX: u64 = 1 << 44;
/// Microseconds from the epoch either way, beyond the year 9999.
const TIME_MAX_US: u64 = 1 << 58;

impl Segment {
    /// What a manifest says that no segment is, if anything.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let spans = self.replaces.iter().map(|one| (one.from_us, one.to_us, one.exchanges));
        let spans = spans.chain([(self.from_us, self.to_us, self.exchanges)]);
        let sizes = self.files.iter().flat_map(|file| [file.rows, file.bytes]);
        let counts = self.skipped.values().copied().chain(sizes).chain([self.dropped]);
        let mut counts = counts.chain(spans.clone().map(|(_, _, exchanges)| exchanges));
        let is_time = |us: i64| us.unsigned_abs() <= TIME_MAX_US;
        if spans.into_iter().any(|(from, to, _)| to < from || !is_time(from) || !is_time(to)) {
            return Some("its times are none");
        }
        counts.any(|count| count > COUNT_MAX).then_some("a number is larger than any can be")
    }

    /// What the manifest of a segment in its place says of it and of those it stood for.
    pub(super) fn as_replaced(&self) -> Vec<Replaced> {
        let own = Replaced {
            id: self.id.clone(),
            exchanges: self.exchanges,
            from_us: self.from_us,
            to_us: self.to_us,
        };
        self.replaces.iter().cloned().chain([own]).collect()
    }

    /// Where its manifest stands, from the lake's root.
    pub fn manifest_path(&self) -> String {
        store::manifest_path(&self.twin, &self.id).to_string()
    }

    /// Whether nothing is left of what it stands for.
    pub(super) fn is_gone(&self) -> bool {
        !self.replaces.is_empty() && self.files.is_empty()
    }

    /// Rows that have a time of their own: exchanges, and attempts to deliver.
    pub fn timed_rows(&self) -> u64 {
        let deliveries = Table::Deliveries.name();
        let attempts = self.files.iter().filter(|file| file.table == deliveries);
        self.exchanges + attempts.map(|file| file.rows).sum::<u64>()
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}
