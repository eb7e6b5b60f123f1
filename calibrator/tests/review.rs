//! Deciding on findings of a calibration one by one.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its ledger has failed")]

use calibrator::memory::{Memory, Spot};
use calibrator::review::{Review, ReviewError};
use chrono::Utc;
use models::{
    Change, Choice, Draft, Finding, Ledger, Model, Note, PublicKey, SigningKey, State, Window,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The model with these fields of a mail.
fn model(fields: &[&str]) -> Model {
    let properties: serde_json::Map<String, Value> = fields
        .iter()
        .map(|name| ((*name).to_owned(), json!({"types": {"string": true}})))
        .collect();
    serde_json::from_value(json!({
        "format": "wondertwin.model/1", "name": "mails", "version": "1.0.0",
        "entities": {"mail": {"types": {"object": true}, "properties": properties}},
        "routes": {"GET /mails/{id}": {"variants": {"200": {"body": {"ref": "mail"}}}}}
    }))
    .unwrap()
}

fn finding(kind: &str, path: &str) -> Finding {
    let mut finding: Finding = serde_json::from_value(json!({
        "kind": kind, "surface": "response", "route": "GET /mails/{id}", "status": 200,
        "event": null, "path": path, "before": null, "after": null,
        "breaking": kind == "field_removed", "confidence": 1.0, "fingerprint": "",
        "evidence": {"seen": 9, "of": 9, "first_seen": null, "last_seen": null}
    }))
    .unwrap();
    finding.fingerprint = finding.fingerprint_of();
    finding
}

struct Desk {
    _folder: TempDir,
    ledger: Ledger,
    key: SigningKey,
    base: Model,
}

impl Desk {
    /// A ledger where calibration 1 removes `gone` and adds `new`, and 2 on top of it adds `more`.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::generate().unwrap();
        let trusted: Vec<PublicKey> = vec![key.public()];
        let ledger = Ledger::open(folder.path().join("mails"), &trusted).unwrap();
        let base = model(&["id", "gone"]);
        let mut desk = Self { _folder: folder, ledger, key, base };
        let first = [finding("field_removed", "gone"), finding("field_added", "new")];
        desk.propose(&model(&["id", "gone"]), 0, &model(&["id", "new"]), first.to_vec());
        let second = vec![finding("field_added", "more")];
        desk.propose(&model(&["id", "new"]), 1, &model(&["id", "new", "more"]), second);
        desk
    }

    fn propose(&mut self, from: &Model, number: u64, to: &Model, findings: Vec<Finding>) {
        let change = Change::between(from, number, to);
        let window = Window { from: None, to: None };
        let draft = Draft { change, created_at: Utc::now(), window, findings, fidelity: None };
        self.ledger.append(draft, &self.key).unwrap();
    }

    fn review(&mut self) -> Review<'_> {
        let note = Note { by: "alice".into(), at: Utc::now(), comment: Some("as told".into()) };
        Review { ledger: &mut self.ledger, base: &self.base, key: &self.key, note }
    }

    fn states(&self) -> Vec<&'static str> {
        let name = |state| match state {
            State::Proposed => "proposed",
            State::Canary { .. } => "canary",
            State::Published(_) => "published",
            State::Rejected(_) => "rejected",
            State::Superseded { .. } => "superseded",
        };
        self.ledger.states().map(|(_, state)| name(state)).collect()
    }

    fn fields(&self, number: u64) -> Vec<String> {
        let model = self.ledger.model_after(&self.base, number).unwrap();
        model.entities["mail"].properties.keys().cloned().collect()
    }
}

fn of(finding: &Finding) -> Vec<String> {
    vec![finding.fingerprint.clone()]
}

#[test]
fn one_finding_is_approved_and_the_rest_stays_proposed_on_top_of_it() {
    let mut desk = Desk::new();
    let done = desk.review().approve(1, &of(&finding("field_added", "new"))).unwrap();
    assert_eq!((done.decided, done.rest), (3, Some(4)));
    assert_eq!(desk.states(), ["superseded", "superseded", "published", "proposed", "proposed"]);
    assert_eq!(desk.fields(3), ["gone", "id", "new"]);
    assert_eq!(desk.fields(4), ["id", "new"]);
    // What was built on the calibration is built on what is left of it.
    assert_eq!(desk.fields(5), ["id", "more", "new"]);
    let State::Published(note) = desk.ledger.state(3).unwrap() else { panic!() };
    assert_eq!((note.by.as_str(), note.comment.as_deref()), ("alice", Some("as told")));
    assert_eq!(desk.ledger.replay(&desk.base.clone()).unwrap().number, 3);
    desk.review().approve(4, &of(&finding("field_removed", "gone"))).unwrap();
    assert_eq!(desk.ledger.last_published(), 4);
}

#[test]
fn one_finding_is_rejected_for_good_and_the_rest_is_proposed_without_it() {
    let mut desk = Desk::new();
    let removed = finding("field_removed", "gone");
    let done = desk.review().reject(1, &of(&removed)).unwrap();
    assert_eq!((done.decided, done.rest), (3, Some(4)));
    assert_eq!(desk.states(), ["superseded", "superseded", "rejected", "proposed", "proposed"]);
    assert_eq!(desk.fields(4), ["gone", "id", "new"]);
    assert_eq!(desk.fields(5), ["gone", "id", "more", "new"]);
    assert_eq!(Memory::of(&desk.ledger).unwrap().rejected, [removed.fingerprint].into());
}

#[test]
fn a_finding_rejected_once_can_be_approved_later() {
    let mut desk = Desk::new();
    let removed = finding("field_removed", "gone");
    desk.review().reject(1, &of(&removed)).unwrap();
    let note = desk.review().note;
    desk.ledger.decide(4, Choice::Publish, note, &desk.key).unwrap();
    desk.review().approve(3, &of(&removed)).unwrap();
    let number = desk.ledger.last_published();
    assert_eq!(desk.fields(number), ["id", "new"]);
    let memory = Memory::of(&desk.ledger).unwrap();
    assert!(memory.rejected.is_empty());
}

#[test]
fn what_was_rolled_back_counts_as_rejected_until_it_is_brought_back() {
    let mut desk = Desk::new();
    let (first, note) = (desk.review().note, desk.review().note);
    desk.ledger.decide(1, Choice::Publish, first, &desk.key).unwrap();
    let removed = Spot::of(&finding("field_removed", "gone"));
    let memory = Memory::of(&desk.ledger).unwrap();
    assert!(memory.rejected.is_empty() && memory.removed.contains_key(&removed));
    assert_eq!(memory.undone, []);

    let base = desk.base.clone();
    let back = desk.ledger.rollback(1, &base, note.clone(), &desk.key).unwrap();
    let memory = Memory::of(&desk.ledger).unwrap();
    let both = [finding("field_removed", "gone"), finding("field_added", "new")];
    let fingerprints = both.iter().map(|one| one.fingerprint.clone()).collect();
    assert_eq!((memory.rejected, memory.undone), (fingerprints, vec![(1, 2)]));
    assert!(memory.removed.is_empty() && memory.added.is_empty(), "the model is as it was");

    desk.ledger.rollback(back.number, &base, note, &desk.key).unwrap();
    let memory = Memory::of(&desk.ledger).unwrap();
    assert!(memory.rejected.is_empty() && memory.undone.is_empty(), "{memory:?}");
    assert!(memory.added.contains(&Spot::of(&both[1])));
}

#[test]
fn a_status_that_came_beside_others_is_remembered() {
    let mut desk = Desk::new();
    let status = finding("status_added", "");
    desk.propose(&model(&["id", "gone"]), 0, &model(&["id"]), vec![status.clone()]);
    let note = desk.review().note;
    desk.ledger.decide(3, Choice::Publish, note, &desk.key).unwrap();
    assert_eq!(Memory::of(&desk.ledger).unwrap().added, [Spot::of(&status)].into());
}

#[test]
fn all_findings_named_are_the_calibration_itself() {
    let mut desk = Desk::new();
    let both = [finding("field_added", "new"), finding("field_removed", "gone")];
    let both: Vec<_> = both.iter().flat_map(of).collect();
    let done = desk.review().approve(1, &both).unwrap();
    assert_eq!((done.decided, done.rest), (1, None));
    assert_eq!(desk.states(), ["published", "proposed"]);
}

#[test]
fn what_cannot_be_decided_in_part_is_refused() {
    let mut desk = Desk::new();
    let error = desk.review().approve(1, &["0123456789abcdef".into()]).unwrap_err();
    assert!(matches!(error, ReviewError::NoSuchFinding { number: 1, .. }));
    let three = vec![finding("field_added", "more"), finding("field_added", "most")];
    desk.propose(&model(&["id", "new"]), 1, &model(&["id", "more", "most", "new"]), three);
    let error = desk.review().approve(3, &of(&finding("field_added", "most"))).unwrap_err();
    assert!(error.to_string().contains("builds on 1"), "{error}");
    assert_eq!(desk.ledger.len(), 3);
}
