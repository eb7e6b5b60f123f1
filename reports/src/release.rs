//! What is new in a release, written from the calibrations since the one before.

use std::fmt::Write as _;

use models::{Calibration, Finding, Kind, in_force};

use crate::markdown::{code, plain};
use crate::outline::{self, Item, Place};
use crate::words;

/// A release, and what went before it.
#[derive(Debug, Clone, Copy)]
pub struct ReleaseNotes<'d> {
    /// The twin.
    pub twin: &'d str,
    /// What is released.
    pub version: &'d str,
    /// The release before it; none for a first one.
    pub previous: Option<&'d str>,
    /// The last calibration in that; 0 where there is none.
    pub previous_calibration: u64,
    /// All that were published, in order of publication.
    pub calibrations: &'d [Calibration],
}

/// The sections, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Added,
    Changed,
    Removed,
}

impl Part {
    const ALL: [Self; 3] = [Self::Added, Self::Changed, Self::Removed];

    fn of(kind: Kind) -> Self {
        match kind {
            Kind::RouteAdded
            | Kind::StatusAdded
            | Kind::FieldAdded
            | Kind::EnumValueAdded
            | Kind::WebhookEventAdded => Self::Added,
            Kind::RouteRemoved | Kind::FieldRemoved | Kind::EnumValueRemoved => Self::Removed,
            Kind::TypeChanged
            | Kind::NullabilityChanged
            | Kind::RequirednessChanged
            | Kind::FormatChanged
            | Kind::RateLimitChanged => Self::Changed,
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::Added => "Added",
            Self::Changed => "Changed",
            Self::Removed => "Removed",
        }
    }
}

/// The notes as Markdown, ending with a newline: what was added, changed and removed, what of it
/// may break a client, and what an earlier release had that was rolled back.
///
/// A calibration that was rolled back within the release is not in it and is not told.
pub fn release_notes(notes: &ReleaseNotes<'_>) -> String {
    let released = notes
        .calibrations
        .iter()
        .position(|one| one.number == notes.previous_calibration)
        .map_or(0, |index| index + 1);
    let before = in_force(&notes.calibrations[..released]);
    let now = in_force(notes.calibrations);
    let is_in = |list: &[&Calibration], one: &Calibration| {
        list.iter().any(|other| other.number == one.number)
    };
    let new: Vec<&Calibration> = now.iter().copied().filter(|one| !is_in(&before, one)).collect();
    let undone: Vec<&Calibration> =
        before.iter().copied().filter(|one| !is_in(&now, one)).collect();

    let mut page = format!("# {} {}\n\n", plain(notes.twin), plain(notes.version));
    let _ = writeln!(page, "{}", opening(notes, &new));
    let findings = findings_of(&new);
    let items = outline::folded(&findings);
    for part in Part::ALL {
        let own = items.iter().filter(|item| Part::of(item.finding.kind) == part);
        put_section(&mut page, part.heading(), own);
    }
    let taken_back = findings_of(&undone);
    put_section(&mut page, "Rolled back", outline::folded(&taken_back).iter());
    page
}

fn findings_of(calibrations: &[&Calibration]) -> Vec<Finding> {
    calibrations.iter().flat_map(|one| one.findings.iter().cloned()).collect()
}

fn opening(notes: &ReleaseNotes<'_>, new: &[&Calibration]) -> String {
    let since = notes.previous.map(|version| format!(" since {}", plain(version)));
    let since = since.unwrap_or_default();
    if new.is_empty() {
        return format!("No calibration{since}: the twin answers as before.");
    }
    let numbers: Vec<_> = new.iter().map(|one| one.number.to_string()).collect();
    let calibrations = words::count(new.len() as u64, "calibration");
    let mut text = format!("{calibrations}{since} (number {})", numbers.join(", "));
    let from = new.iter().filter_map(|one| one.window.from).min();
    let to = new.iter().filter_map(|one| one.window.to).max();
    if let (Some(from), Some(to)) = (from, to) {
        let (from, to) = (words::time(from), words::time(to));
        let _ = write!(text, ", from what production showed between {from} and {to}");
    }
    text + "."
}

fn put_section<'i, 'd: 'i>(
    page: &mut String,
    heading: &str,
    items: impl Iterator<Item = &'i Item<'d>>,
) {
    let lines: Vec<String> = items.map(line).collect();
    if !lines.is_empty() {
        let _ = write!(page, "\n## {heading}\n\n{}\n", lines.join("\n"));
    }
}

fn line(item: &Item<'_>) -> String {
    let place = match outline::place(item) {
        Place::Entity(name) => format!("entity {}", code(name)),
        Place::Route(route) => code(route),
        Place::Event(event) => format!("webhook {}", code(event)),
        Place::Api => "the API".to_owned(),
    };
    let path = if item.path().is_empty() { String::new() } else { code(item.path()) };
    let at: Vec<_> =
        [place, item.side(), path].into_iter().filter(|part| !part.is_empty()).collect();
    let change = plain(&words::change(item.finding));
    let mark = if item.breaking() { "**breaking** " } else { "" };
    format!("- {mark}{}: {change}", at.join(" "))
}

#[cfg(test)]
mod tests {
    use models::Drift;

    use super::*;

    /// Calibrations 1, 2, … with the findings of the fixture that a filter takes.
    fn calibration(
        number: u64,
        rolls_back: Option<u64>,
        takes: fn(&Finding) -> bool,
    ) -> Calibration {
        let drift: Drift =
            serde_json::from_str(include_str!("../fixtures/emails/drift.json")).unwrap();
        let findings = drift.findings.into_iter().filter(takes).collect();
        let one = drift.calibrations.into_iter().next().unwrap();
        Calibration { number, rolls_back, findings, ..one }
    }

    fn notes(previous: Option<(&str, u64)>, calibrations: &[Calibration]) -> String {
        release_notes(&ReleaseNotes {
            twin: "emails",
            version: "1.3.0",
            previous: previous.map(|(version, _)| version),
            previous_calibration: previous.map_or(0, |(_, number)| number),
            calibrations,
        })
    }

    fn is_added(finding: &Finding) -> bool {
        Part::of(finding.kind) == Part::Added
    }

    fn is_removed(finding: &Finding) -> bool {
        Part::of(finding.kind) == Part::Removed
    }

    #[test]
    fn a_release_says_what_was_added_changed_and_removed() {
        let all = calibration(1, None, |_| true);
        insta::assert_snapshot!("release", notes(None, &[all]));
    }

    #[test]
    fn what_the_release_before_had_is_not_told_again() {
        let both = [calibration(1, None, is_added), calibration(2, None, is_removed)];
        let text = notes(Some(("1.2.0", 1)), &both);
        assert!(text.contains("1 calibration since 1.2.0 (number 2)"), "{text}");
        assert!(text.contains("## Removed") && !text.contains("## Added"), "{text}");
        let text = notes(Some(("1.2.0", 2)), &both);
        assert!(text.contains("No calibration since 1.2.0"), "{text}");
        assert!(!text.contains("##"), "{text}");
    }

    #[test]
    fn a_rollback_is_told_only_of_what_was_released() {
        let none = |_: &Finding| false;
        let undone = [calibration(1, None, is_added), calibration(2, Some(1), none)];
        assert!(!notes(None, &undone).contains("##"));
        let text = notes(Some(("1.2.0", 1)), &undone);
        assert!(text.contains("## Rolled back") && !text.contains("## Added"), "{text}");
    }

    #[test]
    fn what_was_rolled_back_and_brought_back_is_in_the_release() {
        let none = |_: &Finding| false;
        let all = [
            calibration(1, None, is_added),
            calibration(2, Some(1), none),
            calibration(3, Some(2), none),
        ];
        let text = notes(None, &all);
        assert!(text.contains("## Added") && !text.contains("## Rolled back"), "{text}");
    }
}
