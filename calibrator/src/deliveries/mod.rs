//! How webhooks are delivered: from attempts to a signature's form, a retry schedule, an order.
//!
//! None of it is drift of a kind that findings have (CONTRACTS), so what is learned becomes a note,
//! and the model's `deliveries` what a twin then does.

mod attempt;
mod learn;
mod order;
mod retry;
mod signature;

use models::{Deliveries, Model};

use crate::policy::Policy;
use crate::run::Proposal;

pub(crate) use attempt::{Attempt, attempts};
use learn::Learned;

/// What deliveries show, and what of it the model does not say.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// The model's `deliveries` with what is new in them and contradicts nothing.
    pub(crate) added: Option<Deliveries>,
    /// The same with what contradicts the model as well.
    pub(crate) changed: Option<Deliveries>,
    /// A sentence each.
    pub(crate) notes: Vec<String>,
}

impl Change {
    /// The model with what is new.
    pub(crate) fn onto(&self, model: &Model) -> Model {
        let deliveries = self.added.clone().unwrap_or_else(|| model.deliveries.clone());
        Model { deliveries, ..model.clone() }
    }

    /// Has the proposals, which were made from `base`, carry it: what is new publishes itself, what
    /// contradicts the model waits with the rest.
    pub(crate) fn propose(&self, model: &Model, base: Model, proposals: &mut Vec<Proposal>) {
        let of = |model: Model, publishes_itself| Proposal {
            model,
            findings: Vec::new(),
            publishes_itself,
            fidelity: None,
        };
        if base != *model && !proposals.first().is_some_and(|first| first.publishes_itself) {
            proposals.insert(0, of(base.clone(), true));
        }
        let Some(changed) = &self.changed else { return };
        if proposals.last().is_none_or(|last| last.publishes_itself) {
            let onto = proposals.last().map_or(base, |last| last.model.clone());
            proposals.push(of(onto, false));
        }
        if let Some(last) = proposals.last_mut() {
            last.model.deliveries = changed.clone();
        }
    }
}

/// Compares attempts, in order of endpoint, delivery and time, with the model. Where policy has
/// nothing publish itself, neither does this.
pub(crate) fn compare(model: &Model, attempts: &[Attempt], policy: &Policy) -> Change {
    if attempts.is_empty() {
        return Change::default();
    }
    let learned = Learned::of(attempts, &model.deliveries);
    let present = &model.deliveries;
    let mut added = present.clone();
    let mut changed = present.clone();
    let news = &learned.deliveries;
    if let Some(form) = &news.signature {
        changed.signature = Some(form.clone());
        added.signature.get_or_insert_with(|| form.clone());
    }
    if let Some(order) = news.order {
        changed.order = Some(order);
        added.order.get_or_insert(order);
    }
    if let Some(schedule) = &news.retry {
        changed.retry = Some(retry::merged(present.retry.as_ref(), schedule, true));
        added.retry = Some(retry::merged(present.retry.as_ref(), schedule, false));
    }
    if policy.publish.is_empty() {
        added = present.clone();
    }
    let (is_new, differs) = (added != *present, changed != added);
    Change {
        added: is_new.then_some(added),
        changed: differs.then_some(changed),
        notes: learned.notes,
    }
}

#[cfg(test)]
mod tests;
