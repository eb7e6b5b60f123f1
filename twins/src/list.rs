//! Lists: what is asked for, what is shown, and what the envelope says of it.

use std::fmt::Write as _;
use std::sync::Arc;

use models::behaviour::Lists;
use models::{JsonType, Route};
use serde_json::{Map, Value};

use crate::action::letters;
use crate::body::pairs;
use crate::escape::in_query;
use crate::format::Format;
use crate::project::{Projector, Spot};
use crate::shape::{Field, Form, Record, Shapes};
use crate::state::{Entity, Start};

/// What a list's query asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub(crate) limit: usize,
    pub(crate) newest_first: bool,
    /// As the request calls it.
    limit_name: Option<String>,
    /// As it says.
    limit_asked: Option<usize>,
    /// The parameter that says where the page begins, as the request calls it.
    start_name: Option<String>,
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
            query.offset = page.saturating_sub(first_page(name)).saturating_mul(query.limit);
        }
        query
    }

    fn take(&mut self, name: String, value: String) {
        let number = value.parse::<usize>().ok();
        self.is_bracketed |= within_page(&name).is_some();
        let word = word(&name);
        match number {
            Some(number)
                if word == "page" || (word == "number" && within_page(&name).is_some()) =>
            {
                self.page = Some((name, number));
            }
            Some(number) if is_limit(&word) => {
                self.limit = number.max(1);
                self.limit_asked = Some(number);
                self.limit_name = Some(name);
            }
            Some(number) if is_offset(&word) => {
                self.offset = number;
                self.start_name = Some(name);
            }
            _ if value.is_empty() => self.others.push((name, value)),
            _ if is_cursor(&word) || word == "page" => {
                self.after = Some(value);
                self.start_name = Some(name);
            }
            _ if matches!(&*word, "endingbefore" | "before") => self.before = Some(value),
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

    /// The query of the next page, which begins after an item: the same again from there.
    fn next(&self, last: &str, route: &Route) -> String {
        let (name, start) = match (&self.page, &self.start_name) {
            (Some((name, page)), _) => (name.clone(), page.saturating_add(1).to_string()),
            (None, Some(name)) if self.after.is_none() => {
                (name.clone(), self.offset.saturating_add(self.limit).to_string())
            }
            (None, Some(name)) => (name.clone(), last.to_owned()),
            (None, None) => self.first_next(last, route),
        };
        self.with_start(&name, &start, route)
    }

    /// The parameter that begins the second page, and its value: one that the route has, where it has any.
    fn first_next(&self, last: &str, route: &Route) -> (String, String) {
        let named = |is: &dyn Fn(&str) -> bool| route.query.keys().find(|name| is(&word(name)));
        let is_counted = |name: &String| {
            let types = &route.query[name].schema.types;
            types.contains(&JsonType::Integer) || types.contains(&JsonType::Number)
        };
        let of_page = named(&|word| word == "page");
        if self.is_bracketed
            || of_page
                .is_some_and(|name| route.query[name].schema.types.contains(&JsonType::Object))
        {
            return ("page[after]".to_owned(), last.to_owned());
        }
        if let Some(name) = named(&is_cursor) {
            return (name.clone(), last.to_owned());
        }
        if let Some(name) = of_page.filter(|name| is_counted(name)) {
            return (name.clone(), (first_page(name) + 1).to_string());
        }
        match named(&is_offset) {
            Some(name) => (name.clone(), self.limit.to_string()),
            None => ("starting_after".to_owned(), last.to_owned()),
        }
    }

    /// The query of the page before, where pages or items are counted and there is one.
    fn previous(&self, route: &Route) -> Option<String> {
        let (name, start) = match (&self.page, &self.start_name) {
            (Some((name, page)), _) if *page > first_page(name) => (name, page - 1),
            (None, Some(name)) if self.offset > 0 => (name, self.offset.saturating_sub(self.limit)),
            _ => return None,
        };
        Some(self.with_start(name, &start.to_string(), route))
    }

    fn with_start(&self, name: &str, start: &str, route: &Route) -> String {
        let own = || route.query.keys().find(|name| is_limit(&word(name)));
        let limit = self.limit_name.as_ref().or_else(own).map_or("limit", |name| name);
        let mut text = format!("{limit}={}&{name}={}", self.limit, in_query(start));
        for (name, value) in &self.others {
            // Writing into memory does not fail.
            let _ = write!(text, "&{}={}", in_query(name), in_query(value));
        }
        text
    }
}

/// The number of the first page: Twilio's `Page` counts from 0, all others from 1.
fn first_page(name: &str) -> usize {
    usize::from(name != "Page")
}

/// The word in brackets of `page[size]` and `page[after]`, which are words of their own.
fn within_page(name: &str) -> Option<&str> {
    name.strip_prefix("page[")?.strip_suffix(']')
}

/// What a parameter of a list is called, by its letters.
fn word(name: &str) -> String {
    letters(within_page(name).unwrap_or(name))
}

fn is_limit(word: &str) -> bool {
    matches!(word, "limit" | "perpage" | "pagesize" | "size" | "maxresults" | "first" | "top")
}

fn is_offset(word: &str) -> bool {
    matches!(word, "offset" | "skip")
}

fn is_cursor(word: &str) -> bool {
    matches!(word, "startingafter" | "after" | "cursor" | "pagetoken" | "startafter")
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
    /// The route that lists.
    pub(crate) route: &'a Route,
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
        "meta"
            | "metadata"
            | "links"
            | "page"
            | "pages"
            | "paging"
            | "pagination"
            | "paginator"
            | "pageinfo"
            | "pagemeta"
            | "pagemetadata"
            | "listmeta"
            | "listmetadata"
            | "responsemetadata"
            | "cursor"
            | "cursors"
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
            last.map(|last| link(field, address, Some(&query.next(last, address.route))))
        }
        "previous" | "prev" | "previouspage" | "previouspageuri" | "previouspageurl"
        | "previousurl" | "previouslink" => {
            query.previous(address.route).map(|query| link(field, address, Some(&query)))
        }
        "beforecursor" | "prevcursor" | "previouscursor" => None,
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
    let query = listed.query.next(&last.id, address.route);
    Some(format!("<http://{}{}?{query}>; rel=\"next\"", address.host, address.path))
}

#[cfg(test)]
mod tests {
    use models::{Parameter, Schema};

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

    #[test]
    fn the_next_page_is_asked_for_as_the_route_has_it_and_as_this_one_was() {
        let next = |declared: &[(&str, JsonType)], asked: &str| {
            let parameter = |(name, json_type): &(&str, JsonType)| {
                let schema = Schema::of_type(*json_type);
                ((*name).to_owned(), Parameter { schema, ..Parameter::default() })
            };
            let query = declared.iter().map(parameter).collect();
            let route = Route { query, ..Route::default() };
            Query::of(asked, &Lists::default()).next("a&b", &route)
        };
        let (text, integer) = (JsonType::String, JsonType::Integer);
        assert_eq!(next(&[], "limit=2&status=x+y"), "limit=2&starting_after=a%26b&status=x%20y");
        assert_eq!(next(&[("cursor", text)], "limit=2"), "limit=2&cursor=a%26b");
        assert_eq!(next(&[], "limit=2&cursor=z"), "limit=2&cursor=a%26b");
        let pages = [("page", integer), ("per_page", integer)];
        assert_eq!(next(&pages, ""), "per_page=100&page=2");
        assert_eq!(next(&pages, "per_page=5&page=3"), "per_page=5&page=4");
        let offsets = [("offset", integer), ("limit", integer)];
        assert_eq!(next(&offsets, "limit=5"), "limit=5&offset=5");
        assert_eq!(next(&offsets, "limit=5&offset=10"), "limit=5&offset=15");
        assert_eq!(next(&[("page", JsonType::Object)], ""), "limit=100&page[after]=a%26b");
        assert_eq!(next(&[], "page[size]=2"), "page[size]=2&page[after]=a%26b");
    }
}
