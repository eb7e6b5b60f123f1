//! WREC recordings: scrubbed exchanges with their bodies, one folder a session.
//!
//! ```text
//! recordings/NAME/SESSION/
//!     exchanges.ndjson   one exchange a line, in the order they ended
//!     session.json       the manifest; written last, so that its presence means "finished"
//! ```
//!
//! In goes a [`RawExchange`](crate::exchange::RawExchange), already scrubbed; out comes the same
//! one, header order and times included. A recording cut short by a crash is read up to its last
//! whole line.
//!
//! ```
//! use observer::wrec::{RecordingWriter, WrecReader, sessions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let project = tempfile::tempdir()?;
//! let mut writer = RecordingWriter::create(project.path(), "stripe", Some("checkout"))?;
//! # let exchange = observer::wrec::example();
//! writer.append(&exchange)?;
//! let session = writer.finish()?;
//!
//! for found in sessions(project.path(), Some("checkout"))? {
//!     assert_eq!(found.name, session.name);
//!     for read in WrecReader::open(&found.path)? {
//!         assert_eq!(read?, exchange);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! It never scrubs: that is [`scrub`](crate::scrub), and what is handed in here is written as it is.
//!
//! # Source
//!
//! Format `wrec/1`, this project's own; the folder is that of CONTRACTS.md. A line is a JSON object
//! with the fields of `line::Line`; times are microseconds since the Unix epoch, UTC.

mod line;
mod manifest;
mod reader;
mod recorder;
mod writer;

pub use line::LineError;
pub use manifest::{FORMAT, Manifest, ManifestError, Session, sessions};
pub use reader::{ReadError, WrecReader};
pub use recorder::Recorder;
pub use writer::{Group, Import, RecordingWriter, WriteError, import};

/// The file of exchanges inside a session's folder.
const EXCHANGES: &str = "exchanges.ndjson";

/// The manifest inside a session's folder.
const MANIFEST: &str = "session.json";

/// An exchange for examples and tests.
#[doc(hidden)]
pub fn example() -> crate::exchange::RawExchange<'static> {
    use crate::exchange::{Direction, RawBody, RawExchange};
    RawExchange {
        direction: Direction::Call,
        seen_at_us: 1_700_000_000_000_000,
        latency_us: 1_204,
        method: "GET".into(),
        url: "https://api.example.test/v1/things?limit=1".into(),
        request_headers: vec![("Accept".into(), "*/*".into()), ("X-B".into(), "2".into())],
        request_body: None,
        status: 200,
        response_headers: vec![("Content-Type".into(), "application/json".into())],
        response_body: Some(RawBody {
            media_type: "application/json".into(),
            bytes: br#"{"data":[]}"#.as_slice().into(),
            truncated: false,
        }),
    }
}
