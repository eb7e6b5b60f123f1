//! What is kept of a delivery beside its shape: which it is, which attempt, and who signed it.

use std::time::Duration;

use models::behaviour::Scheme;
use models::webhooks::{Arrived, Facts, Verdict, verify};

use super::url;
use crate::exchange::RawExchange;
use crate::key::{Domain, LakeKey};
use crate::lake::deliveries::DeliveryRow;

/// Hands a delivery over as it arrived.
pub(super) fn arrived<T>(raw: &RawExchange<'_>, use_it: impl FnOnce(&Arrived<'_>) -> T) -> T {
    let headers: Vec<(&str, &str)> =
        raw.request_headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let body = raw.request_body.as_ref().map_or(&[][..], |body| &body.bytes);
    let at = Duration::from_micros(u64::try_from(raw.seen_at_us).unwrap_or_default());
    use_it(&Arrived { headers: &headers, url: &raw.url, body, at })
}

/// The row of one attempt. Its signature is looked at here, over the bytes as they came: no later
/// step has them. The verdict on it stands beside the row.
pub(super) fn row(
    raw: &RawExchange<'_>,
    event: &str,
    secrets: &[String],
    key: &LakeKey,
) -> (DeliveryRow, Verdict) {
    let (facts, check) = arrived(raw, |arrived| (Facts::of(arrived), verify(arrived, secrets)));
    let body = raw.request_body.as_ref().map_or(&[][..], |body| &body.bytes);
    let path = url::parse(&raw.url).map_or("", |url| url.path);
    let delivery = match &facts.id {
        Some(id) => key.pseudonym(Domain::Delivery, &[b"id", id.as_bytes()]),
        // The same bytes are the same delivery.
        None => key.pseudonym(Domain::Delivery, &[b"body", body]),
    };
    let row = DeliveryRow {
        seen_at_us: raw.seen_at_us,
        event: event.to_owned(),
        endpoint: key.pseudonym(Domain::Endpoint, &[path.as_bytes()]),
        delivery,
        object: facts.object.map(|id| key.link(id.as_bytes())),
        happened_at_us: facts.happened_at_us,
        // A time that none of our secrets vouches for is no time.
        sent_at_us: facts
            .sent_at_us
            .filter(|_| !matches!(check.verdict, Verdict::Invalid | Verdict::Unknown)),
        attempt: facts.attempt,
        status: raw.status,
        latency_us: raw.latency_us,
        scheme: (check.scheme != Scheme::None).then(|| check.scheme.name()),
        header: check.header,
        verdict: check.verdict.name(),
    };
    (row, check.verdict)
}
