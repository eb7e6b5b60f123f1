//! Effects: what else happens when a route, a transition or a timer does what it does.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use models::StateVerb;
use models::behaviour::{Effect, EffectVerb};
use serde_json::{Map, Value, json};

use super::{moves, same_noun};
use crate::call::Call;
use crate::id::text_of;
use crate::lua::World as _;
use crate::state::{CreateError, Entity, Fresh, Known};
use crate::timers::Timer;
use crate::webhooks::template::{Context, at};

/// What an effect is of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subject {
    /// Its collection; empty where the route acts on no entity.
    pub(crate) collection: String,
    pub(crate) id: String,
    /// `object`, `request`, `parameters`, `previous`.
    pub(crate) values: Map<String, Value>,
}

/// Effects that come of effects: beyond this they are left out, and the log says so.
const DEPTH_MAX: usize = 8;

/// Whether an effect is what a route does by itself.
pub(super) fn is_own(effect: &Effect, verb: StateVerb, noun: &str) -> bool {
    match effect.verb() {
        Some(EffectVerb::Create(kind)) => verb == StateVerb::Create && same_noun(kind, noun),
        Some(EffectVerb::Update(kind)) => verb == StateVerb::Update && same_noun(kind, noun),
        Some(EffectVerb::Delete(kind)) => verb == StateVerb::Delete && same_noun(kind, noun),
        Some(EffectVerb::Emit(_) | EffectVerb::Run(_)) | None => false,
    }
}

impl Subject {
    /// An entity.
    pub(crate) fn of(collection: &str, id: &str, fields: &Map<String, Value>) -> Self {
        let values = Map::from_iter([("object".to_owned(), Value::Object(fields.clone()))]);
        Self { collection: collection.to_owned(), id: id.to_owned(), values }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.values.insert(name.to_owned(), value.into());
        self
    }
}

impl Call<'_> {
    /// Has effects follow.
    pub(crate) fn follow<'e>(
        &self,
        effects: impl IntoIterator<Item = &'e Arc<Effect>>,
        subject: &Subject,
    ) {
        for effect in effects {
            if self.depth >= DEPTH_MAX {
                tracing::warn!(twin = %self.twin.config.name, "effects of effects of effects: left out");
                return;
            }
            if !effect.when.iter().all(|(path, wanted)| holds(&subject.values, path, wanted)) {
                continue;
            }
            match effect.after {
                Some(after) => {
                    let effect = Arc::new(Effect { after: None, ..(**effect).clone() });
                    let mut values = subject.values.clone();
                    values.insert("collection".to_owned(), subject.collection.clone().into());
                    values.insert("id".to_owned(), subject.id.clone().into());
                    let (values, route) = (Arc::new(values), self.route_key());
                    let timer = Timer::Effect { effect, values, route };
                    self.later(after.0, timer);
                }
                None => self.have(effect, subject),
            }
        }
    }

    /// Sets a timer.
    pub(crate) fn later(&self, after: Duration, timer: Timer) {
        self.session.timers.set(self.head.at.saturating_add(after), timer);
        if !self.session.clock.is_still() {
            self.twin.wake.notify_one();
        }
    }

    /// Has one effect happen now, here or in the twin it names.
    pub(super) fn have(&self, effect: &Effect, subject: &Subject) {
        let Some(name) = &effect.twin else { return self.have_here(effect, subject) };
        let Some(twin) = self.twin.config.universe.twin(name) else {
            tracing::warn!(twin = %self.twin.config.name, "an effect is for the twin {name}, which does not run beside it");
            return;
        };
        let session = twin.session(&self.session.name);
        let served = twin.source.load();
        if served.program.count() == 0 {
            return;
        }
        let (depth, head) = (self.depth + 1, self.head);
        let there = Call {
            twin: &twin,
            session: &session,
            served: &served,
            number: 0,
            values: &[],
            head,
            depth,
        };
        there.have_here(effect, subject);
        twin.tell(&session, &served, &crate::webhooks::Cause::at(self.head.at));
    }

    fn have_here(&self, effect: &Effect, subject: &Subject) {
        let deeper = Call { depth: self.depth + 1, ..*self };
        let done = match effect.verb() {
            Some(EffectVerb::Create(kind)) => deeper.have_created(kind, effect, subject),
            Some(EffectVerb::Update(kind)) => deeper.have_changed(kind, effect, subject),
            Some(EffectVerb::Delete(kind)) => deeper.have_removed(kind, effect, subject),
            Some(EffectVerb::Emit(event)) => {
                if let Known::Here(entity) =
                    self.session.state.find(&subject.collection, &subject.id)
                {
                    self.session.state.note_event(&subject.collection, &entity, event);
                }
                Ok(())
            }
            Some(EffectVerb::Run(handler)) => {
                let data = Value::Object(subject.values.clone());
                deeper.run_handler(handler, &data);
                Ok(())
            }
            None => Ok(()),
        };
        if let Err(why) = done {
            let route = self.head.uri.path();
            tracing::warn!(twin = %self.twin.config.name, route, "an effect did not happen: {why}");
        }
    }

    fn have_created(&self, kind: &str, effect: &Effect, subject: &Subject) -> Result<(), String> {
        let collection = self.collection(kind);
        let wanted = effect.id.as_deref().map(|id| self.text(id, subject));
        let place = wanted.as_deref().unwrap_or(&collection);
        let mut set = self.filled(&effect.set, &subject.values, place);
        let machine = self.twin.rules.kind_of(&collection);
        if let Some(machine) = machine {
            // What the effect says of the state stands above the first one.
            let mut fields = set.clone();
            moves::begin(machine, &mut fields).map_err(|refusal| refusal.message())?;
            fields.extend(set);
            self.check_unique(machine, &collection, None, &fields).map_err(|one| one.message())?;
            set = fields;
        }
        let make_id = |ordinal| self.make(&collection, ordinal).0;
        let complete = |ordinal, id: &str| {
            let mut fields = match wanted {
                Some(_) => Map::new(),
                None => self.make(&collection, ordinal).1,
            };
            fields.extend(set);
            self.complete(&collection, id, &mut fields);
            fields
        };
        match self.session.state.create(&collection, wanted.as_deref(), make_id, complete) {
            Ok(Fresh { entity, fields, .. }) => {
                self.settle(&collection, &entity.id, Some(&fields));
                Ok(())
            }
            Err(CreateError::Taken) => {
                Err(format!("there is a {kind} {} already", wanted.unwrap_or_default()))
            }
            Err(CreateError::Full) => Err("the twin's memory is spent".to_owned()),
        }
    }

    fn have_changed(&self, kind: &str, effect: &Effect, subject: &Subject) -> Result<(), String> {
        let (collection, id) = self.meant(kind, effect, subject);
        let set = self.filled(&effect.set, &subject.values, &id);
        let add = self.filled(&effect.add, &subject.values, &id);
        let Known::Here(before) = self.session.state.find(&collection, &id) else {
            return Err(format!("there is no {kind} {id}"));
        };
        let after = |fields: &mut Map<String, Value>| {
            fields.extend(set.clone());
            add.iter().for_each(|(name, by)| add_to(fields, name, by));
        };
        self.change_entity(&collection, &before, after)
    }

    /// Changes an entity as its machine lets; what goes with the transition follows.
    pub(super) fn change_entity(
        &self,
        collection: &str,
        before: &Arc<Entity>,
        change: impl Fn(&mut Map<String, Value>),
    ) -> Result<(), String> {
        let kind = self.twin.rules.kind_of(collection);
        if let Some(kind) = kind {
            let stored = before.fields();
            let mut after = stored.clone();
            change(&mut after);
            moves::check_change(kind, &before.id, &stored, &after)
                .map_err(|refusal| refusal.message())?;
        }
        let changed =
            self.session.state.update(collection, &before.id, None, |stored| change(stored));
        let Ok(Some(after)) = changed else { return Err("the twin's memory is spent".to_owned()) };
        self.moved(collection, &before.id, &before.fields(), &after.fields);
        Ok(())
    }

    /// What follows of a change of state: timers, and the effects of the transition.
    pub(crate) fn moved(
        &self,
        collection: &str,
        id: &str,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
    ) {
        let Some(kind) = self.twin.rules.kind_of(collection) else { return };
        let (from, to) = (moves::state_of(kind, before), moves::state_of(kind, after));
        if from == to {
            return;
        }
        self.settle(collection, id, Some(after));
        let (Some(from), Some(to)) = (from, to) else { return };
        let made =
            kind.machine.transitions.iter().find(|one| one.to == to && one.from.holds(&from));
        if let Some(transition) = made {
            self.follow_transition(collection, id, (before, after), &transition.effects);
        }
    }

    /// Has effects follow of a change of an entity's fields, from those before to those after.
    pub(super) fn follow_transition(
        &self,
        collection: &str,
        id: &str,
        (before, after): (&Map<String, Value>, &Map<String, Value>),
        effects: &[Effect],
    ) {
        let mut fields = after.clone();
        self.complete(collection, id, &mut fields);
        let subject = Subject::of(collection, id, &fields);
        let subject = subject.with("previous", before.clone());
        let effects: Vec<_> = effects.iter().cloned().map(Arc::new).collect();
        self.follow(&effects, &subject);
    }

    fn have_removed(&self, kind: &str, effect: &Effect, subject: &Subject) -> Result<(), String> {
        let (collection, id) = self.meant(kind, effect, subject);
        if let Some(machine) = self.twin.rules.kind_of(&collection) {
            self.check_deletion(machine, &collection, &id).map_err(|refusal| refusal.message())?;
        }
        let removed = self.session.state.remove(&collection, &id);
        self.session.state.remove_below(&collection, &id);
        self.session.timers.cancel(&collection, &id);
        removed.map(drop).ok_or_else(|| format!("there is no {kind} {id}"))
    }

    /// The entity that an effect is about: the one its `id` names, else the subject itself, else the one
    /// that the subject's field of the kind's name names.
    fn meant(&self, kind: &str, effect: &Effect, subject: &Subject) -> (String, String) {
        let collection = self.collection(kind);
        if let Some(id) = &effect.id {
            return (collection, self.text(id, subject));
        }
        let noun = subject.collection.rsplit('/').next().unwrap_or("");
        if same_noun(noun, kind) {
            return (subject.collection.clone(), subject.id.clone());
        }
        let named = at(&subject.values, &format!("object.{kind}")).and_then(text_of);
        (collection, named.unwrap_or_default())
    }

    fn text(&self, template: &str, subject: &Subject) -> String {
        self.context(&subject.values, &subject.id, |context| context.text(template))
    }

    /// Fields with their holes filled.
    pub(super) fn filled(
        &self,
        set: &Map<String, Value>,
        values: &Map<String, Value>,
        place: &str,
    ) -> Map<String, Value> {
        if set.is_empty() {
            return Map::new();
        }
        self.context(values, place, |context| {
            let filled = set.iter();
            filled.filter_map(|(name, one)| Some((name.clone(), context.fill(one)?))).collect()
        })
    }

    fn context<R>(
        &self,
        values: &Map<String, Value>,
        place: &str,
        with: impl FnOnce(&Context<'_>) -> R,
    ) -> R {
        let mut values = values.clone();
        let at = self.head.at;
        values.insert("now".to_owned(), json!(at.as_secs()));
        values.insert("now_iso".to_owned(), iso(at).into());
        // Not of the time: on a clock that stands still, all that is drawn would be one.
        let dice = self.session.next_dice("effect").at(place);
        with(&Context { values: &values, dice, show: &|_| None })
    }
}

fn iso(at: Duration) -> String {
    let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    let time = DateTime::from_timestamp(seconds, at.subsec_nanos()).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Whether a value is what it is to be, or one of them.
fn holds(values: &Map<String, Value>, path: &str, wanted: &Value) -> bool {
    let value = at(values, path).unwrap_or(&Value::Null);
    match wanted {
        Value::Array(items) => items.contains(value),
        wanted => wanted == value,
    }
}

/// Adds to a number of an object; whole numbers stay whole.
fn add_to(fields: &mut Map<String, Value>, name: &str, by: &Value) {
    let number = |value: &Value| match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_f64(),
    };
    let before = fields.get(name).unwrap_or(&Value::Null);
    let sum = match (before.as_i64().or(before.is_null().then_some(0)), by.as_i64()) {
        (Some(before), Some(by)) => json!(before.saturating_add(by)),
        _ => json!(number(before).unwrap_or(0.0) + number(by).unwrap_or(0.0)),
    };
    fields.insert(name.to_owned(), sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_stay_whole_and_what_is_absent_is_nothing() {
        let mut fields = Map::new();
        add_to(&mut fields, "balance", &json!(-250));
        add_to(&mut fields, "balance", &json!(50));
        add_to(&mut fields, "share", &json!(0.5));
        assert_eq!(Value::Object(fields), json!({"balance": -200, "share": 0.5}));
    }

    #[test]
    fn a_condition_is_a_value_or_a_list_of_them() {
        let values = json!({"object": {"status": "paid"}});
        let values = values.as_object().unwrap();
        assert!(holds(values, "object.status", &json!("paid")));
        assert!(holds(values, "object.status", &json!(["open", "paid"])));
        assert!(holds(values, "object.gone", &Value::Null));
        assert!(!holds(values, "object.status", &json!("open")));
    }
}
