//! What was decided before: findings turned down, and fields that were removed and came back.

use std::collections::{BTreeMap, BTreeSet};

use models::{
    FieldPath, Finding, Kind, Ledger, LedgerError, Place, State, Surface, without_parameter_names,
};

/// What a run has to know of earlier ones; all of it is read from the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// Fingerprints of findings turned down and not approved since.
    pub rejected: BTreeSet<String>,
    /// Fields whose removal was published, with how often they came back.
    pub removed: BTreeMap<Spot, u32>,
    /// Fields whose addition was published.
    pub added: BTreeSet<Spot>,
}

/// Where a field stands, whatever parameters are called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    surface: Surface,
    route: Option<String>,
    status: Option<u16>,
    event: Option<String>,
    path: String,
}

impl Spot {
    /// Of a finding.
    pub fn of(finding: &Finding) -> Self {
        Self {
            surface: finding.surface,
            route: finding.route.as_deref().map(without_parameter_names),
            status: finding.status,
            event: finding.event.clone(),
            path: finding.path.clone(),
        }
    }

    fn at(place: &Place, path: &FieldPath) -> Self {
        Self {
            surface: place.surface,
            route: place.route.as_deref().map(without_parameter_names),
            status: place.status,
            event: place.event.clone(),
            path: path.to_string(),
        }
    }
}

impl Memory {
    /// Reads it from a ledger.
    ///
    /// # Errors
    ///
    /// Where a calibration does not verify.
    pub fn of(ledger: &Ledger) -> Result<Self, LedgerError> {
        let mut memory = Self::default();
        for (number, state) in ledger.states() {
            match state {
                State::Rejected(_) => {
                    let findings = ledger.get(number)?.findings;
                    // Made anew: an older version's fingerprints are of another form.
                    memory.rejected.extend(findings.iter().map(Finding::fingerprint_of));
                }
                State::Published(_) => memory.take_published(&ledger.get(number)?.findings),
                State::Proposed | State::Canary { .. } | State::Superseded { .. } => {}
            }
        }
        Ok(memory)
    }

    fn take_published(&mut self, findings: &[Finding]) {
        for finding in findings {
            self.rejected.remove(&finding.fingerprint_of());
            match finding.kind {
                Kind::FieldRemoved => {
                    self.removed.entry(Spot::of(finding)).or_default();
                }
                Kind::FieldAdded => {
                    self.added.insert(Spot::of(finding));
                    if let Some(times) = self.removed.get_mut(&Spot::of(finding)) {
                        *times += 1;
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether a new field is one that was removed before.
    pub fn is_return(&self, finding: &Finding) -> bool {
        finding.kind == Kind::FieldAdded && self.removed.contains_key(&Spot::of(finding))
    }

    /// How many times more is asked before a field is removed (again): double each time it came back.
    pub fn caution_at(&self, place: &Place, path: &FieldPath) -> f64 {
        let times = self.removed.get(&Spot::at(place, path)).copied().unwrap_or(0);
        2_f64.powi(times.min(30).cast_signed())
    }

    /// Whether a calibration brought the field.
    pub fn was_added(&self, place: &Place, path: &FieldPath) -> bool {
        self.added.contains(&Spot::at(place, path))
    }
}
