//! Whole reports, of a made-up drift with every kind of finding that reads differently.

use models::Drift;

use crate::{TextOptions, json, markdown, text};

fn emails() -> Drift {
    serde_json::from_str(include_str!("../fixtures/emails/drift.json")).unwrap()
}

#[test]
fn a_terminal_report_says_all() {
    insta::assert_snapshot!("text", text(&emails(), &TextOptions::default()));
}

#[test]
fn a_narrow_terminal_breaks_lines_between_words() {
    let options = TextOptions { colour: false, width: 60 };
    let narrow = text(&emails(), &options);
    let too_long: Vec<_> = narrow
        .lines()
        .filter(|line| line.chars().count() > 60 && line.trim().contains(' '))
        .collect();
    assert_eq!(too_long, Vec::<&str>::new());
}

#[test]
fn colour_is_there_when_asked_for_and_changes_no_word() {
    let plain = text(&emails(), &TextOptions::default());
    let coloured = text(&emails(), &TextOptions { colour: true, ..TextOptions::default() });
    assert!(!plain.contains('\x1b') && coloured.contains("\x1b[31m"));
    let mut bare = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\x1b') {
        bare += before;
        rest = after.split_once('m').unwrap().1;
    }
    assert_eq!(bare + rest, plain);
}

#[test]
fn a_markdown_report_says_all() {
    insta::assert_snapshot!("markdown", markdown(&emails()));
}

#[test]
fn rows_of_a_table_have_its_cells_whatever_the_values() {
    for line in markdown(&emails()).lines().filter(|line| line.starts_with("| ")) {
        let cells = line.replace("\\|", "").matches('|').count() - 1;
        assert!([3, 4, 6].contains(&cells), "{cells} cells: {line}");
    }
}

#[test]
fn the_json_report_is_the_document() {
    let value = json(&emails());
    assert_eq!(serde_json::from_value::<Drift>(value.clone()).unwrap(), emails());
    insta::assert_json_snapshot!("json", value["findings"][0]);
}

#[test]
fn nothing_found_is_said_with_what_was_not_seen() {
    let drift = Drift {
        findings: vec![],
        undecided: vec![],
        calibrations: vec![],
        notes: vec![],
        ..emails()
    };
    let quiet = Drift { guard: models::Guard::default(), ..drift };
    insta::assert_snapshot!(text(&quiet, &TextOptions::default()), @"
    emails: no drift found
    15 123 exchanges, 2026-11-19 08:00 UTC to 2026-11-19 10:00 UTC

    Not seen, so nothing is said about it
      8 of 12 routes were not called
      21 of 118 fields of the bodies seen were not sent
      2 exchanges lost because the capture could not keep up
      not looked at: 12 other host, 3 preflight
    ");
}
