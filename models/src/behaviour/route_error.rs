//! `errors` of a route: the status of each way it fails.

use serde::{Deserialize, Serialize};

use super::Cause;

/// One way a route fails.
///
/// # Source
///
/// `code` and `condition` are published (CHECKLIST, U05); `cause` and `message` are ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteError {
    /// The answer's status.
    pub code: u16,
    /// When, in words: `missing required fields`, `issue not found`, `rate limit exceeded`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub condition: String,
    /// When, as `errors` of `twin.json` has it, where the words do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// What the error says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What a condition in words means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// A cause the runtime knows.
    Cause(Cause),
    /// What the request names of this kind does not exist.
    Unknown(String),
}

/// Words of a condition, all of which it holds, and what they mean; the first that fits.
const WORDS: [(&[&str], Cause); 22] = [
    (&["rate", "limit"], Cause::RateLimited),
    (&["too", "many"], Cause::RateLimited),
    (&["missing", "token"], Cause::MissingAuth),
    (&["missing", "credential"], Cause::MissingAuth),
    (&["no", "credential"], Cause::MissingAuth),
    (&["unauthenticated"], Cause::MissingAuth),
    (&["not", "authenticated"], Cause::MissingAuth),
    (&["invalid", "token"], Cause::BadAuth),
    (&["invalid", "credential"], Cause::BadAuth),
    (&["unauthorized"], Cause::BadAuth),
    (&["already", "exists"], Cause::Conflict),
    (&["duplicate"], Cause::Conflict),
    (&["transition"], Cause::ForbiddenTransition),
    (&["missing"], Cause::MissingParameter),
    (&["required"], Cause::MissingParameter),
    (&["unknown", "field"], Cause::UnknownParameter),
    (&["unknown", "parameter"], Cause::UnknownParameter),
    (&["invalid", "type"], Cause::InvalidParameter),
    (&["invalid"], Cause::BadRequest),
    (&["malformed"], Cause::BadRequest),
    (&["too", "large"], Cause::TooLarge),
    (&["internal", "error"], Cause::Internal),
];

impl RouteError {
    /// What it means; `None` where it does not say.
    pub fn means(&self) -> Option<Condition> {
        if let Some(cause) = self.cause {
            return Some(Condition::Cause(cause));
        }
        let lower = self.condition.to_ascii_lowercase();
        let words: Vec<&str> = lower
            .split(|one: char| !one.is_alphanumeric() && one != '_')
            .filter(|one| !one.is_empty())
            .collect();
        match &words[..] {
            ["not", "found"] => return Some(Condition::Cause(Cause::NotFound)),
            [noun, "not", "found"]
            | [noun, "does", "not", "exist"]
            | ["unknown" | "no" | "nonexistent", noun] => {
                return Some(Condition::Unknown((*noun).to_owned()));
            }
            _ => {}
        }
        let has = |wanted: &&str| words.iter().any(|word| word.starts_with(wanted));
        let found = WORDS.iter().find(|(wanted, _)| wanted.iter().all(has));
        found.map(|(_, cause)| Condition::Cause(*cause))
    }

    pub(super) fn problem(&self) -> Option<String> {
        if !(100..=599).contains(&self.code) {
            return Some(format!("`code` is {}, no HTTP status", self.code));
        }
        let unclear = self.means().is_none();
        unclear.then(|| {
            format!(
                "`condition` is {:?}, which means nothing to the runtime: name a `cause` of `errors` in twin.json (`not_found`, `missing_parameter`, `conflict`, …)",
                self.condition
            )
        })
    }
}
