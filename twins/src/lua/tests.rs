//! Limits, escapes and what is left behind, on a world of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use models::behaviour::{RouteRule, Routes, Scripts};
use serde_json::{Map, Value, json};

use super::{Asked, Body, Failure, Handlers, Turns, World};
use crate::dice::Dice;
use crate::state::{Entity, Known, Start, State, StateLimits};

struct Bare {
    state: State,
}

impl Bare {
    fn new() -> Self {
        let state = State::new(StateLimits::default());
        for (id, total) in [("a", 5), ("b", 7)] {
            let fields = json!({"id": id, "total": total, "note": null, "tags": []});
            let Value::Object(fields) = fields else { unreachable!() };
            state.create("/orders", Some(id), |_| unreachable!(), |_, _| fields.clone()).unwrap();
        }
        Self { state }
    }
}

impl World for Bare {
    fn collection(&self, kind: &str) -> String {
        format!("/{kind}")
    }
    fn find(&self, collection: &str, id: &str) -> Option<Arc<Entity>> {
        match self.state.find(collection, id) {
            Known::Here(entity) => Some(entity),
            _ => None,
        }
    }
    fn all(&self, collection: &str) -> Vec<Arc<Entity>> {
        self.state.page(collection, Start::Offset(0), 1000, false).entities
    }
    fn below(&self, pattern: &str) -> Vec<(String, Arc<Entity>)> {
        self.all(pattern).into_iter().map(|entity| (pattern.to_owned(), entity)).collect()
    }
    fn created(&self, collection: &str) -> u64 {
        self.state.created(collection)
    }
    fn make(&self, _: &str, ordinal: u64) -> (String, Map<String, Value>) {
        (format!("id_{ordinal}"), Map::new())
    }
    fn complete(&self, _: &str, id: &str, fields: &mut Map<String, Value>) {
        fields.entry("id").or_insert_with(|| id.into());
    }
    fn show(&self, _: &str, _: &str, fields: &Map<String, Value>) -> Option<Value> {
        Some(fields.clone().into())
    }
    fn counter(&self, _: &str) -> u64 {
        0
    }
    fn now(&self) -> Duration {
        Duration::from_secs(1_700_000_000)
    }
    fn dice(&self) -> Dice {
        Dice::of(42, "lua")
    }
    fn deliveries(&self, endpoint: &str) -> Vec<Value> {
        vec![json!({"id": 7, "endpoint": endpoint})]
    }
    fn limits(&self) -> Map<String, Value> {
        Map::new()
    }
}

fn handlers(sources: &[(&str, &str)], libs: &[(&str, &str)]) -> Handlers {
    let named = |sources: &[(&str, &str)]| -> BTreeMap<String, String> {
        sources.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    };
    let scripts = Scripts { handlers: named(sources), libs: named(libs) };
    let handlers = Handlers::of(scripts, &Routes::default());
    assert_eq!(handlers.problems(), []);
    handlers
}

fn call(handlers: &Handlers, name: &str) -> Result<(super::Emitted, super::Writes), Failure> {
    let headers = HeaderMap::from_iter([("x-a".parse().unwrap(), "1".parse().unwrap())]);
    let data = json!({"amount": 5, "items": [{"sku": "x"}], "none": null});
    let asked = Asked {
        method: "POST",
        path: "/orders/a",
        query: "limit=3&q=a%20b",
        headers: &headers,
        body: b"raw",
        params: &[("order", "a")],
        data: Some(&data),
        round: 0,
    };
    handlers.turn(&Turns::default()).call(name, &asked, &Bare::new())
}

fn run(source: &str) -> Result<(super::Emitted, super::Writes), Failure> {
    call(&handlers(&[("h", source)], &[]), "h")
}

/// What the source passes to `emit.json`.
fn says(source: &str) -> Value {
    match run(source).unwrap_or_else(|failure| panic!("{source}: {failure}")).0.body {
        Some(Body::Json(value)) => value,
        other => panic!("{source}: {other:?}"),
    }
}

fn fails(source: &str) -> String {
    match run(source) {
        Ok((emitted, _)) => panic!("{source}: {emitted:?}"),
        Err(failure) => failure.to_string(),
    }
}

#[test]
fn a_request_is_seen_and_cannot_be_written() {
    let seen = says(
        "emit.json({req.method, req.path, req.headers['x-a'], req.query.q, req.body,
         req.params.order, req.data.amount, req.data.items[1].sku, req.data.none == nil, req.asked.q})",
    );
    assert_eq!(seen, json!(["POST", "/orders/a", "1", "a b", "raw", "a", 5, "x", true, "a b"]));
    for write in ["req.path = '/'", "req.headers.x = 1", "req.query.q = 1", "rawset(req, 'a', 1)"] {
        assert!(fails(write).contains("readonly"), "{write}");
    }
}

#[test]
fn state_shows_a_calls_own_writes_and_hands_them_over_together() {
    let source = "
        local a = state.get('orders', 'a')
        a.total = a.total + 1
        state.put('orders', 'a', a)
        state.put('orders', 'c', {total = 7})
        local deleted = state.delete('orders', 'b')
        emit.json({
            get = state.get('orders', 'a').total, gone = state.get('orders', 'b') == nil,
            count = state.count('orders'), found = #state.query('orders', 'total', 7),
            most = #state.query('orders', 'total', 7, 0), past = #state.query('orders', 'total', 7, 9, 1),
            list = state.list('orders'), again = state.delete('orders', 'b'), deleted = deleted,
            counters = {state.counter('n'), state.counter('n'), state.counter('m')},
            now = clock.now(), then_ = clock.advance(60), default = clock.advance(),
        })";
    let (emitted, writes) = run(source).unwrap();
    let Some(Body::Json(said)) = emitted.body else { panic!() };
    let expected = json!({
        "get": 6, "gone": true, "count": 2, "found": 1, "most": 0, "past": 0, "again": false, "deleted": true,
        "list": [{"id": "a", "total": 6, "tags": []}, {"id": "c", "total": 7}],
        "counters": [1, 2, 1],
        "now": 1_700_000_000, "then_": 1_700_000_060, "default": 1_700_000_061,
    });
    assert_eq!(said, expected);
    let ids: Vec<_> =
        writes.entities.iter().map(|write| (&*write.id, write.fields.is_some())).collect();
    assert_eq!(ids, [("a", true), ("c", true), ("b", false)]);
    // Lua cannot say null; what was null and is not set stays so.
    assert_eq!(writes.entities[0].fields.as_ref().unwrap()["note"], Value::Null);
    assert_eq!(writes.advance, Duration::from_secs(61));
}

#[test]
fn an_answer_is_what_was_emitted() {
    let (emitted, _) =
        run("emit.status(201) emit.header('X-B', 'c') emit.json({ok = true, n = wt.null})")
            .unwrap();
    assert_eq!(emitted.status.unwrap(), 201);
    assert_eq!(
        (emitted.headers[0].0.as_str(), &emitted.headers[0].1),
        ("x-b", &"c".parse().unwrap())
    );
    assert!(
        matches!(emitted.body, Some(Body::Json(value)) if value == json!({"ok": true, "n": null}))
    );
    let (emitted, _) = run("emit.body('<p>')").unwrap();
    assert!(matches!(emitted.body, Some(Body::Bytes(bytes)) if bytes == b"<p>"));
    let (emitted, _) = run("emit.error(404, 'not_found', 'no order')").unwrap();
    assert!(
        matches!(emitted.body, Some(Body::Error { code, message }) if code == "not_found" && message == "no order")
    );
    assert!(fails("emit.status(99)").contains("no status"));
    assert!(fails("emit.header('content-length', '9')").contains("the server's"));
    assert!(fails("emit.header('a b', '9')").contains("is no header"));
}

#[test]
fn a_handler_may_return_a_function_and_import_libs_by_either_name() {
    let handlers = handlers(
        &[
            (
                "h",
                "local m, n = wraith.import('money'), wt.import('money')
                 return function(req) emit.json({m.cents(5), m == n, req.method}) end",
            ),
            ("loop", "wt.import('round')"),
            ("none", "wt.import('../../etc/passwd')"),
        ],
        &[
            ("money", "return {cents = function(n) return n * 100 end}"),
            ("round", "return wt.import('round')"),
        ],
    );
    let Some(Body::Json(said)) = call(&handlers, "h").unwrap().0.body else { panic!() };
    assert_eq!(said, json!([500, true, "POST"]));
    assert!(call(&handlers, "loop").unwrap_err().to_string().contains("imports itself"));
    assert!(call(&handlers, "none").unwrap_err().to_string().contains("there is no lua/lib/"));
}

#[test]
fn helpers_speak_json_and_crypto() {
    let source = r#"
        local claims, header = wt.crypto.jwt_decode("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.sig")
        emit.json({
            wt.json.encode({a = {1, 2}, e = wt.array(), n = wt.null}),
            wt.json.decode('{"a": [1, {"b": "c"}]}').a[2].b .. tostring(wt.json.decode('{"a": null}', wt.null).a == wt.null),
            wt.crypto.sha256(""), wt.crypto.hmac_sha256("key", "The quick brown fox jumps over the lazy dog"),
            wt.crypto.base64_decode(wt.crypto.base64_encode("hi")), claims.sub, header.alg,
            wt.new_id("orders"), wt.crypto.jwt_decode("nonsense") == nil, wt.crypto.sha1(""),
        })"#;
    let expected = json!([
        r#"{"a":[1,2],"e":[],"n":null}"#,
        "ctrue",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
        "hi",
        "x",
        "HS256",
        "id_3",
        true,
        "da39a3ee5e6b4b0d3255bfef95601890afd80709"
    ]);
    assert_eq!(says(source), expected);
}

#[test]
fn times_are_written_and_read_as_vendors_do() {
    let source = r#"
        emit.json({
            wt.time.iso(0), wt.time.iso(1.5, 3), wt.time.rfc2822(1700000000),
            wt.time.format(1700000000, "%Y%m%d"), wt.time.parse("2023-11-14T22:13:20Z"),
            wt.time.parse("Tue, 14 Nov 2023 22:13:20 +0000"), wt.time.parse("2023-11-14"),
            wt.time.parse("nonsense") == nil, wt.url.encode("a b&c"), wt.url.decode("a=1&b=x%20y"),
        })"#;
    let expected = json!([
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:00:01.500Z",
        "Tue, 14 Nov 2023 22:13:20 +0000",
        "20231114",
        1_700_000_000,
        1_700_000_000,
        1_699_920_000,
        true,
        "a+b%26c",
        [["a", "1"], ["b", "x y"]]
    ]);
    assert_eq!(says(source), expected);
    assert!(fails("wt.time.iso(1e300)").contains("is no time"));
    assert!(fails("wt.time.format(0, '%Q')").contains("is no form of a time"));
}

#[test]
fn a_page_of_a_collection_is_chosen_with_the_calls_own_writes() {
    let source = r#"
        for number = 1, 30 do
            state.put("orders", "n" .. number, {total = number, tags = {if number % 2 == 0 then "even" else "odd"}})
        end
        state.delete("orders", "n30")
        local even, count = wt.select("orders", {where = {tags = "even"}, min = {total = 10}, max = {total = 26},
            reverse = true, limit = 2, offset = 1})
        local largest = wt.select("orders", {sort = "total", reverse = true, limit = 1})
        local all, total = wt.select("orders")
        local stored = wt.select("orders", {where = {id = "a"}})
        local below = wt.below("/orders")
        emit.json({even[1].id, even[2].id, count, largest[1].total, #all, total, stored[1].total,
            below[2].collection, below[2].fields.total})"#;
    assert_eq!(says(source), json!(["n24", "n22", 9, 29, 31, 31, 5, "/orders", 7]));
}

#[test]
fn what_a_handler_tells_and_sends_again_is_handed_over() {
    let source = r#"
        wt.tell("issues.opened", {number = 1}, {params = {repo = "x"}, after = 2, object = "issue 1"})
        wt.tell("ping", {}, {url = "http://127.0.0.1/x", secret = "s", endpoint = 5})
        wt.redeliver(wt.deliveries("hook")[1].id)"#;
    let (_, writes) = run(source).unwrap();
    let [opened, ping] = &writes.told[..] else { panic!("{:?}", writes.told) };
    assert_eq!(
        (&*opened.name, &*opened.object, opened.delay.as_secs()),
        ("issues.opened", "issue 1", 2)
    );
    assert_eq!(
        (opened.body["number"].as_u64(), &opened.parameters["repo"]),
        (Some(1), &json!("x"))
    );
    assert_eq!((ping.endpoint.as_deref(), ping.secret.as_deref()), (Some("5"), Some("s")));
    assert_eq!(writes.again, [7]);
    assert!(fails("wt.tell('x', {}, {after = -1})").contains("after -1 seconds"));
}

#[test]
fn a_handler_may_be_a_function_of_a_file() {
    let sources = [("orders", "return {create = function(req) emit.body(req.method) end}")];
    let handlers = handlers(&sources, &[]);
    let (emitted, _) = call(&handlers, "orders.create").unwrap();
    assert!(matches!(emitted.body, Some(Body::Bytes(bytes)) if bytes == b"POST"));
    let failure = call(&handlers, "orders.pay").unwrap_err().to_string();
    assert!(failure.contains("it has no `pay`"), "{failure}");
}

/// How long a handler that will not end may take to be ended, on a machine that does other things.
const STOPPED_WITHIN: Duration = Duration::from_secs(2);

#[test]
fn what_does_not_end_is_ended() {
    for source in [
        "while true do end",
        "repeat until false",
        "local function f() return f() end f()",
        "while true do pcall(function() while true do end end) end",
        "pcall(function() while true do end end)",
        "xpcall(function() while true do end end, function() while true do end end)",
        "local t = setmetatable({}, {__index = function(t, k) return t[k .. 'x'] end}) return t.a",
        "local s = string.rep('a', 5000) while true do s:find('.-.-.-.-b') end",
        "string.rep('', 2^31 - 1)",
        "('')
            :rep(2^31 - 1)
        while true do end",
        "table.move({}, 1, 2^31 - 2, 2)",
        "table.sort({3, 2, 1}, function() while true do end end)",
        "for _ in function() return 1 end do end",
        "local t = {} for i = 1, 1e9 do t[1] = i end",
        "string.gsub(string.rep('a', 100000), 'a', function() while true do end end)",
        "wt.json.encode(setmetatable({}, {__index = function() while true do end end})) while true do end",
    ] {
        let began = Instant::now();
        let ended = run(source);
        assert!(began.elapsed() < STOPPED_WITHIN, "{source}: {:?}", began.elapsed());
        // An empty text, however often, is empty; all else is an error.
        assert!(ended.is_err() || source.starts_with("string.rep('',"), "{source}");
    }
}

#[test]
fn memory_is_bounded_in_lua_and_in_what_it_hands_over() {
    for source in [
        "local t = {} for i = 1, 1e6 do t[i] = {i} end",
        "local s = 'x' while true do s = s .. s end",
        "string.rep('x', 1e9)",
        "table.create(1e8, 0)",
        "buffer.create(1e8)",
        "local function f(n) return 1 + f(n + 1) end f(1)",
        "local t = {} for i = 1, 30 do t = {t, t} end emit.json(t)",
        "local t = {} t.t = t emit.json(t)",
        "local s = string.rep('x', 100000) for i = 1, 50 do state.put('big', tostring(i), {s = s}) end",
        "local s = string.rep('x', 100000) for i = 1, 50 do emit.header('x-' .. i, s) end",
        "for i = 1, 101 do emit.header('x', 'y') end",
        "local co = {} for i = 1, 1e6 do co[i] = function() return i end end",
    ] {
        assert!(run(source).is_err(), "{source}");
    }
    // Garbage is no use of memory.
    assert_eq!(
        says("for i = 1, 2000 do local s = string.rep('x', 4000 + i) end emit.json({1})"),
        json!([1])
    );
}

#[test]
fn nothing_leads_out_of_the_sandbox() {
    for name in [
        "os",
        "io",
        "debug",
        "package",
        "require",
        "loadstring",
        "load",
        "dofile",
        "loadfile",
        "getfenv",
        "setfenv",
        "collectgarbage",
        "newproxy",
        "coroutine",
        "print",
        "math.randomseed",
    ] {
        assert_eq!(says(&format!("emit.json({{{name} == nil}})")), json!([true]), "{name}");
    }
    for source in [
        "string.rep = nil",
        "rawset(string, 'rep', nil)",
        "math.pi = 3",
        "getmetatable('').__index = nil",
        "setmetatable(string, {})",
        "setmetatable(_G, {__index = function() end})",
        "_G.x = 1",
        "rawset(_G, 'x', 1)",
        "state.get = nil",
        "wt.json.encode = nil",
        "wt.crypto.x = 1",
        "wt.array(string)",
        "wt.array(wt.json)",
        "table.clear(string)",
        "table.insert(wt.json, 1)",
        "setmetatable(wt.array(), {})",
        "getmetatable(wt.array()).x = 1",
        "getmetatable(wt).__index.x = 1",
        "wt.null.x = 1",
    ] {
        assert!(run(source).is_err(), "{source}");
    }
}

#[test]
fn a_call_leaves_nothing_for_the_next() {
    let handlers = handlers(
        &[
            (
                "write",
                "x = 1 y = {} function z() end emit.json({x})
              local ok = pcall(function() getmetatable(req.data.items).leak = 1 end)
              local lib = wt.import('box') lib.n = lib.n + 1 emit.json({lib.n})",
            ),
            ("read", "emit.json({x == nil, y == nil, z == nil, wt.array().leak == nil})"),
        ],
        &[("box", "return {n = 0}")],
    );
    for _ in 0..3 {
        let Some(Body::Json(said)) = call(&handlers, "write").unwrap().0.body else { panic!() };
        assert_eq!(said, json!([1]));
    }
    let Some(Body::Json(said)) = call(&handlers, "read").unwrap().0.body else { panic!() };
    assert_eq!(said, json!([true, true, true, true]));
    assert_eq!(handlers.counts(), (4, 0));
}

#[test]
fn a_failure_is_counted_and_does_not_spoil_the_next_call() {
    let handlers = handlers(
        &[("bad", "local t = {} while true do t[#t + 1] = {} end"), ("good", "emit.status(204)")],
        &[],
    );
    assert!(call(&handlers, "bad").is_err());
    assert!(matches!(call(&handlers, "none"), Err(Failure::Missing(_))));
    assert_eq!(call(&handlers, "good").unwrap().0.status.unwrap(), 204);
    assert_eq!(handlers.counts(), (3, 2));
}

#[test]
fn chance_is_the_same_in_every_run() {
    let source = "local t = {} for i = 1, 5 do t[i] = math.random(1, 1e6) end
        local keys = {} for k in pairs({b = 1, a = 2, zz = 3, q = 4}) do table.insert(keys, k) end
        emit.json({t, keys, math.random() < 1})";
    let first = says(source);
    assert_eq!(first, says(source));
    assert_ne!(first[0][0], first[0][1]);
}

#[test]
fn a_source_that_does_not_compile_is_told_by_its_file() {
    let scripts = Scripts {
        handlers: BTreeMap::from([
            ("good".to_owned(), "emit.status(200)".to_owned()),
            ("bad".to_owned(), "emit.status(".to_owned()),
        ]),
        libs: BTreeMap::new(),
    };
    let handlers = Handlers::of(scripts, &Routes::default());
    let problems = handlers.problems();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].file, "lua/handlers/bad.lua");
    assert!(problems[0].problem.contains(" 1: Expected"), "{}", problems[0].problem);
    assert!(call(&handlers, "good").is_ok());
    assert!(matches!(call(&handlers, "bad"), Err(Failure::Missing(file)) if file == "bad"));
}

#[test]
fn a_rule_that_no_request_will_follow_is_told() {
    let rule = |path: &str, handler: &str| RouteRule {
        method: "post".to_owned(),
        path: path.to_owned(),
        handler: Some(handler.to_owned()),
        ..RouteRule::default()
    };
    let routes = vec![rule("/pay", "pay.all"), rule("/pay/{id}", "pay"), rule("/void", "void")];
    let handlers = BTreeMap::from([("pay".to_owned(), "emit.status(200)".to_owned())]);
    let scripts = Scripts { handlers, libs: BTreeMap::new() };
    let handlers = Handlers::of(scripts, &Routes { routes });
    let told = handlers.strays(|route| ["POST /pay", "POST /void"].contains(&route));
    let told: Vec<_> = told.iter().map(|one| (&*one.file, &*one.problem)).collect();
    let [("routes.yaml", unknown), ("routes.yaml", missing)] = told[..] else { panic!("{told:?}") };
    assert!(unknown.contains("no route `POST /pay/{id}`"), "{unknown}");
    assert!(missing.contains("no lua/handlers/void.lua"), "{missing}");
}

/// `cargo test -p wondertwin-twins --release lua::tests::cost -- --ignored --nocapture`
#[test]
#[ignore = "measures"]
fn cost() {
    let handlers = handlers(
        &[
            ("small", "emit.json({ok = true})"),
            (
                "usual",
                "local o = state.get('orders', req.params.order)
             if not o then emit.error(404, 'not_found', 'none') return end
             o.total = o.total + (req.data.amount or 0) o.status = 'paid' o.paid_at = clock.now()
             state.put('orders', o.id, o) emit.json(o)",
            ),
        ],
        &[],
    );
    let world = Bare::new();
    let (headers, data) = (HeaderMap::new(), json!({"amount": 5}));
    let params = [("order", "a")];
    let asked = Asked {
        method: "POST",
        path: "/orders/a",
        query: "",
        headers: &headers,
        body: b"amount=5",
        params: &params,
        data: Some(&data),
        round: 0,
    };
    for name in ["small", "usual"] {
        let began = Instant::now();
        for _ in 0..10_000 {
            handlers.turn(&Turns::default()).call(name, &asked, &world).unwrap();
        }
        #[expect(clippy::print_stderr, reason = "it is what is asked for")]
        {
            eprintln!("{name}: {:?} a call", began.elapsed() / 10_000);
        }
    }
}

#[test]
fn a_script_that_is_run_again_remembers_nothing() {
    let lib = "local kept = 0
        local function count() kept += 1 return kept end
        return {count = count, shared = {}}";
    let source = "local lib = wt.import('lib')
        lib.shared.seen = (lib.shared.seen or 0) + 1
        mine = (mine or 0) + 1
        emit.json({lib.count(), lib.shared.seen, mine, state.count('orders')})";
    let handlers = handlers(&[("h", source)], &[("lib", lib)]);
    for _ in 0..3 {
        let Some(Body::Json(said)) = call(&handlers, "h").unwrap().0.body else { panic!() };
        assert_eq!(said, json!([1, 1, 1, 2]));
    }
}
