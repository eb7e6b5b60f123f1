//! The admin API, under `/admin/`, `/__wt/` and `/__wraith/` alike.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use http_body_util::Full;
use serde_json::{Map, Value, json};

use crate::go_duration;
use crate::render::Reply;
use crate::state::CreateError;
use crate::twin::{Head, Twin};

/// What follows the prefix of an admin path; `None` for paths of the vendor's.
///
/// A vendor may have paths under `/admin` itself (Shopify has): those come first, and `/__wt/`
/// always reaches the admin API.
pub(crate) fn path_of<'h>(twin: &Twin, head: &Head<'h>) -> Option<&'h str> {
    const KNOWN: [&str; 6] = ["health", "status", "reset", "state", "requests", "config"];
    let path = head.uri.path();
    if let Some(rest) = path.strip_prefix("/__wt/").or_else(|| path.strip_prefix("/__wraith/")) {
        return Some(rest.trim_end_matches('/'));
    }
    let rest = path.strip_prefix("/admin/")?.trim_end_matches('/');
    let ours = KNOWN.contains(&rest) || rest == "time" || rest.starts_with("time/");
    (!twin.has_paths_under("admin") || (ours && !twin.knows(head))).then_some(rest)
}

/// Answers an admin request.
pub(crate) fn answer(twin: &Twin, path: &str, head: &Head<'_>, body: &Bytes) -> Reply {
    if path != "health"
        && let Err(why) = may(twin, head.headers)
    {
        return error(why.0, why.1);
    }
    let answer = match (head.method, path) {
        (&Method::GET | &Method::HEAD, "health") => Ok(json!({"status": "ok"})),
        (&Method::GET, "status") => Ok(serde_json::to_value(twin.status()).unwrap_or_default()),
        (&Method::POST, "reset") => {
            twin.reset();
            Ok(json!({"status": "reset"}))
        }
        (&Method::GET, "state") => Ok(twin.state.dump().into()),
        (&Method::POST, "state") => load(twin, body),
        (&Method::GET, "requests") => Ok(twin.journal.to_json()),
        (&Method::GET, "config") => Ok(config(twin, head.uri)),
        (&Method::PUT, "config") => set_config(twin, head.uri, body),
        (&Method::GET, "time") => Ok(time(twin)),
        (&Method::POST, "time/advance") => advance(twin, body),
        (
            _,
            "health" | "status" | "reset" | "state" | "requests" | "config" | "time"
            | "time/advance",
        ) => Err((StatusCode::METHOD_NOT_ALLOWED, "method not allowed".to_owned())),
        _ => Err((StatusCode::NOT_FOUND, format!("no admin endpoint {path}"))),
    };
    match answer {
        Ok(value) => reply(StatusCode::OK, &value),
        Err((status, why)) => error(status, &why),
    }
}

type Answer = Result<Value, (StatusCode, String)>;

/// Whether the caller may use the admin API.
fn may(twin: &Twin, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
    // A page of any site can reach loopback through its visitor's browser.
    if headers.get(ORIGIN).is_some_and(|origin| !is_local(origin)) {
        return Err((StatusCode::FORBIDDEN, "not from another site"));
    }
    let Some(token) = &twin.config.admin_token else {
        return if twin.config.listen.ip().is_loopback() {
            Ok(())
        } else {
            Err((StatusCode::FORBIDDEN, "the admin API needs a token beyond loopback; none is set"))
        };
    };
    let bearer =
        headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    let given = bearer.or_else(|| headers.get("x-admin-token").map(HeaderValue::as_bytes));
    match given {
        Some(given) if same(given, token.as_bytes()) => Ok(()),
        _ => Err((StatusCode::UNAUTHORIZED, "the admin token is missing or wrong")),
    }
}

fn is_local(origin: &HeaderValue) -> bool {
    let host =
        origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    host.is_some_and(|host| {
        ["localhost", "127.0.0.1", "[::1]"].iter().any(|local| {
            host.strip_prefix(local).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        })
    })
}

/// Compares in a time that does not tell where the difference is.
fn same(given: &[u8], token: &[u8]) -> bool {
    let differing = given.iter().zip(token).fold(0, |differing, (a, b)| differing | (a ^ b));
    given.len() == token.len() && differing == 0
}

/// Puts entities in place of each collection named; one of the others stays as it is.
fn load(twin: &Twin, body: &Bytes) -> Answer {
    let collections = object(body)?;
    let mut loads = Vec::new();
    for (name, entities) in collections {
        // A flag among the collections is nobody's mistake worth refusing the rest for.
        let Value::Object(entities) = entities else { continue };
        let collection = twin.collection_named(&name);
        let mut load = Vec::new();
        for (id, fields) in entities {
            let Value::Object(fields) = fields else {
                return Err(bad(format!("state: `{name}`, `{id}` is not an object")));
            };
            load.push((id.clone(), twin.with_id(&collection, &id, fields)));
        }
        loads.push((collection, load));
    }
    for (collection, load) in loads {
        let full = |_: CreateError| {
            (StatusCode::INSUFFICIENT_STORAGE, "the state is larger than the twin holds".to_owned())
        };
        twin.state.replace(&collection, load.into_iter()).map_err(full)?;
    }
    Ok(json!({"status": "loaded"}))
}

fn config(twin: &Twin, uri: &Uri) -> Value {
    let port = uri.port_u16().unwrap_or_else(|| twin.config.listen.port());
    json!({
        "name": twin.config.name,
        "port": port,
        "seed": twin.config.seed,
        "verbose": twin.is_verbose(),
    })
}

fn set_config(twin: &Twin, uri: &Uri, body: &Bytes) -> Answer {
    let settings = object(body)?;
    if let Some(name) = settings.keys().find(|name| *name != "verbose") {
        return Err(bad(format!("config: `{name}` cannot be set, only `verbose`")));
    }
    match settings.get("verbose") {
        Some(Value::Bool(verbose)) => twin.set_verbose(*verbose),
        Some(_) => return Err(bad("config: `verbose` is not a boolean".to_owned())),
        None => {}
    }
    Ok(json!({"status": "updated", "config": config(twin, uri)}))
}

fn time(twin: &Twin) -> Value {
    json!({
        "real": chrono::Utc::now(),
        "simulated": twin.clock().now(),
        "offset": go_duration::write(twin.clock().offset()),
    })
}

fn advance(twin: &Twin, body: &Bytes) -> Answer {
    let fields = object(body)?;
    let text = fields.get("duration").and_then(Value::as_str);
    let duration: Duration = text.and_then(go_duration::read).ok_or_else(|| {
        bad("time: `duration` is not a duration such as `24h` or `1m30s`".to_owned())
    })?;
    twin.clock().advance(duration);
    Ok(json!({
        "status": "advanced",
        "duration": go_duration::write(duration),
        "offset": go_duration::write(twin.clock().offset()),
        "simulated": twin.clock().now(),
    }))
}

fn object(body: &Bytes) -> Result<Map<String, Value>, (StatusCode, String)> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(bad("the request's body is not an object".to_owned())),
        Err(error) => Err(bad(format!("the request's body is not valid JSON: {error}"))),
    }
}

const fn bad(why: String) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, why)
}

/// An error in the admin API's form.
pub(crate) fn error(status: StatusCode, message: &str) -> Reply {
    let kind = status.canonical_reason().unwrap_or("error");
    reply(status, &json!({"error": {"message": message, "type": kind, "code": status.as_u16()}}))
}

fn reply(status: StatusCode, value: &Value) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(value.to_string())));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}
