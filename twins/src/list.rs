//! Lists: what is asked for, what is shown, and what the envelope says of it.

use std::fmt::Write as _;
use std::sync::Arc;

use models::Route;
use models::behaviour::Lists;
use serde_json::{Map, Value};

use crate::action::{Target, letters};
use crate::body::pairs;
use crate::format::Format;
use crate::project::{Projector, Spot};
use crate::shape::{Field, Form, Record, Shapes};
use crate::state::{Entity, Packed, Start};

/// What a list's query asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub(crate) limit: usize,
    pub(crate) newest_first: bool,
    /// As the request calls it.
    limit_name: Option<String>,
    /// As it says.
    limit_asked: Option<usize>,
    after: Option<String>,
    before: Option<String>,
    /// Of the first item.
    offset: usize,
    /// As the request calls it, and its number.
    page: Option<(String, usize)>,
    /// Whether `page` is what an answer called its next page, as a search's is.
    pub(crate) by_token: bool,
    /// Whether the request writes `page[size]`.
    is_bracketed: bool,
    pub(crate) others: Vec<(String, String)>,
}

/// What a list shows.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) entities: Vec<Arc<Entity>>,
    /// Whether there are more after these.
    pub(crate) more: bool,
    pub(crate) total: usize,
    pub(crate) query: Query,
}

/// Items on a page where the request does not say.
const LIMIT_DEFAULT: usize = 100;
/// Items on a page whatever it says.
const LIMIT_MAX: usize = 1000;

impl Query {
    pub(crate) fn of(text: &str, lists: &Lists) -> Self {
        let limit = lists.limit.unwrap_or(LIMIT_DEFAULT);
        let mut query = Self { limit, newest_first: lists.newest_first, ..Self::default() };
        for (name, value) in pairs(text) {
            query.take(name, value);
        }
        query.limit = query.limit.min(lists.limit_max.unwrap_or(LIMIT_MAX));
        if let Some((name, page)) = &query.page {
            // Twilio's `Page` counts from 0, all others from 1.
            let first = usize::from(name != "Page");
            query.offset = page.saturating_sub(first).saturating_mul(query.limit);
        }
        query
    }

    fn take(&mut self, name: String, value: String) {
        let number = value.parse::<usize>().ok();
        // `page[size]` and `page[after]` are words of their own.
        let within = name.strip_prefix("page[").and_then(|rest| rest.strip_suffix(']'));
        let word = letters(within.unwrap_or(&name));
        self.is_bracketed |= within.is_some();
        match (word.as_str(), number) {
            ("number", Some(number)) if within.is_some() => self.page = Some((name, number)),
            (
                "limit" | "perpage" | "pagesize" | "size" | "maxresults" | "first" | "top",
                Some(number),
            ) => {
                self.limit = number.max(1);
                self.limit_asked = Some(number);
                self.limit_name = Some(name);
            }
            ("page", Some(number)) => self.page = Some((name, number)),
            ("page", None) if !value.is_empty() => self.after = Some(value),
            ("offset" | "skip", Some(number)) => self.offset = number,
            ("startingafter" | "after" | "cursor" | "pagetoken" | "startafter", _)
                if !value.is_empty() =>
            {
                self.after = Some(value);
            }
            ("endingbefore" | "before", _) if !value.is_empty() => self.before = Some(value),
            _ => self.others.push((name, value)),
        }
    }

    /// The number of items asked for, where the vendor gives no such page.
    pub(crate) fn beyond(&self, lists: &Lists) -> Option<String> {
        let most = lists.limit_max.unwrap_or(LIMIT_MAX);
        self.limit_asked.filter(|asked| *asked == 0 || *asked > most).map(|asked| asked.to_string())
    }

    pub(crate) fn start(&self) -> Start<'_> {
        match (&self.after, &self.before) {
            (Some(after), _) => Start::After(after),
            (None, Some(before)) => Start::Before(before),
            (None, None) => Start::Offset(self.offset),
        }
    }

    /// The query of the next page, which begins after an item.
    fn next(&self, last: &str) -> String {
        let limit_name = self.limit_name.as_deref().unwrap_or("limit");
        let mut text = format!("{limit_name}={}", self.limit);
        let _ = match &self.page {
            Some((name, page)) => write!(text, "&{name}={}", page.saturating_add(1)),
            None if self.is_bracketed => write!(text, "&page[after]={last}"),
            None => write!(text, "&starting_after={last}"),
        };
        text
    }
}

/// What a query asks of a field.
#[derive(Debug)]
pub(crate) struct Filter<'q> {
    pub(crate) field: &'q str,
    /// The word in brackets after the name: `gte` of `created[gte]`.
    bound: Option<&'q str>,
    pub(crate) wanted: &'q str,
    /// Other values that are as good: of a list, `types[]=a&types[]=b`.
    others: Vec<&'q str>,
}

/// The fields a query asks items by: parameters the route has and the items too.
pub(crate) fn filters<'q>(query: &'q Query, route: &Route, target: &'q Target) -> Vec<Filter<'q>> {
    let mut filters: Vec<Filter<'q>> = Vec::new();
    for (name, wanted) in &query.others {
        let (name, index) = match name.split_once('[') {
            Some((name, rest)) => (name, rest.strip_suffix(']')),
            None => (&**name, None),
        };
        let bound = index.filter(|word| is_bound(word));
        let is_list = index.is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
        if !route.query.contains_key(name) || (index.is_some() && bound.is_none() && !is_list) {
            continue;
        }
        let Some(field) = field_of(target, name, is_list) else { continue };
        match filters.iter_mut().find(|filter| is_list && filter.field == field) {
            Some(filter) => filter.others.push(wanted),
            None => filters.push(Filter { field, bound, wanted, others: Vec::new() }),
        }
    }
    filters
}

/// The field a parameter asks for; a list of `types` asks for the `type` where there are none.
fn field_of<'q>(target: &'q Target, name: &'q str, is_list: bool) -> Option<&'q str> {
    let own = target.item.name_for(name);
    if target.item.has(own) {
        return Some(own);
    }
    let one = target.item.name_for(name.strip_suffix('s').filter(|_| is_list)?);
    target.item.has(one).then_some(one)
}

fn is_bound(word: &str) -> bool {
    matches!(word, "gt" | "gte" | "lt" | "lte")
}

impl Filter<'_> {
    /// Whether an item, as it is shown, is one that is asked for.
    pub(crate) fn lets(&self, item: &Value) -> bool {
        let value = item.get(self.field).unwrap_or(&Value::Null);
        let mut wanted = std::iter::once(&self.wanted).chain(&self.others);
        wanted.any(|wanted| self.lets_value(value, wanted))
    }

    /// The same of an item as it was written; `None` where it has to be shown to tell, as a time that
    /// is written as a text and shown as a number has.
    pub(crate) fn lets_stored(&self, fields: &Packed) -> Option<bool> {
        let value = if self.bound.is_none() { fields.get(self.field)? } else { return None };
        let mut wanted = std::iter::once(&self.wanted).chain(&self.others);
        let is_number = |wanted: &&str| wanted.parse::<f64>().is_ok();
        if !value.is_string() || wanted.clone().any(is_number) {
            return None;
        }
        Some(wanted.any(|wanted| self.lets_value(&value, wanted)))
    }

    fn lets_value(&self, value: &Value, wanted: &str) -> bool {
        if let Some(bound) = self.bound {
            let Some((is, limit)) = value.as_f64().zip(wanted.parse::<f64>().ok()) else {
                return false;
            };
            return match bound {
                "gt" => is > limit,
                "gte" => is >= limit,
                "lt" => is < limit,
                _ => is <= limit,
            };
        }
        match value {
            // `customer.*` names all words that begin so.
            Value::String(text) => match wanted.strip_suffix(".*") {
                Some(first) => text.strip_prefix(first).is_some_and(|rest| rest.starts_with('.')),
                None => text == wanted,
            },
            Value::Array(items) => items.iter().any(|item| item.as_str() == Some(wanted)),
            // An object stands for its id, as where it is not expanded.
            Value::Object(fields) => fields.get("id").and_then(Value::as_str) == Some(wanted),
            Value::Null => false,
            // `True` is how Python writes it.
            Value::Bool(flag) => wanted.eq_ignore_ascii_case(if *flag { "true" } else { "false" }),
            Value::Number(number) => number.to_string() == wanted,
        }
    }

    /// The value an item has that is asked for by this alone, where there is one.
    pub(crate) fn exact(&self) -> Option<(&str, &str)> {
        let is_one = self.bound.is_none() && self.others.is_empty();
        is_one.then_some((self.field, self.wanted))
    }
}

impl Listed {
    /// The page of those that are wanted.
    pub(crate) fn chosen(
        entities: Vec<Arc<Entity>>,
        query: Query,
        wanted: impl Fn(&Entity) -> bool,
    ) -> Self {
        let mut chosen: Vec<_> = entities.into_iter().filter(|entity| wanted(entity)).collect();
        if query.newest_first {
            chosen.reverse();
        }
        let total = chosen.len();
        let place = |id: &str| chosen.iter().position(|entity| *entity.id == *id);
        let (from, to) = match query.start() {
            Start::Offset(offset) => (offset, offset.saturating_add(query.limit)),
            Start::After(id) => {
                let from = place(id).map_or(total, |at| at + 1);
                (from, from.saturating_add(query.limit))
            }
            Start::Before(id) => {
                let to = place(id).unwrap_or(0);
                (to.saturating_sub(query.limit), to)
            }
        };
        let page = chosen.into_iter().skip(from).take(to.saturating_sub(from));
        Self { entities: page.collect(), more: to < total, total, query }
    }
}

/// Where the list itself is to be found.
pub(crate) struct Address<'a> {
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
}

/// Has an envelope say of the list what is so: whether there is more, how many there are, where
/// the next page is.
pub(crate) fn settle(
    envelope: &mut Map<String, Value>,
    record: &Record,
    shapes: &Shapes,
    listed: &Listed,
    address: &Address<'_>,
) {
    let projector = Projector::new(shapes);
    for field in &record.fields {
        if is_about(&field.name)
            && let Some((inner, _)) = shapes.record(&field.node)
            && let Some(object) = envelope.get_mut(&*field.name).and_then(Value::as_object_mut)
        {
            settle(object, inner, shapes, listed, address);
            continue;
        }
        let Some(said) = said(field, listed, address) else { continue };
        let leaves = shapes.leaves(&field.node);
        let spot = Spot::root(crate::dice::Dice::of(0, &field.name)).field(&field.name);
        match said {
            Some(value) => {
                let shown = projector.project(&field.node, Some(&value), spot);
                envelope.insert(field.name.to_string(), shown.into_value());
            }
            None if leaves.nullable => {
                envelope.insert(field.name.to_string(), Value::Null);
            }
            None if field.required => {
                envelope.insert(field.name.to_string(), "".into());
            }
            None => {
                envelope.remove(&*field.name);
            }
        }
    }
}

/// Whether an object in an envelope speaks of the list, and not of what is listed.
fn is_about(name: &str) -> bool {
    matches!(
        letters(name).as_str(),
        "meta" | "links" | "paging" | "pagination" | "pageinfo" | "responsemetadata" | "cursors"
    )
}

/// What a field says of a list; `Some(None)` where it is one that has nothing to say this time.
#[expect(clippy::option_option, reason = "the outer one is whether the field speaks of the list")]
fn said(field: &Field, listed: &Listed, address: &Address<'_>) -> Option<Option<Value>> {
    let Listed { entities, more, total, query } = listed;
    let count = entities.len();
    let last = entities.last().filter(|_| *more).map(|entity| &*entity.id);
    let first_index = query.offset;
    let pages = total.div_ceil(query.limit.max(1)).max(1);
    let value = match letters(&field.name).as_str() {
        "hasmore" | "hasnextpage" | "hasnext" => Some((*more).into()),
        "haspreviouspage" | "hasprevious" => {
            Some((first_index > 0 || query.after.is_some()).into())
        }
        "total" | "totalcount" | "totalitems" | "totalresults" | "totalsize" => {
            Some((*total).into())
        }
        "count" | "resultcount" | "resultscount" => Some(count.into()),
        "totalpages" | "numpages" | "pagecount" | "lastpage" => Some(pages.into()),
        "perpage" | "pagesize" | "limit" => Some(query.limit.into()),
        "page" | "currentpage" => Some(query.page.as_ref().map_or(1, |(_, page)| *page).into()),
        "offset" | "start" => Some(first_index.into()),
        "end" => Some((first_index + count.saturating_sub(1)).into()),
        "nextcursor" | "nextpagetoken" | "nexttoken" | "cursor" | "endcursor" | "aftercursor" => {
            last.map(Value::from)
        }
        "url" | "uri" | "firstpageuri" | "firstpageurl" => Some(link(field, address, None)),
        "nextpage" if query.by_token => last.map(Value::from),
        "next" | "nextpage" | "nextpageuri" | "nextpageurl" | "nexturl" | "nextlink" => {
            last.map(|last| link(field, address, Some(&query.next(last))))
        }
        "previous" | "prev" | "beforecursor" | "previouspage" | "previouspageuri"
        | "previouspageurl" | "previousurl" | "prevcursor" | "previouscursor" => None,
        _ => return None,
    };
    Some(value)
}

/// A link to a page; absolute where the field is of format `uri`.
fn link(field: &Field, address: &Address<'_>, query: Option<&str>) -> Value {
    let absolute = field
        .node
        .forms
        .iter()
        .any(|form| matches!(form, Form::Text { format: Some(Format::Uri), .. }));
    let mut text = if absolute { format!("http://{}", address.host) } else { String::new() };
    text.push_str(address.path);
    if let Some(query) = query {
        text.push('?');
        text.push_str(query);
    }
    text.into()
}

/// The `Link` header of a list that has no envelope (RFC 8288).
pub(crate) fn link_header(listed: &Listed, address: &Address<'_>) -> Option<String> {
    let last = listed.entities.last().filter(|_| listed.more)?;
    let query = listed.query.next(&last.id);
    Some(format!("<http://{}{}?{query}>; rel=\"next\"", address.host, address.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_names_for_a_page_are_understood() {
        let of = |text| Query::of(text, &Lists::default());
        let query = of("PageSize=5&Page=2&Status=x");
        assert_eq!((query.limit, query.start()), (5, Start::Offset(10)));
        assert_eq!(query.others, [("Status".to_owned(), "x".to_owned())]);
        assert_eq!(of("per_page=30&page=2").start(), Start::Offset(30));
        assert_eq!(of("limit=3&starting_after=a").start(), Start::After("a"));
        assert_eq!(of("limit=0&page=99999999999999999999").limit, 1);
    }
}
