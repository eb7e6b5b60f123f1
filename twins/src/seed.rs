//! State that is loaded and not made by requests.

use serde_json::{Map, Value};

use crate::config::TwinConfig;
use crate::program::Program;
use crate::served::Source;
use crate::state::State;

/// What every session begins with. What does not fit is left out, and the log says so.
pub(crate) fn beginning(source: &Source, config: &TwinConfig) -> State {
    let state = State::new(config.state);
    let served = source.load();
    for (name, entities) in &config.beginning {
        let collection = collection_named(&served.program, name);
        let Value::Object(entities) = entities else {
            tracing::warn!(twin = %config.name, "the seed's `{name}` is no collection: `{{id: object}}`");
            continue;
        };
        let own = entities.iter().filter_map(|(id, fields)| {
            let fields = fields.as_object()?.clone();
            Some((id.clone(), with_id(&served.program, &collection, id, fields)))
        });
        if state.replace(&collection, own).is_err() {
            tracing::warn!(twin = %config.name, "the seed's `{name}` is larger than the twin holds");
        }
    }
    state
}

/// The collection that state loaded under a name goes to: `/v1/customers`, `v1/customers`, or
/// `customers` where only one collection is called so.
pub(crate) fn collection_named(program: &Program, name: &str) -> String {
    let path = format!("/{}", name.trim_matches('/'));
    match program.plan.collection(&path) {
        Some(_) => path,
        None => program.plan.only_one_called(&path).map_or(path, ToOwned::to_owned),
    }
}

/// The fields of an entity with its id among them.
pub(crate) fn with_id(
    program: &Program,
    collection: &str,
    id: &str,
    mut fields: Map<String, Value>,
) -> Map<String, Value> {
    let read = program.plan.collection(collection).and_then(|one| one.items.values().next());
    let target = read.and_then(|read| program.action(*read).target.as_ref());
    if let Some(field) = target.and_then(|target| target.item.id.as_ref()) {
        fields.entry(&*field.name).or_insert_with(|| field.kind.value(id));
    }
    fields
}
