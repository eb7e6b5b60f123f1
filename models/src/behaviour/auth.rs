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
