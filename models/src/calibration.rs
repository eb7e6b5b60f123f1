//! A calibration: a signed correction of one model, with what it rests on.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::patch::unify_numbers;
use crate::{Digest, Finding, Model, Patch, PatchError, Signature, Window, escape};

/// The format's name and version, the first thing a reader checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum CalibrationFormat {
    /// The present format.
    #[default]
    #[serde(rename = "wondertwin.calibration/1")]
    V1,
}

/// One entry of a ledger (CONTRACTS, "Calibrations"): from which model to which, why, and by whom
/// signed.
///
/// The signature covers the canonical JSON of the document without its member `signature`, as it
/// stands in the file: members that a later version adds are read over, and covered all the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Always [`CalibrationFormat::V1`].
    pub format: CalibrationFormat,
    /// The twin's name.
    pub twin: String,
    /// Its place in the ledger, from 1.
    pub number: u64,
    /// When it was proposed, wall clock.
    pub created_at: DateTime<Utc>,
    /// The data it rests on; without ends where it rests on none, as a rollback.
    pub window: Window,
    /// The model it applies to.
    pub base: Base,
    /// The model it makes.
    pub result: Made,
    /// From the base to the result.
    pub patch: Patch,
    /// From the result to the base.
    pub inverse: Patch,
    /// What was found in the window and is corrected by the patch.
    pub findings: Vec<Finding>,
    /// How well both models explain exchanges held back; null where there were none.
    pub fidelity: Option<Fidelity>,
    /// The ledger's entry before it; null in the first.
    pub previous: Option<Previous>,
    /// The calibration that is undone, with all published since; null where none is.
    pub rolls_back: Option<u64>,
    /// By the key of who proposed it.
    pub signature: Signature,
}

/// The model a calibration applies to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The twin's own version.
    pub version: String,
    /// The calibration that made the model: the last published one. 0 is `model/symbols.json` as
    /// it was first written.
    pub number: u64,
    /// Of the canonical model.
    pub sha256: Digest,
}

/// The model a calibration makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Of the canonical model.
    pub sha256: Digest,
}

/// The entry of the ledger before another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// Its number.
    pub number: u64,
    /// Of its canonical document, the signature included.
    pub sha256: Digest,
}

/// How well the models before and after explain exchanges that inference did not see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fidelity {
    /// Exchanges accepted by the base, in basis points.
    pub before_bp: u32,
    /// By the result.
    pub after_bp: u32,
    /// Number of exchanges held back.
    pub held_back: u64,
}

/// The way from one model to another: the part of a calibration that cannot be written by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub(crate) base: Base,
    pub(crate) result: Made,
    pub(crate) patch: Patch,
    pub(crate) inverse: Patch,
}

/// Why a calibration could not be applied to a model.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The model is not the one the calibration was computed for.
    #[error("calibration {number} applies to model {expected}, found {found}")]
    WrongBase {
        /// The calibration's.
        number: u64,
        /// The base's digest.
        expected: Digest,
        /// The model's.
        found: Digest,
    },
    /// A `test` operation guarding the patch did not hold.
    #[error("calibration {number}, operation {index}: `{pointer}` is not what the patch expects")]
    GuardFailed {
        /// The calibration's.
        number: u64,
        /// Of the operation, from 0.
        index: usize,
        /// JSON Pointer of the value tested.
        pointer: String,
    },
    /// An operation cannot be done on the model's document.
    #[error("calibration {number}, operation {index} cannot be done at `{pointer}`")]
    BadOperation {
        /// The calibration's.
        number: u64,
        /// Of the operation, from 0.
        index: usize,
        /// JSON Pointer of its target.
        pointer: String,
        /// What is wrong with it.
        source: json_patch::PatchErrorKind,
    },
    /// The patched document is no model.
    #[error("calibration {number} makes no model: `{pointer}` is not what a model has there")]
    NotAModel {
        /// The calibration's.
        number: u64,
        /// JSON Pointer of the smallest part that cannot be read.
        pointer: String,
        /// Why it cannot.
        source: serde_json::Error,
    },
    /// It would rename the twin or change its own version.
    #[error(
        "calibration {number} changes the twin from {before} to {after}, which no calibration may"
    )]
    ChangesIdentity {
        /// The calibration's.
        number: u64,
        /// Name and version of the base.
        before: String,
        /// Of the result.
        after: String,
    },
    /// The patched model is not the one the calibration promised.
    #[error("calibration {number} promises model {expected}, its patch makes {found}")]
    WrongResult {
        /// The calibration's.
        number: u64,
        /// The result's digest.
        expected: Digest,
        /// Of the model made.
        found: Digest,
    },
}

impl Change {
    /// From the model after calibration `number` (0: the first) to another.
    ///
    /// The other is taken with the name and version of the base, which no calibration changes.
    pub fn between(base: &Model, number: u64, to: &Model) -> Self {
        let to = Model { name: base.name.clone(), version: base.version.clone(), ..to.clone() };
        let (before, after) = (base.to_value(), to.to_value());
        Self {
            base: Base { version: base.version.clone(), number, sha256: Digest::of_value(&before) },
            result: Made { sha256: Digest::of_value(&after) },
            patch: Patch::diff(&before, &after),
            inverse: Patch::diff(&after, &before),
        }
    }

    /// The model it starts from.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// The model it leads to.
    pub fn result(&self) -> &Made {
        &self.result
    }

    /// From the base to the result.
    pub fn patch(&self) -> &Patch {
        &self.patch
    }

    /// Whether both models are the same.
    pub fn is_empty(&self) -> bool {
        self.patch.is_empty()
    }
}

impl Model {
    /// The model a calibration makes of this one.
    ///
    /// # Errors
    ///
    /// Where the calibration was made for another model, its patch does not apply or makes no
    /// model, or not the one it promises. Whose signature it carries is the ledger's question.
    pub fn apply(&self, calibration: &Calibration) -> Result<Self, ApplyError> {
        Ok(Revision::new(self.clone()).apply(calibration)?.model)
    }
}

/// A model with its document and digest at hand, for applying one calibration after another.
#[derive(Debug, Clone)]
pub(crate) struct Revision {
    pub(crate) model: Model,
    pub(crate) digest: Digest,
    document: Value,
}

impl Revision {
    pub(crate) fn new(model: Model) -> Self {
        let mut document = model.to_value();
        unify_numbers(&mut document);
        Self { digest: Digest::of_value(&document), document, model }
    }

    pub(crate) fn apply(&self, calibration: &Calibration) -> Result<Self, ApplyError> {
        let number = calibration.number;
        if calibration.base.sha256 != self.digest {
            let (expected, found) = (calibration.base.sha256.clone(), self.digest.clone());
            return Err(ApplyError::WrongBase { number, expected, found });
        }
        let next = Self::read(self.patched(calibration)?, calibration)?;
        let identity = |model: &Model| format!("{} {}", model.name, model.version);
        let (before, after) = (identity(&self.model), identity(&next.model));
        if before != after {
            return Err(ApplyError::ChangesIdentity { number, before, after });
        }
        if next.digest != calibration.result.sha256 {
            let (expected, found) = (calibration.result.sha256.clone(), next.digest);
            return Err(ApplyError::WrongResult { number, expected, found });
        }
        Ok(next)
    }

    fn patched(&self, calibration: &Calibration) -> Result<Value, ApplyError> {
        let number = calibration.number;
        calibration.patch.apply(&self.document).map_err(|error| match error {
            PatchError::GuardFailed { index, pointer } => {
                ApplyError::GuardFailed { number, index, pointer }
            }
            PatchError::BadOperation { index, pointer, source } => {
                ApplyError::BadOperation { number, index, pointer, source }
            }
        })
    }

    fn read(document: Value, calibration: &Calibration) -> Result<Self, ApplyError> {
        let model = Model::deserialize(&document).map_err(|source| {
            let pointer = place_of_fault(&document);
            ApplyError::NotAModel { number: calibration.number, pointer, source }
        })?;
        let digest = Digest::of_value(&document);
        if digest == calibration.result.sha256 {
            return Ok(Self { model, digest, document });
        }
        // The patch may say what a model leaves out, as `"nullable": false`.
        Ok(Self::new(model))
    }
}

/// JSON Pointer to what keeps a document from being a model; asked only once something does, as
/// keeping track of the path makes reading slower.
fn place_of_fault(document: &Value) -> String {
    use serde_path_to_error::Segment;
    let Err(error) = serde_path_to_error::deserialize::<_, Model>(document) else {
        return String::new();
    };
    let tokens = error.path().iter().map(|segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } | Segment::Enum { variant: key } => format!("/{}", escape(key)),
        // A key that could not be read; what it says is in the error.
        Segment::Unknown => String::new(),
    });
    tokens.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::SigningKey;

    fn model(limit: f64) -> Model {
        serde_json::from_value(json!({
            "format": "wondertwin.model/1", "name": "emails", "version": "1.0.0",
            "limits": {"default":
                {"algorithm": "fixed_window", "limit": 10, "window_seconds": limit}},
            "entities": {"email": {"types": {"object": true}, "properties": {
                "id": {"types": {"string": true}, "required": true}}}},
        }))
        .unwrap()
    }

    fn calibration(change: Change) -> Calibration {
        Calibration {
            format: CalibrationFormat::V1,
            twin: "emails".into(),
            number: 1,
            created_at: "2026-11-19T10:00:00Z".parse().unwrap(),
            window: Window { from: None, to: None },
            base: change.base,
            result: change.result,
            patch: change.patch,
            inverse: change.inverse,
            findings: Vec::new(),
            fidelity: None,
            previous: None,
            rolls_back: None,
            signature: SigningKey::from_secret([1; 32]).sign(&Value::Null),
        }
    }

    /// A calibration of the model of 60 seconds with another patch than its own.
    fn patched(patch: Value) -> Calibration {
        let mut made = calibration(Change::between(&model(60.0), 0, &model(30.0)));
        made.patch = serde_json::from_value(patch).unwrap();
        made
    }

    #[test]
    fn a_calibration_makes_the_model_it_was_made_for() {
        let made = calibration(Change::between(&model(60.0), 0, &model(30.5)));
        // As it is read from a canonical file, where 60.0 stands as 60.
        let text = crate::canonical_json(&serde_json::to_value(&made).unwrap());
        let read: Calibration = serde_json::from_str(&text).unwrap();
        assert_eq!(model(60.0).apply(&read).unwrap(), model(30.5));

        let back = Calibration {
            base: Base { number: 1, version: "1.0.0".into(), sha256: read.result.sha256 },
            result: Made { sha256: read.base.sha256 },
            patch: read.inverse,
            ..made
        };
        assert_eq!(model(30.5).apply(&back).unwrap(), model(60.0));
    }

    #[test]
    fn each_way_a_calibration_can_fail_to_apply_is_told_apart() {
        let fails = |patch| model(60.0).apply(&patched(patch)).unwrap_err();

        let other = calibration(Change::between(&model(1.0), 0, &model(2.0)));
        let error = model(60.0).apply(&other).unwrap_err();
        assert!(matches!(error, ApplyError::WrongBase { .. }));

        let error =
            fails(json!([{"op": "test", "path": "/limits/default/window_seconds", "value": 59}]));
        insta::assert_snapshot!(error, @"calibration 1, operation 0: `/limits/default/window_seconds` is not what the patch expects");

        let error = fails(json!([{"op": "remove", "path": "/limits/search"}]));
        insta::assert_snapshot!(error, @"calibration 1, operation 0 cannot be done at `/limits/search`");

        let error = fails(json!([{"op": "add", "path": "/api_version", "value": "2"}]));
        assert!(matches!(error, ApplyError::WrongResult { .. }));

        let error = fails(json!([{"op": "replace", "path": "/version", "value": "2.0.0"}]));
        insta::assert_snapshot!(error, @"calibration 1 changes the twin from emails 1.0.0 to emails 2.0.0, which no calibration may");
    }

    #[test]
    fn a_patch_to_nonsense_is_refused_by_the_name_of_the_field() {
        let refused = |path: &str, value: Value| {
            let patch = json!([{"op": "add", "path": path, "value": value}]);
            let error = model(60.0).apply(&patched(patch)).unwrap_err();
            let ApplyError::NotAModel { pointer, source, .. } = error else { panic!("{error}") };
            let reason = source.to_string();
            format!("{pointer}: {}", reason.split(", expected").next().unwrap())
        };
        let field = "/entities/email/properties/id/nullable";
        insta::assert_snapshot!(refused(field, json!("maybe")), @r#"/entities/email/properties/id/nullable: invalid type: string "maybe""#);
        insta::assert_snapshot!(refused("/entities/a~1b", json!({"tpyes": {}})), @"/entities/a~1b/tpyes: unknown field `tpyes`");
        insta::assert_snapshot!(refused("/entities/email/types", json!({"strin": true})), @"/entities/email/types: unknown variant `strin`");
        insta::assert_snapshot!(refused("/routes", json!({"FETCH /a": {}})), @"/routes/FETCH ~1a: route `FETCH /a` has the method `FETCH`");
    }

    #[test]
    fn a_patch_may_say_what_a_model_leaves_out() {
        let made = Calibration {
            result: Made { sha256: Digest::of(&model(60.0)) },
            ..patched(json!([
                {"op": "add", "path": "/entities/email/nullable", "value": false}
            ]))
        };
        assert_eq!(model(60.0).apply(&made).unwrap(), model(60.0));
    }
}
