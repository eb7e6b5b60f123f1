//! What keeping a lake in order promises: it says what it said, wherever the work is cut off.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, which clippy does not see")]

mod support;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::{TimestampMicrosecondType, UInt64Type};
use chrono::{TimeDelta, Utc};
use object_store::local::LocalFileSystem;
use observer::intake::Intake;
use observer::lake::{Lake, Segment, SegmentWriter, compact, expire, sweep};
use support::store::CrashingStore;
use support::{START_US, TWIN, column, count, exchange, files, intake, rows, segments};

const HOUR_US: i64 = 3_600_000_000;
const DAY_US: i64 = 24 * HOUR_US;

/// A lake of seven segments over four days, of which one goes over midnight.
fn filled(folder: &Path) -> Lake {
    let lake = Lake::open(folder).unwrap();
    let mut intake = intake();
    for (number, hours) in
        [0..1, 1..2, 2..3, 10..30, 40..41, 41..42, 80..81].into_iter().enumerate()
    {
        let numbers = hours.flat_map(|hour| (0..9).map(move |minute| (hour, minute)));
        add(&lake, &mut intake, &format!("s{number}"), numbers);
    }
    lake
}

fn add(lake: &Lake, intake: &mut Intake, id: &str, at: impl Iterator<Item = (i64, i64)>) {
    for (hour, minute) in at {
        let mut raw = exchange(u64::try_from(hour * 9 + minute).unwrap());
        raw.seen_at_us = START_US + hour * HOUR_US + minute * 60_000_000;
        intake.take(&raw).unwrap();
    }
    let mut writer = SegmentWriter::new(lake.clone(), TWIN, id.to_owned(), "proxy");
    for (table, batch) in intake.flush_segment().tables {
        writer.write(table, &batch).unwrap();
    }
    writer
        .commit(id.to_owned(), std::iter::once(("preflight".to_owned(), 2)).collect(), 1)
        .unwrap();
}

/// Compacts until there is nothing left to compact.
fn compact_all(lake: &Lake) {
    loop {
        let groups = compact::plan(&segments(lake));
        if groups.is_empty() {
            return;
        }
        for group in groups {
            compact::compact(lake, TWIN, &group).unwrap().expect("nobody else compacts");
        }
    }
}

/// Removes what is not read, however new.
fn sweep_all(lake: &Lake) -> sweep::Swept {
    let soon = Utc::now() + TimeDelta::days(1);
    lake.wait(|lake| async move { sweep::sweep(&lake, TWIN, soon).await }).unwrap()
}

/// Time and entity of each exchange, in order.
fn exchanges(folder: &Path) -> Vec<(i64, u64)> {
    let of = |batch: RecordBatch| -> Vec<(i64, u64)> {
        let times = batch["seen_at"].as_primitive::<TimestampMicrosecondType>().clone();
        let entities = batch["entity"].as_primitive::<UInt64Type>().clone();
        times.values().iter().copied().zip(entities.values().iter().copied()).collect()
    };
    let mut all: Vec<_> = rows(folder, "exchanges").into_iter().flat_map(of).collect();
    all.sort_unstable();
    all
}

/// Shape and field of each row of shapes, once.
fn shapes(folder: &Path) -> BTreeSet<(u64, String)> {
    let keys = column(folder, "shapes", "key").into_iter().flatten();
    let ids = rows(folder, "shapes")
        .into_iter()
        .flat_map(|batch| batch["shape"].as_primitive::<UInt64Type>().values().to_vec());
    ids.zip(keys).collect()
}

/// Tokens with their counts.
fn tokens(folder: &Path) -> Vec<(Option<String>, u64)> {
    let counts = rows(folder, "values")
        .into_iter()
        .flat_map(|batch| batch["count"].as_primitive::<UInt64Type>().values().to_vec());
    let mut all: Vec<_> = column(folder, "values", "token").into_iter().zip(counts).collect();
    all.sort();
    all
}

fn ids(lake: &Lake) -> Vec<String> {
    segments(lake).into_iter().map(|segment| segment.id).collect()
}

fn sums(lake: &Lake) -> (u64, u64, u64) {
    let sum = |of: fn(&Segment) -> u64| segments(lake).iter().map(of).sum();
    (sum(|one| one.exchanges), sum(|one| one.dropped), sum(|one| one.skipped["preflight"]))
}

#[test]
fn a_compacted_lake_says_what_it_said_in_fewer_files() {
    let folder = tempfile::tempdir().unwrap();
    let lake = filled(folder.path());
    let all = |path: &Path| (exchanges(path), shapes(path), tokens(path));
    let (before, sums_before) = (all(folder.path()), sums(&lake));
    let files_before = files(folder.path()).len();

    compact_all(&lake);

    assert_eq!(segments(&lake).len(), 3, "{:?}", ids(&lake));
    assert_eq!((all(folder.path()), sums(&lake)), (before.clone(), sums_before));
    assert!(
        count(folder.path(), "shapes") <= before.1.len() * 3,
        "shapes repeat once a day at most"
    );
    // What was replaced is removed only when it is old.
    let long_ago = Utc::now() - TimeDelta::days(1);
    let early = lake.wait(move |lake| async move { sweep::sweep(&lake, TWIN, long_ago).await });
    assert_eq!(early.unwrap(), sweep::Swept::default());
    assert!(files(folder.path()).len() > files_before);
    assert_eq!(sweep_all(&lake).segments, 6);
    assert_eq!((all(folder.path()), sums(&lake)), (before, sums_before));
    assert!(files(folder.path()).len() < files_before);
    assert_eq!(sweep_all(&lake), sweep::Swept::default());
}

#[test]
fn what_was_compacted_or_has_expired_counts_as_there() {
    let folder = tempfile::tempdir().unwrap();
    let lake = filled(folder.path());
    compact_all(&lake);
    sweep_all(&lake);
    let found = lake.find(TWIN, "s1").unwrap().expect("it was compacted");
    assert_eq!((found.exchanges, found.from_us), (9, START_US + HOUR_US));
    let all = expire::plan(&segments(&lake), START_US + 100 * DAY_US);
    assert!(expire::expire(&lake, TWIN, &all).unwrap());
    sweep_all(&lake);
    assert!(segments(&lake).is_empty());
    assert_eq!(lake.find(TWIN, "s1").unwrap().map(|segment| segment.exchanges), Some(9));
    assert_eq!(lake.find(TWIN, "another").unwrap(), None);
    // One manifest is left to remember them.
    assert_eq!(files(folder.path()).len(), 1);
}

#[test]
fn whole_days_expire_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let lake = filled(folder.path());
    // Observed from 08:00: the first midnight comes sixteen hours later, the second of three in s3.
    let midnight = (START_US + DAY_US).div_euclid(DAY_US) * DAY_US;
    let after: Vec<_> =
        exchanges(folder.path()).into_iter().filter(|(time, _)| midnight <= *time).collect();
    let plan = expire::plan(&segments(&lake), midnight + 5 * HOUR_US);
    assert_eq!((plan.before_us, plan.whole.len(), plan.parts.len()), (midnight, 3, 1));
    let (going, bytes) = (plan.exchanges(), plan.bytes());
    assert_eq!(going + after.len() as u64, 7 * 9 + 18 * 9 - 9 + 18);
    assert!(bytes > 0);
    assert!(expire::expire(&lake, TWIN, &plan).unwrap());
    assert_eq!(exchanges(folder.path()), after);
    assert!(sweep_all(&lake).bytes >= bytes);
    assert_eq!(exchanges(folder.path()), after);
    // Again: there is nothing left to do, and the next day takes the rest of s3 with it.
    assert!(expire::plan(&segments(&lake), midnight).is_empty());
    let plan = expire::plan(&segments(&lake), midnight + DAY_US);
    assert_eq!((plan.whole.len(), plan.parts.len()), (1, 0));
    assert!(expire::expire(&lake, TWIN, &plan).unwrap());
    assert_eq!(ids(&lake), ["s4", "s5", "s6"].map(str::to_owned));
}

#[test]
fn of_two_that_compact_at_once_one_steps_back() {
    let folder = tempfile::tempdir().unwrap();
    let lake = filled(folder.path());
    let before = exchanges(folder.path());
    let group = compact::plan(&segments(&lake)).swap_remove(0);
    assert!(compact::compact(&lake, TWIN, &group[..2]).unwrap().is_some());
    assert_eq!(compact::compact(&lake, TWIN, &group).unwrap(), None);
    assert_eq!(exchanges(folder.path()), before);
}

#[test]
fn a_crash_at_any_point_loses_nothing_and_doubles_nothing() {
    let whole = tempfile::tempdir().unwrap();
    filled(whole.path());
    let before = exchanges(whole.path());
    let midnight = (START_US + DAY_US).div_euclid(DAY_US) * DAY_US;
    let kept: Vec<_> = before.iter().copied().filter(|(time, _)| midnight <= *time).collect();
    for work in ["compact", "expire"] {
        let mut crashes = 0;
        loop {
            let folder = tempfile::tempdir().unwrap();
            copy(whole.path(), folder.path());
            let ended = run_child(folder.path(), work, crashes, midnight);
            let found = exchanges(folder.path());
            let distinct: BTreeSet<_> = found.iter().collect();
            assert_eq!(distinct.len(), found.len(), "{work}, crash {crashes}: read twice");
            let must_have = if work == "compact" { &before } else { &kept };
            assert!(must_have.iter().all(|one| distinct.contains(one)), "{work}, crash {crashes}");
            // The next run does the rest, and leaves no file that is not read.
            upkeep(&Lake::open(folder.path()).unwrap(), work, midnight);
            assert_eq!(&exchanges(folder.path()), must_have, "{work}, after crash {crashes}");
            let lake = Lake::open(folder.path()).unwrap();
            let named: usize = segments(&lake).iter().map(|segment| segment.files.len()).sum();
            let remembering = usize::from(work == "expire");
            assert_eq!(
                files(folder.path()).len(),
                named + segments(&lake).len() + remembering,
                "{work}, after crash {crashes}"
            );
            if ended {
                break;
            }
            crashes += 1;
        }
        assert!(crashes > 10, "{work} has {crashes} points to crash at");
    }
}

fn upkeep(lake: &Lake, work: &str, before_us: i64) {
    if work == "compact" {
        compact_all(lake);
    } else {
        let plan = expire::plan(&segments(lake), before_us);
        assert!(expire::expire(lake, TWIN, &plan).unwrap());
    }
    sweep_all(lake);
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(file, target).unwrap();
    }
}

/// Whether the work came to its end in a process that dies before its change of this number.
fn run_child(lake: &Path, work: &str, changes: usize, before_us: i64) -> bool {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env("WT_LAKE", lake)
        .env("WT_WORK", work)
        .env("WT_CHANGES", changes.to_string())
        .env("WT_BEFORE", before_us.to_string())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).contains("ENDED")
}

/// Not a test: the process that the test above crashes.
#[test]
#[ignore = "run by another test, in a process of its own"]
fn child() {
    let Some(folder) = std::env::var_os("WT_LAKE").map(PathBuf::from) else { return };
    let of = |name: &str| std::env::var(name).unwrap();
    let inner = LocalFileSystem::new_with_prefix(folder).unwrap();
    let store = CrashingStore::new(inner, of("WT_CHANGES").parse().unwrap());
    upkeep(&Lake::with_store(Arc::new(store)), &of("WT_WORK"), of("WT_BEFORE").parse().unwrap());
    writeln!(std::io::stdout(), "ENDED").unwrap();
}
