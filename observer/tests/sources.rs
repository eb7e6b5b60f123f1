//! Files of recorded traffic as they come: whole, packed, cut, damaged, and of any format.

#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside of `#[test]`")]
#![expect(clippy::print_stderr, reason = "says which shared files are not there")]

use std::borrow::Cow;
use std::fs;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use observer::exchange::{Direction, RawBody, RawExchange};
use observer::sources::{Fault, Flaw, Format, Item, Limits, Place, digest, open};

const JSON_BODY: &[u8] = br#"{"data":[{"id":"em_1"}]}"#;

/// What a file gave, in its order.
#[derive(Debug, Default)]
struct Read {
    exchanges: Vec<(Place, RawExchange<'static>)>,
    faults: Vec<Fault>,
}

impl Read {
    fn raws(&self) -> Vec<&RawExchange<'static>> {
        self.exchanges.iter().map(|(_, raw)| raw).collect()
    }

    fn said(&self) -> Vec<String> {
        self.faults.iter().map(|fault| format!("{}: {}", fault.place, fault.flaw)).collect()
    }
}

fn read_with(path: &Path, limits: &Limits) -> Read {
    let mut read = Read::default();
    let mut source = open(path).unwrap();
    let totals = source
        .for_each(limits, &mut |item| {
            match item {
                Item::Exchange { place, raw } => read.exchanges.push((place, raw.into_owned())),
                Item::Fault(fault) => read.faults.push(fault),
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(totals.exchanges, read.exchanges.len() as u64);
    assert_eq!(totals.faults, read.faults.len() as u64);
    read
}

fn read(path: &Path) -> Read {
    read_with(path, &Limits::default())
}

/// Writes `bytes` to a file of this name and reads it.
fn read_bytes(name: &str, bytes: &[u8]) -> Read {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    read(&path)
}

fn open_error(name: &str, bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let message = open(&path).unwrap_err().to_string();
    message.replace(&format!("{}/", folder.path().display()), "")
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sources").join(name)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn body(raw: &RawExchange<'_>) -> Vec<u8> {
    raw.response_body.as_ref().unwrap().bytes.to_vec()
}

/// A line with the response's content as given.
fn line(content: &str) -> String {
    format!(
        r#"{{"startedDateTime":"2026-08-22T07:44:58Z","time":1,"request":{{"method":"GET","url":"https://api.example.com/a","headers":[]}},"response":{{"status":200,"headers":[],"content":{content}}}}}"#
    )
}

#[test]
fn an_entry_is_read_field_by_field() {
    let read = read(&fixture("ndjson/calls.ndjson"));
    assert_eq!(read.said(), [""; 0]);
    let (place, first) = &read.exchanges[0];
    assert_eq!(*place, Place::Line(1));
    let own = |name: &'static str, value: &'static str| (Cow::Borrowed(name), Cow::Borrowed(value));
    let expected = RawExchange {
        direction: Direction::Call,
        seen_at_us: 1_787_384_698_741_000,
        latency_us: 94_900,
        method: "GET".into(),
        url: "https://api.example.com/emails?limit=1".into(),
        request_headers: vec![own("accept", "application/json")],
        request_body: None,
        status: 200,
        response_headers: vec![own("content-type", "application/json"), own("etag", "\"99\"")],
        response_body: Some(RawBody {
            media_type: "application/json".into(),
            bytes: JSON_BODY.into(),
            truncated: false,
        }),
    };
    assert_eq!(*first, expected);
}

#[test]
fn bodies_come_decoded_however_they_were_written() {
    let read = read(&fixture("ndjson/calls.ndjson"));
    let [_, packed, form, webhook] = read.raws()[..] else { panic!("four entries") };
    assert_eq!(body(packed), JSON_BODY);
    assert_eq!((packed.method.as_ref(), packed.latency_us), ("GET", 12_000));
    assert_eq!(packed.seen_at_us, 1_787_384_699_000_000);
    let sent = form.request_body.as_ref().unwrap();
    assert_eq!(&*sent.bytes, b"to%5B%5D=a%40example.com&note=one+two");
    assert_eq!((form.status, form.latency_us, &form.response_body), (0, 0, &None));
    assert_eq!(webhook.direction, Direction::Delivery);
    let sent = webhook.request_body.as_ref().unwrap();
    assert_eq!(&*sent.bytes, "{\"type\":\"email.sent\",\"emoji\":\"\u{1F389}\"}".as_bytes());
    assert!(!sent.truncated);
    assert!(webhook.response_body.as_ref().unwrap().truncated);
}

#[test]
fn har_and_ndjson_of_the_same_entries_give_the_same_exchanges() {
    let (lines, document) =
        (read(&fixture("ndjson/calls.ndjson")), read(&fixture("har/calls.har")));
    assert_eq!(lines.raws(), document.raws());
    assert_eq!(document.said(), [""; 0]);
    assert_eq!(document.exchanges[3].0, Place::Entry(4));
    let digests = |read: &Read| read.raws().iter().map(|raw| digest(raw)).collect::<Vec<_>>();
    assert_eq!(digests(&lines), digests(&document));
    let mut distinct = digests(&lines);
    distinct.dedup();
    assert_eq!(distinct.len(), 4);
}

#[test]
fn a_packed_file_gives_what_the_plain_one_gives() {
    for name in ["ndjson/calls.ndjson", "har/calls.har", "vcr-ruby/emails.yml"] {
        let plain = fs::read(fixture(name)).unwrap();
        let packed = read_bytes("packed.gz", &gzip(&plain));
        assert_eq!(packed.raws(), read(&fixture(name)).raws(), "{name}");
        assert_eq!(packed.said(), [""; 0]);
    }
}

#[test]
fn a_gzip_file_of_several_members_is_read_to_its_end() {
    let plain = fs::read(fixture("ndjson/calls.ndjson")).unwrap();
    let members: Vec<u8> = plain.chunks(100).flat_map(gzip).collect();
    let read = read_bytes("calls.ndjson.gz", &members);
    assert_eq!((read.exchanges.len(), read.faults.len()), (4, 0));
}

#[test]
fn a_ruby_cassette_is_read() {
    let read = read(&fixture("vcr-ruby/emails.yml"));
    assert_eq!(read.said(), [""; 0]);
    let [post, get] = read.raws()[..] else { panic!("two interactions") };
    assert_eq!((post.method.as_ref(), post.status), ("POST", 201));
    assert_eq!(post.seen_at_us, 1_320_123_524_000_000);
    let sent = post.request_body.as_ref().unwrap();
    assert_eq!(&*sent.bytes, br#"{"to":"a@example.com","subject":"It's here"}"#);
    assert_eq!(body(post), "{\"id\":\"em_1\",\"note\":\"caf\u{e9}\\n\"}".as_bytes());
    let media_type = &post.response_body.as_ref().unwrap().media_type;
    assert_eq!(media_type, "application/json; charset=utf-8");
    let accepted: Vec<_> = post.request_headers.iter().map(|(name, _)| name.as_ref()).collect();
    assert_eq!(accepted, ["Content-Type", "Accept", "Accept"]);
    assert_eq!(body(get), JSON_BODY);
    assert_eq!(get.seen_at_us, 1_320_123_525_250_000);
    assert_eq!(get.request_body, None);
}

#[test]
fn a_python_cassette_is_dated_by_its_answers() {
    let read = read(&fixture("vcr-python/emails.yaml"));
    assert_eq!(read.said(), [""; 0]);
    let [post, get] = read.raws()[..] else { panic!("two interactions") };
    assert_eq!((post.method.as_ref(), post.status), ("POST", 201));
    assert_eq!(post.seen_at_us, 1_320_123_524_000_000);
    assert_eq!(post.request_header("content-type"), Some("application/json"));
    assert_eq!(body(post), br#"{"id": "em_1"}"#);
    assert_eq!(body(get), JSON_BODY);
    assert_eq!(get.response_header("content-length"), Some("44"));
}

#[test]
fn cassettes_as_json_hold_the_same() {
    for name in ["vcr-ruby/emails.json", "vcr-python/emails.json", "betamax/emails.json"] {
        assert_eq!(open(&fixture(name)).unwrap().format(), Format::VcrJson);
        let read = read(&fixture(name));
        assert_eq!(read.said(), [""; 0], "{name}");
        let [get] = read.raws()[..] else { panic!("one interaction: {name}") };
        assert_eq!((get.method.as_ref(), get.status), ("GET", 200), "{name}");
        assert_eq!(get.seen_at_us, 1_320_123_525_000_000, "{name}");
        assert_eq!(body(get), JSON_BODY, "{name}");
    }
}

#[test]
fn one_broken_interaction_costs_no_other() {
    let whole = fs::read_to_string(fixture("vcr-ruby/emails.yml")).unwrap();
    let broken = whole.replace("    uri: https://api.example.com/emails\n", "    uri: [\n");
    let read = read_bytes("emails.yml", broken.as_bytes());
    assert_eq!((read.exchanges.len(), read.faults.len()), (1, 1));
    assert_eq!(read.exchanges[0].0, Place::Entry(2));
    assert!(read.said()[0].starts_with("entry 1: not YAML: "), "{:?}", read.said());

    let whole = fs::read_to_string(fixture("vcr-ruby/emails.json")).unwrap();
    let read = read_bytes("emails.json", whole.replace("\"uri\"", "\"url_\"").as_bytes());
    assert_eq!(read.said(), ["entry 1: missing request.uri"]);
}

#[test]
fn each_bad_line_is_named_with_its_reason_and_the_rest_is_read() {
    let good = line("{}");
    let without = |text: &str, with: &str| good.replacen(text, with, 1);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"oops".to_vec(), "not JSON at column 1, expected an entry's `{`"),
        (b"[]".to_vec(), "not JSON at column 1, expected an entry's `{`"),
        (b"{\"a\" 1}".to_vec(), "not JSON at column 6, expected `:`"),
        (b"{\"a\":nul}".to_vec(), "not JSON at column 6, expected a value"),
        (b"{\"request\":{\"url\":\"x".to_vec(), "not JSON at column 21, expected `\"`"),
        (format!("{good}}}").into_bytes(), "expected the entry's end"),
        (good.as_bytes()[..good.len() - 1].to_vec(), "expected `,` or `}`"),
        (without("\"url\"", "\"uri\"").into_bytes(), "missing request.url"),
        (without("\"https://api.example.com/a\"", "\"\"").into_bytes(), "missing request.url"),
        (without("https://api.example.com/a", "/a").into_bytes(), "request.url is not an absolute"),
        (without("\"https://api.example.com/a\"", "5").into_bytes(), "request.url is not a string"),
        (without("\"GET\"", "null").into_bytes(), "missing request.method"),
        (without("GET", "G T").into_bytes(), "invalid request.method \"G T\""),
        (without("\"request\"", "\"req\"").into_bytes(), "missing request"),
        (
            without("2026-08-22T07", "2026-08-32T07").into_bytes(),
            "invalid startedDateTime \"2026-08-32T07:44:58Z\"",
        ),
        (without("startedDateTime", "started").into_bytes(), "missing startedDateTime"),
        (without("200", "2000").into_bytes(), "invalid response.status \"2000\""),
        (without("200", "\"200\"").into_bytes(), "response.status is not a number"),
        (without("\"headers\":[]", "\"headers\":{}").into_bytes(), "request.headers is not a list"),
        (
            line(r#"{"text":"?","encoding":"base64"}"#).into_bytes(),
            "response.content.text is not base64",
        ),
        (line(r#"{"text":"\ud8"}"#).into_bytes(), "expected an escape or `\"`"),
        (line(r#"{"text":"\q"}"#).into_bytes(), "expected an escape or `\"`"),
        (b"{\"request\":\"\xFF\"}".to_vec(), "invalid UTF-8 at column 13"),
    ];
    let mut bytes = Vec::new();
    for (bad, _) in &cases {
        bytes.extend_from_slice(bad);
        bytes.extend_from_slice(format!("\n{good}\r\n\n").as_bytes());
    }
    let read = read_bytes("calls.ndjson", &bytes);
    assert_eq!(read.exchanges.len(), cases.len());
    assert_eq!(read.faults.len(), cases.len());
    for (index, (fault, (bad, said))) in read.faults.iter().zip(&cases).enumerate() {
        let text = fault.to_string();
        assert_eq!(fault.place, Place::Line(3 * index as u64 + 1));
        assert!(text.contains(said), "{text} for {}", String::from_utf8_lossy(bad));
        assert!(text.contains("calls.ndjson, line "), "{text}");
    }
}

#[test]
fn what_writers_leave_out_or_add_is_no_fault() {
    for content in [
        "null",
        r#"{"size":-1,"text":null,"mimeType":null}"#,
        r#" { "size" : 0 , "_more" : [ { "a" : "]\"}" } , [ ] ] , "text" : "" } "#,
        r#"{"text":"first","text":""}"#,
    ] {
        let read = read_bytes("calls.ndjson", line(content).as_bytes());
        assert_eq!(read.said(), [""; 0], "{content}");
        assert_eq!(read.raws()[0].response_body, None, "{content}");
    }
}

#[test]
fn a_path_is_completed_from_the_host_header() {
    let entry = line("{}").replacen("https://api.example.com/a", "/a?b=c", 1).replacen(
        "\"headers\":[]",
        "\"headers\":[{\"name\":\"HOST\",\"value\":\"api.example.com\"}]",
        1,
    );
    let read = read_bytes("calls.ndjson", entry.as_bytes());
    assert_eq!(read.raws()[0].url, "https://api.example.com/a?b=c");
}

#[test]
fn a_body_over_the_limit_is_kept_up_to_it() {
    let limits = Limits { body_bytes_max: 1000, ..Limits::default() };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.ndjson");
    let plain = "a".repeat(5000);
    let escaped = "\\\"\\u00e9".repeat(2000);
    let packed = gzip(&vec![b'z'; 1 << 20]);
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &packed);
    let gzipped = line(&format!(r#"{{"text":"{base64}","encoding":"base64"}}"#)).replace(
        r#""status":200,"headers":[]"#,
        r#""status":200,"headers":[{"name":"Content-Encoding","value":"gzip"}]"#,
    );
    let text = [
        line(&format!(r#"{{"text":"{plain}"}}"#)),
        line(&format!(r#"{{"text":"{escaped}"}}"#)),
        gzipped,
        line(r#"{"text":"short"}"#),
    ]
    .join("\n");
    fs::write(&path, text).unwrap();
    let read = read_with(&path, &limits);
    assert_eq!(read.said(), [""; 0]);
    let seen: Vec<_> = read
        .raws()
        .iter()
        .map(|raw| raw.response_body.as_ref().unwrap())
        .map(|body| (body.bytes.len(), body.truncated))
        .collect();
    assert_eq!(seen, [(1000, true), (1000, true), (1000, true), (5, false)]);
}

#[test]
fn a_line_over_the_limit_is_a_fault_and_the_next_is_read() {
    let limits = Limits { line_bytes_max: 1000, ..Limits::default() };
    let folder = tempfile::tempdir().unwrap();
    let long = line(&format!(r#"{{"text":"{}"}}"#, "a".repeat(600_000)));
    let short = line("{}");
    for (name, text) in [
        ("calls.ndjson", format!("{short}\n{long}\n{short}")),
        ("calls.har", format!(r#"{{"log":{{"entries":[{short},{long},{short}]}}}}"#)),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let read = read_with(&path, &limits);
        assert_eq!(read.exchanges.len(), 2, "{name}");
        assert_eq!(read.faults[0].flaw, Flaw::TooLong { limit: 1000 }, "{name}");
    }
}

#[test]
fn a_cut_gzip_stream_gives_the_entries_before_the_cut_and_says_so() {
    let plain: String = (0..500).map(|n| line(&format!(r#"{{"text":"{n}"}}"#)) + "\n").collect();
    let packed = gzip(plain.as_bytes());
    let read = read_bytes("calls.ndjson.gz", &packed[..packed.len() * 2 / 3]);
    let entries = read.exchanges.len();
    assert!((200..500).contains(&entries), "{entries}");
    assert_eq!(read.said(), [format!("the file: gzip stream ends early after entry {entries}")]);
    assert!(read.faults[0].to_string().contains("calls.ndjson.gz: gzip stream ends early"));

    let list = plain.trim_end().replace('\n', ",");
    let packed = gzip(format!(r#"{{"log":{{"entries":[{list}]}}}}"#).as_bytes());
    let read = read_bytes("calls.har.gz", &packed[..packed.len() * 2 / 3]);
    let entries = read.exchanges.len();
    assert_eq!(read.said(), [format!("the file: gzip stream ends early after entry {entries}")]);
}

#[test]
fn a_damaged_gzip_stream_is_a_fault_of_the_file() {
    let mut packed = gzip((line("{}") + "\n").repeat(3).as_bytes());
    packed.extend_from_slice(b"and more that is no gzip");
    let read = read_bytes("calls.ndjson.gz", &packed);
    assert_eq!(read.exchanges.len(), 3);
    assert!(matches!(read.faults[0].flaw, Flaw::GzipDamaged { after: 3, .. }));
}

#[test]
fn a_broken_document_gives_its_entries_and_says_where_it_ends() {
    let entry = line("{}");
    for (text, said) in [
        (
            format!(r#"{{"log":{{"entries":[{entry},{entry}"#),
            "the document ends early after entry 2",
        ),
        (
            format!(r#"{{"log":{{"entries":[{entry},{entry}}}}}"#),
            "not JSON after entry 2, expected `,` or `]`; what follows was not read",
        ),
        (
            format!(r#"{{"log":{{"entries":[{entry},{entry},]}}}}"#),
            "not JSON after entry 2, expected an entry; what follows was not read",
        ),
    ] {
        let read = read_bytes("calls.har", text.as_bytes());
        assert_eq!(read.exchanges.len(), 2, "{said}");
        assert_eq!(read.said(), [format!("the file: {said}")]);
    }
    let read = read_bytes("calls.har", br#"{"log":{"version":"1.2"}}"#);
    assert_eq!(read.said(), ["the file: missing log.entries"]);
    let read = read_bytes("calls.har", br#"{"log":{"entries":[{"request":{}},5]}}"#);
    let said = [
        "entry 1: missing startedDateTime",
        "entry 2: not JSON at column 1, expected an entry's `{`",
    ];
    assert_eq!(read.said(), said);
}

#[test]
fn what_is_no_source_is_refused_by_name() {
    let expected = "expected HAR 1.2, NDJSON of HAR entries or a VCR cassette, plain or gzip";
    for (name, bytes, said) in [
        ("a.har", &b""[..], "a.har: is empty, "),
        ("a.har.gz", &gzip(b" \n"), "a.har.gz: is empty, "),
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a.png: holds binary data, "),
        ("a.ndjson", b"\0\0\0", "a.ndjson: holds binary data, "),
        ("a.txt", b"hello", "a.txt: holds other text, "),
    ] {
        assert_eq!(open_error(name, bytes), format!("{said}{expected}"));
    }
    let said = open_error("api.json", br#"{"openapi":"3.1.0","paths":{}}"#);
    assert_eq!(
        said,
        format!("api.json: is an OpenAPI document, expected traffic: {}", &expected[9..])
    );
    assert_eq!(open_error("a.gz", b"\x1f\x8b"), "a.gz: is no readable gzip file");
    let folder = tempfile::tempdir().unwrap();
    assert!(open(folder.path()).unwrap_err().to_string().contains("is a directory, expected"));
    let missing = open(&folder.path().join("none.har")).unwrap_err().to_string();
    assert!(missing.ends_with("none.har: cannot be read"), "{missing}");
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let text = format!("\u{FEFF}{}", line("{}"));
    assert_eq!(read_bytes("calls.ndjson", text.as_bytes()).exchanges.len(), 1);
    let text = format!("\u{FEFF}{{\"log\":{{\"entries\":[{}]}}}}", line("{}"));
    assert_eq!(read_bytes("calls.har", text.as_bytes()).exchanges.len(), 1);
}

#[test]
fn entries_larger_than_the_buffer_are_read_whole() {
    let long =
        |n: usize| line(&format!(r#"{{"text":"{}\\{}"}}"#, "\\\"]".repeat(n), "x".repeat(n)));
    let entries: Vec<String> = (0..12).map(|n| long(n * 15_000 + n)).collect();
    let lines = read_bytes("calls.ndjson", entries.join("\n").as_bytes());
    let document = format!(r#"{{"log":{{"entries":[{}]}}}}"#, entries.join(" ,\n "));
    let document = read_bytes("calls.har", document.as_bytes());
    assert_eq!(lines.exchanges.len(), 12);
    assert_eq!(body(lines.raws()[11]).len(), (11 * 15_000 + 11) * 3 + 1);
    assert_eq!(lines.raws(), document.raws());
}

#[test]
fn a_break_stops_reading_and_progress_counts_the_file() {
    let mut source = open(&fixture("ndjson/calls.ndjson")).unwrap();
    let progress = source.progress();
    let totals = source.for_each(&Limits::default(), &mut |_| ControlFlow::Break(())).unwrap();
    assert_eq!(totals.exchanges, 1);
    assert_eq!(progress.read(), progress.total());
    let again = source.for_each(&Limits::default(), &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(again.exchanges, 0);
}

#[test]
fn a_file_cut_anywhere_gives_a_prefix_of_its_exchanges() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "ndjson/calls.ndjson",
        "har/calls.har",
        "vcr-ruby/emails.yml",
        "vcr-ruby/emails.json",
        "vcr-python/emails.yaml",
    ] {
        let whole = fs::read(fixture(name)).unwrap();
        let all = read(&fixture(name));
        for bytes in [whole.clone(), gzip(&whole)] {
            for cut in 0..bytes.len() {
                let path = folder.path().join("cut");
                fs::write(&path, &bytes[..cut]).unwrap();
                let Ok(mut source) = open(&path) else { continue };
                let mut seen = Vec::new();
                let _ = source.for_each(&Limits::default(), &mut |item| {
                    if let Item::Exchange { raw, .. } = item {
                        seen.push(raw.into_owned());
                    }
                    ControlFlow::Continue(())
                });
                assert!(seen.len() <= all.exchanges.len(), "{name} cut at {cut}");
                // A plain YAML file that ends early is still YAML: only its end may differ.
                let yaml = source.format() == Format::VcrYaml;
                let sure = if yaml { seen.len().saturating_sub(1) } else { seen.len() };
                for (raw, whole) in seen[..sure].iter().zip(all.raws()) {
                    assert_eq!(raw, whole, "{name} cut at {cut}");
                }
            }
        }
    }
}

#[test]
fn shared_logs_are_read_without_a_fault() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let mut files = vec![shared.join("real-traffic/github-2013-2024.ndjson.gz")];
    if let Ok(cases) = fs::read_dir(shared.join("drift-bench/cases")) {
        for case in cases {
            let case = case.unwrap().path();
            for name in ["baseline.ndjson.gz", "observed.ndjson.gz", "sample.har"] {
                files.push(case.join(name));
            }
        }
    }
    for file in files {
        if !file.exists() {
            eprintln!("skipped: {} is not there", file.display());
            continue;
        }
        let mut exchanges = 0_u64;
        let mut source = open(&file).unwrap();
        let totals = source
            .for_each(&Limits::default(), &mut |item| {
                match item {
                    Item::Exchange { .. } => exchanges += 1,
                    Item::Fault(fault) => panic!("{fault}"),
                }
                // Unpacking all of it takes a minute without optimisation.
                if cfg!(debug_assertions) && exchanges == 200 {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        assert!(0 < exchanges && totals.exchanges == exchanges, "{}", file.display());
    }
}
