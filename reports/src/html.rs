//! The report as one HTML file.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use minijinja::Environment;
use minijinja::value::Serde;
use models::{Guard, State};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::report::{Past, Report};
use crate::view::{self, Moment, Span};
use crate::{outline, words};

/// The report as a file of its own: no request is made for it, no script runs in it.
///
/// Every value is escaped, and the page's content security policy allows its one style sheet and
/// nothing else. It is laid out for screens from 360 pixels on, for print, and by day and by night
/// as the reader's system has it.
///
/// # Panics
///
/// Never: the templates are part of the program and tested.
pub fn html(report: &Report) -> String {
    let mut environment = Environment::new();
    for (name, source) in
        [("parts.html", view::PARTS), ("report.html", include_str!("templates/report.html"))]
    {
        environment.add_template(name, source).expect("our templates are sound");
    }
    let template = environment.get_template("report.html").expect("added just now");
    template.render(Serde(Page::of(report))).expect("our templates ask for what a page has")
}

/// What the template asks for.
#[derive(Debug, Serialize)]
struct Page<'r> {
    style: &'static str,
    style_hash: String,
    version: &'static str,
    twin: &'r str,
    number: u64,
    headline: String,
    window: Option<Span>,
    exchanges: String,
    concerns: Vec<view::Concern>,
    sections: Vec<view::Section>,
    undecided: Vec<view::Section>,
    undecided_count: usize,
    calibrations: Vec<Made<'r>>,
    history: Vec<Step>,
    fidelity: Option<view::Figure>,
    traffic: Option<view::Figure>,
    coverage: Vec<view::Seen>,
    /// Exchanges that the capture lost; none where none.
    lost: Option<String>,
    skipped: String,
    guard: Option<Guarded<'r>>,
    notes: &'r [String],
    steps: Vec<(String, &'static str)>,
}

impl<'r> Page<'r> {
    fn of(report: &'r Report) -> Self {
        let drift = &report.drift;
        let has_guard = !(drift.guard.routes.is_empty() && drift.calibrations.is_empty());
        let dropped = drift.coverage.dropped;
        Self {
            style: view::STYLE,
            style_hash: BASE64_STANDARD.encode(Sha256::digest(view::STYLE)),
            version: env!("CARGO_PKG_VERSION"),
            twin: &drift.twin,
            number: report.number,
            headline: outline::headline(drift),
            window: Span::of(drift.window.from, drift.window.to),
            exchanges: words::count(drift.exchanges, "exchange"),
            concerns: view::concerns(&drift.findings),
            sections: view::sections(&drift.findings),
            undecided: view::sections(&drift.undecided),
            undecided_count: outline::folded(&drift.undecided).len(),
            calibrations: calibrations(report),
            history: report.history.iter().map(Step::from).collect(),
            fidelity: view::fidelity(&report.history),
            traffic: view::traffic(&report.traffic),
            coverage: view::coverage(drift),
            lost: (dropped > 0).then(|| words::count(dropped, "exchange")),
            skipped: outline::skipped(drift),
            guard: has_guard.then(|| Guarded::from(&drift.guard)),
            notes: &drift.notes,
            steps: steps(report),
        }
    }
}

/// What is left to do: a calibration that was decided since the run asks for nothing.
fn steps(report: &Report) -> Vec<(String, &'static str)> {
    let is_decided = |past: &Past| matches!(past.state, State::Published(_) | State::Rejected(_));
    let mut drift = report.drift.clone();
    let decided = report.history.iter().filter(|past| is_decided(past));
    let decided: Vec<u64> = decided.map(|past| past.number).collect();
    let had_any = !drift.calibrations.is_empty();
    drift.calibrations.retain(|one| !decided.contains(&one.number));
    if had_any && drift.calibrations.is_empty() {
        return Vec::new();
    }
    outline::next_steps(&drift)
}

/// One of the run's calibrations with what it changes.
#[derive(Debug, Serialize)]
struct Made<'r> {
    number: u64,
    part: &'static str,
    model: &'r str,
    edits: Vec<view::Edit>,
}

fn calibrations(report: &Report) -> Vec<Made<'_>> {
    let made = outline::calibrations(&report.drift).into_iter();
    let made = made.map(|(calibration, part)| Made {
        number: calibration.number,
        part: part.name(),
        model: outline::short(&calibration.result.sha256),
        edits: view::edits(calibration),
    });
    made.collect()
}

/// The outcome on held-back exchanges.
#[derive(Debug, Serialize)]
struct Guarded<'r> {
    passed: bool,
    routes: Vec<GuardedRoute<'r>>,
}

#[derive(Debug, Serialize)]
struct GuardedRoute<'r> {
    route: &'r str,
    held_back: String,
    before: String,
    after: String,
}

impl<'r> From<&'r Guard> for Guarded<'r> {
    fn from(guard: &'r Guard) -> Self {
        let routes = guard.routes.iter().map(|(route, counts)| {
            let [held_back, before, after] =
                [counts.held_back, counts.before, counts.after].map(words::grouped);
            GuardedRoute { route, held_back, before, after }
        });
        Self { passed: guard.passed, routes: routes.collect() }
    }
}

/// A calibration of the ledger.
#[derive(Debug, Serialize)]
struct Step {
    number: u64,
    at: Moment,
    state: &'static str,
    words: String,
    before: Option<String>,
    after: Option<String>,
    held_back: Option<String>,
}

impl From<&Past> for Step {
    fn from(past: &Past) -> Self {
        let state = outline::state_name(&past.state);
        let words = outline::state_words(&past.state);
        let words = words.strip_prefix(state).unwrap_or(&words);
        let share = |basis_points: u32| words::percent(f64::from(basis_points) / 10_000.0, 2);
        Self {
            number: past.number,
            at: past.at.into(),
            state,
            words: words.trim_start_matches([',', ' ']).to_owned(),
            before: past.fidelity.map(|fidelity| share(fidelity.before_bp)),
            after: past.fidelity.map(|fidelity| share(fidelity.after_bp)),
            held_back: past.fidelity.map(|fidelity| words::grouped(fidelity.held_back)),
        }
    }
}
