//! Types as `routes.yaml` writes them: `string`, `{ name: string }`, `string[]`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A type in short notation.
///
/// # Source
///
/// CHECKLIST, U06.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum Shorthand {
    /// `string`, `number`, `integer`, `boolean`, `object`, `array`, `any`.
    One(Scalar),
    /// `string[]`.
    List(Box<Self>),
    /// `{ name: string }`: an object whose fields, where they are there, are these.
    Fields(BTreeMap<String, Self>),
}

/// A type of one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scalar {
    /// Text.
    String,
    /// Any number.
    Number,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// Fields of any name.
    Object,
    /// A list of anything.
    Array,
    /// Anything.
    Any,
}

impl Shorthand {
    /// Whether a value is of the type. Null is: that a field is empty is for the model to judge.
    pub fn fits(&self, value: &Value) -> bool {
        match (self, value) {
            (_, Value::Null) | (Self::One(Scalar::Any), _) => true,
            (Self::One(scalar), value) => match scalar {
                Scalar::String => value.is_string(),
                Scalar::Number => value.is_number(),
                Scalar::Integer => value.is_i64() || value.is_u64(),
                Scalar::Boolean => value.is_boolean(),
                Scalar::Object => value.is_object(),
                Scalar::Array => value.is_array(),
                Scalar::Any => true,
            },
            (Self::List(item), Value::Array(items)) => items.iter().all(|one| item.fits(one)),
            (Self::Fields(fields), Value::Object(given)) => fields
                .iter()
                .all(|(name, field)| given.get(name).is_none_or(|value| field.fits(value))),
            (Self::List(_) | Self::Fields(_), _) => false,
        }
    }

    /// The type in a word, for errors.
    pub fn name(&self) -> &'static str {
        match self {
            Self::One(Scalar::String) => "string",
            Self::One(Scalar::Number) => "number",
            Self::One(Scalar::Integer) => "integer",
            Self::One(Scalar::Boolean) => "boolean",
            Self::One(Scalar::Any) => "any",
            Self::One(Scalar::Object) | Self::Fields(_) => "object",
            Self::One(Scalar::Array) | Self::List(_) => "array",
        }
    }
}

impl TryFrom<Value> for Shorthand {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::String(text) => {
                if let Some(item) = text.trim().strip_suffix("[]") {
                    return Self::try_from(Value::from(item)).map(|item| Self::List(item.into()));
                }
                let word = text.trim().trim_end_matches('?').to_ascii_lowercase();
                let scalar = serde_json::from_value(Value::String(word));
                scalar.map(Self::One).map_err(|_| {
                    format!("{text:?} is no type: string, number, integer, boolean, object, array, any, or one of them with []")
                })
            }
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(name, one)| Ok((name, Self::try_from(one)?)));
                fields.collect::<Result<_, String>>().map(Self::Fields)
            }
            other => Err(format!("{other} is no type")),
        }
    }
}

impl From<Shorthand> for Value {
    fn from(shorthand: Shorthand) -> Self {
        match shorthand {
            Shorthand::List(item) => match Self::from(*item) {
                Self::String(text) => Self::String(format!("{text}[]")),
                other => Self::Array(vec![other]),
            },
            Shorthand::Fields(fields) => {
                fields.into_iter().map(|(name, one)| (name, Self::from(one))).collect()
            }
            one @ Shorthand::One(_) => one.name().into(),
        }
    }
}
