//! A scenario as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// A scenario as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    #[serde(default)]
    #[expect(dead_code, reason = "for people; named so that no other field is taken for it")]
    description: String,
    #[serde(default)]
    pub(crate) setup: Setup,
    /// Path of an Arazzo document, which nothing reads.
    #[serde(default)]
    #[expect(dead_code, reason = "published files may have it")]
    workflow: Option<String>,
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, Value>,
    pub(crate) steps: Vec<Step>,
}

/// What is done before the first step.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Setup {
    /// Twins that forget all.
    pub(crate) reset: Vec<String>,
    /// Files of objects by twin, from the scenario's folder.
    pub(crate) seed_files: BTreeMap<String, String>,
}

/// One request and what its answer has to be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) request: Request,
    /// Values of the answer's body by the variable that keeps them.
    #[serde(default)]
    pub(crate) capture: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) assert: Assert,
}

/// A request; any text may hold `{{…}}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// A text is sent as it is, anything else as JSON.
    #[serde(default)]
    pub(crate) body: Option<Value>,
}

/// What an answer has to be.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Assert {
    pub(crate) status: Option<u16>,
    /// Exactly.
    pub(crate) headers: BTreeMap<String, String>,
    /// By path: a value, or an object of `exists`, `eq`, `gte`, `lte`, `contains`, `regex`.
    pub(crate) body: BTreeMap<String, Value>,
    pub(crate) body_contains: Option<Contains>,
}

/// One text or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Contains {
    One(String),
    All(Vec<String>),
}
