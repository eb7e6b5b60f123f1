//! Schedules, orders and forms learned from made-up deliveries, and the traps of INFERENCE §5.

use models::behaviour::{Order, Scheme};
use models::{Deliveries, Model, RetrySchedule};
use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;

/// Deliveries of a vendor, put together attempt by attempt.
#[derive(Default)]
struct Log(Vec<Attempt>);

impl Log {
    fn add(&mut self, delivery: u64, at_us: i64, status: u16) -> &mut Attempt {
        self.0.push(Attempt {
            seen_at_us: at_us,
            endpoint: 1,
            delivery,
            object: None,
            happened_at_us: None,
            sent_at_us: None,
            stated: None,
            status,
            latency_us: 20_000,
            scheme: "stripe".into(),
            header: String::new(),
            verdict: "valid".into(),
        });
        self.0.last_mut().unwrap()
    }

    /// A delivery that fails at each of these times after its first and is then taken, or not.
    fn failing(&mut self, delivery: u64, from_us: i64, after: &[i64], last: u16) {
        self.add(delivery, from_us, if after.is_empty() { last } else { 500 });
        for (index, gap) in after.iter().enumerate() {
            let status = if index + 1 == after.len() { last } else { 500 };
            self.add(delivery, from_us + gap * SECOND, status);
        }
    }

    /// Something else much later: time went on.
    fn until(&mut self, at_us: i64) {
        self.add(u64::MAX, at_us, 200);
    }

    fn compare(&mut self, present: Deliveries) -> Change {
        self.0.sort_by_key(|one| (one.endpoint, one.delivery, one.seen_at_us));
        let model = Model { deliveries: present, ..Model::empty("t", "") };
        compare(&model, &self.0, &Policy::default())
    }

    fn retry(&mut self) -> Option<RetrySchedule> {
        self.compare(Deliveries::default()).added?.retry
    }
}

fn schedule(delays: &[u64], ends: bool) -> RetrySchedule {
    let delays_ms = (1..).zip(delays.iter().map(|seconds| seconds * 1000)).collect();
    RetrySchedule { delays_ms, ends }
}

#[test]
fn a_schedule_is_learned_as_far_as_failures_show_it() {
    let mut log = Log::default();
    for n in 0..6 {
        let at = i64::try_from(n).unwrap() * HOUR;
        log.failing(n, at, &[60, 361], 200);
    }
    assert_eq!(log.retry(), Some(schedule(&[60, 300], false)));
    let notes = log.compare(Deliveries::default()).notes.join("\n");
    assert!(notes.contains("come again after 60 s, 300 s and perhaps more (6 failed)"), "{notes}");
}

#[test]
fn what_is_given_up_ends_the_schedule_and_what_may_still_come_does_not() {
    let mut log = Log::default();
    (0..4).for_each(|n| log.failing(n, i64::try_from(n).unwrap() * SECOND, &[60, 360], 500));
    assert_eq!(log.retry(), Some(schedule(&[60, 300], false)), "nothing came after it yet");
    log.until(30 * HOUR);
    assert_eq!(log.retry(), Some(schedule(&[60, 300], true)));
    let mut never = Log::default();
    (0..4).for_each(|n| never.failing(n, i64::try_from(n).unwrap() * HOUR, &[], 500));
    never.until(20 * HOUR);
    assert_eq!(never.retry(), None);
    never.until(40 * HOUR);
    assert_eq!(never.retry(), Some(schedule(&[], true)), "as GitHub, which repeats nothing");
}

#[test]
fn a_geometric_series_is_told_as_one() {
    let mut log = Log::default();
    let after = [30, 150, 630, 2550];
    (0..5).for_each(|n| log.failing(n, i64::try_from(n).unwrap() * 10 * HOUR, &after, 200));
    let notes = log.compare(Deliveries::default()).notes.join("\n");
    assert!(notes.contains("30 s, 120 s, 480 s, 1920 s, 4.0 times longer each"), "{notes}");
}

#[test]
fn jitter_within_a_fifth_is_a_schedule_and_hands_are_none() {
    let mut log = Log::default();
    for (n, gap) in [52, 60, 67, 58, 63].into_iter().enumerate() {
        log.failing(n as u64, i64::try_from(n).unwrap() * HOUR, &[gap], 200);
    }
    assert_eq!(log.retry(), Some(schedule(&[60], false)));
    let mut by_hand = Log::default();
    for (n, gap) in [40, 700, 3600, 90, 15_000].into_iter().enumerate() {
        by_hand.failing(n as u64, i64::try_from(n).unwrap() * 10 * HOUR, &[gap], 200);
    }
    let change = by_hand.compare(Deliveries::default());
    assert_eq!(change.added.and_then(|one| one.retry), None);
    assert!(change.notes.join("\n").contains("at no fixed time"), "{:?}", change.notes);
}

#[test]
fn two_endpoints_are_no_retry() {
    // Two paths.
    let mut log = Log::default();
    for n in 0..5_i64 {
        let id = u64::try_from(n).unwrap();
        log.add(id, n * HOUR, 500);
        log.add(id, n * HOUR + 3 * SECOND, 500).endpoint = 2;
    }
    assert_eq!(log.retry(), None);
    // Two behind one path: what comes with it is of the other.
    let mut log = Log::default();
    for n in 0..5_i64 {
        let id = u64::try_from(n).unwrap();
        for (after, status) in [(0, 500), (60, 200)] {
            for twin in 0..2 {
                log.add(id, n * HOUR + after * SECOND + twin * 30_000, status);
            }
        }
    }
    assert_eq!(log.retry(), Some(schedule(&[60], false)));
}

#[test]
fn what_comes_again_after_it_was_taken_is_a_duplicate_and_no_retry() {
    let mut log = Log::default();
    for n in 0..5_i64 {
        let id = u64::try_from(n).unwrap();
        log.add(id, n * HOUR, 200);
        log.add(id, n * HOUR + 60 * SECOND, 200);
    }
    let change = log.compare(Deliveries::default());
    assert_eq!(change.added.and_then(|one| one.retry), None);
    assert!(
        change.notes.contains(&"5 of 5 webhooks came again after they had been taken".to_owned())
    );
}

#[test]
fn the_same_event_with_a_new_id_is_another_delivery() {
    let mut log = Log::default();
    for n in 0..6_i64 {
        log.add(u64::try_from(n).unwrap(), n * 60 * SECOND, 500);
    }
    assert_eq!(log.retry(), None);
}

#[test]
fn a_delivery_whose_beginning_was_not_seen_says_nothing_of_the_first_gap() {
    let mut log = Log::default();
    for n in 0..5_i64 {
        let id = u64::try_from(n).unwrap();
        log.add(id, n * HOUR, 500).stated = Some(2);
        log.add(id, n * HOUR + 300 * SECOND, 200).stated = Some(3);
    }
    assert_eq!(log.retry(), None);
    for n in 10..15_i64 {
        let id = u64::try_from(n).unwrap();
        log.add(id, n * HOUR, 500).stated = Some(1);
        // The second was not seen.
        log.add(id, n * HOUR + 360 * SECOND, 200).stated = Some(3);
    }
    assert_eq!(log.retry(), None);
}

#[test]
fn retries_at_once_are_seen_where_the_vendor_counts_them() {
    let mut log = Log::default();
    for n in 0..5_i64 {
        let id = u64::try_from(n).unwrap();
        log.add(id, n * HOUR, 500).stated = Some(1);
        log.add(id, n * HOUR + 100_000, 500).stated = Some(2);
        log.add(id, n * HOUR + 61 * SECOND, 200).stated = Some(3);
    }
    let learned = log.retry().unwrap();
    assert!(learned.delays_ms[&1] <= 100, "{learned:?}");
    assert_eq!(learned.delays_ms[&2], 60_000);
}

#[test]
fn the_vendors_own_times_are_the_schedule_whatever_the_clocks_differ_by() {
    let mut log = Log::default();
    for n in 0..5_i64 {
        let id = u64::try_from(n).unwrap();
        // Seen late, when the observer came to it.
        for (after, seen, status) in [(0, 0, 500), (60, 75, 500), (360, 361, 200)] {
            let one = log.add(id, n * HOUR + seen * SECOND, status);
            one.sent_at_us = Some(n * HOUR + after * SECOND - 2 * HOUR);
        }
    }
    assert_eq!(log.retry(), Some(schedule(&[60, 300], false)));
}

#[test]
fn order_is_broken_by_inversions_and_not_by_retries_or_clocks() {
    let pairs = |shuffle: bool, skew: i64| {
        let mut log = Log::default();
        for n in 0..80_i64 {
            let late = if shuffle && n % 10 == 0 { 15 } else { 0 };
            let one = log.add(u64::try_from(n).unwrap(), n * 10 * SECOND + late * SECOND, 200);
            one.object = Some(1);
            one.happened_at_us = Some(n * 10 * SECOND + skew);
        }
        log.compare(Deliveries::default()).added.unwrap().order
    };
    assert_eq!(pairs(false, 0), Some(Order::PerObject));
    assert_eq!(pairs(false, -HOUR), Some(Order::PerObject), "the vendor's clock is an hour behind");
    assert_eq!(pairs(true, 0), Some(Order::Free));
}

#[test]
fn a_form_is_learned_where_a_secret_confirmed_it() {
    let of = |verdict: &str| {
        let mut log = Log::default();
        (0..5_u64).for_each(|n| log.add(n, 0, 200).verdict = verdict.into());
        let change = log.compare(Deliveries::default());
        (change.added.and_then(|one| one.signature), change.notes.join("\n"))
    };
    let (form, notes) = of("valid");
    assert_eq!(form.unwrap().scheme, Scheme::Stripe);
    assert!(notes.contains("signed as `stripe`, confirmed 5 times"), "{notes}");
    let (form, notes) = of("unchecked");
    assert_eq!(form, None);
    assert!(notes.contains("look signed as `stripe`"), "{notes}");
    let (form, notes) = of("invalid");
    assert_eq!(form, None);
    assert!(notes.contains("5 of 5 webhook signatures"), "{notes}");
    let (form, notes) = of("unknown");
    assert_eq!(form, None);
    assert!(
        notes.contains("5 webhooks carry a signature in `")
            && notes.contains("nothing was learned"),
        "{notes}"
    );
    let (form, notes) = of("stale");
    assert!(form.is_some() && notes.contains("clocks that differ"), "{notes}");
}

#[test]
fn what_somebody_else_signed_teaches_neither_schedule_nor_order() {
    let mut log = Log::default();
    (0..6).for_each(|n| log.failing(n, i64::try_from(n).unwrap() * HOUR, &[10], 401));
    for n in 100..180_i64 {
        let one = log.add(u64::try_from(n).unwrap(), 100 * HOUR + n * 10 * SECOND, 401);
        (one.object, one.happened_at_us) = (Some(1), Some(n * 10 * SECOND));
    }
    log.until(300 * HOUR);
    log.0.iter_mut().for_each(|one| one.verdict = "invalid".into());
    let change = log.compare(Deliveries::default());
    assert!(change.added.is_none() && change.changed.is_none(), "{change:?}");
    assert_eq!(change.notes.len(), 1, "{:?}", change.notes);
    assert!(change.notes[0].contains("made by none of the secrets"), "{:?}", change.notes);

    // Beside them the vendor's own are learned from as if they were alone.
    (200..206).for_each(|n| log.failing(n, i64::try_from(n).unwrap() * HOUR, &[60], 200));
    assert_eq!(log.retry(), Some(schedule(&[60], false)));
}

#[test]
fn what_is_new_is_added_and_what_contradicts_waits_for_a_decision() {
    let mut log = Log::default();
    (0..5).for_each(|n| log.failing(n, i64::try_from(n).unwrap() * HOUR, &[60, 360], 200));
    let known = |delays: &[u64], ends| Deliveries {
        retry: Some(schedule(delays, ends)),
        ..log_signature()
    };
    let same = log.compare(known(&[61, 300], false));
    assert!(same.added.is_none() && same.changed.is_none(), "within the band: {same:?}");
    let more = log.compare(known(&[60], false));
    assert_eq!(more.added.unwrap().retry, Some(schedule(&[60, 300], false)));
    assert!(more.changed.is_none());
    let other = log.compare(known(&[5, 300], false));
    assert!(other.added.is_none());
    assert_eq!(other.changed.unwrap().retry, Some(schedule(&[60, 300], false)));
    let longer = log.compare(known(&[60], true));
    assert!(longer.added.is_none());
    assert_eq!(longer.changed.unwrap().retry, Some(schedule(&[60, 300], false)));
}

fn log_signature() -> Deliveries {
    let form = models::SignatureForm { scheme: Scheme::Stripe, header: None };
    Deliveries { signature: Some(form), ..Deliveries::default() }
}

proptest! {
    /// Whatever fails where: what is learned is the beginning of the vendor's schedule.
    #[test]
    fn what_is_learned_is_a_beginning_of_the_schedule(
        delays in prop::collection::vec(2_i64..5000, 1..6),
        depths in prop::collection::vec(0_usize..7, 3..20),
    ) {
        let mut log = Log::default();
        for (n, depth) in depths.iter().enumerate() {
            let mut at = 0;
            let taken = (*depth).min(delays.len());
            let after: Vec<i64> = delays[..taken].iter().map(|gap| { at += gap; at }).collect();
            log.failing(n as u64, i64::try_from(n).unwrap() * 100 * HOUR, &after, 200);
        }
        let learned = log.retry().unwrap_or_default();
        for (attempt, ms) in &learned.delays_ms {
            let true_ms = delays[*attempt as usize - 1] * 1000;
            let off = (i64::try_from(*ms).unwrap() - true_ms).abs();
            prop_assert!(off <= (true_ms / 20).max(500), "{attempt}: {ms} of {true_ms}");
        }
        prop_assert!(!learned.ends);
    }
}
