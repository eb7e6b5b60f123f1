//! Input that is not what it should be: whatever it holds, it is refused or passed over, and nothing
//! panics. Files are fixtures with bytes changed, cut out and put in.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, which clippy does not see")]

mod support;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use models::Model;
use observer::import::{Strictness, import};
use observer::intake::Intake;
use observer::lake::{Lake, compact, expire};
use observer::live::{LiveConfig, LiveWriter};
use observer::sample::Probes;
use observer::scrub::{Names, Scrubber};
use observer::sources::{Item, Limits, open};
use observer::wrec::WrecReader;
use proptest::prelude::*;
use support::{TWIN, exchange, files, intake, intake_of};

const SOURCES: [&str; 8] = [
    "har/calls.har",
    "ndjson/calls.ndjson",
    "vcr-ruby/emails.yml",
    "vcr-ruby/emails.json",
    "vcr-python/emails.yaml",
    "vcr-python/emails.json",
    "betamax/emails.json",
    "ndjson/calls.ndjson",
];

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sources").join(name);
    std::fs::read(path).unwrap()
}

/// A change of a file.
#[derive(Debug, Clone)]
enum Edit {
    /// These bits of the byte turn.
    Flip(prop::sample::Index, u8),
    /// So many bytes from there go.
    Cut(prop::sample::Index, usize),
    /// These come in.
    Insert(prop::sample::Index, Vec<u8>),
    /// So many bytes from there come once more, elsewhere.
    Copy(prop::sample::Index, usize, prop::sample::Index),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let inserted = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..8),
        r#"[\[\]{}:,"\\0-9eE+\-.a-z\n &*!|>]{1,12}"#.prop_map(String::into_bytes),
        Just(b"99999999999999999999".to_vec()),
        Just("[{".repeat(300).into_bytes()),
    ];
    let edit = prop_oneof![
        (any::<prop::sample::Index>(), 1..=255_u8).prop_map(|(at, bits)| Edit::Flip(at, bits)),
        (any::<prop::sample::Index>(), 1..200_usize).prop_map(|(at, count)| Edit::Cut(at, count)),
        (any::<prop::sample::Index>(), inserted).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (any::<prop::sample::Index>(), 1..400_usize, any::<prop::sample::Index>())
            .prop_map(|(from, count, to)| Edit::Copy(from, count, to)),
    ];
    prop::collection::vec(edit, 1..6)
}

fn edited(mut bytes: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for edit in edits {
        if bytes.is_empty() {
            return bytes;
        }
        let length = bytes.len();
        match edit {
            Edit::Flip(at, bits) => bytes[at.index(length)] ^= bits,
            Edit::Cut(at, count) => {
                let at = at.index(length);
                drop(bytes.drain(at..length.min(at + count)));
            }
            Edit::Insert(at, more) => {
                let at = at.index(length);
                drop(bytes.splice(at..at, more.iter().copied()));
            }
            Edit::Copy(from, count, to) => {
                let (from, to) = (from.index(length), to.index(length));
                let part = bytes[from..length.min(from + count)].to_vec();
                drop(bytes.splice(to..to, part));
            }
        }
    }
    bytes
}

/// Reads a file and reduces, writes and scrubs what it holds.
fn take_in(path: &Path, lake: &Lake, intake: &mut Intake) {
    let limits = Limits { line_bytes_max: 1 << 16, ..Limits::default() };
    let _ = import(lake, TWIN, intake, path, Strictness::Lenient, &limits, &mut |_| {});
    let Ok(mut source) = open(path) else { return };
    let scrubber = Scrubber::new([7; 32]);
    let _ = source.for_each(&limits, &mut |item| {
        if let Item::Exchange { raw, .. } = item {
            let _ = scrubber.scrub(raw);
        }
        ControlFlow::Continue(())
    });
}

fn in_folder(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// The write-ahead file of an observer that crashed.
fn crashed(folder: &Path) -> PathBuf {
    let lake = Lake::open(&folder.join("lake")).unwrap();
    let config =
        LiveConfig { group_rows_max: 2, ..LiveConfig::new(TWIN, "proxy", folder.join("wal")) };
    let (mut writer, _) = LiveWriter::open(intake(), lake, config).unwrap();
    (0..6).for_each(|number| writer.take(&exchange(number)).unwrap());
    drop(writer);
    files(&folder.join("wal")).remove(0)
}

proptest! {
    #[test]
    fn a_changed_source_is_read_or_refused(which in 0..SOURCES.len(), edits in edits()) {
        let name = Path::new(SOURCES[which]).file_name().unwrap().to_str().unwrap();
        let (folder, path) = in_folder(name, &edited(fixture(SOURCES[which]), &edits));
        let lake = Lake::open(&folder.path().join("lake")).unwrap();
        let mut intake = intake_of(Model::empty(TWIN, ""));
        take_in(&path, &lake, &mut intake);
        // What was taken of it leaves the intake as good as it was.
        let (_, sound) = in_folder("calls.ndjson", &fixture("ndjson/calls.ndjson"));
        take_in(&sound, &lake, &mut intake);
    }

    #[test]
    fn a_changed_write_ahead_file_is_recovered_as_far_as_it_goes(edits in edits()) {
        let folder = tempfile::tempdir().unwrap();
        let wal = crashed(folder.path());
        std::fs::write(&wal, edited(std::fs::read(&wal).unwrap(), &edits)).unwrap();
        let lake = Lake::open(&folder.path().join("lake")).unwrap();
        let config = LiveConfig::new(TWIN, "proxy", folder.path().join("wal"));
        let (mut writer, _) = LiveWriter::open(intake(), lake, config).unwrap();
        writer.take(&exchange(1)).unwrap();
        writer.finish().unwrap();
    }

    #[test]
    fn a_changed_manifest_is_refused_or_read(edits in edits()) {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path()).unwrap();
        let (_kept, path) = in_folder("calls.ndjson", &fixture("ndjson/calls.ndjson"));
        take_in(&path, &lake, &mut intake());
        let manifest = files(&folder.path().join("segments")).remove(0);
        let bytes = edited(std::fs::read(&manifest).unwrap(), &edits);
        std::fs::write(&manifest, &bytes).unwrap();
        // Of two, that sums are made.
        std::fs::write(manifest.with_file_name("other.json"), &bytes).unwrap();
        let Ok(segments) = futures::executor::block_on(lake.segments(TWIN)) else { return Ok(()) };
        let _ = futures::executor::block_on(lake.check_files(&segments));
        let _ = futures::executor::block_on(lake.stats(TWIN));
        for group in compact::plan(&segments) {
            let _ = compact::compact(&lake, TWIN, &group);
        }
        for before_us in [i64::MIN, 0, i64::MAX] {
            let plan = expire::plan(&segments, before_us);
            let _ = (plan.exchanges(), plan.bytes());
        }
        take_in(&path, &lake, &mut intake());
    }

    #[test]
    fn any_text_is_names_or_no_names(text in r#"(secret|plain|=|\[|\]|"|\.|,|\n|[a-z]{1,4}|\PC){0,20}"#) {
        let (_folder, path) = in_folder("scrub.toml", text.as_bytes());
        if let Ok(names) = Names::read(&path) {
            let _ = names.is_withheld(&["a", "b"]);
        }
        let _ = Probes::read(&path);
    }

    #[test]
    fn a_changed_recording_is_read_line_by_line(edits in edits()) {
        let folder = tempfile::tempdir().unwrap();
        let mut writer =
            observer::wrec::RecordingWriter::create(folder.path(), TWIN, None).unwrap();
        (0..4).for_each(|number| writer.append(&exchange(number)).unwrap());
        let session = writer.finish().unwrap();
        for file in files(&session.path) {
            let whole = std::fs::read(&file).unwrap();
            std::fs::write(&file, edited(whole.clone(), &edits)).unwrap();
            if let Ok(reader) = WrecReader::open(&session.path) {
                let mut intake = intake();
                for exchange in reader.flatten() {
                    let _ = intake.take(&exchange);
                }
            }
            std::fs::write(&file, whole).unwrap();
        }
    }
}
