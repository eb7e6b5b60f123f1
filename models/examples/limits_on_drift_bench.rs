//! What [`models::limits`] makes of each case of drift-bench, beside the truth.
//!
//! `cargo run --release -p wondertwin-models --example limits_on_drift_bench [folder]`; the folder is
//! `../shared/drift-bench/cases` unless given. Each case is judged in both modes: with the model's
//! own `x-rate-limit` as prior, and with what was inferred from `baseline.ndjson.gz`. Only the
//! column `truth` comes from `meta.json`.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that reports to a person")]

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    io::{BufRead, BufReader},
    path::Path,
    time::Instant,
};

use chrono::DateTime;
use flate2::read::GzDecoder;
use models::{
    Algorithm, RateLimit,
    limits::{Call, LimitVerdict, infer, read},
};
use serde_json::Value;

fn main() {
    let folder = std::env::args().nth(1);
    let folder = folder.unwrap_or_else(|| "../shared/drift-bench/cases".to_owned());
    let mut cases: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    let mut wrong = 0;
    for case in cases {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let meta = json(&case.join("meta.json"));
        let (Some(baseline), Some(observed)) =
            (calls(&case.join("baseline.ndjson.gz")), calls(&case.join("observed.ndjson.gz")))
        else {
            continue;
        };
        for (mode, prior) in [("spec", spec_prior(&case)), ("traffic", traffic_prior(&baseline))] {
            let begun = Instant::now();
            let verdicts = infer(&observed, &prior);
            let right = judge(&verdicts, &meta["rate_limit"]);
            wrong += usize::from(!right);
            println!(
                "{name:28} {mode:8} {:5} truth {} -> {} | prior {} | {} | {} calls {:?}",
                if right { "right" } else { "WRONG" },
                brief_json(&meta["rate_limit"]["a"]),
                brief_json(&meta["rate_limit"]["b"]),
                prior.values().map(brief).collect::<Vec<_>>().join(", "),
                verdicts.iter().map(told).collect::<Vec<_>>().join("; "),
                observed.len(),
                begun.elapsed(),
            );
        }
    }
    println!("{wrong} wrong");
}

/// The model's own limit, as scope `default`.
fn spec_prior(case: &Path) -> BTreeMap<String, RateLimit> {
    let model = json(&case.join("model.openapi.json"));
    let stated = model.get("x-rate-limit").filter(|limit| limit.is_object());
    let limit = stated.map(|limit| serde_json::from_value(limit.clone()).unwrap());
    limit.into_iter().map(|limit| ("default".to_owned(), limit)).collect()
}

/// What the baseline's own traffic shows.
fn traffic_prior(baseline: &[Call]) -> BTreeMap<String, RateLimit> {
    infer(baseline, &BTreeMap::new())
        .into_iter()
        .filter_map(|verdict| match verdict {
            LimitVerdict::NewScope { scope, limit, .. } => Some((scope, limit)),
            _ => None,
        })
        .collect()
}

/// The rule of `details_right` in drift-bench's score.py, and no change where there is none.
fn judge(verdicts: &[LimitVerdict], truth: &Value) -> bool {
    let changes: Vec<&RateLimit> = verdicts
        .iter()
        .filter_map(|verdict| match verdict {
            LimitVerdict::Changed { after, .. } => Some(after),
            _ => None,
        })
        .collect();
    if truth["changed"] != true {
        return changes.is_empty();
    }
    let [after] = changes[..] else { return false };
    let near = |x: f64, y: f64| (x - y).abs() <= 0.1 * y;
    let limit = truth["b"]["limit"].as_f64().unwrap();
    let window = truth["b"]["window_seconds"].as_f64().unwrap();
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let seen = after.limit as f64;
    if truth["b"]["algorithm"] == "token_bucket" {
        return near(seen, limit) || near(seen / after.window_seconds, limit / window);
    }
    near(seen, limit) && near(after.window_seconds, window)
}

fn told(verdict: &LimitVerdict) -> String {
    match verdict {
        LimitVerdict::Unchanged { limit, .. } => format!("unchanged {}", brief(limit)),
        LimitVerdict::Changed { after, alternatives, decided_otherwise, stated, .. } => format!(
            "CHANGED {} (or {:?}), {decided_otherwise} otherwise, stated {stated}",
            brief(after),
            alternatives.iter().map(brief).collect::<Vec<_>>()
        ),
        LimitVerdict::OnlyLowerBound { at_least, window_seconds, decided_otherwise, .. } => {
            format!("at least {at_least}/{window_seconds}s, {decided_otherwise} otherwise")
        }
        LimitVerdict::NewScope { limit, alternatives, .. } => format!(
            "new {} (or {:?})",
            brief(limit),
            alternatives.iter().map(brief).collect::<Vec<_>>()
        ),
        LimitVerdict::CannotTell { reason, .. } => format!("cannot tell: {reason:?}"),
    }
}

fn brief(limit: &RateLimit) -> String {
    let algorithm = match limit.algorithm {
        Algorithm::FixedWindow => "fixed",
        Algorithm::SlidingWindow => "sliding",
        Algorithm::TokenBucket => "bucket",
        Algorithm::LeakyBucket => "leaky",
        Algorithm::Concurrency => "in-flight",
    };
    format!("{algorithm} {}/{}s", limit.limit, limit.window_seconds)
}

fn brief_json(limit: &Value) -> String {
    serde_json::from_value(limit.clone()).map_or_else(|_| "-".to_owned(), |limit| brief(&limit))
}

fn json(path: &Path) -> Value {
    serde_json::from_reader(BufReader::new(File::open(path).unwrap())).unwrap()
}

/// The calls of a log to the case's vendor; none where it holds webhooks only.
fn calls(path: &Path) -> Option<Vec<Call>> {
    let lines = BufReader::new(GzDecoder::new(File::open(path).unwrap())).lines();
    let entries: Vec<Value> = lines
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .filter(|entry: &Value| entry["_kind"] != "webhook")
        .collect();
    let mut hosts: HashMap<&str, usize> = HashMap::new();
    entries.iter().filter_map(host).for_each(|host| *hosts.entry(host).or_default() += 1);
    let main = hosts.iter().max_by_key(|(_, count)| **count).map(|(host, _)| (*host).to_owned())?;
    let calls = entries.iter().filter(|entry| host(entry) == Some(main.as_str()));
    let mut calls: Vec<Call> = calls.filter_map(call).collect();
    calls.sort_by_key(|call| call.at_us);
    Some(calls)
}

fn host(entry: &Value) -> Option<&str> {
    entry["request"]["url"].as_str()?.split('/').nth(2)
}

/// One call; none without a credential.
fn call(entry: &Value) -> Option<Call> {
    let key = header(&entry["request"], "authorization")?;
    let response = &entry["response"];
    let status = u16::try_from(response["status"].as_u64()?).ok()?;
    let html = response["content"]["mimeType"].as_str().is_some_and(|kind| kind.contains("html"));
    let headers = response["headers"].as_array()?;
    let headers = headers.iter().filter_map(|h| Some((h["name"].as_str()?, h["value"].as_str()?)));
    let at = DateTime::parse_from_rfc3339(entry["startedDateTime"].as_str()?).ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "milliseconds")]
    let latency_us = (entry["time"].as_f64()? * 1e3) as u32;
    let path = entry["request"]["url"].as_str()?.split('?').next()?;
    #[expect(clippy::cast_possible_truncation, reason = "any stable number")]
    let route = hash(&(entry["request"]["method"].as_str()?, path)) as u32;
    Some(Call {
        at_us: at.timestamp_micros(),
        latency_us,
        caller: hash(&key),
        route,
        status,
        throttled: status == 429,
        gateway: html,
        headers: read(headers),
    })
}

fn header<'a>(message: &'a Value, name: &str) -> Option<&'a str> {
    let headers = message["headers"].as_array()?;
    let found = headers
        .iter()
        .find(|header| header["name"].as_str().is_some_and(|n| n.eq_ignore_ascii_case(name)));
    found?["value"].as_str()
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
