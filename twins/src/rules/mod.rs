//! `state-machine.yaml` and `routes.yaml`, made ready for a model: which collection a machine is
//! of, which route makes which transition, what else a route does and how it fails.

mod effects;
mod fire;
mod follow;
mod moves;

use std::collections::BTreeMap;
use std::sync::Arc;

use models::behaviour::{
    Cause, Condition, Constraint, Deletion, Effect, Machine, Machines, RequestSchema, RouteRule,
    Routes, Span, Trigger, TwinDocument, Unique,
};
use regex::Regex;
use serde_json::Value;

use crate::action::letters;
use crate::program::Program;
use crate::webhooks::pattern_of;

pub(crate) use effects::Subject;
pub(crate) use moves::{Move, begin, check_change};

/// The rules of a twin beyond its model.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    kinds: Vec<Kind>,
    /// By the collection's pattern.
    by_pattern: BTreeMap<Box<str>, usize>,
    /// By the route's key: the transitions it can make.
    ways: BTreeMap<Box<str>, Vec<Way>>,
    routes: BTreeMap<Box<str>, RouteRules>,
}

/// A kind of entity that has a machine.
#[derive(Debug)]
pub(crate) struct Kind {
    /// Of its collection, `/repos/{}/{}/issues`.
    pub(crate) pattern: Box<str>,
    pub(crate) name: Box<str>,
    pub(crate) machine: Machine,
    forms: Vec<(Unique, Option<Regex>)>,
    deletions: Vec<Deletion>,
}

/// A transition a route can make.
#[derive(Debug)]
struct Way {
    kind: usize,
    transition: usize,
    trigger: Trigger,
}

/// What `routes.yaml` says of a route.
#[derive(Debug, Default)]
pub(crate) struct RouteRules {
    pub(crate) request: RequestSchema,
    /// Those the route does not do by itself.
    pub(crate) effects: Vec<Arc<Effect>>,
    errors: BTreeMap<Cause, (u16, Option<String>)>,
    /// Kinds a request may name one of, and the status where there is no such one.
    references: Vec<(String, u16)>,
}

impl Rules {
    /// Makes the documents ready; what of them no request will follow is told.
    pub(crate) fn compile(
        machines: &Machines,
        routes: &Routes,
        document: &TwinDocument,
        program: &Program,
    ) -> (Self, Vec<String>) {
        let (mut rules, mut problems) = (Self::default(), Vec::new());
        for (name, machine) in &machines.entities {
            match pattern_for(program, name, machine.collection.as_deref()) {
                Some(pattern) => rules.add_kind(name, pattern, machine),
                None => problems.push(format!(
                    "state-machine.yaml: the model has no collection of `{name}`: name it as `collection`"
                )),
            }
        }
        for number in 0..rules.kinds.len() {
            rules.add_ways(number, program, &mut problems);
        }
        for rule in &routes.routes {
            let key = rule.key();
            let known = (0..program.count()).find(|one| program.route(*one).key.as_str() == key);
            match known {
                Some(route) => rules.add_route(rule, route, program, &mut problems),
                None if rule.handler.is_some() => {}
                None => problems.push(format!("routes.yaml: the model has no route `{key}`")),
            }
        }
        problems.extend(covered(document, program));
        (rules, problems)
    }

    fn add_kind(&mut self, name: &str, pattern: Box<str>, machine: &Machine) {
        let (mut forms, mut deletions) = (Vec::new(), Vec::new());
        for constraint in &machine.constraints {
            match constraint {
                Constraint::Unique(unique) => {
                    // The document's own check has tried the pattern.
                    let regex = unique.pattern.as_deref().and_then(|one| Regex::new(one).ok());
                    forms.push((unique.clone(), regex));
                }
                Constraint::Deletion(deletion) => deletions.push(deletion.clone()),
                // What the transitions are says these.
                Constraint::NoTransition { .. } | Constraint::ValidTriggers { .. } => {}
            }
        }
        self.by_pattern.insert(pattern.clone(), self.kinds.len());
        let machine = machine.clone();
        self.kinds.push(Kind { pattern, name: name.into(), machine, forms, deletions });
    }

    fn add_ways(&mut self, kind: usize, program: &Program, problems: &mut Vec<String>) {
        let Kind { name, pattern, machine, .. } = &self.kinds[kind];
        let mut ways = Vec::new();
        for (transition, one) in machine.transitions.iter().enumerate() {
            let Some(trigger) = &one.trigger else { continue };
            match route_of(program, pattern, trigger) {
                Some(key) => ways.push((key, Way { kind, transition, trigger: trigger.clone() })),
                None => problems.push(format!(
                    "state-machine.yaml: `{name}`, the model has no route for the trigger {:?}",
                    trigger.to_string()
                )),
            }
        }
        for (key, way) in ways {
            self.ways.entry(key).or_default().push(way);
        }
    }

    fn add_route(
        &mut self,
        rule: &RouteRule,
        route: usize,
        program: &Program,
        problems: &mut Vec<String>,
    ) {
        let own = program.action(route).target.as_ref();
        let own = own.map(|target| (target.verb, target.home.noun()));
        let mut rules =
            RouteRules { request: rule.request_schema.clone(), ..RouteRules::default() };
        for effect in &rule.state_effects {
            let is_own = own.is_some_and(|(verb, noun)| effects::is_own(effect, verb, noun));
            if !(effect.is_bare() && is_own) {
                rules.effects.push(Arc::new(effect.clone()));
            }
        }
        for error in &rule.errors {
            match error.means() {
                Some(Condition::Cause(cause)) => {
                    rules.errors.insert(cause, (error.code, error.message.clone()));
                }
                Some(Condition::Unknown(noun)) => {
                    let is_own = own.is_some_and(|(_, own)| same_noun(own, &noun));
                    if is_own && program.route(route).template.item().is_some() {
                        let said = (error.code, error.message.clone());
                        rules.errors.insert(Cause::NotFound, said);
                    } else {
                        rules.references.push((noun, error.code));
                    }
                }
                None => {}
            }
        }
        let lacking = rule.response_schema.keys().filter(|name| !program.shows(route, name));
        for name in lacking {
            problems.push(format!(
                "routes.yaml: `{}`: `response_schema` has `{name}`, which the model's answer lacks",
                rule.key()
            ));
        }
        // Most rules only name a handler: a request on their route looks no further.
        if !rules.is_empty() {
            self.routes.insert(rule.key().into(), rules);
        }
    }

    /// Whether anything happens by itself.
    pub(crate) fn has_timers(&self) -> bool {
        self.kinds.iter().any(|kind| kind.machine.transitions.iter().any(|one| one.after.is_some()))
    }

    /// The collections whose entities have a machine.
    pub(crate) fn patterns(&self) -> impl Iterator<Item = &str> {
        self.kinds.iter().map(|kind| &*kind.pattern)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.kinds.is_empty() && self.routes.is_empty()
    }

    /// What `routes.yaml` says of a route.
    pub(crate) fn route(&self, key: &str) -> Option<&RouteRules> {
        if self.routes.is_empty() { None } else { self.routes.get(key) }
    }

    /// The machine of a collection's entities, by its pattern.
    pub(crate) fn kind(&self, pattern: &str) -> Option<&Kind> {
        if self.kinds.is_empty() {
            return None;
        }
        self.by_pattern.get(pattern).map(|number| &self.kinds[*number])
    }

    /// The machine of the entities of a collection itself, `/repos/a/b/issues`.
    pub(crate) fn kind_of(&self, collection: &str) -> Option<&Kind> {
        self.kind(collection).or_else(|| {
            self.kinds.iter().find(|kind| crate::state::is_of(&kind.pattern, collection))
        })
    }

    /// The status and the text a route has for a cause.
    pub(crate) fn error(&self, key: &str, cause: Cause) -> Option<(u16, Option<&str>)> {
        let (status, text) = self.route(key)?.errors.get(&cause)?;
        Some((*status, text.as_deref()))
    }
}

impl RouteRules {
    fn is_empty(&self) -> bool {
        self.request == RequestSchema::default()
            && self.effects.is_empty()
            && self.errors.is_empty()
            && self.references.is_empty()
    }
}

impl Kind {
    /// The transitions that happen by themselves to one in a state: which, and after how long.
    pub(crate) fn by_themselves(&self, state: &str) -> impl Iterator<Item = (usize, Span)> {
        let all = self.machine.transitions.iter().enumerate();
        all.filter(move |(_, one)| one.from.holds(state))
            .filter_map(|(number, one)| Some((number, one.after?)))
    }
}

/// The pattern of the collection of an entity's name.
fn pattern_for(program: &Program, name: &str, declared: Option<&str>) -> Option<Box<str>> {
    if let Some(declared) = declared {
        let pattern = pattern_of(declared);
        return program.plan.collection(&pattern).map(|_| pattern.into());
    }
    program.plan.called(|noun| same_noun(noun, name)).map(Into::into)
}

/// Whether two words are one noun, in whatever number and however written: `issueTypes` and
/// `issue_type`.
fn same_noun(one: &str, other: &str) -> bool {
    let stem = |word: &str| {
        let word = letters(word);
        let ending = |ending: &str| word.strip_suffix(ending).map(str::to_owned);
        ending("ies").map(|stem| stem + "y").or_else(|| ending("s")).unwrap_or(word)
    };
    letters(one) == letters(other) || stem(one) == stem(other)
}

/// The key of the route that a trigger names.
fn route_of(program: &Program, pattern: &str, trigger: &Trigger) -> Option<Box<str>> {
    let keys = || (0..program.count()).map(|number| &program.route(number).key);
    if let Some(route) = &trigger.route {
        let (method, path) = route.split_once(' ')?;
        let same = |key: &&models::RouteKey| {
            key.method() == method && pattern_of(key.path()) == pattern_of(path)
        };
        return keys().find(same).map(|key| key.as_str().into());
    }
    let action = trigger.action.as_deref()?;
    let below = |key: &&models::RouteKey| {
        let own = pattern_of(key.path());
        let last = own.strip_prefix(pattern).and_then(|rest| rest.strip_prefix("/{}/"));
        key.method() != "GET" && last.is_some_and(|last| same_noun(last, action))
    };
    keys().find(below).map(|key| key.as_str().into())
}

/// What `twin.json` says of the twin that is not so.
fn covered(document: &TwinDocument, program: &Program) -> Vec<String> {
    let mut problems = Vec::new();
    for entity in &document.state_entities {
        if program.plan.called(|noun| same_noun(noun, entity)).is_none() {
            problems.push(format!(
                "twin.json: `state_entities` has `{entity}`, of which the model has no collection"
            ));
        }
    }
    match &document.endpoints_covered {
        Value::Number(count) if count.as_u64() != Some(program.count() as u64) => {
            problems.push(format!(
                "twin.json: `endpoints_covered` is {count}, the model has {} routes",
                program.count()
            ));
        }
        Value::Array(routes) => {
            let known = |route: &str| {
                let wanted = route.split_once(' ').map(|(method, path)| (method, pattern_of(path)));
                (0..program.count()).map(|number| &program.route(number).key).any(|key| {
                    wanted.as_ref().is_some_and(|(method, path)| {
                        key.method().eq_ignore_ascii_case(method) && pattern_of(key.path()) == *path
                    })
                })
            };
            let absent = routes.iter().filter_map(Value::as_str).filter(|route| !known(route));
            problems.extend(absent.map(|route| {
                format!("twin.json: `endpoints_covered` has `{route}`, which the model lacks")
            }));
        }
        _ => {}
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noun_is_itself_in_any_number_and_spelling() {
        for (one, other) in
            [("issue", "issues"), ("entry", "entries"), ("issueType", "issue_types")]
        {
            assert!(same_noun(one, other), "{one} {other}");
        }
        assert!(!same_noun("issue", "tissue") && !same_noun("bus", "b"));
    }
}
