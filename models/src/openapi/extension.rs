//! `x-wondertwin`: what OpenAPI has no word for.

use serde::{Deserialize, Serialize};

use crate::StateOp;

/// The key of the extension, wherever it stands.
pub(super) const KEY: &str = "x-wondertwin";

/// At the root: the twin's own.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RootExtension {
    pub(super) name: String,
    pub(super) version: String,
    /// `info.version`, which OpenAPI requires, is not the vendor's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) unversioned: bool,
}

/// At an operation.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OperationExtension {
    pub(super) state: StateOp,
}

/// At an alternative: its key in `any_of`, where the importer would not choose it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AlternativeExtension {
    pub(super) key: String,
}

/// At a component whose name OpenAPI does not admit: the entity's name.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ComponentExtension {
    pub(super) entity: String,
}

/// At a path parameter that the model does not declare and OpenAPI requires.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ParameterExtension {
    pub(super) undeclared: bool,
}

/// At a response whose main media type is not the one the importer would choose.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ResponseExtension {
    pub(super) media_type: String,
}
