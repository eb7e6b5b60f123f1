//! Old and new side by side: a rollout under way, a canary that was taken back, or callers that live
//! with different versions; nothing is taken away for any of these yet.

use models::{Finding, Kind, Rollout, Step};
use serde_json::Value;

use super::{Case, Decision, float, time};
use crate::chance::none_later;
use crate::diff::view_at;
use crate::evidence::Span;
use crate::observe::{Observation, ShapeOf, Shown, Shows};

const DAY_US: i64 = 24 * 3_600 * 1_000_000;
/// How long old and new live side by side, at a steady share, before that is how it is.
///
/// # Source
///
/// A canary is held for days; a week holds each weekday once.
const STEADY_US: i64 = 7 * DAY_US;
/// How long the old form is unseen before what was rolled out gradually has taken its place.
///
/// # Source
///
/// INFERENCE §3: the lower bound of the share at .95 for 24 h, the old form unseen.
const ALONE_US: i64 = DAY_US;
/// Bodies of a caller from which what it is shown says something of it.
const CALLER_UNITS_MIN: f64 = 4.0;
/// Callers on each side for which chance is not asked.
const CALLERS_MIN: usize = 2;
/// Chance that callers are told apart so cleanly though nobody tells them apart.
const CALLERS_CHANCE_MAX: f64 = 1e-6;

/// Marks what is being rolled out, so that nothing is taken away for it yet, and takes out what was
/// rolled back or goes by caller; the notes say of each.
pub(crate) fn rollouts(
    case: &Case<'_>,
    observation: &Observation,
    decisions: &mut Vec<Decision>,
) -> Vec<String> {
    let mut notes = Vec::new();
    decisions.retain_mut(|decision| match verdict(case, observation, decision) {
        Verdict::Change => true,
        Verdict::Rollout(rollout) => {
            decision.finding.rollout = Some(rollout);
            // What accepts the new beside the old is right while both live; a hold of it would begin
            // anew with each window that a published calibration opens, and never end.
            decision.waits = decision.finding.kind == Kind::FieldRemoved
                || decision.finding.after == Value::Bool(true);
            true
        }
        Verdict::Nothing(why) => {
            notes.push(format!("{} {}", words(&decision.finding), why));
            false
        }
    });
    notes.sort();
    notes.dedup();
    notes
}

enum Verdict {
    Change,
    Rollout(Rollout),
    /// No difference of the vendor's, and why.
    Nothing(String),
}

fn verdict(case: &Case<'_>, observation: &Observation, decision: &Decision) -> Verdict {
    let Some((object, Step::Field(_) | Step::Query(_))) = decision.path.split_last() else {
        return Verdict::Change;
    };
    let key = models::FieldPath(decision.path.0[object.0.len()..].to_vec());
    let shows = |shape: &ShapeOf| -> Option<bool> {
        (shape.object == object).then_some(())?;
        let there = shape.fields.get(&key);
        match decision.finding.kind {
            Kind::FieldAdded => Some(there.is_some()),
            Kind::FieldRemoved => Some(there.is_none()),
            Kind::RequirednessChanged if decision.finding.after == Value::Bool(false) => {
                Some(there.is_none_or(|(_, sometimes)| *sometimes))
            }
            Kind::RequirednessChanged => Some(there.is_some_and(|(_, sometimes)| !sometimes)),
            _ => None,
        }
    };
    let history = observation.history.of(&decision.place, &observation.shapes, &shows);
    if history.is_empty() {
        return Verdict::Change;
    }
    let weight = weight_at(case, decision, &object, &key);
    if let Some(why) = by_caller(observation, decision, &shows, weight) {
        return Verdict::Nothing(why);
    }
    let to_us = observation.window.to.map_or(i64::MAX, |to| to.timestamp_micros());
    let times = Times { history: &history, to_us, weight };
    match decision.finding.kind {
        Kind::RequirednessChanged if decision.finding.after == Value::Bool(true) => {
            times.taken_over(true)
        }
        Kind::RequirednessChanged => times.side_by_side(case),
        Kind::FieldAdded => times.is_rising().map_or(Verdict::Change, Verdict::Rollout),
        Kind::FieldRemoved => times.taken_over(is_promised(case, decision)),
        _ => Verdict::Change,
    }
}

/// Whether the model says that the field is always there.
fn is_promised(case: &Case<'_>, decision: &Decision) -> bool {
    let Some((object, Step::Field(name))) = decision.path.split_last() else { return false };
    view_at(case.model, &decision.place, &object)
        .is_some_and(|view| view.fields().get(name.as_str()).copied().unwrap_or(false))
}

fn weight_at(
    case: &Case<'_>,
    decision: &Decision,
    object: &models::FieldPath,
    key: &models::FieldPath,
) -> f64 {
    let around = case.now.places.get(&decision.place).and_then(|at| at.objects.get(object));
    let field = around.and_then(|around| around.fields.get(key));
    let best =
        || around.map(|around| around.fields.values().map(|one| one.weight).fold(0.0, f64::max));
    field.map(|field| field.weight).or_else(best).filter(|weight| *weight > 0.0).unwrap_or(1.0)
}

/// What the new form's history says.
struct Times<'h> {
    history: &'h [Shown],
    to_us: i64,
    weight: f64,
}

impl Times<'_> {
    /// A required field that some bodies lack.
    fn side_by_side(&self, case: &Case<'_>) -> Verdict {
        let Some(first) = self.history.iter().position(|shown| shown.n > 0) else {
            return Verdict::Change;
        };
        let when = self.history.iter().fold(Span::default(), |span, one| span.merge(one.when));
        let after = &self.history[first..];
        let last = after.iter().rposition(|shown| shown.n > 0).unwrap_or(0);
        let (seen, of) = sums(&after[..=last]);
        let (_, quiet) = sums(&after[last + 1..]);
        let units = |n: u64| float(n) * self.weight;
        if none_later(units(seen), units(of), units(quiet)) < case.policy.unseen_max {
            return Verdict::Nothing(format!(
                "was so for a time (in {seen} of {of} until {}) and is as it was: rolled back",
                date(when.last_us)
            ));
        }
        // Where the window as a whole is so, as far as there is one before it, so it is.
        let (_, before) = sums(&self.history[..first]);
        let had_begun = none_later(units(seen), units(of), units(before)) >= case.policy.unseen_max;
        let is_since = !had_begun || case.continues;
        let is_young = self.to_us - when.first_us < STEADY_US;
        if is_since && is_young {
            return Verdict::Rollout(Rollout { share: share(after), since: time(when.first_us) });
        }
        self.is_rising().map_or(Verdict::Change, Verdict::Rollout)
    }

    /// The new form's share grows since it was first seen.
    fn is_rising(&self) -> Option<Rollout> {
        let first = self.history.iter().position(|shown| shown.n > 0)?;
        // The first stretch holds some of the time before, too.
        let after = self.history.get(first + 1..)?;
        let total: u64 = after.iter().map(|shown| shown.of).sum();
        let mut so_far = 0;
        let half = after.iter().position(|shown| {
            so_far += shown.of;
            2 * so_far >= total
        })?;
        let ((n1, of1), (n2, of2)) = (sums(&after[..=half]), sums(&after[half + 1..]));
        let (m1, m2) = (float(of1) * self.weight, float(of2) * self.weight);
        if m1 < 10.0 || m2 < 10.0 || n2 == of2 {
            return None;
        }
        let (p1, p2) = (float(n1) / float(of1), float(n2) / float(of2));
        let p = (p1 * m1 + p2 * m2) / (m1 + m2);
        let deviation = (p * (1.0 - p) * (1.0 / m1 + 1.0 / m2)).sqrt();
        let since = time(self.history[first].when.first_us);
        (p2 - p1 > 4.0 * deviation).then_some(Rollout { share: p2, since })
    }

    /// A field that is no longer there: at once, or after a time of both?
    fn taken_over(&self, is_promised: bool) -> Verdict {
        let gone = self.history.iter().rposition(|shown| shown.n < shown.of);
        let Some(last_old) = gone.filter(|_| is_promised) else { return Verdict::Change };
        let old = &self.history[..=last_old];
        let when_old = old.iter().fold(Span::default(), |span, one| span.merge(one.when_not));
        let when_new = self.history.iter().fold(Span::default(), |span, one| span.merge(one.when));
        let is_gradual = when_new.first_us < when_old.last_us;
        if is_gradual && self.to_us - when_old.last_us < ALONE_US {
            return Verdict::Rollout(Rollout { share: 1.0, since: time(when_new.first_us) });
        }
        Verdict::Change
    }
}

/// Why it is a matter of who asks, if it is: some callers are always shown it and others never.
fn by_caller(
    observation: &Observation,
    decision: &Decision,
    shows: Shows<'_>,
    weight: f64,
) -> Option<String> {
    let callers = observation.callers.of(&decision.place, &observation.shapes, shows);
    let known: Vec<_> =
        callers.iter().filter(|one| float(one.of) * weight >= CALLER_UNITS_MIN).collect();
    let when = known.iter().fold(Span::default(), |span, one| span.merge(one.when));
    let to_us = observation.window.to.map_or(i64::MAX, |to| to.timestamp_micros());
    let (mut new, mut old, mut chance) = (0, 0, 0.0);
    let (n, of) = known.iter().fold((0, 0), |(n, of), one| (n + one.n, of + one.of));
    let share = float(n) / float(of.max(1));
    for one in known {
        let units = float(one.of) * weight;
        let is_new = one.n > 0 && (one.n == one.of || one.when_not.last_us < one.when.first_us);
        // Who is told of old until the end was asked after the new came up.
        let is_old =
            one.n == 0 && one.when_not.last_us > when.first_us + (to_us - when.first_us) / 2;
        match (is_new, is_old) {
            (true, _) => new += 1,
            (_, true) => old += 1,
            _ if one.n == 0 => continue,
            _ => return None,
        }
        chance += (share.powf(units) + (1.0 - share).powf(units)).ln();
    }
    let is_told_apart =
        new >= CALLERS_MIN && old >= CALLERS_MIN && chance < CALLERS_CHANCE_MAX.ln();
    is_told_apart.then(|| {
        format!(
            "goes by who asks ({new} callers are always told so, {old} never): a pinned version, an entitlement or an experiment, not drift"
        )
    })
}

fn sums(history: &[Shown]) -> (u64, u64) {
    history.iter().fold((0, 0), |(n, of), one| (n + one.n, of + one.of))
}

fn share(history: &[Shown]) -> f64 {
    let (n, of) = sums(history);
    (float(n) / float(of.max(1)) * 1e4).round() / 1e4
}

fn words(finding: &Finding) -> String {
    let place = finding.route.as_deref().or(finding.event.as_deref()).unwrap_or_default();
    format!("{} `{}` of {place}", finding.kind, finding.path)
}

fn date(us: i64) -> String {
    time(us).map(|time| time.format("%Y-%m-%d %H:%M UTC").to_string()).unwrap_or_default()
}
