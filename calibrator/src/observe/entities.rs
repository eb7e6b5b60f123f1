//! How much a body counts: effective units where the same objects are polled again and again.

use std::collections::{BTreeMap, HashMap};

use models::{FieldPath, Place};
use rustc_hash::FxHashMap;

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

/// Shapes with their fields as numbers: entities are many, and names are compared letter by letter.
#[derive(Debug)]
struct Numbered<'s> {
    /// By number; of each object from 0 on.
    names: Vec<(&'s FieldPath, Vec<&'s FieldPath>)>,
    /// By shape: the number of its object, and those of its fields.
    shapes: FxHashMap<u64, (usize, Vec<usize>)>,
}

impl<'s> Numbered<'s> {
    fn of(polls: &[Poll], shapes: &'s ShapeFields) -> Self {
        let mut numbers: HashMap<&FieldPath, (usize, HashMap<&FieldPath, usize>)> = HashMap::new();
        let mut numbered = Self { names: Vec::new(), shapes: FxHashMap::default() };
        for poll in polls {
            if numbered.shapes.contains_key(&poll.shape) {
                continue;
            }
            let Some(shape) = shapes.get(&poll.shape) else { continue };
            let next = numbers.len();
            let (object, known) = numbers.entry(&shape.object).or_insert_with(|| {
                numbered.names.push((&shape.object, Vec::new()));
                (next, HashMap::new())
            });
            let names = &mut numbered.names[*object].1;
            let fields = shape.fields.keys().map(|name| {
                *known.entry(name).or_insert_with(|| {
                    names.push(name);
                    names.len() - 1
                })
            });
            numbered.shapes.insert(poll.shape, (*object, fields.collect()));
        }
        numbered
    }

    fn fields(&self, shape: u64) -> &[usize] {
        self.shapes.get(&shape).map_or(&[], |(_, fields)| fields)
    }
}

/// Polls of one object, counted so that each field needs its own part alone.
#[derive(Debug, Default)]
struct Polled {
    /// All polls, and by entity the sums of their squares.
    total: u64,
    squares: u64,
    /// Polls that show each field.
    present: Vec<u64>,
    /// Pairs of polls of one entity that disagree on a field's presence, both orders.
    disagreeing: Vec<u64>,
}

impl Polled {
    /// Of an object of so many fields.
    fn of(fields: usize) -> Self {
        Self { present: vec![0; fields], disagreeing: vec![0; fields], ..Self::default() }
    }

    /// Adds an entity's polls, a shape each; `shown` is room for as many numbers as there are fields.
    fn add(&mut self, polls: &[Poll], shapes: &Numbered<'_>, shown: &mut Vec<u64>) {
        let n: u64 = polls.iter().map(|poll| poll.n).sum();
        self.total += n;
        self.squares += n * n;
        shown.clear();
        shown.resize(self.present.len(), 0);
        for poll in polls {
            for field in shapes.fields(poll.shape) {
                shown[*field] += poll.n;
            }
        }
        for (field, shown) in shown.iter().enumerate() {
            self.present[field] += shown;
            self.disagreeing[field] += 2 * shown * (n - shown);
        }
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
    let shapes = Numbered::of(&polls, shapes);
    let mut objects: Vec<_> =
        shapes.names.iter().map(|(_, fields)| Polled::of(fields.len())).collect();
    let (mut of_object, mut shown) = (vec![Vec::new(); objects.len()], Vec::new());
    for of_entity in polls.chunk_by(|one, other| one.entity == other.entity) {
        for poll in of_entity {
            if let Some((object, _)) = shapes.shapes.get(&poll.shape) {
                of_object[*object].push(*poll);
            }
        }
        for (object, polls) in
            of_object.iter_mut().enumerate().filter(|(_, polls)| !polls.is_empty())
        {
            objects[object].add(polls, &shapes, &mut shown);
            polls.clear();
        }
    }
    let mut weights = Weights::new();
    for ((object, names), polled) in shapes.names.iter().zip(objects) {
        for (field, name) in names.iter().enumerate() {
            let weight = polled.weight(polled.present[field], polled.disagreeing[field]);
            weights.insert(((*object).clone(), (*name).clone()), weight);
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
