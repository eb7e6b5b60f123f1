//! Who is let in.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use models::is_same_secret;

use super::page::{self, Trouble};
use super::server::Room;
use super::{cookie, keys};

/// The session of a request: what its forms are signed for.
#[derive(Debug, Clone)]
pub(super) struct Session(pub(super) String);

/// Names under which loopback is reached.
const LOOPBACK_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// What is asked of every request before a page is made for it, and what is said of every answer.
pub(super) async fn admit(
    State(room): State<Arc<Room>>,
    mut request: Request,
    next: Next,
) -> Response {
    let (session, is_new) = session(&room, request.headers());
    let Ok(session) = session else {
        return page::trouble(
            &room,
            &Trouble::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The system has no randomness to give, so no session can begin.",
            ),
        );
    };
    let mut response = match check(&room, &request) {
        Err(trouble) => page::trouble(&room, &trouble),
        Ok(Entrance::Token) => token_shown(&room, &request),
        Ok(Entrance::Open) => {
            request.extensions_mut().insert(Session(session.clone()));
            next.run(request).await
        }
    };
    if is_new {
        let name = room.cookie("session");
        response.headers_mut().append(header::SET_COOKIE, cookie::set(&name, &session));
    }
    harden(response.headers_mut());
    response
}

/// How a request may come in.
enum Entrance {
    /// As it is.
    Open,
    /// It shows the token in its address, which is not to stay there.
    Token,
}

fn check(room: &Room, request: &Request) -> Result<Entrance, Trouble> {
    let headers = request.headers();
    let host = host(request).ok_or_else(|| {
        Trouble::new(StatusCode::BAD_REQUEST, "The request does not say which host it is for.")
    })?;
    check_host(room.address, host)?;
    if request.method() != Method::GET && request.method() != Method::HEAD {
        check_origin(headers, host)?;
    }
    let Some(token) = &room.token else { return Ok(Entrance::Open) };
    if query_token(request).is_some_and(|shown| is_same_secret(&shown, token)) {
        return Ok(Entrance::Token);
    }
    let by_cookie = cookie::read(headers, &room.cookie("token"));
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
    if [by_cookie, bearer].into_iter().flatten().any(|shown| is_same_secret(shown, token)) {
        return Ok(Entrance::Open);
    }
    Err(Trouble::new(
        StatusCode::UNAUTHORIZED,
        "This page is not on loopback, so it needs the token that `wt review` printed: open the address it printed, with `?token=` in it.",
    ))
}

/// A name that resolves to loopback, but is none of loopback's, is another site's (DNS rebinding).
fn check_host(address: SocketAddr, host: &str) -> Result<(), Trouble> {
    if !address.ip().is_loopback() {
        // The token's cookie is the host's own, which no other site has.
        return Ok(());
    }
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()),
        _ => (host, Some(80)),
    };
    let is_ours = LOOPBACK_NAMES.contains(&name.to_ascii_lowercase().as_str());
    if is_ours && port == Some(address.port()) {
        return Ok(());
    }
    Err(Trouble::new(
        StatusCode::MISDIRECTED_REQUEST,
        format!("This page answers for http://{address} and not for the name it was asked by."),
    ))
}

fn check_origin(headers: &HeaderMap, host: &str) -> Result<(), Trouble> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let origin = text("origin").is_none_or(|origin| {
        origin == format!("http://{host}") || origin == format!("https://{host}")
    });
    let site = text("sec-fetch-site").is_none_or(|site| ["same-origin", "none"].contains(&site));
    if origin && site {
        return Ok(());
    }
    Err(Trouble::new(
        StatusCode::FORBIDDEN,
        "The request comes from another site, and only this page's own forms decide.",
    ))
}

fn host(request: &Request) -> Option<&str> {
    let named = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    named.or_else(|| request.uri().authority().map(axum::http::uri::Authority::as_str))
}

fn query_token(request: &Request) -> Option<String> {
    let query = request.uri().query()?;
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "token").map(|(_, value)| value.into_owned())
}

/// The token moves from the address, which is seen and kept, to a cookie.
fn token_shown(room: &Room, request: &Request) -> Response {
    let token = room.token.as_deref().unwrap_or_default();
    let mut response = Redirect::to(request.uri().path()).into_response();
    let set = cookie::set(&room.cookie("token"), token);
    response.headers_mut().append(header::SET_COOKIE, set);
    response
}

/// The request's session, else a new one.
fn session(room: &Room, headers: &HeaderMap) -> (std::io::Result<String>, bool) {
    let is_word = |word: &&str| {
        word.len() == 43 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    match cookie::read(headers, &room.cookie("session")).filter(is_word) {
        Some(session) => (Ok(session.to_owned()), false),
        None => (keys::word(), true),
    }
}

/// What browsers are told of every answer. A page that knows better has said so itself.
fn harden(headers: &mut HeaderMap) {
    let all = [
        ("content-security-policy", page::POLICY),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        // `no-referrer` would leave the origin of forms out, too.
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
    ];
    for (name, value) in all {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopbacks_own_names_are_answered_on_loopback() {
        let address = "127.0.0.1:4100".parse().unwrap();
        for good in ["127.0.0.1:4100", "localhost:4100", "LOCALHOST:4100", "[::1]:4100"] {
            assert!(check_host(address, good).is_ok(), "{good}");
        }
        for bad in [
            "evil.test:4100",
            "evil.test",
            "127.0.0.1",
            "127.0.0.1:80",
            "127.0.0.1.evil.test:4100",
            "",
        ] {
            assert!(check_host(address, bad).is_err(), "{bad}");
        }
        assert!(check_host("10.0.0.7:80".parse().unwrap(), "review.internal").is_ok());
        assert!(check_host("127.0.0.1:80".parse().unwrap(), "localhost").is_ok());
    }

    #[test]
    fn a_form_of_another_site_is_refused() {
        let with = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            check_origin(&headers, "127.0.0.1:4100").is_ok()
        };
        assert!(
            with(&[])
                && with(&[("origin", "http://127.0.0.1:4100"), ("sec-fetch-site", "same-origin")])
        );
        assert!(!with(&[("origin", "http://evil.test")]));
        assert!(!with(&[("origin", "null")]));
        assert!(!with(&[("origin", "http://127.0.0.1:4111")]), "a twin's port is another origin");
        assert!(!with(&[("sec-fetch-site", "same-site")]));
    }
}
