//! What goes into a package, before it is signed.

use std::collections::BTreeMap;

use models::behaviour::{Behaviour, BehaviourError};
use models::{Digest, Model};
use semver::Version;

use crate::documents::{DocumentError, Documents};
use crate::manifest::{Base, Contained};
use crate::secrets::{self, Suspect};

/// The model's path in a package.
pub(crate) const MODEL: &str = "model/symbols.json";

/// A twin as it is to be frozen.
#[derive(Debug, Clone)]
pub struct Contents {
    pub(crate) twin: String,
    pub(crate) version: Version,
    pub(crate) model: Model,
    pub(crate) behaviour: Behaviour,
    pub(crate) origin: Origin,
    /// Every file but `checksums.txt` and the manifest, by path.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The model before the first calibration.
    pub base: Base,
    /// Those published since, in order.
    pub calibrations: Vec<Contained>,
}

/// Why a twin cannot be frozen.
#[derive(Debug, thiserror::Error)]
pub enum ContentsError {
    /// Its documents cannot be packed.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A document could not be served.
    #[error(transparent)]
    Behaviour(#[from] BehaviourError),
    /// Something in it looks like a credential.
    #[error(
        "{file}, line {line}: `{shown}` looks like a credential, and a package is for everybody: take it from the environment (`secret_env`), or replace it by words such as `whsec_test_secret`"
    )]
    Secret {
        /// The file, by its path in the twin's folder.
        file: String,
        /// From 1.
        line: usize,
        /// Its beginning.
        shown: String,
    },
}

impl Contents {
    /// A model that no calibration has touched, and the documents beside it, under a version.
    ///
    /// # Errors
    ///
    /// Where a document says what it cannot, or holds what looks like a credential.
    pub fn new(
        twin: &str,
        version: &Version,
        model: Model,
        documents: &Documents,
    ) -> Result<Self, ContentsError> {
        let base = Base { version: model.version.clone(), sha256: Digest::of(&model) };
        let origin = Origin { base, calibrations: Vec::new() };
        Self::of(twin, version, model, documents, origin)
    }

    /// As [`Contents::new`], of a model that calibrations made.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn of(
        twin: &str,
        version: &Version,
        model: Model,
        documents: &Documents,
        origin: Origin,
    ) -> Result<Self, ContentsError> {
        let files: Vec<_> = documents.iter().collect();
        let behaviour = Behaviour::of_files(&files, twin)?;
        if let Some((file, Suspect { line, shown })) = secrets::first(documents, &model) {
            return Err(ContentsError::Secret { file, line, shown });
        }
        let model = Model { version: version.to_string(), ..model };
        let mut files: BTreeMap<_, _> =
            documents.iter().map(|(path, text)| (path.to_owned(), text.into())).collect();
        files.insert(MODEL.to_owned(), (model.canonical() + "\n").into_bytes());
        let (twin, version) = (twin.to_owned(), version.clone());
        Ok(Self { twin, version, model, behaviour, origin, files })
    }
}
