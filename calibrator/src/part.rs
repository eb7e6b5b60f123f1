//! A part of a calibration: of the way from one model to another, what some of its findings stand for.

use std::collections::BTreeSet;

use models::{FieldPath, Finding, Kind, Model, Place, Step, View, escape};
use serde_json::{Map, Value, json};

use crate::diff::view_at;
use crate::propose::{route_key, slots};

/// The base with the changes of these findings made, as the result has them.
///
/// `None` where that is no model, or no change at all. Findings that change the same schema stand
/// and fall together: see [`with_companions`].
pub fn part(base: &Model, result: &Model, findings: &[Finding]) -> Option<Model> {
    let (from, to) = (base.to_value(), result.to_value());
    let mut document = from.clone();
    // A field's type before whether it is required or null, which stand in the same schema.
    let mut findings: Vec<_> = findings.iter().collect();
    findings.sort_by(|one, other| one.order().cmp(&other.order()));
    for finding in findings {
        for pointer in pointers(base, result, finding) {
            let kept = (finding.kind == Kind::TypeChanged)
                .then(|| from.pointer(&format!("{pointer}/required")).cloned())
                .flatten();
            let had = from.pointer(&pointer).is_some();
            copy(&to, &mut document, &pointer);
            if finding.kind == Kind::TypeChanged
                && had
                && let Some(slot) = document.pointer_mut(&pointer).and_then(Value::as_object_mut)
            {
                slot.remove("required");
                slot.extend(kept.map(|required| ("required".to_owned(), required)));
            }
        }
    }
    (document != from).then(|| serde_json::from_value(document).ok()).flatten()
}

/// The findings of these fingerprints, and those that are the same change of a shared schema.
pub(crate) fn with_companions<'f>(
    findings: &'f [Finding],
    fingerprints: &BTreeSet<String>,
) -> (Vec<&'f Finding>, Vec<&'f Finding>) {
    let named = |finding: &&Finding| fingerprints.contains(&finding.fingerprint);
    let groups: BTreeSet<_> =
        findings.iter().filter(named).filter_map(|finding| finding.group.as_deref()).collect();
    findings.iter().partition(|finding| {
        named(finding) || finding.group.as_deref().is_some_and(|group| groups.contains(group))
    })
}

/// JSON Pointers to what a finding changes in the model's document.
fn pointers(base: &Model, result: &Model, finding: &Finding) -> Vec<String> {
    let place = Place {
        surface: finding.surface,
        route: finding.route.clone(),
        status: finding.status,
        event: finding.event.clone(),
    };
    let route = || {
        let key = route_key(&place)?;
        Some(format!("/routes/{}", escape(key.as_str())))
    };
    let found = match finding.kind {
        Kind::RouteAdded | Kind::RouteRemoved => route(),
        Kind::StatusAdded => {
            let replaced = finding.before.as_u64().and_then(|status| u16::try_from(status).ok());
            let statuses = finding.status.into_iter().chain(replaced);
            let Some(route) = route() else { return Vec::new() };
            return statuses.map(|status| format!("{route}/variants/{status}")).collect();
        }
        Kind::WebhookEventAdded => {
            finding.event.as_ref().map(|event| format!("/webhooks/{}", escape(event)))
        }
        Kind::RateLimitChanged => {
            let scope = if finding.path.is_empty() { "default" } else { &finding.path };
            Some(format!("/limits/{}", escape(scope)))
        }
        _ => return of_field(base, result, &place, finding),
    };
    found.into_iter().collect()
}

fn of_field(base: &Model, result: &Model, place: &Place, finding: &Finding) -> Vec<String> {
    let mut all = BTreeSet::new();
    for model in [base, result] {
        let Some(path) = path_in(model, place, &finding.path) else { continue };
        let homes = || {
            let view = view_at(model, place, &path);
            let alternatives = view.into_iter().flat_map(|view| view.alternatives);
            alternatives.map(|one| one.pointer).collect::<Vec<_>>()
        };
        let with = |pointers: Vec<String>, member: &str| {
            pointers.into_iter().map(|pointer| format!("{pointer}{member}")).collect::<Vec<_>>()
        };
        let is_query = matches!(path.0.last(), Some(Step::Query(_)));
        all.extend(match finding.kind {
            Kind::FieldAdded | Kind::FieldRemoved if is_query => slots(model, place, &path)
                .iter()
                .map(|slot| slot.trim_end_matches("/schema").to_owned())
                .collect(),
            Kind::NullabilityChanged => with(slots(model, place, &path), "/nullable"),
            Kind::RequirednessChanged => with(slots(model, place, &path), "/required"),
            Kind::FormatChanged => with(homes(), "/format"),
            Kind::EnumValueAdded | Kind::EnumValueRemoved => with(homes(), "/enum"),
            _ => slots(model, place, &path),
        });
    }
    all.into_iter().collect()
}

/// Reads a finding's path back to steps, by the fields the model has there: a field's own name may
/// hold dots.
fn path_in(model: &Model, place: &Place, text: &str) -> Option<FieldPath> {
    fn read(view: &View<'_>, text: &str, steps: &mut Vec<Step>) -> bool {
        let text = text.strip_prefix('.').unwrap_or(text);
        if text.is_empty() {
            return true;
        }
        let mut candidates = Vec::new();
        if let Some(rest) = text.strip_prefix("[]") {
            candidates.push((Step::Items, rest));
        }
        if let Some(rest) = text.strip_prefix("{}") {
            candidates.push((Step::Values, rest));
        }
        if let Some(name) = text.strip_prefix('?') {
            candidates.push((Step::Query(name.to_owned()), ""));
        }
        let ends = text.match_indices(['.', '[']).map(|(at, _)| at).chain([text.len()]);
        let names: Vec<_> = ends.filter(|end| *end > 0).collect();
        candidates.extend(
            names.into_iter().rev().map(|end| (Step::Field(text[..end].to_owned()), &text[end..])),
        );
        candidates.into_iter().any(|(step, rest)| {
            let Some(inner) = view.step(&step) else { return false };
            steps.push(step);
            let found = read(&inner, rest, steps);
            if !found {
                steps.pop();
            }
            found
        })
    }
    let mut steps = Vec::new();
    read(&View::at(model, place)?, text, &mut steps).then_some(FieldPath(steps))
}

/// Members of a model's documents that hold things by name: where one is missing, it is empty.
const KEYED: [&str; 9] = [
    "routes",
    "entities",
    "webhooks",
    "limits",
    "properties",
    "query",
    "variants",
    "content",
    "any_of",
];

/// Makes what stands at a pointer in `into` what stands there in `from`, or removes it.
fn copy(from: &Value, into: &mut Value, pointer: &str) {
    let Some(value) = from.pointer(pointer) else {
        remove(into, pointer);
        return;
    };
    let mut at = String::new();
    for token in pointer.split('/').skip(1) {
        let around = at.clone();
        at = format!("{at}/{token}");
        if into.pointer(&at).is_some() {
            continue;
        }
        let is_last = at == pointer;
        let made = if is_last {
            value.clone()
        } else if KEYED.contains(&token) {
            Value::Object(Map::new())
        } else {
            // What the field stands in came with it.
            from.pointer(&at).cloned().unwrap_or_else(|| json!({}))
        };
        let is_whole = !KEYED.contains(&token);
        if let Some(members) = into.pointer_mut(&around).and_then(Value::as_object_mut) {
            members.insert(unescape(token), made);
        }
        if is_whole || is_last {
            return;
        }
    }
    if let Some(there) = into.pointer_mut(pointer) {
        *there = value.clone();
    }
}

fn remove(document: &mut Value, pointer: &str) {
    if let Some((parent, token)) = pointer.rsplit_once('/')
        && let Some(around) = document.pointer_mut(parent).and_then(Value::as_object_mut)
    {
        around.remove(&unescape(token));
    }
}

fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use models::Patch;

    use super::*;

    fn model(fields: &Value, limit: u64) -> Model {
        serde_json::from_value(json!({
            "format": "wondertwin.model/1", "name": "mails", "version": "1.0.0",
            "limits": {"default": {"algorithm": "fixed_window", "limit": limit, "window_seconds": 60}},
            "entities": {"mail": {"types": {"object": true}, "properties": fields}},
            "routes": {"GET /mails/{id}": {"variants": {"200": {"body": {"ref": "mail"}}}}}
        }))
        .unwrap()
    }

    fn finding(kind: &str, path: &str) -> Finding {
        let is_limit = kind == "rate_limit_changed";
        let mut finding: Finding = serde_json::from_value(json!({
            "kind": kind, "surface": "response", "event": null, "path": path,
            "route": (!is_limit).then_some("GET /mails/{id}"), "status": (!is_limit).then_some(200),
            "before": null, "after": null, "breaking": false, "confidence": 1.0,
            "evidence": {"seen": 1, "of": 1, "first_seen": null, "last_seen": null},
            "fingerprint": ""
        }))
        .unwrap();
        finding.fingerprint = finding.fingerprint_of();
        finding
    }

    fn both() -> (Model, Model, Vec<Finding>) {
        let before = model(
            &json!({
                "id": {"types": {"string": true}, "required": true},
                "size": {"types": {"integer": true}, "required": true},
                "subject": {"types": {"string": true}, "required": true},
                "state": {"types": {"string": true}, "enum": {"sent": true}}
            }),
            60,
        );
        let after = model(
            &json!({
                "id": {"types": {"string": true}},
                "size": {"types": {"string": true}},
                "a.b": {"types": {"object": true}, "properties": {"c": {"types": {"string": true}}}},
                "state": {"types": {"string": true}, "enum": {"sent": true, "lost": true}, "nullable": true}
            }),
            30,
        );
        let findings = vec![
            finding("requiredness_changed", "id"),
            finding("type_changed", "size"),
            finding("requiredness_changed", "size"),
            finding("field_removed", "subject"),
            finding("field_added", "a.b"),
            finding("enum_value_added", "state"),
            finding("nullability_changed", "state"),
            finding("rate_limit_changed", ""),
        ];
        (before, after, findings)
    }

    #[test]
    fn each_finding_is_a_part_of_its_own_and_all_together_are_the_whole() {
        let (before, after, findings) = both();
        let mut seen = BTreeSet::new();
        for finding in &findings {
            let made = part(&before, &after, std::slice::from_ref(finding)).unwrap();
            let patch = Patch::diff(&before.to_value(), &made.to_value());
            let changed: Vec<_> = patch.changes().map(str::to_owned).collect();
            assert!(!changed.is_empty(), "{finding:?}");
            for pointer in changed {
                assert!(seen.insert(pointer.clone()), "{pointer} is in two parts");
            }
        }
        assert_eq!(part(&before, &after, &findings).unwrap(), after);
    }

    proptest::proptest! {
        #[test]
        fn a_part_and_then_the_rest_is_the_whole(chosen in proptest::collection::vec(proptest::bool::ANY, 8)) {
            let (before, after, findings) = both();
            let (some, others): (Vec<_>, Vec<_>) =
                findings.into_iter().zip(chosen).partition(|(_, chosen)| *chosen);
            let only = |pairs: Vec<(Finding, bool)>| -> Vec<Finding> {
                pairs.into_iter().map(|(finding, _)| finding).collect()
            };
            let (some, others) = (only(some), only(others));
            let first = part(&before, &after, &some).unwrap_or_else(|| before.clone());
            let then = part(&first, &after, &others).unwrap_or_else(|| first.clone());
            proptest::prop_assert_eq!(then, after);
        }
    }

    #[test]
    fn a_change_of_a_shared_schema_is_chosen_on_all_its_routes() {
        let mut findings = vec![finding("field_added", "a"), finding("field_added", "b")];
        findings.push(Finding { route: Some("GET /drafts/{id}".into()), ..findings[0].clone() });
        findings[2].fingerprint = findings[2].fingerprint_of();
        for index in [0, 2] {
            findings[index].group = Some("mail|a|field_added".into());
        }
        let chosen = BTreeSet::from([findings[0].fingerprint.clone()]);
        let (some, rest) = with_companions(&findings, &chosen);
        assert_eq!((some.len(), rest.len()), (2, 1));
    }
}
