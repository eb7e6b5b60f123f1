//! Parameters of paths and queries as a route declares them, and what requests say for them.

use std::collections::BTreeMap;

use http::Method;
use serde_json::Value;

use crate::action::items_of;
use crate::body::{self, Depth};
use crate::call::Call;
use crate::refusal::{Parameter as Wrong, ParameterFault, Refusal};
use crate::shape::{Form, Node, Shapes};

/// The parameters that a route declares in one position.
#[derive(Debug, Default)]
pub(crate) struct Parameters(Vec<Parameter>);

/// One of them.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: Box<str>,
    pub(crate) node: Node,
    required: bool,
    is_list: bool,
    /// Whether each value of a list has a pair of its own, `tags=a&tags=b`; one text parts them otherwise.
    is_exploded: bool,
    separator: char,
}

impl Parameters {
    /// Those of a path, without their bounds: which ids there are is for those to say who made them.
    pub(crate) fn of_path(declared: &BTreeMap<String, models::Parameter>, shapes: &Shapes) -> Self {
        let unbounded = declared.iter().map(|(name, one)| {
            let schema = one.schema.unbounded();
            (name.clone(), models::Parameter { schema, ..one.clone() })
        });
        Self::of(&unbounded.collect(), shapes)
    }

    pub(crate) fn of(declared: &BTreeMap<String, models::Parameter>, shapes: &Shapes) -> Self {
        let ready = declared.iter().map(|(name, one)| {
            let node = shapes.compile(&one.schema);
            Parameter {
                name: name.as_str().into(),
                required: one.schema.required,
                is_list: items_of(shapes, &node).is_some() || is_array(shapes, &node),
                is_exploded: one.explode.unwrap_or(one.style.is_none()),
                separator: match one.style.as_deref() {
                    Some("spaceDelimited") => ' ',
                    Some("pipeDelimited") => '|',
                    _ => ',',
                },
                node,
            }
        });
        Self(ready.collect())
    }

    /// The parameter that a name in a query is one of: by the whole name (`page[size]`), or by what stands before its
    /// brackets (`tags` of `tags[]`).
    pub(crate) fn named(&self, name: &str) -> Option<&Parameter> {
        let by = |name: &str| self.0.iter().find(|one| *one.name == *name);
        let base = bracketed(name).0;
        by(name).or_else(|| by(base)).or_else(|| by(&format!("{base}[]")))
    }

    /// What a query says for each parameter that it has.
    fn sent<'q>(
        &self,
        pairs: &'q [(String, String)],
    ) -> Vec<(&Parameter, Vec<&'q (String, String)>)> {
        let mut sent: Vec<(&Parameter, Vec<_>)> = Vec::new();
        for pair in pairs {
            let Some(parameter) = self.named(&pair.0) else { continue };
            match sent.iter_mut().find(|(one, _)| one.name == parameter.name) {
                Some((_, pairs)) => pairs.push(pair),
                None => sent.push((parameter, vec![pair])),
            }
        }
        sent
    }
}

impl Parameter {
    /// The values that one text names; the text itself where the parameter is no list, or has a pair for each.
    pub(crate) fn values<'t>(&self, text: &'t str) -> Vec<&'t str> {
        if self.is_list && !self.is_exploded { self.parted(text) } else { vec![text] }
    }

    /// The words that a text names, parted as the parameter's values are.
    pub(crate) fn parted<'t>(&self, text: &'t str) -> Vec<&'t str> {
        text.split(self.separator).map(str::trim).collect()
    }

    /// The value that the pairs of a query are, of the types the parameter has.
    fn value(&self, pairs: &[&(String, String)], shapes: &Shapes) -> Value {
        let is_plain = |name: &str| *name == *self.name && !name.ends_with("[]");
        let value = if pairs.iter().all(|(name, _)| is_plain(name)) {
            self.of_texts(pairs.iter().map(|(_, text)| text.as_str()))
        } else {
            let pairs: Vec<_> = pairs.iter().map(|pair| (*pair).clone()).collect();
            let mut unfolded = body::unfold(&pairs);
            unfolded.get_mut(bracketed(&self.name).0).map_or(Value::Null, Value::take)
        };
        body::typed(value, Some((shapes, &self.node)))
    }

    fn of_texts<'t>(&self, mut texts: impl DoubleEndedIterator<Item = &'t str>) -> Value {
        if self.is_list {
            return texts.flat_map(|text| self.values(text)).collect();
        }
        let Some(text) = texts.next_back() else { return Value::Null };
        // An object that stands in one text is written as JSON.
        let object = text.starts_with('{').then(|| serde_json::from_str(text).ok()).flatten();
        object.unwrap_or_else(|| text.into())
    }
}

impl Call<'_> {
    /// Refuses parameters that lack what the route needs, that it does not have where that is declared, and that are
    /// not what the description says where the route is one that refuses.
    pub(crate) fn check_parameters(&self) -> Result<(), Refusal> {
        let pairs = body::pairs(self.head.uri.query().unwrap_or(""));
        let parameters = self.served.program.query(self.number);
        if self.depth() == Depth::Whole && self.hook().is_none() {
            self.check_path()?;
            self.check_sent(parameters, &pairs)?;
        }
        // Some clients send the body's fields in the query.
        if self.is_strict()
            && *self.head.method == Method::GET
            && let Some((name, _)) = pairs.iter().find(|(name, _)| parameters.named(name).is_none())
        {
            return Err(wrong(name, ParameterFault::Unknown));
        }
        Ok(())
    }

    fn check_sent(
        &self,
        parameters: &Parameters,
        pairs: &[(String, String)],
    ) -> Result<(), Refusal> {
        let shapes = &self.served.program.shapes;
        let sent = parameters.sent(pairs);
        let is_sent = |one: &Parameter| sent.iter().any(|(other, _)| other.name == one.name);
        if let Some(lacking) = parameters.0.iter().find(|one| one.required && !is_sent(one)) {
            return Err(wrong(&lacking.name, ParameterFault::Missing));
        }
        if !shapes.is_described() {
            return Ok(());
        }
        // What is sent empty is as good as not sent.
        let full = sent.iter().filter(|(_, pairs)| pairs.iter().any(|(_, text)| !text.is_empty()));
        full.into_iter().try_for_each(|(one, pairs)| {
            body::check_value(&one.value(pairs, shapes), shapes, &one.node, &one.name)
        })
    }

    fn check_path(&self) -> Result<(), Refusal> {
        let program = &self.served.program;
        if !program.shapes.is_described() {
            return Ok(());
        }
        let (shapes, declared) = (&program.shapes, program.path(self.number));
        let values = program.route(self.number).parameters.iter().zip(self.values);
        values.filter_map(|(name, text)| Some((declared.named(name)?, text))).try_for_each(
            |(one, text)| {
                let value = body::typed((&**text).into(), Some((shapes, &one.node)));
                body::check_value(&value, shapes, &one.node, &one.name)
            },
        )
    }
}

fn wrong(name: &str, fault: ParameterFault) -> Refusal {
    Refusal::Parameter(Wrong { name: name.to_owned(), fault })
}

fn is_array(shapes: &Shapes, node: &Node) -> bool {
    shapes.leaves(node).leaves.iter().any(|leaf| matches!(leaf.form, Form::Array(_)))
}

/// `filter[created][gte]` as `filter` and the words in its brackets.
pub(crate) fn bracketed(name: &str) -> (&str, Vec<&str>) {
    match name.split_once('[') {
        Some((base, rest)) if !base.is_empty() && rest.ends_with(']') => {
            (base, rest[..rest.len() - 1].split("][").collect())
        }
        _ => (name, Vec::new()),
    }
}
