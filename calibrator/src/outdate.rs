//! What a published change of the model makes of evidence from before it.

use models::{FieldPath, Model, Place, Step};

use crate::diff::described;
use crate::evidence::{Evidence, Silent};

impl Evidence {
    /// Takes a published calibration to be known: fields that it made optional are no longer testified to
    /// by what was seen before, and fields that it made required are again.
    ///
    /// What was seen until a field became optional says that it is always there, and three answers without
    /// it would say that it is gone. Its values, types and formats go on testifying. Where the field is
    /// required again, by a rollback or because the vendor sends it always, all that was seen counts.
    pub fn absorb(&mut self, number: u64, before: &Model, after: &Model) {
        self.absorbed.insert(number);
        for (place, seen) in &mut self.places {
            for (path, object) in &mut seen.objects {
                let of = object.n;
                for (key, field) in &mut object.fields {
                    let [Step::Field(name)] = key.0.as_slice() else { continue };
                    let required = |model| is_required(model, place, path, name);
                    match (required(before), required(after)) {
                        (true, false) => {
                            let sometimes = field.sometimes;
                            field.silent = Silent { n: field.n, of, sometimes };
                        }
                        (false, true) => field.silent = Silent::default(),
                        _ => {}
                    }
                }
            }
        }
    }
}

fn is_required(model: &Model, place: &Place, object: &FieldPath, name: &str) -> bool {
    described(model, place, object)
        .is_some_and(|view| view.fields().get(name).copied().unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn model(required: bool) -> Model {
        let phone = json!({"types": {"string": true}, "required": required});
        serde_json::from_value(json!({
            "format": "wondertwin.model/1", "name": "shop", "version": "1.0.0", "base_url": "",
            "entities": {"customer": {"types": {"object": true}, "properties": {"phone": phone}}},
            "routes": {"GET /customers/{id}": {"variants": {"200": {"body": {"ref": "customer"}}}}}
        }))
        .unwrap()
    }

    fn evidence(n: u64, of: u64) -> Evidence {
        let place = Place {
            surface: models::Surface::Response,
            route: Some("GET /customers/{id}".to_owned()),
            status: Some(200),
            event: None,
        };
        let mut evidence = Evidence::default();
        let object = evidence.places.entry(place).or_default().objects.entry(FieldPath::ROOT);
        let object = object.or_default();
        object.n = of;
        object.fields.entry(FieldPath(vec![Step::Field("phone".into())])).or_default().n = n;
        evidence
    }

    fn presence(evidence: &Evidence) -> (u64, u64) {
        let object = &evidence.places.values().next().unwrap().objects[&FieldPath::ROOT];
        object.presence(object.fields.values().next().unwrap())
    }

    fn absent(evidence: &Evidence) -> u64 {
        let object = &evidence.places.values().next().unwrap().objects[&FieldPath::ROOT];
        object.absent(object.fields.values().next().unwrap())
    }

    #[test]
    fn what_was_always_there_says_nothing_once_it_is_optional_and_what_comes_then_does() {
        let mut known = evidence(980, 980);
        known.absorb(3, &model(true), &model(false));
        assert_eq!(presence(&known), (0, 0));
        known.merge(&evidence(9, 17));
        assert_eq!(presence(&known), (9, 17));
        assert_eq!(known.absorbed, [3].into());
    }

    #[test]
    fn what_was_seen_before_counts_again_once_the_field_is_required_again() {
        let mut known = evidence(980, 980);
        let place = known.places.values_mut().next().unwrap();
        let object = place.objects.get_mut(&FieldPath::ROOT).unwrap();
        object.fields.values_mut().next().unwrap().sometimes = 4;
        let as_it_was = known.clone();

        known.absorb(3, &model(true), &model(false));
        assert_eq!((presence(&known), absent(&known)), ((0, 0), 0));
        known.absorb(4, &model(false), &model(true));
        assert_eq!((presence(&known), absent(&known)), ((980, 980), 4));
        assert_eq!(known.places, as_it_was.places);
    }

    #[test]
    fn a_calibration_that_leaves_the_field_alone_leaves_its_evidence() {
        let mut known = evidence(980, 980);
        known.absorb(3, &model(true), &model(true));
        assert_eq!(presence(&known), (980, 980));
    }
}
