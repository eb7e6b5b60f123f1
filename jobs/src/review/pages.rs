//! The pages that are read.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse as _, Response};
use chrono::TimeDelta;
use models::State as Decision;
use reports::{Past, view};
use serde::Serialize;

use super::desk::{Condition, Dossier, Entry, TwinLine, Work};
use super::door::Session;
use super::page::{self, Trouble, ask, render};
use super::server::Room;
use crate::ledger::{Run, State as RunState};

/// Runs on the first page; all are a click away.
const RUNS_AT_HOME: usize = 5;

type Answer = Result<Response, Response>;

#[derive(Debug, Serialize)]
struct Home {
    waiting: Vec<Waiting>,
    twins: Vec<Twin>,
    runs: Runs,
}

/// A calibration that waits.
#[derive(Debug, Serialize)]
struct Waiting {
    twin: String,
    number: u64,
    findings: usize,
    breaking: usize,
    at: view::Moment,
}

/// A line of the list of twins.
#[derive(Debug, Serialize)]
pub(super) struct Twin {
    name: String,
    version: String,
    /// `running`, as a class and a word.
    state: &'static str,
    class: &'static str,
    why: Option<String>,
    url: Option<String>,
    age: String,
    aligned: Option<bool>,
    calibration: u64,
    fidelity: Option<String>,
    waiting: Vec<u64>,
}

/// Runs of jobs, as rows.
#[derive(Debug, Serialize)]
pub(super) struct Runs {
    pub(super) rows: Vec<RunRow>,
    /// Whether one of them goes on.
    pub(super) is_any_open: bool,
    troubles: Vec<TroubleRow>,
}

/// What is wrong with the daemon.
#[derive(Debug, Serialize)]
struct TroubleRow {
    subject: String,
    since: view::Moment,
    text: String,
}

#[derive(Debug, Serialize)]
pub(super) struct RunRow {
    id: i64,
    job: String,
    kind: String,
    attempt: u32,
    state: &'static str,
    class: &'static str,
    /// When it began to go on, ended, or is due.
    at: view::Moment,
    took: String,
    reason: String,
}

pub(super) async fn home(
    State(room): State<Arc<Room>>,
    Extension(session): Extension<Session>,
) -> Answer {
    let gathered = ask(&room, |desk| {
        let twins = desk.twins()?;
        let mut waiting = Vec::new();
        for twin in twins.iter().filter(|twin| !twin.waiting.is_empty()) {
            let Some(dossier) = desk.dossier(&twin.name)? else { continue };
            waiting.extend(dossier.entries.iter().filter_map(|entry| waits(&twin.name, entry)));
        }
        let mut work = desk.work()?;
        work.runs.truncate(RUNS_AT_HOME);
        let twins = twins.into_iter().map(Twin::from).collect();
        Ok(Home { waiting, twins, runs: Runs::from(work) })
    });
    let home = gathered.await.map_err(|trouble| page::trouble(&room, &trouble))?;
    Ok(render(&room, &session, ("home.html", "twins", "Twins"), &home))
}

fn waits(twin: &str, entry: &Entry) -> Option<Waiting> {
    let calibration = &entry.calibration;
    awaits_decision(entry).then(|| Waiting {
        twin: twin.to_owned(),
        number: calibration.number,
        findings: calibration.findings.len(),
        breaking: breaking(entry),
        at: calibration.created_at.into(),
    })
}

/// Whether it awaits a decision: a canary's callers are few until there is one.
fn awaits_decision(entry: &Entry) -> bool {
    matches!(entry.state, Decision::Proposed | Decision::Canary { .. })
}

fn breaking(entry: &Entry) -> usize {
    entry.calibration.findings.iter().filter(|finding| finding.breaking).count()
}

#[derive(Debug, Serialize)]
struct TwinPage {
    twin: Twin,
    calibrations: Vec<Line>,
    fidelity: Option<view::Figure>,
    reports: Vec<u64>,
    broken: Option<String>,
}

/// A line of a twin's ledger.
#[derive(Debug, Serialize)]
struct Line {
    number: u64,
    at: view::Moment,
    what: String,
    breaking: usize,
    state: &'static str,
    words: String,
    before: Option<String>,
    after: Option<String>,
}

pub(super) async fn twin(
    State(room): State<Arc<Room>>,
    Extension(session): Extension<Session>,
    Path(name): Path<String>,
) -> Answer {
    let dossier = dossier(&room, &name).await.map_err(|trouble| page::trouble(&room, &trouble))?;
    let history: Vec<Past> = dossier.entries.iter().map(past).collect();
    let page = TwinPage {
        calibrations: dossier.entries.iter().rev().map(Line::from).collect(),
        fidelity: view::fidelity(&history),
        reports: dossier.reports.iter().rev().copied().collect(),
        broken: dossier.broken,
        twin: dossier.line.into(),
    };
    Ok(render(&room, &session, ("twin.html", "twins", &name), &page))
}

async fn dossier(room: &Arc<Room>, name: &str) -> Result<Dossier, Trouble> {
    let asked = name.to_owned();
    let found = ask(room, move |desk| desk.dossier(&asked)).await?;
    found.ok_or_else(|| {
        Trouble::not_found(format!("The project has no twin `{name}`."))
            .with_way("/".to_owned(), "Twins of the project")
    })
}

fn past(entry: &Entry) -> Past {
    Past {
        number: entry.calibration.number,
        at: entry.calibration.created_at,
        state: entry.state.clone(),
        fidelity: entry.calibration.fidelity,
        rolls_back: entry.calibration.rolls_back,
    }
}

#[derive(Debug, Serialize)]
struct CalibrationPage {
    twin: String,
    line: Line,
    window: Option<view::Span>,
    base: u64,
    model: String,
    digest: String,
    held_back: Option<u64>,
    rolls_back: Option<u64>,
    concerns: Vec<view::Concern>,
    sections: Vec<view::Section>,
    /// Findings that can be chosen apart.
    choices: usize,
    edits: Vec<view::Edit>,
    /// The last published, which a form names as seen.
    published: u64,
    user: String,
    /// Another that has to be decided first.
    first: Option<u64>,
    /// It awaits a decision.
    is_open: bool,
    can_roll_back: bool,
    /// Of the run that proposed it.
    report: Option<u64>,
    before: Option<u64>,
    after: Option<u64>,
}

pub(super) async fn calibration(
    State(room): State<Arc<Room>>,
    Extension(session): Extension<Session>,
    Path((name, number)): Path<(String, String)>,
) -> Answer {
    let fail = |trouble: Trouble| page::trouble(&room, &trouble);
    let dossier = dossier(&room, &name).await.map_err(fail)?;
    let place = number.parse::<u64>().ok().and_then(|number| number.checked_sub(1));
    let place = place.and_then(|place| usize::try_from(place).ok());
    let Some(entry) = place.and_then(|place| dossier.entries.get(place)) else {
        let missing = format!("There is no calibration {number} of {name}.");
        return Err(fail(
            Trouble::not_found(missing).with_way(page::twin(&name), "Its calibrations"),
        ));
    };
    let title = format!("{name}, calibration {}", entry.calibration.number);
    let (asked, of) = (name.clone(), entry.calibration.number);
    let report = ask(&room, move |desk| desk.report_of(&asked, of)).await.map_err(fail)?;
    let mut page = calibration_page(&name, &dossier, entry, room.desk.user());
    page.report = report;
    Ok(render(&room, &session, ("calibration.html", "twins", &title), &page))
}

fn calibration_page(twin: &str, dossier: &Dossier, entry: &Entry, user: String) -> CalibrationPage {
    let calibration = &entry.calibration;
    let sections = view::sections(&calibration.findings);
    let base = calibration.base.number;
    let is_open = awaits_decision(entry);
    let count = dossier.entries.len() as u64;
    CalibrationPage {
        twin: twin.to_owned(),
        window: view::Span::of(calibration.window.from, calibration.window.to),
        base,
        model: calibration.result.sha256.as_str().get(..12).unwrap_or_default().to_owned(),
        digest: models::Digest::of_value(&serde_json::json!(calibration)).as_str().to_owned(),
        held_back: calibration.fidelity.map(|fidelity| fidelity.held_back),
        rolls_back: calibration.rolls_back,
        concerns: view::concerns(&calibration.findings),
        choices: sections.iter().map(|section| section.items.len()).sum(),
        sections,
        edits: view::edits(calibration),
        published: dossier.published,
        user,
        first: (is_open && base != dossier.published).then_some(base),
        is_open,
        can_roll_back: matches!(entry.state, Decision::Published(_)),
        report: None,
        before: calibration.number.checked_sub(1).filter(|number| *number > 0),
        after: Some(calibration.number + 1).filter(|number| *number <= count),
        line: Line::from(entry),
    }
}

/// The whole report of a run, as `wt report --format html` writes it.
pub(super) async fn report(
    State(room): State<Arc<Room>>,
    Path((name, number)): Path<(String, String)>,
) -> Answer {
    let missing = Trouble::not_found(format!("There is no report {number} of {name}."))
        .with_way(page::twin(&name), "The twin");
    let Ok(number) = number.parse() else { return Err(page::trouble(&room, &missing)) };
    let found =
        ask(&room, move |desk| Ok(desk.report(&name, number)?.map(|one| reports::html(&one))));
    let found = found.await.map_err(|trouble| page::trouble(&room, &trouble))?;
    let html = found.ok_or_else(|| page::trouble(&room, &missing))?;
    let mut response = Html(html).into_response();
    // The page states a policy of its own, with the digest of its style sheet.
    let policy = HeaderValue::from_static("frame-ancestors 'none'");
    response.headers_mut().insert("content-security-policy", policy);
    Ok(response)
}

pub(super) async fn runs(
    State(room): State<Arc<Room>>,
    Extension(session): Extension<Session>,
) -> Answer {
    let runs = ask(&room, |desk| Ok(Runs::from(desk.work()?))).await;
    let runs = runs.map_err(|trouble| page::trouble(&room, &trouble))?;
    Ok(render(&room, &session, ("runs.html", "runs", "Jobs"), &runs))
}

/// Our style sheet and script: public, and nothing else is here.
pub(super) async fn asset(State(room): State<Arc<Room>>, Path(name): Path<String>) -> Response {
    match name.as_str() {
        "style.css" => {
            let text = format!("{}{}", view::STYLE, include_str!("templates/review.css"));
            page::file("text/css; charset=utf-8", text)
        }
        "review.js" => page::file(
            "text/javascript; charset=utf-8",
            include_str!("templates/review.js").to_owned(),
        ),
        _ => page::trouble(&room, &Trouble::not_found("There is no such file.")),
    }
}

pub(super) async fn nothing_here(State(room): State<Arc<Room>>) -> Response {
    let trouble = Trouble::new(StatusCode::NOT_FOUND, "There is no such page.");
    page::trouble(&room, &trouble.with_way("/".to_owned(), "Twins of the project"))
}

impl From<TwinLine> for Twin {
    fn from(line: TwinLine) -> Self {
        let (state, class, why) = match line.condition {
            Condition::Running => ("running", "good", None),
            Condition::Stopped => ("stopped", "", None),
            Condition::Failing(why) => ("failing", "bad", Some(why)),
        };
        Self {
            name: line.name,
            version: line.version,
            state,
            class,
            why,
            url: line.url,
            age: line.age,
            aligned: line.aligned,
            calibration: line.calibration,
            fidelity: line.fidelity_bp.map(percent),
            waiting: line.waiting,
        }
    }
}

impl From<&Entry> for Line {
    fn from(entry: &Entry) -> Self {
        let calibration = &entry.calibration;
        let state = reports::state_name(&entry.state);
        let words = reports::state_words(&entry.state);
        let words = words.strip_prefix(state).unwrap_or(&words).trim_start_matches([',', ' ']);
        let findings = calibration.findings.len();
        let ending = if findings == 1 { "" } else { "s" };
        Self {
            number: calibration.number,
            at: calibration.created_at.into(),
            what: match calibration.rolls_back {
                Some(number) => format!("rolls back {number}"),
                None => format!("{findings} finding{ending}"),
            },
            breaking: breaking(entry),
            state,
            words: words.to_owned(),
            before: calibration.fidelity.map(|fidelity| percent(fidelity.before_bp)),
            after: calibration.fidelity.map(|fidelity| percent(fidelity.after_bp)),
        }
    }
}

impl From<Work> for Runs {
    fn from(work: Work) -> Self {
        let troubles = work.troubles.into_iter().map(|trouble| TroubleRow {
            subject: trouble.subject,
            since: trouble.since.into(),
            text: trouble.text,
        });
        Self {
            is_any_open: work.runs.iter().any(is_open),
            rows: work.runs.into_iter().map(RunRow::from).collect(),
            troubles: troubles.collect(),
        }
    }
}

fn is_open(run: &Run) -> bool {
    matches!(run.state, RunState::Scheduled { .. } | RunState::Running { .. })
}

impl From<Run> for RunRow {
    fn from(run: Run) -> Self {
        let class = match &run.state {
            RunState::Running { .. } => "wait",
            RunState::Succeeded(_) => "good",
            state if state.is_failure() => "bad",
            _ => "",
        };
        let at = match &run.state {
            RunState::Running { since, .. } => *since,
            state => state.ended_at().unwrap_or(run.scheduled_at),
        };
        Self {
            id: run.id.0,
            kind: run.kind,
            attempt: run.attempt,
            state: run.state.name(),
            class,
            at: at.into(),
            took: run.state.took().map(length).unwrap_or_default(),
            reason: run.state.reason().unwrap_or_default().to_owned(),
            job: run.job,
        }
    }
}

/// To a tenth of a second below a minute, beyond it in minutes and seconds.
fn length(took: TimeDelta) -> String {
    match took.num_seconds() {
        seconds @ 60.. => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{:.1} s", took.as_seconds_f64()),
    }
}

fn percent(basis_points: u32) -> String {
    format!("{}.{:02} %", basis_points / 100, basis_points % 100)
}
