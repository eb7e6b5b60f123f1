//! A value on its way into an answer.

use std::borrow::Cow;

use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// A value as an answer shows it. What of it is stored, or said by the model, is borrowed until it is written.
#[derive(Debug)]
pub(crate) enum Shown<'s> {
    Stored(&'s Value),
    Made(Value),
    List(Vec<Shown<'s>>),
    /// By name, each once.
    Object(Vec<(Cow<'s, str>, Shown<'s>)>),
}

impl<'s> Shown<'s> {
    pub(crate) const NULL: Self = Self::Made(Value::Null);

    /// An object with fields in any order.
    pub(crate) fn object(mut fields: Vec<(Cow<'s, str>, Self)>) -> Self {
        fields.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self::Object(fields)
    }

    /// The text it is, where it is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Stored(value) => value.as_str(),
            Self::Made(value) => value.as_str(),
            Self::List(_) | Self::Object(_) => None,
        }
    }

    /// Takes a field out of an object.
    pub(crate) fn remove(&mut self, name: &str) {
        if let Self::Object(fields) = self {
            fields.retain(|(own, _)| own != name);
        }
    }

    /// Puts a value in the place of an object's field, which it has.
    pub(crate) fn replace(&mut self, name: &str, value: Self) {
        if let Self::Object(fields) = self
            && let Some((_, own)) = fields.iter_mut().find(|(own, _)| own == name)
        {
            *own = value;
        }
    }

    /// The value by itself.
    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Stored(value) => value.clone(),
            Self::Made(value) => value,
            Self::List(items) => items.into_iter().map(Self::into_value).collect(),
            Self::Object(fields) => {
                let fields = fields.into_iter();
                let owned = fields.map(|(name, value)| (name.into_owned(), value.into_value()));
                Value::Object(owned.collect::<Map<_, _>>())
            }
        }
    }
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Stored(value) => value.serialize(serializer),
            Self::Made(value) => value.serialize(serializer),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Self::Object(fields) => {
                let mut object = serializer.serialize_map(Some(fields.len()))?;
                fields.iter().try_for_each(|(name, value)| object.serialize_entry(name, value))?;
                object.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_is_the_value_it_is() {
        let (stored, inner) = (json!({"b": [1, null], "a": "x"}), json!([true]));
        let shown = Shown::object(vec![
            ("z".into(), Shown::Stored(&stored)),
            ("list".into(), Shown::List(vec![Shown::NULL, Shown::Stored(&inner)])),
            ("made".into(), Shown::Made(json!(1.5))),
        ]);
        let written = serde_json::to_string(&shown).unwrap();
        let value = shown.into_value();
        assert_eq!(value, json!({"z": stored, "list": [null, inner], "made": 1.5}));
        assert_eq!(written, value.to_string());
    }
}
