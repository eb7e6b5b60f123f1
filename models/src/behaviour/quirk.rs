//! `quirks` of `twin.json`: what a vendor does that its description does not say, switched one by one.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One thing a vendor does that nobody would expect.
///
/// # Source
///
/// The published quirk document (INTERFACES, "quirk"); `routes` is ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quirk {
    /// `STRIPE-Q-12`.
    pub id: String,
    /// The vendor.
    #[serde(default)]
    pub service: String,
    /// What of it: `charges`.
    #[serde(default)]
    pub resource: String,
    /// Of what kind.
    #[serde(rename = "type")]
    pub kind: QuirkKind,
    /// How much it matters.
    pub severity: Severity,
    /// In a line.
    pub summary: String,
    /// In more.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What was seen.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub observed: Value,
    /// By whom it was seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confirmed_by: Vec<Confirmation>,
    /// Versions of the vendor's client it shows in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sdk_versions_affected: Vec<String>,
    /// Versions of the vendor's API it shows in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_versions_affected: Vec<String>,
    /// Whether it shows each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproducible: Option<bool>,
    /// How the twin does it.
    pub twin_implementation: QuirkImplementation,
    /// The routes it answers while it is on, as the model writes them.
    #[serde(default)]
    pub routes: Vec<String>,
}

/// Who has seen a quirk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// Where it is told.
    pub source: String,
    /// Its address.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// The day.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub date: String,
}

/// How a twin does a quirk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuirkImplementation {
    /// The Lua handler that answers the quirk's routes in place of the usual one.
    pub handler: String,
    /// What it does, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub behavior: String,
    /// Whether it is on from the start.
    #[serde(default)]
    pub enabled_by_default: bool,
}

/// Kinds of quirks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the published words say what they are")]
pub enum QuirkKind {
    SilentIgnore,
    StateDependent,
    Temporal,
    SideEffect,
    UndocumentedDefault,
    RaceCondition,
    Inconsistency,
}

/// How much a quirk matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the published words say what they are")]
pub enum Severity {
    Critical,
    Moderate,
    Minor,
}

impl Quirk {
    pub(super) fn problem(&self) -> Option<String> {
        let (service, number) = self.id.split_once("-Q-").unwrap_or((&self.id, ""));
        let letters = !service.is_empty() && service.chars().all(|one| one.is_ascii_uppercase());
        let digits = !number.is_empty() && number.chars().all(|one| one.is_ascii_digit());
        if !(letters && digits) {
            return Some(format!("the id {:?} is not as `STRIPE-Q-12`", self.id));
        }
        self.routes.is_empty().then(|| format!("{} has no `routes`, so it shows nowhere", self.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_document_is_read_and_an_id_of_another_form_is_told() {
        let read = |id: &str, routes: &str| -> Quirk {
            let text = format!(
                r#"{{"id": "{id}", "service": "stripe", "resource": "charges", "type": "silent_ignore", "severity": "minor",
                "summary": "s", "description": "d", "observed": "o", "confirmed_by": [{{"source": "thread", "url": "u", "date": "2026-01-01"}}],
                "sdk_versions_affected": ["7"], "service_versions_affected": [], "reproducible": true,
                "twin_implementation": {{"handler": "h", "behavior": "b", "enabled_by_default": false}}, "routes": {routes}}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        assert_eq!(read("STRIPE-Q-1", r#"["POST /v1/charges"]"#).problem(), None);
        assert!(read("stripe-1", r#"["POST /v1/charges"]"#).problem().is_some());
        assert!(read("STRIPE-Q-1", "[]").problem().unwrap().contains("shows nowhere"));
    }
}
