//! What was decided before: findings turned down or rolled back, and fields that were removed and came back.

use std::collections::{BTreeMap, BTreeSet};

use models::{
    Calibration, FieldPath, Finding, Kind, Ledger, LedgerError, Place, State, Surface, in_force,
    without_parameter_names,
};

/// What a run has to know of earlier ones; all of it is read from the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// Fingerprints of findings turned down or rolled back, and not approved since.
    pub rejected: BTreeSet<String>,
    /// Calibrations that the last decision published was to undo, with how many findings each had.
    pub undone: Vec<(u64, usize)>,
    /// Fields whose removal was published, with how often they came back.
    pub removed: BTreeMap<Spot, u32>,
    /// Fields and statuses whose addition was published.
    pub added: BTreeSet<Spot>,
}

/// Where a field stands, whatever parameters are called; with the path of the root, a status.
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
        let published: Vec<Calibration> = ledger.published().collect::<Result<_, _>>()?;
        let standing = numbers(&published);
        let mut memory = Self { undone: undone(&published, &standing), ..Self::default() };
        for (number, state) in ledger.states() {
            match state {
                State::Published(_) if standing.contains(&number) => {
                    memory.take_published(&ledger.get(number)?.findings);
                }
                State::Published(_) | State::Rejected(_) => {
                    let findings = ledger.get(number)?.findings;
                    // Made anew: an older version's fingerprints are of another form.
                    memory.rejected.extend(findings.iter().map(Finding::fingerprint_of));
                }
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
                Kind::StatusAdded if finding.before.is_null() => {
                    self.added.insert(Spot::of(finding));
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

    /// Whether a calibration brought the field; at the root, the status.
    pub fn was_added(&self, place: &Place, path: &FieldPath) -> bool {
        self.added.contains(&Spot::at(place, path))
    }
}

/// Of the calibrations in force.
fn numbers(published: &[Calibration]) -> BTreeSet<u64> {
    in_force(published).iter().map(|one| one.number).collect()
}

/// What was in force before the rollbacks that were published last, and is no longer.
fn undone(published: &[Calibration], standing: &BTreeSet<u64>) -> Vec<(u64, usize)> {
    let is_made = |one: &Calibration| one.rolls_back.is_none();
    let made = published.iter().rposition(is_made).map_or(0, |last| last + 1);
    let before = in_force(&published[..made]).into_iter();
    let gone = before.filter(|one| !standing.contains(&one.number) && !one.findings.is_empty());
    gone.map(|one| (one.number, one.findings.len())).collect()
}
