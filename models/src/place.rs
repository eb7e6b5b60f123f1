//! Where in production something was seen: surface, route, status, event, path.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Surface;

/// One step from a value to a value within it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Step {
    /// A field of an object.
    Field(String),
    /// The items of an array, `[]`.
    Items,
    /// The values of a free-form map, `{}`.
    Values,
    /// A query parameter, `?name`.
    Query(String),
}

/// A path from a body's root; the root has no steps.
///
/// Written with dots, `data[].owner.{}`; a query parameter is `?name`. A field whose own name
/// holds a dot stands as it is, as in forms (`Configuration.Filters`), so the text does not
/// always read back to the same steps and is for people, columns and matching only.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct FieldPath(pub Vec<Step>);

impl FieldPath {
    /// The body itself.
    pub const ROOT: Self = Self(Vec::new());

    /// This path and one step more.
    #[must_use]
    pub fn then(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The path without its last step, and that step; `None` at the root.
    pub fn split_last(&self) -> Option<(Self, &Step)> {
        let (last, parent) = self.0.split_last()?;
        Some((Self(parent.to_vec()), last))
    }

    /// Whether this is the other or lies below it.
    pub fn is_within(&self, top: &Self) -> bool {
        self.0.starts_with(&top.0)
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Items => f.write_str("[]")?,
                Step::Field(_) | Step::Values | Step::Query(_) if index > 0 => f.write_str(".")?,
                _ => {}
            }
            match step {
                Step::Field(name) => f.write_str(name)?,
                Step::Values => f.write_str("{}")?,
                Step::Query(name) => write!(f, "?{name}")?,
                Step::Items => {}
            }
        }
        Ok(())
    }
}

/// The body something was seen in: everything of a finding's place but the path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Request, response or webhook.
    pub surface: Surface,
    /// `METHOD /path`; absent for webhooks.
    pub route: Option<String>,
    /// Absent for requests and webhooks.
    pub status: Option<u16>,
    /// The webhook's event; absent otherwise.
    pub event: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_contracts_writes_it() {
        let field = |name: &str| Step::Field(name.to_owned());
        let path =
            FieldPath(vec![field("data"), Step::Items, field("meta"), Step::Values, field("a.b")]);
        assert_eq!(path.to_string(), "data[].meta.{}.a.b");
        assert_eq!(FieldPath(vec![Step::Items, field("id")]).to_string(), "[].id");
        assert_eq!(FieldPath(vec![Step::Query("limit".into())]).to_string(), "?limit");
        assert_eq!(FieldPath::ROOT.to_string(), "");
    }
}
