//! From a list of alternatives (`anyOf`, `oneOf`) to one schema whose alternatives have names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{Bounds, Discriminator, JsonType, Schema, canonical_json};

/// One member of an `anyOf`, and the name it has already, if any.
#[derive(Debug, Clone)]
pub(super) struct Alternative {
    pub(super) name: Option<String>,
    pub(super) schema: Schema,
}

/// A `discriminator` as read: each value of the field with what it names.
#[derive(Debug, Clone)]
pub(super) struct Tag {
    pub(super) property: String,
    pub(super) mapping: BTreeMap<String, Target>,
}

/// What a value of a discriminator names.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// The alternative that is this entity.
    Entity(String),
    /// The alternative of this name.
    Name(String),
}

impl Tag {
    /// The discriminator of named alternatives, and the values that name none of them.
    pub(super) fn resolve(
        &self,
        any_of: &BTreeMap<String, Schema>,
    ) -> (Discriminator, Vec<&String>) {
        let mut mapping = BTreeMap::new();
        let mut lost = Vec::new();
        for (value, target) in &self.mapping {
            let key = match target {
                Target::Name(name) => any_of.get_key_value(name),
                Target::Entity(entity) => {
                    any_of.iter().find(|(_, schema)| schema.entity.as_ref() == Some(entity))
                }
            };
            match key {
                Some((key, _)) => drop(mapping.insert(value.clone(), key.clone())),
                None => lost.push(value),
            }
        }
        (Discriminator { property: self.property.clone(), mapping }, lost)
    }
}

impl From<&Discriminator> for Tag {
    fn from(discriminator: &Discriminator) -> Self {
        let mapping = discriminator.mapping.iter();
        let named = mapping.map(|(value, key)| (value.clone(), Target::Name(key.clone())));
        Self { property: discriminator.property.clone(), mapping: named.collect() }
    }
}

/// Names the alternatives and folds them into one schema.
///
/// - `null` makes it nullable; an alternative that says nothing makes it say nothing;
/// - nested alternatives are flattened, equal ones are one;
/// - scalars become `types`, with their format and values where these are all the scalars there
///   are; a closed or formatted one beside scalars of other types stays an alternative of its own,
///   named by its type;
/// - references are named by their entity, other alternatives by their tag's value or their type
///   (`object`, then `object-2` in the order given);
/// - what remains alone is the schema itself.
///
/// The order of the list matters only to the numbers in names. Nothing is lost but the bounds
/// between scalars of one type: an open string beside a closed one leaves it open.
pub(super) fn fold(alternatives: Vec<Alternative>, tag: Option<&Tag>) -> Schema {
    let mut flat = Flat::default();
    for alternative in alternatives {
        flat.add(alternative);
    }
    if flat.anything {
        return Schema::default();
    }
    let tag = tag.cloned().or(flat.tag);
    let tag = tag.as_ref();
    let (mut schema, closed) = fold_scalars(flat.scalars);
    let mut named = flat.references;
    let mut free = Names { taken: named.keys().cloned().collect() };
    for (name, scalar) in closed {
        named.insert(free.choose(&name), scalar);
    }
    let tags = tag_values(&flat.others, tag);
    for (index, Alternative { name, schema }) in flat.others.into_iter().enumerate() {
        let name = name
            .or_else(|| tags.as_ref().map(|tags| tags[index].clone()))
            .unwrap_or_else(|| stem(&schema).to_owned());
        named.insert(free.choose(&name), schema);
    }
    if schema.types.is_empty() && named.len() == 1 {
        schema = named.pop_first().map(|(_, only)| only).unwrap_or_default();
    } else {
        schema.discriminator = tag.filter(|_| !named.is_empty()).map(|tag| {
            let mut discriminator = tag.resolve(&named).0;
            // "Values not listed name it themselves."
            discriminator.mapping.retain(|value, key| value != key);
            discriminator
        });
        schema.any_of = named;
    }
    schema.nullable = flat.nullable;
    schema
}

/// Alternatives in the order that numbers their names again as they are: `object-2` before
/// `object-10`.
pub(super) fn in_order(any_of: &BTreeMap<String, Schema>) -> Vec<(&String, &Schema)> {
    let mut list: Vec<_> = any_of.iter().collect();
    list.sort_by_key(|(name, _)| numbered(name));
    list
}

/// A name's stem and number, 1 where it has none.
fn numbered(name: &str) -> (&str, u32) {
    match name.rsplit_once('-').map(|(stem, number)| (stem, number.parse())) {
        Some((stem, Ok(number))) => (stem, number),
        _ => (name, 1),
    }
}

/// A schema's own part and its alternatives, as a list to fold again.
pub(super) fn spread(mut schema: Schema) -> Vec<Alternative> {
    let any_of = std::mem::take(&mut schema.any_of);
    schema.discriminator = None;
    let mut list: Vec<_> = in_order(&any_of)
        .into_iter()
        .map(|(name, alternative)| Alternative {
            name: (!is_stem(name)).then(|| name.clone()),
            schema: alternative.clone(),
        })
        .collect();
    if schema.nullable || !schema.says_nothing() {
        list.insert(0, Alternative { name: None, schema });
    }
    list
}

#[derive(Default)]
struct Flat {
    nullable: bool,
    anything: bool,
    /// The first discriminator of the nested ones.
    tag: Option<Tag>,
    references: BTreeMap<String, Schema>,
    scalars: Vec<Schema>,
    others: Vec<Alternative>,
}

impl Flat {
    fn add(&mut self, alternative: Alternative) {
        let Alternative { name, mut schema } = alternative;
        self.nullable |= schema.nullable;
        schema.required = false;
        if !schema.any_of.is_empty() {
            if let (None, Some(discriminator)) = (&self.tag, &schema.discriminator) {
                self.tag = Some(Tag::from(discriminator));
            }
            for inner in spread(schema) {
                self.add(inner);
            }
            return;
        }
        let nullable = std::mem::take(&mut schema.nullable);
        match schema.entity.clone() {
            Some(entity) => drop(self.references.insert(entity, schema)),
            None if schema.says_nothing() => self.anything |= !nullable,
            None if is_scalar(&schema) => self.scalars.push(schema),
            None => self.add_other(name, schema),
        }
    }

    /// Adds an object or a list, unless there is the same already. Two that differ in bounds alone are one without.
    fn add_other(&mut self, name: Option<String>, schema: Schema) {
        let bare = schema.unbounded();
        match self.others.iter_mut().find(|other| other.schema.unbounded() == bare) {
            Some(same) if same.schema == schema => {}
            Some(same) => same.schema = bare,
            None => self.others.push(Alternative { name, schema }),
        }
    }
}

fn is_scalar(schema: &Schema) -> bool {
    !schema.types.contains(&JsonType::Object) && !schema.types.contains(&JsonType::Array)
}

/// The scalars as one schema, and those that would lose by it, by their type's name.
fn fold_scalars(scalars: Vec<Schema>) -> (Schema, Vec<(String, Schema)>) {
    if let [only] = scalars.as_slice() {
        return (only.clone(), Vec::new());
    }
    let mut by_type: BTreeMap<JsonType, Schema> = BTreeMap::new();
    for scalar in scalars {
        for json_type in &scalar.types {
            let Some(part) = part_of(&scalar, *json_type) else { continue };
            match by_type.remove(json_type) {
                None => by_type.insert(*json_type, part),
                Some(before) => by_type.insert(*json_type, union(before, part)),
            };
        }
    }
    if by_type.len() == 1 {
        return (by_type.pop_first().map(|(_, only)| only).unwrap_or_default(), Vec::new());
    }
    let mut open = Schema::default();
    let (mut closed, mut bounds) = (Vec::new(), Bounds::default());
    for (json_type, part) in by_type {
        if part.values.is_empty() && part.format.is_none() {
            open.types.insert(json_type);
            bounds = bounds.and(part.bounds.map(|bounds| *bounds).unwrap_or_default());
        } else {
            closed.push((json_type.name().to_owned(), part));
        }
    }
    open.keep_within(&bounds);
    (open, closed)
}

/// What a scalar schema says of one of its types; `None` where its values leave that type out.
fn part_of(scalar: &Schema, json_type: JsonType) -> Option<Schema> {
    let mut part = Schema::of_type(json_type);
    part.format.clone_from(&scalar.format);
    if let Some(bounds) = &scalar.bounds {
        part.keep_within(bounds);
    }
    part.values = scalar.values.iter().filter(|text| is_of(text, json_type)).cloned().collect();
    (scalar.values.is_empty() || !part.values.is_empty()).then_some(part)
}

/// Whether an enum's text may stand for a value of the type.
fn is_of(text: &str, json_type: JsonType) -> bool {
    json_type == JsonType::String || scalar(text, json_type).is_some()
}

/// The value of a type that an enum's text stands for; `None` where there is none.
pub(super) fn scalar(text: &str, json_type: JsonType) -> Option<Value> {
    if json_type == JsonType::String {
        return Some(text.into());
    }
    let value: Value = serde_json::from_str(text).ok()?;
    let fits = match (&value, json_type) {
        (Value::Bool(_), JsonType::Boolean) | (Value::Number(_), JsonType::Number) => true,
        (Value::Number(number), JsonType::Integer) => !number.is_f64(),
        _ => false,
    };
    // The text must come out of the value as it went in.
    (fits && canonical_json(&value) == text).then_some(value)
}

/// What either of two schemas of one scalar type allows.
fn union(one: Schema, other: Schema) -> Schema {
    let only_empty = BTreeSet::from([String::new()]);
    // The empty string belongs to every format's lenient reading, so "a URL or empty" is a URL.
    if one.values == only_empty && other.values.is_empty() {
        return Schema { bounds: None, ..other };
    }
    if other.values == only_empty && one.values.is_empty() {
        return Schema { bounds: None, ..one };
    }
    let mut both = one;
    if both.bounds != other.bounds {
        both.bounds = None;
    }
    if both.format != other.format {
        both.format = None;
    }
    if both.values.is_empty() || other.values.is_empty() {
        both.values.clear();
    } else {
        both.values.extend(other.values);
    }
    both
}

/// The value of the field that tells the alternatives apart, for each: the discriminator's, or
/// else the first field that has one value in each of them, a different one.
fn tag_values(alternatives: &[Alternative], tag: Option<&Tag>) -> Option<Vec<String>> {
    let first = &alternatives.first()?.schema;
    let declared = tag.map(|tag| &tag.property);
    let implied = first.properties.keys().filter(|_| alternatives.len() > 1);
    declared.into_iter().chain(implied).find_map(|property| {
        let values: Option<Vec<String>> =
            alternatives.iter().map(|one| only_value(&one.schema, property)).collect();
        values.filter(|values| values.iter().collect::<BTreeSet<_>>().len() == values.len())
    })
}

fn only_value(schema: &Schema, property: &str) -> Option<String> {
    let values = &schema.properties.get(property)?.values;
    values.first().filter(|value| values.len() == 1 && !value.is_empty()).cloned()
}

/// The name of an alternative that has no better one.
fn stem(schema: &Schema) -> &'static str {
    let structured = [JsonType::Object, JsonType::Array];
    let json_type = structured.into_iter().find(|one| schema.types.contains(one));
    json_type.or(schema.types.first().copied()).map_or("value", JsonType::name)
}

/// Whether a name may be one that [`stem`] made.
fn is_stem(name: &str) -> bool {
    let stems = ["array", "boolean", "integer", "number", "object", "string", "value"];
    stems.contains(&numbered(name).0)
}

struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    /// The name, or the name with the first free number.
    fn choose(&mut self, name: &str) -> String {
        let numbers = (2..).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.to_owned())
            .chain(numbers)
            .find(|name| !self.taken.contains(name))
            .unwrap_or_default();
        self.taken.insert(free.clone());
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(schemas: &[Schema]) -> Schema {
        let named = |schema: &Schema| Alternative { name: None, schema: schema.clone() };
        fold(schemas.iter().map(named).collect(), None)
    }

    fn closed(json_type: JsonType, values: &[&str]) -> Schema {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Schema { values, ..Schema::of_type(json_type) }
    }

    #[test]
    fn a_string_or_empty_is_an_open_string_and_keeps_its_format() {
        let uri = Schema { format: Some("uri".into()), ..Schema::of_type(JsonType::String) };
        assert_eq!(folded(&[uri.clone(), closed(JsonType::String, &[""])]), uri);
        assert_eq!(
            folded(&[Schema::of_type(JsonType::String), closed(JsonType::String, &["now"])]),
            Schema::of_type(JsonType::String)
        );
    }

    #[test]
    fn closed_strings_unite_and_stay_apart_from_open_integers() {
        let a_or_b = folded(&[closed(JsonType::String, &["a"]), closed(JsonType::String, &["b"])]);
        assert_eq!(a_or_b, closed(JsonType::String, &["a", "b"]));

        let minimum = closed(JsonType::String, &["minimum"]);
        let either = folded(&[Schema::of_type(JsonType::Integer), minimum.clone()]);
        assert_eq!(either.types, BTreeSet::from([JsonType::Integer]));
        assert_eq!(either.any_of, BTreeMap::from([("string".to_owned(), minimum)]));
    }

    #[test]
    fn alternatives_are_named_by_entity_then_by_type_in_order() {
        let field = |name: &str| Schema {
            properties: BTreeMap::from([(name.to_owned(), Schema::default())]),
            ..Schema::of_type(JsonType::Object)
        };
        let schema = folded(&[
            field("a"),
            Schema::reference("customer"),
            field("b"),
            Schema::of_type(JsonType::String),
            field("a"),
        ]);
        let names: Vec<_> = schema.any_of.keys().map(String::as_str).collect();
        assert_eq!(names, ["customer", "object", "object-2"]);
        assert!(schema.any_of["object"].properties.contains_key("a"));
        assert_eq!(schema.types, BTreeSet::from([JsonType::String]));
    }

    #[test]
    fn an_alternative_left_alone_is_the_schema_and_one_that_says_nothing_takes_all() {
        let null = Schema { nullable: true, ..Schema::default() };
        let one = folded(&[Schema::reference("a"), null.clone()]);
        assert_eq!(one, Schema { nullable: true, ..Schema::reference("a") });
        assert_eq!(folded(&[null, Schema::default(), Schema::reference("a")]), Schema::default());
    }
}
