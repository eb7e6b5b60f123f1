//! One running twin: a model in service, a state, and how a request passes through both.
//!
//! A request goes route → credential → rate limit ([`Twin::admit`], before its body is read) →
//! idempotency → body → Lua handler, if the route has one → state → answer ([`Twin::answer`]). All steps see the one model that [`Twin::admit`] took in hand.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use models::{Digest, Model};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::Notify;

use crate::auth;
use crate::body;
use crate::call::Call;
use crate::canary;
use crate::chaos::{Chaos, End, Settings};
use crate::clock::Clock;
use crate::config::TwinConfig;
use crate::coverage::Coverage;
use crate::declared;
use crate::doors::Doors;
use crate::etag;
use crate::gate::{self, Limits, Passage};
use crate::idempotency::Known;
use crate::lua::{Handlers, LuaProblem};
use crate::metrics::Metrics;
use crate::program::Program;
use crate::quirks::Quirks;
use crate::refusal::Refusal;
use crate::render::{self, CALIBRATION, MODEL, Reply};
use crate::router::Found;
use crate::rules::Rules;
use crate::seed;
use crate::served::{Loaded, Refused, Reloader, Source};
use crate::session::Session;
use crate::sessions::{self, Held, Sessions};
use crate::state::State;
use crate::webhooks::{Cause, Webhooks};

/// One running twin. Its sessions outlive the models that come and go.
#[derive(Debug)]
pub struct Twin {
    pub(crate) config: TwinConfig,
    pub(crate) sessions: Sessions,
    pub(crate) doors: Doors,
    pub(crate) metrics: Metrics,
    pub(crate) handlers: Handlers,
    pub(crate) rules: Rules,
    pub(crate) limits: Limits,
    /// Rung when something may have become due in any session.
    pub(crate) wake: Arc<Notify>,
    pub(crate) source: Source,
    verbose: AtomicBool,
    /// What every session begins with.
    beginning: State,
    /// What webhooks of sessions that are made later are like.
    webhooks: Webhooks,
}

/// What a request says before its body.
#[derive(Clone, Copy)]
pub(crate) struct Head<'h> {
    pub(crate) method: &'h Method,
    pub(crate) uri: &'h Uri,
    pub(crate) headers: &'h HeaderMap,
    pub(crate) caller: IpAddr,
    /// When it arrived, on the twin's clock since the Unix epoch. A request has one time, so that
    /// it can be had again.
    pub(crate) at: Duration,
}

/// A request on its way: the model it will be answered with, its route, and what the limits say.
pub(crate) struct Admission<'t, 'h> {
    served: Loaded<'t>,
    route: Result<(usize, Vec<Cow<'h, str>>), Refusal>,
    passage: Passage,
}

/// What a twin is serving, and what it would not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The twin's name.
    pub name: String,
    /// `serving`.
    pub state: &'static str,
    /// Whether it takes calibrations at all.
    pub frozen: bool,
    /// Digest of the model in service.
    pub model: Digest,
    /// The calibration that made it; 0 where none did.
    pub calibration: u64,
    /// When it was taken into service, wall clock.
    pub loaded_at: DateTime<Utc>,
    /// What a part of the callers is served instead; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    /// The calibration last refused, until a later one is taken into service.
    pub refused: Option<Refused>,
    /// Entities forgotten for newer ones since the last reset.
    pub forgotten: u64,
    /// Requests since the last reset that no route of the model took.
    pub absent: u64,
}

/// A calibration that a part of the callers is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Canary {
    /// Its number.
    pub calibration: u64,
    /// The part, in basis points.
    pub share_bp: u32,
}

impl Twin {
    /// A twin of a model that stays as it is.
    pub fn frozen(model: Model, config: TwinConfig) -> Self {
        Self::with_source(Source::frozen(model), config)
    }

    /// A twin of a model that is the work of a calibration (0: of none), and what takes the next
    /// ones into service.
    pub fn live(model: Model, calibration: u64, config: TwinConfig) -> (Self, Reloader) {
        let (source, reloader) = Source::live(model, calibration);
        (Self::with_source(source, config), reloader)
    }

    fn with_source(source: Source, mut config: TwinConfig) -> Self {
        let wake = Arc::new(Notify::new());
        let declared = std::mem::take(&mut config.webhooks);
        let webhooks = Webhooks::new(declared, config.seed, Arc::clone(&wake));
        let beginning = seed::beginning(&source, &config);
        let default = first_session(&config, &beginning, &webhooks);
        let handlers = handlers(&source, &mut config);
        let twin = Self {
            sessions: Sessions::new(default, config.session_header.clone()),
            doors: Doors::new(),
            metrics: Metrics::default(),
            handlers,
            rules: rules(&source, &config),
            limits: Limits::of(&config.document.limits),
            wake,
            source,
            verbose: AtomicBool::new(config.verbose),
            beginning,
            webhooks,
            config,
        };
        twin.settle_all(&twin.sessions.default());
        twin
    }

    /// Compiles all handlers, and tells the log of those that cannot be. Nothing waits for it: a handler is compiled
    /// by the first request that runs it.
    pub(crate) fn check_handlers(&self) {
        tell(&self.config, &self.handlers.problems());
    }

    /// What of the seed was meant for another collection; `None` where nothing was. What is not known is told to the log;
    /// names of the base model are known.
    pub(crate) fn mistaken_seed(&self, of_base: &[String]) -> Option<String> {
        let none = State::new(self.config.state);
        for name in self.config.beginning.keys() {
            let Some(unknown) = seed::unknown(self, &none, name) else { continue };
            if unknown.is_mistake && !of_base.contains(name) {
                return Some(unknown.told);
            }
            tracing::warn!(twin = %self.config.name, "the seed: {}", unknown.told);
        }
        None
    }

    /// The session of a name, begun where there is none.
    pub(crate) fn session(&self, name: &str) -> Held {
        self.sessions.get(name, || self.new_session(name, self.config.seed))
    }

    /// A session in which nothing has happened yet.
    pub(crate) fn new_session(&self, name: &str, seed: u64) -> Session {
        let (clock, state) = (self.config.clock.of_session(name), self.beginning.fork());
        let default = self.sessions.default();
        let chaos = Chaos::new(seed, default.chaos.afresh().settings());
        let webhooks = self.webhooks.seeded(seed, default.webhooks.url());
        let quirks = default.quirks.fork();
        let session = Session::new(name, seed, clock, state, chaos, webhooks, quirks);
        self.settle_all(&session);
        session
    }

    /// Has a session forget all that happened, at once: a fresh one takes its place. Its clock goes back to where
    /// it began, unless other twins go by it too.
    pub(crate) fn reset_session(&self, session: &Session) {
        if !self.shares(&session.name, &session.clock) {
            session.clock.reset();
        }
        self.renew_session(session);
    }

    /// Puts a session's clock where another is, unless other twins go by it too: theirs is no time to move back.
    pub(crate) fn move_clock(&self, name: &str, clock: &Clock, to: &Clock) {
        if !self.shares(name, clock) {
            clock.set_as(&to.position());
        }
    }

    /// Whether other twins go by the clock of a session.
    fn shares(&self, name: &str, clock: &Clock) -> bool {
        let others = self.config.universe.all();
        others
            .iter()
            .filter(|other| !std::ptr::eq(&raw const ***other, self))
            .any(|other| other.sessions.find(name).is_ok_and(|theirs| theirs.clock.is_same(clock)))
    }

    /// Puts a fresh session in the place of one, by the same clock.
    pub(crate) fn renew_session(&self, session: &Session) {
        let fresh = session.afresh(self.beginning.fork());
        self.settle_all(&fresh);
        self.sessions.put(fresh);
    }

    /// Answers a request without a socket: all that a request over HTTP goes through, but for the
    /// admin API, CORS and the journal.
    ///
    /// It goes to the session it names, by header or path; to the default one where the name is
    /// none that a session may have.
    pub fn call(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let destination = self.sessions.destination(request.uri(), request.headers(), None);
        let (session, uri) = match &destination {
            Ok(destination) => (self.session(&destination.session), &*destination.uri),
            Err(_) => (self.sessions.default(), request.uri()),
        };
        let head = Head {
            method: request.method(),
            uri,
            headers: request.headers(),
            caller: IpAddr::V4(Ipv4Addr::LOCALHOST),
            at: self.arrive(&session),
        };
        let admission = self.admit(&session, &head);
        let reply = self.answer(&session, admission, &head, Ok(request.body().clone()));
        reply.map(render::whole)
    }

    /// Answers a request as over a socket, chaos included, without waiting; `None` where the
    /// connection would end without an answer.
    pub(crate) fn exchange(
        &self,
        session: &Session,
        head: &Head<'_>,
        body: Bytes,
    ) -> Option<Reply> {
        let serve = || {
            let admission = self.admit(session, head);
            self.answer(session, admission, head, Ok(body))
        };
        match session.chaos.strike(head).map(|blow| blow.end) {
            None | Some(End::Serve | End::Cut(_)) => Some(serve()),
            Some(End::Answer { status, headers, body }) => {
                Some(self.failure(session, head, status, &headers, body))
            }
            Some(End::Silence(_) | End::Reset) => None,
        }
    }

    /// The answer of a request that is made to fail: the body given, else the vendor's own.
    pub(crate) fn failure(
        &self,
        session: &Session,
        head: &Head<'_>,
        status: StatusCode,
        headers: &[(String, String)],
        body: Option<Bytes>,
    ) -> Reply {
        let mut reply = if let Some(body) = body {
            let mut reply = Reply::new(body.into());
            *reply.status_mut() = status;
            reply
        } else {
            let served = self.source.load();
            let route = find(&served.program, head).ok().map(|(number, _)| number);
            self.refuse(session, &served.program, route, &Refusal::Injected { status }, head)
        };
        let own = headers.iter().filter_map(|(name, value)| {
            Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?))
        });
        own.for_each(|(name, value)| drop(reply.headers_mut().insert(name, value)));
        reply
    }

    /// What it is serving; the counts are the default session's.
    pub fn status(&self) -> Status {
        self.status_of(&self.sessions.default())
    }

    pub(crate) fn status_of(&self, session: &Session) -> Status {
        let served = self.source.load();
        Status {
            name: self.config.name.clone(),
            state: "serving",
            frozen: matches!(self.source, Source::Frozen(_)),
            model: served.digest().clone(),
            calibration: served.calibration,
            loaded_at: served.loaded_at,
            canary: self.source.trial().map(|trial| Canary {
                calibration: trial.served.calibration,
                share_bp: trial.share_bp,
            }),
            refused: self.source.refused(),
            forgotten: session.state.forgotten(),
            absent: session.absent.load(Ordering::Relaxed),
        }
    }

    /// How much of the vendor's API it has, by the model in service.
    pub fn coverage(&self) -> Coverage {
        let config = &self.config;
        Coverage::of(&self.source.load().program.model, &config.document, &config.routes)
    }

    /// All that is remembered in the default session, `{collection: {id: fields}}`, as it was
    /// written.
    pub fn state(&self) -> Map<String, Value> {
        self.sessions.default().state.dump()
    }

    /// The default session's time.
    pub fn clock(&self) -> &Clock {
        &self.config.clock
    }

    /// Has the default session forget all that happened: state, requests, usage, and how far the
    /// clock was moved.
    pub fn reset(&self) {
        self.reset_session(&self.sessions.default());
    }

    /// Whether the model in service has a path that begins with a segment.
    pub(crate) fn has_paths_under(&self, segment: &str) -> bool {
        self.source.load().program.router.begins_with(segment)
    }

    /// Whether the model in service has a route for a request.
    pub(crate) fn knows(&self, head: &Head<'_>) -> bool {
        find(&self.source.load().program, head).is_ok()
    }

    /// Has a session's webhooks go out as the model in service says.
    pub(crate) fn follow_deliveries(&self, session: &Session) {
        let served = self.source.load();
        session.webhooks.follow(served.load, &served.program.model.deliveries);
    }

    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose.load(Ordering::Relaxed)
    }

    pub(crate) fn set_verbose(&self, verbose: bool) {
        self.verbose.store(verbose, Ordering::Relaxed);
    }

    /// The collection that state loaded under a name goes to.
    pub(crate) fn collection_named(&self, name: &str) -> String {
        seed::collection_named(&self.source.load().program, name)
    }

    /// The fields of an entity with its id among them.
    pub(crate) fn with_id(
        &self,
        collection: &str,
        id: &str,
        fields: Map<String, Value>,
    ) -> Map<String, Value> {
        seed::with_id(&self.source.load().program, collection, id, fields)
    }

    /// Finds the request's route and counts it against its limits.
    pub(crate) fn admit<'h>(&self, session: &Session, head: &Head<'h>) -> Admission<'_, 'h> {
        let served =
            self.source.load_for(|| canary::ticket(head.headers, &session.name, head.caller));
        let route = find(&served.program, head);
        let passage = match &route {
            Ok((number, _)) => {
                let program = &served.program;
                let route = program.route(*number);
                let auth = &self.config.document.auth;
                match auth::check(auth, &session.tokens, route.key.as_str(), head) {
                    Ok(()) => gate::pass(program, route, &self.limits, head, &session.usage),
                    Err(refusal) => Passage { refusal: Some(refusal), ..Passage::default() },
                }
            }
            Err(_) => Passage::default(),
        };
        Admission { served, route, passage }
    }

    /// Answers a request whose body has been read, or could not be.
    pub(crate) fn answer(
        &self,
        session: &Session,
        admission: Admission<'_, '_>,
        head: &Head<'_>,
        body: Result<Bytes, Refusal>,
    ) -> Reply {
        let auth = &self.config.document.auth;
        if let (Some(oauth), Ok(bytes)) = (&auth.oauth, &body)
            && auth::asks_for_token(auth, head)
        {
            return session.tokens.answer(oauth, head, bytes, session.next_dice("token"));
        }
        let Admission { served, route, passage } = admission;
        let number = route.as_ref().ok().map(|(number, _)| *number);
        let own = match (number, &body) {
            (None, Ok(bytes)) => self.own(session, &served, head.uri.path(), head, bytes),
            _ => None,
        };
        let is_absent = number.is_none() && own.is_none();
        let reply = match (&route, passage.refusal) {
            (Err(refusal), _) => own.ok_or_else(|| refusal.clone()),
            (Ok(_), Some(refusal)) => Err(refusal),
            (Ok((number, values)), None) => {
                let (twin, served, number) = (self, &*served, *number);
                let call = Call { twin, session, served, number, values, head, depth: 0 };
                body.and_then(|bytes| {
                    call.check_owner()?;
                    self.once(&call, &bytes)
                })
            }
        };
        let mut reply = reply.unwrap_or_else(|refusal| {
            self.refuse(session, &served.program, number, &refusal, head)
        });
        if is_absent {
            session.absent.fetch_add(1, Ordering::Relaxed);
            reply.headers_mut().insert(ABSENT, HeaderValue::from_static("true"));
        }
        if self.config.document.etags {
            etag::mark(&mut reply, head);
        }
        reply.headers_mut().extend(passage.headers);
        if !self.config.document.headers.is_empty() {
            let (document, dice) = (&self.config.document, session.next_dice("headers"));
            let api_version = served.program.model.api_version.as_deref();
            declared::add_own_headers(document, &mut reply, head, api_version, dice);
        }
        if session.state.is_watched() {
            self.follow_deliveries(session);
            self.tell(session, &served, &Cause::of(head, &reply));
        }
        if self.config.debug_headers {
            let model = HeaderValue::from_str(served.digest().as_str()).ok();
            reply.headers_mut().insert(CALIBRATION, served.calibration.into());
            reply.headers_mut().extend(model.map(|model| (MODEL, model)));
        }
        reply
    }
}

impl Twin {
    /// Makes a call, or gives its answer again where it was made before under the same key.
    fn once(&self, call: &Call<'_>, bytes: &Bytes) -> Result<Reply, Refusal> {
        let known = match &self.config.document.idempotency {
            Some(rule) => call.session.answered.look_up(rule, call.owner(), call.head, bytes)?,
            None => Known::Unkeyed,
        };
        let program = &call.served.program;
        let made = || {
            let made = self.make(call, bytes);
            made.unwrap_or_else(|refusal| {
                self.refuse(call.session, program, Some(call.number), &refusal, call.head)
            })
        };
        Ok(match known {
            Known::Again(reply) => reply,
            Known::First(first) => call.session.answered.keep(first, made()),
            Known::Unkeyed => made(),
        })
    }

    fn make(&self, call: &Call<'_>, bytes: &Bytes) -> Result<Reply, Refusal> {
        let route = call.served.program.route(call.number).key.as_str();
        auth::check_signature(&self.config.document.auth, route, call.head, bytes)?;
        let bytes = &body::unpacked(call.head.headers, bytes, self.config.network.body_bytes_max)?;
        let input = call.read(bytes)?;
        auth::check_body(&self.config.document.auth, route, call.head, input.as_ref())?;
        let Some(parameter) = &self.config.document.expand else {
            return Self::made(call, bytes, input);
        };
        let asked = input.as_ref().and_then(|input| input.get(parameter)).cloned();
        call.check_expanded(parameter, asked.as_ref())?;
        let reply = Self::made(call, bytes, input)?;
        Ok(call.expanded(reply, parameter, asked.as_ref()))
    }

    /// What the handler, else the engine answers.
    pub(crate) fn made(
        call: &Call<'_>,
        bytes: &Bytes,
        input: Option<Value>,
    ) -> Result<Reply, Refusal> {
        call.check_request(input.as_ref())?;
        if let Some(name) = call.hook()
            && let Some(reply) = call.handle(name, bytes, input.as_ref())?
        {
            call.follow_reply(&reply, input);
            return Ok(reply);
        }
        let request = call.has_effects().then(|| input.clone()).flatten();
        let outcome = call.perform(input)?;
        let reply = call.render(&outcome);
        call.follow_outcome(&outcome, request);
        Ok(reply)
    }

    /// The refusal with what `routes.yaml` has for it on the route.
    fn restated(&self, program: &Program, route: Option<usize>, of: &Refusal) -> Option<Refusal> {
        let key = program.route(route.filter(|_| !self.rules.is_empty())?).key.as_str();
        if matches!(of, Refusal::Said { .. } | Refusal::Injected { .. } | Refusal::Restated { .. })
        {
            return None;
        }
        let (status, message) = self.rules.error(key, of.cause())?;
        let (message, refusal) = (message.map(str::to_owned), Box::new(of.clone()));
        Some(Refusal::Restated { status, message, refusal })
    }

    /// The answer of a lever for tests that only this twin has below `/admin/`.
    pub(crate) fn lever(
        &self,
        session: &Session,
        path: &str,
        head: &Head<'_>,
        bytes: &Bytes,
    ) -> Option<Reply> {
        let served = self.source.load();
        let reply = self.own(session, &served, &format!("/admin/{path}"), head, bytes)?;
        if session.state.is_watched() {
            self.tell(session, &served, &Cause::of(head, &reply));
        }
        Some(reply)
    }

    /// A refusal in the vendor's words: those declared, else the model's.
    pub(crate) fn refuse(
        &self,
        session: &Session,
        program: &Program,
        route: Option<usize>,
        refusal: &Refusal,
        head: &Head<'_>,
    ) -> Reply {
        let restated = self.restated(program, route, refusal);
        let refusal = restated.as_ref().unwrap_or(refusal);
        let document = &self.config.document;
        let declared = (!document.errors.is_empty())
            .then(|| declared::refusal(document, refusal, head, session.next_dice("errors")));
        let declared = declared.flatten().map(|reply| render::fitted(program, route, reply));
        declared.unwrap_or_else(|| render::refusal(program, route, refusal))
    }
}

/// The session of requests that name none.
fn first_session(config: &TwinConfig, beginning: &State, webhooks: &Webhooks) -> Session {
    let settings = Settings {
        document: config.chaos.clone(),
        latency: config.latency,
        fail_rate: config.fail_rate,
        ..Settings::default()
    };
    let (seed, clock) = (config.seed, config.clock.clone());
    let chaos = Chaos::new(seed, settings);
    let quirks = Quirks::of(&config.document.quirks);
    Session::new(sessions::DEFAULT, seed, clock, beginning.fork(), chaos, webhooks.afresh(), quirks)
}

/// The twin's handlers; rules that lead to none are told to the log.
fn handlers(source: &Source, config: &mut TwinConfig) -> Handlers {
    let handlers = Handlers::of(std::mem::take(&mut config.scripts), &config.routes);
    let served = source.load();
    let routes = &served.program.model.routes;
    tell(config, &handlers.strays(|key| routes.keys().any(|route| route.as_str() == key)));
    if handlers.count() > 0 {
        tracing::info!(twin = %config.name, count = handlers.count(), "has Lua handlers");
    }
    handlers
}

/// Tells the log of handlers that will not answer.
fn tell(config: &TwinConfig, problems: &[LuaProblem]) {
    for problem in problems {
        tracing::error!(twin = %config.name, file = %problem.file, "the engine answers instead of a Lua handler: {}", problem.problem);
    }
}

/// What the documents say beyond the model; what of it no request will follow is told to the log.
fn rules(source: &Source, config: &TwinConfig) -> Rules {
    let served = source.load();
    let TwinConfig { machines, routes, document, .. } = config;
    let (rules, problems) = Rules::compile(machines, routes, document, &served.program);
    for problem in problems {
        tracing::warn!(twin = %config.name, "{problem}");
    }
    rules
}

/// Marks the answer to a request that no route of the model takes.
const ABSENT: HeaderName = HeaderName::from_static("x-wondertwin-absent");

/// The route of a request and its parameters' values. The path of the base URL may stand before
/// the route's or not.
fn find<'h>(program: &Program, head: &Head<'h>) -> Result<(usize, Vec<Cow<'h, str>>), Refusal> {
    let (method, path) = (head.method.as_str(), head.uri.path());
    let local = program.local_path(path).map(|local| program.router.find(method, local));
    let found = match local {
        Some(found @ Found::Route(..)) => found,
        Some(other) => match program.router.find(method, path) {
            Found::Nothing => other,
            found => found,
        },
        None => program.router.find(method, path),
    };
    match found {
        Found::Route(number, values) => Ok((number, values)),
        Found::OtherMethods(methods) => Err(Refusal::OtherMethods(methods.join(", "))),
        Found::Nothing => Err(Refusal::NoRoute),
    }
}
