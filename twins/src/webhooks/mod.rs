//! Webhooks: what a twin sends on its own.
//!
//! A change of the state becomes an [`Event`](delivery::Event) where the twin's behaviour says so,
//! and the event a delivery for each endpoint that asked for it. The [`Outbox`] keeps them in
//! order and repeats them on the twin's clock, and [`sender`] takes them over the wire.

mod delivery;
mod endpoint;
mod outbox;
pub(crate) mod sender;
mod signature;
mod tell;
pub(crate) mod template;
mod told;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use models::behaviour::{self, Events, Knobs};
use tokio::sync::Notify;

use crate::dice::Dice;
use outbox::{Outbox, Policy};

pub(crate) use delivery::written;
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

/// The webhooks of a running twin.
#[derive(Debug)]
pub(crate) struct Webhooks {
    declared: behaviour::Webhooks,
    /// By the collection's pattern, `/repos/{}/{}/issues`.
    events: Option<BTreeMap<String, Events>>,
    secret: String,
    url: Mutex<Option<String>>,
    outbox: Mutex<Outbox>,
    /// Held while changes are told, so that they are told in their order; how many events were.
    told: Mutex<u64>,
    dice: Dice,
    /// Rung when something may have become due.
    pub(crate) wake: Notify,
}

/// # Source
///
/// The published Stripe twin's secret.
const SECRET: &str = "whsec_sim_test_secret";

impl Webhooks {
    pub(crate) fn new(config: WebhookConfig, seed: u64) -> Self {
        let WebhookConfig { mut declared, url } = config;
        let events = std::mem::take(&mut declared.events);
        let dice = Dice::of(seed, "webhooks");
        let (retry, order) = (declared.retry.clone(), declared.order);
        let policy = Policy { retry, order, knobs: declared.knobs.clone(), dice };
        let signature = &declared.signature;
        let from_env = signature.secret_env.as_ref().and_then(|name| std::env::var(name).ok());
        let secret = from_env.filter(|secret| !secret.is_empty());
        Self {
            secret: secret.or_else(|| signature.secret.clone()).unwrap_or_else(|| SECRET.into()),
            events: events.map(|events| {
                events.into_iter().map(|(path, one)| (pattern_of(&path), one)).collect()
            }),
            url: Mutex::new(url),
            outbox: Mutex::new(Outbox::new(policy)),
            told: Mutex::new(0),
            dice,
            wake: Notify::new(),
            declared,
        }
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

    /// Forgets every delivery and begins the draws anew. Events are told from the first again.
    pub(crate) fn reset(&self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        self.outbox().clear();
        *told = 0;
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
