use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::{
    AppendError, Change, DecideError, Draft, Event, Evidence, Fidelity, Finding, Kind, Model,
    Replay, RollbackError, SigningKey, Surface, Window,
};

/// A twin whose ledger is in a folder of its own.
struct Case {
    folder: TempDir,
    key: SigningKey,
}

impl Case {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), key: SigningKey::from_secret([7; 32]) }
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("calibrations/emails")
    }

    fn ledger(&self) -> Ledger {
        Ledger::open(self.dir(), &[self.key.public()]).unwrap()
    }

    /// Calibrations 1, 2, … published, to models of as many limits.
    fn published(&self, count: u64) -> Ledger {
        let mut ledger = self.ledger();
        for number in 1..=count {
            let change = Change::between(&model(number - 1), number - 1, &model(number));
            self.publish(&mut ledger, change);
        }
        ledger
    }

    fn propose(&self, ledger: &mut Ledger, change: Change) -> u64 {
        ledger.append(draft(change), &self.key).unwrap().number
    }

    fn publish(&self, ledger: &mut Ledger, change: Change) -> u64 {
        let number = self.propose(ledger, change);
        ledger.decide(number, Choice::Publish, note(), &self.key).unwrap();
        number
    }

    /// What a reader that comes new makes of it.
    fn replay(&self) -> Replay {
        self.ledger().replay(&model(0)).unwrap()
    }

    fn decisions(&self) -> PathBuf {
        self.dir().join("decisions.jsonl")
    }
}

/// A model that is told from others by its limit.
fn model(limit: u64) -> Model {
    serde_json::from_value(json!({
        "format": "wondertwin.model/1", "name": "emails", "version": "1.0.0",
        "limits": {"default":
            {"algorithm": "fixed_window", "limit": limit, "window_seconds": 60.0}},
    }))
    .unwrap()
}

fn draft(change: Change) -> Draft {
    Draft {
        change,
        created_at: "2026-11-19T10:05:00Z".parse().unwrap(),
        window: Window { from: None, to: "2026-11-19T10:00:00Z".parse().ok() },
        findings: Vec::new(),
        fidelity: None,
    }
}

fn note() -> Note {
    Note { by: "ada".into(), at: "2026-11-19T10:06:00Z".parse().unwrap(), comment: None }
}

fn finding() -> Finding {
    Finding {
        kind: Kind::RateLimitChanged,
        surface: Surface::Response,
        route: None,
        status: None,
        event: None,
        path: "default".into(),
        before: json!({"limit": 0}),
        after: json!({"limit": 1}),
        breaking: true,
        confidence: 0.9998,
        evidence: Evidence {
            seen: 3,
            of: 1204,
            units: None,
            callers: None,
            first_seen: None,
            last_seen: None,
        },
        entity: None,
        entity_path: None,
        group: None,
        moved_to: None,
        rollout: None,
        api_version: None,
        fingerprint: "0123456789abcdef".into(),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The refusal as a person reads it, without the folder.
fn told(case: &Case, refusal: &Refusal) -> String {
    chain(refusal).replace(&format!("{}/", case.dir().display()), "")
}

fn append_text(path: &Path, text: &str) {
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_calibration_and_its_decision_stand_on_disk_as_contracts_says() {
    let case = Case::new();
    let mut ledger = case.ledger();
    let fidelity = Fidelity { before_bp: 9412, after_bp: 9991, held_back: 4000 };
    let draft = Draft {
        findings: vec![finding()],
        fidelity: Some(fidelity),
        ..draft(Change::between(&model(0), 0, &model(1)))
    };
    ledger.append(draft, &case.key).unwrap();
    let comment = Some("seen in the changelog\ntoo".into());
    ledger.decide(1, Choice::Publish, Note { comment, ..note() }, &case.key).unwrap();

    let on_disk = |name| fs::read_to_string(case.dir().join(name)).unwrap();
    insta::assert_snapshot!("calibration_on_disk", on_disk("000001.json"));
    insta::assert_snapshot!("decision_on_disk", on_disk("decisions.jsonl"));
}

#[test]
fn a_replay_is_the_base_with_all_that_was_published() {
    let case = Case::new();
    assert_eq!(case.replay().model, model(0), "an absent folder is an empty ledger");
    let ledger = case.published(3);

    let replay = case.replay();
    assert_eq!((replay.number, &replay.model), (3, &model(3)));
    assert_eq!(replay.digest, Digest::of(&model(3)));
    assert!(replay.refused.is_none());
    let applied: Vec<_> = replay.applied.iter().map(|one| one.number).collect();
    assert_eq!(applied, [1, 2, 3]);
    assert_eq!(ledger.published().map(|one| one.unwrap().number).collect::<Vec<_>>(), applied);
}

#[test]
fn a_proposal_changes_nothing_until_it_is_published() {
    let case = Case::new();
    let mut ledger = case.published(1);
    // As after a crash between the calibration's file and its decision.
    case.propose(&mut ledger, Change::between(&model(1), 1, &model(2)));

    let mut reader = case.ledger();
    assert_eq!(reader.state(2), Some(State::Proposed));
    assert_eq!(reader.proposed().collect::<Vec<_>>(), [2]);
    assert_eq!(reader.replay(&model(0)).unwrap().number, 1);
    reader.decide(2, Choice::Publish, note(), &case.key).unwrap();
    assert_eq!(case.replay().model, model(2));
}

#[test]
fn a_rejected_proposal_is_never_loaded() {
    let case = Case::new();
    let mut ledger = case.published(1);
    case.propose(&mut ledger, Change::between(&model(1), 1, &model(2)));
    ledger.decide(2, Choice::Reject, note(), &case.key).unwrap();
    assert_eq!(case.ledger().state(2), Some(State::Rejected(note())));

    let number = case.publish(&mut ledger, Change::between(&model(1), 1, &model(9)));
    assert_eq!((number, case.replay().model), (3, model(9)));
    let error = ledger.decide(2, Choice::Publish, note(), &case.key).unwrap_err();
    insta::assert_snapshot!(error, @"calibration 2 is already rejected: run `wt calibrate emails` for a new proposal");
}

#[test]
fn the_rest_may_be_proposed_on_top_of_the_additive_part() {
    let case = Case::new();
    let mut ledger = case.published(1);
    let additive = case.propose(&mut ledger, Change::between(&model(1), 1, &model(2)));
    let rest = case.propose(&mut ledger, Change::between(&model(2), additive, &model(3)));
    assert_eq!(ledger.proposed().collect::<Vec<_>>(), [additive, rest]);

    let error = ledger.decide(rest, Choice::Publish, note(), &case.key).unwrap_err();
    insta::assert_snapshot!(error, @"calibration 3 builds on 2, which is not published: decide on 2 first");
    ledger.decide(additive, Choice::Publish, note(), &case.key).unwrap();
    ledger.decide(rest, Choice::Publish, note(), &case.key).unwrap();
    assert_eq!(case.replay().model, model(3));
}

#[test]
fn without_the_additive_part_the_rest_cannot_be_published() {
    let case = Case::new();
    let mut ledger = case.published(1);
    let additive = case.propose(&mut ledger, Change::between(&model(1), 1, &model(2)));
    let rest = case.propose(&mut ledger, Change::between(&model(2), additive, &model(3)));
    ledger.decide(additive, Choice::Reject, note(), &case.key).unwrap();

    assert_eq!(ledger.state(rest), Some(State::Superseded { by: None }));
    let error = ledger.decide(rest, Choice::Publish, note(), &case.key).unwrap_err();
    insta::assert_snapshot!(error, @"calibration 3 builds on 2, which was rejected: run `wt calibrate emails` again");
    ledger.decide(rest, Choice::Reject, note(), &case.key).unwrap();
}

#[test]
fn a_proposal_for_a_model_of_the_past_is_stale() {
    let case = Case::new();
    let mut ledger = case.published(1);
    case.propose(&mut ledger, Change::between(&model(1), 1, &model(2)));
    let newer = case.publish(&mut ledger, Change::between(&model(1), 1, &model(3)));

    assert_eq!(ledger.state(2), Some(State::Superseded { by: Some(newer) }));
    assert_eq!(ledger.proposed().count(), 0);
    let error = ledger.decide(2, Choice::Publish, note(), &case.key).unwrap_err();
    insta::assert_snapshot!(error, @"calibration 2 was superseded by 3: decide on a later proposal, or run `wt calibrate emails` again");

    let stale = draft(Change::between(&model(1), 1, &model(4)));
    let error = ledger.append(stale, &case.key).unwrap_err();
    insta::assert_snapshot!(error, @"the calibration was made for the model after 1, and the present one is after 3: run `wt calibrate emails` again");
    let foreign = draft(Change::between(&model(8), 3, &model(9)));
    let error = ledger.append(foreign, &case.key).unwrap_err();
    assert!(matches!(error, AppendError::BaseMoved { .. }));
    let nothing = draft(Change::between(&model(3), 3, &model(3)));
    assert!(matches!(ledger.append(nothing, &case.key), Err(AppendError::NoChange)));
}

#[test]
fn a_rollback_serves_the_model_before_and_can_be_rolled_back() {
    let case = Case::new();
    let mut ledger = case.published(3);
    let back = ledger.rollback(2, &model(0), note(), &case.key).unwrap();
    assert_eq!((back.number, back.rolls_back), (4, Some(2)));
    assert_eq!(case.replay().model, model(1));

    let error = ledger.rollback(2, &model(0), note(), &case.key).unwrap_err();
    assert!(matches!(error, RollbackError::NoChange { number: 2 }));
    let forth = ledger.rollback(4, &model(0), note(), &case.key).unwrap();
    assert_eq!((forth.number, forth.rolls_back), (5, Some(4)));
    assert_eq!(case.replay().model, model(3));
    ledger.rollback(1, &model(0), note(), &case.key).unwrap();
    assert_eq!(case.replay().model, model(0));

    case.propose(&mut ledger, Change::between(&model(0), 6, &model(7)));
    let error = ledger.rollback(7, &model(0), note(), &case.key).unwrap_err();
    assert!(matches!(error, RollbackError::NotPublished { number: 7 }));
    let error = ledger.rollback(8, &model(0), note(), &case.key).unwrap_err();
    assert!(matches!(error, RollbackError::Ledger(LedgerError::NoSuchCalibration { .. })));
}

#[test]
fn what_a_rollback_undid_is_in_force_again_once_that_is_undone() {
    let case = Case::new();
    let mut ledger = case.published(3);
    let standing = |ledger: &Ledger| {
        let published: Vec<_> = ledger.published().map(Result::unwrap).collect();
        in_force(&published).iter().map(|one| one.number).collect::<Vec<_>>()
    };
    assert_eq!(standing(&ledger), [1, 2, 3]);
    ledger.rollback(2, &model(0), note(), &case.key).unwrap();
    assert_eq!(standing(&ledger), [1]);
    case.publish(&mut ledger, Change::between(&model(1), 4, &model(9)));
    assert_eq!(standing(&ledger), [1, 5]);
    ledger.rollback(4, &model(0), note(), &case.key).unwrap();
    assert_eq!(standing(&ledger), [1, 2, 3]);
    ledger.rollback(1, &model(0), note(), &case.key).unwrap();
    assert_eq!(standing(&ledger), Vec::<u64>::new());
}

#[test]
fn a_follower_sees_exactly_what_a_replay_sees() {
    let case = Case::new();
    let mut follower = case.ledger();
    let mut served = model(0);
    let follow = |follower: &mut Ledger, served: &mut Model| {
        for event in follower.follow().unwrap() {
            let Event::Published(calibration) = event else { panic!("a sound ledger") };
            *served = served.apply(&calibration).unwrap();
        }
    };
    let mut ledger = case.ledger();
    let mut present = 0;
    for step in 1..=12 {
        let base = ledger.last_published();
        let number =
            case.propose(&mut ledger, Change::between(&model(present), base, &model(step)));
        let choice = if step % 3 == 0 { Choice::Reject } else { Choice::Publish };
        ledger.decide(number, choice, note(), &case.key).unwrap();
        present = if choice == Choice::Publish { step } else { present };
        if step % 4 != 0 {
            follow(&mut follower, &mut served);
            assert_eq!(served, case.replay().model, "step {step}");
        }
    }
    ledger.rollback(5, &model(0), note(), &case.key).unwrap();
    follow(&mut follower, &mut served);
    assert_eq!(served, model(4));
    assert_eq!(served, case.replay().model);
    assert!(follower.follow().unwrap().is_empty());
}

#[test]
fn a_follower_goes_on_where_its_replay_ended() {
    let case = Case::new();
    let mut ledger = case.published(2);
    let mut twin = case.ledger();
    twin.replay(&model(0)).unwrap();
    assert!(twin.follow().unwrap().is_empty());
    case.publish(&mut ledger, Change::between(&model(2), 2, &model(3)));
    let [Event::Published(next)] = &twin.follow().unwrap()[..] else { panic!("one event") };
    assert_eq!(next.number, 3);
}

#[test]
fn a_follower_tells_of_a_refusal_once_and_goes_on_when_it_is_mended() {
    let case = Case::new();
    let mut twin = case.ledger();
    case.published(2);
    // As where a folder is copied and the decisions come first.
    let (late, aside) = (case.dir().join("000002.json"), case.dir().join("aside"));
    fs::rename(&late, &aside).unwrap();

    let [Event::Published(first), Event::Refused(refusal)] = &twin.follow().unwrap()[..] else {
        panic!("one calibration and a refusal");
    };
    assert_eq!(first.number, 1);
    insta::assert_snapshot!(told(&case, refusal), @"calibration 2 is refused: 000002.json is missing");
    assert!(twin.follow().unwrap().is_empty());
    fs::rename(&aside, &late).unwrap();
    let [Event::Published(second)] = &twin.follow().unwrap()[..] else { panic!("one event") };
    assert_eq!(second.number, 2);
}

#[test]
fn a_line_cut_off_by_a_crash_is_read_over_told_of_and_kept_beside_the_file() {
    let case = Case::new();
    let mut ledger = case.published(2);
    let whole = fs::read_to_string(case.decisions()).unwrap();
    let last_line = whole.lines().last().unwrap();
    for torn in ["{\"number\": 3, \"sha2", "\0\0\0\0", last_line] {
        append_text(&case.decisions(), torn);
        assert!(ledger.follow().is_ok());
        let replay = case.replay();
        assert_eq!((replay.number, replay.refused.is_none()), (2, true), "after {torn:?}");
        let told = case.ledger().torn().unwrap();
        assert_eq!((told.path, told.line), (case.decisions(), 3), "after {torn:?}");
        fs::write(case.decisions(), &whole).unwrap();
    }

    assert_eq!(case.ledger().torn(), None);

    append_text(&case.decisions(), &last_line[..80]);
    case.publish(&mut ledger, Change::between(&model(2), 2, &model(3)));
    assert_eq!(case.replay().model, model(3));
    assert!(fs::read_to_string(case.decisions()).unwrap().starts_with(&whole));
    append_text(&case.decisions(), "{\"num");
    case.publish(&mut ledger, Change::between(&model(3), 3, &model(4)));
    let kept = fs::read_to_string(case.dir().join("decisions.jsonl.torn")).unwrap();
    assert_eq!(kept, format!("{}\n{{\"num\n", &last_line[..80]));
    assert_eq!(case.ledger().torn(), None);
}

#[test]
fn of_two_writers_each_gets_a_number_and_nothing_is_lost() {
    let case = Case::new();
    let writers: Vec<_> = (0..4_u64)
        .map(|writer| {
            let (dir, key) = (case.dir(), SigningKey::from_secret([7; 32]));
            std::thread::spawn(move || {
                let mut ledger = Ledger::open(dir, &[key.public()]).unwrap();
                for turn in 1..=10 {
                    let change = Change::between(&model(0), 0, &model(writer * 100 + turn));
                    ledger.append(draft(change), &key).unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }

    let ledger = case.ledger();
    assert_eq!(ledger.len(), 40);
    assert!(ledger.broken().is_none());
    assert_eq!(ledger.proposed().collect::<Vec<_>>(), [40], "the last for the model stays open");
}

#[test]
fn a_writer_that_comes_second_is_told_that_the_model_moved() {
    let case = Case::new();
    case.published(1);
    let (mut first, mut second) = (case.ledger(), case.ledger());
    let number = case.propose(&mut first, Change::between(&model(1), 1, &model(2)));
    second.decide(number, Choice::Publish, note(), &case.key).unwrap();
    let error = first.decide(number, Choice::Publish, note(), &case.key).unwrap_err();
    insta::assert_snapshot!(error, @"calibration 2 is already published: `wt calibrations rollback emails 2` undoes it");
    let stale = draft(Change::between(&model(1), 1, &model(3)));
    assert!(matches!(first.append(stale, &case.key), Err(AppendError::BaseMoved { .. })));
}

#[test]
fn no_changed_byte_is_read_as_another_ledger() {
    let case = Case::new();
    let ledger = case.published(1);
    let (document, state) = (ledger.get(1).unwrap(), ledger.state(1));

    // Every third byte of the longer file: a signature takes 8 ms to check unoptimised.
    for (name, step) in [("000001.json", 3), ("decisions.jsonl", 1)] {
        let path = case.dir().join(name);
        let good = fs::read(&path).unwrap();
        for at in (0..good.len()).step_by(step) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            fs::write(&path, bad).unwrap();

            let reader = case.ledger();
            if reader.last_published() == 1 {
                // Only the layout was changed.
                assert_eq!(reader.get(1).unwrap(), document, "{name}, byte {at}");
                assert_eq!(reader.state(1), state, "{name}, byte {at}");
            } else {
                // A last line without its end is taken for one that was never finished.
                let unfinished = name == "decisions.jsonl" && at + 1 == good.len();
                assert!(reader.broken().is_some() || unfinished, "{name}, byte {at}");
            }
        }
        fs::write(&path, good).unwrap();
    }
}

#[test]
fn a_broken_ledger_serves_its_sound_part_and_is_not_continued() {
    let case = Case::new();
    let ledger = case.published(3);
    let path = case.dir().join("000002.json");
    let good = fs::read_to_string(&path).unwrap();
    fs::write(&path, good.replace("\"value\": 2", "\"value\": 7")).unwrap();

    let replay = case.replay();
    assert_eq!((replay.number, replay.model), (1, model(1)));
    insta::assert_snapshot!(told(&case, &replay.refused.unwrap()), @"calibration 2 is refused: 000002.json is not accepted: its signature by the key fe812c12f3ab4ce6 does not match: it was changed after it was signed");

    let next = draft(Change::between(&model(1), 1, &model(2)));
    let error = case.ledger().append(next, &case.key).unwrap_err();
    assert!(matches!(error, AppendError::Ledger(LedgerError::Broken { .. })));
    let error = ledger.get(2).unwrap_err();
    assert!(matches!(error, LedgerError::Broken { .. }), "a reader that knew it notices too");
}

#[test]
fn a_gap_in_the_numbers_ends_the_ledger() {
    let case = Case::new();
    let mut ledger = case.published(2);
    case.propose(&mut ledger, Change::between(&model(2), 2, &model(3)));
    fs::remove_file(case.dir().join("000002.json")).unwrap();

    let refusal = case.ledger().broken().unwrap();
    insta::assert_snapshot!(told(&case, &refusal), @"calibration 2 is refused: 000002.json is missing");
    assert_eq!(case.replay().model, model(1));

    // Without decisions, too, the file beyond shows that one is missing.
    fs::remove_file(case.decisions()).unwrap();
    let refusal = case.ledger().broken().unwrap();
    insta::assert_snapshot!(told(&case, &refusal), @"calibration 2 is refused: 000002.json is missing");
}

#[test]
fn a_key_that_is_not_trusted_neither_writes_nor_is_read() {
    let case = Case::new();
    let mut ledger = case.published(1);
    let other = SigningKey::from_secret([8; 32]);
    let next = draft(Change::between(&model(1), 1, &model(2)));
    let error = ledger.append(next, &other).unwrap_err();
    assert!(matches!(error, AppendError::UntrustedKey { .. }));
    let error = ledger.decide(1, Choice::Reject, note(), &other).unwrap_err();
    assert!(matches!(error, DecideError::UntrustedKey { .. }));

    let replay = Ledger::open(case.dir(), &[other.public()]).unwrap().replay(&model(0)).unwrap();
    assert_eq!(replay.model, model(0));
    insta::assert_snapshot!(told(&case, &replay.refused.unwrap()), @"calibration 1 is refused: decisions.jsonl, line 1 is not accepted: it is signed with the key fe812c12f3ab4ce6, which is not trusted: add its public key to `trusted_keys` in wondertwin.json if it should be");

    // A second maintainer's key, once trusted, goes on with the same chain.
    let both = [case.key.public(), other.public()];
    let mut ledger = Ledger::open(case.dir(), &both).unwrap();
    let next = draft(Change::between(&model(1), 1, &model(2)));
    ledger.append(next, &other).unwrap();
    ledger.decide(2, Choice::Publish, note(), &other).unwrap();
    assert_eq!(ledger.replay(&model(0)).unwrap().model, model(2));
}

#[test]
fn decisions_in_another_order_are_refused() {
    let case = Case::new();
    case.published(2);
    let text = fs::read_to_string(case.decisions()).unwrap();
    let lines: Vec<_> = text.lines().collect();

    fs::write(case.decisions(), format!("{}\n{}\n", lines[1], lines[0])).unwrap();
    let replay = case.replay();
    assert_eq!(replay.number, 0);
    insta::assert_snapshot!(told(&case, &replay.refused.unwrap()), @"calibration 2 is refused: decisions.jsonl, line 1 does not follow the line before it: `previous` names another");

    fs::write(case.decisions(), format!("{}\n{}\n", lines[0], "{}")).unwrap();
    let replay = case.replay();
    assert_eq!(replay.number, 1);
    insta::assert_snapshot!(told(&case, &replay.refused.unwrap()), @"what follows is refused: decisions.jsonl, line 2 is not a decision: missing field `number`");
}

#[test]
fn decisions_that_become_fewer_are_noticed_by_who_follows() {
    let case = Case::new();
    let mut twin = case.published(2);
    twin.follow().unwrap();
    let text = fs::read_to_string(case.decisions()).unwrap();
    fs::write(case.decisions(), text.lines().next().unwrap().to_owned() + "\n").unwrap();
    let [Event::Refused(refusal)] = &twin.follow().unwrap()[..] else { panic!("one event") };
    insta::assert_snapshot!(told(&case, refusal), @"what follows is refused: decisions.jsonl is shorter than what was read of it: open the ledger anew");
}

#[test]
fn a_signed_calibration_that_does_not_apply_leaves_the_last_good_model() {
    let case = Case::new();
    let mut ledger = case.published(1);
    let mut change = Change::between(&model(1), 1, &model(2));
    change.patch = serde_json::from_value(json!([{"op": "remove", "path": "/nowhere"}])).unwrap();
    case.publish(&mut ledger, change);

    let replay = case.replay();
    assert_eq!((replay.number, replay.model), (1, model(1)));
    insta::assert_snapshot!(told(&case, &replay.refused.unwrap()), @"calibration 2 is refused: it does not apply: calibration 2, operation 0 cannot be done at `/nowhere`: path is invalid");
    let error = ledger.rollback(1, &model(0), note(), &case.key).unwrap_err();
    assert!(matches!(error, RollbackError::Replay(_)));

    let other = case.ledger().replay(&model(5)).unwrap();
    assert_eq!((other.number, other.model), (0, model(5)), "not this ledger's base");
    assert!(other.refused.is_some());
}

#[test]
fn a_file_laid_out_anew_is_the_same_calibration() {
    let case = Case::new();
    case.published(2);
    let path = case.dir().join("000001.json");
    let value: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    fs::write(&path, serde_json::to_string(&value).unwrap()).unwrap();
    assert_eq!(case.replay().model, model(2));
}

#[test]
fn a_calibration_with_a_later_versions_member_is_read_and_covered() {
    let case = Case::new();
    let mut ledger = case.ledger();
    case.propose(&mut ledger, Change::between(&model(0), 0, &model(1)));
    let path = case.dir().join("000001.json");
    let mut document: serde_json::Value =
        serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    document["later"] = json!({"share": 0.5});
    document["signature"] = serde_json::to_value(case.key.sign(&document)).unwrap();
    fs::write(&path, document.to_string()).unwrap();
    assert_eq!(case.ledger().proposed().count(), 1);
    fs::write(&path, document.to_string().replace("0.5", "0.6")).unwrap();
    assert!(case.ledger().broken().is_some());
}

#[test]
fn every_confidence_reads_back_as_it_was_signed() {
    let case = Case::new();
    let mut ledger = case.ledger();
    let mut seed = 1_u64;
    let findings = (0..500).map(|_| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let confidence = f64::from_bits(0x3fe0_0000_0000_0000 | (seed >> 12));
        Finding { confidence, ..finding() }
    });
    let change = Change::between(&model(0), 0, &model(1));
    let draft = Draft { findings: findings.collect(), ..draft(change.clone()) };
    ledger.append(draft, &case.key).unwrap();
    assert!(case.ledger().broken().is_none());

    let no_number = Finding { confidence: f64::NAN, ..finding() };
    let draft = Draft { findings: vec![no_number], ..self::draft(change) };
    let error = ledger.append(draft, &case.key).unwrap_err();
    assert!(matches!(error, AppendError::NotReadable(_)));
    assert_eq!(case.ledger().len(), 1);
}

#[test]
fn a_canary_is_neither_published_nor_decided_until_it_is() {
    let case = Case::new();
    let mut ledger = case.published(1);
    let mut follower = case.ledger();
    follower.replay(&model(0)).unwrap();
    let number = case.propose(&mut ledger, Change::between(&model(1), 1, &model(2)));
    ledger.try_out(number, 1_000, note(), &case.key).unwrap();

    assert_eq!(ledger.canary(), Some((2, 1_000)));
    assert!(matches!(ledger.state(2), Some(State::Canary { share_bp: 1_000, .. })));
    assert_eq!((ledger.last_published(), case.replay().number), (1, 1));
    let told = follower.follow().unwrap();
    assert!(
        matches!(&told[..], [Event::Canary(Some((one, 1_000)))] if one.number == 2),
        "{told:?}"
    );
    assert!(follower.follow().unwrap().is_empty());

    ledger.decide(number, Choice::Publish, note(), &case.key).unwrap();
    assert_eq!((ledger.canary(), case.replay().number), (None, 2));
    let told = follower.follow().unwrap();
    assert!(matches!(&told[..], [Event::Published(_), Event::Canary(None)]), "{told:?}");

    let number = case.propose(&mut ledger, Change::between(&model(2), 2, &model(3)));
    ledger.try_out(number, 500, note(), &case.key).unwrap();
    ledger.decide(number, Choice::Reject, note(), &case.key).unwrap();
    assert_eq!(ledger.canary(), None);
    assert!(matches!(ledger.state(3), Some(State::Rejected(_))));
    assert!(ledger.try_out(1, 500, note(), &case.key).is_err());
}
