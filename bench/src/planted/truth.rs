//! What a perfect tool says of a case: the changes that its logs can show, by drift-bench's rules.

use std::fmt;

use models::{Finding, Kind, Place, Surface};

use super::Mode;
use super::change::Plan;
use super::traffic::{Count, Traffic};

/// Chance that luck put all that is new into the observed log.
const LUCK_MAX: f64 = 0.01;
/// Chance that what is still there was not seen.
const UNSEEN_MAX: f64 = 0.001;

/// One change at one place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub(crate) kind: Kind,
    pub(crate) place: Place,
    pub(crate) path: String,
    /// Whether the logs can show it; finding it is otherwise neither right nor wrong.
    pub(crate) observable: bool,
    counts: [Count; 2],
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { surface, route, status, event } = &self.place;
        write!(
            f,
            "{} {} {route:?} {status:?} {event:?} `{}` {:?}",
            self.kind,
            surface.name(),
            self.path,
            self.counts
        )
    }
}

impl Item {
    /// Whether a finding is of this very change.
    pub(crate) fn is(&self, finding: &Finding, base: &str) -> bool {
        let place = place_of(finding, base);
        self.kind == finding.kind
            && match self.kind {
                Kind::RateLimitChanged => true,
                Kind::WebhookEventAdded => self.place.event == place.event,
                Kind::RouteAdded | Kind::RouteRemoved => {
                    norm(self.place.route.as_deref(), base) == place.route
                }
                Kind::StatusAdded => {
                    norm(self.place.route.as_deref(), base) == place.route
                        && self.place.status == place.status
                }
                _ => self.place_normed(base) == place && self.path == finding.path,
            }
    }

    /// Whether a finding says no more than that this is so.
    pub(crate) fn covers(&self, finding: &Finding, base: &str) -> bool {
        let place = place_of(finding, base);
        let same = self.place_normed(base) == place;
        match self.kind {
            Kind::WebhookEventAdded => self.place.event == place.event,
            Kind::RouteAdded | Kind::RouteRemoved => {
                norm(self.place.route.as_deref(), base) == place.route
            }
            Kind::StatusAdded => {
                norm(self.place.route.as_deref(), base) == place.route
                    && self.place.status == place.status
            }
            Kind::RequirednessChanged if same && self.path == finding.path => {
                matches!(finding.kind, Kind::FieldRemoved | Kind::FieldAdded)
            }
            Kind::FieldAdded | Kind::FieldRemoved | Kind::TypeChanged => {
                same && (is_below(&finding.path, &self.path)
                    || (finding.path == self.path
                        && !matches!(finding.kind, Kind::FieldAdded | Kind::FieldRemoved)))
            }
            _ => false,
        }
    }

    fn place_normed(&self, base: &str) -> Place {
        Place { route: norm(self.place.route.as_deref(), base), ..self.place.clone() }
    }
}

fn is_below(path: &str, top: &str) -> bool {
    path.strip_prefix(top).is_some_and(|rest| rest.starts_with('.') || rest.starts_with('['))
}

fn place_of(finding: &Finding, base: &str) -> Place {
    let status = if finding.surface == Surface::Response { finding.status } else { None };
    Place {
        surface: finding.surface,
        route: norm(finding.route.as_deref(), base),
        status,
        event: finding.event.clone(),
    }
}

/// A route without the base path and the parameters' names.
fn norm(route: Option<&str>, base: &str) -> Option<String> {
    let (method, path) = route?.split_once(' ')?;
    let path = path.strip_prefix(base).filter(|rest| rest.starts_with('/')).unwrap_or(path);
    let mut normed = format!("{method} ");
    let mut within = false;
    for letter in path.trim_end_matches('/').chars() {
        match letter {
            '{' => {
                within = true;
                normed.push_str("{}");
            }
            '}' => within = false,
            _ if within => {}
            letter => normed.push(letter),
        }
    }
    Some(normed)
}

/// Every change of a plan at every place where either log shows it, and what is neither right nor
/// wrong besides.
pub(crate) fn truth(plan: &Plan, baseline: &Traffic, observed: &Traffic, mode: Mode) -> Vec<Item> {
    let mut items = Vec::new();
    let keys: std::collections::BTreeSet<_> =
        baseline.counts.keys().chain(observed.counts.keys()).collect();
    for key in keys {
        let (place, path, number) = key;
        let (base, now) = (
            baseline.counts.get(key).copied().unwrap_or_default(),
            observed.counts.get(key).copied().unwrap_or_default(),
        );
        let change = &plan.changes[*number];
        let apart = base.apart + now.apart > 0;
        let observable = !apart && is_observable(change, &base, &now, mode);
        items.push(Item {
            kind: change.kind,
            place: place.clone(),
            path: path.clone(),
            observable,
            counts: [base, now],
        });
    }
    items.extend(routes(plan, baseline, observed, mode));
    // What lies in a new route, or below a field that went or changed its type, needs not be told.
    let tops: Vec<Item> = items
        .iter()
        .filter(|item| {
            matches!(
                item.kind,
                Kind::RouteAdded
                    | Kind::RouteRemoved
                    | Kind::WebhookEventAdded
                    | Kind::FieldRemoved
                    | Kind::TypeChanged
            )
        })
        .cloned()
        .collect();
    for item in &mut items {
        let nested = tops.iter().any(|top| match top.kind {
            Kind::RouteAdded | Kind::RouteRemoved => {
                item.kind != top.kind
                    && item.place.route == top.place.route
                    && item.kind != Kind::RateLimitChanged
            }
            Kind::WebhookEventAdded => {
                item.kind != top.kind
                    && item.place.event.is_some()
                    && item.place.event == top.place.event
            }
            _ => item.place == top.place && is_below(&item.path, &top.path),
        });
        item.observable &= !nested;
    }
    items
}

fn is_observable(change: &super::change::Change, base: &Count, now: &Count, mode: Mode) -> bool {
    let came = |seen: u64| luck(seen, base.of, now.of) < LUCK_MAX;
    let went = |seen: u64| luck(seen, now.of, base.of) < UNSEEN_MAX;
    match (change.kind, mode) {
        (Kind::FieldAdded, Mode::Spec) => now.present > 0,
        (Kind::FieldAdded, Mode::Traffic) => {
            base.present == 0 && now.present > 0 && came(now.present)
        }
        (Kind::FieldRemoved, Mode::Spec) => {
            change.before.required && now.of >= 20 && now.present == 0
        }
        (Kind::FieldRemoved, Mode::Traffic) => {
            base.present > 0 && now.present == 0 && went(base.present)
        }
        (Kind::TypeChanged | Kind::EnumValueAdded | Kind::FormatChanged, Mode::Spec) => {
            now.fresh > 0
        }
        (Kind::TypeChanged, Mode::Traffic) => {
            (base.fresh == 0 && now.fresh > 0 && came(now.fresh))
                || (base.stale > 0 && now.stale == 0 && went(base.stale))
        }
        (Kind::NullabilityChanged, Mode::Spec) => change.after.nullable && now.null > 0,
        (Kind::NullabilityChanged, Mode::Traffic) if change.after.nullable => {
            base.null == 0 && now.null > 0 && came(now.null)
        }
        (Kind::NullabilityChanged, Mode::Traffic) => {
            base.null > 0 && now.null == 0 && went(base.null)
        }
        (Kind::RequirednessChanged, Mode::Spec) => {
            change.before.required && now.absent > 0 && now.present > 0
        }
        (Kind::RequirednessChanged, Mode::Traffic) if change.before.required => {
            base.absent == 0 && now.absent > 0 && now.present > 0 && came(now.absent)
        }
        (Kind::RequirednessChanged, Mode::Traffic) => {
            base.absent > 0 && now.absent == 0 && base.present > 0 && went(base.absent)
        }
        (Kind::EnumValueAdded, Mode::Traffic) => {
            base.fresh == 0 && now.fresh > 0 && came(now.fresh)
        }
        (Kind::EnumValueRemoved, Mode::Traffic) => {
            base.stale > 0 && now.stale == 0 && went(base.stale)
        }
        (Kind::FormatChanged, Mode::Traffic) => {
            base.present > 0 && now.fresh > 0 && came(now.fresh)
        }
        _ => false,
    }
}

/// Chance that `seen` of `here + there` all fell into `here`.
fn luck(seen: u64, there: u64, here: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of a small log")]
    let share = here as f64 / (here + there).max(1) as f64;
    share.powi(i32::try_from(seen).unwrap_or(i32::MAX))
}

/// Changes of routes, statuses, parameters, events and limits; and the noise of both logs.
fn routes(plan: &Plan, baseline: &Traffic, observed: &Traffic, mode: Mode) -> Vec<Item> {
    let answered = |traffic: &Traffic, route: &models::RouteKey| {
        traffic
            .statuses
            .iter()
            .filter(|((key, status), _)| key == route && (200..300).contains(status))
            .map(|(_, count)| count)
            .sum::<u64>()
    };
    let mut items = Vec::new();
    for route in plan.new_routes.keys() {
        items.push(item(
            Kind::RouteAdded,
            on(Surface::Response, route, None),
            String::new(),
            answered(observed, route) > 0,
        ));
    }
    for (route, status) in &plan.gone {
        let refused = observed.statuses.get(&(route.clone(), *status)).copied().unwrap_or(0);
        let was_there = mode == Mode::Spec || answered(baseline, route) > 0;
        items.push(item(
            Kind::RouteRemoved,
            on(Surface::Response, route, None),
            String::new(),
            refused >= 5 && was_there,
        ));
    }
    for (route, status) in &plan.statuses {
        let seen = observed.statuses.get(&(route.clone(), *status)).copied().unwrap_or(0);
        let calls = [baseline, observed].map(|log| log.calls.get(route).copied().unwrap_or(0));
        let observable =
            seen > 0 && (mode == Mode::Spec || luck(seen, calls[0], calls[1]) < LUCK_MAX);
        items.push(item(
            Kind::StatusAdded,
            on(Surface::Response, route, Some(*status)),
            String::new(),
            observable,
        ));
    }
    for (route, name) in &plan.parameters {
        let seen = observed.parameters.get(&(route.clone(), name.clone())).copied().unwrap_or(0);
        let calls = [baseline, observed].map(|log| answered(log, route));
        let observable =
            seen > 0 && (mode == Mode::Spec || luck(seen, calls[0], calls[1]) < LUCK_MAX);
        items.push(item(
            Kind::FieldAdded,
            on(Surface::Request, route, None),
            format!("?{name}"),
            observable,
        ));
    }
    for event in plan.new_events.keys() {
        let seen = observed.events.get(event).copied().unwrap_or(0);
        let all = [baseline, observed].map(|log| log.events.values().sum::<u64>());
        let observable = seen > 0 && (mode == Mode::Spec || luck(seen, all[0], all[1]) < LUCK_MAX);
        let place = Place {
            surface: Surface::Webhook,
            route: None,
            status: None,
            event: Some(event.clone()),
        };
        items.push(item(Kind::WebhookEventAdded, place, String::new(), observable));
    }
    items.extend(limits(plan, baseline, observed));
    items.extend(noise(plan, baseline, observed, mode));
    items
}

/// The limits' change, where the logs show it.
fn limits(plan: &Plan, baseline: &Traffic, observed: &Traffic) -> Vec<Item> {
    let mut items = Vec::new();
    if plan.limits {
        let place = Place { surface: Surface::Response, route: None, status: None, event: None };
        // Stated limits show it at once; else a different number of refusals does.
        items.push(item(
            Kind::RateLimitChanged,
            place,
            String::new(),
            observed.states_limits || observed.refused.abs_diff(baseline.refused) >= 20,
        ));
    }
    items
}

/// Refusals that production answered all along, and a model may not say.
fn noise(plan: &Plan, baseline: &Traffic, observed: &Traffic, mode: Mode) -> Vec<Item> {
    let mut items = Vec::new();
    for (route, status) in baseline
        .statuses
        .keys()
        .chain(observed.statuses.keys())
        .filter(|(_, status)| *status >= 400)
    {
        if !plan.statuses.iter().any(|(new, own)| new == route && own == status) {
            let seen_before = baseline.statuses.contains_key(&(route.clone(), *status));
            let noise = item(
                Kind::StatusAdded,
                on(Surface::Response, route, Some(*status)),
                String::new(),
                false,
            );
            // What production answered all along, and a model may not say.
            if mode == Mode::Spec
                || seen_before
                || *status >= 500
                || *status == 429
                || *status == 404
            {
                items.push(noise);
            }
        }
    }
    items
}

fn on(surface: Surface, route: &models::RouteKey, status: Option<u16>) -> Place {
    Place { surface, route: Some(route.as_str().to_owned()), status, event: None }
}

fn item(kind: Kind, place: Place, path: String, observable: bool) -> Item {
    Item { kind, place, path, observable, counts: [Count::default(); 2] }
}
