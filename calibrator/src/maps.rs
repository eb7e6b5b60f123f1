//! Records and maps: objects whose keys are data are folded, so that no key of theirs is a field.

use std::collections::BTreeSet;

use models::{Class, FieldPath, Place, Step, View};

use crate::evidence::{ObjectEvidence, PlaceEvidence};
use crate::observe::full_path;

/// Folds the objects of a place that the model does not know and whose keys behave as data.
///
/// Outer objects first, since folding one merges what lies below its keys.
pub(crate) fn fold_maps(place: &Place, evidence: &mut PlaceEvidence, model: &models::Model) {
    let root = View::at(model, place);
    let mut judged: BTreeSet<FieldPath> = BTreeSet::new();
    loop {
        let next = evidence
            .objects
            .iter()
            .find(|(path, object)| {
                !judged.contains(*path) && !is_known(root.as_ref(), path) && is_map(object)
            })
            .map(|(path, _)| path.clone());
        let Some(path) = next else { return };
        judged.insert(path.clone());
        fold_one(evidence, &path);
    }
}

fn is_known(root: Option<&View<'_>>, path: &FieldPath) -> bool {
    let Some(root) = root else { return false };
    let mut view = root.clone();
    for step in &path.0 {
        match view.step(step) {
            Some(inner) => view = inner,
            None => return false,
        }
    }
    view.objects().next().is_some()
}

/// Whether the keys of an object are data.
///
/// # Source
///
/// INFERENCE §1: by Good-Turing (keys seen once over keys seen) the chance that the next key is new
/// is at least 5 % over 30 bodies and 20 keys; over fewer bodies it has to be 30 %. The paper's
/// homogeneity of values is not asked for: user data is of mixed types.
fn is_map(object: &ObjectEvidence) -> bool {
    let keys: Vec<_> = object
        .fields
        .iter()
        .filter(|(key, _)| matches!(key.0.as_slice(), [Step::Field(_)]))
        .collect();
    let occurrences: u64 = keys.iter().map(|(_, field)| field.n).sum();
    let once = keys.iter().filter(|(_, field)| field.n == 1).count() as u64;
    let steady = object.n >= 10 && keys.iter().any(|(_, field)| field.n * 100 >= object.n * 90);
    let often = object.n >= 30 && keys.len() >= 20 && once * 20 >= occurrences;
    let early = object.n >= 4 && keys.len() >= 12 && once * 10 >= occurrences * 3;
    !steady && (often || early)
}

fn fold_one(evidence: &mut PlaceEvidence, path: &FieldPath) {
    let Some(object) = evidence.objects.remove(path) else { return };
    // What the object's owner says of it: an object becomes a map.
    for (owner, around) in &mut evidence.objects {
        for (key, field) in &mut around.fields {
            if full_path(owner, key) == *path
                && let Some(seen) = field.classes.remove(&Class::Object)
            {
                field.classes.entry(Class::Map).or_default().add(seen.n, seen.seen);
            }
        }
    }
    let values = path.then(Step::Values);
    let owner = owner_of(evidence, path);
    for (key, field) in object.fields {
        // The value of a map belongs to the object around the map.
        let below = FieldPath(key.0[1.min(key.0.len())..].to_vec());
        let full = full_path(&values, &below);
        let from_owner = FieldPath(full.0[owner.0.len()..].to_vec());
        let around = evidence.objects.entry(owner.clone()).or_default();
        let merged = around.fields.entry(from_owner).or_default();
        merged.merge(&field);
        merged.n = merged.n.min(around.n.max(1));
    }
    rebase(evidence, path);
}

/// The nearest object around a path that is still there.
fn owner_of(evidence: &PlaceEvidence, path: &FieldPath) -> FieldPath {
    let around =
        evidence.objects.keys().filter(|object| path.0.starts_with(&object.0) && *object != path);
    around.max_by_key(|object| object.0.len()).cloned().unwrap_or(FieldPath::ROOT)
}

/// Moves what lay below the map's keys to below its values.
fn rebase(evidence: &mut PlaceEvidence, map: &FieldPath) {
    let depth = map.0.len();
    let moves = |path: &FieldPath| {
        path.0.len() > depth && path.is_within(map) && matches!(path.0[depth], Step::Field(_))
    };
    let to_values = |path: &FieldPath| {
        let mut steps = path.0.clone();
        steps[depth] = Step::Values;
        FieldPath(steps)
    };
    let below: Vec<_> = evidence.objects.keys().filter(|path| moves(path)).cloned().collect();
    for path in below {
        if let Some(object) = evidence.objects.remove(&path) {
            evidence.objects.entry(to_values(&path)).or_default().merge(&object);
        }
    }
    let below: Vec<_> = evidence.values.keys().filter(|path| moves(path)).cloned().collect();
    for path in below {
        if let Some(values) = evidence.values.remove(&path) {
            evidence.values.entry(to_values(&path)).or_default().merge(&values);
        }
    }
}
