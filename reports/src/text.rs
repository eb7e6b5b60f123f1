//! The report for a terminal.

use std::fmt::Write as _;

use models::{Drift, Finding, Patch};

use crate::audience;
use crate::edit;
use crate::outline::{self, Item, Place, Section};
use crate::words;

/// Places a folded change is listed with; Markdown and JSON hold all.
const PLACES_MAX: usize = 6;
/// Changes of a calibration that are listed; Markdown and HTML hold all.
const EDITS_MAX: usize = 12;
/// Below this there is no use in breaking lines.
const WIDTH_MIN: usize = 40;

/// How a terminal wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextOptions {
    /// With ANSI colours.
    pub colour: bool,
    /// Columns lines are broken at, between words; a word longer than a line stays whole.
    pub width: usize,
}

impl Default for TextOptions {
    /// A file's: no colour, 100 columns.
    fn default() -> Self {
        Self { colour: false, width: 100 }
    }
}

/// The report as text, ending with a newline.
///
/// Headline and window; findings by entity, route, event; what is undecided; notes; what was not
/// seen; the guard; calibrations; what to do next. A part with nothing in it is left out, and what
/// was not seen is said even where nothing was found.
pub fn text(drift: &Drift, options: &TextOptions) -> String {
    let mut page = Page::new(options);
    page.put(0, Style::Strong, &outline::headline(drift));
    page.put(0, Style::Faint, &outline::window(drift));
    let breaking_for = audience::breaking_for(&drift.findings);
    if !breaking_for.is_empty() {
        page.put(0, Style::Bad, &format!("breaking: {breaking_for}"));
    }
    for section in outline::sections(&drift.findings) {
        page.section(&section);
    }
    if !drift.undecided.is_empty() {
        page.heading("Undecided: the evidence does not settle it yet");
        for section in outline::sections(&drift.undecided) {
            page.section(&section);
        }
    }
    page.list("Notes", &drift.notes);
    let mut unseen = outline::unseen(drift);
    let skipped = outline::skipped(drift);
    if !skipped.is_empty() {
        unseen.push(format!("not looked at: {skipped}"));
    }
    page.list("Not seen, so nothing is said about it", &unseen);
    page.guard(drift);
    page.calibrations(drift);
    page.next_steps(drift);
    page.text
}

/// Findings alone, as [`text`] lists them; empty where there are none.
pub fn findings(findings: &[Finding], options: &TextOptions) -> String {
    let mut page = Page::new(options);
    for section in outline::sections(findings) {
        page.section(&section);
    }
    page.text.trim_start_matches('\n').to_owned()
}

struct Page {
    text: String,
    width: usize,
    colour: bool,
}

#[derive(Debug, Clone, Copy)]
enum Style {
    Plain,
    Strong,
    Faint,
    Good,
    Bad,
}

impl Style {
    /// SGR parameters.
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "0",
            Self::Strong => "1",
            Self::Faint => "2",
            Self::Good => "32",
            Self::Bad => "31",
        }
    }
}

impl Page {
    fn new(options: &TextOptions) -> Self {
        let width = options.width.max(WIDTH_MIN);
        Self { text: String::new(), width, colour: options.colour }
    }

    fn heading(&mut self, heading: &str) {
        self.text.push('\n');
        self.put(0, Style::Strong, heading);
    }

    fn section(&mut self, section: &Section<'_>) {
        let title = match section.place {
            Place::Entity(name) => format!("Entity {name}"),
            Place::Route(route) => route.to_owned(),
            Place::Event(event) => format!("Webhook {event}"),
            Place::Api => "The API as a whole".to_owned(),
        };
        self.heading(&title);
        for item in &section.items {
            self.item(item);
        }
    }

    fn item(&mut self, item: &Item<'_>) {
        let (mark, style) = if item.breaking() { ("!", Style::Bad) } else { ("+", Style::Good) };
        let place: Vec<_> = [item.side().as_str(), item.path()]
            .into_iter()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .collect();
        let breaking = if item.breaking() { " · breaking" } else { "" };
        let head = format!("{mark} {} {}", item.finding.kind, place.join(" "));
        self.put(2, style, &format!("{}{breaking}", head.trim_end()));
        self.put(6, Style::Plain, &words::change(item.finding));
        for attribute in outline::attributes(item.finding) {
            self.put(6, Style::Plain, &attribute);
        }
        let confidence = words::percent(item.confidence(), 2);
        if item.is_folded() {
            let places = words::count(item.seen.len() as u64, "place");
            self.put(6, Style::Faint, &format!("confidence {confidence}, seen at {places}:"));
            self.places(item);
        } else {
            let evidence = words::evidence(item.finding);
            self.put(6, Style::Faint, &format!("{evidence} · confidence {confidence}"));
        }
    }

    fn places(&mut self, item: &Item<'_>) {
        for finding in item.seen.iter().take(PLACES_MAX) {
            self.put(
                8,
                Style::Faint,
                &format!("{}: {}", outline::spot(finding), words::evidence(finding)),
            );
        }
        if let Some(more @ 1..) = item.seen.len().checked_sub(PLACES_MAX) {
            self.put(8, Style::Faint, &format!("and {more} more (--format json lists all)"));
        }
    }

    fn list(&mut self, heading: &str, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        self.heading(heading);
        for line in lines {
            self.put(2, Style::Plain, line);
        }
    }

    fn guard(&mut self, drift: &Drift) {
        if drift.guard.routes.is_empty() && drift.calibrations.is_empty() {
            return;
        }
        let (word, style) = if drift.guard.passed {
            ("passed", Style::Good)
        } else {
            ("failed: nothing is published", Style::Bad)
        };
        self.heading("Guard: the corrected model on held-back exchanges");
        self.put(2, style, word);
        for (route, counts) in &drift.guard.routes {
            let (before, after) = (words::grouped(counts.before), words::grouped(counts.after));
            let held_back = words::grouped(counts.held_back);
            self.put(
                2,
                Style::Plain,
                &format!("{route}: {before} → {after} of {held_back} accepted"),
            );
        }
    }

    fn calibrations(&mut self, drift: &Drift) {
        if drift.calibrations.is_empty() {
            return;
        }
        self.heading("Calibrations");
        for (calibration, part) in outline::calibrations(drift) {
            let changes = words::count(calibration.patch.changes().count() as u64, "change");
            let line = format!(
                "{} · {} · {changes} · makes model {}",
                calibration.number,
                part.name(),
                outline::short(&calibration.result.sha256),
            );
            self.put(2, Style::Plain, &line);
            self.edits(&calibration.patch);
        }
    }

    fn edits(&mut self, patch: &Patch) {
        let edits = edit::edits(patch);
        for edit in edits.iter().take(EDITS_MAX) {
            let [before, after] =
                [&edit.before, &edit.after].map(|side| side.as_deref().unwrap_or("nothing"));
            self.put(6, Style::Plain, &format!("{}: {before} → {after}", edit.place()));
        }
        if let Some(more @ 1..) = edits.len().checked_sub(EDITS_MAX) {
            self.put(6, Style::Faint, &format!("and {more} more (--format md lists all)"));
        }
    }

    fn next_steps(&mut self, drift: &Drift) {
        let steps = outline::next_steps(drift);
        if steps.is_empty() {
            return;
        }
        self.heading("Next");
        let widest = steps.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
        for (command, why) in steps {
            self.put(2, Style::Plain, &format!("{command:widest$}  # {why}"));
        }
    }

    /// One paragraph, its lines broken between words and indented, the later ones by two more.
    fn put(&mut self, indent: usize, style: Style, text: &str) {
        let painted = self.colour && !matches!(style, Style::Plain);
        let mut left = 0;
        for (index, line) in broken(text, self.width.saturating_sub(indent)).into_iter().enumerate()
        {
            if index == 1 {
                left = 2;
            }
            self.text.extend(std::iter::repeat_n(' ', indent + left));
            if painted {
                let _ = write!(self.text, "\x1b[{}m{line}\x1b[0m", style.code());
            } else {
                self.text += line;
            }
            self.text.push('\n');
        }
    }
}

/// The text in lines of at most `width` characters, the later ones two shorter; blanks within a
/// line stay as they are.
fn broken(text: &str, width: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    let mut width = width.max(1);
    loop {
        let Some(end) = rest.char_indices().nth(width).map(|(end, _)| end) else {
            lines.push(rest);
            return lines;
        };
        // The blank the line ends before: the last that fits, else the first there is.
        let fits = rest[..end].rfind(' ').filter(|at| !rest[..*at].trim().is_empty());
        let blank = if rest[end..].starts_with(' ') { Some(end) } else { fits };
        let Some(at) = blank.or_else(|| rest[end..].find(' ').map(|at| end + at)) else {
            lines.push(rest);
            return lines;
        };
        lines.push(rest[..at].trim_end());
        rest = rest[at..].trim_start();
        if lines.len() == 1 {
            width = width.saturating_sub(2).max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_a_long_word_stays_whole() {
        assert_eq!(broken("aa bb cc dd", 5), ["aa bb", "cc", "dd"]);
        assert_eq!(broken("a-long-word and more", 6), ["a-long-word", "and", "more"]);
        assert_eq!(broken("", 5), [""]);
        assert_eq!(broken("é → è ö", 5), ["é → è", "ö"]);
    }
}
