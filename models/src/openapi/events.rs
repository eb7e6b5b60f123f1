//! What webhooks are called: by the event that a delivery names, not by a description's slug of it.

use std::collections::BTreeMap;

use crate::{Model, Step, View};

/// Gives webhooks the names that deliveries have: the event and, after a dot, the payload's action.
///
/// A description may name a webhook by one slug of both, `issue-comment-created`, where a delivery
/// is of the event `issue_comment` and its payload's `action` is `created`. Where the payload has
/// one action and the name ends with it, or else the operation's id does, the two are taken apart.
/// A document that joins them by a hyphen writes every event so: `page-build` is `page_build` too.
///
/// `operations` has the operations' ids by the webhooks' names. What two webhooks would be called
/// keeps the names it has. Returns notes of those.
///
/// # Source
///
/// GitHub's description as `@octokit/openapi` 23.0.2 carries it, 270 webhooks, beside the events that
/// GitHub's reference of webhooks lists.
pub(super) fn name(model: &mut Model, operations: &BTreeMap<String, String>) -> Vec<String> {
    let split: BTreeMap<String, String> = model
        .webhooks
        .keys()
        .filter_map(|name| {
            let id = operations.get(name).map_or("", String::as_str);
            Some((name.clone(), parted(name, id, actions(model, name).as_deref())?))
        })
        .collect();
    if split.is_empty() {
        return Vec::new();
    }
    let are_slugs = split.iter().any(|(name, event)| *name != plain(event));
    let event_of = |name: &String| match split.get(name) {
        Some(event) => event.clone(),
        None if are_slugs && !name.contains('.') => name.replace('-', "_"),
        None => name.clone(),
    };
    let mut notes = Vec::new();
    for (name, webhook) in std::mem::take(&mut model.webhooks) {
        let event = event_of(&name);
        if model.webhooks.contains_key(&event) {
            notes.push(format!(
                "webhook `{name}`: another one is called `{event}`; it keeps its name"
            ));
            model.webhooks.insert(name, webhook);
        } else {
            model.webhooks.insert(event, webhook);
        }
    }
    notes
}

/// The actions that payloads of a webhook may have; `None` where any, or none is stated.
fn actions(model: &Model, name: &str) -> Option<Vec<String>> {
    let body = &model.webhooks.get(name)?.body;
    let action = View::of(model, body, "").step(&Step::Field("action".into()))?;
    if !action.types().contains(&crate::JsonType::String) {
        return None;
    }
    let values = action.enumeration().unwrap_or_default();
    Some(values.into_iter().map(str::to_owned).collect())
}

/// The event with its action, where a name, or the operation's id, is one slug of both.
fn parted(name: &str, id: &str, actions: Option<&[String]>) -> Option<String> {
    let event = |before: &str, action: &str| format!("{}.{action}", before.replace('-', "_"));
    match actions? {
        [action] => {
            let before =
                before(name, action, &['-', '_']).or_else(|| before(id, action, &['/']))?;
            Some(event(before, action))
        }
        // Any action: the id says where it begins, and the name holds an example of one.
        [] => {
            let (before, after) = id.split_once('/')?;
            (plain(name) == plain(id)).then(|| event(before, after))
        }
        _ => None,
    }
}

/// What stands before an action at a text's end.
fn before<'t>(text: &'t str, action: &str, joints: &[char]) -> Option<&'t str> {
    let cut = text.len().checked_sub(action.len())?;
    let (before, after) = (text.get(..cut)?, text.get(cut..)?);
    let before = before.strip_suffix(joints)?;
    (!before.is_empty() && plain(after) == plain(action)).then_some(before)
}

/// A text without the difference between joints.
fn plain(text: &str) -> String {
    text.replace(['-', '/', '.'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parted_by(name: &str, id: &str, actions: &[&str]) -> Option<String> {
        let actions: Vec<String> = actions.iter().map(|one| (*one).to_owned()).collect();
        parted(name, id, Some(&actions))
    }

    #[test]
    fn a_slug_is_taken_apart_where_the_payloads_action_begins() {
        let created = parted_by("issue-comment-created", "", &["created"]);
        assert_eq!(created.as_deref(), Some("issue_comment.created"));
        let requested = parted_by("check-run-requested-action", "", &["requested_action"]);
        assert_eq!(requested.as_deref(), Some("check_run.requested_action"));
        let opened = parted_by("issues_opened", "", &["opened"]);
        assert_eq!(opened.as_deref(), Some("issues.opened"));
    }

    #[test]
    fn an_operations_id_speaks_where_the_name_has_another_form_of_the_action() {
        let (name, id) = ("property-promoted-to-enterprise", "property/promote-to-enterprise");
        let event = parted_by(name, id, &["promote_to_enterprise"]);
        assert_eq!(event.as_deref(), Some("property.promote_to_enterprise"));
        let (name, id) = ("dispatch-sample.collected", "dispatch/sample.collected");
        assert_eq!(parted_by(name, id, &[]).as_deref(), Some("dispatch.sample.collected"));
    }

    #[test]
    fn a_name_that_is_the_event_already_stays() {
        assert_eq!(parted_by("issues.opened", "", &["opened"]), None);
        assert_eq!(parted_by("opened", "", &["opened"]), None);
        assert_eq!(parted_by("email-sent", "", &["bounced"]), None);
        assert_eq!(parted_by("email-sent", "", &["email", "sent"]), None);
        assert_eq!(parted("email-sent", "email/sent", None), None);
    }
}
