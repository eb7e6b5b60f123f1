//! The places bodies are seen at, each with its trie; found by small numbers on the hot path.

use std::sync::Arc;

use models::{Model, Place, RouteKey, Surface};
use rustc_hash::FxHashMap;

use crate::shape::Trie;

/// Number of a route (the model's first, in its order, then skeletons) or of an event.
pub(super) type NameId = u32;
/// Number of a place's trie.
pub(super) type TrieId = usize;

/// Tries by place.
#[derive(Debug)]
pub(super) struct Places {
    model: Arc<Model>,
    names: Vec<Arc<str>>,
    by_name: FxHashMap<Arc<str>, NameId>,
    /// Names below are the model's routes.
    known: NameId,
    tries: Vec<Trie>,
    by_place: FxHashMap<Place, TrieId>,
    by_number: FxHashMap<(Surface, NameId, u16), TrieId>,
}

impl Places {
    pub(super) fn new(model: &Arc<Model>) -> Self {
        let mut places = Self {
            model: Arc::clone(model),
            names: Vec::new(),
            by_name: FxHashMap::default(),
            known: 0,
            tries: Vec::new(),
            by_place: FxHashMap::default(),
            by_number: FxHashMap::default(),
        };
        for route in model.routes.keys() {
            places.name(route.as_str());
        }
        places.known = NameId::try_from(places.names.len()).expect("fewer than 2^32 routes");
        places
    }

    /// The number of a route, skeleton or event.
    pub(super) fn name(&mut self, name: &str) -> NameId {
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        let id = NameId::try_from(self.names.len()).expect("fewer than 2^32 names");
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        self.by_name.insert(name, id);
        id
    }

    pub(super) fn text(&self, name: NameId) -> &str {
        &self.names[name as usize]
    }

    pub(super) fn request(&mut self, route: NameId) -> TrieId {
        self.at((Surface::Request, route, 0))
    }

    /// The place of an answer. A status the model describes as `4XX` or `default` stands at 400 (or
    /// 500), so that the many refusals of one shape are one place.
    pub(super) fn response(&mut self, route: NameId, status: u16) -> TrieId {
        self.at((Surface::Response, route, status))
    }

    pub(super) fn webhook(&mut self, event: NameId) -> TrieId {
        self.at((Surface::Webhook, event, 0))
    }

    fn at(&mut self, number: (Surface, NameId, u16)) -> TrieId {
        if let Some(id) = self.by_number.get(&number) {
            return *id;
        }
        let (surface, name, status) = number;
        let text = self.text(name).to_owned();
        let place = match surface {
            Surface::Webhook => Place { surface, route: None, status: None, event: Some(text) },
            Surface::Request => Place { surface, route: Some(text), status: None, event: None },
            Surface::Response => {
                let status =
                    if name < self.known { self.described_status(&text, status) } else { status };
                Place { surface, route: Some(text), status: Some(status), event: None }
            }
        };
        let next = self.tries.len();
        let id = *self.by_place.entry(place.clone()).or_insert(next);
        if id == next {
            self.tries.push(Trie::new(Arc::clone(&self.model), place));
        }
        self.by_number.insert(number, id);
        id
    }

    fn described_status(&self, route: &str, status: u16) -> u16 {
        let key = RouteKey::parse(route).ok();
        let described = key
            .and_then(|key| self.model.routes.get(&key))
            .and_then(|route| route.variant_for(status));
        match described {
            Some("4XX") => 400,
            Some("5XX") => 500,
            Some("default") if status >= 400 => 400,
            _ => status,
        }
    }

    pub(super) fn trie(&self, id: TrieId) -> &Trie {
        &self.tries[id]
    }

    pub(super) fn trie_mut(&mut self, id: TrieId) -> &mut Trie {
        &mut self.tries[id]
    }

    pub(super) fn tries(&self) -> impl Iterator<Item = &Trie> {
        self.tries.iter()
    }

    pub(super) fn tries_mut(&mut self) -> impl Iterator<Item = &mut Trie> {
        self.tries.iter_mut()
    }
}
