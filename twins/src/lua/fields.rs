//! An entity's fields, wherever they stand.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::state::Packed;
use crate::webhooks::template::at;

/// An entity's fields, as a handler has just written them or as they are stored. Of those that are stored only what is
/// asked for is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fields<'f> {
    Written(&'f Map<String, Value>),
    Stored(&'f Packed),
}

impl<'f> Fields<'f> {
    pub(super) fn get(self, name: &str) -> Option<Cow<'f, Value>> {
        match self {
            Self::Written(fields) => fields.get(name).map(Cow::Borrowed),
            Self::Stored(fields) => fields.get(name).map(Cow::Owned),
        }
    }

    /// The value at a path of names, `config.url`.
    pub(super) fn at(self, path: &str) -> Option<Cow<'f, Value>> {
        match self {
            Self::Written(fields) => at(fields, path).map(Cow::Borrowed),
            Self::Stored(fields) => fields.at(path).map(Cow::Owned),
        }
    }

    pub(super) fn all(self) -> Map<String, Value> {
        match self {
            Self::Written(fields) => fields.clone(),
            Self::Stored(fields) => fields.fields(),
        }
    }
}
