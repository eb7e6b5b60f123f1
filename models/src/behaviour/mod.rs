//! How a twin behaves beyond its model: documents beside `model/` in a twin's folder.

mod auth;
mod chaos;
mod events;
mod load;
mod routes;
mod scripts;
mod twin;
mod webhooks;

pub use auth::{Auth, Credential, CredentialPlace, Idempotency};
pub use chaos::{Chaos, ChaosConfig, ChaosMode, ChaosRule, Distribution, Mode};
pub use events::{Events, Names};
pub use load::{Behaviour, BehaviourError};
pub use routes::{RouteRule, Routes};
pub use scripts::Scripts;
pub use twin::{Cause, ErrorAnswer, Lists, RequestRules, TwinDocument};
pub use webhooks::{Content, Ids, Knobs, Order, Registration, Retry, Scheme, Signature, Webhooks};
