//! What was shown when, and to whom: for telling a change from a rollout, and a change from callers that
//! live with different versions.

use std::collections::{BTreeMap, BTreeSet};

use models::{FieldPath, Place};

use super::ShapeFields;
use super::tally::Count;
use crate::evidence::{Evidence, Span};

/// Bodies by place, by the beginning of a stretch of time, and by shape.
#[derive(Debug, Clone, Default)]
pub struct History(BTreeMap<Place, BTreeMap<i64, BTreeMap<u64, Count>>>);

/// Bodies by place, caller and shape; answers by route, status and caller. Of the callers told apart.
#[derive(Debug, Clone, Default)]
pub struct Callers {
    places: BTreeMap<Place, BTreeMap<u64, BTreeMap<u64, Count>>>,
    answers: BTreeMap<(String, u16), BTreeMap<u64, Count>>,
}

/// Of the bodies of one stretch of time that could show something, those that do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) start_us: i64,
    pub(crate) n: u64,
    pub(crate) of: u64,
    /// When it was shown; empty where it was not.
    pub(crate) when: Span,
    /// When it was not.
    pub(crate) when_not: Span,
}

/// Whether a shape shows something: `None` where it could not.
pub(crate) type Shows<'a> = &'a dyn Fn(&super::ShapeOf) -> Option<bool>;

impl Shown {
    fn of(
        start_us: i64,
        counts: &BTreeMap<u64, Count>,
        shapes: &ShapeFields,
        asked: Shows<'_>,
    ) -> Self {
        let (when, when_not) = (Span::default(), Span::default());
        let mut shown = Self { start_us, n: 0, of: 0, when, when_not };
        for (shape, count) in counts {
            match shapes.get(shape).and_then(asked) {
                Some(true) => {
                    shown.n += count.n;
                    shown.of += count.n;
                    shown.when = shown.when.merge(count.seen);
                }
                Some(false) => {
                    shown.of += count.n;
                    shown.when_not = shown.when_not.merge(count.seen);
                }
                None => {}
            }
        }
        shown
    }
}

impl History {
    pub(crate) fn add(&mut self, place: &Place, start_us: i64, shape: u64, count: Count) {
        let known = self.0.get_mut(place);
        let at = match known {
            Some(at) => at,
            None => self.0.entry(place.clone()).or_default(),
        };
        at.entry(start_us).or_default().entry(shape).or_default().add(count);
    }

    /// What the place showed over time, stretches in order.
    pub(crate) fn of(&self, place: &Place, shapes: &ShapeFields, asked: Shows<'_>) -> Vec<Shown> {
        let stretches = self.0.get(place).into_iter().flatten();
        let shown = stretches.map(|(start_us, counts)| Shown::of(*start_us, counts, shapes, asked));
        shown.filter(|shown| shown.of > 0).collect()
    }
}

impl Callers {
    pub(crate) fn answered(&mut self, route: &str, status: u16, caller: u64, count: Count) {
        let callers = self.answers.entry((route.to_owned(), status)).or_default();
        callers.entry(caller).or_default().add(count);
    }

    pub(crate) fn shown(&mut self, place: &Place, caller: u64, shape: u64, count: Count) {
        let callers = self.places.entry(place.clone()).or_default();
        callers.entry(caller).or_default().entry(shape).or_default().add(count);
    }

    /// Of each caller, what it was shown and what not.
    pub(crate) fn of(&self, place: &Place, shapes: &ShapeFields, asked: Shows<'_>) -> Vec<Shown> {
        let callers = self.places.get(place).into_iter().flatten();
        let shown = callers.map(|(_, counts)| Shown::of(0, counts, shapes, asked));
        shown.filter(|shown| shown.of > 0).collect()
    }

    /// Counts the callers behind statuses and fields, of polls made within a time.
    pub(crate) fn fill(
        &self,
        evidence: &mut Evidence,
        shapes: &ShapeFields,
        within: impl Fn(Span) -> bool,
    ) {
        for ((route, status), callers) in &self.answers {
            let seen = evidence.routes.get_mut(route).and_then(|at| at.statuses.get_mut(status));
            if let Some(seen) = seen {
                seen.callers = callers.values().filter(|count| within(count.seen)).count() as u64;
            }
        }
        for (place, callers) in &self.places {
            let Some(at) = evidence.places.get_mut(place) else { continue };
            let mut by_field: BTreeMap<(&FieldPath, &FieldPath), BTreeSet<u64>> = BTreeMap::new();
            for (caller, counts) in callers {
                for shape in counts.iter().filter(|(_, count)| within(count.seen)) {
                    let Some(shape) = shapes.get(shape.0) else { continue };
                    for key in shape.fields.keys() {
                        by_field.entry((&shape.object, key)).or_default().insert(*caller);
                    }
                }
            }
            for ((object, key), callers) in by_field {
                let field = at.objects.get_mut(object).and_then(|one| one.fields.get_mut(key));
                if let Some(field) = field {
                    field.callers = callers.len() as u64;
                }
            }
        }
    }
}
