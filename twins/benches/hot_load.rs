//! What 200 calibrations cost the callers of a twin that serves while they come.
//!
//! Promise: no request fails, no answer mixes two models, and the 99th percentile stays within
//! twice that of a run without calibrations. Run with `cargo bench -p wondertwin-twins --bench
//! hot_load`; 64 connections, loopback, callers in the same process.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run has nothing to say")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use support::hammer::{Publisher, Seen, hammer, version};
use support::{Served, config, start};
use twins::TwinConfig;

/// As `wt` has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CALIBRATIONS: u64 = 200;
const CONNECTIONS: usize = 64;
/// Between two calibrations.
const PAUSE: Duration = Duration::from_millis(50);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (mut still, mut calibrated) =
        runtime.block_on(async { (run(false).await, run(true).await) });
    let ratio = calibrated.percentile(99).as_secs_f64() / still.percentile(99).as_secs_f64();
    let mut out = std::io::stdout().lock();
    for (name, seen) in
        [("without calibrations", &mut still), ("with calibrations", &mut calibrated)]
    {
        let (p50, p99) = (seen.percentile(50), seen.percentile(99));
        let (requests, models) = (seen.latencies.len(), seen.calibrations.len());
        let failures = seen.failures.len();
        writeln!(out, "{name}: {requests} requests, {models} models seen, p50 {p50:?}, p99 {p99:?}, {failures} failures")
            .unwrap();
    }
    writeln!(out, "p99 ratio {ratio:.2}").unwrap();
    if let Some(failure) = still.failures.first().or(calibrated.failures.first()) {
        writeln!(out, "first failure: {failure}").unwrap();
    }
    assert!(still.failures.is_empty() && calibrated.failures.is_empty());
}

/// As many callers for as long, with and without calibrations.
async fn run(calibrate: bool) -> Seen {
    let mut publisher = Publisher::new(version(0));
    let twin =
        start(version(0), publisher.follow(), TwinConfig { debug_headers: true, ..config() }).await;
    let stop = Arc::new(AtomicBool::new(false));
    let (client, told) = (twin.client.clone(), Arc::clone(&stop));
    let hammering = tokio::spawn(async move { hammer(&client, CONNECTIONS, told).await });
    for number in 1..=CALIBRATIONS {
        tokio::time::sleep(PAUSE).await;
        if calibrate {
            publisher = tokio::task::spawn_blocking(move || {
                publisher.publish(version(number));
                publisher
            })
            .await
            .unwrap();
        }
    }
    if calibrate {
        settle(&twin).await;
    }
    stop.store(true, Ordering::Relaxed);
    let seen = hammering.await.unwrap();
    twin.stop().await;
    seen
}

async fn settle(twin: &Served) {
    let until = Instant::now() + Duration::from_secs(10);
    while twin.running.status().calibration < CALIBRATIONS && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(twin.running.status().calibration, CALIBRATIONS);
}
