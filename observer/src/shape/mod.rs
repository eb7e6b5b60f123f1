//! From a body's bytes to its shape: what fields it has and of what classes, and nothing it says.
//!
//! A body becomes a short list of **shape ids**, one for each object in it. A shape is one object's
//! fields with the classes of their values; it names the object's path but no route, so that equal
//! objects of different routes share it, and an optional field multiplies the shapes of its own
//! object only. All items of a list are one object here: a field is there in every item or in some.

pub(crate) mod form;
mod mark;
mod scan;
mod text;
mod trie;
mod vocabulary;
pub(crate) mod word;

use models::{Classes, FieldPath};
use rustc_hash::FxHashSet;

pub(crate) use scan::{Sightings, TokenSight, scan};
pub(crate) use trie::{NodeId, Trie};
pub(crate) use vocabulary::{Token, Vocabulary as FieldVocabulary};

use trie::mix;

/// One field of a shape: a row of the lake's `shapes` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShapeRow {
    /// Identity of the object's shape: a hash of all of its rows.
    pub(crate) shape: u64,
    /// The object's path from the body's root.
    pub(crate) path: FieldPath,
    /// The field's path from the object: a name, and `[]` or `{}` for what an array or map holds;
    /// empty for the root value itself.
    pub(crate) key: FieldPath,
    /// The classes of its values.
    pub(crate) classes: Classes,
    /// In a list: some items lack it.
    pub(crate) sometimes: bool,
}

/// Reduces the trie's present body to shape ids, adding the rows of shapes not in `known`.
pub(crate) fn shapes_of(
    trie: &mut Trie,
    known: &mut FxHashSet<u64>,
    rows: &mut Vec<ShapeRow>,
    shapes: &mut Vec<u64>,
) {
    shapes.clear();
    for index in 0..trie.touched.len() {
        let id = trie.touched[index];
        let field = fingerprint(trie, id);
        let owner = trie.node(id).owner;
        let owner = trie.node_mut(owner);
        owner.sum = owner.sum.wrapping_add(field);
    }
    for index in 0..trie.touched.len() {
        let id = trie.touched[index];
        let node = trie.node(id);
        if id != 0 && node.objects == 0 {
            continue;
        }
        let shape = mix(node.path_hash, node.sum);
        shapes.push(shape);
        if known.insert(shape) {
            add_rows(trie, id, shape, rows);
        }
    }
}

fn fingerprint(trie: &Trie, id: u32) -> u64 {
    let node = trie.node(id);
    mix(node.key_hash, u64::from(node.classes.0) | u64::from(sometimes(trie, id)) << 32)
}

/// Whether fewer objects have the field than there are.
fn sometimes(trie: &Trie, id: u32) -> bool {
    let node = trie.node(id);
    node.is_field && node.count < trie.node(node.owner).objects
}

#[cold]
fn add_rows(trie: &Trie, object: u32, shape: u64, rows: &mut Vec<ShapeRow>) {
    let path = trie.path(object);
    for &id in &trie.touched {
        // The root owns itself: its row says what the whole body is.
        if trie.node(id).owner == object {
            rows.push(ShapeRow {
                shape,
                path: path.clone(),
                key: trie.key(id),
                classes: trie.node(id).classes,
                sometimes: sometimes(trie, id),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use models::{Model, Place, Surface};
    use proptest::prelude::*;

    use super::scan::NotJson;
    use super::*;

    fn trie() -> Trie {
        let place =
            Place { surface: Surface::Response, route: None, status: Some(200), event: None };
        Trie::new(Arc::new(Model::empty("t", "")), place)
    }

    fn rows_of(body: &str) -> Vec<String> {
        let (mut trie, mut rows) = (trie(), Vec::new());
        trie.begin();
        scan(body.as_bytes(), &mut trie, &mut Sightings::default()).unwrap();
        shapes_of(&mut trie, &mut FxHashSet::default(), &mut rows, &mut Vec::new());
        rows.iter()
            .map(|row| {
                let classes: Vec<_> =
                    row.classes.iter().map(|class| format!("{class:?}")).collect();
                let some = if row.sometimes { " sometimes" } else { "" };
                format!("{} | {}: {}{some}", row.path, row.key, classes.join(","))
            })
            .collect()
    }

    #[test]
    fn a_body_becomes_a_shape_for_each_object() {
        let body = r#"{"id": "a", "n": 1.5, "tags": ["x", null], "owner": {"ok": true},
            "items": [{"a": 1}, {"a": "2026-01-01", "b": null}], "metadata": {"k1": 2, "k2": "v"}}"#;
        insta::assert_snapshot!(rows_of(body).join("\n"), @r"
         | : Object
         | id: Text
         | n: Number
         | tags: Array
         | tags[]: Null,Text
         | owner: Object
         | items: Array
         | items[]: Object
         | metadata: Map
         | metadata.{}: Integer,Text
        owner | ok: Boolean
        items[] | a: Integer,Date
        items[] | b: Null sometimes
        ");
    }

    #[test]
    fn a_text_that_is_not_json_says_where() {
        for (text, at) in [
            ("", 0),
            ("{", 1),
            ("{\"a\":}", 5),
            ("[1,]", 3),
            ("01", 2),
            ("\"a", 2),
            ("1 2", 2),
            ("{\"a\" 1}", 5),
            ("nul", 0),
            ("\"\\", 2),
        ] {
            let fault = scan(text.as_bytes(), &mut trie(), &mut Sightings::default());
            assert_eq!(fault, Err(NotJson { at }), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_scanner_accepts_what_serde_json_accepts(text in r#"[\[\]{}:,"a-c\\0-2.eE+\- truefalsn]{0,24}"#) {
            // What serde_json refuses for its meaning (escapes, control characters) the scanner may pass.
            let known = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            let scanned = scan(text.as_bytes(), &mut trie(), &mut Sightings::default()).is_ok();
            prop_assert!(!known || scanned, "{}", text);
            if scanned && !known {
                prop_assert!(text.contains('\\') || text.contains('e') || text.contains('E'), "{}", text);
            }
        }

        #[test]
        fn key_order_does_not_change_a_shape(mut fields in proptest::collection::btree_map("[a-z]{1,6}", 0_u8..4, 1..8).prop_map(|map| map.into_iter().collect::<Vec<_>>()), turn in 0_usize..8) {
            let write = |fields: &[(String, u8)]| {
                let values = ["1", "\"x\"", "null", "{\"k\": [1]}"];
                let body: Vec<_> = fields.iter().map(|(k, v)| format!("\"{k}\": {}", values[*v as usize])).collect();
                format!("{{{}}}", body.join(","))
            };
            let one = write(&fields);
            let middle = turn % fields.len();
            fields.rotate_left(middle);
            let other = write(&fields);
            let mut trie = trie();
            let mut shapes = |body: &str| {
                let mut shapes = Vec::new();
                trie.begin();
                scan(body.as_bytes(), &mut trie, &mut Sightings::default()).unwrap();
                shapes_of(&mut trie, &mut FxHashSet::default(), &mut Vec::new(), &mut shapes);
                shapes.sort_unstable();
                shapes
            };
            prop_assert_eq!(shapes(&one), shapes(&other));
        }
    }
}
