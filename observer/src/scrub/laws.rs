//! What holds for every exchange, and the parts of an exchange case by case.

use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::Value;

use super::Scrubber;
use crate::exchange::{Direction, RawBody, RawExchange};

fn exchange(media_type: &str, body: &[u8]) -> RawExchange<'static> {
    RawExchange {
        direction: Direction::Call,
        seen_at_us: 1,
        latency_us: 2,
        method: "POST".into(),
        url: "https://api.test/v1/customers/cus_NffrFeUfNV2Hib?limit=3".into(),
        request_headers: vec![("Host".into(), "api.test".into())],
        request_body: None,
        status: 200,
        response_headers: vec![],
        response_body: Some(RawBody {
            media_type: Cow::Owned(media_type.to_owned()),
            bytes: Cow::Owned(body.to_vec()),
            truncated: false,
        }),
    }
}

fn scrubbed(media_type: &str, body: &str) -> String {
    let out = Scrubber::new([5; 32]).scrub(exchange(media_type, body.as_bytes()));
    String::from_utf8(out.response_body.unwrap().bytes.into_owned()).unwrap()
}

fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[a-z_]{0,12}",
        "\\PC{0,20}",
        "[A-Za-z0-9+/=_.@-]{0,40}",
        "(sk_test_|cus_|\\+1415|4242|Bearer |https://a.test/)[A-Za-z0-9]{0,24}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    let key = prop_oneof![
        "[a-z_]{1,8}",
        Just("token".to_owned()),
        Just("name".into()),
        Just("email".into())
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|map| Value::from(serde_json::Map::from_iter(map))),
        ]
    })
}

/// The document with every scalar replaced by its type.
fn skeleton(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(skeleton).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(k, v)| (k.clone(), skeleton(v)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::String(_) => "string".into(),
        Value::Number(number) => if number.is_f64() { "float" } else { "integer" }.into(),
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn scrubbing_is_deterministic_and_keeps_structure(document in any_json()) {
        let text = document.to_string();
        let once = scrubbed("application/json", &text);
        prop_assert_eq!(&once, &scrubbed("application/json", &text));
        let after: Value = serde_json::from_str(&once).unwrap();
        prop_assert_eq!(skeleton(&after), skeleton(&document));
    }

    #[test]
    fn any_bytes_under_any_media_type_are_taken(
        body in prop::collection::vec(any::<u8>(), 0..200),
        media_type in "(application/json|text/plain|text/html|application/x-www-form-urlencoded|multipart/form-data; boundary=b|image/png|)",
    ) {
        Scrubber::new([5; 32]).scrub(exchange(&media_type, &body));
    }

    #[test]
    fn json_cut_off_anywhere_is_taken(document in any_json(), at in any::<prop::sample::Index>()) {
        let text = document.to_string();
        let cut = (0..=at.index(text.len() + 1)).rev().find(|i| text.is_char_boundary(*i)).unwrap();
        scrubbed("application/json", &text[..cut]);
    }

    #[test]
    fn words_and_numbers_of_a_form_stay(word in "[a-z]{1,12}", number in 0_u32..1_000_000) {
        let form = format!("status={word}&amount={number}&items[0][currency]=usd");
        prop_assert_eq!(scrubbed("application/x-www-form-urlencoded", &form), form);
    }
}

#[test]
fn enum_words_times_versions_and_amounts_stay() {
    let body = r#"{ "object": "charge", "status":"requires_payment_method", "country":"DE",
        "created": 1700000000, "amount": 20.00, "at":"2024-06-20T10:00:00Z", "api_version":"2024-06-20.acacia",
        "type":"customer.subscription.updated", "url":"/v1/charges", "has_more": false, "model":"claude-3-5-sonnet-20241022",
        "ip_version": "1.2", "token_type":"bearer", "livemode": null }"#;
    assert_eq!(scrubbed("application/json", body), body);
}

#[test]
fn base64_in_lines_is_read_as_one() {
    let coded = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        "please write to jane@corp.test or to joe@corp.test, thank you",
    );
    let lines = format!("{}\n{}\n", &coded[..60], &coded[60..]);
    let out: serde_json::Value = serde_json::from_str(&scrubbed(
        "application/json",
        &serde_json::json!({ "content": lines }).to_string(),
    ))
    .unwrap();
    let text = out["content"].as_str().unwrap();
    assert_eq!(text.find('\n'), Some(60));
    let decoded =
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text.replace('\n', ""))
            .unwrap();
    let decoded = String::from_utf8(decoded).unwrap();
    assert!(decoded.starts_with("please write to u_") && !decoded.contains("corp"), "{decoded}");
}

/// Cases met in real recordings of GitHub's API.
#[test]
fn urls_keep_their_form_and_repositories_are_no_people() {
    let body = r#"[{"full_name":"octokit/octokit.rb","ssh_url":"git@github.com:octokit/octokit.rb.git","node_id":"MDEwOlJlcG9zaXRvcnkxODgxOTAzODI=","owner":{"email":"jane@corp.test","name":"octo-1"}}]"#;
    assert_eq!(
        scrubbed("application/json", body),
        body.replace("jane@corp.test", &scrubbed("text/plain", "jane@corp.test"))
    );
    let permissions = r#"{"permissions":{"secrets":"read"},"actor":{"login":"octo","email":null,"username":"octo"}}"#;
    assert_eq!(scrubbed("application/json", permissions), permissions);
    let slug = scrubbed("application/json", r#"["test-repo-eee4f66af4da"]"#);
    assert!(slug.starts_with("[\"test-repo-") && !slug.contains("eee4f66af4da"), "{slug}");
    let avatar = r#"["https://secure.gravatar.test/avatar/1f74b13f1e5c6c69cb5d7fbaabb1e2cb?d=https%3A%2F%2Fa.test%2Fx.png&s=60"]"#;
    let out = scrubbed("application/json", avatar);
    assert!(
        out.starts_with(r#"["https://secure.gravatar.test/avatar/"#) && !out.contains("1f74b13f"),
        "{out}"
    );
    assert!(out.ends_with(r#"?d=https%3A%2F%2Fa.test%2Fx.png&s=60"]"#), "{out}");
}

#[test]
fn a_body_cut_off_still_loses_its_secrets() {
    let out = scrubbed(
        "application/json",
        "{\n \"user\": {\n  \"password\": \"hunter2\",\n  \"access_token\": \"abcdefg",
    );
    assert!(!out.contains("hunter2") && !out.contains("abcdefg"), "{out}");
}

#[test]
fn bytes_that_are_not_text_become_their_length() {
    let out = Scrubber::new([5; 32]).scrub(exchange("image/png", b"\x89PNG\r\n\x1a\n\0\0"));
    assert_eq!(out.response_body.unwrap().bytes.as_ref(), b"[10 bytes of image/png]");
}

#[test]
fn multipart_parts_go_by_their_names_and_files_by_their_length() {
    let body = "--b\r\nContent-Disposition: form-data; name=\"client_secret\"\r\n\r\nhunter2\r\n--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\ndispute_evidence\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n\0\u{1}\r\n--b--\r\n";
    let out = scrubbed("multipart/form-data; boundary=b", body);
    assert!(!out.contains("hunter2") && out.contains("dispute_evidence"), "{out}");
    assert!(out.contains("[2 bytes of application/octet-stream]\r\n--b--\r\n"), "{out}");
}

#[test]
fn markup_goes_by_its_elements() {
    let out = scrubbed(
        "application/xml",
        "<user><FirstName>Jane</FirstName><Password>hunter2</Password><Status>active</Status></user>",
    );
    assert!(
        !out.contains("Jane")
            && !out.contains("hunter2")
            && out.contains("<Status>active</Status>"),
        "{out}"
    );
}

#[test]
fn event_streams_are_scrubbed_line_by_line() {
    let out = scrubbed(
        "text/event-stream",
        "event: delta\ndata: {\"token\":\"abc123xyz\",\"n\":1}\n\ndata: [DONE]\n\n",
    );
    assert!(
        !out.contains("abc123xyz") && out.ends_with("data: [DONE]\n\n") && out.contains("\"n\":1"),
        "{out}"
    );
}

#[test]
fn a_map_keyed_by_email_loses_the_addresses() {
    let out = scrubbed("application/json", r#"{"members":{"jane@corp.test":{"role":"admin"}}}"#);
    assert!(!out.contains("jane") && out.contains("\"role\":\"admin\""), "{out}");
}

#[test]
fn basic_credentials_keep_the_account_id_that_paths_hold() {
    let scrubber = Scrubber::new([5; 32]);
    let sid = "AC0123456789abcdef0123456789abcdef";
    let mut call = exchange("application/json", b"{}");
    let pair = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        format!("{sid}:hunter2"),
    );
    call.request_headers.push(("Authorization".into(), format!("Basic {pair}").into()));
    call.url = format!("https://api.test/2010-04-01/Accounts/{sid}/Messages.json").into();
    let out = scrubber.scrub(call);
    let encoded = out.request_headers[1].1.strip_prefix("Basic ").unwrap();
    let decoded =
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, encoded).unwrap();
    let decoded = String::from_utf8(decoded).unwrap();
    let (user, password) = decoded.split_once(':').unwrap();
    assert!(
        out.url.contains(user) && user != sid && out.url.contains("/2010-04-01/"),
        "{} {user}",
        out.url
    );
    assert!(password.starts_with("scrubbed"));
}

#[test]
fn scrubbing_a_secret_twice_changes_nothing_more() {
    let scrubber = Scrubber::new([5; 32]);
    let body = format!(
        r#"{{"note":"sk_{}","token":"abc","sid":"SK{}"}}"#,
        "test_4eC39HqLyjWDarjtT1zdp7dc", "0123456789abcdef0123456789abcdef"
    );
    let once = scrubber.scrub(exchange("application/json", body.as_bytes()));
    let twice = scrubber.scrub(once.clone());
    assert_eq!(once.response_body, twice.response_body);
}
