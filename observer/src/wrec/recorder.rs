//! The sessions of one run of `wt record`: opened with the first exchange, closed at a boundary.

use std::path::PathBuf;

use super::manifest::Session;
use super::writer::{RecordingWriter, WriteError};
use crate::exchange::RawExchange;

/// Writes exchanges to the open session, and opens one where there is none.
#[derive(Debug)]
pub struct Recorder {
    recording: PathBuf,
    twin: String,
    tag: Option<String>,
    open: Option<RecordingWriter>,
}

impl Recorder {
    /// A recorder into `recordings/NAME`, without a session yet.
    pub fn new(recording: PathBuf, twin: &str, tag: Option<&str>) -> Recorder {
        Recorder { recording, twin: twin.to_owned(), tag: tag.map(str::to_owned), open: None }
    }

    /// Appends one exchange, which must have been scrubbed.
    ///
    /// # Errors
    ///
    /// The session cannot be opened or written.
    pub fn record(&mut self, exchange: &RawExchange<'_>) -> Result<(), WriteError> {
        let writer = match &mut self.open {
            Some(writer) => writer,
            none => none.insert(RecordingWriter::create(
                &self.recording,
                &self.twin,
                self.tag.as_deref(),
            )?),
        };
        writer.append(exchange)
    }

    /// Finalises the open session, so that the next exchange opens another; `None` where none is.
    ///
    /// # Errors
    ///
    /// As [`RecordingWriter::finish`].
    pub fn close(&mut self) -> Result<Option<Session>, WriteError> {
        self.open.take().map(RecordingWriter::finish).transpose()
    }

    /// Makes what was recorded so far outlive a crash of the machine; for when traffic pauses.
    ///
    /// # Errors
    ///
    /// As [`RecordingWriter::sync`].
    pub fn sync(&mut self) -> Result<(), WriteError> {
        self.open.as_mut().map_or(Ok(()), RecordingWriter::sync)
    }

    /// The name of the open session.
    pub fn session(&self) -> Option<String> {
        self.open.as_ref().map(RecordingWriter::name)
    }
}
