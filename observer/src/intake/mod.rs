//! From a captured exchange to rows: routed, scrubbed to shapes and pseudonyms, nothing kept.

mod delivery;
mod event;
mod flush;
mod limits;
mod links;
mod memo;
mod places;
mod router;
mod seen;
mod unknown;
mod url;

use std::collections::BTreeMap;
use std::sync::Arc;

use models::webhooks::{Kind, Verdict, facts};
use models::{Model, Surface};
use rustc_hash::{FxHashMap, FxHashSet};
use xxhash_rust::xxh3::xxh3_128;

pub use flush::Batches;
pub(crate) use flush::Withholding;
pub use links::LINKS_PER_FIELD_MAX;
pub(crate) use links::Links;
use seen::Seen;
pub(crate) use seen::{Print, Printed};

use crate::exchange::{Direction, RawBody, RawExchange};
use crate::key::{Domain, LakeKey};
use crate::lake::deliveries::DeliveryRow;
use crate::lake::rows::{BodyState, ExchangeRow, ExchangeRows};
use crate::scrub::{self, Names};
use crate::shape::{self, ShapeRow, Sightings, TokenSight, Trie, form};
use memo::Memo;
use places::{NameId, Places, TrieId};
use router::Router;
use unknown::UnknownPaths;

/// When a token of a body may stand in the lake in clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disclosure {
    /// Distinct entities that must have shown it, where the model does not list it.
    pub token_units_min: usize,
    /// Distinct callers that must have, or all callers where there are fewer.
    pub token_callers_min: usize,
}

impl Disclosure {
    /// Production: vocabulary alone.
    ///
    /// # Source
    ///
    /// DESIGN, "Observation".
    pub const PRODUCTION: Self = Self { token_units_min: 5, token_callers_min: 2 };
    /// Recordings, which are scrubbed already and stay on the developer's machine.
    pub const RECORDING: Self = Self { token_units_min: 1, token_callers_min: 1 };
}

/// Why an exchange leaves no row of `exchanges`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Skip {
    /// It went to another host than the twin's base URL.
    OtherHost,
    /// A CORS preflight, which the vendor's gateway answers.
    Preflight,
    /// No answer came, or the capture lost it.
    NoAnswer,
    /// The URL cannot be read.
    BadUrl,
    /// A webhook that asks whether anybody is there, and tells of nothing.
    Challenge,
    /// A webhook whose signature is of none of the secrets: somebody else sent it. The attempt is kept
    /// among the deliveries, with its verdict, as are those of the next two.
    Forged,
    /// A webhook whose signature cannot be checked here, though there are secrets: anybody may have
    /// sent it.
    UnknownSignature,
    /// A webhook without a signature, though there are secrets: anybody may have sent it.
    Unsigned,
    /// An import of before brought it already.
    Known,
}

impl Skip {
    /// The word in reports and in `skipped`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OtherHost => "other host",
            Self::Preflight => "preflight",
            Self::NoAnswer => "no answer",
            Self::BadUrl => "unreadable URL",
            Self::Challenge => "challenge or ping",
            Self::Forged => "invalid signature",
            Self::UnknownSignature => "signature of an unknown form",
            Self::Unsigned => "no signature",
            Self::Known => "there already",
        }
    }
}

/// Turns exchanges into rows of one segment after another.
#[derive(Debug)]
pub struct Intake {
    model: Arc<Model>,
    base: url::Base,
    key: LakeKey,
    disclosure: Disclosure,
    router: Router,
    unknown: UnknownPaths,
    places: Places,
    known_shapes: FxHashSet<u64>,
    shape_rows: Vec<ShapeRow>,
    rows: ExchangeRows,
    deliveries: Vec<DeliveryRow>,
    /// What the names of fields say of their values.
    scrubbed_names: Names,
    /// What webhooks may be signed with.
    secrets: Vec<String>,
    /// Pseudonyms of credentials by a quick hash of them.
    callers: FxHashMap<u64, u64>,
    /// Whether headers of these names say who calls.
    credential_headers: FxHashMap<String, bool>,
    /// Media types as they are declared, and as rows have them.
    media_types: Memo<String, Option<String>>,
    limit_texts: limits::Texts,
    /// Routes whose calls have a body, by the model's word.
    with_body: FxHashSet<NameId>,
    skipped: BTreeMap<Skip, u64>,
    /// What the lake holds of the times that are taken.
    seen: Seen,
    scratch: Scratch,
}

/// How a call finds its route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Routing {
    /// By the model's templates.
    ByModel,
    /// The model's template was tried and is not it.
    Unknown,
}

/// Why a call has no row yet.
#[derive(Debug)]
enum Refusal {
    /// It never will.
    Skip(Skip),
    /// A word stands where the model has a parameter, and the answer is none of the route's: a
    /// route of its own that the template hides (`/emails/metrics` under `/emails/{id}`). Holds the
    /// path as rows do.
    Misfit(String),
}

/// Buffers reused from exchange to exchange.
#[derive(Debug, Default)]
struct Scratch {
    request: Vec<u64>,
    response: Vec<u64>,
    found_in_request: Sightings,
    found_in_response: Sightings,
}

/// Who called and what the answer shows.
#[derive(Debug, Clone, Copy)]
struct Witness {
    entity: u64,
    caller: u64,
    at_us: i64,
}

impl Intake {
    /// An intake for the twin whose model this is.
    pub fn new(model: Arc<Model>, key: LakeKey, disclosure: Disclosure) -> Self {
        let mut places = Places::new(&model);
        let with_body = model
            .routes
            .iter()
            .filter(|(_, route)| route.request.as_ref().is_some_and(|body| body.required))
            .map(|(key, _)| places.name(key.as_str()))
            .collect();
        Self {
            router: Router::new(&model),
            places,
            with_body,
            base: url::Base::of(&model),
            model,
            key,
            disclosure,
            unknown: UnknownPaths::default(),
            known_shapes: FxHashSet::default(),
            shape_rows: Vec::new(),
            rows: ExchangeRows::default(),
            deliveries: Vec::new(),
            scrubbed_names: Names::default(),
            secrets: Vec::new(),
            callers: FxHashMap::default(),
            credential_headers: FxHashMap::default(),
            media_types: Memo::default(),
            limit_texts: limits::Texts::default(),
            skipped: BTreeMap::new(),
            seen: Seen::default(),
            scratch: Scratch::default(),
        }
    }

    /// As it is, with secrets that the signatures of webhooks are tried with.
    #[must_use]
    pub fn verifying(self, secrets: Vec<String>) -> Self {
        Self { secrets, ..self }
    }

    /// As it is, going by what the vendor's `scrub.toml` says of names: what it calls secret never
    /// stands in the lake in clear.
    #[must_use]
    pub fn with_names(self, scrubbed_names: Names) -> Self {
        Self { scrubbed_names, ..self }
    }

    /// Passes over so many exchanges as these are, from now on.
    pub(crate) fn know(&mut self, seen: impl IntoIterator<Item = Print>) {
        self.seen.extend(seen);
    }

    /// Passes over none any more.
    pub(crate) fn forget(&mut self) {
        self.seen = Seen::default();
    }

    /// Whether this exchange is one of those passed over.
    fn is_known(
        &mut self,
        raw: &RawExchange<'_>,
        caller: u64,
        entity: u64,
        response: &[u64],
    ) -> bool {
        let RawExchange { seen_at_us, latency_us, status, .. } = *raw;
        let print = || Printed { seen_at_us, latency_us, status, caller, entity, response };
        !self.seen.is_empty() && self.seen.take(Print::of(print()))
    }

    /// Rows waiting to be flushed, of exchanges or of deliveries, whichever are more.
    pub fn pending(&self) -> usize {
        self.rows.len().max(self.deliveries.len())
    }

    /// Exchanges that left no row of `exchanges`, by reason, since the intake was made.
    pub fn skipped(&self) -> &BTreeMap<Skip, u64> {
        &self.skipped
    }

    /// Adds one exchange's row, or counts why it has none.
    ///
    /// # Errors
    ///
    /// Why the exchange leaves no row of `exchanges`; it is counted. [`Skip::Forged`] and its like leave a
    /// row of `deliveries`, so that [`Intake::pending`] is to be asked after them as after any other.
    pub fn take(&mut self, raw: &RawExchange<'_>) -> Result<(), Skip> {
        let taken = match raw.direction {
            Direction::Call => self.take_call(raw),
            Direction::Delivery => self.take_delivery(raw),
        };
        if let Err(reason) = taken {
            *self.skipped.entry(reason).or_default() += 1;
        }
        taken
    }

    fn take_call(&mut self, raw: &RawExchange<'_>) -> Result<(), Skip> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let taken = match self.shape_call(raw, &mut scratch, Routing::ByModel) {
            Err(Refusal::Misfit(path)) => {
                self.unknown.hide(path);
                self.shape_call(raw, &mut scratch, Routing::Unknown)
            }
            taken => taken,
        };
        self.scratch = scratch;
        match taken {
            Err(Refusal::Skip(reason)) => Err(reason),
            Ok(()) | Err(Refusal::Misfit(_)) => Ok(()),
        }
    }

    fn shape_call(
        &mut self,
        raw: &RawExchange<'_>,
        scratch: &mut Scratch,
        routing: Routing,
    ) -> Result<(), Refusal> {
        let url = url::parse(&raw.url).ok_or(Refusal::Skip(Skip::BadUrl))?;
        if !self.base.is_host(url.host) {
            return Err(Refusal::Skip(Skip::OtherHost));
        }
        if raw.status == 0 {
            return Err(Refusal::Skip(Skip::NoAnswer));
        }
        let caller = self.caller(raw);
        let path = self.base.within(url.path);
        let routed = self.router.route(&raw.method, path).filter(|_| routing == Routing::ByModel);
        if raw.method == "OPTIONS" && routed.is_none() {
            return Err(Refusal::Skip(Skip::Preflight));
        }
        let (route, parameters, is_known) = match routed {
            Some((route, values)) => (route, values, true),
            None => {
                (self.places.name(&self.unknown.skeleton(&raw.method, path)), Vec::new(), false)
            }
        };
        let request_place = self.places.request(route);
        self.shape_request(raw, route, request_place, &url, scratch);
        let place = self.places.response(route, raw.status);
        let body = self.shape_body(place, raw.response_body.as_ref(), scratch);
        let words = is_known && parameters.iter().any(|value| is_plain_word(value));
        let hidden = words.then(|| UnknownPaths::observed(&self.key, &raw.method, path));
        if let Some(path) = &hidden
            && body == BodyState::Ok
            && (200..300).contains(&raw.status)
            && self.places.trie(place).misfits()
        {
            return Err(Refusal::Misfit(path.clone()));
        }
        let own_id = scratch.found_in_response.own_id.clone();
        let own_id = own_id.and_then(|range| raw.response_body.as_ref()?.bytes.get(range));
        let name = self.places.text(route);
        let identity: Vec<&[u8]> = match (parameters.is_empty(), is_known, own_id) {
            (false, ..) => std::iter::once(name.as_bytes())
                .chain(parameters.iter().map(|p| p.as_bytes()))
                .collect(),
            (true, _, Some(id)) => vec![b"id", id],
            // A path that holds an id shows that object.
            (true, false, None) if name.contains('{') => vec![path.as_bytes()],
            (true, _, None) => Vec::new(),
        };
        let entity = self.entity(&identity, caller, raw.response_body.as_ref());
        if self.is_known(raw, caller, entity, &scratch.response) {
            return Err(Refusal::Skip(Skip::Known));
        }
        let witness = Witness { entity, caller, at_us: raw.seen_at_us };
        self.note(place, raw.response_body.as_ref(), &mut scratch.found_in_response, witness);
        self.note(request_place, raw.request_body.as_ref(), &mut scratch.found_in_request, witness);
        let path_text = if is_known {
            hidden
        } else {
            Some(UnknownPaths::observed(&self.key, &raw.method, path))
        };
        let stated = limits::Stated::of(raw);
        let row = ExchangeRow {
            seen_at_us: raw.seen_at_us,
            route: is_known.then(|| self.rows.name(route, self.places.text(route))),
            path: path_text.map(|text| self.rows.text(&text)),
            event: None,
            status: raw.status,
            latency_us: raw.latency_us,
            caller,
            entity,
            api_version: api_version(raw).map(|version| self.rows.text(version)),
            request_media: self.media(raw.request_body.as_ref()),
            response_media: self.media(raw.response_body.as_ref()),
            body,
            retry_after_ms: stated.retry_after_ms(),
        };
        let limits = stated.cells(&mut self.rows, &mut self.limit_texts);
        self.rows.push(row, &scratch.request, &scratch.response, limits);
        Ok(())
    }

    fn take_delivery(&mut self, raw: &RawExchange<'_>) -> Result<(), Skip> {
        let event = event::of(raw, &self.model);
        if !self.model.webhooks.contains_key(&event)
            && delivery::arrived(raw, facts::kind) != Kind::Event
        {
            return Err(Skip::Challenge);
        }
        let (delivery, verdict) = delivery::row(raw, &event, &self.secrets, &self.key);
        if let Some(doubt) = self.doubt(verdict) {
            self.deliveries.push(delivery);
            return Err(doubt);
        }
        let name = self.places.name(&event);
        let place = self.places.webhook(name);
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.request.clear();
        let body = self.shape_body(place, raw.request_body.as_ref(), &mut scratch);
        let own_id = scratch.found_in_response.own_id.clone();
        let own_id = own_id.and_then(|range| raw.request_body.as_ref()?.bytes.get(range));
        let identity =
            own_id.map_or_else(Vec::new, |id| vec![b"event".as_slice(), event.as_bytes(), id]);
        let entity = self.entity(&identity, 0, raw.request_body.as_ref());
        if self.is_known(raw, 0, entity, &scratch.response) {
            self.scratch = scratch;
            return Err(Skip::Known);
        }
        self.deliveries.push(delivery);
        let witness = Witness { entity, caller: 0, at_us: raw.seen_at_us };
        self.note(place, raw.request_body.as_ref(), &mut scratch.found_in_response, witness);
        let row = ExchangeRow {
            seen_at_us: raw.seen_at_us,
            route: None,
            path: None,
            event: Some(self.rows.text(&event)),
            status: raw.status,
            latency_us: raw.latency_us,
            caller: 0,
            entity,
            api_version: None,
            request_media: self.media(raw.request_body.as_ref()),
            response_media: None,
            body,
            retry_after_ms: None,
        };
        self.rows.push(row, &scratch.request, &scratch.response, Vec::new());
        self.scratch = scratch;
        Ok(())
    }

    /// Why a delivery teaches nothing, if so: where there are secrets, none of them vouches for it.
    fn doubt(&self, verdict: Verdict) -> Option<Skip> {
        match verdict {
            Verdict::Invalid => Some(Skip::Forged),
            Verdict::Unknown => Some(Skip::UnknownSignature),
            Verdict::Unsigned if !self.secrets.is_empty() => Some(Skip::Unsigned),
            Verdict::Unsigned | Verdict::Unchecked | Verdict::Valid | Verdict::Stale => None,
        }
    }

    /// Shapes of an accepted request; a refused one says nothing of what the vendor takes.
    fn shape_request(
        &mut self,
        raw: &RawExchange<'_>,
        route: NameId,
        place: TrieId,
        url: &url::Url<'_>,
        scratch: &mut Scratch,
    ) {
        scratch.request.clear();
        scratch.found_in_request.clear();
        // A body that was not captured is not one that lacks every field.
        let is_missing = raw.request_body.is_none() && self.with_body.contains(&route);
        if !(200..400).contains(&raw.status) || is_missing {
            return;
        }
        let trie = self.places.trie_mut(place);
        trie.begin();
        if !url.query.is_empty() {
            form::scan_query(url.query, trie, &mut scratch.found_in_request);
        }
        if let Some(body) = &raw.request_body
            && (body.truncated || !scan_request(body, trie, &mut scratch.found_in_request))
        {
            scratch.found_in_request.clear();
            return;
        }
        shape::shapes_of(trie, &mut self.known_shapes, &mut self.shape_rows, &mut scratch.request);
    }

    /// Shapes of an answer or a delivery, into `scratch.response`.
    fn shape_body(
        &mut self,
        place: TrieId,
        body: Option<&RawBody<'_>>,
        scratch: &mut Scratch,
    ) -> BodyState {
        scratch.response.clear();
        scratch.found_in_response.clear();
        let Some(body) = body.filter(|body| !body.bytes.is_empty()) else { return BodyState::None };
        if is_html(body) {
            return BodyState::Gateway;
        }
        let is_form = body.media_type.starts_with("application/x-www-form-urlencoded");
        let trie = self.places.trie_mut(place);
        let may_be_form = is_form && trie.place().surface == Surface::Webhook;
        if !is_json(body) && !may_be_form {
            return BodyState::NotJson;
        }
        trie.begin();
        let read = if is_form {
            form::scan_form(&body.bytes, trie, &mut scratch.found_in_response);
            true
        } else {
            shape::scan(&body.bytes, trie, &mut scratch.found_in_response).is_ok()
        };
        if !read || body.truncated {
            scratch.found_in_response.clear();
            return if body.truncated || looks_cut(&body.bytes) {
                BodyState::Truncated
            } else {
                BodyState::NotJson
            };
        }
        shape::shapes_of(trie, &mut self.known_shapes, &mut self.shape_rows, &mut scratch.response);
        BodyState::Ok
    }

    /// Counts the tokens and samples the identifiers of a body.
    fn note(
        &mut self,
        place: TrieId,
        body: Option<&RawBody<'_>>,
        found: &mut Sightings,
        witness: Witness,
    ) {
        if found.tokens.is_empty() && found.links.is_empty() {
            return;
        }
        let trie = self.places.trie_mut(place);
        let bytes = body.map_or(&[][..], |body| &body.bytes);
        found.tokens.sort_unstable();
        found.tokens.dedup();
        let same =
            |one: &TokenSight, next: &TokenSight| (one.node, one.slot) == (next.node, next.slot);
        for sights in found.tokens.chunk_by(same) {
            let TokenSight { node, slot, .. } = sights[0];
            let Some(token) = trie.known_mut(node).vocabulary.token_mut(slot) else { continue };
            token.count(witness.caller, witness.at_us);
            for sight in sights {
                if token.is_witnessed() {
                    break;
                }
                let id = found.identity_of(sight.item).and_then(|range| bytes.get(range));
                token.witness(id.map_or(witness.entity, |id| of_id(&self.key, id)));
            }
        }
        let Some(body) = body else { return };
        for (node, range) in found.links.drain(..) {
            links::note(trie, node, &self.key, &body.bytes[range]);
        }
    }

    /// The index of a body's media type without its parameters.
    fn media(&mut self, body: Option<&RawBody<'_>>) -> Option<u32> {
        let declared = &body?.media_type;
        let bare = || {
            let bare = declared.split(';').next().unwrap_or_default().trim();
            is_media_type(bare).then(|| bare.to_owned())
        };
        let known = self
            .media_types
            .get(|known| known == declared, || (declared.clone().into_owned(), bare()));
        known.as_deref().map(|bare| self.rows.text(bare))
    }

    fn caller(&mut self, raw: &RawExchange<'_>) -> u64 {
        let usual = CREDENTIALS.iter().find_map(|name| raw.request_header(name));
        let Some(credential) = usual.or_else(|| self.own_credential(raw)) else { return 0 };
        let credential = credential.as_bytes();
        let pseudonym = || self.key.pseudonym(Domain::Caller, &[credential]);
        *self.callers.entry(self.key.rank(credential)).or_insert_with(pseudonym)
    }

    /// What a header of the vendor's own says of who calls, as `X-Acme-Key`.
    fn own_credential<'x>(&mut self, raw: &'x RawExchange<'_>) -> Option<&'x str> {
        let known = &mut self.credential_headers;
        let mut is_own = |name: &str| {
            known.get(name).copied().unwrap_or_else(|| {
                let is_own = scrub::is_credential(name);
                if known.len() < HEADERS_MAX {
                    known.insert(name.to_owned(), is_own);
                }
                is_own
            })
        };
        let mut headers = raw.request_headers.iter();
        headers.find(|(name, _)| is_own(name)).map(|(_, value)| &**value)
    }

    /// The pseudonym of the object shown. Where nothing names it, it is what one caller was told: the
    /// same answer polled again is the same object, and any other answer another.
    fn entity(&self, identity: &[&[u8]], caller: u64, body: Option<&RawBody<'_>>) -> u64 {
        if identity.is_empty() {
            // A quick hash of what may be long; the keyed one is over it.
            let told = xxh3_128(body.map_or(&[][..], |body| &body.bytes)).to_le_bytes();
            let parts = [b"told", &caller.to_le_bytes()[..], &told[..]];
            return self.key.short_pseudonym(Domain::Entity, &parts);
        }
        self.key.short_pseudonym(Domain::Entity, identity)
    }
}

/// The pseudonym of an object that names itself.
fn of_id(key: &LakeKey, id: &[u8]) -> u64 {
    key.short_pseudonym(Domain::Entity, &[b"id", id])
}

/// Lower-case letters and joints alone: as literal segments are written, and ids rarely.
fn is_plain_word(segment: &str) -> bool {
    segment.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_'))
}

/// Names of headers that are remembered.
const HEADERS_MAX: usize = 256;
/// Headers that carry who calls, most telling first.
const CREDENTIALS: [&str; 5] =
    ["authorization", "x-api-key", "api-key", "x-shopify-access-token", "x-auth-token"];

/// Headers that pin the vendor's API version.
///
/// # Source
///
/// INFERENCE §3, "Pinning headers to stratify on".
const VERSIONS: [&str; 10] = [
    "stripe-version",
    "x-github-api-version",
    "x-shopify-api-version",
    "plaid-version",
    "notion-version",
    "square-version",
    "intercom-version",
    "anthropic-version",
    "x-api-version",
    "api-version",
];

fn api_version<'r>(raw: &'r RawExchange<'_>) -> Option<&'r str> {
    let stated = |headers: &'r crate::exchange::Headers<'_>| {
        headers.iter().find(|(name, _)| {
            (8..=21).contains(&name.len())
                && VERSIONS.iter().any(|known| name.eq_ignore_ascii_case(known))
        })
    };
    let (_, version) = stated(&raw.response_headers).or_else(|| stated(&raw.request_headers))?;
    is_version(version).then_some(version.as_ref())
}

/// A date, a number or a name with one, as versions are written; no header is trusted to hold one.
fn is_version(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    text.len() <= 24
        && text.bytes().all(plain)
        && (1..=10).contains(&digits)
        // A date without joints has eight digits; longer runs are somebody's number.
        && text.split(|c: char| !c.is_ascii_digit()).all(|run| run.len() <= 8)
        && !crate::scrub::is_secret(text)
}

/// `type/subtype` of a registered type, RFC 6838; anything else may hold anything.
fn is_media_type(text: &str) -> bool {
    const TYPES: [&str; 8] =
        ["application", "text", "multipart", "image", "audio", "video", "font", "x-unknown"];
    let (kind, subtype) = text.split_once('/').unwrap_or((text, "x"));
    let plain =
        |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'.' | b'-' | b'+' | b'1'..=b'9');
    TYPES.contains(&kind)
        && subtype.len() <= 60
        && subtype.bytes().all(plain)
        && subtype.bytes().filter(u8::is_ascii_digit).count() <= 3
        && !subtype.split(['+', '.']).any(|part| shape::word::is_telling(part.as_bytes()))
}

/// Reads a request's body by its media type; `false` where it is not what it says it is.
fn scan_request(body: &RawBody<'_>, trie: &mut Trie, found: &mut Sightings) -> bool {
    let media_type = body.media_type.as_ref();
    if body.bytes.is_empty() {
        return true;
    }
    if media_type.starts_with("application/x-www-form-urlencoded") {
        form::scan_form(&body.bytes, trie, found);
        return true;
    }
    if media_type.starts_with("multipart/form-data") {
        form::scan_multipart(&body.bytes, media_type, trie, found);
        return true;
    }
    // Bytes of another kind have no shape; the query's is known all the same.
    !is_json(body) || shape::scan(&body.bytes, trie, found).is_ok()
}

fn is_json(body: &RawBody<'_>) -> bool {
    // Nearly all say just that; a search for a text within a text costs more to begin than this.
    body.media_type == "application/json"
        || body.media_type.contains("json")
        || (!is_declared_other(&body.media_type) && starts_as_json(&body.bytes))
}

/// Types under which no JSON travels; `text/plain` and none at all may be anything.
fn is_declared_other(media_type: &str) -> bool {
    let bare = media_type.split(';').next().unwrap_or_default().trim();
    !matches!(
        bare,
        "" | "text/plain" | "x-unknown" | "application/octet-stream" | "text/json" | "*/*"
    )
}

fn starts_as_json(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .find(|byte| !byte.is_ascii_whitespace())
        .is_some_and(|byte| matches!(byte, b'{' | b'['))
}

fn is_html(body: &RawBody<'_>) -> bool {
    body.media_type.starts_with("text/html")
        || body.bytes.starts_with(b"<!DOCTYPE")
        || body.bytes.starts_with(b"<html")
}

/// JSON that begins but does not end.
fn looks_cut(bytes: &[u8]) -> bool {
    let last = bytes.iter().rev().find(|byte| !byte.is_ascii_whitespace());
    starts_as_json(bytes) && !matches!(last, Some(b'}' | b']'))
}
