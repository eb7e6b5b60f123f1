//! Models that show when an answer mixes two of them, published while many callers look on.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::Utc;
use http::{Method, StatusCode};
use models::{Change, Choice, Draft, Ledger, Model, Note, Schema, SigningKey, Window};
use serde_json::{Value, json};
use tempfile::TempDir;
use twins::Follow;

use super::Client;

/// The model of a version: every object in every answer says which.
pub fn version(number: u64) -> Model {
    let mut model: Model = super::fixture("shop.json");
    let mark: Schema = serde_json::from_value(json!({
        "types": {"string": true}, "enum": {(format!("v{number}")): true}, "required": true}))
    .unwrap();
    for entity in ["customer", "card", "bank"] {
        let properties = &mut model.entities.get_mut(entity).unwrap().properties;
        properties.insert("mark".to_owned(), mark.clone());
        properties.insert(format!("only_v{number}"), mark.clone());
    }
    let list = model.routes.iter_mut().find(|(key, _)| key.as_str() == "GET /customers").unwrap().1;
    let body = list.variants.get_mut("200").unwrap().body.as_mut().unwrap();
    body.properties.insert("mark".to_owned(), mark);
    model
}

/// Writes a ledger as the calibrator would.
pub struct Publisher {
    pub dir: TempDir,
    pub key: SigningKey,
    pub ledger: Ledger,
    pub model: Model,
    pub number: u64,
}

impl Publisher {
    pub fn new(model: Model) -> Self {
        let dir = TempDir::new().unwrap();
        let key = SigningKey::generate().unwrap();
        let ledger = Ledger::open(dir.path().join("shop"), &[key.public()]).unwrap();
        Self { dir, key, ledger, model, number: 0 }
    }

    pub fn folder(&self) -> PathBuf {
        self.dir.path().join("shop")
    }

    pub fn follow(&self) -> Follow {
        Follow::Ledger { dir: self.folder(), trusted: vec![self.key.public()] }
    }

    pub fn propose(&mut self, next: &Model) -> u64 {
        let draft = Draft {
            change: Change::between(&self.model, self.number, next),
            created_at: Utc::now(),
            window: Window { from: None, to: None },
            findings: Vec::new(),
            fidelity: None,
        };
        self.ledger.append(draft, &self.key).unwrap().number
    }

    pub fn publish(&mut self, next: Model) -> u64 {
        let number = self.propose(&next);
        self.decide(number);
        (self.model, self.number) = (next, number);
        number
    }

    pub fn decide(&mut self, number: u64) {
        self.ledger.decide(number, Choice::Publish, note(), &self.key).unwrap();
    }
}

pub fn note() -> Note {
    Note { by: "test".to_owned(), at: Utc::now(), comment: None }
}

/// What many callers saw.
#[derive(Debug, Default)]
pub struct Seen {
    pub latencies: Vec<Duration>,
    /// What was wrong, each once.
    pub failures: Vec<String>,
    /// Models that answered.
    pub calibrations: std::collections::BTreeSet<u64>,
}

impl Seen {
    pub fn percentile(&mut self, percent: usize) -> Duration {
        self.latencies.sort_unstable();
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get(last * percent / 100).copied().unwrap_or_default()
    }
}

/// Calls from so many connections until told to stop.
pub async fn hammer(client: &Client, connections: usize, stop: Arc<AtomicBool>) -> Seen {
    let kept =
        client.post("/customers", json!({"email": "kept@example.com", "name": "Kept"})).await;
    let path: Arc<str> = format!("/customers/{}", kept.text("id")).into();
    let callers: Vec<_> = (0..connections)
        .map(|caller| {
            tokio::spawn(call(client.clone(), caller, Arc::clone(&path), Arc::clone(&stop)))
        })
        .collect();
    let mut all = Seen::default();
    for caller in callers {
        let seen = caller.await.unwrap();
        all.latencies.extend(seen.latencies);
        all.failures.extend(seen.failures);
        all.calibrations.extend(seen.calibrations);
    }
    all
}

async fn call(client: Client, caller: usize, path: Arc<str>, stop: Arc<AtomicBool>) -> Seen {
    let mut seen = Seen::default();
    let mut turn = caller;
    while !stop.load(Ordering::Relaxed) {
        turn += 1;
        let (method, target, body) = match turn % 8 {
            0 => (Method::GET, "/v1/customers?limit=5", Value::Null),
            1 => (Method::POST, "/customers", json!({"name": "New"})),
            _ => (Method::GET, &*path, Value::Null),
        };
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let began = Instant::now();
        let answer =
            client.send(method, target, &[("content-type", "application/json")], text).await;
        seen.latencies.push(began.elapsed());
        match answer {
            Ok(answer) => seen.judge(&answer, target == &*path),
            Err(error) => seen.failures.push(format!("{target}: {error}")),
        }
    }
    seen
}

impl Seen {
    fn judge(&mut self, answer: &super::Answer, is_kept: bool) {
        if answer.status != StatusCode::OK && answer.status != StatusCode::CREATED {
            self.failures.push(format!("{}: {:?}", answer.status, answer.body));
            return;
        }
        let number: u64 =
            answer.headers["x-wondertwin-calibration"].to_str().unwrap().parse().unwrap();
        self.calibrations.insert(number);
        let body = answer.json();
        mixed(&body, number, &mut self.failures);
        if is_kept && body["email"] != "kept@example.com" {
            self.failures.push(format!("forgotten: {body}"));
        }
    }
}

/// Every mark in the body is the one model's whose number the header says.
fn mixed(body: &Value, number: u64, failures: &mut Vec<String>) {
    match body {
        Value::Object(fields) => {
            for (name, value) in fields {
                let right = format!("v{number}");
                let is_mark = name == "mark" || name.starts_with("only_v");
                if is_mark && value.as_str() != Some(&right)
                    || name.strip_prefix("only_").is_some_and(|v| v != right)
                {
                    failures.push(format!("{name} is {value} in an answer of {number}"));
                }
                mixed(value, number, failures);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| mixed(item, number, failures)),
        _ => {}
    }
}
