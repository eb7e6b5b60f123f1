//! What a route's success is followed by.

use serde_json::{Map, Value};

use super::Subject;
use crate::call::{Call, Outcome};
use crate::id::text_of;
use crate::lua::World as _;
use crate::render::{Reply, whole};

impl Call<'_> {
    /// Whether anything follows of the route's success.
    pub(crate) fn has_effects(&self) -> bool {
        let key = self.served.program.route(self.number).key.as_str();
        self.twin.rules.route(key).is_some_and(|rules| !rules.effects.is_empty())
    }

    /// Has the route's effects follow of what came of the call.
    pub(crate) fn follow_outcome(&self, outcome: &Outcome, request: Option<Value>) {
        if !self.has_effects() {
            return;
        }
        let subject = match outcome {
            Outcome::Item { entity, fields, .. } => {
                let collection = self.subject_collection();
                let mut fields = fields.clone().unwrap_or_else(|| entity.fields());
                self.complete(&collection, &entity.id, &mut fields);
                Subject::of(&collection, &entity.id, &fields)
            }
            Outcome::Echo(fields) => Subject::of("", "", fields),
            Outcome::List(_) => Subject::default(),
        };
        self.follow_subject(subject, request);
    }

    /// Has the route's effects follow of what a handler answered.
    pub(crate) fn follow_reply(&self, reply: &Reply, request: Option<Value>) {
        if !self.has_effects() || !reply.status().is_success() {
            return;
        }
        let body = whole(reply.body().clone());
        let object: Value = serde_json::from_slice(&body).unwrap_or_default();
        let fields = object.as_object().cloned().unwrap_or_default();
        let id = fields.get("id").and_then(text_of).unwrap_or_default();
        self.follow_subject(Subject::of(&self.subject_collection(), &id, &fields), request);
    }

    fn subject_collection(&self) -> String {
        let target = self.served.program.action(self.number).target.as_ref();
        target.map(|target| self.collection_of(&target.home)).unwrap_or_default()
    }

    fn follow_subject(&self, subject: Subject, request: Option<Value>) {
        let route = self.served.program.route(self.number);
        let Some(rules) = self.twin.rules.route(route.key.as_str()) else { return };
        let named = route.parameters.iter().zip(self.values);
        let parameters: Map<String, Value> =
            named.map(|(name, value)| (name.to_string(), (&**value).into())).collect();
        let subject = subject.with("parameters", parameters);
        self.follow(&rules.effects, &subject.with("request", request.unwrap_or_default()));
    }
}
