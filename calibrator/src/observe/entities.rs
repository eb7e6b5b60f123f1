//! How much a body counts: effective units where the same objects are polled again and again.

use std::collections::{BTreeMap, HashMap};

use models::{FieldPath, Place};

use super::ShapeFields;

/// One entity's polls that showed an object in one shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Poll {
    pub(crate) entity: u64,
    pub(crate) shape: u64,
    /// How many.
    pub(crate) n: u64,
}

/// Polls of sampled entities.
pub(crate) type Polls = BTreeMap<Place, Vec<Poll>>;

/// Weights by object and field.
pub(crate) type Weights = BTreeMap<(FieldPath, FieldPath), f64>;

/// Polls of one object, counted so that each field needs its own part alone.
#[derive(Debug, Default)]
struct Polled<'s> {
    /// All polls, and by entity the sums of their squares.
    total: u64,
    squares: u64,
    /// By shape.
    shapes: BTreeMap<u64, u64>,
    /// Pairs of polls of one entity that disagree on a field's presence, both orders.
    disagreeing: BTreeMap<&'s FieldPath, u64>,
}

impl<'s> Polled<'s> {
    /// Adds an entity's polls, a shape each.
    fn add(&mut self, polls: &[Poll], shapes: &'s ShapeFields) {
        let n: u64 = polls.iter().map(|poll| poll.n).sum();
        self.total += n;
        self.squares += n * n;
        for poll in polls {
            *self.shapes.entry(poll.shape).or_default() += poll.n;
        }
        if polls.len() < 2 {
            return;
        }
        let mut present: BTreeMap<&FieldPath, u64> = BTreeMap::new();
        for (fields, n) in polls.iter().filter_map(|poll| Some((shapes.get(&poll.shape)?, poll.n)))
        {
            for name in fields.fields.keys() {
                *present.entry(name).or_default() += n;
            }
        }
        for (name, present) in present.into_iter().filter(|(_, present)| *present < n) {
            *self.disagreeing.entry(name).or_default() += 2 * present * (n - present);
        }
    }

    /// Polls that show each field.
    fn present(&self, shapes: &'s ShapeFields) -> BTreeMap<&'s FieldPath, u64> {
        let mut present = BTreeMap::new();
        for (shape, n) in &self.shapes {
            for name in shapes.get(shape).into_iter().flat_map(|shape| shape.fields.keys()) {
                *present.entry(name).or_default() += n;
            }
        }
        present
    }

    /// Weight of one body for the presence of a field: `1 / (1 + (m - 1) r)`.
    ///
    /// `m` is the polls an entity gets (weighted by polls, so that one entity polled a thousand
    /// times does not hide among many polled once); `r` is how much more two polls of one entity
    /// agree on the field's presence than two polls of any: 1 where it never varies within an
    /// entity or at all.
    ///
    /// # Source
    ///
    /// INFERENCE §0.2; the design effect of cluster samples (Kish 1965), intraclass correlation of
    /// presence.
    fn weight(&self, present: u64, disagreeing: u64) -> f64 {
        if self.total <= 1 {
            return 1.0;
        }
        let pairs = to_f64(self.squares - self.total);
        let share = to_f64(present) / to_f64(self.total);
        let by_chance = share.powi(2) + (1.0 - share).powi(2);
        let agreement = if pairs == 0.0 || by_chance >= 1.0 {
            1.0
        } else {
            ((1.0 - to_f64(disagreeing) / pairs - by_chance) / (1.0 - by_chance)).clamp(0.0, 1.0)
        };
        let mean_polls = to_f64(self.squares) / to_f64(self.total);
        1.0 / (1.0 + (mean_polls - 1.0) * agreement)
    }
}

/// Weights by place, object and field, from the sampled polls.
pub(crate) fn weights(polls: Polls, shapes: &ShapeFields) -> BTreeMap<Place, Weights> {
    polls.into_iter().map(|(place, polls)| (place, weights_at(polls, shapes))).collect()
}

fn weights_at(mut polls: Vec<Poll>, shapes: &ShapeFields) -> Weights {
    polls.sort_unstable();
    let mut objects: HashMap<&FieldPath, Polled<'_>> = HashMap::new();
    let mut of_object: Vec<(&FieldPath, Vec<Poll>)> = Vec::new();
    for of_entity in polls.chunk_by(|one, other| one.entity == other.entity) {
        // An entity shows a handful of objects: a list is searched fastest.
        for (_, polls) in &mut of_object {
            polls.clear();
        }
        for poll in of_entity {
            let Some(object) = shapes.get(&poll.shape).map(|shape| &shape.object) else { continue };
            match of_object.iter_mut().find(|(known, _)| *known == object) {
                Some((_, polls)) => polls.push(*poll),
                None => of_object.push((object, vec![*poll])),
            }
        }
        for (object, polls) in of_object.iter().filter(|(_, polls)| !polls.is_empty()) {
            objects.entry(object).or_default().add(polls, shapes);
        }
    }
    let mut weights = Weights::new();
    for (object, tally) in objects {
        for (name, present) in tally.present(shapes) {
            let disagreeing = tally.disagreeing.get(name).copied().unwrap_or(0);
            weights.insert((object.clone(), name.clone()), tally.weight(present, disagreeing));
        }
    }
    weights
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn to_f64(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use models::{Classes, Step};

    use super::*;
    use crate::observe::ShapeOf;

    /// The weight of a field that shape 1 has and shape 0 has not.
    fn weight(polls: &[(u64, u64, u64)]) -> f64 {
        let field = FieldPath(vec![Step::Field("a".to_owned())]);
        let shape = |has: bool| ShapeOf {
            object: FieldPath::ROOT,
            fields: has.then(|| (field.clone(), (Classes::NONE, false))).into_iter().collect(),
        };
        let shapes = ShapeFields::from([(0, shape(false)), (1, shape(true))]);
        let polls = polls.iter().map(|&(entity, shape, n)| Poll { entity, shape, n }).collect();
        weights_at(polls, &shapes)[&(FieldPath::ROOT, field)]
    }

    #[test]
    fn polls_that_never_vary_count_one_vote_an_entity() {
        let polls: Vec<_> = (0..10).map(|entity| (entity, 1, 50)).collect();
        assert!((weight(&polls) - 1.0 / 50.0).abs() < 1e-9);
        let half: Vec<_> = (0..10).map(|entity| (entity, entity % 2, 50)).collect();
        assert!((weight(&half) - 1.0 / 50.0).abs() < 1e-9);
    }

    #[test]
    fn answers_drawn_anew_count_in_full() {
        let polls: Vec<_> = (0..10).flat_map(|entity| [(entity, 1, 25), (entity, 0, 25)]).collect();
        assert!((weight(&polls) - 1.0).abs() < 1e-9);
        assert!((weight(&[(1, 1, 1), (2, 0, 1)]) - 1.0).abs() < 1e-9);
    }
}
