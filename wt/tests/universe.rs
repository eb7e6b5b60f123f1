//! Twins that run together: one process, one clock, and what one does follows in another.

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
    let folder = Folder::new();
    folder.write("wondertwin.json", "{}");
    let (slack, resend) = (folder.give_port("slack"), folder.give_port("resend"));
    let mut config = folder.json("wondertwin.json");
    config["universe"] = json!({"effects": [{
        "on": "slack", "route": "POST /chat.postMessage",
        "effects": [{"create": "email", "twin": "resend",
            "set": {"subject": "Slack: {{request.text}}", "to": ["ops@example.com"]}}],
    }]});
    folder.write("wondertwin.json", &config.to_string());
    folder.run(&["up", "slack", "resend"]);
    let said = json!({"channel": "C1", "text": "disk full"});
    let answer = post(slack, "/api/chat.postMessage", "Bearer xoxb-1", &said);
    assert_eq!(answer["ok"], true, "{answer}");
    let state = folder.wt_json(&["inspect", "resend", "--format", "json"]);
    let emails = state["/emails"].as_object().unwrap();
    let subjects: Vec<_> = emails.values().map(|one| one["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects, ["Slack: disk full"]);
    // A mistake is told by name.
    config["universe"]["effects"][0]["route"] = "chat.postMessage".into();
    folder.write("wondertwin.json", &config.to_string());
    let told = folder.wt(&["status"]);
    assert!(told.contains("`universe.effects[0].route` is \"chat.postMessage\""), "{told}");
    config["universe"]["effects"][0]["route"] = "POST /chat.postMessage".into();
    folder.write("wondertwin.json", &config.to_string());
}
