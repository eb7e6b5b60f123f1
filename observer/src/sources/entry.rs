//! One HAR entry, from its JSON text to a [`RawExchange`].
//!
//! The hot path of every import. Keys come in any order, a key that comes twice counts as it came
//! last, and what an exchange does not hold (`timings`, `cache`, `cookies`, `queryString`) is
//! skipped unread.
//!
//! # Source
//!
//! HAR 1.2, "entries", "request", "response", "postData", "content".

use std::borrow::Cow;

use super::body::{self, Content};
use super::fault::Flaw;
use super::json::{Cursor, Held, NotJson};
use super::{Limits, time};
use crate::exchange::{Direction, Headers, RawExchange};

/// Reads entries one after the other, using its buffers again.
///
/// ```
/// use observer::sources::{EntryReader, Limits};
///
/// let line = br#"{"startedDateTime":"2026-08-22T07:44:58.741Z","time":94.9,
///     "request":{"method":"GET","url":"https://api.example.com/emails","headers":[]},
///     "response":{"status":200,"headers":[],"content":{"mimeType":"application/json",
///     "text":"{\"data\":[]}"}}}"#;
/// let mut reader = EntryReader::default();
/// let exchange = reader.read(line, &Limits::default()).expect("a valid entry");
/// assert_eq!(exchange.latency_us, 94_900);
/// assert_eq!(&*exchange.response_body.expect("a body").bytes, br#"{"data":[]}"#);
/// ```
#[derive(Debug, Default)]
pub struct EntryReader {
    /// The request body's text where it had escapes.
    request: Vec<u8>,
    /// The response body's.
    response: Vec<u8>,
}

impl EntryReader {
    /// The exchange that one entry's JSON text describes, borrowing from it where it can.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, with columns counted from its start.
    pub fn read<'a>(
        &'a mut self,
        text: &'a [u8],
        limits: &Limits,
    ) -> Result<RawExchange<'a>, Flaw> {
        let checked = std::str::from_utf8(text)
            .map_err(|error| Flaw::NotUtf8 { column: error.valid_up_to() + 1 })?;
        let mut parser = Parser {
            cursor: Cursor::new(checked),
            // Four base64 letters to three bytes, and room to tell that there were more.
            text_max: limits.body_bytes_max.saturating_add(limits.body_bytes_max / 3 + 4),
            request_text: &mut self.request,
            response_text: &mut self.response,
            entry: Entry::default(),
        };
        parser.entry().map_err(|stop| match stop {
            Stop::NotJson(error) => Flaw::not_json(text, error),
            Stop::WrongType(field, expected) => Flaw::WrongType { field, expected },
        })?;
        let entry = parser.entry;
        exchange(entry, &mut self.request, &self.response, limits)
    }
}

/// What was found in the text, before any of it is judged.
#[derive(Default)]
struct Entry<'a> {
    delivery: bool,
    started: Option<Cow<'a, str>>,
    time: Option<&'a str>,
    request: Request<'a>,
    response: Response<'a>,
}

#[derive(Default)]
struct Request<'a> {
    present: bool,
    method: Option<Cow<'a, str>>,
    url: Option<Cow<'a, str>>,
    headers: Headers<'a>,
    content: Content<'a>,
}

#[derive(Default)]
struct Response<'a> {
    status: Option<&'a str>,
    headers: Headers<'a>,
    content: Content<'a>,
}

/// Why parsing ended early: small, so that the way without errors stays cheap.
enum Stop {
    NotJson(NotJson),
    WrongType(&'static str, &'static str),
}

impl From<NotJson> for Stop {
    fn from(error: NotJson) -> Self {
        Self::NotJson(error)
    }
}

struct Parser<'a, 's> {
    cursor: Cursor<'a>,
    text_max: usize,
    request_text: &'s mut Vec<u8>,
    response_text: &'s mut Vec<u8>,
    entry: Entry<'a>,
}

impl<'a> Parser<'a, '_> {
    fn entry(&mut self) -> Result<(), Stop> {
        self.cursor.expect(b'{', "an entry's `{`")?;
        let mut first = true;
        while let Some(key) = self.cursor.key(&mut first)? {
            match &*key {
                "startedDateTime" => self.entry.started = self.cursor.scalar()?,
                "time" => self.entry.time = self.number("time")?,
                "request" => self.request()?,
                "response" => self.response()?,
                "_kind" => {
                    self.entry.delivery = self.cursor.scalar()?.as_deref() == Some("webhook");
                }
                _ => self.cursor.skip()?,
            }
        }
        if self.cursor.at_end() { Ok(()) } else { Err(self.cursor.fail("the entry's end").into()) }
    }

    fn request(&mut self) -> Result<(), Stop> {
        self.entry.request = Request::default();
        if !self.open(b'{', "request", "an object")? {
            return Ok(());
        }
        self.entry.request.present = true;
        let mut first = true;
        while let Some(key) = self.cursor.key(&mut first)? {
            match &*key {
                "method" => self.entry.request.method = self.text("request.method")?,
                "url" => self.entry.request.url = self.text("request.url")?,
                "headers" => {
                    self.entry.request.headers = headers(&mut self.cursor, "request.headers")?;
                }
                "postData" => self.post_data()?,
                _ => self.cursor.skip()?,
            }
        }
        Ok(())
    }

    fn response(&mut self) -> Result<(), Stop> {
        self.entry.response = Response::default();
        if !self.open(b'{', "response", "an object")? {
            return Ok(());
        }
        let mut first = true;
        while let Some(key) = self.cursor.key(&mut first)? {
            match &*key {
                "status" => self.entry.response.status = self.number("response.status")?,
                "headers" => {
                    self.entry.response.headers = headers(&mut self.cursor, "response.headers")?;
                }
                "content" => self.content()?,
                _ => self.cursor.skip()?,
            }
        }
        Ok(())
    }

    fn post_data(&mut self) -> Result<(), Stop> {
        let mut content = Content::default();
        if self.open(b'{', "request.postData", "an object")? {
            let mut first = true;
            while let Some(key) = self.cursor.key(&mut first)? {
                match &*key {
                    "mimeType" => content.media_type = self.text("request.postData.mimeType")?,
                    "text" => content.text = self.body(Side::Request)?,
                    "encoding" => content.encoding = self.text("request.postData.encoding")?,
                    "params" => {
                        // Told from `text` by then or later: kept as a place to come back to.
                        self.cursor.peek();
                        content.params = Some(self.cursor.clone());
                        self.cursor.skip()?;
                    }
                    _ => self.cursor.skip()?,
                }
            }
        }
        self.entry.request.content = content;
        Ok(())
    }

    fn content(&mut self) -> Result<(), Stop> {
        let mut content = Content::default();
        if self.open(b'{', "response.content", "an object")? {
            let mut first = true;
            while let Some(key) = self.cursor.key(&mut first)? {
                match &*key {
                    "mimeType" => content.media_type = self.text("response.content.mimeType")?,
                    "text" => content.text = self.body(Side::Response)?,
                    "encoding" => content.encoding = self.text("response.content.encoding")?,
                    "size" => content.size = self.number("response.content.size")?,
                    _ => self.cursor.skip()?,
                }
            }
        }
        self.entry.response.content = content;
        Ok(())
    }

    /// Steps into an object or list; false over a `null`, which stands for none.
    #[inline]
    fn open(
        &mut self,
        bracket: u8,
        field: &'static str,
        expected: &'static str,
    ) -> Result<bool, Stop> {
        open(&mut self.cursor, bracket, field, expected)
    }

    /// A string; `None` for `null`.
    #[inline]
    fn text(&mut self, field: &'static str) -> Result<Option<Cow<'a, str>>, Stop> {
        if self.cursor.take(b"\"") {
            return Ok(Some(self.cursor.string_rest()?));
        }
        match self.cursor.peek() {
            Some(b'"') => Ok(Some(self.cursor.string("a string")?)),
            Some(b'{' | b'[') => Err(Stop::WrongType(field, "a string")),
            _ if self.cursor.plain()? == "null" => Ok(None),
            _ => Err(Stop::WrongType(field, "a string")),
        }
    }

    /// A number as it is written; `None` for `null`.
    #[inline]
    fn number(&mut self, field: &'static str) -> Result<Option<&'a str>, Stop> {
        if matches!(self.cursor.peek(), Some(b'"' | b'{' | b'[')) {
            return Err(Stop::WrongType(field, "a number"));
        }
        match self.cursor.plain()? {
            "null" => Ok(None),
            "true" | "false" => Err(Stop::WrongType(field, "a number")),
            number => Ok(Some(number)),
        }
    }

    /// A body's text; `None` for `null`.
    fn body(&mut self, side: Side) -> Result<Option<Held<'a>>, Stop> {
        let (field, scratch) = match side {
            Side::Request => ("request.postData.text", &mut *self.request_text),
            Side::Response => ("response.content.text", &mut *self.response_text),
        };
        match self.cursor.peek() {
            Some(b'"') => {
                self.cursor.take(b"\"");
                Ok(Some(self.cursor.long_string(self.text_max, scratch)?))
            }
            Some(b'{' | b'[') => Err(Stop::WrongType(field, "a string")),
            _ if self.cursor.plain()? == "null" => Ok(None),
            _ => Err(Stop::WrongType(field, "a string")),
        }
    }
}

#[derive(Clone, Copy)]
enum Side {
    Request,
    Response,
}

fn open(
    cursor: &mut Cursor<'_>,
    bracket: u8,
    field: &'static str,
    expected: &'static str,
) -> Result<bool, Stop> {
    if cursor.peek() == Some(bracket) {
        cursor.take(&[bracket]);
        return Ok(true);
    }
    if matches!(cursor.peek(), Some(b'"' | b'{' | b'[')) {
        return Err(Stop::WrongType(field, expected));
    }
    match cursor.plain()? {
        "null" => Ok(false),
        _ => Err(Stop::WrongType(field, expected)),
    }
}

/// Name and value of each header but HTTP/2's pseudo headers, which say what the URL says.
fn headers<'a>(cursor: &mut Cursor<'a>, field: &'static str) -> Result<Headers<'a>, Stop> {
    if !open(cursor, b'[', field, "a list")? {
        return Ok(Vec::new());
    }
    // Most requests and answers have fewer, and growing step by step costs more than the room.
    let mut headers = Vec::with_capacity(16);
    let mut first = true;
    while cursor.item(&mut first)? {
        let (name, value) = if cursor.take(b"{\"name\":\"") {
            compact_header(cursor, field)?
        } else {
            header(cursor, field)?
        };
        if !name.starts_with(':') {
            headers.push((name, value));
        }
    }
    Ok(headers)
}

type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// A header the way nearly all of NDJSON has it, from behind the name's opening quote.
#[inline]
fn compact_header<'a>(cursor: &mut Cursor<'a>, field: &'static str) -> Result<Pair<'a>, Stop> {
    let name = cursor.string_rest()?;
    if !cursor.take(b",\"value\":\"") {
        return header_rest(cursor, field, name, Cow::Borrowed(""), false);
    }
    let value = cursor.string_rest()?;
    if cursor.take(b"}") {
        return Ok((name, value));
    }
    header_rest(cursor, field, name, value, false)
}

/// A header with white space, other keys or another order.
fn header<'a>(cursor: &mut Cursor<'a>, field: &'static str) -> Result<Pair<'a>, Stop> {
    let empty = Cow::Borrowed("");
    if !open(cursor, b'{', field, "a list of objects")? {
        return Ok((Cow::Borrowed(":null"), empty));
    }
    header_rest(cursor, field, empty.clone(), empty, true)
}

fn header_rest<'a>(
    cursor: &mut Cursor<'a>,
    field: &'static str,
    mut name: Cow<'a, str>,
    mut value: Cow<'a, str>,
    mut first: bool,
) -> Result<Pair<'a>, Stop> {
    while let Some(key) = cursor.key(&mut first)? {
        let slot = match &*key {
            "name" => &mut name,
            "value" => &mut value,
            _ => {
                cursor.skip()?;
                continue;
            }
        };
        let null = !matches!(cursor.peek(), Some(b'"'));
        let text = cursor.scalar()?;
        let text = text.ok_or(Stop::WrongType(field, "a list of names and values"))?;
        *slot = if null && text == "null" { Cow::Borrowed("") } else { text };
    }
    Ok((name, value))
}

/// Judges what was found.
fn exchange<'a>(
    entry: Entry<'a>,
    request_text: &'a mut Vec<u8>,
    response_text: &'a [u8],
    limits: &Limits,
) -> Result<RawExchange<'a>, Flaw> {
    let Entry { delivery, started, time, request, response } = entry;
    let started = started.ok_or(Flaw::Missing { field: "startedDateTime" })?;
    let seen_at_us =
        time::rfc3339(&started).ok_or_else(|| Flaw::invalid("startedDateTime", &started))?;
    let latency_us = match time {
        Some(number) => time::latency_us(number).ok_or_else(|| Flaw::invalid("time", number))?,
        None => 0,
    };
    if !request.present {
        return Err(Flaw::Missing { field: "request" });
    }
    let method = method(request.method.ok_or(Flaw::Missing { field: "request.method" })?)?;
    let url = request.url.ok_or(Flaw::Missing { field: "request.url" })?;
    let url = absolute(url, &request.headers)?;
    let form = request.content.text_absent() && body::form(&request.content, request_text);
    let content = request.content.or_form(form, request_text.len());
    let request_body =
        body::finish(content, request_text, &request.headers, "request.postData.text", limits)?;
    let status = status(response.status)?;
    let response_body = body::finish(
        response.content,
        response_text,
        &response.headers,
        "response.content.text",
        limits,
    )?;
    Ok(RawExchange {
        direction: if delivery { Direction::Delivery } else { Direction::Call },
        seen_at_us,
        latency_us,
        method,
        url,
        request_headers: request.headers,
        request_body,
        status,
        response_headers: response.headers,
        response_body,
    })
}

/// The method in upper case.
pub(super) fn method(method: Cow<'_, str>) -> Result<Cow<'_, str>, Flaw> {
    if method.bytes().all(|byte| byte.is_ascii_uppercase()) && !method.is_empty() {
        return Ok(method);
    }
    // RFC 9110, section 5.6.2: a method is a token.
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if method.is_empty() || !method.bytes().all(token) {
        return Err(Flaw::invalid("request.method", &method));
    }
    Ok(Cow::Owned(method.to_ascii_uppercase()))
}

/// The URL, completed from the `Host` header where only a path was captured.
pub(super) fn absolute<'a>(url: Cow<'a, str>, headers: &Headers<'_>) -> Result<Cow<'a, str>, Flaw> {
    let field = "request.url";
    if url.is_empty() {
        return Err(Flaw::Missing { field });
    }
    let scheme = url.find("://").unwrap_or(0);
    if scheme != 0 && url[..scheme].bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(url);
    }
    let host = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    match host {
        Some((_, host)) if url.starts_with('/') && !host.is_empty() => {
            Ok(Cow::Owned(format!("https://{host}{url}")))
        }
        _ => Err(Flaw::WrongType { field, expected: "an absolute URL" }),
    }
}

/// The status; 0 where no answer came, which some writers give as a negative number.
fn status(number: Option<&str>) -> Result<u16, Flaw> {
    let Some(number) = number else { return Ok(0) };
    if let Ok(status) = number.parse::<u16>()
        && status < 1000
    {
        return Ok(status);
    }
    let whole = number.strip_suffix(".0").unwrap_or(number);
    match whole.parse::<i64>() {
        Ok(..0) => Ok(0),
        Ok(status @ 0..1000) => Ok(u16::try_from(status).unwrap_or_default()),
        _ => Err(Flaw::invalid("response.status", number)),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// Any text, with what needs escaping often in it.
    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof!["[ -~]{0,40}", "[\\x00-\\x1f\"\\\\/a\u{e9}\u{1F389}]{0,40}", "\\PC{0,200}"]
    }

    fn junk() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any_text().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(Value::from),
                vec((any_text(), inner), 0..4).prop_map(|pairs| pairs.into_iter().collect()),
            ]
        })
    }

    fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
        vec((any_text(), any_text()), 0..5)
    }

    fn list(pairs: &[(String, String)]) -> Value {
        pairs.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
    }

    prop_compose! {
        fn entry()(
            method in "[A-Za-z]{1,8}",
            path in any_text(),
            status in 0..1000_u16,
            micros in 0..100_000_000_u32,
            seconds in 0..4_000_000_000_i64,
            (sent, received) in (pairs(), pairs()),
            (question, answer) in (option::of(any_text()), option::of(any_text())),
            (media_type, webhook) in (any_text(), any::<bool>()),
            more in vec(("x[a-z]{0,3}", junk()), 4),
        ) -> Value {
            let [a, b, c, d] = &more[..] else { unreachable!("four were asked for") };
            json!({
                a.0.as_str(): a.1,
                "startedDateTime": chrono::DateTime::from_timestamp(seconds, 0).unwrap().to_rfc3339(),
                "time": f64::from(micros) / 1000.0,
                "_kind": if webhook { "webhook" } else { "call" },
                "request": {
                    b.0.as_str(): b.1,
                    "method": method,
                    "url": format!("https://api.example.com/{path}"),
                    "headers": list(&sent),
                    "postData": question.map(|text| json!({"mimeType": media_type, "text": text})),
                },
                "response": {
                    c.0.as_str(): c.1,
                    "status": status,
                    "headers": list(&received),
                    "content": {d.0.as_str(): d.1, "mimeType": media_type, "text": answer},
                },
            })
        }
    }

    /// Writes JSON in one of the many ways it can be written; `dice` chooses.
    fn write(value: &Value, dice: &mut u64, out: &mut String) {
        let mut roll = |sides: u64| {
            *dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (*dice >> 33) % sides
        };
        let space = ["", "", "", " ", "\n\t "][usize::try_from(roll(5)).unwrap()];
        match value {
            Value::Object(map) => {
                let mut members: Vec<_> = map.iter().collect();
                let turn = usize::try_from(roll(8)).unwrap() % members.len().max(1);
                members.rotate_left(turn);
                out.push('{');
                for (index, (key, value)) in members.into_iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { "," });
                    out.push_str(space);
                    // A key that comes twice counts as it came last.
                    if dice.is_multiple_of(16) {
                        write(&json!(key), dice, out);
                        out.push_str(":{\"text\":\"\\\"earlier\"},");
                    }
                    write(&json!(key), dice, out);
                    out.push_str(space);
                    out.push(':');
                    write(value, dice, out);
                }
                out.push('}');
            }
            Value::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index == 0 { space } else { "," });
                    write(item, dice, out);
                }
                out.push_str(space);
                out.push(']');
            }
            Value::String(text) => {
                let style = roll(3);
                if style == 0 {
                    out.push_str(&value.to_string());
                    return;
                }
                out.push('"');
                for character in text.chars() {
                    let must = character < ' ' || matches!(character, '"' | '\\');
                    if must || style == 2 || roll(4) == 0 {
                        for unit in character.encode_utf16(&mut [0; 2]) {
                            write!(out, "\\u{unit:04x}").unwrap();
                        }
                    } else {
                        out.push(character);
                    }
                }
                out.push('"');
            }
            scalar => write!(out, "{space}{scalar}{space}").unwrap(),
        }
    }

    /// What `serde_json` finds in the entry, put together slowly.
    fn assert_same(raw: &RawExchange<'_>, entry: &Value) {
        let (request, response) = (&entry["request"], &entry["response"]);
        let headers = |side: &Value| -> Vec<(String, String)> {
            let all = side["headers"].as_array().unwrap().iter();
            let pairs = all.map(|header| [&header["name"], &header["value"]]);
            pairs
                .map(|pair| pair.map(|text| text.as_str().unwrap().to_owned()).into())
                .filter(|(name, _): &(String, String)| !name.starts_with(':'))
                .collect()
        };
        let own = |headers: &Headers<'_>| -> Vec<(String, String)> {
            headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
        };
        assert_eq!(raw.method, request["method"].as_str().unwrap().to_uppercase());
        assert_eq!(raw.url, request["url"].as_str().unwrap());
        assert_eq!(own(&raw.request_headers), headers(request));
        assert_eq!(own(&raw.response_headers), headers(response));
        assert_eq!(u64::from(raw.status), response["status"].as_u64().unwrap());
        assert_eq!(raw.direction == Direction::Delivery, entry["_kind"] == "webhook");
        let ms = entry["time"].as_f64().unwrap();
        assert!((f64::from(raw.latency_us) - ms * 1000.0).abs() < 0.01);
        for (body, content) in
            [(&raw.request_body, &request["postData"]), (&raw.response_body, &response["content"])]
        {
            let text = content["text"].as_str().unwrap_or_default();
            let bytes = body.as_ref().map(|body| body.bytes.as_ref()).unwrap_or_default();
            assert_eq!(bytes, text.as_bytes());
            assert_eq!(body.is_some(), !text.is_empty());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn any_entry_is_read_as_serde_json_reads_it(entry in entry(), mut dice in any::<u64>()) {
            let mut text = String::new();
            write(&entry, &mut dice, &mut text);
            // Content codings are not the matter here.
            let parsed: Value = serde_json::from_str(&text).unwrap();
            let mut reader = EntryReader::default();
            match reader.read(text.as_bytes(), &Limits::default()) {
                Ok(raw) => assert_same(&raw, &parsed),
                // An "earlier" value of the wrong type is a fault even if a later one is right.
                Err(Flaw::WrongType { .. }) => prop_assert!(text.contains("earlier")),
                Err(flaw) => panic!("{flaw}: {text}"),
            }
        }

        #[test]
        fn an_entry_cut_anywhere_is_refused(
            entry in entry(),
            mut dice in any::<u64>(),
            cuts in vec(any::<prop::sample::Index>(), 16),
        ) {
            let mut text = String::new();
            write(&entry, &mut dice, &mut text);
            let text = text.trim_end().as_bytes();
            let mut reader = EntryReader::default();
            for cut in cuts.into_iter().map(|cut| cut.index(text.len())) {
                prop_assert!(reader.read(&text[..cut], &Limits::default()).is_err());
            }
        }

        #[test]
        fn an_entry_with_a_byte_changed_never_panics(
            entry in entry(), mut dice in any::<u64>(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut text = String::new();
            write(&entry, &mut dice, &mut text);
            let mut text = text.into_bytes();
            let at = at.index(text.len());
            text[at] = byte;
            let _ = EntryReader::default().read(&text, &Limits::default());
        }
    }

    #[test]
    fn a_reader_keeps_nothing_of_the_entry_before() {
        let with = |text: &str| {
            format!(
                r#"{{"startedDateTime":"2026-08-22T07:44:58Z","request":{{"method":"GET","url":"https://a.example/"}},"response":{{"status":200,"content":{{"text":"{text}"}}}}}}"#
            )
        };
        let mut reader = EntryReader::default();
        let limits = Limits::default();
        for (text, expected) in [
            ("\\\"one\\\" and more", Some("\"one\" and more")),
            ("\\\"2\\\"", Some("\"2\"")),
            ("plain", Some("plain")),
            ("", None),
        ] {
            let line = with(text);
            let raw = reader.read(line.as_bytes(), &limits).unwrap();
            let body = raw.response_body.map(|body| body.bytes.into_owned());
            assert_eq!(body.as_deref(), expected.map(str::as_bytes));
        }
    }
}
