//! What the catalog's handlers answer is what their models say, in a session of each vendor but
//! Slack: its archived description has lists where Slack has texts, and is not followed there.

#![allow(clippy::print_stderr, reason = "what was checked is said by name")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use bytes::Bytes;
use http::{Request, StatusCode};
use models::{Model, Route, RouteKey};
use serde_json::Value;
use twins::catalog::Entry;
use twins::{BASE_EPOCH, Clock, Twin, TwinConfig, WebhookConfig, validate};

/// A twin of the catalog as it is run, without its limits.
fn twin(name: &str) -> (Twin, Model) {
    let entry = Entry::named(name).unwrap();
    let (mut model, behaviour) = (entry.model().unwrap(), entry.behaviour().unwrap());
    model.limits.clear();
    let webhooks =
        WebhookConfig { declared: behaviour.document.webhooks.clone(), ..WebhookConfig::default() };
    let config = TwinConfig {
        webhooks,
        document: behaviour.document,
        routes: behaviour.routes,
        scripts: behaviour.scripts,
        clock: Clock::still(BASE_EPOCH),
        ..TwinConfig::new(name)
    };
    (Twin::frozen(model.clone(), config), model)
}

/// The session of a twin: a request a line, `{send, route?, body?, form?, status?}`; `{{2.id}}` is the
/// id that the third answer told.
fn session(name: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/catalog");
    let text = std::fs::read_to_string(folder.join(format!("{name}.ndjson"))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A text with what earlier answers told in it.
fn filled(text: &str, answers: &[Value]) -> String {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (path, after) = after.split_once("}}").unwrap();
        let (number, path) = path.split_once('.').unwrap();
        let pointer = format!("/{}", path.replace('.', "/"));
        let value = answers[number.parse::<usize>().unwrap()].pointer(&pointer);
        let value =
            value.unwrap_or_else(|| panic!("{path} is not in answer {number}: {answers:?}"));
        whole.push_str(before);
        whole.push_str(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        rest = after;
    }
    whole + rest
}

/// What is wrong with an answer, but for fields that the model does not know (some are newer) and
/// for formats: Twilio calls paths addresses and `(415) 555-0100` a number in E.164.
fn problems(model: &Model, route: &Route, status: StatusCode, body: &Value) -> Vec<String> {
    let class = format!("{}XX", status.as_u16() / 100);
    let names = [status.as_str(), &class, "default"];
    let variant = names.iter().find_map(|name| route.variants.get(*name));
    let Some(schema) = variant.and_then(|variant| variant.body.as_ref()) else { return Vec::new() };
    let all = validate(model, schema, body);
    let is_loose =
        |one: &str| one.contains("is not in the model") || one.contains("is not of format");
    all.iter().map(ToString::to_string).filter(|one| !is_loose(one)).collect()
}

#[test]
fn what_handlers_answer_is_what_the_models_say() {
    let mut failures = Vec::new();
    for name in ["github", "twilio", "resend", "posthog"] {
        let (twin, model) = twin(name);
        let mut answers = Vec::new();
        for line in session(name) {
            let send = filled(line["send"].as_str().unwrap(), &answers);
            let (method, uri) = send.split_once(' ').unwrap();
            let auth = session(name)[0]["authorization"].as_str().unwrap_or("").to_owned();
            let request =
                Request::builder().method(method).uri(uri).header("host", "127.0.0.1:4000");
            let request = request.header("authorization", auth);
            let (media, body) = match (&line["body"], &line["form"]) {
                (Value::Null, Value::String(form)) => {
                    ("application/x-www-form-urlencoded", filled(form, &answers))
                }
                (Value::Null, _) => ("text/plain", String::new()),
                (body, _) => ("application/json", filled(&body.to_string(), &answers)),
            };
            let request = request.header("content-type", media).body(Bytes::from(body)).unwrap();
            let answer = twin.call(&request);
            let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            let wanted = line["status"].as_u64().map_or(200..300, |one| {
                let one = u16::try_from(one).unwrap();
                one..one + 1
            });
            if !wanted.contains(&answer.status().as_u16()) {
                failures.push(format!("{name} {send}: {} {body}", answer.status()));
            }
            let path = uri.split('?').next().unwrap();
            let own =
                line["route"].as_str().map_or_else(|| format!("{method} {path}"), str::to_owned);
            let key = RouteKey::parse(&own).unwrap();
            let route = model.routes.get(&key);
            let route = route.unwrap_or_else(|| panic!("{name} has no route {own}"));
            let wrong = problems(&model, route, answer.status(), &body);
            failures.extend(wrong.into_iter().map(|one| format!("{name} {send}: {one}")));
            answers.push(body);
        }
        eprintln!("{name}: {} answers", answers.len());
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}
