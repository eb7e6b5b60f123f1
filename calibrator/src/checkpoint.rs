//! How far a window has been read, on disk, so that a stream goes on where it stopped.
//!
//! One line of JSON (`{"format", "sha256", "bytes"}`), then a gzipped JSON document of so many bytes
//! with that digest. It holds nothing that the lake does not: where it is missing or of another
//! window, the window is read anew and nothing is lost but time.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::reading::Reading;

/// The format's name and version.
const FORMAT: &str = "wondertwin.stream/1";

#[derive(Serialize, Deserialize)]
struct Head {
    format: String,
    sha256: String,
    bytes: usize,
}

/// Why a checkpoint could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file could not be opened, written or moved into place.
    #[error("the checkpoint {file} cannot be read or written")]
    Io {
        /// The file.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is cut off, was changed, or is of another format.
    #[error("the checkpoint {file} is not whole: {problem}")]
    Broken {
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// Writes a checkpoint, replacing the one before at once and whole.
///
/// # Errors
///
/// Where the folder cannot be written; the checkpoint before it then stands.
///
/// # Panics
///
/// Never: a reading is representable in JSON.
pub fn write(reading: &Reading, path: &Path) -> Result<(), CheckpointError> {
    let io = |source| CheckpointError::Io { file: path.display().to_string(), source };
    let document = serde_json::to_vec(reading).expect("a reading's keys are written as pairs");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&document).map_err(io)?;
    let body = encoder.finish().map_err(io)?;
    let head = Head { format: FORMAT.to_owned(), sha256: digest(&body), bytes: body.len() };
    let head = serde_json::to_string(&head).expect("texts and a number");
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(io)?;
    let temporary = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = File::create(&temporary).map_err(io)?;
    file.write_all(head.as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(io)?;
    file.write_all(&body).and_then(|()| file.sync_all()).map_err(io)?;
    fs::rename(&temporary, path).map_err(io)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
}

/// Reads a checkpoint; `None` where there is none.
///
/// # Errors
///
/// Where it cannot be read, or is not what was written.
pub fn read(path: &Path) -> Result<Option<Reading>, CheckpointError> {
    let file = || path.display().to_string();
    let broken = |problem: String| CheckpointError::Broken { file: file(), problem };
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(CheckpointError::Io { file: file(), source }),
    };
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let end = end.ok_or_else(|| broken("it has no first line".to_owned()))?;
    let head: Head = serde_json::from_slice(&bytes[..end])
        .map_err(|error| broken(format!("its first line cannot be read: {error}")))?;
    if head.format != FORMAT {
        return Err(broken(format!("it is of the format {}, expected {FORMAT}", head.format)));
    }
    let body = &bytes[end + 1..];
    if body.len() != head.bytes || digest(body) != head.sha256 {
        return Err(broken("its content is not what its first line says".to_owned()));
    }
    let mut document = Vec::new();
    GzDecoder::new(body)
        .read_to_end(&mut document)
        .map_err(|error| broken(format!("it cannot be unpacked: {error}")))?;
    serde_json::from_slice(&document).map(Some).map_err(|error| broken(error.to_string()))
}

fn digest(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_back_and_one_that_was_touched_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stream/mails.checkpoint");
        assert!(read(&path).unwrap().is_none());
        let reading = Reading::new("mails", 17);
        write(&reading, &path).unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), reading);
        let whole = fs::read(&path).unwrap();
        for cut in [0, 10, whole.len() - 1] {
            fs::write(&path, &whole[..cut]).unwrap();
            assert!(matches!(read(&path), Err(CheckpointError::Broken { .. })), "{cut}");
        }
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        fs::write(&path, &flipped).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("is not what its first line says"));
    }
}
