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
        .and_then(|()| name(&temporary, path))
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

/// Why there is no secret of this file's.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It cannot be read, or was not there and cannot be made.
    #[error("the key {} cannot be read or made", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It has nothing in it.
    #[error(
        "the key {} is empty, as a crash or a full disk leaves it: put a copy back; where nothing was made with it yet, remove it",
        .path.display()
    )]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It is not as long as such a key is.
    #[error(
        "{} is no key: it holds {found} bytes, expected {expected}; put a copy back, for with another key what is new would not match what is old",
        .path.display()
    )]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length, bytes.
        found: usize,
        /// The length of the key.
        expected: usize,
    },
}

/// The random bytes of a file that its owner alone can read, drawn where there is no such file.
///
/// Of processes that start at once, all have the same in the end; a crash leaves all of them or no
/// file.
///
/// # Errors
///
/// Where the file can be neither read nor made, or is not of `N` bytes.
pub fn load_or_draw_secret<const N: usize>(path: &Path) -> Result<[u8; N], SecretError> {
    let io = |source| SecretError::Io { path: path.to_owned(), source };
    if let Some(bytes) = read_if_there(path).map_err(io)? {
        return secret(path, &bytes);
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(io)?;
    }
    let mut drawn = [0; N];
    getrandom::fill(&mut drawn).map_err(|error| io(io::Error::other(error)))?;
    match write_new(path, &drawn, Access::Private) {
        // Another process was first, and its is the one.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            secret(path, &fs::read(path).map_err(io)?)
        }
        written => written.map(|()| drawn).map_err(io),
    }
}

fn secret<const N: usize>(path: &Path, bytes: &[u8]) -> Result<[u8; N], SecretError> {
    let (path, found) = (path.to_owned(), bytes.len());
    match bytes.try_into() {
        Ok(bytes) => Ok(bytes),
        Err(_) if found == 0 => Err(SecretError::Empty { path }),
        Err(_) => Err(SecretError::Length { path, found, expected: N }),
    }
}

/// Gives the finished file its name; a rename alone would put it over another.
fn name(temporary: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(temporary, path) {
        Err(error)
            if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) =>
        {
            name_without_links(temporary, path)
        }
        named => named,
    }
}

/// As [`name`], on a file system without hard links, as some mounted from a host: whoever holds the
/// lock of the folder is alone with it.
fn name_without_links(temporary: &Path, path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    let _lock = {
        let folder = File::open(path.parent().unwrap_or(Path::new(".")))?;
        folder.lock()?;
        folder
    };
    if path.try_exists()? {
        return Err(ErrorKind::AlreadyExists.into());
    }
    fs::rename(temporary, path)
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

    #[test]
    fn of_many_who_give_a_file_its_name_one_does_and_the_file_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for name in [name, name_without_links] {
            let write = |number: u8| {
                let temporary = folder.path().join(format!("{number}.tmp"));
                write_synced(&temporary, &[number; 32], Access::Private).unwrap();
                let named = name(&temporary, &path);
                let _ = fs::remove_file(&temporary);
                named
            };
            let named = std::thread::scope(|threads| {
                let running: Vec<_> = (0..8).map(|n| threads.spawn(move || write(n))).collect();
                running.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
            });
            assert_eq!(named.iter().filter(|one| one.is_ok()).count(), 1, "{named:?}");
            let lost = named.iter().filter_map(|one| one.as_ref().err());
            assert!(lost.clone().all(|error| error.kind() == ErrorKind::AlreadyExists));
            let kept = fs::read(&path).unwrap();
            assert_eq!(kept, [kept[0]; 32]);
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn all_who_start_at_once_have_one_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".wt/keys/lake.key");
        let secrets = std::thread::scope(|threads| {
            let load = || load_or_draw_secret::<16>(&path).unwrap();
            let running: Vec<_> = (0..8).map(|_| threads.spawn(load)).collect();
            running.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(secrets.iter().all(|one| *one == secrets[0]));
        assert_eq!(load_or_draw_secret::<16>(&path).unwrap(), secrets[0]);
        assert_ne!(secrets[0], [0; 16]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_is_no_key_is_told_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lake.key");
        for (bytes, why) in [(&b""[..], "is empty"), (b"short", "holds 5 bytes, expected 16")] {
            fs::write(&path, bytes).unwrap();
            let told = load_or_draw_secret::<16>(&path).unwrap_err().to_string();
            assert!(told.contains(why), "{told}");
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
    }
}
