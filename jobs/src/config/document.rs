//! From TOML to jobs, table by table, so that a fault in one says where it is and stops no other.

use std::fmt;
use std::ops::Range;

use chrono_tz::Tz;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::job::{KINDS, Task};
use super::lines::{Lines, line_at};
use super::{Job, Jobs, Manner};
use crate::schedule::{Cron, Schedule};

/// What of `jobs.toml` cannot be read, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// From 1.
    pub line: usize,
    /// The table, and the field where it is one: `jobs.nightly.schedule`.
    pub place: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, `{}`: {}", self.line, self.place, self.message)
    }
}

impl Fault {
    /// The job it is in; none where the file as a whole cannot be read, whose place is its name.
    pub fn job(&self) -> Option<&str> {
        let rest = self.place.strip_prefix("jobs.").filter(|_| self.place != "jobs.toml")?;
        rest.split('.').next()
    }
}

type Table<'t> = DeTable<'t>;

/// When a job runs; the rest of its table is [`Manner`] and task.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct When {
    schedule: Cron,
    time_zone: Zone,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Zone(Tz);

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let refuse =
            |_| format!("`{name}` is no time zone: write one as \"Europe/Berlin\" or \"UTC\"");
        name.parse().map(Self).map_err(refuse)
    }
}

const WHEN: [&str; 2] = ["schedule", "time_zone"];
const MANNER: [&str; 8] =
    ["jitter", "timeout", "retries", "backoff", "overlap", "catch_up", "catch_up_max", "enabled"];

pub(super) fn read(text: &str) -> Jobs {
    let reader = Reader { text };
    let mut jobs = Jobs::default();
    let root = match DeTable::parse(text) {
        Ok(root) => root.into_inner(),
        Err(error) => {
            jobs.faults.push(reader.fault("jobs.toml", error.span(), error.message().trim()));
            return jobs;
        }
    };
    jobs.lines = Lines::read(&root, text);
    let mut defaults = Reader::built_in();
    let mut sections = Vec::new();
    for (key, value) in root {
        let (name, span) = (key.get_ref().to_string(), key.span());
        if !matches!(name.as_str(), "defaults" | "daemon" | "jobs" | "notify") {
            let known = "write `[jobs.NAME]`, `[notify.NAME]`, `[defaults]` or `[daemon]`";
            jobs.faults.push(reader.fault(&name, Some(span), &format!("is not known: {known}")));
            continue;
        }
        let span = value.span();
        let DeValue::Table(table) = value.into_inner() else {
            jobs.faults.push(reader.fault(
                &name,
                Some(span),
                "is a table: write `[` and `]` around it",
            ));
            continue;
        };
        if name == "defaults" {
            for (key, value) in table {
                let field = key.get_ref().to_string();
                if MANNER.contains(&field.as_str()) || field == "time_zone" {
                    defaults.insert(key, value);
                } else {
                    let place = format!("defaults.{field}");
                    let known = format!(
                        "is not known here, expected one of `time_zone`, {}",
                        list(&MANNER)
                    );
                    jobs.faults.push(reader.fault(&place, Some(key.span()), &known));
                }
            }
        } else {
            sections.push((name, table, span));
        }
    }
    for (name, table, span) in sections {
        match name.as_str() {
            "daemon" => match reader.read(table, &span, "daemon") {
                Ok(daemon) => jobs.take_daemon(daemon),
                Err(fault) => jobs.faults.push(fault),
            },
            "notify" => reader.channels(table, &mut jobs),
            _ => reader.jobs(table, &defaults, &mut jobs),
        }
    }
    jobs.faults.sort_by_key(|fault| fault.line);
    jobs
}

/// Reads tables of one text.
struct Reader<'t> {
    text: &'t str,
}

impl<'t> Reader<'t> {
    /// `default.toml`.
    fn built_in() -> Table<'t> {
        let table = DeTable::parse(include_str!("default.toml")).expect("our own file is TOML");
        // Its places mean nothing in the user's file.
        table
            .into_inner()
            .into_iter()
            .map(|(k, v)| (Spanned::new(0..0, k.into_inner()), Spanned::new(0..0, v.into_inner())))
            .collect()
    }

    fn jobs(&self, table: Table<'t>, defaults: &Table<'t>, jobs: &mut Jobs) {
        for (key, value) in table {
            let name = key.get_ref().to_string();
            let at = format!("jobs.{name}");
            if let Err(message) = check_name(&name) {
                jobs.faults.push(self.fault(&at, Some(key.span()), &message));
                continue;
            }
            let span = value.span();
            let read = match value.into_inner() {
                DeValue::Table(table) => self.job(&name, table, &span, defaults),
                _ => Err(self.fault(&at, Some(span), "is no table: write `[jobs.NAME]`")),
            };
            match read {
                Ok(job) => drop(jobs.jobs.insert(name, job)),
                Err(fault) => jobs.faults.push(fault),
            }
        }
    }

    fn channels(&self, table: Table<'t>, jobs: &mut Jobs) {
        for (key, value) in table {
            let name = key.get_ref().to_string();
            let at = format!("notify.{name}");
            let span = value.span();
            let read = match value.into_inner() {
                DeValue::Table(table) => self.channel(table, &span, &at),
                _ => Err(self.fault(&at, Some(span), "is no table: write `[notify.NAME]`")),
            };
            match read {
                Ok(channel) => drop(jobs.channels.insert(name, channel)),
                Err(fault) => jobs.faults.push(fault),
            }
        }
    }

    fn channel(
        &self,
        mut table: Table<'t>,
        span: &Range<usize>,
        at: &str,
    ) -> Result<crate::notify::Channel, Fault> {
        use crate::notify::{Channel, TARGETS, Target};
        let (kind, kind_span) = self.kind(&mut table, span, at, &TARGETS)?;
        let when = take(&mut table, &["on", "twins"]);
        let subscription = self.read(when, span, at)?;
        let target = match kind.as_str() {
            "slack" => Target::Slack(self.read(table, span, at)?),
            "webhook" => Target::Webhook(self.read(table, span, at)?),
            "email" => Target::Email(self.read(table, span, at)?),
            "github-issue" => Target::GithubIssue(self.read(table, span, at)?),
            "github-check" => Target::GithubCheck(self.read(table, span, at)?),
            _ => return Err(self.unknown_kind(&kind, kind_span, at, &TARGETS)),
        };
        Ok(Channel { subscription, target })
    }

    fn job(
        &self,
        name: &str,
        mut table: Table<'t>,
        span: &Range<usize>,
        defaults: &Table<'t>,
    ) -> Result<Job, Fault> {
        let at = format!("jobs.{name}");
        for (key, value) in defaults {
            if !table.contains_key(key) {
                table.insert(key.clone(), value.clone());
            }
        }
        let (kind, kind_span) = self.kind(&mut table, span, &at, &KINDS)?;
        let when: When = self.read(take(&mut table, &WHEN), span, &at)?;
        let manner: Manner = self.read(take(&mut table, &MANNER), span, &at)?;
        let task = match kind.as_str() {
            "sample" => Task::Sample(self.read(table, span, &at)?),
            "calibrate" => Task::Calibrate(self.read(table, span, &at)?),
            "report" => Task::Report(self.read(table, span, &at)?),
            "compact" => Task::Compact(self.read(table, span, &at)?),
            "expire" => Task::Expire(self.read(table, span, &at)?),
            "freeze" => Task::Freeze(self.read(table, span, &at)?),
            "notify" => Task::Notify(self.read(table, span, &at)?),
            "command" => Task::Command(self.read(table, span, &at)?),
            _ => return Err(self.unknown_kind(&kind, kind_span, &at, &KINDS)),
        };
        let schedule = Schedule { cron: when.schedule, zone: when.time_zone.0 };
        Ok(Job { name: name.to_owned(), schedule, manner, task })
    }

    fn kind(
        &self,
        table: &mut Table<'t>,
        span: &Range<usize>,
        at: &str,
        known: &[&str],
    ) -> Result<(String, Range<usize>), Fault> {
        let place = format!("{at}.kind");
        let Some(kind) = table.remove("kind") else {
            let message = format!("is missing: write one of {}", list(known));
            return Err(self.fault(&place, Some(span.clone()), &message));
        };
        let span = kind.span();
        match kind.into_inner() {
            DeValue::String(kind) => Ok((kind.into_owned(), span)),
            _ => Err(self.fault(
                &place,
                Some(span),
                &format!("is no word: write one of {}", list(known)),
            )),
        }
    }

    fn unknown_kind(&self, kind: &str, span: Range<usize>, at: &str, known: &[&str]) -> Fault {
        let message = format!("`{kind}` is no kind: write one of {}", list(known));
        self.fault(&format!("{at}.kind"), Some(span), &message)
    }

    /// The type a table stands for.
    fn read<T: DeserializeOwned>(
        &self,
        table: Table<'t>,
        span: &Range<usize>,
        at: &str,
    ) -> Result<T, Fault> {
        let fields: Vec<_> = table
            .iter()
            .map(|(key, value)| (key.get_ref().to_string(), key.span().start..value.span().end))
            .collect();
        let value = Spanned::new(span.clone(), DeValue::Table(table));
        T::deserialize(ValueDeserializer::from(value)).map_err(|error| {
            let inside = error.span().unwrap_or_else(|| span.clone());
            let field = fields
                .iter()
                .find(|(_, place)| place.contains(&inside.start) && inside.end <= place.end);
            let place = match field {
                Some((field, _)) => format!("{at}.{field}"),
                None => at.to_owned(),
            };
            self.fault(&place, Some(inside), error.message().trim())
        })
    }

    fn fault(&self, place: &str, span: Option<Range<usize>>, message: &str) -> Fault {
        let line = line_at(self.text, span.map_or(0, |span| span.start));
        Fault { line, place: place.to_owned(), message: message.to_owned() }
    }
}

/// Moves fields to a table of their own.
fn take<'t>(table: &mut Table<'t>, names: &[&str]) -> Table<'t> {
    let mut taken = Table::new();
    for name in names {
        if let Some((key, value)) = table.remove_entry(*name) {
            taken.insert(key, value);
        }
    }
    taken
}

/// Names stand in file names and on the command line.
fn check_name(name: &str) -> Result<(), String> {
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if is_name && !name.is_empty() && name.len() <= 64 {
        Ok(())
    } else {
        Err("is no name of a job: write letters, digits and dashes".to_owned())
    }
}

/// Words of a file, for a sentence.
pub(super) fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
