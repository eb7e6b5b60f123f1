//! `constraints` of `state-machine.yaml`: what may never be, as prose or spelled out.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Machine;

/// One thing that may never be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum Constraint {
    /// There is no such transition, and none may be written into the machine.
    NoTransition {
        /// The state it would go from.
        from: String,
        /// The state it would go to.
        to: String,
        /// As it is written.
        text: String,
    },
    /// What triggers a transition has to be one of the present state's: the transitions say so.
    ValidTriggers {
        /// As it is written.
        text: String,
    },
    /// A field's form, and that no two have the same.
    Unique(Unique),
    /// None is removed that others hang on.
    Deletion(Deletion),
}

/// A field's form, and that no two have the same.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unique {
    /// The field.
    pub field: String,
    /// A regular expression that its value matches.
    #[serde(default)]
    pub pattern: Option<String>,
    /// What an error says.
    #[serde(default, rename = "message")]
    pub text: String,
    /// Whether no two have the same.
    #[serde(default, rename = "unique")]
    pub is_unique: bool,
}

/// None is removed that others hang on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deletion {
    /// The collection of those that hang on it: its noun, or its path.
    #[serde(rename = "no_delete_with")]
    pub children: String,
    /// The state in which they count; any where absent.
    #[serde(default)]
    pub state: Option<String>,
    /// Their field that names it; one called as the entity is, where absent.
    #[serde(default)]
    pub by: Option<String>,
    /// What an error says.
    #[serde(default, rename = "message")]
    pub text: String,
}

const FORMS: &str = "`Cannot transition from A to B`, `FIELD must be unique`, `FIELD must be unique, 2-10 uppercase letters`, `Cannot delete a ENTITY with STATE ENTITIES`, {field, unique, pattern, message} and {no_delete_with, by, state, message}";

impl TryFrom<Value> for Constraint {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::String(text) => {
                of_prose(&text).ok_or_else(|| format!("{text:?} is none of {FORMS}"))
            }
            Value::Object(ref fields) if fields.contains_key("no_delete_with") => {
                serde_json::from_value(value).map(Self::Deletion).map_err(|error| error.to_string())
            }
            Value::Object(_) => {
                serde_json::from_value(value).map(Self::Unique).map_err(|error| error.to_string())
            }
            other => Err(format!("{other} is none of {FORMS}")),
        }
    }
}

impl From<Constraint> for Value {
    fn from(constraint: Constraint) -> Self {
        match constraint {
            Constraint::NoTransition { text, .. } | Constraint::ValidTriggers { text } => {
                text.into()
            }
            Constraint::Unique(Unique { field, pattern, text, is_unique }) => {
                json!({"field": field, "pattern": pattern, "message": text, "unique": is_unique})
            }
            Constraint::Deletion(Deletion { children, state, by, text }) => {
                json!({"no_delete_with": children, "state": state, "by": by, "message": text})
            }
        }
    }
}

/// The kinds of prose that are published (CHECKLIST, U08).
fn of_prose(prose: &str) -> Option<Constraint> {
    let text = prose.trim().trim_end_matches('.').to_owned();
    let lower = text.to_ascii_lowercase();
    let words: Vec<&str> = lower.split_whitespace().filter(|word| *word != "directly").collect();
    match &words[..] {
        ["cannot", "transition", "from", from, "to", to] => {
            let (from, to) = ((*from).to_owned(), (*to).to_owned());
            Some(Constraint::NoTransition { from, to, text })
        }
        ["transition", "ids", "must", "match", ..] => Some(Constraint::ValidTriggers { text }),
        ["cannot", "delete", "a" | "an", _, "with", rest @ ..] => {
            let (children, state) = match rest {
                [children] | ["any", children] => (children, None),
                [state, children] => (children, Some((*state).to_owned())),
                _ => return None,
            };
            let children = (*children).to_owned();
            Some(Constraint::Deletion(Deletion { children, state, by: None, text }))
        }
        [field, "must", "be", rest @ ..] => {
            let field = (*field).to_owned();
            let (is_unique, form) = match rest {
                ["unique"] => (true, None),
                ["unique,", form @ ..] => (true, Some(pattern(form)?)),
                form => (false, Some(pattern(form)?)),
            };
            Some(Constraint::Unique(Unique { field, pattern: form, text, is_unique }))
        }
        _ => None,
    }
}

/// `2-10 uppercase letters` as a regular expression.
fn pattern(words: &[&str]) -> Option<String> {
    let (range, letters) = words.split_first()?;
    let (least, most) = range.split_once('-').unwrap_or((range, range));
    let (least, most): (u32, u32) = (least.parse().ok()?, most.parse().ok()?);
    let class = match letters {
        ["uppercase", "letters"] => "[A-Z]",
        ["lowercase", "letters"] => "[a-z]",
        ["letters"] => "[A-Za-z]",
        ["digits"] => "[0-9]",
        ["letters", "and", "digits"] | ["alphanumeric", "characters"] => "[A-Za-z0-9]",
        ["characters"] => ".",
        _ => return None,
    };
    (least <= most).then(|| format!("^{class}{{{least},{most}}}$"))
}

impl Constraint {
    /// What is wrong with it, if anything.
    pub(super) fn problem(&self, machine: &Machine) -> Option<String> {
        match self {
            Self::NoTransition { from, to, .. } => {
                let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
                let is = |one: &super::Transition| {
                    same(&one.to, to) && one.from.0.iter().any(|own| same(own, from))
                };
                let found = machine.transitions.iter().any(is);
                found.then(|| format!("there is a transition from {from} to {to}"))
            }
            Self::Unique(Unique { pattern, is_unique, .. }) => match pattern {
                Some(pattern) => {
                    let wrong = regex::Regex::new(pattern).err()?;
                    Some(format!("`pattern` is no regular expression: {wrong}"))
                }
                None if !is_unique => Some("it has neither `unique` nor `pattern`".to_owned()),
                None => None,
            },
            Self::ValidTriggers { .. } | Self::Deletion(_) => None,
        }
    }
}
