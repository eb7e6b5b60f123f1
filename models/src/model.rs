//! The model: one document that says how a twin behaves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::canonical::canonical_of;
use crate::{Deliveries, RateLimit, RouteKey, Schema};

/// The format's name and version, the first thing a reader checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ModelFormat {
    /// The present format.
    #[default]
    #[serde(rename = "wondertwin.model/1")]
    V1,
}

/// A twin's behaviour (`model/symbols.json`, the intermediate representation "WIR").
///
/// No array whose order means nothing, no generated ids, no derived data, no counts: what can
/// drift is keyed by its natural name, and the canonical form has one digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Always [`ModelFormat::V1`].
    pub format: ModelFormat,
    /// The twin's name.
    pub name: String,
    /// The twin's own version, which no calibration changes.
    pub version: String,
    /// Where production is, `https://api.example.com`, without a trailing slash; empty where
    /// unknown. A path in it (`/v2`) stands before every route's path.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub base_url: String,
    /// The vendor's API version this is a model of, where the vendor names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Routes by method and path template.
    #[serde(default)]
    pub routes: BTreeMap<RouteKey, Route>,
    /// Schemas that routes and webhooks share, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub entities: BTreeMap<String, Schema>,
    /// One whole object of an entity as the vendor shows it, by the entity's name: what there is
    /// in an object of which little is said. Answers that are no entity (a PDF) stand under their
    /// route's key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub examples: BTreeMap<String, serde_json::Value>,
    /// Rate limits by the vendor's resource name, else `default`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, RateLimit>,
    /// Webhooks by event (`issues.opened`, or `push` where there is no action).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub webhooks: BTreeMap<String, Webhook>,
    /// How webhooks are delivered, where that was observed.
    #[serde(default, skip_serializing_if = "Deliveries::is_empty")]
    pub deliveries: Deliveries,
}

/// One operation of the API.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// OpenAPI's `operationId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Path parameters by the name in braces.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub path: BTreeMap<String, Parameter>,
    /// Query parameters by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, Parameter>,
    /// Header parameters by lower-case name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Parameter>,
    /// The request's body; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Body>,
    /// Answers by status: `200`, or `4XX` and `default` as OpenAPI has them.
    #[serde(default)]
    pub variants: BTreeMap<String, Variant>,
    /// What the route does to the twin's state, where that is known rather than derived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateOp>,
}

/// A query, path or header parameter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// What its value may be; `required` in it says whether it must be there.
    pub schema: Schema,
    /// OpenAPI's `style` where it is not the default for the position (`deepObject`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
    /// OpenAPI's `explode` where it is not the style's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explode: Option<bool>,
}

/// A request's body.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// Schemas by media type, without parameters.
    pub content: BTreeMap<String, Schema>,
    /// Whether a body must be sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
}

/// One answer of a route.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// The body's schema in the main media type; absent where there is no body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Schema>,
    /// The main media type; `application/json` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Schemas in other media types.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub other_media: BTreeMap<String, Schema>,
    /// Answer headers by lower-case name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Schema>,
    /// The Lua handler that makes the answer: the name of its file, without the extension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lua_hook: Option<String>,
}

/// What a route does to the twin's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateOp {
    /// The operation.
    pub verb: StateVerb,
    /// The collection it works on, by the path of its parent route (`/customers`).
    pub collection: String,
}

/// The operations of the state engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StateVerb {
    /// Makes an object and answers it.
    Create,
    /// Answers one object by its id.
    Read,
    /// Changes fields of an object and answers it.
    Update,
    /// Removes an object.
    Delete,
    /// Answers a page of a collection.
    List,
}

/// What the vendor sends to the application for one event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// The payload.
    #[serde(default)]
    pub body: Schema,
    /// The media type; `application/json` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
}

impl Route {
    /// The key of the variant that describes a status: its own, its class (`4XX`), or `default`.
    pub fn variant_for(&self, status: u16) -> Option<&str> {
        let class = format!("{}XX", status / 100);
        [status.to_string(), class, "default".to_owned()]
            .iter()
            .find_map(|name| self.variants.get_key_value(name.as_str()))
            .map(|(name, _)| name.as_str())
    }
}

impl Model {
    /// A model of nothing, from which synthesis starts.
    pub fn empty(name: impl Into<String>, base_url: impl Into<String>) -> Self {
        Self {
            format: ModelFormat::V1,
            name: name.into(),
            version: "0.1.0".to_owned(),
            base_url: base_url.into(),
            api_version: None,
            routes: BTreeMap::new(),
            entities: BTreeMap::new(),
            examples: BTreeMap::new(),
            limits: BTreeMap::new(),
            webhooks: BTreeMap::new(),
            deliveries: Deliveries::default(),
        }
    }

    /// The canonical text: sorted keys, no blanks, shortest numbers.
    pub fn canonical(&self) -> String {
        canonical_of(self)
    }

    /// The document patches apply to.
    ///
    /// # Panics
    ///
    /// Never: every field of a model is representable in JSON.
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("a model's keys are strings and its numbers finite")
    }

    /// The path of the base URL, `/v2` or empty.
    pub fn base_path(&self) -> &str {
        let rest = self.base_url.split_once("://").map_or("", |(_, rest)| rest);
        rest.find('/').map_or("", |slash| rest[slash..].trim_end_matches('/'))
    }

    /// Host (and port) of the base URL, in its own case; empty where there is none.
    pub fn base_host(&self) -> &str {
        let rest = self.base_url.split_once("://").map_or("", |(_, rest)| rest);
        rest.split('/').next().unwrap_or("")
    }
}
