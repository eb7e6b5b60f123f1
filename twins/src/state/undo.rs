//! What a request wrote taken back, where it is refused after all.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::collection::Collection;
use super::{Entity, State, entry};

/// What a request wrote, each entity with what was there before. It grows with what is written and not with
/// what there is, and what others wrote meanwhile stays.
#[derive(Debug, Default)]
pub(crate) struct Undo(Vec<Step>);

#[derive(Debug)]
struct Step {
    collection: Box<str>,
    id: Box<str>,
    before: Option<Arc<Entity>>,
    was_gone: bool,
    /// How many were ever created in the collection.
    created: u64,
    /// Others of the collection that went, as there was no room.
    forgotten: Vec<Arc<Entity>>,
    below: Below,
}

/// The collections that were below an entity.
#[derive(Debug, Default)]
pub(crate) struct Below(pub(super) Vec<(Box<str>, Arc<Collection>)>);

impl Undo {
    /// Notes what there is of an entity that is about to be written.
    pub(crate) fn note(&mut self, state: &State, collection: &str, id: &str) {
        let shard = state.read(collection);
        let known = shard.get(collection);
        self.0.push(Step {
            collection: collection.into(),
            id: id.into(),
            before: known.and_then(|known| known.get(id)).map(Arc::clone),
            was_gone: known.is_some_and(|known| known.is_gone(id)),
            created: known.map_or(0, |known| known.created),
            forgotten: Vec::new(),
            below: Below::default(),
        });
    }

    /// Notes what was forgotten for the entity that was noted last.
    pub(crate) fn note_forgotten(&mut self, forgotten: Vec<Arc<Entity>>) {
        if let Some(last) = self.0.last_mut() {
            last.forgotten = forgotten;
        }
    }

    /// Notes what was below the entity that was noted last.
    pub(crate) fn note_below(&mut self, below: Below) {
        if let Some(last) = self.0.last_mut() {
            last.below = below;
        }
    }

    /// The collections and ids of what was written, in order.
    pub(crate) fn written(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|step| (&*step.collection, &*step.id))
    }
}

impl State {
    /// Puts all that was written back to what it was, as far as there is room for what was forgotten. What changed
    /// in it is told to nobody.
    pub(crate) fn take_back(&self, undo: Undo) {
        self.changes.forget(|collection, id| undo.written().any(|own| own == (collection, id)));
        for step in undo.0.into_iter().rev() {
            self.take_step_back(step);
        }
    }

    fn take_step_back(&self, step: Step) {
        let Step { collection, id, before, was_gone, created, forgotten, below } = step;
        let mut shard = self.write(&collection);
        let known = entry(&mut shard, &collection);
        if let Some(now) = known.erase(&id) {
            self.bytes.fetch_sub(now.size(), Ordering::Relaxed);
        }
        if was_gone {
            known.bury(&id, self.limits.entities_per_collection_max);
        }
        if let Some(entity) = before {
            self.give_back(known, entity);
        }
        for entity in forgotten {
            let is_lost = known.get(&entity.id).is_none() && !known.is_gone(&entity.id);
            let has_room = known.len() < self.limits.entities_per_collection_max
                && self.bytes() + entity.size() <= self.limits.bytes_max;
            if is_lost && has_room {
                self.give_back(known, entity);
            }
        }
        known.count_from(created);
        drop(shard);
        for (name, known) in below.0 {
            self.bytes.fetch_add(known.bytes(), Ordering::Relaxed);
            let now = self.write(&name).insert(name, known);
            self.bytes.fetch_sub(now.map_or(0, |now| now.bytes()), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::super::{Known, Start, State, StateLimits};
    use super::Undo;

    fn fields(note: &str) -> Map<String, Value> {
        Map::from_iter([("note".to_owned(), note.into())])
    }

    fn create(state: &State, collection: &str, id: &str) {
        state.create(collection, Some(id), |_| unreachable!(), |_, _| fields("made")).unwrap();
    }

    fn change(state: &State, id: &str, note: &str) {
        state.update("/c", id, None, |stored| *stored = fields(note)).unwrap().unwrap();
    }

    #[test]
    fn what_was_not_written_stays_as_it_has_become() {
        let state = State::new(StateLimits::default());
        for id in ["mine", "theirs", "dropped"] {
            create(&state, "/c", id);
        }
        create(&state, "/c/dropped/d", "below");
        state.watch(true);
        let mut undo = Undo::default();
        // What is undone, and another's writes between.
        undo.note(&state, "/c", "mine");
        change(&state, "mine", "changed");
        undo.note(&state, "/c", "new");
        create(&state, "/c", "new");
        change(&state, "theirs", "changed");
        create(&state, "/c", "later");
        undo.note(&state, "/c", "dropped");
        state.remove("/c", "dropped");
        undo.note_below(state.remove_below("/c", "dropped"));

        state.take_back(undo);

        let page = state.page("/c", Start::Offset(0), 9, false).entities;
        let notes: Vec<_> = page.iter().map(|one| (&*one.id, one.packed.get("note"))).collect();
        let note = |id, note: &str| (id, Some(json!(note)));
        assert_eq!(
            notes,
            [
                note("mine", "made"),
                note("theirs", "changed"),
                note("dropped", "made"),
                note("later", "made")
            ]
        );
        assert!(matches!(state.find("/c", "new"), Known::Never));
        assert!(matches!(state.find("/c/dropped/d", "below"), Known::Here(_)));
        let told: Vec<_> =
            state.take_changes().iter().map(|one| one.after.as_ref().unwrap().id.clone()).collect();
        assert_eq!(told, ["theirs".into(), "later".into()]);
        let sizes = page.iter().map(|one| one.size());
        let Known::Here(below) = state.find("/c/dropped/d", "below") else { unreachable!() };
        assert_eq!(state.bytes(), sizes.sum::<usize>() + below.size());
    }

    #[test]
    fn the_next_ordinal_is_what_it_was_where_nothing_else_was_created() {
        let state = State::new(StateLimits::default());
        create(&state, "/c", "first");
        let mut undo = Undo::default();
        for (collection, id) in [("/c", "second"), ("/new", "first")] {
            undo.note(&state, collection, id);
            create(&state, collection, id);
        }
        state.take_back(undo);
        assert_eq!((state.created("/c"), state.created("/new")), (1, 0));
    }

    #[test]
    fn what_was_forgotten_for_what_is_taken_back_is_there_again() {
        let limits = StateLimits { entities_per_collection_max: 2, ..StateLimits::default() };
        let state = State::new(limits);
        for id in ["a", "b"] {
            create(&state, "/c", id);
        }
        let mut undo = Undo::default();
        undo.note(&state, "/c", "c");
        let made = state.create("/c", Some("c"), |_| unreachable!(), |_, _| fields("made"));
        undo.note_forgotten(made.unwrap().forgotten);
        assert!(matches!(state.find("/c", "a"), Known::Never));
        state.take_back(undo);
        let ids = |state: &State| {
            let all = state.page("/c", Start::Offset(0), 9, false).entities;
            all.iter().map(|one| one.id.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(ids(&state), ["a", "b"]);
    }
}
