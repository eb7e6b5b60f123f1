//! State that is loaded and not made by requests.

use serde_json::{Map, Value};

use crate::config::TwinConfig;
use crate::owners;
use crate::program::Program;
use crate::served::Source;
use crate::state::{State, is_of};
use crate::twin::Twin;

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
        let own = own.collect();
        if state.replace(vec![(collection, own)]).is_err() {
            tracing::warn!(twin = %config.name, "the seed's `{name}` is larger than the twin holds");
        }
    }
    state
}

/// A name under which nothing of the twin is known to look.
#[derive(Debug)]
pub(crate) struct Unknown {
    /// It is nearly that of a collection there is, and of nothing else: meant for that one.
    pub(crate) is_mistake: bool,
    /// Which name, and which there are.
    pub(crate) told: String,
}

/// What speaks against loading state under a name; `None` where a route of the model or a machine has such a collection,
/// whichever account it is of, or where there was something in it.
///
/// Handlers may keep collections of any name: what they mention is no mistake.
pub(crate) fn unknown(twin: &Twin, state: &State, name: &str) -> Option<Unknown> {
    let served = twin.source.load();
    let plan = &served.program.plan;
    let collection = collection_named(&served.program, name);
    let bare = owners::bare(&collection);
    let is_known = plan.collections().any(|pattern| is_of(pattern, bare))
        || twin.rules.kind_of(bare).is_some()
        || state.created(&collection) > 0;
    if is_known {
        return None;
    }
    let known: Vec<_> = plan.collections().filter(|pattern| !pattern.contains("{}")).collect();
    let word = last(bare);
    let is_near = models::nearest(word, known.iter().map(|other| last(other))).is_some();
    let shown = known.iter().take(KNOWN_SHOWN).map(|name| format!("`{name}`"));
    let shown = shown.collect::<Vec<_>>().join(", ");
    let list = match known.len() {
        0 => "none by its model".to_owned(),
        count if count > KNOWN_SHOWN => format!("{shown} and {} more", count - KNOWN_SHOWN),
        _ => shown,
    };
    Some(Unknown {
        is_mistake: is_near && !twin.handlers.mention(word),
        told: format!("there is no collection `{name}`; there are {list}"),
    })
}

/// The last segment of a collection's path.
fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Collections that are named where one is not known.
const KNOWN_SHOWN: usize = 20;

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
