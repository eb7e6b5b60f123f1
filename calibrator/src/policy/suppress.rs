//! What is known and not to be reported, for a time.

use chrono::{DateTime, NaiveDate, Utc};
use models::{Finding, Kind};
use serde::Deserialize;

use super::pattern::{fits_route, like};

/// One suppression: findings it fits are left out until its last day has passed, in data time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "SuppressionDocument")]
pub struct Suppression {
    /// One finding.
    pub fingerprint: Option<String>,
    /// Kinds; all where there are none.
    pub kinds: Vec<Kind>,
    /// Routes or events; all where there are none.
    pub routes: Vec<String>,
    /// Paths; all where there are none.
    pub paths: Vec<String>,
    /// Why, for those who read the notes.
    pub reason: String,
    /// The last day it counts, UTC.
    pub until: NaiveDate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SuppressionDocument {
    fingerprint: Option<String>,
    #[serde(default)]
    kinds: Vec<Kind>,
    #[serde(default)]
    routes: Vec<String>,
    #[serde(default)]
    paths: Vec<String>,
    reason: String,
    until: toml::value::Datetime,
}

impl TryFrom<SuppressionDocument> for Suppression {
    type Error = String;

    fn try_from(document: SuppressionDocument) -> Result<Self, String> {
        let SuppressionDocument { fingerprint, kinds, routes, paths, reason, until } = document;
        if fingerprint.is_none() && kinds.is_empty() && routes.is_empty() && paths.is_empty() {
            return Err("a suppression without `fingerprint`, `kinds`, `routes` or `paths` would fit every finding".into());
        }
        let is_fingerprint =
            |text: &String| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if let Some(other) = fingerprint.as_ref().filter(|text| !is_fingerprint(text)) {
            return Err(format!("`fingerprint` is `{other}`, expected sixteen hex digits"));
        }
        if reason.trim().is_empty() {
            return Err("`reason` is empty".into());
        }
        let date = until.date.ok_or("`until` has no date, expected one as 2026-12-31")?;
        let until =
            NaiveDate::from_ymd_opt(i32::from(date.year), date.month.into(), date.day.into())
                .ok_or("`until` is no day of the calendar")?;
        Ok(Self { fingerprint, kinds, routes, paths, reason, until })
    }
}

impl Suppression {
    /// Whether it is past its last day at a moment of data time.
    pub fn is_expired(&self, at: Option<DateTime<Utc>>) -> bool {
        at.is_some_and(|at| at.date_naive() > self.until)
    }

    /// Whether the finding is one it leaves out.
    pub fn fits(&self, finding: &Finding) -> bool {
        self.fingerprint.as_ref().is_none_or(|one| one.eq_ignore_ascii_case(&finding.fingerprint))
            && (self.kinds.is_empty() || self.kinds.contains(&finding.kind))
            && (self.routes.is_empty() || self.routes.iter().any(|one| fits_route(one, finding)))
            && (self.paths.is_empty() || self.paths.iter().any(|one| like(one, &finding.path)))
    }
}
