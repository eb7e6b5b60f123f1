//! `events` of an entity in `state-machine.yaml`: what is told of its changes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The names of the events that a change of an entity makes, in the order they are told:
/// that of the change itself, then those of the transition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Events {
    /// The field that holds the state.
    pub state: String,
    /// When one comes to be.
    pub create: Names,
    /// When fields change.
    pub update: Names,
    /// When one is removed.
    pub delete: Names,
    /// When the state's field changes, by `FROM->TO`; `*` is any state, and `->TO` also the one an
    /// entity begins in.
    pub transition: BTreeMap<String, Names>,
    /// When a field changes, by its name.
    pub field: BTreeMap<String, Names>,
    /// States whose entering is told by its transition, and by no event of the update.
    pub alone: Vec<String>,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            state: "status".to_owned(),
            create: Names::new(),
            update: Names::new(),
            delete: Names::new(),
            transition: BTreeMap::new(),
            field: BTreeMap::new(),
            alone: Vec::new(),
        }
    }
}

/// Names of events.
pub type Names = Vec<String>;

impl Events {
    /// The events of one change; absent `before` is a creation, absent `after` a removal.
    pub fn of(
        &self,
        before: Option<&Map<String, Value>>,
        after: Option<&Map<String, Value>>,
    ) -> Vec<&str> {
        let own = match (before, after) {
            (None, Some(_)) => &self.create,
            (Some(_), None) => &self.delete,
            (Some(before), Some(after)) if before != after => &self.update,
            _ => return Vec::new(),
        };
        let at = |fields: Option<&Map<String, Value>>, name: &str| {
            fields.and_then(|fields| fields.get(name)).cloned()
        };
        let text =
            |fields| at(fields, &self.state).as_ref().and_then(Value::as_str).map(str::to_owned);
        let (from, to) = (text(before), text(after));
        let moved = to.filter(|to| from.as_ref() != Some(to) && after.is_some());
        let is_alone = before.is_some() && moved.as_ref().is_some_and(|to| self.alone.contains(to));
        let own: &[String] = if is_alone { &[] } else { own };
        let mut names: Vec<&str> = own.iter().map(String::as_str).collect();
        for (field, told) in &self.field {
            if before.is_some() && after.is_some() && at(before, field) != at(after, field) {
                names.extend(told.iter().map(String::as_str));
            }
        }
        if let Some(to) = moved {
            names.extend(self.transitions(from.as_deref(), &to));
        }
        names
    }

    fn transitions(&self, from: Option<&str>, to: &str) -> impl Iterator<Item = &str> {
        let keys = match from {
            Some(from) => vec![format!("{from}->{to}"), format!("*->{to}"), format!("{from}->*")],
            None => vec![format!("->{to}")],
        };
        keys.into_iter().filter_map(|key| self.transition.get(&key)).flatten().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(before: Option<Value>, after: Option<Value>) -> Vec<String> {
        let events: Events = serde_json::from_value(json!({
            "create": ["invoice.created"], "update": ["invoice.updated"], "delete": ["invoice.deleted"],
            "transition": {"open->paid": ["invoice.paid"], "->open": ["invoice.opened"], "*->void": ["invoice.voided"]},
            "field": {"due": ["invoice.rescheduled"]}, "alone": ["void"],
        }))
        .unwrap();
        let map = |value: Option<Value>| value.map(|value| value.as_object().unwrap().clone());
        let (before, after) = (map(before), map(after));
        let names = events.of(before.as_ref(), after.as_ref());
        names.into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn a_change_is_told_by_what_it_is() {
        let open = || Some(json!({"status": "open", "due": 1}));
        assert_eq!(of(None, open()), ["invoice.created", "invoice.opened"]);
        assert_eq!(of(open(), open()), Vec::<String>::new());
        assert_eq!(
            of(open(), Some(json!({"status": "paid", "due": 2}))),
            ["invoice.updated", "invoice.rescheduled", "invoice.paid"]
        );
        assert_eq!(of(open(), Some(json!({"status": "void", "due": 1}))), ["invoice.voided"]);
        assert_eq!(of(open(), None), ["invoice.deleted"]);
    }
}
