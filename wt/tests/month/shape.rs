//! Objects of the vendor: fields, and values that are the same whenever an object is shown.

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A field of an entity.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    pub name: String,
    #[serde(rename = "gen")]
    pub value: Gen,
    /// Share of the objects that have it.
    #[serde(default = "always")]
    pub presence: f64,
    /// Share of them where it is null.
    #[serde(default)]
    pub null: f64,
}

/// What a field holds.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gen {
    Words(Vec<String>),
    Object(Vec<Field>),
    Text,
    Int,
    Number,
    Money,
    Bool,
    Email,
    Date,
    Instant,
}

fn always() -> f64 {
    1.0
}

/// A number between 0 and 1 for a name, always the same.
pub fn chance(parts: &[&str]) -> f64 {
    (hash(parts) >> 11) as f64 / (1_u64 << 53) as f64
}

/// FNV-1a with a finish that spreads short inputs.
pub fn hash(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0xff]));
    let sum = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (sum ^ (sum >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ (mixed >> 32)
}

impl Field {
    /// A field that is always there.
    pub fn new(name: &str, value: Gen) -> Self {
        Self { name: name.to_owned(), value, presence: 1.0, null: 0.0 }
    }

    /// Puts the object's value into it, where it has one.
    fn fill(&self, id: &str, object: &mut Map<String, Value>) {
        if chance(&[id, &self.name, "there"]) >= self.presence {
            return;
        }
        let is_null = chance(&[id, &self.name, "null"]) < self.null;
        let value = if is_null { Value::Null } else { self.value.of(&[id, &self.name]) };
        object.insert(self.name.clone(), value);
    }
}

impl Gen {
    fn of(&self, seed: &[&str]) -> Value {
        let number = hash(seed);
        match self {
            Self::Words(words) => json!(words[usize::try_from(number >> 3).unwrap() % words.len()]),
            Self::Object(fields) => object(seed[0], fields),
            Self::Text => json!(format!("Some words {} and {}", number % 977, number % 89)),
            Self::Int => json!(number % 100_000),
            Self::Number => json!((number % 10_000) as f64 / 100.0 + 0.005),
            Self::Money => json!(format!("{}.{:02}", number % 900, number % 100)),
            Self::Bool => json!(number.is_multiple_of(2)),
            Self::Email => json!(format!("person{}@example{}.com", number % 99_991, number % 7)),
            Self::Date => json!(format!("2026-{:02}-{:02}", number % 12 + 1, number % 28 + 1)),
            Self::Instant => {
                json!(format!(
                    "2026-{:02}-{:02}T{:02}:00:00Z",
                    number % 12 + 1,
                    number % 28 + 1,
                    number % 24
                ))
            }
        }
    }
}

/// One object, the same whenever it is shown.
pub fn object(id: &str, fields: &[Field]) -> Value {
    let mut object = Map::new();
    for field in fields {
        field.fill(id, &mut object);
    }
    Value::Object(object)
}
