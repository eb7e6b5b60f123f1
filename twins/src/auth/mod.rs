//! Whether a request may be granted at all: its credential.

mod signed;
mod tokens;

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use models::behaviour::{Auth, Credential, CredentialPlace};

use crate::body::pairs;
use crate::refusal::Refusal;
use crate::twin::Head;
use tokens::Standing;

pub(crate) use tokens::Tokens;

/// Letters of a credential that an error may show.
const SHOWN: usize = 4;

/// Refuses a request without a credential of the vendor's form. What only the body can hold is
/// asked for by [`check_body`].
pub(crate) fn check(
    auth: &Auth,
    tokens: &Tokens,
    route: &str,
    head: &Head<'_>,
) -> Result<(), Refusal> {
    if (auth.credentials.is_empty() && auth.oauth.is_none()) || is_open(auth, route) {
        return Ok(());
    }
    let mut wrong = None;
    if auth.oauth.is_some()
        && let Some(token) = value(&BEARER, head)
    {
        match tokens.standing(&token, head.at) {
            Standing::Good => return Ok(()),
            Standing::Expired => return Err(Refusal::ExpiredAuth { shown: end_of(&token) }),
            Standing::Unknown => wrong = Some(token),
        }
    }
    let takes = |one: &&Credential| auth.oauth.is_none() || !one.prefixes.is_empty();
    for credential in auth.credentials.iter().filter(takes) {
        match value(credential, head) {
            Some(value) if is_of_form(credential, &value) => return Ok(()),
            Some(value) => wrong = Some(value),
            None => {}
        }
    }
    // The body is still to come.
    if auth.credentials.iter().any(|one| one.place == CredentialPlace::Body) && wrong.is_none() {
        return Ok(());
    }
    Err(match wrong {
        Some(value) => Refusal::BadAuth { shown: end_of(&value) },
        None => Refusal::MissingAuth,
    })
}

const BEARER: Credential =
    Credential { place: CredentialPlace::Bearer, name: String::new(), prefixes: Vec::new() };

fn is_open(auth: &Auth, route: &str) -> bool {
    auth.open.iter().any(|open| open == route)
}

/// Whether a request asks for a token.
pub(crate) fn asks_for_token(auth: &Auth, head: &Head<'_>) -> bool {
    auth.oauth.as_ref().is_some_and(|oauth| {
        oauth
            .route
            .split_once(' ')
            .is_some_and(|(method, path)| head.method.as_str() == method && head.uri.path() == path)
    })
}

/// Refuses a request that is not signed as it has to be.
pub(crate) fn check_signature(
    auth: &Auth,
    route: &str,
    head: &Head<'_>,
    body: &[u8],
) -> Result<(), Refusal> {
    match &auth.signed {
        Some(rule) if !is_open(auth, route) => signed::check(rule, head, body),
        _ => Ok(()),
    }
}

/// As [`check`], once the body is there.
pub(crate) fn check_body(
    auth: &Auth,
    route: &str,
    head: &Head<'_>,
    body: Option<&serde_json::Value>,
) -> Result<(), Refusal> {
    let in_body: Vec<_> =
        auth.credentials.iter().filter(|one| one.place == CredentialPlace::Body).collect();
    let elsewhere = auth.credentials.iter().any(|one| value(one, head).is_some());
    if in_body.is_empty() || elsewhere || is_open(auth, route) {
        return Ok(());
    }
    let found = in_body.iter().find_map(|one| {
        let value = body?.get(&one.name)?.as_str().filter(|value| !value.is_empty())?;
        Some((one, value))
    });
    match found {
        Some((one, value)) if is_of_form(one, value) => Ok(()),
        Some((_, value)) => Err(Refusal::BadAuth { shown: end_of(value) }),
        None => Err(Refusal::MissingAuth),
    }
}

fn is_of_form(credential: &Credential, value: &str) -> bool {
    credential.prefixes.is_empty()
        || credential.prefixes.iter().any(|prefix| value.starts_with(prefix.as_str()))
}

fn value<'h>(credential: &Credential, head: &'h Head<'_>) -> Option<Cow<'h, str>> {
    let value = match credential.place {
        CredentialPlace::Bearer => {
            let (kind, value) = header(head.headers, AUTHORIZATION.as_str())?.split_once(' ')?;
            let is_bearer =
                kind.eq_ignore_ascii_case("bearer") || kind.eq_ignore_ascii_case("token");
            Cow::Borrowed(Some(value.trim()).filter(|_| is_bearer)?)
        }
        CredentialPlace::Basic => {
            let (kind, value) = header(head.headers, AUTHORIZATION.as_str())?.split_once(' ')?;
            let pair = Some(value.trim()).filter(|_| kind.eq_ignore_ascii_case("basic"))?;
            let decoded = String::from_utf8(STANDARD.decode(pair).ok()?).ok()?;
            let user = decoded.split_once(':').map_or(&*decoded, |(user, _)| user);
            Cow::Owned(user.to_owned())
        }
        CredentialPlace::Header => Cow::Borrowed(header(head.headers, &credential.name)?),
        CredentialPlace::Query => {
            let given = pairs(head.uri.query()?).into_iter();
            Cow::Owned(
                given
                    .filter(|(name, _)| *name == credential.name)
                    .map(|(_, value)| value)
                    .next()?,
            )
        }
        CredentialPlace::Body => return None,
    };
    Some(value).filter(|value| !value.is_empty())
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// The end of a credential, as vendors show it.
fn end_of(value: &str) -> String {
    let letters = value.chars().count();
    value.chars().skip(letters.saturating_sub(SHOWN.min(letters / 2))).collect()
}
