//! The vendor: what it answers at a time, and the traffic of its customers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{DateTime, Datelike as _, Duration, Timelike as _, Utc};
use serde_json::{Value, json};

use crate::script::{Act, Change};
use crate::shape::{Field, Gen, chance, hash, object};

const BASE: &str = "https://api.shop.test/v1";
/// Customers of the vendor that are observed; every second pins the old version.
const CALLERS: u64 = 20;
/// Objects of each entity that there are.
const OBJECTS: u64 = 400;
const OLD_VERSION: &str = "2026-10-01";

/// The vendor's API at a time.
pub struct Vendor {
    entities: BTreeMap<String, Vec<Field>>,
    /// Fields that callers pinned to the old version do not see.
    unpinned: Vec<(String, String)>,
    routes: Vec<String>,
    /// Routes that are refused; the customers go on calling them.
    removed: Vec<String>,
    statuses: Vec<(String, u16)>,
    limit: u64,
    events: Vec<String>,
    /// Fields seen by a share of the answers: entity, field, from, hours, first and last share.
    partial: Vec<Partial>,
    withdrawn: Vec<(String, String, DateTime<Utc>)>,
    outage_until: Option<DateTime<Utc>>,
    changes: Vec<Change>,
    applied: usize,
    requests: u64,
}

struct Partial {
    entity: String,
    field: Field,
    from: DateTime<Utc>,
    hours: i64,
    share: (f64, f64),
}

impl Vendor {
    pub fn new(changes: Vec<Change>) -> Self {
        let words =
            |words: &[&str]| Gen::Words(words.iter().map(|word| (*word).to_owned()).collect());
        let fields = |list: &[(&str, Gen)]| -> Vec<Field> {
            list.iter().map(|(name, value)| Field::new(name, value.clone())).collect()
        };
        let entities = [
            (
                "customer",
                fields(&[
                    ("email", Gen::Email),
                    ("phone", Gen::Text),
                    ("fax", Gen::Text),
                    ("active", Gen::Bool),
                    ("created_at", Gen::Instant),
                ]),
            ),
            (
                "order",
                fields(&[
                    ("status", words(&["open", "paid", "shipped"])),
                    ("total", Gen::Int),
                    ("shipped_at", Gen::Instant),
                    ("note", Gen::Text),
                ]),
            ),
            (
                "product",
                fields(&[
                    ("title", Gen::Text),
                    ("kind", words(&["goods", "service", "voucher"])),
                    ("price", Gen::Int),
                    ("stock", Gen::Int),
                    ("legacy_code", Gen::Text),
                ]),
            ),
            (
                "invoice",
                fields(&[("amount", Gen::Int), ("due_on", Gen::Date), ("paid", Gen::Bool)]),
            ),
            ("coupon", fields(&[("percent", Gen::Int)])),
            ("refund", fields(&[("amount", Gen::Int), ("reason", Gen::Text)])),
            ("payout", fields(&[("amount", Gen::Int), ("arrives_on", Gen::Date)])),
            ("event", fields(&[("created_at", Gen::Instant), ("livemode", Gen::Bool)])),
        ];
        let routes = [
            "GET /customers",
            "GET /customers/{id}",
            "POST /customers",
            "GET /orders",
            "GET /orders/{id}",
            "POST /orders",
            "GET /products",
            "GET /products/{id}",
            "GET /invoices/{id}",
            "GET /coupons",
        ];
        Self {
            entities: entities
                .into_iter()
                .map(|(name, fields)| (name.to_owned(), fields))
                .collect(),
            unpinned: Vec::new(),
            routes: routes.map(str::to_owned).to_vec(),
            removed: Vec::new(),
            statuses: Vec::new(),
            limit: 100,
            events: vec!["order.paid".to_owned(), "customer.created".to_owned()],
            partial: Vec::new(),
            withdrawn: Vec::new(),
            outage_until: None,
            changes,
            applied: 0,
            requests: 0,
        }
    }

    /// The same vendor, asked by others and for other things.
    pub fn held_out(changes: Vec<Change>) -> Self {
        Self { requests: 1_000_000_000, ..Self::new(changes) }
    }

    /// So many exchanges at one time, with their share of deliveries.
    pub fn sample(&mut self, at: DateTime<Utc>, count: u64) -> Vec<Value> {
        self.advance(at);
        let mut sample = Vec::new();
        for _ in 0..count {
            self.requests += 1;
            sample.push(self.exchange(at));
            if self.requests.is_multiple_of(8) {
                sample.push(self.delivery(at));
            }
        }
        sample
    }

    /// The exchanges from one time to another as NDJSON, more by day than by night and on weekdays.
    pub fn traffic(&mut self, from: DateTime<Utc>, to: DateTime<Utc>) -> String {
        let mut text = String::new();
        let mut hour = from;
        while hour < to {
            let busy = if (8..20).contains(&hour.hour()) { 3 } else { 1 };
            let count = if hour.weekday().number_from_monday() > 5 { 16 } else { 32 } * busy;
            for index in 0..count {
                let at = hour + Duration::seconds(index * 3600 / count);
                self.advance(at);
                self.requests += 1;
                let line = self.exchange(at);
                let _infallible = writeln!(text, "{line}");
                if self.requests.is_multiple_of(8) {
                    let _infallible = writeln!(text, "{}", self.delivery(at));
                }
            }
            hour += Duration::hours(1);
        }
        text
    }

    fn advance(&mut self, now: DateTime<Utc>) {
        while let Some(change) = self.changes.get(self.applied).filter(|change| change.at() <= now)
        {
            let (act, at) = (change.act.clone(), change.at());
            self.applied += 1;
            self.apply(act, at);
        }
    }

    fn field(&mut self, entity: &str, name: &str) -> &mut Field {
        let fields = self.entities.get_mut(entity).unwrap();
        fields.iter_mut().find(|field| field.name == name).unwrap()
    }

    fn apply(&mut self, act: Act, at: DateTime<Utc>) {
        match act {
            Act::AddField { entity, field, pinned } => {
                if pinned {
                    self.unpinned.push((entity.clone(), field.name.clone()));
                }
                self.entities.get_mut(&entity).unwrap().push(field);
            }
            Act::RemoveField { entity, field } => {
                self.entities.get_mut(&entity).unwrap().retain(|one| one.name != field);
            }
            Act::SetGen { entity, field, value } => self.field(&entity, &field).value = value,
            Act::SetPresence { entity, field, presence } => {
                self.field(&entity, &field).presence = presence;
            }
            Act::MakeNullable { entity, field } => self.field(&entity, &field).null = 0.3,
            Act::AddValue { entity, field, value } => {
                if let Gen::Words(words) = &mut self.field(&entity, &field).value {
                    words.push(value);
                }
            }
            Act::RemoveValue { entity, field, value } => {
                if let Gen::Words(words) = &mut self.field(&entity, &field).value {
                    words.retain(|word| *word != value);
                }
            }
            Act::AddRoute(route) => self.routes.push(route),
            Act::RemoveRoute(route) => self.removed.push(route),
            Act::AddStatus { route, status } => self.statuses.push((route, status)),
            Act::RollOut { entity, field, hours } => {
                self.partial.push(Partial { entity, field, from: at, hours, share: (0.05, 1.0) });
            }
            Act::Canary { entity, field, share, hours } => {
                self.partial.push(Partial {
                    entity,
                    field,
                    from: at,
                    hours,
                    share: (share, share),
                });
            }
            Act::Withdraw { entity, field, hours } => {
                self.withdrawn.push((entity, field, at + Duration::hours(hours)));
            }
            Act::Outage { hours } => self.outage_until = Some(at + Duration::hours(hours)),
            Act::SetLimit(limit) => self.limit = limit,
            Act::AddEvent(event) => self.events.push(event),
        }
    }

    /// An object of an entity as one caller sees it in one answer.
    fn show(&self, entity: &str, number: u64, caller: u64, at: DateTime<Utc>) -> Value {
        let id = format!("{}_{number:06}", &entity[..3]);
        let mut fields = self.entities[entity].clone();
        fields.retain(|field| {
            let is_pinned = caller.is_multiple_of(2)
                && self.unpinned.iter().any(|(one, name)| one == entity && *name == field.name);
            let is_gone = |(one, name, until): &(String, String, DateTime<Utc>)| {
                one == entity && *name == field.name && at < *until
            };
            !is_pinned && !self.withdrawn.iter().any(is_gone)
        });
        for partial in self.partial.iter().filter(|one| one.entity == entity) {
            let passed = (at - partial.from).num_minutes() as f64 / (partial.hours * 60) as f64;
            let (first, last) = partial.share;
            // A canary of a steady share ends; a rollout stays.
            let share = if passed < 1.0 {
                first + (last - first) * passed
            } else if last < 1.0 {
                0.0
            } else {
                1.0
            };
            if chance(&[&self.requests.to_string(), &partial.field.name]) < share {
                fields.push(partial.field.clone());
            }
        }
        let mut shown = object(&id, &fields);
        shown["id"] = json!(id);
        shown
    }

    fn exchange(&self, at: DateTime<Utc>) -> Value {
        let seed = self.requests.to_string();
        let draw = |what: &str, of: u64| hash(&[&seed, what]) % of;
        let route = &self.routes[usize::try_from(draw("route", self.routes.len() as u64)).unwrap()];
        let (caller, number) = (draw("caller", CALLERS), draw("object", OBJECTS));
        let (method, path) = route.split_once(' ').unwrap();
        let entity = path[1..].split('/').next().unwrap().trim_end_matches('s');
        let (mut status, mut request_body) = (200, None);
        let body = if path.contains('{') {
            self.show(entity, number, caller, at)
        } else if method == "POST" {
            status = 201;
            request_body = Some(json!({"reference": format!("r{number}")}));
            let shown = self.show(entity, OBJECTS + self.requests, caller, at);
            match self.statuses.iter().find(|(one, _)| one == route) {
                Some((_, refused)) if draw("refused", 6) == 0 => {
                    status = *refused;
                    json!({"error": {"code": "conflict", "message": "it is there"}})
                }
                _ => shown,
            }
        } else {
            let objects: Vec<_> =
                (0..5).map(|n| self.show(entity, (number + n * 7) % OBJECTS, caller, at)).collect();
            json!({"data": objects, "has_more": number % 3 == 0})
        };
        let refusal = |code: &str| json!({"error": {"code": code, "message": "see the manual"}});
        let (status, body) = if self.outage_until.is_some_and(|until| at < until) {
            (503, refusal("unavailable"))
        } else if self.removed.contains(route) {
            (404, refusal("no_such_route"))
        } else {
            (status, body)
        };
        let url = format!("{BASE}{}", path.split('{').next().unwrap());
        let url =
            if path.contains('{') { format!("{url}{}_{number:06}", &entity[..3]) } else { url };
        let version = if caller.is_multiple_of(2) { OLD_VERSION } else { "2026-11-01" };
        // The window is a minute; each caller is far below the limit.
        let remaining = self.limit - 1 - draw("remaining", 5);
        json!({
            "startedDateTime": at.to_rfc3339(),
            "time": 20 + draw("time", 30),
            "request": {"method": method, "url": url,
                "headers": [
                    {"name": "Authorization", "value": format!("Bearer key_{caller}")},
                    {"name": "Api-Version", "value": version},
                ],
                "postData": request_body.map(|body| json!({"mimeType": "application/json", "text": body.to_string()})),
            },
            "response": {"status": status,
                "headers": [
                    {"name": "Content-Type", "value": "application/json"},
                    {"name": "RateLimit-Policy", "value": format!("\"default\";q={};w=60", self.limit)},
                    {"name": "RateLimit", "value": format!("\"default\";r={remaining};t={}", 60 - at.second())},
                ],
                "content": {"mimeType": "application/json", "text": body.to_string()}},
        })
    }

    fn delivery(&self, at: DateTime<Utc>) -> Value {
        let seed = self.requests.to_string();
        let event =
            &self.events[usize::try_from(hash(&[&seed, "event"])).unwrap() % self.events.len()];
        let (entity, _) = event.split_once('.').unwrap();
        let mut body = self.show("event", self.requests, 1, at);
        body["type"] = json!(event);
        body["data"] = self.show(entity, hash(&[&seed, "of"]) % OBJECTS, 1, at);
        json!({
            "_kind": "webhook",
            "startedDateTime": at.to_rfc3339(),
            "time": 5,
            "request": {"method": "POST", "url": "https://app.example.com/hooks",
                "headers": [{"name": "Content-Type", "value": "application/json"}],
                "postData": {"mimeType": "application/json", "text": body.to_string()}},
            "response": {"status": 200, "headers": [], "content": {"text": ""}},
        })
    }
}
