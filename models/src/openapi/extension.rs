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

/// At a parameter.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ParameterExtension {
    /// The model does not declare it; OpenAPI requires it of what stands in a path.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) undeclared: bool,
    /// The model does not say how it is written.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) unstyled: bool,
}

/// At a response whose main media type is not the one the importer would choose.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ResponseExtension {
    pub(super) media_type: String,
}
