//! What each route does to the twin's state, worked out from the routes' own patterns.
//!
//! `POST /customers` creates because `/customers/{id}` names items; `GET /customers` lists,
//! `GET|POST|PUT|PATCH|DELETE /customers/{id}` read, update and delete. A path without items that
//! is both read and written (`GET`, `PATCH /settings`) is one entity; a write below an item that
//! answers with the item (`POST /charges/{id}/capture`) updates it. The rest keeps no state.

use std::collections::{BTreeMap, BTreeSet};

use models::{Model, RouteKey, StateVerb};

use crate::template::{Home, Template};

/// What the patterns of all routes together say.
#[derive(Debug)]
pub(crate) struct Plan {
    collections: BTreeMap<Box<str>, Collection>,
}

/// A collection of entities.
#[derive(Debug, Default)]
pub(crate) struct Collection {
    /// Routes of its items by method.
    pub(crate) items: BTreeMap<Box<str>, usize>,
    /// Routes of the collection itself by method.
    pub(crate) own: BTreeMap<Box<str>, usize>,
    /// Whether anything can be created in it. Where nothing can, every id is taken to exist.
    pub(crate) creatable: bool,
    /// Whether collections lie below its items.
    pub(crate) has_below: bool,
}

/// The share of all routes below a collection's items, in per cent, from which on the items are
/// accounts the API is used through (Twilio's `/Accounts/{AccountSid}`) and exist unasked.
const TENANCY_PERCENT: usize = 50;
/// Collections below an item that it takes to be such an account.
const TENANCY_COLLECTIONS_MIN: usize = 3;

impl Plan {
    pub(crate) fn of(model: &Model, templates: &[Template]) -> Self {
        let mut plan = Self { collections: BTreeMap::new() };
        for (number, (key, template)) in model.routes.keys().zip(templates).enumerate() {
            plan.note(key, template, number);
        }
        let listed: Vec<_> = plan
            .collections
            .iter()
            .filter(|(_, one)| {
                let seen = !one.items.is_empty() || one.own.contains_key("GET");
                seen && one.own.contains_key("POST")
            })
            .map(|(pattern, _)| pattern.clone())
            .collect();
        for pattern in listed {
            plan.entry(&pattern).creatable = true;
        }
        plan.find_made_elsewhere();
        for (key, route) in &model.routes {
            if let Some(state) = &route.state
                && state.verb == StateVerb::Create
            {
                let parameters: Vec<Box<str>> = key.parameters().map(Into::into).collect();
                plan.entry(&Home::named(&state.collection, &parameters).pattern()).creatable = true;
            }
        }
        plan.find_tenancies(templates);
        plan
    }

    pub(crate) fn collection(&self, pattern: &str) -> Option<&Collection> {
        self.collections.get(pattern)
    }

    /// Collections without parameters whose items can be read, and the routes that show them.
    pub(crate) fn readable(&self) -> impl Iterator<Item = (&str, usize)> {
        let plain = self.collections.iter().filter(|(pattern, _)| !pattern.contains("{}"));
        plain.filter_map(|(pattern, one)| Some((&**pattern, *one.items.get("GET")?)))
    }

    /// The collection of a noun: one whose items can be seen, with the fewest parameters.
    pub(crate) fn called(&self, is: impl Fn(&str) -> bool) -> Option<&str> {
        let called = self.collections.iter().filter(|(pattern, one)| {
            let noun = pattern.rsplit('/').next().unwrap_or("");
            is(noun) && (!one.items.is_empty() || one.creatable)
        });
        let plainest = called.min_by_key(|(pattern, _)| pattern.matches("{}").count());
        plainest.map(|(pattern, _)| &**pattern)
    }

    /// The patterns of all collections, `/repos/{}/{}/issues`.
    pub(crate) fn collections(&self) -> impl Iterator<Item = &str> {
        self.collections.keys().map(|pattern| &**pattern)
    }

    /// The one collection without parameters whose path ends so, if there is just one.
    pub(crate) fn only_one_called(&self, ending: &str) -> Option<&str> {
        let mut called = self.collections.iter().filter(|(pattern, one)| {
            pattern.ends_with(ending) && !pattern.contains("{}") && !one.items.is_empty()
        });
        let (first, _) = called.next()?;
        called.next().is_none().then_some(first)
    }

    fn note(&mut self, key: &RouteKey, template: &Template, number: usize) {
        if let Some((home, _)) = template.item() {
            self.entry(&home.pattern()).items.insert(key.method().into(), number);
        }
        if let Some(home) = template.collection() {
            self.entry(&home.pattern()).own.insert(key.method().into(), number);
        }
        for (home, _) in template.parents() {
            self.entry(&home.pattern()).has_below = true;
        }
    }

    /// What is created below an item and read elsewhere, `POST /users/{id}/pets` and `GET /pets/{id}`.
    fn find_made_elsewhere(&mut self) {
        let made = self.collections.iter().filter(|(pattern, one)| {
            one.own.contains_key("POST") && one.items.is_empty() && pattern.contains("{}/")
        });
        let nouns = made.filter_map(|(pattern, _)| pattern.rsplit('/').next());
        let homes = nouns.filter_map(|noun| self.only_one_called(&format!("/{noun}")));
        for pattern in homes.map(str::to_owned).collect::<Vec<_>>() {
            self.entry(&pattern).creatable = true;
        }
    }

    fn find_tenancies(&mut self, templates: &[Template]) {
        let mut below: BTreeMap<String, (usize, BTreeSet<String>)> = BTreeMap::new();
        for template in templates {
            for (home, _) in template.parents() {
                let (routes, collections) = below.entry(home.pattern()).or_default();
                *routes += 1;
                let own = template.item().map(|(home, _)| home).or_else(|| template.collection());
                collections.extend(own.map(|home| home.pattern()));
            }
        }
        for (pattern, (routes, collections)) in below {
            if routes * 100 > templates.len() * TENANCY_PERCENT
                && collections.len() >= TENANCY_COLLECTIONS_MIN
            {
                self.entry(&pattern).creatable = false;
            }
        }
    }

    fn entry(&mut self, pattern: &str) -> &mut Collection {
        self.collections.entry(pattern.into()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(routes: &[&str]) -> Plan {
        let mut model = Model::empty("t", "");
        for route in routes {
            model.routes.insert(RouteKey::parse(route).unwrap(), models::Route::default());
        }
        let templates: Vec<_> = model.routes.keys().map(|key| Template::of(key.path())).collect();
        Plan::of(&model, &templates)
    }

    #[test]
    fn what_can_be_posted_to_and_has_items_is_created_in() {
        let plan = plan(&["POST /a", "GET /a/{id}", "GET /b/{id}", "POST /a/{id}/c", "POST /d"]);
        let creatable = |pattern: &str| plan.collection(pattern).is_some_and(|one| one.creatable);
        assert!(creatable("/a"));
        assert!(!creatable("/b") && !creatable("/a/{}/c") && !creatable("/d"));
        assert!(plan.collection("/a").unwrap().has_below);
    }

    #[test]
    fn what_is_made_below_an_item_and_read_elsewhere_is_created_there() {
        let plan = plan(&["POST /users/{id}/pets", "GET /pets/{id}", "GET /toys/{id}"]);
        assert!(plan.collection("/pets").unwrap().creatable);
        assert!(!plan.collection("/toys").unwrap().creatable);
    }

    #[test]
    fn accounts_that_everything_lies_below_exist_unasked() {
        let plan = plan(&[
            "POST /Accounts.json",
            "GET /Accounts/{Sid}.json",
            "POST /Accounts/{AccountSid}/Messages.json",
            "GET /Accounts/{AccountSid}/Messages/{Sid}.json",
            "GET /Accounts/{AccountSid}/Calls.json",
            "GET /Accounts/{AccountSid}/Usage.json",
        ]);
        assert!(!plan.collection("/Accounts").unwrap().creatable);
        assert!(plan.collection("/Accounts/{}/Messages").unwrap().creatable);
    }
}
