//! Deliveries that none of the secrets signed: kept as attempts, and as safe as anything observed.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, which clippy does not see")]

mod support;

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use models::Model;
use models::behaviour::Scheme;
use models::webhooks::sign::{self, Signed};
use observer::exchange::{Direction, RawExchange};
use observer::intake::{Intake, Skip};
use observer::lake::{Lake, compact, expire};
use observer::live::{LiveConfig, LiveWriter};
use support::{START_US, TWIN, column, count, files, intake_of, json, segments};

const DAY_US: i64 = 86_400_000_000;
const BODY: &str = r#"{"id": "evt_1", "type": "invoice.paid", "data": {"object": {"id": "in_1"}}}"#;

fn intake() -> Intake {
    intake_of(Model::empty(TWIN, "")).verifying(vec!["whsec_own".to_owned()])
}

/// A delivery that somebody else's secret signed.
fn forged(at_us: i64) -> RawExchange<'static> {
    let headers = sign::headers(&Signed {
        scheme: Scheme::Stripe,
        header: None,
        secret: "whsec_other",
        id: "",
        url: "",
        body: BODY.as_bytes(),
        is_form: false,
        at: Duration::from_micros(u64::try_from(at_us).unwrap()),
    });
    RawExchange {
        direction: Direction::Delivery,
        seen_at_us: at_us,
        latency_us: 900,
        method: Cow::Borrowed("POST"),
        url: Cow::Borrowed("https://hooks.shop.example/in"),
        request_headers: headers.into_iter().map(|(n, v)| (n.into(), v.into())).collect(),
        request_body: Some(json(BODY)),
        status: 401,
        response_headers: Vec::new(),
        response_body: None,
    }
}

/// A writer whose groups are two rows and never due by time.
fn open(folder: &Path) -> LiveWriter {
    let config = LiveConfig {
        group_rows_max: 2,
        group_time_max: Duration::from_hours(1),
        ..LiveConfig::new(TWIN, "webhooks", folder.join("wal"))
    };
    LiveWriter::open(intake(), lake(folder), config).unwrap().0
}

fn lake(folder: &Path) -> Lake {
    Lake::open(&folder.join("lake")).unwrap()
}

#[test]
fn forged_deliveries_alone_are_written_ahead_and_survive_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = open(folder.path());
    writer.take(&forged(START_US)).unwrap();
    assert!(writer.due_in().is_some(), "its group is due one day, whatever else comes");
    writer.take(&forged(START_US + 1)).unwrap();
    // Dropped with nothing finished, as by `kill -9`.
    drop(writer);
    assert_eq!(files(&folder.path().join("wal")).len(), 1);
    drop(open(folder.path()));
    assert_eq!(count(&folder.path().join("lake"), "deliveries"), 2);
    assert_eq!(count(&folder.path().join("lake"), "exchanges"), 0);
    assert_eq!(segments(&lake(folder.path()))[0].skipped[Skip::Forged.name()], 2);
}

/// A lake of one segment a time, each of deliveries alone.
fn filled(folder: &Path, times: &[i64]) -> Lake {
    for at_us in times {
        let mut writer = open(folder);
        writer.take(&forged(*at_us)).unwrap();
        writer.finish().unwrap();
    }
    lake(folder)
}

#[test]
fn a_segment_of_deliveries_alone_is_of_their_day() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = open(folder.path());
    for at_us in [START_US, START_US + DAY_US] {
        writer.take(&forged(at_us)).unwrap();
    }
    writer.finish().unwrap();
    let segment = segments(&lake(folder.path())).remove(0);
    assert_eq!((segment.from_us, segment.to_us), (START_US, START_US + DAY_US));
    let paths: Vec<_> = segment.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths.len(), 2, "{paths:?}");
    for (path, day) in paths.iter().zip(["2026-11-19", "2026-11-20"]) {
        assert!(path.starts_with(&format!("deliveries/twin={TWIN}/day={day}/")), "{path}");
    }
}

#[test]
fn deliveries_alone_are_compacted_and_stay_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let times = [START_US, START_US + 5, START_US + 3 * DAY_US];
    let lake = filled(folder.path(), &times);
    let groups = compact::plan(&segments(&lake));
    assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [2], "the day that is over");
    compact::compact(&lake, TWIN, &groups[0]).unwrap().expect("nobody else compacts");
    let now = segments(&lake);
    assert_eq!(now.len(), 2);
    assert_eq!((now[0].from_us, now[0].to_us), (START_US, START_US + 5));
    let verdicts = column(&folder.path().join("lake"), "deliveries", "verdict");
    assert_eq!(verdicts, vec![Some("invalid".to_owned()); 3]);
}

#[test]
fn deliveries_alone_expire_by_their_age() {
    let folder = tempfile::tempdir().unwrap();
    let lake = filled(folder.path(), &[START_US, START_US + 3 * DAY_US]);
    let plan = expire::plan(&segments(&lake), START_US + 2 * DAY_US);
    assert_eq!((plan.whole.len(), plan.parts.len()), (1, 0));
    assert!(expire::expire(&lake, TWIN, &plan).unwrap());
    assert_eq!(count(&folder.path().join("lake"), "deliveries"), 1);
}
