//! What became of one limit.

use crate::RateLimit;

/// What the traffic says about one scope's limit.
#[derive(Debug, Clone, PartialEq)]
pub enum LimitVerdict {
    /// The prior explains what was seen.
    Unchanged {
        /// The prior's name.
        scope: String,
        /// The prior.
        limit: RateLimit,
        /// What it rests on.
        evidence: LimitEvidence,
    },
    /// Production follows another limit than the prior.
    Changed {
        /// The prior's name.
        scope: String,
        /// The prior.
        before: RateLimit,
        /// The limit that explains most.
        after: RateLimit,
        /// Others that explain as much, within two nats; best first, without `after`.
        alternatives: Vec<RateLimit>,
        /// Calls the prior would have decided otherwise.
        decided_otherwise: u64,
        /// Whether headers state it; otherwise it is inferred from refusals.
        stated: bool,
        /// What it rests on; its times span the new limit only.
        evidence: LimitEvidence,
    },
    /// Nothing was refused and no header speaks, so at least this much is allowed. Where
    /// `decided_otherwise` is five or more, the prior's limit has been raised.
    OnlyLowerBound {
        /// The prior's name, else `default`.
        scope: String,
        /// The prior, where there is one.
        before: Option<RateLimit>,
        /// The most calls seen within one window.
        at_least: u64,
        /// The prior's window, else 60; seconds.
        window_seconds: f64,
        /// Accepted calls the prior would have refused.
        decided_otherwise: u64,
        /// What it rests on.
        evidence: LimitEvidence,
    },
    /// A limit of which the prior says nothing: a note, not a change.
    NewScope {
        /// The vendor's name, else `default`, or `unstated` beside stated scopes.
        scope: String,
        /// The limit that explains most.
        limit: RateLimit,
        /// As in `Changed`.
        alternatives: Vec<RateLimit>,
        /// Whether headers state it.
        stated: bool,
        /// What it rests on.
        evidence: LimitEvidence,
    },
    /// Neither the prior nor any candidate explains what was seen, or there is too little.
    CannotTell {
        /// The prior's name, else `default`.
        scope: String,
        /// Why.
        reason: Reason,
        /// What was looked at.
        evidence: LimitEvidence,
    },
}

impl LimitVerdict {
    /// The scope's name.
    pub fn scope(&self) -> &str {
        match self {
            Self::Unchanged { scope, .. }
            | Self::Changed { scope, .. }
            | Self::OnlyLowerBound { scope, .. }
            | Self::NewScope { scope, .. }
            | Self::CannotTell { scope, .. } => scope,
        }
    }

    /// What it rests on.
    pub fn evidence(&self) -> &LimitEvidence {
        match self {
            Self::Unchanged { evidence, .. }
            | Self::Changed { evidence, .. }
            | Self::OnlyLowerBound { evidence, .. }
            | Self::NewScope { evidence, .. }
            | Self::CannotTell { evidence, .. } => evidence,
        }
    }
}

/// Why there is no verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No call, or none that reached the vendor.
    NoCalls,
    /// The calls refused do not follow any limiter of the list: the key may be used elsewhere too, or
    /// several limits may act together.
    Unexplained,
    /// A lower limit would explain it, and so would traffic on the same keys that was not seen.
    PerhapsUnseenTraffic,
}

/// The counts and times behind a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LimitEvidence {
    /// Calls that reached the vendor.
    pub calls: u64,
    /// Of these, refused.
    pub throttled: u64,
    /// Of the calls, those whose headers state this scope's limit.
    pub stated: u64,
    /// Distinct callers.
    pub callers: u64,
    /// The first call; microseconds since the Unix epoch.
    pub first_us: Option<i64>,
    /// The last.
    pub last_us: Option<i64>,
}
