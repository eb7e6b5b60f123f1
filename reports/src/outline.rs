//! What a report says and in which order, whatever it is written in.

use std::collections::{BTreeMap, HashMap};

use models::{Calibration, Digest, Drift, Finding, Kind, Note, State, Surface};

use crate::words;

/// Findings of one place, under one heading.
#[derive(Debug)]
pub(crate) struct Section<'d> {
    pub(crate) place: Place<'d>,
    pub(crate) items: Vec<Item<'d>>,
}

/// What findings are listed under, in the order of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place<'d> {
    /// A schema several routes share.
    Entity(&'d str),
    /// A route.
    Route(&'d str),
    /// A webhook's event.
    Event(&'d str),
    /// What belongs to no route, as a rate limit.
    Api,
}

/// One line of a report: a finding, or one change of an entity with all it was seen on.
#[derive(Debug)]
pub(crate) struct Item<'d> {
    /// The first of the fold.
    pub(crate) finding: &'d Finding,
    /// Where it was seen; one where nothing was folded.
    pub(crate) seen: Vec<&'d Finding>,
}

impl<'d> Item<'d> {
    pub(crate) fn breaking(&self) -> bool {
        self.seen.iter().any(|finding| finding.breaking)
    }

    /// The least of those folded: the report promises no more than each of them.
    pub(crate) fn confidence(&self) -> f64 {
        self.seen.iter().map(|finding| finding.confidence).fold(1.0, f64::min)
    }

    pub(crate) fn is_folded(&self) -> bool {
        self.seen.len() > 1
    }

    /// The path within what the section is about.
    pub(crate) fn path(&self) -> &'d str {
        match (self.is_folded(), &self.finding.entity_path) {
            (true, Some(path)) => path,
            _ => &self.finding.path,
        }
    }

    /// Status or side, where the heading does not tell.
    pub(crate) fn side(&self) -> String {
        if self.is_folded() {
            return String::new();
        }
        match (self.finding.status, self.finding.surface) {
            (Some(status), _) => status.to_string(),
            (None, Surface::Request) => "request".to_owned(),
            (None, _) => String::new(),
        }
    }
}

/// The findings by place, folded.
pub(crate) fn sections(findings: &[Finding]) -> Vec<Section<'_>> {
    let mut sections: BTreeMap<Place<'_>, Vec<Item<'_>>> = BTreeMap::new();
    for item in folded(findings) {
        sections.entry(place(&item)).or_default().push(item);
    }
    sections.into_iter().map(|(place, items)| Section { place, items }).collect()
}

pub(crate) fn place<'d>(item: &Item<'d>) -> Place<'d> {
    let finding = item.finding;
    match (&finding.entity, &finding.route, &finding.event) {
        (Some(entity), ..) if item.is_folded() => Place::Entity(entity),
        (_, Some(route), _) => Place::Route(route),
        (_, None, Some(event)) => Place::Event(event),
        (_, None, None) => Place::Api,
    }
}

/// Each finding, those of one change of an entity as one; in the order of the first of each.
pub(crate) fn folded(findings: &[Finding]) -> Vec<Item<'_>> {
    let mut items: Vec<Item<'_>> = Vec::new();
    let mut places = HashMap::new();
    for finding in findings {
        let place =
            change_of_entity(finding).map(|change| *places.entry(change).or_insert(items.len()));
        match place.and_then(|place| items.get_mut(place)) {
            Some(item) => item.seen.push(finding),
            None => items.push(Item { finding, seen: vec![finding] }),
        }
    }
    items
}

/// What is the same of findings that are one change: entity, path in it, kind, before and after.
fn change_of_entity(finding: &Finding) -> Option<(&str, &str, Kind, String)> {
    let values = format!("{} {}", finding.before, finding.after);
    let (entity, path) = (finding.entity.as_deref()?, finding.entity_path.as_deref()?);
    Some((entity, path, finding.kind, values))
}

/// Route, status and path of a finding, on one line.
pub(crate) fn spot(finding: &Finding) -> String {
    let place = finding.route.as_deref().or(finding.event.as_deref()).unwrap_or("API");
    let status = finding.status.map(|status| format!(" {status}")).unwrap_or_default();
    format!("{place}{status} {}", finding.path).trim_end().to_owned()
}

/// `emails: 4 findings, 1 breaking`. A change folded counts once.
pub(crate) fn headline(drift: &Drift) -> String {
    let items = folded(&drift.findings);
    let breaking = items.iter().filter(|item| item.breaking()).count();
    let found = match items.len() {
        0 if drift.undecided.is_empty() => "no drift found".to_owned(),
        0 => format!("no drift found, {} undecided", drift.undecided.len()),
        found => format!("{}, {breaking} breaking", words::count(found as u64, "finding")),
    };
    format!("{}: {found}", drift.twin)
}

/// `5 123 exchanges, 2026-11-19 08:00 to 10:00 UTC`.
pub(crate) fn window(drift: &Drift) -> String {
    let exchanges = words::count(drift.exchanges, "exchange");
    match (drift.window.from, drift.window.to) {
        (Some(from), Some(to)) => {
            format!("{exchanges}, {} to {}", words::time(from), words::time(to))
        }
        _ => exchanges,
    }
}

/// Attributes of a finding beyond what changed, each a phrase.
pub(crate) fn attributes(finding: &Finding) -> Vec<String> {
    let mut phrases = Vec::new();
    if let Some(rollout) = &finding.rollout {
        let since = rollout.since.map(|since| format!(" since {}", words::time(since)));
        let share = words::percent(rollout.share, 1);
        phrases.push(format!("rolling out: {share} of traffic{}", since.unwrap_or_default()));
    }
    if let Some(version) = &finding.api_version {
        let before = version.before.as_deref().unwrap_or("unversioned");
        phrases.push(format!("API version {before} → {}", version.after));
    }
    if let Some(to) = &finding.moved_to {
        phrases.push(format!("moved to {to}"));
    }
    if let Some(group) = &finding.group {
        phrases.push(format!("part of {group}"));
    }
    phrases
}

/// What the window did not show, each a sentence; silence about it is no proof.
pub(crate) fn unseen(drift: &Drift) -> Vec<String> {
    let coverage = &drift.coverage;
    let mut sentences = Vec::new();
    for (all, seen, things, verb) in [
        (coverage.routes, coverage.routes_seen, "routes", "called"),
        (coverage.fields, coverage.fields_seen, "fields of the bodies seen", "sent"),
        (coverage.events, coverage.events_seen, "webhook events", "delivered"),
    ] {
        if seen < all {
            let missing = words::grouped(all - seen);
            sentences
                .push(format!("{missing} of {} {things} were not {verb}", words::grouped(all)));
        }
    }
    if coverage.dropped > 0 {
        let dropped = words::count(coverage.dropped, "exchange");
        sentences.push(format!("{dropped} lost because the capture could not keep up"));
    }
    sentences
}

/// What was not looked at, by reason: `12 other host, 3 preflight`; empty where all was.
pub(crate) fn skipped(drift: &Drift) -> String {
    let reasons: Vec<_> = drift
        .skipped
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(reason, count)| format!("{} {reason}", words::grouped(*count)))
        .collect();
    reasons.join(", ")
}

/// Which part of a run's changes a calibration holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// What breaks nobody, which policy may publish.
    Additive,
    /// The rest, which waits for a maintainer.
    Rest,
}

impl Part {
    /// By its findings: the additive part holds none that breaks a client or takes something away.
    pub(crate) fn of(calibration: &Calibration) -> Self {
        let takes_away =
            |kind| matches!(kind, Kind::RouteRemoved | Kind::FieldRemoved | Kind::EnumValueRemoved);
        let is_rest =
            calibration.findings.iter().any(|finding| finding.breaking || takes_away(finding.kind));
        if is_rest { Self::Rest } else { Self::Additive }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Additive => "additive",
            Self::Rest => "rest",
        }
    }
}

/// The run's calibrations with the part each holds. Of two, the first is the additive one.
pub(crate) fn calibrations(drift: &Drift) -> Vec<(&Calibration, Part)> {
    match drift.calibrations.as_slice() {
        [first, second] => vec![(first, Part::Additive), (second, Part::Rest)],
        all => all.iter().map(|one| (one, Part::of(one))).collect(),
    }
}

/// Enough of a digest to tell it from others.
pub(crate) fn short(digest: &Digest) -> &str {
    digest.as_str().get(..12).unwrap_or(digest.as_str())
}

/// What to do now: a command and why.
pub(crate) fn next_steps(drift: &Drift) -> Vec<(String, &'static str)> {
    let twin = &drift.twin;
    let mut steps = Vec::new();
    for (calibration, part) in calibrations(drift) {
        let why = match part {
            Part::Additive => "unless policy has published it already",
            Part::Rest => "it waits for your decision",
        };
        steps.push((format!("wt calibrations approve {twin} {}", calibration.number), why));
    }
    if !steps.is_empty() {
        steps.push((format!("wt calibrations list {twin}"), "what is published, what waits"));
    } else if !drift.findings.is_empty() && !drift.guard.passed {
        steps.push((
            format!("wt observe import {twin} FILE"),
            "the guard refused the change; more traffic may settle it",
        ));
    } else if !drift.undecided.is_empty() {
        steps.push((format!("wt calibrate {twin}"), "again, after more traffic"));
    }
    steps
}

/// `published`, as documents have it.
pub fn state_name(state: &State) -> &'static str {
    match state {
        State::Proposed => "proposed",
        State::Canary { .. } => "canary",
        State::Published(_) => "published",
        State::Rejected(_) => "rejected",
        State::Superseded { .. } => "superseded",
    }
}

/// `published by alice 2026-11-19 10:05 UTC: looks right`.
pub fn state_words(state: &State) -> String {
    let decided = |note: &Note| {
        let comment = note.comment.as_ref().map(|comment| format!(": {comment}"));
        let (name, at) = (state_name(state), words::time(note.at));
        format!("{name} by {} {at}{}", note.by, comment.unwrap_or_default())
    };
    match state {
        State::Published(note) | State::Rejected(note) => decided(note),
        State::Canary { share_bp, note } => {
            format!("{} for {} % of callers", decided(note), f64::from(*share_bp) / 100.0)
        }
        State::Proposed => "proposed, awaits a decision".to_owned(),
        State::Superseded { by: Some(by) } => format!("superseded by {by}"),
        State::Superseded { by: None } => "superseded, what it builds on was rejected".to_owned(),
    }
}
