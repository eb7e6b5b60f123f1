//! A vendor of one's own: a model learned from traffic, in which each route has its own schema.

mod support;

use http::{Method, StatusCode};
use serde_json::json;
use support::{fixture, frozen};

#[tokio::test]
async fn what_was_sent_is_answered_though_a_route_was_never_seen_to_say_it() {
    let twin = frozen(fixture("deskly.json")).await;
    let client = &twin.client;
    let sent = json!({"ticket": {"subject": "A", "comment": {"body": "hey"}, "status": "pending"}});
    let created = client.post("/api/v2/tickets.json", sent).await;
    assert_eq!(created.status, StatusCode::CREATED);
    let id = created.json()["ticket"]["id"].clone();
    assert_eq!(created.json()["ticket"]["status"], json!("pending"));
    let path = format!("/api/v2/tickets/{id}.json");
    let sent =
        json!({"ticket": {"status": "pending", "tags": ["billing", "vip"], "due_at": "soon"}});
    let put = client.json(Method::PUT, &path, sent).await.json();
    for answer in [put, client.get(&path).await.json()] {
        let ticket = &answer["ticket"];
        assert_eq!(
            (&ticket["status"], &ticket["tags"], &ticket["due_at"]),
            (&json!("pending"), &json!(["billing", "vip"]), &json!("soon"))
        );
    }
    // What is of a type the model does not have is not answered.
    let put = client.json(Method::PUT, &path, json!({"ticket": {"subject": {"a": 1}}})).await;
    assert!(
        put.status == StatusCode::UNPROCESSABLE_ENTITY
            || put.json()["ticket"]["subject"].is_string()
    );
}

#[tokio::test]
async fn of_an_api_that_is_described_only_values_of_its_description_are_answered() {
    let mut model = fixture("deskly.json");
    for (number, route) in model.routes.values_mut().enumerate() {
        route.operation = Some(format!("operation{number}"));
        // What has no refusal takes what it does not describe.
        route.variants.remove("422");
    }
    let twin = frozen(model).await;
    let sent = json!({"ticket": {"subject": "A", "comment": {"body": "hey"}, "status": "pending"}});
    let id = twin.client.post("/api/v2/tickets.json", sent).await.json()["ticket"]["id"].clone();
    let path = format!("/api/v2/tickets/{id}.json");
    let put = json!({"ticket": {"status": "pending"}});
    let said = twin.client.json(Method::PUT, &path, put).await.json()["ticket"]["status"].clone();
    assert!(["open", "solved"].map(|status| json!(status)).contains(&said), "{said}");
}

#[tokio::test]
async fn the_id_in_the_path_is_the_wrapped_objects_id_and_not_its_name() {
    let twin = frozen(fixture("deskly.json")).await;
    let user = twin.client.get("/api/v2/users/17.json").await.json()["user"].clone();
    assert_eq!(user["id"], json!(17));
    assert_ne!(user["name"], json!("17"));
}

#[tokio::test]
async fn a_request_without_what_its_route_needs_is_refused_with_the_routes_own_error() {
    let twin = frozen(fixture("deskly.json")).await;
    let client = &twin.client;
    let path = "/api/v2/tickets.json";
    let whole = json!({"ticket": {"subject": "A", "comment": {"body": "hey"}}});
    assert_eq!(client.post(path, whole).await.status, StatusCode::CREATED);
    let lacking = [
        json!({"ticket": {"subject": "A"}}),
        json!({"ticket": {"subject": "A", "comment": {}}}),
        json!({"ticket": {"subject": "A", "comment": {"body": "hey"}, "group_id": "x"}}),
        json!({}),
    ];
    for body in lacking {
        let refused = client.post(path, body.clone()).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert!(refused.json()["error"].is_string(), "{body}");
    }
    let headers = [("content-type", "application/json")];
    let empty = client.send(Method::POST, path, &headers, "").await.unwrap();
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    let search = |query: &'static str| client.get(query);
    let refused = search("/api/v2/search.json").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(search("/api/v2/search.json?query=a").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_pages_of_a_list_lead_to_one_another_and_to_an_end() {
    let twin = frozen(fixture("deskly.json")).await;
    let client = &twin.client;
    let list = "/api/v2/tickets.json";
    let empty = client.get(list).await.json();
    assert_eq!(
        (&empty["links"]["next"], &empty["meta"]),
        (&json!(null), &json!({"after_cursor": null, "has_more": false}))
    );
    for number in 0..5 {
        let ticket = json!({"subject": number.to_string(), "comment": {"body": "hey"}});
        client.post(list, json!({"ticket": ticket})).await;
    }
    let mut path = format!("{list}?page[size]=2");
    let mut by_cursor = path.clone();
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let page = client.get(&path).await.json();
        assert_eq!(client.get(&by_cursor).await.json(), page);
        let tickets = page["tickets"].as_array().unwrap().iter();
        seen.extend(tickets.map(|ticket| ticket["subject"].clone()));
        pages += 1;
        let Some(next) = page["links"]["next"].as_str() else {
            assert_eq!(page["meta"], json!({"after_cursor": null, "has_more": false}));
            break;
        };
        assert_eq!(page["meta"]["has_more"], json!(true));
        path = next[next.find("/api").unwrap()..].to_owned();
        let cursor = page["meta"]["after_cursor"].as_str().unwrap();
        by_cursor = format!("{list}?page[size]=2&page[after]={cursor}");
    }
    assert_eq!(seen, (0..5).map(|number| json!(number.to_string())).collect::<Vec<_>>());
    assert_eq!(pages, 3);
}
