//! Who gets an event: endpoints of the vendor's own API, the object's own address, the fixed one.

use models::behaviour::Registration;
use serde_json::{Map, Value, json};

use crate::chaos::like;
use crate::dice::Dice;
use crate::escape;
use crate::owners::owned;
use crate::state::{Entity, Start, State};
use crate::webhooks::delivery::Endpoint;
use crate::webhooks::template::{Context, at, plain};
use crate::webhooks::{Webhooks, pattern_of};

impl Webhooks {
    /// Where an event goes. `parameters` are those of the object's path, `object` its fields.
    pub(super) fn endpoints_for(
        &self,
        state: &State,
        event: &str,
        owner: Option<&str>,
        parameters: &Map<String, Value>,
        object: &Map<String, Value>,
    ) -> Vec<Endpoint> {
        let mut endpoints = Vec::new();
        let own = self.declared.object_url.as_ref().and_then(|field| at(object, field));
        let fixed = own.map(plain).filter(|url| !url.is_empty()).into_iter().chain(self.url());
        for url in fixed {
            endpoints.push(Endpoint { id: url.clone(), url, secret: self.secret.to_string() });
        }
        for registration in &self.declared.endpoints {
            let Some(collection) = collection_of(registration, parameters) else { continue };
            let mut page = state.page(&collection, Start::Offset(0), ENDPOINTS_MAX, false).entities;
            // Who connects accounts has endpoints for what is theirs; they may have some too.
            if let Some(field) = &registration.of_owned {
                let of_owned = |entity: &Entity| entity.packed.at(field) == Some(Value::Bool(true));
                page.retain(|entity| of_owned(entity) == owner.is_some());
            }
            if owner.is_some() {
                let theirs = owned(owner, &collection);
                page.extend(state.page(&theirs, Start::Offset(0), ENDPOINTS_MAX, false).entities);
            }
            endpoints.extend(page.iter().filter_map(|entity| {
                let fields = entity.fields();
                if !registration_takes(registration, &fields, event) {
                    return None;
                }
                let url = at(&fields, &registration.url).map(plain)?;
                let secret = registration
                    .secret
                    .as_ref()
                    .map(|path| at(&fields, path).map(plain).unwrap_or_default());
                let secret = secret.unwrap_or_else(|| self.secret.to_string());
                Some(Endpoint { id: entity.id.to_string(), url, secret })
            }));
        }
        endpoints
    }

    /// The endpoints there are, without their secrets.
    pub(crate) fn endpoints_json(&self, state: &State) -> Value {
        let mut shown: Vec<Value> = self
            .url()
            .into_iter()
            .map(|url| json!({"id": url, "url": url, "events": ["*"], "collection": null}))
            .collect();
        for registration in &self.declared.endpoints {
            let pattern = pattern_of(&registration.collection);
            for (collection, entity) in state.all_of(&pattern) {
                let read = |path: &Option<String>| entity.packed.at(path.as_ref()?);
                shown.push(json!({
                    "id": &*entity.id,
                    "collection": collection,
                    "url": entity.packed.at(&registration.url),
                    "events": read(&registration.events).unwrap_or_else(|| json!(["*"])),
                    "active": read(&registration.active)
                        .is_none_or(|active| active == registration.active_value),
                }));
            }
        }
        shown.into()
    }

    /// Gives a new endpoint the secret the vendor would make for it.
    pub(crate) fn complete(&self, pattern: &str, fields: &mut Map<String, Value>, id: &str) {
        let mut own = self.declared.endpoints.iter();
        let Some(registration) = own.find(|one| pattern_of(&one.collection) == pattern) else {
            return;
        };
        if let (Some(path), Some(template)) = (&registration.secret, &registration.new_secret)
            && at(fields, path).is_none_or(Value::is_null)
        {
            let context = Context {
                values: &Map::new(),
                dice: Dice::at(self.dice, "secret").at(id),
                show: &|_| None,
            };
            put(fields, path, Value::String(context.text(template)));
        }
    }
}

/// Endpoints of one collection beyond which the others get nothing.
const ENDPOINTS_MAX: usize = 100;

/// The collection itself; `None` where it lies below something the object does not.
fn collection_of(registration: &Registration, parameters: &Map<String, Value>) -> Option<String> {
    let mut path = String::new();
    for segment in registration.collection.split('/').filter(|segment| !segment.is_empty()) {
        let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        path.push('/');
        match name {
            Some(name) => path.push_str(&escape::segment(&plain(parameters.get(name)?))),
            None => path.push_str(segment),
        }
    }
    Some(path)
}

fn registration_takes(
    registration: &Registration,
    fields: &Map<String, Value>,
    event: &str,
) -> bool {
    let active = registration.active.as_ref().and_then(|path| at(fields, path));
    if active.is_some_and(|active| *active != registration.active_value) {
        return false;
    }
    let names = registration.events.as_ref().and_then(|path| at(fields, path));
    let Some(Value::Array(names)) = names.filter(|names| !is_empty(names)) else { return true };
    let topic = event.split_once('.').map_or(event, |(topic, _)| topic);
    names.iter().filter_map(Value::as_str).any(|name| like(name, event) || name == topic)
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
}

/// Puts a value at a path of names, making the objects on the way.
fn put(fields: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            fields.insert(path.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = fields.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_gets_what_it_asked_for() {
        let registration = Registration {
            events: Some("events".to_owned()),
            active: Some("active".to_owned()),
            active_value: json!(true),
            ..Registration::default()
        };
        let takes = |fields: Value| {
            registration_takes(&registration, fields.as_object().unwrap(), "issues.opened")
        };
        assert!(takes(json!({})) && takes(json!({"events": []})));
        assert!(takes(json!({"events": ["push", "issues"]})));
        assert!(takes(json!({"events": ["*"]})) && takes(json!({"events": ["issues.*"]})));
        assert!(!takes(json!({"events": ["push"]})));
        assert!(!takes(json!({"events": ["*"], "active": false})));
    }

    #[test]
    fn a_secret_is_put_where_it_belongs() {
        let mut fields = Map::new();
        put(&mut fields, "config.secret", json!("s"));
        assert_eq!(Value::Object(fields), json!({"config": {"secret": "s"}}));
    }
}
