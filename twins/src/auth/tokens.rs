//! Tokens for a client's own credentials, and how long they are good for.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use models::behaviour::OAuth;
use serde_json::{Value, json};

use crate::body;
use crate::dice::{BASE62, Dice};
use crate::render::Reply;
use crate::twin::Head;

/// Tokens of one session; of too many, those that expire first are forgotten.
const TOKENS_MAX: usize = 10_000;
/// Letters of a token after its prefix.
const LETTERS: usize = 40;

/// The tokens given out in a session, and when each expires.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<HashMap<String, Duration>>);

/// How a token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    Expired,
    Unknown,
}

impl Tokens {
    pub(crate) fn fork(&self) -> Self {
        Self(Mutex::new(self.lock().clone()))
    }

    pub(super) fn standing(&self, token: &str, now: Duration) -> Standing {
        match self.lock().get(token) {
            Some(expires) if now < *expires => Standing::Good,
            Some(_) => Standing::Expired,
            None => Standing::Unknown,
        }
    }

    /// Answers a request for a token.
    pub(crate) fn answer(&self, oauth: &OAuth, head: &Head<'_>, bytes: &[u8], dice: Dice) -> Reply {
        let media = body::Media::of(head.headers, bytes);
        let fields = body::read(&media, bytes, None).ok().flatten().unwrap_or_default();
        let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        match text("grant_type").as_deref() {
            Some("client_credentials") => {}
            Some(_) => return refused(StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            None => return refused(StatusCode::BAD_REQUEST, "invalid_request"),
        }
        let given = basic(head).or_else(|| Some((text("client_id")?, text("client_secret")?)));
        let known = given.filter(|(client, secret)| {
            !client.is_empty()
                && (oauth.clients.is_empty() || oauth.clients.get(client) == Some(secret))
        });
        if known.is_none() {
            return refused(StatusCode::UNAUTHORIZED, "invalid_client");
        }
        let token = format!("{}{}", oauth.prefix, dice.text(BASE62, LETTERS));
        let expires = head.at.saturating_add(Duration::from_secs(oauth.expires_seconds));
        self.keep(token.clone(), expires);
        let mut said = json!({
            "access_token": token, "token_type": "Bearer", "expires_in": oauth.expires_seconds,
        });
        if let (Some(scope), Some(said)) = (text("scope"), said.as_object_mut()) {
            said.insert("scope".to_owned(), scope.into());
        }
        reply(StatusCode::OK, &said)
    }

    fn keep(&self, token: String, expires: Duration) {
        let mut tokens = self.lock();
        if tokens.len() >= TOKENS_MAX {
            let mut all: Vec<_> = tokens.values().copied().collect();
            let middle = all.len() / 2;
            let (_, median, _) = all.select_nth_unstable(middle);
            let median = *median;
            tokens.retain(|_, expires| *expires > median);
            // All of one time: then all go.
            if tokens.len() >= TOKENS_MAX {
                tokens.clear();
            }
        }
        tokens.insert(token, expires);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Duration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn basic(head: &Head<'_>) -> Option<(String, String)> {
    let (kind, value) = head.headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let decoded = STANDARD.decode(value.trim()).ok().filter(|_| kind.eq_ignore_ascii_case("basic"));
    let decoded = String::from_utf8(decoded?).ok()?;
    let (client, secret) = decoded.split_once(':')?;
    Some((client.to_owned(), secret.to_owned()))
}

fn refused(status: StatusCode, error: &str) -> Reply {
    let mut reply = reply(status, &json!({"error": error}));
    if status == StatusCode::UNAUTHORIZED {
        reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
    }
    reply
}

fn reply(status: StatusCode, body: &Value) -> Reply {
    let mut reply = Reply::new(body.to_string().into());
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}
