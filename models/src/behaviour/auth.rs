//! `auth` and `idempotency` of `twin.json`: who may call, and how a call is made once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Who may call. Where no credential is listed, everybody may.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// Where a credential may stand; one of them suffices.
    pub credentials: Vec<Credential>,
    /// Routes that need none, as the model writes them: `POST /oauth.v2.access`.
    pub open: Vec<String>,
    /// Tokens given out for a client's own credentials. What is given out is taken as a bearer
    /// until it expires; of `credentials`, those with prefixes are taken beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oauth: Option<OAuth>,
    /// A signature that every request has to carry, beside its credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<SignedRequests>,
}

/// The client credentials grant.
///
/// # Source
///
/// RFC 6749 §4.4 (the grant), §2.3.1 (where the client's credentials stand), §5.2 (errors).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuth {
    /// Where tokens are asked for, `POST /oauth/token`; the model need not have it.
    pub route: String,
    /// Secrets by client; any client gets a token where there are none.
    #[serde(default)]
    pub clients: BTreeMap<String, String>,
    /// How long a token is good for, on the session's clock.
    #[serde(default = "an_hour")]
    pub expires_seconds: u64,
    /// What a token begins with.
    #[serde(default)]
    pub prefix: String,
}

const fn an_hour() -> u64 {
    3600
}

/// How requests are signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedRequests {
    /// The header with the signature.
    pub header: String,
    /// What stands before it there: `v0=`.
    #[serde(default)]
    pub prefix: String,
    /// What is signed. Holes: `{{timestamp}}`, `{{method}}`, `{{path}}` (with the query), `{{host}}`, `{{body}}`.
    #[serde(default = "body_alone")]
    pub payload: String,
    /// The header with the time, seconds or milliseconds since the Unix epoch; none is asked for where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp_header: Option<String>,
    /// By how much that time may differ from the twin's.
    #[serde(default = "five_minutes")]
    pub tolerance_seconds: u64,
    /// The digest.
    #[serde(default)]
    pub digest: MacDigest,
    /// How it is written.
    #[serde(default)]
    pub encoding: MacEncoding,
    /// The key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Environment variable that stands above `secret`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_env: Option<String>,
}

/// Digests of a signature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MacDigest {
    /// HMAC-SHA256.
    #[default]
    Sha256,
    /// HMAC-SHA1.
    Sha1,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MacEncoding {
    /// In base 16, small letters.
    #[default]
    Hex,
    /// In base 64.
    Base64,
}

fn body_alone() -> String {
    "{{body}}".to_owned()
}

const fn five_minutes() -> u64 {
    300
}

impl Auth {
    /// What is wrong with it, if anything: the member and why.
    pub fn problem(&self) -> Option<String> {
        if let Some(oauth) = self.oauth.as_ref().filter(|oauth| !oauth.route.contains(" /")) {
            return Some(format!("`oauth.route` is {:?}, not as `POST /path`", oauth.route));
        }
        let signed = self.signed.as_ref()?;
        if signed.secret.is_none() && signed.secret_env.is_none() {
            return Some("`signed` has neither `secret` nor `secret_env`".to_owned());
        }
        let timed = signed.payload.contains("{{timestamp}}") && signed.timestamp_header.is_none();
        timed.then(|| "`signed.payload` has a time, and `timestamp_header` is absent".to_owned())
    }
}

/// One place of a credential, and what it looks like there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// Where it stands.
    pub place: CredentialPlace,
    /// Name of the header, query parameter or form field; `authorization` where absent.
    #[serde(default = "authorization")]
    pub name: String,
    /// What a value begins with, one of them: `sk_test_`. Any value will do where there are none.
    #[serde(default)]
    pub prefixes: Vec<String>,
}

/// Where a credential stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialPlace {
    /// `Authorization: Bearer VALUE`; `token VALUE` is taken for the same.
    Bearer,
    /// `Authorization: Basic`, where the user's name is the value; the password may be empty.
    Basic,
    /// A header of its own.
    Header,
    /// A query parameter.
    Query,
    /// A field of the body, form or JSON.
    Body,
}

fn authorization() -> String {
    "authorization".to_owned()
}

/// How a call that is sent twice is made once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Idempotency {
    /// The header that names the call.
    #[serde(default = "idempotency_key")]
    pub header: String,
    /// Methods it counts for.
    #[serde(default = "post")]
    pub methods: Vec<String>,
    /// How long an answer is kept, on the twin's clock.
    #[serde(default = "a_day")]
    pub ttl_seconds: u64,
    /// Headers of an answer that is given again.
    #[serde(default)]
    pub replayed: BTreeMap<String, String>,
}

fn idempotency_key() -> String {
    "idempotency-key".to_owned()
}

fn post() -> Vec<String> {
    vec!["POST".to_owned()]
}

const fn a_day() -> u64 {
    86_400
}
