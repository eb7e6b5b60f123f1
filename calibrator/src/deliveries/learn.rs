//! All that attempts show, together.

use models::Deliveries;

use super::attempt::Attempt;
use super::{order, retry, signature};

/// What attempts show.
#[derive(Debug, Default)]
pub(super) struct Learned {
    pub(super) deliveries: Deliveries,
    pub(super) notes: Vec<String>,
}

impl Learned {
    /// Of attempts in order of endpoint, delivery and time.
    ///
    /// Whoever sends with a signature of none of our secrets is not the vendor: such attempts are
    /// counted among the signatures, and teach neither schedule nor order.
    pub(super) fn of(attempts: &[Attempt], present: &Deliveries) -> Self {
        let own: Vec<Attempt> =
            attempts.iter().filter(|attempt| !attempt.is_doubtful()).cloned().collect();
        let deliveries = grouped(&own);
        let ends_us = own.iter().map(Attempt::ended_us).max().unwrap_or_default();
        let mut notes = Vec::new();
        let signature = signature::of(attempts, &mut notes);
        let retry = retry::of(&deliveries, present.retry.as_ref(), ends_us, &mut notes);
        let order = order::of(&deliveries, &mut notes);
        Self { deliveries: Deliveries { signature, retry, order }, notes }
    }
}

/// The attempts of each delivery to each endpoint.
fn grouped(attempts: &[Attempt]) -> Vec<&[Attempt]> {
    attempts
        .chunk_by(|one, other| (one.endpoint, one.delivery) == (other.endpoint, other.delivery))
        .collect()
}
