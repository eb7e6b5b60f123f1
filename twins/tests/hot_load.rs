//! Calibrations taken into service while the twin serves.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::{Value, json};
use support::hammer::{Publisher, hammer, version};
use support::{Served, config, start};
use twins::{Follow, TwinConfig};

fn debugging() -> TwinConfig {
    TwinConfig { debug_headers: true, ..config() }
}

/// Waits until the twin's status is as wanted; CONTRACTS gives a publication two seconds.
async fn wait(twin: &Served, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let status = twin.client.get("/__wt/status").await.json();
        if wanted(&status) {
            return status;
        }
        assert!(Instant::now() < until, "{what} did not come: {status}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_or_sees_two_models_while_calibrations_come() {
    const CALIBRATIONS: u64 = 20;
    let mut publisher = Publisher::new(version(0));
    let twin = start(version(0), publisher.follow(), debugging()).await;
    let stop = Arc::new(AtomicBool::new(false));
    let hammering = {
        let (client, stop) = (twin.client.clone(), Arc::clone(&stop));
        tokio::spawn(async move { hammer(&client, 64, stop).await })
    };
    for number in 1..=CALIBRATIONS {
        publisher.publish(version(number));
        wait(&twin, "the calibration", |status| status["calibration"] == json!(number)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let seen = hammering.await.unwrap();
    assert!(
        seen.failures.is_empty(),
        "{} of {}: {:?}",
        seen.failures.len(),
        seen.latencies.len(),
        &seen.failures[..1]
    );
    assert!(seen.calibrations.len() > 10, "{:?}", seen.calibrations);
    assert!(seen.latencies.len() > 1000);
    twin.stop().await;
}

#[tokio::test]
async fn a_publication_is_served_and_a_later_start_serves_it_too() {
    let mut publisher = Publisher::new(version(0));
    let twin = start(version(0), publisher.follow(), debugging()).await;
    publisher.publish(version(1));
    wait(&twin, "the calibration", |status| status["calibration"] == json!(1)).await;
    let again = start(version(0), publisher.follow(), debugging()).await;
    let created = again.client.post("/customers", json!({})).await.json();
    assert_eq!(created["only_v1"], json!("v1"));
    assert_eq!(again.running.status().calibration, 1);
    assert_eq!(again.running.status().model, models::Digest::of(&version(1)));
}

#[tokio::test]
async fn state_is_shown_through_the_present_model_and_a_rollback_shows_it_again() {
    let mut publisher = Publisher::new(version(0));
    let twin = start(version(0), publisher.follow(), debugging()).await;
    let created = twin
        .client
        .post("/customers", json!({"email": "a@example.com", "name": "A", "balance": 7}))
        .await;
    let path = format!("/customers/{}", created.text("id"));
    let mut next = version(0);
    let fields = &mut next.entities.get_mut("customer").unwrap().properties;
    fields.remove("email");
    fields.insert(
        "balance".to_owned(),
        serde_json::from_value(json!({"types": {"string": true}, "required": true})).unwrap(),
    );
    fields.insert(
        "name".to_owned(),
        serde_json::from_value(
            json!({"types": {"string": true}, "enum": {"x": true}, "required": true}),
        )
        .unwrap(),
    );
    fields.insert(
        "tier".to_owned(),
        serde_json::from_value(json!({"types": {"string": true}, "required": true})).unwrap(),
    );
    publisher.publish(next);
    wait(&twin, "the calibration", |status| status["calibration"] == json!(1)).await;
    let calibrated = twin.client.get(&path).await.json();
    assert_eq!(
        (calibrated.get("email"), &calibrated["balance"], &calibrated["name"]),
        (None, &json!("7"), &json!("A")),
        "what was sent stands where its type does"
    );
    assert!(calibrated["tier"].is_string());
    assert_eq!(twin.client.get(&path).await.json(), calibrated);
    // What neither calibration nor request speaks of stays as it was.
    assert_eq!(calibrated["status"], created.json()["status"]);

    let (base, note) = (version(0), support::hammer::note());
    publisher.ledger.rollback(1, &base, note, &publisher.key).unwrap();
    wait(&twin, "the rollback", |status| status["calibration"] == json!(2)).await;
    assert_eq!(twin.client.get(&path).await.json(), created.json());
}

#[tokio::test]
async fn what_does_not_verify_or_apply_changes_nothing_and_status_says_why() {
    let mut publisher = Publisher::new(version(0));
    let twin = start(version(0), publisher.follow(), debugging()).await;
    publisher.publish(version(1));
    wait(&twin, "the first", |status| status["calibration"] == json!(1)).await;

    // A file that was changed after it was signed, and then decided on.
    let number = publisher.propose(&version(2));
    let file = publisher.folder().join(format!("{number:06}.json"));
    let signed = std::fs::read_to_string(&file).unwrap();
    publisher.decide(number);
    std::fs::write(&file, signed.replace("v2", "v3")).unwrap();
    let status = wait(&twin, "the refusal", |status| {
        !status["refused"].is_null() || status["calibration"] == json!(2)
    })
    .await;
    // A reader may have been quicker than the tampering.
    if status["calibration"] == json!(1) {
        assert_eq!(status["refused"]["number"], json!(2));
        assert!(status["refused"]["reason"].as_str().unwrap().contains("000002.json"), "{status}");
        let served = twin.client.post("/customers", json!({})).await.json();
        assert_eq!(served["mark"], json!("v1"));
        std::fs::write(&file, signed).unwrap();
        let status =
            wait(&twin, "the mended one", |status| status["calibration"] == json!(2)).await;
        assert_eq!(status["refused"], Value::Null);
    }
}

#[tokio::test]
async fn a_ledger_that_is_not_this_models_is_refused_from_the_start() {
    let mut publisher = Publisher::new(version(0));
    publisher.publish(version(1));
    // Another base.
    let twin = start(version(7), publisher.follow(), debugging()).await;
    let status = twin.client.get("/__wt/status").await.json();
    assert_eq!((&status["calibration"], &status["refused"]["number"]), (&json!(0), &json!(1)));
    assert!(status["refused"]["reason"].as_str().unwrap().contains("applies to model"), "{status}");
    // Another key.
    let follow = Follow::Ledger {
        dir: publisher.folder(),
        trusted: vec![models::SigningKey::generate().unwrap().public()],
    };
    let twin = start(version(0), follow, debugging()).await;
    let status = twin.client.get("/__wt/status").await.json();
    assert_eq!(status["calibration"], json!(0));
    assert!(status["refused"]["reason"].as_str().unwrap().contains("not accepted"), "{status}");
    assert_eq!(twin.client.post("/customers", json!({})).await.json()["mark"], json!("v0"));
}

#[test]
fn a_calibration_of_another_base_or_with_a_bad_operation_is_refused_by_the_reloader() {
    let mut publisher = Publisher::new(version(0));
    let number = publisher.publish(version(1));
    let calibration = publisher.ledger.get(number).unwrap();
    let (twin, mut reloader) = twins::Twin::live(version(0), 0, config());
    let mut bad = calibration.clone();
    bad.patch =
        serde_json::from_value(json!([{"op": "remove", "path": "/routes/nowhere"}])).unwrap();
    let before = twin.status();
    for refused in [bad, {
        let mut other = calibration.clone();
        other.base.sha256 = models::Digest::of(&version(9));
        other
    }] {
        assert!(reloader.reload(&refused).is_err());
        let status = twin.status();
        assert_eq!(
            (&status.model, status.calibration, status.loaded_at),
            (&before.model, 0, before.loaded_at)
        );
        assert_eq!(status.refused.unwrap().number, Some(number));
    }
    reloader.reload(&calibration).unwrap();
    assert_eq!((twin.status().calibration, twin.status().refused), (number, None));
}

#[test]
fn a_canary_is_served_to_its_part_of_the_callers_until_it_is_published_to_all() {
    let mut publisher = Publisher::new(version(0));
    let number = publisher.publish(version(1));
    let calibration = publisher.ledger.get(number).unwrap();
    let (twin, mut reloader) = twins::Twin::live(version(0), 0, config());
    let mark_of = |key: usize| {
        let request = http::Request::post("/customers")
            .header("authorization", format!("Bearer key_{key}"))
            .header("content-type", "application/json")
            .body(bytes::Bytes::from_static(b"{}"))
            .unwrap();
        let answer: Value = serde_json::from_slice(twin.call(&request).body()).unwrap();
        answer["mark"].as_str().unwrap().to_owned()
    };
    let marks = || (0..200).map(mark_of).collect::<Vec<_>>();
    assert!(marks().iter().all(|mark| mark == "v0"));

    reloader.try_out(&calibration, 2_500).unwrap();
    let tried = marks();
    let new = tried.iter().filter(|mark| *mark == "v1").count();
    assert!((25..75).contains(&new), "{new} of 200");
    assert_eq!(marks(), tried, "a caller is served the same model each time");
    let status = twin.status();
    assert_eq!((status.calibration, status.canary.unwrap().share_bp), (0, 2_500));

    reloader.end_trial();
    assert!(marks().iter().all(|mark| mark == "v0"));
    reloader.try_out(&calibration, 2_500).unwrap();
    reloader.reload(&calibration).unwrap();
    assert!(marks().iter().all(|mark| mark == "v1"));
    assert_eq!(twin.status().canary, None);
}

#[tokio::test]
async fn a_frozen_twin_stays_as_it_is_whatever_is_published() {
    let mut publisher = Publisher::new(version(0));
    let twin = start(version(0), Follow::Frozen, debugging()).await;
    publisher.publish(version(1));
    tokio::time::sleep(Duration::from_millis(700)).await;
    let status = twin.running.status();
    assert_eq!(
        (status.frozen, status.calibration, status.model),
        (true, 0, models::Digest::of(&version(0)))
    );
    let created = twin.client.post("/customers", json!({})).await;
    assert_eq!((created.status, &created.json()["mark"]), (StatusCode::CREATED, &json!("v0")));
}

#[tokio::test]
async fn a_limit_that_changes_counts_on() {
    let limited = |limit: u64| {
        let mut model = version(0);
        let rule = json!({"default": {"algorithm": "fixed_window", "limit": limit, "window_seconds": 60.0, "headers": "x-ratelimit"}});
        model.limits = serde_json::from_value(rule).unwrap();
        model
    };
    let mut publisher = Publisher::new(limited(3));
    let twin = start(limited(3), publisher.follow(), debugging()).await;
    for _ in 0..3 {
        assert_eq!(twin.client.get("/settings").await.status, StatusCode::OK);
    }
    assert_eq!(twin.client.get("/settings").await.status, StatusCode::TOO_MANY_REQUESTS);
    publisher.publish(limited(5));
    wait(&twin, "the calibration", |status| status["calibration"] == json!(1)).await;
    let answer = twin.client.get("/settings").await;
    assert_eq!(
        (answer.status, &answer.headers["x-ratelimit-remaining"]),
        (StatusCode::OK, &http::HeaderValue::from(1))
    );
}
