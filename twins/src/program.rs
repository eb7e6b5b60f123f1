//! A model compiled: what is needed to answer, worked out once and route by route.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use http::{HeaderName, HeaderValue, StatusCode};
use models::{Algorithm, Model, RateLimit, Route, RouteKey, Schema, StateVerb, Variant};
use serde_json::Value;

use crate::action::{Action, items_of};
use crate::dice::Dice;
use crate::plan::Plan;
use crate::project::{Projector, Spot};
use crate::query::Parameters;
use crate::router::Router;
use crate::shape::{EntityId, Form, Node, Shapes};
use crate::template::Template;
use crate::whole::Whole;

/// A model made ready to serve.
///
/// The routes and their patterns are worked out at once; what a route's bodies look like when it
/// is first called, so that a model of hundreds of routes is ready in milliseconds.
#[derive(Debug)]
pub struct Program {
    pub(crate) model: Arc<Model>,
    pub(crate) shapes: Shapes,
    pub(crate) plan: Plan,
    pub(crate) router: Router,
    pub(crate) limits: Vec<(Box<str>, RateLimit)>,
    base_path: Box<str>,
    routes: Vec<RouteProgram>,
    /// The route and variant that has the shape most errors have.
    usual_error: Option<(usize, Box<str>)>,
}

/// One route of a program.
#[derive(Debug)]
pub(crate) struct RouteProgram {
    pub(crate) key: RouteKey,
    pub(crate) template: Template,
    pub(crate) parameters: Vec<Box<str>>,
    /// Which of the program's limits a request counts against.
    pub(crate) limits: Vec<usize>,
    /// The Lua handler that answers it.
    pub(crate) hook: Option<Box<str>>,
    /// Whether it has an answer for requests that are not as they should be.
    pub(crate) refuses: bool,
    answer: OnceLock<Answer>,
    requests: OnceLock<Vec<(Box<str>, Node)>>,
    path: OnceLock<Parameters>,
    query: OnceLock<Parameters>,
    action: OnceLock<Action>,
    look: OnceLock<Look>,
    whole: OnceLock<Option<Box<Whole>>>,
}

/// How an item is shown: two routes with one look show it with the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// As only one route does.
    OfRoute(usize),
    /// As an entity of a collection, which the first of its routes stands for.
    OfItem { entity: EntityId, first: usize },
}

/// An answer's status, and what its body and headers are.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Option<Node>,
    pub(crate) media_type: HeaderValue,
    /// Those always there.
    pub(crate) headers: Vec<(HeaderName, Node)>,
}

impl Program {
    /// Compiles a model.
    pub fn compile(model: Arc<Model>) -> Self {
        let keys = model.routes.keys();
        let templates: Vec<_> = keys.clone().map(|key| Template::of(key.path())).collect();
        let mut router = Router::default();
        for (number, key) in keys.clone().enumerate() {
            router.add(key.method(), key.path(), number);
        }
        let limits: Vec<_> = model
            .limits
            .iter()
            .map(|(name, limit)| (Box::from(name.as_str()), limit.clone()))
            .collect();
        let plan = Plan::of(&model, &templates);
        let compiled = keys.cloned().zip(templates).zip(model.routes.values());
        let compiled = compiled.map(|((key, template), route)| RouteProgram {
            hook: hook_of(route),
            refuses: ["400", "422"].iter().any(|status| route.variants.contains_key(*status)),
            parameters: key.parameters().map(Into::into).collect(),
            limits: limits_of(&key, &limits),
            key,
            template,
            answer: OnceLock::new(),
            requests: OnceLock::new(),
            path: OnceLock::new(),
            query: OnceLock::new(),
            action: OnceLock::new(),
            look: OnceLock::new(),
            whole: OnceLock::new(),
        });
        Self {
            routes: compiled.collect(),
            usual_error: usual_error(&model),
            base_path: model.base_path().into(),
            shapes: Shapes::of(Arc::clone(&model)),
            plan,
            router,
            limits,
            model,
        }
    }

    /// A body made up for one of a route's answers (`200`, `4XX`, `default`); `None` where the
    /// model has no such route, no such answer, or says nothing of its body.
    pub fn example(&self, key: &RouteKey, variant: &str, seed: u64) -> Option<Value> {
        let body = self.model.routes.get(key)?.variants.get(variant)?.body.as_ref()?;
        let node = self.shapes.compile(body);
        let dice = Dice::of(seed, key.as_str()).at(variant);
        let shown = Projector::new(&self.shapes).project(&node, None, Spot::root(dice));
        Some(shown.into_value())
    }

    /// The path as templates have it: without the path of the base URL, which may stand before it
    /// or not.
    pub(crate) fn local_path<'p>(&self, path: &'p str) -> Option<&'p str> {
        if self.base_path.is_empty() {
            return None;
        }
        path.strip_prefix(&*self.base_path).filter(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// How many routes there are.
    pub(crate) fn count(&self) -> usize {
        self.routes.len()
    }

    /// Whether a route's answer has a field.
    pub(crate) fn shows(&self, number: usize, field: &str) -> bool {
        let body = self.answer(number).body.as_ref();
        let record = body.and_then(|body| self.shapes.record(body));
        record.is_some_and(|(record, _)| record.field(field).is_some())
    }

    pub(crate) fn route(&self, number: usize) -> &RouteProgram {
        &self.routes[number]
    }

    /// The number of a route in this program; another model's program may number it differently.
    pub(crate) fn number_of(&self, key: &RouteKey) -> Option<usize> {
        self.routes.iter().position(|route| route.key == *key)
    }

    /// A route without parameters.
    pub(crate) fn plain_route(&self) -> Option<usize> {
        self.routes.iter().position(|route| route.parameters.is_empty())
    }

    /// What the model says of a route.
    pub(crate) fn model_route(&self, number: usize) -> &Route {
        self.model.routes.get(&self.routes[number].key).expect("the keys are this model's")
    }

    /// The answer of a route when all goes well.
    pub(crate) fn answer(&self, number: usize) -> &Answer {
        self.routes[number].answer.get_or_init(|| {
            let key = &self.routes[number].key;
            let creates = key.method() == "POST" && self.routes[number].template.item().is_none();
            match success(&self.model_route(number).variants, creates) {
                Some((status, variant)) => self.compile_answer(status, variant, Outcome::Good),
                None => Answer::of_json(StatusCode::OK),
            }
        })
    }

    /// The shapes of a route's request by media type.
    pub(crate) fn requests(&self, number: usize) -> &[(Box<str>, Node)] {
        self.routes[number].requests.get_or_init(|| {
            let content = self.model_route(number).request.iter().flat_map(|body| &body.content);
            content
                .map(|(media, schema)| (media.as_str().into(), self.shapes.compile(schema)))
                .collect()
        })
    }

    /// The parameters of a route's path.
    pub(crate) fn path(&self, number: usize) -> &Parameters {
        self.routes[number]
            .path
            .get_or_init(|| Parameters::of_path(&self.model_route(number).path, &self.shapes))
    }

    /// The parameters of a route's query.
    pub(crate) fn query(&self, number: usize) -> &Parameters {
        self.routes[number]
            .query
            .get_or_init(|| Parameters::of(&self.model_route(number).query, &self.shapes))
    }

    /// Whether a route has an answer of its own for a status.
    pub(crate) fn has_answer(&self, number: usize, status: StatusCode) -> bool {
        self.model_route(number).variants.contains_key(status.as_str())
    }

    /// What a route does to the state.
    pub(crate) fn action(&self, number: usize) -> &Action {
        self.routes[number].action.get_or_init(|| Action::of(self, number))
    }

    /// How a route shows an item.
    pub(crate) fn look(&self, number: usize) -> Look {
        *self.routes[number]
            .look
            .get_or_init(|| self.common_look(number).unwrap_or(Look::OfRoute(number)))
    }

    /// All that the items are that a route shows, where it is not what each route shows.
    pub(crate) fn whole(&self, number: usize) -> Option<&Whole> {
        let made = self.routes[number].whole.get_or_init(|| Whole::of(self, number).map(Box::new));
        made.as_deref()
    }

    /// The look that an item has alone and in lists: that of an entity, in a collection which is the only one of its
    /// name.
    fn common_look(&self, number: usize) -> Option<Look> {
        let target = self.action(number).target.as_ref()?;
        let body = self.answer(number).body.as_ref()?;
        let node = match (target.verb, &target.within) {
            (StateVerb::List, Some(name)) => {
                items_of(&self.shapes, &self.shapes.record(body)?.0.field(name)?.node)?
            }
            (StateVerb::List, None) => items_of(&self.shapes, body)?,
            (StateVerb::Create, None) => body,
            (_, None) if target.id.is_some() => body,
            _ => return None,
        };
        let [Form::Entity(entity)] = node.forms[..] else { return None };
        let pattern = target.home.pattern();
        if node.nullable || node.tag.is_some() || pattern.contains("{}") {
            return None;
        }
        let collection = self.plan.collection(&pattern)?;
        let first = collection.items.values().chain(collection.own.values()).min()?;
        Some(Look::OfItem { entity, first: *first })
    }

    /// How a route says a status; where it does not, in the shape that most errors have.
    pub(crate) fn answer_with(&self, number: Option<usize>, status: StatusCode) -> Answer {
        let own = number.and_then(|number| {
            let variants = &self.model_route(number).variants;
            let class = format!("{}XX", status.as_u16() / 100);
            // A default that says how all goes well says nothing of errors.
            let is_success = |default| {
                success(variants, false).is_some_and(|(_, success)| std::ptr::eq(success, default))
            };
            let fallback = || variants.get("default").filter(|default| !is_success(*default));
            variants.get(status.as_str()).or_else(|| variants.get(&class)).or_else(fallback)
        });
        let usual = || {
            let (number, name) = self.usual_error.as_ref()?;
            self.model_route(*number).variants.get(&**name)
        };
        match own.or_else(usual) {
            Some(variant) => self.compile_answer(status, variant, Outcome::Bad),
            None => Answer::of_json(status),
        }
    }

    fn compile_answer(&self, status: StatusCode, variant: &Variant, outcome: Outcome) -> Answer {
        let media_type = variant.media_type.as_deref().and_then(|text| text.parse().ok());
        let headers = variant.headers.iter().filter(|(name, schema)| {
            (schema.required && is_vendors_own(name)) || name.eq_ignore_ascii_case("location")
        });
        Answer {
            status,
            body: variant.body.as_ref().map(|schema| self.shapes.compile(&told(schema, outcome))),
            media_type: media_type.unwrap_or(JSON),
            headers: headers
                .filter_map(|(name, schema)| {
                    Some((name.parse().ok()?, self.shapes.compile(schema)))
                })
                .collect(),
        }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How a request went.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Good,
    Bad,
}

/// The alternative of a body that tells of an error, where a vendor says errors with the status of a success.
const ERROR: &str = "error";

/// What a body may be, as a request went: its alternative `error`, or all the others.
fn told(schema: &Schema, outcome: Outcome) -> Cow<'_, Schema> {
    let Some(error) = schema.any_of.get(ERROR) else { return Cow::Borrowed(schema) };
    if outcome == Outcome::Bad {
        return Cow::Borrowed(error);
    }
    let mut good = schema.clone();
    good.any_of.remove(ERROR);
    if good.says_nothing() { Cow::Borrowed(schema) } else { Cow::Owned(good) }
}

impl Answer {
    /// An answer of which the model says nothing.
    fn of_json(status: StatusCode) -> Self {
        Self { status, body: None, media_type: JSON, headers: Vec::new() }
    }
}

/// The variant that is a success: the lowest 2xx, for a create 201 first; else `2XX`, `default`, a
/// redirect.
fn success(variants: &BTreeMap<String, Variant>, made: bool) -> Option<(StatusCode, &Variant)> {
    let exact = |first: char| {
        variants
            .iter()
            .filter(move |(name, _)| name.starts_with(first))
            .find_map(|(name, variant)| Some((name.parse::<StatusCode>().ok()?, variant)))
    };
    let created = || Some((StatusCode::CREATED, variants.get("201").filter(|_| made)?));
    let named = |name: &str| Some((StatusCode::OK, variants.get(name)?));
    created()
        .or_else(|| exact('2'))
        .or_else(|| named("2XX"))
        .or_else(|| named("default"))
        .or_else(|| exact('3'))
}

/// The error body most variants share, by the entity it refers to; else the first there is.
fn usual_error(model: &Model) -> Option<(usize, Box<str>)> {
    let mut first = None;
    let mut by_entity: BTreeMap<&str, (usize, (usize, Box<str>))> = BTreeMap::new();
    for (number, route) in model.routes.values().enumerate() {
        let has_success = route.variants.keys().any(|name| name.starts_with('2'));
        let errors = route.variants.iter().filter(|(name, _)| {
            name.starts_with('4') || name.starts_with('5') || (*name == "default" && has_success)
        });
        for (name, body) in
            errors.filter_map(|(name, variant)| Some((name, variant.body.as_ref()?)))
        {
            let place = (number, Box::from(name.as_str()));
            first.get_or_insert_with(|| place.clone());
            if let Some(entity) = body.entity.as_deref() {
                by_entity.entry(entity).or_insert((0, place)).0 += 1;
            }
        }
    }
    let usual = by_entity.into_values().max_by_key(|(count, _)| *count);
    usual.map(|(_, place)| place).or(first)
}

/// The handler that the model has for a route.
fn hook_of(route: &Route) -> Option<Box<str>> {
    route.variants.values().find_map(|variant| variant.lua_hook.as_deref().map(Into::into))
}

/// The limits a route counts against: the one named after it or after a segment of its path, else
/// the general one; and every limit of requests under way.
fn limits_of(key: &RouteKey, limits: &[(Box<str>, RateLimit)]) -> Vec<usize> {
    let rate = |(_, (_, limit)): &(usize, &(Box<str>, RateLimit))| {
        limit.algorithm != Algorithm::Concurrency
    };
    let numbered = || limits.iter().enumerate();
    let named = |wanted: &str| numbered().filter(rate).find(|(_, (name, _))| **name == *wanted);
    let own = named(key.as_str())
        .or_else(|| key.segments().find_map(named))
        .or_else(|| named("default"))
        .or_else(|| named("core"))
        .or_else(|| numbered().find(rate).filter(|_| numbered().filter(rate).count() == 1));
    let flying = numbered().filter(|(_, (_, limit))| limit.algorithm == Algorithm::Concurrency);
    own.into_iter().chain(flying).map(|(index, _)| index).collect()
}

/// Whether a header is the vendor's to say, and not the server's or the limiter's.
fn is_vendors_own(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    !matches!(
        lower.as_str(),
        "content-type"
            | "content-length"
            | "transfer-encoding"
            | "connection"
            | "date"
            | "retry-after"
    ) && !lower.contains("ratelimit")
        && !lower.contains("rate-limit")
}
