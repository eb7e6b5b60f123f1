//! One run from the lake to findings.

use models::{Coverage, Drift, Fidelity, FieldPath, Finding, Guard, Model, RouteKey, Step};
use observer::lake::Lake;

use crate::decide::{self, Case, Decision};
use crate::deliveries::{self, Attempt};
use crate::diff;
use crate::evidence::Evidence;
use crate::guard;
use crate::maps;
use crate::memory::Memory;
use crate::observe::{self, LakeSession, Observation, ObserveError, Tail};
use crate::policy::{Policy, Thresholds};
use crate::propose::{self, ProposeError};
use crate::reading::Reading;
use crate::screen::Screen;
use crate::synth;

/// What one run found, before anything is written.
#[derive(Debug)]
pub struct Analysis {
    /// Without calibrations, which only the ledger can number and sign.
    pub drift: Drift,
    /// What the window shows.
    pub observation: Observation,
    /// The models to calibrate to: the additive part, then the rest on top of it. A part without
    /// findings, or that the guard refuses, is not here.
    pub proposals: Vec<Proposal>,
}

/// One step of the model towards production.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The model after it.
    pub model: Model,
    /// What it corrects.
    pub findings: Vec<Finding>,
    /// Whether policy publishes it without another word.
    pub publishes_itself: bool,
    /// On held-back exchanges; `None` where there are none.
    pub fidelity: Option<Fidelity>,
}

impl Analysis {
    /// Another change of the model, tried on the window's held-back exchanges.
    pub fn check(&self, before: &Model, after: &Model) -> Guard {
        guard::guard(before, after, &self.observation.shapes, &self.observation.held_back).0
    }
}

/// Why there is no analysis.
#[derive(Debug, thiserror::Error)]
pub enum AnalyseError {
    /// The lake could not be read.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// The changes found make no model.
    #[error(transparent)]
    Propose(#[from] ProposeError),
}

/// What a run compares production with.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The model in force.
    pub model: &'a Model,
    /// What it was learned from, where that is kept.
    pub before: Option<&'a Evidence>,
    /// What it takes.
    pub policy: &'a Policy,
    /// What was decided before.
    pub memory: &'a Memory,
}

/// Compares what was read of the lake with the twin's model.
///
/// Findings that were turned down before, and those that policy suppresses, are only counted in the
/// notes. The answer is a function of the reading and of what is known, so that a window read at once
/// and one read bit by bit have the same.
///
/// # Errors
///
/// Where the lake cannot be read.
pub async fn analyse(
    lake: &Lake,
    reading: &Reading,
    known: &Known<'_>,
) -> Result<Analysis, AnalyseError> {
    let Known { model, before, policy, memory } = *known;
    let mut observation = reading.tally().observe(model);
    fold_maps(&mut observation, model);
    let case = Case {
        model,
        now: &observation.evidence,
        before,
        policy: &policy.decide,
        memory,
        head: None,
        continues: reading.since_us > i64::MIN,
    };
    let session = LakeSession::open(lake, &[], i64::MIN).await?;
    let mut decisions = decisions(&session, &case).await?;
    decide::hold_back(&case, &mut decisions);
    decide::corroborate(&case, &mut decisions);
    add_late_changes(&session, &case, &observation.tails, &mut decisions).await?;
    let mut notes = decide::pool(&case, &mut decisions);
    let (limits, limit_notes) = decide::limits(&case, &calls(lake, reading, model).await?);
    decisions.extend(limits);
    notes.extend(limit_notes);
    let (mut settled, undecided): (Vec<_>, Vec<_>) =
        decisions.into_iter().partition(|decision| decision.settled);
    notes.extend(decide::rollouts(&case, &observation, &mut settled));
    let mut screen = Screen::new(&reading.twin, policy, memory, observation.window.to);
    let (settled, undecided) = (screen.pass(settled), screen.pass(undecided));
    notes.extend(screen.notes());
    let ready: Vec<_> = settled.iter().filter(|decision| !decision.waits).cloned().collect();
    let deliveries = deliveries::compare(model, &attempts(lake, reading).await?, policy);
    let base = deliveries.onto(model);
    let (mut proposals, guard, refusals) = propose(&base, &ready, &observation, policy)?;
    deliveries.propose(model, base, &mut proposals);
    notes.extend(deliveries.notes);
    notes.extend(refusals);
    let drift = Drift {
        twin: reading.twin.clone(),
        window: observation.window,
        exchanges: observation.exchanges,
        findings: findings(settled),
        undecided: findings(undecided),
        notes: observation.notes.iter().cloned().chain(notes).collect(),
        coverage: coverage(model, &observation),
        skipped: observation.skipped.clone(),
        guard,
        calibrations: Vec::new(),
    };
    Ok(Analysis { drift, observation, proposals })
}

fn findings(decisions: Vec<Decision>) -> Vec<Finding> {
    let mut findings: Vec<_> = decisions.into_iter().map(|decision| decision.finding).collect();
    findings.sort_by(|one, other| one.order().cmp(&other.order()));
    findings
}

async fn calls(
    lake: &Lake,
    reading: &Reading,
    model: &Model,
) -> Result<Vec<models::limits::Call>, ObserveError> {
    let segments = reading.segments(lake).await?;
    let templates = reading.tally().templates(model);
    observe::calls::calls(lake, &segments, reading.since_us, &templates).await
}

async fn attempts(lake: &Lake, reading: &Reading) -> Result<Vec<Attempt>, ObserveError> {
    let mut segments = reading.segments(lake).await?;
    // Deliveries that are all forged are no exchanges, and still say that a secret may be wrong.
    let all = lake.segments(&reading.twin).await?;
    segments.extend(all.into_iter().filter(|one| one.exchanges == 0 && !one.files.is_empty()));
    deliveries::attempts(lake, &segments, reading.since_us).await
}

/// What publishes itself and the rest, each guarded; notes on what the guard refused.
fn propose(
    model: &Model,
    settled: &[Decision],
    observation: &Observation,
    policy: &Policy,
) -> Result<(Vec<Proposal>, Guard, Vec<String>), ProposeError> {
    let (live, rest): (Vec<_>, Vec<_>) = settled
        .iter()
        .partition(|decision| policy.publishes(&decision.finding, &observation.window));
    let (mut proposals, mut notes) = (Vec::new(), Vec::new());
    let mut whole = Guard { passed: true, ..Guard::default() };
    let mut base = model.clone();
    for (decisions, publishes_itself) in [(live, true), (rest, false)] {
        let patched = propose::patched(&base, &decisions, &observation.learned)?;
        if patched == base {
            continue;
        }
        // What came late is right of the time after it alone.
        let late = decisions.iter().filter_map(|decision| decision.tail).max();
        let held_back = late
            .and_then(|number| observation.tails.get(number))
            .map_or(&observation.held_back, |tail| &tail.held_back);
        let (guard, fidelity) = guard::guard(&base, &patched, &observation.shapes, held_back);
        whole.passed &= guard.passed;
        for (route, counts) in guard.routes {
            let both = whole.routes.entry(route).or_insert(counts);
            both.after = counts.after;
        }
        if !guard.passed {
            let part = if publishes_itself { "part that publishes itself" } else { "rest" };
            notes.push(format!("the {part} of the changes is not proposed: on held-back exchanges the patched model accepts less"));
            continue;
        }
        let findings = decisions.iter().map(|decision| decision.finding.clone()).collect();
        proposals.push(Proposal { model: patched.clone(), findings, publishes_itself, fidelity });
        base = patched;
    }
    Ok((proposals, whole, notes))
}

/// How much of the model was seen.
fn coverage(model: &Model, observation: &Observation) -> Coverage {
    let seen =
        |route: &str| RouteKey::parse(route).is_ok_and(|key| model.routes.contains_key(&key));
    let events = observation.evidence.places.keys().filter_map(|place| place.event.as_ref());
    let (mut fields, mut fields_seen) = (0, 0);
    for (place, at) in &observation.evidence.places {
        for (object, around) in &at.objects {
            let Some(view) = diff::described(model, place, object) else { continue };
            for name in view.fields().into_keys() {
                let key = FieldPath(vec![Step::Field(name.to_owned())]);
                fields += 1;
                fields_seen += u64::from(around.fields.contains_key(&key));
            }
        }
    }
    Coverage {
        routes: model.routes.len() as u64,
        routes_seen: observation.evidence.routes.keys().filter(|route| seen(route)).count() as u64,
        fields,
        fields_seen,
        events: model.webhooks.len() as u64,
        events_seen: events.filter(|event| model.webhooks.contains_key(*event)).count() as u64,
        dropped: observation.dropped,
    }
}

/// A model and its evidence from the twin's exchanges alone.
///
/// # Errors
///
/// Where the lake cannot be read.
pub async fn synthesise(
    lake: &Lake,
    twin: &str,
    base: Model,
) -> Result<(Model, Evidence), ObserveError> {
    let mut reading = Reading::new(twin, i64::MIN);
    reading.advance(lake).await?;
    let mut observation = reading.tally().observe(&base);
    fold_maps(&mut observation, &base);
    let calls = calls(lake, &reading, &base).await?;
    let mut model = base;
    synth::extend(&mut model, &observation.evidence);
    model.limits.extend(decide::learned(&calls));
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

/// Adds what was taken away in the middle of the window.
async fn add_late_changes(
    session: &LakeSession,
    case: &Case<'_>,
    tails: &[Tail],
    decisions: &mut Vec<Decision>,
) -> Result<(), ObserveError> {
    let policy = Thresholds { unseen_max: case.policy.late_unseen_max, ..*case.policy };
    for (number, tail) in tails.iter().enumerate() {
        let mut before = case.before.cloned().unwrap_or_default();
        before.merge(&tail.head);
        if !decide::is_anything_gone(&before, &tail.evidence, policy.unseen_max) {
            continue;
        }
        let case = Case {
            now: &tail.evidence,
            before: Some(&before),
            policy: &policy,
            head: Some(&tail.head),
            ..*case
        };
        let mut of_tail = self::decisions(session, &case).await?;
        decide::hold_back(&case, &mut of_tail);
        decide::add_late(decisions, of_tail, number);
    }
    Ok(())
}

fn fold_maps(observation: &mut Observation, model: &Model) {
    let whole = [&mut observation.evidence, &mut observation.learned];
    let tails = observation.tails.iter_mut().flat_map(|tail| [&mut tail.head, &mut tail.evidence]);
    for (place, seen) in whole.into_iter().chain(tails).flat_map(|one| &mut one.places) {
        maps::fold_maps(place, seen, model);
    }
}
