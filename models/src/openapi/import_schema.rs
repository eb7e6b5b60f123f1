//! Schemas: from JSON Schema as vendors write it to [`Schema`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Number, Value};

use super::ImportError;
use super::alternatives::{Alternative, Tag, Target, fold};
use super::at::{At, SCHEMAS_MAX};
use super::document::{Document, extension_of};
use super::extension::AlternativeExtension;
use crate::digest::whole_number;
use crate::{Bounds, Class, JsonType, Schema, canonical_json};

/// A schema, and the names of required fields that it has no property for (yet: another part of
/// an `allOf` may have it).
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    pub(super) schema: Schema,
    pub(super) wanted: BTreeSet<String>,
}

impl Part {
    /// Whether it constrains nothing.
    pub(super) fn is_silent(&self) -> bool {
        self.schema.says_nothing() && self.wanted.is_empty()
    }

    /// Marks the properties that are wanted and there.
    pub(super) fn settle(&mut self) {
        let properties = &mut self.schema.properties;
        self.wanted.retain(|name| match properties.get_mut(name) {
            Some(property) => {
                property.required = true;
                false
            }
            None => true,
        });
    }
}

/// Keywords that constrain beside a `$ref`, and that make an alternative more than a condition.
const STRUCTURE: [&str; 9] = [
    "properties",
    "allOf",
    "anyOf",
    "oneOf",
    "enum",
    "const",
    "items",
    "additionalProperties",
    "patternProperties",
];

impl<'d> Document<'d> {
    /// Reads one schema.
    pub(super) fn schema(&mut self, raw: &'d Value, at: &At<'_>) -> Result<Schema, ImportError> {
        let part = self.part(raw, at)?;
        for name in &part.wanted {
            self.note(at, &requires(name));
        }
        Ok(part.schema)
    }

    /// Reads one schema that may be a part of another.
    pub(super) fn part(&mut self, raw: &'d Value, at: &At<'_>) -> Result<Part, ImportError> {
        if at.is_too_deep() {
            return Err(self.too_deep(at));
        }
        if self.schemas > SCHEMAS_MAX {
            return Err(self.schema_too_deep(at));
        }
        self.schemas += 1;
        let part = self.part_unguarded(raw, at);
        self.schemas -= 1;
        part
    }

    fn part_unguarded(&mut self, raw: &'d Value, at: &At<'_>) -> Result<Part, ImportError> {
        match raw {
            Value::Bool(true) => Ok(Part::default()),
            Value::Bool(false) => {
                self.note(at, "allows no value; read as allowing any");
                Ok(Part::default())
            }
            Value::Object(map) => match map.get("$ref") {
                Some(reference) => {
                    let reference = self.text(reference, &at.key("$ref"))?;
                    self.reference(map, reference, at)
                }
                None => self.keywords(map, at),
            },
            other => Err(self.wrong(at, "a schema", other)),
        }
    }

    fn reference(
        &mut self,
        map: &'d Map<String, Value>,
        reference: &'d str,
        at: &At<'_>,
    ) -> Result<Part, ImportError> {
        let mut target = self.target(reference, at)?;
        let constrains = STRUCTURE.iter().any(|key| map.contains_key(*key))
            || map.get("required").is_some_and(Value::is_array);
        if constrains && self.siblings_count {
            let own = self.own_keywords(map, at)?;
            target = self.all_of(own, vec![target], at)?;
        } else if constrains {
            self.note(at, "keywords beside `$ref` are ignored, as OpenAPI 3.0 says");
        }
        // `nullable` has no effect here in 3.0 either, but those who write it mean it.
        target.schema.nullable |= is_nullable(map);
        Ok(target)
    }

    /// What a reference is to: an entity by name, anything else as a copy.
    fn target(&mut self, reference: &'d str, at: &At<'_>) -> Result<Part, ImportError> {
        if let Some(entity) = self.entity_of(reference) {
            return Ok(Part { schema: Schema::reference(entity), wanted: BTreeSet::new() });
        }
        let raw = self.resolve(reference, at)?;
        if self.open.iter().any(|open| open == reference) {
            self.note(at, "refers to a place it stands in; read as allowing any value");
            return Ok(Part::default());
        }
        self.open.push(reference.to_owned());
        let part = self.part(raw, &at.target(reference));
        self.open.pop();
        part
    }

    fn keywords(&mut self, map: &'d Map<String, Value>, at: &At<'_>) -> Result<Part, ImportError> {
        let mut part = self.own_keywords(map, at)?;
        if let Some(list) = map.get("allOf") {
            let at = at.key("allOf");
            let mut parts = Vec::new();
            for (index, raw) in self.list(list, &at)?.iter().enumerate() {
                parts.push(self.part(raw, &at.index(index))?);
            }
            part = self.all_of(part, parts, &at)?;
        }
        // What says nothing allows null as it is.
        part.schema.nullable |= is_nullable(map) && !part.schema.says_nothing();
        Ok(part)
    }

    /// Everything but `$ref` and `allOf`.
    fn own_keywords(
        &mut self,
        map: &'d Map<String, Value>,
        at: &At<'_>,
    ) -> Result<Part, ImportError> {
        let mut part = self.plain(map, at)?;
        for word in ["anyOf", "oneOf"] {
            let Some(list) = map.get(word) else { continue };
            let list = self.list(list, &at.key(word))?;
            if is_condition(list) {
                continue;
            }
            if part.schema.is_opaque_object() && !part.wanted.is_empty() {
                self.note(at, &format!("`required` beside `{word}` is ignored"));
                part.wanted.clear();
            }
            let mut schema = self.any_of(map, word, list, &part, at)?;
            schema.nullable |= part.schema.nullable && !schema.says_nothing();
            part = Part { schema, wanted: BTreeSet::new() };
        }
        for word in ["not", "if"] {
            if map.contains_key(word) {
                self.note(at, &format!("`{word}` is ignored"));
            }
        }
        Ok(part)
    }

    /// Alternatives, each with what the keywords around them say.
    fn any_of(
        &mut self,
        map: &'d Map<String, Value>,
        word: &str,
        list: &'d [Value],
        common: &Part,
        at: &At<'_>,
    ) -> Result<Schema, ImportError> {
        let inner = at.key(word);
        let mut alternatives = Vec::new();
        for (index, raw) in list.iter().enumerate() {
            if raw == &Value::Bool(false) {
                continue;
            }
            let at = inner.index(index);
            let mut part = self.part(raw, &at)?;
            let is_null = part.schema.says_nothing() && part.schema.nullable;
            let entity = part.schema.entity.clone();
            if !is_null {
                let Some(merged) = self.merge(common.clone(), part, &at)? else { continue };
                part = merged;
            }
            for name in &part.wanted {
                self.note(&at, &requires(name));
            }
            // A copy of an entity keeps its name.
            let name = extension_of::<AlternativeExtension>(raw).map(|extension| extension.key);
            let copied = entity.filter(|_| part.schema.entity.is_none());
            alternatives.push(Alternative { name: name.or(copied), schema: part.schema });
        }
        let tag = self.tag(map, at)?;
        let schema = if list.iter().any(|raw| extension_of::<AlternativeExtension>(raw).is_some()) {
            as_named(alternatives, tag.as_ref())
        } else {
            fold(alternatives, tag.as_ref())
        };
        if let Some(tag) = tag {
            for value in tag.resolve(&schema.any_of).1 {
                self.note(at, &format!("the discriminator's `{value}` names no alternative"));
            }
        }
        Ok(schema)
    }

    fn tag(&self, map: &'d Map<String, Value>, at: &At<'_>) -> Result<Option<Tag>, ImportError> {
        let Some(raw) = map.get("discriminator") else { return Ok(None) };
        let at = at.key("discriminator");
        let Some(property) = self.member(raw, "propertyName", &at)? else { return Ok(None) };
        let property = self.text(property, &at.key("propertyName"))?.to_owned();
        let mut mapping = BTreeMap::new();
        for (value, target) in self.entries(raw, "mapping", &at)? {
            let target = self.text(target, &at.key("mapping").key(value))?;
            let target = match self.entity_of(target) {
                Some(entity) => Target::Entity(entity),
                None => Target::Name(target.to_owned()),
            };
            mapping.insert(value.clone(), target);
        }
        Ok(Some(Tag { property, mapping }))
    }

    /// Types, values, format, and what is in objects and arrays.
    fn plain(&mut self, map: &'d Map<String, Value>, at: &At<'_>) -> Result<Part, ImportError> {
        let mut part = Part::default();
        let schema = &mut part.schema;
        let mut null = false;
        self.types(map, schema, &mut null, at)?;
        let closed_types = self.values(map, schema, &mut null, at)?;
        schema.format = map.get("format").and_then(Value::as_str).map(str::to_owned);
        if schema.types.is_empty() {
            schema.types = inferred(map, schema.format.as_deref(), closed_types);
        }
        if schema.types.is_disjoint(&SCALARS.into()) {
            schema.values.clear();
            if !schema.types.is_empty() {
                schema.format = None;
            }
        }
        schema.nullable = null;
        schema.keep_within(&bounds(map));
        if schema.types.contains(&JsonType::Object) {
            self.object_keywords(map, &mut part, at)?;
        } else if map.contains_key("properties") {
            self.note(at, "`properties` of what is no object are ignored");
        }
        if part.schema.types.contains(&JsonType::Array) {
            part.schema.items = self.items(map, at)?.map(Box::new);
        }
        Ok(part)
    }

    fn types(
        &mut self,
        map: &'d Map<String, Value>,
        schema: &mut Schema,
        null: &mut bool,
        at: &At<'_>,
    ) -> Result<(), ImportError> {
        let Some(raw) = map.get("type") else { return Ok(()) };
        let at = at.key("type");
        let names = match raw {
            Value::String(_) => std::slice::from_ref(raw),
            Value::Array(names) => names.as_slice(),
            other => return Err(self.wrong(&at, "a type's name or a list of them", other)),
        };
        for name in names {
            let name = self.text(name, &at)?;
            match (json_type(name), name) {
                (Some(json_type), _) => drop(schema.types.insert(json_type)),
                (None, "null") => *null = true,
                (None, _) => self.note(&at, &format!("`{name}` is no type; ignored")),
            }
        }
        Ok(())
    }

    /// Reads `enum` and `const`, and answers the types of what they hold.
    fn values(
        &mut self,
        map: &'d Map<String, Value>,
        schema: &mut Schema,
        null: &mut bool,
        at: &At<'_>,
    ) -> Result<BTreeSet<JsonType>, ImportError> {
        let values = match (map.get("enum"), map.get("const")) {
            (Some(raw), _) => self.list(raw, &at.key("enum"))?,
            (None, Some(constant)) => std::slice::from_ref(constant),
            (None, None) => return Ok(BTreeSet::new()),
        };
        let mut types = BTreeSet::new();
        for value in values {
            let (json_type, text) = match value {
                Value::Null => {
                    *null = true;
                    continue;
                }
                Value::String(text) => (JsonType::String, text.clone()),
                Value::Bool(_) => (JsonType::Boolean, value.to_string()),
                Value::Number(number) if number.is_f64() => {
                    (JsonType::Number, canonical_json(value))
                }
                Value::Number(_) => (JsonType::Integer, canonical_json(value)),
                Value::Array(_) | Value::Object(_) => {
                    self.note(at, "an enum of objects or lists is ignored");
                    schema.values.clear();
                    return Ok(BTreeSet::new());
                }
            };
            types.insert(json_type);
            schema.values.insert(text);
        }
        Ok(types)
    }

    fn object_keywords(
        &mut self,
        map: &'d Map<String, Value>,
        part: &mut Part,
        at: &At<'_>,
    ) -> Result<(), ImportError> {
        if let Some(raw) = map.get("properties").filter(|raw| !raw.is_null()) {
            let at = at.key("properties");
            for (name, raw) in self.object(raw, &at)? {
                let property = self.schema(raw, &at.key(name))?;
                part.schema.properties.insert(name.clone(), property);
            }
        }
        match map.get("required") {
            // Part 3's `required: true`, which some write on a property, says nothing here.
            None | Some(Value::Bool(_) | Value::Null) => {}
            Some(raw) => {
                let at = at.key("required");
                for (index, name) in self.list(raw, &at)?.iter().enumerate() {
                    part.wanted.insert(self.text(name, &at.index(index))?.to_owned());
                }
            }
        }
        part.schema.map = self.map_values(map, at)?.map(Box::new);
        part.settle();
        Ok(())
    }

    fn map_values(
        &mut self,
        map: &'d Map<String, Value>,
        at: &At<'_>,
    ) -> Result<Option<Schema>, ImportError> {
        match map.get("additionalProperties") {
            None | Some(Value::Bool(false) | Value::Null) => {}
            Some(raw) => return self.schema(raw, &at.key("additionalProperties")).map(Some),
        }
        let Some(patterns) = map.get("patternProperties") else { return Ok(None) };
        let at = at.key("patternProperties");
        let mut alternatives = Vec::new();
        for (pattern, raw) in self.object(patterns, &at)? {
            let schema = self.schema(raw, &at.key(pattern))?;
            alternatives.push(Alternative { name: None, schema });
        }
        Ok((!alternatives.is_empty()).then(|| fold(alternatives, None)))
    }

    /// `items`; those of a tuple are alternatives, as their places are not kept.
    fn items(
        &mut self,
        map: &'d Map<String, Value>,
        at: &At<'_>,
    ) -> Result<Option<Schema>, ImportError> {
        let inner = at.key("items");
        let (word, tuple) = match (map.get("prefixItems"), map.get("items")) {
            (Some(tuple), _) => ("prefixItems", self.list(tuple, &at.key("prefixItems"))?),
            (None, Some(Value::Array(tuple))) => ("items", tuple.as_slice()),
            (None, Some(raw)) => return self.schema(raw, &inner).map(Some),
            (None, None) => return Ok(None),
        };
        let mut alternatives = Vec::new();
        for (index, raw) in tuple.iter().enumerate() {
            let schema = self.schema(raw, &at.key(word).index(index))?;
            alternatives.push(Alternative { name: None, schema });
        }
        if let (true, Some(raw @ Value::Object(_))) = (word == "prefixItems", map.get("items")) {
            alternatives.push(Alternative { name: None, schema: self.schema(raw, &inner)? });
        }
        self.note(at, "the places of a tuple's items are not kept");
        Ok(Some(fold(alternatives, None)))
    }
}

/// Alternatives that our exporter named: as it wrote them, nothing folded.
fn as_named(alternatives: Vec<Alternative>, tag: Option<&Tag>) -> Schema {
    let mut schema = Schema::default();
    let mut any_of = BTreeMap::new();
    for Alternative { name, schema: one } in alternatives {
        match name {
            Some(name) => drop(any_of.insert(name, one)),
            None if one.entity.is_some() => schema.entity = one.entity,
            None if one.says_nothing() => schema.nullable |= one.nullable,
            None => {
                schema = Schema {
                    entity: schema.entity,
                    nullable: schema.nullable || one.nullable,
                    ..one
                }
            }
        }
    }
    schema.discriminator = tag.map(|tag| tag.resolve(&any_of).0);
    schema.any_of = any_of;
    schema
}

const SCALARS: [JsonType; 4] =
    [JsonType::Boolean, JsonType::Integer, JsonType::Number, JsonType::String];

fn json_type(name: &str) -> Option<JsonType> {
    SCALARS
        .into_iter()
        .chain([JsonType::Object, JsonType::Array])
        .find(|json_type| json_type.name() == name)
}

fn is_nullable(map: &Map<String, Value>) -> bool {
    let named = |value: &Value| match value {
        Value::Array(names) => names.iter().any(|name| name == "null"),
        _ => false,
    };
    map.get("nullable") == Some(&Value::Bool(true)) || map.get("type").is_some_and(named)
}

/// The bounds that keywords say; what is no number or no text says none.
fn bounds(map: &Map<String, Value>) -> Bounds {
    let number = |word: &str| match map.get(word)? {
        // A whole number is one however it is written.
        Value::Number(number) if number.is_f64() => {
            let whole = whole_number(number.as_f64()?).and_then(|text| text.parse().ok());
            Some(whole.unwrap_or_else(|| number.clone()))
        }
        Value::Number(number) => Some(number.clone()),
        _ => None,
    };
    let count = |word: &str| number(word)?.as_u64();
    // OpenAPI 3.0 says with a flag that the bound itself is out.
    let (mut minimum, mut maximum) = (number("minimum"), number("maximum"));
    let exclusive = |word: &str, bound: &mut Option<Number>| match map.get(word) {
        Some(Value::Bool(true)) => bound.take(),
        _ => number(word),
    };
    Bounds {
        exclusive_minimum: exclusive("exclusiveMinimum", &mut minimum),
        exclusive_maximum: exclusive("exclusiveMaximum", &mut maximum),
        minimum,
        maximum,
        min_length: count("minLength"),
        max_length: count("maxLength"),
        pattern: map.get("pattern").and_then(Value::as_str).map(str::to_owned),
        min_items: count("minItems"),
        max_items: count("maxItems"),
    }
}

/// The type that other keywords stand for, where `type` is missing.
fn inferred(
    map: &Map<String, Value>,
    format: Option<&str>,
    of_values: BTreeSet<JsonType>,
) -> BTreeSet<JsonType> {
    let has = |keys: &[&str]| keys.iter().any(|key| map.contains_key(*key));
    if !of_values.is_empty() {
        of_values
    } else if has(&["properties", "additionalProperties", "patternProperties"])
        || map.get("required").is_some_and(Value::is_array)
    {
        BTreeSet::from([JsonType::Object])
    } else if has(&["items", "prefixItems"]) {
        BTreeSet::from([JsonType::Array])
    } else if format.and_then(Class::of_format).is_some() {
        BTreeSet::from([JsonType::String])
    } else {
        BTreeSet::new()
    }
}

fn requires(name: &str) -> String {
    format!("requires `{name}`, which it has no property for; ignored")
}

/// Whether the alternatives only say which fields of the schema around them go together.
fn is_condition(alternatives: &[Value]) -> bool {
    let is_bare = |raw: &Value| {
        raw.as_object().is_some_and(|map| {
            map.contains_key("required")
                && !map.contains_key("type")
                && !map.contains_key("$ref")
                && !STRUCTURE.iter().any(|key| map.contains_key(*key))
        })
    };
    !alternatives.is_empty() && alternatives.iter().all(is_bare)
}
