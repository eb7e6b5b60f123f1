//! `/admin/config`: what can be changed of a running twin.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Uri};
use serde_json::{Map, Value, json};

use crate::admin::{Answer, bad, object, wrong_method};
use crate::go_duration;
use crate::session::Session;
use crate::twin::{Head, Twin};
use crate::webhooks;

pub(super) fn answer(twin: &Twin, session: &Session, head: &Head<'_>, body: &Bytes) -> Answer {
    match *head.method {
        Method::GET => Ok(shown(twin, session, head.uri)),
        Method::PUT => set(twin, session, head.uri, body),
        _ => Err(wrong_method()),
    }
}

fn shown(twin: &Twin, session: &Session, uri: &Uri) -> Value {
    let settings = session.chaos.settings();
    json!({
        "name": twin.config.name,
        "port": uri.port_u16().unwrap_or_else(|| twin.config.listen.port()),
        "latency": go_duration::write(settings.latency),
        "fail_rate": settings.fail_rate,
        "webhook_url": session.webhooks.url().unwrap_or_default(),
        "verbose": twin.is_verbose(),
        "seed": session.seed,
    })
}

/// What is to be changed; absent stays.
#[derive(Debug, Default)]
struct Wanted {
    latency: Option<Duration>,
    fail_rate: Option<f64>,
    verbose: Option<bool>,
    webhook_url: Option<String>,
}

/// Reads all before anything is changed.
fn set(twin: &Twin, session: &Session, uri: &Uri, body: &Bytes) -> Answer {
    let wanted = Wanted::read(&object(body)?).map_err(bad)?;
    session.chaos.change(|settings| {
        settings.latency = wanted.latency.unwrap_or(settings.latency);
        settings.fail_rate = wanted.fail_rate.unwrap_or(settings.fail_rate);
    });
    if let Some(verbose) = wanted.verbose {
        twin.set_verbose(verbose);
    }
    if let Some(url) = wanted.webhook_url {
        session.webhooks.set_url(Some(url).filter(|url| !url.is_empty()));
        session.state.watch(session.webhooks.is_on());
    }
    Ok(json!({"status": "updated", "config": shown(twin, session, uri)}))
}

impl Wanted {
    fn read(fields: &Map<String, Value>) -> Result<Self, String> {
        let mut wanted = Self::default();
        for (name, value) in fields {
            let wrong = |what: &str| format!("config: `{name}` is not {what}");
            match name.as_str() {
                "latency" => {
                    let latency = value.as_str().and_then(go_duration::read);
                    wanted.latency =
                        Some(latency.ok_or_else(|| wrong("a duration such as `50ms`"))?);
                }
                "fail_rate" => {
                    let rate = value.as_f64().filter(|rate| (0.0..=1.0).contains(rate));
                    wanted.fail_rate = Some(rate.ok_or_else(|| wrong("a number between 0 and 1"))?);
                }
                "verbose" => {
                    wanted.verbose = Some(value.as_bool().ok_or_else(|| wrong("a boolean"))?);
                }
                "webhook_url" => {
                    let url = value.as_str();
                    let url = url.filter(|url| url.is_empty() || webhooks::is_url(url));
                    wanted.webhook_url = Some(url.ok_or_else(|| wrong("an address"))?.to_owned());
                }
                _ => {
                    return Err(format!(
                        "config: `{name}` cannot be set, only latency, fail_rate, verbose and webhook_url"
                    ));
                }
            }
        }
        Ok(wanted)
    }
}
