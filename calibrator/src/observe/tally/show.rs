//! From a tally to an observation: what was counted, at the places a model gives it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use models::{Class, Model, Place, Surface, Window};
use observer::lake::path;

use super::{Answer, Cell, Count, Home, ShapeOf, Slot, Tally, Word};
use crate::diff::view_at;
use crate::evidence::{Evidence, ObjectEvidence, Token, TokenSeen};
use crate::observe::entities::{self, Poll, Polls};
use crate::observe::history::{Callers, History};
use crate::observe::paths::Templates;
use crate::observe::tails::{self, Part};
use crate::observe::{Observation, described_status, full_path};

/// Tokens of a field beyond which it is taken for open, unless the model lists more.
///
/// # Source
///
/// As `observer::shape` has it within a segment; INFERENCE §1.
const TOKENS_MAX: usize = 64;

impl Tally {
    /// What is seen where, by the routes, statuses and closed fields of a model.
    pub fn observe(&self, model: &Model) -> Observation {
        let paths: BTreeSet<&str> = self.answers.keys().map(|one| one.home.path.as_str()).collect();
        let templates = Templates::infer(paths.into_iter().filter(|path| !path.is_empty()), model);
        let show = Show { tally: self, model, templates };
        let bounds = tails::bounds(&self.by_cell());
        let mut parts: Vec<Part> = (0..=bounds.len()).map(|_| Part::default()).collect();
        show.routes(&bounds, &mut parts);
        show.shapes(&bounds, &mut parts);
        let mut observation = show.start();
        for part in &parts {
            observation.evidence.merge(&part.evidence);
            observation.learned.merge(&part.learned);
            tails::merge_held_back(&mut observation.held_back, &part.held_back);
        }
        let callers = show.callers();
        let weights = entities::weights(show.polls(), &observation.shapes);
        apply_weights(&mut observation.evidence, &weights);
        callers.fill(&mut observation.evidence, &observation.shapes, |_| true);
        show.values(&mut observation.evidence);
        share_values(&observation.evidence, &mut observation.learned);
        observation.tails = tails::tails(&parts, &bounds);
        for tail in &mut observation.tails {
            let from_us = tail.from_us;
            tail.share(&observation.evidence);
            callers.fill(&mut tail.evidence, &observation.shapes, |seen| seen.last_us >= from_us);
        }
        observation.history = show.history();
        observation.callers = callers;
        observation
    }

    /// Exchanges in each cell.
    fn by_cell(&self) -> BTreeMap<Cell, u64> {
        let mut by_cell = BTreeMap::new();
        for (cell, count) in self.answers.values().flat_map(super::Cells::iter) {
            *by_cell.entry(cell).or_default() += count.n;
        }
        by_cell
    }

    /// The routes inferred for the paths that no model had.
    pub(crate) fn templates(&self, model: &Model) -> BTreeMap<String, String> {
        let paths: BTreeSet<&str> = self.answers.keys().map(|one| one.home.path.as_str()).collect();
        Templates::infer(paths.into_iter().filter(|path| !path.is_empty()), model).routes
    }
}

struct Show<'a> {
    tally: &'a Tally,
    model: &'a Model,
    templates: Templates,
}

impl Show<'_> {
    fn start(&self) -> Observation {
        let tally = self.tally;
        let time = |us| DateTime::from_timestamp_micros(us);
        let mut skipped = tally.skipped.clone();
        let no_route = |answer: &&Answer| {
            answer.home.event.is_empty() && self.route_of(&answer.home).is_none()
        };
        let unrouted = tally.answers.iter().filter(|(answer, _)| no_route(answer));
        let unrouted: u64 = unrouted.map(|(_, cells)| cells.n()).sum();
        if unrouted > 0 {
            skipped.insert("no route".to_owned(), unrouted);
        }
        let some = tally.exchanges > 0;
        Observation {
            evidence: Evidence::default(),
            learned: Evidence::default(),
            held_back: BTreeMap::new(),
            tails: Vec::new(),
            shapes: tally.objects.iter().map(|(id, shape)| (*id, shape.clone())).collect(),
            window: Window {
                from: some.then(|| time(tally.seen.first_us)).flatten(),
                to: some.then(|| time(tally.seen.last_us)).flatten(),
            },
            exchanges: tally.exchanges,
            skipped,
            dropped: tally.dropped,
            api_versions: tally.api_versions.clone(),
            notes: Vec::new(),
            history: History::default(),
            callers: Callers::default(),
        }
    }

    fn route_of<'h>(&'h self, home: &'h Home) -> Option<&'h str> {
        if home.path.is_empty() {
            (!home.route.is_empty()).then_some(home.route.as_str())
        } else {
            self.templates.routes.get(&home.path).map(String::as_str)
        }
    }

    /// As at the intake, a status that the model describes by its class or by `default` stands at 400
    /// or 500.
    fn place_of(&self, home: &Home) -> Option<Place> {
        Some(match home.surface {
            Surface::Webhook => Place {
                surface: Surface::Webhook,
                route: None,
                status: None,
                event: Some(home.event.clone()),
            },
            Surface::Request => Place {
                surface: Surface::Request,
                route: Some(self.route_of(home)?.to_owned()),
                status: None,
                event: None,
            },
            Surface::Response => {
                let route = self.route_of(home)?;
                Place {
                    surface: Surface::Response,
                    status: Some(described_status(self.model, route, home.status)),
                    route: Some(route.to_owned()),
                    event: None,
                }
            }
        })
    }

    fn routes(&self, bounds: &[i64], parts: &mut [Part]) {
        for (answer, cells) in &self.tally.answers {
            let Some(route) = self.route_of(&answer.home).filter(|_| answer.home.event.is_empty())
            else {
                continue;
            };
            for (cell, count) in cells.iter() {
                let evidence = &mut parts[part_of(bounds, cell)].evidence;
                let route = evidence.routes.entry(route.to_owned()).or_default();
                let status = route.statuses.entry(answer.home.status).or_default();
                status.n += count.n;
                if matches!(answer.body.as_str(), "ok" | "none" | "not-json") {
                    status.clean += count.n;
                    status.seen = status.seen.merge(count.seen);
                }
                if !answer.media.is_empty() {
                    *status.media.entry(answer.media.clone()).or_default() += count.n;
                }
            }
        }
        // Of the window as a whole: the first part stands for it.
        for ((route, path, media), n) in &self.tally.request_media {
            let route = if path.is_empty() { Some(route) } else { self.templates.routes.get(path) };
            let Some(route) = route.filter(|route| !route.is_empty()) else { continue };
            let seen = parts[0].evidence.routes.entry(route.clone()).or_default();
            *seen.request_media.entry(media.clone()).or_default() += n;
        }
    }

    fn shapes(&self, bounds: &[i64], parts: &mut [Part]) {
        for (sighting, cells) in &self.tally.shapes {
            let Some(shape) = self.tally.objects.get(&sighting.shape) else { continue };
            let Some(place) = self.place_of(&sighting.home) else { continue };
            let mut by_part: BTreeMap<usize, Count> = BTreeMap::new();
            for (cell, count) in cells.iter() {
                by_part.entry(part_of(bounds, cell)).or_default().add(count);
            }
            for (number, count) in by_part {
                let part = &mut parts[number];
                add_shape(&mut part.evidence, &place, shape, count);
                if sighting.held {
                    let key = (place.clone(), sighting.shape);
                    *part.held_back.entry(key).or_default() += count.n;
                } else {
                    add_shape(&mut part.learned, &place, shape, count);
                }
            }
        }
        for part in parts {
            count_empty_objects(&mut part.evidence);
            count_empty_objects(&mut part.learned);
        }
    }

    fn polls(&self) -> Polls {
        let mut polls = Polls::new();
        for (home, of_home) in &self.tally.polls {
            let Some(place) = self.place_of(home) else { continue };
            let all = of_home.iter().map(|((entity, shape), n)| Poll {
                entity: *entity,
                shape: *shape,
                n: *n,
            });
            polls.entry(place).or_default().extend(all);
        }
        polls
    }

    fn callers(&self) -> Callers {
        let mut callers = Callers::default();
        for (home, of_home) in &self.tally.callers {
            if home.surface == Surface::Response
                && let Some(route) = self.route_of(home)
            {
                for ((caller, _), count) in of_home.iter().filter(|((_, shape), _)| *shape == 0) {
                    callers.answered(route, home.status, *caller, *count);
                }
            }
            let Some(place) = self.place_of(home) else { continue };
            for ((caller, shape), count) in of_home.iter().filter(|((_, shape), _)| *shape != 0) {
                callers.shown(&place, *caller, *shape, *count);
            }
        }
        callers
    }

    fn history(&self) -> History {
        let mut history = History::default();
        for (sighting, cells) in &self.tally.shapes {
            let Some(place) = self.place_of(&sighting.home) else { continue };
            for (cell, count) in cells.iter() {
                history.add(&place, cell.start_us(), sighting.shape, count);
            }
        }
        history
    }

    fn values(&self, evidence: &mut Evidence) {
        for slot in &self.tally.open {
            if let Some(at) = evidence.places.get_mut(&self.place_of_slot(slot)) {
                at.values.entry(path::decode(&slot.path)).or_default().open = true;
            }
        }
        for (slot, words) in &self.tally.values {
            // Values of places without a body in the window belong to another time.
            let Some(at) = evidence.places.get_mut(&self.place_of_slot(slot)) else { continue };
            let values = at.values.entry(path::decode(&slot.path)).or_default();
            for (pseudonym, Word { text, n, seen, entities }) in words {
                let token = text.clone().map_or(Token::Withheld(*pseudonym), Token::Clear);
                let seen = TokenSeen { n: *n, witnesses: entities.len() as u64, seen: *seen };
                values.tokens.entry(token).or_default().add(seen);
            }
        }
        for (place, at) in &mut evidence.places {
            for (path, values) in &mut at.values {
                let listed = || {
                    let view = view_at(self.model, place, path);
                    view.and_then(|view| Some(view.enumeration()?.len())).unwrap_or(0)
                };
                values.open |= values.tokens.len() > TOKENS_MAX
                    && values.tokens.len() > TOKENS_MAX.max(2 * listed());
                if values.open {
                    values.tokens.clear();
                }
            }
        }
    }

    fn place_of_slot(&self, slot: &Slot) -> Place {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let route = match self.templates.skeletons.get(&slot.route) {
            Some(route) => Some(route.clone()),
            None => text(&slot.route),
        };
        Place {
            surface: slot.surface,
            route,
            status: (slot.status > 0).then_some(slot.status),
            event: text(&slot.event),
        }
    }
}

fn part_of(bounds: &[i64], cell: Cell) -> usize {
    bounds.partition_point(|bound| *bound <= cell.start_us())
}

fn add_shape(evidence: &mut Evidence, place: &Place, shape: &ShapeOf, count: Count) {
    let at = evidence.places.entry(place.clone()).or_default();
    if shape.object.0.is_empty() {
        at.n += count.n;
        at.seen = at.seen.merge(count.seen);
    }
    let object = at.objects.entry(shape.object.clone()).or_default();
    object.n += count.n;
    for (key, (classes, sometimes)) in &shape.fields {
        let field = object.fields.entry(key.clone()).or_default();
        field.n += count.n;
        field.sometimes += if *sometimes { count.n } else { 0 };
        field.seen = field.seen.merge(count.seen);
        field.weight = 1.0;
        for class in classes.iter() {
            field.classes.entry(class).or_default().add(count.n, count.seen);
        }
    }
}

/// Counts the objects of the bodies in which they are all empty: those have no fields, and so no rows among
/// the shapes, and only what is around them tells that they are there.
fn count_empty_objects(evidence: &mut Evidence) {
    for place in evidence.places.values_mut() {
        let inner = place.objects.iter().flat_map(|(path, object)| {
            object.fields.iter().filter_map(|(key, field)| {
                let seen = field.classes.get(&Class::Object).filter(|_| !key.0.is_empty())?;
                Some((full_path(path, key), seen.n))
            })
        });
        for (path, n) in inner.collect::<Vec<_>>() {
            let object = place.objects.entry(path).or_default();
            object.n = object.n.max(n);
        }
    }
}

fn apply_weights(evidence: &mut Evidence, weights: &BTreeMap<Place, entities::Weights>) {
    for (place, at) in &mut evidence.places {
        let Some(weights) = weights.get(place) else { continue };
        for (path, object) in &mut at.objects {
            for (key, field) in &mut object.fields {
                if let Some(weight) = weights.get(&(path.clone(), key.clone())) {
                    field.weight = *weight;
                }
            }
        }
    }
}

/// Tokens are counted over all entities; weights are of fields, not of the sample.
fn share_values(all: &Evidence, learned: &mut Evidence) {
    learned.routes.clone_from(&all.routes);
    for (place, at) in &mut learned.places {
        let Some(whole) = all.places.get(place) else { continue };
        at.values.clone_from(&whole.values);
        for (path, object) in &mut at.objects {
            let known = whole.objects.get(path);
            share_fields(object, known);
        }
    }
}

fn share_fields(object: &mut ObjectEvidence, whole: Option<&ObjectEvidence>) {
    for (key, field) in &mut object.fields {
        let known = whole.and_then(|object| object.fields.get(key));
        field.weight = known.map_or(1.0, |field| field.weight);
        field.callers = known.map_or(0, |field| field.callers);
    }
}
