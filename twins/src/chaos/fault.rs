//! A failure injected at a path by the admin API.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value, json};

/// What requests to a path get.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    pub(crate) status: StatusCode,
    /// The vendor's own error where absent.
    pub(crate) body: Option<Value>,
    pub(crate) delay: Duration,
    /// The share of requests.
    pub(crate) rate: f64,
}

impl Default for Fault {
    fn default() -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self { status, body: None, delay: Duration::ZERO, rate: 1.0 }
    }
}

/// The longest a request is held: an hour. What waits longer is forgotten on both sides.
const DELAY_MS_MAX: f64 = 3_600_000.0;

impl Fault {
    /// Reads `{status_code, body?, delay_ms?, rate?}`; `Err` says what is wrong.
    pub(crate) fn read(fields: &Map<String, Value>) -> Result<Self, String> {
        let known = ["status_code", "body", "delay_ms", "rate"];
        if let Some(name) = fields.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("fault: `{name}` is none of {}", known.join(", ")));
        }
        let status = fields.get("status_code").and_then(Value::as_u64);
        let status = status.and_then(|code| StatusCode::from_u16(u16::try_from(code).ok()?).ok());
        let number = |name: &str| match fields.get(name) {
            None | Some(Value::Null) => Ok(0.0),
            Some(value) => value.as_f64().ok_or_else(|| format!("fault: `{name}` is not a number")),
        };
        let (delay_ms, rate) = (number("delay_ms")?, number("rate")?);
        if !(0.0..=DELAY_MS_MAX).contains(&delay_ms) {
            return Err(format!("fault: `delay_ms` is not between 0 and {DELAY_MS_MAX}"));
        }
        if !(0.0..=1.0).contains(&rate) {
            return Err("fault: `rate` is not between 0 and 1".to_owned());
        }
        Ok(Self {
            status: status.filter(|status| status.as_u16() >= 200).ok_or_else(|| {
                "fault: `status_code` is missing or not between 200 and 999".to_owned()
            })?,
            body: fields.get("body").filter(|body| !body.is_null()).cloned(),
            delay: Duration::from_secs_f64(delay_ms / 1000.0),
            rate: if rate == 0.0 { 1.0 } else { rate },
        })
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut fault = json!({
            "status_code": self.status.as_u16(),
            "delay_ms": self.delay.as_secs_f64() * 1000.0,
            "rate": self.rate,
        });
        if let (Some(body), Some(fields)) = (&self.body, fault.as_object_mut()) {
            fields.insert("body".to_owned(), body.clone());
        }
        fault
    }
}
