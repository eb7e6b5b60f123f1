//! Bodies by their media type: JSON, forms, multipart, markup, text; the rest by its length.

use std::borrow::Cow;

use crate::exchange::RawBody;

use super::keys::{Position, Rule};
use super::pass::Pass;
use super::{json, target, text};

/// The body as it may be written; not text becomes `[N bytes of TYPE]`.
pub(super) fn scrub(pass: &Pass<'_>, body: &RawBody<'_>) -> RawBody<'static> {
    let bytes = if essence(&body.media_type) == "multipart/form-data" {
        multipart(pass, &body.media_type, &body.bytes)
    } else {
        content(pass, &body.media_type, &body.bytes, body.truncated)
    };
    RawBody {
        media_type: Cow::Owned(body.media_type.to_string()),
        bytes: Cow::Owned(bytes),
        truncated: body.truncated,
    }
}

fn content(pass: &Pass<'_>, media_type: &str, bytes: &[u8], truncated: bool) -> Vec<u8> {
    match readable(bytes, truncated) {
        Some(text) => scrub_text(pass, &essence(media_type), text).into_bytes(),
        None => placeholder(bytes.len(), media_type),
    }
}

fn scrub_text(pass: &Pass<'_>, essence: &str, text: &str) -> String {
    let start = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let is_many =
        essence.contains("ndjson") || essence.contains("event-stream") || essence.contains("jsonl");
    let is_json = start.starts_with(['{', '[']) || essence.ends_with("json");
    let scrubbed = if essence == "application/x-www-form-urlencoded" {
        Some(target::scrub_pairs(pass, text, Position::Form, 0))
    } else if is_many || text::is_document_lines(text) {
        text::scrub_lines(pass, text)
    } else if is_json {
        json::scrub(pass, text, 0)
    } else if start.starts_with('<') {
        Some(markup(pass, text))
    } else {
        text::scrub_lines(pass, text)
    };
    scrubbed.unwrap_or_else(|| text.to_owned())
}

/// Elements as names, what they hold as values; attributes as text.
fn markup(pass: &Pass<'_>, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut element = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        let (value, tagged) = rest.split_at(open);
        out.push_str(&element_text(pass, &element, value));
        let close = tagged.find('>').map_or(tagged.len(), |at| at + 1);
        let (tag, after) = tagged.split_at(close);
        let name: String = tag[1..]
            .chars()
            .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ':'))
            .collect();
        name.rsplit(':').next().unwrap_or_default().clone_into(&mut element);
        out.push_str(&text::scrub(pass, tag, 0).unwrap_or_else(|| tag.to_owned()));
        rest = after;
    }
    out.push_str(&element_text(pass, &element, rest));
    out
}

fn element_text(pass: &Pass<'_>, element: &str, value: &str) -> String {
    let trimmed = value.trim();
    let rule =
        if element.is_empty() { Rule::Value } else { pass.rule(&[element], Position::Body, false) };
    match pass.ruled(rule, trimmed, 0) {
        Some(scrubbed) => value.replacen(trimmed, &scrubbed, 1),
        None => value.to_owned(),
    }
}

/// Parts of text by their names, files by their length; boundaries and part headers stay.
fn multipart(pass: &Pass<'_>, media_type: &str, bytes: &[u8]) -> Vec<u8> {
    let Some(boundary) = boundary(media_type) else {
        return content(pass, "", bytes, false);
    };
    let mark = format!("--{boundary}").into_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr::memmem::find(rest, &mark) {
        out.extend_from_slice(&part(pass, &rest[..at]));
        out.extend_from_slice(&mark);
        rest = &rest[at + mark.len()..];
    }
    out.extend_from_slice(&part(pass, rest));
    out
}

/// One part from after its boundary to before the next.
fn part(pass: &Pass<'_>, bytes: &[u8]) -> Vec<u8> {
    let Some(at) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
        return content(pass, "text/plain", bytes, false);
    };
    let (head, value) = bytes.split_at(at + 4);
    let Ok(head_text) = std::str::from_utf8(head) else { return placeholder(bytes.len(), "") };
    let (value, end) = value.strip_suffix(b"\r\n").map_or((value, &b""[..]), |v| (v, &b"\r\n"[..]));
    let parameter = |name: &str| {
        let start = head_text.find(&format!("{name}=\""))? + name.len() + 2;
        head_text[start..].split('"').next()
    };
    let part_type = head_text
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-type:").map(|v| v.trim().to_owned())
        })
        .unwrap_or_default();
    let is_file = parameter(" filename").is_some();
    let scrubbed = match (std::str::from_utf8(value), parameter(" name")) {
        (Ok(text), Some(name)) if !is_file && part_type.is_empty() => pass
            .named(&[name], Position::Form, false, text)
            .unwrap_or_else(|| text.to_owned())
            .into_bytes(),
        _ => content(pass, &part_type, value, false),
    };
    let head = text::scrub(pass, head_text, 0).unwrap_or_else(|| head_text.to_owned());
    [head.as_bytes(), &scrubbed, end].concat()
}

fn boundary(media_type: &str) -> Option<&str> {
    let at = media_type.find("boundary=")? + "boundary=".len();
    let value = media_type[at..].split(';').next()?.trim().trim_matches('"');
    (!value.is_empty()).then_some(value)
}

fn placeholder(length: usize, media_type: &str) -> Vec<u8> {
    let media_type = essence(media_type);
    let named = if media_type.is_empty() { "unknown type" } else { &media_type };
    format!("[{length} bytes of {named}]").into_bytes()
}

/// Text, or what is text of a body cut off inside a character.
fn readable(bytes: &[u8], truncated: bool) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(fault) if truncated && fault.error_len().is_none() => {
            std::str::from_utf8(&bytes[..fault.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let is_binary = |c: char| c < ' ' && !matches!(c, '\t' | '\n' | '\r' | '\u{c}' | '\u{1b}');
    (!text.contains(is_binary)).then_some(text)
}

/// The media type without its parameters, in lower case.
fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
