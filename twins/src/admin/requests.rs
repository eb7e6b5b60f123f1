//! `/admin/requests`: what was asked and answered.

use http::{Method, StatusCode};

use crate::admin::{Answer, bad, wrong_method};
use crate::capture::View;
use crate::session::Session;
use crate::twin::{Head, Twin};

/// `requests` (with `?bodies=true` and `?headers=true`), `requests/NUMBER`, `requests.har`.
pub(super) fn answer(
    twin: &Twin,
    session: &Session,
    path: &str,
    rest: &str,
    head: &Head<'_>,
) -> Answer {
    if path != "requests.har" && *head.method == Method::DELETE && rest.is_empty() {
        session.capture.clear();
        return Ok(serde_json::json!({"status": "cleared"}));
    }
    if *head.method != Method::GET {
        return Err(wrong_method());
    }
    if path == "requests.har" || rest == "har" {
        return Ok(session.capture.to_har(&twin.config, session.seed));
    }
    if rest.is_empty() {
        let asked = |name: &str| {
            let pairs = head.uri.query().unwrap_or("").split('&');
            pairs.filter_map(|pair| pair.split_once('=')).any(|pair| pair == (name, "true"))
        };
        let verbose = twin.is_verbose();
        let view =
            View { headers: verbose || asked("headers"), bodies: verbose || asked("bodies") };
        return Ok(session.capture.to_json(view));
    }
    let number = rest.parse().map_err(|_| bad(format!("requests: `{rest}` is no number")))?;
    let gone = || (StatusCode::NOT_FOUND, format!("requests: {number} is not, or no longer, kept"));
    session.capture.one_json(number).ok_or_else(gone)
}
