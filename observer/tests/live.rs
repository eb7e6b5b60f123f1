//! Live observation against crashes, damage and disks that refuse.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, which clippy does not see")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use observer::lake::Lake;
use observer::lake::wal::Damage;
use observer::live::{LiveConfig, LiveWriter, observe};
use observer::proxy::{Proxy, ProxyConfig};
use support::{TWIN, count, exchange, files, intake, rows, segments};
use tokio::sync::mpsc;

/// Small groups and segments, so that every moment of their lives is a likely one to crash in.
const GROUP_ROWS: usize = 64;
const CHANNEL: usize = 16;

fn config(folder: &Path) -> LiveConfig {
    LiveConfig {
        group_rows_max: GROUP_ROWS,
        group_time_max: Duration::from_millis(20),
        segment_rows_max: 400,
        retry_after: Duration::from_millis(20),
        ..LiveConfig::new(TWIN, "proxy", folder.join("wal"))
    }
}

fn lake(folder: &Path) -> Lake {
    Lake::open(&folder.join("lake")).unwrap()
}

fn open(folder: &Path) -> LiveWriter {
    LiveWriter::open(intake(), lake(folder), config(folder)).unwrap().0
}

fn exchanges(folder: &Path) -> usize {
    count(&folder.join("lake"), "exchanges")
}

/// The one write-ahead file of a folder.
fn wal_of(folder: &Path) -> PathBuf {
    let mut found = files(&folder.join("wal"));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// A write-ahead file as a crash leaves it, of these many groups of two rows.
fn crashed(groups: u64) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let config = LiveConfig { group_rows_max: 2, ..config(folder.path()) };
    let (mut writer, _) = LiveWriter::open(intake(), lake(folder.path()), config).unwrap();
    for number in 0..groups * 2 {
        writer.take(&exchange(number)).unwrap();
    }
    assert_eq!(writer.synced().rows(), groups * 2);
    std::fs::read(wal_of(folder.path())).unwrap()
}

/// Recovers a folder that holds just this file.
fn recovered(wal: &[u8]) -> (tempfile::TempDir, Vec<observer::lake::Sealed>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("wal")).unwrap();
    std::fs::write(folder.path().join("wal/0001.wal"), wal).unwrap();
    let (_, sealed) =
        LiveWriter::open(intake(), lake(folder.path()), config(folder.path())).unwrap();
    (folder, sealed)
}

#[test]
fn what_was_taken_is_in_the_lake_once_finished() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = open(folder.path());
    for number in 0..1000 {
        writer.take(&exchange(number)).unwrap();
    }
    writer.set_dropped_outside(3);
    let summary = writer.finish().unwrap();
    assert_eq!((summary.exchanges, summary.dropped, summary.segments.len()), (1000, 3, 3));
    let dropped: u64 = segments(&lake(folder.path())).iter().map(|segment| segment.dropped).sum();
    assert_eq!((exchanges(folder.path()), dropped), (1000, 3));
    assert!(count(&folder.path().join("lake"), "shapes") > 0);
    assert!(count(&folder.path().join("lake"), "values") > 0);
    assert!(count(&folder.path().join("lake"), "links") > 0);
    assert_eq!(files(&folder.path().join("wal")), Vec::<PathBuf>::new());
}

#[test]
fn live_rows_are_those_an_import_would_give() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = open(folder.path());
    let mut whole = intake();
    for number in 0..100 {
        writer.take(&exchange(number)).unwrap();
        whole.take(&exchange(number)).unwrap();
    }
    writer.finish().unwrap();
    for (table, batch) in whole.flush_segment().tables {
        let live = arrow::compute::concat_batches(
            &batch.schema(),
            &rows(&folder.path().join("lake"), table.name()),
        );
        assert_eq!(live.unwrap().num_rows(), batch.num_rows(), "{}", table.name());
    }
    let counts: u64 = rows(&folder.path().join("lake"), "values")
        .iter()
        .flat_map(|batch| {
            let counts = batch.column_by_name("count").unwrap().clone();
            arrow::array::AsArray::as_primitive::<arrow::datatypes::UInt64Type>(&counts)
                .values()
                .to_vec()
        })
        .sum();
    assert_eq!(counts, 100, "`active`, once an exchange; snapshots replace each other");
}

#[test]
fn a_segment_is_recovered_once_and_a_file_in_use_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    // One group, however slow the machine.
    let slow = LiveConfig { group_time_max: Duration::from_hours(1), ..config(folder.path()) };
    let (mut running, _) = LiveWriter::open(intake(), lake(folder.path()), slow).unwrap();
    for number in 0..GROUP_ROWS as u64 {
        running.take(&exchange(number)).unwrap();
    }
    let (_, sealed) =
        LiveWriter::open(intake(), lake(folder.path()), config(folder.path())).unwrap();
    assert!(sealed.is_empty(), "the other observer still writes it");
    let wal = wal_of(folder.path());
    let copy = std::fs::read(&wal).unwrap();
    drop(running);
    let (_, sealed) =
        LiveWriter::open(intake(), lake(folder.path()), config(folder.path())).unwrap();
    assert_eq!(sealed.len(), 1);
    assert_eq!(exchanges(folder.path()), GROUP_ROWS);
    // As a crash between the commit and the removal leaves it.
    std::fs::write(&wal, copy).unwrap();
    let (_, sealed) =
        LiveWriter::open(intake(), lake(folder.path()), config(folder.path())).unwrap();
    assert!(sealed[0].segment.is_none());
    assert_eq!(
        (exchanges(folder.path()), files(&folder.path().join("wal")).len()),
        (GROUP_ROWS, 0)
    );
}

#[test]
fn a_file_cut_anywhere_keeps_its_whole_frames() {
    let wal = crashed(4);
    let mut most = 0;
    // Every length is tried in the unit tests of the reader, without the lake.
    for length in (0..wal.len()).step_by(wal.len() / 60).chain([wal.len()]) {
        let (folder, sealed) = recovered(&wal[..length]);
        let found = exchanges(folder.path());
        assert!(most <= found && found.is_multiple_of(2), "{found} rows of {length} bytes");
        assert!(sealed[0].fault.as_ref().is_none_or(|fault| fault.damage == Damage::Torn));
        assert_eq!(files(&folder.path().join("wal")), Vec::<PathBuf>::new());
        most = found;
    }
    assert_eq!(most, 8);
}

#[test]
fn a_damaged_file_keeps_the_rows_before_and_says_where() {
    let mut wal = crashed(10);
    let middle = wal.len() / 2;
    wal[middle] ^= 0x20;
    let (folder, sealed) = recovered(&wal);
    let fault = sealed[0].fault.clone().unwrap();
    assert!((0..=middle as u64).contains(&fault.at) && fault.at > 0);
    let text = fault.to_string();
    assert!(text.contains("0001.wal") && text.contains(&format!("at byte {}", fault.at)), "{text}");
    let found = exchanges(folder.path());
    assert!((2..20).contains(&found), "{found}");
    let aside = sealed[0].set_aside.clone().unwrap();
    assert_eq!(std::fs::read(aside).unwrap(), wal, "nothing of it is thrown away");
    // And it is not looked at again.
    let (_, again) =
        LiveWriter::open(intake(), lake(folder.path()), config(folder.path())).unwrap();
    assert!(again.is_empty());
    assert_eq!(exchanges(folder.path()), found);
}

#[test]
fn a_disk_that_refuses_is_named_counted_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = open(folder.path());
    // A file where the folder should be: refused to root as well.
    std::fs::write(folder.path().join("wal"), "in the way").unwrap();
    let faults: Vec<_> =
        (0..200).filter_map(|number| writer.take(&exchange(number)).err()).collect();
    let text = faults[0].to_string();
    assert!(
        text.contains("cannot make") && text.contains("/wal/") && text.contains(".wal"),
        "{text}"
    );
    let dropped = writer.dropped_here();
    // The first group waits in memory; on a slow machine its time is up before it is full.
    let kept = 200 - dropped;
    assert!((1..=GROUP_ROWS as u64).contains(&kept), "{kept} rows wait");
    std::fs::remove_file(folder.path().join("wal")).unwrap();
    std::thread::sleep(Duration::from_millis(30));
    writer.tick().unwrap();
    assert_eq!(writer.synced().rows(), kept);
    writer.take(&exchange(200)).unwrap();
    let summary = writer.finish().unwrap();
    assert_eq!((summary.exchanges, summary.dropped), (kept + 1, dropped));
    assert_eq!(segments(&lake(folder.path()))[0].dropped, dropped);
}

#[test]
fn a_lake_that_refuses_leaves_the_rows_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = open(folder.path());
    let way = folder.path().join("lake/exchanges");
    std::fs::write(&way, "in the way").unwrap();
    writer.take(&exchange(1)).unwrap();
    let fault = writer.seal().unwrap_err();
    assert!(fault.to_string().contains("is kept"), "{fault}");
    let wal = wal_of(folder.path());
    assert!(fault.to_string().contains(&wal.display().to_string()), "{fault}");
    std::fs::remove_file(&way).unwrap();
    assert_eq!(writer.finish().unwrap().exchanges, 1);
    assert_eq!(exchanges(folder.path()), 1);
}

#[test]
fn kill_9_under_load_loses_no_row_that_was_synced() {
    let rounds = if std::env::var_os("WT_SOAK").is_some() { 50 } else { 5 };
    let folder = tempfile::tempdir().unwrap();
    let vendor = Vendor::start();
    let (mut safe, mut sent) = (0, 0);
    for round in 0..rounds {
        let mut observer = Observer::start(folder.path(), &vendor, None);
        let load = Load::start(observer.port, round * 1_000_000);
        // Different moments of groups and segments; nothing here needs them to be unforeseeable.
        std::thread::sleep(Duration::from_millis(150 + (round * 389) % 900));
        let last = observer.kill();
        sent += load.stop().sent;
        safe += last.synced;
        // Every other time recovery is left to the next observer.
        if round % 2 == 1 && round + 1 < rounds {
            continue;
        }
        let (_, sealed) =
            LiveWriter::open(intake(), lake(folder.path()), config(folder.path())).unwrap();
        assert!(
            sealed
                .iter()
                .all(|one| one.fault.as_ref().is_none_or(|fault| fault.damage == Damage::Torn))
        );
        let found = exchanges(folder.path());
        assert!(safe <= found as u64, "round {round}: {safe} were synced, {found} are there");
        assert!(found as u64 <= sent, "round {round}: {found} rows of {sent} requests");
        if round == 0 {
            let kept = last.captured.saturating_sub((GROUP_ROWS + CHANNEL + 1) as u64);
            assert!(kept <= found as u64, "{} captured, {found} are there", last.captured);
        }
        let (_, again) =
            LiveWriter::open(intake(), lake(folder.path()), config(folder.path())).unwrap();
        assert!(again.is_empty());
        assert_eq!(exchanges(folder.path()), found);
        // From here on all rows found are safe.
        safe = found as u64;
    }
    assert!(safe > 0);
    let mut paths = support::column(&folder.path().join("lake"), "exchanges", "path");
    let all = paths.len();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), all, "each request has a path of its own, and none is there twice");
    for table in ["shapes", "values", "links"] {
        assert!(count(&folder.path().join("lake"), table) > 0, "{table}");
    }
}

#[test]
fn a_full_disk_stops_the_capture_and_not_the_traffic() {
    let folder = tempfile::tempdir().unwrap();
    let vendor = Vendor::start();
    // Files of at most 64 KiB: a write beyond is refused as on a full disk.
    let mut observer = Observer::start(folder.path(), &vendor, Some(128));
    let load = Load::start(observer.port, 0);
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while observer.last().dropped == 0 && std::time::Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    let before = load.answered.load(Ordering::Relaxed);
    std::thread::sleep(Duration::from_millis(200));
    let after = load.answered.load(Ordering::Relaxed);
    let load = load.stop();
    let last = observer.kill();
    assert!(last.dropped > 0, "{last:?}");
    assert!(before < after, "the proxy goes on serving");
    assert_eq!(load.failed, 0);
    let (_, sealed) =
        LiveWriter::open(intake(), lake(folder.path()), config(folder.path())).unwrap();
    assert_eq!(sealed.len(), 1);
    let found = exchanges(folder.path()) as u64;
    assert!(0 < found && last.synced <= found, "{} synced, {found} there", last.synced);
}

/// Not a test: the process that the tests above kill.
#[test]
#[ignore = "run by the other tests, in a process of its own"]
fn child() {
    let Some(folder) = std::env::var_os("WT_LIVE_FOLDER").map(PathBuf::from) else { return };
    let upstream = std::env::var("WT_LIVE_UPSTREAM").unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let writer = open(&folder);
        let synced = writer.synced();
        let proxy =
            Proxy::bind(ProxyConfig::new(([127, 0, 0, 1], 0).into(), upstream.parse().unwrap()))
                .await
                .unwrap();
        let status = proxy.status();
        let (sender, events) = mpsc::channel(CHANNEL);
        let observed = Arc::clone(&status);
        tokio::task::spawn_blocking(move || observe(events, writer, observed));
        let port = proxy.local_addr().port();
        std::thread::spawn(move || {
            // To the pipe and not through the test's capture; nothing may be lost in a buffer.
            let mut out = std::io::stdout();
            loop {
                let line = format!(
                    "STATE {port} {} {} {}\n",
                    synced.rows(),
                    status.dropped(),
                    status.summary().captured
                );
                if out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        proxy.run(sender, std::future::pending()).await;
    });
}

/// What the child last said of itself.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    port: u16,
    synced: u64,
    dropped: u64,
    captured: u64,
}

/// A child process that observes through a proxy.
struct Observer {
    child: Child,
    port: u16,
    state: Arc<Mutex<State>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Observer {
    fn start(folder: &Path, vendor: &Vendor, file_blocks_max: Option<u32>) -> Self {
        let exe = std::env::current_exe().unwrap();
        let mut command = match file_blocks_max {
            None => Command::new(exe),
            Some(blocks) => {
                let mut shell = Command::new("sh");
                shell
                    .arg("-c")
                    .arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""))
                    .arg(exe);
                shell
            }
        };
        let mut child = command
            .args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"])
            .env("WT_LIVE_FOLDER", folder)
            .env("WT_LIVE_UPSTREAM", format!("http://127.0.0.1:{}", vendor.port))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let (stdout, told) = (child.stdout.take().unwrap(), Arc::clone(&state));
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let Some(rest) = line.split("STATE ").nth(1) else { continue };
                let numbers: Vec<u64> =
                    rest.split(' ').filter_map(|number| number.parse().ok()).collect();
                if let [port, synced, dropped, captured] = numbers[..] {
                    let port = u16::try_from(port).unwrap();
                    *told.lock().unwrap() = State { port, synced, dropped, captured };
                }
            }
        });
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        let port = loop {
            let port = state.lock().unwrap().port;
            if port != 0 {
                break port;
            }
            assert!(std::time::Instant::now() < deadline, "the observer did not start");
            std::thread::sleep(Duration::from_millis(5));
        };
        Self { child, port, state, reader: Some(reader) }
    }

    fn last(&self) -> State {
        *self.state.lock().unwrap()
    }

    /// `kill -9`; what it had said before.
    fn kill(&mut self) -> State {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.reader.take().map(std::thread::JoinHandle::join).unwrap().unwrap();
        self.last()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _gone_already = self.child.wait();
    }
}

/// Answers `GET /v1/items/NUMBER`, a thread a connection.
struct Vendor {
    port: u16,
}

impl Vendor {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                std::thread::spawn(move || answer(stream));
            }
        });
        Self { port }
    }
}

fn answer(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    while let Some(Ok(first)) = lines.next() {
        let number = first.split(['/', ' ']).find_map(|part| part.parse::<u64>().ok()).unwrap_or(0);
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let body = exchange(number).response_body.unwrap().bytes.into_owned();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let whole = [head.as_bytes(), &body].concat();
        if stream.write_all(&whole).is_err() {
            return;
        }
    }
}

/// Clients that ask for one item after another, each for others.
struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    answered: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    clients: Vec<std::thread::JoinHandle<()>>,
}

struct Loaded {
    sent: u64,
    failed: u64,
}

impl Load {
    fn start(port: u16, first: u64) -> Self {
        let mut load = Self {
            stop: Arc::default(),
            sent: Arc::default(),
            answered: Arc::default(),
            failed: Arc::default(),
            clients: Vec::new(),
        };
        for client in 0..4 {
            let first = first + client * 100_000;
            let (stop, sent, answered, failed) = (
                Arc::clone(&load.stop),
                Arc::clone(&load.sent),
                Arc::clone(&load.answered),
                Arc::clone(&load.failed),
            );
            load.clients.push(std::thread::spawn(move || {
                let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return };
                stream.set_nodelay(true).unwrap();
                for number in first.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    sent.fetch_add(1, Ordering::Relaxed);
                    if ask(&mut stream, number).is_err() {
                        failed.fetch_add(1, Ordering::Relaxed);
                        return;
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        load
    }

    fn stop(self) -> Loaded {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().unwrap();
        }
        Loaded {
            sent: self.sent.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }
}

fn ask(stream: &mut TcpStream, number: u64) -> std::io::Result<()> {
    let request = format!(
        "GET /v1/items/{number} HTTP/1.1\r\nhost: proxy\r\nauthorization: Bearer one\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let (mut bytes, mut chunk) = (Vec::new(), [0; 2048]);
    // Head and body are short; the body ends with two braces.
    while !bytes.ends_with(b"}}") {
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&chunk[..read]);
    }
    Ok(())
}
