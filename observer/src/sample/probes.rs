//! `probes.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use models::RouteKey;
use serde::{Deserialize, Serialize};

use crate::toml_file::{self, TomlError};

/// What is asked, and how much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probes {
    /// Requests a run, answers to which are what it is for and what it costs.
    pub requests_max: u32,
    /// Of each rate limit of the model, how much the sampler may use: 0.1 is a tenth.
    pub share_of_limits: f64,
    /// How long a run waits in all, for limits and where the vendor asks it to.
    pub wait_max_seconds: u64,
    /// Sent with each request, as they stand.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Sent with each request, from the environment: header name to variable.
    #[serde(default)]
    pub credentials: BTreeMap<String, Credential>,
    /// Requests by route.
    #[serde(default)]
    pub probes: BTreeMap<String, Probe>,
}

/// A header whose value is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// The environment's variable.
    pub env: String,
    /// What stands before it, `Bearer `.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
}

/// One route and where its parameters come from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Probe {
    /// Query parameters, each with the values to choose from.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, Vec<String>>,
    /// Path parameters, each with the values to choose from.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Vec<String>>,
    /// Where the last path parameter's values are read from, those before it included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Source>,
    /// How the pages after the first are asked for; they are not where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<Pages>,
    /// The request changes something and is sent nevertheless.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub r#unsafe: bool,
    /// The body of one that does, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// The pages of a list: by the answer's `Link` header, or by a cursor in its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pages {
    /// Pages asked for in a run, the first included; each is a request of the budget.
    pub max: u32,
    /// The query parameter that takes the cursor, `starting_after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Where the cursor is, `next_cursor` or `data[].id`, of which the last counts; where an address
    /// stands there it is followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Where `false` says that this was the last page, `has_more`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<String>,
}

/// Values in the answers of another probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The other's route.
    pub probe: String,
    /// Where in its answer, `data[].id`.
    pub at: String,
}

/// What is wrong with a `probes.toml`, and what to write instead.
#[derive(Debug, thiserror::Error)]
pub enum ProbesError {
    /// It says nothing.
    #[error(transparent)]
    Toml(#[from] TomlError),
    /// A probe cannot be sent as it is written.
    #[error("{}, `probes.\"{probe}\"`: {message}", .path.display())]
    Probe {
        /// The file.
        path: PathBuf,
        /// The route.
        probe: String,
        /// What and what instead.
        message: String,
    },
}

/// Methods that change nothing.
///
/// # Source
///
/// RFC 9110, 9.2.1.
const SAFE: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

impl Probes {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or a probe is none: its route is no route, its method is not safe
    /// and not said to be sent nevertheless, its source is no probe.
    pub fn read(path: &Path) -> Result<Self, ProbesError> {
        let probes: Self = toml_file::read(path)?;
        for (name, probe) in &probes.probes {
            probes.check(name, probe).map_err(|message| ProbesError::Probe {
                path: path.to_owned(),
                probe: name.clone(),
                message,
            })?;
        }
        Ok(probes)
    }

    fn check(&self, name: &str, probe: &Probe) -> Result<(), String> {
        let route = RouteKey::parse(name)
            .map_err(|error| format!("{error}: write one as \"GET /customers/{{id}}\""))?;
        if !SAFE.contains(&route.method()) && !probe.r#unsafe {
            let method = route.method();
            return Err(format!(
                "{method} may change something: write `unsafe = true` if it is to be sent"
            ));
        }
        if let Some(source) = &probe.from {
            if !self.probes.contains_key(&source.probe) {
                return Err(format!(
                    "`from.probe` names `{}`, which is no probe of this file",
                    source.probe
                ));
            }
            if route.parameters().next().is_none() {
                return Err("`from` fills a path parameter, and the route has none".to_owned());
            }
        }
        if let Some(pages) = &probe.pages {
            if pages.max == 0 {
                return Err("`pages.max` counts the first page too and is 1 at least".to_owned());
            }
            if pages.query.is_some() != pages.at.is_some() {
                let told = "`pages.query` and `pages.at` go together: where the cursor is, and which parameter takes it";
                return Err(told.to_owned());
            }
            if !SAFE.contains(&route.method()) {
                return Err("`pages` are of routes that only read".to_owned());
            }
        }
        for parameter in probe.values.keys() {
            if !route.parameters().any(|known| known == parameter) {
                return Err(format!("`values.{parameter}` is no parameter of the route"));
            }
        }
        Ok(())
    }
}
