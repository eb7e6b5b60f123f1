//! How a twin behaves beyond its model: documents beside `model/` in a twin's folder.

mod chaos;
mod events;
mod read;
mod webhooks;

pub use chaos::{Chaos, ChaosConfig, ChaosMode, ChaosRule, Distribution, Mode};
pub use events::{Events, Names};
pub use read::BehaviourError;
pub use webhooks::{Content, Ids, Knobs, Order, Registration, Retry, Scheme, Signature, Webhooks};
