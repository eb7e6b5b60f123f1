//! Reading a session, whole or cut short.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::line::{self, LineError};
use super::{EXCHANGES, Manifest, ManifestError};
use crate::exchange::RawExchange;

/// The exchanges of one session in the order they were written.
///
/// Iterates over `Result`: a bad line is named and the next one is tried; after a fault of the file
/// itself there are no more. A last line without its newline, as a crash leaves it, is dropped.
#[derive(Debug)]
pub struct WrecReader {
    path: PathBuf,
    manifest: Manifest,
    file: BufReader<File>,
    line: u64,
    torn: bool,
    ended: bool,
}

/// Why a session could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The manifest is missing or wrong.
    #[error("the session cannot be opened")]
    Manifest(#[from] ManifestError),
    /// The file of exchanges could not be read.
    #[error("cannot read {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A line is no exchange.
    #[error("{path}, line {line}")]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// What is wrong with it.
        #[source]
        source: LineError,
    },
    /// A line is longer than any that is written.
    #[error("{path}, line {line}: more than {LINE_BYTES_MAX} bytes")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: u64,
    },
}

/// Longest line read, newline included: two bodies of 64 MiB in base64 fit.
const LINE_BYTES_MAX: u64 = 256 << 20;

impl WrecReader {
    /// Opens the session in a folder.
    ///
    /// # Errors
    ///
    /// The manifest is missing, wrong or of another format, or the file cannot be opened.
    pub fn open(session: &Path) -> Result<WrecReader, ReadError> {
        let manifest = Manifest::read(session)?;
        let path = session.join(EXCHANGES);
        let file =
            File::open(&path).map_err(|source| ReadError::Io { path: path.clone(), source })?;
        Ok(WrecReader {
            path,
            manifest,
            file: BufReader::with_capacity(1 << 16, file),
            line: 0,
            torn: false,
            ended: false,
        })
    }

    /// What the session's manifest says.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Whether a torn last line was dropped; known once the iteration has ended.
    pub fn torn(&self) -> bool {
        self.torn
    }

    /// Calls `each` for every exchange.
    ///
    /// # Errors
    ///
    /// The first line that is no exchange, or a fault of the file.
    pub fn for_each(self, mut each: impl FnMut(RawExchange<'static>)) -> Result<(), ReadError> {
        for exchange in self {
            each(exchange?);
        }
        Ok(())
    }
}

impl Iterator for WrecReader {
    type Item = Result<RawExchange<'static>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let mut text = Vec::new();
            self.line += 1;
            let limited = (&mut self.file).take(LINE_BYTES_MAX).read_until(b'\n', &mut text);
            if let Err(source) = limited {
                self.ended = true;
                return Some(Err(ReadError::Io { path: self.path.clone(), source }));
            }
            if text.last() != Some(&b'\n') {
                self.ended = true;
                if LINE_BYTES_MAX <= text.len() as u64 {
                    let (path, line) = (self.path.clone(), self.line);
                    return Some(Err(ReadError::TooLong { path, line }));
                }
                self.torn = !text.is_empty();
                return None;
            }
            if text.trim_ascii().is_empty() {
                continue;
            }
            let (path, line) = (&self.path, self.line);
            return Some(line::read(&text).map_err(|source| ReadError::Line {
                path: path.clone(),
                line,
                source,
            }));
        }
        None
    }
}
