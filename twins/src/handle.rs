//! A call answered by a Lua handler: what it sees of the twin, and what becomes of what it wrote.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use models::RouteKey;
use serde_json::{Map, Value, json};

use crate::action::Target;
use crate::call::{Call, Outcome};
use crate::config::Missing;
use crate::dice::{BASE62, Dice};
use crate::gate;
use crate::id;
use crate::list::{Listed, Query};
use crate::lua::{Asked, Body, Emitted, World, Write, Writes};
use crate::owners;
use crate::project::{Projector, Spot};
use crate::refusal::Refusal;
use crate::render::Reply;
use crate::state::{CreateError, Entity, Known, Start, Undo};
use crate::timers::Timer;
use crate::webhooks::written;

/// An entity as it was and as it is.
type Change = (Arc<Entity>, Arc<Entity>);

/// A change a handler made: the collection, the entity as it was and as it is.
type Move = (String, Arc<Entity>, Arc<Entity>);

/// What a handler has written so far, in one call or several.
#[derive(Default)]
struct Done {
    /// The entities written, as they were: there may be no room for the next one, or the next call may fail.
    undo: Undo,
    /// The counters as they were, where another call follows.
    counters: Option<BTreeMap<String, u64>>,
    moves: Vec<Move>,
    /// What is not read by the next call and waits for the end of the last.
    rest: Vec<Writes>,
}

impl Call<'_> {
    /// The handler of the route, from `routes.yaml` or the model. None where what was never written is
    /// made up: nothing is kept then that a handler could read.
    pub(crate) fn hook(&self) -> Option<&str> {
        if self.twin.config.missing == Missing::Materialize {
            return None;
        }
        let route = self.served.program.route(self.number);
        let quirks = &self.twin.config.document.quirks;
        if let Some(own) = self.session.quirks.handler(quirks, route.key.as_str()) {
            return Some(own);
        }
        self.twin.handlers.of_route(route.key.as_str()).or(route.hook.as_deref())
    }

    /// Has a handler answer; `None` where the engine is to answer: it said nothing, or it failed,
    /// and then what it wrote does not count.
    pub(crate) fn handle(
        &self,
        name: &str,
        bytes: &Bytes,
        data: Option<&Value>,
    ) -> Result<Option<Reply>, Refusal> {
        let names = &self.served.program.route(self.number).parameters;
        let params: Vec<(&str, &str)> =
            names.iter().zip(self.values).map(|(name, value)| (&**name, &**value)).collect();
        self.run(name, &params, bytes, data, None)
    }

    /// As [`handle`](Self::handle), with the path's parameters, and the status where the handler says
    /// none: the route's own, or this.
    pub(crate) fn run(
        &self,
        name: &str,
        params: &[(&str, &str)],
        bytes: &Bytes,
        data: Option<&Value>,
        usual: Option<StatusCode>,
    ) -> Result<Option<Reply>, Refusal> {
        let mut asked = Asked {
            method: self.head.method.as_str(),
            path: self.head.uri.path(),
            query: self.head.uri.query().unwrap_or(""),
            headers: self.head.headers,
            body: bytes,
            params,
            data,
            round: 0,
        };
        // Held until the writes are applied, so that the next handler reads them.
        let mut turn = self.twin.handlers.turn(&self.session.turns);
        let mut done = Done::default();
        let emitted = loop {
            match turn.call(name, &asked, self) {
                Ok((mut emitted, writes)) => {
                    let again = emitted.again && asked.round < ROUNDS_MAX;
                    if again && done.counters.is_none() {
                        done.counters = Some(self.session.counters.all());
                    }
                    if let Err(refusal) = self.write(writes, &mut done) {
                        self.undo(done);
                        return Err(refusal);
                    }
                    if again {
                        asked.round += 1;
                        continue;
                    }
                    if emitted.body.is_some() {
                        emitted.status = emitted.status.or(usual);
                    }
                    break emitted;
                }
                Err(failure) => {
                    let (twin, route) = (&self.twin.config.name, self.head.uri.path());
                    tracing::warn!(%twin, handler = name, route, "Lua handler failed, the engine answers: {failure}");
                    self.undo(done);
                    return Ok(None);
                }
            }
        };
        for (collection, id) in done.undo.written() {
            match self.find(collection, id) {
                Some(entity) => self.settle(collection, id, Some(&entity.fields())),
                None => self.settle(collection, id, None),
            }
        }
        for writes in done.rest {
            self.follow_up(writes);
        }
        let said = self.said(emitted);
        // What follows may run other handlers.
        drop(turn);
        for (collection, before, after) in &done.moves {
            self.moved(collection, &after.id, &before.fields(), &after.fields());
        }
        Ok(said)
    }

    /// Puts what one call of a handler wrote where its next call reads it.
    fn write(&self, mut writes: Writes, done: &mut Done) -> Result<(), Refusal> {
        let state = &self.session.state;
        for Write { collection, id, fields } in std::mem::take(&mut writes.entities) {
            done.undo.note(state, &collection, &id);
            let Some(fields) = fields else {
                state.remove(&collection, &id);
                done.undo.note_below(state.remove_below(&collection, &id));
                continue;
            };
            let put = self.put(&collection, &id, fields).map_err(|_| Refusal::Full)?;
            let (change, forgotten) = put;
            done.undo.note_forgotten(forgotten);
            done.moves.extend(change.map(|(before, after)| (collection, before, after)));
        }
        self.session.counters.set(std::mem::take(&mut writes.counters));
        done.rest.push(writes);
        Ok(())
    }

    /// Takes back what a handler wrote before it failed, or before there was no room for the rest.
    fn undo(&self, done: Done) {
        self.session.state.take_back(done.undo);
        if let Some(counters) = done.counters {
            self.session.counters.put_back(counters);
        }
    }

    /// Does what a handler wants done beside its writes.
    fn follow_up(&self, writes: Writes) {
        let state = &self.session.state;
        for (after, name, args) in writes.timers {
            let timer = Timer::Handler { name, args, route: self.route_key() };
            self.later(after, timer);
        }
        self.session.clock.advance(writes.advance);
        let webhooks = &self.session.webhooks;
        for object in writes.untold {
            webhooks.outbox().forget(&object);
        }
        for told in writes.told {
            webhooks.say(state, told, &self.twin.config.name, self.head.at);
        }
        for number in writes.again {
            webhooks.outbox().replay(number, self.head.at);
            webhooks.wake.notify_one();
        }
    }

    /// The route of the call, as every model in service after this one names it.
    pub(crate) fn route_key(&self) -> RouteKey {
        self.served.program.route(self.number).key.clone()
    }

    fn put(
        &self,
        collection: &str,
        id: &str,
        mut fields: Map<String, Value>,
    ) -> Result<(Option<Change>, Vec<Arc<Entity>>), CreateError> {
        let state = &self.session.state;
        let before = match state.find(collection, id) {
            Known::Here(entity) => Some(entity),
            Known::Gone | Known::Never => None,
        };
        if before.is_none() {
            if state.is_watched() {
                self.session.webhooks.complete(owners::bare(collection), &mut fields, id);
            }
            let taken = |_: u64, _: &str| std::mem::take(&mut fields);
            let made = state.create(collection, Some(id), |_| id.to_owned(), taken);
            if !matches!(made, Err(CreateError::Taken)) {
                return Ok((None, made?.forgotten));
            }
        }
        let after = state.update(collection, id, Some(Map::new()), |stored| *stored = fields)?;
        let (after, forgotten) = after.map(|after| (after.entity, after.forgotten)).unzip();
        Ok((before.zip(after), forgotten.unwrap_or_default()))
    }

    fn said(&self, emitted: Emitted) -> Option<Reply> {
        if emitted.body.is_none() && emitted.status.is_none() && emitted.headers.is_empty() {
            return None;
        }
        let program = &self.served.program;
        let mut reply = match emitted.body {
            None => Reply::default(),
            Some(Body::Json(value)) => self.of_bytes(value.to_string().into(), Some(JSON)),
            Some(Body::Bytes(bytes)) => self.of_bytes(bytes.into(), None),
            Some(Body::Error { code, message }) => {
                let status = emitted.status.unwrap_or(StatusCode::BAD_REQUEST);
                let refusal = Refusal::Said { status, code, message };
                self.twin.refuse(self.session, program, Some(self.number), &refusal, self.head)
            }
            Some(Body::Entity { collection, id }) => {
                match self.session.state.find(&collection, &id) {
                    Known::Here(entity) => self.render(&Outcome::seen(entity)),
                    _ => Reply::default(),
                }
            }
            Some(Body::Page { collection, wanted }) => {
                self.render(&Outcome::List(self.page_of(&collection, &wanted)))
            }
        };
        if let Some(status) = emitted.status {
            *reply.status_mut() = status;
        }
        for (name, value) in emitted.headers {
            if name == CONTENT_TYPE {
                reply.headers_mut().insert(name, value);
            } else {
                reply.headers_mut().append(name, value);
            }
        }
        Some(reply)
    }

    /// The page of a collection that the request asks for, of the items that are wanted.
    fn page_of(&self, collection: &str, wanted: &Map<String, Value>) -> Listed {
        let lists = &self.twin.config.document.lists;
        let query = Query::of(self.head.uri.query().unwrap_or(""), lists);
        let fits = |entity: &Entity| {
            wanted.iter().all(|(name, wanted)| is_one_of(entity.packed.get(name).as_ref(), wanted))
        };
        Listed::chosen(self.all(collection), query, fits)
    }

    fn of_bytes(&self, bytes: Bytes, media_type: Option<HeaderValue>) -> Reply {
        let answer = self.served.program.answer(self.number);
        let mut reply = Reply::new(bytes.into());
        *reply.status_mut() = answer.status;
        let media_type = media_type.unwrap_or_else(|| answer.media_type.clone());
        reply.headers_mut().insert(CONTENT_TYPE, media_type);
        reply
    }

    /// What a route does to a collection that shows how its items look.
    fn target_of(&self, collection: &str) -> Option<&Target> {
        let program = &self.served.program;
        let own = program.action(self.number).target.as_ref();
        if let Some(own) = own.filter(|own| self.collection_of(&own.home) == collection) {
            return Some(own);
        }
        let plan = program.plan.collection(owners::bare(collection))?;
        let route = plan.items.values().chain(plan.own.values()).next()?;
        program.action(*route).target.as_ref()
    }
}

/// Whether a field is what is wanted, or one of several; of a list, any of its items.
fn is_one_of(field: Option<&Value>, wanted: &Value) -> bool {
    match (field.unwrap_or(&Value::Null), wanted) {
        (field, Value::Array(several)) => several.iter().any(|one| is_one_of(Some(field), one)),
        (Value::Array(items), wanted) => items.contains(wanted),
        (field, wanted) => field == wanted,
    }
}

/// Calls of one handler for one request, after the first.
const ROUNDS_MAX: u32 = 100;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

impl World for Call<'_> {
    fn collection(&self, kind: &str) -> String {
        if let Some(of_other) = kind.strip_prefix('@') {
            let (owner, path) = of_other.split_once('/').unwrap_or((of_other, ""));
            let owner = Some(owner).filter(|owner| !owner.is_empty());
            return owners::owned(owner, &format!("/{}", path.trim_matches('/')));
        }
        if kind.contains('/') {
            return owners::owned(self.owner(), &format!("/{}", kind.trim_matches('/')));
        }
        let program = &self.served.program;
        let (name, plural) = (kind.replace('.', "/"), plural(kind).replace('.', "/"));
        let action = program.action(self.number);
        let homes = action.target.iter().map(|target| &target.home);
        let mut homes = homes.chain(action.parents.iter().map(|(home, _)| home));
        if let Some(home) = homes.find(|home| [&*name, &*plural].contains(&home.noun())) {
            return self.collection_of(home);
        }
        let called = |name: &str| program.plan.only_one_called(&format!("/{name}"));
        let named = called(&name).or_else(|| called(&plural));
        owners::owned(self.owner(), &named.map_or_else(|| format!("/{name}"), str::to_owned))
    }

    fn find(&self, collection: &str, id: &str) -> Option<Arc<Entity>> {
        match self.session.state.find(collection, id) {
            Known::Here(entity) => Some(entity),
            Known::Gone | Known::Never => None,
        }
    }

    fn all(&self, collection: &str) -> Vec<Arc<Entity>> {
        self.session.state.page(collection, Start::Offset(0), usize::MAX - 1, false).entities
    }

    fn below(&self, pattern: &str) -> Vec<(String, Arc<Entity>)> {
        self.session.state.all_of(pattern)
    }

    fn created(&self, collection: &str) -> u64 {
        self.session.state.created(collection)
    }

    fn make(&self, collection: &str, ordinal: u64) -> (String, Map<String, Value>) {
        let dice = Dice::of(self.session.seed, collection).nth(ordinal);
        let mut fields = Map::new();
        let Some(target) = self.target_of(collection) else {
            let noun = collection.rsplit('/').next().unwrap_or("");
            return (format!("{}_{}", id::prefix(noun), dice.text(BASE62, 24)), fields);
        };
        let item = &target.item;
        let made = match &item.id {
            Some(field) => field.kind.make(dice, ordinal),
            None => ordinal.to_string(),
        };
        for name in item.created.iter().chain(&item.changed) {
            fields.insert(name.to_string(), written(self.head.at).into());
        }
        self.complete(collection, &made, &mut fields);
        (made, fields)
    }

    fn complete(&self, collection: &str, id: &str, fields: &mut Map<String, Value>) {
        let (name, value) = match self.target_of(collection).and_then(|one| one.item.id.as_ref()) {
            Some(field) => (Cow::from(&*field.name), field.kind.value(id)),
            None => (Cow::from("id"), id.into()),
        };
        if !fields.contains_key(&*name) {
            fields.insert(name.into_owned(), value);
        }
    }

    fn show(&self, collection: &str, id: &str, fields: &Map<String, Value>) -> Option<Value> {
        let program = &self.served.program;
        let plan = program.plan.collection(owners::bare(collection))?;
        let route = plan.items.get("GET").or_else(|| plan.own.get("POST"))?;
        let node = program.answer(*route).body.as_ref()?;
        let spot = Spot::root(Dice::of(self.session.seed, id));
        let projector = Projector::new(&program.shapes);
        let filled = program.whole(*route).map(|whole| whole.filled(&projector, fields, spot));
        let fields = filled.as_ref().unwrap_or(fields);
        Some(projector.project_with(node, Some(fields), &[], spot).into_value())
    }

    fn counter(&self, name: &str) -> u64 {
        self.session.counters.get(name)
    }

    fn now(&self) -> Duration {
        self.head.at
    }

    fn dice(&self) -> Dice {
        self.session.next_dice("lua")
    }

    fn limits(&self) -> Map<String, Value> {
        let program = &self.served.program;
        let route = program.route(self.number);
        let declared = &self.twin.limits;
        let standings = gate::standings(program, route, declared, self.head, &self.session.usage);
        let shown = standings.into_iter().map(|(name, one)| {
            let (limit, remaining, reset) = (one.limit, one.remaining, one.reset.as_secs_f64());
            (name, json!({"limit": limit, "remaining": remaining, "reset": reset}))
        });
        shown.collect()
    }

    fn deliveries(&self, endpoint: &str) -> Vec<Value> {
        self.session.webhooks.outbox().to_endpoint(endpoint)
    }
}

/// `customers` of `customer`, `balances` of `balance`, `entries` of `entry`.
fn plural(noun: &str) -> String {
    let ending = |ending: char| noun.strip_suffix(ending);
    match ending('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if noun.ends_with(['s', 'x']) || noun.ends_with("ch") => format!("{noun}es"),
        _ => format!("{noun}s"),
    }
}
