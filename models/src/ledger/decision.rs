//! One line of `decisions.jsonl`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Digest, Signature, SigningKey};

/// What was decided about a calibration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// Twins load it.
    Publish,
    /// They never will.
    Reject,
    /// They load it for a part of their callers; a later decision says for all or for none.
    Canary,
}

/// Who decided, when, and what they had to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// A person, or `policy`.
    pub by: String,
    /// Wall clock.
    pub at: DateTime<Utc>,
    /// Their reason, if they gave one.
    pub comment: Option<String>,
}

/// A decision as it stands on disk (CONTRACTS, "Calibrations").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) number: u64,
    /// Of the calibration's document.
    pub(super) sha256: Digest,
    pub(super) decision: Choice,
    pub(super) by: String,
    pub(super) at: DateTime<Utc>,
    pub(super) comment: Option<String>,
    /// Of a canary the part of the callers, in basis points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) share_bp: Option<u32>,
    /// Of the line before, null in the first.
    pub(super) previous: Option<Digest>,
    pub(super) signature: Signature,
}

impl Line {
    pub(super) fn signed(
        (number, sha256): (u64, Digest),
        (decision, share_bp, note): (Choice, Option<u32>, Note),
        previous: Option<Digest>,
        key: &SigningKey,
    ) -> Self {
        let Note { by, at, comment } = note;
        // A signature does not cover itself, so any stands in for it until it is made.
        let signature = key.sign(&Value::Null);
        let mut line =
            Self { number, sha256, decision, by, at, comment, share_bp, previous, signature };
        line.signature = key.sign(&line.to_value());
        line
    }

    /// The line with its end.
    pub(super) fn text(&self) -> String {
        let text = serde_json::to_string(self).expect("a line's members are texts and numbers");
        text + "\n"
    }

    pub(super) fn note(self) -> Note {
        Note { by: self.by, at: self.at, comment: self.comment }
    }

    fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("a line's members are texts and numbers")
    }
}
