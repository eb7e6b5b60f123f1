//! `/admin/quirks`: what the vendor does that nobody would expect, switched while serving.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::admin::{Answer, wrong_method};
use crate::session::Session;
use crate::twin::Twin;

pub(super) fn answer(twin: &Twin, session: &Session, rest: &str, method: &Method) -> Answer {
    let quirks = &twin.config.document.quirks;
    if quirks.is_empty() {
        return Err((StatusCode::NOT_FOUND, "the twin has no quirks".to_owned()));
    }
    let known = quirks.iter().find(|quirk| quirk.id == rest);
    let (enabled, word) = match (method, rest) {
        (&Method::GET, "") => {
            let shown = quirks.iter().map(|quirk| {
                json!({"id": quirk.id, "summary": quirk.summary, "type": quirk.kind,
                    "severity": quirk.severity, "enabled": session.quirks.is_on(&quirk.id)})
            });
            return Ok(shown.collect::<Vec<Value>>().into());
        }
        (&Method::PUT, _) => (true, "enabled"),
        (&Method::DELETE, _) => (false, "disabled"),
        _ => return Err(wrong_method()),
    };
    let quirk =
        known.ok_or_else(|| (StatusCode::NOT_FOUND, format!("there is no quirk {rest}")))?;
    session.quirks.switch(&quirk.id, enabled);
    Ok(json!({"status": word, "quirk_id": quirk.id}))
}
