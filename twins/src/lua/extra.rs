//! `wt`: what handlers need beside the published API. Nothing here holds state.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mlua::{Lua, LuaString, Table, Value as LuaValue};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::value;
use crate::mac::{self, hex};

/// The table of functions that are the same for every call.
pub(super) fn table(lua: &Lua, list: &Table) -> mlua::Result<Table> {
    let wt = lua.create_table()?;
    wt.raw_set("null", LuaValue::NULL)?;
    wt.raw_set("json", json(lua, list)?)?;
    wt.raw_set("crypto", crypto(lua, list)?)?;
    let mark = list.clone();
    wt.raw_set(
        "array",
        lua.create_function(move |lua, table: Option<Table>| {
            let table = table.map_or_else(|| lua.create_table(), Ok)?;
            table.set_metatable(Some(mark.clone()))?;
            Ok(table)
        })?,
    )?;
    Ok(wt)
}

fn json(lua: &Lua, list: &Table) -> mlua::Result<Table> {
    let json = lua.create_table()?;
    let mark = list.clone();
    json.raw_set(
        "encode",
        lua.create_function(move |_, given: LuaValue| {
            Ok(value::to_json(&mark, &given)?.to_string())
        })?,
    )?;
    let mark = list.clone();
    json.raw_set(
        "decode",
        lua.create_function(move |lua, text: LuaString| {
            let read: Value = serde_json::from_slice(&text.as_bytes()).map_err(runtime)?;
            value::to_lua(lua, &mark, &read)
        })?,
    )?;
    json.set_readonly(true);
    Ok(json)
}

fn crypto(lua: &Lua, list: &Table) -> mlua::Result<Table> {
    let crypto = lua.create_table()?;
    crypto.raw_set(
        "sha256",
        lua.create_function(|_, data: LuaString| Ok(hex(&Sha256::digest(data.as_bytes()))))?,
    )?;
    crypto.raw_set(
        "hmac_sha256",
        lua.create_function(|_, (key, data): (LuaString, LuaString)| {
            Ok(hex(&mac::sha256(&key.as_bytes(), &[&data.as_bytes()])))
        })?,
    )?;
    crypto.raw_set(
        "hmac_sha1",
        lua.create_function(|_, (key, data): (LuaString, LuaString)| {
            Ok(hex(&mac::sha1(&key.as_bytes(), &[&data.as_bytes()])))
        })?,
    )?;
    crypto.raw_set(
        "base64_encode",
        lua.create_function(|_, data: LuaString| Ok(STANDARD.encode(data.as_bytes())))?,
    )?;
    crypto.raw_set(
        "base64_decode",
        lua.create_function(|lua, text: LuaString| {
            lua.create_string(STANDARD.decode(text.as_bytes()).map_err(runtime)?)
        })?,
    )?;
    let mark = list.clone();
    crypto.raw_set(
        "jwt_decode",
        lua.create_function(move |lua, token: LuaString| jwt_decode(lua, &mark, &token))?,
    )?;
    crypto.set_readonly(true);
    Ok(crypto)
}

/// A token's claims and its header; nil of what is no token. The signature is not looked at.
fn jwt_decode(lua: &Lua, list: &Table, token: &LuaString) -> mlua::Result<(LuaValue, LuaValue)> {
    let token = String::from_utf8_lossy(&token.as_bytes()).into_owned();
    let mut parts = token.split('.').map(|part| {
        let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
        serde_json::from_slice::<Value>(&bytes).ok()
    });
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(header), Some(claims)) => {
            Ok((value::to_lua(lua, list, &claims)?, value::to_lua(lua, list, &header)?))
        }
        _ => Ok((LuaValue::Nil, LuaValue::Nil)),
    }
}

fn runtime(error: impl std::fmt::Display) -> mlua::Error {
    mlua::Error::runtime(error.to_string())
}
