//! Values that a schema allows, as a vendor would send them, and what each shows of a planted change.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use models::{FieldPath, JsonType, Model, RouteKey, Schema, Step};
use serde_json::{Map, Value, json};

use super::change::Plan;
use crate::random::Random;

/// Where a schema stands in the model's document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Location {
    pub(crate) root: Root,
    pub(crate) steps: Vec<Down>,
}

/// What of the document a schema is part of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Root {
    Entity(String),
    /// Route and key of the variant.
    Response(RouteKey, String),
    /// Route and media type.
    Request(RouteKey, String),
    Webhook(String),
}

/// From a schema to one within it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Down {
    Property(String),
    Items,
    Values,
    Alternative(String),
}

impl Location {
    pub(crate) fn of(root: Root) -> Self {
        Self { root, steps: Vec::new() }
    }

    fn then(&self, down: Down) -> Self {
        let mut steps = self.steps.clone();
        steps.push(down);
        Self { root: self.root.clone(), steps }
    }

    /// The schema there, to be changed.
    pub(crate) fn schema<'m>(&self, model: &'m mut Model) -> Option<&'m mut Schema> {
        let root = match &self.root {
            Root::Entity(name) => model.entities.get_mut(name)?,
            Root::Response(route, variant) => {
                model.routes.get_mut(route)?.variants.get_mut(variant)?.body.as_mut()?
            }
            Root::Request(route, media) => {
                model.routes.get_mut(route)?.request.as_mut()?.content.get_mut(media)?
            }
            Root::Webhook(event) => &mut model.webhooks.get_mut(event)?.body,
        };
        self.steps.iter().try_fold(root, |schema, down| match down {
            Down::Property(name) => schema.properties.get_mut(name),
            Down::Items => schema.items.as_deref_mut(),
            Down::Values => schema.map.as_deref_mut(),
            Down::Alternative(name) => schema.any_of.get_mut(name),
        })
    }

    /// The same number for the same place in every log.
    pub(crate) fn hash(&self, salt: u64) -> u64 {
        Random::of(&[salt, text_hash(&format!("{self:?}"))]).next()
    }
}

/// What one body shows of one planted change at one path.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "sightings are independent of each other")]
pub(crate) struct Sight {
    pub(crate) present: bool,
    pub(crate) absent: bool,
    pub(crate) null: bool,
    /// What only the changed vendor sends.
    pub(crate) fresh: bool,
    /// What only the unchanged vendor sends.
    pub(crate) stale: bool,
    /// Among alternatives, so that it is not said whose change it is.
    pub(crate) apart: bool,
}

/// Makes bodies.
pub(crate) struct Maker<'m> {
    pub(crate) model: &'m Model,
    pub(crate) plan: &'m Plan,
    pub(crate) random: Random,
    /// Of the body in the making, by change and path.
    pub(crate) sights: BTreeMap<(usize, FieldPath), Sight>,
    /// Objects of which fields were made, and whether all of them stood among alternatives.
    pub(crate) visited: BTreeMap<Location, bool>,
    /// Whether the body cannot be made: what is required never ends.
    pub(crate) endless: bool,
    /// Whether the body will be sent as a form.
    pub(crate) in_form: bool,
}

/// A place in the body in the making.
#[derive(Clone)]
struct At {
    location: Location,
    path: FieldPath,
    depth: usize,
    apart: bool,
}

/// Levels below which nothing optional is made.
const OPTIONAL_DEPTH_MAX: usize = 5;
/// Levels of required objects beyond which a body counts as endless.
const DEPTH_MAX: usize = 14;

impl<'m> Maker<'m> {
    pub(crate) fn new(model: &'m Model, plan: &'m Plan, random: Random) -> Self {
        Self {
            model,
            plan,
            random,
            sights: BTreeMap::new(),
            visited: BTreeMap::new(),
            endless: false,
            in_form: false,
        }
    }

    /// A body of a schema.
    pub(crate) fn body(&mut self, schema: &Schema, root: Root) -> Value {
        self.sights.clear();
        let at = At { location: Location::of(root), path: FieldPath::ROOT, depth: 0, apart: false };
        self.value(schema, &at, "")
    }

    fn value(&mut self, schema: &Schema, at: &At, name: &str) -> Value {
        if DEPTH_MAX < at.depth {
            self.endless = true;
            return Value::Null;
        }
        if schema.nullable && self.random.chance(5 + at.location.hash(11) % 50) {
            return Value::Null;
        }
        let entity =
            schema.entity.as_deref().filter(|name| self.model.entities.contains_key(*name));
        let inline = !schema.types.is_empty() || (entity.is_none() && schema.any_of.is_empty());
        let count = usize::from(entity.is_some()) + usize::from(inline) + schema.any_of.len();
        let at = At { apart: at.apart || count > 1, ..at.clone() };
        let mut choice = self.index(count);
        if let Some(entity) = entity {
            if choice == 0 {
                let location = Location::of(Root::Entity(entity.to_owned()));
                let at = At { location, depth: at.depth + 1, ..at };
                return self.value(&self.model.entities[entity], &at, name);
            }
            choice -= 1;
        }
        if inline {
            if choice == 0 {
                return self.inline(schema, &at, name);
            }
            choice -= 1;
        }
        let Some((alternative, schema)) = schema.any_of.iter().nth(choice) else {
            return Value::Null;
        };
        let location = at.location.then(Down::Alternative(alternative.clone()));
        self.value(schema, &At { location, ..at }, name)
    }

    fn inline(&mut self, schema: &Schema, at: &At, name: &str) -> Value {
        let types: Vec<JsonType> = schema.types.iter().copied().collect();
        let Some(chosen) = types.get(self.index(types.len())) else {
            return json!(word(&mut self.random));
        };
        let at = At { apart: at.apart || types.len() > 1, ..at.clone() };
        match chosen {
            JsonType::Object => self.object(schema, &at),
            JsonType::Array => self.array(schema, &at, name),
            JsonType::Boolean => json!(self.random.chance(50)),
            _ if !schema.values.is_empty() => {
                // The first are the most frequent.
                let skewed = self.random.fraction().powi(2);
                let index = scaled(skewed, schema.values.len());
                let value = schema.values.iter().nth(index).map_or("", String::as_str);
                match chosen {
                    JsonType::String => json!(value),
                    _ => serde_json::from_str(value).unwrap_or(Value::Null),
                }
            }
            JsonType::Integer => {
                match schema.format.as_deref() {
                    Some("unix-time") => json!(1_700_000_000 + self.random.below(80_000_000)),
                    _ => json!(self.random.below(
                        10_u64.pow(u32::try_from(1 + at.location.hash(12) % 6).unwrap_or(1))
                    )),
                }
            }
            JsonType::Number => {
                let whole = self.random.below(5000);
                if self.random.chance(70) {
                    json!(whole)
                } else {
                    json!(f64::from(u32::try_from(whole).unwrap_or(0)) / 16.0)
                }
            }
            JsonType::String => json!(self.text(schema.format.as_deref(), &at, name)),
        }
    }

    fn array(&mut self, schema: &Schema, at: &At, name: &str) -> Value {
        let Some(items) = &schema.items else { return json!([]) };
        let down = At {
            location: at.location.then(Down::Items),
            path: at.path.then(Step::Items),
            depth: at.depth + 1,
            apart: at.apart,
        };
        let longest = if at.depth > OPTIONAL_DEPTH_MAX { 1 } else { 4 };
        // A form cannot say that a list is empty.
        let length = self.random.below(longest).max(u64::from(self.in_form));
        (0..length).map(|_| self.value(items, &down, name)).collect()
    }

    fn object(&mut self, schema: &Schema, at: &At) -> Value {
        let mut fields = Map::new();
        for (name, property) in &schema.properties {
            let location = at.location.then(Down::Property(name.clone()));
            let there = property.required
                || (at.depth <= OPTIONAL_DEPTH_MAX && self.random.chance(presence(&location)));
            if there {
                let path = at.path.then(Step::Field(name.clone()));
                let down = At { location, path, depth: at.depth + 1, apart: at.apart };
                let value = self.value(property, &down, name);
                fields.insert(name.clone(), value);
            }
        }
        if !schema.properties.is_empty() {
            let apart = self.visited.entry(at.location.clone()).or_insert(true);
            *apart &= at.apart;
        }
        self.sight(&fields, at);
        if let Some(values) = &schema.map {
            let down = At {
                location: at.location.then(Down::Values),
                path: at.path.then(Step::Values),
                depth: at.depth + 1,
                apart: at.apart,
            };
            for _ in 0..self.random.below(4) {
                let key = self.map_key(at);
                let value = self.value(values, &down, "");
                fields.insert(key, value);
            }
        }
        Value::Object(fields)
    }

    /// Notes what an object shows of the changes planted in it.
    fn sight(&mut self, fields: &Map<String, Value>, at: &At) {
        for number in self.plan.at(&at.location) {
            let change = &self.plan.changes[*number];
            let path = at.path.then(Step::Field(change.field.clone()));
            let sight = self.sights.entry((*number, path)).or_default();
            sight.apart |= at.apart;
            match fields.get(&change.field) {
                None => sight.absent = true,
                Some(value) => {
                    sight.present = true;
                    sight.null |= value.is_null();
                    sight.fresh |= change.is_fresh(value);
                    sight.stale |= change.is_stale(value);
                }
            }
        }
    }

    fn map_key(&mut self, at: &At) -> String {
        match at.location.hash(13) % 3 {
            0 => format!("{}_{}", word(&mut self.random), self.random.below(900)),
            1 => uuid(&mut self.random),
            _ => format!("item_{}", hex(&mut self.random, 10)),
        }
    }

    fn text(&mut self, format: Option<&str>, at: &At, name: &str) -> String {
        let random = &mut self.random;
        match format {
            Some("date-time") => time(random, "%Y-%m-%dT%H:%M:%SZ"),
            Some("date") => time(random, "%Y-%m-%d"),
            Some("date-time-rfc-2822") => time(random, "%a, %d %b %Y %H:%M:%S +0000"),
            Some("uuid") => uuid(random),
            Some("email") => format!("{}.{}@example.com", word(random), word(random)),
            Some("uri" | "url") => {
                format!("https://example.com/{}/{}", word(random), hex(random, 6))
            }
            Some("uri-template") => format!("https://example.com/{}{{/id}}", word(random)),
            Some("ipv4") => {
                format!("10.{}.{}.{}", random.below(250), random.below(250), random.below(250))
            }
            Some("phone-number") => format!("+1555{:07}", random.below(10_000_000)),
            Some("currency") => random.pick(&["usd", "eur", "gbp"]).to_owned(),
            Some("iso-country-code") => random.pick(&["US", "DE", "FR", "IN"]).to_owned(),
            Some("http-method") => random.pick(&["GET", "POST"]).to_owned(),
            Some("decimal") => format!("{}.{}", random.below(900), random.below(10)),
            _ => self.free_text(at, name),
        }
    }

    fn free_text(&mut self, at: &At, name: &str) -> String {
        let random = &mut self.random;
        let is_id = name == "id" || name.ends_with("_id") || name.ends_with("sid") || name == "sha";
        match name {
            _ if is_id => format!("{}_{}", &name[..name.len().min(2)], hex(random, 16)),
            "login" | "name" | "slug" | "owner" | "repo" => slug(random.below(400)),
            _ if name.ends_with("_at") || name.ends_with("date") => {
                time(random, "%Y-%m-%dT%H:%M:%SZ")
            }
            _ if name.ends_with("url") => format!("https://example.com/{}", hex(random, 8)),
            _ => {
                let words = 1 + at.location.hash(14) % 4;
                (0..words).map(|_| word(random)).collect::<Vec<_>>().join(" ")
            }
        }
    }

    fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.random.below(count.max(1) as u64)).unwrap_or(0)
    }
}

/// How often a field that need not be there is, in percent: the same in both logs.
pub(crate) fn presence(location: &Location) -> u64 {
    [2, 10, 30, 50, 80, 95, 100][usize::try_from(location.hash(15) % 7).unwrap_or(0)]
}

/// Segments for a path's parameter: by what it is called and what its schema says.
pub(crate) fn segment(name: &str, schema: &Schema, number: u64) -> String {
    let mut random = Random::of(&[16, text_hash(name), number]);
    if !schema.values.is_empty() {
        let index = scaled(random.fraction(), schema.values.len());
        return schema.values.iter().nth(index).cloned().unwrap_or_default();
    }
    if schema.types.contains(&JsonType::Integer) || name.ends_with("number") {
        return (1 + random.below(90_000)).to_string();
    }
    match schema.format.as_deref() {
        Some("uuid") => return uuid(&mut random),
        Some("date-time") => return time(&mut random, "%Y-%m-%dT%H:%M:%SZ"),
        Some("date") => return time(&mut random, "%Y-%m-%d"),
        _ => {}
    }
    let lower = name.to_ascii_lowercase();
    match () {
        () if lower.ends_with("sid") => {
            format!("{}{}", name[..2].to_ascii_uppercase(), hex(&mut random, 32))
        }
        () if ["owner", "repo", "org", "username", "branch"].contains(&lower.as_str()) => {
            slug(number)
        }
        () if text_hash(name).is_multiple_of(2) => uuid(&mut random),
        () => format!("{}_{}", &lower.replace('_', "")[..2.min(lower.len())], hex(&mut random, 16)),
    }
}

fn scaled(fraction: f64, count: usize) -> usize {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small index"
    )]
    let index = (fraction * count as f64) as usize;
    index.min(count.saturating_sub(1))
}

pub(crate) fn text_hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

pub(crate) fn word(random: &mut Random) -> String {
    const STARTS: [&str; 20] = [
        "am", "bel", "cor", "dan", "el", "fal", "gar", "hol", "in", "jas", "kel", "lam", "mor",
        "nel", "or", "pal", "quin", "ros", "sal", "tam",
    ];
    const ENDS: [&str; 12] =
        ["ber", "ver", "don", "ter", "low", "ly", "ton", "mer", "go", "nic", "dow", "pet"];
    format!("{}{}", random.pick(&STARTS), random.pick(&ENDS))
}

pub(crate) fn slug(number: u64) -> String {
    let mut random = Random::of(&[17, number]);
    format!("{}-{}", word(&mut random), word(&mut random))
}

pub(crate) fn hex(random: &mut Random, digits: usize) -> String {
    let mut text = String::new();
    while text.len() < digits {
        let _ = write!(text, "{:016x}", random.next());
    }
    text.truncate(digits);
    text
}

fn uuid(random: &mut Random) -> String {
    let text = hex(random, 32);
    format!("{}-{}-4{}-a{}-{}", &text[..8], &text[8..12], &text[13..16], &text[17..20], &text[20..])
}

fn time(random: &mut Random, format: &str) -> String {
    let seconds = 1_760_000_000 + i64::try_from(random.below(20_000_000)).unwrap_or(0);
    chrono::DateTime::from_timestamp(seconds, 0)
        .map_or_else(String::new, |time| time.format(format).to_string())
}

/// The names of a set, for choosing among them.
pub(crate) fn names(set: &BTreeSet<String>) -> Vec<&str> {
    set.iter().map(String::as_str).collect()
}
