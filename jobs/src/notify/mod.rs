//! Tells people: where to, of what, once.
//!
//! What is to be told is in the ledger before it is sent, so that a crash or a channel that is down
//! loses nothing, and what was told is not told again. A notice that cannot be sent fails no job.

mod channel;
mod deliver;
mod email;
mod message;
mod sender;
mod sign;
mod word;

pub(crate) use channel::TARGETS;
pub use channel::{
    Channel, Email, GithubCheck, GithubIssue, Occasion, Slack, SlackWay, Subscription, Target, Tls,
    Webhook,
};
pub use deliver::{Deliverer, DeliveryError, Environment};
pub use message::Message;
pub(crate) use sender::Sender;
pub use word::{Address, EnvName, MailAddress, MailServer, Repo};
