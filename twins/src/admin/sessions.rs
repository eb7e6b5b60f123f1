//! `/admin/sessions` and `/admin/snapshots`: universes of state side by side, and ones kept.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::admin::{Answer, bad, object, wrong_method};
use crate::go_duration;
use crate::session::Session;
use crate::sessions::{self, DEFAULT, SessionError};
use crate::twin::{Head, Twin};

pub(super) fn answer(
    twin: &Twin,
    session: &Session,
    path: &str,
    rest: &str,
    head: &Head<'_>,
    body: &Bytes,
) -> Answer {
    let (name, what) = rest.split_once('/').unwrap_or((rest, ""));
    let is_snapshot = path.starts_with("snapshots");
    match (is_snapshot, head.method, name, what) {
        (false, &Method::GET, "", "") => Ok(listed(twin)),
        (false, &Method::POST, "", "") => create(twin, body),
        (false, &Method::GET, name, "") => Ok(shown(twin, &*twin.sessions.find(name)?)),
        (false, &Method::DELETE, name, "") => delete(twin, name),
        (false, &Method::POST, name, "reset") => {
            twin.reset_session(&*twin.sessions.find(name)?);
            Ok(json!({"status": "reset"}))
        }
        (false, &Method::POST, name, "fork") => fork(twin, name, &fields(body)?),
        (false, &Method::POST, name, "snapshot") => {
            keep(twin, &*twin.sessions.find(name)?, &fields(body)?)
        }
        (false, &Method::POST, name, "restore") => {
            let snapshot = named(&fields(body)?, "snapshot")?;
            restore(twin, &twin.session(sessions::checked(name)?), &snapshot)
        }
        (true, &Method::GET, "", "") => Ok(kept(twin)),
        (true, &Method::POST, "", "") => keep(twin, session, &fields(body)?),
        (true, &Method::POST, name, "restore") => restore(twin, session, name),
        (true, &Method::DELETE, name, "") => {
            twin.sessions.forget_snapshot(name)?;
            Ok(json!({"status": "deleted", "snapshot": name}))
        }
        (_, _, _, "" | "reset" | "fork" | "snapshot" | "restore") => Err(wrong_method()),
        _ => Err((StatusCode::NOT_FOUND, format!("no admin endpoint {path}"))),
    }
}

impl From<SessionError> for (StatusCode, String) {
    fn from(error: SessionError) -> Self {
        let status = match &error {
            SessionError::BadName(_) => StatusCode::BAD_REQUEST,
            SessionError::NoSession(_) | SessionError::NoSnapshot(_) => StatusCode::NOT_FOUND,
            SessionError::Taken(_) | SessionError::TooManySnapshots => StatusCode::CONFLICT,
        };
        (status, error.to_string())
    }
}

fn listed(twin: &Twin) -> Value {
    let sessions = twin.sessions.all();
    json!({"sessions": sessions.iter().map(|session| shown(twin, session)).collect::<Vec<_>>()})
}

fn shown(twin: &Twin, session: &Session) -> Value {
    json!({
        "name": session.name,
        "seed": session.seed,
        "entities": session.state.count(),
        "bytes": session.state.bytes(),
        "time": session.clock.now(),
        "offset": go_duration::write(session.clock.offset()),
        "header": twin.config.session_header.as_str(),
        "prefix": format!("/__wt/s/{}", session.name),
        "port": twin.doors.port_of(&session.name),
    })
}

/// `{"name"?, "seed"?, "from"?, "port"?}`: a fresh session, or one that goes on `from` another;
/// with a port, 0 for a free one, all that comes there is for it.
fn create(twin: &Twin, body: &Bytes) -> Answer {
    let fields = if body.is_empty() { Map::new() } else { object(body)? };
    if let Some(name) =
        fields.keys().find(|name| !matches!(&***name, "name" | "seed" | "from" | "port"))
    {
        return Err(bad(format!("sessions: `{name}` is none of name, seed, from, port")));
    }
    let number = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            value.as_u64().map(Some).ok_or_else(|| bad(format!("sessions: `{name}` is no number")))
        }
    };
    let (seed, port) = (number("seed")?, number("port")?);
    let name = match fields.get("name") {
        None => unused_name(twin),
        Some(_) => named(&fields, "name")?,
    };
    let port = port.map(|port| {
        u16::try_from(port).map_err(|_| bad(format!("sessions: there is no port {port}")))
    });
    let port = port.transpose()?;
    sessions::checked(&name)?;
    if twin.sessions.find(&name).is_ok() {
        return Err(SessionError::Taken(name).into());
    }
    match fields.get("from") {
        Some(_) => drop(fork(twin, &named(&fields, "from")?, &name_of(&name))?),
        None => twin.sessions.put(twin.new_session(&name, seed.unwrap_or(twin.config.seed))),
    }
    if let Some(port) = port {
        let opened = twin.doors.open(twin.config.listen.ip(), port, &name);
        opened.map_err(|why| {
            drop(twin.sessions.remove(&name));
            (StatusCode::CONFLICT, format!("sessions: {why}"))
        })?;
    }
    Ok(json!({"status": "created", "session": shown(twin, &*twin.sessions.find(&name)?)}))
}

fn delete(twin: &Twin, name: &str) -> Answer {
    if name == DEFAULT {
        return Err(bad("sessions: the default session stays; it can be reset".to_owned()));
    }
    twin.sessions.remove(name)?;
    twin.doors.close(name);
    Ok(json!({"status": "deleted", "session": name}))
}

/// A new session that goes on from where another is.
fn fork(twin: &Twin, from: &str, fields: &Map<String, Value>) -> Answer {
    let name = match fields.get("name") {
        None => unused_name(twin),
        Some(_) => named(fields, "name")?,
    };
    sessions::checked(&name)?;
    let from = twin.sessions.find(from)?;
    if twin.sessions.find(&name).is_ok() {
        return Err(SessionError::Taken(name).into());
    }
    let clock = twin.config.clock.of_session(&name);
    twin.move_clock(&name, &clock, &from.clock);
    twin.sessions.put(from.fork(&name, clock));
    Ok(json!({"status": "forked", "session": shown(twin, &*twin.sessions.find(&name)?)}))
}

/// Keeps a session as it is now.
fn keep(twin: &Twin, session: &Session, fields: &Map<String, Value>) -> Answer {
    let name = named(fields, "name")?;
    sessions::checked(&name)?;
    twin.sessions.keep(&name, session.fork(&session.name, session.clock.detached()))?;
    Ok(json!({"status": "kept", "snapshot": name, "entities": session.state.count()}))
}

/// Puts a session back to what was kept.
fn restore(twin: &Twin, session: &Session, snapshot: &str) -> Answer {
    let kept = twin.sessions.snapshot(snapshot)?;
    twin.move_clock(&session.name, &session.clock, &kept.clock);
    twin.sessions.put(kept.fork(&session.name, session.clock.clone()));
    twin.wake.notify_one();
    Ok(json!({"status": "restored", "snapshot": snapshot, "session": session.name}))
}

fn kept(twin: &Twin) -> Value {
    let snapshots = twin.sessions.snapshots();
    let shown = snapshots.iter().map(|(name, session)| {
        json!({"name": name, "session": session.name, "entities": session.state.count(),
            "time": session.clock.now()})
    });
    json!({"snapshots": shown.collect::<Vec<_>>()})
}

fn unused_name(twin: &Twin) -> String {
    let taken = |name: &String| twin.sessions.find(name).is_ok();
    let mut numbers = 1_u64..=u64::MAX;
    numbers
        .find_map(|number| Some(format!("s{number}")).filter(|name| !taken(name)))
        .unwrap_or_default()
}

fn fields(body: &Bytes) -> Result<Map<String, Value>, (StatusCode, String)> {
    if body.is_empty() { Ok(Map::new()) } else { object(body) }
}

fn named(fields: &Map<String, Value>, name: &str) -> Result<String, (StatusCode, String)> {
    let text = fields.get(name).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| bad(format!("sessions: `{name}` is missing or no text")))
}

fn name_of(name: &str) -> Map<String, Value> {
    Map::from_iter([("name".to_owned(), name.into())])
}
