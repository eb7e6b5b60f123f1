//! Events that a handler tells in its own words.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::state::State;
use crate::webhooks::Webhooks;
use crate::webhooks::delivery::{Endpoint, Event};
use crate::webhooks::tell::event_values;
use crate::webhooks::template::Context;

/// An event as a handler tells it.
#[derive(Debug)]
pub(crate) struct Told {
    /// `issues.opened`.
    pub(crate) name: String,
    /// What is sent, as it is.
    pub(crate) body: Value,
    /// Events of one object go out in their order.
    pub(crate) object: String,
    /// Where it goes; to the endpoints that asked for it where absent.
    pub(crate) url: Option<String>,
    /// What it is signed with, where `url` says where it goes; the twin's own secret where absent.
    pub(crate) secret: Option<String>,
    /// The only endpoint it is for, by its id.
    pub(crate) endpoint: Option<String>,
    /// Where endpoints are looked for: `{owner}` of `/repos/{owner}/{repo}/hooks`.
    pub(crate) parameters: Map<String, Value>,
    /// How long it waits, on the twin's clock.
    pub(crate) delay: Duration,
}

impl Webhooks {
    /// Queues an event for everybody it is for.
    pub(crate) fn say(&self, state: &State, told: Told, twin: &str, at: Duration) {
        let endpoints = if let Some(url) = &told.url {
            let secret = told.secret.clone().unwrap_or_else(|| self.secret.to_string());
            vec![Endpoint { id: url.clone(), url: url.clone(), secret }]
        } else {
            let mut all =
                self.endpoints_for(state, &told.name, None, &told.parameters, &Map::new());
            if let Some(only) = &told.endpoint {
                all.retain(|endpoint| endpoint.id == *only);
            }
            all
        };
        if endpoints.is_empty() {
            return;
        }
        let created = at.saturating_add(told.delay);
        let dice = self.dice.at("event").nth(self.next());
        let mut values = Map::new();
        values.insert("event".to_owned(), event_values(&told.name, created));
        values.insert("parameters".to_owned(), told.parameters.into());
        values.insert("twin".to_owned(), json!({"name": twin}));
        let context = Context { values: &values, dice, show: &|_| None };
        let id = context.text(&self.declared.ids.event);
        if let Some(Value::Object(event)) = values.get_mut("event") {
            event.insert("id".to_owned(), id.as_str().into());
        }
        let event = Arc::new(Event { id, name: told.name, object: told.object, created });
        for endpoint in endpoints {
            let message = self.message(&values, dice, &event, endpoint, &told.body);
            self.outbox().queue(message, created);
        }
        self.wake.notify_one();
    }
}
