//! The patched model against held-back exchanges.

use std::collections::BTreeMap;

use models::{Class, Fidelity, FieldPath, Guard, GuardRoute, Model, Place, RouteKey, Step, View};

use crate::diff::described;
use crate::observe::{HeldBack, ShapeFields, ShapeOf};

/// Objects of held-back bodies that each model accepts, by route.
///
/// Passed where no route accepts less than before. The unit is the object: a body of several is
/// accepted in parts, so that one new field in a list does not hide what else is right.
pub(crate) fn guard(
    before: &Model,
    after: &Model,
    shapes: &ShapeFields,
    held_back: &HeldBack,
) -> (Guard, Option<Fidelity>) {
    let mut routes: BTreeMap<String, GuardRoute> = BTreeMap::new();
    for ((place, shape), n) in held_back {
        let Some(shape) = shapes.get(shape) else { continue };
        // A failing server says nothing of the model.
        if place.status.is_some_and(|status| status >= 500) {
            continue;
        }
        let name = place.route.clone().or_else(|| place.event.clone()).unwrap_or_default();
        let route = routes.entry(name).or_default();
        route.held_back += n;
        route.before += if accepts(before, place, shape) { *n } else { 0 };
        route.after += if accepts(after, place, shape) { *n } else { 0 };
    }
    let passed = routes.values().all(|route| route.after >= route.before);
    let sum = |of: fn(&GuardRoute) -> u64| routes.values().map(of).sum::<u64>();
    let (held_back, accepted_before, accepted_after) =
        (sum(|r| r.held_back), sum(|r| r.before), sum(|r| r.after));
    let basis_points =
        |accepted: u64| u32::try_from(accepted * 10_000 / held_back.max(1)).unwrap_or(10_000);
    let fidelity = (held_back > 0).then(|| Fidelity {
        before_bp: basis_points(accepted_before),
        after_bp: basis_points(accepted_after),
        held_back,
    });
    routes.retain(|_, route| route.before != route.after);
    (Guard { passed, routes }, fidelity)
}

/// Whether the twin refuses a call as production did: there is no such route. A status that the model
/// describes as `4XX` is judged at 400.
fn refuses(model: &Model, place: &Place) -> bool {
    let Some(Ok(route)) = place.route.as_deref().map(RouteKey::parse) else { return false };
    matches!(place.status, Some(400 | 404 | 405 | 410)) && !model.routes.contains_key(&route)
}

/// Whether a model has the place and all that the object shows there.
fn accepts(model: &Model, place: &Place, shape: &ShapeOf) -> bool {
    if refuses(model, place) {
        return true;
    }
    let Some(root) = View::at(model, place) else { return false };
    let Some(view) = described(model, place, &shape.object) else {
        // Nothing is said of it, or what it lies in is refused as a field of its own.
        return true;
    };
    let _ = root;
    let known = shape.fields.iter().all(|(key, (classes, _))| {
        if key.0.is_empty() {
            return true;
        }
        let textual = crate::diff::is_textual(place, key, model);
        let allowed = key.0.iter().try_fold(view.clone(), |view, step| {
            if view.is_opaque_object() { Some(view) } else { view.step(step) }
        });
        allowed.is_some_and(|field| {
            let mut extra = classes.without(field.classes());
            if textual {
                extra = extra.without(crate::diff::readings_of_text());
            }
            extra.without(Class::Empty.mask()).is_empty()
        })
    });
    let complete = view.fields().iter().filter(|(_, required)| **required).all(|(name, _)| {
        let key = FieldPath(vec![Step::Field((*name).to_owned())]);
        shape.fields.get(&key).is_some_and(|(_, sometimes)| !sometimes)
    });
    known && complete
}
