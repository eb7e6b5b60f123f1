//! `/admin/state`: all that is remembered, shown and put in place.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::admin::{Answer, bad, object, wrong_method};
use crate::seed;
use crate::session::Session;
use crate::state::CreateError;
use crate::twin::Twin;

pub(super) fn answer(twin: &Twin, session: &Session, method: &Method, body: &Bytes) -> Answer {
    match *method {
        Method::GET => Ok(session.state.dump().into()),
        Method::POST => load(twin, session, body),
        _ => Err(wrong_method()),
    }
}

/// Puts entities in place of each collection named; one of the others stays as it is.
fn load(twin: &Twin, session: &Session, body: &Bytes) -> Answer {
    let collections = object(body)?;
    let mut loads = Vec::new();
    for (name, entities) in collections {
        // A flag among the collections is nobody's mistake worth refusing the rest for.
        let Value::Object(entities) = entities else { continue };
        match seed::unknown(twin, &session.state, &name) {
            Some(unknown) if unknown.is_mistake => {
                return Err(bad(format!("state: {}", unknown.told)));
            }
            Some(unknown) => tracing::warn!(twin = %twin.config.name, "state: {}", unknown.told),
            None => {}
        }
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
    let full = |_: CreateError| {
        (StatusCode::INSUFFICIENT_STORAGE, "the state is larger than the twin holds".to_owned())
    };
    session.state.replace(loads).map_err(full)?;
    twin.settle_all(session);
    Ok(json!({"status": "loaded"}))
}
