//! One run from the lake to findings.

use models::{Coverage, Drift, Guard, Model};
use observer::lake::Lake;

use crate::decide::{self, Case, Decision};
use crate::diff;
use crate::evidence::Evidence;
use crate::maps;
use crate::observe::{self, LakeSession, Observation, ObserveError};
use crate::policy::Policy;
use crate::synth;

/// What one run found, before anything is written.
#[derive(Debug)]
pub struct Analysis {
    /// Without calibrations, which only the ledger can number and sign.
    pub drift: Drift,
    /// What the window shows.
    pub observation: Observation,
}

/// Compares the twin's exchanges from a time on with its model.
///
/// # Errors
///
/// Where the lake cannot be read.
pub async fn analyse(
    lake: &Lake,
    twin: &str,
    model: &Model,
    before: Option<&Evidence>,
    since_us: i64,
    policy: &Policy,
) -> Result<Analysis, ObserveError> {
    let (session, mut observation) = observe::observe(lake, twin, model, since_us).await?;
    fold_maps(&mut observation, model);
    let case = Case { model, now: &observation.evidence, before, policy };
    let mut decisions = decisions(&session, &case).await?;
    let (limits, limit_notes) = decide::limits(&case, &observe::calls::calls(&session).await?);
    decisions.extend(limits);
    let (settled, undecided): (Vec<_>, Vec<_>) = decisions.into_iter().partition(|decision| decision.settled);
    let findings = |decisions: Vec<Decision>| {
        let mut findings: Vec<_> = decisions.into_iter().map(|decision| decision.finding).collect();
        findings.sort_by(|one, other| one.order().cmp(&other.order()));
        findings
    };
    let drift = Drift {
        twin: twin.to_owned(),
        window: observation.window,
        exchanges: observation.exchanges,
        findings: findings(settled),
        undecided: findings(undecided),
        notes: observation.notes.iter().cloned().chain(limit_notes).collect(),
        coverage: Coverage::default(),
        skipped: observation.skipped.clone(),
        guard: Guard::default(),
        calibrations: Vec::new(),
    };
    Ok(Analysis { drift, observation })
}

/// A model and its evidence from the twin's exchanges alone.
///
/// # Errors
///
/// Where the lake cannot be read.
pub async fn synthesise(lake: &Lake, twin: &str, base: Model) -> Result<(Model, Evidence), ObserveError> {
    let (session, mut observation) = observe::observe(lake, twin, &base, i64::MIN).await?;
    fold_maps(&mut observation, &base);
    let mut model = base;
    synth::extend(&mut model, &observation.evidence);
    model.limits.extend(decide::learned(&observe::calls::calls(&session).await?));
    Ok((model, observation.evidence))
}

async fn decisions(session: &LakeSession, case: &Case<'_>) -> Result<Vec<Decision>, ObserveError> {
    let fields = diff::fields(session, case.model, case.now, case.before).await?;
    let values = diff::values(session, case.model, case.now, case.before).await?;
    let mut decisions = decide::routes(case);
    decisions.extend(decide::fields(case, &fields));
    decisions.extend(decide::values(case, &values));
    Ok(decisions)
}

fn fold_maps(observation: &mut Observation, model: &Model) {
    for (place, seen) in observation.evidence.places.iter_mut().chain(&mut observation.learned.places) {
        maps::fold_maps(place, seen, model);
    }
}
