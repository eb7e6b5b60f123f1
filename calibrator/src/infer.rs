//! From evidence to a schema: what synthesis writes, and what a new field brings into the model.

use std::collections::BTreeSet;

use models::{Class, Classes, FieldPath, JsonType, Schema, Step};

use crate::evidence::{FieldEvidence, ObjectEvidence, PlaceEvidence, Token, Values};

/// Distinct values a closed vocabulary may have.
///
/// # Source
///
/// INFERENCE §1, "enum": distinct ≤ 50, none seen only once. Four witnesses a value instead of its
/// ten: with none seen once, the chance that the next is new is below 1 in 12 (Good-Turing), and a
/// calibration asks for more before it says that a value is new.
const ENUM_VALUES_MAX: usize = 50;
const ENUM_UNITS_PER_VALUE: f64 = 4.0;
const ENUM_UNITS_MIN: f64 = 8.0;

/// The schema of a whole body.
pub(crate) fn body(place: &PlaceEvidence) -> Schema {
    let whole =
        place.objects.get(&FieldPath::ROOT).and_then(|root| root.fields.get(&FieldPath::ROOT));
    match whole {
        Some(field) => value(place, &FieldPath::ROOT, &FieldPath::ROOT, field),
        None => Schema::default(),
    }
}

/// The schema of one field, with what lies below it.
pub(crate) fn field(place: &PlaceEvidence, object: &FieldPath, key: &FieldPath) -> Option<Schema> {
    let around = place.objects.get(object)?;
    let evidence = around.fields.get(key)?;
    let mut schema = value(place, object, key, evidence);
    schema.required = around.absent(evidence) == 0;
    Some(schema)
}

fn value(
    place: &PlaceEvidence,
    object: &FieldPath,
    key: &FieldPath,
    evidence: &FieldEvidence,
) -> Schema {
    let classes = evidence.class_set();
    let path = crate::observe::full_path(object, key);
    let mut types = classes.types();
    if types.contains(&JsonType::Number) {
        types.remove(&JsonType::Integer);
    }
    let mut schema = Schema { types, nullable: classes.contains(Class::Null), ..Schema::default() };
    if schema.types.contains(&JsonType::String) {
        schema.format = format_of(classes);
        if schema.format.is_none() && schema.types.len() == 1 && !is_named_by_somebody(&path) {
            schema.values = place
                .values
                .get(&path)
                .map(|values| vocabulary(values, evidence))
                .unwrap_or_default();
        }
    }
    if schema.types.contains(&JsonType::Array) {
        schema.items = Some(Box::new(inner(place, object, key, Step::Items)));
    }
    if classes.contains(Class::Map) {
        schema.map = Some(Box::new(inner(place, object, key, Step::Values)));
    }
    if classes.contains(Class::Object)
        && let Some(record) = place.objects.get(&path)
    {
        fields_of(place, &path, record, &mut schema);
    }
    schema
}

/// The fields of a record.
fn fields_of(
    place: &PlaceEvidence,
    path: &FieldPath,
    record: &ObjectEvidence,
    schema: &mut Schema,
) {
    for key in record.fields.keys() {
        if let [Step::Field(name)] = key.0.as_slice()
            && let Some(property) = field(place, path, key)
        {
            schema.properties.insert(name.clone(), property);
        }
    }
}

/// What an array or a map holds; it belongs to the object around.
fn inner(place: &PlaceEvidence, object: &FieldPath, key: &FieldPath, step: Step) -> Schema {
    let key = key.then(step);
    let evidence = place.objects.get(object).and_then(|around| around.fields.get(&key));
    evidence.map_or_else(Schema::default, |evidence| value(place, object, &key, evidence))
}

/// The format that all texts have; the empty text has any.
fn format_of(classes: Classes) -> Option<String> {
    let mut texts = classes
        .iter()
        .filter(|class| class.json_type() == Some(JsonType::String) && *class != Class::Empty);
    let first = texts.next()?;
    let alone = texts.next().is_none() && !classes.contains(Class::Empty);
    first.format().filter(|_| alone).map(str::to_owned)
}

/// What allows both: how a field seen on several routes enters their shared entity.
pub(crate) fn join(one: &Schema, other: &Schema) -> Schema {
    let mut joined = one.clone();
    joined.required &= other.required;
    joined.nullable |= other.nullable;
    let texts = (one.types.contains(&JsonType::String), other.types.contains(&JsonType::String));
    joined.types.extend(&other.types);
    if joined.types.contains(&JsonType::Number) {
        joined.types.remove(&JsonType::Integer);
    }
    match texts {
        (true, true) => {
            joined.format =
                one.format.clone().filter(|format| other.format.as_ref() == Some(format));
            if one.values.is_empty() || other.values.is_empty() {
                joined.values.clear();
            } else {
                joined.values.extend(other.values.iter().cloned());
            }
        }
        (false, true) => {
            joined.format.clone_from(&other.format);
            joined.values.clone_from(&other.values);
        }
        _ => {}
    }
    join_fields(&mut joined, one, other);
    joined.items = join_inner(one.items.as_deref(), other.items.as_deref());
    joined.map = join_inner(one.map.as_deref(), other.map.as_deref());
    joined
}

fn join_fields(joined: &mut Schema, one: &Schema, other: &Schema) {
    let both = !one.properties.is_empty() && !other.properties.is_empty();
    for (name, theirs) in &other.properties {
        if let Some(ours) = joined.properties.get_mut(name) {
            *ours = join(ours, theirs);
        } else {
            let mut added = theirs.clone();
            added.required &= !both;
            joined.properties.insert(name.clone(), added);
        }
    }
    if both {
        for (name, ours) in &mut joined.properties {
            ours.required &= other.properties.contains_key(name);
        }
    }
}

fn join_inner(one: Option<&Schema>, other: Option<&Schema>) -> Option<Box<Schema>> {
    match (one, other) {
        (Some(one), Some(other)) if one.says_nothing() || other.says_nothing() => {
            Some(Box::new(if one.says_nothing() { other.clone() } else { one.clone() }))
        }
        (Some(one), Some(other)) => Some(Box::new(join(one, other))),
        (one, other) => one.or(other).cloned().map(Box::new),
    }
}

/// Whether a field's values are what people call their things: few of them make no vocabulary, since
/// the next account brings its own.
fn is_named_by_somebody(path: &FieldPath) -> bool {
    const LAST_WORDS: [&str; 16] = [
        "id", "sid", "key", "slug", "login", "name", "names", "username", "nickname", "handle",
        "title", "label", "branch", "ref", "city", "company",
    ];
    let name = path.0.iter().rev().find_map(|step| match step {
        Step::Field(name) | Step::Query(name) => Some(name.as_str()),
        Step::Items | Step::Values => None,
    });
    let Some(name) = name else { return false };
    let start = name.rfind(|c: char| matches!(c, '_' | '-' | '.') || c.is_ascii_uppercase());
    let last = start.map_or(name, |at| &name[at..]).trim_start_matches(['_', '-', '.']);
    LAST_WORDS.iter().any(|word| last.eq_ignore_ascii_case(word))
}

/// The field's values if they are a closed vocabulary, else nothing.
pub(crate) fn vocabulary(values: &Values, evidence: &FieldEvidence) -> BTreeSet<String> {
    let none = BTreeSet::new();
    let distinct = values.tokens.len();
    if values.open || distinct == 0 || distinct > ENUM_VALUES_MAX {
        return none;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    let wanted = (distinct as f64 * ENUM_UNITS_PER_VALUE).max(ENUM_UNITS_MIN);
    let units: f64 = values.tokens.values().map(|seen| seen.units(evidence.weight)).sum();
    let seen_once = values.tokens.values().any(|seen| seen.witnesses < 2);
    let texts_alone =
        evidence.classes.keys().all(|class| matches!(class, Class::Text | Class::Null));
    if units < wanted || seen_once || !texts_alone {
        return none;
    }
    let clear = |token: &Token| match token {
        Token::Clear(text) => Some(text.clone()),
        Token::Withheld(_) => None,
    };
    values.tokens.keys().map(clear).collect::<Option<_>>().unwrap_or_default()
}
