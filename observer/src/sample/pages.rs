//! The next page of a list, as its answer says where it is. Pure.

use reqwest::Url;
use serde_json::Value;

use super::plan::Request;
use super::pool::read;
use super::probes::Pages;
use crate::exchange::RawExchange;

/// The request for the page after an answer; none where it was the last, or as many were asked as may be.
///
/// Where the probe names a cursor, its value in the body decides; else the `Link` header does (RFC 8288).
/// An address, in the body or the header, is followed as long as it stays at the one asked.
pub(super) fn next(
    pages: &Pages,
    request: &Request,
    exchange: &RawExchange<'_>,
) -> Option<Request> {
    if !(200..300).contains(&exchange.status) || request.page + 1 >= pages.max {
        return None;
    }
    let query = match (&pages.query, &pages.at) {
        (Some(name), Some(at)) => {
            let body = exchange.response_body.as_ref()?;
            let body: Value = serde_json::from_slice(&body.bytes).ok()?;
            let is_last = |more: &String| read(&body, more).first() == Some(&&Value::Bool(false));
            if pages.more.as_ref().is_some_and(is_last) {
                return None;
            }
            let cursor = text(read(&body, at).last()?)?;
            if is_address(&cursor) {
                let query = there(exchange, &cursor)?;
                return Some(Request { query, page: request.page + 1, ..request.clone() })
                    .filter(|next| next.query != request.query);
            }
            let others = request.query.iter().filter(|(other, _)| other != name).cloned();
            others.chain([(name.clone(), cursor)]).collect()
        }
        _ => linked(exchange)?,
    };
    (query != request.query).then(|| Request { query, page: request.page + 1, ..request.clone() })
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The query of what `Link` calls the next.
fn linked(exchange: &RawExchange<'_>) -> Option<Vec<(String, String)>> {
    let header = exchange.response_header("link")?;
    let is_next = |parameters: &str| {
        parameters.split(';').any(|one| {
            let one = one.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
            let relations = |value: &str| value.trim_matches('"').to_ascii_lowercase();
            one.is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("rel")
                    && relations(value).split(' ').any(|relation| relation == "next")
            })
        })
    };
    // A comma may stand in an address, but not `<`.
    let target = header.split('<').find_map(|link| {
        let (target, parameters) = link.split_once('>')?;
        is_next(parameters.trim_end().trim_end_matches(',')).then_some(target)
    })?;
    there(exchange, target)
}

/// Whether a value in the place of a cursor is the next page's address, as Django REST framework
/// (`https://…?cursor=…`) and Twilio (`/2010-04-01/…?Page=1`) give it. No cursor has a `?`.
fn is_address(cursor: &str) -> bool {
    let is_relative = || cursor.starts_with(['/', '?']) && cursor.contains('?');
    cursor.starts_with("https://") || cursor.starts_with("http://") || is_relative()
}

/// The query of an address, where that is the one asked but for it.
fn there(exchange: &RawExchange<'_>, target: &str) -> Option<Vec<(String, String)>> {
    let asked = Url::parse(&exchange.url).ok()?;
    let next = asked.join(target).ok()?;
    let is_there = next.origin() == asked.origin() && next.path() == asked.path();
    is_there.then(|| next.query_pairs().into_owned().collect())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::exchange::{Direction, RawBody};

    fn exchange(link: &str, body: &str) -> RawExchange<'static> {
        RawExchange {
            direction: Direction::Call,
            seen_at_us: 0,
            latency_us: 0,
            method: Cow::Borrowed("GET"),
            url: Cow::Borrowed("https://api.example.com/v1/users?limit=2"),
            request_headers: Vec::new(),
            request_body: None,
            status: 200,
            response_headers: vec![(Cow::Borrowed("link"), Cow::Owned(link.to_owned()))],
            response_body: Some(RawBody {
                media_type: Cow::Borrowed("application/json"),
                bytes: Cow::Owned(body.as_bytes().to_vec()),
                truncated: false,
            }),
        }
    }

    fn request() -> Request {
        let query = vec![("limit".to_owned(), "2".to_owned())];
        Request { probe: "GET /users".to_owned(), binding: Vec::new(), query, page: 0 }
    }

    fn query(pages: &str, link: &str, body: &str) -> Option<String> {
        let next = next(&toml::from_str(pages).unwrap(), &request(), &exchange(link, body))?;
        let pairs = next.query.iter().map(|(name, value)| format!("{name}={value}"));
        Some(pairs.collect::<Vec<_>>().join("&"))
    }

    #[test]
    fn a_link_is_followed_as_long_as_it_stays_where_was_asked() {
        let of = |link: &str| query("max = 3", link, "[]");
        let there = "<https://api.example.com/v1/users?limit=2&page=2>; rel=\"next\"";
        assert_eq!(of(there), Some("limit=2&page=2".to_owned()));
        let among = format!("</v1/users?page=0>; rel=\"prev\", {there}, </x>; rel=\"last\"");
        assert_eq!(of(&among), Some("limit=2&page=2".to_owned()));
        assert_eq!(of("<?page=2>; rel=next"), Some("page=2".to_owned()));
        assert_eq!(of("<https://elsewhere.example.com/v1/users?page=2>; rel=\"next\""), None);
        assert_eq!(of("</v1/admin?page=2>; rel=\"next\""), None);
        assert_eq!(of("<?page=0>; rel=\"prev\""), None);
        assert_eq!(of("nonsense"), None);
        assert_eq!(query("max = 1", there, "[]"), None, "as many as may be");
    }

    #[test]
    fn a_cursor_is_read_from_the_body_until_it_says_that_there_is_no_more() {
        let last_id = "max = 3\nquery = 'starting_after'\nat = 'data[].id'\nmore = 'has_more'";
        let of = |body: &str| query(last_id, "", body);
        let list = r#"{"data": [{"id": "a"}, {"id": "b"}], "has_more": true}"#;
        assert_eq!(of(list), Some("limit=2&starting_after=b".to_owned()));
        assert_eq!(of(&list.replace("true", "false")), None);
        assert_eq!(of(r#"{"data": []}"#), None);
        let token = "max = 3\nquery = 'cursor'\nat = 'meta.next'";
        let next = |body: &str| query(token, "", body);
        assert_eq!(next(r#"{"meta": {"next": "dXNlcjp"}}"#), Some("limit=2&cursor=dXNlcjp".into()));
        assert_eq!(next(r#"{"meta": {"next": ""}}"#), None);
        assert_eq!(next(r#"{"meta": {"next": null}}"#), None);
        assert_eq!(next("no JSON"), None);
    }

    #[test]
    fn an_address_in_the_place_of_a_cursor_is_followed_and_not_sent() {
        let of = |next: &str| {
            query("max = 3\nquery = 'cursor'\nat = 'next'", "", &format!(r#"{{"next": "{next}"}}"#))
        };
        let there = "https://api.example.com/v1/users?cursor=cD0y&limit=2";
        assert_eq!(of(there), Some("cursor=cD0y&limit=2".to_owned()));
        assert_eq!(of("/v1/users?cursor=cD0y"), Some("cursor=cD0y".to_owned()));
        assert_eq!(of("https://elsewhere.example.com/v1/users?cursor=cD0y"), None);
        assert_eq!(of("https://api.example.com/v1/keys?cursor=cD0y"), None);
        assert_eq!(of("/8Wb+"), Some("limit=2&cursor=/8Wb+".to_owned()), "a cursor all the same");
    }
}
