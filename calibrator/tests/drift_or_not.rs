//! What looks like drift for a time and is none: rollouts, canaries, pinned versions, outages.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its lake has failed")]

mod traffic;

use calibrator::Analysis;
use calibrator::memory::{Memory, Spot};
use calibrator::reading::Reading;
use models::Kind;
use serde_json::{Value, json};
use traffic::{Call, DAY, Dice, HOUR, World, found, is_destructive, mail, proposed};

/// Looks at what a vendor does, several times over; `change` makes of a mail what is answered at a time
/// (seconds) to a caller.
async fn looks(
    spans: &[(u64, u64)],
    step: u64,
    change: impl Fn(&mut Value, u64, u64, &mut Dice) -> u16,
) -> Vec<Analysis> {
    let mut world = World::new();
    looks_in(&mut world, spans, step, change).await
}

async fn looks_in(
    world: &mut World,
    spans: &[(u64, u64)],
    step: u64,
    change: impl Fn(&mut Value, u64, u64, &mut Dice) -> u16,
) -> Vec<Analysis> {
    let mut dice = Dice(5);
    let mut reading = Reading::new("mails", i64::MIN);
    let mut all = Vec::new();
    for (from, to) in spans {
        let times = (*from..*to).step_by(usize::try_from(step).unwrap());
        let calls: Vec<Call> = times
            .map(|at| {
                let (id, caller) = (dice.below(4_000), dice.below(6));
                let mut body = mail(id, &mut dice);
                let status = change(&mut body, at, caller, &mut dice);
                Call { at, caller, id, status, body }
            })
            .collect();
        world.seal(&calls);
        all.push(world.look(&mut reading).await);
    }
    all
}

fn fields(mail: &mut Value) -> &mut serde_json::Map<String, Value> {
    mail.as_object_mut().unwrap()
}

/// `subject` becomes `title`.
fn rename(mail: &mut Value) {
    let subject = fields(mail).remove("subject").unwrap();
    fields(mail).insert("title".to_owned(), subject);
}

fn destructive(analysis: &Analysis) -> Vec<(Kind, &str)> {
    let findings = analysis.proposals.iter().flat_map(|one| &one.findings);
    findings.filter(|one| is_destructive(one)).map(|one| (one.kind, one.path.as_str())).collect()
}

/// What a maintainer is asked about.
fn asked(analysis: &Analysis) -> Vec<(Kind, &str)> {
    let proposals = analysis.proposals.iter().filter(|one| !one.publishes_itself);
    proposals.flat_map(|one| &one.findings).map(|one| (one.kind, one.path.as_str())).collect()
}

#[tokio::test]
async fn a_rollout_takes_nothing_away_until_the_old_form_is_unseen_for_a_day() {
    // From day 2 to day 4 more and more answers have the new form.
    let change = |mail: &mut Value, at: u64, _: u64, dice: &mut Dice| {
        let share = at.saturating_sub(2 * DAY) * 1_000 / (2 * DAY);
        if dice.permille(share.min(1_000)) {
            rename(mail);
        }
        200
    };
    let spans =
        [(0, 3 * DAY), (3 * DAY, 4 * DAY + 12 * HOUR), (4 * DAY + 12 * HOUR, 5 * DAY + 6 * HOUR)];
    let all = looks(&spans, 400, change).await;
    for (number, one) in all[..2].iter().enumerate() {
        assert_eq!(destructive(one), [], "look {number}");
        assert!(proposed(one).contains(&(Kind::FieldAdded, "title")), "look {number}");
        let rollout = one.drift.findings.iter().find(|one| one.path == "subject").unwrap();
        assert!(rollout.rollout.is_some(), "look {number}: {rollout:?}");
    }
    // While both live, the twin is not to promise what a part of the answers lacks.
    assert_eq!(asked(&all[0]), [(Kind::RequirednessChanged, "subject")]);
    assert_eq!(asked(&all[1]), [], "the old form is unseen for less than a day");
    let halfway = all[0].drift.findings.iter().find(|one| one.path == "subject").unwrap();
    let rollout = halfway.rollout.as_ref().unwrap();
    assert!((0.1..0.5).contains(&rollout.share), "{rollout:?}");
    assert_eq!(destructive(&all[2]), [(Kind::FieldRemoved, "subject")], "{:?}", all[2].drift);
}

#[tokio::test]
async fn a_canary_that_is_rolled_back_takes_nothing_away() {
    let change = |mail: &mut Value, at: u64, _: u64, dice: &mut Dice| {
        if (2 * DAY..5 * DAY).contains(&at) && dice.permille(50) {
            rename(mail);
        }
        200
    };
    let spans = [(0, 3 * DAY), (3 * DAY, 5 * DAY), (5 * DAY, 6 * DAY), (6 * DAY, 9 * DAY)];
    for (number, one) in looks(&spans, 600, change).await.iter().enumerate() {
        assert_eq!(destructive(one), [], "look {number}: {:?}", one.drift);
        if number == 3 {
            assert!(!found(one).iter().any(|(_, path)| *path == "subject"), "{:?}", one.drift);
            assert!(
                one.drift.notes.iter().any(|note| note.contains("rolled back")),
                "{:?}",
                one.drift.notes
            );
        }
    }
}

#[tokio::test]
async fn a_field_that_half_of_the_objects_lack_from_a_day_on_is_asked_about_at_once() {
    let mut world = World::new();
    let mut dice = Dice(11);
    let mut calls = |from: u64, to: u64| -> Vec<Call> {
        let of = |at: u64| {
            let id = dice.below(4_000);
            let mut body = mail(id, &mut dice);
            if at >= DAY && id.is_multiple_of(2) {
                fields(&mut body).remove("subject");
            }
            Call { at, caller: at % 6, id, status: 200, body }
        };
        (from..to).step_by(400).map(of).collect()
    };
    let (quiet, changed) = (calls(0, DAY), calls(DAY, DAY + 12 * HOUR));
    world.seal(&quiet);
    let mut reading = Reading::new("mails", i64::MIN);
    assert_eq!(found(&world.look(&mut reading).await), []);
    let end_us = reading.tally().observe(&world.model).window.to.unwrap().timestamp_micros();
    world.seal(&changed);
    // The whole lake, and a window that begins where one that was published ends.
    for since_us in [i64::MIN, end_us] {
        let analysis = world.look(&mut Reading::new("mails", since_us)).await;
        let expected = [(Kind::RequirednessChanged, "subject")];
        assert_eq!(asked(&analysis), expected, "since {since_us}: {:?}", analysis.drift);
    }
}

#[tokio::test]
async fn callers_that_live_with_another_version_are_a_note() {
    let change = |mail: &mut Value, _: u64, caller: u64, _: &mut Dice| {
        if caller < 3 {
            rename(mail);
        }
        200
    };
    let all = looks(&[(0, DAY), (DAY, 2 * DAY)], 300, change).await;
    for one in &all {
        assert_eq!(found(one), [], "{:?}", one.drift);
        assert!(one.drift.notes.iter().any(|note| note.contains("pinned version")));
    }
}

#[tokio::test]
async fn an_outage_says_nothing() {
    let change = |mail: &mut Value, at: u64, _: u64, _: &mut Dice| {
        if (DAY..DAY + 12 * HOUR).contains(&at) {
            *mail = json!({"error": "overloaded"});
            return 503;
        }
        200
    };
    let spans =
        [(0, DAY + 6 * HOUR), (DAY + 6 * HOUR, DAY + 12 * HOUR), (DAY + 12 * HOUR, 2 * DAY)];
    for one in looks(&spans, 400, change).await {
        assert_eq!(found(&one), []);
    }
}

#[tokio::test]
async fn a_success_that_took_the_place_of_another_replaces_it_and_one_beside_it_does_not() {
    // From day 2 on a share of the calls, in thousandths, is answered with 202.
    for (share, replaced) in [(1_000, json!(200)), (300, Value::Null)] {
        let change = |_: &mut Value, at: u64, _: u64, dice: &mut Dice| {
            if at >= 2 * DAY && dice.permille(share) { 202 } else { 200 }
        };
        let all = looks(&[(0, 2 * DAY), (2 * DAY, 3 * DAY)], 600, change).await;
        assert_eq!(found(&all[0]), []);
        let findings = &all[1].drift.findings;
        let status = findings.iter().find(|one| one.kind == Kind::StatusAdded).unwrap();
        assert_eq!((status.status, &status.before), (Some(202), &replaced), "{findings:?}");
        assert_eq!(status.breaking, !replaced.is_null());
        let publishes = all[1].proposals.iter().any(|one| one.publishes_itself);
        assert_eq!(publishes, replaced.is_null(), "what breaks clients is asked about");
        let model = all[1]
            .proposals
            .iter()
            .find(|one| one.findings.iter().any(|finding| finding.kind == Kind::StatusAdded));
        let variants = &model.unwrap().model.routes.values().next().unwrap().variants;
        assert!(variants.contains_key("202"));
        assert_eq!(variants.contains_key("200"), replaced.is_null());
    }
}

#[tokio::test]
async fn a_success_that_was_replaced_before_that_was_proven_is_proposed_to_go_once_it_is() {
    let mut world = World::new();
    let calls = |from: u64, to: u64, status: fn(u64) -> u16| -> Vec<Call> {
        let mut dice = Dice(from + 1);
        let of = |at: u64| {
            let id = dice.below(4_000);
            let body = mail(id, &mut dice);
            Call { at: at * 600, caller: at % 6, id, status: status(at), body }
        };
        (from..to).map(of).collect()
    };
    world.seal(&calls(0, 300, |at| if at < 298 { 200 } else { 202 }));
    let mut first = Reading::new("mails", i64::MIN);
    let early = world.look(&mut first).await;
    let status = early.drift.findings.iter().find(|one| one.kind == Kind::StatusAdded).unwrap();
    assert_eq!((status.status, &status.before), (Some(202), &Value::Null), "two prove no absence");
    let mut memory = Memory::default();
    memory.added.insert(Spot::of(status));
    let model = &early.proposals[0].model;

    let looked = async |from: u64, status: fn(u64) -> u16, memory: &Memory| {
        let mut later = World::new();
        later.seal(&calls(from, from + 60, status));
        let mut reading = Reading::new("mails", 0);
        reading.advance(&later.lake).await.unwrap();
        let before = Some(&early.observation.evidence);
        let known = calibrator::Known { model, before, policy: &later.policy, memory };
        calibrator::analyse(&later.lake, &reading, &known).await.unwrap()
    };
    let proven = looked(300, |_| 202, &memory).await;
    let [replaced] = &proven.drift.findings[..] else { panic!("{:?}", proven.drift) };
    assert_eq!((replaced.kind, replaced.status), (Kind::StatusAdded, Some(202)));
    assert_eq!((&replaced.before, replaced.breaking), (&json!(200), true));
    assert_ne!(replaced.fingerprint, status.fingerprint, "it is told as another change");
    let [proposal] = &proven.proposals[..] else { panic!("{:?}", proven.proposals) };
    assert!(!proposal.publishes_itself, "what breaks clients is asked about");
    let variants = |model: &models::Model| model.routes.values().next().unwrap().variants.clone();
    let (was, is) = (variants(model), variants(&proposal.model));
    assert_eq!(is.keys().collect::<Vec<_>>(), ["202"]);
    assert_eq!(is["202"], was["202"], "what is known of it stays");

    // One that still comes is not gone, and of two that a document lists none took the other's place.
    let both = looked(300, |at| if at % 3 == 0 { 200 } else { 202 }, &memory).await;
    assert_eq!(found(&both), []);
    assert_eq!(found(&looked(300, |_| 202, &Memory::default()).await), []);
}

#[tokio::test]
async fn a_removed_field_that_is_back_in_two_units_is_restored_and_asked_double_for() {
    let mut world = World::new();
    world.model.entities.get_mut("mail").unwrap().properties.remove("note");
    // Evidence of long ago has it, so that chance alone would not prove that it is new.
    let mut reading = Reading::new("mails", i64::MIN);
    let mut past = World::new();
    let mut dice = Dice(3);
    let calls = |from: u64, with: u64, dice: &mut Dice| -> Vec<Call> {
        let of = |at: u64, dice: &mut Dice| {
            let id = dice.below(5_000);
            let mut body = mail(id, dice);
            fields(&mut body).remove("note");
            if at < with {
                fields(&mut body).insert("note".to_owned(), json!("here again"));
            }
            Call { at: from + at * 60, caller: at % 3, id, status: 200, body }
        };
        (0..300).map(|at| of(at, dice)).collect()
    };
    past.seal(&calls(0, 150, &mut dice));
    reading.advance(&past.lake).await.unwrap();
    let before = reading.tally().observe(&past.model).evidence;

    world.seal(&calls(10 * DAY, 2, &mut dice));
    let mut reading = Reading::new("mails", i64::MIN);
    reading.advance(&world.lake).await.unwrap();
    let known = |memory| calibrator::Known {
        model: &world.model,
        before: Some(&before),
        policy: &world.policy,
        memory,
    };
    let none = Memory::default();
    let unaware = calibrator::analyse(&world.lake, &reading, &known(&none)).await.unwrap();
    assert!(!found(&unaware).contains(&(Kind::FieldAdded, "note")));
    let undecided = unaware.drift.undecided.iter().find(|one| one.path == "note").unwrap();
    let mut memory = Memory::default();
    memory.removed.insert(Spot::of(undecided), 0);
    let aware = calibrator::analyse(&world.lake, &reading, &known(&memory)).await.unwrap();
    assert!(proposed(&aware).contains(&(Kind::FieldAdded, "note")), "{:?}", aware.drift);
}
