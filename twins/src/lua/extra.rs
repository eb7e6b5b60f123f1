//! `wt`: what handlers need beside the published API. Nothing here holds state.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use mlua::{Lua, LuaString, Table, Value as LuaValue};
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::value;
use models::webhooks::mac::{self, hex};

/// The table of functions that are the same for every call.
pub(super) fn table(lua: &Lua, list: &Table) -> mlua::Result<Table> {
    let wt = lua.create_table()?;
    wt.raw_set("null", LuaValue::NULL)?;
    wt.raw_set("json", json(lua, list)?)?;
    wt.raw_set("crypto", crypto(lua, list)?)?;
    wt.raw_set("time", time(lua)?)?;
    wt.raw_set("url", url(lua)?)?;
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
        // The second argument is what null is read as: nil, unless `wt.null` is given.
        lua.create_function(move |lua, (text, null): (LuaString, LuaValue)| {
            let read: Value = serde_json::from_slice(&text.as_bytes()).map_err(runtime)?;
            value::to_lua_with(lua, &mark, &read, &null)
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
        "sha1",
        lua.create_function(|_, data: LuaString| Ok(hex(&Sha1::digest(data.as_bytes()))))?,
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

/// Times as vendors write them; all in seconds since the Unix epoch, in UTC.
fn time(lua: &Lua) -> mlua::Result<Table> {
    let time = lua.create_table()?;
    time.raw_set(
        "iso",
        lua.create_function(|_, (seconds, digits): (f64, Option<u8>)| {
            let precision = match digits {
                None | Some(0) => SecondsFormat::Secs,
                Some(1..=3) => SecondsFormat::Millis,
                Some(_) => SecondsFormat::Micros,
            };
            Ok(date(seconds)?.to_rfc3339_opts(precision, true))
        })?,
    )?;
    time.raw_set(
        "rfc2822",
        lua.create_function(|_, seconds: f64| Ok(date(seconds)?.to_rfc2822()))?,
    )?;
    time.raw_set(
        "format",
        lua.create_function(|_, (seconds, pattern): (f64, String)| {
            let items: Vec<Item<'_>> = StrftimeItems::new(&pattern).collect();
            if items.contains(&Item::Error) {
                return Err(mlua::Error::runtime(format!("{pattern:?} is no form of a time")));
            }
            Ok(date(seconds)?.format_with_items(items.iter()).to_string())
        })?,
    )?;
    time.raw_set("parse", lua.create_function(|_, text: String| Ok(seconds(&text)))?)?;
    time.set_readonly(true);
    Ok(time)
}

fn date(seconds: f64) -> mlua::Result<DateTime<Utc>> {
    let none = || mlua::Error::runtime(format!("{seconds} is no time"));
    if !(-6.0e10..=2.5e11).contains(&seconds) {
        return Err(none());
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is within some thousand years")]
    DateTime::from_timestamp_micros((seconds * 1e6).round() as i64).ok_or_else(none)
}

/// The time a text says, in ISO 8601 or RFC 2822; a day alone is its beginning.
fn seconds(text: &str) -> Option<f64> {
    let time = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_rfc2822(text))
        .map(|time| time.timestamp_micros());
    let micros = time.ok().or_else(|| {
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros())
    })?;
    #[expect(clippy::cast_precision_loss, reason = "Luau's numbers are floats")]
    Some(micros as f64 / 1e6)
}

/// Addresses: `encode` for a part of one, `query` for a table of parameters.
fn url(lua: &Lua) -> mlua::Result<Table> {
    let url = lua.create_table()?;
    url.raw_set(
        "encode",
        lua.create_function(|_, text: LuaString| {
            let bytes = text.as_bytes().to_vec();
            Ok(::url::form_urlencoded::byte_serialize(&bytes).collect::<String>())
        })?,
    )?;
    url.raw_set(
        "decode",
        lua.create_function(|_, text: LuaString| {
            let bytes = text.as_bytes().to_vec();
            let pairs = ::url::form_urlencoded::parse(&bytes);
            Ok(pairs
                .map(|(name, value)| vec![name.into_owned(), value.into_owned()])
                .collect::<Vec<_>>())
        })?,
    )?;
    url.set_readonly(true);
    Ok(url)
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
