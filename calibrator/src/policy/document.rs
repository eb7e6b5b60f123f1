//! `drift.toml` as it is written, before what it leaves out is filled in.

use serde::{Deserialize, Deserializer};

use super::rule::{Age, Rule, Share};
use super::{Canary, Policy, Suppression, Thresholds};

/// Why a `drift.toml` is no policy.
#[derive(Debug, thiserror::Error)]
#[error("{file}, line {line}: {problem}")]
pub struct PolicyError {
    /// The file.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// The member and what is wrong with it.
    pub problem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    decide: Thresholds,
    publish: Option<Vec<Rule>>,
    #[serde(default)]
    suppress: Vec<Suppression>,
    #[serde(default, deserialize_with = "canary")]
    canary: Option<Canary>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct CanaryDocument {
    share: Share,
    promote_after: Age,
}

fn canary<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Canary>, D::Error> {
    let CanaryDocument { share, promote_after } = CanaryDocument::deserialize(deserializer)?;
    if share.0 <= 0.0 || share.0 >= 1.0 {
        let problem = format!("`share` is {}, expected a number above 0 and below 1", share.0);
        return Err(serde::de::Error::custom(problem));
    }
    Ok(Some(Canary { share: share.0, promote_after: promote_after.0 }))
}

pub(super) fn parse(text: &str, file: &str) -> Result<Policy, PolicyError> {
    let document: Document = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
        let member = text.lines().nth(line - 1).and_then(|text| text.split_once('='));
        let problem = match member.map(|(member, _)| member.trim()) {
            Some(member) if !error.message().contains(&format!("`{member}`")) => {
                format!("`{member}`: {}", error.message())
            }
            _ => error.message().to_owned(),
        };
        PolicyError { file: file.to_owned(), line, problem }
    })?;
    let publish = match document.publish {
        Some(rules) => rules,
        // The default itself has rules, so this ends.
        None => Policy::default().publish,
    };
    let Document { decide, suppress, canary, .. } = document;
    Ok(Policy { decide, publish, suppress, canary })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_annotated_default_says_what_is_in_force() {
        let default = Policy::default();
        assert_eq!(default.decide, Thresholds::default());
        assert_eq!(default.publish.len(), 1);
        assert_eq!(Policy::parse("", "drift.toml").unwrap(), default);
        // Each threshold is in the file, so that none is in force unseen.
        let table: toml::Table = Policy::DEFAULT.parse().unwrap();
        let decide = toml::Table::try_from(Thresholds::default()).unwrap();
        let written = table["decide"].as_table().unwrap();
        assert_eq!(written.keys().collect::<Vec<_>>(), decide.keys().collect::<Vec<_>>());
    }

    #[test]
    fn what_the_default_shows_as_a_comment_can_be_written() {
        let uncommented: String = Policy::DEFAULT
            .lines()
            .skip_while(|line| !line.starts_with("# [[suppress]]"))
            .map(|line| line.strip_prefix("# ").unwrap_or(line.trim_start_matches('#')))
            .filter(|line| line.contains(" = ") || line.starts_with('['))
            .collect::<Vec<_>>()
            .join("\n");
        let policy = Policy::parse(&uncommented, "drift.toml").unwrap();
        assert_eq!(policy.suppress.len(), 2);
        assert_eq!(policy.canary.unwrap().promote_after, chrono::TimeDelta::hours(24));
    }

    #[test]
    fn a_mistake_is_told_with_line_and_member() {
        let said = |text: &str| Policy::parse(text, "twins/a/drift.toml").unwrap_err().to_string();
        let all = [
            said("[decide]\nluck-max = 0.01\nluck-min = 0.1\n"),
            said("[decide]\nluck-max = \"little\"\n"),
            said("[decide]\nluck-max = 5\n"),
            said("[decide]\nunseen-max = 0.01\nlate-unseen-max = -0.1\n"),
            said("[decide]\nabsences-min = 0\n"),
            said("[decide]\nrefusals-min = -3\n"),
            said("\n[[publish]]\nkinds = [\"field_aded\"]\n"),
            said("[[publish]]\nunits-min = 2\nage-min = \"soon\"\n"),
            said("[[publish]]\nconfidence-min = 1.5\n"),
            said("[[suppress]]\nroutes = [\"GET /a\"]\nuntil = 2026-12-31\n"),
            said("[[suppress]]\nreason = \"noise\"\nuntil = 2026-12-31\n"),
            said("[[suppress]]\nfingerprint = \"xyz\"\nreason = \"a\"\nuntil = 2026-12-31\n"),
            said("[canary]\nshare = 1.0\npromote-after = \"1d\"\n"),
            said("[decide\n"),
        ];
        insta::assert_snapshot!(all.join("\n"));
    }
}
