//! What one route does to the state, from the plan and the shapes of its bodies.

use std::collections::{HashMap, HashSet};

use models::{JsonType, Schema, StateVerb};

use crate::id::IdKind;
use crate::plan::Collection;
use crate::program::Program;
use crate::search;
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
    /// Fields that the path says of an item, by its parameters: the `customer` of `/customers/{customer}/sources`, the
    /// `order_id` of `/orders/{id}/notes`.
    pub(crate) given: Vec<(usize, Box<str>)>,
    pub(crate) which: Which,
    /// Whether the request's body names the item, for the path does not.
    pub(crate) by_body: bool,
    pub(crate) item: Item,
    /// The field of the answer that holds the item, or a list's items; `None` where it is the
    /// whole answer.
    pub(crate) within: Option<Box<str>>,
}

/// Which items of its collection a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// All that there are.
    All,
    /// Those that the query looks for, as a search.
    Searched,
    /// Those that the path means, for it is another than the collection's: `/users/{id}/pets` of `/pets`.
    OfPath,
}

/// What the items of a collection look like.
#[derive(Debug, Default)]
pub(crate) struct Item {
    pub(crate) id: Option<IdField>,
    /// Fields that say when it was made.
    pub(crate) created: Vec<Box<str>>,
    /// Fields that say when it last changed.
    pub(crate) changed: Vec<Box<str>>,
    own: HashSet<Box<str>>,
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
pub(crate) struct Shown<'p> {
    pub(crate) record: &'p Record,
    pub(crate) entity: Option<EntityId>,
    /// Whether an item has no other form there.
    pub(crate) is_only_form: bool,
    id: &'p Field,
    /// Whether the path of an item says that ids are UUIDs, which the field need not.
    has_uuids: bool,
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
    let home = route.template.collection()?;
    let collection = program.plan.collection(&home.pattern())?;
    if method == "GET"
        && let Some(home) = searched(program, number)
            .or_else(|| lists_parent(program, number))
            .or_else(|| elsewhere(program, number))
    {
        return Some((StateVerb::List, home, None));
    }
    if method == "POST"
        && let Some(home) = elsewhere(program, number)
    {
        return Some((StateVerb::Create, home, None));
    }
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
        "PUT" | "PATCH" if names_item(program, number, collection, home.noun()) => {
            StateVerb::Update
        }
        "POST" | "PUT" | "PATCH" => return on_parent(program, number),
        _ => return None,
    };
    Some((verb, home, None))
}

/// The collection whose items a route searches: `/charges` of `/charges/search`.
fn searched(program: &Program, number: usize) -> Option<Home> {
    let home = program.route(number).template.searched()?;
    let known = program.plan.collection(&home.pattern())?;
    let query = &program.model_route(number).query;
    let asks = search::NAMES.iter().any(|name| query.contains_key(*name));
    let shows = !known.items.is_empty() && is_list(program, number, home.noun());
    (asks && shows).then_some(home)
}

/// The collection that a path of one word more lists: `/pets` of `/pets/findByStatus`, where both show the same things
/// and nothing is written under the word.
fn lists_parent(program: &Program, number: usize) -> Option<Home> {
    let template = &program.route(number).template;
    let own = program.plan.collection(&template.collection()?.pattern())?;
    if own.own.keys().any(|method| **method != *"GET") || !own.items.is_empty() {
        return None;
    }
    let home = template.beside()?;
    let known = program.plan.collection(&home.pattern())?;
    let read = known.items.get("GET")?;
    let is_list = is_list(program, number, home.noun());
    (is_list && shows_same(program, number, *read, home.noun())).then_some(home)
}

/// The collection elsewhere that a path below an item shows a part of: `/pets` of `/users/{id}/pets`, where nothing lives
/// below the path itself and a pet says whose it is.
fn elsewhere(program: &Program, number: usize) -> Option<Home> {
    let template = &program.route(number).template;
    let below = template.collection()?;
    template.parent()?;
    if !program.plan.collection(&below.pattern())?.items.is_empty() {
        return None;
    }
    let pattern = program.plan.only_one_called(&format!("/{}", below.noun()))?;
    let read = *program.plan.collection(pattern)?.items.get("GET")?;
    let (home, _) = program.route(read).template.item()?;
    let is_owned = || {
        let item = Item::of(program, number, program.plan.collection(pattern)?, home.noun());
        let given = given(program, number, &item, None);
        given
            .iter()
            .any(|(parameter, _)| *parameter + 1 == program.route(number).parameters.len())
            .then_some(())
    };
    (shows_same(program, number, read, home.noun()) && is_owned().is_some()).then_some(home)
}

/// Whether a write to a collection is of the item that its body names.
fn names_item(program: &Program, number: usize, collection: &Collection, noun: &str) -> bool {
    let Some(read) = collection.items.get("GET") else { return false };
    let item = Item::of(program, number, collection, noun);
    let requests = program.requests(number).iter();
    let mut records = requests.filter_map(|(_, node)| program.shapes.record(node));
    item.id.is_some_and(|id| records.any(|(record, _)| record.field(&id.name).is_some()))
        && (program.answer(number).body.is_none() || shows_same(program, number, *read, noun))
}

/// The fields that a path says of an item: those that its parameters name or, where that is the item's own id, that the
/// parents' nouns name.
fn given(
    program: &Program,
    number: usize,
    item: &Item,
    id: Option<usize>,
) -> Vec<(usize, Box<str>)> {
    let route = program.route(number);
    let is_own = |name: &str| item.id.as_ref().is_some_and(|id| *id.name == *name);
    let of_parent = |parameter: usize| {
        let (home, _) = route.template.parents().find(|(_, one)| *one == parameter)?;
        words::singulars(home.noun())
            .find_map(|noun| item.asked_by(&noun).map(|(name, _)| name.to_owned()))
    };
    let named = route.parameters.iter().enumerate().filter(|(index, _)| Some(*index) != id);
    let fields = named.filter_map(|(index, name)| {
        let own = item.name_for(name);
        let own = Some(own.to_owned()).filter(|own| item.has(own) && !is_own(own));
        let field = own.or_else(|| of_parent(index)).filter(|name| !is_own(name))?;
        Some((index, field.into()))
    });
    fields.collect()
}

/// Whether two routes show the same things: one entity, or more and less of one. What a pet has within it, a tag with
/// an id and a name, has its fields too and is no pet.
fn shows_same(program: &Program, one: usize, other: usize, noun: &str) -> bool {
    let shown = |number| shown(program, number, noun);
    let Some((one, other)) = shown(one).zip(shown(other)) else { return false };
    let (part, whole) = if one.record.fields.len() <= other.record.fields.len() {
        (&one.record.fields, other.record)
    } else {
        (&other.record.fields, one.record)
    };
    let is_part = || part.iter().all(|field| whole.field(&field.name).is_some());
    let name = |entity| letters(program.shapes.name(entity));
    match (one.entity, other.entity) {
        (Some(one), Some(other)) if one == other => true,
        (Some(one), Some(other)) => {
            let (one, other) = (name(one), name(other));
            (one.contains(&other) || other.contains(&one)) && is_part()
        }
        _ => part.len() * 2 >= whole.fields.len() && is_part(),
    }
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
    /// Whether an item has a field though a request does not say it: its id where the twin makes ids, its times, what the
    /// path says. Descriptions have one schema for what is sent and what is shown, and require of both what only one has.
    pub(crate) fn fills(&self, name: &str) -> bool {
        let Item { id, created, changed, .. } = &self.item;
        let is_made = |id: &IdField| *id.name == *name && id.kind != IdKind::Named;
        let mut own =
            created.iter().chain(changed).chain(self.given.iter().map(|(_, field)| field));
        own.any(|one| **one == *name) || (!self.by_body && id.as_ref().is_some_and(is_made))
    }

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
        let which = match searched(program, number) {
            Some(_) => Which::Searched,
            None if program.route(number).template.is_of(&home) => Which::All,
            None => Which::OfPath,
        };
        let by_body = verb == StateVerb::Update && id.is_none() && !collection.items.is_empty();
        Self {
            implied: !collection.creatable || (takes_id && id.is_none() && !by_body),
            has_below: collection.has_below,
            given: given(program, number, &item, id),
            which,
            by_body,
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
        let of_field = || IdKind::of(&program.shapes, shown.id, object.or(entity), noun);
        let kind = match example.unwrap_or_else(of_field) {
            IdKind::Integer => IdKind::Integer,
            _ if shown.has_uuids => IdKind::Uuid,
            kind => kind,
        };
        Self {
            id: Some(IdField { name: shown.id.name.clone(), kind }),
            created: named(words::is_creation_time),
            changed: named(words::is_change_time),
            own: shown.record.fields.iter().map(|field| field.name.clone()).collect(),
            names: names_of(shown.record),
        }
    }

    /// The field of the item that a name from a request means.
    pub(crate) fn name_for<'n>(&'n self, name: &'n str) -> &'n str {
        if self.own.contains(name) {
            return name;
        }
        self.names.get(&letters(name)).map_or(name, |own| own)
    }

    /// Whether the items have a field of this very name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.own.contains(name)
    }

    /// The field that the letters of a word in a query mean: `created` the `created_at`, `price` the `price`.
    pub(crate) fn meant_by(&self, word: &str) -> Option<&str> {
        let by = |name: &str| self.names.get(name).map(|own| &**own);
        let of_time = || match word {
            "created" | "creation" => self.created.first().map(|own| &**own),
            "updated" | "modified" | "changed" => self.changed.first().map(|own| &**own),
            _ => None,
        };
        by(word)
            .or_else(|| by(&format!("{word}at")))
            .or_else(|| by(&format!("{word}on")))
            .or_else(|| by(&format!("date{word}")))
            .or_else(of_time)
    }

    /// Whether a field says when an item was made or changed.
    pub(crate) fn is_time(&self, field: &str) -> bool {
        self.created.iter().chain(&self.changed).any(|own| **own == *field)
    }

    /// The field that a parameter of a name asks for, and whether the name is in the plural: `Status` asks for the
    /// `status`, `project` for the `project_id`, `ids` for the `id`.
    pub(crate) fn asked_by(&self, name: &str) -> Option<(&str, bool)> {
        if let Some(own) = self.own.get(name) {
            return Some((own, false));
        }
        let name = letters(name);
        let by = |name: &str| self.names.get(name).map(|own| &**own);
        let one = by(&name)
            .or_else(|| by(&format!("{name}id")))
            .or_else(|| by(name.strip_suffix("id").filter(|name| !name.is_empty())?));
        let some = || words::singulars(&name).find_map(|one| by(&one));
        one.map(|own| (own, false)).or_else(|| Some((some()?, true)))
    }
}

/// Where a route's answer shows an item, and the field it is known by.
pub(crate) fn shown<'p>(program: &'p Program, number: usize, noun: &str) -> Option<Shown<'p>> {
    let shapes = &program.shapes;
    let body = program.answer(number).body.as_ref()?;
    let route = program.route(number);
    let parameter = route.template.item().and_then(|(_, id)| route.parameters.get(id));
    let schema = parameter
        .and_then(|name| program.model_route(number).path.get(&**name))
        .map(|parameter| &parameter.schema);
    let has_uuids = schema.is_some_and(|schema| schema.format.as_deref() == Some("uuid"));
    // `{promotion_code}` among `promotion_codes` names the item itself, and not its `code`.
    let attribute = parameter.filter(|name| format!("{}s", letters(name)) != letters(noun));
    let id = |record| id_field(shapes, record, attribute.map(|name| &**name), schema);
    // Of items that may be of several forms, the first that has an id stands for all.
    let first = |node| {
        let records = shapes.records(node);
        let is_only_form = records.len() == 1;
        records.into_iter().find_map(|(record, entity)| {
            Some(Shown { record, entity, is_only_form, id: id(record)?, has_uuids })
        })
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
        return Some(Shown { record, entity, is_only_form: true, id, has_uuids });
    }
    record.fields.iter().find_map(|field| {
        let (record, entity) = shapes.record(&field.node)?;
        Some(Shown { record, entity, is_only_form: true, id: id(record)?, has_uuids })
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

/// Names that have no letters are known as they are alone, and so is the later of two that have the same.
fn names_of(record: &Record) -> HashMap<String, Box<str>> {
    let mut names = HashMap::new();
    for field in &record.fields {
        let letters = letters(&field.name);
        if !letters.is_empty() {
            names.entry(letters).or_insert_with(|| field.name.clone());
        }
    }
    names
}

/// A name by its letters and digits, in lower case.
pub(crate) fn letters(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
