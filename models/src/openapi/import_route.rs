//! Operations: parameters, request bodies and answers.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::Value;

use super::at::At;
use super::document::{Document, extension_of};
use super::extension::{OperationExtension, ParameterExtension, ResponseExtension};
use super::{ImportError, media};
use crate::{Body, Model, Parameter, Route, RouteKey, Schema, Variant};

/// The members of a path item that are operations.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Where a parameter is sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Position {
    Path,
    Query,
    Header,
}

impl Position {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
        }
    }

    /// OpenAPI's default `style`, which the model leaves out.
    const fn style(self) -> &'static str {
        match self {
            Self::Path | Self::Header => "simple",
            Self::Query => "form",
        }
    }
}

impl<'d> Document<'d> {
    pub(super) fn paths(&mut self, model: &mut Model) -> Result<(), ImportError> {
        let at = At::ROOT.key("paths");
        for (path, item) in self.entries(self.root, "paths", &At::ROOT)? {
            if path.starts_with("x-") {
                continue;
            }
            let at = at.key(path);
            let (item, reference) = self.follow(item, &at)?;
            let place = reference.map_or(at, |reference| at.target(reference));
            self.path_item(path, item, &place, model)?;
        }
        Ok(())
    }

    fn path_item(
        &mut self,
        path: &str,
        item: &'d Value,
        at: &At<'_>,
        model: &mut Model,
    ) -> Result<(), ImportError> {
        let map = self.object(item, at)?;
        self.other_server(item, at, &model.base_url)?;
        for method in METHODS {
            let Some(operation) = map.get(method) else { continue };
            let key = RouteKey::new(method, path).map_err(|_| {
                self.wrong(at, "the item of a path that starts with `/`", &Value::from(path))
            })?;
            let at_operation = at.key(method);
            let mut route = Route::default();
            self.parameters(item, at, &mut route)?;
            self.other_server(operation, &at_operation, &model.base_url)?;
            self.operation(operation, &at_operation, &mut route)?;
            self.callbacks(operation, &at_operation, model)?;
            model.routes.insert(key, route);
        }
        Ok(())
    }

    /// Notes a server of a path or operation that is not the model's.
    fn other_server(
        &mut self,
        owner: &'d Value,
        at: &At<'_>,
        base_url: &str,
    ) -> Result<(), ImportError> {
        match self.server_url(owner, at)? {
            Some(url) if url != base_url => {
                self.note(&at.key("servers"), &format!("its own server `{url}` is ignored"));
            }
            _ => {}
        }
        Ok(())
    }

    fn operation(
        &mut self,
        raw: &'d Value,
        at: &At<'_>,
        route: &mut Route,
    ) -> Result<(), ImportError> {
        if let Some(id) = self.member(raw, "operationId", at)? {
            route.operation = Some(self.text(id, &at.key("operationId"))?.to_owned());
        }
        if raw.get("x-rate-limit").is_some() {
            self.note(&at.key("x-rate-limit"), "a rate limit of one operation is ignored");
        }
        self.parameters(raw, at, route)?;
        route.request = self.request_body(raw, at)?;
        let at_responses = at.key("responses");
        for (status, response) in self.entries(raw, "responses", at)? {
            if status.starts_with("x-") {
                continue;
            }
            let at = at_responses.key(status);
            let status = status_key(status).ok_or_else(|| {
                self.wrong(
                    &at,
                    "the answer to a status (`200`, `4XX` or `default`)",
                    &Value::from(status.as_str()),
                )
            })?;
            let variant = self.response(response, &at)?;
            route.variants.insert(status, variant);
        }
        route.state = extension_of::<OperationExtension>(raw).map(|extension| extension.state);
        Ok(())
    }

    /// Adds the parameters of a path item or an operation; the later ones replace the earlier.
    fn parameters(
        &mut self,
        owner: &'d Value,
        at: &At<'_>,
        route: &mut Route,
    ) -> Result<(), ImportError> {
        let Some(list) = self.member(owner, "parameters", at)? else { return Ok(()) };
        let at = at.key("parameters");
        for (index, raw) in self.list(list, &at)?.iter().enumerate() {
            let at = at.index(index);
            let (raw, reference) = self.follow(raw, &at)?;
            let at = reference.map_or(at, |reference| at.target(reference));
            let position = match self.required_text(raw, "in", &at)? {
                "path" => Position::Path,
                "query" => Position::Query,
                "header" => Position::Header,
                "cookie" => {
                    self.note(&at, "a cookie is ignored");
                    continue;
                }
                _ => {
                    return Err(self.wrong(
                        &at.key("in"),
                        "path, query, header or cookie",
                        &raw["in"],
                    ));
                }
            };
            let name = self.required_text(raw, "name", &at)?;
            if extension_of::<ParameterExtension>(raw).is_some_and(|own| own.undeclared) {
                continue;
            }
            let parameter = self.parameter(raw, position, &at)?;
            match position {
                Position::Path => route.path.insert(name.to_owned(), parameter),
                Position::Query => route.query.insert(name.to_owned(), parameter),
                Position::Header => route.headers.insert(name.to_ascii_lowercase(), parameter),
            };
        }
        Ok(())
    }

    fn parameter(
        &mut self,
        raw: &'d Value,
        position: Position,
        at: &At<'_>,
    ) -> Result<Parameter, ImportError> {
        let mut schema = self.schema_or_content(raw, at)?;
        schema.required =
            position == Position::Path || raw.get("required") == Some(&Value::Bool(true));
        let is_unstyled = extension_of::<ParameterExtension>(raw).is_some_and(|own| own.unstyled);
        let style = raw.get("style").and_then(Value::as_str).filter(|_| !is_unstyled);
        let style = style.unwrap_or(position.style());
        let explode = raw.get("explode").and_then(Value::as_bool);
        Ok(Parameter {
            schema,
            explode: explode.filter(|explode| *explode != (style == "form")),
            style: (style != position.style()).then(|| style.to_owned()),
        })
    }

    /// The schema of a parameter or header, which may stand in its `content`.
    fn schema_or_content(&mut self, raw: &'d Value, at: &At<'_>) -> Result<Schema, ImportError> {
        if let Some(schema) = self.member(raw, "schema", at)? {
            return self.schema(schema, &at.key("schema"));
        }
        let content = self.content(raw, at)?;
        if let Some(media_type) = media::main(content.keys()) {
            self.note(at, &format!("that its value is sent as `{media_type}` is not kept"));
            return Ok(content[media_type].clone());
        }
        Ok(Schema::default())
    }

    /// The `requestBody` of an operation.
    pub(super) fn request_body(
        &mut self,
        operation: &'d Value,
        at: &At<'_>,
    ) -> Result<Option<Body>, ImportError> {
        let Some(raw) = self.member(operation, "requestBody", at)? else { return Ok(None) };
        let at = at.key("requestBody");
        let (raw, reference) = self.follow(raw, &at)?;
        let at = reference.map_or(at, |reference| at.target(reference));
        let content = self.content(raw, &at)?;
        let required = raw.get("required") == Some(&Value::Bool(true));
        Ok(Some(Body { content, required }))
    }

    fn response(&mut self, raw: &'d Value, at: &At<'_>) -> Result<Variant, ImportError> {
        let (raw, reference) = self.follow(raw, at)?;
        let target = reference.map(|reference| at.target(reference));
        let at = target.as_ref().unwrap_or(at);
        let mut variant = Variant { other_media: self.content(raw, at)?, ..Variant::default() };
        let own = extension_of::<ResponseExtension>(raw).map(|own| own.media_type);
        let main = own.or_else(|| media::main(variant.other_media.keys()).cloned());
        if let Some(main) = main {
            variant.body = variant.other_media.remove(&main);
            variant.media_type = Some(main).filter(|main| main != media::JSON);
        }
        for (name, raw) in self.entries(raw, "headers", at)? {
            let at = at.key("headers");
            let at = at.key(name);
            let (raw, reference) = self.follow(raw, &at)?;
            let at = reference.map_or(at, |reference| at.target(reference));
            let mut schema = self.schema_or_content(raw, &at)?;
            schema.required = raw.get("required") == Some(&Value::Bool(true));
            variant.headers.insert(name.to_ascii_lowercase(), schema);
        }
        Ok(variant)
    }

    /// Schemas by media type.
    fn content(
        &mut self,
        owner: &'d Value,
        at: &At<'_>,
    ) -> Result<BTreeMap<String, Schema>, ImportError> {
        let mut content = BTreeMap::new();
        let at_content = at.key("content");
        for (media_type, raw) in self.entries(owner, "content", at)? {
            let at = at_content.key(media_type);
            let schema = match self.member(raw, "schema", &at)? {
                Some(schema) => self.schema(schema, &at.key("schema"))?,
                None => Schema::default(),
            };
            let bare = media::bare(media_type);
            match content.entry(bare) {
                Entry::Vacant(free) => drop(free.insert(schema)),
                Entry::Occupied(_) => {
                    self.note(&at, "differs from another only in parameters; the first is kept");
                }
            }
        }
        Ok(content)
    }

    /// Callbacks of an operation are webhooks, by the callback's name.
    fn callbacks(
        &mut self,
        operation: &'d Value,
        at: &At<'_>,
        model: &mut Model,
    ) -> Result<(), ImportError> {
        let at_callbacks = at.key("callbacks");
        for (name, raw) in self.entries(operation, "callbacks", at)? {
            let at = at_callbacks.key(name);
            let (raw, reference) = self.follow(raw, &at)?;
            let at = reference.map_or(at, |reference| at.target(reference));
            for (expression, item) in self.object(raw, &at)? {
                if expression.starts_with("x-") {
                    continue;
                }
                let at = at.key(expression);
                let webhook = self.webhook(item, &at)?;
                match model.webhooks.get(name) {
                    None => drop(model.webhooks.insert(name.clone(), webhook)),
                    Some(first) if *first == webhook => {}
                    Some(_) => self.note(&at, "another callback has this name; it is kept"),
                }
            }
        }
        Ok(())
    }

    fn required_text(
        &self,
        raw: &'d Value,
        key: &str,
        at: &At<'_>,
    ) -> Result<&'d str, ImportError> {
        match self.member(raw, key, at)? {
            Some(text) => self.text(text, &at.key(key)),
            None => Err(self.wrong(&at.key(key), "a text", &Value::Null)),
        }
    }
}

/// `200`, `4XX` or `default`; `None` for what is no status.
fn status_key(text: &str) -> Option<String> {
    if text.eq_ignore_ascii_case("default") {
        return Some("default".to_owned());
    }
    let upper = text.to_ascii_uppercase();
    let (first, rest) = upper.split_at_checked(1)?;
    let is_class = ("1"..="5").contains(&first);
    let is_rest = rest == "XX" || (rest.len() == 2 && rest.bytes().all(|b| b.is_ascii_digit()));
    (is_class && is_rest).then_some(upper)
}
