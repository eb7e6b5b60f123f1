//! `twin.json`: what a twin is, and what of its behaviour its model does not say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Auth, Idempotency, LimitRule, Mode, Quirk, Webhooks};

/// `twin.json`.
///
/// # Source
///
/// The published fields are `name` to `discovered_from` (CHECKLIST, U04); the rest is ours.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TwinDocument {
    /// The twin's name.
    pub name: String,
    /// A whole number; N is version N.0.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Where production is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub base_url: String,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// A count or a list, as the published documents have it.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub endpoints_covered: Value,
    /// For people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub state_entities: Vec<String>,
    /// Names of the modes of `chaos.yaml`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chaos_modes: Vec<String>,
    /// Files the twin was discovered from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub discovered_from: Vec<String>,
    /// Where it listens unless the project says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_port: Option<u16>,
    /// Who may call.
    #[serde(skip_serializing_if = "is_default")]
    pub auth: Auth,
    /// How a call that is sent twice is made once; every call counts where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
    /// What the vendor does that nobody would expect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quirks: Vec<Quirk>,
    /// Rate limits beside the model's, by name; all that are for a route count at once.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, LimitRule>,
    /// The vendor's errors by cause; the model's own where one is not listed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub errors: BTreeMap<Cause, ErrorAnswer>,
    /// Headers of every answer. Texts may hold `{{…}}`: `base62:N`, `hex:N`, `uuid`,
    /// `request.HEADER`, `api_version`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// How collections are listed.
    #[serde(skip_serializing_if = "is_default")]
    pub lists: Lists,
    /// What is made of what requests say.
    #[serde(skip_serializing_if = "is_default")]
    pub requests: RequestRules,
    /// The parameter that names references to be shown whole (`expand[]=customer`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expand: Option<String>,
    /// Whether answers to reads carry an entity tag (`ETag`), and 304 tells who has it already.
    #[serde(skip_serializing_if = "is_default")]
    pub etags: bool,
    /// Collections whose items are still shown when they are deleted, as `{id, deleted: true}`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tombstones: Vec<String>,
    /// The field that holds the address of an item itself (`url`): of one the engine makes, where the
    /// model has that field, the address it was made at and its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_address: Option<String>,
    /// Fields that are shown in the answer to the request that made them and never again, by
    /// collection.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub shown_once: BTreeMap<String, Vec<String>>,
    /// Whose state a request is for, where not the caller's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owners: Option<Owners>,
    /// How much of the vendor's API there is.
    #[serde(skip_serializing_if = "is_default")]
    pub coverage: Coverage,
    /// What is sent on its own.
    #[serde(skip_serializing_if = "is_default")]
    pub webhooks: Webhooks,
}

/// How much of a vendor's API a twin has. Routes with a handler behave; of the others it says here
/// which the engine answers from state as the vendor does. The rest have their shape only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Coverage {
    /// Collections whose routes behave, with those of their items: `/v1/customers`.
    pub behavioural: Vec<String>,
    /// Paths the vendor has and the model does not; `*` for what follows.
    pub absent: Vec<String>,
}

/// Accounts within the account: each has all collections for itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owners {
    /// The header that names one, in small letters: `stripe-account`.
    pub header: String,
    /// The collection they are in: `/v1/accounts`.
    pub collection: String,
}

/// What is made of what requests say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of a document by itself")]
pub struct RequestRules {
    /// An empty text takes a field's value away, and a key out of a map.
    pub empty_unsets: bool,
    /// A parameter the route does not have is an error.
    pub refuse_unknown: bool,
    /// A Lua handler judges what it is sent, and the model does not: for vendors whose errors differ
    /// from route to route.
    pub handlers_judge: bool,
    /// Only the outermost fields of a body are judged, and no query: for vendors that take more than
    /// their descriptions say.
    pub outermost: bool,
}

/// How collections are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lists {
    /// Whether the newest item comes first.
    pub newest_first: bool,
    /// Items on a page where the request does not say; 100 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Items on a page whatever it says; 1000 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_max: Option<usize>,
    /// Collections nothing can be created in whose items exist unasked (`/v1/country_specs`); all
    /// such collections where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given: Option<Vec<String>>,
}

/// Why a request is not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// No credential.
    MissingAuth,
    /// A credential that is none of the vendor's.
    BadAuth,
    /// A credential that was good once; `bad_auth` where it is not listed.
    ExpiredAuth,
    /// No route has the path.
    AbsentRoute,
    /// The path has other methods.
    MethodNotAllowed,
    /// What the path names does not exist.
    NotFound,
    /// What was sent is not what the route takes.
    BadRequest,
    /// A parameter that has to be there is not; `bad_request` where it is not listed.
    MissingParameter,
    /// A parameter is one the route does not have; `bad_request` where it is not listed.
    UnknownParameter,
    /// A parameter is of another type; `bad_request` where it is not listed.
    InvalidParameter,
    /// A parameter is none of the words it may be; `invalid_parameter` where it is not listed.
    InvalidChoice,
    /// The account a request is made for is not one of the caller's; `not_found` where it is not
    /// listed.
    UnknownOwner,
    /// The id asked for is taken.
    Conflict,
    /// `state-machine.yaml` has no way from the present state to the one asked for; `bad_request`
    /// where it is not listed. `{{from}}` and `{{to}}` are the states.
    ForbiddenTransition,
    /// A constraint of `state-machine.yaml` does not hold; `bad_request` where it is not listed.
    BrokenConstraint,
    /// Another request came under the same idempotency key.
    IdempotencyMismatch,
    /// The first request under the key is still under way.
    IdempotencyInFlight,
    /// A rate limit is used up. `{{scope}}` is its name, `{{limit}}`, `{{window}}` and `{{retry}}` its numbers, the last two in
    /// seconds.
    RateLimited,
    /// The body is larger than the twin takes.
    TooLarge,
    /// The body did not arrive in time.
    TooSlow,
    /// The twin's own fault, or one made on purpose.
    Internal,
}

/// How a vendor says one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorAnswer {
    /// The answer's status.
    pub status: u16,
    /// Its body, JSON. Texts may hold `{{message}}`, `{{code}}` (a word for the cause), `{{what}}` (the noun of the path), `{{kind}}` (its
    /// singular), `{{id}}`,
    /// `{{method}}`, `{{path}}`, `{{credential}}` (its end), of a parameter `{{param}}`, `{{type}}`, `{{choices}}` and
    /// `{{value}}`, and draws (`hex:N`, `uuid`).
    #[serde(default)]
    pub body: Value,
    /// Its headers, with the same holes.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn unknown_mode(name: &str) -> Option<String> {
    let known = serde_json::from_value::<Mode>(name.into());
    known.err().map(|error| format!("`chaos_modes`: {error}"))
}

impl TwinDocument {
    /// What is wrong with it, if anything: the field and why.
    pub fn problem(&self) -> Option<String> {
        let status = |(cause, answer): (&Cause, &ErrorAnswer)| {
            (!(100..=599).contains(&answer.status))
                .then(|| format!("`errors.{cause:?}.status` is {}, no HTTP status", answer.status))
        };
        self.errors
            .iter()
            .find_map(status)
            .or_else(|| Some(format!("`auth`: {}", self.auth.problem()?)))
            .or_else(|| {
                self.limits
                    .iter()
                    .find_map(|(name, one)| Some(format!("`limits.{name}`: {}", one.problem()?)))
            })
            .or_else(|| {
                self.quirks.iter().find_map(|one| Some(format!("`quirks`: {}", one.problem()?)))
            })
            .or_else(|| self.chaos_modes.iter().find_map(|name| unknown_mode(name)))
            .or_else(|| Some(format!("`webhooks`: {}", self.webhooks.problem()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_document_is_read_and_written_as_it_is() {
        let text = r#"{"name":"jira","version":2,"base_url":"https://api.atlassian.com","description":"issues",
            "endpoints_covered":["GET /issue"],"state_entities":["issue"],"chaos_modes":["latency"],"discovered_from":["src/jira.ts"]}"#;
        let document: TwinDocument = serde_json::from_str(text).unwrap();
        let written: Value = serde_json::to_value(&document).unwrap();
        assert_eq!(written, serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(document.problem(), None);
    }

    #[test]
    fn a_member_that_is_not_known_is_an_error() {
        let error = serde_json::from_str::<TwinDocument>(r#"{"nmae":"x"}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `nmae`"));
    }
}
