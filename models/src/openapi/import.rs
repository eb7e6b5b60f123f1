//! The document's root: what it is, servers, entities, webhooks, limits.

use std::collections::BTreeSet;

use serde::Deserialize as _;
use serde_json::Value;

use super::at::At;
use super::document::{Document, extension_of};
use super::extension::RootExtension;
use super::read::read;
use super::{ImportError, events, media};
use crate::{Model, RateLimit, Webhook};

/// A model read from an OpenAPI document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The model.
    pub model: Model,
    /// What was ignored or ambiguous, each with its JSON Pointer in the document; empty where the
    /// model holds all that it can of the document.
    pub notes: Vec<String>,
}

/// Reads OpenAPI 3.0 or 3.1, JSON or YAML, plain or gzip, into a model.
///
/// `name` becomes the twin's name, whatever the document calls itself; `file` is for messages.
/// The document is taken whole or not at all: an operation left out unseen would look like one
/// that the vendor removed.
///
/// # Errors
///
/// Where the bytes are no such document, where a reference leads nowhere or out of the file, and
/// where a part that matters is of the wrong kind: each names the file and the place.
pub fn import(name: &str, bytes: &[u8], file: &str) -> Result<Imported, ImportError> {
    let root = read(bytes, file)?;
    let is_3_0 = version_of(&root, file)?.starts_with("3.0");
    let mut document = Document::new(file, &root, !is_3_0)?;
    let mut model = Model::empty(name, document.base_url()?);
    model.api_version = document.api_version()?;
    let own = extension_of::<RootExtension>(&root);
    let is_exported = own.is_some();
    if let Some(own) = own {
        model.version = own.version;
        model.api_version = model.api_version.filter(|_| !own.unversioned);
    }
    document.paths(&mut model)?;
    for member in ["webhooks", "x-webhooks"] {
        document.webhooks(member, &mut model)?;
    }
    document.entities(&mut model)?;
    document.limits(&mut model)?;
    if !is_exported {
        let notes = events::name(&mut model, &document.operations);
        document.notes.extend(notes);
    }
    Ok(Imported { model, notes: document.notes })
}

/// The document's version of OpenAPI, if it is one that is read here.
fn version_of<'d>(root: &'d Value, file: &str) -> Result<&'d str, ImportError> {
    let text = |key: &str| match root.get(key) {
        // YAML reads an unquoted `2.0` as a number.
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(Value::String(text)) => Some(text.clone()),
        _ => None,
    };
    let other =
        |found: String, hint| Err(ImportError::OtherFormat { file: file.to_owned(), found, hint });
    if let Some(version) = text("swagger") {
        return other(
            format!("an OpenAPI {version} (Swagger) document"),
            " — convert it first, for example with swagger2openapi",
        );
    }
    if let Some(version) = text("asyncapi") {
        return other(format!("an AsyncAPI {version} document"), "");
    }
    let version = match root.get("openapi") {
        Some(Value::String(version)) => version,
        Some(_) => {
            let version = text("openapi").unwrap_or_default();
            return other(format!("an OpenAPI {version} document"), "");
        }
        None => return Err(ImportError::Missing { file: file.to_owned(), member: "openapi" }),
    };
    // Since 3.1 webhooks or components alone make a document.
    let enough: &[&str] = match version.get(..3) {
        Some("3.0") => &["paths", "x-webhooks"],
        Some("3.1") => &["paths", "x-webhooks", "webhooks", "components"],
        _ => return other(format!("an OpenAPI {version} document"), ""),
    };
    if !enough.iter().any(|member| root.get(*member).is_some()) {
        return Err(ImportError::Missing { file: file.to_owned(), member: "paths" });
    }
    Ok(version)
}

impl<'d> Document<'d> {
    fn api_version(&self) -> Result<Option<String>, ImportError> {
        let Some(info) = self.member(self.root, "info", &At::ROOT)? else { return Ok(None) };
        let version = self.member(info, "version", &At::ROOT.key("info"))?;
        Ok(version.map(|version| match version {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }))
    }

    /// The document's server, or else the one that all its paths have; empty where there is none.
    fn base_url(&mut self) -> Result<String, ImportError> {
        if let Some(url) = self.server_url(self.root, &At::ROOT)? {
            return Ok(url);
        }
        let at = At::ROOT.key("paths");
        let mut urls = BTreeSet::new();
        for (path, item) in self.entries(self.root, "paths", &At::ROOT)? {
            if item.is_object() {
                urls.insert(self.server_url(item, &at.key(path))?);
            }
        }
        match (urls.len(), urls.pop_first()) {
            (1, Some(Some(url))) => Ok(url),
            _ => Ok(String::new()),
        }
    }

    /// The URL of an owner's first server, variables by their defaults, without a trailing slash;
    /// `None` where there is none or it is relative.
    pub(super) fn server_url(
        &mut self,
        owner: &'d Value,
        at: &At<'_>,
    ) -> Result<Option<String>, ImportError> {
        let Some(servers) = self.member(owner, "servers", at)? else { return Ok(None) };
        let at = at.key("servers");
        let Some(server) = self.list(servers, &at)?.first() else { return Ok(None) };
        let at = at.index(0);
        let Some(url) = self.member(server, "url", &at)? else { return Ok(None) };
        let mut url = self.text(url, &at.key("url"))?.to_owned();
        for (name, variable) in self.entries(server, "variables", &at)? {
            let default = variable.get("default").and_then(Value::as_str).unwrap_or_default();
            url = url.replace(&format!("{{{name}}}"), default);
        }
        if !url.contains("://") || url.contains('{') {
            self.note(&at, "a URL without a host or with open variables is no base URL");
            return Ok(None);
        }
        Ok(Some(url.trim_end_matches('/').to_owned()))
    }

    fn entities(&mut self, model: &mut Model) -> Result<(), ImportError> {
        for (entity, (reference, raw)) in self.entities.clone() {
            let at = At::ROOT.target(&reference);
            self.open.push(reference.clone());
            let schema = self.schema(raw, &at);
            self.open.pop();
            model.entities.insert(entity, schema?);
        }
        Ok(())
    }

    fn webhooks(&mut self, member: &str, model: &mut Model) -> Result<(), ImportError> {
        let Some(raw) = self.member(self.root, member, &At::ROOT)? else { return Ok(()) };
        let at = At::ROOT.key(member);
        for (event, item) in self.object(raw, &at)? {
            let webhook = self.webhook(item, &at.key(event))?;
            let id = item.pointer("/post/operationId").and_then(Value::as_str);
            self.operations.extend(id.map(|id| (event.clone(), id.to_owned())));
            model.webhooks.insert(event.clone(), webhook);
        }
        Ok(())
    }

    /// The webhook that a path item describes: what its first operation, `post` if there is one,
    /// has as request body.
    pub(super) fn webhook(&mut self, item: &'d Value, at: &At<'_>) -> Result<Webhook, ImportError> {
        let (item, reference) = self.follow(item, at)?;
        let target = reference.map(|reference| at.target(reference));
        let at = target.as_ref().unwrap_or(at);
        let map = self.object(item, at)?;
        let Some(method) = ["post", "put", "patch", "get", "delete"]
            .into_iter()
            .find(|method| map.contains_key(*method))
        else {
            return Ok(Webhook::default());
        };
        let Some(body) = self.request_body(&map[method], &at.key(method))? else {
            return Ok(Webhook::default());
        };
        let main = media::main(body.content.keys()).cloned();
        if body.content.len() > 1 {
            self.note(at, "of several media types of a webhook only the first is kept");
        }
        Ok(Webhook {
            body: main
                .as_ref()
                .and_then(|main| body.content.get(main))
                .cloned()
                .unwrap_or_default(),
            media_type: main.filter(|main| main != media::JSON),
        })
    }

    fn limits(&self, model: &mut Model) -> Result<(), ImportError> {
        let Some(raw) = self.member(self.root, "x-rate-limit", &At::ROOT)? else { return Ok(()) };
        let at = At::ROOT.key("x-rate-limit");
        if raw.get("algorithm").is_some_and(Value::is_string) {
            model.limits.insert("default".to_owned(), self.limit(raw, &at)?);
            return Ok(());
        }
        for (resource, raw) in self.object(raw, &at)? {
            model.limits.insert(resource.clone(), self.limit(raw, &at.key(resource))?);
        }
        Ok(())
    }

    fn limit(&self, raw: &Value, at: &At<'_>) -> Result<RateLimit, ImportError> {
        RateLimit::deserialize(raw)
            .map_err(|error| self.wrong(at, &format!("a rate limit ({error})"), raw))
    }
}
