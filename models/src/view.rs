//! What a model allows at one place, references and alternatives resolved.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Class, Classes, FieldPath, JsonType, Model, Parameter, Place, Route, RouteKey, Schema, Step,
    Surface,
};

/// All that a value at one place may be: the alternatives of a schema with references followed.
///
/// An empty list of alternatives says nothing of the value, and any matches.
#[derive(Debug, Clone)]
pub struct View<'m> {
    model: &'m Model,
    /// The inline schemas a value may match, references followed.
    pub alternatives: Vec<Alternative<'m>>,
    /// Whether `null` is allowed.
    pub nullable: bool,
    /// At the root of a request: its query parameters, and the pointer to them.
    query: Option<(&'m BTreeMap<String, Parameter>, String)>,
}

/// One inline schema of a [`View`] and where in the model it stands.
#[derive(Debug, Clone)]
pub struct Alternative<'m> {
    /// The schema.
    pub schema: &'m Schema,
    /// Its JSON Pointer in the model document.
    pub pointer: String,
    /// The entity it stands in, and the path from the entity's root.
    pub entity: Option<(&'m str, FieldPath)>,
}

impl<'m> View<'m> {
    /// What a schema standing at a pointer allows.
    pub fn of(model: &'m Model, schema: &'m Schema, pointer: &str) -> Self {
        let mut view = Self::empty(model);
        view.admit(schema, pointer.to_owned(), None, &mut BTreeSet::new());
        view
    }

    /// What the model says of the bodies of a place; `None` where it does not have the place.
    ///
    /// A request's view allows what any of its media types allows, and has its query parameters.
    pub fn at(model: &'m Model, place: &Place) -> Option<Self> {
        if place.surface == Surface::Webhook {
            let (event, webhook) = model.webhooks.get_key_value(place.event.as_deref()?)?;
            let pointer = format!("/webhooks/{}/body", escape(event));
            return Some(Self::of(model, &webhook.body, &pointer));
        }
        let key = RouteKey::parse(place.route.as_deref()?).ok()?;
        let route = model.routes.get(&key)?;
        let home = format!("/routes/{}", escape(key.as_str()));
        match place.status {
            Some(status) => {
                let name = route.variant_for(status)?;
                let mut view = Self::empty(model);
                if let Some(body) = &route.variants[name].body {
                    let pointer = format!("{home}/variants/{}/body", escape(name));
                    view.admit(body, pointer, None, &mut BTreeSet::new());
                }
                Some(view)
            }
            None => Some(Self::of_request(model, route, &home)),
        }
    }

    fn of_request(model: &'m Model, route: &'m Route, home: &str) -> Self {
        let mut view = Self::empty(model);
        for (media_type, schema) in route.request.iter().flat_map(|body| &body.content) {
            let pointer = format!("{home}/request/content/{}", escape(media_type));
            view.admit(schema, pointer, None, &mut BTreeSet::new());
        }
        view.query = Some((&route.query, format!("{home}/query")));
        view
    }

    fn empty(model: &'m Model) -> Self {
        Self { model, alternatives: Vec::new(), nullable: false, query: None }
    }

    /// Nothing is said of the value.
    pub fn says_nothing(&self) -> bool {
        self.alternatives.is_empty()
    }

    /// The view one step in; `None` where the model does not have the step.
    ///
    /// Where several alternatives have it, the values of all are allowed.
    pub fn step(&self, step: &Step) -> Option<Self> {
        if let Step::Query(name) = step {
            return self.parameter(name);
        }
        let mut inner = Self::empty(self.model);
        let mut found = false;
        for alternative in &self.alternatives {
            let Some((schema, token)) = alternative.child(step) else { continue };
            found = true;
            let pointer = format!("{}{token}", alternative.pointer);
            let entity =
                alternative.entity.as_ref().map(|(name, path)| (*name, path.then(step.clone())));
            if schema.says_nothing() {
                return Some(Self { nullable: true, ..Self::empty(self.model) });
            }
            inner.admit(schema, pointer, entity, &mut BTreeSet::new());
        }
        found.then_some(inner)
    }

    fn parameter(&self, name: &str) -> Option<Self> {
        let (parameters, home) = self.query.as_ref()?;
        let pointer = format!("{home}/{}/schema", escape(name));
        parameters.get(name).map(|parameter| Self::of(self.model, &parameter.schema, &pointer))
    }

    /// The query parameters, each with whether it is required; none but at the root of a request.
    pub fn query(&self) -> impl Iterator<Item = (&'m str, bool)> {
        let parameters = self.query.iter().flat_map(|(parameters, _)| parameters.iter());
        parameters.map(|(name, parameter)| (name.as_str(), parameter.schema.required))
    }

    /// The names of the fields any alternative has, each with whether every object alternative
    /// requires it.
    pub fn fields(&self) -> BTreeMap<&'m str, bool> {
        let objects: Vec<_> = self.objects().collect();
        let mut fields: BTreeMap<&str, usize> = BTreeMap::new();
        for object in &objects {
            for (name, property) in &object.schema.properties {
                *fields.entry(name).or_default() += usize::from(property.required);
            }
        }
        fields.into_iter().map(|(name, required)| (name, required == objects.len())).collect()
    }

    /// The alternatives that are objects.
    pub fn objects(&self) -> impl Iterator<Item = &Alternative<'m>> {
        self.alternatives.iter().filter(|one| one.schema.types.contains(&JsonType::Object))
    }

    /// Whether an object alternative says nothing of its fields.
    pub fn is_opaque_object(&self) -> bool {
        self.says_nothing() || self.objects().any(|one| one.schema.is_opaque_object())
    }

    /// Whether the objects here are maps whose keys are data, and not records.
    pub fn is_map(&self) -> bool {
        let mut objects = self.objects().peekable();
        objects.peek().is_some()
            && objects.all(|one| one.schema.map.is_some() && one.schema.properties.is_empty())
    }

    /// The classes a value may have; every class where nothing is said.
    pub fn classes(&self) -> Classes {
        if self.says_nothing() {
            return Classes::from_iter(Class::ALL);
        }
        let types = self.alternatives.iter().map(|one| classes_of(one.schema));
        let null = if self.nullable { Class::Null.mask() } else { Classes::NONE };
        types.fold(null, Classes::union)
    }

    /// The JSON types allowed.
    pub fn types(&self) -> BTreeSet<JsonType> {
        self.alternatives.iter().flat_map(|one| one.schema.types.iter().copied()).collect()
    }

    /// The closed set of strings allowed; `None` where strings are open or not allowed.
    pub fn enumeration(&self) -> Option<BTreeSet<&'m str>> {
        let mut values = BTreeSet::new();
        for one in &self.alternatives {
            if !one.schema.types.contains(&JsonType::String) {
                continue;
            }
            if one.schema.values.is_empty() {
                return None;
            }
            values.extend(one.schema.values.iter().map(String::as_str));
        }
        (!values.is_empty()).then_some(values)
    }

    /// The format all strings have; `None` where they are free or of several formats.
    pub fn format(&self) -> Option<&'m str> {
        let mut strings =
            self.alternatives.iter().filter(|one| one.schema.types.contains(&JsonType::String));
        let first = strings.next()?.schema.format.as_deref()?;
        strings.all(|one| one.schema.format.as_deref() == Some(first)).then_some(first)
    }

    fn admit(
        &mut self,
        schema: &'m Schema,
        pointer: String,
        entity: Option<(&'m str, FieldPath)>,
        followed: &mut BTreeSet<&'m str>,
    ) {
        self.nullable |= schema.nullable;
        for (name, alternative) in &schema.any_of {
            self.admit(
                alternative,
                format!("{pointer}/any_of/{}", escape(name)),
                entity.clone(),
                followed,
            );
        }
        if let Some(name) = &schema.entity
            && let Some((name, target)) = self.model.entities.get_key_value(name.as_str())
            && followed.insert(name)
        {
            let home = format!("/entities/{}", escape(name));
            self.admit(target, home, Some((name, FieldPath::ROOT)), followed);
        }
        if !schema.types.is_empty() {
            self.alternatives.push(Alternative { schema, pointer, entity });
        }
    }
}

impl<'m> Alternative<'m> {
    /// The schema one step in, and the pointer's tokens to it.
    fn child(&self, step: &Step) -> Option<(&'m Schema, String)> {
        match step {
            Step::Query(_) => None,
            Step::Field(name) => self
                .schema
                .properties
                .get(name)
                .map(|schema| (schema, format!("/properties/{}", escape(name)))),
            Step::Items => self.schema.items.as_deref().map(|schema| (schema, "/items".to_owned())),
            Step::Values => self.schema.map.as_deref().map(|schema| (schema, "/map".to_owned())),
        }
    }
}

/// A reference token of a JSON Pointer (RFC 6901 §3).
pub fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

fn classes_of(schema: &Schema) -> Classes {
    let of_type = |json_type: &JsonType| match json_type {
        JsonType::Array => Class::Array.mask(),
        JsonType::Boolean => Class::Boolean.mask(),
        JsonType::Integer => Class::Integer.mask(),
        JsonType::Number => Class::Integer.mask().union(Class::Number.mask()),
        JsonType::Object => Class::Object.mask().union(Class::Map.mask()),
        JsonType::String => match schema.format.as_deref().and_then(Class::of_format) {
            Some(class) => class.mask(),
            None => Class::ALL
                .into_iter()
                .filter(|class| class.json_type() == Some(JsonType::String))
                .collect(),
        },
    };
    schema.types.iter().map(of_type).fold(Classes::NONE, Classes::union)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        serde_json::from_str(
            r#"{"format": "wondertwin.model/1", "name": "t", "version": "1.0.0", "routes": {},
            "entities": {
              "customer": {"types": {"object": true}, "properties": {
                "id": {"types": {"string": true}, "required": true},
                "parent": {"any_of": {"customer": {"ref": "customer"}}, "types": {"string": true}, "nullable": true}}},
              "loop": {"ref": "loop"}}}"#,
        )
        .unwrap()
    }

    #[test]
    fn a_reference_is_followed_to_its_entity_and_cycles_end() {
        let model = model();
        let schema = Schema::reference("customer");
        let view = View::of(&model, &schema, "/x");
        let parent = view.step(&Step::Field("parent".into())).unwrap();
        assert_eq!(parent.types(), BTreeSet::from([JsonType::Object, JsonType::String]));
        assert!(parent.nullable);
        let id = parent.step(&Step::Field("id".into())).unwrap();
        assert_eq!(id.alternatives[0].pointer, "/entities/customer/properties/id");
        assert_eq!(view.fields(), BTreeMap::from([("id", true), ("parent", false)]));

        let looped = Schema::reference("loop");
        assert!(View::of(&model, &looped, "/x").says_nothing());
    }
}
