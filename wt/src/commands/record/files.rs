//! `wt record NAME --from FILE…`: files of traffic become sessions.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::bail;
use models::Model;
use observer::exchange::{Direction, RawExchange};
use observer::import::Undated;
use observer::scrub::Scrubber;
use observer::sources::{self, Fault, Item, Limits};
use observer::wrec::{self, Import};
use serde::Serialize;
use serde_json::json;

use super::Args;
use crate::clock;
use crate::commands::observe::{FAULTS_NAMED_MAX, warn_of_undated};
use crate::files;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;

pub(super) fn run(
    args: &Args,
    project: &Project,
    model: &Model,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    if model.base_host().is_empty() {
        out.warn("the model has no `base_url`, so exchanges of every host are recorded");
    }
    let limits = Limits::by_clock(clock::now());
    // All files are read before any is recorded, so that --strict adds nothing at all.
    let mut surveys = survey_all(args, model, &limits)?;
    let adopted = adopted(args, project, model, &surveys, out)?;
    if let Some(adopted) = &adopted {
        surveys = survey_all(args, adopted, &limits)?;
    }
    let model = adopted.as_ref().unwrap_or(model);
    let scrubber = project.twin(&args.name)?.scrubber()?;
    let folder = project.recordings_dir(&args.name);
    let mut recorded = Vec::new();
    for survey in &surveys {
        name_faults(survey, out);
        warn_of_undated(&survey.file, survey.undated, out);
        recorded.push(record(survey, &limits, &folder, args, model, &scrubber)?);
    }
    let text = || recorded.iter().map(Recorded::text).collect::<Vec<_>>().join("\n");
    out.result(text, &json!({"twin": args.name, "files": recorded}))?;
    Ok(Outcome::Done)
}

fn survey_all(args: &Args, model: &Model, limits: &Limits) -> anyhow::Result<Vec<Survey>> {
    let mut surveys = Vec::new();
    for file in &args.from {
        let survey = survey(file, model, limits)?;
        if args.strict
            && let Some(fault) = survey.faults.first()
        {
            bail!(
                "{fault}; nothing was recorded (--strict), without it the rest is ({} faults in all)",
                survey.faults_count
            );
        }
        surveys.push(survey);
    }
    Ok(surveys)
}

/// The model with another base URL, where the twin's first recording shows that the one it has was
/// a mistake: hardly a call went there and nearly all went to one other host.
fn adopted(
    args: &Args,
    project: &Project,
    model: &Model,
    surveys: &[Survey],
    out: &mut Output,
) -> anyhow::Result<Option<Model>> {
    let mut origins: BTreeMap<&str, u64> = BTreeMap::new();
    for (origin, calls) in surveys.iter().flat_map(|survey| &survey.origins) {
        *origins.entry(origin).or_default() += calls;
    }
    let calls: u64 = origins.values().sum();
    let own: u64 = surveys.iter().map(|survey| survey.own_calls).sum();
    let Some((origin, most)) = origins.into_iter().max_by_key(|(_, calls)| *calls) else {
        return Ok(None);
    };
    if model.base_host().is_empty() || own * 100 >= calls || most * 10 <= calls * 9 {
        return Ok(None);
    }
    let twin = project.twin(&args.name)?;
    let recorded = wrec::sessions(&project.recordings_dir(&args.name), None)?;
    if !(model.routes.is_empty() && recorded.is_empty() && twin.ledger()?.is_empty()) {
        return Ok(None);
    }
    let (was, path) = (&model.base_url, project.model_path(&args.name));
    let counts = format!("{own} of {calls} calls went to {was} and {most} to {origin}");
    if args.strict {
        bail!(
            "{counts}: nothing was recorded (--strict); set `base_url` in {} to the one that is meant",
            path.display()
        );
    }
    out.warn(&format!(
        "{counts}, which is the base URL of {} from now on: `base_url` in {}",
        args.name,
        path.display()
    ));
    let mut base = twin.base_model()?;
    origin.clone_into(&mut base.base_url);
    files::write_json(&path, &base)?;
    Ok(Some(base))
}

/// What a file holds for a twin.
#[derive(Debug)]
struct Survey {
    file: PathBuf,
    exchanges: u64,
    other_hosts: u64,
    /// Calls by scheme and host.
    origins: BTreeMap<String, u64>,
    /// Calls of the twin's host among them.
    own_calls: u64,
    /// Of the exchanges, in any order.
    content: u128,
    /// The first of them.
    faults: Vec<Fault>,
    faults_count: u64,
    undated: Undated,
}

/// What became of a file.
#[derive(Debug, Serialize)]
struct Recorded {
    file: PathBuf,
    session: Option<String>,
    added: u64,
    known: bool,
    other_hosts: u64,
    faults: u64,
}

fn survey(file: &Path, model: &Model, limits: &Limits) -> anyhow::Result<Survey> {
    let mut source = sources::open(file)?;
    let mut survey = Survey {
        file: file.to_owned(),
        exchanges: 0,
        other_hosts: 0,
        origins: BTreeMap::new(),
        own_calls: 0,
        content: 0,
        faults: Vec::new(),
        faults_count: 0,
        undated: Undated::default(),
    };
    let totals = source.for_each(limits, &mut |item| {
        if let Item::Exchange { raw, .. } = &item {
            survey.count_origin(model, raw);
        }
        match item {
            Item::Exchange { raw, .. } if is_of(model, &raw) => {
                survey.exchanges += 1;
                survey.content = survey.content.wrapping_add(sources::digest(&raw));
            }
            Item::Exchange { .. } => survey.other_hosts += 1,
            Item::Fault(fault) => {
                survey.faults_count += 1;
                if survey.faults.len() < FAULTS_NAMED_MAX {
                    survey.faults.push(fault);
                }
            }
        }
        ControlFlow::Continue(())
    })?;
    if survey.exchanges == 0 && survey.other_hosts == 0 {
        let first = survey.faults.into_iter().next();
        let count = survey.faults_count;
        return Err(sources::NothingRead { file: survey.file, first, count }.into());
    }
    survey.undated = Undated { exchanges: totals.undated, file_us: source.modified_us() };
    Ok(survey)
}

impl Survey {
    fn count_origin(&mut self, model: &Model, raw: &RawExchange<'_>) {
        if raw.direction == Direction::Delivery {
            return;
        }
        let Some((scheme, rest)) = raw.url.split_once("://") else { return };
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let origin = format!("{scheme}://{host}").to_ascii_lowercase();
        *self.origins.entry(origin).or_default() += 1;
        self.own_calls += u64::from(is_of(model, raw));
    }
}

/// Whether an exchange went to the twin's vendor, or came from it.
fn is_of(model: &Model, raw: &RawExchange<'_>) -> bool {
    let rest = raw.url.split_once("://").map_or("", |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if raw.direction == Direction::Delivery || host.is_empty() || model.base_host().is_empty() {
        return true;
    }
    let without_port = |host: &str| -> String {
        let host = host.strip_suffix(":443").or_else(|| host.strip_suffix(":80")).unwrap_or(host);
        host.to_ascii_lowercase()
    };
    without_port(host) == without_port(model.base_host())
}

fn name_faults(survey: &Survey, out: &mut Output) {
    for fault in &survey.faults {
        out.warn(&fault.to_string());
    }
    let named = survey.faults.len() as u64;
    if survey.faults_count > named {
        out.warn(&format!("and {} more that could not be read", survey.faults_count - named));
    }
}

fn record(
    survey: &Survey,
    limits: &Limits,
    folder: &Path,
    args: &Args,
    model: &Model,
    scrubber: &Scrubber,
) -> anyhow::Result<Recorded> {
    let mut recorded = Recorded {
        file: survey.file.clone(),
        session: None,
        added: 0,
        known: false,
        other_hosts: survey.other_hosts,
        faults: survey.faults_count,
    };
    if survey.exchanges == 0 {
        return Ok(recorded);
    }
    let mut content = [0; 32];
    content[..16].copy_from_slice(&survey.content.to_be_bytes());
    let mut import = wrec::import(folder, &args.name, args.tag.as_deref(), &content)?;
    match &mut import {
        Import::Known(_) => recorded.known = true,
        Import::New { writer, .. } => {
            let mut failed = None;
            sources::open(&survey.file)?.for_each(limits, &mut |item| {
                let Item::Exchange { raw, .. } = item else { return ControlFlow::Continue(()) };
                if !is_of(model, &raw) {
                    return ControlFlow::Continue(());
                }
                match writer.append(&scrubber.scrub(raw)) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(fault) => {
                        failed = Some(fault);
                        ControlFlow::Break(())
                    }
                }
            })?;
            if let Some(fault) = failed {
                return Err(fault.into());
            }
            recorded.added = writer.exchanges();
        }
    }
    recorded.session = Some(import.publish()?.name);
    Ok(recorded)
}

impl Recorded {
    fn text(&self) -> String {
        let file = self.file.display();
        let mut parts = Vec::new();
        match &self.session {
            Some(session) if self.known => {
                parts.push(format!("nothing new, session {session} holds it already"));
            }
            Some(session) => parts.push(format!("{} recorded in session {session}", self.added)),
            None => parts.push("nothing recorded".to_owned()),
        }
        if self.other_hosts > 0 {
            parts.push(format!("{} skipped (other host)", self.other_hosts));
        }
        if self.faults > 0 {
            parts.push(format!("{} could not be read", self.faults));
        }
        format!("{file}: {}", parts.join(", "))
    }
}
