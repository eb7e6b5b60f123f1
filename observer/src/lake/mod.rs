//! The lake: observed exchanges as Parquet behind an `object_store` URL.
//!
//! `TABLE/twin=NAME/day=YYYY-MM-DD/SEGMENT.parquet`, and `segments/twin=NAME/SEGMENT.json` which
//! names a segment's files. A file that no segment names is not there: readers start from the
//! segments, so that an import cut short leaves nothing behind, and the segment of an import is named
//! by its content, so that importing the same content again adds nothing. `key.json` names the key that
//! pseudonyms were made with. What is observed live is
//! written ahead to the local disk ([`wal`]) and sealed into a segment from there.

mod claim;
pub mod compact;
pub(crate) mod deliveries;
pub mod expire;
pub(crate) mod known;
pub mod limit;
pub mod path;
mod remote;
pub(crate) mod rows;
mod seal;
mod segment;
mod store;
pub mod sweep;
pub mod table;
mod visible;
pub mod wal;
mod writer;

pub use claim::ClaimError;
pub use rows::BodyState;
pub use seal::{SealError, Sealed};
pub(crate) use seal::{recover, seal};
pub use segment::{Replaced, Segment, SegmentFile, SegmentFormat};
pub use store::{Damage, Lake, LakeError, TableStats};
pub use table::Table;
pub use writer::SegmentWriter;
