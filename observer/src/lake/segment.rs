//! The manifest of one segment: what was written together and is read together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The format's name and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SegmentFormat {
    /// The present format.
    #[default]
    #[serde(rename = "wondertwin.segment/1")]
    V1,
}

/// What was written together: one import, or one stretch of live observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Always [`SegmentFormat::V1`].
    pub format: SegmentFormat,
    /// The twin observed.
    pub twin: String,
    /// Unique within the twin; of an import the digest of its content.
    pub id: String,
    /// `import`, `proxy`, `sample` or `webhooks`.
    pub source: String,
    /// Rows of `exchanges`.
    pub exchanges: u64,
    /// Time of the first exchange, microseconds since the epoch, UTC.
    pub from_us: i64,
    /// Time of the last.
    pub to_us: i64,
    /// Exchanges that left no row, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Exchanges lost because the capture could not keep up.
    pub dropped: u64,
    /// The files, by table and day.
    pub files: Vec<SegmentFile>,
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
