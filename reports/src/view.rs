//! Reports in parts, for pages: every value text or a number, ready for a template.
//!
//! [`PARTS`] and [`STYLE`] draw them, in the HTML report and on the pages of `wt review` alike. All
//! text is plain and comes from the vendor: the template has to escape it. Only what is called `svg`
//! is markup, made here.

use chrono::{DateTime, SecondsFormat, Utc};
use models::{Calibration, Drift, Finding};
use serde::Serialize;

use crate::audience::{self, Audience};
use crate::outline::{self, Item, Place};
use crate::report::{Bucket, Past};
use crate::{edit, plot, words};

/// Macros in the template language of minijinja, to be loaded as `parts.html`.
pub const PARTS: &str = include_str!("templates/parts.html");
/// The style sheet, whole.
pub const STYLE: &str = include_str!("templates/style.css");

/// Findings under one heading.
#[derive(Debug, Clone, Serialize)]
pub struct Section {
    /// `Entity email`, `GET /emails`, `Webhook email.sent`.
    pub title: String,
    /// In the order of a report.
    pub items: Vec<Row>,
}

/// One finding, or one change of an entity with all it was seen on.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// `field added`.
    pub kind: String,
    /// Status or `request`; empty where the heading tells.
    pub side: String,
    /// Dotted; empty at the root.
    pub path: String,
    /// Whether a client may break.
    pub breaking: bool,
    /// Who meets it first: `clients that read`.
    pub concerns: &'static str,
    /// In words: `string → integer`.
    pub change: String,
    /// Phrases beyond what changed.
    pub attributes: Vec<String>,
    /// `99.98 %`, of the weakest place.
    pub confidence: String,
    /// Where it was seen; one row where it is no change of an entity.
    pub places: Vec<Spot>,
    /// Of all places; a decision about the change names them all.
    pub fingerprints: Vec<String>,
    /// What a rate limit lets through, before and after.
    pub plot: Option<Figure>,
}

/// A place a change was seen at, with its evidence.
#[derive(Debug, Clone, Serialize)]
pub struct Spot {
    /// Route, status and path on one line.
    pub name: String,
    /// Exchanges that show it, digits grouped.
    pub seen: String,
    /// Exchanges that could have.
    pub of: String,
    /// `310 witnesses, 12 callers`; empty where not counted.
    pub witnesses: String,
    /// When it was first and last seen.
    pub span: Option<Span>,
}

/// A stretch of time.
#[derive(Debug, Clone, Serialize)]
pub struct Span {
    /// `2026-11-19 08:00 to 10:00 UTC`.
    pub text: String,
    /// Its beginning.
    pub from: Moment,
}

/// A time for people and for programs.
#[derive(Debug, Clone, Serialize)]
pub struct Moment {
    /// `2026-11-19 08:00 UTC`.
    pub text: String,
    /// RFC 3339.
    pub iso: String,
}

/// A plot: markup of our own, and what it shows in words.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// An `<svg>` element, safe as it is.
    pub svg: String,
    /// For those who do not see it.
    pub caption: String,
}

/// One change of the model's document.
#[derive(Debug, Clone, Serialize)]
pub struct Edit {
    /// `GET /emails, answer 200`, `entity email`.
    pub subject: String,
    /// Dotted; empty at the root.
    pub path: String,
    /// Which property of the field; empty where the whole field comes or goes.
    pub aspect: String,
    /// In words; none where it is new.
    pub before: Option<String>,
    /// In words; none where it is gone.
    pub after: Option<String>,
}

/// Who is concerned by how much.
#[derive(Debug, Clone, Serialize)]
pub struct Concern {
    /// `clients that read`.
    pub who: &'static str,
    /// Changes that may break them.
    pub breaking: usize,
    /// All changes.
    pub all: usize,
}

/// How much of one thing was seen.
#[derive(Debug, Clone, Serialize)]
pub struct Seen {
    /// `Routes called`.
    pub what: &'static str,
    /// Those seen.
    pub seen: u64,
    /// All the model has.
    pub of: u64,
    /// Digits grouped.
    pub text: String,
}

/// The findings by place.
pub fn sections(findings: &[Finding]) -> Vec<Section> {
    let titled = |section: outline::Section<'_>| Section {
        title: match section.place {
            Place::Entity(name) => format!("Entity {name}"),
            Place::Route(route) => route.to_owned(),
            Place::Event(event) => format!("Webhook {event}"),
            Place::Api => "The API as a whole".to_owned(),
        },
        items: section.items.iter().map(row).collect(),
    };
    outline::sections(findings).into_iter().map(titled).collect()
}

fn row(item: &Item<'_>) -> Row {
    let finding = item.finding;
    Row {
        kind: finding.kind.name().replace('_', " "),
        side: item.side(),
        path: item.path().to_owned(),
        breaking: item.breaking(),
        concerns: Audience::of(finding).name(),
        change: words::change(finding),
        attributes: outline::attributes(finding),
        confidence: words::percent(item.confidence(), 2),
        places: item.seen.iter().map(|finding| spot(finding)).collect(),
        fingerprints: item.seen.iter().map(|finding| finding.fingerprint.clone()).collect(),
        plot: plot::limit(finding).map(Figure::from),
    }
}

fn spot(finding: &Finding) -> Spot {
    let evidence = &finding.evidence;
    Spot {
        name: outline::spot(finding),
        seen: words::grouped(evidence.seen),
        of: words::grouped(evidence.of),
        witnesses: words::witnesses(evidence),
        span: Span::of(evidence.first_seen, evidence.last_seen),
    }
}

/// What a calibration changes in the model, in the order of its patch.
pub fn edits(calibration: &Calibration) -> Vec<Edit> {
    let edits = edit::edits(&calibration.patch).into_iter();
    let seen = |edit::Edit { subject, path, aspect, before, after }| Edit {
        subject,
        path,
        aspect,
        before,
        after,
    };
    edits.map(seen).collect()
}

/// Three rows: clients that read, clients that send, webhook receivers.
pub fn concerns(findings: &[Finding]) -> Vec<Concern> {
    let row = |severity: audience::Severity| Concern {
        who: severity.audience.name(),
        breaking: severity.breaking,
        all: severity.all,
    };
    audience::severity(findings).into_iter().map(row).collect()
}

/// What was seen of the model; kinds of things it has none of are left out.
pub fn coverage(drift: &Drift) -> Vec<Seen> {
    let coverage = &drift.coverage;
    [
        ("Routes called", coverage.routes_seen, coverage.routes),
        ("Fields sent, of the bodies seen", coverage.fields_seen, coverage.fields),
        ("Webhook events delivered", coverage.events_seen, coverage.events),
    ]
    .into_iter()
    .filter(|(_, _, of)| *of > 0)
    .map(|(what, seen, of)| {
        let text = format!("{} of {}", words::grouped(seen), words::grouped(of));
        Seen { what, seen, of, text }
    })
    .collect()
}

/// How true the twin was over time; none where nothing was measured.
pub fn fidelity(history: &[Past]) -> Option<Figure> {
    plot::fidelity(history).map(Figure::from)
}

/// The traffic of a window; none without any.
pub fn traffic(buckets: &[Bucket]) -> Option<Figure> {
    plot::traffic(buckets).map(Figure::from)
}

impl Span {
    /// None where the beginning is not known; a day named once.
    pub fn of(from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> Option<Self> {
        let from = from?;
        let text = match to {
            Some(to) if to.date_naive() == from.date_naive() => {
                format!("{} to {}", from.format("%Y-%m-%d %H:%M"), to.format("%H:%M UTC"))
            }
            Some(to) => format!("{} to {}", from.format("%Y-%m-%d %H:%M"), words::time(to)),
            None => format!("since {}", words::time(from)),
        };
        Some(Self { text, from: from.into() })
    }
}

impl From<plot::Plot> for Figure {
    fn from(plot: plot::Plot) -> Self {
        Self { svg: plot.svg, caption: plot.caption }
    }
}

impl From<DateTime<Utc>> for Moment {
    fn from(time: DateTime<Utc>) -> Self {
        Self { text: words::time(time), iso: time.to_rfc3339_opts(SecondsFormat::Secs, true) }
    }
}
