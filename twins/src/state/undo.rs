//! Entities put back to what they were.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::collection::Collection;
use super::{Shard, State, entry};

impl State {
    /// Puts entities, and the collections below them, back to what they were in a fork. What else was written to
    /// their collections since stays, and what changed in them is told to nobody.
    pub(crate) fn put_back(&self, before: &Self, written: &[(String, String)]) {
        for (now, was) in self.shards.iter().zip(&before.shards) {
            let mut now = now.write().unwrap_or_else(PoisonError::into_inner);
            let was = was.read().unwrap_or_else(PoisonError::into_inner);
            for name in names(&now, &was, written) {
                let touched = written.iter().filter(|(collection, _)| **collection == *name);
                let touched = touched.map(|(_, id)| &**id).collect();
                let none = Arc::default();
                self.put_back_one(
                    entry(&mut now, &name),
                    was.get(&*name).unwrap_or(&none),
                    &touched,
                );
            }
        }
        self.changes.forget(written);
    }

    fn put_back_one(&self, known: &mut Collection, before: &Collection, touched: &HashSet<&str>) {
        self.bytes.fetch_sub(known.bytes(), Ordering::Relaxed);
        known.put_back(before, touched, self.limits.entities_per_collection_max);
        self.bytes.fetch_add(known.bytes(), Ordering::Relaxed);
    }
}

/// The collections of one shard that entities are in, as it is and as it was, or are below them.
fn names(now: &Shard, was: &Shard, written: &[(String, String)]) -> HashSet<Box<str>> {
    let is_written = |name: &str| {
        written.iter().any(|(collection, id)| {
            name.strip_prefix(&**collection).is_some_and(|rest| {
                let below = rest.strip_prefix('/').and_then(|rest| rest.strip_prefix(&**id));
                rest.is_empty() || below.is_some_and(|rest| rest.starts_with('/'))
            })
        })
    };
    now.keys().chain(was.keys()).filter(|name| is_written(name)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::super::{Known, Start, State, StateLimits};

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
        let before = state.fork();
        let written: Vec<_> =
            ["mine", "new", "dropped"].map(|id| ("/c".to_owned(), id.to_owned())).into();
        // What is undone, and another's writes between.
        change(&state, "mine", "changed");
        create(&state, "/c", "new");
        change(&state, "theirs", "changed");
        create(&state, "/c", "later");
        state.remove("/c", "dropped");
        state.remove_below("/c", "dropped");

        state.put_back(&before, &written);

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
        let before = state.fork();
        create(&state, "/c", "second");
        create(&state, "/new", "first");
        let written = [("/c", "second"), ("/new", "first")];
        let written = written.map(|(name, id)| (name.to_owned(), id.to_owned()));
        state.put_back(&before, &written);
        assert_eq!((state.created("/c"), state.created("/new")), (1, 0));
    }
}
