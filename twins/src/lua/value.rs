//! JSON as Luau values and back.
//!
//! `null` is read as nil, so that handlers can ask `if subscription.cancel_at then`; `wt.null` writes one. Lists
//! carry a metatable that tells an empty list from an empty object.

use mlua::{Lua, Table, Value as LuaValue};
use serde_json::{Map, Number, Value};

/// Tables within tables beyond which a value is refused.
const DEPTH_MAX: usize = 64;
/// Bytes of JSON, by an estimate, beyond which a value is refused: a table held twice is
/// written twice, so a small one can stand for a very large document.
pub(super) const BYTES_MAX: usize = super::meter::MEMORY_BYTES;

/// A JSON value as Lua has it.
pub(super) fn to_lua(lua: &Lua, list: &Table, value: &Value) -> mlua::Result<LuaValue> {
    to_lua_with(lua, list, value, &LuaValue::Nil)
}

/// The same, where null is another value than nil.
pub(super) fn to_lua_with(
    lua: &Lua,
    list: &Table,
    value: &Value,
    null: &LuaValue,
) -> mlua::Result<LuaValue> {
    Ok(match value {
        Value::Null => null.clone(),
        Value::Bool(flag) => LuaValue::Boolean(*flag),
        Value::Number(number) => LuaValue::Number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => LuaValue::String(lua.create_string(text)?),
        Value::Array(items) => {
            let table = lua.create_table_with_capacity(items.len(), 0)?;
            for (index, item) in items.iter().enumerate() {
                table.raw_set(index + 1, to_lua_with(lua, list, item, null)?)?;
            }
            table.set_metatable(Some(list.clone()))?;
            LuaValue::Table(table)
        }
        Value::Object(fields) => LuaValue::Table(fields_to_lua(lua, list, fields, null)?),
    })
}

/// An object as a table.
pub(super) fn object_to_lua(
    lua: &Lua,
    list: &Table,
    fields: &Map<String, Value>,
) -> mlua::Result<Table> {
    fields_to_lua(lua, list, fields, &LuaValue::Nil)
}

fn fields_to_lua(
    lua: &Lua,
    list: &Table,
    fields: &Map<String, Value>,
    null: &LuaValue,
) -> mlua::Result<Table> {
    let table = lua.create_table_with_capacity(0, fields.len())?;
    for (name, value) in fields {
        table.raw_set(name.as_str(), to_lua_with(lua, list, value, null)?)?;
    }
    Ok(table)
}

/// A Lua value as JSON.
pub(super) fn to_json(list: &Table, value: &LuaValue) -> mlua::Result<Value> {
    Writer { list, bytes_left: BYTES_MAX }.write(value, 0)
}

/// A table as a JSON object, and what it takes by an estimate.
pub(super) fn to_object(list: &Table, table: &Table) -> mlua::Result<(Map<String, Value>, usize)> {
    let mut writer = Writer { list, bytes_left: BYTES_MAX };
    match writer.write(&LuaValue::Table(table.clone()), 0)? {
        Value::Object(fields) => Ok((fields, BYTES_MAX - writer.bytes_left)),
        _ => Err(mlua::Error::runtime("an entity is a table of named fields, not a list")),
    }
}

struct Writer<'l> {
    list: &'l Table,
    bytes_left: usize,
}

impl Writer<'_> {
    fn write(&mut self, value: &LuaValue, depth: usize) -> mlua::Result<Value> {
        self.spend(16)?;
        Ok(match value {
            LuaValue::Nil => Value::Null,
            LuaValue::LightUserData(pointer) if pointer.0.is_null() => Value::Null,
            LuaValue::Boolean(flag) => Value::Bool(*flag),
            LuaValue::Integer(number) => Value::from(*number),
            LuaValue::Number(number) => number_to_json(*number)?,
            LuaValue::String(text) => Value::String(self.text(text)?),
            LuaValue::Table(_) if depth == DEPTH_MAX => {
                let why = format!("a table lies more than {DEPTH_MAX} deep, or within itself");
                return Err(mlua::Error::runtime(why));
            }
            LuaValue::Table(table) => self.table(table, depth)?,
            other => {
                let why = format!("a {} cannot be written as JSON", other.type_name());
                return Err(mlua::Error::runtime(why));
            }
        })
    }

    fn table(&mut self, table: &Table, depth: usize) -> mlua::Result<Value> {
        let length = table.raw_len();
        let marked = table.metatable().is_some_and(|own| own == *self.list);
        if !marked && length == 0 {
            return self.object(table, depth);
        }
        let mut items = Vec::new();
        for index in 1..=length {
            items.push(self.write(&table.raw_get::<LuaValue>(index)?, depth + 1)?);
        }
        if !marked && table.pairs::<LuaValue, LuaValue>().count() > length {
            return Err(mlua::Error::runtime("a table has both numbered and named fields"));
        }
        Ok(Value::Array(items))
    }

    fn object(&mut self, table: &Table, depth: usize) -> mlua::Result<Value> {
        let mut fields = Map::new();
        for pair in table.pairs::<LuaValue, LuaValue>() {
            let (name, value) = pair?;
            let name = match name {
                LuaValue::String(text) => self.text(&text)?,
                LuaValue::Integer(number) => number.to_string(),
                LuaValue::Number(number) => number_to_json(number)?.to_string(),
                other => {
                    let why = format!("a {} cannot name a field", other.type_name());
                    return Err(mlua::Error::runtime(why));
                }
            };
            fields.insert(name, self.write(&value, depth + 1)?);
        }
        Ok(Value::Object(fields))
    }

    fn text(&mut self, text: &mlua::LuaString) -> mlua::Result<String> {
        let bytes = text.as_bytes();
        self.spend(bytes.len())?;
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(mlua::Error::runtime("a text is not UTF-8")),
        }
    }

    fn spend(&mut self, bytes: usize) -> mlua::Result<()> {
        let left = self.bytes_left.checked_sub(bytes);
        self.bytes_left = left.ok_or_else(|| {
            mlua::Error::runtime(format!("a value is larger than {BYTES_MAX} bytes"))
        })?;
        Ok(())
    }
}

/// Whether two values are the same; 5 and 5.0 are.
pub(super) fn is(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (a, b) => a == b,
    }
}

/// Whole numbers are written without a point, as JSON has them.
fn number_to_json(number: f64) -> mlua::Result<Value> {
    /// Up to here a float holds every whole number.
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= WHOLE_MAX {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and below 2^53")]
        return Ok(Value::from(number as i64));
    }
    let number = Number::from_f64(number);
    number.map(Value::Number).ok_or_else(|| mlua::Error::runtime("a number is not finite"))
}
