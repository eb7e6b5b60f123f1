//! What is told.

use serde::{Deserialize, Serialize};

use super::Occasion;

/// One thing to tell, the same whatever the channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Why.
    pub occasion: Occasion,
    /// Of which twin, where it is about one.
    pub twin: Option<String>,
    /// One line.
    pub title: String,
    /// The rest.
    pub text: String,
}
