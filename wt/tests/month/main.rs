//! A month of a vendor that changes thirty times, followed by the daemon on a simulated clock.
//!
//! The whole month runs with `WT_SOAK=1`, and from a later day on with `WT_MONTH_FROM=21`, too; the suite
//! runs its first days. `WT_MONTH_KEEP=1` keeps the project, to look at.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "the table is what the test is for")]
#![allow(unreachable_pub, missing_docs, reason = "tests have no users")]
#![allow(clippy::cast_precision_loss, reason = "shares of small counts")]

mod fidelity;
mod script;
mod shape;
#[path = "../support/mod.rs"]
mod support;
mod vendor;
mod verdict;

use std::time::Instant;

use chrono::{DateTime, Duration, Utc};
use jobs::daemon::{Clock, Daemon, Life, Setup};
use support::Folder;
use vendor::Vendor;

/// Of the traffic that the twin is learned from.
const LEARNED_DAYS: i64 = 7;

/// Traffic arrives each six hours, and is compared with the twin; at noon by a maintainer, who approves
/// what is found of all that came since the last publication.
const JOBS: &str = r#"
[daemon]
listen = "off"
parallel = 1

[defaults]
retries = 0

[jobs.observe]
kind = "command"
argv = ["sh", "-c", 'exec "{wt}" observe import shop "traffic/$(echo $WT_SCHEDULED_AT | cut -c1-13).ndjson"']
schedule = "0 */6 * * *"

[jobs.calibrate]
kind = "calibrate"
twin = "shop"
schedule = "10 */6 * * *"

[jobs.maintain]
kind = "calibrate"
twin = "shop"
approve = true
schedule = "5 12 * * *"
"#;

#[test]
fn a_vendor_that_changes_for_a_month_is_followed() {
    let is_whole = std::env::var_os("WT_SOAK").is_some();
    let from = std::env::var("WT_MONTH_FROM").map_or(0, |days| days.parse().unwrap());
    let days = if is_whole { 30 - from } else { 2 };
    let (started, begin) = (Instant::now(), script::begin() + Duration::days(from));
    let mut folder = Folder::new();
    let mut vendor = Vendor::new(script::read());
    learn(&folder, &mut vendor, begin);
    let end = begin + Duration::days(days);
    let mut hour = begin;
    while hour < end {
        let next = hour + Duration::hours(6);
        let text = vendor.traffic(hour, next);
        folder.write(&format!("traffic/{}.ndjson", next.format("%Y-%m-%dT%H")), &text);
        hour = next;
    }
    let wt = env!("CARGO_BIN_EXE_wt");
    folder.write("jobs.toml", &JOBS.replace("{wt}", wt));
    let setup = Setup {
        project: folder.path(""),
        own: folder.path(".wt"),
        wt: wt.into(),
        // The traffic of the first six hours comes at their end.
        clock: Clock::simulated(begin + Duration::hours(1)),
    };
    let life = Life::Until(end + Duration::hours(1));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let summary = runtime.block_on(async {
        let (_go_on, stop) = tokio::sync::watch::channel(false);
        Daemon::open(setup, life).unwrap().run(life, stop).await
    });
    let changes: Vec<_> = script::read()
        .into_iter()
        .filter(|change| change.at() + Duration::hours(12) <= end)
        .collect();
    let verdict = verdict::of(&folder, &summary.ended, &changes, begin);
    if std::env::var_os("WT_MONTH_KEEP").is_some() {
        println!("kept in {}", folder.keep().display());
    }
    println!("{verdict}\n{days} days in {} s", started.elapsed().as_secs());
    let failed: Vec<_> = summary
        .ended
        .iter()
        .filter(|run| run.scheduled_at <= end && run.state.reason().is_some())
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    verdict.assert_good();
}

/// A twin made from what was observed before it is followed.
fn learn(folder: &Folder, vendor: &mut Vendor, begin: DateTime<Utc>) {
    let text = vendor.traffic(begin - Duration::days(LEARNED_DAYS), begin);
    folder.write("learned.ndjson", &text);
    for args in [
        &["init", "shop", "--base-url", "https://api.shop.test/v1"][..],
        &["record", "shop", "--from", "learned.ndjson"],
        &["synth", "shop"],
    ] {
        let done = folder.run(args);
        assert_eq!(done.status.code(), Some(0), "{args:?}: {done:?}");
    }
}
