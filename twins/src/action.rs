//! What one route does to the state, from the plan and the shapes of its bodies.

use std::collections::HashMap;

use models::{JsonType, Schema, StateVerb};

use crate::id::IdKind;
use crate::plan::Collection;
use crate::program::Program;
use crate::shape::{EntityId, Field, Form, Node, Record, Shapes};
use crate::template::Home;
use crate::words;

/// What a route does to the state.
#[derive(Debug)]
pub(crate) struct Action {
    /// Items on the way that have to exist, and the parameters that are their ids.
    pub(crate) parents: Vec<(Home, usize)>,
    /// `None` where the route keeps no state.
    pub(crate) target: Option<Target>,
}

/// The collection a route works on, and how.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) verb: StateVerb,
    pub(crate) home: Home,
    /// The parameter that is the item's id; `None` for a collection's own routes and for the one
    /// entity of a path without items.
    pub(crate) id: Option<usize>,
    /// Whether an item that was never written exists all the same.
    pub(crate) implied: bool,
    pub(crate) has_below: bool,
    /// Whether a list shows only what its query looks for.
    pub(crate) searches: bool,
    pub(crate) item: Item,
    /// The field of the answer that holds the item, or a list's items; `None` where it is the
    /// whole answer.
    pub(crate) within: Option<Box<str>>,
}

/// What the items of a collection look like.
#[derive(Debug, Default)]
pub(crate) struct Item {
    pub(crate) id: Option<IdField>,
    /// Fields that say when it was made.
    pub(crate) created: Vec<Box<str>>,
    /// Fields that say when it last changed.
    pub(crate) changed: Vec<Box<str>>,
    /// Field names by their letters and digits, so that `FriendlyName` finds `friendly_name`.
    names: HashMap<String, Box<str>>,
}

/// The field an item is known by.
#[derive(Debug)]
pub(crate) struct IdField {
    pub(crate) name: Box<str>,
    pub(crate) kind: IdKind,
}

/// What an answer shows of an item.
struct Shown<'p> {
    record: &'p Record,
    entity: Option<EntityId>,
    id: &'p Field,
}

impl Action {
    pub(crate) fn of(program: &Program, number: usize) -> Self {
        let route = program.route(number);
        let needed = |(home, _): &(Home, usize)| {
            program.plan.collection(&home.pattern()).is_some_and(|one| one.creatable)
        };
        let parents = route.template.parents().filter(needed).collect();
        let found = declared(program, number).or_else(|| derived(program, number));
        let target = found.map(|(verb, home, id)| Target::of(program, number, verb, home, id));
        Self { parents, target }
    }
}

type Found = (StateVerb, Home, Option<usize>);

/// What the model itself says the route does.
fn declared(program: &Program, number: usize) -> Option<Found> {
    let state = program.model_route(number).state.as_ref()?;
    let route = program.route(number);
    let home = Home::named(&state.collection, &route.parameters);
    let takes_id = matches!(state.verb, StateVerb::Read | StateVerb::Update | StateVerb::Delete);
    let own = Home::named(&state.collection, &[]).pattern().matches('{').count();
    let last = route.parameters.len().checked_sub(1).filter(|last| takes_id && *last + 1 > own);
    Some((state.verb, home, last))
}

/// What the pattern says it does.
fn derived(program: &Program, number: usize) -> Option<Found> {
    let route = program.route(number);
    let method = route.key.method();
    if let Some((home, id)) = route.template.item() {
        let verb = match method {
            "GET" if !is_list(program, number, home.noun()) => StateVerb::Read,
            "PUT" | "PATCH" | "POST" => StateVerb::Update,
            "DELETE" => StateVerb::Delete,
            _ => return None,
        };
        return Some((verb, home, Some(id)));
    }
    if method == "GET"
        && let Some(home) = searched(program, number)
    {
        return Some((StateVerb::List, home, None));
    }
    let home = route.template.collection()?;
    let collection = program.plan.collection(&home.pattern())?;
    let lists = collection.own.get("GET").map(|get| is_list(program, *get, home.noun()));
    let written =
        ["POST", "PUT", "PATCH"].iter().any(|method| collection.own.contains_key(*method));
    let single = collection.items.is_empty() && lists == Some(false) && written;
    let verb = match method {
        "GET" if lists == Some(true) && (written || !collection.items.is_empty()) => {
            StateVerb::List
        }
        "POST" if lists == Some(true) || !collection.items.is_empty() => StateVerb::Create,
        "GET" if single => StateVerb::Read,
        "POST" | "PUT" | "PATCH" if single => StateVerb::Update,
        "DELETE" if single => StateVerb::Delete,
        "POST" | "PUT" | "PATCH" => return on_parent(program, number),
        _ => return None,
    };
    Some((verb, home, None))
}

/// The collection whose items a route searches: `/charges` of `/charges/search`.
fn searched(program: &Program, number: usize) -> Option<Home> {
    let home = program.route(number).template.searched()?;
    let known = program.plan.collection(&home.pattern())?;
    let asks = program.model_route(number).query.contains_key("query");
    let shows = !known.items.is_empty() && is_list(program, number, home.noun());
    (asks && shows).then_some(home)
}

/// A write below an item that answers with the item changes it.
fn on_parent(program: &Program, number: usize) -> Option<Found> {
    let (home, id) = program.route(number).template.parent()?;
    let collection = program.plan.collection(&home.pattern())?;
    let read = collection.items.get("GET")?;
    let entity = |number: usize| {
        let body = program.answer(number).body.as_ref()?;
        program.shapes.record(body)?.1
    };
    (entity(number)? == entity(*read)?).then_some((StateVerb::Update, home, Some(id)))
}

/// Whether a route answers with a list.
fn is_list(program: &Program, number: usize, noun: &str) -> bool {
    let Some(body) = &program.answer(number).body else { return false };
    let shapes = &program.shapes;
    if items_of(shapes, body).is_some() {
        return true;
    }
    let Some((record, _)) = shapes.record(body) else { return false };
    list_field(shapes, record, noun).is_some()
        && (record.field("id").or_else(|| record.field("sid")).is_none()
            || record.field("has_more").is_some())
}

/// The field of an envelope that holds a list's items: records, in a field of a usual name or
/// named as the collection, else the only one there is.
fn list_field<'r>(shapes: &Shapes, record: &'r Record, noun: &str) -> Option<&'r str> {
    let holds_records = |field: &&Field| {
        items_of(shapes, &field.node).is_some_and(|items| !shapes.records(items).is_empty())
    };
    let candidates: Vec<_> = record.fields.iter().filter(holds_records).collect();
    let usual = candidates.iter().find(|field| {
        matches!(
            &*field.name,
            "data" | "items" | "results" | "entries" | "values" | "records" | "list"
        ) || field.name.eq_ignore_ascii_case(noun)
    });
    match (usual, &candidates[..]) {
        (Some(field), _) | (None, [field]) => Some(&field.name),
        _ => None,
    }
}

/// What the items of an array are, where a value may be one.
pub(crate) fn items_of<'n>(shapes: &'n Shapes, node: &'n Node) -> Option<&'n Node> {
    shapes.leaves(node).leaves.iter().find_map(|leaf| match leaf.form {
        Form::Array(items) => items.as_deref(),
        _ => None,
    })
}

impl Target {
    fn of(
        program: &Program,
        number: usize,
        verb: StateVerb,
        home: Home,
        id: Option<usize>,
    ) -> Self {
        let unknown = Collection::default();
        let collection = program.plan.collection(&home.pattern()).unwrap_or(&unknown);
        let item = Item::of(program, number, collection, home.noun());
        let body = program.answer(number).body.as_ref();
        let within = body.and_then(|body| match verb {
            StateVerb::List if items_of(&program.shapes, body).is_some() => None,
            StateVerb::List => {
                let (record, _) = program.shapes.record(body)?;
                list_field(&program.shapes, record, home.noun()).map(Into::into)
            }
            _ => within(program, body, item.id.as_ref()?),
        });
        let takes_id = !matches!(verb, StateVerb::Create | StateVerb::List);
        Self {
            implied: !collection.creatable || (takes_id && id.is_none()),
            has_below: collection.has_below,
            searches: program.route(number).template.searched().is_some(),
            verb,
            home,
            id,
            item,
            within,
        }
    }
}

/// The field of an answer that holds the item, where the answer itself is not the item.
fn within(program: &Program, body: &Node, id: &IdField) -> Option<Box<str>> {
    let (record, _) = program.shapes.record(body)?;
    if record.field(&id.name).is_some() {
        return None;
    }
    let holds_item = |field: &&Field| {
        let inner = program.shapes.record(&field.node);
        inner.is_some_and(|(record, _)| record.field(&id.name).is_some())
    };
    record.fields.iter().find(holds_item).map(|field| field.name.clone())
}

impl Item {
    /// What the items look like, from the route that shows one best.
    fn of(program: &Program, number: usize, collection: &Collection, noun: &str) -> Self {
        let by_items =
            ["GET", "PATCH", "PUT", "POST"].iter().filter_map(|one| collection.items.get(*one));
        let by_own = ["POST", "GET"].iter().filter_map(|one| collection.own.get(*one));
        let routes = by_items.chain(by_own).chain([&number]);
        let mut shown = routes.filter_map(|route| shown(program, *route, noun));
        match shown.next() {
            Some(shown) => Self::of_record(program, &shown, noun),
            None => Self::default(),
        }
    }

    fn of_record(program: &Program, shown: &Shown<'_>, noun: &str) -> Self {
        let named = |is: fn(&str) -> bool| {
            let names = shown.record.fields.iter().map(|field| &field.name);
            names.filter(|name| is(&name.to_ascii_lowercase())).cloned().collect()
        };
        let object = shown.record.field("object").and_then(|field| match &field.node.forms[..] {
            [Form::Text { values, .. }] if values.len() == 1 => {
                values.first().map(|value| &**value)
            }
            _ => None,
        });
        let entity = shown.entity.map(|entity| program.shapes.name(entity));
        let example = entity
            .and_then(|name| program.model.examples.get(name)?.get(&*shown.id.name)?.as_str())
            .and_then(IdKind::like);
        let kind = example
            .unwrap_or_else(|| IdKind::of(&program.shapes, shown.id, object.or(entity), noun));
        Self {
            id: Some(IdField { name: shown.id.name.clone(), kind }),
            created: named(words::is_creation_time),
            changed: named(words::is_change_time),
            names: names_of(shown.record),
        }
    }

    /// The field of the item that a name from a request means.
    pub(crate) fn name_for<'n>(&'n self, name: &'n str) -> &'n str {
        self.names.get(&letters(name)).map_or(name, |own| own)
    }

    /// Whether the items have a field of this very name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.get(&letters(name)).is_some_and(|own| **own == *name)
    }
}

/// Where a route's answer shows an item, and the field it is known by.
fn shown<'p>(program: &'p Program, number: usize, noun: &str) -> Option<Shown<'p>> {
    let shapes = &program.shapes;
    let body = program.answer(number).body.as_ref()?;
    let route = program.route(number);
    let parameter = route.template.item().and_then(|(_, id)| route.parameters.get(id));
    let schema = parameter
        .and_then(|name| program.model_route(number).path.get(&**name))
        .map(|parameter| &parameter.schema);
    // `{promotion_code}` among `promotion_codes` names the item itself, and not its `code`.
    let attribute = parameter.filter(|name| format!("{}s", letters(name)) != letters(noun));
    let id = |record| id_field(shapes, record, attribute.map(|name| &**name), schema);
    // Of items that may be of several forms, the first that has an id stands for all.
    let first = |node| {
        let records = shapes.records(node);
        records
            .into_iter()
            .find_map(|(record, entity)| Some(Shown { record, entity, id: id(record)? }))
    };
    if let Some(items) = items_of(shapes, body) {
        return first(items);
    }
    let Some((record, entity)) = shapes.record(body) else { return first(body) };
    if is_list(program, number, noun) {
        let field = record.field(list_field(shapes, record, noun)?)?;
        return first(items_of(shapes, &field.node)?);
    }
    if let Some(id) = id(record) {
        return Some(Shown { record, entity, id });
    }
    record.fields.iter().find_map(|field| {
        let (record, entity) = shapes.record(&field.node)?;
        Some(Shown { record, entity, id: id(record)? })
    })
}

/// The field an item is known by: the one the path's parameter is called after, else one of the
/// usual names; one that can hold what the parameter can, if there is one.
fn id_field<'r>(
    shapes: &Shapes,
    record: &'r Record,
    parameter: Option<&str>,
    schema: Option<&Schema>,
) -> Option<&'r Field> {
    const USUAL: [&str; 12] = [
        "id", "sid", "uuid", "guid", "key", "login", "username", "slug", "name", "number", "code",
        "token",
    ];
    let letters_of =
        |name: &str| parameter.map(letters).is_some_and(|wanted| wanted == letters(name));
    let last = parameter.and_then(|name| name.rsplit(['_', '-']).next()).unwrap_or("");
    let exact = record.fields.iter().filter(|field| letters_of(&field.name));
    let ending = record.fields.iter().filter(|field| field.name.eq_ignore_ascii_case(last));
    let usual = USUAL.iter().filter_map(|name| record.field(name));
    // `/refunds/{charge}` is rare, a refund that has a `charge` is not.
    let (first, second): (Vec<_>, Vec<_>) = exact.chain(ending).partition(|field| {
        USUAL.contains(&&*field.name.to_ascii_lowercase()) || record.field("id").is_none()
    });
    let named = first.len();
    let candidates: Vec<_> = first.into_iter().chain(usual).chain(second).collect();
    let scalar = |field: &&&Field| can_be_id(shapes, field, None);
    let fitting = |field: &&&Field| can_be_id(shapes, field, schema);
    // `{user_id}` is the `id` though all that traffic tells of it is that it is text, as all in a path is.
    let named = candidates.iter().take(named);
    let named = named.clone().find(fitting).or_else(|| named.clone().find(scalar));
    let fit = || candidates.iter().find(fitting).or_else(|| candidates.iter().find(scalar));
    named.or_else(fit).copied()
}

fn can_be_id(shapes: &Shapes, field: &Field, parameter: Option<&Schema>) -> bool {
    let only = |json_type: JsonType| {
        parameter.is_some_and(|schema| schema.types.len() == 1 && schema.types.contains(&json_type))
    };
    shapes.leaves(&field.node).leaves.iter().any(|leaf| match leaf.form {
        Form::Text { .. } => !only(JsonType::Integer),
        Form::Integer { .. } => !only(JsonType::String),
        _ => false,
    })
}

fn names_of(record: &Record) -> HashMap<String, Box<str>> {
    record.fields.iter().map(|field| (letters(&field.name), field.name.clone())).collect()
}

/// A name by its letters and digits, in lower case.
pub(crate) fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}
