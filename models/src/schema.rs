//! What a model says of one JSON value.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::Bounds;

/// The JSON types of JSON Schema; nullability stands apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JsonType {
    /// An ordered list.
    Array,
    /// `true` or `false`.
    Boolean,
    /// A whole number; part of [`JsonType::Number`].
    Integer,
    /// Any number.
    Number,
    /// An object.
    Object,
    /// Text.
    String,
}

impl JsonType {
    /// The JSON Schema keyword.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Array => "array",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Object => "object",
            Self::String => "string",
        }
    }
}

/// What a value may be: a reference to an entity, or types with their constraints, or both with
/// further alternatives. A value matches if any of them does.
///
/// With nothing set it says nothing, and any value matches. Everything that can drift is keyed by
/// its natural name, so that a JSON Patch of it is small and stable.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// The entity whose schema this is; `types` and `any_of` are then further alternatives.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// Types allowed inline, as `{"string": true}`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", with = "crate::keyed")]
    pub types: BTreeSet<JsonType>,
    /// Whether `null` is allowed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub nullable: bool,
    /// As a property of an object: whether it is always there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// JSON Schema or OpenAPI format of the scalar types.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The values allowed to scalars, as `{"active": true}`; empty where open. Strings stand as
    /// they are, other scalars as JSON text.
    #[serde(
        rename = "enum",
        default,
        skip_serializing_if = "BTreeSet::is_empty",
        with = "crate::keyed"
    )]
    pub values: BTreeSet<String>,
    /// How far a value may go, where the vendor's description says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<Box<Bounds>>,
    /// Fields of an inline object, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, Schema>,
    /// Values of a free-form map (`additionalProperties`), whose keys are data. An inline object
    /// with neither properties nor map values is one the model says nothing of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<Box<Schema>>,
    /// Items of an inline array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Box<Schema>>,
    /// Further alternatives, by name: the entity's where it is a reference, else the tag's value
    /// or the type's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub any_of: BTreeMap<String, Schema>,
    /// The field that tells the alternatives apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discriminator: Option<Discriminator>,
}

/// The field of an object whose value names the alternative it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Discriminator {
    /// The field's name.
    pub property: String,
    /// Key of the alternative in `any_of`, by the field's value; values not listed name it
    /// themselves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mapping: BTreeMap<String, String>,
}

impl Schema {
    /// A reference to an entity.
    pub fn reference(entity: impl Into<String>) -> Self {
        Self { entity: Some(entity.into()), ..Self::default() }
    }

    /// A value of one type.
    pub fn of_type(json_type: JsonType) -> Self {
        Self { types: BTreeSet::from([json_type]), ..Self::default() }
    }

    /// Whether nothing is said of the value, so that any matches.
    pub fn says_nothing(&self) -> bool {
        self.entity.is_none()
            && self.types.is_empty()
            && self.any_of.is_empty()
            && self.values.is_empty()
    }

    /// The same without bounds, here and in all that is within.
    #[must_use]
    pub fn unbounded(&self) -> Self {
        let each = |schemas: &BTreeMap<String, Self>| {
            schemas.iter().map(|(name, one)| (name.clone(), one.unbounded())).collect()
        };
        let inner =
            |schema: &Option<Box<Self>>| schema.as_ref().map(|one| Box::new(one.unbounded()));
        Self {
            bounds: None,
            properties: each(&self.properties),
            any_of: each(&self.any_of),
            map: inner(&self.map),
            items: inner(&self.items),
            ..self.clone()
        }
    }

    /// Has it have the bounds that are of its types, of those given.
    pub fn keep_within(&mut self, bounds: &Bounds) {
        let own = self.types.iter().map(|json_type| bounds.of_type(*json_type));
        let own = own.fold(Bounds::default(), Bounds::and);
        self.bounds = (!own.is_empty()).then(|| Box::new(own));
    }

    /// Whether it is an inline object of which no field is known.
    pub fn is_opaque_object(&self) -> bool {
        self.types.contains(&JsonType::Object) && self.properties.is_empty() && self.map.is_none()
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's skip_serializing_if passes a reference"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}
