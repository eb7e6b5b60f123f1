//! Schemas made ready for rendering: types sorted out, references as numbers, recursion measured.

use std::sync::{Arc, OnceLock};

use models::{JsonType, Model, Schema};
use serde_json::{Number, Value};
use smallvec::SmallVec;

use crate::base::Base;
use crate::bounds::Kept;
use crate::format::Format;

/// What a value may be.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) nullable: bool,
    /// Empty where nothing is said and any value will do.
    pub(crate) forms: Vec<Form>,
    pub(crate) tag: Option<Tag>,
    /// Of the values that are of no form elsewhere.
    pub(crate) bounds: Option<Box<Kept>>,
}

/// One of the forms a value may have.
#[derive(Debug, Clone)]
pub(crate) enum Form {
    Entity(EntityId),
    /// The one value allowed, where only one is.
    Boolean(Option<bool>),
    Integer {
        values: Vec<i64>,
        unix_time: bool,
    },
    Number(Vec<Number>),
    Text {
        values: Vec<Box<str>>,
        format: Option<Format>,
    },
    /// The items; `None` where nothing is said of them.
    Array(Option<Box<Node>>),
    Object(Record),
    /// A named alternative.
    Alternative(Box<str>, Node),
}

/// An object with known fields, or a map, or both.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// By name.
    pub(crate) fields: Vec<Field>,
    /// What the values of other keys are, where the object is a map too.
    pub(crate) values: Option<Box<Node>>,
}

/// A field of a record.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: Box<str>,
    pub(crate) required: bool,
    pub(crate) node: Node,
}

/// The field whose value names the alternative.
#[derive(Debug, Clone)]
pub(crate) struct Tag {
    pub(crate) property: Box<str>,
    /// Each alternative's name and the field's value.
    values: Vec<(Box<str>, Value)>,
}

/// An entity of the model, by its place among the names.
pub(crate) type EntityId = usize;

/// A form a value may have in the end, references and alternatives followed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leaf<'n> {
    pub(crate) form: &'n Form,
    /// The tag's field and the value that names this alternative.
    pub(crate) tag: Option<(&'n str, &'n Value)>,
    pub(crate) entity: Option<EntityId>,
    pub(crate) bounds: Option<&'n Kept>,
}

/// All forms a value may have in the end.
#[derive(Debug, Default)]
pub(crate) struct Leaves<'n> {
    pub(crate) nullable: bool,
    /// Most values have one form, or one of two.
    pub(crate) leaves: SmallVec<[Leaf<'n>; 2]>,
}

/// The shapes of a model's entities, each compiled when first asked for.
#[derive(Debug)]
pub(crate) struct Shapes {
    model: Arc<Model>,
    /// Sorted, as the model keeps them.
    names: Vec<Box<str>>,
    nodes: Vec<OnceLock<Node>>,
    bases: Vec<OnceLock<Option<Base>>>,
    /// How many objects deep the shallowest value of an entity is; [`ENDLESS`] where every value
    /// holds itself. Measured when a first value is made up.
    heights: OnceLock<Vec<u32>>,
    is_described: bool,
}

/// The height of what has no finite value.
pub(crate) const ENDLESS: u32 = u32::MAX;

/// References followed from one node before they count as a circle.
const REFERENCES_MAX: usize = 32;

impl Shapes {
    pub(crate) fn of(model: Arc<Model>) -> Self {
        let names: Vec<Box<str>> = model.entities.keys().map(|name| name.as_str().into()).collect();
        let nodes = names.iter().map(|_| OnceLock::new()).collect();
        let bases = names.iter().map(|_| OnceLock::new()).collect();
        let is_described = model.routes.values().any(|route| route.operation.is_some());
        Self { model, names, nodes, bases, heights: OnceLock::new(), is_described }
    }

    /// Whether the vendor's own description says which values there are. Only such a document names
    /// operations; a model made of traffic knows the values that were seen on one route.
    pub(crate) const fn is_described(&self) -> bool {
        self.is_described
    }

    /// Compiles a schema of the model.
    pub(crate) fn compile(&self, schema: &Schema) -> Node {
        let mut forms = Vec::new();
        forms.extend(schema.types.iter().map(|json_type| self.form(schema, *json_type)));
        if schema.types.is_empty() && !schema.values.is_empty() {
            forms.push(Form::Text { values: boxed(schema.values.iter()), format: None });
        }
        forms.extend(schema.entity.as_deref().and_then(|name| self.find(name)).map(Form::Entity));
        let told = schema.any_of.iter().filter(|(_, alternative)| !alternative.says_nothing());
        forms.extend(told.map(|(name, alternative)| {
            Form::Alternative(name.as_str().into(), self.compile(alternative))
        }));
        let tag = schema.discriminator.as_ref().map(|discriminator| Tag {
            property: discriminator.property.as_str().into(),
            values: schema
                .any_of
                .keys()
                .map(|name| {
                    let mapped = discriminator.mapping.iter().find(|(_, to)| *to == name);
                    let value = mapped.map_or(name, |(value, _)| value);
                    (name.as_str().into(), value.as_str().into())
                })
                .collect(),
        });
        let bounds = schema.bounds.as_ref().map(|bounds| Box::new(Kept::of((**bounds).clone())));
        Node { nullable: schema.nullable, forms, tag, bounds }
    }

    /// The name of an entity.
    pub(crate) fn name(&self, id: EntityId) -> &str {
        &self.names[id]
    }

    /// The shape of an entity.
    pub(crate) fn entity(&self, id: EntityId) -> &Node {
        self.nodes[id].get_or_init(|| {
            let schema = self.model.entities.get(&*self.names[id]);
            self.compile(schema.expect("the names are the keys of this very model"))
        })
    }

    /// What there is in an entity beside what is known of it, where the model has an example.
    pub(crate) fn base(&self, id: EntityId) -> Option<&Base> {
        let make = || {
            let example = self.model.examples.get(&*self.names[id])?.as_object()?;
            Some(Base::of(self, self.entity(id), example))
        };
        self.bases[id].get_or_init(make).as_ref()
    }

    /// Every form a value may have in the end.
    pub(crate) fn leaves<'n>(&'n self, node: &'n Node) -> Leaves<'n> {
        let mut leaves = Leaves::default();
        self.gather(node, None, None, REFERENCES_MAX, &mut leaves);
        leaves
    }

    /// The record a value is, where it is one in one form only (or null).
    pub(crate) fn record<'n>(&'n self, node: &'n Node) -> Option<(&'n Record, Option<EntityId>)> {
        match self.records(node)[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The records a value may be.
    pub(crate) fn records<'n>(&'n self, node: &'n Node) -> Vec<(&'n Record, Option<EntityId>)> {
        let leaves = self.leaves(node).leaves;
        let records = leaves.iter().filter_map(|leaf| match leaf.form {
            Form::Object(record) => Some((record, leaf.entity)),
            _ => None,
        });
        records.collect()
    }

    /// How many objects deep the shallowest value of a form is.
    pub(crate) fn height(&self, form: &Form) -> u32 {
        match form {
            Form::Entity(id) => self.heights()[*id],
            Form::Alternative(_, node) => self.node_height(node),
            Form::Object(record) => record
                .fields
                .iter()
                .filter(|field| field.required)
                .map(|field| self.node_height(&field.node))
                .max()
                .unwrap_or(0)
                .saturating_add(1),
            _ => 0,
        }
    }

    fn node_height(&self, node: &Node) -> u32 {
        if node.nullable || node.forms.is_empty() {
            return 0;
        }
        node.forms.iter().map(|form| self.height(form)).min().unwrap_or(0)
    }

    fn gather<'n>(
        &'n self,
        node: &'n Node,
        tag: Option<(&'n str, &'n Value)>,
        entity: Option<EntityId>,
        left: usize,
        into: &mut Leaves<'n>,
    ) {
        into.nullable |= node.nullable;
        let Some(left) = left.checked_sub(1) else { return };
        for form in &node.forms {
            match form {
                Form::Entity(id) => self.gather(self.entity(*id), tag, Some(*id), left, into),
                Form::Alternative(name, inner) => {
                    let tag = node.tag.as_ref().and_then(|tag| tag.of(name)).or(tag);
                    self.gather(inner, tag, entity, left, into);
                }
                _ => {
                    let bounds = node.bounds.as_deref();
                    into.leaves.push(Leaf { form, tag, entity, bounds });
                }
            }
        }
    }

    fn find(&self, name: &str) -> Option<EntityId> {
        self.names.binary_search_by(|known| (**known).cmp(name)).ok()
    }

    fn form(&self, schema: &Schema, json_type: JsonType) -> Form {
        let boxed_node = |schema: &Schema| Box::new(self.compile(schema));
        match json_type {
            JsonType::Array => Form::Array(schema.items.as_deref().map(boxed_node)),
            JsonType::Object => Form::Object(Record {
                fields: schema
                    .properties
                    .iter()
                    .map(|(name, inner)| self.field(name, inner))
                    .collect(),
                values: schema.map.as_deref().map(boxed_node),
            }),
            JsonType::Boolean => Form::Boolean(only_boolean(schema)),
            JsonType::Integer => Form::Integer {
                values: schema.values.iter().filter_map(|text| text.parse().ok()).collect(),
                unix_time: schema.format.as_deref() == Some("unix-time"),
            },
            JsonType::Number => {
                Form::Number(schema.values.iter().filter_map(|text| text.parse().ok()).collect())
            }
            JsonType::String => Form::Text {
                values: strings(schema),
                format: schema.format.as_deref().and_then(Format::named),
            },
        }
    }

    fn field(&self, name: &str, schema: &Schema) -> Field {
        Field { name: name.into(), required: schema.required, node: self.compile(schema) }
    }

    fn heights(&self) -> &[u32] {
        self.heights.get_or_init(|| self.measure())
    }

    /// The heights: sweeps until nothing gets lower, since entities may refer in circles.
    fn measure(&self) -> Vec<u32> {
        let schemas: Vec<&Schema> = self.model.entities.values().collect();
        let mut heights = vec![ENDLESS; self.names.len()];
        let mut lowered = true;
        while lowered {
            lowered = false;
            for (id, schema) in schemas.iter().enumerate() {
                let height = self.schema_height(schema, &heights);
                lowered |= height < heights[id];
                heights[id] = height;
            }
        }
        heights
    }

    fn schema_height(&self, schema: &Schema, heights: &[u32]) -> u32 {
        if schema.nullable || schema.says_nothing() {
            return 0;
        }
        let entity = schema.entity.as_deref().map(|name| self.find(name));
        let entity = entity.map(|id| id.map_or(0, |id| heights[id]));
        let types = schema.types.iter().map(|json_type| match json_type {
            JsonType::Object => schema
                .properties
                .values()
                .filter(|property| property.required)
                .map(|property| self.schema_height(property, heights))
                .max()
                .unwrap_or(0)
                .saturating_add(1),
            _ => 0,
        });
        let alternatives = schema.any_of.values().map(|inner| self.schema_height(inner, heights));
        entity.into_iter().chain(types).chain(alternatives).min().unwrap_or(0)
    }
}

impl Form {
    /// Whether a value is of this form, as far as can be told without looking into it.
    pub(crate) fn admits(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Boolean(only), Value::Bool(is)) => only.is_none_or(|only| only == *is),
            (Self::Integer { values, .. }, Value::Number(number)) => match number.as_i64() {
                Some(is) => values.is_empty() || values.contains(&is),
                None => number.is_u64() && values.is_empty(),
            },
            (Self::Number(values), Value::Number(number)) => {
                values.is_empty() || values.iter().any(|one| one.as_f64() == number.as_f64())
            }
            (Self::Text { values, format }, Value::String(text)) => {
                (values.is_empty() || values.iter().any(|one| **one == **text))
                    && format.is_none_or(|format| format.admits(text))
            }
            (Self::Array(_), Value::Array(_)) | (Self::Object(_), Value::Object(_)) => true,
            _ => false,
        }
    }
}

impl Leaf<'_> {
    /// Whether a value is of this form and within its bounds, as far as can be told without looking into it.
    pub(crate) fn admits(&self, value: &Value) -> bool {
        self.form.admits(value)
            && self.bounds.is_none_or(|bounds| bounds.broken_by(value).is_none())
    }

    /// What a value of this type would have to be, for people; `None` where it is so, or of another type.
    pub(crate) fn wanted(&self, value: &Value) -> Option<String> {
        match (self.form, value) {
            (Form::Text { format: Some(format), .. }, Value::String(text))
                if !format.admits(text) =>
            {
                Some(format.told().to_owned())
            }
            (Form::Boolean(Some(only)), Value::Bool(_)) => Some(only.to_string()),
            (Form::Text { .. }, Value::String(_))
            | (Form::Integer { .. } | Form::Number(_), Value::Number(_))
            | (Form::Array(_), Value::Array(_)) => self.bounds?.broken_by(value),
            _ => None,
        }
    }
}

impl Node {
    /// Whether any value will do.
    pub(crate) fn says_nothing(&self) -> bool {
        self.forms.is_empty()
    }
}

impl Record {
    /// Whether nothing is said of its fields.
    pub(crate) fn is_opaque(&self) -> bool {
        self.fields.is_empty() && self.values.is_none()
    }

    /// The field of a name.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        let index = self.fields.binary_search_by(|field| (*field.name).cmp(name)).ok()?;
        self.fields.get(index)
    }
}

impl Tag {
    /// The field and the value that names an alternative.
    fn of(&self, name: &str) -> Option<(&str, &Value)> {
        let (_, value) = self.values.iter().find(|(own, _)| **own == *name)?;
        Some((&self.property, value))
    }
}

/// The strings allowed: where other types are too, what reads as one of them is that one.
fn strings(schema: &Schema) -> Vec<Box<str>> {
    let reads_as_another = |text: &&String| {
        schema.types.iter().any(|json_type| match json_type {
            JsonType::Boolean => text.parse::<bool>().is_ok(),
            JsonType::Integer => text.parse::<i64>().is_ok(),
            JsonType::Number => text.parse::<f64>().is_ok(),
            _ => false,
        })
    };
    let own = boxed(schema.values.iter().filter(|text| !reads_as_another(text)));
    if own.is_empty() { boxed(schema.values.iter()) } else { own }
}

fn boxed<'v>(values: impl Iterator<Item = &'v String>) -> Vec<Box<str>> {
    values.map(|value| value.as_str().into()).collect()
}

fn only_boolean(schema: &Schema) -> Option<bool> {
    let mut values = schema.values.iter().filter_map(|text| text.parse().ok());
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(entities: &str) -> Shapes {
        let text = format!(
            r#"{{"format": "wondertwin.model/1", "name": "t", "version": "1.0.0", "entities": {entities}}}"#
        );
        Shapes::of(Arc::new(serde_json::from_str(&text).unwrap()))
    }

    #[test]
    fn the_height_of_an_entity_that_must_hold_itself_is_endless_unless_there_is_a_way_out() {
        let shapes = shapes(
            r#"{"endless": {"types": {"object": true}, "properties": {"again": {"ref": "endless", "required": true}}},
                "leaf": {"types": {"object": true}},
                "tree": {"types": {"object": true}, "properties": {
                    "left": {"required": true, "any_of": {"leaf": {"ref": "leaf"}, "tree": {"ref": "tree"}}}}}}"#,
        );
        assert_eq!(shapes.heights(), [ENDLESS, 1, 2]);
    }

    #[test]
    fn references_in_a_circle_have_no_leaves() {
        let shapes = shapes(r#"{"a": {"ref": "b"}, "b": {"ref": "a"}}"#);
        assert!(shapes.leaves(&shapes.compile(&Schema::reference("a"))).leaves.is_empty());
    }
}
