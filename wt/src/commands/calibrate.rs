//! `wt calibrate`.

mod baseline;
mod stream;
pub(crate) mod window;

use std::path::{Path, PathBuf};

use anyhow::bail;
use calibrator::evidence::Evidence;
use calibrator::memory::Memory;
use calibrator::policy::Policy;
use calibrator::publish::{Approval, Publisher};
use calibrator::reading::Reading;
use calibrator::{Analysis, Known, checkpoint};
use chrono::{DateTime, TimeDelta, Utc};
use models::{Drift, Ledger, Model, Replay};

use super::block_on;
use crate::clock;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::{Project, Twin};
use crate::turn::Turn;
use baseline::Baseline;
pub(crate) use window::{after_published, parse_duration};

/// Compare production with the model, and correct the model.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("The policy in force without a drift.toml:\n\n{}", calibrator::policy::Policy::DEFAULT))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Args {
    /// The twin; `twins/NAME/drift.toml` is its policy, `--help` prints the default one
    name: String,
    /// How far back to look, as `30m`, `6h`, `2d`, from the newest exchange observed [default: to
    /// the end of what the last published calibration rests on]. Where that is further than the default, nothing
    /// publishes itself
    #[arg(long, value_name = "DUR", value_parser = window::parse_duration)]
    since: Option<TimeDelta>,
    /// Write nothing: no calibration, no report
    #[arg(long, conflicts_with = "approve")]
    dry_run: bool,
    /// Publish what policy leaves to a maintainer, too, proposals of earlier runs included
    #[arg(long)]
    approve: bool,
    /// Keep going: a run whenever observers seal a segment, going on where the last one stopped
    #[arg(long, conflicts_with_all = ["since", "dry_run", "approve", "exit_code"])]
    stream: bool,
    /// Exit with 1 where anything was found
    #[arg(long)]
    exit_code: bool,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    if args.stream {
        return stream::run(&project, &args.name, out);
    }
    let mode = match (args.dry_run, args.approve) {
        (true, _) => Mode::DryRun,
        (false, true) => Mode::Publish(Approval::All { by: super::user() }),
        (false, false) => Mode::Publish(Approval::Policy),
    };
    let run = calibrate(&project, &args.name, args.since, mode, out)?;
    let options = out.text_options();
    out.result(|| reports::text(&run.drift, &options), &reports::json(&run.drift))?;
    if let Some(report) = &run.report {
        out.say(&format!("report: {}", report.display()));
    }
    let found = !run.drift.findings.is_empty();
    Ok(if args.exit_code && found { Outcome::No } else { Outcome::Done })
}

/// What a run does with what it finds.
#[derive(Debug, Clone)]
pub(crate) enum Mode {
    /// Nothing is written.
    DryRun,
    /// Calibrations are appended and published as far as approved.
    Publish(Approval),
}

/// A run that came to its end.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) drift: Drift,
    /// Where the report is; none after a dry run.
    pub(crate) report: Option<PathBuf>,
}

/// One run, from the lake to the ledger.
pub(crate) fn calibrate(
    project: &Project,
    name: &str,
    since: Option<TimeDelta>,
    mode: Mode,
    out: &mut Output,
) -> anyhow::Result<Run> {
    calibrate_after(project, name, since, mode, None, out)
}

/// As [`calibrate`]; where the run before found the same, no report is kept of it.
fn calibrate_after(
    project: &Project,
    name: &str,
    since: Option<TimeDelta>,
    mode: Mode,
    last: Option<&Drift>,
    out: &mut Output,
) -> anyhow::Result<Run> {
    let twin = project.twin(name)?;
    let Mode::Publish(approval) = mode else {
        let evidence = Baseline::of(project, &twin).look(&twin.ledger()?)?;
        let look = Look::take(project, &twin, since, evidence.as_ref(), Keep::Nothing, out)?;
        return Ok(Run { drift: look.analysis.drift, report: None });
    };
    let _turn = Turn::take(project, name, "calibrate", out)?;
    let baseline = Baseline::of(project, &twin);
    let evidence = baseline.settle(&twin.ledger()?)?;
    let look = Look::take(project, &twin, since, evidence.as_ref(), Keep::Checkpoint, out)?;
    let proposes = !look.analysis.proposals.is_empty() || approval != Approval::Policy;
    // A window that begins before the last published calibration's end is in the baseline already.
    if look.start.is_after_published && proposes {
        baseline.keep(look.analysis.drift.window, &look.analysis.observation.evidence)?;
    }
    let approval = match approval {
        Approval::Policy if !look.start.is_after_published => Approval::Nobody,
        approval => approval,
    };
    let drift = look.publish(project, &twin, approval)?;
    baseline.settle(&twin.ledger()?)?;
    let is_news = last.is_none_or(|last| !is_same(last, &drift));
    let report = if is_news { Some(twin.store_report(&drift)?.1) } else { None };
    twin.record_run(Utc::now())?;
    Ok(Run { drift, report })
}

/// Whether what was read of the window is kept for the next run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Checkpoint,
    Nothing,
}

/// Production compared with the model, and nothing decided yet.
struct Look {
    ledger: Ledger,
    present: Replay,
    policy: Policy,
    /// By the run's clock.
    at: DateTime<Utc>,
    start: window::Start,
    analysis: Analysis,
}

impl Look {
    fn take(
        project: &Project,
        twin: &Twin<'_>,
        since: Option<TimeDelta>,
        evidence: Option<&Evidence>,
        keep: Keep,
        out: &mut Output,
    ) -> anyhow::Result<Self> {
        let (name, ledger, at) = (twin.name(), twin.ledger()?, clock::now());
        let present = twin.current(out)?;
        let (policy, memory) = (twin.policy()?, Memory::of(&ledger)?);
        let Some(lake) = project.lake_if_any()? else { bail!(window::nothing_observed(name)) };
        let progress = out.progress_of_steps("comparing production with the model");
        let known =
            Known { model: &present.model, before: evidence, policy: &policy, memory: &memory };
        let path = since.is_none().then(|| project.checkpoint_path(name));
        let (start, mut analysis) = block_on(async {
            let start = window::start(&lake, name, &ledger, since, at).await?;
            start.ahead.iter().for_each(|manifest| out.warn(&dated_ahead(name, manifest)));
            let mut reading = resume(path.as_deref(), name, start.us, out);
            let has_news = reading.advance(&lake).await?;
            if let (Some(path), true, Keep::Checkpoint) = (&path, has_news, keep) {
                checkpoint::write(&reading, path)?;
            }
            Ok((start, calibrator::analyse(&lake, &reading, &known).await?))
        })?;
        progress.finish_and_clear();
        analysis.drift.window = window::by_clock(analysis.drift.window, at);
        Ok(Self { ledger, present, policy, at, start, analysis })
    }

    /// Appends what is proposed, and publishes what may be; what was found, with what became of it.
    fn publish(
        self,
        project: &Project,
        twin: &Twin<'_>,
        approval: Approval,
    ) -> anyhow::Result<Drift> {
        let Self { ledger, present: Replay { model, number, .. }, policy, at, analysis, .. } = self;
        let mut drift = analysis.drift.clone();
        let base = twin.base_model()?;
        let (key, window) = (project.signing_key()?, drift.window);
        let canary = policy.canary;
        if approval == Approval::Nobody && !analysis.proposals.is_empty() {
            drift.notes.push(LOOKED_BACK.to_owned());
        }
        let publisher = Publisher { ledger, key, approval, window, at, base: &base, canary };
        let check = |before: &Model, after: &Model| analysis.check(before, after);
        let outcome = publisher.publish(model, number, &analysis.proposals, check)?;
        drift.notes.extend(outcome.notes);
        drift.calibrations = outcome.calibrations;
        Ok(drift)
    }
}

/// What was decided on meanwhile may have changed since what such a window begins with.
const LOOKED_BACK: &str =
    "the window begins before what was published last: nothing of it publishes itself";

fn dated_ahead(name: &str, manifest: &str) -> String {
    format!(
        "{name}: the lake's {manifest} holds exchanges dated ahead of this machine's clock, which count as \
         the newest; set the clock if it is behind, else move the manifest away and import again"
    )
}

/// Whether two runs in a row found and proposed the same.
fn is_same(last: &Drift, drift: &Drift) -> bool {
    let found = |drift: &Drift| -> Vec<String> {
        drift.findings.iter().map(|finding| finding.fingerprint.clone()).collect()
    };
    let numbers = |drift: &Drift| -> Vec<u64> {
        drift.calibrations.iter().map(|calibration| calibration.number).collect()
    };
    found(last) == found(drift) && numbers(last) == numbers(drift)
}

/// The window as far as an earlier run has read it; from the beginning where none has, or where it began
/// elsewhere.
fn resume(path: Option<&Path>, name: &str, since_us: i64, out: &mut Output) -> Reading {
    let kept = match path.map(checkpoint::read) {
        Some(Ok(kept)) => kept,
        Some(Err(error)) => {
            out.warn(&format!("{error}; the window is read anew"));
            None
        }
        None => None,
    };
    kept.filter(|reading| reading.twin == name && reading.since_us == since_us)
        .unwrap_or_else(|| Reading::new(name, since_us))
}
