//! What production observation may not keep, planted everywhere and looked for in every byte.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, which clippy does not see")]

mod support;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use models::Model;
use observer::exchange::{Direction, RawBody, RawExchange};
use observer::intake::Intake;
use observer::lake::{Lake, Table};
use observer::live::{LiveConfig, LiveWriter};
use observer::scrub::Names;
use support::{START_US, TWIN, files, intake_of, json, rows, texts};

/// A kind of value, and how the n-th of it is written. The second text is a part that no other value
/// has, so that half a value is found as well.
type Form = (&'static str, fn(u64) -> (String, String));

/// Values that tell by their form what they are, in every position.
const FORMS: [Form; 17] = [
    ("e-mail", |n| (format!("lena.{}@mail.example", word(n)), word(n))),
    ("full name", |n| (format!("Lena {}", word(n)), word(n))),
    ("card", |n| (card(n), card(n))),
    ("phone", |n| (format!("+1415{:07}", 2_000_000 + n), format!("415{:07}", 2_000_000 + n))),
    ("phone as written", |n| {
        (
            format!("(415) {:03}-{:04}", 200 + n / 10_000, n % 10_000),
            format!("{:03}-{:04}", 200 + n / 10_000, n % 10_000),
        )
    }),
    ("UUID", |n| (format!("{n:08x}-dc0d-407a-958b-6de5bdd0d0ff"), format!("{n:08x}-dc0d"))),
    ("prefixed id", |n| (format!("cus_{}Uf4NV2Hib", mixed(n)), mixed(n))),
    ("integer id", |n| (format!("{}", 904_000_000 + n), format!("{}", 904_000_000 + n))),
    ("hex", |n| (format!("{n:08x}c0ffee0badf00d5ca1ab1e99"), format!("{n:08x}c0ffee"))),
    ("Stripe key", |n| (format!("sk_live_4eC39Hq{}DarjtT1zdp7dc", mixed(n)), mixed(n))),
    ("GitHub token", |n| (format!("ghp_{}x7Kq2Lw9Rt4Yp1Zs6Vb3Nm8Hd5", mixed(n)), mixed(n))),
    ("GitHub token without digits", |n| {
        (format!("ghp_{}xKqLwRtYpZsVbNmHdFgJcQw", mixed(n)), mixed(n))
    }),
    ("Slack token", |n| (format!("xoxb-21{n:08}-{}", mixed(n)), mixed(n))),
    ("JWT", |n| {
        (
            format!(
                "eyJhbGciOiJIUzI1NiJ9.eyJzdWIi{}fQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV",
                mixed(n)
            ),
            mixed(n),
        )
    }),
    ("AWS key", |n| (format!("AKIA{}QX", word(n).to_uppercase()), word(n).to_uppercase())),
    ("opaque", |n| (format!("{}rWq8ZtKp3LmXv9BnYc", mixed(n)), mixed(n))),
    ("Twilio id", |n| (format!("AC{n:08x}0123456789abcdef01234567"), format!("AC{n:08x}"))),
];

/// Names that could be anything, where they are values and hardly anybody has them.
const WORDS: [Form; 2] = [
    ("name", |n| (word(n), word(n))),
    ("capitalised name", |n| {
        let word = word(n);
        (format!("{}{}", word[..1].to_uppercase(), &word[1..]), word[1..].to_owned())
    }),
];

/// Fourteen letters, as of an unusual surname.
fn word(n: u64) -> String {
    let letters: String = (0..5)
        .map(|place| char::from(b'a' + u8::try_from(n / 26_u64.pow(place) % 26).unwrap()))
        .collect();
    format!("brzan{letters}kova")
}

/// Fourteen letters as base 62 mixes them.
fn mixed(n: u64) -> String {
    word(n)
        .chars()
        .enumerate()
        .map(|(at, letter)| if at % 2 == 0 { letter.to_ascii_uppercase() } else { letter })
        .collect()
}

/// Sixteen digits with a right check digit (ISO/IEC 7812).
fn card(n: u64) -> String {
    let digits = format!("411111{n:09}");
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(digit - b'0') * if at % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// Where a value is put into an exchange.
#[derive(Clone, Copy)]
struct Position {
    name: &'static str,
    put: fn(&mut RawExchange<'static>, &str),
    /// Names stand here that are the vendor's wording for all that can be told.
    is_wording: bool,
}

const fn value(name: &'static str, put: fn(&mut RawExchange<'static>, &str)) -> Position {
    Position { name, put, is_wording: false }
}

const fn wording(name: &'static str, put: fn(&mut RawExchange<'static>, &str)) -> Position {
    Position { name, put, is_wording: true }
}

#[rustfmt::skip]
const POSITIONS: &[Position] = &[
    value("authorization", |x, v| header(&mut x.request_headers, "authorization", format!("Bearer {v}"))),
    value("API key header", |x, v| header(&mut x.request_headers, "x-api-key", v)),
    value("request header", |x, v| header(&mut x.request_headers, "x-customer", v)),
    wording("request header's name", |x, v| x.request_headers.push((Cow::Owned(v.to_owned()), Cow::Borrowed("1")))),
    value("idempotency key", |x, v| header(&mut x.request_headers, "idempotency-key", v)),
    value("user agent", |x, v| header(&mut x.request_headers, "user-agent", v)),
    value("cookie", |x, v| header(&mut x.response_headers, "set-cookie", v)),
    value("request id", |x, v| header(&mut x.response_headers, "x-request-id", v)),
    value("location", |x, v| header(&mut x.response_headers, "location", format!("https://api.shop.example/v1/customers/{v}"))),
    wording("limit's scope", |x, v| limit(x, "x-ratelimit-resource", v)),
    // Nine digits can be a limit; ten cannot.
    value("limit", |x, v| limit(x, "x-ratelimit-limit", &if v.bytes().all(|b| b.is_ascii_digit()) { format!("{v}0") } else { v.to_owned() })),
    value("limit's rest", |x, v| limit(x, "x-ratelimit-remaining", v)),
    value("limit's reset", |x, v| limit(x, "x-ratelimit-reset", v)),
    wording("limit's policy", |x, v| header(&mut x.response_headers, "ratelimit-policy", format!("\"{v}\";q=100;w=60"))),
    wording("limit's new form", |x, v| header(&mut x.response_headers, "ratelimit", format!("\"{v}\";r=10;t=60"))),
    value("limit's partition", |x, v| header(&mut x.response_headers, "ratelimit-policy", format!("\"peruser\";q=100;w=60;pk=:{v}:"))),
    value("retry after", |x, v| { x.status = 429; header(&mut x.response_headers, "retry-after", v); }),
    wording("request's API version", |x, v| header(&mut x.request_headers, "stripe-version", v)),
    wording("answer's API version", |x, v| header(&mut x.response_headers, "x-api-version", v)),
    wording("request's media type", |x, v| request(x, format!("application/{v}+json"), "{}")),
    wording("answer's media type", |x, v| answer(x, format!("application/vnd.{v}+json"), "{}")),
    value("media type's parameter", |x, v| answer(x, format!("application/json; profile={v}"), "{}")),
    value("user information", |x, v| x.url = x.url.replace("https://", &format!("https://{}@", encoded(v))).into()),
    value("fragment", |x, v| x.url = format!("{}#{}", x.url, encoded(v)).into()),
    wording("host", |x, v| x.url = x.url.replace("api.", &format!("{}.", encoded(v))).into()),
    wording("method", |x, v| x.method = Cow::Owned(v.to_owned())),
    value("known route's parameter", |x, v| x.url = format!("https://api.shop.example/v1/customers/{}", encoded(v)).into()),
    value("known route's parameter, not encoded", |x, v| x.url = format!("https://api.shop.example/v1/customers/{v}").into()),
    wording("parameter with a suffix", |x, v| x.url = format!("https://api.shop.example/v1/customers/{}.json", encoded(v)).into()),
    wording("unknown path's end", |x, v| x.url = format!("https://api.shop.example/v1/people/{}", encoded(v)).into()),
    wording("unknown path's middle", |x, v| x.url = format!("https://api.shop.example/v1/people/{}/notes", encoded(v)).into()),
    wording("unknown path's start", |x, v| x.url = format!("https://api.shop.example/{}/notes", encoded(v)).into()),
    wording("unknown path's file", |x, v| x.url = format!("https://api.shop.example/v1/people/{}.pdf", encoded(v)).into()),
    wording("unknown path's verb", |x, v| x.url = format!("https://api.shop.example/v1/people/7:{}", encoded(v)).into()),
    value("unknown path, said by the body", |x, v| {
        x.url = format!("https://api.shop.example/v2/accounts/{}", encoded(v)).into();
        answer_json(x, format!(r#"{{"id": 1, "login": {}}}"#, quoted(v)));
    }),
    value("matrix parameter", |x, v| x.url = format!("https://api.shop.example/v1/people;owner={}/notes", encoded(v)).into()),
    value("query value", |x, v| x.url = format!("{}?search={}", x.url, encoded(v)).into()),
    value("query value of a list", |x, v| x.url = format!("{}?expand[]={}&expand[]=b", x.url, encoded(v)).into()),
    value("query of an unknown path", |x, v| x.url = format!("https://api.shop.example/v1/people?owner={}", encoded(v)).into()),
    wording("query name", |x, v| x.url = format!("{}?{}=1", x.url, encoded(v)).into()),
    value("query name's key", |x, v| x.url = format!("{}?filter[{}]=1", x.url, encoded(v)).into()),
    value("request field", |x, v| request_json(x, format!(r#"{{"owner": {}}}"#, quoted(v)))),
    value("request field, deep", |x, v| request_json(x, format!(r#"{{"a": {{"b": [{{"c": [[{{"owner": {}}}]]}}]}}}}"#, quoted(v)))),
    wording("request key", |x, v| request_json(x, format!(r#"{{"owners": {{{}: 1}}}}"#, quoted(v)))),
    value("form field", |x, v| form(x, &format!("owner={}&a=b", encoded(v)))),
    value("form field's key", |x, v| form(x, &format!("metadata[{}]=1", encoded(v)))),
    wording("form name", |x, v| form(x, &format!("{}=1", encoded(v)))),
    wording("form name's key", |x, v| form(x, &format!("address[{}]=1", encoded(v)))),
    value("part", |x, v| multipart(x, "name=\"owner\"", v)),
    value("part's file name", |x, v| multipart(x, &format!("name=\"file\"; filename=\"{v}\""), "bytes")),
    wording("part's name", |x, v| multipart(x, &format!("name=\"{v}\""), "1")),
    value("answer's field", |x, v| answer_json(x, format!(r#"{{"owner": {}}}"#, quoted(v)))),
    value("answer's id", |x, v| answer_json(x, format!(r#"{{"id": {}, "a": 1}}"#, quoted(v)))),
    value("answer's list", |x, v| answer_json(x, format!(r#"{{"data": [{{"tags": ["a", {0}], "rows": [[{0}]]}}]}}"#, quoted(v)))),
    value("whole answer", |x, v| answer_json(x, quoted(v))),
    wording("answer's key", |x, v| answer_json(x, format!(r#"{{"by": {{{}: {{"a": 1}}}}}}"#, quoted(v)))),
    wording("answer's escaped key", |x, v| answer_json(x, format!(r#"{{"by": {{"{}": 1}}}}"#, escaped(v)))),
    value("answer's escaped field", |x, v| answer_json(x, format!(r#"{{"owner": "{}"}}"#, escaped(v)))),
    value("map", |x, v| answer_json(x, format!(r#"{{"metadata": {{{0}: {0}}}, "labels": {{"a": {0}}}}}"#, quoted(v)))),
    value("JSON in a text", |x, v| answer_json(x, format!(r#"{{"raw": {}}}"#, quoted(&format!(r#"{{"owner": {}}}"#, quoted(v)))))),
    value("sentence", |x, v| answer_json(x, format!(r#"{{"message": "No such customer: {v}"}}"#))),
    value("URL", |x, v| answer_json(x, format!(r#"{{"url": "https://api.shop.example/v1/customers/{}"}}"#, encoded(v)))),
    value("refusal", |x, v| { x.status = 404; answer_json(x, format!(r#"{{"error": {{"code": {0}, "param": {0}}}}}"#, quoted(v))); }),
    value("text, page and cut body", |x, v| match x.seen_at_us % 3 {
        0 => answer(x, "text/plain".to_owned(), &format!("owner {v}")),
        1 => answer(x, "text/html".to_owned(), &format!("<html>{v}</html>")),
        _ => answer_json(x, format!(r#"{{"a": 1, "owner": {}"#, quoted(v))),
    }),
    value("delivery", |x, v| delivery(x, "order.paid", &format!(r#"{{"type": "order.paid", "data": {{"owner": {0}, "lines": [{0}], "metadata": {{{0}: 1}}}}}}"#, quoted(v)))),
    wording("delivery's event", |x, v| match x.seen_at_us % 4 {
        0 => delivery(x, v, r#"{"a": 1}"#),
        1 => delivery(x, "", &format!(r#"{{"type": {}}}"#, quoted(v))),
        2 => delivery(x, "order", &format!(r#"{{"action": {}}}"#, quoted(v))),
        _ => delivery(x, "", &format!(r#"{{"by": {{{0}: 1}}, "event_type": {0}, "topic": {0}}}"#, quoted(v))),
    }),
];

fn header(
    headers: &mut observer::exchange::Headers<'static>,
    name: &'static str,
    value: impl Into<String>,
) {
    headers.retain(|(known, _)| *known != name);
    headers.push((Cow::Borrowed(name), Cow::Owned(value.into())));
}

fn limit(x: &mut RawExchange<'static>, name: &'static str, value: &str) {
    for (name, value) in
        [("x-ratelimit-limit", "100"), ("x-ratelimit-remaining", "99"), ("x-ratelimit-reset", "60")]
    {
        header(&mut x.response_headers, name, value);
    }
    header(&mut x.response_headers, name, value);
}

fn request(x: &mut RawExchange<'static>, media_type: String, body: &str) {
    x.request_body = Some(RawBody {
        media_type: media_type.into(),
        bytes: body.as_bytes().to_vec().into(),
        truncated: false,
    });
}

fn request_json(x: &mut RawExchange<'static>, body: String) {
    x.request_body = Some(json(body));
}

fn form(x: &mut RawExchange<'static>, body: &str) {
    request(x, "application/x-www-form-urlencoded".to_owned(), body);
}

fn multipart(x: &mut RawExchange<'static>, disposition: &str, content: &str) {
    let body = format!(
        "--b0\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n--b0--\r\n"
    );
    request(x, "multipart/form-data; boundary=b0".to_owned(), &body);
}

fn answer(x: &mut RawExchange<'static>, media_type: String, body: &str) {
    x.response_body = Some(RawBody {
        media_type: media_type.into(),
        bytes: body.as_bytes().to_vec().into(),
        truncated: false,
    });
}

fn answer_json(x: &mut RawExchange<'static>, body: String) {
    x.response_body = Some(json(body));
}

fn delivery(x: &mut RawExchange<'static>, event: &str, body: &str) {
    x.direction = Direction::Delivery;
    if !event.is_empty() {
        header(&mut x.request_headers, "x-github-event", event);
    }
    x.request_body = Some(json(body));
    x.response_body = None;
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// Each character as JSON may write it, too.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |text, c| format!("{text}\\u{:04x}", u32::from(c)))
}

/// Percent-encoded as a path segment.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'@' | b'+')
    };
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// An exchange of one of three callers that shows one of many customers.
fn base(number: u64) -> RawExchange<'static> {
    RawExchange {
        direction: Direction::Call,
        seen_at_us: START_US + i64::try_from(number).unwrap(),
        latency_us: 900,
        method: Cow::Borrowed("POST"),
        url: Cow::Owned(format!("https://api.shop.example/v1/customers/{number}")),
        request_headers: vec![(
            Cow::Borrowed("authorization"),
            Cow::Owned(format!("Bearer caller{}", number % 3)),
        )],
        request_body: None,
        status: 200,
        response_headers: Vec::new(),
        response_body: Some(json(r#"{"state": "active"}"#)),
    }
}

/// A model that knows the base exchange's route, and closes fields that values are planted in.
fn model() -> Model {
    model_with(&serde_json::json!({"type": "string", "enum": ["me", "you"]}))
}

/// The same with fields `owner` of this schema.
fn model_with(owner: &serde_json::Value) -> Model {
    let document = serde_json::json!({
        "openapi": "3.1.0",
        "info": {"title": "Shop", "version": "1"},
        "servers": [{"url": "https://api.shop.example"}],
        "paths": {"/v1/customers/{id}": {"post": {
            "parameters": [
                {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}},
                {"name": "search", "in": "query", "schema": owner}
            ],
            "requestBody": {"content": {"application/json": {"schema": {"type": "object", "properties": {
                "owner": owner
            }}}}},
            "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": {"type": "object", "properties": {
                "state": {"type": "string"},
                "owner": owner,
                "metadata": {"type": "object", "additionalProperties": {"type": "string"}}
            }}}}}}
        }}},
        "webhooks": {"order.paid": {"post": {"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}, "responses": {}}}}
    });
    models::openapi::import(TWIN, document.to_string().as_bytes(), "shop.json").unwrap().model
}

/// Everything written: tables by column, and the bytes of every file, the write-ahead ones included.
fn observed(model: Model, exchanges: &[RawExchange<'static>]) -> BTreeMap<String, Vec<u8>> {
    observed_by(intake_of(model), exchanges)
}

fn observed_by(intake: Intake, exchanges: &[RawExchange<'static>]) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let config = LiveConfig {
        group_rows_max: exchanges.len() / 3,
        group_time_max: Duration::from_mins(10),
        ..LiveConfig::new(TWIN, "proxy", folder.path().join("wal"))
    };
    let (mut writer, _) = LiveWriter::open(intake, Lake::open(&lake).unwrap(), config).unwrap();
    for exchange in exchanges {
        writer.take(exchange).unwrap();
    }
    let mut found = BTreeMap::new();
    add_files(&folder.path().join("wal"), &mut found);
    assert!(!found.is_empty(), "something was written ahead");
    writer.finish().unwrap();
    add_files(&lake, &mut found);
    for table in Table::ALL {
        for batch in rows(&lake, table.name()) {
            for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
                let place = format!("{}.{}", table.name(), field.name());
                found.entry(place).or_default().extend(texts(column).join("\n").into_bytes());
            }
        }
    }
    found
}

fn add_files(folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for path in files(folder) {
        let kind = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        found
            .entry(format!("bytes of .{kind} files"))
            .or_default()
            .extend(std::fs::read(path).unwrap());
    }
}

/// Plants values of these forms and says where which of them came through.
///
/// Each value is shown `times`, by other objects and callers in turn.
fn leaks(model: &Model, forms: &[Form], positions: &[Position], times: u64) -> BTreeSet<String> {
    let mut planted = Vec::new();
    let mut exchanges = Vec::new();
    for (name, write) in forms {
        for position in positions {
            let (value, part) = write(planted.len() as u64 + 1);
            for _ in 0..times {
                let mut exchange = base(exchanges.len() as u64);
                (position.put)(&mut exchange, &value);
                exchanges.push(exchange);
            }
            planted.push((*name, position.name, value, part));
        }
    }
    let observed = observed(model.clone(), &exchanges);
    // Searching texts is the standard library's, which is optimised in the dev profile too.
    let observed: BTreeMap<_, _> =
        observed.iter().map(|(place, bytes)| (place, String::from_utf8_lossy(bytes))).collect();
    let mut leaks = BTreeSet::new();
    for (form, position, value, part) in &planted {
        for (place, bytes) in &observed {
            let holds = |text: &str| bytes.contains(text);
            if holds(value) || holds(part) || holds(&encoded(value)) {
                leaks.insert(format!("{position}: {form} in {place}"));
            }
        }
    }
    leaks
}

fn shown(leaks: &BTreeSet<String>) -> String {
    leaks.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_planted_value_is_written_without_a_model() {
    let leaks = leaks(&Model::empty(TWIN, ""), &FORMS, POSITIONS, 1);
    assert!(leaks.is_empty(), "{}", shown(&leaks));
}

#[test]
fn no_planted_value_is_written_with_a_model() {
    let leaks = leaks(&model(), &FORMS, POSITIONS, 1);
    assert!(leaks.is_empty(), "{}", shown(&leaks));
}

#[test]
fn no_value_of_a_telling_form_is_written_however_many_show_it() {
    for model in [Model::empty(TWIN, ""), model()] {
        let leaks = leaks(&model, &FORMS, POSITIONS, 5);
        assert!(leaks.is_empty(), "{}", shown(&leaks));
    }
}

#[test]
fn no_name_is_written_where_it_is_a_value() {
    let positions: Vec<_> =
        POSITIONS.iter().copied().filter(|position| !position.is_wording).collect();
    // Of names in the paths of unknown routes, those are told from wording that stand where at least
    // two names stood that bodies hold.
    let words = [WORDS[0], WORDS[1], WORDS[1], WORDS[1]];
    let open = model_with(&serde_json::json!({"type": "string"}));
    let leaks = leaks(&open, &words, &positions, 1);
    assert!(leaks.is_empty(), "{}", shown(&leaks));
}

#[test]
fn a_token_is_written_once_enough_have_shown_it() {
    // Token, objects, callers that show it.
    let cases = [
        ("requires_action", 5, 2),
        ("us-east-1", 9, 3),
        ("past_due", 4, 3),
        ("on_hold", 9, 1),
        ("image/png", 1, 1),
    ];
    let exchanges = cases.iter().flat_map(|(token, objects, callers)| {
        (0..*objects).map(move |number: u64| {
            let mut exchange = base(number);
            header(
                &mut exchange.request_headers,
                "authorization",
                format!("Bearer caller{}", number % callers),
            );
            answer_json(&mut exchange, format!(r#"{{"state": "{token}"}}"#));
            exchange
        })
    });
    let observed = observed(Model::empty(TWIN, ""), &exchanges.collect::<Vec<_>>());
    let stands = |token: &str| {
        observed.values().any(|bytes| memchr::memmem::find(bytes, token.as_bytes()).is_some())
    };
    let standing: Vec<_> = cases.iter().map(|case| case.0).filter(|token| stands(token)).collect();
    assert_eq!(standing, ["requires_action", "us-east-1"]);
}

#[test]
fn items_of_a_list_are_witnesses_by_their_own_id_and_not_by_how_often_they_are_polled() {
    // The same list is asked for by many; only its cursor differs. Token, items that show it.
    let cases = [("in_transit", 9), ("at_customs", 2)];
    let exchanges = cases.iter().flat_map(|(token, items)| {
        (0..60).map(move |number: u64| {
            let mut exchange = base(number);
            header(
                &mut exchange.request_headers,
                "authorization",
                format!("Bearer caller{}", number % 6),
            );
            let item =
                |id: u64| format!(r#"{{"state": "{token}", "tags": ["{token}"], "id": {id}}}"#);
            let items: Vec<_> = (0..*items).map(item).collect();
            answer_json(
                &mut exchange,
                format!(r#"{{"cursor": "c{number}", "results": [{}]}}"#, items.join(",")),
            );
            exchange
        })
    });
    let observed = observed(Model::empty(TWIN, ""), &exchanges.collect::<Vec<_>>());
    let stands = |token: &str| {
        observed.values().any(|bytes| memchr::memmem::find(bytes, token.as_bytes()).is_some())
    };
    assert_eq!((stands("in_transit"), stands("at_customs")), (true, false));
}

#[test]
fn what_scrub_toml_calls_secret_is_not_written_however_many_have_shown_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scrub.toml");
    std::fs::write(&path, "secret = [\"state\"]\n").unwrap();
    let named = Names::read(&path).unwrap();
    let exchanges: Vec<_> = (0..40)
        .map(|number: u64| {
            let mut exchange = base(number);
            header(
                &mut exchange.request_headers,
                "authorization",
                format!("Bearer caller{}", number % 6),
            );
            answer_json(&mut exchange, r#"{"state": "in_transit"}"#.to_owned());
            exchange
        })
        .collect();
    for (names, expected) in [(Names::default(), true), (named, false)] {
        let intake = support::intake().with_names(names);
        let observed = observed_by(intake, &exchanges);
        let stands =
            observed.values().any(|bytes| memchr::memmem::find(bytes, b"in_transit").is_some());
        assert_eq!(stands, expected);
    }
}
