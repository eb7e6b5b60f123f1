//! What importing promises: whole or not at all, once, and every fault by name.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, which clippy does not see")]

mod support;

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::UInt64Type;
use observer::import::{ImportError, Imported, Strictness, import};
use observer::lake::Lake;
use observer::sources::Limits;
use support::{TWIN, count, files, intake, segments};

/// One exchange as a HAR entry, a line; every sixteenth of a day another day.
fn entry(number: u64) -> String {
    let day = 1 + number / 16 % 28;
    let month = 1 + number / 448 % 12;
    format!(
        r#"{{"startedDateTime": "2026-{month:02}-{day:02}T08:00:00.{:03}Z", "time": 12.5, "request": {{"method": "GET", "url": "https://api.shop.example/v1/items/{number}", "headers": [{{"name": "Authorization", "value": "Bearer one"}}]}}, "response": {{"status": 200, "headers": [], "content": {{"mimeType": "application/json", "text": "{{\"id\": \"itm_{number}\", \"state\": \"active\"}}"}}}}}}"#,
        number % 1000
    )
}

fn ndjson(numbers: impl Iterator<Item = u64>) -> String {
    numbers.fold(String::new(), |mut text, number| {
        writeln!(text, "{}", entry(number)).unwrap();
        text
    })
}

/// A project in a temporary folder.
struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn lake(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn import(&self, file: &Path, strictness: Strictness) -> Result<Imported, ImportError> {
        import_into(&self.lake(), file, strictness)
    }

    /// Imports what is to succeed; exchanges there afterwards.
    fn add(&self, name: &str, content: impl AsRef<[u8]>) -> (Imported, usize) {
        let imported = self.import(&self.file(name, content), Strictness::Lenient).unwrap();
        (imported, count(&self.lake(), "exchanges"))
    }
}

fn import_into(lake: &Path, file: &Path, strictness: Strictness) -> Result<Imported, ImportError> {
    let lake = Lake::open(lake).unwrap();
    import(&lake, TWIN, &mut intake(), file, strictness, &Limits::default(), &mut |_| {})
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// The error and its causes, as `wt` prints them.
fn chain(fault: &dyn std::error::Error) -> String {
    std::iter::successors(Some(fault), |fault| fault.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

#[test]
fn the_same_content_adds_nothing_however_it_is_written() {
    let project = Project::new();
    let plain = ndjson(0..40);
    let (first, rows) = project.add("calls.ndjson", &plain);
    assert!(!first.was_there);
    assert_eq!(rows, 40);
    let lines: Vec<_> = plain.lines().collect();
    let reversed = lines.iter().rev().copied().collect::<Vec<_>>().join("\n");
    let har = format!(
        r#"{{"log": {{"version": "1.2", "creator": {{}}, "entries": [{}]}}}}"#,
        lines.join(",")
    );
    let again: [(&str, Vec<u8>); 5] = [
        ("calls.ndjson", plain.clone().into_bytes()),
        ("renamed.ndjson.gz", gzip(plain.as_bytes())),
        ("reordered.ndjson", reversed.into_bytes()),
        ("calls.har", har.clone().into_bytes()),
        ("calls.har.gz", gzip(har.as_bytes())),
    ];
    let before = files(&project.lake());
    for (name, content) in again {
        let (imported, rows) = project.add(name, content);
        assert!(imported.was_there, "{name}");
        assert_eq!(rows, 40, "{name}");
        assert_eq!(imported.segment, first.segment, "{name}");
    }
    assert_eq!(files(&project.lake()), before);
    let (other, rows) = project.add("one-more.ndjson", ndjson(0..41));
    assert!(!other.was_there);
    assert_eq!(rows, 41, "what is new of a file that overlaps is added");
}

#[test]
fn imports_that_overlap_count_no_exchange_twice() {
    let project = Project::new();
    project.add("monday-to-wednesday.ndjson", ndjson(0..48));
    let (later, rows) = project.add("tuesday-to-friday.ndjson", ndjson(16..80));
    assert_eq!(rows, 80);
    assert_eq!(later.segment.exchanges, 32);
    assert_eq!(later.segment.skipped["there already"], 32);
    // What each exchange says is counted once, too.
    let count_of_states = |batch: &RecordBatch| {
        let column = |name| batch.column_by_name(name).unwrap();
        let paths = column("path").as_string::<i32>().iter();
        let counts = column("count").as_primitive::<UInt64Type>().values().iter();
        let states = paths.zip(counts).filter(|(path, _)| *path == Some("/state"));
        states.map(|(_, count)| count).sum::<u64>()
    };
    let counts: u64 = support::rows(&project.lake(), "values").iter().map(count_of_states).sum();
    assert_eq!(counts, 80, "each has one state");
    let before = files(&project.lake());
    let (part, rows) = project.add("tuesday.ndjson", ndjson(16..32));
    assert!(part.was_there && rows == 80, "{part:?}");
    assert_eq!(files(&project.lake()), before);
}

#[test]
fn calls_that_tell_the_same_at_the_same_time_are_as_many_as_there_were() {
    let project = Project::new();
    let times = |number| ndjson(std::iter::repeat_n(1, number));
    assert_eq!(project.add("two.ndjson", times(2)).1, 2);
    let (three, rows) = project.add("three.ndjson", times(3));
    assert_eq!((three.segment.exchanges, rows), (1, 3));
}

#[test]
fn deliveries_that_an_import_of_before_brought_are_there_once() {
    let project = Project::new();
    let delivery = |number: u64| {
        entry(number)
            .replace("\"GET\"", "\"POST\"")
            .replacen('{', r#"{"_kind": "webhook", "#, 1)
            .replace(r#""headers": [{"name": "Authorization", "value": "Bearer one"}]"#, &format!(r#""headers": [], "postData": {{"mimeType": "application/json", "text": "{{\"type\": \"item.made\", \"id\": \"evt_{number}\"}}"}}"#))
    };
    let file = |numbers: std::ops::Range<u64>| numbers.map(delivery).collect::<Vec<_>>().join("\n");
    project.add("first.ndjson", file(0..20));
    let (second, rows) = project.add("second.ndjson", file(10..30));
    assert_eq!((second.segment.exchanges, rows), (10, 30));
    assert_eq!(count(&project.lake(), "deliveries"), 30);
}

#[test]
fn a_bad_line_costs_no_other_and_is_named() {
    let project = Project::new();
    let mut lines: Vec<_> = (0..20).map(entry).collect();
    lines[9] = r#"{"startedDateTime": "2026-01-01T00:00:00Z", "request": "#.to_owned();
    lines[14] = r#"{"startedDateTime": "yesterday", "request": {"method": "GET", "url": "https://a.b/"}, "response": {"status": 200}}"#.to_owned();
    let (imported, rows) = project.add("calls.ndjson", lines.join("\n"));
    assert_eq!((rows, imported.faults_count), (18, 2));
    let said: Vec<_> = imported.faults.iter().map(ToString::to_string).collect();
    assert!(said[0].contains("calls.ndjson") && said[0].contains("line 10"), "{said:?}");
    assert!(said[1].contains("line 15") && said[1].contains("yesterday"), "{said:?}");
}

#[test]
fn strict_adds_nothing_of_a_file_with_a_fault() {
    let project = Project::new();
    let (_, before) = project.add("good.ndjson", ndjson(0..5));
    let there = files(&project.lake());
    let file =
        project.file("calls.ndjson", format!("{}nonsense\n{}", ndjson(5..10), ndjson(10..20)));
    let fault = project.import(&file, Strictness::Strict).unwrap_err().to_string();
    assert!(
        fault.contains("calls.ndjson") && fault.contains("line 6") && fault.contains("nothing"),
        "{fault}"
    );
    assert_eq!(count(&project.lake(), "exchanges"), before);
    assert_eq!(files(&project.lake()), there);
    assert_eq!(project.import(&file, Strictness::Lenient).unwrap().segment.exchanges, 15);
    assert_eq!(count(&project.lake(), "exchanges"), before + 15);
}

#[test]
fn a_file_without_an_entry_that_can_be_read_is_refused_however_often_and_leaves_no_segment() {
    let project = Project::new();
    let cut = r#"{"startedDateTime": "2026-01-01T00:00:00Z", "request": "#;
    let bad = [
        ("cut.ndjson", format!("{cut}\n{cut}\n"), "line 1"),
        ("other.ndjson", format!("{cut}\n"), "line 1"),
        ("quiet.har", r#"{"log": {"version": "1.2", "entries": []}}"#.to_owned(), "no entries"),
    ];
    for (name, text, reason) in bad.iter().chain(&bad) {
        let file = project.file(name, text);
        let fault = project.import(&file, Strictness::Lenient).unwrap_err();
        assert!(matches!(fault, ImportError::Nothing(_)), "{name}: {fault:?}");
        let said = fault.to_string();
        assert!(said.contains(name) && said.contains(reason) && said.contains("nothing"), "{said}");
    }
    assert!(segments(&Lake::open(&project.lake()).unwrap()).is_empty());
}

#[test]
fn a_file_that_was_refused_leaves_nothing_for_the_next() {
    let project = Project::new();
    let lake = Lake::open(&project.lake()).unwrap();
    let mut intake = intake();
    let bad = project.file("bad.ndjson", format!("{}nonsense\n", ndjson(0..5)));
    let good = project.file("good.ndjson", ndjson(5..8));
    import(&lake, TWIN, &mut intake, &bad, Strictness::Strict, &Limits::default(), &mut |_| {})
        .unwrap_err();
    let imported = import(
        &lake,
        TWIN,
        &mut intake,
        &good,
        Strictness::Strict,
        &Limits::default(),
        &mut |_| {},
    )
    .unwrap();
    assert_eq!((imported.segment.exchanges, count(&project.lake(), "exchanges")), (3, 3));
}

#[test]
fn a_truncated_gzip_keeps_the_entries_before_the_cut() {
    let project = Project::new();
    let packed = gzip(ndjson(0..2000).as_bytes());
    let (imported, rows) = project.add("calls.ndjson.gz", &packed[..packed.len() / 2]);
    assert!((100..2000).contains(&rows), "{rows}");
    let said = imported.faults.last().unwrap().to_string();
    assert!(said.contains("calls.ndjson.gz"), "{said}");
    let file = project.folder.path().join("calls.ndjson.gz");
    project.import(&file, Strictness::Strict).unwrap_err();
    assert_eq!(count(&project.lake(), "exchanges"), rows);
}

#[test]
fn a_lake_that_cannot_be_written_is_named() {
    let project = Project::new();
    let file = project.file("calls.ndjson", ndjson(0..3));
    let in_the_way = project.file("a-file", "");
    let fault = Lake::open(&in_the_way).unwrap_err();
    assert!(chain(&fault).contains("a-file"), "{}", chain(&fault));
    let fault = Lake::open(&in_the_way.join("lake")).unwrap_err();
    assert!(chain(&fault).contains("a-file/lake"), "{}", chain(&fault));
    // A folder that opens and does not take files; root is stopped by this as well.
    std::fs::create_dir(project.lake()).unwrap();
    std::fs::write(project.lake().join("exchanges"), "").unwrap();
    let fault = project.import(&file, Strictness::Lenient).unwrap_err();
    assert!(chain(&fault).contains("exchanges/twin=shop"), "{}", chain(&fault));
    std::fs::remove_file(project.lake().join("exchanges")).unwrap();
    assert!(segments(&Lake::open(&project.lake()).unwrap()).is_empty());
    assert_eq!(project.import(&file, Strictness::Lenient).unwrap().segment.exchanges, 3);
}

#[test]
fn an_import_killed_on_its_way_leaves_the_lake_as_it_was() {
    let project = Project::new();
    project.add("before.ndjson", ndjson(0..10));
    // Over a hundred days and more, a file each: the longest part is writing them.
    let size = 2_000;
    let file = project.file("calls.ndjson", ndjson(10..10 + size));
    let elsewhere = Project::new();
    let started = Instant::now();
    run_child(&elsewhere.lake(), &file, Duration::from_mins(2));
    let whole = started.elapsed();
    assert_eq!(count(&elsewhere.lake(), "exchanges") as u64, size);
    let (mut orphans, rounds) = (0, if std::env::var_os("WT_SOAK").is_some() { 50 } else { 8 });
    for round in 0..rounds {
        run_child(&project.lake(), &file, whole * (round + 1) / (rounds + 1));
        let found = count(&project.lake(), "exchanges") as u64;
        if found != 10 {
            assert_eq!(found, 10 + size, "the child was faster than before, and whole");
            return;
        }
        let named: usize = segments(&Lake::open(&project.lake()).unwrap())
            .iter()
            .map(|segment| segment.files.len())
            .sum();
        orphans = orphans.max(files(&project.lake()).len() - named - 1);
    }
    assert!(orphans > 0, "no round was killed while files were being written");
    assert_eq!(project.import(&file, Strictness::Strict).unwrap().segment.exchanges, size);
    assert_eq!(count(&project.lake(), "exchanges") as u64, 10 + size);
}

/// Imports in a process of its own, killed after some time if it has not ended.
fn run_child(lake: &Path, file: &Path, after: Duration) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env("WT_IMPORT_LAKE", lake)
        .env("WT_IMPORT_FILE", file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + after;
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ended = std::thread::spawn(move || {
        lines.any(|line| line.is_ok_and(|line| line.contains("IMPORTED")))
    });
    while Instant::now() < deadline && !ended.is_finished() {
        std::thread::sleep(Duration::from_millis(1));
    }
    // It may have ended by itself.
    let _killed = child.kill();
    child.wait().unwrap();
    ended.join().unwrap();
}

/// Not a test: the process that the test above kills.
#[test]
#[ignore = "run by another test, in a process of its own"]
fn child() {
    let Some(lake) = std::env::var_os("WT_IMPORT_LAKE") else { return };
    let file = PathBuf::from(std::env::var_os("WT_IMPORT_FILE").unwrap());
    import_into(Path::new(&lake), &file, Strictness::Strict).unwrap();
    writeln!(std::io::stdout(), "IMPORTED").unwrap();
}
