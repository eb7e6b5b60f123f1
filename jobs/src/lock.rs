//! One runner a project: a file that is locked while it lives.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

/// Held by the one process that runs jobs; free again when that ends, however it does.
#[derive(Debug)]
pub struct RunnerLock {
    _file: File,
}

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process runs the project's jobs.
    #[error("process {pid} runs this project's jobs already")]
    Held {
        /// What the file says of it.
        pid: String,
    },
    /// The file cannot be made.
    #[error("cannot lock {path}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

impl RunnerLock {
    /// Becomes the one runner.
    ///
    /// # Errors
    ///
    /// Where another is, or the file cannot be made.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let fault = |source| LockError::Io { path: path.display().to_string(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(fault)?;
        }
        let options =
            File::options().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = options.map_err(fault)?;
        match lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _unknown = file.read_to_string(&mut pid);
                return Err(LockError::Held { pid: pid.trim().to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(fault(source)),
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        if let Err(fault) = written {
            // The number is for people: a full disk does not stop the runner.
            tracing::warn!(%fault, "the lock does not say whose it is");
        }
        Ok(Self { _file: file })
    }

    /// Whether some process is the runner.
    pub fn is_held(path: &Path) -> bool {
        File::open(path).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }
}

/// Tries for a moment: whoever only asks whether the lock is held has it while asking.
fn lock(file: &File) -> Result<(), TryLockError> {
    for _ in 0..10 {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            tried => return tried,
        }
    }
    file.try_lock()
}
