//! What a request's body says, whatever its media type.

use std::borrow::Cow;
use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::{Map, Value};

use crate::action::items_of;
use crate::escape::decode;
use crate::refusal::{Parameter, ParameterFault, Refusal};
use crate::shape::{Form, Leaf, Node, Record, Shapes};

/// The media types of a request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Media {
    Json,
    Form,
    /// With its boundary.
    Multipart(String),
    /// Kept by nobody.
    Other,
}

/// Brackets within brackets in a form's key.
const BRACKETS_MAX: usize = 16;

impl Media {
    /// As the headers say; a body without a type that looks like JSON is read as JSON.
    pub(crate) fn of(headers: &HeaderMap, body: &[u8]) -> Self {
        let Some(text) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
            let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
            return if matches!(first, Some(b'{' | b'[')) { Self::Json } else { Self::Other };
        };
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        let essence = essence.trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/x-www-form-urlencoded" => Self::Form,
            "multipart/form-data" => boundary(parameters).map_or(Self::Other, Self::Multipart),
            json if json.ends_with("/json") || json.ends_with("+json") => Self::Json,
            _ => Self::Other,
        }
    }

    /// The name schemas of this media type are found under.
    pub(crate) fn is(&self, name: &str) -> bool {
        match self {
            Self::Json => name.ends_with("json"),
            Self::Form => name.ends_with("urlencoded"),
            Self::Multipart(_) => name.starts_with("multipart/"),
            Self::Other => false,
        }
    }
}

/// A body as it was before it was packed for the way (`Content-Encoding: gzip`), of at most so
/// many bytes.
///
/// # Errors
///
/// Where it is not what the header says, or too large.
pub(crate) fn unpacked(
    headers: &HeaderMap,
    body: &Bytes,
    bytes_max: usize,
) -> Result<Bytes, Refusal> {
    let encoding = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    if !encoding.is_some_and(|name| name.eq_ignore_ascii_case("gzip")) || body.is_empty() {
        return Ok(body.clone());
    }
    let mut unpacked = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let read = MultiGzDecoder::new(&body[..]).take(limit).read_to_end(&mut unpacked);
    read.map_err(|error| Refusal::BadRequest(format!("the body is not valid gzip: {error}")))?;
    if unpacked.len() > bytes_max {
        return Err(Refusal::TooLarge { bytes_max });
    }
    Ok(unpacked.into())
}

/// Reads a body; `None` where there is nothing to be read of it.
///
/// # Errors
///
/// What is wrong with it, for people.
pub(crate) fn read(
    media: &Media,
    body: &[u8],
    shape: Option<(&Shapes, &Node)>,
) -> Result<Option<Value>, String> {
    if body.is_empty() {
        return Ok(None);
    }
    match media {
        Media::Json => match serde_json::from_slice(body) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(format!("the request's body is not valid JSON: {error}")),
        },
        Media::Form => {
            let text = String::from_utf8_lossy(body);
            Ok(Some(typed(unfold(&pairs(&text)), shape)))
        }
        Media::Multipart(boundary) => {
            let parts = parts(body, boundary).ok_or("the request's body is not valid multipart")?;
            Ok(Some(typed(unfold(&parts), shape)))
        }
        Media::Other => Ok(None),
    }
}

/// The pairs of a query or form, decoded, in order.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    let plain = |text: &str| decode(&text.replace('+', " ")).into_owned();
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (plain(key), plain(value)))
        .collect()
}

/// A query's fields, those with brackets within each other; every value a text.
pub(crate) fn nested(query: &str) -> Value {
    unfold(&pairs(query))
}

/// How much of a body is judged beside the types of its outermost fields and that the required ones are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    Outermost,
    /// The same of all objects within and, where the vendor's own description says which values there are, that
    /// they are such.
    Whole,
    /// That, and that there is nothing else, and no word but those that are known.
    Strict,
}

/// Checks the types of a body's fields and that the required ones are there; what else is judged is up to the depth,
/// for some vendors take more than their descriptions say.
///
/// # Errors
///
/// The first field that is missing, wrong or unknown.
pub(crate) fn check(
    value: &Value,
    shapes: &Shapes,
    node: &Node,
    depth: Depth,
    given: Given<'_>,
) -> Result<(), Refusal> {
    let Some((record, _)) = shapes.record(node) else { return Ok(()) };
    let Value::Object(fields) = value else {
        return if shapes.leaves(node).leaves.len() == 1 {
            Err(Refusal::BadRequest("the request's body is not an object".to_owned()))
        } else {
            Ok(())
        };
    };
    let checker = Checker { shapes, depth, given };
    checker.fields(record, fields, "", CHECKED_MAX).map_err(Refusal::Parameter)
}

/// Checks one value of a request, a parameter's, as the whole of a body is.
///
/// # Errors
///
/// Where it is, or holds, what it may not.
pub(crate) fn check_value(
    value: &Value,
    shapes: &Shapes,
    node: &Node,
    name: &str,
) -> Result<(), Refusal> {
    let checker = Checker { shapes, depth: Depth::Whole, given: Given::NOTHING };
    checker.value(node, value, name.to_owned(), CHECKED_MAX).map_err(Refusal::Parameter)
}

/// Objects within objects whose fields are checked.
const CHECKED_MAX: usize = 8;

struct Checker<'s> {
    shapes: &'s Shapes,
    depth: Depth,
    given: Given<'s>,
}

/// Which fields a request need not say though they are required.
#[derive(Clone, Copy)]
pub(crate) struct Given<'g> {
    pub(crate) fills: &'g dyn Fn(&str) -> bool,
    /// The one field of a body that may hold all others.
    pub(crate) within: &'g str,
}

impl Given<'_> {
    pub(crate) const NOTHING: Self = Self { fills: &|_| false, within: "" };

    fn has(&self, within: &str, name: &str) -> bool {
        (within.is_empty() || within == self.within) && (self.fills)(name)
    }
}

impl Checker<'_> {
    fn fields(
        &self,
        record: &Record,
        fields: &Map<String, Value>,
        within: &str,
        left: usize,
    ) -> Result<(), Parameter> {
        let named = |name: &str| match within {
            "" => name.to_owned(),
            within => format!("{within}[{name}]"),
        };
        for field in &record.fields {
            match fields.get(&*field.name) {
                None if field.required && !self.given.has(within, &field.name) => {
                    let (name, fault) = (named(&field.name), ParameterFault::Missing);
                    return Err(Parameter { name, fault });
                }
                Some(Value::Null)
                    if field.required
                        && !self.given.has(within, &field.name)
                        && self.refuses_null(&field.node) =>
                {
                    let wanted = wanted(self.shapes, &field.node);
                    let fault = ParameterFault::Invalid { wanted, value: as_sent(&Value::Null) };
                    return Err(Parameter { name: named(&field.name), fault });
                }
                Some(value) => self.value(&field.node, value, named(&field.name), left)?,
                None => {}
            }
        }
        let mut others = fields.iter().filter(|(name, _)| record.field(name).is_none());
        match (self.depth, &record.values) {
            (Depth::Strict, None) => match others.next() {
                Some((name, _)) => {
                    Err(Parameter { name: named(name), fault: ParameterFault::Unknown })
                }
                None => Ok(()),
            },
            (Depth::Whole, Some(values)) => {
                others.try_for_each(|(name, value)| self.value(values, value, named(name), left))
            }
            _ => Ok(()),
        }
    }

    /// Whether what must be there must not be nothing; where it need not be there, clients send null for it.
    fn refuses_null(&self, node: &Node) -> bool {
        let leaves = self.shapes.leaves(node);
        self.depth == Depth::Whole
            && self.shapes.is_described()
            && !leaves.nullable
            && !leaves.leaves.is_empty()
    }

    fn value(
        &self,
        node: &Node,
        value: &Value,
        name: String,
        left: usize,
    ) -> Result<(), Parameter> {
        if !may_be(self.shapes, node, value) {
            let wanted = wanted(self.shapes, node);
            let fault = ParameterFault::Invalid { wanted, value: as_sent(value) };
            return Err(Parameter { name, fault });
        }
        let fault = match self.depth {
            Depth::Outermost => None,
            Depth::Whole => unfit(self.shapes, node, value),
            // Nothing at all is for those to judge who know what it means.
            Depth::Strict => value
                .as_str()
                .filter(|text| !text.is_empty())
                .and_then(|_| not_chosen(self.shapes, node, value)),
        };
        if let Some(fault) = fault {
            return Err(Parameter { name, fault });
        }
        let is_judged = self.depth != Depth::Outermost;
        let Some(left) = left.checked_sub(1).filter(|_| is_judged) else { return Ok(()) };
        match value {
            Value::Object(fields) => match self.shapes.record(node) {
                Some((record, _)) if !record.is_opaque() => {
                    self.fields(record, fields, &name, left)
                }
                _ => Ok(()),
            },
            Value::Array(items) => {
                let Some(inner) = items_of(self.shapes, node) else { return Ok(()) };
                items.iter().enumerate().try_for_each(|(index, item)| {
                    self.value(inner, item, format!("{name}[{index}]"), left)
                })
            }
            _ => Ok(()),
        }
    }
}

/// The type a value should have had.
fn wanted(shapes: &Shapes, node: &Node) -> &'static str {
    let leaves = shapes.leaves(node).leaves;
    leaves
        .iter()
        .find_map(|leaf| match leaf.form {
            Form::Integer { .. } => Some("integer"),
            Form::Boolean(_) => Some("boolean"),
            Form::Number(_) => Some("number"),
            Form::Array(_) => Some("array"),
            Form::Object(_) => Some("object"),
            _ => None,
        })
        .unwrap_or("string")
}

/// What is wrong with a value of a type that is allowed, where the vendor says which values there are.
fn unfit(shapes: &Shapes, node: &Node, value: &Value) -> Option<ParameterFault> {
    let leaves = shapes.leaves(node).leaves;
    if !shapes.is_described()
        || value.is_null()
        || leaves.is_empty()
        || leaves.iter().any(|leaf| leaf.admits(value))
    {
        return None;
    }
    not_chosen(shapes, node, value).or_else(|| {
        let wanted = leaves.iter().find_map(|leaf| leaf.wanted(value))?;
        Some(ParameterFault::Unfit { wanted, value: as_sent(value) })
    })
}

/// A value as errors repeat it.
fn as_sent(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The words a scalar may be, where it has to be one of some and is not.
fn not_chosen(shapes: &Shapes, node: &Node, value: &Value) -> Option<ParameterFault> {
    let value = as_sent(value);
    let mut choices: Vec<Cow<'_, str>> = Vec::new();
    for leaf in shapes.leaves(node).leaves {
        match leaf.form {
            Form::Text { values, .. } if !values.is_empty() => {
                choices.extend(values.iter().map(|one| Cow::Borrowed(&**one)));
            }
            Form::Integer { values, .. } if !values.is_empty() => {
                choices.extend(values.iter().map(|one| Cow::Owned(one.to_string())));
            }
            Form::Object(_) | Form::Array(_) => {}
            _ => return None,
        }
    }
    let (last, others) = choices.split_last()?;
    if choices.iter().any(|one| **one == *value) {
        return None;
    }
    let choices = match others {
        [] => last.to_string(),
        [one] => format!("{one} or {last}"),
        several => format!("{}, or {last}", several.join(", ")),
    };
    Some(ParameterFault::NoChoice { choices, value })
}

fn may_be(shapes: &Shapes, node: &Node, value: &Value) -> bool {
    let leaves = shapes.leaves(node);
    // Null unsets a field with many vendors whose descriptions do not say so.
    leaves.leaves.is_empty()
        || value.is_null()
        || leaves.leaves.iter().any(|leaf| match (leaf.form, value) {
            (Form::Integer { .. }, Value::Number(number)) => !number.is_f64(),
            (Form::Boolean(_), Value::Bool(_))
            | (Form::Number(_), Value::Number(_))
            | (Form::Text { .. }, Value::String(_))
            | (Form::Array(_), Value::Array(_))
            | (Form::Object(_), Value::Object(_)) => true,
            _ => false,
        })
}

/// Objects and arrays from keys with brackets: `a[b][]=1`, `a[0][c]=2`.
pub(crate) fn unfold(pairs: &[(String, String)]) -> Value {
    let mut root = Value::Object(Map::new());
    for (key, value) in pairs {
        let (head, brackets) = match key.find('[') {
            Some(at) if at > 0 && key.ends_with(']') => (&key[..at], &key[at + 1..key.len() - 1]),
            _ => (key.as_str(), ""),
        };
        let mut steps = vec![head];
        if head.len() < key.len() {
            steps.extend(brackets.splitn(BRACKETS_MAX, "]["));
        }
        insert(&mut root, &steps, value);
    }
    number_keys_to_arrays(root)
}

fn insert(into: &mut Value, steps: &[&str], text: &str) {
    let Some((step, left)) = steps.split_first() else {
        // A key that comes twice is a list.
        match into {
            Value::Null => *into = text.into(),
            Value::Array(items) => items.push(text.into()),
            Value::String(first) => *into = vec![std::mem::take(first), text.to_owned()].into(),
            _ => {}
        }
        return;
    };
    if into.is_null() {
        *into = if step.is_empty() { Value::Array(Vec::new()) } else { Value::Object(Map::new()) };
    }
    match into {
        Value::Array(items) => {
            // `a[][b]=1&a[][c]=2` fills one item, the next `a[][b]` begins another.
            let fills = |last: &Value| match (last, left.first()) {
                (Value::Object(fields), Some(next)) => !fields.contains_key(*next),
                _ => false,
            };
            if !items.last().is_some_and(fills) {
                items.push(Value::Null);
            }
            if let Some(last) = items.last_mut() {
                insert(last, left, text);
            }
        }
        Value::Object(fields) => {
            insert(fields.entry(*step).or_insert(Value::Null), left, text);
        }
        _ => {}
    }
}

/// `{"0": x, "1": y}` is `[x, y]`.
fn number_keys_to_arrays(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let numbered =
                !fields.is_empty() && fields.keys().all(|key| key.parse::<u32>().is_ok());
            let inner = fields.into_iter().map(|(key, value)| (key, number_keys_to_arrays(value)));
            if !numbered {
                return Value::Object(inner.collect());
            }
            let mut items: Vec<_> =
                inner.map(|(key, value)| (key.parse::<u32>().unwrap_or(0), value)).collect();
            items.sort_by_key(|(index, _)| *index);
            items.into_iter().map(|(_, value)| value).collect()
        }
        Value::Array(items) => items.into_iter().map(number_keys_to_arrays).collect(),
        scalar => scalar,
    }
}

/// The texts of a form as the types the schema has for them.
pub(crate) fn typed(value: Value, shape: Option<(&Shapes, &Node)>) -> Value {
    match shape {
        Some((shapes, node)) => as_typed(value, shapes, node, BRACKETS_MAX),
        None => value,
    }
}

fn as_typed(value: Value, shapes: &Shapes, node: &Node, left: usize) -> Value {
    let Some(left) = left.checked_sub(1) else { return value };
    let leaves = shapes.leaves(node).leaves;
    match value {
        Value::Object(fields) => {
            let records: Vec<_> = leaves
                .iter()
                .filter_map(
                    |leaf| if let Form::Object(record) = leaf.form { Some(record) } else { None },
                )
                .collect();
            let inner = |key: &str| {
                let field = records.iter().find_map(|record| record.field(key));
                let field = field.map(|field| &field.node);
                field.or_else(|| records.iter().find_map(|record| record.values.as_deref()))
            };
            let typed = fields.into_iter().map(|(key, value)| {
                let value = match inner(&key) {
                    Some(node) => as_typed(value, shapes, node, left),
                    None => value,
                };
                (key, value)
            });
            Value::Object(typed.collect())
        }
        Value::Array(items) => {
            let node = leaves.iter().find_map(|leaf| match leaf.form {
                Form::Array(Some(items)) => Some(items),
                _ => None,
            });
            match node {
                Some(node) => {
                    items.into_iter().map(|item| as_typed(item, shapes, node, left)).collect()
                }
                None => items.into(),
            }
        }
        Value::String(text) => as_scalar(text, &leaves),
        other => other,
    }
}

fn as_scalar(text: String, leaves: &[Leaf<'_>]) -> Value {
    let mut forms = leaves.iter().map(|leaf| leaf.form);
    if forms.clone().any(|form| matches!(form, Form::Text { values, .. } if values.is_empty())) {
        return text.into();
    }
    let is_number = |form: &Form| matches!(form, Form::Integer { .. } | Form::Number(_));
    let has_numbers = forms.clone().any(is_number);
    let read = |form: &Form| match form {
        // Slack's clients write flags as digits.
        Form::Boolean(_) if !has_numbers && matches!(&*text, "0" | "1") => {
            Some((text == "1").into())
        }
        Form::Boolean(_) => boolean(&text).map(Value::Bool),
        Form::Integer { .. } => text.parse::<i64>().ok().map(Value::from),
        Form::Number(_) => {
            text.parse::<f64>().ok().filter(|float| float.is_finite()).map(Value::from)
        }
        // One value of what may be several.
        Form::Array(_) if !text.is_empty() => Some(vec![text.clone()].into()),
        _ => None,
    };
    forms.find_map(read).unwrap_or_else(|| text.clone().into())
}

/// `true` as JSON writes it, or `True` as Python's clients send it in forms.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" => Some(true),
        "false" | "False" => Some(false),
        _ => None,
    }
}

fn boundary(parameters: &str) -> Option<String> {
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (name.trim().eq_ignore_ascii_case("boundary") && !value.is_empty())
            .then(|| value.to_owned())
    })
}

/// The named parts of a multipart body (RFC 7578); a file is told by its name.
fn parts(body: &[u8], boundary: &str) -> Option<Vec<(String, String)>> {
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut rest = &body[find(body, delimiter.as_bytes())? + delimiter.len()..];
    while !rest.starts_with(b"--") {
        let end = find(rest, delimiter.as_bytes())?;
        let part = &rest[..end];
        let head = find(part, b"\r\n\r\n")?;
        let headers = String::from_utf8_lossy(&part[..head]);
        let content = part[head + 4..].strip_suffix(b"\r\n").unwrap_or(&part[head + 4..]);
        if let Some(name) = quoted(&headers, "name") {
            let value = quoted(&headers, "filename")
                .unwrap_or_else(|| String::from_utf8_lossy(content).into_owned());
            parts.push((name, value));
        }
        rest = &rest[end + delimiter.len()..];
    }
    Some(parts)
}

/// A quoted parameter of a `Content-Disposition` header.
fn quoted(headers: &str, name: &str) -> Option<String> {
    let line = headers
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    line.split(';').find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        (key.trim() == name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn form(text: &str) -> Value {
        unfold(&pairs(text))
    }

    #[test]
    fn a_query_is_nested_by_its_brackets() {
        let nested = nested("customer=c&items[0][id]=a&items[0][price]=p%201&items[1][id]=b");
        let items = serde_json::json!([{"id": "a", "price": "p 1"}, {"id": "b"}]);
        assert_eq!(nested, serde_json::json!({"customer": "c", "items": items}));
        assert_eq!(super::nested(""), serde_json::json!({}));
    }

    #[test]
    fn a_packed_body_is_read_as_it_was_and_no_larger_than_it_may_be() {
        use std::io::Write;
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(&[b'x'; 1000]).unwrap();
        let small = Bytes::from(packer.finish().unwrap());
        let gzip = HeaderMap::from_iter([(CONTENT_ENCODING, "gzip".parse().unwrap())]);
        assert_eq!(unpacked(&gzip, &small, 1000).unwrap().len(), 1000);
        let too_large = unpacked(&gzip, &small, 999).unwrap_err();
        assert_eq!(too_large, Refusal::TooLarge { bytes_max: 999 });
        assert!(matches!(
            unpacked(&gzip, &Bytes::from_static(b"no"), 10),
            Err(Refusal::BadRequest(_))
        ));
        assert_eq!(unpacked(&HeaderMap::new(), &small, 0).unwrap(), small);
    }

    #[test]
    fn brackets_make_objects_and_arrays() {
        assert_eq!(
            form(
                "a[b][]=1&a[b][]=2&n=x+y%21&items[0][price]=p&items[1][price]=q&l[][k]=1&l[][v]=2&l[][k]=3"
            ),
            json!({"a": {"b": ["1", "2"]}, "n": "x y!", "items": [{"price": "p"}, {"price": "q"}],
                   "l": [{"k": "1", "v": "2"}, {"k": "3"}]})
        );
        assert_eq!(form("to=a&to=b"), json!({"to": ["a", "b"]}));
    }

    #[test]
    fn malformed_forms_are_read_as_far_as_they_go() {
        for text in
            ["[", "a[=1", "a]=1", "[]=1", "a[b=1&a[b]=2", "=", "a=1&a[b]=2", "%=%&&&", "a[b]=1&a=2"]
        {
            assert!(form(text).is_object(), "{text}");
        }
        let deep = format!("a{}=1", "[x]".repeat(10_000));
        assert!(form(&deep).is_object());
    }

    #[test]
    fn texts_become_the_types_of_the_schema() {
        let model = models::Model::empty("t", "");
        let shapes = Shapes::of(Arc::new(model));
        let schema: models::Schema = serde_json::from_value(json!({
            "types": {"object": true}, "properties": {
                "amount": {"types": {"integer": true}}, "live": {"types": {"boolean": true}},
                "flag": {"types": {"boolean": true}}, "either": {"types": {"boolean": true, "integer": true}},
                "to": {"types": {"array": true}, "items": {"types": {"string": true}}},
                "zip": {"types": {"string": true}}}}))
        .unwrap();
        let node = shapes.compile(&schema);
        let value = typed(
            form("amount=100&live=True&flag=1&either=1&to=a&zip=04109&other=1"),
            Some((&shapes, &node)),
        );
        assert_eq!(
            value,
            json!({"amount": 100, "live": true, "flag": true, "either": 1, "to": ["a"], "zip": "04109", "other": "1"})
        );
        assert!(check(&value, &shapes, &node, Depth::Outermost, Given::NOTHING).is_ok());
        assert_eq!(
            check(&value, &shapes, &node, Depth::Strict, Given::NOTHING).unwrap_err().message(),
            "unknown field: other"
        );
        assert!(
            check(&json!({"amount": "many"}), &shapes, &node, Depth::Outermost, Given::NOTHING)
                .is_err()
        );
        assert!(check(&json!([]), &shapes, &node, Depth::Outermost, Given::NOTHING).is_err());
    }

    #[test]
    fn multipart_parts_are_fields_and_files_are_told_by_name() {
        let body = b"--xx\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nlogo\r\n--xx\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n--xx--\r\n";
        let value = read(&Media::Multipart("xx".into()), body, None).unwrap().unwrap();
        assert_eq!(value, json!({"purpose": "logo", "file": "a.png"}));
        assert!(read(&Media::Multipart("yy".into()), body, None).is_err());
    }
}
