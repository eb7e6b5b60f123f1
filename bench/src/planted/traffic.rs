//! A log of a vendor's production by its model: HAR entries, one a line, and what they show.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::ensure;
use models::{Kind, Model, Place, Route, RouteKey, Schema, Surface};
use serde_json::{Value, json};

use super::change::Plan;
use super::limiter::{Limiter, Passage};
use super::value::{Location, Maker, Root, Sight, hex, presence, segment, word};
use crate::random::Random;

/// 2026-05-04, midnight.
const START_MS: u64 = 1_777_852_800_000;
const KEYS: u64 = 12;
/// Values of each path parameter.
const SEGMENTS: u64 = 60;

/// What was seen of a planted change at one place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Bodies that hold the object.
    pub(crate) of: u64,
    pub(crate) present: u64,
    pub(crate) absent: u64,
    pub(crate) null: u64,
    pub(crate) fresh: u64,
    pub(crate) stale: u64,
    /// Bodies where it is among alternatives.
    pub(crate) apart: u64,
}

impl Count {
    fn add(&mut self, sight: Sight) {
        self.of += 1;
        self.present += u64::from(sight.present);
        self.absent += u64::from(sight.absent);
        self.null += u64::from(sight.null);
        self.fresh += u64::from(sight.fresh);
        self.stale += u64::from(sight.stale);
        self.apart += u64::from(sight.apart);
    }
}

/// How often an object was seen.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) exchanges: u64,
    /// Whether it ever stood among alternatives.
    pub(crate) apart: bool,
}

/// A log and what it shows.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) lines: String,
    /// By place, path and number of the change.
    pub(crate) counts: BTreeMap<(Place, String, usize), Count>,
    pub(crate) objects: BTreeMap<Location, Seen>,
    /// Calls by route.
    pub(crate) calls: BTreeMap<RouteKey, u64>,
    /// Answers by route and status.
    pub(crate) statuses: BTreeMap<(RouteKey, u16), u64>,
    /// Accepted calls by route and query parameter.
    pub(crate) parameters: BTreeMap<(RouteKey, String), u64>,
    /// Deliveries by event.
    pub(crate) events: BTreeMap<String, u64>,
    pub(crate) refused: u64,
    /// Whether answers say what is left.
    pub(crate) states_limits: bool,
}

struct Writer<'m> {
    model: &'m Model,
    plan: &'m Plan,
    gone: BTreeMap<&'m RouteKey, u16>,
    routes: Vec<(&'m RouteKey, &'m Route)>,
    events: Vec<&'m String>,
    limiter: Limiter,
    traffic: Traffic,
    at_ms: u64,
}

impl Traffic {
    /// Draws a log. The routes of `gone` are refused where the model is the changed one.
    pub(crate) fn draw(
        model: &Model,
        gone: &[(RouteKey, u16)],
        plan: &Plan,
        exchanges: u64,
        seed: u64,
    ) -> anyhow::Result<Self> {
        // The seeds of observed logs are odd.
        let is_changed = seed % 2 == 1;
        let mut random = Random::of(&[81, seed]);
        let mut writer = Writer {
            model,
            plan,
            gone: if is_changed {
                gone.iter().map(|(key, status)| (key, *status)).collect()
            } else {
                BTreeMap::new()
            },
            routes: Vec::new(),
            events: model.webhooks.keys().collect(),
            limiter: Limiter::default(),
            traffic: Self::default(),
            at_ms: START_MS + if is_changed { 30 * 86_400_000 } else { 0 },
        };
        writer.routes =
            model.routes.iter().filter(|(key, route)| writer.can_answer(key, route)).collect();
        ensure!(!writer.routes.is_empty(), "the model has no route with an answer that ends");
        writer.routes.sort_by_key(|(key, _)| {
            Random::of(&[82, super::value::text_hash(key.as_str())]).next()
        });
        let mut burst = 0;
        for number in 0..exchanges {
            if number % 400 == 399 {
                burst = 60;
            }
            let gap_ms = if burst > 0 { 100 } else { 500 + random.below(9_000) };
            burst = u64::saturating_sub(burst, 1);
            writer.at_ms += gap_ms;
            let key = if burst > 0 { 0 } else { scaled(random.fraction().powi(2), KEYS) };
            writer.entry(key, &mut random);
        }
        writer.traffic.refused = writer.limiter.refused;
        writer.traffic.states_limits =
            model.limits.values().any(|limit| limit.headers.as_deref() != Some("none"));
        Ok(writer.traffic)
    }
}

impl<'m> Writer<'m> {
    fn can_answer(&self, key: &RouteKey, route: &Route) -> bool {
        (0..6).all(|number| {
            let mut maker = Maker::new(self.model, self.plan, Random::of(&[83, number]));
            if let Some((status, schema)) = answer(route) {
                maker.body(schema, Root::Response(key.clone(), status.to_owned()));
            }
            !maker.endless
        })
    }

    fn entry(&mut self, key: u64, random: &mut Random) {
        if !self.events.is_empty() && random.chance(8) {
            return self.delivery(random);
        }
        // Every route is called now and then, the first ones most.
        let fraction = random.fraction();
        let fraction = if random.chance(60) { fraction.powi(3) } else { fraction };
        let index = scaled(fraction, self.routes.len() as u64);
        let (route_key, route) = self.routes[usize::try_from(index).unwrap_or(0)];
        let (mut path, has_segments) = Self::path(route_key, route, random);
        let (query, asked) = Self::query(route_key, route, random);
        let search = route_key.path().contains("search");
        let noise = random.below(1000);
        let is_own = noise >= 6;
        let passage = if is_own {
            self.limiter.pass(&self.model.limits, key, self.at_ms, search)
        } else {
            Passage::default()
        };
        let (mut method, mut host) = (route_key.method(), self.model.base_url.as_str());
        match noise {
            0..3 => method = "OPTIONS",
            3..6 => host = "https://telemetry.example.net",
            6..14 => path.push('/'),
            _ => {}
        }
        let mut maker = Maker::new(self.model, self.plan, Random::of(&[random.next()]));
        let sent = self.sent(route_key, route, &mut maker, random);
        let mut answer =
            self.answer(route_key, route, passage.refused, has_segments, noise, &mut maker, random);
        if is_own {
            *self.traffic.calls.entry(route_key.clone()).or_default() += 1;
            *self.traffic.statuses.entry((route_key.clone(), answer.status)).or_default() += 1;
            if (200..300).contains(&answer.status) && !answer.broken {
                for name in asked {
                    *self.traffic.parameters.entry((route_key.clone(), name)).or_default() += 1;
                }
                if let Some(sent) = &sent {
                    let place = Place {
                        surface: Surface::Request,
                        route: Some(route_key.as_str().to_owned()),
                        status: None,
                        event: None,
                    };
                    self.count(&place, &sent.sights, &sent.visited);
                }
            }
            if !answer.broken {
                let place = Place {
                    surface: Surface::Response,
                    route: Some(route_key.as_str().to_owned()),
                    status: Some(answer.judged_at),
                    event: None,
                };
                let (sights, visited) =
                    (std::mem::take(&mut answer.sights), std::mem::take(&mut answer.visited));
                self.count(&place, &sights, &visited);
            }
        }
        let mut headers = vec![json!({"name": "Content-Type", "value": answer.media})];
        headers.extend(
            passage.headers.iter().map(|(name, value)| json!({"name": name, "value": value})),
        );
        let mut request = json!({
            "method": method, "url": format!("{host}{path}{query}"), "queryString": [],
            "headers": [{"name": "Authorization", "value": format!("Bearer key-{}", hex(&mut Random::of(&[84, key]), 20))}]
        });
        if let Some(sent) = sent {
            request["postData"] = json!({"mimeType": sent.media, "text": sent.text});
        }
        let entry = json!({
            "startedDateTime": self.time(), "time": 20 + random.below(90), "request": request,
            "response": {"status": answer.status, "headers": headers, "content": {"mimeType": answer.media, "text": answer.text}}
        });
        let _ = writeln!(self.traffic.lines, "{entry}");
    }

    fn time(&self) -> String {
        let at = chrono::DateTime::from_timestamp_millis(i64::try_from(self.at_ms).unwrap_or(0));
        at.map_or_else(String::new, |at| at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
    }

    fn path(key: &RouteKey, route: &Route, random: &mut Random) -> (String, bool) {
        let mut has_segments = false;
        let segments = key.path().split('/').map(|part| {
            let Some((start, rest)) = part.split_once('{') else { return part.to_owned() };
            let Some((name, end)) = rest.split_once('}') else { return part.to_owned() };
            has_segments = true;
            let schema = route
                .path
                .get(name)
                .map_or_else(Schema::default, |parameter| parameter.schema.clone());
            format!(
                "{start}{}{end}",
                segment(name, &schema, scaled(random.fraction().powi(2), SEGMENTS))
            )
        });
        (segments.collect::<Vec<_>>().join("/"), has_segments)
    }

    /// The query, and the names in it.
    fn query(key: &RouteKey, route: &Route, random: &mut Random) -> (String, BTreeSet<String>) {
        let mut names = BTreeSet::new();
        let mut query = String::new();
        for (name, parameter) in &route.query {
            let schema = &parameter.schema;
            let is_scalar = schema.entity.is_none()
                && schema.any_of.is_empty()
                && !schema.types.iter().any(|one| matches!(one.name(), "object" | "array"));
            let location = Location::of(Root::Request(key.clone(), format!("?{name}")));
            if !is_scalar || !(schema.required || random.chance(presence(&location) / 2 + 1)) {
                continue;
            }
            let value = match schema.values.iter().next() {
                Some(value) => value.clone(),
                None if schema
                    .types
                    .iter()
                    .any(|one| matches!(one.name(), "integer" | "number")) =>
                {
                    random.below(90).to_string()
                }
                None if schema.format.as_deref() == Some("phone-number") => {
                    format!("%2B1555{:07}", random.below(10_000_000))
                }
                None if schema.format.is_some() => segment(name, schema, random.below(SEGMENTS)),
                None if schema.types.iter().any(|one| one.name() == "boolean") => "true".to_owned(),
                None => word(random),
            };
            let _ = write!(query, "{}{name}={value}", if query.is_empty() { '?' } else { '&' });
            names.insert(name.clone());
        }
        (query, names)
    }

    fn sent(
        &self,
        key: &RouteKey,
        route: &Route,
        maker: &mut Maker<'m>,
        random: &mut Random,
    ) -> Option<Sent> {
        let content = &route.request.as_ref()?.content;
        let (media, schema) =
            content.iter().find(|(media, _)| media.ends_with("json") || *media == FORM)?;
        maker.in_form = media == FORM;
        let value = maker.body(schema, Root::Request(key.clone(), media.clone()));
        maker.in_form = false;
        let mut sights = std::mem::take(&mut maker.sights);
        let mut visited = std::mem::take(&mut maker.visited);
        let text = if media == FORM {
            // A form has neither types nor null, and an empty object is not in it: a change within an
            // object is one of the object's presence, too.
            for ((number, path), sight) in &mut sights {
                let kind = self.plan.changes[*number].kind;
                sight.apart |= !matches!(kind, Kind::FieldAdded | Kind::EnumValueAdded);
                sight.apart |= path.0.len() > 1;
            }
            form(&value)
        } else if random.chance(1) {
            sights.clear();
            visited.clear();
            "{\"cut\": ".to_owned()
        } else {
            value.to_string()
        };
        let sent = Sent { media: media.clone(), text, sights, visited };
        (!maker.endless).then_some(sent)
    }

    #[expect(clippy::too_many_arguments, reason = "what an answer depends on")]
    fn answer(
        &self,
        key: &RouteKey,
        route: &Route,
        refused: bool,
        has_segments: bool,
        noise: u64,
        maker: &mut Maker<'m>,
        random: &mut Random,
    ) -> Answer {
        let mut problem = |status, code: &str| Self::problem(key, route, status, code, maker);
        if refused {
            return problem(429, "too_many_requests");
        }
        if let Some(status) = self.gone.get(key) {
            return problem(*status, "not_found");
        }
        if self.plan.statuses.iter().any(|(new, _)| new == key)
            && self.is_changed()
            && random.chance(12)
        {
            return problem(409, "conflict");
        }
        match noise {
            14..22 => {
                return Answer {
                    media: "text/html",
                    broken: true,
                    ..Answer::plain(502, "<html><body>Bad Gateway</body></html>".to_owned())
                };
            }
            22..35 if has_segments => return problem(404, "not_found"),
            35..42 => return problem(500, "internal"),
            _ => {}
        }
        let Some((status, schema)) = answer(route) else {
            return Answer::plain(204, String::new());
        };
        let value = loop {
            maker.endless = false;
            maker.visited.clear();
            let value = maker.body(schema, Root::Response(key.clone(), status.to_owned()));
            if !maker.endless {
                break value;
            }
        };
        let text =
            if self.model.base_url.contains("slack") { mark_ok(value) } else { value }.to_string();
        let mut answer = Answer::plain(status.parse().unwrap_or(200), text);
        answer.sights = std::mem::take(&mut maker.sights);
        answer.visited = std::mem::take(&mut maker.visited);
        if (42..45).contains(&noise) {
            answer.text.truncate(answer.text.len() / 2);
            answer.broken = true;
        }
        answer
    }

    /// A refusal as the model describes it, else in a form of its own.
    fn problem(
        key: &RouteKey,
        route: &Route,
        status: u16,
        code: &str,
        maker: &mut Maker<'m>,
    ) -> Answer {
        let variant = route.variant_for(status);
        let described = variant.and_then(|name| Some((name, route.variants[name].body.as_ref()?)));
        let Some((name, schema)) = described else {
            return Answer::plain(status, json!({"code": code, "message": code}).to_string());
        };
        maker.endless = false;
        let value = maker.body(schema, Root::Response(key.clone(), name.to_owned()));
        let mut answer = Answer::plain(status, value.to_string());
        answer.sights = std::mem::take(&mut maker.sights);
        answer.visited = std::mem::take(&mut maker.visited);
        // What stands for several statuses is judged at the first of them.
        answer.judged_at = if name == status.to_string() { status } else { status / 100 * 100 };
        answer
    }

    fn is_changed(&self) -> bool {
        self.at_ms > START_MS + 15 * 86_400_000
    }

    fn delivery(&mut self, random: &mut Random) {
        let event =
            self.events[usize::try_from(random.below(self.events.len() as u64)).unwrap_or(0)];
        let webhook = &self.model.webhooks[event];
        let mut maker = Maker::new(self.model, self.plan, Random::of(&[random.next()]));
        let mut value = maker.body(&webhook.body, Root::Webhook(event.clone()));
        if maker.endless || !value.is_object() {
            return;
        }
        let (name, action) = event
            .split_once('.')
            .map_or((event.as_str(), None), |(name, action)| (name, Some(action)));
        // GitHub's payloads say the action, those of others the whole event.
        let says_event = value.get("type").is_some_and(Value::is_string);
        if says_event {
            value["type"] = json!(event);
        } else if let Some(action) = action {
            value["action"] = json!(action);
        } else {
            drop(value.as_object_mut().and_then(|fields| fields.remove("action")));
        }
        let place = Place {
            surface: Surface::Webhook,
            route: None,
            status: None,
            event: Some(event.clone()),
        };
        let (sights, visited) =
            (std::mem::take(&mut maker.sights), std::mem::take(&mut maker.visited));
        self.count(&place, &sights, &visited);
        *self.traffic.events.entry(event.clone()).or_default() += 1;
        let entry = json!({
            "_kind": "webhook", "startedDateTime": self.time(), "time": 12,
            "request": {"method": "POST", "url": "https://hooks.example.org/in", "queryString": [],
                "headers": if says_event { json!([]) } else { json!([{"name": "X-GitHub-Event", "value": name}]) },
                "postData": {"mimeType": "application/json", "text": value.to_string()}},
            "response": {"status": 200, "headers": [], "content": {"mimeType": "text/plain", "text": "ok"}}
        });
        let _ = writeln!(self.traffic.lines, "{entry}");
    }

    fn count(
        &mut self,
        place: &Place,
        sights: &BTreeMap<(usize, models::FieldPath), Sight>,
        visited: &BTreeMap<Location, bool>,
    ) {
        for ((number, path), sight) in sights {
            self.traffic
                .counts
                .entry((place.clone(), path.to_string(), *number))
                .or_default()
                .add(*sight);
        }
        for (location, apart) in visited {
            let seen = self.traffic.objects.entry(location.clone()).or_default();
            seen.exchanges += 1;
            seen.apart |= apart;
        }
    }
}

struct Sent {
    media: String,
    text: String,
    sights: BTreeMap<(usize, models::FieldPath), Sight>,
    visited: BTreeMap<Location, bool>,
}

struct Answer {
    status: u16,
    /// The status its body is judged at.
    judged_at: u16,
    media: &'static str,
    text: String,
    /// Not what the vendor means to say: cut, or a proxy's.
    broken: bool,
    sights: BTreeMap<(usize, models::FieldPath), Sight>,
    visited: BTreeMap<Location, bool>,
}

impl Answer {
    fn plain(status: u16, text: String) -> Self {
        Self {
            status,
            judged_at: status,
            media: "application/json",
            text,
            broken: false,
            sights: BTreeMap::new(),
            visited: BTreeMap::new(),
        }
    }
}

/// The success that has a body.
fn answer(route: &Route) -> Option<(&str, &Schema)> {
    let found = route
        .variants
        .iter()
        .find(|(status, variant)| status.starts_with('2') && variant.body.is_some());
    found.and_then(|(status, variant)| Some((status.as_str(), variant.body.as_ref()?)))
}

const FORM: &str = "application/x-www-form-urlencoded";

/// A value as a form, objects and lists in brackets.
fn form(value: &Value) -> String {
    fn write(name: &str, value: &Value, out: &mut Vec<String>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(field, value)| {
                let inner =
                    if name.is_empty() { field.clone() } else { format!("{name}[{field}]") };
                write(&inner, value, out);
            }),
            Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| {
                write(&format!("{name}[{index}]"), item, out);
            }),
            Value::Null => out.push(format!("{name}=")),
            Value::String(text) => {
                out.push(format!(
                    "{name}={}",
                    text.replace('+', "%2B").replace(' ', "+").replace('&', "%26")
                ));
            }
            other => out.push(format!("{name}={other}")),
        }
    }
    let mut pairs = Vec::new();
    write("", value, &mut pairs);
    pairs.join("&")
}

/// Slack says in the body that all is well.
fn mark_ok(mut value: Value) -> Value {
    if value.get("ok").is_some() {
        value["ok"] = json!(true);
    }
    value
}

fn scaled(fraction: f64, count: u64) -> u64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small index"
    )]
    let index = (fraction * count as f64) as u64;
    index.min(count.saturating_sub(1))
}
