//! `state_effects` of routes and `effects` of transitions: what else happens.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Span;

/// One thing that happens beside what a route itself does. It has one verb.
///
/// Texts in `id`, `set` and `add` may hold `{{…}}` as those of webhooks do: `object` (what the
/// route, the transition or the timer is about), `request` (the body's fields), `parameters` (of
/// the path), `previous` (the object as it was), `now`, `now_iso`, `uuid`, `hex:N`, `base62:N`, `digits:N`.
///
/// # Source
///
/// The published form is `create: issue` (CHECKLIST, U05); the other members are ours.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Effect {
    /// The entity that comes to be. With nothing else said it is what the route itself creates,
    /// where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create: Option<String>,
    /// The entity of which one changes: the object itself, else the one `id` names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update: Option<String>,
    /// The entity of which one is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete: Option<String>,
    /// The event that is told of the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emit: Option<String>,
    /// The Lua handler that runs; its `req.data` holds the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Which one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Fields and what they become.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub set: Map<String, Value>,
    /// Fields that are numbers and what is added to them.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub add: Map<String, Value>,
    /// Only where these hold: path of a value (`object.status`, `request.amount`) and what it is, or a list of what
    /// it may be.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub when: Map<String, Value>,
    /// So much later, on the session's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Span>,
    /// In another twin of the universe, in the session of the same name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub twin: Option<String>,
}

/// What an effect does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffectVerb<'e> {
    /// Makes an entity of a kind.
    Create(&'e str),
    /// Changes one.
    Update(&'e str),
    /// Removes one.
    Delete(&'e str),
    /// Tells an event.
    Emit(&'e str),
    /// Runs a handler.
    Run(&'e str),
}

impl Effect {
    /// What it does; `None` where it says nothing or two things.
    pub fn verb(&self) -> Option<EffectVerb<'_>> {
        let mut said = [
            self.create.as_deref().map(EffectVerb::Create),
            self.update.as_deref().map(EffectVerb::Update),
            self.delete.as_deref().map(EffectVerb::Delete),
            self.emit.as_deref().map(EffectVerb::Emit),
            self.run.as_deref().map(EffectVerb::Run),
        ]
        .into_iter()
        .flatten();
        said.next().filter(|_| said.next().is_none())
    }

    /// Whether it says no more than which entity the route is about.
    pub fn is_bare(&self) -> bool {
        let said = matches!(
            self.verb(),
            Some(EffectVerb::Create(_) | EffectVerb::Update(_) | EffectVerb::Delete(_))
        );
        said && self.id.is_none()
            && self.set.is_empty()
            && self.add.is_empty()
            && self.after.is_none()
            && self.twin.is_none()
    }

    /// What is wrong with it, if anything.
    pub fn problem(&self) -> Option<String> {
        let Some(verb) = self.verb() else {
            return Some("it has not one of create, update, delete, emit and run".to_owned());
        };
        let writes = matches!(verb, EffectVerb::Create(_) | EffectVerb::Update(_));
        let says = !self.set.is_empty() || !self.add.is_empty();
        if says && !writes {
            return Some("`set` and `add` go with create and update".to_owned());
        }
        if matches!(verb, EffectVerb::Emit(_) | EffectVerb::Run(_)) && self.id.is_some() {
            return Some("`id` goes with create, update and delete".to_owned());
        }
        let abroad =
            self.twin.is_some() && matches!(verb, EffectVerb::Emit(_) | EffectVerb::Run(_));
        abroad.then(|| "`twin` goes with create, update and delete".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(text: &str) -> Effect {
        serde_norway::from_str(text).unwrap()
    }

    #[test]
    fn the_published_form_is_bare_and_an_effect_has_one_verb() {
        let published = effect("{create: issue}");
        assert_eq!(published.verb(), Some(EffectVerb::Create("issue")));
        assert!(published.is_bare() && published.problem().is_none());
        assert!(!effect("{create: issue, set: {a: 1}}").is_bare());
        for text in [
            "{set: {a: 1}}",
            "{create: a, delete: b}",
            "{emit: a.b, set: {a: 1}}",
            "{emit: a.b, twin: jira}",
        ] {
            assert!(effect(text).problem().is_some(), "{text}");
        }
        assert!(serde_norway::from_str::<Effect>("{craete: issue}").is_err());
    }
}
