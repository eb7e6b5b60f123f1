//! From a template to an answer.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use minijinja::Environment;
use minijinja::value::Serde;
use reports::view;
use serde::Serialize;

use super::door::Session;
use super::server::Room;

/// What a page may load: its own style sheet and script, nothing in line, nothing of others.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The pages' templates; values are escaped in all of them.
pub(super) fn templates() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.add_filter("urlencode", segment);
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    for (name, source) in [
        ("parts.html", view::PARTS),
        ("layout.html", include_str!("templates/layout.html")),
        ("home.html", include_str!("templates/home.html")),
        ("twin.html", include_str!("templates/twin.html")),
        ("calibration.html", include_str!("templates/calibration.html")),
        ("runs.html", include_str!("templates/runs.html")),
        ("run_rows.html", include_str!("templates/run_rows.html")),
        ("trouble.html", include_str!("templates/trouble.html")),
    ] {
        environment.add_template(name, source).expect("our templates are sound");
    }
    environment
}

/// The address of a twin.
pub(super) fn twin(name: &str) -> String {
    format!("/twins/{}", segment(name))
}

/// The address of a calibration.
pub(super) fn calibration(twin: &str, number: &str) -> String {
    format!("/twins/{}/calibrations/{}", segment(twin), segment(number))
}

/// A name as one segment of a path (RFC 3986, section 3.3).
fn segment(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// A page's frame, and what is in it.
#[derive(Debug, Serialize)]
struct Frame<'p, T> {
    project: String,
    title: &'p str,
    /// Which entry of the navigation it is.
    place: &'p str,
    /// What came of the last decision.
    told: Option<String>,
    form_token: String,
    page: &'p T,
}

/// A page of a session.
pub(super) fn render<T: Serialize>(
    room: &Room,
    session: &Session,
    (template, place, title): (&str, &str, &str),
    page: &T,
) -> Response {
    let frame = Frame {
        project: room.desk.project(),
        title,
        place,
        told: room.told(&session.0),
        form_token: room.keys.form_token(&session.0),
        page,
    };
    Html(fill(room, template, &frame)).into_response()
}

/// A part of a page, by itself.
pub(super) fn fill<T: Serialize>(room: &Room, template: &str, values: &T) -> String {
    let template = room.templates.get_template(template).expect("it was added at the start");
    template.render(Serde(values)).expect("our templates ask for what they are given")
}

/// Why there is no page, and what to do.
#[derive(Debug)]
pub(super) struct Trouble {
    status: StatusCode,
    text: String,
    /// Where to go on; the address and what it is.
    way: Option<(String, String)>,
}

impl Trouble {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), way: None }
    }

    pub(super) fn with_way(self, address: String, what: impl Into<String>) -> Self {
        Self { way: Some((address, what.into())), ..self }
    }

    pub(super) fn not_found(text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, text)
    }

    /// Something of ours failed; the user sees each cause, as on the command line.
    pub(super) fn failed(error: &anyhow::Error) -> Self {
        let causes: Vec<_> = error.chain().map(ToString::to_string).collect();
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, causes.join(": "))
    }
}

#[derive(Debug, Serialize)]
struct TroublePage<'t> {
    status: u16,
    reason: &'t str,
    text: &'t str,
    way: Option<&'t (String, String)>,
}

/// The page for a trouble. It is made for nobody's session, and so can tell nobody's secrets.
pub(super) fn trouble(room: &Room, trouble: &Trouble) -> Response {
    let reason = match trouble.status {
        StatusCode::CONFLICT => "Somebody was first",
        StatusCode::NOT_FOUND => "Not here",
        StatusCode::UNAUTHORIZED => "A token is needed",
        StatusCode::UNPROCESSABLE_ENTITY => "That cannot be done",
        status => status.canonical_reason().unwrap_or("It did not work"),
    };
    let page = TroublePage {
        status: trouble.status.as_u16(),
        reason,
        text: &trouble.text,
        way: trouble.way.as_ref(),
    };
    let frame = Frame {
        project: room.desk.project(),
        title: reason,
        place: "",
        told: None,
        form_token: String::new(),
        page: &page,
    };
    (trouble.status, Html(fill(room, "trouble.html", &frame))).into_response()
}

/// Calls the desk where it holds up no other request; its failure is a page.
pub(super) async fn ask<T: Send + 'static>(
    room: &Arc<Room>,
    question: impl FnOnce(&dyn super::Desk) -> anyhow::Result<T> + Send + 'static,
) -> Result<T, Trouble> {
    let desk = Arc::clone(&room.desk);
    match tokio::task::spawn_blocking(move || question(desk.as_ref())).await {
        Ok(answer) => answer.map_err(|error| Trouble::failed(&error)),
        Err(fault) => {
            Err(Trouble::failed(&anyhow::Error::new(fault).context("the question ended")))
        }
    }
}

/// A file of ours.
pub(super) fn file(content_type: &'static str, text: String) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))], text).into_response()
}
