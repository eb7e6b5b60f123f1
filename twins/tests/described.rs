//! A vendor of one's own whose description is imported: what its developers ask of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use models::{Model, openapi};
use serde_json::{Value, json};
use support::{Client, Served, frozen};

fn pets() -> Model {
    let text = include_bytes!("fixtures/pets.yaml");
    openapi::import("pets", text, "pets.yaml").unwrap().model
}

async fn shop() -> Served {
    let served = frozen(pets()).await;
    let pets = [
        ("Rex", "sold", vec!["a", "b"]),
        ("Tom", "available", vec!["b"]),
        ("Kit", "pending", vec!["c"]),
        ("Ned", "sold", vec![]),
    ];
    for (name, status, tags) in pets {
        let tags: Vec<_> = tags.into_iter().map(|tag| json!({"name": tag})).collect();
        let pet = json!({"name": name, "status": status, "tags": tags, "photoUrls": []});
        assert_eq!(served.client.post("/pet", pet).await.status, StatusCode::OK);
    }
    served
}

/// The names of the pets that a path lists.
async fn names(client: &Client, path: &str) -> Vec<String> {
    let answer = client.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}");
    let body = answer.json();
    let pets = body.as_array().unwrap_or_else(|| panic!("{path}: {body}")).iter();
    pets.map(|pet| pet["name"].as_str().unwrap().to_owned()).collect()
}

async fn order(client: &Client, more: Value) -> support::Answer {
    let mut order = json!({"buyer": "ada@example.com", "quantity": 1});
    order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.post("/orders", order).await
}

#[tokio::test]
async fn a_verb_beside_a_collection_lists_it_as_it_is_asked() {
    let shop = shop().await;
    let client = &shop.client;
    assert_eq!(names(client, "/pet/findByStatus?status=sold").await, ["Rex", "Ned"]);
    assert_eq!(names(client, "/pet/findByStatus?status=pending").await, ["Kit"]);
    assert_eq!(names(client, "/pet/findByStatus").await, ["Rex", "Tom", "Kit", "Ned"]);
    assert_eq!(names(client, "/pet/findByStatus?status=").await.len(), 4);
    // What is shown there is what is read.
    let listed = client.get("/pet/findByStatus?status=pending").await.json()[0].clone();
    assert_eq!(client.get(&format!("/pet/{}", listed["id"])).await.json(), listed);
}

#[tokio::test]
async fn a_list_of_values_asks_for_any_of_them_however_it_is_written() {
    let shop = shop().await;
    let client = &shop.client;
    for query in ["tags=a&tags=c", "tags[]=a&tags[]=c", "tags[0]=a&tags[1]=c"] {
        assert_eq!(
            names(client, &format!("/pet/findByTags?{query}")).await,
            ["Rex", "Kit"],
            "{query}"
        );
    }
    assert_eq!(names(client, "/pet/findByTags?tags=b").await, ["Rex", "Tom"]);
    assert!(names(client, "/pet/findByTags?tags=z").await.is_empty());
    assert_eq!(names(client, "/pet/findByTags?ids=1,3").await, ["Rex", "Kit"]);
    assert_eq!(names(client, "/pet/findByTags?ids=1,3&tags=a").await, ["Rex"]);
}

#[tokio::test]
async fn things_of_another_kind_beside_a_collection_are_not_its_items() {
    let shop = shop().await;
    let kinds = shop.client.get("/pet/kinds").await.json();
    assert!(kinds.as_array().unwrap().iter().all(|kind| kind["name"] != "Rex"), "{kinds}");
}

#[tokio::test]
async fn the_next_page_of_what_was_asked_for_is_of_the_same() {
    let shop = shop().await;
    let client = &shop.client;
    for number in 0..5 {
        let state = if number == 2 { "shipped" } else { "open" };
        let placed = format!("2026-01-0{}T00:00:00Z", number + 1);
        order(client, json!({"state": state, "placed_at": placed})).await;
    }
    let mut path = "/orders?state=open&page[size]=3".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = client.get(&path).await.json();
        seen.extend(page["orders"].as_array().unwrap().iter().map(|one| one["state"].clone()));
        let Some(next) = page["links"]["next"].as_str() else { break };
        path = next[next.find("/orders").unwrap()..].to_owned();
    }
    assert_eq!(seen, vec![json!("open"); 4]);
    let count = |path: &'static str| async move {
        client.get(path).await.json()["orders"].as_array().unwrap().len()
    };
    // `all` is no state of an order.
    assert_eq!(count("/orders?state=all").await, 5);
    assert_eq!(count("/orders?filter[buyer]=bob@example.com").await, 0);
    assert_eq!(count("/orders?placed_at[gte]=2026-01-02&placed_at[lt]=2026-01-04").await, 2);
}

#[tokio::test]
async fn pages_end_where_an_object_of_the_envelope_speaks_of_them() {
    let shop = shop().await;
    let client = &shop.client;
    let empty = client.get("/shelves").await.json();
    assert_eq!(empty["page"]["has_more"], json!(false));
    for name in ["a", "b", "c", "d", "e"] {
        client.post("/shelves", json!({"name": name})).await;
    }
    let (mut path, mut seen) = ("/shelves?limit=2".to_owned(), Vec::new());
    loop {
        let page = client.get(&path).await.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|one| one["name"].clone()));
        let next = page["page"]["next_cursor"].as_str().map(str::to_owned);
        assert_eq!(page["page"]["has_more"], json!(next.is_some()), "{page}");
        let Some(next) = next else { break };
        path = format!("/shelves?limit=2&cursor={next}");
    }
    assert_eq!(json!(seen), json!(["a", "b", "c", "d", "e"]));
}

#[tokio::test]
async fn a_list_is_in_the_order_and_within_the_bounds_that_are_asked_for() {
    let shop = shop().await;
    let client = &shop.client;
    for (quantity, day) in [(3, 2), (1, 3), (2, 1), (2, 4)] {
        let placed = format!("2026-01-0{day}T00:00:00Z");
        order(client, json!({"quantity": quantity, "placed_at": placed})).await;
    }
    let days = |query: &'static str| async move {
        let page = client.get(&format!("/orders?{query}")).await.json();
        let ids: Vec<_> = page["orders"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
        let mut days = String::new();
        for id in ids {
            let placed = client.get(&format!("/orders/{}", id.as_str().unwrap())).await;
            days.push_str(&placed.text("placed_at")[9..10]);
        }
        (days, page["links"]["next"].as_str().map(str::to_owned))
    };
    for (query, expected) in [
        ("", "2314"),
        ("order=desc", "4132"),
        ("sort=placed_at", "1234"),
        ("sort=-placed_at", "4321"),
        ("sort=placed&order=desc", "4321"),
        ("sort=quantity", "3142"),
        ("sort=-quantity,placed_at", "2143"),
        ("sort=quantity:desc,placed_at:desc", "2413"),
        ("sort=nothing", "2314"),
        ("placed_after=2026-01-03&sort=-placed_at", "43"),
        ("max_quantity=2", "314"),
        ("filter[buyer]=ada@example.com&sort=placed_at", "1234"),
    ] {
        assert_eq!(days(query).await.0, expected, "{query}");
    }
    let (first, next) = days("sort=-placed_at&page[size]=3").await;
    let next = next.unwrap();
    let rest = client.get(&next[next.find("/orders").unwrap()..]).await.json();
    assert_eq!((first.as_str(), rest["orders"].as_array().unwrap().len()), ("432", 1));
    assert_eq!(rest["links"]["next"], json!(null));
}

#[tokio::test]
async fn what_the_description_does_not_allow_is_refused_with_the_vendors_own_error() {
    let shop = shop().await;
    let client = &shop.client;
    let wrong = [
        ("buyer", json!("nobody")),
        ("reference", json!("12")),
        ("due_on", json!("tomorrow")),
        ("placed_at", json!("2026-01-01")),
        ("shop", json!("no place")),
        ("state", json!("lost")),
        ("state", json!("")),
        ("quantity", json!("many")),
        ("quantity", json!(null)),
        ("quantity", json!(0)),
        ("quantity", json!(11)),
        ("discount", json!(1)),
        ("note", json!("")),
        ("note", json!("x".repeat(21))),
        ("code", json!("ab-12")),
        ("lines", json!([])),
    ];
    for (field, value) in wrong {
        let refused = order(client, json!({field: value})).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{field} {value}");
        let told = refused.json();
        assert_eq!(told["error"], "invalid_request", "{told}");
        assert!(told["message"].as_str().unwrap().contains(field), "{told}");
        assert_eq!(told["field"], field, "{told}");
    }
    let refused = order(client, json!({"lines": [{"kind": "dog"}, {"kind": "fish"}]})).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.text("field"), "lines[1][kind]");
    let right = json!({"reference": "7d7f6b3a-1b1f-4d8e-9b59-0f4b7bb0a3f1", "due_on": "2026-02-28",
        "placed_at": "2026-01-01T10:00:00+01:00", "quantity": 10, "discount": 0.99, "note": "é".repeat(20),
        "code": "AB-1234", "lines": [{}, {"kind": "cat"}], "shop": "https://pets.example", "state": "shipped"});
    assert_eq!(order(client, right).await.status, StatusCode::CREATED);
    assert_eq!(client.get("/orders").await.json()["orders"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_query_and_a_path_are_judged_as_a_body_is() {
    let shop = shop().await;
    let client = &shop.client;
    for (path, status, field) in [
        ("/pet/findByStatus?status=lost", StatusCode::BAD_REQUEST, "status"),
        ("/orders?since=yesterday", StatusCode::UNPROCESSABLE_ENTITY, "since"),
        ("/orders?page[size]=x", StatusCode::UNPROCESSABLE_ENTITY, "page[size]"),
        ("/pet/rex", StatusCode::BAD_REQUEST, "petId"),
    ] {
        let refused = client.get(path).await;
        assert_eq!(refused.status, status, "{path}");
        assert_eq!(refused.text("field"), field, "{path}");
    }
    for path in ["/orders?since=2026-01-01&state=", "/orders?page[size]=2", "/orders?unknown=1"] {
        assert_eq!(client.get(path).await.status, StatusCode::OK, "{path}");
    }
    // A route that has no answer for it refuses nothing.
    assert_eq!(client.get("/pet/findByTags?ids=x").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_made_up_of_an_object_is_the_same_on_each_route_that_shows_it() {
    let shop = shop().await;
    let client = &shop.client;
    for number in 0..12 {
        let made = order(client, json!({"quantity": 1 + number % 3})).await.json();
        let id = made["id"].as_str().unwrap();
        let read = client.get(&format!("/orders/{id}")).await.json();
        let list = client.get("/orders").await.json();
        let orders = list["orders"].as_array().unwrap();
        let listed = orders.iter().find(|one| one["id"] == id).unwrap();
        let mut told: BTreeMap<&str, &Value> = BTreeMap::new();
        for (name, value) in
            [&made, &read, listed].into_iter().flat_map(|one| one.as_object().unwrap())
        {
            assert_eq!(*told.entry(name).or_insert(value), value, "{name} of {id}");
        }
        // What a list always tells is there where one is read.
        for name in ["courier", "weight", "paid", "placed_at"] {
            assert!(read.get(name).is_some(), "{name}: {read}");
        }
    }
}

#[tokio::test]
async fn what_is_made_up_keeps_within_the_bounds_of_the_description() {
    let shop = shop().await;
    let client = &shop.client;
    let id = order(client, json!({})).await.text("id");
    let made = client.post(&format!("/orders/{id}/notes"), json!({"text": "x"})).await;
    let made = made.json()["id"].as_str().map_or_else(|| panic!("{:?}", made.body), str::to_owned);
    let digits = made.strip_prefix("note-").unwrap();
    assert!(
        digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        "{made}"
    );
    let mut seen = [0, 0];
    for number in 0..20 {
        let id = order(client, json!({"quantity": 1 + number % 9})).await.text("id");
        let read = client.get(&format!("/orders/{id}")).await.json();
        if let Some(slot) = read.get("slot") {
            let slot = slot.as_str().unwrap().as_bytes();
            assert!(slot.len() == 4 && slot[0].is_ascii_uppercase() && slot[1] == b'-', "{read}");
            seen[0] += 1;
        }
        seen[1] += i32::from(read.get("floor").is_some());
        assert!(
            read.get("floor").is_none_or(|floor| (-2..=3).contains(&floor.as_i64().unwrap())),
            "{read}"
        );
    }
    assert!(seen.iter().all(|seen| *seen > 0), "{seen:?}");
}

#[tokio::test]
async fn an_id_may_be_any_text_and_is_found_again_under_its_own_address() {
    let shop = shop().await;
    let client = &shop.client;
    assert_eq!(order(client, json!({"id": "x/y"})).await.status, StatusCode::CREATED);
    let text = |id: &str| json!({"id": id, "text": "x"});
    for (id, escaped) in [
        ("café", "caf%C3%A9"),
        ("a/b", "a%2Fb"),
        ("50% & more?", "50%25%20&%20more%3F"),
        ("日本", "%E6%97%A5%E6%9C%AC"),
    ] {
        let notes = "/orders/x%2Fy/notes";
        let made = client.post(notes, text(id)).await;
        assert_eq!(made.status, StatusCode::CREATED, "{id}");
        let place = made.headers["location"].to_str().unwrap().to_owned();
        assert_eq!(place, format!("{notes}/{escaped}"));
        let read = client.get(&place).await;
        assert_eq!((read.status, read.text("id")), (StatusCode::OK, id.to_owned()));
        assert_eq!(read.text("order_id"), "x/y");
        assert_eq!(
            client.get(&format!("{notes}?limit=1&starting_after={escaped}")).await.status,
            StatusCode::OK
        );
    }
    // `x/y` is one order, and not the notes of `y` below `x`.
    let state = client.get("/admin/state").await.json();
    assert_eq!(state["/orders/x%2Fy/notes"].as_object().unwrap().len(), 4, "{state}");
    assert_eq!(client.get("/orders/x/notes").await.status, StatusCode::NOT_FOUND);
    let pages = client.get("/orders/x%2Fy/notes?limit=1").await;
    let link = pages.headers["link"].to_str().unwrap().to_owned();
    assert!(link.contains("starting_after=caf%C3%A9"), "{link}");
}

#[tokio::test]
async fn a_change_without_an_id_in_its_path_is_of_the_one_its_body_names() {
    let shop = shop().await;
    let client = &shop.client;
    let pet = json!({"id": 2, "name": "Thomas", "status": "sold", "photoUrls": []});
    let put = client.json(Method::PUT, "/pet", pet).await;
    assert_eq!((put.status, put.text("name")), (StatusCode::OK, "Thomas".to_owned()));
    assert_eq!(client.get("/pet/2").await.text("name"), "Thomas");
    assert_eq!(names(client, "/pet/findByStatus?status=sold").await, ["Rex", "Thomas", "Ned"]);
    let unknown = json!({"id": 99, "name": "No", "photoUrls": []});
    assert_eq!(client.json(Method::PUT, "/pet", unknown).await.status, StatusCode::NOT_FOUND);
    let unnamed = json!({"name": "No", "photoUrls": []});
    let refused = client.json(Method::PUT, "/pet", unnamed).await;
    assert_eq!((refused.status, refused.text("field")), (StatusCode::BAD_REQUEST, "id".to_owned()));
}
