//! References shown whole where a request asks for it: `expand[]=customer`, `expand[]=data.customer`.

use bytes::Bytes;
use http::Method;
use http_body_util::Full;
use serde_json::{Map, Value};

use crate::body::pairs;
use crate::call::{Call, Outcome};
use crate::escape;
use crate::refusal::Refusal;
use crate::render::{Reply, whole};
use crate::router::Found;
use crate::state::Known;
use crate::twin::{Head, Twin};

/// References within references that are followed.
///
/// # Source
///
/// Stripe's public reference, "Expanding responses".
const DEPTH_MAX: usize = 4;

impl Call<'_> {
    /// The answer with the references shown whole that the request names.
    pub(crate) fn expanded(&self, reply: Reply, parameter: &str, body: Option<&Value>) -> Reply {
        let paths = self.asked(parameter, body);
        if paths.is_empty() || !reply.status().is_success() {
            return reply;
        }
        let (head, body) = reply.into_parts();
        let bytes = whole(body);
        let Ok(mut value) = serde_json::from_slice::<Value>(&bytes) else {
            return Reply::from_parts(head, Full::new(bytes));
        };
        for path in &paths {
            let steps: Vec<&str> = path.split('.').take(DEPTH_MAX + 1).collect();
            self.expand(&mut value, &steps);
        }
        let bytes = serde_json::to_vec(&value).map_or(bytes, Bytes::from);
        Reply::from_parts(head, Full::new(bytes))
    }

    /// Refuses to show whole what the answer does not have, where that is declared.
    pub(crate) fn check_expanded(
        &self,
        parameter: &str,
        body: Option<&Value>,
    ) -> Result<(), Refusal> {
        if !self.is_strict() {
            return Ok(());
        }
        let program = &self.served.program;
        let Some(node) = &program.answer(self.number).body else { return Ok(()) };
        let records = program.shapes.records(node);
        let place = self.head.uri.path().trim_end_matches('/');
        // What stands below an item can be shown with it.
        let is_below = |name: &str| {
            let paths = [format!("{place}/{name}"), format!("{place}/1/{name}")];
            let found = paths.iter().map(|path| program.router.find(Method::GET.as_str(), path));
            found.into_iter().any(|found| matches!(found, Found::Route(..)))
        };
        let strange = self.asked(parameter, body).into_iter().find(|path| {
            let first = path.split('.').next().unwrap_or(path);
            !records.is_empty()
                && records.iter().all(|(record, _)| record.field(first).is_none())
                && !is_below(first)
        });
        match strange {
            Some(path) => {
                Err(Refusal::BadRequest(format!("This property cannot be expanded ({path}).")))
            }
            None => Ok(()),
        }
    }

    fn asked(&self, parameter: &str, body: Option<&Value>) -> Vec<String> {
        let is_named = |name: &str| {
            let rest = name.strip_prefix(parameter);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
        };
        let query = self.head.uri.query().filter(|query| query.contains(parameter)).unwrap_or("");
        let asked = pairs(query).into_iter().filter(|(name, _)| is_named(name));
        let mut paths: Vec<String> = asked.map(|(_, path)| path).collect();
        match body {
            Some(Value::Array(items)) => {
                paths.extend(items.iter().filter_map(Value::as_str).map(str::to_owned));
            }
            Some(Value::String(path)) => paths.push(path.clone()),
            _ => {}
        }
        paths
    }

    fn expand(&self, value: &mut Value, steps: &[&str]) {
        let Some((step, rest)) = steps.split_first() else { return };
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.expand(item, steps)),
            Value::Object(fields) => {
                let whole = match fields.get(*step) {
                    Some(Value::String(id)) => self.entity_of(id),
                    None => self.list_of(fields, step),
                    _ => None,
                };
                if let Some(whole) = whole {
                    fields.insert((*step).to_owned(), whole);
                }
                if let Some(inner) = fields.get_mut(*step) {
                    self.expand(inner, rest);
                }
            }
            _ => {}
        }
    }

    /// The entity of an id, whichever collection it is in.
    fn entity_of(&self, id: &str) -> Option<Value> {
        let program = &self.served.program;
        program.plan.readable().find_map(|(collection, route)| {
            match self.session.state.find(&self.owned(collection), id) {
                Known::Here(entity) => {
                    let values = [id.into()];
                    let call = Call { number: route, values: &values, ..*self };
                    let shown = call.render(&Outcome::seen(entity));
                    serde_json::from_slice(&whole(shown.into_body())).ok()
                }
                _ => None,
            }
        })
    }

    /// A list below an item that is shown only where it is asked for: `refunds` of a charge.
    fn list_of(&self, item: &Map<String, Value>, name: &str) -> Option<Value> {
        let id = item.get("id").and_then(Value::as_str)?;
        let program = &self.served.program;
        program.plan.readable().find_map(|(collection, _)| {
            if !matches!(self.session.state.find(&self.owned(collection), id), Known::Here(_)) {
                return None;
            }
            let path = format!("{collection}/{}/{name}", escape::in_path(id));
            let Found::Route(number, values) = program.router.find(Method::GET.as_str(), &path)
            else {
                return None;
            };
            let uri = path.parse().ok()?;
            let head = Head { method: &Method::GET, uri: &uri, ..*self.head };
            let call = Call { number, values: &values, head: &head, ..*self };
            let reply = Twin::made(&call, &Bytes::new(), None).ok()?;
            serde_json::from_slice(&whole(reply.into_body())).ok()
        })
    }
}
