//! `allOf`: one schema from parts that all hold.

use std::collections::BTreeSet;

use super::ImportError;
use super::alternatives::{Alternative, Tag, fold, spread};
use super::at::At;
use super::document::Document;
use super::import_schema::Part;
use crate::{Bounds, JsonType, Schema};

impl Document<'_> {
    /// Merges the parts of an `allOf` and the keywords beside it.
    ///
    /// A single part that says something stays as it is, so that a reference stays one; several
    /// are merged as copies.
    pub(super) fn all_of(
        &mut self,
        own: Part,
        parts: Vec<Part>,
        at: &At<'_>,
    ) -> Result<Part, ImportError> {
        let nullable = own.schema.nullable;
        let mut whole: Option<Part> = (!own.is_silent()).then_some(own);
        // Every part must allow null; the keyword beside `allOf` is meant for the whole.
        let mut parts_nullable = None;
        for part in parts.into_iter().filter(|part| !part.is_silent()) {
            *parts_nullable.get_or_insert(true) &= part.schema.nullable;
            whole = Some(match whole {
                None => part,
                Some(before) => match self.merge(before.clone(), part, at)? {
                    Some(merged) => merged,
                    None => before,
                },
            });
        }
        let mut whole = whole.unwrap_or_default();
        whole.schema.nullable = nullable || parts_nullable.unwrap_or(false);
        Ok(whole)
    }

    /// What both parts allow; `None`, with a note, where that is nothing.
    pub(super) fn merge(
        &mut self,
        one: Part,
        other: Part,
        at: &At<'_>,
    ) -> Result<Option<Part>, ImportError> {
        if other.is_silent() || (is_reference(&one) && adds_nothing(&other)) {
            return Ok(Some(one));
        }
        if one.is_silent() || (is_reference(&other) && adds_nothing(&one)) {
            return Ok(Some(other));
        }
        if is_reference(&one) && one.schema.entity == other.schema.entity {
            return Ok(Some(one));
        }
        if at.is_too_deep() {
            return Err(self.too_deep(at));
        }
        let (Some((first, opened)), Some((second, opened_too))) =
            (self.expand(one.clone(), at)?, self.expand(other.clone(), at)?)
        else {
            self.note(at, "refers to a schema it is part of; that part is not merged");
            // Of two references the later part's is the narrower one.
            let keeps_one = names_entity(&other.schema) && !names_entity(&one.schema);
            return Ok(Some(if keeps_one { one } else { other }));
        };
        let open = self.open.len();
        self.open.extend(opened);
        self.open.extend(opened_too);
        let merged = if !second.schema.any_of.is_empty() {
            self.distribute(&first, second, at)
        } else if !first.schema.any_of.is_empty() {
            self.distribute(&second, first, at)
        } else {
            self.merge_inline(first, second, at)
        };
        self.open.truncate(open);
        merged
    }

    /// A part that is no reference, with the entity's schema in its place, and the references
    /// followed to it. `None` for an entity that is being read already.
    fn expand(
        &mut self,
        mut part: Part,
        at: &At<'_>,
    ) -> Result<Option<(Part, Vec<String>)>, ImportError> {
        let mut followed = Vec::new();
        while names_entity(&part.schema) {
            let entity = part.schema.entity.take().unwrap_or_default();
            let Some((reference, raw)) = self.entities.get(&entity).cloned() else {
                return Ok(None);
            };
            if self.open.contains(&reference) || followed.contains(&reference) {
                return Ok(None);
            }
            self.open.push(reference.clone());
            let read = self.part(raw, &at.target(&reference));
            self.open.pop();
            let mut read = read?;
            read.wanted.append(&mut part.wanted);
            read.schema.nullable |= part.schema.nullable;
            read.schema.required = part.schema.required;
            read.settle();
            part = read;
            followed.push(reference);
        }
        Ok(Some((part, followed)))
    }

    /// Merges a schema into each alternative of another.
    fn distribute(
        &mut self,
        common: &Part,
        choice: Part,
        at: &At<'_>,
    ) -> Result<Option<Part>, ImportError> {
        let nullable = common.schema.nullable && choice.schema.nullable;
        let required = common.schema.required || choice.schema.required;
        let tag = choice.schema.discriminator.as_ref().map(Tag::from);
        let mut alternatives = Vec::new();
        for Alternative { name, schema } in spread(choice.schema) {
            if schema.says_nothing() {
                continue;
            }
            let alternative = Part { schema, wanted: choice.wanted.clone() };
            if let Some(merged) = self.merge(common.clone(), alternative, at)? {
                alternatives.push(Alternative { name, schema: merged.schema });
            }
        }
        if alternatives.is_empty() {
            return Ok(None);
        }
        let mut schema = fold(alternatives, tag.as_ref());
        schema.nullable = nullable;
        schema.required = required;
        Ok(Some(Part { schema, wanted: BTreeSet::new() }))
    }

    fn merge_inline(
        &mut self,
        one: Part,
        other: Part,
        at: &At<'_>,
    ) -> Result<Option<Part>, ImportError> {
        let (mut schema, second) = (one.schema, other.schema);
        schema.types = common_types(&schema.types, &second.types);
        if schema.types.is_empty() && !second.types.is_empty() {
            self.note(at, "parts contradict each other; the later one is ignored");
            return Ok(None);
        }
        schema.nullable &= second.nullable;
        schema.required |= second.required;
        schema.format = second.format.or(schema.format);
        let bounds = [schema.bounds.take(), second.bounds].into_iter().flatten();
        schema.keep_within(&bounds.fold(Bounds::default(), |all, one| all.and(*one)));
        if schema.values.is_empty() {
            schema.values = second.values;
        } else if !second.values.is_disjoint(&schema.values) {
            schema.values.retain(|value| second.values.contains(value));
        }
        for (name, property) in second.properties {
            let merged = match schema.properties.remove(&name) {
                Some(before) => self.merge_schemas(before, property, at)?,
                None => property,
            };
            schema.properties.insert(name, merged);
        }
        schema.map = self.merge_inner(schema.map, second.map, at)?;
        schema.items = self.merge_inner(schema.items, second.items, at)?;
        let mut wanted = one.wanted;
        wanted.extend(other.wanted);
        let mut merged = Part { schema, wanted };
        merged.settle();
        Ok(Some(merged))
    }

    fn merge_inner(
        &mut self,
        one: Option<Box<Schema>>,
        other: Option<Box<Schema>>,
        at: &At<'_>,
    ) -> Result<Option<Box<Schema>>, ImportError> {
        match (one, other) {
            (Some(one), Some(other)) => {
                self.merge_schemas(*one, *other, at).map(|merged| Some(Box::new(merged)))
            }
            (one, other) => Ok(one.or(other)),
        }
    }

    /// Two schemas of the same property; the first stands where nothing fits both.
    fn merge_schemas(
        &mut self,
        one: Schema,
        other: Schema,
        at: &At<'_>,
    ) -> Result<Schema, ImportError> {
        if one == other {
            return Ok(one);
        }
        let required = one.required || other.required;
        let of = |schema| Part { schema, wanted: BTreeSet::new() };
        let merged = self.merge(of(one.clone()), of(other), &at.deeper())?;
        let mut schema = merged.map_or(one, |part| part.schema);
        schema.required = required;
        Ok(schema)
    }
}

/// A reference without alternatives.
fn names_entity(schema: &Schema) -> bool {
    schema.entity.is_some() && schema.types.is_empty() && schema.any_of.is_empty()
}

/// Only a reference, nothing beside it.
fn is_reference(part: &Part) -> bool {
    names_entity(&part.schema) && part.wanted.is_empty()
}

/// Only `type: object`, which every entity an `allOf` refers to is anyway.
fn adds_nothing(part: &Part) -> bool {
    let schema = &part.schema;
    schema.entity.is_none()
        && schema.any_of.is_empty()
        && schema.is_opaque_object()
        && schema.types.len() == 1
        && part.wanted.is_empty()
}

/// The types both sets allow, an integer being a number; the one set where the other is open.
fn common_types(one: &BTreeSet<JsonType>, other: &BTreeSet<JsonType>) -> BTreeSet<JsonType> {
    if one.is_empty() {
        return other.clone();
    }
    if other.is_empty() {
        return one.clone();
    }
    let within = |set: &BTreeSet<JsonType>, json_type: &JsonType| {
        set.contains(json_type)
            || (*json_type == JsonType::Integer && set.contains(&JsonType::Number))
    };
    let union = one.union(other).copied();
    union.filter(|json_type| within(one, json_type) && within(other, json_type)).collect()
}
