//! A vendor simulated exchange by exchange, and the lake that observes it.
#![allow(dead_code, reason = "each file of tests uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its lake has failed")]
#![allow(unreachable_pub, missing_docs, clippy::missing_panics_doc, reason = "tests have no users")]

use std::fmt::Write as _;
use std::sync::Arc;

use calibrator::memory::Memory;
use calibrator::policy::Policy;
use calibrator::reading::Reading;
use calibrator::{Analysis, Known, analyse};
use models::{Finding, Kind, Model};
use observer::import::{Strictness, import};
use observer::intake::{Disclosure, Intake};
use observer::key::LakeKey;
use observer::lake::Lake;
use observer::sources::Limits;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Seconds of an hour and of a day.
pub const HOUR: u64 = 3_600;
pub const DAY: u64 = 24 * HOUR;

/// One exchange.
#[derive(Debug, Clone)]
pub struct Call {
    /// Seconds since the beginning.
    pub at: u64,
    pub caller: u64,
    /// Of what is asked for.
    pub id: u64,
    pub status: u16,
    pub body: Value,
}

/// Random numbers that are the same in each run: `SplitMix64`.
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.roll() % n
    }

    /// Whether something of so many in a thousand comes up.
    pub fn permille(&mut self, share: u64) -> bool {
        self.below(1_000) < share
    }
}

/// A mail as the model has it; optional parts come by the dice.
pub fn mail(id: u64, dice: &mut Dice) -> Value {
    let state = ["sent", "held", "lost"][usize::try_from(dice.below(3)).unwrap()];
    let mut mail = json!({
        "id": name_of(id), "subject": format!("Re: {}", dice.below(1_000_000)),
        "size": dice.below(977), "state": state,
        "seen": dice.permille(600).then_some("2026-11-01T10:00:00Z"),
        "parts": (0..dice.below(3)).map(|part| json!({"name": format!("part {part}"), "bytes": part})).collect::<Vec<_>>()
    });
    for (field, share) in [("note", 200), ("label", 50), ("rare", 10)] {
        if dice.permille(share) {
            mail[field] = json!(format!("{field} of {}", dice.below(1_000_000)));
        }
    }
    mail
}

pub fn name_of(id: u64) -> String {
    format!("mail_{id:08x}{:08x}", id.wrapping_mul(2_654_435_761) & 0xffff_ffff)
}

/// What [`mail`] is, described.
pub fn model() -> Model {
    let text = || json!({"types": {"string": true}});
    let required = |json_type: &str| json!({"types": {json_type: true}, "required": true});
    let mail = json!({"types": {"object": true}, "properties": {
        "id": required("string"), "subject": required("string"), "size": required("integer"),
        "note": text(), "label": text(), "rare": text(),
        "state": {"types": {"string": true}, "required": true,
            "enum": {"sent": true, "held": true, "lost": true}},
        "seen": {"types": {"string": true}, "nullable": true, "required": true},
        "parts": {"types": {"array": true}, "required": true, "items": {"types": {"object": true},
            "properties": {"name": required("string"), "bytes": required("integer")}}}
    }});
    serde_json::from_value(json!({
        "format": "wondertwin.model/1", "name": "mails", "version": "1.0.0",
        "base_url": "https://api.example.com",
        "entities": {"mail": mail},
        "routes": {"GET /mails/{id}": {"variants": {"200": {"body": {"ref": "mail"}}}}}
    }))
    .unwrap()
}

/// A lake and the twin that is compared with it.
pub struct World {
    folder: TempDir,
    pub lake: Lake,
    pub model: Model,
    pub policy: Policy,
    pub memory: Memory,
    files: usize,
}

impl World {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(&folder.path().join("lake")).unwrap();
        let (model, policy, memory) = (model(), Policy::default(), Memory::default());
        Self { folder, lake, model, policy, memory, files: 0 }
    }

    /// Seals these calls as a segment of their own.
    pub fn seal(&mut self, calls: &[Call]) {
        let mut lines = String::new();
        for call in calls {
            let at = 1_780_000_000 + i64::try_from(call.at).unwrap();
            let entry = json!({
                "startedDateTime": chrono::DateTime::from_timestamp(at, 0).unwrap().to_rfc3339(), "time": 20,
                "request": {"method": "GET",
                    "url": format!("https://api.example.com/mails/{}", name_of(call.id)),
                    "headers": [{"name": "authorization", "value": format!("Bearer {}", call.caller)}]},
                "response": {"status": call.status, "headers": [],
                    "content": {"mimeType": "application/json", "text": call.body.to_string()}}
            });
            writeln!(lines, "{entry}").unwrap();
        }
        self.files += 1;
        let log = self.folder.path().join(format!("{}.ndjson", self.files));
        std::fs::write(&log, lines).unwrap();
        let key = LakeKey::new([7; 16]);
        let mut intake = Intake::new(Arc::new(self.model.clone()), key, Disclosure::PRODUCTION);
        import(
            &self.lake,
            "mails",
            &mut intake,
            &log,
            Strictness::Strict,
            &Limits::default(),
            &mut |_| (),
        )
        .unwrap();
        std::fs::remove_file(&log).unwrap();
    }

    /// Reads what was sealed since the last look, and compares.
    pub async fn look(&self, reading: &mut Reading) -> Analysis {
        reading.advance(&self.lake).await.unwrap();
        self.compare(reading).await
    }

    pub async fn compare(&self, reading: &Reading) -> Analysis {
        let Self { model, policy, memory, .. } = self;
        let known = Known { model, before: None, policy, memory };
        analyse(&self.lake, reading, &known).await.unwrap()
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }
}

/// Kind and path of what was found.
pub fn found(analysis: &Analysis) -> Vec<(Kind, &str)> {
    analysis.drift.findings.iter().map(|one| (one.kind, one.path.as_str())).collect()
}

/// Kind and path of what a patch would change.
pub fn proposed(analysis: &Analysis) -> Vec<(Kind, &str)> {
    let findings = analysis.proposals.iter().flat_map(|one| &one.findings);
    findings.map(|one| (one.kind, one.path.as_str())).collect()
}

/// Whether something is taken away, closed or promised for it: to promise less is none of these.
pub fn is_destructive(finding: &Finding) -> bool {
    match finding.kind {
        Kind::FieldRemoved | Kind::RouteRemoved | Kind::EnumValueRemoved | Kind::TypeChanged => {
            true
        }
        Kind::RequirednessChanged => finding.after == Value::Bool(true),
        Kind::NullabilityChanged => finding.after == Value::Bool(false),
        _ => false,
    }
}
