//! What is asked next: the least asked first, so that rare routes are seen. Pure.

use std::collections::{BTreeMap, BTreeSet};

use models::RouteKey;

use super::pool::{Binding, Pool};
use super::probes::{Probe, Probes};

/// How often each probe was asked, in all runs.
pub(crate) type Asked = BTreeMap<String, u64>;

/// A request to send.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Request {
    /// The probe's name, its route.
    pub(super) probe: String,
    pub(super) binding: Binding,
    /// Query names and values.
    pub(super) query: Vec<(String, String)>,
    /// From 0 on; the pages after the first are as answers say.
    pub(super) page: u32,
}

/// Chooses requests; each is different from those before.
#[derive(Debug)]
pub(super) struct Plan<'p> {
    probes: &'p Probes,
    asked: Asked,
    /// Of this run.
    sent: BTreeSet<Request>,
    /// By probe, as answers named them.
    pages: BTreeMap<String, Vec<Request>>,
    count: BTreeMap<String, u64>,
}

impl<'p> Plan<'p> {
    pub(super) fn new(probes: &'p Probes, asked: Asked) -> Self {
        Self {
            probes,
            asked,
            sent: BTreeSet::new(),
            pages: BTreeMap::new(),
            count: BTreeMap::new(),
        }
    }

    /// Takes note of the page after an answer: its probe's next request, once its own are sent.
    pub(super) fn add_page(&mut self, page: Request) {
        self.pages.entry(page.probe.clone()).or_default().push(page);
    }

    /// How often each probe was asked, this run included.
    pub(super) fn asked(self) -> Asked {
        self.asked
    }

    /// The next request; none where all was asked that can be.
    pub(super) fn next(&mut self, pool: &Pool) -> Option<Request> {
        let mut order: Vec<_> = self.probes.probes.iter().collect();
        // This run's counts first: a budget larger than the probes are many goes around.
        order.sort_by_key(|(name, _)| {
            let of = |counts: &BTreeMap<String, u64>| counts.get(*name).copied().unwrap_or(0);
            (of(&self.count), of(&self.asked), *name)
        });
        let chosen =
            order.into_iter().find_map(|(name, probe)| self.choose(name, probe, pool, 8))?;
        self.sent.insert(chosen.clone());
        *self.asked.entry(chosen.probe.clone()).or_default() += 1;
        *self.count.entry(chosen.probe.clone()).or_default() += 1;
        Some(chosen)
    }

    /// A request of a probe that was not sent yet, or of the probe that its values come from.
    fn choose(&self, name: &str, probe: &Probe, pool: &Pool, depth: u8) -> Option<Request> {
        let route = RouteKey::parse(name).ok()?;
        let parameters: Vec<&str> = route.parameters().collect();
        let bindings = match &probe.from {
            Some(source) => {
                let shown = pool.of(&source.probe, &source.at);
                if shown.is_empty() && depth > 0 {
                    let other = self.probes.probes.get(&source.probe)?;
                    return self.choose(&source.probe, other, pool, depth - 1);
                }
                shown.to_vec()
            }
            None => products(parameters.iter().map(|name| probe.values.get(*name))),
        };
        let queries = products(probe.query.values().map(Some));
        let names: Vec<&String> = probe.query.keys().collect();
        for binding in bindings.iter().filter(|one| one.len() == parameters.len()) {
            for values in &queries {
                let query: Vec<_> =
                    names.iter().map(|name| (*name).clone()).zip(values.iter().cloned()).collect();
                let request =
                    Request { probe: name.to_owned(), binding: binding.clone(), query, page: 0 };
                if !self.sent.contains(&request) {
                    return Some(request);
                }
            }
        }
        let mut pages = self.pages.get(name).into_iter().flatten();
        pages.find(|page| !self.sent.contains(page)).cloned()
    }

    /// Probes that cannot be asked for want of values, and which.
    pub(super) fn unfilled(probes: &Probes) -> BTreeMap<String, String> {
        let mut unfilled = BTreeMap::new();
        for (name, probe) in &probes.probes {
            let Ok(route) = RouteKey::parse(name) else { continue };
            let mut missing: Vec<String> = probe
                .query
                .iter()
                .filter(|(_, values)| values.is_empty())
                .map(|(name, _)| format!("query.{name}"))
                .collect();
            if probe.from.is_none() {
                let is_missing = |name: &&str| probe.values.get(*name).is_none_or(Vec::is_empty);
                missing
                    .extend(route.parameters().filter(is_missing).map(|n| format!("values.{n}")));
            }
            if !missing.is_empty() {
                unfilled.insert(name.clone(), missing.join(", "));
            }
        }
        unfilled
    }
}

/// Every choice of one value each.
fn products<'v>(lists: impl Iterator<Item = Option<&'v Vec<String>>>) -> Vec<Vec<String>> {
    let mut products = vec![Vec::new()];
    for list in lists {
        let values = list.map_or(&[][..], Vec::as_slice);
        products = products
            .into_iter()
            .flat_map(|before: Vec<String>| {
                values.iter().map(move |value| {
                    let mut product = before.clone();
                    product.push(value.clone());
                    product
                })
            })
            .collect();
    }
    products
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn probes() -> Probes {
        toml::from_str(
            r#"
            requests_max = 9
            share_of_limits = 1.0
            wait_max_seconds = 1
            [probes."GET /users"]
            query.state = ["on", "off"]
            [probes."GET /users/{id}"]
            from = { probe = "GET /users", at = "[].id" }
            [probes."GET /health"]
            [probes."GET /teams/{team}"]
            values.team = []
            "#,
        )
        .unwrap()
    }

    fn names(plan: &mut Plan<'_>, pool: &Pool) -> Vec<String> {
        let text = |request: Request| {
            let query: Vec<_> = request.query.iter().map(|(_, value)| value.as_str()).collect();
            format!("{} {} {}", request.probe, request.binding.join(","), query.join(","))
        };
        std::iter::from_fn(|| plan.next(pool)).map(text).collect()
    }

    #[test]
    fn the_least_asked_comes_first_and_lists_before_what_they_show() {
        let probes = probes();
        let asked = Asked::from([("GET /health".to_owned(), 5), ("GET /users".to_owned(), 9)]);
        let mut plan = Plan::new(&probes, asked);
        let mut pool = Pool::default();
        // The object is rarest, and its list has to be asked for it.
        let first = plan.next(&pool).unwrap();
        assert_eq!(first.probe, "GET /users");
        pool.take("GET /users", "[].id", &vec![], &json!([{"id": "a"}, {"id": "b"}]));
        let rest = names(&mut plan, &pool);
        assert_eq!(
            rest,
            ["GET /users/{id} a ", "GET /health  ", "GET /users/{id} b ", "GET /users  off"]
        );
        assert_eq!(plan.asked()["GET /users"], 11);
    }

    #[test]
    fn a_probe_without_values_is_told() {
        let unfilled = Plan::unfilled(&probes());
        assert_eq!(unfilled, BTreeMap::from([("GET /teams/{team}".into(), "values.team".into())]));
    }
}
