//! A request that is refused leaves nothing behind, and takes nothing away.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, StatusCode};
use models::Model;
use models::behaviour::{Machines, RouteRule, Routes, Scripts};
use serde_json::{Value, json};
use support::config;
use twins::{StateLimits, Twin, TwinConfig};

/// Paying an invoice is a payment, and closes it.
const MACHINES: &str = r#"
entities:
  invoice:
    initial_state: open
    transitions:
      - from: open
        to: paid
        trigger: "POST /invoices/{invoice}/payments"
        effects: [{create: audit, set: {what: paid}}]
"#;

/// What is paid is written in three places.
const SPLIT: &str = "
    state.counter('splits')
    state.put('invoices', 'a', {id = 'a', note = 'split'})
    state.delete('invoices', 'b')
    state.put('audits', 'c', {id = 'c', note = string.rep('x', 4000)})
    emit.json({done = state.counter('splits')})";

/// Each call of it writes; there is room for what the first one writes.
const TWICE: &str = "
    if req.round == 0 then
        state.put('invoices', 'a', {id = 'a', note = 'first'})
        return wt.again()
    end
    state.put('audits', 'c', {id = 'c', note = string.rep('x', 4000)})";

fn model() -> Model {
    let text = json!({"types": {"string": true}});
    let thing = json!({"types": {"object": true}, "properties": {
        "id": {"types": {"string": true}, "required": true}, "status": text, "note": text, "what": text}});
    let one = json!({"ref": "thing"});
    let shows = |status: &str| json!({"variants": {status: {"body": one}}});
    let list = json!({"variants": {"200": {"body": {"types": {"array": true}, "items": one}}}});
    let model = json!({
        "format": "wondertwin.model/1", "name": "bills", "version": "1.0.0", "entities": {"thing": thing},
        "routes": {
            "POST /invoices": shows("201"), "GET /invoices": list, "GET /invoices/{invoice}": shows("200"),
            "POST /invoices/{invoice}/payments": shows("201"), "GET /invoices/{invoice}/payments": list,
            "GET /invoices/{invoice}/payments/{payment}": shows("200"),
            "POST /audits": shows("201"), "GET /audits": list, "GET /audits/{audit}": shows("200"),
            "POST /split": {"variants": {"200": {}}}, "POST /twice": {"variants": {"200": {}}},
        }
    });
    Model::from_bytes(model.to_string().as_bytes(), "the bills").unwrap()
}

/// A twin with two invoices and room for few more things.
fn bills() -> Twin {
    let machines: Machines = serde_norway::from_str(MACHINES).unwrap();
    let rule = |path: &str, handler: &str| RouteRule {
        method: "POST".to_owned(),
        path: path.to_owned(),
        handler: Some(handler.to_owned()),
        ..RouteRule::default()
    };
    let routes = vec![rule("/split", "split"), rule("/twice", "twice")];
    let handlers = [("split", SPLIT), ("twice", TWICE)];
    let handlers = handlers.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let scripts = Scripts { handlers: BTreeMap::from(handlers), ..Scripts::default() };
    let state = StateLimits { bytes_max: 4000, ..StateLimits::default() };
    let routes = Routes { routes };
    let twin = Twin::frozen(model(), TwinConfig { machines, routes, scripts, state, ..config() });
    for id in ["a", "b"] {
        let made = post(&twin, "/invoices", &json!({"id": id, "note": "as it was"}));
        assert_eq!(made, StatusCode::CREATED);
    }
    twin
}

fn post(twin: &Twin, path: &str, body: &Value) -> StatusCode {
    let request = Request::builder().method("POST").uri(path);
    let request = request.header("content-type", "application/json");
    twin.call(&request.body(Bytes::from(body.to_string())).unwrap()).status()
}

fn large() -> Value {
    json!({"note": "x".repeat(4000)})
}

#[test]
fn what_there_is_no_room_for_makes_no_room_by_what_there_was() {
    let twin = bills();
    let before = twin.state();
    assert_eq!(post(&twin, "/invoices", &large()), StatusCode::INSUFFICIENT_STORAGE);
    assert_eq!(twin.state(), before);
    assert_eq!(twin.status().forgotten, 0);
}

#[test]
fn a_transition_is_not_made_where_what_goes_with_it_is_refused() {
    let twin = bills();
    let before = twin.state();
    let refused = post(&twin, "/invoices/a/payments", &large());
    assert_eq!(refused, StatusCode::INSUFFICIENT_STORAGE);
    assert_eq!(twin.state(), before, "neither the transition nor its effects");
    assert_eq!(post(&twin, "/invoices/a/payments", &json!({"id": "p"})), StatusCode::CREATED);
    let after = twin.state();
    assert_eq!(after["/invoices"]["a"]["status"], "paid");
    assert_eq!(after["/audits"].as_object().unwrap().len(), 1);
}

#[test]
fn a_handler_whose_last_write_has_no_room_has_written_nothing() {
    for path in ["/split", "/twice"] {
        let twin = bills();
        let before = twin.state();
        assert_eq!(post(&twin, path, &json!({})), StatusCode::INSUFFICIENT_STORAGE, "{path}");
        assert_eq!(twin.state(), before, "{path}");
    }
}
