//! `state-machine.yaml`: the states an entity goes through, and what may never be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Constraint, Effect, Span, Trigger};

/// `state-machine.yaml`.
///
/// # Source
///
/// The published members are `initial_state`, `transitions` with `from`, `to` and `trigger`, and
/// `constraints` as prose (CHECKLIST, U07, U08); the rest is ours.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Machines {
    /// By the entity's name: the noun of its collection, or its singular.
    pub entities: BTreeMap<String, Machine>,
}

/// The states of one kind of entity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Machine {
    /// Its collection (`/v1/invoices`), where its name does not say which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// The field that holds the state.
    pub field: String,
    /// What a new one begins in; whatever the request says where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_state: Option<String>,
    /// The only ways from one state to another. Where there are none, all are open.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transitions: Vec<Transition>,
    /// What may never be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<Constraint>,
    /// How a transition that is none of these is answered; `forbidden_transition` of `errors` in
    /// `twin.json` where absent, else `bad_request`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forbidden: Option<Said>,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            collection: None,
            field: "status".to_owned(),
            initial_state: None,
            transitions: Vec::new(),
            constraints: Vec::new(),
            forbidden: None,
        }
    }
}

/// One way from a state to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// The state it goes from, or several; `*` is any.
    pub from: States,
    /// The state it goes to.
    pub to: String,
    /// What makes it happen. It also happens where a request writes the state's field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// It happens by itself so long after the entity came into `from`, on the session's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Span>,
    /// Fields that change with it, as [`Effect::set`].
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub set: Map<String, Value>,
    /// What else happens with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
}

/// One state or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Vec<String>")]
pub struct States(pub Vec<String>);

impl States {
    /// Whether a state is among them.
    pub fn holds(&self, state: &str) -> bool {
        self.0.iter().any(|own| own == "*" || own == state)
    }
}

impl TryFrom<Value> for States {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let text = |value: Value| match value {
            Value::String(text) => Ok(text),
            other => Err(format!("{other} is no state: a text or a list of texts")),
        };
        match value {
            Value::Array(items) => items.into_iter().map(text).collect::<Result<_, _>>().map(Self),
            one => Ok(Self(vec![text(one)?])),
        }
    }
}

impl From<States> for Vec<String> {
    fn from(states: States) -> Self {
        states.0
    }
}

/// An answer that says no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// Its status.
    #[serde(default = "bad_request")]
    pub status: u16,
    /// The vendor's word for it.
    #[serde(default = "invalid")]
    pub code: String,
    /// Its text. May hold `{{kind}}`, `{{id}}`, `{{from}}` and `{{to}}`.
    pub message: String,
}

const fn bad_request() -> u16 {
    400
}

fn invalid() -> String {
    "invalid_request".to_owned()
}

impl Machine {
    /// Whether one in a state may come into another.
    pub fn lets(&self, from: &str, to: &str) -> bool {
        from == to
            || self.transitions.is_empty()
            || self.transitions.iter().any(|one| one.to == to && one.from.holds(from))
    }

    /// What is wrong with it, if anything: the member and why.
    pub fn problem(&self) -> Option<String> {
        let status = |said: &Said| (400..600).contains(&said.status);
        if let Some(said) = self.forbidden.as_ref().filter(|said| !status(said)) {
            return Some(format!("`forbidden.status` is {}, no error", said.status));
        }
        let transition = self.transitions.iter().enumerate().find_map(|(index, one)| {
            let what = format!("`transitions[{index}]`");
            if one.after.is_some_and(|after| after.0.is_zero()) {
                return Some(format!("{what}: `after` is nothing"));
            }
            let effects = one.effects.iter().enumerate();
            effects.into_iter().find_map(|(number, effect)| {
                Some(format!("{what}: `effects[{number}]`: {}", effect.problem()?))
            })
        });
        transition.or_else(|| {
            self.constraints.iter().enumerate().find_map(|(index, one)| {
                Some(format!("`constraints[{index}]`: {}", one.problem(self)?))
            })
        })
    }
}

impl Machines {
    /// What is wrong with them, if anything: the entity, the member and why.
    pub fn problem(&self) -> Option<String> {
        self.entities
            .iter()
            .find_map(|(name, one)| Some(format!("`entities.{name}`: {}", one.problem()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behaviour::{Deletion, Unique};

    /// The published example, word for word in its facts.
    const PUBLISHED: &str = r#"
entities:
  issue:
    initial_state: open
    transitions:
      - {from: open, to: in_progress, trigger: "transition API call with transitionId=21"}
      - {from: in_progress, to: done, trigger: "transition API call with transitionId=31"}
      - {from: in_progress, to: open, trigger: "transition API call with transitionId=11"}
      - {from: done, to: open, trigger: "transition API call with transitionId=11"}
    constraints:
      - "Cannot transition from done to in_progress directly"
      - "Transition IDs must match the valid set for current state"
  project:
    initial_state: active
    constraints:
      - "Key must be unique, 2-10 uppercase letters"
      - "Cannot delete a project with open issues"
"#;

    #[test]
    fn the_published_machine_is_read_and_every_line_of_it_means_something() {
        let machines: Machines = serde_norway::from_str(PUBLISHED).unwrap();
        assert_eq!(machines.problem(), None);
        let issue = &machines.entities["issue"];
        assert!(issue.lets("open", "in_progress") && issue.lets("done", "open"));
        assert!(!issue.lets("done", "in_progress") && !issue.lets("open", "done"));
        let trigger = issue.transitions[0].trigger.as_ref().unwrap();
        assert_eq!(trigger.action.as_deref(), Some("transition"));
        assert_eq!(trigger.with, BTreeMap::from([("transitionId".to_owned(), "21".to_owned())]));
        assert_eq!(
            machines.entities["project"].constraints,
            [
                Constraint::Unique(Unique {
                    field: "key".to_owned(),
                    pattern: Some("^[A-Z]{2,10}$".to_owned()),
                    text: "Key must be unique, 2-10 uppercase letters".to_owned(),
                    is_unique: true,
                }),
                Constraint::Deletion(Deletion {
                    children: "issues".to_owned(),
                    state: Some("open".to_owned()),
                    by: None,
                    text: "Cannot delete a project with open issues".to_owned(),
                }),
            ]
        );
    }

    #[test]
    fn a_line_that_means_nothing_is_refused_by_name() {
        let told = |text: &str| {
            let read = serde_norway::from_str::<Machines>(text);
            match read {
                Err(error) => error.to_string(),
                Ok(machines) => machines.problem().unwrap_or_default(),
            }
        };
        let why = told("entities: {a: {constraints: [be nice]}}");
        assert!(why.contains("\"be nice\" is none"), "{why}");
        let why = told(
            "entities: {a: {transitions: [{from: x, to: y}], constraints: [Cannot transition from x to y directly]}}",
        );
        assert_eq!(why, "`entities.a`: `constraints[0]`: there is a transition from x to y");
        let why = told("entities: {a: {transitions: [{from: x, to: y, trigger: somehow}]}}");
        assert!(why.contains("somehow"), "{why}");
        let why = told("entities: {a: {transitions: [{from: x, to: y, after: 1y}]}}");
        assert!(why.contains("1y"), "{why}");
        assert!(told("entities: {a: {initial: x}}").contains("unknown field `initial`"));
    }
}
