//! One job: when it runs, how, and what it does.

use std::path::PathBuf;

use serde::Deserialize;

use super::Length;
use super::document::list;
use super::length::{above_nothing, above_nothing_if_any};
use crate::schedule::Schedule;

/// One job of `jobs.toml`.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The table's name.
    pub name: String,
    /// When it is due.
    pub schedule: Schedule,
    /// How its runs are treated.
    pub manner: Manner,
    /// What it does.
    pub task: Task,
}

/// How a job's runs are treated; `default.toml` explains the fields.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml has a sentence for each")]
pub struct Manner {
    pub jitter: Length,
    #[serde(deserialize_with = "above_nothing")]
    pub timeout: Length,
    pub retries: u32,
    pub backoff: Length,
    pub overlap: Overlap,
    pub catch_up: CatchUp,
    pub catch_up_max: u32,
    pub enabled: bool,
}

/// What happens to a run that is due while one before it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overlap {
    /// It is skipped.
    Skip,
    /// It waits.
    Queue,
    /// It takes the place of the one before, which is cancelled.
    Replace,
}

/// What happens to runs that were due while no daemon ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CatchUp {
    /// They are skipped.
    None,
    /// The latest runs.
    One,
    /// The latest ones run, `catch_up_max` at most.
    All,
}

/// What a job does.
#[derive(Debug, Clone, PartialEq)]
pub enum Task {
    /// `wt observe sample`.
    Sample(OfTwin),
    /// `wt calibrate`.
    Calibrate(Calibrate),
    /// `wt report`.
    Report(Report),
    /// `wt lake compact`.
    Compact(Compact),
    /// `wt lake expire`.
    Expire(Expire),
    /// `wt freeze`.
    Freeze(Freeze),
    /// A digest to the channels of `[notify]`.
    Notify(Notify),
    /// Any program.
    Command(Command),
}

/// The words of `kind`, in the order of [`Task`].
pub(super) const KINDS: [&str; 8] =
    ["sample", "calibrate", "report", "compact", "expire", "freeze", "notify", "command"];

/// A task on one twin.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfTwin {
    /// The twin.
    pub twin: String,
}

/// `kind = "calibrate"`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibrate {
    /// The twin.
    pub twin: String,
    /// Publish what policy leaves to a maintainer, too.
    #[serde(default)]
    pub approve: bool,
    /// How far back to look.
    #[serde(default, deserialize_with = "above_nothing_if_any")]
    pub since: Option<Length>,
}

/// `kind = "report"`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The twin.
    pub twin: String,
    /// Of `wt report --format`.
    pub format: Option<ReportForm>,
    /// The file.
    pub output: PathBuf,
}

/// What a report is written as: one of [`reports::FORMS`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ReportForm(String);

impl TryFrom<String> for ReportForm {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if reports::FORMS.contains(&name.as_str()) {
            return Ok(Self(name));
        }
        Err(format!("`{name}` is no form of a report: write one of {}", list(&reports::FORMS)))
    }
}

/// `kind = "compact"`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compact {
    /// The twin; all where none is named.
    pub twin: Option<String>,
}

/// `kind = "expire"`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expire {
    /// The twin; all where none is named.
    pub twin: Option<String>,
    /// The age from which observations go.
    #[serde(deserialize_with = "above_nothing")]
    pub older_than: Length,
}

/// `kind = "freeze"`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// The twin.
    pub twin: String,
    /// The package's version.
    pub version: String,
    /// The folder it goes to.
    pub out: PathBuf,
    /// Only try it.
    #[serde(default)]
    pub snapshot: bool,
}

/// `kind = "notify"`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// Names of `[notify]` tables; all where none is named.
    pub channels: Option<Vec<String>>,
}

/// `kind = "command"`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The program and its arguments; no shell reads them.
    pub argv: Argv,
    /// Where it runs, from the project's folder.
    pub dir: Option<PathBuf>,
}

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Argv(pub Vec<String>);

impl Argv {
    /// What is run.
    pub fn program(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }
}

impl TryFrom<Vec<String>> for Argv {
    type Error = &'static str;

    fn try_from(words: Vec<String>) -> Result<Self, &'static str> {
        let is_named = words.first().is_some_and(|program| !program.is_empty());
        if is_named {
            Ok(Self(words))
        } else {
            Err("names no program: write [\"program\", \"argument\"]")
        }
    }
}

/// A process to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// `wt` itself with these arguments.
    Wt(Vec<String>),
    /// Another, in a folder of the project.
    Other {
        /// Program and arguments.
        argv: Vec<String>,
        /// From the project's folder.
        dir: PathBuf,
    },
}

impl Task {
    /// The word of `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sample(_) => "sample",
            Self::Calibrate(_) => "calibrate",
            Self::Report(_) => "report",
            Self::Compact(_) => "compact",
            Self::Expire(_) => "expire",
            Self::Freeze(_) => "freeze",
            Self::Notify(_) => "notify",
            Self::Command(_) => "command",
        }
    }

    /// The twin it is about.
    pub fn twin(&self) -> Option<&str> {
        match self {
            Self::Sample(OfTwin { twin })
            | Self::Calibrate(Calibrate { twin, .. })
            | Self::Report(Report { twin, .. })
            | Self::Freeze(Freeze { twin, .. }) => Some(twin),
            Self::Compact(Compact { twin }) | Self::Expire(Expire { twin, .. }) => twin.as_deref(),
            Self::Notify(_) | Self::Command(_) => None,
        }
    }

    /// What is run for it. A digest is what `wt status` says.
    pub fn program(&self) -> Program {
        let mut words: Vec<String> = Vec::new();
        let mut add = |more: &[&str]| words.extend(more.iter().map(|word| (*word).to_owned()));
        match self {
            Self::Sample(task) => add(&["observe", "sample", &task.twin]),
            Self::Calibrate(task) => {
                add(&["calibrate", &task.twin, "--format", "json"]);
                if task.approve {
                    add(&["--approve"]);
                }
                if let Some(since) = task.since {
                    add(&["--since", &since.to_string()]);
                }
            }
            Self::Report(task) => {
                add(&["report", &task.twin, "--output", &task.output.display().to_string()]);
                if let Some(format) = &task.format {
                    add(&["--format", &format.0]);
                }
            }
            Self::Compact(task) => {
                add(&["lake", "compact"]);
                add(task.twin.as_deref().as_slice());
            }
            Self::Expire(task) => {
                add(&["lake", "expire"]);
                add(task.twin.as_deref().as_slice());
                add(&["--older-than", &task.older_than.to_string()]);
            }
            Self::Freeze(task) => {
                let out = task.out.display().to_string();
                add(&["freeze", &task.twin, "--version", &task.version, "--out", &out]);
                if task.snapshot {
                    add(&["--snapshot"]);
                }
            }
            Self::Notify(_) => add(&["status"]),
            Self::Command(task) => {
                let dir = task.dir.clone().unwrap_or_default();
                return Program::Other { argv: task.argv.0.clone(), dir };
            }
        }
        Program::Wt(words)
    }
}
