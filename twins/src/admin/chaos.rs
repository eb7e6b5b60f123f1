//! `/admin/fault/PATH`, `/admin/faults` and `/admin/chaos`: failures, switched while serving.

use bytes::Bytes;
use http::{Method, StatusCode};
use models::behaviour::Chaos;
use serde_json::{Map, Value, json};

use crate::admin::{Answer, bad, object, wrong_method};
use crate::chaos::Fault;
use crate::session::Session;

pub(super) fn answer(session: &Session, path: &str, method: &Method, body: &Bytes) -> Answer {
    match (method, path) {
        (&Method::GET, "faults") => Ok(faults(session)),
        (&Method::DELETE, "faults") => {
            session.chaos.change(|settings| settings.faults.clear());
            Ok(json!({"status": "cleared"}))
        }
        (&Method::GET, "chaos") => Ok(shown(session)),
        (&Method::PUT, "chaos") => set(session, body),
        (&Method::DELETE, "chaos") => {
            session.chaos.change(|settings| settings.document = Chaos::default());
            Ok(json!({"status": "cleared"}))
        }
        (_, "faults" | "chaos") => Err(wrong_method()),
        _ => fault(session, path, method, body),
    }
}

fn faults(session: &Session) -> Value {
    let faults = session.chaos.settings().faults;
    let shown: Map<_, _> =
        faults.iter().map(|(path, fault)| (path.clone(), fault.to_json())).collect();
    shown.into()
}

/// A fault on the path that follows, however deep: `fault/v1/transfers`.
fn fault(session: &Session, path: &str, method: &Method, body: &Bytes) -> Answer {
    let endpoint = path.strip_prefix("fault/").filter(|endpoint| !endpoint.is_empty());
    let endpoint = endpoint.ok_or_else(|| {
        (StatusCode::NOT_FOUND, "fault: name the path, as in fault/v1/transfers".to_owned())
    })?;
    let endpoint = format!("/{endpoint}");
    match *method {
        Method::POST => {
            let fault = Fault::read(&object(body)?).map_err(bad)?;
            let shown = fault.to_json();
            session.chaos.change(|settings| settings.faults.insert(endpoint.clone(), fault));
            Ok(json!({"status": "injected", "endpoint": endpoint, "fault": shown}))
        }
        Method::DELETE => {
            match session.chaos.change(|settings| settings.faults.remove(&endpoint)) {
                Some(_) => Ok(json!({"status": "removed", "endpoint": endpoint})),
                None => Err((StatusCode::NOT_FOUND, format!("no fault on {endpoint}"))),
            }
        }
        _ => Err(wrong_method()),
    }
}

fn shown(session: &Session) -> Value {
    serde_json::to_value(session.chaos.settings().document).unwrap_or_default()
}

/// Puts another `chaos.yaml`, written as JSON, in place of the present one.
fn set(session: &Session, body: &Bytes) -> Answer {
    let document: Chaos = serde_json::from_slice(body)
        .map_err(|error| bad(format!("chaos: the body is not what chaos.yaml holds: {error}")))?;
    if let Some(problem) = document.problem() {
        return Err(bad(format!("chaos: {problem}")));
    }
    session.chaos.change(|settings| settings.document = document);
    Ok(json!({"status": "updated", "chaos": shown(session)}))
}
