//! Requests that are not granted.

use std::time::Duration;

use http::StatusCode;
use models::behaviour::Cause;

/// Why a request is not granted. How it is said is up to the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No route has the path.
    NoRoute,
    /// The path has other methods.
    OtherMethods(String),
    /// What the path names does not exist.
    NotFound { what: String, id: String },
    /// The account the request is made for is not there, or not the caller's.
    NoOwner { id: String },
    /// What was sent is not what the route takes.
    BadRequest(String),
    /// One parameter is not what the route takes.
    Parameter(Parameter),
    /// The id asked for is taken.
    Conflict { id: String },
    /// The entity's machine has no way from one state to another.
    NoTransition { what: String, id: String, from: String, to: String },
    /// A constraint on the entity does not hold.
    Broken { field: String, message: String },
    /// Another refusal, with the status and the text that the route has for it.
    Restated { status: u16, message: Option<String>, refusal: Box<Refusal> },
    /// A rate limit is used up.
    TooMany { limit: Box<UsedUp> },
    /// The body is larger than the twin takes.
    TooLarge { bytes_max: usize },
    /// The body did not arrive in time.
    TooSlow,
    /// The twin's memory is spent.
    Full,
    /// A Lua handler says so.
    Said { status: StatusCode, code: String, message: String },
    /// Made to fail on purpose.
    Injected { status: StatusCode },
    /// There is no credential.
    MissingAuth,
    /// The credential is none of the vendor's; its end.
    BadAuth { shown: String },
    /// The credential was good once; its end.
    ExpiredAuth { shown: String },
    /// Another request came under the idempotency key.
    OtherCall { key: String },
    /// The first request under the key is still under way.
    UnderWay { key: String },
}

/// A rate limit that is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UsedUp {
    pub(crate) name: String,
    pub(crate) limit: u64,
    pub(crate) window: Duration,
    /// Until a request may succeed.
    pub(crate) retry: Duration,
    /// The vendor's own status for it, where it has one.
    pub(crate) status: Option<u16>,
}

/// What is wrong with one parameter of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameter {
    /// `card[number]`.
    pub(crate) name: String,
    pub(crate) fault: ParameterFault,
}

/// How a parameter is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ParameterFault {
    Missing,
    Unknown,
    /// It is of another type than the one that is named.
    Invalid {
        wanted: &'static str,
        value: String,
    },
    /// It is of the right type, and not what it has to be.
    Unfit {
        /// As it stands after "must be".
        wanted: String,
        value: String,
    },
    /// It is none of the words it may be.
    NoChoice {
        choices: String,
        value: String,
    },
}

impl std::fmt::Display for Parameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = &self.name;
        match self.fault {
            ParameterFault::Missing => write!(f, "missing required field: {name}"),
            ParameterFault::Unknown => write!(f, "unknown field: {name}"),
            ParameterFault::Invalid { .. } => write!(f, "invalid value for field: {name}"),
            ParameterFault::Unfit { ref wanted, .. } => {
                write!(f, "invalid value for field: {name} must be {wanted}")
            }
            ParameterFault::NoChoice { ref choices, .. } => {
                write!(f, "invalid value for field: {name} must be one of {choices}")
            }
        }
    }
}

impl Refusal {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Restated { status, refusal, .. } => {
                StatusCode::from_u16(*status).unwrap_or_else(|_| refusal.status())
            }
            Self::NoRoute | Self::NotFound { .. } | Self::NoOwner { .. } => StatusCode::NOT_FOUND,
            Self::OtherMethods(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::BadRequest(_)
            | Self::Parameter(_)
            | Self::OtherCall { .. }
            | Self::NoTransition { .. }
            | Self::Broken { .. } => StatusCode::BAD_REQUEST,
            Self::Conflict { .. } | Self::UnderWay { .. } => StatusCode::CONFLICT,
            Self::MissingAuth | Self::BadAuth { .. } | Self::ExpiredAuth { .. } => {
                StatusCode::UNAUTHORIZED
            }
            Self::TooMany { limit } => {
                let own = limit.status.and_then(|status| StatusCode::from_u16(status).ok());
                own.unwrap_or(StatusCode::TOO_MANY_REQUESTS)
            }
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Full => StatusCode::INSUFFICIENT_STORAGE,
            Self::Injected { status } | Self::Said { status, .. } => *status,
        }
    }

    /// The status the model's own answer may have instead, where it has none for the first.
    pub(crate) const fn other_status(&self) -> Option<StatusCode> {
        match self {
            Self::BadRequest(_) | Self::Parameter(_) => Some(StatusCode::UNPROCESSABLE_ENTITY),
            Self::NoTransition { .. } | Self::Broken { .. } => {
                Some(StatusCode::UNPROCESSABLE_ENTITY)
            }
            Self::Conflict { .. } => Some(StatusCode::BAD_REQUEST),
            _ => None,
        }
    }

    /// A word for it.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::NoRoute | Self::NotFound { .. } | Self::NoOwner { .. } => "not_found",
            Self::OtherMethods(_) => "method_not_allowed",
            Self::Conflict { .. } => "already_exists",
            Self::TooLarge { .. } => "payload_too_large",
            Self::TooSlow => "request_timeout",
            Self::Full => "storage_full",
            Self::TooMany { .. } => "rate_limited",
            Self::Injected { status } if status.as_u16() == 429 => "rate_limited",
            Self::Injected { status } if status.as_u16() >= 500 => "internal_error",
            Self::MissingAuth | Self::BadAuth { .. } | Self::ExpiredAuth { .. } => "unauthorized",
            Self::Said { code, .. } => code,
            Self::Restated { refusal, .. } => refusal.code(),
            Self::NoTransition { .. } => "invalid_state",
            Self::OtherCall { .. } => "idempotency_error",
            Self::UnderWay { .. } => "idempotency_key_in_use",
            Self::BadRequest(_)
            | Self::Parameter(_)
            | Self::Broken { .. }
            | Self::Injected { .. } => "invalid_request",
        }
    }

    /// Vendors' words for it, the best first.
    pub(crate) fn hints(&self) -> &'static [&'static str] {
        match self {
            Self::Restated { refusal, .. } => refusal.hints(),
            Self::NoTransition { .. } => {
                &["invalid_state", "state", "invalid_request", "validation", "invalid"]
            }
            Self::NoRoute | Self::NotFound { .. } | Self::NoOwner { .. } => {
                &["not_found", "missing", "unknown", "invalid_request", "invalid"]
            }
            Self::OtherMethods(_) => {
                &["method_not_allowed", "method", "invalid_request", "invalid"]
            }
            Self::BadRequest(_)
            | Self::Parameter(_)
            | Self::TooLarge { .. }
            | Self::TooSlow
            | Self::Broken { .. }
            | Self::Said { .. } => &["invalid_request", "validation", "bad_request", "invalid"],
            Self::OtherCall { .. } | Self::UnderWay { .. } => {
                &["idempotency", "conflict", "invalid_request", "invalid"]
            }
            Self::MissingAuth | Self::BadAuth { .. } | Self::ExpiredAuth { .. } => {
                &["unauthorized", "authentication", "invalid_request", "invalid"]
            }
            Self::Conflict { .. } => &["already_exists", "conflict", "duplicate", "invalid"],
            Self::TooMany { .. } => &["rate_limit", "too_many", "quota", "invalid_request"],
            Self::Injected { status } if status.as_u16() == 429 => {
                &["rate_limit", "too_many", "quota", "invalid_request"]
            }
            Self::Injected { status } if status.as_u16() < 500 => {
                &["invalid_request", "bad_request", "invalid"]
            }
            Self::Full | Self::Injected { .. } => &["api_error", "internal", "server"],
        }
    }

    pub(crate) fn message(&self) -> String {
        match self {
            Self::NoRoute => "no such endpoint".to_owned(),
            Self::OtherMethods(allow) => format!("method not allowed, expected one of {allow}"),
            Self::NotFound { what, id } => format!("no such {what}: {id}"),
            Self::NoOwner { id } => format!("no such account: {id}"),
            Self::BadRequest(why) | Self::Said { message: why, .. } => why.clone(),
            Self::Parameter(parameter) => parameter.to_string(),
            Self::Restated { message, refusal, .. } => {
                message.clone().unwrap_or_else(|| refusal.message())
            }
            Self::NoTransition { what, id, from, to } => {
                format!("{what} {id} is {from} and cannot become {to}")
            }
            Self::Broken { message, .. } => message.clone(),
            Self::Conflict { id } => format!("{id} already exists"),
            Self::TooMany { .. } => "too many requests".to_owned(),
            Self::TooLarge { bytes_max } => format!("the body is larger than {bytes_max} bytes"),
            Self::TooSlow => "the request's body did not arrive in time".to_owned(),
            Self::Injected { status } => {
                format!("{} (injected)", status.canonical_reason().unwrap_or("failure"))
            }
            Self::Full => "the twin's memory is spent: reset it, or delete something".to_owned(),
            Self::MissingAuth => "no API key was given".to_owned(),
            Self::BadAuth { shown } => format!("the API key ending in {shown} is not valid"),
            Self::ExpiredAuth { shown } => format!("the API key ending in {shown} has expired"),
            Self::OtherCall { key } => {
                format!("the idempotency key {key} was used for another request")
            }
            Self::UnderWay { key } => {
                format!("the first request with the idempotency key {key} is still under way")
            }
        }
    }

    /// The parameter that is wrong, where it is one.
    pub(crate) fn parameter(&self) -> Option<&str> {
        match self {
            Self::Parameter(parameter) => Some(&parameter.name),
            Self::Broken { field, .. } => Some(field),
            Self::Restated { refusal, .. } => refusal.parameter(),
            _ => None,
        }
    }

    /// The word for it in `errors` of `twin.json`.
    pub(crate) fn cause(&self) -> Cause {
        match self {
            Self::NoRoute => Cause::AbsentRoute,
            Self::OtherMethods(_) => Cause::MethodNotAllowed,
            Self::NotFound { .. } => Cause::NotFound,
            Self::NoOwner { .. } => Cause::UnknownOwner,
            Self::BadRequest(_) => Cause::BadRequest,
            Self::Parameter(parameter) => match parameter.fault {
                ParameterFault::Missing => Cause::MissingParameter,
                ParameterFault::Unknown => Cause::UnknownParameter,
                ParameterFault::Invalid { .. } | ParameterFault::Unfit { .. } => {
                    Cause::InvalidParameter
                }
                ParameterFault::NoChoice { .. } => Cause::InvalidChoice,
            },
            Self::Restated { refusal, .. } => refusal.cause(),
            Self::NoTransition { .. } => Cause::ForbiddenTransition,
            Self::Broken { .. } => Cause::BrokenConstraint,
            Self::Conflict { .. } => Cause::Conflict,
            Self::TooMany { .. } => Cause::RateLimited,
            Self::TooLarge { .. } => Cause::TooLarge,
            Self::TooSlow => Cause::TooSlow,
            Self::Said { status, .. } => said(*status),
            Self::Injected { status } if status.as_u16() == 429 => Cause::RateLimited,
            Self::Full | Self::Injected { .. } => Cause::Internal,
            Self::MissingAuth => Cause::MissingAuth,
            Self::BadAuth { .. } => Cause::BadAuth,
            Self::ExpiredAuth { .. } => Cause::ExpiredAuth,
            Self::OtherCall { .. } => Cause::IdempotencyMismatch,
            Self::UnderWay { .. } => Cause::IdempotencyInFlight,
        }
    }
}

/// The vendor's errors that a handler's status is one of.
fn said(status: StatusCode) -> Cause {
    match status.as_u16() {
        404 => Cause::NotFound,
        409 => Cause::Conflict,
        429 => Cause::RateLimited,
        500.. => Cause::Internal,
        _ => Cause::BadRequest,
    }
}
