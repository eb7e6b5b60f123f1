//! Changes in the middle of a window, from a log of the vendor's answers to findings.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its lake has failed")]

use std::fmt::Write as _;
use std::sync::Arc;

use calibrator::memory::Memory;
use calibrator::policy::Policy;
use calibrator::reading::Reading;
use calibrator::{Analysis, Known, analyse};
use models::{Kind, Model};
use observer::import::{Strictness, import};
use observer::intake::{Disclosure, Intake};
use observer::key::LakeKey;
use observer::lake::Lake;
use observer::sources::Limits;
use serde_json::{Value, json};

fn model() -> Model {
    let mail = json!({"types": {"object": true}, "properties": {
        "id": {"types": {"string": true}, "required": true},
        "subject": {"types": {"string": true}, "required": true},
        "size": {"types": {"integer": true}, "required": true},
        "note": {"types": {"string": true}},
        "state": {"types": {"string": true}, "enum": {"sent": true, "held": true, "lost": true}, "required": true},
        "seen": {"types": {"string": true}, "nullable": true, "required": true}
    }});
    serde_json::from_value(json!({
        "format": "wondertwin.model/1", "name": "mails", "version": "1.0.0",
        "base_url": "https://api.example.com",
        "entities": {"mail": mail},
        "routes": {
            "GET /mails/{id}": {"variants": {"200": {"body": {"ref": "mail"}}}},
            "GET /drafts/{id}": {"variants": {"200": {"body": {"ref": "mail"}}}}
        }
    }))
    .unwrap()
}

/// The answer to one call, and its status.
type Vendor = fn(u64) -> (u16, Value);

/// Number `call` of the answers of a vendor at which nothing changes.
fn steady(call: u64) -> Value {
    let state = ["sent", "held", "lost"][usize::try_from(call % 7 % 3).unwrap()];
    let mut mail = json!({
        "id": format!("mail_{call:08x}{:08x}", call.wrapping_mul(2_654_435_761)), "subject": format!("Re: {call}"),
        "size": call % 977, "state": state,
        "seen": (!call.is_multiple_of(3)).then_some("2026-11-01T10:00:00Z")
    });
    if call.is_multiple_of(5) {
        mail["note"] = json!("by hand");
    }
    mail
}

async fn findings(calls: u64, vendor: Vendor) -> Analysis {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.ndjson");
    let mut lines = String::new();
    for call in 0..calls {
        let (status, body) = vendor(call);
        let path = if call % 2 == 0 { "mails" } else { "drafts" };
        let at =
            chrono::DateTime::from_timestamp(1_780_000_000 + i64::try_from(call).unwrap() * 60, 0);
        let id = format!("mail_{call:08x}{:08x}", call.wrapping_mul(2_654_435_761));
        let entry = json!({
            "startedDateTime": at.unwrap().to_rfc3339(), "time": 20,
            "request": {"method": "GET", "url": format!("https://api.example.com/{path}/{id}"),
                "headers": [{"name": "authorization", "value": format!("Bearer {}", call % 5)}]},
            "response": {"status": status, "headers": [],
                "content": {"mimeType": "application/json", "text": body.to_string()}}
        });
        writeln!(lines, "{entry}").unwrap();
    }
    std::fs::write(&log, lines).unwrap();
    let lake = Lake::open(&folder.path().join("lake")).unwrap();
    let model = model();
    let key = LakeKey::new([7; 16]);
    let mut intake = Intake::new(Arc::new(model.clone()), key, Disclosure::PRODUCTION);
    import(&lake, "mails", &mut intake, &log, Strictness::Strict, &Limits::default(), &mut |_| ())
        .unwrap();
    let (policy, memory) = (Policy::default(), Memory::default());
    let mut reading = Reading::new("mails", i64::MIN);
    reading.advance(&lake).await.unwrap();
    let known = Known { model: &model, before: None, policy: &policy, memory: &memory };
    analyse(&lake, &reading, &known).await.unwrap()
}

fn summary(analysis: &Analysis) -> Vec<(Kind, &str, &str)> {
    let findings = analysis.drift.findings.iter();
    findings.map(|one| (one.kind, one.route.as_deref().unwrap_or(""), one.path.as_str())).collect()
}

#[tokio::test]
async fn a_vendor_that_stays_as_it_is_gives_no_finding() {
    let analysis = findings(2_000, |call| (200, steady(call))).await;
    assert_eq!(summary(&analysis), []);
}

#[tokio::test]
async fn what_goes_in_the_middle_of_a_window_is_found_and_the_patch_is_right_after_it() {
    let analysis = findings(2_000, |call| {
        let mut mail = steady(call);
        if call >= 1_300 {
            let fields = mail.as_object_mut().unwrap();
            fields.remove("subject");
            fields.remove("note");
            fields.insert("size".to_owned(), json!(format!("{} bytes", call % 977)));
            fields.insert("seen".to_owned(), json!("2026-11-01T10:00:00Z"));
            if fields["state"] == "lost" {
                fields.insert("state".to_owned(), json!("held"));
            }
        }
        (200, mail)
    })
    .await;
    let routes = ["GET /drafts/{id}", "GET /mails/{id}"];
    let expected = [
        (Kind::FieldRemoved, "note"),
        (Kind::FieldRemoved, "subject"),
        (Kind::NullabilityChanged, "seen"),
        (Kind::TypeChanged, "size"),
        (Kind::EnumValueRemoved, "state"),
    ];
    let found = summary(&analysis);
    for route in routes {
        for (kind, path) in expected {
            assert!(found.contains(&(kind, route, path)), "{kind:?} {route} {path}: {found:?}");
        }
    }
    assert_eq!(found.len(), routes.len() * expected.len(), "{found:?}");
    let size = analysis.drift.findings.iter().find(|one| one.path == "size").unwrap();
    assert_eq!((&size.before, &size.after), (&json!(["integer"]), &json!(["string"])));
    let proposal = analysis.proposals.last().expect("the guard looks at the time after the change");
    assert_eq!(proposal.fidelity.unwrap().after_bp, 10_000);
    assert!(!proposal.model.entities["mail"].properties.contains_key("subject"));
}

#[tokio::test]
async fn a_route_that_goes_in_the_middle_of_a_window_is_found() {
    let analysis = findings(1_000, |call| {
        if call >= 700 && call % 2 == 1 {
            return (404, json!({"error": "not found"}));
        }
        (200, steady(call))
    })
    .await;
    assert_eq!(summary(&analysis), [(Kind::RouteRemoved, "GET /drafts/{id}", "")]);
    // A twin without the route refuses the calls that production refuses.
    let [proposal] = analysis.proposals.as_slice() else { panic!("{:?}", analysis.drift) };
    let fidelity = proposal.fidelity.unwrap();
    assert!(fidelity.after_bp > fidelity.before_bp, "{fidelity:?}");
    assert_eq!(fidelity.after_bp, 10_000);
}

#[tokio::test]
async fn a_rare_field_not_seen_of_late_is_not_gone() {
    let analysis = findings(2_000, |call| {
        let mut mail = steady(call);
        if call >= 1_980 {
            mail.as_object_mut().unwrap().remove("note");
        }
        (200, mail)
    })
    .await;
    assert_eq!(summary(&analysis), []);
}

#[tokio::test]
async fn an_outage_does_not_count_against_what_is_proposed() {
    let analysis = findings(1_000, |call| match call {
        900.. => (503, json!({"error": "overloaded"})),
        600.. if call % 2 == 1 => (404, json!({"error": "not found"})),
        _ => (200, steady(call)),
    })
    .await;
    assert_eq!(summary(&analysis), [(Kind::RouteRemoved, "GET /drafts/{id}", "")]);
    let [proposal] = analysis.proposals.as_slice() else { panic!("{:?}", analysis.drift) };
    assert_eq!(proposal.fidelity.unwrap().after_bp, 10_000);
}
