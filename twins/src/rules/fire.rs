//! Timers that are due.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use serde_json::Value;

use super::Subject;
use crate::call::Call;
use crate::served::Served;
use crate::session::Session;
use crate::state::Known;
use crate::timers::Timer;
use crate::twin::{Head, Twin};
use crate::webhooks::Cause;

/// Timers fired at once; those that set others without end wait for the next request.
const FIRED_MAX: usize = 100_000;

impl Twin {
    /// A request arrives in a session: when it is there, all that was due before it done.
    pub(crate) fn arrive(&self, session: &Session) -> Duration {
        let at = session.clock.arrival();
        self.catch_up(session, at);
        at
    }

    /// Does all that is due by a time, in order, each at its own time.
    pub(crate) fn catch_up(&self, session: &Session, now: Duration) {
        if !session.timers.is_due(now) {
            return;
        }
        let _firing = session.timers.firing();
        for _ in 0..FIRED_MAX {
            let Some((at, timer)) = session.timers.take_due(now) else { return };
            self.fire(session, at, timer);
        }
        tracing::warn!(twin = %self.config.name, "{FIRED_MAX} timers fired at once; the others wait");
    }

    /// Sets the timers of all that is there, as it has just come into its state.
    pub(crate) fn settle_all(&self, session: &Session) {
        if !self.rules.has_timers() || session.state.count() == 0 {
            return;
        }
        let served = self.source.load();
        let (method, uri, headers) = (Method::POST, Uri::from_static("/"), HeaderMap::new());
        let (caller, at) = (IpAddr::V4(Ipv4Addr::LOCALHOST), session.clock.since_epoch());
        let head = Head { method: &method, uri: &uri, headers: &headers, caller, at };
        let (twin, served): (&Self, &Served) = (self, &served);
        let call = Call { twin, session, served, number: 0, values: &[], head: &head, depth: 0 };
        for pattern in self.rules.patterns() {
            for (collection, entity) in session.state.all_of(pattern) {
                call.settle(&collection, &entity.id, Some(&entity.fields()));
            }
        }
    }

    fn fire(&self, session: &Session, at: Duration, timer: Timer) {
        let served = self.source.load();
        let (method, uri, headers) = (Method::POST, Uri::from_static("/"), HeaderMap::new());
        let caller = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let head = Head { method: &method, uri: &uri, headers: &headers, caller, at };
        let number = match &timer {
            Timer::Effect { route, .. } | Timer::Handler { route, .. } => {
                served.program.number_of(route)
            }
            Timer::Transition { .. } => Some(0),
        };
        // A calibration may have taken routes away since.
        let Some(number) = number.filter(|number| *number < served.program.count()) else {
            return;
        };
        let (twin, served): (&Self, &Served) = (self, &served);
        let call = Call { twin, session, served, number, values: &[], head: &head, depth: 0 };
        match timer {
            Timer::Transition { collection, id, number } => call.pass(&collection, &id, number),
            Timer::Effect { effect, values, .. } => {
                let subject = Subject { values: (*values).clone(), ..subject_of(&values) };
                call.have(&effect, &subject);
            }
            Timer::Handler { name, args, .. } => call.run_handler(&name, &args),
        }
        if session.state.is_watched() {
            self.tell(session, served, &Cause::at(at));
        }
    }
}

impl Call<'_> {
    /// Has an entity come from one state into another by itself.
    fn pass(&self, collection: &str, id: &str, number: usize) {
        let Some(kind) = self.twin.rules.kind_of(collection) else { return };
        let Some(transition) = kind.machine.transitions.get(number) else { return };
        let Known::Here(before) = self.session.state.find(collection, id) else { return };
        let before = before.fields();
        let state = super::moves::state_of(kind, &before).unwrap_or_default();
        if !transition.from.holds(&state) {
            return;
        }
        let change = |fields: &mut _| self.enter(kind, number, id, fields);
        let Ok(Some(after)) = self.session.state.update(collection, id, None, change) else {
            return;
        };
        self.settle(collection, id, Some(&after.fields));
        self.follow_transition(collection, id, (&before, &after.fields), &transition.effects);
    }

    /// Runs a handler that nobody waits for; what it says is for nobody.
    pub(crate) fn run_handler(&self, name: &str, data: &Value) {
        match self.handle(name, &Bytes::new(), Some(data)) {
            Ok(_) => {}
            Err(refusal) => {
                let why = refusal.message();
                tracing::warn!(twin = %self.twin.config.name, handler = name, "what it wrote is not kept: {why}");
            }
        }
    }
}

/// The entity a timer's values are about, by what was kept with them.
fn subject_of(values: &serde_json::Map<String, Value>) -> Subject {
    let text = |name: &str| values.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
    Subject { collection: text("collection"), id: text("id"), ..Subject::default() }
}
