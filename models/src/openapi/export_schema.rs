//! Schemas: from [`Schema`] to JSON Schema as OpenAPI 3.1 has it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::alternatives::{Alternative, Tag, fold, in_order, scalar};
use super::extension::{self, AlternativeExtension, ComponentExtension};
use crate::{Bounds, Discriminator, JsonType, Model, Schema};

/// The entities of a model as components.
pub(super) struct Components<'m> {
    model: &'m Model,
    /// Component by entity: the same name where OpenAPI admits it.
    names: BTreeMap<&'m str, String>,
}

impl<'m> Components<'m> {
    pub(super) fn of(model: &'m Model) -> Self {
        let (plain, odd): (Vec<&str>, Vec<&str>) =
            model.entities.keys().map(String::as_str).partition(|name| is_admitted(name));
        let mut names: BTreeMap<&str, String> =
            plain.iter().map(|name| (*name, (*name).to_owned())).collect();
        let mut taken: BTreeSet<String> = names.values().cloned().collect();
        for entity in odd {
            let stem: String =
                entity.chars().map(|c| if is_admitted_char(c) { c } else { '_' }).collect();
            let mut name = stem.clone();
            for number in 2.. {
                if !name.is_empty() && taken.insert(name.clone()) {
                    break;
                }
                name = format!("{stem}-{number}");
            }
            names.insert(entity, name);
        }
        Self { model, names }
    }

    /// `components.schemas`.
    pub(super) fn schemas(&self) -> Value {
        let entities = self.model.entities.iter();
        let schemas = entities.map(|(entity, schema)| {
            let name = &self.names[entity.as_str()];
            let mut value = self.schema(schema);
            if name != entity {
                value[extension::KEY] = json!(ComponentExtension { entity: entity.clone() });
            }
            (name.clone(), value)
        });
        Value::Object(schemas.collect())
    }

    /// One schema. `required` is its owner's to say.
    pub(super) fn schema(&self, schema: &Schema) -> Value {
        let own = own_part(schema);
        match &schema.entity {
            _ if !schema.any_of.is_empty() => self.any_of(schema),
            Some(_) if own != Schema::default() => self.any_of(schema),
            Some(entity) if schema.nullable => {
                json!({"anyOf": [self.reference(entity), {"type": "null"}]})
            }
            Some(entity) => self.reference(entity),
            None => self.inline(schema, schema.nullable),
        }
    }

    fn reference(&self, entity: &str) -> Value {
        match self.names.get(entity) {
            Some(name) => json!({"$ref": format!("#/components/schemas/{name}")}),
            // An entity the model lacks says nothing, as `View` reads it.
            None => json!({}),
        }
    }

    /// A schema with alternatives: named only where the importer would name them otherwise.
    fn any_of(&self, schema: &Schema) -> Value {
        let named = !comes_back(schema);
        let mut list = Vec::new();
        if let Some(entity) = &schema.entity {
            list.push(self.reference(entity));
        }
        let own = own_part(schema);
        if own != Schema::default() {
            list.push(self.inline(&own, false));
        }
        for (key, alternative) in in_order(&schema.any_of) {
            let mut value = self.schema(alternative);
            if named {
                value[extension::KEY] = json!(AlternativeExtension { key: key.clone() });
            }
            list.push(value);
        }
        if schema.nullable {
            list.push(json!({"type": "null"}));
        }
        let mut value = json!({"anyOf": list});
        if let Some(discriminator) = &schema.discriminator {
            value["discriminator"] = self.discriminator(discriminator, schema);
        }
        value
    }

    fn discriminator(&self, discriminator: &Discriminator, schema: &Schema) -> Value {
        let mut value = json!({"propertyName": discriminator.property});
        if !discriminator.mapping.is_empty() {
            let mapping = discriminator.mapping.iter().map(|(tag, key)| {
                let target = match self.only_reference(key, schema) {
                    Some(name) => format!("#/components/schemas/{name}"),
                    None => key.clone(),
                };
                (tag.clone(), target.into())
            });
            value["mapping"] = Value::Object(mapping.collect());
        }
        value
    }

    /// The component an alternative refers to, if no other alternative refers to it too.
    fn only_reference(&self, key: &str, schema: &Schema) -> Option<&String> {
        let entity = schema.any_of.get(key)?.entity.as_deref()?;
        let referring = schema.any_of.values().filter(|one| one.entity.as_deref() == Some(entity));
        self.names.get(entity).filter(|_| referring.count() == 1)
    }

    fn inline(&self, schema: &Schema, nullable: bool) -> Value {
        let mut out = Map::new();
        let mut types: Vec<&str> = schema.types.iter().map(|one| one.name()).collect();
        if nullable {
            types.push("null");
        }
        match types.as_slice() {
            [] => {}
            [only] => drop(out.insert("type".to_owned(), (*only).into())),
            _ => drop(out.insert("type".to_owned(), types.into())),
        }
        if let Some(format) = &schema.format {
            out.insert("format".to_owned(), format.clone().into());
        }
        if !schema.values.is_empty() {
            let mut values: Vec<Value> =
                schema.values.iter().flat_map(|text| meanings(text, &schema.types)).collect();
            if nullable {
                values.push(Value::Null);
            }
            out.insert("enum".to_owned(), values.into());
        }
        if let Some(bounds) = &schema.bounds {
            out.extend(keywords(bounds));
        }
        if !schema.properties.is_empty() {
            let properties = schema.properties.iter();
            let properties = properties.map(|(name, one)| (name.clone(), self.schema(one)));
            out.insert("properties".to_owned(), Value::Object(properties.collect()));
            let required = schema.properties.iter().filter(|(_, one)| one.required);
            let required: Vec<&String> = required.map(|(name, _)| name).collect();
            if !required.is_empty() {
                out.insert("required".to_owned(), json!(required));
            }
        }
        if let Some(values) = &schema.map {
            out.insert("additionalProperties".to_owned(), self.schema(values));
        }
        if let Some(items) = &schema.items {
            out.insert("items".to_owned(), self.schema(items));
        }
        Value::Object(out)
    }
}

/// Bounds in JSON Schema's words.
fn keywords(bounds: &Bounds) -> impl Iterator<Item = (String, Value)> {
    let all = [
        ("minimum", json!(bounds.minimum)),
        ("maximum", json!(bounds.maximum)),
        ("exclusiveMinimum", json!(bounds.exclusive_minimum)),
        ("exclusiveMaximum", json!(bounds.exclusive_maximum)),
        ("minLength", json!(bounds.min_length)),
        ("maxLength", json!(bounds.max_length)),
        ("pattern", json!(bounds.pattern)),
        ("minItems", json!(bounds.min_items)),
        ("maxItems", json!(bounds.max_items)),
    ];
    let said = all.into_iter().filter(|(_, value)| !value.is_null());
    said.map(|(word, value)| (word.to_owned(), value))
}

/// A schema without its reference and alternatives, nullability and requiredness aside.
fn own_part(schema: &Schema) -> Schema {
    Schema {
        entity: None,
        any_of: BTreeMap::new(),
        discriminator: None,
        nullable: false,
        required: false,
        ..schema.clone()
    }
}

/// Whether the importer makes of the bare alternatives what they are.
fn comes_back(schema: &Schema) -> bool {
    let mut list = Vec::new();
    let mut add = |schema| list.push(Alternative { name: None, schema });
    if let Some(entity) = &schema.entity {
        add(Schema::reference(entity));
    }
    let own = own_part(schema);
    if own != Schema::default() {
        add(own);
    }
    for (_, alternative) in in_order(&schema.any_of) {
        add(alternative.clone());
    }
    if schema.nullable {
        add(Schema { nullable: true, ..Schema::default() });
    }
    let tag = schema.discriminator.as_ref().map(Tag::from);
    let folded = fold(list, tag.as_ref());
    folded == Schema { required: false, ..schema.clone() }
}

/// The JSON values an enum's text stands for, given the types it may have; the text itself where
/// it fits none.
fn meanings(text: &str, types: &BTreeSet<JsonType>) -> Vec<Value> {
    let mut values = Vec::new();
    for value in types.iter().filter_map(|json_type| scalar(text, *json_type)) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    if values.is_empty() {
        values.push(text.into());
    }
    values
}

/// What OpenAPI admits as a component's name.
///
/// # Source
///
/// OpenAPI 3.1.1 §4.8.7.1: `^[a-zA-Z0-9\.\-_]+$`.
fn is_admitted(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_admitted_char)
}

const fn is_admitted_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}
