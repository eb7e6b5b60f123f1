//! What of the published calibrations is in force after rollbacks.

use std::collections::BTreeMap;

use crate::Calibration;

/// Of all that were published, in order of publication, those that the last model is made of.
///
/// A rollback undoes the calibration it names and all published since, and is none of them itself. One
/// that undoes a rollback puts in force again what that had undone.
pub fn in_force(published: &[Calibration]) -> Vec<&Calibration> {
    // Each with the one in force before it: a history that branches where something was undone.
    let mut made: Vec<(&Calibration, Option<usize>)> = Vec::new();
    let mut before = BTreeMap::new();
    let mut newest = None;
    for one in published {
        before.insert(one.number, newest);
        newest = if let Some(undone) = one.rolls_back {
            before.get(&undone).copied().unwrap_or(newest)
        } else {
            made.push((one, newest));
            Some(made.len() - 1)
        };
    }
    let mut standing = Vec::new();
    while let Some((one, earlier)) = newest.and_then(|at| made.get(at)) {
        standing.push(*one);
        newest = *earlier;
    }
    standing.reverse();
    standing
}
