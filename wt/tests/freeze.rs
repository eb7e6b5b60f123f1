//! `wt freeze`, and twins served from packages, with real processes.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use support::{Folder, get, propose};

fn freeze(folder: &Folder, version: &str) -> Value {
    let args = ["freeze", "emails", "--version", version, "--out", "dist", "--format", "json"];
    folder.wt_json(&args)
}

/// Where the package of a frozen twin is.
fn file(folder: &Folder, frozen: &Value) -> PathBuf {
    folder.path(frozen["file"].as_str().unwrap())
}

fn publish(folder: &Folder, limit: u64) {
    propose(folder, limit);
    let approved = folder.run(&["calibrations", "approve", "emails"]);
    assert!(approved.status.success(), "{approved:?}");
}

fn wait_for(mut reached: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !reached() {
        assert!(start.elapsed().as_secs() < 20, "not reached");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn a_twin_is_frozen_with_its_calibrations_and_notes() {
    let folder = Folder::with_emails();
    let told = folder.wt(&["freeze", "emails", "--version", "1.0.0", "--out", "dist"]);
    let name = folder.files("dist").into_iter().find(|name| name.ends_with(".tar.gz")).unwrap();
    snapshot!("freeze_first", told.replace(&name, "dist/twin-emails_1.0.0_[DIGEST].tar.gz"));
    publish(&folder, 100);
    let frozen = freeze(&folder, "1.1.0");
    assert_eq!(frozen["calibrations"][0]["number"], 1);
    let notes = folder.read("dist/twin-emails_1.1.0.md");
    assert!(notes.starts_with("# emails 1.1.0\n\n1 calibration since 1.0.0 (number 1)"), "{notes}");
    assert!(notes.contains("## Added"), "{notes}");
    let sums = folder.read("dist/checksums.txt");
    assert_eq!(sums.lines().count(), 2, "{sums}");
    let (sum, name) = sums.lines().last().unwrap().split_once("  ").unwrap();
    assert_eq!(name, frozen["file_name"]);
    let bytes = fs::read(file(&folder, &frozen)).unwrap();
    assert_eq!(sum, models::Digest::of_bytes(&bytes).as_str());
}

#[test]
fn a_dry_run_says_what_would_be_in_it_and_writes_nothing() {
    let folder = Folder::with_emails();
    let before = folder.files("");
    let told = folder.wt(&["freeze", "emails", "--version", "1.0.0", "--snapshot"]);
    assert!(
        told.contains("model/symbols.json") && told.contains("would be twin-emails_1.0.0_"),
        "{told}"
    );
    assert_eq!(folder.files(""), before);
    let dry = folder.wt_json(&[
        "freeze",
        "emails",
        "--version",
        "1.0.0",
        "--snapshot",
        "--format",
        "json",
    ]);
    assert_eq!((&dry["file"], &dry["signed"]), (&Value::Null, &Value::Null));
    assert_eq!(dry["digest"], freeze(&folder, "1.0.0")["digest"]);
}

#[test]
fn the_same_twin_has_the_same_bytes_on_another_day_in_another_folder_for_another_user() {
    let folder = Folder::with_emails();
    folder.write("twins/emails/lua/handlers/pay.lua", "emit.status(204)\n");
    publish(&folder, 100);
    let here = freeze(&folder, "1.0.0");
    // A copy elsewhere: other times and modes of the files, another user, umask, zone and locale.
    let other = Folder::new();
    for path in folder.files("") {
        let copy = other.path(&path);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(folder.path(&path), &copy).unwrap();
    }
    fs::remove_dir_all(other.path("dist")).unwrap();
    fs::remove_file(other.path("twins/emails/releases.json")).unwrap();
    #[cfg(unix)]
    for path in other.files("twins") {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(other.path(&path), mode).unwrap();
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        fs::File::options().append(true).open(other.path(&path)).unwrap().set_modified(at).unwrap();
    }
    let shell = format!(
        "umask 077; exec {} freeze emails --version 1.0.0 --out elsewhere/deep --format json",
        env!("CARGO_BIN_EXE_wt")
    );
    let output = std::process::Command::new("sh")
        .args(["-c", &shell])
        .current_dir(other.path(""))
        .env("USER", "somebody")
        .env("HOME", other.path(""))
        .env("TZ", "Asia/Kathmandu")
        .env("LC_ALL", "tr_TR.UTF-8")
        .env("SOURCE_DATE_EPOCH", "1")
        .output()
        .unwrap();
    let there: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(here["digest"], there["digest"]);
    assert_eq!(fs::read(file(&folder, &here)).unwrap(), fs::read(file(&other, &there)).unwrap());
    // Another key signs the same content: the digest stays.
    fs::remove_file(other.path(".wt/keys/ledger.key")).unwrap();
    fs::remove_file(other.path("twins/emails/releases.json")).unwrap();
    let resigned = freeze(&other, "1.0.0");
    assert_eq!(here["digest"], resigned["digest"]);
    assert_ne!(here["signed"], resigned["signed"]);
}

#[test]
fn nothing_but_the_twin_gets_into_a_package() {
    let folder = Folder::with_emails();
    let planted = "planted4Ki8zQx0Vb7Lm2Yw9";
    for path in [
        "twins/emails/.env",
        "twins/emails/scrub.toml",
        "twins/emails/wraith.toml",
        "twins/emails/drift.toml",
        "twins/emails/probes.toml",
        "twins/emails/notes.md",
        "twins/emails/lua/handlers/.keys",
        "twins/emails/lua/handlers/readme.txt",
        "twins/emails/model/evidence.parquet",
        "twins/emails/model/symbols.json.bak",
        "recordings/emails/s1/session.wrec",
        "lake/exchanges/twin=emails/day=x/a.parquet",
        "reports/emails/000001.json",
        ".wt/keys/other.key",
        ".wt/runs/x.json",
    ] {
        folder.write(path, planted);
    }
    let frozen = freeze(&folder, "1.0.0");
    let bytes = fs::read(file(&folder, &frozen)).unwrap();
    let key = folder.read(".wt/keys/ledger.key");
    let key = key.lines().nth(1).unwrap();
    let trusted: Vec<models::PublicKey> =
        serde_json::from_value(folder.json("wondertwin.json")["trusted_keys"].clone()).unwrap();
    let package = snapshots::Package::read(&bytes, &trusted).unwrap();
    let mut paths = Vec::new();
    for (path, bytes) in package.files() {
        let text = String::from_utf8_lossy(bytes);
        assert!(!text.contains(planted) && !text.contains(key), "{path}");
        paths.push(path);
    }
    assert_eq!(paths, ["checksums.txt", "model/symbols.json", "snapshot.json", "twin.json"]);
    // In a document of the twin it is refused by file and line.
    folder.write("twins/emails/twin.json", "{\"name\": \"emails\",\n\"webhooks\": {\"signature\": {\"secret\": \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"}}}");
    snapshot!(
        "freeze_secret",
        folder.wt(&["freeze", "emails", "--version", "1.0.1", "--out", "dist"])
    );
}

#[test]
fn a_pro_twin_follows_while_a_frozen_one_answers_as_on_the_day_it_was_frozen() {
    let folder = Folder::with_emails();
    publish(&folder, 100);
    let frozen = freeze(&folder, "1.0.0");
    let mut config = folder.json("wondertwin.json");
    config["twins"]["emails-frozen"] = json!({"package": frozen["file"]});
    folder.write("wondertwin.json", &config.to_string());
    let (live, kept) = (folder.give_port("emails"), folder.give_port("emails-frozen"));
    let up = folder.run(&["up"]);
    assert!(up.status.success(), "{up:?}");
    let answers =
        || ["/emails", "/emails/em_1", "/emails?limit=3", "/nowhere"].map(|path| raw(kept, path));
    let before = answers();

    publish(&folder, 7);
    let served = |name: &str| {
        let status = folder.wt_json(&["status", "--format", "json"]);
        let twins = status["twins"].as_array().unwrap();
        twins.iter().find(|twin| twin["name"] == name).unwrap().clone()
    };
    wait_for(|| served("emails")["calibration"] == 2);
    folder.run(&["reset", "emails-frozen"]);
    assert_eq!(answers(), before);
    // The vendor's new limit is the Pro twin's alone.
    let statuses = |port| (0..8).map(move |_| get(port, "/emails").0.contains(" 429 "));
    assert!(statuses(live).any(|refused| refused));
    assert!(statuses(kept).all(|refused| !refused));
    assert_eq!(served("emails-frozen")["tier"], "snapshot");
    let status = folder.wt(&["status"]);
    assert!(status.contains("✓ emails-frozen v1.0.0 · frozen snapshot"), "{status}");
    let refused = folder.wt(&["calibrations", "list", "emails-frozen"]);
    assert!(refused.starts_with("exit 2") && refused.contains("frozen snapshot"), "{refused}");
    folder.run(&["down"]);
}

/// The whole answer, but for its date.
fn raw(port: u16, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let lines = answer.split("\r\n").filter(|line| !line.to_lowercase().starts_with("date:"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_package_is_served_from_its_file_and_refused_where_it_was_touched() {
    let folder = Folder::with_emails();
    let frozen = freeze(&folder, "1.0.0");
    let path = file(&folder, &frozen);
    let mut serving = folder
        .command(&["serve", path.to_str().unwrap(), "--port", "0", "--format", "json"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = Vec::new();
    let mut reader = std::io::BufReader::new(serving.stdout.take().unwrap());
    while lines.last().is_none_or(|line: &String| line != "}\n") {
        let mut line = String::new();
        assert_ne!(std::io::BufRead::read_line(&mut reader, &mut line).unwrap(), 0, "{lines:?}");
        lines.push(line);
    }
    let told: Value = serde_json::from_str(&lines.concat()).unwrap();
    assert_eq!(told["name"], "emails");
    let port = told["url"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    let answer = get(port, "/emails").0;
    serving.kill().unwrap();
    serving.wait().unwrap();
    assert_eq!(answer, "HTTP/1.1 200 OK");

    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(folder.path("touched.tar.gz"), bytes).unwrap();
    let stranger = Folder::new();
    fs::copy(&path, stranger.path("package.tar.gz")).unwrap();
    let told = [
        folder.wt(&["serve", "touched.tar.gz"]),
        folder.wt(&["serve", "missing.tar.gz"]),
        stranger.wt(&["serve", "package.tar.gz"]),
        folder.wt(&["freeze", "emails", "--version", "one", "--out", "dist"]),
    ];
    snapshot!("package_refused", told.join("\n"));
}

#[test]
fn a_package_is_made_a_twin_again_that_takes_calibrations() {
    let folder = Folder::with_emails();
    let frozen = freeze(&folder, "1.0.0");
    let package = file(&folder, &frozen);
    let package = package.to_str().unwrap();
    let made = folder.wt(&["init", "copy", "--package", package]);
    assert!(made.starts_with("exit 0") && made.contains("✓ copy: "), "{made}");
    assert_eq!(folder.json("twins/copy/model/symbols.json")["version"], "1.0.0");
    let listed = folder.wt(&["calibrations", "list", "copy"]);
    assert!(listed.starts_with("exit 0"), "{listed}");
    let again = folder.wt(&["init", "copy", "--package", package]);
    assert!(again.starts_with("exit 2") && again.contains("already"), "{again}");
}

#[test]
fn a_version_that_was_released_stays_what_it_is() {
    let folder = Folder::with_emails();
    let first = freeze(&folder, "1.0.0");
    assert_eq!(freeze(&folder, "1.0.0")["digest"], first["digest"], "the same once more");
    publish(&folder, 100);
    let told = folder.wt(&["freeze", "emails", "--version", "1.0.0", "--out", "dist"]);
    assert!(told.starts_with("exit 2") && told.contains("version 1.0.0 was released"), "{told}");
}
