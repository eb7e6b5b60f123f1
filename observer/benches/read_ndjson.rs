//! What reading an NDJSON entry costs, next to simd-json parsing the same bytes.
//!
//! Promise: reading is well under what simd-json takes. Input: 50 000 generated entries of 1.5 KB,
//! and each `../shared/drift-bench/cases/*/observed.ndjson.gz` that is there. Both sides run in the
//! same round over lines in memory, simd-json over a fresh copy that it may overwrite (making the
//! copy is not measured); the fastest of nine rounds counts.

#![expect(clippy::print_stdout, reason = "a bench's result")]

use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use observer::sources::{EntryReader, Item, Limits, digest, open};

const ROUNDS: usize = 9;
/// Lines timed together: a fraction of a millisecond, less than the machine gives a process at once.
const BLOCK: usize = 200;

fn main() {
    println!(
        "{:<42} {:>8} {:>8} {:>9} {:>6} {:>8}",
        "ns per entry", "bytes", "read", "simd-json", "ratio", "digest"
    );
    report("generated, 50 000 of 1.5 KB", &generated(50_000));
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/drift-bench/cases");
    let Ok(cases) = std::fs::read_dir(&cases) else {
        println!("{} is not there", cases.display());
        return;
    };
    let mut logs: Vec<PathBuf> =
        cases.flatten().map(|case| case.path().join("observed.ndjson.gz")).collect();
    logs.sort();
    for log in logs.iter().filter(|log| log.exists()) {
        let name = log.parent().and_then(Path::file_name).unwrap_or_default();
        report(&name.to_string_lossy(), &unpacked(log));
    }
    for log in logs.iter().filter(|log| log.exists()).take(2) {
        whole_file(log);
    }
}

/// Each block of lines counts with its fastest round, so that other work on the machine, which
/// rarely hits a block every time, drops out on both sides.
fn report(name: &str, text: &[u8]) {
    let lines: Vec<&[u8]> =
        text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let mut sum = [Duration::ZERO; 3];
    let mut copies: Vec<Vec<u8>> = Vec::new();
    for block in lines.chunks(BLOCK) {
        let mut best = [Duration::MAX; 3];
        for _ in 0..ROUNDS {
            copies.clear();
            copies.extend(block.iter().map(|line| line.to_vec()));
            best[0] = best[0].min(timed(|| read(block)));
            best[1] = best[1].min(timed(|| parse(&mut copies)));
            best[2] = best[2].min(timed(|| digests(block)));
        }
        for (sum, best) in sum.iter_mut().zip(best) {
            *sum += best;
        }
    }
    let count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
    let [read, simd, both] = sum.map(|time| time / count);
    println!(
        "{name:<42} {:>8} {:>8} {:>9} {:>6.2} {:>8}",
        text.len() / lines.len(),
        read.as_nanos(),
        simd.as_nanos(),
        sum[0].as_secs_f64() / sum[1].as_secs_f64(),
        both.saturating_sub(read).as_nanos(),
    );
}

fn timed(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn read(lines: &[&[u8]]) {
    let (mut reader, limits) = (EntryReader::default(), Limits::default());
    for line in lines {
        black_box(reader.read(line, &limits)).expect("a valid entry");
    }
}

fn digests(lines: &[&[u8]]) {
    let (mut reader, limits) = (EntryReader::default(), Limits::default());
    for line in lines {
        black_box(digest(&reader.read(line, &limits).expect("a valid entry")));
    }
}

fn parse(lines: &mut [Vec<u8>]) {
    let mut buffers = simd_json::Buffers::default();
    for line in lines {
        black_box(simd_json::to_borrowed_value_with_buffers(line, &mut buffers))
            .expect("a valid entry");
    }
}

/// Opening, unpacking and reading a file, as an import does.
fn whole_file(path: &Path) {
    let mut best = Duration::MAX;
    let mut exchanges = 0;
    for _ in 0..ROUNDS {
        best = best.min(timed(|| {
            let mut source = open(path).expect("a log");
            let totals = source.for_each(&Limits::default(), &mut |item| {
                if let Item::Exchange { raw, .. } = item {
                    black_box(raw);
                }
                ControlFlow::Continue(())
            });
            exchanges = totals.expect("readable").exchanges;
        }));
    }
    let unpacking = (0..ROUNDS).map(|_| timed(|| drop(black_box(unpacked(path))))).min();
    println!(
        "{}: {exchanges} exchanges from .gz in {best:?}, of which unpacking {:?}",
        path.display(),
        unpacking.unwrap_or_default()
    );
}

fn unpacked(path: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    let file = File::open(path).expect("a log");
    flate2::read::MultiGzDecoder::new(file).read_to_end(&mut text).expect("a whole log");
    text
}

fn generated(count: usize) -> Vec<u8> {
    let mut text = String::new();
    for n in 0..count {
        let items: Vec<String> = (0..5)
            .map(|i| {
                format!(
                    r#"{{\"id\":\"em_{:08x}\",\"object\":\"email\",\"to\":[\"user{}@example.com\"],\"created_at\":\"2026-08-22T07:{:02}:{:02}.000Z\",\"last_event\":\"delivered\",\"subject\":\"Invoice {}\"}}"#,
                    n * 31 + i, n % 977, n % 60, i * 7, n
                )
            })
            .collect();
        let body =
            format!(r#"{{\"object\":\"list\",\"has_more\":false,\"data\":[{}]}}"#, items.join(","));
        let entry = format!(
            r#"{{"startedDateTime":"2026-08-22T07:44:58.741Z","time":94.9,"request":{{"method":"GET","url":"https://api.example.com/emails?limit={n}","httpVersion":"HTTP/1.1","cookies":[],"headers":[{{"name":"Host","value":"api.example.com"}},{{"name":"Accept","value":"application/json"}},{{"name":"Authorization","value":"Bearer key_4615"}},{{"name":"User-Agent","value":"acme-sdk/1.5"}}],"queryString":[{{"name":"limit","value":"{n}"}}],"headersSize":-1,"bodySize":0}},"response":{{"status":200,"statusText":"OK","httpVersion":"HTTP/1.1","cookies":[],"headers":[{{"name":"Content-Type","value":"application/json"}},{{"name":"X-Request-Id","value":"d0d0843441045e40"}},{{"name":"RateLimit-Limit","value":"10"}},{{"name":"RateLimit-Remaining","value":"9"}},{{"name":"RateLimit-Reset","value":"1"}}],"content":{{"size":{},"mimeType":"application/json","text":"{body}"}},"redirectURL":"","headersSize":-1,"bodySize":{}}},"cache":{{}},"timings":{{"send":0,"wait":94.9,"receive":0}}}}"#,
            body.len() - body.matches('\\').count(),
            body.len() - body.matches('\\').count(),
        );
        text.push_str(&entry);
        text.push('\n');
    }
    text.into_bytes()
}
