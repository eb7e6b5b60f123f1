//! `/admin/universe`: the twins that run together.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::admin::{Answer, bad, object, wrong_method};
use crate::session::Session;
use crate::twin::Twin;
use crate::universe::Wish;

/// `universe` (the twins and where they are), `universe/twins` (another one joins, `{"name", "port"}`),
/// `universe/twins/NAME` (one ends), `universe/reset` (all forget what happened in a session, and its clock goes back).
pub(super) async fn answer(
    twin: &Twin,
    session: &Session,
    rest: &str,
    method: &Method,
    body: &Bytes,
) -> Answer {
    let universe = &twin.config.universe;
    let not_done = |why: String| (StatusCode::CONFLICT, format!("universe: {why}"));
    match (method, rest) {
        (&Method::GET, "") => {
            let time = twin.clock().now();
            Ok(json!({"twins": universe.members(), "time": time}))
        }
        (&Method::POST, "twins") => {
            let fields = object(body)?;
            let name = fields.get("name").and_then(Value::as_str).map(str::to_owned);
            let name = name.ok_or_else(|| bad("universe: `name` is missing".to_owned()))?;
            let port = fields.get("port").and_then(Value::as_u64).unwrap_or(0);
            let port = u16::try_from(port)
                .map_err(|_| bad(format!("universe: there is no port {port}")))?;
            let asked = name.clone();
            let started = universe.ask(|answer| Wish::Start { name: asked, port, answer });
            started.await.map_err(not_done)?;
            Ok(json!({"status": "started", "twin": name}))
        }
        (&Method::POST, "reset") => {
            let members = universe.all();
            session.clock.reset();
            for member in &members {
                if let Ok(theirs) = member.sessions.find(&session.name) {
                    member.renew_session(&theirs);
                }
            }
            let names = members.iter().map(|member| member.config.name.as_str());
            Ok(json!({"status": "reset", "twins": names.collect::<Vec<_>>()}))
        }
        (&Method::DELETE, rest) => {
            let name = rest.strip_prefix("twins/").unwrap_or("").to_owned();
            let asked = name.clone();
            let stopped = universe.ask(|answer| Wish::Stop { name: asked, answer });
            stopped.await.map_err(not_done)?;
            Ok(json!({"status": "stopped", "twin": name}))
        }
        _ => Err(wrong_method()),
    }
}
