//! Webhooks: what a twin sends on its own.
//!
//! A change of the state becomes an [`Event`](delivery::Event) where the twin's behaviour says so,
//! and the event a delivery for each endpoint that asked for it. The [`Outbox`] keeps them in
//! order and repeats them on the twin's clock, and [`sender`] takes them over the wire.

mod delivery;
mod endpoint;
mod outbox;
pub(crate) mod sender;
mod tell;
pub(crate) mod template;
mod told;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use models::Deliveries;
use models::behaviour::{self, Events, Knobs};
use tokio::sync::Notify;

use crate::dice::Dice;
use outbox::Policy;

pub(crate) use delivery::written;
pub(crate) use outbox::Outbox;
pub(crate) use tell::Cause;
pub(crate) use told::Told;

/// What webhooks a twin sends, and where.
#[derive(Debug, Clone, Default)]
pub struct WebhookConfig {
    /// As `twin.json` declares it.
    pub declared: behaviour::Webhooks,
    /// Gets every event, beside the endpoints registered through the API.
    pub url: Option<String>,
}

/// Whether webhooks can be sent to an address: over plain HTTP, to a host.
pub fn is_url(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| url.scheme() == "http" && url.has_host())
}

/// The webhooks of a session.
#[derive(Debug)]
pub(crate) struct Webhooks {
    declared: Arc<behaviour::Webhooks>,
    /// As declared, or as the model in service knows better.
    signature: ArcSwap<behaviour::Signature>,
    /// Counts the models in service: the one that `signature` and the outbox's policy are of.
    followed: AtomicU64,
    /// By the collection's pattern, `/repos/{}/{}/issues`.
    events: Option<Arc<BTreeMap<String, Events>>>,
    secret: Arc<str>,
    url: Mutex<Option<String>>,
    outbox: Mutex<Outbox>,
    /// Held while changes are told, so that they are told in their order; how many events were.
    told: Mutex<u64>,
    dice: Dice,
    /// Rung when something may have become due; the twin's.
    pub(crate) wake: Arc<Notify>,
}

/// # Source
///
/// The published Stripe twin's secret.
const SECRET: &str = "whsec_sim_test_secret";

impl Webhooks {
    pub(crate) fn new(config: WebhookConfig, seed: u64, wake: Arc<Notify>) -> Self {
        let WebhookConfig { mut declared, url } = config;
        let events = std::mem::take(&mut declared.events);
        let dice = Dice::of(seed, "webhooks");
        let (retry, order) = (declared.retry.clone(), declared.order);
        let policy = Policy { retry, order, knobs: declared.knobs.clone(), dice };
        let signature = &declared.signature;
        let from_env = signature.secret_env.as_ref().and_then(|name| std::env::var(name).ok());
        let secret = from_env.filter(|secret| !secret.is_empty());
        Self {
            secret: secret
                .or_else(|| signature.secret.clone())
                .map_or_else(|| SECRET.into(), Into::into),
            events: events.map(|events| {
                Arc::new(events.into_iter().map(|(path, one)| (pattern_of(&path), one)).collect())
            }),
            url: Mutex::new(url),
            outbox: Mutex::new(Outbox::new(policy)),
            told: Mutex::new(0),
            dice,
            wake,
            signature: ArcSwap::from_pointee(declared.signature.clone()),
            followed: AtomicU64::new(u64::MAX),
            declared: Arc::new(declared),
        }
    }

    /// Takes how production delivers from a model that came into service, the `load`th.
    pub(crate) fn follow(&self, load: u64, deliveries: &Deliveries) {
        if self.followed.swap(load, Ordering::AcqRel) == load {
            return;
        }
        let made = deliveries.over(&self.declared);
        let mut outbox = self.outbox();
        (outbox.policy.retry, outbox.policy.order) = (made.retry, made.order);
        self.signature.store(Arc::new(made.signature));
    }

    /// Whether anything could ever be told to anybody.
    pub(crate) fn is_on(&self) -> bool {
        let declared = &self.declared;
        !declared.endpoints.is_empty()
            || declared.log.is_some()
            || declared.object_url.is_some()
            || self.url().is_some()
    }

    pub(crate) fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, with nothing told or sent: events are told from the first again.
    pub(crate) fn afresh(&self) -> Self {
        let policy = self.outbox().policy.clone();
        Self {
            declared: Arc::clone(&self.declared),
            signature: ArcSwap::from_pointee(self.declared.signature.clone()),
            followed: AtomicU64::new(u64::MAX),
            events: self.events.clone(),
            secret: Arc::clone(&self.secret),
            url: Mutex::new(self.url()),
            outbox: Mutex::new(Outbox::new(policy)),
            told: Mutex::new(0),
            dice: self.dice,
            wake: Arc::clone(&self.wake),
        }
    }

    /// The same for a session of another seed that sends elsewhere.
    pub(crate) fn seeded(&self, seed: u64, url: Option<String>) -> Self {
        let webhooks = Self { dice: Dice::of(seed, "webhooks"), ..self.afresh() };
        webhooks.set_url(url);
        webhooks.outbox().policy.dice = webhooks.dice;
        webhooks
    }

    /// The same, with nothing to send; what happens next is told under the next ids.
    pub(crate) fn fork(&self) -> Self {
        Self { told: Mutex::new(self.told()), ..self.afresh() }
    }

    /// The number of the event that is told next.
    fn next(&self) -> u64 {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        *told += 1;
        *told
    }

    /// How many events were told.
    pub(crate) fn told(&self) -> u64 {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address that gets every event.
    pub(crate) fn url(&self) -> Option<String> {
        self.url.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_url(&self, url: Option<String>) {
        *self.url.lock().unwrap_or_else(PoisonError::into_inner) = url;
    }

    pub(crate) fn set_knobs(&self, knobs: Knobs) {
        self.outbox().policy.knobs = knobs;
    }
}

/// A path whatever its parameters are called, and without the ending of a file name, as the
/// state's collections have it.
pub(crate) fn pattern_of(path: &str) -> String {
    let path = path.strip_suffix(".json").unwrap_or(path);
    let mut pattern = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        pattern.push('/');
        pattern.push_str(if segment.starts_with('{') { "{}" } else { segment });
    }
    pattern
}
