//! Lua handlers in a twin: computed fields, fallback, and one state for both.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use models::Model;
use models::behaviour::{RouteRule, Routes, Scripts};
use serde_json::{Value, json};
use twins::{BASE_EPOCH, Clock, Missing, Twin, TwinConfig};

/// An order ledger: what an order costs is worked out from its lines.
fn model() -> Model {
    let text = json!({"types": {"string": true}, "required": true});
    let number = json!({"types": {"number": true}, "required": true});
    let order = json!({"types": {"object": true}, "properties": {
        "id": text, "status": text, "total": number, "lines": {"types": {"array": true}, "required": true,
            "items": {"types": {"object": true}, "properties": {"price": number, "quantity": number}}},
        "paid_at": {"types": {"integer": true}, "nullable": true, "required": true}}});
    let error = json!({"types": {"object": true}, "properties": {
        "code": text, "message": text}});
    let order_body = json!({"ref": "order"});
    let shows = |status: &str| json!({"variants": {status: {"body": order_body}, "404": {"body": {"ref": "error"}}}});
    let mut create = shows("201");
    create["variants"]["201"]["lua_hook"] = "create_order".into();
    let model = json!({
        "format": "wondertwin.model/1", "name": "ledger", "version": "1.0.0",
        "entities": {"order": order, "error": error},
        "routes": {
            "POST /orders": create,
            "GET /orders": {"variants": {"200": {"body": {"types": {"array": true}, "items": order_body}}}},
            "GET /orders/{order_id}": shows("200"),
            "POST /orders/{order_id}/pay": shows("200"),
            "DELETE /orders/{order_id}": {"variants": {"204": {}}},
            "GET /orders/{order_id}/receipt": {"variants": {"200": {"media_type": "text/html", "body": text}}},
        }
    });
    Model::from_bytes(model.to_string().as_bytes(), "the ledger").unwrap()
}

const CREATE: &str = "
    local money = wraith.import('money')
    local order = wt.new('order', {status = 'open', lines = req.data.lines, total = money.total(req.data.lines), paid_at = wt.null})
    state.counter('orders made')
    wt.answer('order', order.id)";

const PAY: &str = "
    local order = state.get('orders', req.params.order_id)
    if not order then return emit.error(404, 'no_such_order', 'there is no order ' .. req.params.order_id) end
    if order.status ~= 'open' then
        emit.status(409)
        return emit.json({error = {code = 'already_' .. order.status}})
    end
    order.status, order.paid_at = 'paid', clock.now()
    state.put('orders', order.id, order)
    emit.header('X-Ledger', state.counter('paid'))
    wt.answer('order', order.id)";

const RECEIPT: &str = "
    local order = state.get('order', req.params.order_id)
    emit.body('<p>' .. order.total .. '</p>')";

fn twin_with(handlers: &[(&str, &str)]) -> Twin {
    twin_where(handlers, Missing::NotFound)
}

fn twin_where(handlers: &[(&str, &str)], missing: Missing) -> Twin {
    let named = |sources: &[(&str, &str)]| -> BTreeMap<String, String> {
        sources.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    };
    let money = "local money = {}
        function money.total(lines)
            local total = 0
            for _, line in lines do total += math.round(line.price * 100) * line.quantity end
            return total / 100
        end
        return money";
    let rule = |method: &str, path: &str, handler: &str| RouteRule {
        method: method.to_owned(),
        path: path.to_owned(),
        handler: Some(handler.to_owned()),
        ..RouteRule::default()
    };
    let mut routes = vec![
        rule("GET", "/orders", "list"),
        rule("POST", "/orders/{order_id}/pay", "pay"),
        rule("GET", "/orders/{order_id}/receipt", "receipt"),
    ];
    routes.retain(|rule| handlers.iter().any(|(name, _)| rule.handler.as_deref() == Some(name)));
    let routes = Routes { routes };
    let config = TwinConfig {
        scripts: Scripts { handlers: named(handlers), libs: named(&[("money", money)]) },
        routes,
        clock: Clock::still(BASE_EPOCH),
        missing,
        ..TwinConfig::new("ledger")
    };
    Twin::frozen(model(), config)
}

fn ledger() -> Twin {
    twin_with(&[("create_order", CREATE), ("pay", PAY), ("receipt", RECEIPT)])
}

fn send(twin: &Twin, method: &str, path: &str, body: &Value) -> Response<Bytes> {
    let request = Request::builder().method(method).uri(path);
    let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
    twin.call(&request.header("content-type", "application/json").body(body).unwrap())
}

fn read(answer: &Response<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

fn lines() -> Value {
    json!({"lines": [{"price": 19.99, "quantity": 3}, {"price": 0.1, "quantity": 2}]})
}

#[test]
fn what_a_handler_computes_is_what_the_engine_shows() {
    let twin = ledger();
    let made = send(&twin, "POST", "/orders", &lines());
    assert_eq!(made.status(), StatusCode::CREATED);
    let order = read(&made);
    assert_eq!(
        (&order["total"], &order["status"], &order["paid_at"]),
        (&json!(60.17), &json!("open"), &Value::Null)
    );
    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    assert_eq!(read(&send(&twin, "GET", &path, &Value::Null)), order);
    assert_eq!(read(&send(&twin, "GET", "/orders", &Value::Null)), json!([order]));

    let paid = send(&twin, "POST", &format!("{path}/pay"), &Value::Null);
    assert_eq!(
        (paid.status(), &paid.headers()["x-ledger"]),
        (StatusCode::OK, &"1".parse().unwrap())
    );
    assert_eq!(read(&paid)["paid_at"], BASE_EPOCH.as_secs());
    let again = send(&twin, "POST", &format!("{path}/pay"), &Value::Null);
    assert_eq!(
        (again.status(), read(&again)),
        (StatusCode::CONFLICT, json!({"error": {"code": "already_paid"}}))
    );
    let receipt = send(&twin, "GET", &format!("{path}/receipt"), &Value::Null);
    assert_eq!(
        (&receipt.body()[..], &receipt.headers()["content-type"]),
        (&b"<p>60.17</p>"[..], &"text/html".parse().unwrap())
    );

    // What the engine deletes is gone for handlers, and their error has the model's shape.
    send(&twin, "DELETE", &path, &Value::Null);
    let gone = send(&twin, "POST", &format!("{path}/pay"), &Value::Null);
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    assert_eq!(read(&gone)["code"], "no_such_order");
}

#[test]
fn a_handler_that_fails_changes_nothing_and_the_engine_answers() {
    for failing in [
        "local o = state.get('orders', req.params.order_id) o.status = 'lost' state.put('orders', o.id, o)
         state.put('orders', 'stray', {}) state.counter('paid') clock.advance(60) error('no')",
        "state.delete('orders', req.params.order_id) while true do end",
        "state.delete('orders', req.params.order_id) emit.status(200) pcall(function() while true do end end)",
        "this does not compile",
    ] {
        let twin = twin_with(&[("create_order", CREATE), ("pay", failing)]);
        let order = read(&send(&twin, "POST", "/orders", &lines()));
        let before = twin.state();
        let path = format!("/orders/{}/pay", order["id"].as_str().unwrap());
        let answer = send(&twin, "POST", &path, &Value::Null);
        // The engine takes a write below an order that answers with the order for an update.
        assert_eq!((answer.status(), &read(&answer)["id"]), (StatusCode::OK, &order["id"]), "{failing}");
        assert_eq!(twin.state(), before, "{failing}");
        assert_eq!(twin.clock().since_epoch(), BASE_EPOCH);
    }
}

#[test]
fn the_same_requests_get_the_same_bytes_and_a_reset_forgets_counters() {
    let twin = ledger();
    let round = || {
        let made = send(&twin, "POST", "/orders", &lines());
        let path = format!("/orders/{}/pay", read(&made)["id"].as_str().unwrap());
        let paid = send(&twin, "POST", &path, &Value::Null);
        (made.body().clone(), paid.body().clone(), paid.headers()["x-ledger"].clone())
    };
    let (first, second) = (round(), round());
    assert_ne!(first, second);
    twin.reset();
    assert_eq!((round(), round()), (first, second));
}

#[test]
fn handlers_of_many_threads_lose_no_write() {
    let twin = twin_with(&[(
        "create_order",
        "local all = state.get('totals', 'all') or {n = 0} all.n = all.n + 1 state.put('totals', 'all', all) emit.json(all)",
    )]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..50).for_each(|_| drop(send(&twin, "POST", "/orders", &lines()))));
        }
    });
    assert_eq!(twin.state()["/totals"]["all"]["n"], 400);
}

#[test]
fn a_handler_that_says_nothing_leaves_the_answer_to_the_engine_and_its_writes_stand() {
    let twin = twin_with(&[("create_order", "clock.advance(5) state.put('notes', 'n', {a = 1})")]);
    let made = send(&twin, "POST", "/orders", &lines());
    assert_eq!(made.status(), StatusCode::CREATED);
    assert_eq!(twin.state()["/notes"]["n"]["a"], 1);
    assert_eq!(twin.clock().offset(), Duration::from_secs(5));
}

#[test]
fn where_nothing_is_kept_no_handler_is_asked() {
    let twin =
        twin_where(&[("receipt", RECEIPT), ("pay", "emit.status(418)")], Missing::Materialize);
    let paid = send(&twin, "POST", "/orders/any/pay", &Value::Null);
    assert_eq!((paid.status(), &read(&paid)["id"]), (StatusCode::OK, &json!("any")));
}

#[test]
fn work_beyond_one_call_is_done_in_rounds_of_one_request() {
    let source = "
        local made = state.counter('made')
        state.put('orders', 'o' .. made, {id = 'o' .. made, status = 'open', total = 0, lines = wt.array()})
        local sum = 0
        for _ = 1, 30000 do sum += 1 end
        if req.round < 4 then return wt.again() end
        emit.json({made = made, seen = state.count('orders')})";
    let twin = twin_with(&[("create_order", source)]);
    let made = send(&twin, "POST", "/orders", &lines());
    assert_eq!(read(&made), json!({"made": 5, "seen": 5}));
    // What never has enough is stopped.
    let twin = twin_with(&[("create_order", "wt.again() emit.json({round = req.round})")]);
    assert_eq!(read(&send(&twin, "POST", "/orders", &lines())), json!({"round": 100}));
}

#[test]
fn a_handler_that_fails_in_a_later_round_leaves_nothing_of_the_earlier_ones() {
    let source = "
        if req.round == 0 then
            state.counter('made')
            state.put('orders', 'kept', {id = 'kept', status = 'paid', total = 2, lines = wt.array()})
            state.put('orders', 'more', {id = 'more', status = 'open', total = 0, lines = wt.array()})
            state.delete('orders', 'gone')
            state.put('/notes', 'n', {id = 'n'})
            clock.advance(3600)
            return wt.again()
        end
        error('too much')";
    let seed = "
        for _, id in {'kept', 'gone'} do
            state.put('orders', id, {id = id, status = 'open', total = 1, lines = wt.array()})
        end
        emit.json({made = state.counter('made')})";
    let twin = twin_with(&[("pay", source), ("create_order", seed)]);
    send(&twin, "POST", "/orders", &lines());
    let before = twin.state();
    // The engine answers, and finds what was there.
    let paid = send(&twin, "POST", "/orders/kept/pay", &Value::Null);
    assert_eq!((paid.status(), &read(&paid)["id"]), (StatusCode::OK, &json!("kept")));
    let after = twin.state();
    assert_eq!(after["/orders"]["gone"], before["/orders"]["gone"]);
    assert_eq!(after["/orders"].as_object().unwrap().len(), 2, "{after:?}");
    assert_eq!(after["/orders"]["kept"]["total"], json!(1));
    assert!(after.get("/notes").is_none_or(|notes| *notes == json!({})), "{after:?}");
    assert_eq!(twin.clock().offset(), Duration::ZERO);
    assert_eq!(read(&send(&twin, "POST", "/orders", &lines())), json!({"made": 2}));
}

#[test]
fn a_page_shows_the_items_a_handler_wants() {
    let source = "
        for index = 1, 5 do
            state.put('orders', 'o' .. index, {id = 'o' .. index, status = if index % 2 == 0 then 'paid' else 'open',
                total = index, lines = wt.array(), tags = wt.array({'t' .. index})})
        end
        wt.page('orders', wt.json.decode(req.query.wanted))";
    let ids = |wanted: Value, query: &str| {
        let twin = twin_with(&[("list", source)]);
        let wanted: String =
            url::form_urlencoded::byte_serialize(wanted.to_string().as_bytes()).collect();
        let answer = send(&twin, "GET", &format!("/orders?wanted={wanted}&{query}"), &Value::Null);
        let items = read(&answer);
        let items = items.as_array().unwrap().iter();
        items.map(|item| item["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(json!({"status": "open"}), "limit=2"), ["o1", "o3"]);
    assert_eq!(ids(json!({"status": ["paid", "void"]}), ""), ["o2", "o4"]);
    assert_eq!(ids(json!({"tags": "t5"}), ""), ["o5"]);
    assert_eq!(ids(json!({"status": "open"}), "starting_after=o1"), ["o3", "o5"]);
}
