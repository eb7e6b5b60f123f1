//! A patch: how one document becomes another, as RFC 6902 operations.

use json_patch::jsonptr::{Pointer, PointerBuf};
use json_patch::{
    AddOperation, PatchErrorKind, PatchOperation, RemoveOperation, ReplaceOperation, TestOperation,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// RFC 6902 operations that turn one document into another; in JSON the array of them.
///
/// Numbers are held in the canonical form's sense, in which `10` and `10.0` are one: a guard
/// written by hand as `60` holds for a window of `60.0` seconds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<PatchOperation>")]
pub struct Patch(Vec<PatchOperation>);

/// Why a patch could not be applied; the document is then as it was.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// A `test` operation did not hold: the value is another one, or is not there.
    #[error("operation {index}: `{pointer}` is not what the patch expects")]
    GuardFailed {
        /// Of the operation, from 0.
        index: usize,
        /// JSON Pointer (RFC 6901) of the value tested.
        pointer: String,
    },
    /// An operation cannot be done on this document, whatever its values are.
    #[error("operation {index} cannot be done at `{pointer}`")]
    BadOperation {
        /// Of the operation, from 0.
        index: usize,
        /// JSON Pointer of its target.
        pointer: String,
        /// What is wrong with it.
        source: PatchErrorKind,
    },
}

impl From<Vec<PatchOperation>> for Patch {
    fn from(mut operations: Vec<PatchOperation>) -> Self {
        for operation in &mut operations {
            match operation {
                PatchOperation::Add(AddOperation { value, .. })
                | PatchOperation::Replace(ReplaceOperation { value, .. })
                | PatchOperation::Test(TestOperation { value, .. }) => unify_numbers(value),
                PatchOperation::Remove(_) | PatchOperation::Move(_) | PatchOperation::Copy(_) => {}
            }
        }
        Self(operations)
    }
}

impl Patch {
    /// The patch from one document to another, empty where they are the same.
    ///
    /// Objects are compared key by key, in the order of the keys, down to the deepest place that
    /// differs; anything else, arrays too, is replaced whole. Each `replace` and `remove` follows a
    /// `test` of all it replaces, so that the patch fits no other document by accident.
    pub fn diff(before: &Value, after: &Value) -> Self {
        let (mut before, mut after) = (before.clone(), after.clone());
        unify_numbers(&mut before);
        unify_numbers(&mut after);
        let mut operations = Vec::new();
        compare(&before, &after, &mut PointerBuf::new(), &mut operations);
        Self(operations)
    }

    /// The patch back: after this one and then the inverse, the document is `before` again.
    ///
    /// # Errors
    ///
    /// Where this patch does not apply to `before`.
    pub fn inverse(&self, before: &Value) -> Result<Self, PatchError> {
        Ok(Self::diff(&self.apply(before)?, before))
    }

    /// The document with all operations done.
    ///
    /// # Errors
    ///
    /// At the first operation that cannot be done; none of them then is.
    pub fn apply(&self, document: &Value) -> Result<Value, PatchError> {
        let mut patched = document.clone();
        self.apply_to(&mut patched)?;
        Ok(patched)
    }

    /// As [`Patch::apply`], on a document that is thrown away where it fails.
    ///
    /// `json_patch::patch`, which undoes what it did, is not used: it panics where it cannot undo
    /// (a `move` onto the root).
    pub(crate) fn apply_to(&self, document: &mut Value) -> Result<(), PatchError> {
        unify_numbers(document);
        json_patch::patch_unsafe(document, &self.0).map_err(|error| {
            let (index, pointer) = (error.operation, error.path.to_string());
            match self.0.get(index) {
                Some(PatchOperation::Test(_)) => PatchError::GuardFailed { index, pointer },
                _ => PatchError::BadOperation { index, pointer, source: error.kind },
            }
        })
    }

    /// The operations, in the order they are done.
    pub fn operations(&self) -> &[PatchOperation] {
        &self.0
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The places it changes, as JSON Pointers in order; guards are left out.
    pub fn changes(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(|operation| !matches!(operation, PatchOperation::Test(_)))
            .map(|operation| operation.path().as_str())
    }
}

fn compare(before: &Value, after: &Value, at: &mut PointerBuf, out: &mut Vec<PatchOperation>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => compare_objects(before, after, at, out),
        _ if before == after => {}
        _ => {
            out.push(test(at, before));
            let (path, value) = (at.clone(), after.clone());
            out.push(PatchOperation::Replace(ReplaceOperation { path, value }));
        }
    }
}

fn compare_objects(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    at: &mut PointerBuf,
    out: &mut Vec<PatchOperation>,
) {
    // Sorted here and not left to the map, whose order is a feature of serde_json that any crate
    // of the build may switch.
    let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        at.push_back(key.as_str());
        match (before.get(key), after.get(key)) {
            (Some(before), Some(after)) => compare(before, after, at, out),
            (Some(before), None) => {
                out.push(test(at, before));
                out.push(PatchOperation::Remove(RemoveOperation { path: at.clone() }));
            }
            (None, Some(after)) => {
                let (path, value) = (at.clone(), after.clone());
                out.push(PatchOperation::Add(AddOperation { path, value }));
            }
            (None, None) => {}
        }
        at.pop_back();
    }
}

fn test(at: &Pointer, value: &Value) -> PatchOperation {
    PatchOperation::Test(TestOperation { path: at.to_owned(), value: value.clone() })
}

/// Writes whole floats as integers, as the canonical form does: `serde_json` holds `10` and `10.0`
/// for different, so that a guard read back from a canonical text would fail.
pub(crate) fn unify_numbers(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(unify_numbers),
        Value::Object(map) => map.values_mut().for_each(unify_numbers),
        Value::Number(number) if number.is_f64() => {
            if let Some(whole) = number.as_f64().and_then(whole) {
                *value = whole.into();
            }
        }
        _ => {}
    }
}

fn whole(float: f64) -> Option<i64> {
    // Beyond 2^53 a float no longer names one integer; minus zero is no integer.
    let names_one = float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
    (names_one && !(float == 0.0 && float.is_sign_negative())).then_some(float as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::canonical_json;

    /// Documents with few keys, so that two of them share some, among them ones to escape.
    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-3..3_i64).prop_map(Value::from),
            (-3..3_i32).prop_map(|n| Value::from(f64::from(n) / 2.0)),
            "[a-c/~]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 48, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[ab0~/\\-]{0,2}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_diff_of_two_documents_leads_from_one_to_the_other(
            before in document(), after in document()
        ) {
            let patch = Patch::diff(&before, &after);
            let patched = patch.apply(&before).unwrap();
            prop_assert_eq!(canonical_json(&patched), canonical_json(&after));
        }

        #[test]
        fn a_patch_then_its_inverse_is_nothing(before in document(), after in document()) {
            let patch = Patch::diff(&before, &after);
            let inverse = patch.inverse(&before).unwrap();
            let back = inverse.apply(&patch.apply(&before).unwrap()).unwrap();
            prop_assert_eq!(canonical_json(&back), canonical_json(&before));
        }

        #[test]
        fn a_patch_reads_back_the_same_and_still_applies(before in document(), after in document()) {
            let patch = Patch::diff(&before, &after);
            let text = canonical_json(&serde_json::to_value(&patch).unwrap());
            let read: Patch = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&read, &patch);
            prop_assert_eq!(Patch::diff(&before, &after), patch);
            prop_assert!(read.apply(&before).is_ok());
        }

        #[test]
        fn every_replace_and_remove_is_guarded_by_a_test_of_all_it_replaces(
            before in document(), after in document()
        ) {
            let patch = Patch::diff(&before, &after);
            let operations = patch.operations();
            for (index, operation) in operations.iter().enumerate() {
                if let PatchOperation::Replace(_) | PatchOperation::Remove(_) = operation {
                    let PatchOperation::Test(guard) = &operations[index - 1] else {
                        panic!("operation {index} has no guard");
                    };
                    prop_assert_eq!(&guard.path, operation.path());
                    let mut there = before.pointer(guard.path.as_str()).unwrap().clone();
                    unify_numbers(&mut there);
                    prop_assert_eq!(&there, &guard.value);
                }
            }
        }
    }

    #[test]
    fn a_change_is_told_at_the_deepest_place_that_differs() {
        let before = json!({"routes": {"GET /a": {"x": 1, "y": {"old": true}}}, "limit": 60});
        let after = json!({"routes": {"GET /a": {"x": 2, "y": {"new": true}}}, "limit": 60.0});
        insta::assert_json_snapshot!(Patch::diff(&before, &after), @r#"
        [
          {
            "op": "test",
            "path": "/routes/GET ~1a/x",
            "value": 1
          },
          {
            "op": "replace",
            "path": "/routes/GET ~1a/x",
            "value": 2
          },
          {
            "op": "add",
            "path": "/routes/GET ~1a/y/new",
            "value": true
          },
          {
            "op": "test",
            "path": "/routes/GET ~1a/y/old",
            "value": true
          },
          {
            "op": "remove",
            "path": "/routes/GET ~1a/y/old"
          }
        ]
        "#);
    }

    #[test]
    fn a_guard_that_fails_is_told_from_an_operation_that_cannot_be_done() {
        let guarded: Patch = serde_json::from_value(json!([
            {"op": "add", "path": "/b", "value": 1},
            {"op": "test", "path": "/a/c", "value": 1},
        ]))
        .unwrap();
        let document = json!({"a": {"c": 2}});
        let error = guarded.apply(&document).unwrap_err();
        assert!(matches!(error, PatchError::GuardFailed { index: 1, .. }));
        assert_eq!(error.to_string(), "operation 1: `/a/c` is not what the patch expects");
        assert_eq!(document, json!({"a": {"c": 2}}));

        let bad: Patch =
            serde_json::from_value(json!([{"op": "remove", "path": "/a/d/e"}])).unwrap();
        let error = bad.apply(&document).unwrap_err();
        assert!(matches!(error, PatchError::BadOperation { index: 0, .. }));
        assert_eq!(error.to_string(), "operation 0 cannot be done at `/a/d/e`");
    }

    #[test]
    fn a_patch_written_by_others_never_panics() {
        let onto_root: Patch = serde_json::from_value(json!([
            {"op": "move", "from": "/a", "path": ""},
            {"op": "test", "path": "/nowhere", "value": 1},
        ]))
        .unwrap();
        assert!(onto_root.apply(&json!({"a": {}})).is_err());
    }

    #[test]
    fn a_guard_holds_for_a_number_spelled_otherwise() {
        let patch: Patch = serde_json::from_value(json!([
            {"op": "test", "path": "/window_seconds", "value": 60},
            {"op": "replace", "path": "/window_seconds", "value": 30.5},
        ]))
        .unwrap();
        let patched = patch.apply(&json!({"window_seconds": 60.0})).unwrap();
        assert_eq!(patched, json!({"window_seconds": 30.5}));
    }
}
