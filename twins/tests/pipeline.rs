//! Credentials, idempotency and the vendor's own errors, on the catalog's Stripe.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::Value;
use twins::catalog::Entry;
use twins::{Clock, Twin, TwinConfig};

fn stripe() -> Twin {
    let entry = Entry::named("stripe").unwrap();
    let document = entry.behaviour().unwrap().document;
    let config = TwinConfig {
        document,
        clock: Clock::still(std::time::Duration::from_secs(1_700_000_000)),
        ..TwinConfig::new("stripe")
    };
    Twin::frozen(entry.model().unwrap(), config)
}

fn send(
    twin: &Twin,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Response<Bytes> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let form = ("content-type", "application/x-www-form-urlencoded");
    twin.call(&request.header(form.0, form.1).body(Bytes::from(body.to_owned())).unwrap())
}

fn json(answer: &Response<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

const KEY: (&str, &str) = ("authorization", "Bearer sk_test_123");

#[test]
fn a_call_without_a_credential_gets_the_vendors_error() {
    let twin = stripe();
    let without = send(&twin, "GET", "/v1/customers", &[], "");
    assert_eq!(without.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(json(&without)["error"]["type"], "invalid_request_error");
    let wrong = send(&twin, "GET", "/v1/customers", &[("authorization", "Bearer nonsense")], "");
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    assert!(json(&wrong)["error"]["message"].as_str().unwrap().contains("ense"));
    // `sk_test_123:` as a basic user, as curl -u sends it.
    let basic =
        send(&twin, "GET", "/v1/customers", &[("authorization", "Basic c2tfdGVzdF8xMjM6")], "");
    assert_eq!(basic.status(), StatusCode::OK);
    assert!(basic.headers()["request-id"].to_str().unwrap().starts_with("req_"));
    assert_eq!(basic.headers()["stripe-version"], "2023-08-16");
}

#[test]
fn a_call_sent_twice_under_one_key_is_made_once() {
    let twin = stripe();
    let key = ("idempotency-key", "k1");
    let first = send(&twin, "POST", "/v1/customers", &[KEY, key], "email=a%40b.example");
    let second = send(&twin, "POST", "/v1/customers", &[KEY, key], "email=a%40b.example");
    assert_eq!((first.status(), first.body()), (StatusCode::OK, second.body()));
    assert_eq!(
        (first.headers().get("idempotent-replayed"), &second.headers()["idempotent-replayed"]),
        (None, &"true".parse().unwrap())
    );
    let other = send(&twin, "POST", "/v1/customers", &[KEY, key], "email=c%40d.example");
    assert_eq!(
        (other.status(), &json(&other)["error"]["type"]),
        (StatusCode::BAD_REQUEST, &"idempotency_error".into())
    );
    let listed = json(&send(&twin, "GET", "/v1/customers", &[KEY], ""));
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);

    // Another account's key is another key, and a day later it is free again.
    let theirs = send(
        &twin,
        "POST",
        "/v1/customers",
        &[("authorization", "Bearer sk_test_9"), key],
        "email=c%40d.example",
    );
    assert_eq!(theirs.status(), StatusCode::OK);
    twin.clock().advance(std::time::Duration::from_hours(24));
    let later = send(&twin, "POST", "/v1/customers", &[KEY, key], "email=c%40d.example");
    assert_eq!(later.status(), StatusCode::OK);
    assert_ne!(later.body(), first.body());
}

#[test]
fn what_is_not_there_is_said_in_the_vendors_words_and_counted() {
    let twin = stripe();
    let missing = json(&send(&twin, "GET", "/v1/customers/cus_none", &[KEY], ""));
    assert_eq!(missing["error"]["code"], "resource_missing");
    assert_eq!(missing["error"]["message"], "No such customer: 'cus_none'");
    let absent = send(&twin, "GET", "/v1/nothing_like_it", &[KEY], "");
    assert_eq!(absent.status(), StatusCode::NOT_FOUND);
    assert_eq!(absent.headers()["x-wondertwin-absent"], "true");
    assert_eq!(twin.status().absent, 1);
}

#[test]
fn the_same_seed_and_the_same_requests_give_the_same_bytes() {
    let run = || {
        let twin = stripe();
        let mut all = Vec::new();
        for (method, path, body) in [
            ("POST", "/v1/customers", "email=a%40b.example"),
            ("POST", "/v1/products", "name=chair"),
            ("GET", "/v1/customers", ""),
            ("GET", "/v1/balance", ""),
            ("GET", "/v1/customers/none", ""),
        ] {
            let answer = send(&twin, method, path, &[KEY], body);
            all.push((answer.status(), format!("{:?}", answer.headers()), answer.into_body()));
        }
        all
    };
    assert_eq!(run(), run());
}

#[test]
fn lists_are_newest_first_and_a_search_finds_what_it_says() {
    let twin = stripe();
    let make = |body: &str| {
        let made = send(&twin, "POST", "/v1/customers", &[KEY], body);
        json(&made)["id"].as_str().unwrap().to_owned()
    };
    let (ada, grace) =
        (make("name=Ada&metadata[plan]=free"), make("name=Grace&metadata[plan]=paid"));
    let ids = |path: &str| -> Vec<String> {
        let listed = json(&send(&twin, "GET", path, &[KEY], ""));
        let items = listed["data"].as_array().unwrap_or_else(|| panic!("{path}: {listed}"));
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("/v1/customers"), [grace.as_str(), ada.as_str()]);
    let (first, second) = (vec![grace.clone()], vec![ada.clone()]);
    assert_eq!(ids(&format!("/v1/customers?starting_after={grace}")), second);
    assert_eq!(ids(&format!("/v1/customers?ending_before={ada}")), first);
    assert_eq!(ids("/v1/customers?created[gte]=1700000000").len(), 2);
    assert_eq!(ids("/v1/customers?created[gt]=1700000000").len(), 0);
    let search = "/v1/customers/search?query=metadata%5B%27plan%27%5D%3A%27paid%27";
    assert_eq!(ids(search), first);
    assert_eq!(ids("/v1/customers/search?query=-name~%22grace%22"), second);
    let refused = send(&twin, "GET", "/v1/customers/search?query=name", &[KEY], "");
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    // Nobody can make a dispute through the API: there is none. A country is there unasked.
    assert_eq!(ids("/v1/disputes"), Vec::<String>::new());
    let country = send(&twin, "GET", "/v1/country_specs/US", &[KEY], "");
    assert_eq!((country.status(), json(&country)["id"].as_str()), (StatusCode::OK, Some("US")));
}
