//! From changes of the state to events, and from events to deliveries.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use http::{HeaderMap, Method, Uri};
use models::behaviour::{Content, Events};
use models::webhooks::sign;
use serde_json::{Map, Value, json};

use crate::call::{Call, Outcome};
use crate::dice::Dice;
use crate::escape;
use crate::owners;
use crate::render::{self, Reply};
use crate::router::Found;
use crate::served::Served;
use crate::session::Session;
use crate::state::{Change, Entity};
use crate::twin::{Head, Twin};
use crate::webhooks::Webhooks;
use crate::webhooks::delivery::{Endpoint, Event, Message};
use crate::webhooks::template::{Context, plain};

/// The request that made the changes, as events tell of it.
pub(crate) struct Cause<'c> {
    pub(crate) at: Duration,
    /// What the vendor's answer calls the request.
    pub(crate) id: Option<&'c str>,
    pub(crate) idempotency_key: Option<&'c str>,
}

impl<'c> Cause<'c> {
    /// No request: what was due at a time.
    pub(crate) const fn at(at: Duration) -> Self {
        Self { at, id: None, idempotency_key: None }
    }

    pub(crate) fn of(head: &Head<'c>, reply: &'c Reply) -> Self {
        let text = |headers: &'c HeaderMap, name: &str| headers.get(name)?.to_str().ok();
        let id = text(reply.headers(), "request-id");
        Self {
            at: head.at,
            id: id.or_else(|| text(reply.headers(), "x-request-id")),
            idempotency_key: text(head.headers, "idempotency-key"),
        }
    }
}

/// Where an object is shown.
struct Place {
    route: usize,
    /// The values of the route's parameters.
    values: Vec<String>,
    parameters: Map<String, Value>,
    pattern: String,
}

impl Twin {
    /// Tells what has changed since the last time, in the order of the changes.
    pub(crate) fn tell(&self, session: &Session, served: &Served, cause: &Cause<'_>) {
        let webhooks = &session.webhooks;
        let mut told = webhooks.told.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = session.state.take_changes();
        let mut queued = false;
        for change in changes.iter().filter(|change| !webhooks.is_log(&change.collection)) {
            let shown = change.after.as_ref().or(change.before.as_ref());
            let Some(entity) = shown else { continue };
            let place = Self::place(served, owners::bare(&change.collection), &entity.id);
            let names = match &change.event {
                Some(event) => vec![event.to_string()],
                None => webhooks.names(change, place.as_ref()),
            };
            for name in names {
                let teller = Teller { twin: self, session, webhooks, served, cause };
                queued |= teller.tell_one(&name, change, entity, place.as_ref(), &mut told);
            }
        }
        if queued {
            webhooks.wake.notify_one();
        }
    }

    /// The route that shows an item of a collection.
    fn place(served: &Served, collection: &str, id: &str) -> Option<Place> {
        let program = &served.program;
        let item = format!("{collection}/{}", escape::segment(id));
        let paths = [item.clone(), format!("{item}.json")];
        let (route, values) = paths.iter().find_map(|path| {
            match program.router.find(Method::GET.as_str(), path) {
                Found::Route(number, values) => {
                    let values: Vec<_> = values.into_iter().map(Cow::into_owned).collect();
                    Some((number, values))
                }
                _ => None,
            }
        })?;
        let own = program.route(route);
        let (home, _) = own.template.item()?;
        let named = own.parameters.iter().zip(&values);
        let parameters =
            named.map(|(name, value)| (name.to_string(), value.as_str().into())).collect();
        Some(Place { route, parameters, pattern: home.pattern(), values })
    }
}

impl Webhooks {
    fn is_log(&self, collection: &str) -> bool {
        self.declared.log.as_deref() == Some(owners::bare(collection))
    }

    /// An event on its way to one endpoint.
    pub(super) fn message(
        &self,
        values: &Map<String, Value>,
        dice: Dice,
        event: &Arc<Event>,
        mut endpoint: Endpoint,
        body: &Value,
    ) -> Message {
        let declared = &self.declared;
        let is_form = declared.content == Content::Form;
        let bytes = if is_form { form(body) } else { Bytes::from(body.to_string()) };
        endpoint.url = sign::address(self.signature.load().scheme, &endpoint.url, &bytes, is_form);
        let mut values = values.clone();
        values.insert("endpoint".to_owned(), json!({"id": endpoint.id, "url": endpoint.url}));
        let dice = dice.at("delivery").at(&endpoint.id);
        let mut context = Context { values: &values, dice, show: &|_| None };
        let id = context.text(&declared.ids.delivery);
        let mut values = values.clone();
        values.insert("delivery".to_owned(), json!({"id": id, "attempt": 0}));
        context.values = &values;
        let own = declared.headers.iter();
        let headers =
            own.map(|(name, value)| (name.to_ascii_lowercase(), context.text(value))).collect();
        Message { id, event: Arc::clone(event), endpoint, body: bytes, headers }
    }

    fn names(&self, change: &Change, place: Option<&Place>) -> Vec<String> {
        let pattern =
            place.map_or(owners::bare(&change.collection), |place| place.pattern.as_str());
        let noun = pattern.rsplit('/').find(|segment| *segment != "{}").unwrap_or("object");
        let made;
        let rules = match self.events.as_ref().map(|events| events.get(pattern)) {
            Some(Some(rules)) => rules,
            Some(None) => return Vec::new(),
            None => {
                made = usual(noun);
                &made
            }
        };
        let fields = |entity: &Option<Arc<Entity>>| entity.as_ref().map(|one| one.fields());
        let (before, after) = (fields(&change.before), fields(&change.after));
        let names = rules.of(before.as_ref(), after.as_ref());
        names.into_iter().map(str::to_owned).collect()
    }
}

/// What is told of a collection nothing is declared of.
fn usual(noun: &str) -> Events {
    let one = noun.strip_suffix('s').unwrap_or(noun);
    let named = |what: &str| vec![format!("{one}.{what}")];
    let (create, update, delete) = (named("created"), named("updated"), named("deleted"));
    Events { create, update, delete, ..Events::default() }
}

struct Teller<'t> {
    twin: &'t Twin,
    session: &'t Session,
    webhooks: &'t Webhooks,
    served: &'t Served,
    cause: &'t Cause<'t>,
}

impl Teller<'_> {
    /// Tells one event; whether a delivery was queued.
    fn tell_one(
        &self,
        name: &str,
        change: &Change,
        entity: &Arc<Entity>,
        place: Option<&Place>,
        told: &mut u64,
    ) -> bool {
        let none = Map::new();
        let parameters = place.map_or(&none, |place| &place.parameters);
        let owner = owners::owner_of(&change.collection);
        let state = &self.session.state;
        let fields = entity.fields();
        let endpoints = self.webhooks.endpoints_for(state, name, owner, parameters, &fields);
        if endpoints.is_empty() && self.webhooks.declared.log.is_none() {
            return false;
        }
        *told += 1;
        let dice = self.webhooks.dice.at("event").nth(*told);
        let values = self.values(name, change, entity, place);
        let show = |path: &str| self.show(path);
        let mut context = Context { values: &values, dice, show: &show };
        let id = context.text(&self.webhooks.declared.ids.event);
        let mut values = values.clone();
        if let Some(Value::Object(event)) = values.get_mut("event") {
            event.insert("id".to_owned(), id.as_str().into());
        }
        context.values = &values;
        let event = Arc::new(Event {
            id,
            name: name.to_owned(),
            object: format!("{}/{}", change.collection, entity.id),
            created: self.cause.at,
        });
        let body = self.body(&context);
        self.log(&event, owner, &body);
        let queued = !endpoints.is_empty();
        for endpoint in endpoints {
            let message = self.webhooks.message(&values, dice, &event, endpoint, &body);
            self.webhooks.outbox().queue(message, self.cause.at);
        }
        queued
    }

    /// What templates may name, but for the event's id.
    fn values(
        &self,
        name: &str,
        change: &Change,
        entity: &Arc<Entity>,
        place: Option<&Place>,
    ) -> Map<String, Value> {
        let object = self.shown(entity, place);
        let mut values = Map::new();
        values.insert("event".to_owned(), event_values(name, self.cause.at));
        if let (Some(before), Some(_)) = (&change.before, &change.after) {
            let before = self.shown(before, place);
            values.insert("previous".to_owned(), previous(&before, &object));
        }
        values.insert("object".to_owned(), object);
        if let Some(owner) = owners::owner_of(&change.collection) {
            values.insert("owner".to_owned(), owner.into());
        }
        let parameters = place.map(|place| place.parameters.clone()).unwrap_or_default();
        values.insert("parameters".to_owned(), parameters.into());
        let request = json!({"id": self.cause.id, "idempotency_key": self.cause.idempotency_key});
        values.insert("request".to_owned(), request);
        values.insert("twin".to_owned(), json!({"name": self.twin.config.name}));
        values
    }

    fn body(&self, context: &Context<'_>) -> Value {
        let declared = &self.webhooks.declared.body;
        if declared.is_null() {
            let usual = json!({
                "id": "{{event.id}}", "type": "{{event.name}}", "data": "{{object}}",
                "created_at": "{{event.created_iso}}",
            });
            return context.fill(&usual).unwrap_or_default();
        }
        context.fill(declared).unwrap_or_default()
    }

    /// Keeps the event where the vendor's API lists them.
    fn log(&self, event: &Event, owner: Option<&str>, body: &Value) {
        if let (Some(log), Value::Object(fields)) = (&self.webhooks.declared.log, body) {
            let log = &owners::owned(owner, log);
            let (make_id, body) = (|_| event.id.clone(), |_, _: &str| fields.clone());
            // A full state keeps no events; what is delivered does not depend on it.
            if self.session.state.create(log, Some(&event.id), make_id, body).is_err() {
                tracing::warn!(event = event.id, "the event was not kept: the state is full");
            }
        }
    }

    /// An object as the vendor's API shows it; as it is stored where no route does.
    fn shown(&self, entity: &Arc<Entity>, place: Option<&Place>) -> Value {
        let stored = || Value::Object(entity.fields());
        let Some(place) = place else { return stored() };
        let values: Vec<_> = place.values.iter().map(|value| value.as_str().into()).collect();
        let (uri, headers) = (Uri::from_static("/"), HeaderMap::new());
        let head = self.head(&uri, &headers);
        let (twin, session, served) = (self.twin, self.session, self.served);
        let number = place.route;
        let call = Call { twin, session, served, number, values: &values, head: &head, depth: 0 };
        let outcome = Outcome::seen(Arc::clone(entity));
        let body = render::whole(call.render(&outcome).into_body());
        let Ok(mut value) = serde_json::from_slice::<Value>(&body) else { return stored() };
        let target = served.program.action(number).target.as_ref();
        match target.and_then(|target| target.within.as_deref()) {
            Some(within) => value.get_mut(within).map_or(Value::Null, Value::take),
            None => value,
        }
    }

    /// What a `GET` of a path answers; `None` where that is an error.
    fn show(&self, path: &str) -> Option<Value> {
        let program = &self.served.program;
        let Found::Route(number, values) = program.router.find(Method::GET.as_str(), path) else {
            return None;
        };
        let (uri, headers) = (path.parse::<Uri>().ok()?, HeaderMap::new());
        let head = self.head(&uri, &headers);
        let (twin, session, served) = (self.twin, self.session, self.served);
        let call = Call { twin, session, served, number, values: &values, head: &head, depth: 0 };
        let reply = call.render(&call.perform(None).ok()?);
        serde_json::from_slice(&render::whole(reply.into_body())).ok()
    }

    fn head<'h>(&self, uri: &'h Uri, headers: &'h HeaderMap) -> Head<'h> {
        let caller = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Head { method: &Method::GET, uri, headers, caller, at: self.cause.at }
    }
}

/// What templates may say of an event, but for its id.
pub(super) fn event_values(name: &str, at: Duration) -> Value {
    let (topic, action) = name.split_once('.').unwrap_or((name, ""));
    let time = i64::try_from(at.as_secs())
        .ok()
        .and_then(|seconds| DateTime::from_timestamp(seconds, at.subsec_nanos()));
    json!({
        "name": name, "topic": topic, "action": action, "created": at.as_secs(),
        "created_ms": u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
        "created_iso": time.unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true),
    })
}

/// The fields that changed, as they were.
fn previous(before: &Value, after: &Value) -> Value {
    let (Value::Object(before), Value::Object(after)) = (before, after) else {
        return before.clone();
    };
    let changed = before.iter().filter(|(name, value)| after.get(*name) != Some(value));
    let added = after.keys().filter(|name| !before.contains_key(*name));
    let changed = changed.map(|(name, value)| (name.clone(), value.clone()));
    changed.chain(added.map(|name| (name.clone(), Value::Null))).collect()
}

fn form(body: &Value) -> Bytes {
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in body.as_object().into_iter().flatten().filter(|(_, one)| !one.is_null()) {
        text.append_pair(name, &plain(value));
    }
    Bytes::from(text.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_told_as_it_was() {
        let before = json!({"a": 1, "b": 2});
        assert_eq!(previous(&before, &json!({"a": 1, "b": 3, "c": 4})), json!({"b": 2, "c": null}));
    }

    #[test]
    fn patterns_are_the_same_whatever_their_parameters_are_called() {
        assert_eq!(
            crate::webhooks::pattern_of("/Accounts/{Sid}/Messages.json"),
            "/Accounts/{}/Messages"
        );
    }
}
