//! What is known already and not to be reported again.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::decide::Decision;
use crate::memory::Memory;
use crate::policy::{Policy, Suppression};

/// Leaves out findings that were turned down or that policy suppresses, and counts them.
pub(crate) struct Screen<'a> {
    twin: &'a str,
    memory: &'a Memory,
    suppressions: &'a [Suppression],
    /// The window's end: when suppressions are looked at.
    at: Option<DateTime<Utc>>,
    rejected: usize,
    /// By number of the suppression.
    suppressed: BTreeMap<usize, usize>,
}

impl<'a> Screen<'a> {
    pub(crate) fn new(
        twin: &'a str,
        policy: &'a Policy,
        memory: &'a Memory,
        at: Option<DateTime<Utc>>,
    ) -> Self {
        let suppressions = &policy.suppress;
        Self { twin, memory, suppressions, at, rejected: 0, suppressed: BTreeMap::new() }
    }

    /// Those that are news.
    pub(crate) fn pass(&mut self, decisions: Vec<Decision>) -> Vec<Decision> {
        decisions.into_iter().filter(|decision| self.is_news(decision)).collect()
    }

    fn is_news(&mut self, decision: &Decision) -> bool {
        if self.memory.rejected.contains(&decision.finding.fingerprint) {
            self.rejected += 1;
            return false;
        }
        let fits = |one: &Suppression| !one.is_expired(self.at) && one.fits(&decision.finding);
        match self.suppressions.iter().position(fits) {
            Some(number) => {
                *self.suppressed.entry(number).or_default() += 1;
                false
            }
            None => true,
        }
    }

    /// What was left out, and which suppressions count no more.
    pub(crate) fn notes(&self) -> Vec<String> {
        let of = |n: usize| if n == 1 { "1 finding".to_owned() } else { format!("{n} findings") };
        let mut notes = Vec::new();
        // The window begins after what it rested on, so that the run may see nothing of it.
        for (number, findings) in &self.memory.undone {
            let (twin, findings) = (self.twin, of(*findings));
            notes.push(format!("calibration {number} was rolled back: {findings} of it count as rejected and are not told again; `wt calibrations show {twin} {number}` lists them, `wt calibrations approve {twin} {number} --finding FINGERPRINT` publishes one after all"));
        }
        if self.rejected > 0 {
            notes.push(format!("{} rejected before: left out", of(self.rejected)));
        }
        for (number, one) in self.suppressions.iter().enumerate() {
            if let Some(count) = self.suppressed.get(&number) {
                notes.push(format!(
                    "{} suppressed until {}: {}",
                    of(*count),
                    one.until,
                    one.reason
                ));
            }
            if one.is_expired(self.at) {
                let Suppression { until, reason, .. } = one;
                notes.push(format!(
                    "the suppression of {until} has run out and counts no more: {reason}"
                ));
            }
        }
        notes
    }
}
