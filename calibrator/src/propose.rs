//! From findings to the patched model: each change at the schema where it really is.

use models::{
    FieldPath, Finding, JsonType, Kind, Model, Place, RouteKey, Schema, Step, Surface, View, escape,
};
use serde_json::{Value, json};

use crate::decide::Decision;
use crate::diff::{described, view_at};
use crate::evidence::Evidence;
use crate::{infer, synth};

/// A patched model that is no model: a fault of ours, told with what was being done.
#[derive(Debug, thiserror::Error)]
#[error("the finding {kind} at `{path}` makes no model")]
pub struct ProposeError {
    kind: Kind,
    path: String,
    source: serde_json::Error,
}

/// Whether publishing the change can break no client: production only says or takes more.
pub fn is_additive(finding: &Finding) -> bool {
    match finding.kind {
        Kind::RouteAdded | Kind::WebhookEventAdded | Kind::EnumValueAdded => true,
        Kind::StatusAdded => finding.before.is_null(),
        Kind::FieldAdded => {
            finding.surface != Surface::Request
                || finding.after.get("required") != Some(&json!(true))
        }
        _ => false,
    }
}

/// The model with the decisions' changes made, in their order.
///
/// What evidence cannot spell out (a withheld value) changes nothing.
///
/// # Errors
///
/// Where a change does not make a model.
pub(crate) fn patched(
    model: &Model,
    decisions: &[&Decision],
    evidence: &Evidence,
) -> Result<Model, ProposeError> {
    let mut editor = Editor { model, evidence, document: model.to_value() };
    for decision in decisions {
        editor.make(decision);
    }
    serde_json::from_value(editor.document).map_err(|source| {
        let culprit = decisions.iter().find(|decision| {
            let mut editor = Editor { model, evidence, document: model.to_value() };
            editor.make(decision);
            serde_json::from_value::<Model>(editor.document).is_err()
        });
        let finding = culprit.or(decisions.first()).map(|decision| &decision.finding);
        ProposeError {
            kind: finding.map_or(Kind::FieldAdded, |finding| finding.kind),
            path: finding.map(|finding| finding.path.clone()).unwrap_or_default(),
            source,
        }
    })
}

/// Witnesses of a new field from which its being always there is taken for a promise.
///
/// # Source
///
/// INFERENCE §1, "required".
const REQUIRED_UNITS_MIN: f64 = 30.0;

fn units_around(seen: &crate::evidence::PlaceEvidence, object: &FieldPath, key: &FieldPath) -> f64 {
    let around = seen.objects.get(object);
    let field = around.and_then(|around| around.fields.get(key));
    field.map_or(0.0, |field| crate::decide::float(field.n) * field.weight)
}

struct Editor<'a> {
    model: &'a Model,
    evidence: &'a Evidence,
    document: Value,
}

impl Editor<'_> {
    fn make(&mut self, decision: &Decision) {
        let Decision { finding, place, path, .. } = decision;
        match finding.kind {
            Kind::RouteAdded => self.add_route(place),
            Kind::RouteRemoved => self.remove_route(place),
            Kind::StatusAdded => self.add_status(place, &finding.before),
            Kind::WebhookEventAdded => self.add_event(place),
            Kind::RateLimitChanged => {
                let scope = if finding.path.is_empty() { "default" } else { &finding.path };
                self.insert("/limits", scope, finding.after.clone());
            }
            Kind::FieldAdded => self.add_field(place, path),
            // Of a query parameter the whole, not what it may be.
            Kind::FieldRemoved => self.each_slot(place, path, |document, slot| {
                let is_query = matches!(path.0.last(), Some(Step::Query(_)));
                remove(document, if is_query { slot.trim_end_matches("/schema") } else { slot });
            }),
            Kind::TypeChanged => self.change_type(place, path, finding),
            Kind::NullabilityChanged => self.set(place, path, "nullable", &finding.after),
            Kind::RequirednessChanged => self.set(place, path, "required", &finding.after),
            Kind::FormatChanged => self.change_format(place, path, &finding.after),
            Kind::EnumValueAdded => self.add_values(place, path, &finding.after),
            Kind::EnumValueRemoved => self.remove_values(place, path, &finding.before),
        }
    }

    fn add_route(&mut self, place: &Place) {
        let Some(key) = route_key(place) else { return };
        let Some(seen) = self.evidence.routes.get(key.as_str()) else { return };
        let route = synth::route(&key, seen, self.evidence);
        self.insert("/routes", key.as_str(), json!(route));
    }

    fn remove_route(&mut self, place: &Place) {
        if let Some(key) = route_key(place) {
            remove(&mut self.document, &format!("/routes/{}", escape(key.as_str())));
        }
    }

    /// A success status, unless it is there already, and away with the one it took the place of.
    fn add_status(&mut self, place: &Place, replaced: &Value) {
        let (Some(key), Some(status)) = (route_key(place), place.status) else { return };
        let seen =
            self.evidence.routes.get(key.as_str()).and_then(|route| route.statuses.get(&status));
        let Some(seen) = seen else { return };
        let variants = format!("/routes/{}/variants", escape(key.as_str()));
        if self.document.pointer(&format!("{variants}/{status}")).is_none() {
            let variant = synth::variant(&key, status, seen, self.evidence);
            self.insert(&variants, &status.to_string(), json!(variant));
        }
        if !replaced.is_null() {
            remove(&mut self.document, &format!("{variants}/{replaced}"));
        }
    }

    fn add_event(&mut self, place: &Place) {
        let (Some(event), Some(seen)) = (&place.event, self.evidence.places.get(place)) else {
            return;
        };
        self.insert("/webhooks", event, json!(synth::webhook(seen)));
    }

    fn add_field(&mut self, place: &Place, path: &FieldPath) {
        let Some((object, step)) = path.split_last() else { return };
        let Some(seen) = self.evidence.places.get(place) else { return };
        let key = FieldPath(vec![step.clone()]);
        let Some(mut schema) = infer::field(seen, &object, &key) else {
            return;
        };
        schema.required &= units_around(seen, &object, &key) >= REQUIRED_UNITS_MIN;
        match step {
            Step::Query(name) => {
                if let Some(key) = route_key(place) {
                    let home = format!("/routes/{}", escape(key.as_str()));
                    self.insert(&format!("{home}/query"), name, json!({"schema": schema}));
                }
            }
            Step::Field(name) => match self.best_object(place, &object) {
                Some(pointer) => self.join(&format!("{pointer}/properties"), name, schema),
                None => self.add_body(place),
            },
            Step::Items | Step::Values => {}
        }
    }

    /// The object alternative that shares most fields with what was seen.
    fn best_object(&self, place: &Place, object: &FieldPath) -> Option<String> {
        let view = described(self.model, place, object)?;
        let seen = self.evidence.places.get(place)?.objects.get(object)?;
        let shared = |one: &&models::Alternative<'_>| {
            let known = |key: &FieldPath| matches!(key.0.as_slice(), [Step::Field(name)] if one.schema.properties.contains_key(name));
            seen.fields.keys().filter(|key| known(key)).count()
        };
        // The first of equals: alternatives come in the model's order.
        let mut best: Option<(usize, &models::Alternative<'_>)> = None;
        for one in view.objects() {
            let count = shared(&one);
            if best.is_none_or(|(most, _)| count > most) {
                best = Some((count, one));
            }
        }
        best.map(|(_, one)| one.pointer.clone())
    }

    /// A request body where the model has none.
    fn add_body(&mut self, place: &Place) {
        let Some(key) = route_key(place).filter(|_| place.surface == Surface::Request) else {
            return;
        };
        let Some(seen) = self.evidence.routes.get(key.as_str()) else { return };
        let made = synth::route(&key, seen, self.evidence);
        if let Some(body) = made.request {
            let home = format!("/routes/{}", escape(key.as_str()));
            if let Some(route) = self.document.pointer_mut(&home).and_then(Value::as_object_mut) {
                route.entry("request").or_insert_with(|| json!(body));
            }
        }
    }

    fn change_type(&mut self, place: &Place, path: &FieldPath, finding: &Finding) {
        let wanted = |name: &str| {
            finding.after.as_array().is_some_and(|types| types.iter().any(|one| one == name))
        };
        let Some(seen) = self.evidence.places.get(place) else { return };
        let Some(inferred) = field_schema(seen, path) else { return };
        let gone: Vec<_> = finding
            .before
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter(|name| !wanted(name))
            .map(str::to_owned)
            .collect();
        for slot in slots(self.model, place, path) {
            let Some(current) = self.document.pointer(&slot).cloned() else { continue };
            let Ok(mut schema) = serde_json::from_value::<Schema>(current) else { continue };
            let required = schema.required;
            schema = infer::join(&schema, &inferred);
            schema.required = required;
            schema.types.retain(|json_type| !gone.iter().any(|name| name == json_type.name()));
            if schema.types.contains(&JsonType::Number) {
                schema.types.remove(&JsonType::Integer);
            }
            forget_gone(&mut schema);
            self.replace(&slot, json!(schema));
        }
    }

    fn change_format(&mut self, place: &Place, path: &FieldPath, format: &Value) {
        self.each_home(place, path, |document, home| {
            let Some(schema) = document.pointer_mut(home).and_then(Value::as_object_mut) else {
                return;
            };
            if format.is_null() {
                schema.remove("format");
            } else {
                schema.insert("format".to_owned(), format.clone());
            }
        });
    }

    fn add_values(&mut self, place: &Place, path: &FieldPath, values: &Value) {
        let values: Vec<_> =
            values.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        self.each_home(place, path, |document, home| {
            let Some(schema) = document.pointer_mut(home).and_then(Value::as_object_mut) else {
                return;
            };
            if values == ["*"] {
                schema.remove("enum");
                return;
            }
            if let Some(listed) = schema.get_mut("enum").and_then(Value::as_object_mut) {
                listed.extend(values.iter().map(|value| ((*value).to_owned(), json!(true))));
            }
        });
    }

    fn remove_values(&mut self, place: &Place, path: &FieldPath, values: &Value) {
        self.each_home(place, path, |document, home| {
            let Some(listed) =
                document.pointer_mut(&format!("{home}/enum")).and_then(Value::as_object_mut)
            else {
                return;
            };
            listed.retain(|value, _| {
                !values.as_array().is_some_and(|gone| gone.iter().any(|one| one == value))
            });
        });
    }

    fn set(&mut self, place: &Place, path: &FieldPath, member: &str, value: &Value) {
        self.each_slot(place, path, |document, slot| {
            let Some(schema) = document.pointer_mut(slot).and_then(Value::as_object_mut) else {
                return;
            };
            if value == &json!(true) {
                schema.insert(member.to_owned(), json!(true));
            } else {
                schema.remove(member);
            }
        });
    }

    fn each_slot(&mut self, place: &Place, path: &FieldPath, edit: impl Fn(&mut Value, &str)) {
        for slot in slots(self.model, place, path) {
            edit(&mut self.document, &slot);
        }
    }

    /// Edits the inline schemas of strings at a path, references followed.
    fn each_home(&mut self, place: &Place, path: &FieldPath, edit: impl Fn(&mut Value, &str)) {
        let Some(view) = view_at(self.model, place, path) else { return };
        for one in
            view.alternatives.iter().filter(|one| one.schema.types.contains(&JsonType::String))
        {
            edit(&mut self.document, &one.pointer);
        }
    }

    /// Adds a member to an object of the document, which is made where it is missing.
    fn insert(&mut self, object: &str, member: &str, value: Value) {
        if self.document.pointer(object).is_none()
            && let Some((parent, name)) = object.rsplit_once('/')
            && let Some(around) = self.document.pointer_mut(parent).and_then(Value::as_object_mut)
        {
            around.insert(name.replace("~1", "/").replace("~0", "~"), json!({}));
        }
        if let Some(members) = self.document.pointer_mut(object).and_then(Value::as_object_mut) {
            members.insert(member.to_owned(), value);
        }
    }

    /// As [`Editor::insert`]; a schema that an earlier finding put there is widened instead.
    fn join(&mut self, object: &str, member: &str, schema: Schema) {
        let there = self.document.pointer(&format!("{object}/{}", escape(member))).cloned();
        let joined = match there.map(serde_json::from_value::<Schema>) {
            Some(Ok(there)) => infer::join(&there, &schema),
            _ => schema,
        };
        self.insert(object, member, json!(joined));
    }

    fn replace(&mut self, pointer: &str, value: Value) {
        if let Some(place) = self.document.pointer_mut(pointer) {
            *place = value;
        }
    }
}

/// Pointers to the schemas that stand at a path, references not followed: where `required` and
/// `nullable` are said.
pub(crate) fn slots(model: &Model, place: &Place, path: &FieldPath) -> Vec<String> {
    let Some((object, step)) = path.split_last() else { return roots(model, place) };
    let token = match step {
        Step::Query(name) => {
            let key = route_key(place).map(|key| escape(key.as_str())).unwrap_or_default();
            return vec![format!("/routes/{key}/query/{}/schema", escape(name))];
        }
        Step::Field(name) => format!("/properties/{}", escape(name)),
        Step::Items => "/items".to_owned(),
        Step::Values => "/map".to_owned(),
    };
    let view = view_at(model, place, &object);
    let has = |one: &&models::Alternative<'_>| match step {
        Step::Field(name) => one.schema.properties.contains_key(name),
        Step::Items => one.schema.items.is_some(),
        Step::Values => one.schema.map.is_some(),
        Step::Query(_) => false,
    };
    let alternatives = view.iter().flat_map(|view: &View<'_>| view.alternatives.iter());
    alternatives.filter(has).map(|one| format!("{}{token}", one.pointer)).collect()
}

fn roots(model: &Model, place: &Place) -> Vec<String> {
    if let Some(event) = &place.event {
        return vec![format!("/webhooks/{}/body", escape(event))];
    }
    let Some(key) = route_key(place) else { return Vec::new() };
    let Some(route) = model.routes.get(&key) else { return Vec::new() };
    let home = format!("/routes/{}", escape(key.as_str()));
    if let Some(status) = place.status {
        let name = route.variant_for(status);
        return name
            .map(|name| format!("{home}/variants/{}/body", escape(name)))
            .into_iter()
            .collect();
    }
    let media = route.request.iter().flat_map(|body| body.content.keys());
    media.map(|media| format!("{home}/request/content/{}", escape(media))).collect()
}

fn field_schema(seen: &crate::evidence::PlaceEvidence, path: &FieldPath) -> Option<Schema> {
    // The owner is the nearest object around.
    (0..=path.0.len()).rev().find_map(|split| {
        infer::field(
            seen,
            &FieldPath(path.0[..split].to_vec()),
            &FieldPath(path.0[split..].to_vec()),
        )
    })
}

/// Takes from a schema what only a type it no longer has could use.
fn forget_gone(schema: &mut Schema) {
    if !schema.types.contains(&JsonType::Object) {
        schema.properties.clear();
        schema.map = None;
    }
    if !schema.types.contains(&JsonType::Array) {
        schema.items = None;
    }
}

pub(crate) fn route_key(place: &Place) -> Option<RouteKey> {
    RouteKey::parse(place.route.as_deref()?).ok()
}

fn remove(document: &mut Value, pointer: &str) {
    if let Some((parent, token)) = pointer.rsplit_once('/')
        && let Some(around) = document.pointer_mut(parent).and_then(Value::as_object_mut)
    {
        around.remove(&token.replace("~1", "/").replace("~0", "~"));
    }
}
