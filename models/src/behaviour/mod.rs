//! How a twin behaves beyond its model: documents beside `model/` in a twin's folder.

mod auth;
mod chaos;
mod constraint;
mod effect;
mod events;
mod limits;
mod load;
mod machine;
mod quirk;
mod route_error;
mod routes;
mod scripts;
mod shorthand;
mod span;
mod trigger;
mod twin;
mod webhooks;

pub use auth::{
    Auth, Credential, CredentialPlace, Idempotency, MacDigest, MacEncoding, OAuth, SignedRequests,
};
pub use chaos::{Chaos, ChaosConfig, ChaosMode, ChaosRule, Distribution, Mode};
pub use constraint::{Constraint, Deletion, Unique};
pub use effect::{Effect, EffectVerb};
pub use events::{Events, Names};
pub use limits::{LimitRule, LimitStyle};
pub use load::{Behaviour, BehaviourError};
pub use machine::{Machine, Machines, Said, States, Transition};
pub use quirk::{Confirmation, Quirk, QuirkImplementation, QuirkKind, Severity};
pub use route_error::{Condition, RouteError};
pub use routes::{RequestSchema, RouteRule, Routes};
pub use scripts::Scripts;
pub use shorthand::{Scalar, Shorthand};
pub use span::Span;
pub use trigger::Trigger;
pub use twin::{Cause, Coverage, ErrorAnswer, Lists, Owners, RequestRules, TwinDocument};
pub use webhooks::{Content, Ids, Knobs, Order, Registration, Retry, Scheme, Signature, Webhooks};
