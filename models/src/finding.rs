//! A finding: one difference between production and the model, with its evidence.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Digest;

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the contract's own words")]
pub enum Kind {
    RouteAdded,
    RouteRemoved,
    StatusAdded,
    FieldAdded,
    FieldRemoved,
    TypeChanged,
    NullabilityChanged,
    RequirednessChanged,
    EnumValueAdded,
    EnumValueRemoved,
    FormatChanged,
    RateLimitChanged,
    WebhookEventAdded,
}

impl Kind {
    /// The contract's word, `field_added`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RouteAdded => "route_added",
            Self::RouteRemoved => "route_removed",
            Self::StatusAdded => "status_added",
            Self::FieldAdded => "field_added",
            Self::FieldRemoved => "field_removed",
            Self::TypeChanged => "type_changed",
            Self::NullabilityChanged => "nullability_changed",
            Self::RequirednessChanged => "requiredness_changed",
            Self::EnumValueAdded => "enum_value_added",
            Self::EnumValueRemoved => "enum_value_removed",
            Self::FormatChanged => "format_changed",
            Self::RateLimitChanged => "rate_limit_changed",
            Self::WebhookEventAdded => "webhook_event_added",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where it changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Surface {
    /// What the application sends.
    Request,
    /// What the vendor answers.
    Response,
    /// What the vendor delivers.
    Webhook,
}

impl Surface {
    /// The contract's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
            Self::Webhook => "webhook",
        }
    }
}

/// One difference between production and the model (CONTRACTS, "Findings").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What changed.
    pub kind: Kind,
    /// Where.
    pub surface: Surface,
    /// `METHOD /path/{param}`; null for webhooks and limits.
    pub route: Option<String>,
    /// Null for requests, webhooks, routes and limits.
    pub status: Option<u16>,
    /// A webhook's event; null otherwise.
    pub event: Option<String>,
    /// Dotted, from the body's root.
    pub path: String,
    /// As the model had it; the form depends on the kind.
    pub before: Value,
    /// As production has it.
    pub after: Value,
    /// Whether a client of the model's version may break.
    pub breaking: bool,
    /// 0 to 1.
    pub confidence: f64,
    /// What it rests on.
    pub evidence: Evidence,
    /// The shared schema that changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// The path within that schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_path: Option<String>,
    /// The group of findings that are one change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Where a removed field went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
    /// Set while old and new are live side by side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    /// Set where production's API version is not the model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<ApiVersionMove>,
    /// Stable from run to run: see [`Finding::fingerprint_of`].
    pub fingerprint: String,
}

/// What a finding rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Exchanges that show the new state.
    pub seen: u64,
    /// Exchanges that could have.
    pub of: u64,
    /// Effective witnesses: polls of one object count nearly once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<u64>,
    /// Distinct callers among the witnesses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callers: Option<u64>,
    /// When the new state was first seen.
    pub first_seen: Option<DateTime<Utc>>,
    /// When last.
    pub last_seen: Option<DateTime<Utc>>,
}

/// Old and new side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// Share of the traffic that shows the new state, 0 to 1.
    pub share: f64,
    /// When the new state was first seen.
    pub since: Option<DateTime<Utc>>,
}

/// The vendor's API version in the model and in production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiVersionMove {
    /// The model's.
    pub before: Option<String>,
    /// Production's.
    pub after: String,
}

/// A stretch of data time, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The first exchange.
    pub from: Option<DateTime<Utc>>,
    /// The last.
    pub to: Option<DateTime<Utc>>,
}

impl Finding {
    /// Sixteen hex digits over kind, place, path, entity and what changed, so that a decision about
    /// it holds for later runs whatever their counts and whatever parameters are called by then.
    ///
    /// The shape of a new field and of a removed one depends on the traffic, so it is left out.
    pub fn fingerprint_of(&self) -> String {
        let change = match self.kind {
            Kind::EnumValueAdded
            | Kind::EnumValueRemoved
            | Kind::TypeChanged
            | Kind::FormatChanged
            | Kind::NullabilityChanged
            | Kind::RequirednessChanged
            | Kind::RateLimitChanged => serde_json::json!([self.before, self.after]),
            // A status in the place of another is another change than one beside it.
            Kind::StatusAdded => self.before.clone(),
            Kind::RouteAdded
            | Kind::RouteRemoved
            | Kind::FieldAdded
            | Kind::FieldRemoved
            | Kind::WebhookEventAdded => Value::Null,
        };
        let identity = serde_json::json!([
            self.kind,
            self.surface,
            self.route.as_deref().map(without_parameter_names),
            self.status,
            self.event,
            self.path,
            self.entity,
            self.entity_path,
            change
        ]);
        Digest::of_value(&identity).as_str()[..16].to_owned()
    }

    /// The order of lists and reports: route, status, event, path, kind.
    pub fn order(&self) -> (Option<&str>, Surface, Option<u16>, Option<&str>, &str, Kind) {
        (
            self.route.as_deref(),
            self.surface,
            self.status,
            self.event.as_deref(),
            &self.path,
            self.kind,
        )
    }
}

/// `GET /emails/{email_id}` as `GET /emails/{}`: what a parameter is called is the describer's choice.
pub fn without_parameter_names(route: &str) -> String {
    let mut parts = route.split('{');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("{}");
        out.push_str(part.split_once('}').map_or("", |(_, rest)| rest));
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn finding() -> Finding {
        serde_json::from_value(json!({
            "kind": "field_added", "surface": "response", "route": "GET /emails/{email_id}",
            "status": 200, "event": null, "path": "last_event", "before": null,
            "after": {"types": {"string": true}}, "breaking": false, "confidence": 0.99,
            "evidence": {"seen": 4, "of": 9, "first_seen": null, "last_seen": null},
            "fingerprint": ""
        }))
        .unwrap()
    }

    #[test]
    fn a_fingerprint_holds_whatever_was_counted_and_however_parameters_are_called() {
        let one = finding();
        let mut later = finding();
        later.route = Some("GET /emails/{id}".into());
        later.after = json!({"types": {"string": true}, "required": true});
        later.evidence.seen = 400;
        later.confidence = 1.0;
        assert_eq!(one.fingerprint_of(), later.fingerprint_of());
        assert_eq!(one.fingerprint_of().len(), 16);
    }

    #[test]
    fn a_fingerprint_tells_changes_apart() {
        let others: [fn(&mut Finding); 6] = [
            |one| one.kind = Kind::FieldRemoved,
            |one| one.route = Some("GET /emails/{id}/parts".into()),
            |one| one.status = Some(201),
            |one| one.path = "first_event".into(),
            |one| one.entity = Some("email".into()),
            |one| one.surface = Surface::Request,
        ];
        for change in others {
            let mut other = finding();
            change(&mut other);
            assert_ne!(finding().fingerprint_of(), other.fingerprint_of());
        }
        let mut values = [finding(), finding()];
        for (one, value) in values.iter_mut().zip(["a", "b"]) {
            (one.kind, one.after) = (Kind::EnumValueAdded, json!([value]));
        }
        assert_ne!(values[0].fingerprint_of(), values[1].fingerprint_of());
    }
}
