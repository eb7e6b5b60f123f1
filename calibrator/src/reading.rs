//! A window of the lake, as far as it has been read.

use std::collections::BTreeSet;

use observer::lake::{Lake, Segment};
use serde::{Deserialize, Serialize};

use crate::observe::{self, ObserveError, Since, Tally};

/// The exchanges of a twin from a time on, counted segment by segment.
///
/// What is counted depends on which segments were read and not on when or in what order, so a window
/// read at once and one read as its segments came are equal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The twin.
    pub twin: String,
    /// Data time from which exchanges count, microseconds since the epoch.
    pub since_us: Since,
    /// Ids of the segments read.
    segments: BTreeSet<String>,
    /// What they hold.
    tally: Tally,
}

impl Reading {
    /// Nothing of a window yet.
    pub fn new(twin: &str, since_us: Since) -> Self {
        Self { twin: twin.to_owned(), since_us, segments: BTreeSet::new(), tally: Tally::default() }
    }

    /// Reads the segments that came since; tells whether there were any.
    ///
    /// Where segments that were read are gone (the lake was compacted), the window is read anew.
    ///
    /// # Errors
    ///
    /// Where the lake cannot be read; what was read before stands.
    pub async fn advance(&mut self, lake: &Lake) -> Result<bool, ObserveError> {
        let segments = observe::segments(lake, &self.twin, self.since_us).await?;
        self.take(lake, &segments).await
    }

    /// As [`Reading::advance`], of these segments alone.
    ///
    /// # Errors
    ///
    /// As [`Reading::advance`].
    pub async fn take(&mut self, lake: &Lake, segments: &[Segment]) -> Result<bool, ObserveError> {
        let ids: BTreeSet<&str> = segments.iter().map(|one| one.id.as_str()).collect();
        let is_whole = self.segments.iter().all(|id| ids.contains(id.as_str()));
        let is_new = |one: &&Segment| !is_whole || !self.segments.contains(&one.id);
        let new: Vec<Segment> = segments.iter().filter(is_new).cloned().collect();
        if new.is_empty() && is_whole {
            return Ok(false);
        }
        let tally = Tally::read(lake, &new, self.since_us).await?;
        if !is_whole {
            *self = Self::new(&self.twin, self.since_us);
        }
        self.tally.merge(tally);
        self.segments.extend(new.into_iter().map(|one| one.id));
        Ok(true)
    }

    /// The segments read.
    pub(crate) async fn segments(&self, lake: &Lake) -> Result<Vec<Segment>, ObserveError> {
        let all = observe::segments(lake, &self.twin, self.since_us).await?;
        Ok(all.into_iter().filter(|one| self.segments.contains(&one.id)).collect())
    }

    /// What was counted.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }
}
