//! What an application sees of a twin's state, over HTTP.

mod support;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use support::{config, fixture, frozen, start};
use twins::{Clock, Follow, Missing, TwinConfig};

#[tokio::test]
async fn what_is_created_is_read_updated_listed_and_deleted() {
    let twin = frozen(fixture("shop.json")).await;
    let client = &twin.client;
    let fields = json!({"email": "ada@example.com", "metadata": {"a": "1"}, "unknown": 1});
    let created = client.post("/v1/customers", fields).await;
    assert_eq!(created.status, StatusCode::CREATED);
    let customer = created.json();
    let id = created.text("id");
    assert!(id.starts_with("cus_") && id.len() == 28, "{id}");
    assert_eq!(
        (&customer["email"], &customer["created"]),
        (&json!("ada@example.com"), &json!(1_640_995_200))
    );
    assert_eq!((&customer["metadata"], customer.get("unknown")), (&json!({"a": "1"}), None));

    // With and without the base URL's path.
    for path in [format!("/v1/customers/{id}"), format!("/customers/{id}/")] {
        assert_eq!(client.get(&path).await.json(), customer);
    }
    let path = format!("/v1/customers/{id}");
    let update = json!({"name": "Ada", "metadata": {"b": "2"}, "id": "other"});
    let updated = client.post(&path, update).await.json();
    assert_eq!((&updated["name"], &updated["email"]), (&json!("Ada"), &json!("ada@example.com")));
    assert_eq!((&updated["metadata"], &updated["id"]), (&json!({"a": "1", "b": "2"}), &json!(id)));
    assert_eq!(client.get(&path).await.json(), updated);

    let listed = client.get("/v1/customers").await.json();
    assert_eq!(
        (&listed["data"], &listed["has_more"], &listed["url"]),
        (&json!([updated]), &json!(false), &json!("/v1/customers"))
    );

    let deleted = client.delete(&path).await;
    assert_eq!(deleted.json(), json!({"id": id, "deleted": true}));
    let gone = client.get(&path).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    assert_eq!(gone.json()["error"]["message"], json!(format!("no such customers: {id}")));
    assert_eq!(client.get("/v1/customers").await.json()["data"], json!([]));
    twin.stop().await;
}

#[tokio::test]
async fn put_replaces_and_keeps_what_is_not_the_clients_to_say() {
    let twin = frozen(fixture("shop.json")).await;
    let created =
        twin.client.post("/customers", json!({"email": "a@b.example", "name": "A"})).await;
    let path = format!("/customers/{}", created.text("id"));
    let put = twin.client.json(Method::PUT, &path, json!({"balance": 7})).await.json();
    assert_eq!((&put["id"], &put["created"]), (&created.json()["id"], &created.json()["created"]));
    assert_eq!(put["balance"], json!(7));
    assert_ne!(put["email"], json!("a@b.example"));
    let missing = twin.client.json(Method::PUT, "/customers/cus_none", json!({})).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pages_of_a_list_hold_everything_once() {
    let twin = frozen(fixture("shop.json")).await;
    for number in 0..7 {
        twin.client.post("/customers", json!({"email": format!("{number}@example.com")})).await;
    }
    let mut seen = Vec::new();
    let mut path = "/customers?limit=3".to_owned();
    loop {
        let page = twin.client.get(&path).await.json();
        seen.extend(page["data"].as_array().unwrap().iter().map(|one| one["email"].clone()));
        if page["has_more"] == json!(false) {
            assert_eq!(page["next_cursor"], Value::Null);
            break;
        }
        path =
            format!("/customers?limit=3&starting_after={}", page["next_cursor"].as_str().unwrap());
    }
    assert_eq!(
        seen,
        (0..7).map(|number| json!(format!("{number}@example.com"))).collect::<Vec<_>>()
    );
    let filtered = twin.client.get("/customers?email=3%40example.com").await.json();
    assert_eq!(filtered["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_nested_collection_needs_its_parent_and_goes_with_it() {
    let twin = frozen(fixture("shop.json")).await;
    let client = &twin.client;
    assert_eq!(
        client.post("/customers/cus_none/sources", json!({})).await.status,
        StatusCode::NOT_FOUND
    );
    let one = client.post("/customers", json!({})).await.text("id");
    let other = client.post("/customers", json!({})).await.text("id");
    let source = client.post(&format!("/customers/{one}/sources"), json!({"last4": "4242"})).await;
    assert_eq!(source.status, StatusCode::OK);
    assert_eq!(
        (&source.json()["customer"], &source.json()["last4"]),
        (&json!(one), &json!("4242"))
    );
    let path = format!("/customers/{one}/sources/{}", source.text("id"));
    assert_eq!(client.get(&path).await.json(), source.json());
    assert_eq!(
        client.get(&format!("/customers/{one}/sources")).await.json(),
        json!([source.json()])
    );
    assert_eq!(client.get(&format!("/customers/{other}/sources")).await.json(), json!([]));
    client.delete(&format!("/customers/{one}")).await;
    assert_eq!(client.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn forms_are_typed_by_the_schema() {
    let twin = frozen(fixture("shop.json")).await;
    let customer = twin
        .client
        .form("/v1/customers", "balance=250&livemode=true&metadata[k]=v&name=A+B")
        .await
        .json();
    assert_eq!(
        (&customer["balance"], &customer["livemode"], &customer["metadata"], &customer["name"]),
        (&json!(250), &json!(true), &json!({"k": "v"}), &json!("A B"))
    );
    let headers = [("content-type", "multipart/form-data; boundary=x")];
    let body = "--x\r\nContent-Disposition: form-data; name=\"balance\"\r\n\r\n9\r\n--x--\r\n";
    let customer =
        twin.client.send(Method::POST, "/customers", &headers, body).await.unwrap().json();
    assert_eq!(customer["balance"], json!(9));
    assert_eq!(
        twin.client.form("/customers", "balance=lots").await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn twilios_way_of_writing_paths_and_names_works() {
    let twin = frozen(fixture("shop.json")).await;
    let created = twin.client.form("/Messages.json", "To=%2B15005550006").await;
    assert_eq!(created.status, StatusCode::CREATED);
    let sid = created.text("sid");
    assert!(sid.starts_with("SM") && sid.len() == 34);
    assert_eq!(created.text("to"), "+15005550006");
    assert_eq!(created.text("date_created"), "Sat, 01 Jan 2022 00:00:00 +0000");
    assert_eq!(twin.client.get(&format!("/Messages/{sid}.json")).await.json(), created.json());
    twin.client.form("/Messages.json", "To=%2B15005550007").await;
    let page = twin.client.get("/Messages.json?PageSize=1&Page=0").await.json();
    assert_eq!(page["messages"].as_array().unwrap().len(), 1);
    let next = page["next_page_uri"].as_str().unwrap();
    let next = &next[next.find("/Messages").unwrap()..];
    assert_eq!(twin.client.get(next).await.json()["messages"][0]["to"], json!("+15005550007"));
    assert_eq!(twin.client.form("/Messages.json", "Body=x").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn items_within_an_envelope_are_unwrapped_and_numbers_are_counted() {
    let twin = frozen(fixture("shop.json")).await;
    for number in 1..=2 {
        let created =
            twin.client.post("/issues", json!({"issue": {"title": "T", "assignee": null}})).await;
        assert_eq!(created.json()["issue"]["number"], json!(number));
        assert_eq!(created.json()["issue"]["assignee"], Value::Null);
    }
    let read = twin.client.get("/issues/2").await.json();
    assert_eq!((&read["issue"]["number"], &read["issue"]["title"]), (&json!(2), &json!("T")));
    assert_eq!(twin.client.get("/issues/3").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn one_of_a_kind_actions_and_what_nobody_creates() {
    let twin = frozen(fixture("shop.json")).await;
    let client = &twin.client;
    let before = client.get("/settings").await.json();
    let theme = if before["theme"] == json!("dark") { "light" } else { "dark" };
    client.json(Method::PATCH, "/settings", json!({"theme": theme})).await;
    let after = client.get("/settings").await.json();
    assert_eq!((&after["theme"], &after["page_length"]), (&json!(theme), &before["page_length"]));

    let charge = client.post("/charges", json!({"amount": 5})).await;
    let path = format!("/charges/{}", charge.text("id"));
    let captured = client.post(&format!("{path}/capture"), json!({"note": "now"})).await.json();
    assert_eq!((&captured["note"], &captured["amount"]), (&json!("now"), &json!(5)));
    assert_eq!(client.get(&path).await.json(), captured);
    assert_eq!(
        client.post("/charges/ch_none/capture", json!({})).await.status,
        StatusCode::NOT_FOUND
    );

    // Nothing creates events, so those that are asked for exist, and some are listed.
    let events = client.get("/events").await.json();
    let first = &events[0];
    let path = format!("/events/{}", first["id"].as_str().unwrap());
    assert_eq!(client.get(&path).await.json(), *first);
    assert_eq!(client.get("/events/evt_x").await.json()["id"], json!("evt_x"));
}

#[tokio::test]
async fn a_create_that_answers_with_the_id_alone_is_still_read_whole() {
    let twin = frozen(fixture("shop.json")).await;
    let created = twin.client.post("/emails", json!({"to": "a@example.com"})).await.json();
    assert_eq!(created.as_object().unwrap().len(), 1);
    let read =
        twin.client.get(&format!("/emails/{}", created["id"].as_str().unwrap())).await.json();
    assert_eq!(
        (&read["to"], &read["created_at"]),
        (&json!(["a@example.com"]), &json!("2022-01-01T00:00:00.000Z"))
    );
}

#[tokio::test]
async fn what_was_never_written_is_made_up_where_that_is_wanted() {
    let config = TwinConfig { missing: Missing::Materialize, ..config() };
    let twin = start(fixture("shop.json"), Follow::Frozen, config).await;
    let read = twin.client.get("/customers/cus_any").await;
    assert_eq!((read.status, &read.json()["id"]), (StatusCode::OK, &json!("cus_any")));
    let changed = twin.client.post("/customers/cus_any", json!({"name": "Any"})).await.json();
    assert_eq!(changed["name"], json!("Any"));
    // Nothing of what is made up is kept, so that the next test finds what this one found.
    assert_eq!(twin.client.get("/customers/cus_any").await.body, read.body);
    assert_eq!(twin.client.delete("/customers/cus_any").await.status, StatusCode::OK);
    assert_eq!(twin.client.get("/customers/cus_any").await.body, read.body);
    let listed = twin.client.get("/customers").await.json();
    assert!(!listed["data"].as_array().unwrap().is_empty());
    let named = json!({"id": "cus_own", "name": "Ada"});
    for _ in 0..2 {
        let created = twin.client.post("/customers", named.clone()).await;
        assert_eq!(created.json()["name"], json!("Ada"));
    }
    assert_eq!(twin.client.get("/customers").await.json(), listed);
}

#[tokio::test]
async fn the_same_seed_and_requests_give_the_same_bytes() {
    async fn run(seed: u64) -> Vec<bytes::Bytes> {
        let config = TwinConfig { seed, ..config() };
        let twin = start(fixture("shop.json"), Follow::Frozen, config).await;
        let mut answers = Vec::new();
        for number in 0..5 {
            let created = twin.client.post("/customers", json!({"balance": number})).await;
            let id = created.text("id");
            answers.push(created.body);
            answers.push(twin.client.get(&format!("/customers/{id}")).await.body);
            answers.push(twin.client.get("/customers").await.body);
            answers.push(twin.client.get("/events").await.body);
            answers.push(twin.client.form("/Messages.json", "To=%2B15005550006").await.body);
        }
        twin.stop().await;
        answers
    }
    let first = run(7).await;
    assert_eq!(first, run(7).await);
    assert_ne!(first, run(8).await);
}

#[tokio::test]
async fn state_is_loaded_shown_and_reset_by_the_admin_api() {
    let twin = frozen(fixture("shop.json")).await;
    let client = &twin.client;
    let seed = json!({"customers": {"cus_seed": {"email": "s@example.com"}}, "test": true});
    assert_eq!(client.post("/admin/state", seed).await.json(), json!({"status": "loaded"}));
    assert_eq!(client.get("/v1/customers/cus_seed").await.json()["email"], json!("s@example.com"));
    let state = client.get("/__wt/state").await.json();
    assert_eq!(state["/customers"]["cus_seed"]["email"], json!("s@example.com"));
    assert_eq!(client.get("/admin/requests").await.json().as_array().unwrap().len(), 1);
    assert_eq!(client.post("/__wraith/reset", json!({})).await.json(), json!({"status": "reset"}));
    assert_eq!(client.get("/admin/state").await.json(), json!({}));
    let unknown = client.post("/admin/state", json!({"custmers": {"cus_1": {}}})).await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    let message = unknown.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(
        message.starts_with("state: there is no collection `custmers`; there are `/"),
        "{message}"
    );
    assert!(message.contains("`/customers`"), "{message}");
    let own = json!({"memos": {"m_1": {"text": "kept by a handler, perhaps"}}});
    assert_eq!(client.post("/admin/state", own).await.json(), json!({"status": "loaded"}));
    let below =
        json!({"/customers/cus_1/sources": {"src_1": {}}, "/@acct_1/customers": {"cus_2": {}}});
    assert_eq!(client.post("/admin/state", below).await.json(), json!({"status": "loaded"}));
    client.post("/admin/reset", json!({})).await;
    let bad = client.send(Method::POST, "/admin/state", &[], "{").await.unwrap();
    assert_eq!((bad.status, &bad.json()["error"]["code"]), (StatusCode::BAD_REQUEST, &json!(400)));

    let advanced = client.post("/admin/time/advance", json!({"duration": "24h"})).await.json();
    assert_eq!(advanced["offset"], json!("24h0m0s"));
    assert_eq!(client.post("/customers", json!({})).await.json()["created"], json!(1_641_081_600));
    assert_eq!(
        client.post("/admin/time/advance", json!({"duration": "soon"})).await.status,
        StatusCode::BAD_REQUEST
    );
    let set = client.json(Method::PUT, "/admin/config", json!({"verbose": true})).await.json();
    assert_eq!(set["config"]["verbose"], json!(true));
    assert_eq!(
        client.json(Method::PUT, "/admin/config", json!({"port": 1})).await.status,
        StatusCode::BAD_REQUEST
    );
    let status = client.get("/__wt/status").await.json();
    assert_eq!(
        (&status["calibration"], &status["frozen"], &status["refused"]),
        (&json!(0), &json!(true), &Value::Null)
    );
}

#[tokio::test]
async fn the_real_clock_stamps_what_is_created_now() {
    let twin = start(
        fixture("shop.json"),
        Follow::Frozen,
        TwinConfig { clock: Clock::real(), ..config() },
    )
    .await;
    let created =
        twin.client.post("/customers", json!({})).await.json()["created"].as_i64().unwrap();
    assert!((chrono::Utc::now().timestamp() - created).abs() <= 2);
}
