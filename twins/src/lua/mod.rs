//! Handlers in Luau: what answers in place of the engine, within limits and without a way out.
//!
//! A handler sees its twin through a [`World`] and leaves its [`Writes`] behind, which count only
//! where it comes to its end. Handlers of one session run one at a time, so that what one reads
//! and writes lies together.

mod api;
mod extra;
mod fields;
mod meter;
mod select;
mod sources;
#[cfg(test)]
mod tests;
mod value;
mod vm;
mod world;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mlua::Value as LuaValue;
use models::behaviour::{RouteRule, Routes, Scripts};

pub(crate) use api::{Asked, Body, Emitted};
pub(crate) use world::{View, World, Write, Writes};

use api::{Run, Tables};
use meter::Spent;
use sources::Sources;
use vm::Vm;

use crate::router::{Found, Router};

/// A twin's handlers.
#[derive(Debug)]
pub(crate) struct Handlers {
    scripts: Sources,
    libs: Sources,
    /// Names of handlers by route (`POST /v1/refunds`): of a file, or of a function in one
    /// (`refunds.create`).
    routes: BTreeMap<String, String>,
    /// Routes that only the twin has, by their place in `own_rules`.
    own: Router,
    own_rules: Vec<OwnRoute>,
    /// Machines nobody runs a handler in.
    idle: Mutex<Vec<Vm>>,
    calls: AtomicU64,
    failures: AtomicU64,
}

/// What answers a request that only the twin has a route for.
pub(crate) struct Owned<'h, 'p> {
    pub(crate) handler: &'h str,
    /// The path's parameters by name.
    pub(crate) params: Vec<(&'h str, Cow<'p, str>)>,
}

/// A route that only the twin has.
#[derive(Debug)]
struct OwnRoute {
    parameters: Vec<String>,
    handler: String,
}

/// Why a handler will not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LuaProblem {
    /// `lua/handlers/refund.lua`, or `routes.yaml`.
    pub(crate) file: String,
    /// The line or the route, and what is wrong there.
    pub(crate) problem: String,
}

/// Why a handler gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("there is no lua/handlers/{0}.lua, or it does not compile")]
    Missing(String),
    #[error("it took more than {} ms", meter::TIME.as_millis())]
    Time,
    #[error("it ran more than {} instructions", meter::INSTRUCTIONS)]
    Instructions,
    #[error("it used more than {} bytes of memory", meter::MEMORY_BYTES)]
    Memory,
    #[error("{0}")]
    Error(String),
}

impl Handlers {
    /// Whether a word stands anywhere in the scripts: what does not is hardly theirs, what does may be
    /// anything.
    pub(crate) fn mention(&self, word: &str) -> bool {
        self.scripts.mention(word) || self.libs.mention(word)
    }

    /// Compiles nothing yet: each script is compiled when it is first run, and the engine answers for one that cannot be.
    pub(crate) fn of(scripts: Scripts, routes: &Routes) -> Self {
        Self {
            scripts: Sources::of("handlers", scripts.handlers),
            libs: Sources::of("lib", scripts.libs),
            routes: routes.handlers().map(|(key, name)| (key, name.to_owned())).collect(),
            own: own_router(routes),
            own_rules: routes.own().map(OwnRoute::of).collect(),
            idle: Mutex::default(),
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    /// How many there are, those that do not compile among them.
    pub(crate) fn count(&self) -> usize {
        self.scripts.count()
    }

    /// Scripts that do not compile; all are compiled for it.
    pub(crate) fn problems(&self) -> Vec<LuaProblem> {
        self.scripts.problems().chain(self.libs.problems()).collect()
    }

    /// Lines of `routes.yaml` that no request will follow: the model has no such route, or its
    /// handler is not there.
    pub(crate) fn strays(&self, is_route: impl Fn(&str) -> bool) -> Vec<LuaProblem> {
        let stray = self.routes.iter().filter_map(|(route, name)| {
            let problem = if !is_route(route) {
                format!("the model has no route `{route}` for the handler `{name}`; it is written as the model writes it")
            } else if !self.scripts.has(parts(name).0) {
                format!("`{route}`: {}", Failure::Missing(parts(name).0.to_owned()))
            } else {
                return None;
            };
            Some(LuaProblem { file: "routes.yaml".to_owned(), problem })
        });
        let own = self.own_rules.iter().map(|rule| parts(&rule.handler).0);
        let own = own.filter(|file| !self.scripts.has(file));
        let own = own.map(|file| Failure::Missing(file.to_owned()).to_string());
        let own = own.map(|problem| LuaProblem { file: "routes.yaml".to_owned(), problem });
        stray.chain(own).collect()
    }

    /// The handler of a route that only the twin has, and the values of its parameters.
    pub(crate) fn own<'p>(&self, method: &str, path: &'p str) -> Option<Owned<'_, 'p>> {
        let Found::Route(number, values) = self.own.find(method, path) else { return None };
        let rule = self.own_rules.get(number)?;
        let names = rule.parameters.iter().map(String::as_str);
        Some(Owned { handler: &rule.handler, params: names.zip(values).collect() })
    }

    /// The handler that `routes.yaml` has for a route.
    pub(crate) fn of_route(&self, key: &str) -> Option<&str> {
        self.routes.get(key).map(String::as_str)
    }

    /// Calls since the start, and how many of them failed.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.calls.load(Ordering::Relaxed), self.failures.load(Ordering::Relaxed))
    }

    /// Takes a turn: no other handler of the session runs until it is given back.
    pub(crate) fn turn<'t>(&'t self, turns: &'t Turns) -> Turn<'t> {
        let held = turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        Turn { handlers: self, vm: self.idle().pop(), _held: held }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Vm>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turns of a session's handlers: one at a time.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<()>);

fn own_router(routes: &Routes) -> Router {
    let mut own = Router::default();
    for (number, rule) in routes.own().enumerate() {
        own.add(&rule.method.to_ascii_uppercase(), &rule.path, number);
    }
    own
}

impl OwnRoute {
    fn of(rule: &RouteRule) -> Self {
        let parameters = rule
            .path
            .split('/')
            .filter_map(|segment| Some(segment.strip_prefix('{')?.strip_suffix('}')?.to_owned()));
        let handler = rule.handler.clone().unwrap_or_default();
        Self { parameters: parameters.collect(), handler }
    }
}

/// The right to run a handler, and to apply what it wrote before the next one runs.
pub(crate) struct Turn<'h> {
    handlers: &'h Handlers,
    vm: Option<Vm>,
    _held: MutexGuard<'h, ()>,
}

/// Machines that are kept for the next call; more are made where more sessions run at once.
const IDLE_MAX: usize = 4;

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut idle = self.handlers.idle();
        if idle.len() < IDLE_MAX {
            idle.extend(self.vm.take());
        }
    }
}

impl Turn<'_> {
    /// Runs a handler: what it said and what it wrote, or why neither counts.
    pub(crate) fn call(
        &mut self,
        name: &str,
        asked: &Asked<'_>,
        world: &dyn World,
    ) -> Result<(Emitted, Writes), Failure> {
        self.handlers.calls.fetch_add(1, Ordering::Relaxed);
        let made = self.run(name, asked, world);
        if made.is_err() {
            self.handlers.failures.fetch_add(1, Ordering::Relaxed);
            // A machine that ran out of something may hold it still.
            self.vm = None;
        }
        made
    }

    fn run(
        &mut self,
        name: &str,
        asked: &Asked<'_>,
        world: &dyn World,
    ) -> Result<(Emitted, Writes), Failure> {
        let handlers = self.handlers;
        let (file, function) = parts(name);
        let bytecode = handlers.scripts.bytecode(file);
        let bytecode = bytecode.ok_or_else(|| Failure::Missing(file.to_owned()))?;
        let vm = match &mut self.vm {
            Some(vm) => vm,
            none => none.insert(Vm::new().map_err(told)?),
        };
        vm.start(world.dice()).map_err(told)?;
        let run = RefCell::new(Run::of(View::of(world)));
        let ended = vm.lua.scope(|scope| {
            let tables = Tables { vm, scope, run: &run, libs: &handlers.libs };
            let environment = tables.environment(asked)?;
            let req: LuaValue = environment.raw_get("req")?;
            let script = vm.load(&format!("handlers/{file}.lua"), bytecode, environment)?;
            match (script.call::<LuaValue>(())?, function) {
                (LuaValue::Function(handler), None) => handler.call::<()>(req),
                (LuaValue::Table(table), Some(function)) => {
                    match table.get::<Option<mlua::Function>>(function)? {
                        Some(handler) => handler.call::<()>(req),
                        None => Err(mlua::Error::runtime(format!("it has no `{function}`"))),
                    }
                }
                (_, Some(_)) => Err(mlua::Error::runtime("it gives no table of functions")),
                (_, None) => Ok(()),
            }
        });
        vm.meter.look();
        match vm.meter.spent() {
            Some(Spent::Time) => return Err(Failure::Time),
            Some(Spent::Instructions) => return Err(Failure::Instructions),
            None => ended.map_err(told)?,
        }
        let run = run.into_inner();
        Ok((run.emitted, run.view.writes))
    }
}

/// The file a handler's name stands for, and the function in the table that the file gives:
/// `refunds.create`.
fn parts(name: &str) -> (&str, Option<&str>) {
    name.split_once('.').map_or((name, None), |(file, function)| (file, Some(function)))
}

/// An error without the machine's own stack, which tells nothing of the handler.
fn told(error: mlua::Error) -> Failure {
    match error {
        mlua::Error::MemoryError(_) => Failure::Memory,
        mlua::Error::CallbackError { cause, .. } => match &*cause {
            mlua::Error::MemoryError(_) => Failure::Memory,
            cause => Failure::Error(cause.to_string()),
        },
        other => Failure::Error(other.to_string()),
    }
}
