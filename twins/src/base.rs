//! What there is in an object beside what is known of it, from the model's example of its entity.

use serde_json::{Map, Value};

use crate::shape::{Form, Node, Record, Shapes};

/// The two readings of an example.
#[derive(Debug)]
pub(crate) struct Base {
    /// The example as it is: what an object is like of which nothing at all is known.
    pub(crate) example: Map<String, Value>,
    /// The example with nothing filled in: what an object is like in which nothing was written.
    pub(crate) blank: Map<String, Value>,
}

impl Base {
    pub(crate) fn of(shapes: &Shapes, node: &Node, example: &Map<String, Value>) -> Self {
        let blank = match blank_of(shapes, node, &Value::Object(example.clone())) {
            Value::Object(blank) => blank,
            _ => Map::new(),
        };
        Self { example: example.clone(), blank }
    }
}

/// A value with nothing filled in: null where it may be, else empty, else as in the example.
fn blank_of(shapes: &Shapes, node: &Node, example: &Value) -> Value {
    let leaves = shapes.leaves(node);
    let records = || {
        leaves.leaves.iter().filter_map(|leaf| match leaf.form {
            Form::Object(record) => Some(record),
            _ => None,
        })
    };
    match example {
        // A map that may be null is empty instead: clients write into it without looking.
        Value::Object(_) if records().any(is_map) => Value::Object(Map::new()),
        Value::Object(fields) => {
            let known = |name: &str| {
                records().find_map(|record| record.field(name)).map(|field| &field.node)
            };
            let inner = fields.iter().filter_map(|(name, value)| {
                Some((name.clone(), blank_of(shapes, known(name)?, value)))
            });
            // An object that is there in the example is part of every object, as
            // `invoice_settings` is; one that is not is null there.
            Value::Object(inner.collect())
        }
        _ if leaves.nullable => Value::Null,
        Value::Array(_) => Value::Array(Vec::new()),
        scalar => scalar.clone(),
    }
}

fn is_map(record: &Record) -> bool {
    record.fields.is_empty() && record.values.is_some()
}
