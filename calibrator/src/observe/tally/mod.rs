//! Counts of a stretch of exchanges that add up: what a run keeps of exchanges it has read.
//!
//! Everything an observation is made of is here as sums, extremes, unions and smallest-hash samples,
//! keyed by what the lake says and not by what a model makes of it. So counts of any stretches, merged
//! in any order and at any time, are the counts of all their exchanges read at once.

mod cells;
mod count;
mod read;
mod show;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use models::{Classes, FieldPath, Surface};
use serde::{Deserialize, Serialize};

use crate::evidence::Span;
pub(crate) use cells::{Cell, Cells, Count};

/// Bodies of one place whose entities are compared with themselves; above, entities are sampled by
/// their pseudonym, which every shard and every run does alike.
const SAMPLED_BODIES: u64 = 4_000;
/// Pseudonyms of entities have forty bits.
const ENTITY_BITS: u32 = 40;
/// Callers that are told apart: those of the smallest pseudonyms, as good as by chance.
const CALLERS_MAX: usize = 64;
/// Witnesses of a token that are told apart: [`crate::evidence::TOKEN_WITNESSES_MAX`].
const WITNESSES_MAX: usize = 8;

/// A stretch of exchanges, counted.
///
/// [`Tally::merge`] is associative and commutative with the empty tally as identity.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    exchanges: u64,
    seen: Span,
    /// Exchanges the capture lost.
    dropped: u64,
    /// Exchanges that left no row, by reason.
    skipped: BTreeMap<String, u64>,
    api_versions: BTreeMap<String, u64>,
    #[serde(with = "pairs")]
    answers: BTreeMap<Answer, Cells>,
    #[serde(with = "pairs")]
    request_media: BTreeMap<(String, String, String), u64>,
    #[serde(with = "pairs")]
    shapes: BTreeMap<Sighting, Cells>,
    /// Polls by entity and shape; shape 0 stands for any answer.
    #[serde(with = "nested")]
    polls: BTreeMap<Home, BTreeMap<(u64, u64), u64>>,
    /// Polls by caller and shape; shape 0 stands for any answer.
    #[serde(with = "nested")]
    callers: BTreeMap<Home, BTreeMap<(u64, u64), Count>>,
    #[serde(with = "nested")]
    values: BTreeMap<Slot, BTreeMap<u64, Word>>,
    /// Fields found open.
    open: BTreeSet<Slot>,
    #[serde(with = "pairs")]
    objects: BTreeMap<u64, ShapeOf>,
}

/// One shape: an object and its fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShapeOf {
    /// The object's path from the body's root.
    pub object: FieldPath,
    /// Its fields: the classes of their values, and whether some item of a list lacks it.
    #[serde(with = "pairs")]
    pub fields: BTreeMap<FieldPath, (Classes, bool)>,
}

/// Where a body was seen, in the lake's own words. `path` is set where the model had no route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Home {
    surface: Surface,
    route: String,
    path: String,
    event: String,
    status: u16,
}

/// How an exchange was answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Answer {
    home: Home,
    body: String,
    media: String,
}

/// An object's shape at a place, of the held-back entities or of the others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Sighting {
    home: Home,
    shape: u64,
    held: bool,
}

/// A field whose tokens are counted; `route` may be a path without its pseudonyms.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Slot {
    surface: Surface,
    route: String,
    event: String,
    status: u16,
    path: String,
}

/// One token of a field.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Word {
    /// In clear, where it may be.
    text: Option<String>,
    n: u64,
    seen: Span,
    /// Entities that showed it, up to [`WITNESSES_MAX`].
    entities: BTreeSet<u64>,
}

impl Tally {
    /// Adds another stretch.
    pub fn merge(&mut self, other: Self) {
        self.exchanges += other.exchanges;
        self.seen = self.seen.merge(other.seen);
        self.dropped += other.dropped;
        add_all(&mut self.skipped, other.skipped);
        add_all(&mut self.api_versions, other.api_versions);
        add_all(&mut self.request_media, other.request_media);
        for (answer, cells) in other.answers {
            self.answers.entry(answer).or_default().merge(cells);
        }
        for (sighting, cells) in other.shapes {
            self.shapes.entry(sighting).or_default().merge(cells);
        }
        for (home, polls) in other.polls {
            add_all(self.polls.entry(home).or_default(), polls);
        }
        for (home, polls) in other.callers {
            let here = self.callers.entry(home).or_default();
            for (key, count) in polls {
                here.entry(key).or_default().add(count);
            }
        }
        for (slot, words) in other.values {
            let here = self.values.entry(slot).or_default();
            for (pseudonym, word) in words {
                here.entry(pseudonym).or_default().merge(word);
            }
        }
        self.open.extend(other.open);
        self.objects.extend(other.objects);
        self.settle();
    }

    /// Exchanges counted.
    pub fn exchanges(&self) -> u64 {
        self.exchanges
    }

    /// Brings samples and cells to the form they have for all that is counted, whatever was merged.
    fn settle(&mut self) {
        let last_us = self.seen.last_us;
        for cells in self.answers.values_mut().chain(self.shapes.values_mut()) {
            cells.settle(last_us);
        }
        self.settle_polls();
        self.settle_callers();
        for slot in &self.open {
            self.values.remove(slot);
        }
    }

    /// Keeps the entities whose pseudonyms lie below the bound of their place.
    fn settle_polls(&mut self) {
        let mut answers: BTreeMap<(&str, &str, &str, u16), u64> = BTreeMap::new();
        for (Answer { home, .. }, cells) in &self.answers {
            let Home { route, path, event, status, .. } = home;
            *answers.entry((route, path, event, *status)).or_default() += cells.n();
        }
        for (Home { route, path, event, status, .. }, polls) in &mut self.polls {
            let n = answers.get(&(route.as_str(), path.as_str(), event.as_str(), *status));
            let below = sampled_below(n.copied().unwrap_or(0));
            polls.retain(|(entity, _), _| *entity < below);
        }
    }

    fn settle_callers(&mut self) {
        let all: BTreeSet<u64> = self
            .callers
            .values()
            .flat_map(|polls| polls.keys().map(|(caller, _)| *caller))
            .collect();
        if let Some(first_out) = all.into_iter().nth(CALLERS_MAX) {
            for polls in self.callers.values_mut() {
                polls.retain(|(caller, _), _| *caller < first_out);
            }
            self.callers.retain(|_, polls| !polls.is_empty());
        }
    }
}

/// Entities below this pseudonym stand for all, where a place has so many answers.
fn sampled_below(answers: u64) -> u64 {
    if answers <= SAMPLED_BODIES {
        1 << ENTITY_BITS
    } else {
        (SAMPLED_BODIES << ENTITY_BITS) / answers
    }
}

impl Word {
    fn merge(&mut self, other: Self) {
        // A text is what its pseudonym stands for, so two are the same.
        self.text = self.text.take().or(other.text);
        self.n += other.n;
        self.seen = self.seen.merge(other.seen);
        self.entities.extend(other.entities);
        while self.entities.len() > WITNESSES_MAX {
            self.entities.pop_last();
        }
    }
}

fn add_all<K: Ord>(into: &mut BTreeMap<K, u64>, more: BTreeMap<K, u64>) {
    for (key, n) in more {
        *into.entry(key).or_default() += n;
    }
}

/// Maps whose keys are no texts, as lists of pairs.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect())
    }
}

/// Maps of maps whose keys are no texts, as lists of pairs.
mod nested {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    type Nested<K, L, V> = BTreeMap<K, BTreeMap<L, V>>;

    pub(super) fn serialize<K: Serialize, L: Serialize, V: Serialize, S: Serializer>(
        map: &Nested<K, L, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer
            .collect_seq(map.iter().map(|(key, inner)| (key, inner.iter().collect::<Vec<_>>())))
    }

    pub(super) fn deserialize<'de, K, L, V, D>(deserializer: D) -> Result<Nested<K, L, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        L: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        let pairs = Vec::<(K, Vec<(L, V)>)>::deserialize(deserializer)?;
        Ok(pairs.into_iter().map(|(key, inner)| (key, inner.into_iter().collect())).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One exchange as a tally of its own.
    fn one((at, entity, caller, shape): (u32, u64, u64, u64)) -> Tally {
        let at_us = i64::from(at) * 700_000;
        let seen = Span { first_us: at_us, last_us: at_us };
        let count = Count { n: 1, seen };
        let cells = || {
            let mut cells = Cells::default();
            cells.add(Cell::of(at_us, at_us), count);
            cells
        };
        let home = Home {
            surface: Surface::Response,
            route: format!("GET /{}", shape % 2),
            path: String::new(),
            event: String::new(),
            status: 200,
        };
        let answer = Answer { home: home.clone(), body: "ok".into(), media: String::new() };
        let word = Word { text: None, n: 1, seen, entities: [entity].into() };
        let slot = Slot {
            surface: Surface::Response,
            route: home.route.clone(),
            event: String::new(),
            status: 200,
            path: "/a".into(),
        };
        let mut tally = Tally {
            exchanges: 1,
            seen,
            answers: [(answer, cells())].into(),
            shapes: [(Sighting { home: home.clone(), shape, held: entity % 10 == 0 }, cells())]
                .into(),
            polls: [(home.clone(), [((entity << 30, shape), 1)].into())].into(),
            callers: [(home, [((caller, shape), count)].into())].into(),
            values: [(slot, [(shape, word)].into())].into(),
            ..Tally::default()
        };
        tally.settle();
        tally
    }

    fn exchanges() -> impl Strategy<Value = Vec<(u32, u64, u64, u64)>> {
        let exchange = (0..20_000_000_u32, 0..1000_u64, 0..200_u64, 1..6_u64);
        proptest::collection::vec(exchange, 0..60)
    }

    fn sum(exchanges: &[(u32, u64, u64, u64)]) -> Tally {
        let mut sum = Tally::default();
        for exchange in exchanges {
            sum.merge(one(*exchange));
        }
        sum
    }

    proptest! {
        #[test]
        fn stretches_add_up_however_exchanges_are_split_and_ordered(
            all in exchanges(), split in 0..60_usize, turn in 0..60_usize
        ) {
            let split = split.min(all.len());
            let mut parts = sum(&all[..split]);
            parts.merge(sum(&all[split..]));
            let mut turned = all.clone();
            turned.rotate_left(turn.min(all.len()));
            prop_assert_eq!(&parts, &sum(&all));
            prop_assert_eq!(&parts, &sum(&turned));
        }

        #[test]
        fn a_tally_reads_back_as_it_was_written(all in exchanges()) {
            let tally = sum(&all);
            let text = serde_json::to_string(&tally).unwrap();
            prop_assert_eq!(serde_json::from_str::<Tally>(&text).unwrap(), tally);
        }
    }
}
