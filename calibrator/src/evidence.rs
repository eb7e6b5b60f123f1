//! Counts behind a model: what was seen, how often, by how many independent witnesses.

use std::collections::{BTreeMap, BTreeSet};

use models::{Class, Classes, FieldPath, Place};

/// Everything a stretch of traffic shows, by place.
///
/// Merging adds counts and is associative and commutative with the empty evidence as identity, so
/// that batches, streams and shards end in the same place. Deflation alone is an average weighted
/// by exchanges: the sums it is made of are what is kept.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evidence {
    /// Calls and answers by route; the key is the route.
    pub routes: BTreeMap<String, RouteEvidence>,
    /// Bodies by place.
    pub places: BTreeMap<Place, PlaceEvidence>,
    /// Published calibrations that it knows of: what they rest on is in it, and what they changed no
    /// longer testified on by what was seen before.
    pub absorbed: BTreeSet<u64>,
}

/// How a route answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteEvidence {
    /// By status.
    pub statuses: BTreeMap<u16, StatusEvidence>,
    /// Media types of accepted requests, with counts.
    pub request_media: BTreeMap<String, u64>,
}

/// Answers of one status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatusEvidence {
    /// Answers.
    pub n: u64,
    /// Those with a readable body, or rightly none: not a proxy's page, not cut off.
    pub clean: u64,
    /// Media types of the answers, with counts.
    pub media: BTreeMap<String, u64>,
    /// When.
    pub seen: Span,
    /// Distinct callers, a lower bound once merged.
    pub callers: u64,
}

/// Bodies of one place.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PlaceEvidence {
    /// Bodies read.
    pub n: u64,
    /// When.
    pub seen: Span,
    /// Objects by their path from the root; the root is always there.
    pub objects: BTreeMap<FieldPath, ObjectEvidence>,
    /// Tokens by the field's path from the root.
    pub values: BTreeMap<FieldPath, Values>,
}

/// One object of a place's bodies.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ObjectEvidence {
    /// Bodies that have it.
    pub n: u64,
    /// Its fields by their path from the object.
    pub fields: BTreeMap<FieldPath, FieldEvidence>,
}

/// One field of an object.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FieldEvidence {
    /// Bodies that have it, in some object at least.
    pub n: u64,
    /// Those of them where some object (of a list) lacks it.
    pub sometimes: u64,
    /// Of the bodies, those that say nothing of how often the field is there.
    pub silent: Silent,
    /// Bodies by class of the field's values; one body can show several.
    pub classes: BTreeMap<Class, Seen>,
    /// When it was there.
    pub seen: Span,
    /// Distinct callers that saw it.
    pub callers: u64,
    /// How much a body counts for presence: 1 where answers are drawn anew, 1/m where an object
    /// polled m times always shows the same. See [`crate::units`].
    pub weight: f64,
}

/// Bodies from before a published change made a field optional: they would testify that it is always
/// there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Silent {
    /// That have the field.
    pub n: u64,
    /// That have the object.
    pub of: u64,
    /// Those of the first where some object (of a list) lacks it.
    pub sometimes: u64,
}

/// A count and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// Bodies.
    pub n: u64,
    /// When.
    pub seen: Span,
}

/// First and last, microseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Span {
    /// First.
    pub first_us: i64,
    /// Last.
    pub last_us: i64,
}

/// The tokens of one field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Values {
    /// The field is open: tokens were not counted, or not all.
    pub open: bool,
    /// By text, or by pseudonym where the text is withheld.
    pub tokens: BTreeMap<Token, TokenSeen>,
}

/// How often a value was seen, and by how many objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenSeen {
    /// Bodies.
    pub n: u64,
    /// Distinct entities that showed it; eight stand for eight or more.
    pub witnesses: u64,
    /// When.
    pub seen: Span,
}

/// Witnesses of a token up to which they are counted.
pub const TOKEN_WITNESSES_MAX: u64 = 8;

impl TokenSeen {
    /// Effective units, given the weight of a body for the field.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub fn units(&self, weight: f64) -> f64 {
        if self.witnesses < TOKEN_WITNESSES_MAX {
            self.witnesses as f64
        } else {
            (self.n as f64 * weight).max(self.witnesses as f64)
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.n += other.n;
        self.witnesses = self.witnesses.max(other.witnesses);
        self.seen = self.seen.merge(other.seen);
    }
}

/// One value of a field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Token {
    /// In clear.
    Clear(String),
    /// Withheld; its pseudonym.
    Withheld(u64),
}

impl Default for Span {
    fn default() -> Self {
        Self { first_us: i64::MAX, last_us: i64::MIN }
    }
}

impl Span {
    /// The span that holds both.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self {
            first_us: self.first_us.min(other.first_us),
            last_us: self.last_us.max(other.last_us),
        }
    }
}

impl Seen {
    pub(crate) fn add(&mut self, n: u64, seen: Span) {
        self.n += n;
        self.seen = self.seen.merge(seen);
    }
}

impl FieldEvidence {
    /// The classes its values had.
    pub fn class_set(&self) -> Classes {
        self.classes.keys().copied().collect()
    }

    /// Bodies that show one of these classes, at most: a list may show several at once.
    pub fn with(&self, classes: Classes) -> u64 {
        let shown = classes
            .iter()
            .filter_map(|class| self.classes.get(&class))
            .map(|seen| seen.n)
            .sum::<u64>();
        shown.min(self.n)
    }

    /// When values of these classes were seen.
    pub fn when(&self, classes: Classes) -> Span {
        let spans =
            classes.iter().filter_map(|class| self.classes.get(&class)).map(|seen| seen.seen);
        spans.fold(Span::default(), Span::merge)
    }
}

impl ObjectEvidence {
    /// Bodies that tell how often the field is there: those that have it, and all.
    pub fn presence(&self, field: &FieldEvidence) -> (u64, u64) {
        (field.n.saturating_sub(field.silent.n), self.n.saturating_sub(field.silent.of))
    }

    /// Bodies where an object lacks the field.
    pub fn absent(&self, field: &FieldEvidence) -> u64 {
        let (seen, of) = self.presence(field);
        of.saturating_sub(seen) + field.sometimes.saturating_sub(field.silent.sometimes)
    }
}

impl Evidence {
    /// Adds what another stretch of traffic shows.
    pub fn merge(&mut self, other: &Self) {
        for (route, more) in &other.routes {
            self.routes.entry(route.clone()).or_default().merge(more);
        }
        for (place, more) in &other.places {
            self.places.entry(place.clone()).or_default().merge(more);
        }
        self.absorbed.extend(&other.absorbed);
    }
}

impl RouteEvidence {
    fn merge(&mut self, other: &Self) {
        for (status, more) in &other.statuses {
            let here = self.statuses.entry(*status).or_default();
            here.n += more.n;
            here.clean += more.clean;
            here.seen = here.seen.merge(more.seen);
            here.callers = here.callers.max(more.callers);
            add_counts(&mut here.media, &more.media);
        }
        add_counts(&mut self.request_media, &other.request_media);
    }

    /// Answers in all.
    pub fn n(&self) -> u64 {
        self.statuses.values().map(|status| status.n).sum()
    }

    /// Answers that accept the call.
    pub fn accepted(&self) -> u64 {
        self.statuses.range(200..400).map(|(_, status)| status.n).sum()
    }
}

impl PlaceEvidence {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.seen = self.seen.merge(other.seen);
        for (path, more) in &other.objects {
            self.objects.entry(path.clone()).or_default().merge(more);
        }
        for (path, more) in &other.values {
            self.values.entry(path.clone()).or_default().merge(more);
        }
    }
}

impl ObjectEvidence {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.n += other.n;
        for (key, more) in &other.fields {
            self.fields.entry(key.clone()).or_default().merge(more);
        }
    }
}

impl FieldEvidence {
    pub(crate) fn merge(&mut self, other: &Self) {
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
        let (here, there) = (self.n as f64, other.n as f64);
        if here + there > 0.0 {
            self.weight = (self.weight * here + other.weight * there) / (here + there);
        }
        self.n += other.n;
        self.sometimes += other.sometimes;
        self.silent.n += other.silent.n;
        self.silent.of += other.silent.of;
        self.silent.sometimes += other.silent.sometimes;
        self.seen = self.seen.merge(other.seen);
        self.callers = self.callers.max(other.callers);
        for (class, more) in &other.classes {
            self.classes.entry(*class).or_default().add(more.n, more.seen);
        }
    }
}

impl Values {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.open |= other.open;
        for (token, more) in &other.tokens {
            self.tokens.entry(token.clone()).or_default().add(*more);
        }
        if self.open {
            self.tokens.clear();
        }
    }
}

fn add_counts(into: &mut BTreeMap<String, u64>, more: &BTreeMap<String, u64>) {
    for (name, count) in more {
        *into.entry(name.clone()).or_default() += count;
    }
}
