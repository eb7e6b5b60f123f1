//! A file that one process holds, and in which it says who it is.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

/// Bytes of what a holder says. The file has this size from the beginning, so that a full disk is no
/// reason to keep silent about it.
const ROOM: usize = 1024;

/// Held by one process; free again when that ends, however it does.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another has it.
    #[error("{path} is held by process {holder}")]
    Held {
        /// The file.
        path: String,
        /// What it says.
        holder: String,
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

impl Lock {
    /// Takes the lock and says in it who did.
    ///
    /// # Errors
    ///
    /// Where another has it, or the file cannot be made.
    pub fn take(path: &Path, says: &str) -> Result<Self, LockError> {
        let name = || path.display().to_string();
        let fault = |source| LockError::Io { path: name(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(fault)?;
        }
        let options =
            File::options().read(true).write(true).create(true).truncate(false).open(path);
        let file = options.map_err(fault)?;
        match lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held { path: name(), holder: said(&file) });
            }
            Err(TryLockError::Error(source)) => return Err(fault(source)),
        }
        let lock = Self { file };
        if let Err(fault) = lock.say(says) {
            // It is for people: a full disk stops nobody.
            tracing::warn!(%fault, "the lock does not say whose it is");
        }
        Ok(lock)
    }

    /// Says something else, in the place of what it said before; what has no room is left out.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written.
    pub fn say(&self, text: &str) -> io::Result<()> {
        let mut room = [b' '; ROOM];
        let text = &text.as_bytes()[..text.floor_char_boundary(ROOM)];
        room[..text.len()].copy_from_slice(text);
        let mut file = &self.file;
        file.rewind()?;
        file.write_all(&room)
    }

    /// What its holder says; none where nobody has it.
    pub fn holder(path: &Path) -> Option<String> {
        let file = File::open(path).ok()?;
        matches!(file.try_lock(), Err(TryLockError::WouldBlock)).then(|| said(&file))
    }
}

fn said(mut file: &File) -> String {
    let mut text = String::new();
    // Who it is, is for people: where that cannot be read, the lock is held all the same.
    let _unknown = file.read_to_string(&mut text);
    text.trim().to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_the_lock_and_others_are_told_who() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("locks/one.lock");
        assert_eq!(Lock::holder(&path), None);
        let held = Lock::take(&path, "17, `wt calibrate emails`").unwrap();
        let refused = Lock::take(&path, "18").unwrap_err().to_string();
        assert!(refused.ends_with("is held by process 17, `wt calibrate emails`"), "{refused}");
        held.say("17").unwrap();
        assert_eq!(Lock::holder(&path).as_deref(), Some("17"));
        held.say(&"é".repeat(ROOM)).unwrap();
        assert_eq!(Lock::holder(&path), Some("é".repeat(ROOM / 2)));
        drop(held);
        assert_eq!(Lock::holder(&path), None);
        Lock::take(&path, "18").unwrap();
    }
}
