//! From bytes to a package, or to what is wrong with them.

use std::io;
use std::path::{Path, PathBuf};

use models::behaviour::{Behaviour, BehaviourError};
use models::{Digest, LoadError, Model, PublicKey, VerifyError, verify_signed};
use serde::Deserialize as _;
use serde_json::Value;

use crate::archive::{self, Fault, Files};
use crate::contents::MODEL;
use crate::documents::is_listed;
use crate::manifest::Manifest;
use crate::package::{CHECKSUMS, MANIFEST, Package, checksums, digest_of, digits_of_name};

/// Why a file is not taken for a package.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be read.
    #[error("{} cannot be read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is a file's, named here.
    #[error("{} is refused", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<ReadError>,
    },
    /// The container is not sound.
    #[error(transparent)]
    Archive(#[from] Fault),
    /// A file that has to be there is not.
    #[error("it has no `{0}`")]
    Lacks(&'static str),
    /// A file that no package holds.
    #[error("it holds `{0}`, which no package does")]
    Unlisted(String),
    /// Nobody who is trusted signed it.
    #[error(transparent)]
    Signature(#[from] VerifyError),
    /// The manifest is not one.
    #[error("its `{MANIFEST}` is none")]
    Manifest(#[source] serde_json::Error),
    /// Content and digests differ.
    #[error("its `{0}` is not what was signed")]
    Changed(&'static str),
    /// Its name claims another digest.
    #[error("its name says it is {named}, its content is {}", &found.as_str()[..16])]
    Named {
        /// The digits in the name.
        named: String,
        /// The digest of the content.
        found: Digest,
    },
    /// The model is none.
    #[error(transparent)]
    Model(#[from] LoadError),
    /// A document could not be served.
    #[error(transparent)]
    Behaviour(#[from] BehaviourError),
}

impl Package {
    /// Reads a package's file; where its name carries a digest, that has to be its own.
    ///
    /// # Errors
    ///
    /// As [`Package::read`], with the file's name.
    pub fn open(path: &Path, trusted: &[PublicKey]) -> Result<Self, ReadError> {
        let bytes = archive::read_file(path)
            .map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
        let named = path.file_name().and_then(|name| digits_of_name(name.to_str()?));
        let read = Self::read(&bytes, trusted).and_then(|package| match named {
            Some(digits) if !package.digest.as_str().starts_with(digits) => {
                Err(ReadError::Named { named: digits.to_owned(), found: package.digest })
            }
            _ => Ok(package),
        });
        read.map_err(|source| ReadError::InFile { path: path.to_owned(), source: Box::new(source) })
    }

    /// Reads a package's bytes: a sound archive of listed files, whose digests fit what a trusted
    /// key signed. Nothing is written, and nothing is used of one that does not fit.
    ///
    /// # Errors
    ///
    /// Where it is anything else.
    pub fn read(bytes: &[u8], trusted: &[PublicKey]) -> Result<Self, ReadError> {
        let files = archive::unpack(bytes)?;
        let file = |path: &'static str| files.get(path).ok_or(ReadError::Lacks(path));
        let document: Value =
            serde_json::from_slice(file(MANIFEST)?).map_err(ReadError::Manifest)?;
        verify_signed(&document, trusted)?;
        let manifest = Manifest::deserialize(&document).map_err(ReadError::Manifest)?;
        let listed = file(CHECKSUMS)?;
        if Digest::of_bytes(listed) != manifest.checksums.sha256 {
            return Err(ReadError::Changed(CHECKSUMS));
        }
        let own = contents_of(&files)?;
        if checksums(&own).as_bytes() != listed {
            return Err(ReadError::Changed("files"));
        }
        let model = model_of(file(MODEL)?, &manifest)?;
        let behaviour = behaviour_of(&own, &manifest)?;
        let digest = digest_of(document);
        Ok(Self { manifest, digest, model, behaviour, files })
    }
}

/// The files that `checksums.txt` is of.
fn contents_of(files: &Files) -> Result<Files, ReadError> {
    let mut own = files.clone();
    own.remove(MANIFEST);
    own.remove(CHECKSUMS);
    match own.keys().find(|path| *path != MODEL && !is_listed(path)) {
        Some(path) => Err(ReadError::Unlisted(path.clone())),
        None => Ok(own),
    }
}

fn model_of(bytes: &[u8], manifest: &Manifest) -> Result<Model, ReadError> {
    let model = Model::from_bytes(bytes, MODEL)?;
    let fits = Digest::of(&model) == manifest.model.sha256
        && model.version == manifest.version.to_string();
    if fits { Ok(model) } else { Err(ReadError::Changed(MODEL)) }
}

fn behaviour_of(files: &Files, manifest: &Manifest) -> Result<Behaviour, ReadError> {
    let mut texts = Vec::new();
    for (path, bytes) in files.iter().filter(|(path, _)| *path != MODEL) {
        let text = std::str::from_utf8(bytes).map_err(|_| ReadError::Changed("documents"))?;
        texts.push((path.as_str(), text));
    }
    Ok(Behaviour::of_files(&texts, &manifest.twin)?)
}
