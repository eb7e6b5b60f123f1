//! The API whose traffic is generated: resources with five routes each, and what their objects hold.

use std::fmt::Write as _;

use crate::random::Random;

/// Routes of one resource: list, create, read, update, and the list of its events.
pub(crate) const ROUTES_PER_RESOURCE: u64 = 5;

const RESOURCES: [&str; 12] = [
    "customer",
    "invoice",
    "payment",
    "order",
    "product",
    "subscription",
    "refund",
    "shipment",
    "ticket",
    "account",
    "coupon",
    "transfer",
];

/// The resource of this index, by its singular; beyond the listed names they are numbered.
pub(crate) fn resource_name(index: u64) -> String {
    let listed = RESOURCES.len() as u64;
    let name = RESOURCES[usize::try_from(index % listed).unwrap_or(0)];
    if index < listed { name.to_owned() } else { format!("{name}_kind_{}", index / listed) }
}

/// One field of an object.
struct Field {
    name: &'static str,
    holds: Holds,
    /// Of a hundred objects, how many have it.
    present: u64,
    /// Of a hundred values, how many are null.
    null: u64,
}

/// What a field's values are.
enum Holds {
    /// The object's own identity.
    OwnId,
    /// The resource's name.
    Name,
    /// A reference to another object: a prefix and 24 letters and digits.
    Id(&'static str),
    Uuid,
    /// Hexadecimal digits.
    Hex(usize),
    /// RFC 3339.
    Time,
    /// Seconds since the epoch.
    Epoch,
    Token(&'static [&'static str]),
    Boolean,
    Integer(u64),
    Decimal,
    /// So many words.
    Text(u64),
    Email,
    Url,
    Object(&'static [Field]),
    /// A list of up to so many objects.
    Objects(&'static [Field], u64),
    /// A list of up to three tokens.
    Tokens(&'static [&'static str]),
    /// An object whose keys are data.
    Map,
}

const fn always(name: &'static str, holds: Holds) -> Field {
    Field { name, holds, present: 100, null: 0 }
}

const fn sometimes(name: &'static str, holds: Holds, present: u64) -> Field {
    Field { name, holds, present, null: 0 }
}

const fn nullable(name: &'static str, holds: Holds, null: u64) -> Field {
    Field { name, holds, present: 100, null }
}

const STATUSES: &[&str] = &["draft", "open", "paid", "void", "uncollectible"];
const CURRENCIES: &[&str] = &["usd", "eur", "gbp", "jpy", "chf", "sek"];
const ROLES: &[&str] = &["owner", "admin", "member", "guest"];
const COUNTRIES: &[&str] = &["US", "DE", "FR", "GB", "SE", "JP", "BR"];
const TAGS: &[&str] = &["vip", "trial", "legacy", "internal", "priority"];
const EVENTS: &[&str] = &["created", "updated", "paid", "cancelled", "reminded", "exported"];
const CODES: &[&str] = &["resource_missing", "invalid_value", "not_permitted"];

/// About 1.5 KB as JSON.
const OBJECT: &[Field] = &[
    always("id", Holds::OwnId),
    always("object", Holds::Name),
    always("created", Holds::Epoch),
    always("updated_at", Holds::Time),
    always("status", Holds::Token(STATUSES)),
    always("livemode", Holds::Boolean),
    always("currency", Holds::Token(CURRENCIES)),
    always("amount", Holds::Integer(500_000)),
    nullable("description", Holds::Text(7), 10),
    sometimes("external_id", Holds::Uuid, 98),
    always("fingerprint", Holds::Hex(40)),
    always(
        "owner",
        Holds::Object(&[
            always("id", Holds::Id("usr_")),
            always("email", Holds::Email),
            always("name", Holds::Text(2)),
            always("role", Holds::Token(ROLES)),
            sometimes("last_seen_at", Holds::Time, 60),
        ]),
    ),
    sometimes(
        "address",
        Holds::Object(&[
            always("line1", Holds::Text(3)),
            always("city", Holds::Text(1)),
            always("postal_code", Holds::Integer(99_999)),
            always("country", Holds::Token(COUNTRIES)),
            sometimes("line2", Holds::Text(2), 35),
        ]),
        75,
    ),
    always(
        "lines",
        Holds::Objects(
            &[
                always("id", Holds::Uuid),
                always("sku", Holds::Hex(12)),
                always("quantity", Holds::Integer(20)),
                always("unit_amount", Holds::Integer(90_000)),
                sometimes("tax_rate", Holds::Decimal, 90),
                sometimes("note", Holds::Text(3), 10),
            ],
            6,
        ),
    ),
    always("tags", Holds::Tokens(TAGS)),
    always("metadata", Holds::Map),
    always("url", Holds::Url),
    sometimes("parent", Holds::Id("par_"), 40),
    sometimes("cancelled_at", Holds::Time, 2),
    sometimes("memo", Holds::Text(5), 10),
    sometimes("approved_by", Holds::Uuid, 50),
    sometimes("expires_at", Holds::Epoch, 85),
];

/// What a list shows of each object.
const SUMMARY: &[Field] = &[
    always("id", Holds::OwnId),
    always("object", Holds::Name),
    always("created", Holds::Epoch),
    always("status", Holds::Token(STATUSES)),
    always("currency", Holds::Token(CURRENCIES)),
    always("amount", Holds::Integer(500_000)),
    always("fingerprint", Holds::Hex(40)),
    always(
        "owner",
        Holds::Object(&[always("id", Holds::Id("usr_")), always("email", Holds::Email)]),
    ),
    sometimes("parent", Holds::Id("par_"), 40),
    sometimes("memo", Holds::Text(5), 10),
];

/// What creating or updating sends.
const INPUT: &[Field] = &[
    always("currency", Holds::Token(CURRENCIES)),
    always("amount", Holds::Integer(500_000)),
    sometimes("description", Holds::Text(7), 70),
    sometimes("external_id", Holds::Uuid, 50),
    sometimes(
        "address",
        Holds::Object(&[
            always("line1", Holds::Text(3)),
            always("country", Holds::Token(COUNTRIES)),
        ]),
        30,
    ),
];

const EVENT: &[Field] = &[
    always("id", Holds::Uuid),
    always("type", Holds::Token(EVENTS)),
    always("at", Holds::Time),
    always(
        "actor",
        Holds::Object(&[always("id", Holds::Id("usr_")), sometimes("ip_hash", Holds::Hex(16), 50)]),
    ),
    nullable("comment", Holds::Text(5), 60),
];

/// An object of a resource, as read, created or updated.
pub(crate) struct Resource<'n> {
    pub(crate) name: &'n str,
    pub(crate) id: &'n str,
}

impl Resource<'_> {
    pub(crate) fn object(&self, random: &mut Random, out: &mut String) {
        self.write(OBJECT, random, out);
    }

    pub(crate) fn summary(&self, random: &mut Random, out: &mut String) {
        self.write(SUMMARY, random, out);
    }

    pub(crate) fn input(&self, random: &mut Random, out: &mut String) {
        self.write(INPUT, random, out);
    }

    pub(crate) fn event(&self, random: &mut Random, out: &mut String) {
        self.write(EVENT, random, out);
    }

    fn write(&self, fields: &[Field], random: &mut Random, out: &mut String) {
        out.push('{');
        let mut first = true;
        for field in fields {
            if !random.chance(field.present) {
                continue;
            }
            if !first {
                out.push(',');
            }
            first = false;
            let _ = write!(out, "\"{}\":", field.name);
            if random.chance(field.null) {
                out.push_str("null");
            } else {
                self.value(&field.holds, random, out);
            }
        }
        out.push('}');
    }

    fn value(&self, holds: &Holds, random: &mut Random, out: &mut String) {
        match holds {
            Holds::Object(fields) => self.write(fields, random, out),
            Holds::Objects(fields, count_max) => {
                let count = 1 + random.below(*count_max);
                list(count, random, out, |random, out| self.write(fields, random, out));
            }
            Holds::Tokens(tokens) => {
                let count = random.below(4);
                list(count, random, out, |random, out| {
                    let _ = write!(out, "\"{}\"", random.pick(tokens));
                });
            }
            Holds::Map => map(random, out),
            Holds::Epoch => drop(write!(out, "{}", 1_700_000_000 + random.below(60_000_000))),
            Holds::Boolean => out.push_str(if random.chance(80) { "true" } else { "false" }),
            Holds::Integer(end) => drop(write!(out, "{}", random.below(*end))),
            Holds::Decimal => drop(write!(out, "0.{:03}", 1 + random.below(999))),
            _ => {
                out.push('"');
                self.text(holds, random, out);
                out.push('"');
            }
        }
    }

    fn text(&self, holds: &Holds, random: &mut Random, out: &mut String) {
        match holds {
            Holds::OwnId => out.push_str(self.id),
            Holds::Name => out.push_str(self.name),
            Holds::Id(prefix) => id(prefix, random, out),
            Holds::Uuid => uuid(random, out),
            Holds::Hex(digits) => hex(*digits, random, out),
            Holds::Time => time(1_700_000_000_000 + random.below(60_000_000_000), out),
            Holds::Token(tokens) => out.push_str(random.pick(tokens)),
            Holds::Text(words) => text(*words, random, out),
            Holds::Email => {
                hex(8, random, out);
                out.push_str("@mail.example.com");
            }
            Holds::Url => {
                let _ = write!(out, "https://dashboard.example.com/{}s/{}", self.name, self.id);
            }
            _ => {}
        }
    }
}

/// The answer to a refused or failed call.
pub(crate) fn error(random: &mut Random, out: &mut String) {
    let _ = write!(
        out,
        "{{\"error\":{{\"type\":\"invalid_request\",\"code\":\"{}\"",
        random.pick(CODES)
    );
    out.push_str(",\"message\":\"");
    text(8, random, out);
    out.push_str("\",\"request_id\":\"");
    uuid(random, out);
    out.push_str("\"}}");
}

pub(crate) fn list(
    count: u64,
    random: &mut Random,
    out: &mut String,
    mut item: impl FnMut(&mut Random, &mut String),
) {
    out.push('[');
    for index in 0..count {
        if index > 0 {
            out.push(',');
        }
        item(random, out);
    }
    out.push(']');
}

fn map(random: &mut Random, out: &mut String) {
    out.push('{');
    for index in 0..random.below(4) {
        let comma = if index > 0 { "," } else { "" };
        let _ = write!(out, "{comma}\"k{:x}\":\"", random.below(1 << 24));
        hex(6, random, out);
        out.push('"');
    }
    out.push('}');
}

pub(crate) fn id(prefix: &str, random: &mut Random, out: &mut String) {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    out.push_str(prefix);
    for _ in 0..3 {
        let mut word = random.next();
        for _ in 0..8 {
            out.push(char::from(DIGITS[usize::try_from(word % 62).unwrap_or(0)]));
            word /= 62;
        }
    }
}

pub(crate) fn uuid(random: &mut Random, out: &mut String) {
    let (high, low) = (random.next(), random.next());
    let _ = write!(
        out,
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff,
    );
}

fn hex(digits: usize, random: &mut Random, out: &mut String) {
    let end = out.len() + digits;
    while out.len() < end {
        let _ = write!(out, "{:016x}", random.next());
    }
    out.truncate(end);
}

fn text(words: u64, random: &mut Random, out: &mut String) {
    const SYLLABLES: &[&str] = &[
        "ra", "ven", "mar", "ble", "so", "lin", "tek", "or", "bit", "al", "per", "fen", "gu",
        "ish", "dol", "em",
    ];
    for index in 0..words {
        if index > 0 {
            out.push(' ');
        }
        for _ in 0..2 + random.below(2) {
            out.push_str(random.pick(SYLLABLES));
        }
    }
}

/// RFC 3339 with milliseconds.
pub(crate) fn time(epoch_ms: u64, out: &mut String) {
    let at = i64::try_from(epoch_ms).ok().and_then(chrono::DateTime::from_timestamp_millis);
    let _ = write!(out, "{}", at.unwrap_or_default().format("%Y-%m-%dT%H:%M:%S%.3fZ"));
}
