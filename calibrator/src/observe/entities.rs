//! How much a body counts: effective units where the same objects are polled again and again.

use std::collections::BTreeMap;

use models::{FieldPath, Place};

use super::fold::ShapeFields;

/// Polls of one place's entities: shapes and how often.
pub(crate) type EntityPolls = BTreeMap<u64, Vec<(u64, u64)>>;

/// Polls of sampled entities.
pub(crate) type Polls = BTreeMap<Place, EntityPolls>;

/// Weights by object and field.
pub(crate) type Weights = BTreeMap<(FieldPath, FieldPath), f64>;

/// Weight of one body for the presence of a field: `1 / (1 + (m - 1) r)`.
///
/// `m` is the polls an entity gets (weighted by polls, so that one entity polled a thousand times
/// does not hide among many polled once); `r` is how much more two polls of one entity agree on the
/// field's presence than two polls of any: 1 where it never varies within an entity or at all.
///
/// # Source
///
/// INFERENCE §0.2; the design effect of cluster samples (Kish 1965), intraclass correlation of
/// presence.
pub(crate) fn weight(polls: &[(u64, u64)]) -> f64 {
    let total: f64 = polls.iter().map(|(n, _)| to_f64(*n)).sum();
    if total <= 1.0 {
        return 1.0;
    }
    let mean_polls = polls.iter().map(|(n, _)| to_f64(*n).powi(2)).sum::<f64>() / total;
    let present: f64 = polls.iter().map(|(_, present)| to_f64(*present)).sum::<f64>() / total;
    let by_chance = present.powi(2) + (1.0 - present).powi(2);
    let (mut agreeing, mut pairs) = (0.0, 0.0);
    for &(n, present) in polls {
        let (n, present) = (to_f64(n), to_f64(present));
        let absent = n - present;
        agreeing += present * (present - 1.0) + absent * (absent - 1.0);
        pairs += n * (n - 1.0);
    }
    let agreement = if pairs == 0.0 || by_chance >= 1.0 {
        1.0
    } else {
        ((agreeing / pairs - by_chance) / (1.0 - by_chance)).clamp(0.0, 1.0)
    };
    1.0 / (1.0 + (mean_polls - 1.0) * agreement)
}

/// Weights by place, object and field, from the sampled polls.
pub(crate) fn weights(polls: &Polls, shapes: &ShapeFields) -> BTreeMap<Place, Weights> {
    polls.iter().map(|(place, entities)| (place.clone(), weights_at(entities, shapes))).collect()
}

fn weights_at(entities: &EntityPolls, shapes: &ShapeFields) -> Weights {
    // Shapes of one object, then for each the polls by entity.
    let mut objects: BTreeMap<&FieldPath, EntityPolls> = BTreeMap::new();
    for (entity, seen) in entities {
        for &(shape, n) in seen {
            let Some(fields) = shapes.get(&shape) else { continue };
            objects.entry(&fields.object).or_default().entry(*entity).or_default().push((shape, n));
        }
    }
    let mut weights = BTreeMap::new();
    for (object, by_entity) in objects {
        let names: std::collections::BTreeSet<&FieldPath> = by_entity
            .values()
            .flatten()
            .filter_map(|(shape, _)| shapes.get(shape))
            .flat_map(|fields| fields.fields.keys())
            .collect();
        for name in names {
            let polls: Vec<(u64, u64)> = by_entity
                .values()
                .map(|seen| {
                    let total = seen.iter().map(|(_, n)| n).sum();
                    let has = |shape: &u64| {
                        shapes.get(shape).is_some_and(|fields| fields.fields.contains_key(name))
                    };
                    (total, seen.iter().filter(|(shape, _)| has(shape)).map(|(_, n)| n).sum())
                })
                .collect();
            weights.insert((object.clone(), name.clone()), weight(&polls));
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
    use super::*;

    #[test]
    fn polls_that_never_vary_count_one_vote_an_entity() {
        let polls = vec![(50, 50); 10];
        assert!((weight(&polls) - 1.0 / 50.0).abs() < 1e-9);
        let half: Vec<_> = (0..10).map(|i| (50, if i % 2 == 0 { 50 } else { 0 })).collect();
        assert!((weight(&half) - 1.0 / 50.0).abs() < 1e-9);
    }

    #[test]
    fn answers_drawn_anew_count_in_full() {
        let polls = vec![(50, 25); 10];
        assert!((weight(&polls) - 1.0).abs() < 1e-9);
        assert!((weight(&[(1, 1), (1, 0)]) - 1.0).abs() < 1e-9);
    }
}
