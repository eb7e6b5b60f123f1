//! `wt synth`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use calibrator::evidence::Evidence;
use calibrator::evidence_file;
use chrono::Utc;
use models::{Model, RouteKey, Schema};
use observer::intake::{Batches, Intake};
use observer::lake::{Lake, SegmentWriter};
use observer::wrec::{self, ReadError, Session, WrecReader};
use serde_json::json;

use super::observe::FAULTS_NAMED_MAX;
use super::{block_on, count};
use crate::files;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::{Project, Twin};
use crate::turn::Turn;

/// Rows gathered before they are handed to the Parquet writer, as imports do.
const ROWS_PER_BATCH: usize = 65_536;

/// Make the model from recordings.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin
    name: String,
    /// Only the sessions recorded with this word
    #[arg(long)]
    tag: Option<String>,
    /// Replace a model that recordings cannot give back: one imported, written by hand or calibrated
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let twin = project.twin(&args.name)?;
    let _turn = Turn::take(&project, &args.name, "synth", out)?;
    let model = twin.base_model()?;
    if !args.force {
        check_replaceable(&project, &twin, &model)?;
    }
    let synthesis = synthesise(&project, &args.name, args.tag.as_deref(), &model, out)?;
    set_ledger_aside(&project, &args.name, out)?;
    evidence_file::write(&synthesis.evidence, &project.evidence_path(&args.name))?;
    files::write_json(&project.model_path(&args.name), &synthesis.model)?;
    let model = &synthesis.model;
    let (routes, symbols, ops) = (model.routes.len(), symbols(model), state_ops(model));
    out.result(
        || format!("synth {} {routes} routes {symbols} symbols {ops} state-ops", args.name),
        &json!({"twin": args.name, "routes": routes, "symbols": symbols, "state_ops": ops,
            "webhooks": model.webhooks.len(), "exchanges": synthesis.exchanges}),
    )?;
    Ok(Outcome::Done)
}

/// Whether the recordings hold all that the model was made of.
fn check_replaceable(project: &Project, twin: &Twin<'_>, model: &Model) -> anyhow::Result<()> {
    let name = twin.name();
    let published = twin.ledger()?.published().count();
    if published > 0 {
        bail!(
            "{name} has {}: they build on its present model and would be set aside with it; --force does so",
            count(published, "published calibration")
        );
    }
    if !model.routes.is_empty() && !project.evidence_path(name).is_file() {
        bail!(
            "{} was not made from recordings ({}), and would be lost: --force replaces it",
            project.model_path(name).display(),
            count(model.routes.len(), "route")
        );
    }
    Ok(())
}

/// Calibrations of the model replaced apply to no other.
fn set_ledger_aside(project: &Project, name: &str, out: &mut Output) -> anyhow::Result<()> {
    let ledger = project.ledger_dir(name);
    if !ledger.join("000001.json").is_file() {
        return Ok(());
    }
    let stamp = Utc::now().format("%Y%m%dT%H%M%SZ");
    let aside = project.own_dir().join("replaced").join(format!("{name}-{stamp}"));
    let parent = aside.parent().unwrap_or(&aside);
    fs::create_dir_all(parent)
        .and_then(|()| fs::rename(&ledger, &aside))
        .with_context(|| format!("cannot move {} to {}", ledger.display(), aside.display()))?;
    out.warn(&format!("the calibrations of the former model are in {} now", aside.display()));
    Ok(())
}

/// A model made of recordings.
#[derive(Debug)]
pub(crate) struct Synthesis {
    pub(crate) model: Model,
    pub(crate) evidence: Evidence,
    pub(crate) exchanges: u64,
}

/// The model and the evidence that the twin's recordings give. Of the present model, name, version
/// and base URL stay.
pub(crate) fn synthesise(
    project: &Project,
    name: &str,
    tag: Option<&str>,
    present: &Model,
    out: &mut Output,
) -> anyhow::Result<Synthesis> {
    let sessions = wrec::sessions(&project.recordings_dir(name), tag)?;
    if sessions.is_empty() {
        let tagged = tag.map(|tag| format!(" tagged `{tag}`")).unwrap_or_default();
        bail!("there are no recordings of {name}{tagged}: run `wt record {name} --from FILE`");
    }
    let base = Model {
        version: present.version.clone(),
        api_version: present.api_version.clone(),
        ..Model::empty(name, present.base_url.clone())
    };
    let folder = TemporaryFolder::make(&project.own_dir().join("tmp"))?;
    let lake = Lake::open(&folder.0)?;
    let mut intake = project.twin(name)?.intake_of_recordings(base.clone())?;
    let exchanges = fill(&lake, name, &mut intake, &sessions, out)?;
    let progress = out.progress_of_steps("making the model");
    let (model, evidence) =
        block_on(async { Ok(calibrator::synthesise(&lake, name, base).await?) })?;
    progress.finish_and_clear();
    if model.routes.is_empty() && model.webhooks.is_empty() {
        let skipped: Vec<_> =
            intake.skipped().iter().map(|(why, n)| format!("{n} {}", why.name())).collect();
        let skipped = if skipped.is_empty() { "none".to_owned() } else { skipped.join(", ") };
        bail!(
            "the recordings of {name} show no route that accepted a call: {} looked at, skipped: {skipped}",
            count(usize::try_from(exchanges).unwrap_or(usize::MAX), "exchange")
        );
    }
    Ok(Synthesis { model, evidence, exchanges })
}

/// Brings the sessions into the lake as one segment; their number of exchanges.
fn fill(
    lake: &Lake,
    name: &str,
    intake: &mut Intake,
    sessions: &[Session],
    out: &mut Output,
) -> anyhow::Result<u64> {
    let mut writer = SegmentWriter::new(lake.clone(), name, "synth".to_owned(), "recordings");
    let mut faults = 0;
    for session in sessions {
        let mut reader = WrecReader::open(&session.path)?;
        for exchange in &mut reader {
            match exchange {
                // Why an exchange was skipped, the intake counts.
                Ok(exchange) => drop(intake.take(&exchange)),
                Err(fault @ ReadError::Io { .. }) => return Err(fault.into()),
                Err(fault) => {
                    faults += 1;
                    if faults <= FAULTS_NAMED_MAX {
                        out.warn(&format!("{:#}", anyhow::Error::from(fault)));
                    }
                }
            }
            if intake.pending() >= ROWS_PER_BATCH {
                write(&mut writer, &intake.flush_rows())?;
            }
        }
        if reader.torn() {
            out.warn(&format!("session {} ends in the middle of a line", session.name));
        }
    }
    if faults > FAULTS_NAMED_MAX {
        out.warn(&format!("and {} more that could not be read", faults - FAULTS_NAMED_MAX));
    }
    write(&mut writer, &intake.flush_segment())?;
    Ok(writer.commit("synth".to_owned(), BTreeMap::new(), 0)?.exchanges)
}

fn write(writer: &mut SegmentWriter, batches: &Batches) -> anyhow::Result<()> {
    for (table, batch) in &batches.tables {
        writer.write(*table, batch)?;
    }
    Ok(())
}

/// A folder that is gone with its owner.
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    fn make(parent: &Path) -> anyhow::Result<Self> {
        let folder = parent.join(format!("synth-{}", std::process::id()));
        // The leftover of a crash, of a process that had the same number.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Schemas in the model, those within others included.
fn symbols(model: &Model) -> usize {
    let bodies = |route: &models::Route| {
        let requests = route.request.iter().flat_map(|body| body.content.values());
        let parameters = [&route.path, &route.query, &route.headers];
        let parameters = parameters.into_iter().flat_map(BTreeMap::values);
        let variants = route.variants.values();
        requests.map(nodes).sum::<usize>()
            + parameters.map(|parameter| nodes(&parameter.schema)).sum::<usize>()
            + variants.filter_map(|variant| variant.body.as_ref()).map(nodes).sum::<usize>()
    };
    model.routes.values().map(bodies).sum::<usize>()
        + model.entities.values().map(nodes).sum::<usize>()
        + model.webhooks.values().map(|webhook| nodes(&webhook.body)).sum::<usize>()
}

fn nodes(schema: &Schema) -> usize {
    let boxed = [&schema.map, &schema.items].into_iter().flatten().map(|schema| nodes(schema));
    let named = schema.properties.values().chain(schema.any_of.values()).map(nodes);
    1 + boxed.sum::<usize>() + named.sum::<usize>()
}

/// Routes that make, read, change, remove or list objects, by the routes' patterns: all on a path
/// that ends in a parameter, `GET` and `POST` on the path before it.
fn state_ops(model: &Model) -> usize {
    let has_items = |key: &RouteKey| {
        let items = format!("{}/{{", key.path());
        model.routes.keys().any(|other| {
            let rest = other.path().strip_prefix(&items);
            rest.is_some_and(|rest| rest.ends_with('}') && !rest.contains('/'))
        })
    };
    let is_op = |key: &&RouteKey| match key.method() {
        _ if key.path().ends_with('}') => true,
        "GET" | "POST" => has_items(key),
        _ => false,
    };
    model.routes.keys().filter(is_op).count()
}
