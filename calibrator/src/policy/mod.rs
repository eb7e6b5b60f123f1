//! What it takes for a difference to count as drift, and what is done about it: `drift.toml`.

mod document;
mod pattern;
mod rule;
mod suppress;
mod thresholds;

use models::{Finding, Window};

pub use document::PolicyError;
pub use rule::{Rule, Severity};
pub use suppress::Suppression;
pub use thresholds::Thresholds;

/// A twin's policy, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// When a difference is settled.
    pub decide: Thresholds,
    /// What publishes itself: whatever some rule fits.
    pub publish: Vec<Rule>,
    /// What is known and not to be reported.
    pub suppress: Vec<Suppression>,
    /// How what is published reaches callers; all at once where there is none.
    pub canary: Option<Canary>,
}

/// To a part of the callers first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Canary {
    /// Above 0, below 1.
    pub share: f64,
    /// Wall time after which a later run promotes it to all.
    pub promote_after: chrono::TimeDelta,
}

impl Policy {
    /// The annotated text of the policy in force without a `drift.toml`.
    pub const DEFAULT: &str = include_str!("default.toml");

    /// Reads a `drift.toml`; `file` is for messages. What it leaves out is as in
    /// [`Policy::DEFAULT`].
    ///
    /// # Errors
    ///
    /// Where it is no TOML, has a member that a policy has not, or a value it cannot have; line and
    /// member are named.
    pub fn parse(text: &str, file: &str) -> Result<Self, PolicyError> {
        document::parse(text, file)
    }

    /// Whether a finding publishes itself, in a window of data time.
    pub fn publishes(&self, finding: &Finding, window: &Window) -> bool {
        self.publish.iter().any(|rule| rule.fits(finding, window))
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::parse(Self::DEFAULT, "default.toml").expect("the file is tested to be a policy")
    }
}
