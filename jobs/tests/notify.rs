//! Notices arrive: at the project's own twins of Slack and GitHub, at a webhook's receiver, in a mailbox.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use jobs::config::Jobs;
use jobs::notify::{Deliverer, DeliveryError, Message, Occasion};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use twins::catalog::Entry;
use twins::{Follow, Running, TwinConfig, serve};

/// A twin of the catalog, for as long as the test lives.
async fn twin(name: &str) -> (Running, oneshot::Sender<()>) {
    let entry = Entry::named(name).unwrap();
    let behaviour = entry.behaviour().unwrap();
    let config = TwinConfig { document: behaviour.document, ..TwinConfig::new(name) };
    let (stop, stopped) = oneshot::channel::<()>();
    let model = entry.model().unwrap();
    let running =
        serve(model, Follow::Frozen, config, async { drop(stopped.await) }).await.unwrap();
    (running, stop)
}

fn deliverer() -> Deliverer {
    let environment = |name: &str| match name {
        "SLACK" => Some("xoxb-1-test".to_owned()),
        "WRONG" => Some("no-token".to_owned()),
        "GITHUB" => Some("ghp_000000000000000000000000000000000000".to_owned()),
        "SHA" => Some("6dcb09b5b57875f334f61aebed695e2e4193db5e".to_owned()),
        "CLEAR" => Some("http://hooks.example.com/x".to_owned()),
        "SECRET" => Some("whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ=".to_owned()),
        _ => None,
    };
    Deliverer::new(Arc::new(environment)).unwrap()
}

fn message() -> Message {
    Message {
        occasion: Occasion::Drift,
        twin: Some("stripe".to_owned()),
        title: "stripe: field added GET /v1/customers".to_owned(),
        text: "response `data[].tier` <new>, seen 12 of 12 times".to_owned(),
    }
}

/// Sends to a channel written as in `jobs.toml`.
async fn deliver(channel: &str) -> Result<(), DeliveryError> {
    let jobs = Jobs::read(&format!("[notify.test]\n{channel}\n"));
    assert_eq!(jobs.faults, []);
    deliverer().deliver(&jobs.channels["test"], "wt-1", &message()).await
}

#[tokio::test]
async fn slack_takes_it_and_says_why_when_not() {
    let (slack, _stop) = twin("slack").await;
    let of = |token: &str| {
        let addr = slack.addr;
        format!(
            "kind = 'slack'\ntoken_env = '{token}'\nchannel = 'C0123456789'\nbase_url = 'http://{addr}/api'"
        )
    };
    deliver(&of("SLACK")).await.unwrap();
    let refused = deliver(&of("WRONG")).await.unwrap_err();
    assert!(refused.to_string().ends_with("answered 200: invalid_auth"), "{refused}");
    let missing = deliver(&of("NONE")).await.unwrap_err();
    assert_eq!(
        missing.to_string(),
        "the environment has no NONE: set it where the daemon is started"
    );
}

#[tokio::test]
async fn github_gets_an_issue_and_a_check_run() {
    let (github, _stop) = twin("github").await;
    let at =
        format!("repo = 'octo/twins'\ntoken_env = 'GITHUB'\nbase_url = 'http://{}'", github.addr);
    deliver(&format!("kind = 'github-issue'\nlabels = ['drift']\n{at}")).await.unwrap();
    deliver(&format!("kind = 'github-check'\nsha_env = 'SHA'\n{at}")).await.unwrap();
    let ask = reqwest::Client::new().get(format!("http://{}/repos/octo/twins/issues", github.addr));
    let issues = ask.bearer_auth("ghp_000000000000000000000000000000000000").send().await.unwrap();
    let issues: serde_json::Value = issues.json().await.unwrap();
    assert_eq!(issues[0]["title"], message().title, "{issues}");
}

#[tokio::test]
async fn a_webhook_is_signed_as_the_standard_says() {
    type Got = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;
    let got = Got::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let keep = Arc::clone(&got);
    let receiver = Router::new().fallback(move |headers: HeaderMap, body: Bytes| async move {
        let mut got = keep.lock().unwrap();
        got.push((headers, body));
        if got.len() == 1 {
            return (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "7")]);
        }
        (StatusCode::OK, [("x-thanks", "1")])
    });
    tokio::spawn(async move { axum::serve(listener, receiver).await });
    let channel = format!("kind = 'webhook'\nurl = 'http://{addr}/in'\nsecret_env = 'SECRET'");
    let refused = deliver(&channel).await.unwrap_err();
    let DeliveryError::Refused { status: 503, retry_after: Some(wait), .. } = refused else {
        panic!("{refused}");
    };
    assert_eq!(wait.as_secs(), 7);
    deliver(&channel).await.unwrap();
    let got = got.lock().unwrap();
    let (headers, body) = &got[1];
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let signed = format!("{}.{}.", header("webhook-id"), header("webhook-timestamp"));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"secret-secret-secret").unwrap();
    mac.update(signed.as_bytes());
    mac.update(body);
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    assert_eq!(header("webhook-signature"), signature);
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    assert_eq!(
        (&body["type"], &body["data"]["twin"]),
        (&"wondertwin.drift".into(), &"stripe".into())
    );
}

#[tokio::test]
async fn a_receiver_that_answers_without_end_is_read_to_a_beginning() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let asked = stream.read(&mut [0; 16 << 10]).await;
                assert!(asked.is_ok(), "{asked:?}");
                let head =
                    b"HTTP/1.1 500 Internal Server Error\r\ncontent-type: text/plain\r\n\r\n";
                let mut sent = stream.write_all(head).await;
                while sent.is_ok() {
                    sent = stream.write_all(&[b'x'; 4096]).await;
                }
            });
        }
    });
    let channel = format!("kind = 'webhook'\nurl = 'http://{addr}/in'\nsecret_env = 'SECRET'");
    let refused = deliver(&channel).await.unwrap_err();
    let DeliveryError::Refused { status: 500, body, .. } = refused else { panic!("{refused}") };
    assert_eq!(body, "x".repeat(300));
}

#[tokio::test]
async fn a_mail_is_handed_to_the_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let said = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&said);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let mut in_data = false;
        write.write_all(b"220 mail.test ESMTP\r\n").await.unwrap();
        while let Some(line) = lines.next_line().await.unwrap() {
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
            let answer = match (in_data, verb.as_str()) {
                (true, _) if line == "." => "250 kept\r\n",
                (true, _) => "",
                (false, "DATA") => "354 go on\r\n",
                (false, "QUIT") => "221 bye\r\n",
                (false, _) => "250 mail.test\r\n",
            };
            in_data = verb == "DATA" || (in_data && line != ".");
            keep.lock().unwrap().push(line);
            write.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    deliver(&format!(
        "kind = 'email'\nserver = '{addr}'\ntls = 'none'\nfrom = 'Twins <twins@example.com>'\nto = ['a@example.com', 'b@example.com']"
    ))
    .await
    .unwrap();
    let said = said.lock().unwrap();
    for expected in [
        "RCPT TO:<b@example.com>",
        "Subject: stripe: field added GET /v1/customers",
        "Message-ID: <wt-1@wondertwin>",
        "response `data[].tier` <new>, seen 12 of 12 times",
    ] {
        assert!(said.iter().any(|line| line == expected), "no {expected:?} in {said:#?}");
    }
}

#[tokio::test]
async fn credentials_go_nowhere_in_clear() {
    let told = deliver("kind = 'slack'\nurl_env = 'CLEAR'").await;
    assert_eq!(
        told.unwrap_err().to_string(),
        "`http` to hooks.example.com would show credentials: use https"
    );
}
