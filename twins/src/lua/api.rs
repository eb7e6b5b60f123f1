//! What a handler is given: `req`, `state`, `clock`, `emit`, `wraith` and `wt`.
//!
//! # Source
//!
//! The published API: CHECKLIST, L36 to L51. What is ours stands in `wt` and in `req.params` and
//! `req.data`, `req.asked` (the query with what stands in brackets within each other, every value a text), and `clock.after`.

use std::cell::RefCell;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use mlua::{FromLuaMulti, IntoLuaMulti, LuaString, Scope, Table, Value as LuaValue};
use serde_json::{Map, Value};

use super::fields::Fields;
use super::meter::MEMORY_BYTES;
use super::select::Selection;
use super::sources::Sources;
use super::value;
use super::vm::Vm;
use super::world::View;
use crate::body;
use crate::webhooks::Told;

/// A request as a handler sees it.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    /// The path's parameters by name.
    pub(crate) params: &'a [(&'a str, &'a str)],
    /// The body as it was read, whatever its media type.
    pub(crate) data: Option<&'a Value>,
    /// How often it was called for this request before.
    pub(crate) round: u32,
}

/// What a handler said.
#[derive(Debug, Default)]
pub(crate) struct Emitted {
    pub(crate) status: Option<StatusCode>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Option<Body>,
    /// Whether it is to be called once more, with what it wrote in place.
    pub(crate) again: bool,
}

/// The body of an answer a handler made.
#[derive(Debug)]
pub(crate) enum Body {
    Json(Value),
    Bytes(Vec<u8>),
    /// An error in the vendor's shape.
    Error {
        code: String,
        message: String,
    },
    /// An entity as the route shows it.
    Entity {
        collection: String,
        id: String,
    },
    /// The page of a collection that the request asks for, of the items that are wanted.
    Page {
        collection: String,
        wanted: Map<String, Value>,
    },
}

/// One call under way.
pub(super) struct Run<'w> {
    pub(super) view: View<'w>,
    pub(super) emitted: Emitted,
    /// Of what is to be kept or sent.
    bytes_left: usize,
}

/// Headers of one answer.
const HEADERS_MAX: usize = 100;
/// What a clock can be moved at once: a century.
const ADVANCE_MAX: f64 = 3.2e9;

type Shared<'w> = RefCell<Run<'w>>;

impl<'w> Run<'w> {
    pub(super) fn of(view: View<'w>) -> Self {
        Self { view, emitted: Emitted::default(), bytes_left: MEMORY_BYTES }
    }

    fn spend(&mut self, bytes: usize) -> mlua::Result<()> {
        let left = self.bytes_left.checked_sub(bytes);
        self.bytes_left = left.ok_or_else(|| {
            mlua::Error::runtime(format!("more than {MEMORY_BYTES} bytes are kept or sent"))
        })?;
        Ok(())
    }
}

/// Builds the tables of one call. They can be written by nobody and end with the call.
pub(super) struct Tables<'s, 'e, 'w> {
    pub(super) vm: &'s Vm,
    pub(super) scope: &'s Scope<'s, 'e>,
    pub(super) run: &'s Shared<'w>,
    pub(super) libs: &'s Sources,
}

impl<'s> Tables<'s, '_, '_> {
    /// The environment of a call.
    pub(super) fn environment(&self, asked: &Asked<'_>) -> mlua::Result<Table> {
        let environment = self.vm.environment()?;
        environment.raw_set("req", self.req(asked)?)?;
        environment.raw_set("state", self.state()?)?;
        environment.raw_set("clock", self.clock()?)?;
        environment.raw_set("emit", self.emit()?)?;
        let import = self.import(&environment)?;
        let wraith = self.vm.lua.create_table()?;
        wraith.raw_set("import", import.clone())?;
        wraith.set_readonly(true);
        environment.raw_set("wraith", wraith)?;
        environment.raw_set("wt", self.wt(import)?)?;
        Ok(environment)
    }

    fn req(&self, asked: &Asked<'_>) -> mlua::Result<Table> {
        let lua = &self.vm.lua;
        let req = lua.create_table()?;
        req.raw_set("method", asked.method)?;
        req.raw_set("path", asked.path)?;
        req.raw_set("round", asked.round)?;
        let headers = lua.create_table()?;
        for name in asked.headers.keys() {
            let values = asked.headers.get_all(name).iter().map(HeaderValue::as_bytes);
            let values: Vec<&[u8]> = values.collect();
            headers.raw_set(name.as_str(), lua.create_string(values.join(&b", "[..]))?)?;
        }
        headers.set_readonly(true);
        req.raw_set("headers", headers)?;
        let query = lua.create_table()?;
        for (name, value) in url::form_urlencoded::parse(asked.query.as_bytes()) {
            query.raw_set(&*name, &*value)?;
        }
        query.set_readonly(true);
        req.raw_set("query", query)?;
        req.raw_set("asked", value::to_lua(lua, &self.vm.list, &body::nested(asked.query))?)?;
        let params = lua.create_table()?;
        for (name, value) in asked.params {
            params.raw_set(*name, *value)?;
        }
        params.set_readonly(true);
        req.raw_set("params", params)?;
        if !asked.body.is_empty() {
            req.raw_set("body", lua.create_string(asked.body)?)?;
        }
        if let Some(data) = asked.data {
            req.raw_set("data", value::to_lua(lua, &self.vm.list, data)?)?;
        }
        req.set_readonly(true);
        Ok(req)
    }

    fn state(&self) -> mlua::Result<Table> {
        let (run, list) = (self.run, &self.vm.list);
        let state = self.vm.lua.create_table()?;
        self.add(&state, "get", move |lua, (kind, id): (String, Id)| {
            let found = run.borrow_mut().view.get(&kind, &id.0);
            found.map(|fields| value::object_to_lua(lua, list, &fields)).transpose()
        })?;
        self.add(&state, "put", move |_, (kind, id, data): (String, Id, Table)| {
            let (fields, bytes) = value::to_object(list, &data)?;
            let mut run = run.borrow_mut();
            run.spend(bytes + kind.len() + id.0.len())?;
            run.view.put(&kind, &id.0, fields);
            Ok(())
        })?;
        self.add(&state, "delete", move |_, (kind, id): (String, Id)| {
            let mut run = run.borrow_mut();
            run.spend(kind.len() + id.0.len())?;
            Ok(run.view.delete(&kind, &id.0))
        })?;
        self.add(&state, "list", move |lua, kind: String| {
            let all = run.borrow_mut().view.list(&kind, (0, usize::MAX), |_| true);
            entities(lua, list, all.into_iter())
        })?;
        self.add(&state, "query", move |lua, (kind, field, wanted, most, skipped): Query| {
            let wanted = value::to_json(list, &wanted)?;
            let part = (skipped.unwrap_or(0), most.unwrap_or(usize::MAX));
            let is_wanted =
                |fields: Fields<'_>| value::is(&fields.get(&field).unwrap_or_default(), &wanted);
            let all = run.borrow_mut().view.list(&kind, part, is_wanted);
            entities(lua, list, all.into_iter())
        })?;
        self.add(&state, "count", move |_, kind: String| Ok(run.borrow_mut().view.count(&kind)))?;
        self.add(&state, "counter", move |_, name: String| {
            let mut run = run.borrow_mut();
            run.spend(name.len())?;
            Ok(run.view.count_up(&name))
        })?;
        state.set_readonly(true);
        Ok(state)
    }

    fn clock(&self) -> mlua::Result<Table> {
        let run = self.run;
        let clock = self.vm.lua.create_table()?;
        self.add(&clock, "now", move |_, ()| Ok(run.borrow().view.now().as_secs()))?;
        self.add(&clock, "advance", move |_, seconds: Option<f64>| {
            let seconds = seconds.unwrap_or(1.0);
            if !(0.0..=ADVANCE_MAX).contains(&seconds) {
                let why = format!("the clock cannot be moved by {seconds} seconds");
                return Err(mlua::Error::runtime(why));
            }
            let mut run = run.borrow_mut();
            run.view.writes.advance += Duration::from_secs_f64(seconds);
            Ok(run.view.now().as_secs())
        })?;
        let list = &self.vm.list;
        self.add(&clock, "after", move |_, given: (f64, String, Option<LuaValue>)| {
            let (seconds, handler, args) = given;
            if !(0.0..=ADVANCE_MAX).contains(&seconds) {
                let why = format!("nothing can be done in {seconds} seconds");
                return Err(mlua::Error::runtime(why));
            }
            let args = args.map_or(Ok(Value::Null), |args| value::to_json(list, &args))?;
            let mut run = run.borrow_mut();
            run.spend(handler.len() + args.to_string().len() + 64)?;
            let after = run.view.writes.advance + Duration::from_secs_f64(seconds);
            run.view.writes.timers.push((after, handler, args));
            Ok(())
        })?;
        clock.set_readonly(true);
        Ok(clock)
    }

    fn emit(&self) -> mlua::Result<Table> {
        let (run, list) = (self.run, &self.vm.list);
        let emit = self.vm.lua.create_table()?;
        self.add(&emit, "status", move |_, code: u16| {
            run.borrow_mut().emitted.status = Some(status(code)?);
            Ok(())
        })?;
        self.add(&emit, "header", move |_, (name, value): (String, LuaString)| {
            let mut run = run.borrow_mut();
            run.spend(name.len() + value.as_bytes().len())?;
            let header = header(&name, &value.as_bytes())?;
            if run.emitted.headers.len() >= HEADERS_MAX {
                let why = format!("an answer has at most {HEADERS_MAX} headers");
                return Err(mlua::Error::runtime(why));
            }
            run.emitted.headers.push(header);
            Ok(())
        })?;
        self.add(&emit, "json", move |_, given: LuaValue| {
            run.borrow_mut().emitted.body = Some(Body::Json(value::to_json(list, &given)?));
            Ok(())
        })?;
        self.add(&emit, "body", move |_, text: LuaString| {
            run.borrow_mut().emitted.body = Some(Body::Bytes(text.as_bytes().to_vec()));
            Ok(())
        })?;
        self.add(&emit, "error", move |_, (code, word, message): (u16, String, String)| {
            let emitted = &mut run.borrow_mut().emitted;
            emitted.status = Some(status(code)?);
            emitted.body = Some(Body::Error { code: word, message });
            Ok(())
        })?;
        emit.set_readonly(true);
        Ok(emit)
    }

    /// `import("json")` runs `lua/lib/json.lua` once in a call and gives what it returns.
    fn import(&self, environment: &Table) -> mlua::Result<mlua::Function> {
        let (vm, libs) = (self.vm, self.libs);
        let (environment, loaded) = (environment.clone(), vm.lua.create_table()?);
        self.scope.create_function(move |_, name: String| {
            if let known @ (LuaValue::Table(_) | LuaValue::Function(_) | LuaValue::Boolean(_)) =
                loaded.raw_get::<LuaValue>(&*name)?
            {
                return match known {
                    LuaValue::Boolean(false) => {
                        Err(mlua::Error::runtime(format!("lib {name} imports itself")))
                    }
                    known => Ok(known),
                };
            }
            let Some(bytecode) = libs.bytecode(&name) else {
                let why = format!("there is no lua/lib/{name}.lua, or it does not compile");
                return Err(mlua::Error::runtime(why));
            };
            loaded.raw_set(&*name, false)?;
            let lib = vm.load(&format!("lib/{name}.lua"), bytecode, environment.clone())?;
            let given = match lib.call::<LuaValue>(())? {
                LuaValue::Nil => LuaValue::Boolean(true),
                given => given,
            };
            loaded.raw_set(&*name, &given)?;
            Ok(given)
        })
    }

    fn wt(&self, import: mlua::Function) -> mlua::Result<Table> {
        let (run, list) = (self.run, &self.vm.list);
        let wt = self.vm.wt()?;
        wt.raw_set("import", import)?;
        self.add(&wt, "new_id", move |_, kind: String| Ok(run.borrow_mut().view.make(&kind).0))?;
        self.add(&wt, "new", move |lua, (kind, given): (String, Option<Table>)| {
            let (given, bytes) = match &given {
                Some(table) => value::to_object(list, table)?,
                None => (Map::new(), 0),
            };
            let mut run = run.borrow_mut();
            run.spend(bytes + kind.len() + 64)?;
            let (id, mut fields) = run.view.make(&kind);
            fields.extend(given);
            run.view.put(&kind, &id, fields);
            let made = run.view.get(&kind, &id).unwrap_or_default();
            Ok((value::object_to_lua(lua, list, &made)?, id))
        })?;
        self.add(&wt, "answer", move |_, (kind, id): (String, Id)| {
            let mut run = run.borrow_mut();
            if run.view.get(&kind, &id.0).is_none() {
                return Err(mlua::Error::runtime(format!("there is no {kind} {}", id.0)));
            }
            let collection = run.view.collection(&kind).to_string();
            run.emitted.body = Some(Body::Entity { collection, id: id.0 });
            Ok(())
        })?;
        self.add(&wt, "page", move |_, (kind, wanted): (String, Option<Table>)| {
            let wanted = match &wanted {
                Some(table) => value::to_object(list, table)?.0,
                None => Map::new(),
            };
            let mut run = run.borrow_mut();
            let collection = run.view.collection(&kind).to_string();
            run.emitted.body = Some(Body::Page { collection, wanted });
            Ok(())
        })?;
        self.add(&wt, "again", move |_, ()| {
            run.borrow_mut().emitted.again = true;
            Ok(())
        })?;
        self.add(&wt, "show", move |lua, (kind, id, given): (String, Id, Option<Table>)| {
            let mut run = run.borrow_mut();
            let fields = match &given {
                Some(table) => Some(value::to_object(list, table)?.0),
                None => run.view.get(&kind, &id.0),
            };
            let Some(fields) = fields else { return Ok(LuaValue::Nil) };
            let collection = run.view.collection(&kind);
            let shown = run.view.world.show(&collection, &id.0, &fields);
            value::to_lua(lua, list, &shown.unwrap_or(Value::Object(fields)))
        })?;
        self.add_select(&wt)?;
        self.add_below(&wt)?;
        self.add_events(&wt)?;
        wt.set_readonly(true);
        Ok(wt)
    }

    /// `wt.select(kind, options)` gives part of a collection, and how many there are in all.
    fn add_select(&self, wt: &Table) -> mlua::Result<()> {
        let (run, list) = (self.run, &self.vm.list);
        self.add(wt, "select", move |lua, (kind, options): (String, Option<Table>)| {
            let options = options.map_or_else(|| lua.create_table(), Ok)?;
            let fields = |name: &str| match options.raw_get::<Option<Table>>(name)? {
                Some(table) => Ok(value::to_object(list, &table)?.0.into_iter().collect()),
                None => Ok::<_, mlua::Error>(Vec::new()),
            };
            let selection = Selection {
                equal: fields("where")?,
                least: fields("min")?,
                most: fields("max")?,
                order: options.raw_get("sort")?,
                reverse: options.raw_get::<Option<bool>>("reverse")?.unwrap_or(false),
                offset: options.raw_get::<Option<usize>>("offset")?.unwrap_or(0),
                limit: options.raw_get::<Option<usize>>("limit")?.unwrap_or(usize::MAX),
            };
            let (page, total) = run.borrow_mut().view.select(&kind, &selection);
            Ok((entities(lua, list, page.into_iter())?, total))
        })
    }

    /// `wt.below("/accounts/{}/messages")` gives what all of these hold, as `{collection, fields}`.
    fn add_below(&self, wt: &Table) -> mlua::Result<()> {
        let (run, list) = (self.run, &self.vm.list);
        self.add(wt, "below", move |lua, pattern: String| {
            let found = run.borrow().view.world.below(&pattern);
            let table = lua.create_table()?;
            for (collection, entity) in found {
                let item = lua.create_table()?;
                item.raw_set("collection", collection)?;
                item.raw_set("fields", value::object_to_lua(lua, list, &entity.fields())?)?;
                table.push(item)?;
            }
            Ok(table)
        })
    }

    /// `wt.tell` sends an event in the handler's own words; `wt.untell` calls off what of an
    /// object is not sent yet; `wt.deliveries` and `wt.redeliver` are of those sent before.
    fn add_events(&self, wt: &Table) -> mlua::Result<()> {
        let (run, list) = (self.run, &self.vm.list);
        self.add(wt, "tell", move |lua, given: (String, LuaValue, Option<Table>)| {
            let (name, body, options) = given;
            let options = options.map_or_else(|| lua.create_table(), Ok)?;
            let body = value::to_json(list, &body)?;
            let parameters = match options.raw_get::<Option<Table>>("params")? {
                Some(table) => value::to_object(list, &table)?.0,
                None => Map::new(),
            };
            let seconds = options.raw_get::<Option<f64>>("after")?.unwrap_or(0.0);
            let delay = Duration::try_from_secs_f64(seconds).map_err(|_| {
                mlua::Error::runtime(format!("nothing can be told after {seconds} seconds"))
            })?;
            let told = Told {
                object: options
                    .raw_get::<Option<String>>("object")?
                    .unwrap_or_else(|| name.clone()),
                name,
                body,
                url: options.raw_get("url")?,
                secret: options.raw_get("secret")?,
                endpoint: options.raw_get::<Option<Id>>("endpoint")?.map(|id| id.0),
                parameters,
                delay,
            };
            let mut run = run.borrow_mut();
            run.spend(told.body.to_string().len() + told.name.len())?;
            run.view.writes.told.push(told);
            Ok(())
        })?;
        self.add(wt, "untell", move |_, object: String| {
            let writes = &mut run.borrow_mut().view.writes;
            writes.told.retain(|told| told.object != object);
            writes.untold.push(object);
            Ok(())
        })?;
        self.add(wt, "deliveries", move |lua, endpoint: Id| {
            let all = run.borrow().view.world.deliveries(&endpoint.0);
            let table = lua.create_table()?;
            for delivery in all {
                table.push(value::to_lua(lua, list, &delivery)?)?;
            }
            Ok(table)
        })?;
        self.add(wt, "limits", move |lua, ()| {
            let limits = run.borrow().view.world.limits();
            value::object_to_lua(lua, list, &limits)
        })?;
        self.add(wt, "redeliver", move |_, number: u64| {
            run.borrow_mut().view.writes.again.push(number);
            Ok(())
        })
    }

    fn add<A: FromLuaMulti, R: IntoLuaMulti>(
        &self,
        table: &Table,
        name: &str,
        function: impl Fn(&mlua::Lua, A) -> mlua::Result<R> + 's,
    ) -> mlua::Result<()> {
        table.raw_set(name, self.scope.create_function(function)?)
    }
}

/// What is looked for: type, field, value, how many at most and after how many. The last two are
/// ours: one call cannot hold a large collection.
type Query = (String, String, LuaValue, Option<usize>, Option<usize>);

/// An id: text, or a number as JSON writes it.
struct Id(String);

impl mlua::FromLua for Id {
    fn from_lua(value: LuaValue, lua: &mlua::Lua) -> mlua::Result<Self> {
        match &value {
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and below 2^53")]
            LuaValue::Number(number) if number.fract() == 0.0 && number.abs() < 9.0e15 => {
                Ok(Self((*number as i64).to_string()))
            }
            _ => String::from_lua(value, lua).map(Self),
        }
    }
}

fn entities(
    lua: &mlua::Lua,
    list: &Table,
    all: impl Iterator<Item = Map<String, Value>>,
) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    for (index, fields) in all.enumerate() {
        table.raw_set(index + 1, value::object_to_lua(lua, list, &fields)?)?;
    }
    table.set_metatable(Some(list.clone()))?;
    Ok(table)
}

fn status(code: u16) -> mlua::Result<StatusCode> {
    let known = StatusCode::from_u16(code).ok().filter(|_| (200..600).contains(&code));
    known.ok_or_else(|| mlua::Error::runtime(format!("{code} is no status of an answer")))
}

fn header(name: &str, value: &[u8]) -> mlua::Result<(HeaderName, HeaderValue)> {
    let invalid = || mlua::Error::runtime(format!("{name:?} is no header, or its value is none"));
    let parsed: HeaderName = name.parse().map_err(|_| invalid())?;
    if matches!(parsed.as_str(), "content-length" | "transfer-encoding" | "connection") {
        return Err(mlua::Error::runtime(format!("the header {name} is the server's to say")));
    }
    Ok((parsed, HeaderValue::from_bytes(value).map_err(|_| invalid())?))
}
