//! What can be wrong with a source, and where.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::json::NotJson;

/// Why a file could not be opened as a source.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is not there, may not be read, or failed at its first bytes.
    #[error("{}: cannot be read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },

    /// A directory was given.
    #[error("{}: is a directory, expected {EXPECTED}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
    },

    /// There is nothing in the file, or nothing but white space.
    #[error("{}: is empty, expected {EXPECTED}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },

    /// An API's description instead of its traffic.
    #[error("{}: is an OpenAPI document, expected traffic: {EXPECTED}", path.display())]
    OpenApi {
        /// The file.
        path: PathBuf,
    },

    /// Neither content nor extension is one of a source.
    #[error("{}: holds {found}, expected {EXPECTED}", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// What the first bytes look like.
        found: &'static str,
    },

    /// The first bytes say gzip, and nothing can be unpacked.
    #[error("{}: is no readable gzip file", path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// Where unpacking stopped.
        source: io::Error,
    },
}

const EXPECTED: &str = "HAR 1.2, NDJSON of HAR entries or a VCR cassette, plain or gzip";

/// Why reading stopped before the end of the file.
#[derive(Debug, thiserror::Error)]
#[error("{}: reading stopped after entry {after}", path.display())]
pub struct ReadError {
    /// The file.
    pub path: PathBuf,
    /// Entries that were read before, those at fault included.
    pub after: u64,
    /// What the system says.
    pub source: io::Error,
}

/// A file that is a source and of which not one entry could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NothingRead {
    /// The file.
    pub file: PathBuf,
    /// The first fault; none where there is no entry at all.
    pub first: Option<Fault>,
    /// All.
    pub count: u64,
}

impl std::error::Error for NothingRead {}

impl fmt::Display for NothingRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.first {
            Some(fault) => write!(
                f,
                "{fault}; not one entry of the file could be read, nothing of it was added ({} faults in all)",
                self.count
            ),
            None => write!(f, "{}: has no entries, nothing was added", self.file.display()),
        }
    }
}

/// One line or entry that could not be read. Reading goes on behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file as it was given to [`open`](super::open).
    pub file: PathBuf,
    /// Where in it.
    pub place: Place,
    /// What is wrong there.
    pub flaw: Flaw,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::File => write!(f, "{}: {}", self.file.display(), self.flaw),
            place => write!(f, "{}, {place}: {}", self.file.display(), self.flaw),
        }
    }
}

/// Where in a source something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The file as a whole.
    File,
    /// A line of NDJSON, counted from 1.
    Line(u64),
    /// An entry of `log.entries` or of a cassette, counted from 1.
    Entry(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => write!(f, "the file"),
            Self::Line(number) => write!(f, "line {number}"),
            Self::Entry(number) => write!(f, "entry {number}"),
        }
    }
}

/// What is wrong with one line or entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The text breaks off being JSON. Columns are bytes, counted from 1.
    #[error("not JSON at column {column}, expected {expected}")]
    NotJson {
        /// The first byte that does not fit.
        column: usize,
        /// What fits.
        expected: &'static str,
    },

    /// As [`Flaw::NotJson`], in an entry that spans several lines.
    #[error("not JSON at column {column} of the entry's line {row}, expected {expected}")]
    NotJsonBelow {
        /// Line within the entry, counted from 1.
        row: usize,
        /// Byte within that line, counted from 1.
        column: usize,
        /// What fits.
        expected: &'static str,
    },

    /// The cassette is not YAML, or not at this interaction.
    #[error("not YAML: {message}")]
    NotYaml {
        /// What the parser says.
        message: String,
    },

    /// A byte that belongs to no character.
    #[error("invalid UTF-8 at column {column}")]
    NotUtf8 {
        /// The byte, counted from 1.
        column: usize,
    },

    /// A value that an exchange cannot do without is not there.
    #[error("missing {field}")]
    Missing {
        /// The value's path, as in `request.url`.
        field: &'static str,
    },

    /// A value of another kind than the format says.
    #[error("{field} is not {expected}")]
    WrongType {
        /// The value's path.
        field: &'static str,
        /// The kind, with its article.
        expected: &'static str,
    },

    /// A value of the right kind that means nothing.
    #[error("invalid {field} \"{value}\"")]
    Invalid {
        /// The value's path.
        field: &'static str,
        /// Its first 64 characters; never a body or a header.
        value: String,
    },

    /// A body said to be base64 that is not.
    #[error("{field} is not base64")]
    NotBase64 {
        /// The body's path.
        field: &'static str,
    },

    /// More bytes than [`Limits::line_bytes_max`](super::Limits).
    #[error("longer than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: usize,
    },

    /// Dated later than [`Limits::latest_us`](super::Limits).
    #[error(
        "dated {at} UTC, ahead of the clock ({now} UTC): it is left out, for nothing older would count beside it; mend its date"
    )]
    Ahead {
        /// Its time.
        at: String,
        /// The reader's, a day before the latest there may be.
        now: String,
    },

    /// Dated before there was HTTP.
    #[error("dated {at} UTC: whoever wrote it had set no time; it is left out, mend its date")]
    Undated {
        /// Its time.
        at: String,
    },

    /// A gzip file that was cut off.
    #[error("gzip stream ends early after entry {after}")]
    GzipEndsEarly {
        /// The last whole entry; 0 where there is none.
        after: u64,
    },

    /// A gzip file with bytes changed, or something else behind it.
    #[error("gzip stream is damaged after entry {after}: {message}")]
    GzipDamaged {
        /// The last whole entry; 0 where there is none.
        after: u64,
        /// What the decoder says.
        message: String,
    },

    /// A document that was cut off.
    #[error("the document ends early after entry {after}")]
    EndsEarly {
        /// The last whole entry; 0 where there is none.
        after: u64,
    },

    /// A document that is no JSON outside its entries, so that what follows is lost.
    #[error("not JSON after entry {after}, expected {expected}; what follows was not read")]
    DocumentBroken {
        /// The last whole entry; 0 where there is none.
        after: u64,
        /// What fits.
        expected: &'static str,
    },
}

impl Flaw {
    /// Where in `text` parsing stopped, as line and column.
    #[cold]
    pub(super) fn not_json(text: &[u8], error: NotJson) -> Self {
        let NotJson { at, expected } = error;
        let before = &text[..at.min(text.len())];
        let row = 1 + memchr::memchr_iter(b'\n', before).count();
        let column = 1 + at - memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        if row == 1 {
            Self::NotJson { column, expected }
        } else {
            Self::NotJsonBelow { row, column, expected }
        }
    }

    #[cold]
    pub(super) fn ahead(at_us: i64, latest_us: i64) -> Self {
        let ahead_us = super::AHEAD_MAX.num_microseconds().unwrap_or_default();
        Self::Ahead { at: date(at_us), now: date(latest_us.saturating_sub(ahead_us)) }
    }

    #[cold]
    pub(super) fn undated(at_us: i64) -> Self {
        Self::Undated { at: date(at_us) }
    }

    #[cold]
    pub(super) fn invalid(field: &'static str, value: &str) -> Self {
        Self::Invalid { field, value: value.chars().take(64).collect() }
    }
}

/// To the minute.
fn date(us: i64) -> String {
    let time = chrono::DateTime::from_timestamp_micros(us).unwrap_or_default();
    time.format("%Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_file_line_and_reason() {
        let flaw = Flaw::not_json(b"{\"a\" 1}", NotJson { at: 5, expected: "`:`" });
        let fault = Fault { file: "calls.ndjson".into(), place: Place::Line(3), flaw };
        assert_eq!(fault.to_string(), "calls.ndjson, line 3: not JSON at column 6, expected `:`");
    }

    #[test]
    fn a_fault_of_the_file_names_no_line() {
        let flaw = Flaw::GzipEndsEarly { after: 123 };
        let fault = Fault { file: "calls.ndjson.gz".into(), place: Place::File, flaw };
        let text = fault.to_string();
        assert_eq!(text, "calls.ndjson.gz: gzip stream ends early after entry 123");
    }

    #[test]
    fn an_entry_over_several_lines_is_pointed_into() {
        let flaw = Flaw::not_json(b"{\n \"a\" 1}", NotJson { at: 7, expected: "`:`" });
        let expected = "not JSON at column 6 of the entry's line 2, expected `:`";
        assert_eq!(flaw.to_string(), expected);
    }

    #[test]
    fn a_value_is_quoted_only_in_part() {
        let long = "x".repeat(100);
        let Flaw::Invalid { value, .. } = Flaw::invalid("startedDateTime", &long) else { panic!() };
        assert_eq!(value.len(), 64);
    }
}
