//! From suspects to findings: each rule asks whether chance explains what was seen.

mod corroborate;
mod field;
mod late;
mod limit;
mod multiplicity;
mod pool;
mod rollout;
mod route;
mod value;

use chrono::{DateTime, Utc};
use models::{Evidence as Witnesses, FieldPath, Finding, Kind, Model, Place, Surface};
use serde_json::Value;

use crate::diff::view_at;
use crate::evidence::{Evidence, Span};
use crate::memory::Memory;
use crate::policy::Thresholds;

pub(crate) use corroborate::corroborate;
pub(crate) use field::fields;
pub(crate) use late::{add_late, is_anything_gone};
pub(crate) use limit::{learned, limits};
pub(crate) use multiplicity::hold_back;
pub(crate) use pool::pool;
pub(crate) use rollout::rollouts;
pub(crate) use route::routes;
pub(crate) use value::values;

/// All that a decision rests on.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) model: &'a Model,
    pub(crate) now: &'a Evidence,
    /// What the model was learned from; without it the model's own word is all there is.
    pub(crate) before: Option<&'a Evidence>,
    pub(crate) policy: &'a Thresholds,
    /// What earlier runs decided.
    pub(crate) memory: &'a Memory,
    /// The window before `now`, where `now` is its tail: `before` holds it, too.
    pub(crate) head: Option<&'a Evidence>,
    /// The window begins where one that was published ends, in the middle of whatever goes on.
    pub(crate) continues: bool,
}

/// A difference and whether the evidence proves it.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    pub(crate) finding: Finding,
    /// Where, in steps rather than text.
    pub(crate) place: Place,
    pub(crate) path: FieldPath,
    pub(crate) settled: bool,
    /// The chance that nothing changed: what the finding's confidence shows four digits of.
    pub(crate) chance: f64,
    /// The tail of the window that shows it, where the window as a whole does not.
    pub(crate) tail: Option<usize>,
    /// It is reported and changes nothing yet: old and new are live side by side.
    pub(crate) waits: bool,
}

/// What was counted for a decision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) seen: u64,
    pub(crate) of: u64,
    pub(crate) units: f64,
    pub(crate) callers: u64,
    pub(crate) span: Span,
    /// The chance that nothing changed.
    pub(crate) chance: f64,
}

/// One difference, before it has a confidence and a fingerprint.
pub(crate) struct Difference<'a> {
    pub(crate) kind: Kind,
    pub(crate) place: &'a Place,
    pub(crate) path: FieldPath,
    pub(crate) before: Value,
    pub(crate) after: Value,
}

impl Case<'_> {
    /// Whether the stretch is one of many that are compared, short as they come: what changed may be in
    /// the middle of changing, and more will be seen of it.
    pub(crate) fn is_followed(&self) -> bool {
        self.continues || self.head.is_some()
    }

    /// The chance that something still there was not seen since it was seen last, however often one
    /// looks.
    ///
    /// `chance` is that of this run of absences. In a tail, each of the `seen` sightings before it could
    /// have begun a run as long: the chance is shared out over all runs there can ever be, the s-th
    /// taking `1/s(s+1)`, which adds up to one. A window begins one run only, and `1/chance` of it is
    /// then a martingale: its supremum over all looks passes `1/a` with a chance of `a` (Ville).
    pub(crate) fn chance_of_absence(&self, chance: f64, seen: f64) -> f64 {
        let runs = seen.max(1.0);
        let shares = if self.head.is_some() { runs * (runs + 1.0) } else { 1.0 };
        (chance * shares).min(1.0)
    }

    pub(crate) fn decide(
        &self,
        difference: Difference<'_>,
        counts: Counts,
        settled: bool,
    ) -> Decision {
        let Difference { kind, place, path, before, after } = difference;
        let (entity, entity_path) = self.home(kind, place, &path);
        let mut finding = Finding {
            kind,
            surface: place.surface,
            route: place.route.clone(),
            status: place.status,
            event: place.event.clone(),
            path: path.to_string(),
            breaking: is_breaking(kind, place.surface, &before, &after),
            before,
            after,
            confidence: confidence(counts.chance),
            evidence: Witnesses {
                seen: counts.seen,
                of: counts.of,
                units: Some(whole(counts.units)),
                callers: (counts.callers > 0).then_some(counts.callers),
                first_seen: time(counts.span.first_us),
                last_seen: time(counts.span.last_us),
            },
            entity,
            entity_path,
            group: None,
            moved_to: None,
            rollout: None,
            api_version: None,
            fingerprint: String::new(),
        };
        finding.fingerprint = finding.fingerprint_of();
        finding.group = finding.entity.as_ref().map(|entity| {
            format!("{entity}|{}|{kind}", finding.entity_path.as_deref().unwrap_or_default())
        });
        let chance = counts.chance;
        Decision { finding, place: place.clone(), path, settled, chance, tail: None, waits: false }
    }

    /// The shared schema a field stands in, and its path there.
    fn home(
        &self,
        kind: Kind,
        place: &Place,
        path: &FieldPath,
    ) -> (Option<String>, Option<String>) {
        // An added field is not in the model yet: its object is.
        let (object, last) = match (kind, path.split_last()) {
            (Kind::FieldAdded, Some((object, last))) => (object, Some(last.clone())),
            _ => (path.clone(), None),
        };
        let view = view_at(self.model, place, &object);
        let home = view
            .as_ref()
            .and_then(|view| view.alternatives.iter().find_map(|one| one.entity.clone()));
        let Some((entity, within)) = home else { return (None, None) };
        let within = last.map_or(within.clone(), |last| within.then(last));
        (Some(entity.to_owned()), Some(within.to_string()))
    }
}

/// Whether a client of the model's version may break.
fn is_breaking(kind: Kind, surface: Surface, before: &Value, after: &Value) -> bool {
    let is_request = surface == Surface::Request;
    match kind {
        Kind::RouteRemoved | Kind::TypeChanged => true,
        Kind::FieldRemoved | Kind::FormatChanged => !is_request,
        Kind::RateLimitChanged => {
            let rate = |limit: &Value| {
                Some(limit.get("limit")?.as_f64()? / limit.get("window_seconds")?.as_f64()?)
            };
            rate(before).zip(rate(after)).is_none_or(|(before, after)| after < before)
        }
        // What the vendor sends may lack or be null where it never was; what it takes may be demanded.
        Kind::RequirednessChanged => (after == &Value::Bool(true)) == is_request,
        Kind::NullabilityChanged => (after == &Value::Bool(true)) != is_request,
        Kind::EnumValueRemoved => is_request,
        // A success that came in the place of another.
        Kind::StatusAdded => !before.is_null(),
        Kind::RouteAdded | Kind::FieldAdded | Kind::EnumValueAdded | Kind::WebhookEventAdded => {
            false
        }
    }
}

fn time(us: i64) -> Option<DateTime<Utc>> {
    (us != i64::MAX && us != i64::MIN).then(|| DateTime::from_timestamp_micros(us)).flatten()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "units lie between 0 and a count"
)]
fn whole(units: f64) -> u64 {
    units.round().max(0.0) as u64
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub(crate) fn float(n: u64) -> f64 {
    n as f64
}

/// What is left of certainty, with four digits.
fn confidence(chance: f64) -> f64 {
    ((1.0 - chance).clamp(0.0, 1.0) * 1e4).floor() / 1e4
}

/// The chance to report where nothing but the model's word stands against a sighting: it shrinks
/// with independent witnesses.
pub(crate) fn chance_of_fluke(units: f64) -> f64 {
    0.05 / units.max(1.0)
}
