//! Findings held against the truth: right, wrong, missed, and what is neither.

use std::collections::BTreeMap;

use models::{Finding, Kind};

use super::truth::Item;

/// Counts of one case, or of several.
#[derive(Debug, Default)]
pub(crate) struct Score {
    right: BTreeMap<Kind, u64>,
    pub(crate) wrong: Vec<Finding>,
    pub(crate) missed: Vec<Item>,
    neutral: u64,
}

impl Score {
    pub(crate) fn of(truth: &[Item], findings: &[Finding], base: &str) -> Self {
        let mut score = Self::default();
        let mut found = vec![false; truth.len()];
        for finding in findings {
            let hit = truth.iter().position(|item| item.observable && item.is(finding, base));
            match hit {
                Some(index) if !found[index] => {
                    found[index] = true;
                    *score.right.entry(finding.kind).or_default() += 1;
                }
                Some(_) => {}
                None if truth
                    .iter()
                    .any(|item| item.is(finding, base) || item.covers(finding, base)) =>
                {
                    score.neutral += 1;
                }
                None => score.wrong.push(finding.clone()),
            }
        }
        let missed = truth.iter().zip(&found).filter(|(item, found)| item.observable && !**found);
        score.missed = missed.map(|(item, _)| item.clone()).collect();
        score
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (kind, count) in other.right {
            *self.right.entry(kind).or_default() += count;
        }
        self.wrong.extend(other.wrong);
        self.missed.extend(other.missed);
        self.neutral += other.neutral;
    }

    /// Precision, recall and the counts behind them.
    pub(crate) fn line(&self) -> String {
        let right = self.right.values().sum();
        format!(
            "{} {:>7}",
            line(right, self.wrong.len() as u64, self.missed.len() as u64),
            self.neutral
        )
    }

    pub(crate) fn by_kind(&self) -> BTreeMap<&'static str, String> {
        let count = |kind: Kind| {
            let wrong = self.wrong.iter().filter(|finding| finding.kind == kind).count() as u64;
            let missed = self.missed.iter().filter(|item| item.kind == kind).count() as u64;
            (self.right.get(&kind).copied().unwrap_or(0), wrong, missed)
        };
        let kinds = self
            .right
            .keys()
            .copied()
            .chain(self.wrong.iter().map(|one| one.kind))
            .chain(self.missed.iter().map(|one| one.kind));
        kinds
            .map(|kind| {
                let (right, wrong, missed) = count(kind);
                (kind.name(), line(right, wrong, missed))
            })
            .collect()
    }
}

fn line(right: u64, wrong: u64, missed: u64) -> String {
    format!(
        "{:>10} {:>8}   {right:>5} {wrong:>5} {missed:>6}",
        share(right, right + wrong),
        share(right, right + missed)
    )
}

fn share(part: u64, whole: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let share = part as f64 / whole as f64;
    if whole == 0 { "-".to_owned() } else { format!("{share:.3}") }
}
