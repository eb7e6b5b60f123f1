//! Whom a change concerns.

use models::{Finding, Kind, Surface};

use crate::outline::{self, Item};

/// The part of an application that meets a change first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Audience {
    /// It reads what the vendor answers.
    Readers,
    /// It decides what is asked, and how often.
    Senders,
    /// It is called by the vendor.
    Receivers,
}

impl Audience {
    pub(crate) const ALL: [Self; 3] = [Self::Readers, Self::Senders, Self::Receivers];

    /// Who has to look at a finding. A route that is gone and a limit concern who calls; all else
    /// the side the change is on.
    pub(crate) fn of(finding: &Finding) -> Self {
        match (finding.kind, finding.surface) {
            (Kind::RouteRemoved | Kind::RouteAdded | Kind::RateLimitChanged, _)
            | (_, Surface::Request) => Self::Senders,
            (_, Surface::Response) => Self::Readers,
            (_, Surface::Webhook) => Self::Receivers,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Readers => "clients that read",
            Self::Senders => "clients that send",
            Self::Receivers => "webhook receivers",
        }
    }
}

/// How many changes concern an audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Severity {
    pub(crate) audience: Audience,
    /// Changes that may break it, a folded one counted once.
    pub(crate) breaking: usize,
    /// All changes.
    pub(crate) all: usize,
}

/// A row for each audience, in the order of [`Audience::ALL`].
pub(crate) fn severity(findings: &[Finding]) -> [Severity; 3] {
    let items = outline::folded(findings);
    Audience::ALL.map(|audience| {
        let of_it: Vec<&Item<'_>> =
            items.iter().filter(|item| Audience::of(item.finding) == audience).collect();
        let breaking = of_it.iter().filter(|item| item.breaking()).count();
        Severity { audience, breaking, all: of_it.len() }
    })
}

/// `4 for clients that read, 2 for clients that send`; empty where nothing breaks.
pub(crate) fn breaking_for(findings: &[Finding]) -> String {
    let rows = severity(findings).into_iter().filter(|row| row.breaking > 0);
    let phrases: Vec<_> =
        rows.map(|row| format!("{} for {}", row.breaking, row.audience.name())).collect();
    phrases.join(", ")
}
