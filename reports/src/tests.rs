//! Whole reports, of a made-up drift with every kind of finding that reads differently.

use models::Drift;

use serde_json::Value;

use crate::{
    Bucket, Models, Past, Report, TextOptions, html, json, markdown, overlay, sarif, text,
};

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

/// A report with all that can be in one.
fn full() -> Report {
    let mut report = Report::new(7, emails());
    let at = |text: &str| text.parse().unwrap();
    let note = |by: &str, time| models::Note { by: by.into(), at: at(time), comment: None };
    let past = |number, state, fidelity: Option<(u32, u32)>| Past {
        number,
        at: at(&format!("2026-11-{:02}T09:00:00Z", 10 + number)),
        state,
        fidelity: fidelity.map(|(before_bp, after_bp)| models::Fidelity {
            before_bp,
            after_bp,
            held_back: 1421,
        }),
        rolls_back: None,
    };
    report.history = vec![
        past(
            1,
            models::State::Published(note("policy", "2026-11-11T09:01:00Z")),
            Some((9412, 9991)),
        ),
        past(2, models::State::Rejected(note("alice", "2026-11-12T09:30:00Z")), None),
        past(
            3,
            models::State::Published(note("bob", "2026-11-13T11:00:00Z")),
            Some((9702, 10_000)),
        ),
        past(4, models::State::Proposed, Some((9990, 9991))),
    ];
    let bucket = |(index, calls): (i64, u64)| Bucket {
        from: at("2026-11-19T08:00:00Z") + chrono::TimeDelta::minutes(10 * index),
        calls,
        refused: calls / 50,
    };
    let calls = [900, 1300, 0, 1700, 1500, 1400, 1250, 1800, 1333, 1200, 1400, 1340];
    report.traffic = (0..).zip(calls).map(bucket).collect();
    report
}

/// Markup and quotes in every place a vendor or a user can put them.
fn hostile() -> Report {
    const EVIL: &str =
        "</style><script>alert('x')</script>\"><img src=x onerror=alert(1)>&{{ 7*7 }}";
    let text = serde_json::to_string(&emails()).unwrap();
    let mut document: Value = serde_json::from_str(&text).unwrap();
    poison(&mut document["findings"], EVIL);
    poison(&mut document["undecided"], EVIL);
    for key in ["notes", "skipped", "guard"] {
        poison(&mut document[key], EVIL);
    }
    document["twin"] = EVIL.into();
    let mut report = full();
    let calibrations = report.drift.calibrations.clone();
    report.drift = serde_json::from_value(document).unwrap();
    report.drift.calibrations = calibrations;
    for past in &mut report.history {
        if let models::State::Published(note) | models::State::Rejected(note) = &mut past.state {
            (note.by, note.comment) = (EVIL.into(), Some(EVIL.into()));
        }
    }
    report
}

/// Puts the text at the end of every name and value that is free text.
fn poison(value: &mut Value, evil: &str) {
    match value {
        Value::String(text) => {
            let is_closed = ["response", "request", "webhook"].contains(&text.as_str())
                || serde_json::from_value::<models::Kind>(text.clone().into()).is_ok()
                || text.parse::<chrono::DateTime<chrono::Utc>>().is_ok();
            if !is_closed {
                *text += evil;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| poison(item, evil)),
        Value::Object(map) => map.values_mut().for_each(|member| poison(member, evil)),
        _ => {}
    }
}

#[test]
fn an_html_report_says_all() {
    // The style sheet is a file that is read as such.
    let page = html(&full()).replace(crate::view::STYLE, "[STYLE]");
    let (before, rest) = page.split_once("sha256-").unwrap();
    let (_, after) = rest.split_once('\'').unwrap();
    insta::assert_snapshot!("html", format!("{before}sha256-[DIGEST]'{after}"));
}

#[test]
fn an_html_report_asks_for_nothing_and_runs_nothing() {
    for page in [html(&full()), html(&hostile())] {
        let lower = page.to_lowercase();
        for forbidden in ["<script", "<img", "<link", "<iframe", " src=\"", " href=\"h", "url("] {
            assert!(!lower.contains(forbidden), "{forbidden} in {page}");
        }
        assert_eq!(page.matches("<style>").count(), 1);
        assert!(!page.contains(" style="), "the policy forbids styles of elements");
        assert!(lower.contains(
            "content-security-policy\" content=\"default-src 'none'; style-src 'sha256-"
        ));
    }
}

#[test]
fn what_a_vendor_sends_stays_text() {
    let page = html(&hostile());
    assert!(page.contains("&lt;script&gt;alert("), "it is shown: {page}");
    // Tags of ours alone: as many as in the page without hostile values, but for a list's items.
    let tags = |page: &str| {
        let names = page.split('<').skip(1).map(|rest| {
            rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_owned()
        });
        names.collect::<std::collections::BTreeSet<_>>()
    };
    assert!(tags(&page).is_subset(&tags(&html(&full()))), "{:?}", tags(&page));
    assert!(page.contains("7*7") && !page.contains("49 "), "a value is no template");
}

#[test]
fn a_run_without_findings_says_what_was_not_seen() {
    let drift = Drift {
        findings: vec![],
        undecided: vec![],
        calibrations: vec![],
        notes: vec![],
        guard: models::Guard::default(),
        ..emails()
    };
    let page = html(&Report::new(1, drift));
    assert!(page.contains("emails: no drift found") && page.contains("4 of 12"), "{page}");
    assert!(!page.contains("id=\"undecided\"") && !page.contains("id=\"changes\""));
}

#[test]
fn a_sarif_log_has_each_finding_once_with_its_severity_and_fingerprint() {
    let log = sarif(&full());
    let results = log["runs"][0]["results"].as_array().unwrap();
    let drift = emails();
    assert_eq!(results.len(), drift.findings.len() + drift.undecided.len());
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    let levels = |level: &str| results.iter().filter(|one| one["level"] == level).count();
    let breaking = drift.findings.iter().filter(|finding| finding.breaking).count();
    assert_eq!(
        [levels("error"), levels("note"), levels("none")],
        [breaking, drift.findings.len() - breaking, drift.undecided.len()]
    );
    insta::assert_json_snapshot!("sarif", results[1]);
}

fn models() -> Models {
    let model = |entity: Value, limit: u64| {
        serde_json::from_value(serde_json::json!({
            "format": "wondertwin.model/1", "name": "emails", "version": "1.0.0",
            "base_url": "https://api.emails.test",
            "routes": {
                "GET /emails/{id}": {"variants": {"200": {"body": {"ref": "email"}}}},
                "POST /it's": {"variants": {"200": {"body": {"ref": "email"}}}},
            },
            "entities": {"email": entity},
            "limits": {"default": {"algorithm": "fixed_window", "limit": limit, "window_seconds": 60.0}},
            "webhooks": {"email.sent": {"body": {"ref": "email"}}},
        }))
        .unwrap()
    };
    Models {
        before: model(
            serde_json::json!({"types": {"object": true}, "properties": {
                "id": {"types": {"string": true}, "required": true},
                "fax": {"types": {"string": true}},
                "amount": {"types": {"integer": true}},
                "status": {"types": {"string": true}, "enum": {"a": true, "b": true}}}}),
            100,
        ),
        after: model(
            serde_json::json!({"types": {"object": true}, "properties": {
                "id": {"types": {"string": true}, "required": true},
                "amount": {"types": {"string": true}, "required": true, "nullable": true},
                "it's \\ new": {"types": {"array": true}, "items": {"types": {"string": true}}},
                "status": {"types": {"string": true}, "enum": {"a": true, "b": true, "c": true}}}}),
            50,
        ),
    }
}

#[test]
fn an_overlay_makes_the_new_description_of_the_old_one() {
    let models = models();
    let overlay = overlay(&full(), &models).unwrap();
    insta::assert_json_snapshot!("overlay", overlay);
    let mut document = models::openapi::export(&models.before);
    for action in overlay["actions"].as_array().unwrap() {
        follow(&mut document, action);
    }
    assert_eq!(document, models::openapi::export(&models.after));
    let same = Models { before: models.before.clone(), after: models.before };
    assert_eq!(crate::overlay(&full(), &same), None);
}

/// An action by the words of the specification, on a path of quoted names.
fn follow(document: &mut Value, action: &Value) {
    let names = names(action["target"].as_str().unwrap());
    let mut at = document;
    if action["remove"] == true {
        let (last, most) = names.split_last().unwrap();
        for name in most {
            at = &mut at[name];
        }
        assert!(at.as_object_mut().unwrap().remove(last).is_some(), "{action} has no target");
        return;
    }
    for name in &names {
        at = at.get_mut(name).unwrap_or_else(|| panic!("{action} has no target"));
    }
    merge(at, &action["update"]);
}

fn merge(at: &mut Value, update: &Value) {
    match (at, update) {
        (Value::Object(at), Value::Object(update)) => {
            for (key, value) in update {
                merge(at.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(at), Value::Array(more)) => at.extend(more.iter().cloned()),
        (at, value) => *at = value.clone(),
    }
}

/// The names of `$['a']['b']`, of which a backslash takes the next letter as it is.
fn names(path: &str) -> Vec<String> {
    let (mut names, mut name, mut letters) = (Vec::new(), None, path.chars());
    while let Some(c) = letters.next() {
        match (c, &mut name) {
            ('\\', Some(name)) => String::extend(name, letters.next()),
            ('\'', Some(_)) => names.extend(name.take()),
            ('\'', None) => name = Some(String::new()),
            (c, Some(name)) => name.push(c),
            (_, None) => {}
        }
    }
    names
}

#[test]
fn descriptions_before_and_after_are_compared_line_by_line() {
    let models = models();
    insta::assert_snapshot!("openapi_diff", crate::openapi_diff(&models));
    insta::assert_snapshot!("asyncapi_diff", crate::asyncapi_diff(&models));
    let same = Models { before: models.after.clone(), after: models.after };
    assert_eq!(crate::openapi_diff(&same) + &crate::asyncapi_diff(&same), "");
}
