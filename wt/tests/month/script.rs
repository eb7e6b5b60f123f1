//! `script.toml`: what the vendor does and what is to be found.

use chrono::{DateTime, Duration, Utc};
use serde::Deserialize;

use crate::shape::{Field, Gen};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    change: Vec<Change>,
}

/// One change.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Its place in the script, from 1 on.
    #[serde(skip)]
    pub number: usize,
    /// Since the month began, `3d8h`.
    at: String,
    #[serde(rename = "do")]
    pub act: Act,
    pub find: Find,
    /// What is to be found once it is as it was.
    #[serde(default)]
    pub then: Option<Find>,
    /// To find it would be wrong.
    #[serde(default)]
    pub quiet: bool,
    /// Words of the note that is as good as the finding; it names the field, too.
    #[serde(default)]
    pub note: Option<String>,
}

/// What the vendor does.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    AddField {
        entity: String,
        field: Field,
        #[serde(default)]
        pinned: bool,
    },
    RemoveField {
        entity: String,
        field: String,
    },
    SetGen {
        entity: String,
        field: String,
        #[serde(rename = "gen")]
        value: Gen,
    },
    SetPresence {
        entity: String,
        field: String,
        presence: f64,
    },
    MakeNullable {
        entity: String,
        field: String,
    },
    AddValue {
        entity: String,
        field: String,
        value: String,
    },
    RemoveValue {
        entity: String,
        field: String,
        value: String,
    },
    AddRoute(String),
    RemoveRoute(String),
    AddStatus {
        route: String,
        status: u16,
    },
    RollOut {
        entity: String,
        field: Field,
        hours: i64,
    },
    Canary {
        entity: String,
        field: Field,
        share: f64,
        hours: i64,
    },
    Withdraw {
        entity: String,
        field: String,
        hours: i64,
    },
    Outage {
        hours: i64,
    },
    SetLimit(u64),
    AddEvent(String),
}

/// A finding that shows the change.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Find {
    pub kind: String,
    /// The last field of the path.
    #[serde(default)]
    pub path: String,
    /// How the route begins.
    #[serde(default)]
    pub route: Option<String>,
    #[serde(default)]
    pub event: Option<String>,
    #[serde(default)]
    pub surface: Option<String>,
}

/// When the month begins: a Sunday.
pub fn begin() -> DateTime<Utc> {
    "2026-11-01T00:00:00Z".parse().unwrap()
}

pub fn read() -> Vec<Change> {
    let changes = toml::from_str::<Script>(include_str!("script.toml")).unwrap().change;
    changes.into_iter().zip(1..).map(|(change, number)| Change { number, ..change }).collect()
}

impl Change {
    pub fn at(&self) -> DateTime<Utc> {
        let (days, hours) = self.at.trim_end_matches('h').split_once('d').unwrap();
        begin() + Duration::days(days.parse().unwrap()) + Duration::hours(hours.parse().unwrap())
    }

    /// Whether a note of a run is the one asked for.
    pub fn is_told_by(&self, note: &str) -> bool {
        let field = format!("`{}`", self.find.path);
        self.note.as_ref().is_some_and(|words| note.contains(words) && note.contains(&field))
    }
}

impl Find {
    /// Whether a finding of `wt calibrate --format json` shows it.
    pub fn is_shown_by(&self, finding: &serde_json::Value) -> bool {
        let text = |name: &str| finding[name].as_str().unwrap_or_default();
        text("kind") == self.kind
            && self.ends(finding)
            && self
                .route
                .as_ref()
                .is_none_or(|route| !route.is_empty() && text("route").starts_with(route.as_str()))
            && self.event.as_ref().is_none_or(|event| text("event") == event)
            && self.surface.as_ref().is_none_or(|surface| text("surface") == surface)
    }

    /// Whether a finding's path ends with the field.
    pub fn ends(&self, finding: &serde_json::Value) -> bool {
        let path = finding["path"].as_str().unwrap_or_default();
        path.rsplit('.').next().unwrap_or_default() == self.path
    }
}
