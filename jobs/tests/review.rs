//! The review page as HTTP: what it says, to whom, and what it never lets through.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use jobs::ledger::{Cause, Run, RunId, Took, Trouble};
use jobs::review::{
    Address, Condition, Decided, Decision, Desk, Dossier, Entry, Order, Refused, Served, TwinLine,
    Work, serve,
};
use models::{Calibration, Drift, Note, State};
use reports::Report;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Markup, quotes and a template's own signs, as a vendor or a user might send them.
const EVIL: &str = "</td><script>alert('x')</script>\"><img src=x onerror=alert(1)>{{ 7*7 }}";

/// What a decision is answered with.
type Verdict = fn() -> Result<Decided, Refused>;

/// One twin with one calibration that waits and one that was rejected.
struct TestDesk {
    runs: Mutex<Vec<Run>>,
    orders: Mutex<Vec<Order>>,
    answer: Verdict,
}

fn calibration(number: u64) -> Calibration {
    let text = include_str!("../../reports/fixtures/emails/drift.json");
    let mut drift: Drift = serde_json::from_str(text).unwrap();
    for (index, finding) in drift.findings.iter_mut().enumerate() {
        finding.path += EVIL;
        finding.route = finding.route.take().map(|route| route + EVIL);
        finding.fingerprint = format!("{index:016x}");
    }
    Calibration { number, findings: drift.findings, ..drift.calibrations[0].clone() }
}

impl TestDesk {
    fn line(&self) -> TwinLine {
        TwinLine {
            name: "emails".to_owned(),
            version: EVIL.to_owned(),
            condition: Condition::Failing(EVIL.to_owned()),
            url: None,
            age: "calibrated 2h ago".to_owned(),
            aligned: Some(self.orders.lock().unwrap().is_empty()),
            calibration: 0,
            fidelity_bp: Some(9991),
            waiting: vec![1],
        }
    }
}

impl Desk for TestDesk {
    fn project(&self) -> String {
        EVIL.to_owned()
    }

    fn user(&self) -> String {
        EVIL.to_owned()
    }

    fn twins(&self) -> anyhow::Result<Vec<TwinLine>> {
        Ok(vec![self.line()])
    }

    fn dossier(&self, twin: &str) -> anyhow::Result<Option<Dossier>> {
        anyhow::ensure!(twin != "broken", "the ledger cannot be read");
        let note = Note { by: EVIL.to_owned(), at: at(), comment: Some(EVIL.to_owned()) };
        let entries = vec![
            Entry { calibration: calibration(1), state: State::Proposed },
            Entry { calibration: calibration(2), state: State::Rejected(note.clone()) },
            Entry { calibration: calibration(3), state: State::Canary { share_bp: 1_000, note } },
        ];
        let broken = Some(EVIL.to_owned());
        let found = Dossier { line: self.line(), entries, broken, reports: vec![1], published: 42 };
        Ok((twin == "emails").then_some(found))
    }

    fn report(&self, twin: &str, number: u64) -> anyhow::Result<Option<Report>> {
        let text = include_str!("../../reports/fixtures/emails/drift.json");
        let drift = serde_json::from_str(text)?;
        Ok((twin == "emails" && number == 1).then(|| Report::new(number, drift)))
    }

    fn report_of(&self, _: &str, number: u64) -> anyhow::Result<Option<u64>> {
        Ok((number == 1).then_some(1))
    }

    fn work(&self) -> anyhow::Result<Work> {
        let trouble = Trouble { subject: EVIL.to_owned(), since: at(), text: EVIL.to_owned() };
        Ok(Work { runs: self.runs.lock().unwrap().clone(), troubles: vec![trouble] })
    }

    fn decide(&self, order: &Order) -> Result<Decided, Refused> {
        self.orders.lock().unwrap().push(order.clone());
        (self.answer)()
    }
}

struct Site {
    desk: Arc<TestDesk>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    runtime: Runtime,
    served: Option<Served>,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Site {
    fn open(answer: Verdict) -> Self {
        let desk = Arc::new(TestDesk { runs: Mutex::default(), orders: Mutex::default(), answer });
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let (stop, told) = watch::channel(false);
        let address = Address { listen: "127.0.0.1:0".parse().unwrap(), token: None };
        let shown: Arc<dyn Desk> = desk.clone();
        let served = runtime.block_on(serve(shown, address, told)).unwrap();
        Self { desk, address: served.address, stop, runtime, served: Some(served) }
    }

    fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}",
            self.address
        )
        .unwrap();
        stream
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut text = String::new();
        self.send(method, path, headers, body).read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "", "")
    }

    /// As a browser sends the form of a calibration's page, with some fields changed.
    fn decide(&self, changed: &[(&str, &str)]) -> Answer {
        let page = self.get("/twins/emails/calibrations/1");
        let cookie = page.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        // The value's case matters, which the lower-case head has lost.
        let session = self.session(cookie.split('=').next().unwrap());
        let page = self.ask("GET", "/twins/emails/calibrations/1", &session, "");
        let hidden = |name: &str| {
            let at = format!("name=\"{name}\" value=\"");
            let rest = page.body.split_once(&at).unwrap().1;
            rest.split_once('"').unwrap().0.to_owned()
        };
        let mut fields: Vec<(String, String)> = ["form_token", "digest", "published", "choices"]
            .map(|name| (name.to_owned(), hidden(name)))
            .into();
        for (name, value) in changed {
            fields.push(((*name).to_owned(), (*value).to_owned()));
        }
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        let body = body.extend_pairs(&fields).finish();
        self.ask("POST", "/twins/emails/calibrations/1/decision", &session, &body)
    }

    fn session(&self, cookie: &str) -> String {
        let mut text = String::new();
        self.send("GET", "/", "", "").read_to_string(&mut text).unwrap();
        let set =
            text.lines().find(|line| line.to_lowercase().starts_with("set-cookie: ")).unwrap();
        let value = set.split_once('=').unwrap().1.split(';').next().unwrap();
        format!("Cookie: {cookie}={value}\r\n")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(served) = self.served.take() {
            let _ = self.runtime.block_on(served.handle);
        }
    }
}

fn never() -> Result<Decided, Refused> {
    Err(Refused::Impossible("it was not to be asked".to_owned()))
}

#[test]
fn what_comes_from_elsewhere_is_text_on_every_page() {
    let site = Site::open(never);
    site.desk
        .runs
        .lock()
        .unwrap()
        .push(run(1, jobs::ledger::State::Failed(took(), EVIL.to_owned())));
    for path in [
        "/",
        "/twins/emails",
        "/twins/emails/calibrations/1",
        "/twins/emails/calibrations/2",
        "/runs",
        "/twins/none",
        "/twins/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/nothing",
        "/twins/emails/calibrations/%22%3E%3Cscript%3E",
    ] {
        let answer = site.get(path);
        let scripts = answer.body.matches("<script").count();
        let ours = answer.body.matches("<script src=\"/assets/review.js\" defer></script>").count();
        assert_eq!((scripts, ours), (1, 1), "{path}: {}", answer.body);
        assert!(!answer.body.contains("<img") && !answer.body.contains("49 "), "{path}");
        assert!(answer.body.contains("&lt;script&gt;alert("), "{path} shows it: {}", answer.body);
    }
}

#[test]
fn every_answer_tells_the_browser_to_load_nothing_of_others() {
    let site = Site::open(never);
    for path in
        ["/", "/nothing", "/assets/style.css", "/assets/review.js", "/assets/no", "/twins/broken"]
    {
        let head = site.get(path).head;
        assert!(
            head.contains(
                "content-security-policy: default-src 'none'; style-src 'self'; script-src 'self'"
            ),
            "{head}"
        );
        for header in
            ["x-content-type-options: nosniff", "cache-control: no-store", "x-frame-options: deny"]
        {
            assert!(head.contains(header), "{path}: {head}");
        }
        assert!(!head.contains("unsafe"), "{head}");
    }
    let report = site.get("/twins/emails/reports/1");
    assert!(report.body.contains("style-src 'sha256-"), "a report brings a policy of its own");
    let cookie = site.get("/").head;
    assert!(cookie.contains("; path=/; httponly; samesite=strict"), "{cookie}");
}

#[test]
fn what_is_not_there_and_what_fails_has_a_page_that_says_so() {
    let site = Site::open(never);
    let said = |path: &str| {
        let answer = site.get(path);
        (answer.status, answer.body)
    };
    for path in [
        "/twins/none",
        "/twins/emails/calibrations/7",
        "/twins/emails/calibrations/0",
        "/twins/emails/reports/9",
        "/x",
    ] {
        let (status, body) = said(path);
        assert!(status == 404 && body.contains("<h1>Not here</h1>"), "{path}: {status} {body}");
    }
    let (status, body) = said("/twins/broken");
    assert!(status == 500 && body.contains("the ledger cannot be read"), "{status} {body}");
    assert_eq!(site.ask("GET", "/", "", "").status, 200);
    let other = "GET / HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n";
    let mut stream = TcpStream::connect(site.address).unwrap();
    stream.write_all(other.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 421 "), "{text}");
}

#[test]
fn a_canary_is_decided_on_like_what_was_never_served() {
    let site = Site::open(never);
    let home = site.get("/").body;
    assert!(home.contains("/twins/emails/calibrations/3"), "{home}");
    let page = site.get("/twins/emails/calibrations/3").body;
    assert!(page.contains("for 10 % of callers"), "{page}");
    assert!(page.contains(r#"value="reject""#) && page.contains(r#"id="decision""#), "{page}");
    let rejected = site.get("/twins/emails/calibrations/2").body;
    assert!(!rejected.contains(r#"id="decision""#), "{rejected}");
}

#[test]
fn a_form_says_what_was_decided_and_is_answered_by_what_came_of_it() {
    let site = Site::open(|| Ok(Decided { number: 3, rest: Some(4) }));
    let answer = site.decide(&[
        ("finding", "0000000000000000 0000000000000003"),
        ("finding", "0000000000000001"),
        ("choice", "approve"),
        ("by", " Ada "),
        ("comment", "as announced"),
    ]);
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert!(answer.head.contains("location: /twins/emails/calibrations/3"), "{}", answer.head);
    let chosen = ["0000000000000000", "0000000000000003", "0000000000000001"].map(str::to_owned);
    let order = Order {
        twin: "emails".to_owned(),
        number: 1,
        decision: Decision::Approve(Some(chosen.into())),
        by: "Ada".to_owned(),
        comment: Some("as announced".to_owned()),
    };
    assert_eq!(*site.desk.orders.lock().unwrap(), [order]);
}

#[test]
fn each_no_has_its_status_and_its_words() {
    let form = [("finding", "0000000000000001"), ("choice", "reject"), ("by", "Ada")];
    let cases: [(Verdict, u16); 5] = [
        (|| Err(Refused::Moved("Somebody decided.".into())), 409),
        (|| Err(Refused::Impossible("It builds on another.".into())), 422),
        (|| Err(Refused::Unknown("There is none.".into())), 404),
        (|| Err(Refused::Busy("Process 17 is at work on it.".into())), 503),
        (|| Err(Refused::Failed(anyhow::anyhow!("the disk is full").context("the ledger"))), 500),
    ];
    for (answer, status) in cases {
        let said = Site::open(answer).decide(&form);
        assert_eq!(said.status, status, "{}", said.body);
        let words = answer().unwrap_err();
        let words = match &words {
            Refused::Failed(error) => format!("{error}: {}", error.root_cause()),
            other => other.to_string(),
        };
        assert!(said.body.contains(&words), "{words}: {}", said.body);
    }
    let site = Site::open(never);
    let none = [("choice", "approve"), ("by", "Ada")];
    assert_eq!(site.decide(&none).status, 422, "no finding is chosen");
    assert_eq!(
        site.ask("POST", "/twins/emails/calibrations/1/decision", "", "choice=approve").status,
        403
    );
    assert_eq!(site.ask("GET", "/twins/emails/calibrations/1/decision", "", "").status, 405);
    assert!(site.desk.orders.lock().unwrap().is_empty());
}

fn at() -> DateTime<Utc> {
    "2026-11-19T11:00:00Z".parse().unwrap()
}

fn run(id: i64, state: jobs::ledger::State) -> Run {
    Run {
        id: RunId(id),
        job: EVIL.to_owned(),
        kind: "calibrate".to_owned(),
        cause: Cause::Manual,
        scheduled_at: at(),
        attempt: 1,
        state,
    }
}

fn took() -> Took {
    Took { started_at: Some(at()), ended_at: at() + TimeDelta::milliseconds(1240) }
}

#[test]
fn who_watches_the_jobs_is_told_each_change_and_the_end() {
    let site = Site::open(never);
    site.desk
        .runs
        .lock()
        .unwrap()
        .push(run(7, jobs::ledger::State::Running { since: at(), pid: None }));
    let mut lines = BufReader::new(site.send("GET", "/runs/events", "", "")).lines();
    let mut event = || {
        let mut text = String::new();
        for line in lines.by_ref() {
            let line = line.unwrap();
            if line.is_empty() && text.contains("event: runs") {
                return Some(text);
            }
            text += &line;
            text.push('\n');
        }
        None
    };
    let first = event().unwrap();
    assert!(
        first.contains("content-type: text/event-stream") && first.contains("run 7"),
        "{first}"
    );
    assert!(first.contains(">running</span>") && !first.contains("<script"), "{first}");
    *site.desk.runs.lock().unwrap() = vec![run(7, jobs::ledger::State::Succeeded(took()))];
    let second = event().unwrap();
    assert!(second.contains(">succeeded</span>") && second.contains(">1.2 s</td>"), "{second}");
    site.stop.send(true).unwrap();
    assert_eq!(event(), None, "the stream ends with the server");
}
