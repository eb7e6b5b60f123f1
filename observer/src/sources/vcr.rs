//! Cassettes of Ruby's VCR, Python's vcrpy and Betamax, as YAML or JSON.
//!
//! All three hold a list of interactions; they differ in how a body is written (a string, a string
//! with its encoding, base64 under a key or a YAML tag) and in whether the time is recorded.
//!
//! # Source
//!
//! The cassettes VCR 2 to 6, vcrpy 1 to 6 and Betamax 0.9 write.

use std::borrow::Cow;
use std::io;

use serde_norway::Value;

use super::body::{self, Captured};
use super::document::{self, List};
use super::fault::{Flaw, Place};
use super::json::NotJson;
use super::window::{Next, Window};
use super::{Limits, Run, entry, time};
use crate::exchange::{Direction, Headers, RawBody, RawExchange};

/// What the list of interactions is called: by VCR and Betamax, by vcrpy.
const LISTS: [&str; 2] = ["http_interactions", "interactions"];

/// Reads a JSON cassette, an interaction at a time.
///
/// `modified_us` stands for the time of an interaction that has none, in its answer's `Date` neither.
pub(super) fn read_json(
    window: &mut Window,
    modified_us: i64,
    run: &mut Run<'_, '_>,
) -> io::Result<()> {
    let list = List { parent: None, names: &LISTS, path: "http_interactions" };
    document::read(
        window,
        run,
        &list,
        &mut |run, place, text| match serde_json::from_slice::<Value>(text) {
            Ok(value) => put(run, place, &value, modified_us),
            Err(error) => run.put(place, Err(not_json(text, &error))),
        },
    )
}

fn not_json(text: &[u8], error: &serde_json::Error) -> Flaw {
    let before = text.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
    let at = before.map(<[u8]>::len).sum::<usize>() + error.column().saturating_sub(1);
    Flaw::not_json(text, NotJson { at, expected: "an interaction" })
}

/// Reads a YAML cassette, which is held whole.
pub(super) fn read_yaml(
    window: &mut Window,
    modified_us: i64,
    run: &mut Run<'_, '_>,
) -> io::Result<()> {
    let (text, part) = match window.all(run.limits.line_bytes_max)? {
        Next::Some(text) => (text, false),
        Next::Part(text) => (text, true),
        Next::TooLong => {
            run.put_too_long(Place::File);
            return Ok(());
        }
        Next::End => (&[][..], false),
    };
    let mut interactions = interactions(text);
    if part {
        // The one the cut fell into: it may look whole and not be.
        interactions.pop();
    }
    if interactions.is_empty() && !part {
        run.put(Place::File, Err(Flaw::Missing { field: "http_interactions" }));
    }
    for (place, interaction) in (1..).map(Place::Entry).zip(interactions) {
        match interaction {
            Ok(value) => put(run, place, &value, modified_us),
            Err(flaw) => run.put(place, Err(flaw)),
        }
        if run.stopped {
            return Ok(());
        }
    }
    run.put_cut(window);
    Ok(())
}

/// The interactions of a YAML document; one by one where the document as a whole is broken.
fn interactions(text: &[u8]) -> Vec<Result<Value, Flaw>> {
    if let Ok(mut document) = parse(text) {
        for name in LISTS {
            if let Some(Value::Sequence(list)) = document.get_mut(name) {
                return std::mem::take(list).into_iter().map(Ok).collect();
            }
        }
        return Vec::new();
    }
    let parse_one = |item: &[u8]| match parse(item)? {
        Value::Sequence(mut list) if list.len() == 1 => Ok(list.remove(0)),
        _ => Err(Flaw::NotYaml { message: "not one interaction".to_owned() }),
    };
    items(text).into_iter().map(parse_one).collect()
}

fn parse(text: &[u8]) -> Result<Value, Flaw> {
    let text = std::str::from_utf8(text)
        .map_err(|error| Flaw::NotUtf8 { column: error.valid_up_to() + 1 })?;
    // The parser passes on tags of its user's and drops YAML's own, so that of Python's binary
    // bodies nothing would be left but their base64. Ruby writes the short form itself.
    let text = if text.contains("!!binary") {
        Cow::Owned(text.replace(": !!binary |\n", ": !binary |\n"))
    } else {
        Cow::Borrowed(text)
    };
    serde_norway::from_str(&text).map_err(|error| Flaw::NotYaml { message: error.to_string() })
}

/// The text of each item of the list of interactions, told by indentation alone.
fn items(text: &[u8]) -> Vec<&[u8]> {
    let mut items = Vec::new();
    let mut indent = None;
    let mut start = None;
    let mut at = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let here = at;
        at += line.len();
        if indent.is_none() {
            let name = line.trim_ascii_end().strip_suffix(b":").unwrap_or_default();
            if LISTS.iter().any(|list| list.as_bytes() == name) {
                indent = Some(usize::MAX);
            }
            continue;
        }
        let blank = line.iter().take_while(|byte| **byte == b' ').count();
        let dash = line[blank..].starts_with(b"- ");
        if dash && (indent == Some(usize::MAX) || indent == Some(blank)) {
            indent = Some(blank);
            items.extend(start.replace(here).map(|start| &text[start..here]));
        } else if !dash && blank == 0 && !line.trim_ascii().is_empty() {
            // Another key of the document.
            items.extend(start.take().map(|start| &text[start..here]));
            return items;
        }
    }
    items.extend(start.map(|start| &text[start..]));
    items
}

/// Hands one interaction over, and counts it where only its file has a date.
fn put(run: &mut Run<'_, '_>, place: Place, interaction: &Value, modified_us: i64) {
    let mut is_undated = false;
    let result = exchange(interaction, &run.limits, || {
        is_undated = true;
        modified_us
    });
    let before = run.totals.exchanges;
    run.put(place, result);
    if is_undated {
        run.totals.undated += run.totals.exchanges - before;
    }
}

/// Judges one interaction; `undated` says when it was where nothing of it does.
fn exchange<'a>(
    interaction: &'a Value,
    limits: &Limits,
    undated: impl FnOnce() -> i64,
) -> Result<RawExchange<'a>, Flaw> {
    let request = field(interaction, "request").ok_or(Flaw::Missing { field: "request" })?;
    let response = field(interaction, "response");
    let request_headers = headers(field(request, "headers"), "request.headers")?;
    let response_headers =
        headers(response.and_then(|response| field(response, "headers")), "response.headers")?;
    let method = field(request, "method").and_then(text);
    let method = entry::method(method.ok_or(Flaw::Missing { field: "request.method" })?)?;
    let url = field(request, "uri").or_else(|| field(request, "url")).and_then(text);
    let url = url.ok_or(Flaw::Missing { field: "request.uri" })?;
    let seen_at_us = match field(interaction, "recorded_at").and_then(text) {
        Some(time) => time::rfc3339_or_utc(&time)
            .or_else(|| time::http_date(&time))
            .ok_or_else(|| Flaw::invalid("recorded_at", &time))?,
        None => dated(&response_headers).unwrap_or_else(undated),
    };
    let sent = body(field(request, "body"), &request_headers, "request.body", limits)?;
    let answer = response
        .and_then(|response| field(response, "body").or_else(|| field(response, "content")));
    let received = body(answer, &response_headers, "response.body", limits)?;
    Ok(RawExchange {
        direction: Direction::Call,
        seen_at_us,
        latency_us: 0,
        method,
        url: entry::absolute(url, &request_headers)?,
        request_headers,
        request_body: sent,
        status: response.map_or(Ok(0), status)?,
        response_headers,
        response_body: received,
    })
}

/// A key's value, seen through tags; `None` for null.
fn field<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    let value = match value {
        Value::Tagged(tagged) => &tagged.value,
        value => value,
    };
    value.as_mapping()?.get(key).filter(|value| !value.is_null())
}

/// A scalar as text.
fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(value) => Some(Cow::Owned(value.to_string())),
        Value::Tagged(tagged) if tagged.tag == "!binary" => {
            let bytes = body::base64(tagged.value.as_str()?.as_bytes(), false)?;
            Some(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
        }
        Value::Tagged(tagged) => text(&tagged.value),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) => None,
    }
}

/// Headers as name to list, name to string, or pairs.
fn headers<'v>(value: Option<&'v Value>, field: &'static str) -> Result<Headers<'v>, Flaw> {
    let wrong = || Flaw::WrongType { field, expected: "a mapping of names to values" };
    let mut headers = Headers::new();
    match value {
        None => {}
        Some(Value::Mapping(mapping)) => {
            for (name, values) in mapping {
                let name = text(name).ok_or_else(wrong)?;
                match values {
                    Value::Sequence(values) => headers
                        .extend(values.iter().filter_map(text).map(|value| (name.clone(), value))),
                    Value::Null => headers.push((name, Cow::Borrowed(""))),
                    value => headers.push((name, text(value).ok_or_else(wrong)?)),
                }
            }
        }
        Some(Value::Sequence(pairs)) => {
            for pair in pairs {
                let Some([name, value]) = pair.as_sequence().map(Vec::as_slice) else {
                    return Err(wrong());
                };
                headers.push((text(name).ok_or_else(wrong)?, text(value).ok_or_else(wrong)?));
            }
        }
        Some(_) => return Err(wrong()),
    }
    headers.retain(|(name, _)| !name.starts_with(':'));
    Ok(headers)
}

fn body<'v>(
    value: Option<&'v Value>,
    headers: &Headers<'v>,
    field: &'static str,
    limits: &Limits,
) -> Result<Option<RawBody<'v>>, Flaw> {
    let Some(value) = value else { return Ok(None) };
    let bytes = body_bytes(value, field)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let media_type = body::media_type(None, headers);
    let captured = Captured { bytes, cut: false, size: 0, media_type };
    Ok(Some(body::settle(captured, headers, limits)))
}

fn body_bytes<'v>(value: &'v Value, name: &'static str) -> Result<Cow<'v, [u8]>, Flaw> {
    let decoded = |letters: &Value| {
        let bytes = letters.as_str().and_then(|letters| body::base64(letters.as_bytes(), false));
        bytes.map(Cow::Owned).ok_or(Flaw::NotBase64 { field: name })
    };
    match value {
        Value::Tagged(tagged) if tagged.tag == "!binary" => decoded(&tagged.value),
        Value::Tagged(tagged) => body_bytes(&tagged.value, name),
        Value::Mapping(_) => match (field(value, "base64_string"), field(value, "string")) {
            (Some(letters), _) => decoded(letters),
            (None, Some(string)) => body_bytes(string, name),
            (None, None) => Ok(Cow::Borrowed(&[])),
        },
        Value::Sequence(_) => Err(Flaw::WrongType { field: name, expected: "a string" }),
        scalar => Ok(match text(scalar).unwrap_or_default() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        }),
    }
}

/// `status.code`, or `status` or `status_code` alone; 0 where there is none.
fn status(response: &Value) -> Result<u16, Flaw> {
    let status = field(response, "status").or_else(|| field(response, "status_code"));
    let Some(status) = status else { return Ok(0) };
    let Some(code) = text(field(status, "code").unwrap_or(status)) else { return Ok(0) };
    match code.parse() {
        Ok(status @ 0..1000) => Ok(status),
        _ => Err(Flaw::invalid("response.status.code", &code)),
    }
}

/// When the answer was given as it says, to the second: what a cache answered was made `Age` seconds
/// before.
///
/// # Source
///
/// RFC 9110, section 6.6.1 (`Date`); RFC 9111, section 5.1 (`Age`).
fn dated(headers: &Headers<'_>) -> Option<i64> {
    let named = |wanted: &str| {
        let header = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        header.map(|(_, value)| value.trim())
    };
    let age: i64 = named("age").and_then(|age| age.parse::<u32>().ok()).unwrap_or_default().into();
    Some(time::http_date(named("date")?)? + age * 1_000_000)
}
