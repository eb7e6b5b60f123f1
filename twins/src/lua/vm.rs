//! A Luau machine in which a handler can reach nothing but what it is given.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mlua::chunk::ChunkMode;
use mlua::{Function, Lua, LuaOptions, StdLib, Table, Value as LuaValue, VmState};

use super::extra;
use super::meter::{MEMORY_BYTES, Meter, Spent};
use crate::dice::Dice;

/// A machine. Used for one call after another: what a call leaves in it no other can reach.
#[derive(Debug)]
pub(super) struct Vm {
    pub(super) lua: Lua,
    pub(super) meter: Arc<Meter>,
    /// The metatable of lists.
    pub(super) list: Table,
    /// What a call's environment falls back to: the machine's globals, which nobody can write.
    globals: Table,
    /// What a call's `wt` falls back to.
    extra: Table,
    chance: Chance,
    /// Scripts by name, read once. Each call runs them anew in an environment of its own.
    loaded: Mutex<HashMap<String, Function>>,
    /// Memory after it was made, with the scripts read since.
    bare_bytes: AtomicUsize,
}

/// What `math.random` draws from, and how many it has drawn.
type Chance = Arc<Mutex<(Dice, u64)>>;

/// Memory left by former calls from which on it is taken back before the next.
const LITTER_BYTES: usize = MEMORY_BYTES / 4;

/// Names of the base library that reach beyond the sandbox, or tell what no run may depend on.
const FORBIDDEN: [&str; 7] =
    ["collectgarbage", "getfenv", "loadstring", "newproxy", "print", "require", "setfenv"];

/// Library functions that would run for seconds without a step. Each in a form that does not.
const GUARDS: &str = r#"
local rep, move = string.rep, table.move
function string.rep(text, count)
    if text == "" then return "" end
    return rep(text, count)
end
function table.move(from, first, last, at, to)
    if last - first > 1000000 then error("more than 1000000 items to move", 2) end
    return move(from, first, last, at, to)
end
"#;

impl Vm {
    pub(super) fn new() -> mlua::Result<Self> {
        let libs = StdLib::TABLE | StdLib::STRING | StdLib::UTF8 | StdLib::BIT | StdLib::MATH;
        let lua = Lua::new_with(libs | StdLib::BUFFER, LuaOptions::default())?;
        for name in FORBIDDEN {
            lua.globals().raw_set(name, LuaValue::Nil)?;
        }
        lua.load(GUARDS).set_name("=guards").exec()?;
        let chance: Chance = Arc::new(Mutex::new((Dice::of(0, ""), 0)));
        let math: Table = lua.globals().raw_get("math")?;
        math.raw_set("randomseed", LuaValue::Nil)?;
        math.raw_set("random", random(&lua, Arc::clone(&chance))?)?;
        lua.sandbox(true)?;
        let list = locked(&lua, None)?;
        let wt = extra::table(&lua, &list)?;
        wt.set_readonly(true);
        let (globals, extra) = (locked(&lua, Some(lua.globals()))?, locked(&lua, Some(wt))?);
        let meter = Arc::new(Meter::new());
        let own = Arc::clone(&meter);
        lua.set_interrupt(move |_| match own.step() {
            None => Ok(VmState::Continue),
            Some(Spent::Time) => Err(mlua::Error::runtime("the call took too long")),
            Some(Spent::Instructions) => Err(mlua::Error::runtime("the call ran too long")),
        });
        lua.gc_collect()?;
        let bare_bytes = AtomicUsize::new(lua.used_memory());
        let loaded = Mutex::default();
        Ok(Self { lua, meter, list, globals, extra, chance, loaded, bare_bytes })
    }

    /// Begins a call: all limits are new, and choices are drawn from other dice.
    pub(super) fn start(&self, dice: Dice) -> mlua::Result<()> {
        let bare = self.bare_bytes.load(Ordering::Relaxed);
        if self.lua.used_memory() > bare + LITTER_BYTES {
            self.lua.gc_collect()?;
        }
        self.lua.set_memory_limit(self.lua.used_memory() + MEMORY_BYTES)?;
        *self.chance.lock().unwrap_or_else(PoisonError::into_inner) = (dice, 0);
        self.meter.start();
        Ok(())
    }

    /// A call's own globals.
    pub(super) fn environment(&self) -> mlua::Result<Table> {
        let environment = self.lua.create_table()?;
        environment.set_metatable(Some(self.globals.clone()))?;
        Ok(environment)
    }

    /// A call's own `wt`.
    pub(super) fn wt(&self) -> mlua::Result<Table> {
        let wt = self.lua.create_table()?;
        wt.set_metatable(Some(self.extra.clone()))?;
        Ok(wt)
    }

    pub(super) fn load(
        &self,
        name: &str,
        bytecode: &[u8],
        environment: Table,
    ) -> mlua::Result<Function> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(script) = loaded.get(name) {
            script.set_environment(environment)?;
            return Ok(script.clone());
        }
        let before = self.lua.used_memory();
        let chunk = self.lua.load(bytecode).set_mode(ChunkMode::Binary);
        let script =
            chunk.set_name(format!("={name}")).set_environment(environment).into_function()?;
        let read = self.lua.used_memory().saturating_sub(before);
        self.bare_bytes.fetch_add(read, Ordering::Relaxed);
        loaded.insert(name.to_owned(), script.clone());
        Ok(script)
    }
}

/// A metatable that handlers can neither see nor change.
fn locked(lua: &Lua, index: Option<Table>) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("__metatable", false)?;
    table.raw_set("__index", index)?;
    table.set_readonly(true);
    Ok(table)
}

/// `math.random`, from the call's dice.
fn random(lua: &Lua, chance: Chance) -> mlua::Result<Function> {
    lua.create_function(move |_, (first, second): (Option<i64>, Option<i64>)| {
        let dice = {
            let mut chance = chance.lock().unwrap_or_else(PoisonError::into_inner);
            chance.1 += 1;
            chance.0.nth(chance.1)
        };
        let (low, high) = match (first, second) {
            (None, _) => return Ok(LuaValue::Number(dice.unit())),
            (Some(high), None) => (1, high),
            (Some(low), Some(high)) => (low, high),
        };
        let span = high.checked_sub(low).and_then(|span| u64::try_from(span).ok());
        let Some(span) = span.and_then(|span| span.checked_add(1)) else {
            return Err(mlua::Error::runtime("math.random: the interval is empty"));
        };
        let drawn = low.saturating_add(i64::try_from(dice.below(span)).unwrap_or(0));
        #[expect(clippy::cast_precision_loss, reason = "Luau's numbers are floats")]
        Ok(LuaValue::Number(drawn as f64))
    })
}
