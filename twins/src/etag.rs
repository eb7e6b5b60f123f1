//! Entity tags: who has an answer already is told so, and gets no body.
//!
//! # Source
//!
//! RFC 9110, §8.8.3 and §13.1.2.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::Full;
use sha2::{Digest, Sha256};

use crate::render::{self, Reply};
use crate::twin::Head;
use models::webhooks::mac::hex;

/// Gives an answer to a read its tag, and leaves its body out where the request has that one.
pub(crate) fn mark(reply: &mut Reply, head: &Head<'_>) {
    if !matches!(*head.method, Method::GET | Method::HEAD) || reply.status() != StatusCode::OK {
        return;
    }
    let tag = format!("W/\"{}\"", hex(&Sha256::digest(render::whole(reply.body().clone()))));
    let is_had = holds(head.headers, &tag);
    // Digits and letters are always a header's value.
    reply.headers_mut().extend(HeaderValue::from_str(&tag).ok().map(|value| (ETAG, value)));
    if is_had {
        *reply.status_mut() = StatusCode::NOT_MODIFIED;
        *reply.body_mut() = Full::default();
        reply.headers_mut().remove(CONTENT_TYPE);
        reply.headers_mut().remove(CONTENT_LENGTH);
    }
}

/// Whether `If-None-Match` names a tag; weak or not is the same here.
fn holds(headers: &HeaderMap, tag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|one| one.trim() == "*" || bare(one) == bare(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_had_by_any_of_its_names() {
        let headers = |value: &'static str| {
            HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(value))])
        };
        let tag = "W/\"a\"";
        assert!(holds(&headers("\"a\""), tag) && holds(&headers("\"b\", W/\"a\""), tag));
        assert!(holds(&headers("*"), tag));
        assert!(!holds(&headers("\"b\""), tag) && !holds(&HeaderMap::new(), tag));
    }
}
