//! Files written once: whole or not at all, and never over another.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody the umask lets.
    Shared,
    /// Its owner alone (0600), from the moment it exists.
    Private,
}

/// Writes a new file: readers see none of it or all of it, and so does a start after a crash.
///
/// # Errors
///
/// [`ErrorKind::AlreadyExists`] where the file is there; it is then untouched.
pub(crate) fn write_new(path: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    let temporary = temporary_beside(path);
    // The leftover of a crash, of a process that had the same number.
    let _ = fs::remove_file(&temporary);
    let written = write_synced(&temporary, bytes, access)
        .and_then(|()| name(&temporary, path, bytes, access))
        .and_then(|()| sync_parent(path));
    // After a failure there may be none to remove.
    let _ = fs::remove_file(&temporary);
    written
}

/// Makes the names in a file's folder last.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened, and its entries are journalled by the file system.
    #[cfg(unix)]
    if let Some(parent) = path.parent() {
        File::open(parent)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// The file's bytes, `None` where there is no such file.
pub(crate) fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Gives the finished file its name; a rename would put it over another.
fn name(temporary: &Path, path: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    match fs::hard_link(temporary, path) {
        // A file system without hard links, as some mounted from a host: there a crash in the
        // middle leaves a short file, which no signature matches.
        Err(error)
            if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) =>
        {
            write_synced(path, bytes, access)
        }
        named => named,
    }
}

/// Of this call alone, so that no two write to one file.
fn temporary_beside(path: &Path) -> PathBuf {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.{call}.tmp", std::process::id()))
}

fn write_synced(path: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if access == Access::Private {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = access;
    let mut file: File = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_written_once_is_not_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write_new(&path, b"one", Access::Shared).unwrap();
        let again = write_new(&path, b"two", Access::Shared).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
    }
}
