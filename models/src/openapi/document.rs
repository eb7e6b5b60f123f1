//! The document being read: its references, its entities, and what is noted about it.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::ImportError;
use super::at::At;
use super::extension::{self, ComponentExtension};

/// Where entities come from.
const SCHEMAS: &str = "#/components/schemas/";

/// The document being read.
pub(super) struct Document<'d> {
    file: &'d str,
    pub(super) root: &'d Value,
    /// Schemas by entity, with the reference to each.
    pub(super) entities: BTreeMap<String, (String, &'d Value)>,
    /// Entities by component, where the two names differ.
    renamed: BTreeMap<&'d str, String>,
    /// Whether keywords beside a `$ref` count, as since 3.1.
    pub(super) siblings_count: bool,
    /// References being followed, which must not be followed again.
    pub(super) open: Vec<String>,
    /// Schemas around the one being read.
    pub(super) schemas: usize,
    /// The ids of webhooks' operations, by the webhook.
    pub(super) operations: BTreeMap<String, String>,
    /// What was ignored or ambiguous.
    pub(super) notes: Vec<String>,
}

impl<'d> Document<'d> {
    pub(super) fn new(
        file: &'d str,
        root: &'d Value,
        siblings_count: bool,
    ) -> Result<Self, ImportError> {
        let mut document = Self {
            file,
            root,
            entities: BTreeMap::new(),
            renamed: BTreeMap::new(),
            siblings_count,
            open: Vec::new(),
            schemas: 0,
            operations: BTreeMap::new(),
            notes: Vec::new(),
        };
        let Some(components) = document.member(root, "components", &At::ROOT)? else {
            return Ok(document);
        };
        let at = At::ROOT;
        let at = at.key("components");
        let Some(schemas) = document.member(components, "schemas", &at)? else {
            return Ok(document);
        };
        for (name, schema) in document.object(schemas, &at.key("schemas"))? {
            let reference = format!("{SCHEMAS}{}", crate::escape(name));
            let entity = match extension_of::<ComponentExtension>(schema) {
                Some(extension) => {
                    document.renamed.insert(name, extension.entity.clone());
                    extension.entity
                }
                None => name.clone(),
            };
            document.entities.insert(entity, (reference, schema));
        }
        Ok(document)
    }

    pub(super) fn note(&mut self, at: &At<'_>, text: &str) {
        self.notes.push(format!("`{at}`: {text}"));
    }

    pub(super) fn wrong(&self, at: &At<'_>, expected: &str, value: &Value) -> ImportError {
        ImportError::wrong_kind(self.file, at, expected, value)
    }

    pub(super) fn too_deep(&self, at: &At<'_>) -> ImportError {
        ImportError::TooDeep { file: self.file.to_owned(), pointer: at.to_string() }
    }

    pub(super) fn schema_too_deep(&self, at: &At<'_>) -> ImportError {
        ImportError::SchemaTooDeep { file: self.file.to_owned(), pointer: at.to_string() }
    }

    pub(super) fn object(
        &self,
        value: &'d Value,
        at: &At<'_>,
    ) -> Result<&'d Map<String, Value>, ImportError> {
        value.as_object().ok_or_else(|| self.wrong(at, "an object", value))
    }

    pub(super) fn list(&self, value: &'d Value, at: &At<'_>) -> Result<&'d [Value], ImportError> {
        value.as_array().map(Vec::as_slice).ok_or_else(|| self.wrong(at, "a list", value))
    }

    pub(super) fn text(&self, value: &'d Value, at: &At<'_>) -> Result<&'d str, ImportError> {
        value.as_str().ok_or_else(|| self.wrong(at, "a text", value))
    }

    /// A member of an object; `None` where it is absent or null, which YAML writes for "empty".
    pub(super) fn member(
        &self,
        value: &'d Value,
        key: &str,
        at: &At<'_>,
    ) -> Result<Option<&'d Value>, ImportError> {
        Ok(self.object(value, at)?.get(key).filter(|value| !value.is_null()))
    }

    /// The members of a member that is an object, none where it is absent.
    pub(super) fn entries(
        &self,
        value: &'d Value,
        key: &str,
        at: &At<'_>,
    ) -> Result<Vec<(&'d String, &'d Value)>, ImportError> {
        let Some(inner) = self.member(value, key, at)? else { return Ok(Vec::new()) };
        Ok(self.object(inner, &at.key(key))?.iter().collect())
    }

    /// The entity a reference is to; `None` where it is to anything else.
    pub(super) fn entity_of(&self, reference: &str) -> Option<String> {
        let name = unescaped(reference.strip_prefix(SCHEMAS)?);
        if reference[SCHEMAS.len()..].contains('/') {
            return None;
        }
        let entity = self.renamed.get(name.as_str()).cloned().unwrap_or(name);
        self.entities.contains_key(&entity).then_some(entity)
    }

    /// The value a reference is to.
    pub(super) fn resolve(&self, reference: &str, at: &At<'_>) -> Result<&'d Value, ImportError> {
        let (file, pointer, target) = (self.file.to_owned(), at.to_string(), reference.to_owned());
        let Some(fragment) = reference.strip_prefix('#') else {
            return Err(ImportError::ExternalReference { file, pointer, target });
        };
        // JSON Pointer's own escapes are left to `pointer`.
        self.root.pointer(&percent_decoded(fragment)).ok_or(ImportError::UnresolvedReference {
            file,
            pointer,
            target,
        })
    }

    /// A value, or what it refers to, and the last reference on the way.
    pub(super) fn follow(
        &self,
        value: &'d Value,
        at: &At<'_>,
    ) -> Result<(&'d Value, Option<&'d str>), ImportError> {
        let mut found = value;
        let mut last = None;
        // More hops than any document has; a circle never ends.
        for _ in 0..64 {
            let Some(reference) = found.get("$ref").and_then(Value::as_str) else {
                return Ok((found, last));
            };
            found = self.resolve(reference, at)?;
            last = Some(reference);
        }
        Err(ImportError::CircularReference {
            file: self.file.to_owned(),
            pointer: at.to_string(),
            target: last.unwrap_or_default().to_owned(),
        })
    }
}

/// Our extension of an object; `None` where there is none or it is another's.
pub(super) fn extension_of<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value.get(extension::KEY)?).ok()
}

/// A reference token as the key it stands for.
fn unescaped(token: &str) -> String {
    percent_decoded(token).replace("~1", "/").replace("~0", "~")
}

/// Text with `%7B` and the like as the bytes they stand for; broken ones stay as they are.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let decoded = digits.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let Some(byte) = decoded.filter(|_| first == b'%') {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}
