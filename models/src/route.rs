//! The identity of a route: a method and a path template.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `GET /customers/{id}`: how a route is keyed in a model and named in findings.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteKey(String);

/// Why a text is no route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteKeyError {
    /// No blank between a method and a path.
    #[error("route `{0}` is not `METHOD /path`")]
    NotMethodAndPath(String),
    /// The method is not one of HTTP's.
    #[error(
        "route `{route}` has the method `{method}`, expected one of GET, PUT, POST, DELETE, OPTIONS, HEAD, PATCH, TRACE"
    )]
    UnknownMethod {
        /// The whole text.
        route: String,
        /// What stands for a method.
        method: String,
    },
    /// The path does not start with a slash.
    #[error("route `{0}` has a path that does not start with `/`")]
    RelativePath(String),
}

/// The methods a route can have, in OpenAPI's order.
pub type Method = &'static str;

const METHODS: [Method; 8] = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"];

impl RouteKey {
    /// Reads `METHOD /path`; the method may be in any case.
    ///
    /// # Errors
    ///
    /// Where there is no method, an unknown one, or a path that does not start with `/`.
    pub fn parse(text: &str) -> Result<Self, RouteKeyError> {
        let (method, path) =
            text.split_once(' ').ok_or_else(|| RouteKeyError::NotMethodAndPath(text.to_owned()))?;
        Self::new(method, path)
    }

    /// Joins a method in any case and a path template.
    ///
    /// # Errors
    ///
    /// As [`RouteKey::parse`].
    pub fn new(method: &str, path: &str) -> Result<Self, RouteKeyError> {
        let upper = method.to_ascii_uppercase();
        if !METHODS.contains(&upper.as_str()) {
            return Err(RouteKeyError::UnknownMethod {
                route: format!("{method} {path}"),
                method: method.to_owned(),
            });
        }
        if !path.starts_with('/') {
            return Err(RouteKeyError::RelativePath(format!("{method} {path}")));
        }
        Ok(Self(format!("{upper} {path}")))
    }

    /// The method, in upper case.
    pub fn method(&self) -> &str {
        self.0.split_once(' ').map_or("", |(method, _)| method)
    }

    /// The path template.
    pub fn path(&self) -> &str {
        self.0.split_once(' ').map_or("", |(_, path)| path)
    }

    /// The whole, `METHOD /path`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path's segments; the root has none.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.path().split('/').filter(|segment| !segment.is_empty())
    }

    /// The names in braces, in order; a segment may hold several (`{id}.{format}`).
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.path().split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
    }
}

impl fmt::Display for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RouteKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RouteKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
