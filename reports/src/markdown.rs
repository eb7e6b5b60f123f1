//! The report as Markdown, with the tables of GitHub's dialect.

use std::fmt::Write as _;

use models::{Drift, Finding};

use crate::audience;
use crate::edit::{self, Edit};
use crate::outline::{self, Item, Place, Section};
use crate::words;

/// The report as Markdown, ending with a newline.
///
/// The same parts in the same order as [`text`](crate::text). Values of the drift are escaped: none
/// of them can end a table's cell, open a link or start HTML.
pub fn markdown(drift: &Drift) -> String {
    let mut page = String::new();
    let _ = write!(page, "# {}\n\n{}\n", plain(&outline::headline(drift)), outline::window(drift));
    let breaking_for = audience::breaking_for(&drift.findings);
    if !breaking_for.is_empty() {
        let _ = write!(page, "\nBreaking: {breaking_for}.\n");
    }
    for section in outline::sections(&drift.findings) {
        put_section(&mut page, &section, "##");
    }
    if !drift.undecided.is_empty() {
        page += "\n## Undecided\n\nThe evidence does not settle these yet.\n";
        for section in outline::sections(&drift.undecided) {
            put_section(&mut page, &section, "###");
        }
    }
    put_list(&mut page, "Notes", &drift.notes);
    let mut unseen = outline::unseen(drift);
    let skipped = outline::skipped(drift);
    if !skipped.is_empty() {
        unseen.push(format!("not looked at: {skipped}"));
    }
    put_list(&mut page, "Not seen, so nothing is said about it", &unseen);
    put_guard(&mut page, drift);
    put_calibrations(&mut page, drift);
    put_edits(&mut page, drift);
    put_next_steps(&mut page, drift);
    page
}

fn put_section(page: &mut String, section: &Section<'_>, level: &str) {
    let title = match section.place {
        Place::Entity(name) => format!("Entity {}", code(name)),
        Place::Route(route) => code(route),
        Place::Event(event) => format!("Webhook {}", code(event)),
        Place::Api => "The API as a whole".to_owned(),
    };
    let _ = write!(page, "\n{level} {title}\n\n");
    *page += "| | kind | at | change | confidence | evidence |\n|---|---|---|---|---:|---|\n";
    for item in &section.items {
        put_item(page, item);
    }
}

fn put_item(page: &mut String, item: &Item<'_>) {
    let mark = if item.breaking() { "**breaking**" } else { "" };
    let side = item.side();
    let path = if item.path().is_empty() { String::new() } else { code(item.path()) };
    let at = format!("{side} {path}");
    let change: Vec<_> = std::iter::once(words::change(item.finding))
        .chain(outline::attributes(item.finding))
        .map(|phrase| plain(&phrase))
        .collect();
    let evidence: Vec<_> = if item.is_folded() {
        let spots = item.seen.iter();
        spots.map(|finding| format!("{}: {}", spot(finding), words::evidence(finding))).collect()
    } else {
        vec![words::evidence(item.finding)]
    };
    let cells = [
        mark.to_owned(),
        format!("`{}`", item.finding.kind),
        at.trim().to_owned(),
        change.join("<br>"),
        words::percent(item.confidence(), 2),
        evidence.join("<br>"),
    ];
    put_row(page, &cells);
}

/// A table's row; pipes are escaped here and nowhere else, within code too, as the dialect wants.
fn put_row(page: &mut String, cells: &[String]) {
    for cell in cells {
        let _ = write!(page, "| {} ", cell.replace('|', "\\|"));
    }
    *page += "|\n";
}

fn spot(finding: &Finding) -> String {
    let place = finding.route.as_deref().or(finding.event.as_deref()).unwrap_or("API");
    let status = finding.status.map(|status| format!(" {status}")).unwrap_or_default();
    let path =
        if finding.path.is_empty() { String::new() } else { format!(" {}", code(&finding.path)) };
    format!("{}{status}{path}", code(place))
}

fn put_list(page: &mut String, heading: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = write!(page, "\n## {heading}\n\n");
    for line in lines {
        let _ = writeln!(page, "- {}", plain(line));
    }
}

fn put_guard(page: &mut String, drift: &Drift) {
    if drift.guard.routes.is_empty() && drift.calibrations.is_empty() {
        return;
    }
    let word = if drift.guard.passed { "Passed" } else { "**Failed**: nothing is published" };
    let _ = write!(page, "\n## Guard\n\n{word}, on held-back exchanges.\n");
    if drift.guard.routes.is_empty() {
        return;
    }
    *page += "\n| route | held back | accepted before | after |\n|---|---:|---:|---:|\n";
    for (route, counts) in &drift.guard.routes {
        let numbers = [counts.held_back, counts.before, counts.after].map(words::grouped);
        let [held_back, before, after] = numbers;
        put_row(page, &[code(route), held_back, before, after]);
    }
}

fn put_calibrations(page: &mut String, drift: &Drift) {
    if drift.calibrations.is_empty() {
        return;
    }
    *page += "\n## Calibrations\n\n| number | part | changes | model made |\n|---:|---|---:|---|\n";
    for (calibration, part) in outline::calibrations(drift) {
        let cells = [
            calibration.number.to_string(),
            part.name().to_owned(),
            words::grouped(calibration.patch.changes().count() as u64),
            code(outline::short(&calibration.result.sha256)),
        ];
        put_row(page, &cells);
    }
}

/// What the calibrations change, as rows of before and after.
fn put_edits(page: &mut String, drift: &Drift) {
    for (calibration, _) in outline::calibrations(drift) {
        let _ = write!(page, "\n### Calibration {}: before and after\n\n", calibration.number);
        *page += "| in | field | before | after |\n|---|---|---|---|\n";
        for edit in edit::edits(&calibration.patch) {
            put_row(page, &cells(&edit));
        }
    }
}

fn cells(edit: &Edit) -> [String; 4] {
    let path = if edit.path.is_empty() { String::new() } else { code(&edit.path) };
    let [before, after] =
        [&edit.before, &edit.after].map(|side| side.as_deref().map(plain).unwrap_or_default());
    let field = format!("{path} {}", plain(&edit.aspect));
    [plain(&edit.subject), field.trim().to_owned(), before, after]
}

fn put_next_steps(page: &mut String, drift: &Drift) {
    let steps = outline::next_steps(drift);
    if steps.is_empty() {
        return;
    }
    *page += "\n## Next\n\n";
    for (command, why) in steps {
        let _ = writeln!(page, "- {}: {}", code(&command), plain(why));
    }
}

/// A code span, fenced by more backticks than the text has in a row.
pub(crate) fn code(text: &str) -> String {
    let text = one_line(text);
    let (mut longest, mut run) = (0, 0);
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest + 1);
    let pad =
        if text.is_empty() || text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Text in which Markdown means nothing; pairs of backticks stay code.
pub(crate) fn plain(text: &str) -> String {
    let text = one_line(text);
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped(&text);
    }
    let spans = parts.iter().enumerate().map(|(index, part)| match index % 2 {
        0 => escaped(part),
        _ if part.is_empty() => "\\`\\`".to_owned(),
        _ => format!("`{part}`"),
    });
    spans.collect()
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        // A pipe is left to the table's row: escaped twice it would show its backslash.
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '~' | '&') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn one_line(text: &str) -> String {
    text.split(['\n', '\r']).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_breaks_out_of_its_place() {
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(
            plain("<b> [x](y) run `wt calibrate x_y` *"),
            r"\<b\> \[x\](y) run `wt calibrate x_y` \*"
        );
        assert_eq!(plain("odd ` tick\nnew line"), r"odd \` tick new line");
        let mut page = String::new();
        put_row(&mut page, &[code("a|b"), plain("c|d")]);
        assert_eq!(page, "| `a\\|b` | c\\|d |\n");
    }
}
