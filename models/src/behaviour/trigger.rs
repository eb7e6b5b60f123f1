//! `trigger` of a transition: the call that makes it happen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The call that makes a transition happen.
///
/// `POST /v1/charges/{charge}/capture`, or `POST /issues/{key}/transitions with transition.id=21`;
/// the published prose `transition API call with transitionId=21` means the route below the
/// entity that is called after the action. A name in `with` is the path of a field of the request,
/// whatever stands between its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Trigger {
    /// `POST /v1/charges/{charge}/capture`.
    pub route: Option<String>,
    /// The word the route's path ends with, where the route itself is not named.
    pub action: Option<String>,
    /// What the request has to say.
    pub with: BTreeMap<String, String>,
    text: String,
}

const FORMS: &str = "`METHOD /path`, `METHOD /path with FIELD=VALUE`, `ACTION API call` or `ACTION API call with FIELD=VALUE`";

impl TryFrom<String> for Trigger {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("the trigger {text:?} is none of {FORMS}");
        let (call, conditions) = text.split_once(" with ").unwrap_or((&text, ""));
        let with: Option<BTreeMap<_, _>> = conditions
            .split(',')
            .map(str::trim)
            .filter(|one| !one.is_empty())
            .map(|one| {
                let (name, value) = one.split_once('=')?;
                Some((name.trim().to_owned(), value.trim().to_owned()))
            })
            .collect();
        let with = with.ok_or_else(wrong)?;
        let words: Vec<&str> = call.split_whitespace().collect();
        let (route, action) = match &words[..] {
            [method, path] if path.starts_with('/') => {
                (Some(format!("{} {path}", method.to_ascii_uppercase())), None)
            }
            [action, api, word] if api.eq_ignore_ascii_case("api") && *word == "call" => {
                (None, Some(action.to_ascii_lowercase()))
            }
            _ => return Err(wrong()),
        };
        Ok(Self { route, action, with, text })
    }
}

impl From<Trigger> for String {
    fn from(trigger: Trigger) -> Self {
        trigger.text
    }
}

impl std::fmt::Display for Trigger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trigger_names_a_route_or_the_word_its_path_ends_with() {
        let trigger =
            Trigger::try_from("post /a/{id}/pay with method.kind=card, now=true".to_owned());
        let trigger = trigger.unwrap();
        assert_eq!(trigger.route.as_deref(), Some("POST /a/{id}/pay"));
        assert_eq!(trigger.with["method.kind"], "card");
        assert_eq!(trigger.with["now"], "true");
        for text in ["whenever", "POST a", "POST /a with b"] {
            assert!(Trigger::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
