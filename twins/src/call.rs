//! One call of a route: what it does to the state.

use std::borrow::Cow;
use std::sync::{Arc, PoisonError};

use http::Method;
use models::StateVerb;
use serde_json::{Map, Value};

use crate::action::{Target, Which, letters};
use crate::body;
use crate::config::{Missing, Requests};
use crate::dice::Dice;
use crate::filter::{Asked, Filter};
use crate::id::text_of;
use crate::list::{Listed, Query};
use crate::order::{self, Order};
use crate::refusal::{Parameter, ParameterFault, Refusal};
use crate::rules::{self, Move};
use crate::search::{self, Search};
use crate::served::Served;
use crate::session::Session;
use crate::state::{CreateError, Entity, Fresh, Known, Page, Start};
use crate::twin::{Head, Twin};
use crate::webhooks::pattern_of;
use crate::webhooks::written;

/// One call of a route.
#[derive(Clone, Copy)]
pub(crate) struct Call<'c> {
    pub(crate) twin: &'c Twin,
    pub(crate) session: &'c Session,
    pub(crate) served: &'c Served,
    /// The route.
    pub(crate) number: usize,
    /// Its parameters' values.
    pub(crate) values: &'c [Cow<'c, str>],
    pub(crate) head: &'c Head<'c>,
    /// How many effects it came of.
    pub(crate) depth: usize,
}

/// What came of a call.
pub(crate) enum Outcome {
    /// Nothing is kept; what the request says is said back.
    Echo(Map<String, Value>),
    /// One item; its fields where they are at hand.
    Item { entity: Arc<Entity>, fields: Option<Map<String, Value>>, event: Event },
    /// Some of a collection.
    List(Listed),
}

/// What happened to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Seen,
    Created,
    /// Put where there was none.
    Upserted,
    Changed,
    Deleted,
    /// Made up; nothing is stored of it.
    Implied,
}

impl Outcome {
    /// An item that is there.
    pub(crate) const fn seen(entity: Arc<Entity>) -> Self {
        Self::Item { entity, fields: None, event: Event::Seen }
    }

    /// An item that nothing is stored of.
    fn made_up(id: &str, fields: Map<String, Value>, event: Event) -> Self {
        let entity = Arc::new(Entity::made_up(id, &fields));
        Self::Item { entity, fields: Some(fields), event }
    }
}

/// Items of a collection in which nothing can be created.
const IMPLIED_ITEMS: u64 = 3;

impl<'c> Call<'c> {
    /// Reads the request's body, typed by the model.
    pub(crate) fn read(&self, bytes: &[u8]) -> Result<Option<Value>, Refusal> {
        self.check_parameters()?;
        if matches!(*self.head.method, Method::GET | Method::HEAD) {
            return Ok(None);
        }
        let program = &self.served.program;
        let media = body::Media::of(self.head.headers, bytes);
        let requests = program.requests(self.number);
        let own = requests.iter().find(|(name, _)| media.is(name)).or_else(|| requests.first());
        let node = own.map(|(_, node)| node);
        let shape = node.map(|node| (&program.shapes, node));
        let takes = requests.is_empty() || requests.iter().any(|(name, _)| media.is(name));
        let value = match body::read(&media, bytes, shape) {
            // Clients call files JSON where they are told nothing else.
            Err(_) if !takes => None,
            read => read.map_err(Refusal::BadRequest)?,
        };
        if self.twin.config.requests == Requests::Checked
            && let Some(node) = node
            && let Some(value) = self.value_to_check(value.as_ref(), &media)
            && !self.is_handlers_own(&value, takes)
        {
            let target = program.action(self.number).target.as_ref();
            let fills = |name: &str| target.is_some_and(|target| target.fills(name));
            let within = target.and_then(|target| target.within.as_deref());
            let given = body::Given { fills: &fills, within: within.unwrap_or("") };
            body::check(&value, &program.shapes, node, self.depth(), given)?;
        }
        Ok(value)
    }

    /// How much of the request is judged: all that the model knows of it where it knows that the route
    /// refuses requests, too. Of a route that was never seen to refuse one, what is in every request that
    /// was seen may just be what those callers send.
    pub(crate) fn depth(&self) -> body::Depth {
        let rules = &self.twin.config.document.requests;
        let lenient = rules.outermost || self.is_made_up();
        let refuses = self.served.program.route(self.number).refuses;
        if self.is_strict() {
            body::Depth::Strict
        } else if refuses && !lenient && self.twin.config.requests == Requests::Checked {
            body::Depth::Whole
        } else {
            body::Depth::Outermost
        }
    }

    /// Whether a body is left to the handler to judge: it is no object where the model knows only
    /// objects, or of a media type the model does not know. Vendors take more than they describe.
    fn is_handlers_own(&self, value: &Value, takes: bool) -> bool {
        let judges = self.twin.config.document.requests.handlers_judge;
        (judges || !value.is_object() || !takes) && self.hook().is_some()
    }

    /// Whether parameters that the route does not have are refused. A mock without state takes
    /// what clients of other versions send.
    pub(crate) fn is_strict(&self) -> bool {
        self.twin.config.document.requests.refuse_unknown && !self.is_made_up()
    }

    /// A body of a media type nobody reads is not judged; one that must be there and is not is
    /// judged as an empty one.
    fn value_to_check<'v>(
        &self,
        value: Option<&'v Value>,
        media: &body::Media,
    ) -> Option<Cow<'v, Value>> {
        let request = self.served.program.model_route(self.number).request.as_ref()?;
        match value {
            Some(value) => Some(Cow::Borrowed(value)),
            None if request.required
                && (*media == body::Media::Other || self.depth() == body::Depth::Whole) =>
            {
                Some(Cow::Owned(Value::Object(Map::new())))
            }
            None => None,
        }
    }

    /// Does what the route does.
    pub(crate) fn perform(&self, input: Option<Value>) -> Result<Outcome, Refusal> {
        let action = self.served.program.action(self.number);
        for (home, parameter) in &action.parents {
            let id = self.value(*parameter);
            let known = self.session.state.find(&self.collection_of(home), id);
            let missing = match known {
                Known::Here(_) => false,
                Known::Gone => true,
                Known::Never => self.twin.config.missing == Missing::NotFound,
            };
            if missing {
                return Err(Refusal::NotFound { what: home.noun().to_owned(), id: id.to_owned() });
            }
        }
        let wanted = self.wanted_move(input.as_ref())?;
        let Some(target) = &action.target else {
            if let Some(wanted) = &wanted {
                self.move_alone(wanted)?;
            }
            return Ok(Outcome::Echo(self.echo(input)));
        };
        let collection = self.collection_of(&target.home);
        let mut moved = None;
        if let Some(wanted) = &wanted {
            // A transition of the item itself goes with what else is written of it, and what
            // takes it away leaves it in its last state.
            let is_item = self.collection_of(&wanted.home) == collection && target.id.is_some();
            match target.verb {
                StateVerb::Update if is_item => {}
                StateVerb::Delete if is_item => return self.move_alone(wanted),
                _ => moved = Some(self.write_move(wanted)?),
            }
        }
        let outcome = match target.verb {
            StateVerb::Create => self.create(target, &collection, input),
            StateVerb::Read => self.find(target, &collection),
            StateVerb::Update => self.update(target, &collection, input, wanted.as_ref()),
            StateVerb::Delete => self.delete(target, &collection),
            StateVerb::List => self.list(target, &collection).map(Outcome::List),
        };
        // A transition of another item goes with what the route does, or is not made.
        match (moved, &outcome) {
            (Some(moved), Ok(_)) => self.follow_move(&moved),
            (Some(moved), Err(_)) => self.session.state.take_back(moved.undo),
            (None, _) => {}
        }
        outcome
    }

    fn create(
        &self,
        target: &Target,
        collection: &str,
        input: Option<Value>,
    ) -> Result<Outcome, Refusal> {
        let mut fields = Self::fields_of(target, input);
        self.unset(&mut fields, true);
        self.add_parameters(target, &mut fields);
        let kind = self.twin.rules.kind(&target.home.pattern());
        let unique =
            kind.map(|_| self.session.unique.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(kind) = kind {
            rules::begin(kind, &mut fields)?;
            self.check_unique(kind, collection, None, &fields)?;
        }
        let field = target.item.id.as_ref();
        let wanted = field.and_then(|field| fields.get(&*field.name)).and_then(text_of);
        let dice = Dice::of(self.session.seed, collection);
        let make_id = |ordinal: u64| match field {
            Some(field) => field.kind.make(dice.nth(ordinal), ordinal),
            None => ordinal.to_string(),
        };
        let complete = |_: u64, id: &str| {
            if let (None, Some(field)) = (&wanted, field) {
                fields.insert(field.name.to_string(), field.kind.value(id));
            }
            self.stamp(&mut fields, target.item.created.iter().chain(&target.item.changed));
            self.add_address(target, &mut fields, id);
            if self.session.state.is_watched() {
                self.session.webhooks.complete(&target.home.pattern(), &mut fields, id);
            }
            fields
        };
        let created = self.session.state.create(collection, wanted.as_deref(), make_id, complete);
        let Fresh { entity, fields, .. } =
            created.map_err(|error| refused(error, wanted.as_deref().unwrap_or("")))?;
        drop(unique);
        if kind.is_some() {
            self.settle(collection, &entity.id, Some(&fields));
        }
        if self.is_made_up() {
            self.session.state.forget(collection, &entity.id);
        }
        Ok(Outcome::Item { entity, fields: Some(fields), event: Event::Created })
    }

    /// Says of a new item where it is to be found, in the field that vendors who do so have for it.
    fn add_address(&self, target: &Target, fields: &mut Map<String, Value>, id: &str) {
        let Some(name) = &self.twin.config.document.own_address else { return };
        let host = self.head.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
        if let (Some(host), true) = (host, target.item.has(name)) {
            let place = self.address_of_new(target, id);
            fields.insert(name.clone(), format!("http://{host}{place}").into());
        }
    }

    fn find(&self, target: &Target, collection: &str) -> Result<Outcome, Refusal> {
        let id = self.id(target);
        match self.session.state.find(collection, id) {
            Known::Here(entity) => Ok(Outcome::seen(entity)),
            Known::Never if self.is_implied(target) => {
                Ok(Outcome::made_up(id, self.implied(target, id), Event::Implied))
            }
            Known::Gone if self.leaves_tombstones(target) => {
                let mut fields = self.implied(target, id);
                fields.insert("deleted".to_owned(), true.into());
                Ok(Outcome::made_up(id, fields, Event::Deleted))
            }
            Known::Gone | Known::Never => Err(not_found(target, id)),
        }
    }

    fn update(
        &self,
        target: &Target,
        collection: &str,
        input: Option<Value>,
        wanted: Option<&Move<'c>>,
    ) -> Result<Outcome, Refusal> {
        let named = target.by_body.then(|| Self::named(target, input.as_ref())).transpose()?;
        let id = named.as_deref().unwrap_or_else(|| self.id(target));
        let replaces = *self.head.method == Method::PUT;
        let (start, event) = match self.session.state.find(collection, id) {
            Known::Here(_) => (None, Event::Changed),
            Known::Never if self.is_made_up() => {
                let mut fields = self.implied(target, id);
                self.change(target, &mut fields, Self::fields_of(target, input), replaces);
                return Ok(Outcome::made_up(id, fields, Event::Implied));
            }
            Known::Never if self.is_implied(target) => {
                (Some(self.implied(target, id)), Event::Changed)
            }
            _ if replaces
                && self.served.program.has_answer(self.number, http::StatusCode::CREATED) =>
            {
                let mut fields = self.implied(target, id);
                self.stamp(&mut fields, target.item.created.iter());
                (Some(fields), Event::Upserted)
            }
            _ => return Err(not_found(target, id)),
        };
        let fields = Self::fields_of(target, input);
        let kind = self.twin.rules.kind(&target.home.pattern());
        let unique =
            kind.map(|_| self.session.unique.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(kind) = kind {
            self.check_unique(kind, collection, Some(id), &fields)?;
        }
        let mut verdict = Ok(());
        let mut before = None;
        let updated = self.session.state.update(collection, id, start, |stored| {
            let Some(kind) = kind else {
                return self.change(target, stored, fields, replaces);
            };
            let mut changed = stored.clone();
            self.change(target, &mut changed, fields, replaces);
            verdict = match wanted {
                Some(wanted) => self.make_move(wanted, id, &mut changed).map(drop),
                None => rules::check_change(kind, id, stored, &changed),
            };
            if verdict.is_ok() {
                before = Some(std::mem::replace(stored, changed));
            }
        });
        drop(unique);
        verdict?;
        match updated.map_err(|error| refused(error, id))? {
            Some(Fresh { entity, fields, .. }) => {
                if let Some(before) = before {
                    self.moved(collection, id, &before, &fields);
                }
                Ok(Outcome::Item { entity, fields: Some(fields), event })
            }
            None => Err(not_found(target, id)),
        }
    }

    /// The id of the item that a body names.
    fn named(target: &Target, input: Option<&Value>) -> Result<String, Refusal> {
        let name = target.item.id.as_ref().map_or("id", |id| &id.name);
        let within = target.within.as_deref().and_then(|within| input?.get(within)).or(input);
        within.and_then(|fields| text_of(fields.get(name)?)).ok_or_else(|| {
            Refusal::Parameter(Parameter { name: name.to_owned(), fault: ParameterFault::Missing })
        })
    }

    /// Writes the fields of a request into those of an item.
    fn change(
        &self,
        target: &Target,
        stored: &mut Map<String, Value>,
        fields: Map<String, Value>,
        replaces: bool,
    ) {
        if replaces {
            stored.retain(|name, _| Self::stays(target, name));
        }
        let own = |name: &str| target.item.id.as_ref().is_some_and(|id| *id.name == *name);
        let news = fields.into_iter().filter(|(name, _)| !own(name));
        news.for_each(|(name, value)| merge(stored, name, value));
        self.unset(stored, true);
        self.stamp(stored, target.item.changed.iter());
    }

    /// Takes away what an empty text was sent for, where that is what it means.
    fn unset(&self, fields: &mut Map<String, Value>, outermost: bool) {
        if !self.twin.config.document.requests.empty_unsets {
            return;
        }
        fields.retain(|_, value| outermost || value.as_str() != Some(""));
        for value in fields.values_mut() {
            match value {
                // Null where the field is shown at all, which is for the model to say.
                Value::String(text) if text.is_empty() => *value = Value::Null,
                Value::Object(inner) => self.unset(inner, false),
                _ => {}
            }
        }
    }

    fn delete(&self, target: &Target, collection: &str) -> Result<Outcome, Refusal> {
        let id = self.id(target);
        let before = match self.session.state.find(collection, id) {
            Known::Here(entity) => entity,
            Known::Never if self.is_implied(target) => {
                Arc::new(Entity::made_up(id, &self.implied(target, id)))
            }
            _ => return Err(not_found(target, id)),
        };
        let kind = self.twin.rules.kind(&target.home.pattern());
        if let Some(kind) = kind {
            self.check_deletion(kind, collection, id)?;
            self.settle(collection, id, None);
        }
        if self.is_made_up() {
            self.session.state.forget(collection, id);
        } else {
            self.session.state.remove(collection, id);
        }
        if target.has_below {
            self.session.state.remove_below(collection, id);
        }
        Ok(Outcome::Item { entity: before, fields: None, event: Event::Deleted })
    }

    fn list(&self, target: &Target, collection: &str) -> Result<Listed, Refusal> {
        let lists = &self.twin.config.document.lists;
        let mut query = Query::of(self.head.uri.query().unwrap_or(""), lists);
        query.by_token = target.which == Which::Searched;
        if self.is_strict() {
            self.check_page(&query, collection)?;
        }
        let asking = query.clone();
        let asked = self.askable(target);
        let (search, mut filters) = (self.search(target, &asking)?, asked.filters(&asking));
        if target.which == Which::OfPath {
            let given = target.given.iter();
            filters.extend(given.map(|(one, field)| Filter::of(field, self.value(*one))));
        }
        let mut sorted_by = Vec::new();
        match asked.order(&asking, lists.newest_first) {
            Some(Order::Creation { newest_first }) => query.newest_first = newest_first,
            Some(Order::Fields(fields)) => sorted_by = fields,
            None => {}
        }
        let state = &self.session.state;
        let (made_up, implied) = (self.is_made_up(), self.is_given(target));
        let is_all = filters.is_empty() && search.is_none();
        if !implied && !made_up && is_all && sorted_by.is_empty() {
            let Page { entities, more, total } =
                state.page(collection, query.start(), query.limit, query.newest_first);
            return Ok(Listed { entities, more, total, query });
        }
        let wanted =
            |entity: &Entity| is_all || self.is_wanted(target, entity, &filters, search.as_ref());
        let mut entities = state.page(collection, Start::Offset(0), usize::MAX, false).entities;
        if implied && !made_up {
            entities = self.with_implied(target, collection, entities, &[]);
        }
        entities.retain(|entity| wanted(entity));
        if made_up && entities.is_empty() {
            entities = self.with_implied(target, collection, entities, &filters);
        }
        if !sorted_by.is_empty() {
            order::sort(&mut entities, &sorted_by, |entity| self.shown(target, entity));
            query.newest_first = false;
        }
        Ok(Listed::chosen(entities, query, |_| true))
    }

    /// Whether an item is asked for.
    fn is_wanted(
        &self,
        target: &Target,
        entity: &Entity,
        filters: &[Filter<'_>],
        search: Option<&Search>,
    ) -> bool {
        // Most of what is not wanted is told by what was written, which need not be shown.
        let told = |filter: &Filter<'_>| filter.lets_stored(&entity.packed);
        if filters.iter().any(|filter| told(filter) == Some(false)) {
            return false;
        }
        if search.is_none() && filters.iter().all(|filter| told(filter) == Some(true)) {
            return true;
        }
        let Some(shown) = self.shown(target, entity) else { return true };
        filters.iter().all(|filter| filter.lets(&shown, &entity.packed))
            && search.is_none_or(|search| search.finds(&shown))
    }

    /// What the route's list may be asked.
    fn askable<'a>(&'a self, target: &'a Target) -> Asked<'a> {
        let shapes = &self.served.program.shapes;
        let items = self.items_node(target);
        let shown = items.and_then(|items| Some(shapes.records(items).first()?.0));
        let parameters = self.served.program.query(self.number);
        Asked { parameters, item: &target.item, shapes, shown }
    }

    /// Refuses a page that is too long, or begins at what was never there.
    fn check_page(&self, query: &Query, collection: &str) -> Result<(), Refusal> {
        if let Some(value) = query.beyond(&self.twin.config.document.lists) {
            let (name, wanted) = ("limit".to_owned(), "integer");
            let fault = ParameterFault::Invalid { wanted, value };
            return Err(Refusal::Parameter(Parameter { name, fault }));
        }
        let (Start::After(id) | Start::Before(id)) = query.start() else { return Ok(()) };
        match self.session.state.find(collection, id) {
            Known::Never => Err(Refusal::BadRequest(format!("No such item to begin at: '{id}'"))),
            Known::Here(_) | Known::Gone => Ok(()),
        }
    }

    /// What is searched for, where the route is one that searches: by clauses or, where the vendor does not insist on
    /// them, by words.
    fn search(&self, target: &Target, query: &Query) -> Result<Option<Search>, Refusal> {
        if target.which != Which::Searched {
            return Ok(None);
        }
        let asked = query.others.iter().find(|(name, _)| search::NAMES.contains(&&**name));
        let text = asked.map_or("", |(_, text)| text);
        match Search::parse(text) {
            Err(_) if !self.is_strict() => Ok(Some(Search::of_words(text))),
            parsed => parsed.map(Some).map_err(Refusal::BadRequest),
        }
    }

    /// Whether deleted items are still shown as such.
    fn leaves_tombstones(&self, target: &Target) -> bool {
        let declared = &self.twin.config.document.tombstones;
        !declared.is_empty() && {
            let pattern = target.home.pattern();
            declared.iter().any(|one| pattern_of(one) == pattern)
        }
    }

    /// Whether items nobody can create exist unasked.
    fn is_given(&self, target: &Target) -> bool {
        let listed = target.id.is_some() || target.verb == StateVerb::List;
        let given = self.twin.config.document.lists.given.as_ref();
        target.implied
            && given.filter(|_| listed).is_none_or(|given| {
                let pattern = target.home.pattern();
                given.iter().any(|one| pattern_of(one) == pattern)
            })
    }

    /// The items of a collection with those made up first, which are as they were `asked` for.
    fn with_implied(
        &self,
        target: &Target,
        collection: &str,
        stored: Vec<Arc<Entity>>,
        asked: &[Filter<'_>],
    ) -> Vec<Arc<Entity>> {
        let Some(field) = &target.item.id else { return stored };
        // Not the ids of those that will be created.
        let dice = Dice::of(self.session.seed, collection).at("made up");
        let count = if self.is_made_up() { 1 } else { IMPLIED_ITEMS };
        let ids = (1..=count).map(|ordinal| field.kind.make(dice.nth(ordinal), ordinal));
        let never =
            ids.filter(|id| matches!(self.session.state.find(collection, id), Known::Never));
        let made_up = never.map(|id| {
            let mut fields = self.implied(target, &id);
            let asked = asked.iter().filter_map(Filter::exact);
            fields.extend(asked.map(|(name, value)| (name.to_owned(), value.into())));
            Arc::new(Entity::made_up(&id, &fields))
        });
        made_up.chain(stored).collect()
    }

    // What is written

    /// The fields of a request's body under the names the item has for them.
    fn fields_of(target: &Target, input: Option<Value>) -> Map<String, Value> {
        let Some(Value::Object(fields)) = input else { return Map::new() };
        let fields = unwrapped(fields, target.within.as_deref());
        if fields.keys().all(|name| target.item.name_for(name) == name) {
            return fields;
        }
        let named = fields.into_iter().map(|(name, value)| {
            let own = target.item.name_for(&name);
            (if *own == name { name } else { own.to_owned() }, value)
        });
        named.collect()
    }

    /// Adds what the path says of the item.
    fn add_parameters(&self, target: &Target, fields: &mut Map<String, Value>) {
        for (parameter, name) in &target.given {
            if !fields.contains_key(&**name) {
                fields.insert(name.to_string(), self.value(*parameter).into());
            }
        }
    }

    fn stamp<'n>(
        &self,
        fields: &mut Map<String, Value>,
        names: impl Iterator<Item = &'n Box<str>>,
    ) {
        let mut now = None;
        for name in names {
            let now = now.get_or_insert_with(|| written(self.head.at));
            fields.insert(name.to_string(), now.as_str().into());
        }
    }

    /// Whether a field stays when the rest is replaced.
    fn stays(target: &Target, name: &str) -> bool {
        target.item.id.as_ref().is_some_and(|id| *id.name == *name)
            || target.item.created.iter().any(|created| **created == *name)
            || target.given.iter().any(|(_, given)| **given == *name)
    }

    /// The fields of an item of which nothing was written: its id, and what the path says.
    fn implied(&self, target: &Target, id: &str) -> Map<String, Value> {
        let mut fields = Map::new();
        if let (Some(field), false) = (&target.item.id, id.is_empty()) {
            fields.insert(field.name.to_string(), field.kind.value(id));
        }
        self.add_parameters(target, &mut fields);
        fields
    }

    fn is_implied(&self, target: &Target) -> bool {
        self.is_given(target) || self.is_made_up()
    }

    /// Whether what was never written is made up, and nothing of that is kept.
    pub(crate) fn is_made_up(&self) -> bool {
        self.twin.config.missing == Missing::Materialize
    }

    /// What a request says, under the names the answer has for it, where nothing is kept.
    fn echo(&self, input: Option<Value>) -> Map<String, Value> {
        let program = &self.served.program;
        let record = program.answer(self.number).body.as_ref();
        let Some((record, _)) = record.and_then(|body| program.shapes.record(body)) else {
            return Map::new();
        };
        let own = |name: &str| {
            let wanted = letters(name);
            let mut names = record.fields.iter().map(|field| &field.name);
            names
                .find(|own| letters(own) == wanted)
                .map_or_else(|| name.to_owned(), ToString::to_string)
        };
        let names = program.route(self.number).parameters.iter().enumerate();
        let parameters = names.map(|(index, name)| (own(name), self.value(index).into()));
        let body = match input {
            Some(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        parameters.chain(body.into_iter().map(|(name, value)| (own(&name), value))).collect()
    }

    fn id(&self, target: &Target) -> &str {
        target.id.map_or("", |parameter| self.value(parameter))
    }

    pub(crate) fn value(&self, parameter: usize) -> &str {
        self.values.get(parameter).map_or("", |value| value)
    }
}

/// The body's one field where it holds all the others: `{"product": {…}}`.
fn unwrapped(mut fields: Map<String, Value>, within: Option<&str>) -> Map<String, Value> {
    let Some(within) = within.filter(|within| fields.len() == 1 && fields.contains_key(*within))
    else {
        return fields;
    };
    match fields.remove(within) {
        Some(Value::Object(inner)) => inner,
        Some(other) => Map::from_iter([(within.to_owned(), other)]),
        None => fields,
    }
}

/// Objects are merged field by field, anything else takes the place of what there was.
fn merge(stored: &mut Map<String, Value>, name: String, value: Value) {
    match (stored.get_mut(&name), value) {
        (Some(Value::Object(before)), Value::Object(after)) => {
            after.into_iter().for_each(|(name, value)| merge(before, name, value));
        }
        (_, value) => {
            stored.insert(name, value);
        }
    }
}

fn not_found(target: &Target, id: &str) -> Refusal {
    Refusal::NotFound { what: target.home.noun().to_owned(), id: id.to_owned() }
}

pub(crate) fn refused(error: CreateError, id: &str) -> Refusal {
    match error {
        CreateError::Taken => Refusal::Conflict { id: id.to_owned() },
        CreateError::Full => Refusal::Full,
    }
}
