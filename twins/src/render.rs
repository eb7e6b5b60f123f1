//! Answers: what came of a call, in the model's words.

use std::borrow::Cow;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, LINK, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use models::StateVerb;
use serde_json::{Map, Value, json};

use crate::action::{Target, Which, items_of};
use crate::call::{Call, Event, Outcome};
use crate::dice::Dice;
use crate::escape;
use crate::list::{self, Address, Listed};
use crate::program::{Answer, Look, Program};
use crate::project::{ErrorText, Projector, Spot};
use crate::refusal::Refusal;
use crate::shape::Node;
use crate::shown::Shown;
use crate::state::{Entity, Showing};
use crate::validate;
use crate::webhooks::pattern_of;

/// An answer on its way out.
pub(crate) type Reply = Response<Full<Bytes>>;

impl Call<'_> {
    /// Renders what came of the call.
    pub(crate) fn render(&self, outcome: &Outcome) -> Reply {
        let program = &self.served.program;
        let answer = program.answer(self.number);
        let dice = Dice::of(self.session.seed, self.head.uri.path());
        match outcome {
            Outcome::Echo(fields) => {
                let key = program.route(self.number).key.as_str();
                let projector = self.said_back().at(self.head.uri.path());
                let body = answer.body.as_ref().map(|node| {
                    if let Some(example) = program.model.examples.get(key) {
                        return Shown::Stored(example);
                    }
                    let dice = match serde_json::to_string(fields) {
                        Ok(text) if !fields.is_empty() => dice.at(&text),
                        _ => dice,
                    };
                    let fields = (!fields.is_empty()).then_some(fields);
                    projector.project_with(node, fields, &[], Spot::root(dice))
                });
                self.reply(answer, bytes_of(answer, body.as_ref()), dice)
            }
            Outcome::Item { entity, fields, event } => {
                self.item(entity, fields.as_ref(), *event, dice)
            }
            Outcome::List(listed) => self.page(answer, listed, dice),
        }
    }

    fn item(
        &self,
        entity: &Entity,
        fields: Option<&Map<String, Value>>,
        event: Event,
        dice: Dice,
    ) -> Reply {
        let program = &self.served.program;
        let upserted = (event == Event::Upserted)
            .then(|| program.answer_with(Some(self.number), StatusCode::CREATED));
        let answer = upserted.as_ref().unwrap_or_else(|| program.answer(self.number));
        let target = program.action(self.number).target.as_ref();
        let render = || self.item_bytes(answer, target, entity, fields, event);
        let body = match event {
            Event::Seen | Event::Changed | Event::Created => self.kept(entity, self.look(), render),
            Event::Upserted | Event::Deleted | Event::Implied => render(),
        };
        let mut reply = self.reply(answer, body, dice);
        if matches!(event, Event::Created | Event::Upserted)
            && answer.headers.iter().any(|(name, _)| *name == LOCATION)
        {
            let place = match target.filter(|_| event == Event::Created) {
                Some(target) => self.address_of_new(target, &entity.id),
                None => self.head.uri.path().trim_end_matches('/').to_owned(),
            };
            reply
                .headers_mut()
                .extend(HeaderValue::try_from(place).ok().map(|place| (LOCATION, place)));
        }
        reply
    }

    /// How the route shows items. What hides fields where an item is not made shows it in several ways.
    fn look(&self) -> Look {
        if self.twin.config.document.shown_once.is_empty() {
            self.served.program.look(self.number)
        } else {
            Look::OfRoute(self.number)
        }
    }

    /// The bytes of an item in a look: those of last time, if it was shown so then.
    fn kept(&self, entity: &Entity, look: Look, render: impl FnOnce() -> Bytes) -> Bytes {
        entity.shown(Showing { load: self.served.load, look, seed: self.session.seed }, render)
    }

    /// The bytes of an item alone, whose fields may be at hand.
    fn item_bytes(
        &self,
        answer: &Answer,
        target: Option<&Target>,
        entity: &Entity,
        fields: Option<&Map<String, Value>>,
        event: Event,
    ) -> Bytes {
        let Some(node) = answer.body.as_ref() else { return Bytes::new() };
        let fields = &*fields.map_or_else(|| Cow::Owned(entity.fields()), Cow::Borrowed);
        let gone = Value::Bool(true);
        let fixed: &[(&str, &Value)] =
            if event == Event::Deleted { &[("deleted", &gone)] } else { &[] };
        let spot = Spot::root(self.dice_of(entity));
        let place = target.map(|target| self.place(target, entity));
        let mut projector = self.projector(event == Event::Implied);
        if entity.made_up {
            projector = projector.by_the_model();
        }
        if let Some(place) = &place {
            projector = projector.at(place);
        }
        let filled = self.made_whole(&projector, fields, spot);
        let fields = filled.as_ref().unwrap_or(fields);
        let inner = target.and_then(|target| target.within.as_deref()).and_then(|name| {
            let (record, _) = self.served.program.shapes.record(node)?;
            Some((name, &record.field(name)?.node))
        });
        let Some((name, inner)) = inner else {
            let mut item = projector.project_with(node, Some(fields), fixed, spot);
            if let Some(target) = target.filter(|target| target.id.is_some()) {
                self.hide(target, &mut item);
            }
            return bytes_of(answer, Some(&item));
        };
        let item = projector.project_with(inner, Some(fields), fixed, spot).into_value();
        let within = [(name, &item)];
        let mut envelope = projector.project_with(node, None, &within, spot);
        // The envelope has rendered it a second time, one level down; the item's own stands.
        envelope.replace(name, Shown::Stored(&item));
        bytes_of(answer, Some(&envelope))
    }

    fn page(&self, answer: &Answer, listed: &Listed, dice: Dice) -> Reply {
        let program = &self.served.program;
        let host = self.head.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| self.head.uri.authority().map(http::uri::Authority::as_str));
        let (host, path) = (host.unwrap_or("localhost"), self.head.uri.path());
        let address = Address { host, path, route: program.model_route(self.number) };
        let within =
            program.action(self.number).target.as_ref().and_then(|one| one.within.as_deref());
        let body = answer.body.as_ref().map(|node| match within {
            Some(name) => self.envelope(node, name, listed, &address, dice),
            None => self.items(node, listed),
        });
        let empty = matches!(answer.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let body = body.filter(|_| !empty).unwrap_or_default();
        let mut reply = self.reply(answer, body, dice);
        if within.is_none()
            && let Some(link) = list::link_header(listed, &address)
        {
            reply.headers_mut().extend(HeaderValue::try_from(link).ok().map(|link| (LINK, link)));
        }
        reply
    }

    fn envelope(
        &self,
        node: &Node,
        name: &str,
        listed: &Listed,
        address: &Address<'_>,
        dice: Dice,
    ) -> Bytes {
        let shapes = &self.served.program.shapes;
        let empty = Value::Array(Vec::new());
        let projector = Projector::new(shapes);
        let within = [(name, &empty)];
        let envelope = projector.project_with(node, None, &within, Spot::root(dice));
        let mut envelope = envelope.into_value();
        if let (Some((record, _)), Some(object)) = (shapes.record(node), envelope.as_object_mut()) {
            list::settle(object, record, shapes, listed, address);
            if let Some(field) = record.field(name) {
                object.insert(name.to_owned(), Value::Null);
                return around(object, name, &self.items(&field.node, listed));
            }
        }
        serde_json::to_vec(&envelope).unwrap_or_default().into()
    }

    /// The items of a page, as a JSON array.
    fn items(&self, array: &Node, listed: &Listed) -> Bytes {
        let shapes = &self.served.program.shapes;
        let Some(items) = items_of(shapes, array) else { return Bytes::from_static(b"[]") };
        let target = self.served.program.action(self.number).target.as_ref();
        let bytes = |entity: &Entity| {
            let fields = entity.fields();
            let spot = Spot::root(self.dice_of(entity));
            let place = target.map(|target| self.place(target, entity));
            let projector = self.projector_of(entity);
            let projector = match &place {
                Some(place) => projector.at(place),
                None => projector,
            };
            let filled = self.made_whole(&projector, &fields, spot);
            let fields = filled.as_ref().unwrap_or(&fields);
            let mut item = projector.project_with(items, Some(fields), &[], spot);
            if let Some(target) = target {
                self.hide(target, &mut item);
            }
            written(&item)
        };
        let look = self.look();
        let mut page = Vec::with_capacity(listed.entities.len() * ITEM_BYTES);
        page.push(b'[');
        for (index, entity) in listed.entities.iter().enumerate() {
            if index > 0 {
                page.push(b',');
            }
            // A look of the route's own is what an item has alone there, and no list's.
            if entity.made_up || matches!(look, Look::OfRoute(_)) {
                page.extend_from_slice(&bytes(entity));
            } else {
                page.extend_from_slice(&self.kept(entity, look, || bytes(entity)));
            }
        }
        page.push(b']');
        page.into()
    }

    /// What the route's list says of its items; `None` where it shows none.
    pub(crate) fn items_node(&self, target: &Target) -> Option<&Node> {
        let shapes = &self.served.program.shapes;
        let body = self.served.program.answer(self.number).body.as_ref()?;
        let array = match target.within.as_deref() {
            Some(name) => &shapes.record(body)?.0.field(name)?.node,
            None => body,
        };
        items_of(shapes, array)
    }

    /// An item as the route's list shows it; `None` where the list shows no items.
    pub(crate) fn shown(&self, target: &Target, entity: &Entity) -> Option<Value> {
        let items = self.items_node(target)?;
        let spot = Spot::root(self.dice_of(entity));
        let (projector, fields) = (self.projector_of(entity), entity.fields());
        let filled = self.made_whole(&projector, &fields, spot);
        let fields = filled.as_ref().unwrap_or(&fields);
        Some(projector.project_with(items, Some(fields), &[], spot).into_value())
    }

    /// An item's fields with what is made up of it, where the routes that show it do so in several ways.
    fn made_whole(
        &self,
        projector: &Projector<'_>,
        fields: &Map<String, Value>,
        spot: Spot<'_>,
    ) -> Option<Map<String, Value>> {
        Some(self.served.program.whole(self.number)?.filled(projector, fields, spot))
    }

    /// Renders an item of a list. Nobody wrote of one that is made up what the model does not know.
    fn projector_of(&self, entity: &Entity) -> Projector<'_> {
        let projector = self.projector(entity.made_up);
        if entity.made_up { projector.by_the_model() } else { projector }
    }

    /// Renders what a request says, where nothing is kept; what only its path says is fitted.
    fn said_back(&self) -> Projector<'_> {
        let projector = self.projector(true);
        match *self.head.method {
            Method::GET | Method::HEAD | Method::DELETE => projector.by_the_model(),
            _ => projector,
        }
    }

    /// Renders an item: whole where it is made up, else what was written of it.
    fn projector(&self, made_up: bool) -> Projector<'_> {
        Projector::new(&self.served.program.shapes).making_up(made_up)
    }

    /// The path that a new item is found under.
    pub(crate) fn address_of_new(&self, target: &Target, id: &str) -> String {
        let path = self.head.uri.path().trim_end_matches('/');
        let id = escape::in_path(id);
        if target.which != Which::OfPath {
            return format!("{path}/{id}");
        }
        let program = &self.served.program;
        let base = if program.local_path(path).is_some() { program.model.base_path() } else { "" };
        format!("{base}{}/{id}", target.home.address(self.values))
    }

    /// The path of an item.
    fn place(&self, target: &Target, entity: &Entity) -> String {
        let home = target.home.address(self.values);
        match target.id {
            None if matches!(target.verb, StateVerb::Read | StateVerb::Update)
                && !target.by_body =>
            {
                home
            }
            _ => format!("{home}/{}", escape::in_path(&entity.id)),
        }
    }

    /// Takes out what is shown only where it was made.
    fn hide(&self, target: &Target, item: &mut Shown<'_>) {
        let declared = &self.twin.config.document.shown_once;
        if declared.is_empty() {
            return;
        }
        let pattern = target.home.pattern();
        let hidden = declared.iter().filter(|(collection, _)| pattern_of(collection) == pattern);
        hidden.flat_map(|(_, names)| names).for_each(|name| item.remove(name));
    }

    /// What is made up of an entity depends on its id alone, and not on the route that shows it.
    fn dice_of(&self, entity: &Entity) -> Dice {
        Dice::of(self.session.seed, &entity.id)
    }

    fn reply(&self, answer: &Answer, body: Bytes, dice: Dice) -> Reply {
        let mut reply = reply(answer, body);
        let projector = Projector::new(&self.served.program.shapes);
        for (name, node) in answer.headers.iter().filter(|(name, _)| *name != LOCATION) {
            let spot = Spot::root(dice.at("header")).field(name.as_str());
            let value = match projector.project(node, None, spot).into_value() {
                Value::String(text) => text,
                other => other.to_string(),
            };
            reply
                .headers_mut()
                .extend(HeaderValue::try_from(value).ok().map(|value| (name.clone(), value)));
        }
        reply
    }
}

/// Renders a refusal: the model's own answer for the status, else in the shape most of its errors
/// have, else in a shape of ours.
pub(crate) fn refusal(program: &Program, number: Option<usize>, refusal: &Refusal) -> Reply {
    let own =
        |status: &StatusCode| number.is_some_and(|number| program.has_answer(number, *status));
    let first = refusal.status();
    let status = refusal.other_status().filter(|other| !own(&first) && own(other)).unwrap_or(first);
    let answer = program.answer_with(number, status);
    let text = ErrorText {
        status: status.as_u16(),
        code: refusal.code(),
        hints: refusal.hints(),
        message: refusal.message(),
        parameter: refusal.parameter(),
    };
    let spot = Spot::root(Dice::of(0, refusal.code()));
    let body = answer.body.as_ref().map(|node| {
        let projector = Projector::of_error(&program.shapes, &text);
        projector.project_with(node, None, &[], spot).into_value()
    });
    let told = body.filter(|body| !body.is_null() && *body != Value::Object(Map::new()));
    let body = told.unwrap_or_else(
        || json!({"error": {"code": text.code, "message": text.message, "status": text.status}}),
    );
    let mut reply = reply(&answer, bytes_of(&answer, Some(&Shown::Made(body))));
    if let Refusal::OtherMethods(allow) = refusal {
        reply.headers_mut().extend(HeaderValue::try_from(allow).ok().map(|allow| (ALLOW, allow)));
    }
    reply
}

/// Bytes an item has, about.
const ITEM_BYTES: usize = 1000;

/// The JSON of an object, one of whose fields is written already.
fn around(object: &Map<String, Value>, name: &str, field: &[u8]) -> Bytes {
    let mut text = Vec::with_capacity(field.len() + 256);
    text.push(b'{');
    for (key, value) in object {
        if text.len() > 1 {
            text.push(b',');
        }
        // Writing texts and finite numbers into memory does not fail.
        let _ = serde_json::to_writer(&mut text, key);
        text.push(b':');
        if key == name {
            text.extend_from_slice(field);
        } else {
            let _ = serde_json::to_writer(&mut text, value);
        }
    }
    text.push(b'}');
    text.into()
}

/// An error in the vendor's general words, made to fit the route's own answer of that status where the model has one of another form.
pub(crate) fn fitted(program: &Program, number: Option<usize>, reply: Reply) -> Reply {
    let own = number.and_then(|number| {
        program.model_route(number).variants.get(reply.status().as_str())?.body.as_ref()
    });
    let Some(schema) = own else { return reply };
    let (mut parts, body) = reply.into_parts();
    let bytes = whole(body);
    let Ok(Value::Object(said)) = serde_json::from_slice(&bytes) else {
        return Response::from_parts(parts, Full::new(bytes));
    };
    let said = Value::Object(said);
    if validate::admits(&program.model, schema, &said) {
        return Response::from_parts(parts, Full::new(bytes));
    }
    let answer = program.answer_with(number, parts.status);
    let spot = Spot::root(Dice::of(0, parts.status.as_str()));
    let fitted = answer.body.as_ref().map(|node| {
        let projector = Projector::new(&program.shapes).by_the_model();
        projector.project_with(node, said.as_object(), &[], spot)
    });
    parts.headers.insert(CONTENT_TYPE, answer.media_type.clone());
    Response::from_parts(
        parts,
        Full::new(fitted.map_or(bytes, |body| bytes_of(&answer, Some(&body)))),
    )
}

/// A body's bytes.
pub(crate) fn whole(body: Full<Bytes>) -> Bytes {
    // A full body is ready, whole and never fails.
    let mut body = std::pin::pin!(body.collect());
    let mut context = Context::from_waker(Waker::noop());
    match body.as_mut().poll(&mut context) {
        Poll::Ready(Ok(collected)) => collected.to_bytes(),
        Poll::Ready(Err(never)) => match never {},
        Poll::Pending => Bytes::new(),
    }
}

fn reply(answer: &Answer, body: Bytes) -> Reply {
    let mut headers = HeaderMap::with_capacity(8);
    if !body.is_empty() {
        headers.insert(CONTENT_TYPE, answer.media_type.clone());
    }
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = answer.status;
    *reply.headers_mut() = headers;
    reply
}

/// The bytes of a body in the answer's media type.
fn bytes_of(answer: &Answer, body: Option<&Shown<'_>>) -> Bytes {
    let empty = matches!(answer.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let Some(body) = body.filter(|_| !empty) else { return Bytes::new() };
    let is_json = answer.media_type.to_str().is_ok_and(|media| media.contains("json"));
    match body.as_text() {
        Some(text) if !is_json => Bytes::copy_from_slice(text.as_bytes()),
        _ => written(body),
    }
}

/// A value's JSON, which takes no more memory than it is long.
fn written(shown: &Shown<'_>) -> Bytes {
    let mut bytes = Vec::with_capacity(ITEM_BYTES);
    // Values of strings and finite numbers always serialise.
    let _ = serde_json::to_writer(&mut bytes, shown);
    Bytes::copy_from_slice(&bytes)
}

/// Headers that tell which model answered.
pub(crate) const CALIBRATION: HeaderName = HeaderName::from_static("x-wondertwin-calibration");
pub(crate) const MODEL: HeaderName = HeaderName::from_static("x-wondertwin-model");
