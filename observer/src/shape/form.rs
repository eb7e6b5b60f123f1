//! Queries and forms as shapes: names nested by brackets, values classed by how they read.

use models::{Class, JsonType};

use super::scan::{BODY, Sightings, TokenSight};
use super::text;
use super::trie::{NodeId, Trie};

/// Notes the parameters of a URL's query.
pub(crate) fn scan_query(query: &str, trie: &mut Trie, found: &mut Sightings) {
    for (name, value) in pairs(query.as_bytes()) {
        let Some(parameter) = parameter_of(&name, trie) else { continue };
        let node = trie.query(parameter);
        if parameter.len() == name.len() && !name.ends_with("[]") {
            note(node, &value, trie, found);
        } else {
            trie.visit(node, if name.ends_with("[]") { Class::Array } else { Class::Object });
        }
    }
}

/// The parameter that a name in a query is of. `expand[]`, `expand[0]` and `created[gte]` are the parameters `expand` and
/// `created`, unless the model has one of the whole name; the words of pages, `page[size]`, are parameters by themselves.
/// What else stands in brackets may be a caller's own, as in `metadata[colour]` and `filter[Ada Lovelace]`.
///
/// Only the model decides, and not what came before, so that a shape is the same in whichever order it is seen.
///
/// # Source
///
/// JSON:API 1.1, "Pagination", and the profiles of it for cursors.
fn parameter_of<'n>(name: &'n str, trie: &Trie) -> Option<&'n str> {
    const OF_PAGES: [&str; 7] = [
        "page[size]",
        "page[number]",
        "page[after]",
        "page[before]",
        "page[limit]",
        "page[offset]",
        "page[cursor]",
    ];
    let (base, is_bracketed) = match name.split_once('[') {
        None => (name, false),
        Some((base, _)) => (base, true),
    };
    if !super::word::is_field_name(base.as_bytes()) {
        return None;
    }
    let is_own = !is_bracketed
        || trie.has_parameter(name)
        || (OF_PAGES.contains(&name) && !trie.has_parameter(base));
    Some(if is_own { name } else { base })
}

/// Notes the fields of an `application/x-www-form-urlencoded` body.
pub(crate) fn scan_form(body: &[u8], trie: &mut Trie, found: &mut Sightings) {
    trie.visit(0, Class::Object);
    let mut objects = Vec::new();
    for (name, value) in pairs(body) {
        if let Some(node) = place(&name, trie, &mut objects) {
            note(node, &value, trie, found);
        }
    }
}

/// Notes the parts of a `multipart/form-data` body; files are text of no known class.
///
/// # Source
///
/// RFC 7578; a boundary that does not occur leaves the body without fields.
pub(crate) fn scan_multipart(
    body: &[u8],
    media_type: &str,
    trie: &mut Trie,
    found: &mut Sightings,
) {
    trie.visit(0, Class::Object);
    let Some(boundary) = parameter(media_type, "boundary") else { return };
    let delimiter = format!("--{boundary}");
    let mut objects = Vec::new();
    let starts: Vec<_> = memchr::memmem::find_iter(body, delimiter.as_bytes()).collect();
    for window in starts.windows(2) {
        let part = &body[window[0] + delimiter.len()..window[1]];
        let Some(end) = memchr::memmem::find(part, b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&part[..end]);
        let Some(name) = parameter(&head, "name") else { continue };
        let content = part[end + 4..].strip_suffix(b"\r\n").unwrap_or(&part[end + 4..]);
        if let Some(node) = place(&name, trie, &mut objects) {
            let is_file = parameter(&head, "filename").is_some();
            let value = if is_file { "file".into() } else { String::from_utf8_lossy(content) };
            note(node, &value, trie, found);
        }
    }
}

/// The node of a form field's name; the objects on the way are visited once each.
fn place(name: &str, trie: &mut Trie, objects: &mut Vec<NodeId>) -> Option<NodeId> {
    let (base, brackets) = match name.find('[') {
        Some(at) if at > 0 && name.ends_with(']') => (&name[..at], &name[at..]),
        _ => (name, ""),
    };
    if base.is_empty() {
        return None;
    }
    let mut node = trie.field(0, base.as_bytes());
    let inner = brackets.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    for key in inner.into_iter().flat_map(|inner| inner.split("][")) {
        let is_index = key.is_empty() || key.bytes().all(|byte| byte.is_ascii_digit());
        let folds = trie.node(node).folds;
        if !objects.contains(&node) {
            objects.push(node);
            let class = if folds {
                Class::Map
            } else if is_index {
                Class::Array
            } else {
                Class::Object
            };
            trie.visit(node, class);
        }
        node = if is_index && !folds { trie.items(node) } else { trie.field(node, key.as_bytes()) };
    }
    Some(node)
}

fn note(node: NodeId, value: &str, trie: &mut Trie, found: &mut Sightings) {
    let class = class_of_parameter(value.as_bytes());
    trie.visit(node, class);
    // In a field of several types a number is of another type, unless the model lists numbers as texts.
    let is_value = class.json_type() == Some(JsonType::String) || trie.lists_scalars(node);
    if is_value && let Some(slot) = trie.slot(node, class, value.as_bytes()) {
        found.tokens.push(TokenSight { node, slot, item: BODY });
    }
}

/// Parameters are text; one that reads as a number or boolean is classed as that.
pub(super) fn class_of_parameter(value: &[u8]) -> Class {
    let unsigned = value.strip_prefix(b"-").unwrap_or(value);
    match unsigned {
        b"true" | b"false" => return Class::Boolean,
        [b'0'..=b'9', ..] if unsigned.iter().all(u8::is_ascii_digit) && unsigned.len() < 19 => {
            return Class::Integer;
        }
        [b'0'..=b'9', rest @ ..] => {
            let point = rest.iter().position(|byte| *byte == b'.');
            let last = rest.iter().rposition(|byte| *byte == b'.');
            if point.is_some()
                && point == last
                && rest.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
            {
                return Class::Number;
            }
        }
        _ => {}
    }
    text::class_of(value)
}

/// Names and values, percent-decoded.
fn pairs(text: &[u8]) -> impl Iterator<Item = (String, String)> {
    text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let at = memchr::memchr(b'=', pair).unwrap_or(pair.len());
        (decode(&pair[..at]), decode(pair.get(at + 1..).unwrap_or(&[])))
    })
}

/// `application/x-www-form-urlencoded` decoding (WHATWG URL §5.1); a stray `%` stands for itself.
pub(crate) fn decode(text: &[u8]) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let hex = |at: usize| text.get(at).and_then(|byte| (*byte as char).to_digit(16));
        match (text[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                at += 2;
            }
            (b'+', ..) => out.push(b' '),
            (byte, ..) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8(out)
        .unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned())
}

/// A parameter of a header value: `boundary` of a media type, `name` of a disposition.
fn parameter(header: &str, name: &str) -> Option<String> {
    header.split([';', '\n']).find_map(|part| {
        let (key, value) = part.trim().split_once('=')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use models::{Model, Parameter, Place, Route, RouteKey, Surface};

    use super::*;

    fn trie(declared: &[&str]) -> Trie {
        let mut model = Model::empty("t", "");
        let query = declared.iter().map(|name| ((*name).to_owned(), Parameter::default()));
        let route = Route { query: query.collect(), ..Route::default() };
        model.routes.insert(RouteKey::parse("GET /things").unwrap(), route);
        let route = Some("GET /things".to_owned());
        let place = Place { surface: Surface::Request, route, status: None, event: None };
        Trie::new(Arc::new(model), place)
    }

    #[test]
    fn a_name_with_brackets_is_the_parameter_that_the_model_has() {
        let of = |declared: &[&str], name| parameter_of(name, &trie(declared)).map(str::to_owned);
        let is = |declared: &[&str], name, parameter: &str| {
            assert_eq!(of(declared, name).as_deref(), Some(parameter), "{declared:?} {name}");
        };
        is(&[], "limit", "limit");
        is(&[], "expand[]", "expand");
        is(&[], "created[gte]", "created");
        is(&["created[gte]", "tags[]"], "created[gte]", "created[gte]");
        is(&["created[gte]", "tags[]"], "tags[]", "tags[]");
        is(&[], "page[size]", "page[size]");
        is(&["page"], "page[size]", "page");
        is(&[], "page[ada]", "page");
        is(&[], "filter[owner]", "filter");
        is(&["filter[owner]"], "filter[owner]", "filter[owner]");
        is(&[], "metadata[colour]", "metadata");
        assert_eq!(of(&[], "a@example.com[x]"), None);
    }
}
