//! The lake: observed exchanges as Parquet behind an `object_store` URL.
//!
//! `TABLE/twin=NAME/day=YYYY-MM-DD/SEGMENT.parquet`, and `segments/twin=NAME/SEGMENT.json` which
//! names a segment's files. A file that no segment names is not there: readers start from the
//! segments, so that an import cut short leaves nothing behind, and the segment of an import is named
//! by its content, so that importing the same content again adds nothing.

pub mod limit;
pub mod path;
pub(crate) mod rows;
mod segment;
mod store;
pub mod table;
mod writer;

pub use rows::BodyState;
pub use segment::{Segment, SegmentFile, SegmentFormat};
pub use store::{Lake, LakeError, TableStats};
pub use table::Table;
pub use writer::SegmentWriter;
