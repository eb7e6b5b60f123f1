//! Drift planted in vendors' models: how much of it is found, and what is found that is not there.
//!
//! A case is a few dozen routes of a catalog twin's model (A), the same with changes planted by seed
//! (B), and traffic of both. It is judged by drift-bench's rules, and reaches what its histories hold
//! little of: scopes of limits, values of maps, base paths, removals of what was required.

mod change;
mod limiter;
mod score;
mod traffic;
mod truth;
mod value;

use std::path::PathBuf;
use std::sync::Arc;

use calibrator::Known;
use calibrator::policy::Policy;
use calibrator::reading::Reading;
use models::{Finding, Model};
use observer::import::{Strictness, import};
use observer::intake::{Disclosure, Intake};
use observer::key::LakeKey;
use observer::lake::Lake;
use observer::sources::Limits;

use crate::random::Random;
use score::Score;
use traffic::Traffic;

/// Finds planted drift in models of the catalog, and counts what is right, wrong and missed
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Twins of the catalog
    #[arg(long, value_delimiter = ',', default_values_t = ["github", "resend", "slack", "stripe", "twilio"].map(str::to_owned))]
    vendors: Vec<String>,
    /// Cases of each vendor
    #[arg(long, default_value_t = 4)]
    cases: u64,
    /// The first case's number
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Exchanges of each of the two logs
    #[arg(long, default_value_t = 4000)]
    exchanges: u64,
    /// Plant nothing: whatever is found is wrong
    #[arg(long)]
    steady: bool,
    /// List what was wrong and missed
    #[arg(long)]
    list: bool,
    /// Keep the logs and models here
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// Whether the twin's model comes from the vendor's description or from traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A's model is known.
    Spec,
    /// A is learned from its traffic.
    Traffic,
}

/// One case: two models, and what lies between them.
pub(crate) struct Case {
    before: Model,
    baseline: Traffic,
    observed: Traffic,
    plan: change::Plan,
}

impl Case {
    /// The case of a seed; nothing is planted in a steady one.
    pub(crate) fn plant(
        vendor: &str,
        seed: u64,
        exchanges: u64,
        steady: bool,
    ) -> anyhow::Result<Self> {
        let entry = twins::catalog::Entry::named(vendor)
            .ok_or_else(|| anyhow::anyhow!("`{vendor}` is no twin of the catalog"))?;
        let mut random = Random::of(&[71, seed]);
        let mut before = change::excerpt(entry.model()?, &mut random);
        limiter::plant(&mut before, &mut random);
        let baseline = Traffic::draw(&before, &[], &change::Plan::default(), exchanges, seed * 2)?;
        let plan = if steady {
            change::Plan::default()
        } else {
            change::Plan::draw(&mut before, &baseline, &mut random)
        };
        let baseline = Traffic::draw(&before, &plan.gone, &plan, exchanges, seed * 2)?;
        let after = plan.applied(&before);
        let observed = Traffic::draw(&after, &plan.gone, &plan, exchanges, seed * 2 + 1)?;
        Ok(Self { before, baseline, observed, plan })
    }

    /// What the calibrator makes of it.
    pub(crate) fn judge(
        &self,
        mode: Mode,
        keep: Option<&std::path::Path>,
    ) -> anyhow::Result<Score> {
        let folder = tempfile::tempdir()?;
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let place = keep.unwrap_or(folder.path());
        std::fs::create_dir_all(place)?;
        let (model, evidence) = match mode {
            Mode::Spec => (self.before.clone(), None),
            Mode::Traffic => {
                let base = Model::empty(TWIN, self.before.base_url.clone());
                let lake = take(
                    &self.baseline,
                    &base,
                    Disclosure::RECORDING,
                    place,
                    "baseline",
                    folder.path(),
                )?;
                let (model, evidence) =
                    runtime.block_on(calibrator::synthesise(&lake, TWIN, base))?;
                (model, Some(evidence))
            }
        };
        let lake =
            take(&self.observed, &model, Disclosure::PRODUCTION, place, "observed", folder.path())?;
        if keep.is_some() {
            std::fs::write(place.join("model.json"), model.canonical())?;
        }
        let policy = Policy::default();
        let memory = calibrator::memory::Memory::default();
        let known =
            Known { model: &model, before: evidence.as_ref(), policy: &policy, memory: &memory };
        let drift = runtime.block_on(async {
            let mut reading = Reading::new(TWIN, i64::MIN);
            reading.advance(&lake).await?;
            anyhow::Ok(calibrator::analyse(&lake, &reading, &known).await?.drift)
        })?;
        if keep.is_some() {
            std::fs::write(place.join("drift.json"), serde_json::to_string_pretty(&drift)?)?;
        }
        let truth = truth::truth(&self.plan, &self.baseline, &self.observed, mode);
        Ok(Score::of(&truth, &drift.findings, self.before.base_path()))
    }
}

const TWIN: &str = "planted";

/// The lake of a log.
fn take(
    traffic: &Traffic,
    model: &Model,
    disclosure: Disclosure,
    place: &std::path::Path,
    name: &str,
    lakes: &std::path::Path,
) -> anyhow::Result<Lake> {
    let log = place.join(format!("{name}.ndjson"));
    std::fs::write(&log, &traffic.lines)?;
    let lake = Lake::open(&lakes.join(format!("lake-{name}")))?;
    let mut intake = Intake::new(Arc::new(model.clone()), LakeKey::new([7; 16]), disclosure);
    import(&lake, TWIN, &mut intake, &log, Strictness::Lenient, &Limits::default(), &mut |_| ())?;
    Ok(lake)
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut totals = [Score::default(), Score::default()];
    println!(
        "{:<24} {:>9} {:>10} {:>8}   right wrong missed neutral",
        "case", "mode", "precision", "recall"
    );
    for vendor in &args.vendors {
        for seed in args.first..args.first + args.cases {
            let case = Case::plant(vendor, seed, args.exchanges, args.steady)?;
            for (total, mode) in totals.iter_mut().zip([Mode::Spec, Mode::Traffic]) {
                let keep =
                    args.keep.as_ref().map(|keep| keep.join(format!("{vendor}-{seed}-{mode:?}")));
                let score = case.judge(mode, keep.as_deref())?;
                let name = format!("{vendor}-{seed}");
                println!("{name:<24} {:>9} {}", format!("{mode:?}").to_lowercase(), score.line());
                if args.list {
                    score.wrong.iter().for_each(|finding| println!("    wrong  {}", told(finding)));
                    score.missed.iter().for_each(|item| println!("    missed {item}"));
                }
                total.add(score);
            }
        }
    }
    for (total, mode) in totals.iter().zip([Mode::Spec, Mode::Traffic]) {
        println!("\n{:<24} {:>9} {}", "all", format!("{mode:?}").to_lowercase(), total.line());
        for (kind, line) in total.by_kind() {
            println!("  {kind:<22} {:>9} {line}", "");
        }
    }
    Ok(())
}

fn told(finding: &Finding) -> String {
    format!(
        "{} {} {} {} {} `{}` {} -> {} seen {} of {} units {:?} confidence {:.4}",
        finding.kind,
        finding.surface.name(),
        finding.route.as_deref().unwrap_or("-"),
        finding.status.map_or_else(|| "-".to_owned(), |status| status.to_string()),
        finding.event.as_deref().unwrap_or("-"),
        finding.path,
        finding.before,
        finding.after,
        finding.evidence.seen,
        finding.evidence.of,
        finding.evidence.units,
        finding.confidence,
    )
}
