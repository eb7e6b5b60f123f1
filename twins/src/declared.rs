//! Answers as `twin.json` declares them: the vendor's errors, and headers of every answer.

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use models::behaviour::{Cause, ErrorAnswer, TwinDocument};
use serde_json::{Map, Value};

use crate::dice::Dice;
use crate::gate::seconds_up;
use crate::refusal::{ParameterFault, Refusal};
use crate::render::Reply;
use crate::twin::Head;
use crate::webhooks::template::Context;

/// The vendor's own answer for a refusal, where one is declared.
pub(crate) fn refusal(
    document: &TwinDocument,
    refusal: &Refusal,
    head: &Head<'_>,
    dice: Dice,
) -> Option<Reply> {
    let general = match refusal.cause() {
        Cause::InvalidChoice if document.errors.contains_key(&Cause::InvalidParameter) => {
            Cause::InvalidParameter
        }
        Cause::MissingParameter
        | Cause::UnknownParameter
        | Cause::InvalidParameter
        | Cause::InvalidChoice
        | Cause::ForbiddenTransition
        | Cause::BrokenConstraint => Cause::BadRequest,
        Cause::UnknownOwner => Cause::NotFound,
        Cause::ExpiredAuth => Cause::BadAuth,
        other => other,
    };
    let errors = &document.errors;
    let answer = errors.get(&refusal.cause()).or_else(|| errors.get(&general))?;
    let values = values(refusal, head);
    let context = Context { values: &values, dice, show: &|_| None };
    let body = context.fill(&answer.body).unwrap_or_default();
    let bytes = if body.is_null() {
        Vec::new()
    } else {
        // A value of strings and finite numbers always serialises.
        serde_json::to_vec(&body).unwrap_or_default()
    };
    let mut reply = Reply::new(bytes.into());
    *reply.status_mut() = status(answer, refusal);
    if !body.is_null() {
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    add_headers(&mut reply, answer.headers.iter(), &context);
    Some(reply)
}

/// An error made on purpose keeps the status that was asked for.
fn status(answer: &ErrorAnswer, refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Injected { status } | Refusal::Said { status, .. } => *status,
        Refusal::Restated { .. } => refusal.status(),
        Refusal::TooMany { limit } if limit.status.is_some() => refusal.status(),
        _ => StatusCode::from_u16(answer.status).unwrap_or_else(|_| refusal.status()),
    }
}

fn values(refusal: &Refusal, head: &Head<'_>) -> Map<String, Value> {
    if let Refusal::Restated { refusal: inner, message, .. } = refusal {
        let mut values = values(inner, head);
        if let Some(message) = message {
            values.insert("message".to_owned(), message.as_str().into());
        }
        return values;
    }
    let mut values = Map::new();
    let mut add = |name: &str, value: &str| values.insert(name.to_owned(), value.into());
    add("message", &refusal.message());
    add("code", refusal.code());
    add("method", head.method.as_str());
    add("path", head.uri.path());
    match refusal {
        Refusal::NotFound { what, id } => {
            add("what", what);
            add("kind", &singular(what));
            add("id", id);
        }
        Refusal::Parameter(parameter) => {
            add("param", &parameter.name);
            match &parameter.fault {
                ParameterFault::Invalid { wanted, value } => {
                    add("type", wanted);
                    add("value", value);
                }
                ParameterFault::NoChoice { choices, value } => {
                    add("type", "string");
                    add("choices", choices);
                    add("value", value);
                }
                ParameterFault::Unfit { wanted, value } => {
                    add("type", wanted);
                    add("value", value);
                }
                ParameterFault::Missing | ParameterFault::Unknown => {}
            }
        }
        Refusal::NoTransition { what, id, from, to } => {
            add("what", what);
            add("kind", &singular(what));
            add("id", id);
            add("from", from);
            add("to", to);
        }
        Refusal::Broken { field, .. } => drop(add("param", field)),
        Refusal::Conflict { id } | Refusal::NoOwner { id } => drop(add("id", id)),
        Refusal::BadAuth { shown } | Refusal::ExpiredAuth { shown } => {
            add("credential", shown);
        }
        Refusal::TooMany { limit } => {
            add("scope", &limit.name);
            for (name, number) in [
                ("limit", limit.limit),
                ("window", limit.window.as_secs()),
                ("retry", seconds_up(limit.retry)),
            ] {
                values.insert(name.to_owned(), number.into());
            }
        }
        Refusal::OtherCall { key } | Refusal::UnderWay { key } => drop(add("key", key)),
        _ => {}
    }
    values
}

/// `customer` of `customers`, `subscription_item` of `subscription_items`, `entry` of `entries`.
fn singular(noun: &str) -> String {
    match noun.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => noun.strip_suffix('s').unwrap_or(noun).to_owned(),
    }
}

/// Adds the headers of every answer.
pub(crate) fn add_own_headers(
    document: &TwinDocument,
    reply: &mut Reply,
    head: &Head<'_>,
    api_version: Option<&str>,
    dice: Dice,
) {
    let mut values = Map::new();
    values.insert("api_version".to_owned(), api_version.into());
    let given = head
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.into())));
    values.insert("request".to_owned(), Value::Object(given.collect()));
    let context = Context { values: &values, dice, show: &|_| None };
    add_headers(reply, document.headers.iter(), &context);
}

fn add_headers<'h>(
    reply: &mut Reply,
    headers: impl Iterator<Item = (&'h String, &'h String)>,
    context: &Context<'_>,
) {
    for (name, template) in headers {
        let value = context.text(template);
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value))
            && !value.is_empty()
        {
            reply.headers_mut().insert(name, value);
        }
    }
}
