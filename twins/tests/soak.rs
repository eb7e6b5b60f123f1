//! Load with failures on: nothing panics, and memory stays bounded.
//!
//! Three seconds in the suite; `WT_SOAK=1` makes it ten minutes (`just soak`).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use models::behaviour::Machines;
use serde_json::json;
use support::{Client, config, fixture, start};
use twins::{Clock, Follow, StateLimits, TwinConfig, WebhookConfig};

/// Clients at once.
const CLIENTS: u64 = 16;
/// What memory may grow by after it has settled: the load keeps nothing more by then.
const GROWTH_BYTES_MAX: u64 = 64 << 20;

fn soaked() -> TwinConfig {
    let chaos = json!({"chaos_modes": {
        "latency": {"config": {"min_ms": 0, "max_ms": 4}, "default_probability": 0.05},
        "error_429": {"default_probability": 0.05},
        "error_500": {"default_probability": 0.05},
        "timeout": {"config": {"timeout_ms": 5}, "default_probability": 0.01},
        "partial_response": {"default_probability": 0.02},
        "connection_reset": {"default_probability": 0.02},
    }});
    let machines = "entities: {issue: {initial_state: open, transitions: [{from: open, to: stale, after: 1s}, {from: stale, to: open, after: 1s}]}}";
    let machines: Machines = serde_norway::from_str(machines).unwrap();
    TwinConfig {
        machines,
        chaos: serde_json::from_value(chaos).unwrap(),
        clock: Clock::real(),
        state: StateLimits { entities_per_collection_max: 500, bytes_max: 4 << 20 },
        // Nobody is there: every delivery fails and is repeated.
        webhooks: WebhookConfig {
            url: Some("http://127.0.0.1:9/hook".to_owned()),
            ..WebhookConfig::default()
        },
        ..config()
    }
}

/// One client's requests until the time is over; how many were answered.
async fn load(client: Client, seed: u64, until: Instant, done: Arc<AtomicU64>) {
    let mut number = seed;
    while Instant::now() < until {
        // Numbers of a linear congruential generator: which request is not the point.
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let kind = (number >> 33) % 10;
        let session = format!("s{}", (number >> 40) % 40);
        let headers = [("content-type", "application/json"), ("x-wt-session", &*session)];
        let body = json!({"summary": "x".repeat(700), "key": "KEY"}).to_string();
        let (method, path, body) = match kind {
            0..=4 => (Method::POST, "/issues".to_owned(), body),
            5..=6 => (Method::GET, "/issues?limit=10".to_owned(), String::new()),
            7 => (Method::POST, "/projects".to_owned(), "{\"broken".to_owned()),
            8 => (Method::GET, format!("/issues/{number}"), String::new()),
            _ if number.is_multiple_of(50) => {
                (Method::POST, "/admin/reset".to_owned(), "{}".to_owned())
            }
            _ => (Method::GET, "/nowhere".to_owned(), String::new()),
        };
        if client.send(method, &path, &headers, body).await.is_ok() {
            done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Resident memory of this process; `None` where the system does not tell.
fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_bounded_under_load_with_failures_on() {
    let is_long = std::env::var_os("WT_SOAK").is_some();
    let phase = if is_long { Duration::from_mins(5) } else { Duration::from_millis(1500) };
    let served = start(fixture("tracker.json"), Follow::Frozen, soaked()).await;
    let done = Arc::new(AtomicU64::new(0));
    let mut memory = Vec::new();
    for round in 0..2 {
        let until = Instant::now() + phase;
        let clients = (0..CLIENTS).map(|one| {
            let client = Client::of(&served.running);
            tokio::spawn(load(client, one + round * CLIENTS, until, Arc::clone(&done)))
        });
        for client in clients.collect::<Vec<_>>() {
            client.await.unwrap();
        }
        memory.extend(resident());
    }
    let health = served.client.get("/admin/health").await;
    assert_eq!(health.status, StatusCode::OK);
    let metrics = served.client.get("/admin/metrics").await;
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(text.contains("wondertwin_sessions{twin=\"test\"} 41"), "{text}");
    assert!(done.load(Ordering::Relaxed) > 0);
    if let (true, [settled, end]) = (is_long, &memory[..]) {
        let growth = end.saturating_sub(*settled);
        assert!(growth < GROWTH_BYTES_MAX, "{settled} bytes, then {end}");
    }
    served.stop().await;
}
