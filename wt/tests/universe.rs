//! Twins that run together: one process, one clock, and what one does follows in another.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};
use support::{Folder, get};

/// Posts JSON to a twin; the answer's body.
fn post(port: u16, path: &str, authorization: &str, body: &Value) -> Value {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let body = body.to_string();
    write!(
        stream,
        "POST {path} HTTP/1.0\r\nhost: x\r\nauthorization: {authorization}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"))
}

fn body(port: u16, path: &str) -> Value {
    serde_json::from_str(&get(port, path).1).unwrap()
}

#[test]
fn twins_run_together_join_and_leave_and_have_one_time() {
    let folder = Folder::with_emails();
    let emails = folder.give_port("emails");
    let resend = folder.give_port("resend");
    folder.run(&["up", "emails"]);
    // Another joins the process that runs.
    folder.run(&["up", "resend"]);
    let pids = folder.json(".wt/pids.json");
    assert_eq!(pids["emails"]["pid"], pids["resend"]["pid"]);
    let moved = post(emails, "/admin/time/advance", "", &json!({"duration": "48h"}));
    assert_eq!(moved["offset"], "48h0m0s");
    assert_eq!(body(resend, "/admin/time")["offset"], "48h0m0s");
    assert_eq!(body(resend, "/__wt/s/a/admin/time")["offset"], "0s");
    let members = body(resend, "/__wt/universe");
    let names: Vec<_> = members["twins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["emails", "resend"]);
    // A name is no path.
    let strange = json!({"name": "../../twins/emails", "port": 0});
    let refused = post(resend, "/admin/universe/twins", "", &strange);
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("`../../twins/emails` is no name of a twin"), "{message}");
    // What one forgets is its own; the time goes back with all of them.
    folder.run(&["reset", "emails"]);
    assert_eq!(body(resend, "/admin/time")["offset"], "48h0m0s");
    folder.run(&["reset"]);
    assert_eq!(body(emails, "/admin/time")["offset"], "0s");
    post(emails, "/admin/time/advance", "", &json!({"duration": "48h"}));
    // One leaves, the other goes on.
    folder.run(&["down", "emails"]);
    assert!(TcpStream::connect(("127.0.0.1", emails)).is_err());
    assert_eq!(body(resend, "/admin/health"), json!({"status": "ok"}));
    folder.run(&["up", "emails"]);
    assert_eq!(body(emails, "/admin/time")["offset"], "48h0m0s", "it is the time it is for all");
    folder.run(&["down"]);
    assert!(TcpStream::connect(("127.0.0.1", resend)).is_err());
}

#[test]
fn what_one_twin_does_follows_in_another_as_the_project_says() {
    let folder = Folder::with_emails();
    let (emails, resend) = (folder.give_port("emails"), folder.give_port("resend"));
    let mut config = folder.json("wondertwin.json");
    config["universe"] = json!({"effects": [{
        "on": "emails", "route": "POST /emails",
        "effects": [{"create": "email", "twin": "resend",
            "set": {"subject": "copy of {{object.id}}: {{request.subject}}"}}],
    }]});
    folder.write("wondertwin.json", &config.to_string());
    folder.run(&["up", "emails", "resend"]);
    let sent = post(
        emails,
        "/emails",
        "Bearer x",
        &json!({"subject": "disk full", "to": "a@example.com"}),
    );
    let id = sent["id"].as_str().unwrap_or_else(|| panic!("{sent}"));
    let state = folder.wt_json(&["inspect", "resend", "--format", "json"]);
    let copies = state["/emails"].as_object().unwrap_or_else(|| panic!("{state}"));
    let subjects: Vec<_> = copies.values().map(|one| one["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects, [format!("copy of {id}: disk full")]);
    assert_eq!(body(resend, "/admin/health"), json!({"status": "ok"}));
    // A mistake is told by name.
    config["universe"]["effects"][0]["route"] = "emails".into();
    folder.write("wondertwin.json", &config.to_string());
    let told = folder.wt(&["status"]);
    assert!(told.contains("`universe.effects[0].route` is \"emails\""), "{told}");
    config["universe"]["effects"][0]["route"] = "POST /emails".into();
    folder.write("wondertwin.json", &config.to_string());
}
