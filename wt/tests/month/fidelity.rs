//! How far the twin answers as the vendor does, on exchanges that nothing was learned from.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use models::{Ledger, Model, RouteKey, State, without_parameter_names};
use serde_json::Value;

use crate::script;
use crate::support::Folder;
use crate::vendor::Vendor;

/// Held-out exchanges at each look.
const EXCHANGES: u64 = 2_000;

/// By how much a morning's traffic ends before its decisions: at noon, and they are a run after it.
const BEHIND: Duration = Duration::minutes(8);

/// What came of one look.
pub struct Look {
    /// When the morning's decisions were taken.
    pub at: DateTime<Utc>,
    /// Exchanges that the twin's model describes wholly, basis points.
    pub share_bp: u64,
    /// What it does not, the most frequent first.
    pub misses: Vec<(String, u64)>,
}

/// Holds the model that was published in each of the mornings against the vendor as it was at the end of
/// what had been observed by then.
pub fn looks(folder: &Folder, times: &[DateTime<Utc>]) -> Vec<Look> {
    let config = folder.json("wondertwin.json");
    let trusted: Vec<_> = serde_json::from_value(config["trusted_keys"].clone()).unwrap();
    let ledger = Ledger::open(folder.path("calibrations/shop"), &trusted).unwrap();
    assert!(ledger.broken().is_none(), "{:?}", ledger.broken());
    let base: Model = serde_json::from_str(&folder.read("twins/shop/model/symbols.json")).unwrap();
    let published: Vec<_> = ledger
        .states()
        .filter_map(|(number, state)| match state {
            State::Published(note) => Some((note.at, number)),
            _ => None,
        })
        .collect();
    let mut vendor = Vendor::held_out(script::read());
    let look = |at: &DateTime<Utc>| {
        let number = published.iter().rev().find(|(since, _)| since <= at).map_or(0, |one| one.1);
        let model = ledger.model_after(&base, number).unwrap();
        let (mut right, mut of) = (0, 0);
        let mut misses: BTreeMap<String, u64> = BTreeMap::new();
        for exchange in vendor.sample(*at - BEHIND, EXCHANGES) {
            match miss(&model, &exchange) {
                Verdict::Right => (right, of) = (right + 1, of + 1),
                Verdict::Wrong(why) => {
                    of += 1;
                    *misses.entry(why).or_default() += 1;
                }
                Verdict::SaysNothing => {}
            }
        }
        let mut misses: Vec<_> = misses.into_iter().collect();
        misses.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        // Where all fail there is nothing to be wrong about.
        let share_bp = u64::checked_div(right * 10_000, of).unwrap_or(10_000);
        Look { at: *at, share_bp, misses }
    };
    times.iter().map(look).collect()
}

enum Verdict {
    Right,
    Wrong(String),
    /// A server that fails says nothing of its API.
    SaysNothing,
}

fn miss(model: &Model, exchange: &Value) -> Verdict {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let problems = |schema, body: &str| -> Vec<String> {
        let body: Value = serde_json::from_str(body).unwrap();
        twins::validate(model, schema, &body).iter().map(ToString::to_string).collect()
    };
    let told = |place: &str, problems: Vec<String>| match problems.first() {
        None => Verdict::Right,
        Some(first) => Verdict::Wrong(format!("{place} {first}")),
    };
    if exchange["_kind"] == "webhook" {
        let body = text(&exchange["request"]["postData"]["text"]);
        let event = text(&serde_json::from_str::<Value>(&body).unwrap()["type"]);
        return match model.webhooks.get(&event) {
            Some(webhook) => told(&event, problems(&webhook.body, &body)),
            None => Verdict::Wrong(format!("{event}: no such event")),
        };
    }
    let status = u16::try_from(exchange["response"]["status"].as_u64().unwrap()).unwrap();
    if status >= 500 {
        return Verdict::SaysNothing;
    }
    let route = route_of(exchange);
    let is_it = |key: &&RouteKey| without_parameter_names(&key.to_string()) == route;
    let described = model.routes.iter().find(|(key, _)| is_it(key)).map(|(_, route)| route);
    let Some(described) = described else {
        let wrong = Verdict::Wrong(format!("{route}: no such route"));
        return if status == 404 { Verdict::Right } else { wrong };
    };
    let variant = described.variant_for(status).map(|name| &described.variants[name]);
    let Some(variant) = variant else {
        return Verdict::Wrong(format!("{route}: never {status}"));
    };
    let body = text(&exchange["response"]["content"]["text"]);
    match &variant.body {
        Some(schema) => told(&format!("{route} {status}"), problems(schema, &body)),
        None => Verdict::Wrong(format!("{route} {status}: no body")),
    }
}

/// `GET /customers/{}`: objects' ids are the only parameters there are.
fn route_of(exchange: &Value) -> String {
    let url = exchange["request"]["url"].as_str().unwrap();
    let path = url.trim_start_matches("https://api.shop.test/v1");
    let mut steps: Vec<_> = path.split('/').collect();
    if steps.len() > 2 {
        steps[2] = "{}";
    }
    format!("{} {}", exchange["request"]["method"].as_str().unwrap(), steps.join("/"))
}
