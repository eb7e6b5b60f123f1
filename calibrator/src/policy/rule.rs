//! What publishes itself.

use chrono::{DateTime, TimeDelta, Utc};
use models::{Finding, Kind, Length, LengthError, Window};
use serde::Deserialize;

use super::pattern::fits_route;
use crate::propose::is_additive;

/// One rule: a finding that fits all of it publishes itself.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Rule {
    /// Kinds it is for; all where there are none.
    pub kinds: Vec<Kind>,
    /// Routes or events it is for; all where there are none.
    pub routes: Vec<String>,
    /// The worst it may be.
    pub severity_max: Severity,
    /// 0 to 1.
    pub confidence_min: Share,
    /// Independent witnesses.
    pub units_min: u64,
    /// Distinct callers among them; what has no count of callers has one.
    pub callers_min: u64,
    /// Since the first sighting, data time.
    pub age_min: Age,
}

/// What a change does to a client of the model's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Production only says or takes more.
    Additive,
    /// Nothing breaks it.
    Compatible,
    /// It may break.
    Breaking,
}

/// A number from 0 to 1, in a canary without its ends.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Deserialize)]
#[serde(try_from = "f64")]
pub struct Share(pub(super) f64);

/// A duration as `90s`, `30m`, `6h`, `2d`, `1w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Age(pub(super) TimeDelta);

impl Default for Rule {
    /// A rule that says nothing fits what is additive.
    fn default() -> Self {
        Self {
            kinds: Vec::new(),
            routes: Vec::new(),
            severity_max: Severity::Additive,
            confidence_min: Share(0.0),
            units_min: 0,
            callers_min: 0,
            age_min: Age(TimeDelta::zero()),
        }
    }
}

impl Severity {
    /// Of a finding.
    pub fn of(finding: &Finding) -> Self {
        if finding.breaking {
            Self::Breaking
        } else if is_additive(finding) {
            Self::Additive
        } else {
            Self::Compatible
        }
    }
}

impl Rule {
    /// Whether the finding, made in a window of data time, is one this rule publishes.
    pub fn fits(&self, finding: &Finding, window: &Window) -> bool {
        let evidence = &finding.evidence;
        (self.kinds.is_empty() || self.kinds.contains(&finding.kind))
            && (self.routes.is_empty() || self.routes.iter().any(|one| fits_route(one, finding)))
            && Severity::of(finding) <= self.severity_max
            && finding.confidence >= self.confidence_min.0
            && evidence.units.unwrap_or(evidence.seen) >= self.units_min
            && evidence.callers.unwrap_or(1) >= self.callers_min
            && age(evidence.first_seen, window.to) >= self.age_min.0
    }
}

fn age(first_seen: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> TimeDelta {
    first_seen.zip(to).map_or(TimeDelta::zero(), |(first, to)| to - first)
}

impl TryFrom<f64> for Share {
    type Error = String;

    fn try_from(number: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&number) {
            Ok(Self(number))
        } else {
            Err(format!("{number} does not lie between 0 and 1"))
        }
    }
}

impl TryFrom<String> for Age {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let Length(length) = text.parse().map_err(|fault: LengthError| fault.to_string())?;
        TimeDelta::from_std(length).map(Self).map_err(|fault| fault.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn finding(change: &serde_json::Value) -> Finding {
        let mut document = json!({
            "kind": "field_added", "surface": "response", "route": "GET /mails/{id}", "status": 200,
            "event": null, "path": "note", "before": null, "after": {"types": {"string": true}},
            "breaking": false, "confidence": 0.99, "fingerprint": "",
            "evidence": {"seen": 9, "of": 9, "units": 3, "callers": 2,
                "first_seen": "2026-11-01T00:00:00Z", "last_seen": "2026-11-01T09:00:00Z"}
        });
        document.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        serde_json::from_value(document).unwrap()
    }

    fn window() -> Window {
        Window { from: None, to: Some("2026-11-02T00:00:00Z".parse().unwrap()) }
    }

    #[test]
    fn a_rule_is_narrowed_by_each_of_its_members() {
        let fits = |rule: &str, change: serde_json::Value| {
            toml::from_str::<Rule>(rule).unwrap().fits(&finding(&change), &window())
        };
        let same = || json!({});
        assert!(fits("", same()));
        assert!(fits("kinds = [\"field_added\"]", same()));
        assert!(!fits("kinds = [\"route_added\"]", same()));
        assert!(fits("routes = [\"get /mails/*\"]", same()) && fits("routes = [\"/**\"]", same()));
        assert!(fits("routes = [\"GET /mails/{mail_id}\"]", same()));
        assert!(!fits("routes = [\"POST /mails/*\"]", same()));
        assert!(fits("units-min = 3", same()) && !fits("units-min = 4", same()));
        assert!(fits("callers-min = 2", same()) && !fits("callers-min = 3", same()));
        assert!(fits("age-min = \"24h\"", same()) && !fits("age-min = \"2d\"", same()));
        assert!(!fits("confidence-min = 0.999", same()));
        let removed = || json!({"kind": "field_removed", "breaking": true});
        assert!(!fits("", removed()) && fits("severity-max = \"breaking\"", removed()));
        let optional = || json!({"kind": "requiredness_changed", "after": true});
        assert!(!fits("", optional()) && fits("severity-max = \"compatible\"", optional()));
    }
}
