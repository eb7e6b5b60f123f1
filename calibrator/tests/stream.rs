//! A window read bit by bit is the window read at once.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its lake has failed")]

mod traffic;

use calibrator::reading::Reading;
use calibrator::{Analysis, checkpoint, evidence_file};
use models::Kind;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use traffic::{Call, Dice, World, found, mail, proposed};

/// A vendor that adds a field, then takes one away.
fn calls(n: u64) -> Vec<Call> {
    let mut dice = Dice(11);
    (0..n)
        .map(|call| {
            let id = dice.below(150);
            let mut body = mail(id, &mut dice);
            let fields = body.as_object_mut().unwrap();
            if call >= n / 2 {
                fields.insert("folder".to_owned(), json!("inbox of mine"));
            }
            if call >= 2 * n / 3 {
                fields.remove("subject");
            }
            Call { at: call * 600, caller: dice.below(5), id, status: 200, body }
        })
        .collect()
}

fn bytes(analysis: &Analysis, world: &World) -> Vec<u8> {
    let path = world.path("evidence.parquet");
    evidence_file::write(&analysis.observation.evidence, &path).unwrap();
    std::fs::read(path).unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

/// Which segments come together, where the stream is stopped and started again, and in which order
/// segments come.
fn looks() -> impl Strategy<Value = (Vec<usize>, Vec<bool>)> {
    let order = Just((0..8).collect::<Vec<usize>>()).prop_shuffle();
    (order, proptest::collection::vec(any::<bool>(), 8))
}

#[test]
fn batch_and_stream_end_in_the_same_evidence_and_the_same_model() {
    let mut world = World::new();
    for stretch in calls(480).chunks(60) {
        world.seal(stretch);
    }
    let runtime = runtime();
    let mut whole = Reading::new("mails", i64::MIN);
    let batch = runtime.block_on(world.look(&mut whole));
    let expected = [(Kind::FieldAdded, "folder"), (Kind::FieldRemoved, "subject")];
    assert_eq!(found(&batch), expected);
    let evidence = bytes(&batch, &world);
    let segments =
        runtime.block_on(calibrator::observe::segments(&world.lake, "mails", i64::MIN)).unwrap();

    let config = Config { cases: 4, failure_persistence: None, ..Config::default() };
    let law = |(order, stops): (Vec<usize>, Vec<bool>)| {
        let mut reading = Reading::new("mails", i64::MIN);
        let (mut come, path) = (Vec::new(), world.path("stream.checkpoint"));
        for (number, stop) in order.into_iter().zip(stops) {
            come.push(segments[number].clone());
            if stop {
                runtime.block_on(reading.take(&world.lake, &come)).unwrap();
                checkpoint::write(&reading, &path).unwrap();
                reading = checkpoint::read(&path).unwrap().unwrap();
            }
        }
        runtime.block_on(reading.take(&world.lake, &come)).unwrap();
        prop_assert!(reading == whole, "the readings differ");
        Ok(())
    };
    TestRunner::new(config).run(&looks(), law).unwrap();

    // The answer is a function of the reading; once through all looks shows it.
    let mut reading = Reading::new("mails", i64::MIN);
    let mut last = None;
    for come in 1..=segments.len() {
        runtime.block_on(reading.take(&world.lake, &segments[..come])).unwrap();
        if come % 3 == 2 {
            last = Some(runtime.block_on(world.compare(&reading)));
        }
    }
    let last = last.unwrap();
    assert!(bytes(&last, &world) == evidence, "the evidence differs");
    let models = |analysis: &Analysis| -> Vec<_> {
        analysis.proposals.iter().map(|one| models::Digest::of(&one.model)).collect()
    };
    assert_eq!(models(&last), models(&batch));
    assert_eq!(last.drift, batch.drift);
}

#[test]
fn a_log_cut_into_segments_anywhere_is_the_same_evidence() {
    let runtime = runtime();
    let calls = calls(240);
    let evidence = |cuts: &[usize]| {
        let mut world = World::new();
        let mut from = 0;
        for to in cuts.iter().copied().chain([calls.len()]) {
            world.seal(&calls[from..to]);
            from = to;
        }
        let mut reading = Reading::new("mails", i64::MIN);
        let analysis = runtime.block_on(world.look(&mut reading));
        bytes(&analysis, &world)
    };
    let whole = evidence(&[]);
    assert!(evidence(&[37, 38, 150]) == whole, "the evidence differs");
}

#[test]
fn a_change_is_proposed_at_the_first_look_that_shows_enough_of_it() {
    let mut world = World::new();
    let runtime = runtime();
    let mut reading = Reading::new("mails", i64::MIN);
    let all = calls(720);
    world.seal(&all[..470]);
    let before = runtime.block_on(world.look(&mut reading));
    assert_eq!(proposed(&before), [(Kind::FieldAdded, "folder")]);
    // `subject` goes at 480: ten calls show nothing yet, thirty do.
    world.seal(&all[470..490]);
    let early = runtime.block_on(world.look(&mut reading));
    assert!(!proposed(&early).contains(&(Kind::FieldRemoved, "subject")), "{early:?}");
    world.seal(&all[490..510]);
    let late = runtime.block_on(world.look(&mut reading));
    assert!(proposed(&late).contains(&(Kind::FieldRemoved, "subject")), "{:?}", late.drift);
}
