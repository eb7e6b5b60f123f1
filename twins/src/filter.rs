//! What a list's query asks of its items: parameters the route has and the items too.

use serde_json::Value;

use crate::action::{Item, letters};
use crate::format::read_time;
use crate::list::Query;
use crate::query::{Parameter, Parameters, bracketed};
use crate::shape::{Form, Node, Record, Shapes};
use crate::state::Packed;
use crate::webhooks::template::plain;

/// What a query asks of a field.
#[derive(Debug)]
pub(crate) struct Filter<'q> {
    field: &'q str,
    /// The word in brackets after the name: `gte` of `created[gte]`.
    bound: Option<&'q str>,
    /// Any of these will do.
    wanted: Vec<&'q str>,
}

/// What is known of a list that is asked.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'q> {
    pub(crate) parameters: &'q Parameters,
    pub(crate) item: &'q Item,
    pub(crate) shapes: &'q Shapes,
    /// What the list shows of an item.
    pub(crate) shown: Option<&'q Record>,
}

impl<'q> Asked<'q> {
    /// The fields that a query asks items by.
    pub(crate) fn filters(&self, query: &'q Query) -> Vec<Filter<'q>> {
        let mut filters: Vec<Filter<'q>> = Vec::new();
        for (name, text) in &query.others {
            let Some(Filter { field, bound, wanted }) = self.filter(name, text) else { continue };
            let is_same = |one: &&mut Filter<'_>| one.field == field && one.bound == bound;
            // The same once more is another value that is as good.
            match filters.iter_mut().find(|one| bound.is_none() && is_same(one)) {
                Some(same) => same.wanted.extend(wanted),
                None => filters.push(Filter { field, bound, wanted }),
            }
        }
        filters
    }

    /// What `status`, `tags[]`, `created[gte]` or `filter[status]` asks for; `None` where the route has no such parameter,
    /// or the items no such field.
    fn filter(&self, name: &'q str, text: &'q str) -> Option<Filter<'q>> {
        // What is sent empty is as good as not sent.
        let parameter = self.parameters.named(name).filter(|_| !text.is_empty())?;
        let (base, mut words) = bracketed(name);
        // `tags[]` and `tags[0]` only number values.
        words.retain(|word| !word.bytes().all(|byte| byte.is_ascii_digit()));
        let bound = words.pop_if(|word| matches!(*word, "gt" | "gte" | "lt" | "lte"));
        let (field, is_plural) = match (self.item.asked_by(base), &words[..]) {
            (Some(found), []) => found,
            (None, [word]) => self.item.asked_by(word)?,
            (None, []) => return self.bounded(base, text),
            _ => return None,
        };
        let words = self.words(&parameter.node);
        let known = self.shown.and_then(|record| record.field(field));
        let known = known.map(|field| self.words(&field.node)).unwrap_or_default();
        // `all` of a status that is `open` or `closed` asks for nothing.
        let is_other = words.contains(&text) && !known.is_empty() && !known.contains(&text);
        if is_other && bound.is_none() {
            return None;
        }
        let is_of_words = is_plural || !words.is_empty() || !known.is_empty();
        let wanted = Self::values(parameter, text, is_of_words && bound.is_none());
        Some(Filter { field, bound, wanted })
    }

    /// What a name with a bound in it asks for: `created_after`, `min_price`, Twilio's `DateSent>`. Both ends are within,
    /// as most vendors have it who say so.
    fn bounded(&self, name: &str, text: &'q str) -> Option<Filter<'q>> {
        magnitude(text)?;
        let letters = letters(name);
        let behind = |ends: &[&str]| ends.iter().find_map(|end| letters.strip_suffix(end));
        let before = |start: &str| letters.strip_prefix(start);
        let of = |rest: Option<&str>, bound| Some((self.item.meant_by(rest?)?, bound));
        let (field, bound) = of(name.strip_suffix('>').map(|_| &*letters), "gte")
            .or_else(|| of(name.strip_suffix('<').map(|_| &*letters), "lte"))
            .or_else(|| of(behind(&["after", "since", "from", "gte", "min"]), "gte"))
            .or_else(|| of(behind(&["before", "until", "lte", "max"]), "lte"))
            .or_else(|| of(before("min"), "gte"))
            .or_else(|| of(before("max"), "lte"))?;
        Some(Filter { field, bound: Some(bound), wanted: vec![text] })
    }

    /// The values that a text names. Where all are words, none has a comma in it.
    fn values(parameter: &Parameter, text: &'q str, is_of_words: bool) -> Vec<&'q str> {
        if is_of_words { parameter.parted(text) } else { parameter.values(text) }
    }

    /// The words that a value, or each item of a list, may be; none where others may be too.
    fn words(&self, node: &'q Node) -> Vec<&'q str> {
        let mut words = Vec::new();
        for leaf in self.shapes.leaves(node).leaves {
            match leaf.form {
                Form::Text { values, .. } if !values.is_empty() => {
                    words.extend(values.iter().map(|word| &**word));
                }
                Form::Array(Some(items)) => words.extend(self.words(items)),
                _ => return Vec::new(),
            }
        }
        words
    }
}

impl<'q> Filter<'q> {
    /// Asks for one value of a field.
    pub(crate) fn of(field: &'q str, wanted: &'q str) -> Self {
        Self { field, bound: None, wanted: vec![wanted] }
    }

    /// Whether an item, as it is shown or, where the field is not, as it was written, is one that is asked for.
    pub(crate) fn lets(&self, shown: &Value, fields: &Packed) -> bool {
        match shown.get(self.field) {
            Some(value) => self.lets_value(value),
            None => self.lets_value(&fields.get(self.field).unwrap_or_default()),
        }
    }

    /// The same of an item as it was written; `None` where it has to be shown to tell, as a time that
    /// is written as a text and shown as a number has.
    pub(crate) fn lets_stored(&self, fields: &Packed) -> Option<bool> {
        let value = if self.bound.is_none() { fields.get(self.field)? } else { return None };
        let is_number = |wanted: &&str| wanted.parse::<f64>().is_ok();
        if !value.is_string() || self.wanted.iter().any(is_number) {
            return None;
        }
        Some(self.lets_value(&value))
    }

    fn lets_value(&self, value: &Value) -> bool {
        self.wanted.iter().any(|wanted| match self.bound {
            Some(bound) => is_within(value, bound, wanted),
            None => is_meant(value, wanted),
        })
    }

    /// The value an item has that is asked for by this alone, where there is one.
    pub(crate) fn exact(&self) -> Option<(&str, &str)> {
        match self.wanted[..] {
            [only] if self.bound.is_none() => Some((self.field, only)),
            _ => None,
        }
    }
}

/// Whether a value is what a text of a query names.
fn is_meant(value: &Value, wanted: &str) -> bool {
    match value {
        // `customer.*` names all words that begin so.
        Value::String(text) => match wanted.strip_suffix(".*") {
            Some(first) => text.strip_prefix(first).is_some_and(|rest| rest.starts_with('.')),
            None => text == wanted,
        },
        Value::Array(items) => items.iter().any(|item| is_meant(item, wanted)),
        // An object stands for its id, as where it is not expanded, and for its name.
        Value::Object(fields) => {
            NAMES.iter().filter_map(|name| fields.get(*name)).any(|own| plain(own) == wanted)
        }
        Value::Null => false,
        // `True` is how Python writes it.
        Value::Bool(flag) => wanted.eq_ignore_ascii_case(if *flag { "true" } else { "false" }),
        Value::Number(number) => {
            number.to_string() == wanted || number.as_f64() == wanted.parse().ok()
        }
    }
}

/// The fields by which an object within an item is asked for.
const NAMES: [&str; 6] = ["id", "name", "key", "slug", "code", "login"];

fn is_within(value: &Value, bound: &str, limit: &str) -> bool {
    let Some((is, limit)) = magnitude(&plain(value)).zip(magnitude(limit)) else { return false };
    match bound {
        "gt" => is > limit,
        "gte" => is >= limit,
        "lt" => is < limit,
        _ => is <= limit,
    }
}

/// A number, or a time in seconds since the Unix epoch, so that any two of them compare.
pub(crate) fn magnitude(text: &str) -> Option<f64> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "microseconds of four centuries fit a float exactly"
    )]
    let seconds = || Some(read_time(text)?.timestamp_micros() as f64 / 1e6);
    text.parse().ok().or_else(seconds)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_meant_by_its_text_its_id_its_name_or_one_of_its_items() {
        let is = |value: Value, wanted| is_meant(&value, wanted);
        assert!(is(json!("sold"), "sold") && !is(json!("sold"), "sol") && !is(json!(null), "null"));
        assert!(is(json!(["a", "b"]), "b") && is(json!([{"id": 1, "name": "b"}]), "b"));
        assert!(is(json!({"id": "cus_1"}), "cus_1") && is(json!(true), "True"));
        assert!(is(json!(7), "7") && is(json!(1.5), "1.50") && !is(json!([7]), "8"));
        assert!(
            is(json!("customer.created"), "customer.*") && !is(json!("customer"), "customer.*")
        );
    }

    #[test]
    fn numbers_and_times_lie_within_bounds() {
        let is = |value: Value, bound, limit| is_within(&value, bound, limit);
        assert!(
            is(json!(5), "gte", "5") && !is(json!(5), "gt", "5") && is(json!("5"), "lt", "5.5")
        );
        let day = || json!("2026-01-31T12:00:00Z");
        assert!(is(day(), "gte", "2026-01-31") && is(day(), "lt", "2026-02-01T00:00:00+01:00"));
        assert!(is(day(), "lte", "1769860800") && !is(json!("soon"), "lt", "5"));
    }
}
