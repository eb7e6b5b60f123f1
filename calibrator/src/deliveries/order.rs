//! Whether deliveries of one object keep their order, and whether they come more than once.

use std::collections::BTreeMap;

use models::behaviour::Order;

use super::attempt::Attempt;

/// Pairs of deliveries below which nothing is said of their order.
///
/// # Source
///
/// INFERENCE §5.
const PAIRS_MIN: usize = 50;
/// Inversions that are no accident of a second's resolution.
const INVERSIONS_MIN: usize = 3;

/// Whether the first attempts for one object come in the order of their events; none where too few
/// were seen. Retries come late whatever the vendor promises and are left out.
pub(super) fn of(deliveries: &[&[Attempt]], notes: &mut Vec<String>) -> Option<Order> {
    note_duplicates(deliveries, notes);
    let mut by_object: BTreeMap<(u64, u64), Vec<(i64, i64)>> = BTreeMap::new();
    for first in deliveries.iter().filter_map(|attempts| attempts.first()) {
        if let (Some(object), Some(happened)) = (first.object, first.happened_at_us) {
            let line = by_object.entry((first.endpoint, object)).or_default();
            line.push((first.seen_at_us, happened));
        }
    }
    let (mut pairs, mut inversions) = (0, 0);
    for line in by_object.values_mut() {
        line.sort_unstable();
        for pair in line.windows(2) {
            // Events of the same second have no order that could be broken.
            match pair[0].1.cmp(&pair[1].1) {
                std::cmp::Ordering::Less => pairs += 1,
                std::cmp::Ordering::Greater => {
                    pairs += 1;
                    inversions += 1;
                }
                std::cmp::Ordering::Equal => {}
            }
        }
    }
    if inversions >= INVERSIONS_MIN {
        notes.push(format!(
            "webhooks of one object come out of order: {inversions} of {pairs} pairs"
        ));
        return Some(Order::Free);
    }
    if pairs >= PAIRS_MIN && inversions == 0 {
        let bound = 300.0 / count(pairs);
        notes.push(format!(
            "webhooks of one object came in order in all of {pairs} pairs (inversions below {bound:.1} %)"
        ));
        return Some(Order::PerObject);
    }
    None
}

/// Deliveries that came again after they had been taken: duplicates, or redelivered by hand.
fn note_duplicates(deliveries: &[&[Attempt]], notes: &mut Vec<String>) {
    let again = |attempts: &&&[Attempt]| {
        let taken = attempts.iter().position(Attempt::is_taken);
        taken.is_some_and(|index| index + 1 < attempts.len())
    };
    let twice = deliveries.iter().filter(again).count();
    if twice > 0 {
        notes.push(format!(
            "{twice} of {} webhooks came again after they had been taken",
            deliveries.len()
        ));
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a window are small")]
fn count(pairs: usize) -> f64 {
    pairs as f64
}
