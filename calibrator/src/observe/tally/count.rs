//! One pass over exchanges: each is counted at its places, under numbers that stand for texts.
//!
//! Grouping in SQL took a pass and a sort of all rows a question, and answered the same questions: what is
//! counted here has to fit in memory in the end either way. Samples are taken on the way, for their bounds
//! only ever fall: what is in the sample of all exchanges was in that of each beginning.

use std::collections::BTreeMap;

use datafusion::arrow::array::{Array, AsArray as _, ListArray, RecordBatch};
use datafusion::arrow::datatypes::{TimestampMicrosecondType, UInt16Type, UInt64Type};
use models::Surface;
use rustc_hash::FxHashMap;

use super::words::{Keys, Words};
use super::{
    Answer, CALLERS_MAX, Cell, Cells, Count, Home, SAMPLED_BODIES, Sighting, Tally, sampled_below,
};
use crate::evidence::Span;

/// Exchanges of a window as far as they were read.
#[derive(Debug, Default)]
pub(super) struct Counter {
    words: Words,
    answers: FxHashMap<(HomeKey, u32, u32, u32), Count>,
    request_media: FxHashMap<(u32, u32), u64>,
    api_versions: FxHashMap<u32, u64>,
    shapes: FxHashMap<(HomeKey, u64, bool, u32), Count>,
    sampled: FxHashMap<(u32, u16), Sampled>,
    /// By pseudonym: the smallest so far.
    callers: BTreeMap<u64, FxHashMap<(HomeKey, u64), Count>>,
}

/// A [`Home`] by numbers: that of its route, path or event, and how it was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct HomeKey {
    home: u32,
    status: u16,
    is_request: bool,
}

/// Polls of sampled entities where they were answered alike.
#[derive(Debug, Default)]
struct Sampled {
    answers: u64,
    /// Answers at which what fell out of the sample is dropped.
    next_prune: u64,
    /// By side, entity and shape.
    polls: FxHashMap<(bool, u64, u64), u64>,
}

/// One exchange.
struct Row<'b> {
    seen: Count,
    cell: u32,
    home: u32,
    is_call: bool,
    status: u16,
    caller: u64,
    entity: u64,
    request_media: u32,
    response_media: u32,
    body: u32,
    is_whole: bool,
    request: &'b [u64],
    response: &'b [u64],
}

impl Counter {
    /// Counts a batch of the columns of `observed_exchanges.sql`.
    pub(super) fn add(&mut self, batch: &RecordBatch, starts: &[(i64, Cell)]) {
        let column = |name: &str| {
            batch.column_by_name(name).unwrap_or_else(|| panic!("the query lists {name}"))
        };
        let times = column("seen_at").as_primitive::<TimestampMicrosecondType>().values();
        let statuses = column("status").as_primitive::<UInt16Type>().values();
        let numbers = |name: &str| column(name).as_primitive::<UInt64Type>().values();
        let (callers, entities) = (numbers("caller"), numbers("entity"));
        let (requests, responses) = (Lists::of(column("request")), Lists::of(column("response")));
        let events = Keys::of(column("event"), |text| self.words.event(text));
        let routes = Keys::of(column("route"), |text| self.words.route(text));
        let paths = Keys::of(column("path"), |text| self.words.path(text));
        let mut texts = |name: &str| Keys::of(column(name), |text| self.words.text(text));
        let (bodies, versions) = (texts("body"), texts("api_version"));
        let (request_media, response_media) = (texts("request_media"), texts("response_media"));
        let whole = self.words.text("ok");
        let mut cells = CellsInOrder { starts, last: 0 };
        for row in 0..batch.num_rows() {
            let event = events.at(row);
            if let Some(version) = versions.at(row) {
                *self.api_versions.entry(version).or_default() += 1;
            }
            let at_us = times[row];
            let body = bodies.at(row).unwrap_or_default();
            self.add_row(&Row {
                seen: Count { n: 1, seen: Span { first_us: at_us, last_us: at_us } },
                cell: cells.number_of(at_us),
                home: event
                    .or_else(|| routes.at(row))
                    .or_else(|| paths.at(row))
                    .unwrap_or_default(),
                is_call: event.is_none(),
                status: statuses[row],
                caller: callers[row],
                entity: entities[row],
                request_media: request_media.at(row).unwrap_or_default(),
                response_media: response_media.at(row).unwrap_or_default(),
                body,
                is_whole: body == whole,
                request: requests.at(row),
                response: responses.at(row),
            });
        }
    }

    fn add_row(&mut self, row: &Row<'_>) {
        let answer = HomeKey { home: row.home, status: row.status, is_request: false };
        let request = HomeKey { is_request: true, ..answer };
        let key = (answer, row.body, row.response_media, row.cell);
        self.answers.entry(key).or_default().add(row.seen);
        // What the vendor accepted shows what it takes; a refused request says nothing of that.
        let is_accepted = row.home != 0 && row.is_call && (200..400).contains(&row.status);
        if is_accepted && row.request_media != 0 {
            *self.request_media.entry((row.home, row.request_media)).or_default() += 1;
        }
        let shown = if row.is_whole { row.response } else { &[] };
        let taken = if is_accepted { row.request } else { &[] };
        if row.home != 0 {
            let held = row.entity.is_multiple_of(10);
            let both = shown.iter().map(|shape| (answer, *shape));
            for (place, shape) in both.chain(taken.iter().map(|shape| (request, *shape))) {
                self.shapes.entry((place, shape, held, row.cell)).or_default().add(row.seen);
            }
        }
        self.sampled.entry((row.home, row.status)).or_default().add(row.entity, shown, taken);
        if let Some(polls) = self.polls_of(row.caller) {
            polls.entry((answer, 0)).or_default().add(row.seen);
            for shape in shown {
                polls.entry((answer, *shape)).or_default().add(row.seen);
            }
            for shape in taken {
                polls.entry((request, *shape)).or_default().add(row.seen);
            }
        }
    }

    /// The polls of a caller that is told apart from others.
    fn polls_of(&mut self, caller: u64) -> Option<&mut FxHashMap<(HomeKey, u64), Count>> {
        let is_full = self.callers.len() >= CALLERS_MAX;
        if is_full && !self.callers.contains_key(&caller) {
            if self.callers.last_key_value().is_some_and(|(last, _)| *last < caller) {
                return None;
            }
            self.callers.pop_last();
        }
        Some(self.callers.entry(caller).or_default())
    }

    /// All that was counted, in its places.
    pub(super) fn finish(self, starts: &[(i64, Cell)]) -> Tally {
        let mut tally = Tally::default();
        let words = &self.words;
        let cell = |number: u32| starts[number as usize].1;
        for ((place, body, media, number), count) in self.answers {
            let (body, media) = (words.text_of(body), words.text_of(media));
            let answer = Answer { home: words.home(place), body, media };
            tally.answers.entry(answer).or_default().add(cell(number), count);
        }
        for ((home, media), n) in self.request_media {
            let Home { route, path, .. } = words.home_of(home);
            tally.request_media.insert((route, path, words.text_of(media)), n);
        }
        let versions = self.api_versions.into_iter();
        tally.api_versions = versions.map(|(text, n)| (words.text_of(text), n)).collect();
        // Grouped under numbers first: homes are compared by their texts, and each is wanted once.
        let mut shapes: FxHashMap<_, Cells> = FxHashMap::default();
        for ((place, shape, held, number), count) in self.shapes {
            shapes.entry((place, shape, held)).or_default().add(cell(number), count);
        }
        for ((place, shape, held), cells) in shapes {
            tally.shapes.insert(Sighting { home: words.home(place), shape, held }, cells);
        }
        for ((home, status), sampled) in self.sampled {
            for is_request in [false, true] {
                let polls = sampled.polls.iter().filter(|((side, ..), _)| *side == is_request);
                let polls: BTreeMap<_, _> =
                    polls.map(|((_, entity, shape), n)| ((*entity, *shape), *n)).collect();
                if !polls.is_empty() {
                    tally.polls.insert(words.home(HomeKey { home, status, is_request }), polls);
                }
            }
        }
        let mut callers: FxHashMap<_, BTreeMap<_, _>> = FxHashMap::default();
        for (caller, polls) in self.callers {
            for ((place, shape), count) in polls {
                callers.entry(place).or_default().insert((caller, shape), count);
            }
        }
        let callers = callers.into_iter();
        tally.callers = callers.map(|(place, polls)| (words.home(place), polls)).collect();
        tally
    }
}

impl Sampled {
    fn add(&mut self, entity: u64, shown: &[u64], taken: &[u64]) {
        self.answers += 1;
        if entity >= sampled_below(self.answers) {
            return;
        }
        for shape in shown {
            *self.polls.entry((false, entity, *shape)).or_default() += 1;
        }
        for shape in taken {
            *self.polls.entry((true, entity, *shape)).or_default() += 1;
        }
        if self.answers >= self.next_prune.max(2 * SAMPLED_BODIES) {
            let below = sampled_below(self.answers);
            self.polls.retain(|(_, entity, _), _| *entity < below);
            self.next_prune = 2 * self.answers;
        }
    }
}

impl Words {
    fn home(&self, place: HomeKey) -> Home {
        let mut home = self.home_of(place.home);
        home.status = place.status;
        home.surface = match (place.is_request, home.event.is_empty()) {
            (true, _) => Surface::Request,
            (false, true) => Surface::Response,
            (false, false) => Surface::Webhook,
        };
        home
    }
}

/// Lists of shapes.
struct Lists<'b> {
    lists: &'b ListArray,
    shapes: &'b [u64],
}

impl<'b> Lists<'b> {
    fn of(column: &'b dyn Array) -> Self {
        let lists = column.as_list::<i32>();
        Self { lists, shapes: lists.values().as_primitive::<UInt64Type>().values() }
    }

    fn at(&self, row: usize) -> &'b [u64] {
        let ends = self.lists.value_offsets();
        let at = |end: i32| usize::try_from(end).unwrap_or(0);
        &self.shapes[at(ends[row])..at(ends[row + 1])]
    }
}

/// Cells of moments most of which lie where the last did.
struct CellsInOrder<'c> {
    starts: &'c [(i64, Cell)],
    last: usize,
}

impl CellsInOrder<'_> {
    fn number_of(&mut self, at_us: i64) -> u32 {
        let begins = |number: usize| self.starts.get(number).map(|(start, _)| *start);
        let is_here = begins(self.last).is_some_and(|start| start <= at_us)
            && begins(self.last + 1).is_none_or(|next| at_us < next);
        if !is_here {
            let after = self.starts.partition_point(|(start, _)| *start <= at_us);
            self.last = after.saturating_sub(1);
        }
        u32::try_from(self.last).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Numbers in no order, each once.
    fn scattered(count: u64) -> impl Iterator<Item = u64> {
        (0..count).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24)
    }

    #[test]
    fn what_is_sampled_on_the_way_is_the_sample_of_all() {
        let (mut sampled, mut all) = (Sampled::default(), BTreeMap::new());
        for entity in scattered(50_000).chain(scattered(9_000)) {
            sampled.add(entity, &[1, 2], &[3]);
            for key in [(false, entity, 1), (false, entity, 2), (true, entity, 3)] {
                *all.entry(key).or_insert(0) += 1;
            }
        }
        assert!(sampled.polls.len() < all.len() / 3, "{} are kept", sampled.polls.len());
        let below = sampled_below(sampled.answers);
        let of_all: BTreeMap<_, u64> =
            all.into_iter().filter(|((_, entity, _), _)| *entity < below).collect();
        let kept = sampled.polls.into_iter().filter(|((_, entity, _), _)| *entity < below);
        assert_eq!(kept.collect::<BTreeMap<_, _>>(), of_all);
    }

    #[test]
    fn the_callers_told_apart_are_the_smallest_with_all_their_calls() {
        let mut counter = Counter::default();
        let key = (HomeKey { home: 1, status: 200, is_request: false }, 0);
        for caller in scattered(1_000).chain(scattered(1_000)) {
            if let Some(polls) = counter.polls_of(caller) {
                polls.entry(key).or_default().n += 1;
            }
        }
        let smallest: BTreeSet<u64> = scattered(1_000).collect();
        let smallest: Vec<_> = smallest.into_iter().take(CALLERS_MAX).map(|one| (one, 2)).collect();
        let kept = counter.callers.iter().map(|(caller, polls)| (*caller, polls[&key].n));
        assert_eq!(kept.collect::<Vec<_>>(), smallest);
    }
}
