//! Records and maps: objects whose keys are data are folded, so that no key of theirs is a field.

use std::collections::{BTreeMap, BTreeSet};

use models::{Class, FieldPath, JsonType, Place, Step, View};

use crate::evidence::{FieldEvidence, ObjectEvidence, PlaceEvidence};
use crate::observe::full_path;

/// Folds the objects of a place that the model does not know and whose keys behave as data; of those it
/// knows as records with further keys (`additionalProperties`), the further keys.
///
/// Outer objects first, since folding one merges what lies below its keys.
pub(crate) fn fold_maps(place: &Place, evidence: &mut PlaceEvidence, model: &models::Model) {
    let root = View::at(model, place);
    let mut judged: BTreeSet<FieldPath> = BTreeSet::new();
    loop {
        let next = evidence.objects.keys().find(|path| !judged.contains(*path)).cloned();
        let Some(path) = next else { return };
        judged.insert(path.clone());
        let object = &evidence.objects[&path];
        match root.as_ref().and_then(|root| known_at(root, &path)) {
            None if is_map(object) => fold_one(evidence, &path),
            Some(view) if view.objects().any(|one| one.schema.map.is_some()) => {
                let further = further_keys(object, &view);
                if !further.is_empty() {
                    fold_further(evidence, &path, &further);
                }
            }
            _ => {}
        }
    }
}

/// The model's view of an object, where it says anything of its keys.
fn known_at<'m>(root: &View<'m>, path: &FieldPath) -> Option<View<'m>> {
    let view = path.0.iter().try_fold(root.clone(), |view, step| view.step(step))?;
    let says = view.objects().any(|one| !one.schema.is_opaque_object());
    says.then_some(view)
}

/// The keys beside a record's fields that behave as data. What the vendor declares to have further keys
/// needs less to be believed than what it does not: a third of the keys seen once, whatever their number.
fn further_keys(object: &ObjectEvidence, view: &View<'_>) -> BTreeSet<String> {
    let fields = view.fields();
    let further = object.fields.iter().filter_map(|(key, field)| match key.0.as_slice() {
        [Step::Field(name)] if !fields.contains_key(name.as_str()) => Some((name, field.n)),
        _ => None,
    });
    let further: Vec<_> = further.collect();
    let occurrences: u64 = further.iter().map(|(_, n)| n).sum();
    let once = further.iter().filter(|(_, n)| *n == 1).count() as u64;
    if occurrences < 2 || once * 10 < occurrences * 3 {
        return BTreeSet::new();
    }
    further.into_iter().map(|(name, _)| name.clone()).collect()
}

/// Whether the keys of an object are data.
///
/// # Source
///
/// INFERENCE §1: by Good-Turing (keys seen once over keys seen) the chance that the next key is new
/// is at least 5 % over 30 bodies and 20 keys; over fewer bodies it has to be 30 %, and the values have to be
/// alike, since records of several kinds seen once each look the same. Of many bodies the paper's
/// homogeneity is not asked for: user data is of mixed types.
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
    !steady && (often || early && is_homogeneous(&keys))
}

/// Whether nine of ten values are of one type.
fn is_homogeneous(keys: &[(&FieldPath, &FieldEvidence)]) -> bool {
    let mut by_type: BTreeMap<Option<JsonType>, u64> = BTreeMap::new();
    for (class, seen) in keys.iter().flat_map(|(_, field)| &field.classes) {
        if *class != Class::Null {
            *by_type.entry(class.json_type()).or_default() += seen.n;
        }
    }
    let all: u64 = by_type.values().sum();
    by_type.values().max().is_none_or(|most| most * 10 >= all * 9)
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
    rebase(evidence, path, |step| matches!(step, Step::Field(_)));
}

/// The nearest object around a path that is still there.
fn owner_of(evidence: &PlaceEvidence, path: &FieldPath) -> FieldPath {
    let around =
        evidence.objects.keys().filter(|object| path.0.starts_with(&object.0) && *object != path);
    around.max_by_key(|object| object.0.len()).cloned().unwrap_or(FieldPath::ROOT)
}

/// Makes further keys of a record the keys of a map.
fn fold_further(evidence: &mut PlaceEvidence, path: &FieldPath, further: &BTreeSet<String>) {
    let is_further =
        |step: &Step| matches!(step, Step::Field(name) if further.contains(name.as_str()));
    if let Some(object) = evidence.objects.get_mut(path) {
        let (strays, own) = std::mem::take(&mut object.fields)
            .into_iter()
            .partition(|(key, _)| key.0.first().is_some_and(is_further));
        object.fields = own;
        let strays: Vec<(FieldPath, FieldEvidence)> = BTreeMap::into_iter(strays).collect();
        for (mut key, field) in strays {
            key.0[0] = Step::Values;
            let merged = object.fields.entry(key).or_default();
            merged.merge(&field);
            merged.n = merged.n.min(object.n.max(1));
        }
    }
    rebase(evidence, path, is_further);
}

/// Moves what lay below a map's keys to below its values.
fn rebase(evidence: &mut PlaceEvidence, map: &FieldPath, is_key: impl Fn(&Step) -> bool) {
    let depth = map.0.len();
    let moves =
        |path: &FieldPath| path.0.len() > depth && path.is_within(map) && is_key(&path.0[depth]);
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
