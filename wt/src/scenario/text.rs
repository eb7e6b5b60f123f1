//! `{{…}}` in a scenario's texts.

use std::collections::BTreeMap;

use serde_json::Value;

use super::run::Ports;

/// What a text may name.
#[derive(Debug)]
pub(super) struct Names<'n> {
    pub(super) ports: &'n Ports,
    pub(super) variables: BTreeMap<String, String>,
}

impl Names<'_> {
    /// The text with every `{{…}}` replaced. What is put in is not looked at again, so that no
    /// answer of a twin can name the environment.
    pub(super) fn fill(&self, template: &str) -> Result<String, String> {
        let mut text = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, after)) = after.split_once("}}") else {
                return Err(format!("`{template}`: a `{{{{` has no `}}}}`"));
            };
            text.push_str(before);
            text.push_str(&self.value(name.trim())?);
            rest = after;
        }
        text.push_str(rest);
        Ok(text)
    }

    /// As [`Names::fill`] of every text in a value.
    pub(super) fn fill_value(&self, template: &Value) -> Result<Value, String> {
        match template {
            Value::String(text) => self.fill(text).map(Value::String),
            Value::Array(items) => items.iter().map(|item| self.fill_value(item)).collect(),
            Value::Object(fields) => {
                let filled = fields
                    .iter()
                    .map(|(name, value)| Ok((self.fill(name)?, self.fill_value(value)?)));
                Ok(Value::Object(filled.collect::<Result<_, String>>()?))
            }
            _ => Ok(template.clone()),
        }
    }

    fn value(&self, name: &str) -> Result<String, String> {
        if let Some(twin) = name.strip_prefix("twins.") {
            let twin = twin.strip_suffix(".port").or_else(|| twin.strip_suffix(".admin_port"));
            let port = twin.and_then(|twin| self.ports.0.get(twin));
            return port.map(ToString::to_string).ok_or_else(|| {
                format!("`{name}`: the project has no such twin with a port, or it does not run")
            });
        }
        if let Some(variable) = name.strip_prefix("env.") {
            if !variable.starts_with("WT_") && !variable.starts_with("WONDERTWIN_") {
                return Err(format!("`{name}`: only WT_… and WONDERTWIN_… may be read"));
            }
            return std::env::var(variable).map_err(|_| format!("`{name}` is not set"));
        }
        let value = self.variables.get(name).cloned();
        value.ok_or_else(|| format!("`{name}` is neither a variable nor captured before"))
    }
}

/// A value as it stands in a text.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_once() {
        let ports = Ports(BTreeMap::from([("stripe".to_owned(), 4111)]));
        let variables = BTreeMap::from([("id".to_owned(), "{{env.WT_X}}".to_owned())]);
        let names = Names { ports: &ports, variables };
        assert_eq!(
            names.fill("http://localhost:{{twins.stripe.port}}/{{ id }}").unwrap(),
            "http://localhost:4111/{{env.WT_X}}"
        );
        for wrong in ["{{env.PATH}}", "{{twins.slack.port}}", "{{nothing}}", "{{id"] {
            assert!(names.fill(wrong).is_err(), "{wrong}");
        }
    }
}
