//! Webhooks, the whole way: a twin plays the vendor and sends, `wt observe webhooks` receives,
//! `wt calibrate` learns how it delivers, and another twin then delivers like that.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use support::{Folder, free_port};

/// The vendor's schedule; neither is what a twin does of itself.
const DELAYS_SECONDS: [u64; 2] = [600, 3000];

/// One delivery as an application got it.
#[derive(Debug, Clone)]
struct Got {
    headers: String,
    body: String,
}

impl Got {
    /// When it was sent, as Stripe's signature says.
    fn sent_at(&self) -> u64 {
        let at = self.headers.split("t=").nth(1).unwrap_or_else(|| panic!("{}", self.headers));
        at.split(',').next().unwrap().parse().unwrap()
    }
}

/// An application that fails each delivery's first attempts.
fn application(failures: usize) -> (u16, Arc<Mutex<Vec<Got>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let got: Arc<Mutex<Vec<Got>>> = Arc::default();
    let kept = Arc::clone(&got);
    std::thread::spawn(move || {
        let mut seen: HashMap<String, usize> = HashMap::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let one = read_request(&stream);
            let times = seen.entry(one.body.clone()).or_default();
            *times += 1;
            let status = if *times <= failures { "500 No" } else { "200 OK" };
            kept.lock().unwrap().push(one);
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
        }
    });
    (port, got)
}

fn read_request(stream: &TcpStream) -> Got {
    let mut reader = BufReader::new(stream);
    let (mut headers, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap() <= 2 {
            break;
        }
        let line = line.to_lowercase();
        if let Some(bytes) = line.strip_prefix("content-length:") {
            length = bytes.trim().parse().unwrap();
        }
        headers += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Got { headers, body: String::from_utf8(body).unwrap() }
}

fn call(port: u16, path: &str, body: &Value) -> String {
    let body = body.to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 2"), "{path}: {answer}");
    answer
}

fn advance(port: u16, seconds: u64) {
    call(port, "/admin/time/advance", &json!({"duration": format!("{seconds}s")}));
    call(port, "/admin/webhooks/wait", &json!({}));
}

/// Something that runs until the test is done.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(folder: &Folder, args: &[&str], port: u16) -> Running {
    let mut command = folder.command(args);
    command.env("SHOP_SECRET", "whsec_of_this_test").stdout(Stdio::null()).stderr(Stdio::null());
    let running = Running(command.spawn().unwrap());
    let began = std::time::Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(began.elapsed().as_secs() < 30, "{args:?} does not listen");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    running
}

fn serve(folder: &Folder, to: u16) -> (u16, Running) {
    let port = free_port();
    let url = format!("http://127.0.0.1:{to}/hook");
    let text = port.to_string();
    let args = ["serve", "emails", "--port", &text, "--webhook-url", &url];
    (port, start(folder, &args, port))
}

#[test]
fn how_a_vendor_delivers_is_learned_and_then_done_alike() {
    let vendor = Folder::with_emails();
    vendor.write(
        "twins/emails/twin.json",
        &json!({"name": "emails", "webhooks": {
            "signature": {"scheme": "stripe", "secret_env": "SHOP_SECRET"},
            "retry": {"delays_seconds": DELAYS_SECONDS},
            "body": {"id": "{{event.id}}", "type": "{{event.name}}", "data": "{{object}}"},
        }})
        .to_string(),
    );
    let project = Folder::with_emails();
    let (app, got) = application(2);
    let (hooks, forward) = (free_port(), format!("http://127.0.0.1:{app}"));
    let text = hooks.to_string();
    let args = [
        "observe",
        "webhooks",
        "emails",
        "--port",
        &text,
        "--forward",
        &forward,
        "--secret-env",
        "SHOP_SECRET",
    ];
    let mut observer = start(&project, &args, hooks);
    let (port, _vendor) = serve(&vendor, hooks);
    for number in 0..4 {
        call(port, "/emails", &json!({"to": "a@b.test", "subject": format!("no {number}")}));
    }
    call(port, "/admin/webhooks/wait", &json!({}));
    for seconds in DELAYS_SECONDS {
        advance(port, seconds);
    }
    assert_eq!(got.lock().unwrap().len(), 12, "four deliveries, three attempts each");
    std::process::Command::new("kill")
        .args(["-TERM", &observer.0.id().to_string()])
        .status()
        .unwrap();
    assert!(observer.0.wait().unwrap().success());

    let drift = project.wt_json(&["calibrate", "emails", "--format", "json"]);
    let notes = drift["notes"].to_string();
    assert!(notes.contains("webhooks are signed as `stripe`, confirmed 12 times"), "{notes}");
    assert!(notes.contains("webhooks that fail come again after 6"), "{notes}");
    let shown = project.wt_json(&["calibrations", "show", "emails", "1", "--format", "json"]);
    let patch = shown.to_string();
    assert!(patch.contains("\"scheme\":\"stripe\""), "{patch}");
    let again = project.wt_json(&["calibrate", "emails", "--format", "json"]);
    assert_eq!(again["calibrations"], json!([]), "what is known is not learned again");

    // The project's own twin, which is told nothing but the secret.
    project.write(
        "twins/emails/twin.json",
        &json!({"name": "emails", "webhooks": {"signature": {"secret_env": "SHOP_SECRET"}}})
            .to_string(),
    );
    let (app, got) = application(9);
    let (port, _twin) = serve(&project, app);
    call(port, "/emails", &json!({"to": "a@b.test", "subject": "mine"}));
    call(port, "/admin/webhooks/wait", &json!({}));
    for seconds in DELAYS_SECONDS {
        let before = got.lock().unwrap().len();
        advance(port, seconds * 3 / 4);
        assert_eq!(got.lock().unwrap().len(), before, "not before its time");
        advance(port, seconds / 2);
        assert_eq!(got.lock().unwrap().len(), before + 1, "after {seconds} s");
    }
    let seen = got.lock().unwrap().clone();
    for (pair, delay) in seen.windows(2).zip(DELAYS_SECONDS) {
        let gap = pair[1].sent_at() - pair[0].sent_at();
        // Learned to a fifth; and the clock was moved on by a quarter more.
        assert!((delay * 4 / 5..=delay * 3 / 2).contains(&gap), "{gap} s for {delay} s");
    }
}
