//! A package's files in a folder of their own.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::package::Package;

/// Why a package was not unpacked. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// Something is there already.
    #[error("{} is there already, and is not written over", folder.display())]
    Exists {
        /// Where it was to be.
        folder: PathBuf,
    },
    /// The system would not have it.
    #[error("{} cannot be written", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Package {
    /// Unpacks it into a new folder: whoever looks there sees nothing or all of it.
    ///
    /// The paths of a package were checked when it was read, and none leads out of the folder.
    ///
    /// # Errors
    ///
    /// Where the folder is there already or cannot be written.
    pub fn unpack(&self, folder: &Path) -> Result<(), UnpackError> {
        if fs::symlink_metadata(folder).is_ok() {
            return Err(UnpackError::Exists { folder: folder.to_owned() });
        }
        let beside = beside(folder);
        if let Some(parent) = beside.parent() {
            fs::create_dir_all(parent).map_err(at(parent))?;
        }
        // Not `create_dir_all`: what is there is another's, may be a link, and stays.
        fs::create_dir(&beside).map_err(at(&beside))?;
        let unpacked = self.write_all(&beside).and_then(|()| place(&beside, folder));
        if unpacked.is_err() {
            // The first error is the one to tell.
            let _ = fs::remove_dir_all(&beside);
        }
        unpacked
    }

    fn write_all(&self, folder: &Path) -> Result<(), UnpackError> {
        for (path, bytes) in self.files() {
            let path = folder.join(path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(at(parent))?;
            }
            let written = File::create_new(&path).and_then(|mut file| {
                file.write_all(bytes)?;
                file.sync_all()
            });
            written.map_err(at(&path))?;
        }
        Ok(())
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> UnpackError + use<> {
    let path = path.to_owned();
    move |source| UnpackError::Io { path, source }
}

/// A name beside the folder that no other process uses.
fn beside(folder: &Path) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

fn place(beside: &Path, folder: &Path) -> Result<(), UnpackError> {
    fs::rename(beside, folder).map_err(at(folder))
}
